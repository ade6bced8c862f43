"""The IRQL that a release leaves raised, until it is lowered.

Owns what it means to give back a lock that raised the IRQL without lowering it: by the form for DISPATCH_LEVEL, or with DISPATCH_LEVEL as the IRQL to
restore. That is how an IRQL is handed from one lock to the next (a cancel routine gives the cancel lock back at DISPATCH_LEVEL, takes its
own lock, and restores ``Irp->CancelIrql`` with that one), and it is a defect only if nobody lowers the IRQL afterwards. So
the defect is kept with the path until a release, or KeLowerIrql, restores the saved IRQL; where the function ends
first, it is told, at the release that should have lowered it.

What is owed stands among the locks of a state, as a lock of the kind "raised IRQL" with a name of its own: paths with
different debts stay apart like paths with different locks. Callers never see it: an IRQL that is saved in a local can be restored by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spincheck.analysis.findings import Defect
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import State
from spincheck.domain.terms import AGAIN, Term

OWED = "owed IRQL"
"""Name of the pseudo-locks that stand for an IRQL that is still to be lowered."""

RAISED = "irql"
"""The kind of a raised IRQL in the tables."""

RAISED_LOCK = "raised IRQL"
"""Its name there."""

DISPATCH_LEVEL = 2
"""The IRQL that an ordinary acquire raises to."""

_MADE_ON_THE_WAY = frozenset(("fresh", "sel"))


class Debt(NamedTuple):
    """A release that left the IRQL raised which ``token`` would restore, and what is wrong with it if nobody does."""

    token: Term
    lock: Term
    defect: Defect
    kind: str
    acquired: str
    operation: str
    at: int
    through: str


def is_owed(lock: Term) -> bool:
    """Tell whether a key of a state's locks is a debt and no lock."""
    return lock.op == "lock" and lock.args[0] == OWED


def stays_raised(variant: str, irql: Term | None) -> bool:
    """Tell whether a release of this form leaves the IRQL at DISPATCH_LEVEL."""
    return variant == "dpc" or (irql is not None and irql.op == "int" and irql.args[0] == DISPATCH_LEVEL)


def owe(state: State, debt: Debt) -> None:
    """Remember a debt on this path, unless the IRQL was at DISPATCH_LEVEL before."""
    if state.facts.range_of(debt.token).low < DISPATCH_LEVEL:
        key = state.terms.make("lock", OWED, *debt)
        state.locks[key] = LockState("held", RAISED, 1, operation=debt.acquired, saved=debt.token)


def pay(state: State, irql: Term | None) -> bool:
    """Lower the IRQL to one that was saved; False if that one is not owed here."""
    for key, held in state.locks.items():
        if is_owed(key) and held.saved is irql:
            del state.locks[key]
            return True
    return False


def pay_last(state: State) -> bool:
    """Lower the IRQL to one that is not known; False if none is owed here."""
    key = next((key for key in reversed(state.locks) if is_owed(key)), None)
    if key is not None:
        del state.locks[key]
    return key is not None


def hand_out(state: State, debt: Debt) -> None:
    """Leave it to the caller to lower the IRQL, as if it had been raised by hand."""
    pay(state, debt.token)
    lock = state.terms.make("lock", RAISED_LOCK)
    before = state.locks.get(lock)
    count = 1 if before is None else before.depth + 1
    state.locks[lock] = LockState("held" if count > 0 else "free", RAISED, count, operation=debt.operation, saved=debt.token)


def debts(state: State) -> Iterator[Debt]:
    """Yield what is owed, in the order of the releases."""
    for key in state.locks:
        if is_owed(key):
            yield Debt(*key.args[1:])


class Exchange:
    """The IRQLs of locks that a case leaves held, each with the one that is owed for it then.

    A callee that gives its caller's lock back with the IRQL of a lock that it keeps changes hand over hand: the kept one owes the caller's.
    """

    def __init__(self, kept: Iterable[Term]) -> None:
        self._owed: dict[Term, Term | None] = {saved: saved for saved in kept}

    def hand_on(self, irql: Term | None, saved: Term | None) -> Term | None:
        """Return the IRQL that a lock is given back with, which is its own where the callee hands it on; ``saved`` is the lock's own."""
        if irql is None or saved is None or self._owed.get(irql) is not irql:
            return irql
        self._owed[irql] = saved
        return saved

    def owed(self, saved: Term | None) -> Term | None:
        """Return the IRQL that is owed for a kept lock whose own is ``saved``."""
        return self._owed.get(saved, saved) if saved is not None else None


def is_made_after(one: Term, other: Term) -> bool:
    """Whether ``one`` is known to be the later of two values that operations here, or callees, made; the later lock is the inner one.

    The one made later has the higher number, except in a loop, where names are used again.
    """
    return {one.op, other.op} <= _MADE_ON_THE_WAY and one.number > other.number and not (_is_again(one) or _is_again(other))


def _is_again(value: Term) -> bool:
    while value.op == "sel":
        value = value.args[0]
    return value.op == "fresh" and AGAIN in str(value.args[1])
