"""Lock events on a state: the transfer functions of the lock automaton.

Owns what acquire, release, try and convert do to the state of a lock and when that is a defect. Knows kinds (recursive, counted,
shared, by handle) and variants from the tables, and never a function's name.

A lock that this function has not touched yet has the state that it was entered with. The first operation on it records what that state
must have been (`State.needs`); whether the need is met is for the callers, or for the role of an entry point, to say.
"""

from __future__ import annotations

from typing import NamedTuple

from spincheck.analysis.aliases import is_weak, may_alias, place
from spincheck.analysis.events import LockEvent
from spincheck.analysis.findings import Defect
from spincheck.analysis.keeping import Books
from spincheck.analysis.owed import (
    DISPATCH_LEVEL,
    RAISED,
    RAISED_LOCK,
    Debt,
    debts,
    hand_out,
    is_made_after,
    owe,
    pay,
    stays_raised,
)
from spincheck.analysis.ownership import is_mark, is_marked
from spincheck.analysis.project import is_dropped
from spincheck.domain import intervals as iv
from spincheck.domain.lockstate import MAX_COUNT, LockState, Need, Status
from spincheck.domain.state import State
from spincheck.domain.terms import Term, Terms
from spincheck.locks.tables import Tables

TAINTED = "*"
"""Name of the pseudo-lock that is there once code nobody has seen may have changed every lock."""

TWICE = 2
"""Depth of a lock that is not recursive and was acquired again: that has been told, and a second release is no defect of its own."""


class Problem(NamedTuple):
    """A rule broken on the path of a state, before it is confirmed and told.

    ``acquired`` is the operation that acquired the lock, "" if none did here; ``operation`` the one that breaks the rule. ``other`` is a
    second lock. ``through`` is the callee that does it, in its summary's case ``case``.
    """

    defect: Defect
    lock: Term
    kind: str
    acquired: str
    operation: str
    at: int
    other: Term | None = None
    through: str = ""
    doubt: str = ""
    case: int = -1



NOT_NULL = iv.compared("!=", 0)


class Outcome(NamedTuple):
    """One way that an operation can go: the state after it, and the problem that it has on the way, if any; ``failed`` for a try that takes nothing."""

    state: State
    problems: tuple[Problem, ...] = ()
    failed: bool = False


def tainted(terms: Terms) -> Term:
    """Return the key of the taint."""
    return terms.make("lock", TAINTED)


def look_up(state: State, lock: Term, kind: str) -> LockState | None:
    """Return the lock's state; None when it is still as on entry."""
    known = state.locks.get(lock)
    if known is not None:
        return known
    if tainted(state.terms) in state.locks or is_marked(state, lock):
        return LockState("maybe", kind)
    need = state.needs.get(lock)
    if need is not None and need.status == "free" and not need.doubtful and not need.tried:
        return LockState("free", need.kind)  # taken and given back by a callee, or it would stand among the locks
    return None


def assume_there(state: State, lock: Term) -> bool:
    """Take it that the pointers that lead to a lock in use point somewhere; False where that cannot be."""
    while True:
        while lock.op in {"field", "elem"}:
            lock = lock.args[0]
        if lock.op not in {"init", "cell", "param", "fresh", "sel", "phi"}:
            return True
        if not state.facts.restrict(lock, NOT_NULL):
            return False
        if lock.op not in {"init", "cell"}:
            return True
        lock = lock.args[0]


def drop_uncertain(state: State) -> None:
    """Drop the entries of locks of which `look_up` says without them that nothing is certain, so that paths do not differ in them."""
    uncertain = [lock for lock, known in state.locks.items() if known.status == "maybe"]
    if uncertain:
        taint = tainted(state.terms)
        anything = taint in state.locks
        for lock in uncertain:
            if lock is not taint and (anything or (not is_mark(lock) and is_marked(state, lock))):
                del state.locks[lock]


def note_need(state: State, lock: Term, need: Need) -> None:
    """Record what a lock had to be on entry; only a need that some other path had is no knowledge about this one."""
    known = state.needs.get(lock)
    if known is None or (known.status == "free" and known.doubtful):
        state.needs[lock] = need


