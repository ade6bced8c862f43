"""Sets of integers: an interval with holes.

Owns the unary facts about a value: which integers it can still be. Pointers are integers whose only interesting
point is 0, booleans are {0, 1}, an NTSTATUS is split by its sign, an enumerator test leaves a hole: an
interval with a set of excluded points says all of that exactly, and the union of the two
sides of a branch is exact again, which is what lets states be merged without losing anything. Known
bits were left out: tests of the same mask are the same term and need no arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

LOW = -(1 << 64)
"""Below every value of a C integer type; stands for no lower bound."""

HIGH = 1 << 64
"""Above every value of a C integer type; stands for no upper bound."""

MAX_HOLES = 64
"""A union whose gap would need more holes than this is widened to the interval without them."""


class IntSet(NamedTuple):
    """All integers from ``low`` to ``high`` but those in ``holes`` (all of which lie strictly inside)."""

    low: int
    high: int
    holes: frozenset[int]

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high and value not in self.holes

    @property
    def is_empty(self) -> bool:
        """No integer is left."""
        return self.low > self.high

    @property
    def single(self) -> int | None:
        """The only member, when there is exactly one."""
        return self.low if self.low == self.high else None

    def size(self) -> int:
        """Return how many integers are in the set."""
        return 0 if self.low > self.high else self.high - self.low + 1 - len(self.holes)


_NONE: frozenset[int] = frozenset()
TOP = IntSet(LOW, HIGH, _NONE)
EMPTY = IntSet(1, 0, _NONE)
BOOLEAN = IntSet(0, 1, _NONE)
ZERO = IntSet(0, 0, _NONE)

TYPE_RANGES: dict[str, IntSet] = {
    "bool": BOOLEAN,
    "i8": IntSet(-(1 << 7), (1 << 7) - 1, _NONE),
    "u8": IntSet(0, (1 << 8) - 1, _NONE),
    "i16": IntSet(-(1 << 15), (1 << 15) - 1, _NONE),
    "u16": IntSet(0, (1 << 16) - 1, _NONE),
    "i32": IntSet(-(1 << 31), (1 << 31) - 1, _NONE),
    "u32": IntSet(0, (1 << 32) - 1, _NONE),
    "i64": IntSet(-(1 << 63), (1 << 63) - 1, _NONE),
    "u64": IntSet(0, (1 << 64) - 1, _NONE),
    "ptr": IntSet(0, (1 << 64) - 1, _NONE),
}


def make(low: int, high: int, holes: frozenset[int] = _NONE) -> IntSet:
    """Return the set in normal form: holes at the ends move the ends, holes outside are forgotten."""
    if holes:
        while low <= high and low in holes:
            low += 1
        while high >= low and high in holes:
            high -= 1
        holes = frozenset(hole for hole in holes if low < hole < high)
    if low > high:
        return EMPTY
    return IntSet(low, high, holes)


def only(value: int) -> IntSet:
    """Return the set of one integer."""
    return IntSet(value, value, _NONE)


def meet(left: IntSet, right: IntSet) -> IntSet:
    """Return the intersection."""
    if left is right or right is TOP:
        return left
    if left is TOP:
        return right
    return make(max(left.low, right.low), min(left.high, right.high), left.holes | right.holes)


def join(left: IntSet, right: IntSet) -> tuple[IntSet, bool]:
    """Return a set that holds both, and whether it is exactly their union."""
    if left.is_empty:
        return right, True
    if right.is_empty:
        return left, True
    low, high = min(left.low, right.low), max(left.high, right.high)
    first, second = (left, right) if left.low <= right.low else (right, left)
    gap = second.low - first.high - 1
    if gap > MAX_HOLES:
        return IntSet(low, high, _NONE), False
    holes = {hole for hole in left.holes if hole not in right}
    holes.update(hole for hole in right.holes if hole not in left)
    holes.update(range(first.high + 1, second.low))
    return make(low, high, frozenset(holes)), True


def widen(old: IntSet, new: IntSet) -> IntSet:
    """Return a set that holds both and from which every ascending chain is finite.

    A bound that moves goes to the next of 0 and infinity, so that the sign, which most tests ask for,
    outlives a loop.
    """
    union, _ = join(old, new)
    low, high = union.low, union.high
    if low < old.low:
        low = 0 if low >= 0 else LOW
    if high > old.high:
        high = 0 if high <= 0 else HIGH
    return make(low, high, frozenset(hole for hole in old.holes if hole in union.holes))


def contains(outer: IntSet, inner: IntSet) -> bool:
    """Tell whether every member of ``inner`` is in ``outer``."""
    if inner.is_empty:
        return True
    return outer.low <= inner.low and inner.high <= outer.high and not any(hole in inner for hole in outer.holes)


def compared(op: str, value: int) -> IntSet:
    """Return the integers ``x`` for which ``x op value`` holds."""
    if op == "==":
        return only(value)
    if op == "!=":
        return make(LOW, HIGH, frozenset((value,)))
    if op == "<":
        return make(LOW, value - 1)
    if op == "<=":
        return make(LOW, value)
    if op == ">":
        return make(value + 1, HIGH)
    return make(value, HIGH)


def shifted(values: IntSet, by: int) -> IntSet:
    """Return the set with ``by`` added to each member; an open end stays open."""
    low = values.low if values.low <= LOW else values.low + by
    high = values.high if values.high >= HIGH else values.high + by
    return make(low, high, frozenset(hole + by for hole in values.holes))


def negated(values: IntSet) -> IntSet:
    """Return the set of ``-x``."""
    return make(-values.high, -values.low, frozenset(-hole for hole in values.holes))


def added(left: IntSet, right: IntSet) -> IntSet:
    """Return a set that holds every sum."""
    if right.single is not None:
        return shifted(left, right.single)
    if left.single is not None:
        return shifted(right, left.single)
    low = LOW if left.low <= LOW or right.low <= LOW else left.low + right.low
    high = HIGH if left.high >= HIGH or right.high >= HIGH else left.high + right.high
    return make(max(low, LOW), min(high, HIGH))
