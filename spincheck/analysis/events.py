"""What a call means for locks, before anybody interprets it.

Owns the step from a function's name and arguments to lock events; everything after it speaks of events only. A
table row says where the lock, the saved IRQL and the queue handle are; here they become terms.
"""

from __future__ import annotations

from typing import NamedTuple

from spincheck.domain.facts import Facts
from spincheck.domain.terms import Term, Terms
from spincheck.locks.model import Condition, LockIdentity, Operation


class LockEvent(NamedTuple):
    """One row applied to one call.

    ``lock`` is None where only ``handle`` says which lock it is. ``mode`` is decided by the row or an argument; None when the argument is not
    known. ``always``: a try that cannot fail here (None: not known); ``failing``: what must be where it fails, if that can be said.
    """

    operation: Operation
    lock: Term | None
    handle: Term | None
    mode: str
    always: bool | None
    failing: Term | None = None


def identity(terms: Terms, row: LockIdentity, arguments: list[Term], kind: str) -> Term | None:
    """Return the term that names the lock of a row, or None when a handle alone does."""
    if row.name:
        return terms.make("lock", row.name)
    if not row.arguments:
        return None
    if any(number >= len(arguments) for number in row.arguments):
        return terms.make("lock", kind, "?")
    values = [arguments[number] for number in row.arguments]
    for constant, name in row.names:
        if values[0].op == "int" and values[0].args[0] == constant:
            return terms.make("lock", name.removesuffix("()"), *(values[1:] if name.endswith("()") else ()))
    if len(values) == 1:
        return terms.location(values[0])
    return terms.make("lock", kind, *values)


def truth(condition: Condition | None, arguments: list[Term], facts: Facts, pointee: Term | None) -> bool | None:
    """Tell whether a row's condition on an argument holds; None when it is not known. No condition never holds."""
    if condition is None:
        return False
    if condition.argument >= len(arguments):
        return None
    value = arguments[condition.argument]
    if condition.test == "points_to_zero":
        if facts.range_of(value).single == 0:
            return False  # a null pointer points to nothing
        allowed = facts.range_of(pointee) if pointee is not None else None
        if allowed is None:
            return None
        return True if allowed.single == 0 else None if 0 in allowed else False
    allowed = facts.range_of(value)
    if condition.test == "null":
        return True if allowed.single == 0 else None if 0 in allowed else False
    if condition.test == "nonzero":
        return False if allowed.single == 0 else None if 0 in allowed else True
    if condition.test == "equals":
        return (allowed.single == condition.value) if allowed.single is not None else None if condition.value in allowed else False
    if allowed.single is not None:
        return bool(allowed.single & condition.value)
    return None


def event(terms: Terms, row: Operation, arguments: list[Term], facts: Facts, pointee: Term | None = None) -> LockEvent:
    """Return the event of one row at one call."""
    handle = None
    if 0 <= row.lock.handle < len(arguments):
        handle = terms.location(arguments[row.lock.handle])
    mode: str = row.mode
    if row.mode == "argument":
        mode = "exclusive"
        if 0 <= row.mode_argument < len(arguments) and facts.range_of(arguments[row.mode_argument]).single == 0:
            mode = "shared"
    always = None
    failing = None
    if row.action == "try":
        always = truth(row.always_if, arguments, facts, pointee) if row.always_if is not None else False
        failing = _otherwise(terms, row.always_if, arguments)
    return LockEvent(row, identity(terms, row.lock, arguments, row.kind), handle, mode, always, failing)


def _otherwise(terms: Terms, condition: Condition | None, arguments: list[Term]) -> Term | None:
    """The opposite of a row's condition as a term, where it is one."""
    if condition is None or condition.argument >= len(arguments) or condition.test not in {"null", "nonzero"}:
        return None
    return terms.compare("!=" if condition.test == "null" else "==", arguments[condition.argument], terms.zero)
