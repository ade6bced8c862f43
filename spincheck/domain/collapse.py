"""Many locks of one kind as one, where a loop comes by them one after the other.

Owns what is lost so that such a loop settles: elements of an array become "some element", nodes of a list, or whatever else each turn comes by, "some
object's". Of a lock that is held then, at least one is; nothing that differs between them is known any more. Whoever uses this decides when.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import State
from spincheck.domain.terms import Term

STEADY = frozenset(("param", "global", "local", "int"))
"""Roots of locks that are the same in every turn."""


def some_element(state: State, index: Term) -> None:
    """Make every lock that an earlier turn of a loop left in an array one lock, "some element".

    What is held then is held in at least one element; what is free in one may be held in another. The IRQL that one element's release
    restores is not that of the next.
    """
    terms = state.terms
    locks: dict[Term, LockState] = {}
    arrays = {sub.args[0] for lock in state.locks for sub in (lock, *lock.inside) if sub.op == "elem"}
    for lock, info in state.locks.items():
        name = _with_any_index(terms, lock, index, arrays)
        before = locks.get(name)
        if before is None:
            locks[name] = info
        elif before.status == "held" or info.status == "held":
            held = before if before.status == "held" else info
            # Which of them a release means is not known, so it may be of any of their variants.
            variant = held.variant if before.variant == info.variant or before.status != info.status else ""
            locks[name] = held._replace(saved=None, handle=None, variant=variant)
        else:
            locks[name] = before
    state.locks = locks
    needs: dict[Term, Need] = {}
    for lock, need in state.needs.items():
        name = _with_any_index(terms, lock, index, arrays)
        needs[name] = need if name is lock and not _is_some_element(lock, index) else need._replace(irql=None)
    state.needs = needs


def some_nodes(state: State, anything: Term, most: int, before: Collection[Term]) -> bool:
    """Make the locks of one object after the other that a loop's turns left held one lock, "some object's"; returns whether there were any.

    ``before`` are the locks that were held when the loop was come to; ``most`` are kept apart.
    """
    groups: dict[tuple[Any, ...], list[Term]] = {}
    for lock, held in state.locks.items():
        if held.status == "held" and lock not in before:
            place = lock.args[0] if lock.op == "init" else lock
            if place.op == "field" and state.terms.root(place).op not in STEADY:
                steps = ("" if isinstance(step, Term) else step for step in state.terms.path(place))
                groups.setdefault((held.kind, lock.op, *steps), []).append(lock)
    found = False
    for (_, op, *members), locks in groups.items():
        weak = anything
        for member in members:
            weak = state.terms.field(weak, member) if member else state.terms.make("elem", weak, anything)
        if op == "init":
            weak = state.terms.make("init", weak)
        new = [lock for lock in locks if lock is not weak]
        if new and (weak in state.locks or len(new) >= most):
            held = state.locks[locks[0]]._replace(saved=None, handle=None)
            state.locks = {lock: known for lock, known in state.locks.items() if lock not in locks}
            state.locks[weak] = held
            found = True
    return found


def _is_some_element(lock: Term, index: Term) -> bool:
    return any(part.op == "elem" and part.args[1] is index for part in (lock, *lock.inside))


def _with_any_index(terms: Any, lock: Term, index: Term, arrays: set[Term]) -> Term:
    memo: dict[Term, Term] = {}
    lock = _with_element_zero(terms, lock, arrays)

    def leaf(term: Term) -> Term | None:
        if term.op == "elem":
            base: Term = terms.rebuild(term.args[0], leaf, memo)
            made: Term = terms.make("elem", base, index)
            return made
        return None

    result: Term = terms.rebuild(lock, leaf, memo)
    return result


def _with_element_zero(terms: Any, lock: Term, arrays: set[Term]) -> Term:
    """Element 0 has no step of its own in a term; give it one where the array's other elements are to become one with it."""
    if lock.op == "elem":
        return lock
    if lock in arrays:
        zero: Term = terms.make("elem", lock, terms.zero)
        return zero
    if lock.op == "field":
        member: Term = terms.make("field", _with_element_zero(terms, lock.args[0], arrays), lock.args[1])
        return member
    return lock