class LockMachine:
    """The lock automaton under one set of tables. ``tokens`` are the saved IRQLs made so far, each with the lock it was saved for.

    ``held_on_entry`` are the locks that an entry point's role is entered with, and their kinds; None when callers decide what is held, so that a release
    without an acquire is a need and no problem yet. ``saved_on_entry`` are the IRQLs that were saved when those were acquired. ``inside_on_entry`` are the kinds of
    region that the role is entered in; ``new`` is work that nothing has been acquired for yet. ``in_doubt`` tells that an operation was on a lock, or with an IRQL, that merged paths had made one of
    several: what it would have said of one of them alone is not known. ``has_callers``: a lock that is a parameter has a name for somebody.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.tokens: dict[Term, Term] = {}
        self.held_on_entry: dict[Term, str] | None = None
        self.saved_on_entry: dict[Term, Term] = {}
        self.has_callers = True
        self.books = Books(tables.storage)
        self.inside_on_entry: tuple[str, ...] = ()
        self.new: frozenset[Term] = frozenset()
        self.in_doubt = False

    def same_storage(self, one: str, other: str) -> bool:
        """Tell whether two kinds are ways to take the same lock."""
        return one == other or self._tables.storage(one) == self._tables.storage(other)

    def is_region(self, kind: str) -> bool:
        """Tell whether this is no lock with an owner but a depth, which nobody waits for."""
        known = self._tables.kinds.get(kind)
        return known is not None and known.counter

    def is_counted(self, kind: str) -> bool:
        """Tell whether locks of this kind are counted from the entry on, so that depth 0 is "as on entry"."""
        known = self._tables.kinds.get(kind)
        return known is not None and (known.counter or known.recursive)

    def end(self, state: State, lock: Term, before: str) -> str:
        """Return a lock's status in a state, given the one it was entered with."""
        known = state.locks.get(lock)
        if known is not None and self.raised_nothing(state, known):
            return "free"
        if known is None or (known.status != "maybe" and known.depth == 0 and self.is_counted(known.kind)):
            return before
        return known.status

    def raised_nothing(self, state: State, held: LockState) -> bool:
        """Tell whether an IRQL was raised by hand from where it was already: nothing has to be lowered."""
        kind = self._tables.kinds.get(held.kind)
        if held.status != "held" or held.saved is None or kind is None or not kind.counter or kind.carried:
            return False
        return state.facts.range_of(held.saved).low >= DISPATCH_LEVEL

    def is_free_on_entry(self, lock: Term) -> bool:
        """Tell whether the lock is known to be free when the function is entered."""
        return self.held_on_entry is not None and lock not in self.held_on_entry

    def is_anothers(self, kind: str, before: LockState | None, tag: Term | None) -> bool:
        """Tell whether a carried lock that is given back here may be held for other work than what this callback has given back for already."""
        return self._tables.kinds[kind].carried and tag not in self.new and (before is None or before.saved is not tag)

    def is_for_other_work(self, before: LockState, tag: Term | None) -> bool:
        """Tell whether a carried lock that is held here is given back for other work, as far as the tags say."""
        return self._tables.kinds[before.kind].carried and before.status == "held" and before.saved is not tag

    # --- acquire ---

    def acquire(self, state: State, event: LockEvent, token: Term | None, at: int) -> Outcome:
        """Take the lock; the state is changed in place."""
        row = event.operation
        kind = self._tables.kinds[row.kind]
        assert event.lock is not None
        lock = state.normal(event.lock)
        self.note_doubt(state, lock)
        self.books.take(lock, row.kind)
        before = look_up(state, lock, row.kind)
        after = LockState("held", row.kind, 1, event.mode, row.function, row.variant, token, event.handle)
        if before is not None and before.status == "free":
            state.note_retaken(lock)
        problems: list[Problem] = []
        if kind.counter or kind.recursive:
            count = 1 if before is None else before.depth + 1
            if before is not None and before.status == "maybe":
                after = before
            elif count > MAX_COUNT:
                after = LockState("maybe", row.kind)
            else:
                after = after._replace(depth=count, status="held" if count > 0 else "free")
        elif before is None:
            note_need(state, lock, Need("free", row.kind, at, row.function))
        elif before.status == "held":
            if kind.strict and not is_weak(lock):
                problems.append(Problem("acquired-twice", lock, row.kind, before.operation, row.function, at))
            after = after._replace(saved=before.saved if token is None else token, depth=TWICE)
        if event.handle is not None:
            in_use = self._handle_in_use(state, lock, event, at)
            if problems or in_use:
                # One defect: which handle gives back what is no question any more.
                after = after._replace(status="maybe")
                for other in in_use:
                    if other.other is not None:
                        state.locks[other.other] = state.locks[other.other]._replace(status="maybe")
            problems.extend(in_use)
        if token is not None and not kind.carried:
            self.tokens[token] = lock
        state.locks[lock] = after
        return Outcome(state, tuple(problems))

    def note_doubt(self, state: State, lock: Term, irql: Term | None = None) -> None:
        """Remember that an operation is on a lock, or with an IRQL, that stands for several, or on one that was not followed and may be one that is held."""
        self.in_doubt = self.in_doubt or is_weak(lock) or (irql is not None and irql.op == "phi") or self._may_be_held(state, lock)

    @staticmethod
    def _may_be_held(state: State, lock: Term) -> bool:
        if lock in state.locks:
            return False
        held = [other for other, known in state.locks.items() if known.status == "held"]
        return any((is_dropped(lock) or is_dropped(other)) and may_alias(state, lock, other) for other in held)

    def _handle_in_use(self, state: State, lock: Term, event: LockEvent, at: int) -> list[Problem]:
        return [
            Problem("handle-reused", lock, held.kind, held.operation, event.operation.function, at, other)
            for other, held in state.locks.items()
            if held.status == "held" and held.handle is event.handle and other is not lock and event.handle is not None
        ]

    # --- release ---

    def release(self, state: State, event: LockEvent, irql: Term | None, at: int) -> list[Outcome]:
        """Give the lock back; may split the state where it is open which lock is meant."""
        row = event.operation
        lock = self._released_lock(state, event)
        kind = self._tables.kinds[row.kind]
        self.note_doubt(state, lock, irql)
        before = look_up(state, lock, row.kind)
        self.note_returned(state, lock, before, row.kind)
        if kind.counter and pay(state, irql):
            return [Outcome(state)]
        if kind.counter or (kind.recursive and (before is not None or not self.aliases(state, lock, row.kind))):
            return [self._count_down(state, lock, before, row.function, row.kind, irql, at)]
        if before is not None and before.status == "held":
            return [self._give_back(state, lock, before, event, irql, at)]
        if before is not None and before.status == "maybe":
            state.locks[lock] = LockState("maybe", row.kind) if is_weak(lock) else LockState("free", row.kind)
            return [Outcome(state)]
        aliases = self.aliases(state, lock, row.kind)
        if len(aliases) > 1:
            for alias in aliases:
                state.locks[alias] = LockState("maybe", state.locks[alias].kind)
            return [Outcome(state)]
        if aliases:
            return self._release_alias(state, lock, before, aliases[0], event, irql, at)
        if lock.op == "held_by" and any(known.status == "maybe" and known.handle is not None for known in state.locks.values()):
            return [Outcome(state)]
        if before is None and self.aliases(state, lock, row.kind, "maybe"):
            return [Outcome(state)]  # it may be one of several of which some are held
        if before is None:
            if self.hands_on(state, lock, row.kind, row.function, irql, at):
                irql = None
            wrong = irql is not None and irql.op == "uninit" and not self.is_free_on_entry(lock)
            note_need(state, lock, Need("held", row.kind, at, row.function, doubtful=wrong, variant=row.variant, irql=irql))
            state.locks[lock] = LockState("free", row.kind, operation=row.function)
            if wrong:  # told here, whoever may hold the lock: its callers are not asked as well
                return [Outcome(state, (Problem("irql-uninitialised", lock, row.kind, "", row.function, at),))]
            if not self.is_free_on_entry(lock) and not self.is_unused(state, lock):
                return [Outcome(state)]
        else:
            state.locks[lock] = LockState("free", row.kind, operation=row.function)
        problem = Problem("released-unheld", lock, row.kind, before.operation if before is not None else "", row.function, at)
        return [Outcome(state, (problem,))]

    @staticmethod
    def is_unused(state: State, lock: Term) -> bool:
        """Tell whether no caller can hold a lock: a queue handle is a variable of this function that nobody else has seen, or the pointer to the lock was never set."""
        root = state.terms.root(lock.args[0] if lock.op == "held_by" else lock)
        while root.op == "sel":
            root = root.args[0]
        if root.op == "uninit":
            return True
        if lock.op != "held_by" or root.op != "local":
            return False
        return not any(kind == "under" and lock.args[0].mentions(what) for kind, what in state.epochs)

    def note_returned(self, state: State, lock: Term, before: LockState | None, kind: str) -> None:
        """Keep the books of a release, or a callee's need of one, that finds the lock in state ``before``."""
        self.books.give_back(lock, before, kind, is_callers=self.has_callers)
        if before is None:
            for alias in self.aliases(state, lock, kind):
                self.books.give_back(alias, None, kind, is_callers=self.has_callers)

    def _released_lock(self, state: State, event: LockEvent) -> Term:
        if event.lock is not None:
            return state.normal(event.lock)
        assert event.handle is not None
        handle = state.normal(event.handle)
        for lock, held in state.locks.items():
            if held.handle is handle and held.status == "held":
                return lock
        for lock, held in state.locks.items():
            if held.handle is handle:
                return lock
        return state.terms.make("held_by", handle)

    def hands_on(self, state: State, lock: Term, kind: str, function: str, irql: Term | None, at: int, through: str = "") -> bool:
        """Tell whether a lock that the role is entered with is given back with the IRQL left raised; what was saved for it is then owed."""
        token = self.saved_on_entry.get(lock)
        if token is None or not stays_raised("", irql):
            return False
        owe(state, Debt(token, lock, "wrong-irql", kind, "", function, at, through))
        return True

    def unpaid(self, state: State, returned: Term | None) -> list[Problem]:
        """Return the releases on a path to its end that left the IRQL raised for good.

        A helper may leave that to its caller, if it hands out what was saved: as its result, or where a parameter points.
        """
        problems = []
        for debt in list(debts(state)) if tainted(state.terms) not in state.locks else ():
            told = debt.token is returned or any(cell.op == "param" and value is debt.token for cell, value in state.memory.items())
            if self.held_on_entry is not None or not told:
                problems.append(Problem(debt.defect, debt.lock, debt.kind, debt.acquired, debt.operation, debt.at, through=debt.through))
            else:
                hand_out(state, debt)
        return problems

    def _count_down(self, state: State, lock: Term, before: LockState | None, function: str, kind: str, irql: Term | None, at: int) -> Outcome:
        if before is not None and before.status == "maybe":
            return Outcome(state)
        if before is not None and self.is_for_other_work(before, irql):
            state.locks[lock] = LockState("maybe", kind)
            return Outcome(state)
        count = (before.depth if before is not None else 0) - 1
        saved = irql if self._tables.kinds[kind].carried else None
        problems: tuple[Problem, ...] = ()
        if count < 0:
            note_need(state, lock, Need("held", kind, at, function, irql=saved))
            twice = before is not None and before.depth < 0 and self._tables.kinds[kind].carried and _is_one_work(before.saved, irql)
            if twice or (self.is_free_on_entry(lock) and not self.is_anothers(kind, before, irql)):
                problems = (Problem("released-unheld", lock, kind, before.operation if before is not None else "", function, at),)
        if count < -MAX_COUNT:
            state.locks[lock] = LockState("maybe", kind)
        else:
            state.locks[lock] = LockState("held" if count > 0 else "free", kind, count, operation=function, saved=saved)
        return Outcome(state, problems)

    def _give_back(self, state: State, lock: Term, held: LockState, event: LockEvent, irql: Term | None, at: int) -> Outcome:
        row = event.operation
        defect = self.release_defect(state, lock, held, row.kind, row.variant, irql, row.function, at)
        if defect is None and {row.mode, held.mode} == {"shared", "exclusive"} and self._tables.kinds[held.kind].shared:
            defect = "wrong-variant"
        problems = [Problem(defect, lock, held.kind, held.operation, row.function, at)] if defect is not None else []
        if is_weak(lock) or held.depth == TWICE:
            state.locks[lock] = LockState("maybe", held.kind)
        else:
            state.locks[lock] = LockState("free", held.kind, operation=row.function)
        return Outcome(state, tuple(problems))

    def release_defect(
        self, state: State, lock: Term, held: LockState, kind: str, variant: str, irql: Term | None, operation: str, at: int, through: str = ""
    ) -> Defect | None:
        """Tell what is wrong with releasing a held lock in this way, if anything; what shows only later is left with the state."""
        if irql is not None and irql is not held.saved and pay(state, irql):
            return None
        defect = self._release_defect(state, lock, held, kind, variant, irql)
        if defect in {"wrong-variant", "wrong-irql"} and held.kind == kind and held.saved is not None and stays_raised(variant, irql):
            owe(state, Debt(held.saved, lock, defect, kind, held.operation, operation, at, through))
            return None
        if defect == "wrong-variant" and held.variant == "dpc" and irql is not None and irql.is_input and self.held_on_entry is None:
            # What a helper was handed to restore, its callers have raised from; whether they have is theirs to say.
            raised = state.terms.make("lock", RAISED_LOCK)
            self._count_down(state, raised, look_up(state, raised, RAISED), operation, RAISED, irql, at)
            return None
        return defect

    def _release_defect(
        self, state: State, lock: Term, held: LockState, kind: str, variant: str, irql: Term | None
    ) -> Defect | None:
        if held.kind != kind or not self._tables.compatible(kind, held.variant or variant, variant or held.variant):
            if held.kind == kind and held.variant == "dpc" and irql is not None and self._lowers_raised(state, held, irql):
                return None
            # Acquired at DISPATCH_LEVEL already: nothing was raised, so nothing has to be lowered.
            raised = held.saved is None or state.facts.range_of(held.saved).low < DISPATCH_LEVEL
            return "wrong-variant" if raised or held.kind != kind or variant != "dpc" else None
        if irql is not None and held.saved is not None and irql is not held.saved:
            return self._irql_defect(state, lock, held, irql)
        return None

    def _lowers_raised(self, state: State, held: LockState, irql: Term) -> bool:
        """The ordinary release gives back an IRQL that was raised by hand before the acquire at DPC level."""
        owner = self.tokens.get(irql)
        if owner is not None and owner in state.locks and state.locks[owner].kind != held.kind:
            state.locks[owner] = state.locks[owner]._replace(status="maybe")
            return True
        # A try has no form that raises, so its IRQL was raised by hand, perhaps by a caller.
        return held.operation in self._tables.operations and any(
            row.action == "try" for row in self._tables.operations[held.operation]
        )

    def _irql_defect(self, state: State, lock: Term, held: LockState, irql: Term) -> Defect | None:
        if irql.op == "uninit":
            return "irql-uninitialised"
        if irql.op == "int":
            return "wrong-irql"
        owner = self.tokens.get(irql)
        if owner is None:
            return None
        other = state.locks.get(owner)
        if owner is not lock and other is not None and other.status == "held" and other.saved is irql:
            # Hand over hand: the outer lock goes first with the inner one's IRQL, so the inner one now owes the outer's. The other way round
            # the IRQL is lowered under the outer lock; that the IRQLs are exchanged is one mistake, told at the first release.
            state.locks[owner] = other._replace(saved=held.saved)
            return "wrong-irql" if held.saved is not None and is_made_after(held.saved, irql) else None
        if owner is lock:
            return None
        return "irql-overwritten"

    def aliases(self, state: State, lock: Term, kind: str, status: Status = "held") -> list[Term]:
        """Return the locks that an unknown one may be; only the one that is read from the same place, where there is one.

        A member that something may have written since is nearly always the same pointer still.
        """
        found = []
        for other, held in state.locks.items():
            if other is lock or held.status != status or not held.kind or not self.same_storage(held.kind, kind):
                continue
            if lock.op == "held_by":
                if held.handle is not None and may_alias(state, lock.args[0], held.handle):
                    found.append(other)
            elif may_alias(state, lock, other):
                found.append(other)
        if len(found) > 1:
            origin = place(lock)
            found = [other for other in found if place(other) == origin] or found
        return found

    def _release_alias(
        self, state: State, lock: Term, before: LockState | None, alias: Term, event: LockEvent, irql: Term | None, at: int
    ) -> list[Outcome]:
        """The release may mean the held lock ``alias``: doubt never makes an error, but a caller may know better."""
        outcomes = []
        if before is None and lock.op != "held_by" and self._caller_may_know(state, lock, alias):
            apart = state.copy()
            if apart.assume(state.terms.compare("!=", lock, alias), holds=True):
                apart.needs[lock] = Need("held", event.operation.kind, at, event.operation.function, doubtful=True)
                apart.locks[lock] = LockState("free", event.operation.kind, operation=event.operation.function)
                outcomes.append(Outcome(apart))
        held = state.locks[alias]
        if is_weak(alias):
            state.locks[alias] = LockState("maybe", held.kind)
        else:
            state.locks[alias] = LockState("free", held.kind, operation=event.operation.function)
        del irql
        outcomes.insert(0, Outcome(state))
        return outcomes

    @staticmethod
    def _caller_may_know(state: State, lock: Term, alias: Term) -> bool:
        roots = {state.terms.root(lock).op, state.terms.root(alias).op}
        return roots <= {"param", "init"}

    # --- try and convert ---

    def attempt(self, state: State, event: LockEvent, result: Term, token: Term | None, at: int) -> list[Outcome]:
        """Take the lock if the result says so; the failed case first where both are open."""
        row = event.operation
        success, failure = success_sets(row.success, row.success_ranges)
        if row.failure_range is not None:
            failure = iv.make(*row.failure_range)
        outcomes: list[Outcome] = []
        if event.always is not True and row.success != "":
            failed = state.copy()
            if failed.facts.restrict(result, failure) and (event.failing is None or failed.assume(event.failing, holds=True)):
                if token in self.new and event.lock is not None:
                    failed.locks.setdefault(failed.normal(event.lock), LockState("maybe", row.kind))  # whoever goes on all the same knows that it cannot fail
                outcomes.append(Outcome(failed, failed=True))
        assert event.lock is not None
        lock = state.normal(event.lock)
        before = look_up(state, lock, row.kind)
        kind = self._tables.kinds[row.kind]
        if before is not None and before.status == "held" and not (kind.recursive or kind.counter) and event.always is not True:
            return outcomes or [Outcome(state, failed=True)]  # the holder's own try fails
        if row.success == "" or state.facts.restrict(result, success):
            if before is None and not (kind.recursive or kind.counter) and event.always is not True:
                note_need(state, lock, Need("free", row.kind, at, row.function, tried=True))
            outcomes.append(self.acquire(state, event, token, at))
        return outcomes

    def convert(self, state: State, event: LockEvent, result: Term) -> list[Outcome]:
        """Change the mode of a held lock if the result says so."""
        row = event.operation
        success, failure = success_sets(row.success, row.success_ranges)
        outcomes: list[Outcome] = []
        if row.success != "":
            failed = state.copy()
            if failed.facts.restrict(result, failure):
                outcomes.append(Outcome(failed))
        assert event.lock is not None
        lock = state.normal(event.lock)
        held = look_up(state, lock, row.kind)
        if row.success == "" or state.facts.restrict(result, success):
            if held is not None and held.status == "held":
                state.locks[lock] = held._replace(mode=row.mode)
            outcomes.append(Outcome(state))
        return outcomes


def _is_one_work(tag: Term | None, other: Term | None) -> bool:
    """Whether two tags are the same piece of work, and no constant that stands for any."""
    return tag is not None and tag is other and tag.op in {"param", "init", "cell", "sel", "fresh", "container"}


def success_sets(word: str, ranges: tuple[tuple[int, int], ...]) -> tuple[iv.IntSet, iv.IntSet]:
    """Return the results that mean success and those that mean failure."""
    if word == "nonzero":
        return iv.compared("!=", 0), iv.ZERO
    if word in {"zero", "status_success"}:
        return iv.ZERO, iv.compared("!=", 0)
    if word == "nt_success":
        return iv.compared(">=", 0), iv.compared("<", 0)
    if len(ranges) == 1:
        low, high = ranges[0]
        if low <= -(1 << 63):
            return iv.compared("<=", high), iv.compared(">", high)
        if high >= (1 << 63) - 1:
            return iv.compared(">=", low), iv.compared("<", low)
        inside = iv.make(low, high)
        return inside, iv.make(iv.LOW, iv.HIGH, frozenset(range(low, high + 1))) if high - low < iv.MAX_HOLES else iv.TOP
    return iv.TOP, iv.TOP
