"""What callers know of a function: cases of what it needs, what it leaves, and when.

Owns the summary's form and its encoding. A summary is a list of cases; each says under which facts about parameters
and memory it can happen, what the locks must have been, what they are afterwards, what was written and what is returned. Terms are
written as rows that refer to earlier rows, so that a shared term is written once and decoding can
put the caller's values in while it reads.

The digest of a summary covers what callers depend on and nothing else: neither the path that a case came by nor where in
the text an operation stands. A caller whose callees keep their digests need not be looked at again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from spincheck.analysis.findings import Defect
from spincheck.analysis.keeping import Ledger, LockClass
from spincheck.analysis.orders import Order
from spincheck.diagnostics import Severity, StepKind
from spincheck.domain import intervals as iv
from spincheck.domain.intervals import IntSet
from spincheck.domain.terms import Term

NOWHERE = -1

LEAST, MOST = -(1 << 63), (1 << 64) - 1
"""The outermost integers that an encoding has."""


def in_exact(case: int) -> int:
    """Return how a step names a case of a callee's exact summary; its own inverse."""
    return -2 - case


def array_of(rows: Sequence[tuple[Any, ...]], cell: int) -> int:
    """Return the row of what a cell is an element of, at any depth; the cell itself if it is none."""
    while rows[cell][0] == "elem":
        cell = rows[cell][1][0]
    return cell


class LocalStep(msgspec.Struct, frozen=True, array_like=True):
    """A step of a path inside one function; for a call, ``callee`` and ``case`` say whose steps belong here; see also `in_exact`. ``lock`` is what is released here.

    ``changes``: the call leaves the lock in another state than before. ``aside``: about a lock that is free again at the end, which nobody
    asks for who asks about a lock that the function leaves changed.
    """

    kind: StepKind
    at: int
    message: str
    callee: str = ""
    case: int = -1
    lock: str = ""
    changes: bool = False
    aside: bool = False


