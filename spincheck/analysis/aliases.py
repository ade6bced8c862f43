"""When two names may be one lock.

Owns the doubt about identity: terms that differ may still be one address, and a term may stand for several. Everything else takes equal
terms for one lock and different ones for two, and asks here before it makes an error of a difference.
"""

from __future__ import annotations

from typing import Any

from spincheck.domain.state import State
from spincheck.domain.terms import Term

_UNKNOWN_ROOTS = frozenset(("param", "init", "cell", "fresh", "sel", "phi", "pure", "container", "bin"))


def may_alias(state: State, one: Term, other: Term) -> bool:
    """Tell whether two different terms may name one lock: the same members of bases that may be equal, or unknown handles."""
    terms = state.terms
    if one.op == "lock" or other.op == "lock" or terms.distinct(one, other):
        return False
    if state.facts.decide("==", one, other) is False:
        return False
    a, b = one, other
    while a.op in {"field", "elem"} and b.op == a.op:
        if a.op == "field" and a.args[1] != b.args[1]:
            return False
        if a.op == "elem" and a.args[1] is not b.args[1] and a.args[0] is b.args[0]:
            return state.facts.decide("==", a.args[1], b.args[1]) is not False
        a, b = a.args[0], b.args[0]
    if a is b:
        return True
    if "uninit" in {a.op, b.op}:
        return False  # a pointer that was never set points to none of the driver's objects
    if _is_member_of(a, b) or _is_member_of(b, a) or (a is one and b is other and _of_other_members(a, b)):
        return False
    if a is not one and "global" in {a.op, b.op} and {a.op, b.op} & {"param", "init"}:
        return False  # whoever is handed the driver's one object of its type calls it by its name nowhere else
    if (_is_in_member(a) and b.op == "global") or (_is_in_member(b) and a.op == "global"):
        return False
    if a.op == "elem" or b.op == "elem":
        return terms.root(a) is terms.root(b) or _unknown(terms.root(a)) or _unknown(terms.root(b))
    return (_unknown(a) or _unknown(b)) and state.facts.decide("==", a, b) is not False


def _is_in_member(lock: Term) -> bool:
    """Whether this is an element of an array that is a member of an object, as no global of its own is."""
    while lock.op == "elem":
        lock = lock.args[0]
    return lock.op == "field"


def _is_member_of(pointer: Term, base: Term) -> bool:
    """Whether a pointer was read from a member of the object that a caller hands in: that it points to itself is not assumed.

    Along a chain of pointers it is not asked: names of what a walk comes by become too long to compare.
    """
    return base.op == "param" and pointer.op == "init" and pointer.args[0].op == "field" and pointer.args[0].args[0] is base


def _of_other_members(one: Term, other: Term) -> bool:
    """Whether two locks are known by pointers or handles in different members of one object, which are there to be different; what else pointers lead to may be one."""
    if {one.op, other.op} - {"init", "cell"}:
        return False
    first, second = one.args[0], other.args[0]
    return bool(first.op == "field" and second.op == "field" and first.args[0] is second.args[0] and first.args[1] != second.args[1])


def place(lock: Term) -> Any:
    """Return where a lock's address is read from, whenever that was."""
    if lock.op in {"init", "cell"}:
        return "at", place(lock.args[0])
    if lock.op == "phi":
        return "at", place(lock.args[1])
    if lock.op in {"field", "elem", "container"}:
        return lock.op, place(lock.args[0]), lock.args[1]
    return lock


def _unknown(term: Term) -> bool:
    return term.op in _UNKNOWN_ROOTS


def whereabouts(lock: Term) -> Term:
    """Return the address that a lock is known by: its own, that of the pointer to it, or that of the object that it is the lock of."""
    if lock.op == "init" and lock.args[0].op == "field":
        found: Term = lock.args[0]
        return found
    if lock.op == "lock" and len(lock.args) == 2 and isinstance(lock.args[1], Term):
        return lock.args[1]
    return lock


def is_weak(lock: Term) -> bool:
    """Tell whether the term stands for several locks, of which another may be meant; so does what a member of several objects points to."""
    root = whereabouts(lock)
    while root.op in {"field", "elem"}:
        if root.op == "elem" and root.args[1].op == "any":
            return True
        root = root.args[0]
    return root.op == "any" or (root.op == "phi" and lock.op in {"phi", "field", "elem"})
