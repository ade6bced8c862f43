"""Which lock is taken while which other one is held, driver-wide.

Owns the acquired-while-holding relation and the search for cycles in it. Each function contributes pairs of lock classes; a
class is a global lock, or a path of members from one object. Two members of one object are compared whatever
the object is, because the object's type fixes which locks they are; members of different objects are not, because
nothing here knows whether two fields called ``Lock`` belong to one type. So one lock on two objects of a type is
never a cycle. Neither are both orders in one callback that never runs twice at a time: nobody is there to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from spincheck.domain.terms import Term, Terms


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Lock class ``second`` was acquired at ``at`` while ``first`` was held; ``held``/``taken`` are their names there.

    ``operations`` acquired the one and the other; ``callee`` is the called function that took the second, "" if taken here.
    """

    first: str
    second: str
    at: int
    held: str
    taken: str
    kind: str
    operations: tuple[str, str]
    callee: str


def classes(terms: Terms, held: Term, taken: Term) -> tuple[str, str] | None:
    """Return the classes of two locks, or None when they cannot be compared across functions."""
    one, two = _path(terms, held), _path(terms, taken)
    if one is None or two is None or held is taken:
        return None
    (root, first), (other_root, second) = one, two
    if root is not other_root and not (_is_global(root) and _is_global(other_root)):
        return None
    if _is_global(root):
        first = f"{_global_name(root)}{first}"
        second = f"{_global_name(other_root)}{second}"
    return None if first == second else (first, second)


def _is_global(root: Term) -> bool:
    return root.op in {"global", "lock"}


def _global_name(root: Term) -> str:
    return f"{root.op} {root.args[0]}"


def _path(terms: Terms, lock: Term) -> tuple[Term, str] | None:
    """The root pointer or variable, and the members from it; a handle counts as the place it was read from."""
    if lock.op == "init":
        lock = lock.args[0]
    if lock.op == "lock":
        return (lock, "") if len(lock.args) == 1 else None
    if lock.op not in {"field", "elem", "global"}:
        return None
    steps = "".join(f".{step}" if isinstance(step, str) else "[]" for step in terms.path(lock))
    root = terms.root(lock)
    return None if "[]" in steps or root.op == "local" else (root, steps)


class Cycle(NamedTuple):
    """Two places that take two locks in opposite orders; ``owner`` and ``other_owner`` index who took them."""

    owner: int
    order: Order
    other_owner: int
    other: Order


def cycles(orders: Iterable[tuple[int, Order]], may_meet: Callable[[int, int], bool]) -> list[Cycle]:
    """Return one cycle for each pair of lock classes that is taken in both orders, in the order of first appearance.

    ``may_meet`` tells whether two owners may run at the same time.
    """
    taken: dict[tuple[str, str], dict[int, Order]] = {}
    for owner, order in orders:
        taken.setdefault((order.first, order.second), {}).setdefault(owner, order)
    result = []
    for (one, two), owners in taken.items():
        opposite = taken.get((two, one), {}) if one < two else {}
        meeting = (
            Cycle(owner, order, other_owner, other)
            for owner, order in owners.items()
            for other_owner, other in opposite.items()
            if may_meet(owner, other_owner)
        )
        found = next(meeting, None)
        if found is not None:
            result.append(found)
    return result