class LocalFinding(msgspec.Struct, frozen=True, array_like=True):
    """A defect as its function's summary keeps it: places are in this function, callees are named and not yet expanded.

    ``held`` is the place where the lock was acquired, NOWHERE if not here: findings that share it are told once where no way
    out gives the lock back. ``unnamed``: a helper took the lock in an object that it came by, and which of the releases behind that are
    of the same object is not known; it counts where the helper itself is seen to leave it held on some ways only. ``follows``: where the lock was
    forgotten, this is no defect of its own.
    """

    defect: Defect
    severity: Severity
    kind: str
    operations: tuple[str, ...]
    lock: str
    other: str
    at: int
    doubt: str
    trace: tuple[LocalStep, ...]
    held: int = NOWHERE
    unnamed: bool = False
    follows: bool = False


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A lock that a function takes itself and leaves held, and what would be told of that if nobody gave such a lock back.

    Or one that it gives back, that is none of its callers', and what would be told if nobody left such a lock held (``released-unheld``).
    """

    lock: LockClass
    finding: LocalFinding


class CaseLock(msgspec.Struct, frozen=True, array_like=True):
    """What a case leaves of one lock; the fields are those of `spincheck.domain.lockstate.LockState`."""

    lock: int
    status: Literal["free", "held", "maybe"]
    kind: str
    count: int
    mode: str
    operation: str
    variant: str
    saved: int
    handle: int


class CaseNeed(msgspec.Struct, frozen=True, array_like=True):
    """What a case needs of one lock on entry."""

    lock: int
    status: Literal["free", "held"]
    kind: str
    operation: str
    doubtful: bool
    variant: str
    irql: int
    tried: bool = False


class CaseSet(msgspec.Struct, frozen=True, array_like=True):
    """The integers that a term can be; None is no bound."""

    term: int
    low: int | None
    high: int | None
    holes: tuple[int, ...]

    def values(self) -> IntSet:
        """Return them as a set."""
        low = iv.LOW if self.low is None else self.low
        high = iv.HIGH if self.high is None else self.high
        return iv.make(low, high, frozenset(self.holes))


class Case(msgspec.Struct, frozen=True, array_like=True):
    """One way through a function, or several that are the same to a caller. Numbers are rows of `Summary.rows`.

    ``tokens`` says of written values which are a saved IRQL, and of which lock; ``late`` are the terms of those ``sets`` that the function looked at
    only after it had taken a lock. ``parts`` are the members of an object that is returned by value, by their names from it on, with dots between.
    """

    sets: tuple[CaseSet, ...]
    relations: tuple[int, ...]
    needs: tuple[CaseNeed, ...]
    locks: tuple[CaseLock, ...]
    result: int
    epochs: tuple[tuple[str, int | str, int], ...]
    writes: tuple[tuple[int, int], ...]
    filled: tuple[tuple[int, int], ...]
    calls: tuple[str, ...]
    tainted: bool
    tokens: tuple[tuple[int, int], ...] = ()
    late: tuple[int, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()

    def saved(self) -> dict[int, int]:
        """Return for each cell that the case leaves a saved IRQL in whose it is."""
        owners = dict(self.tokens)
        return {cell: owners[value] for cell, value in self.writes if value in owners}


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """All that callers and reports know of one function.

    No cases: it never returns. ``needs_at`` and ``steps`` are, per case, where each need arises and the path for messages; they and
    ``findings`` are not part of the digest. ``suspects`` are ways out of a helper that hold what its other ways out give back: no defect while a
    caller copes with them, and the place where the defect was made when none does. ``reads`` are the fields and globals that it may read, ``acquires``
    the locks that it takes at any time, ``orders`` which lock it takes while holding which. ``ledger`` is what it does with locks of others, ``kept`` the locks that it has taken
    itself and leaves held (`spincheck.analysis.forgotten`). ``basis`` identifies all that
    the summary was made of where callers may have to ask for the exact one. ``parameters`` are their types (`spincheck.ir.TypeCode`), ``passes`` the positions of those
    that it hands, as they are, to functions that are not followed.
    """

    rows: tuple[tuple[Any, ...], ...]
    cases: tuple[Case, ...]
    needs_at: tuple[tuple[int, ...], ...]
    steps: tuple[tuple[LocalStep, ...], ...]
    findings: tuple[LocalFinding, ...]
    suspects: tuple[LocalFinding, ...]
    imprecise: tuple[tuple[int, str], ...]
    reads: tuple[str, ...] = ()
    acquires: tuple[int, ...] = ()
    orders: tuple[Order, ...] = ()
    ledger: Ledger = Ledger()
    kept: tuple[Kept, ...] = ()
    basis: str = ""
    parameters: tuple[str, ...] = ()
    passes: tuple[int, ...] = ()

    def is_exact(self) -> bool:
        """Tell whether the cases say on which paths each lock had to be free."""
        return not any(need.doubtful and need.status == "free" for case in self.cases for need in case.needs)

    def touches_locks(self) -> bool:
        """Tell whether some case needs a lock held, or leaves one in another state than before."""
        return any(case.locks or any(need.status == "held" for need in case.needs) for case in self.cases)

    def classes_written(self) -> frozenset[tuple[str, str]]:
        """Return the classes of cells, by field or global, that some case may write."""
        written = {(kind, what) for case in self.cases for kind, what, _ in case.epochs if isinstance(what, str)}
        for case in self.cases:
            for cell, _ in case.writes:
                row = self.rows[array_of(self.rows, cell)]
                if row[0] in {"field", "global"}:
                    written.add((str(row[0]), str(row[-1])))
                elif row[0] != "param":
                    written.add(("*", ""))
        return frozenset(written)

    def parameters_written(self) -> tuple[int, ...]:
        """Return the positions of the pointer parameters that some case may store through, sorted."""
        cells = [cell for case in self.cases for cell, _ in (*case.writes, *case.filled)]
        cells += [what for case in self.cases for kind, what, _ in case.epochs if kind == "under" and isinstance(what, int)]
        found = set()
        for cell in cells:
            row = self.rows[array_of(self.rows, cell)]
            if row[0] == "param":
                found.add(int(row[1]))
        return tuple(sorted(found))

    def fields_written(self) -> frozenset[str]:
        """Return the names of fields and globals that some case may write."""
        return frozenset(name for _, name in self.classes_written())

    def digest(self) -> str:
        """Return a hash of what callers depend on."""
        body = msgspec.msgpack.encode((self.rows, self.cases, self.reads, self.acquires, self.basis, self.parameters, self.passes))
        return hashlib.blake2b(body, digest_size=16).hexdigest()


class TermWriter:
    """Turns terms into rows. A row is ``(op, *arguments)``; ``[n]`` as an argument refers to row ``n``."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._numbers: dict[Term, int] = {}

    def add(self, term: Term | None) -> int:
        """Return the row of a term, NOWHERE for None."""
        if term is None:
            return NOWHERE
        known = self._numbers.get(term)
        if known is not None:
            return known
        # Arguments come first, so that a reader never looks ahead.
        if term.op in {"fresh", "phi", "uninit", "local"} or (term.op == "sel" and not term.is_input):
            # Which instruction or variable it was is this function's affair; callers only tell one from another.
            self._numbers[term] = len(self.rows)
            self.rows.append(("uninit" if term.op == "uninit" else "fresh", len(self.rows)))
            return len(self.rows) - 1
        args: list[Any] = []
        for arg in term.args:
            if isinstance(arg, Term):
                args.append([self.add(arg)])
            elif isinstance(arg, tuple):
                args.append(".".join(arg))
            elif isinstance(arg, int) and not -(1 << 63) <= arg < (1 << 64):
                args.append(str(arg))
            else:
                args.append(arg)
        self._numbers[term] = len(self.rows)
        self.rows.append((term.op, *args))
        return len(self.rows) - 1

    def values(self, term: Term, allowed: IntSet) -> CaseSet:
        """Return the set of a term; bounds beyond what any C type has are written as the outermost that have a form."""
        low = None if allowed.low <= LEAST else min(allowed.low, MOST)
        high = None if allowed.high > MOST else max(allowed.high, LEAST)
        return CaseSet(self.add(term), low, high, tuple(sorted(hole for hole in allowed.holes if LEAST < hole < MOST)))


RowReader = Callable[[int], Term]
"""Gives the caller's term for a row."""


def encode(summary: Summary) -> bytes:
    """Return the summary for the memory."""
    return msgspec.msgpack.encode(summary)


_decoder = msgspec.msgpack.Decoder(Summary)


def decode(data: bytes) -> Summary | None:
    """Return the summary, or None when the bytes are not one (damaged, or from another version)."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
