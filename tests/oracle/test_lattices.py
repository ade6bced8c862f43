"""Laws of the domain: sets of integers and lock states, with Hypothesis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spincheck.domain import intervals as iv
from spincheck.domain import lockstate
from spincheck.domain.intervals import IntSet
from spincheck.domain.lockstate import LockState

_NUMBERS = st.integers(-6, 6)
_PROBES = range(-100, 101)


@st.composite
def sets(draw: st.DrawFn) -> IntSet:
    low = draw(st.one_of(_NUMBERS, st.just(iv.LOW)))
    high = draw(st.one_of(_NUMBERS, st.just(iv.HIGH)))
    return iv.make(low, high, frozenset(draw(st.sets(_NUMBERS, max_size=4))))


def members(one: IntSet) -> set[int]:
    return {value for value in _PROBES if value in one}


def is_normal(one: IntSet) -> bool:
    if one.is_empty:
        return one == iv.EMPTY
    return one.low <= one.high and all(one.low < hole < one.high for hole in one.holes)


@given(sets(), sets())
def test_meet_is_intersection(left: IntSet, right: IntSet) -> None:
    met = iv.meet(left, right)
    assert members(met) == members(left) & members(right)
    assert is_normal(met)
    assert met == iv.meet(right, left)
    assert iv.meet(left, iv.TOP) == left
    assert iv.meet(left, left) == left


@given(sets(), sets())
def test_join_holds_both_and_says_when_it_is_exact(left: IntSet, right: IntSet) -> None:
    joined, exact = iv.join(left, right)
    union = members(left) | members(right)
    assert union <= members(joined)
    assert not exact or union == members(joined)
    assert is_normal(joined)
    assert iv.join(right, left) == (joined, exact)
    assert iv.join(left, left) == (left, True)


@given(sets(), sets())
def test_contains_is_inclusion(left: IntSet, right: IntSet) -> None:
    assert iv.contains(left, right) == (members(right) <= members(left))
    assert iv.contains(left, iv.meet(left, right))
    assert iv.contains(iv.join(left, right)[0], left)


@given(sets(), st.lists(sets(), min_size=1, max_size=60))
def test_widening_holds_both_and_ends(start: IntSet, others: list[IntSet]) -> None:
    current = start
    changes = 0
    for other in others:
        wider = iv.widen(current, other)
        assert iv.contains(wider, current)
        assert iv.contains(wider, other)
        changes += wider != current
        current = wider
    assert changes <= len(start.holes) + 6  # each change moves a bound to 0 or for good, or gives up a hole; the first may fill in an empty set


@given(sets())
def test_size_and_single(one: IntSet) -> None:
    if not one.is_empty and one.low > iv.LOW and one.high < iv.HIGH:
        assert one.size() == len(members(one))
        assert (one.single is not None) == (one.size() == 1)


@given(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _NUMBERS)
def test_compared_is_the_comparison(op: str, value: int) -> None:
    holds = {"==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}[op]
    assert members(iv.compared(op, value)) == {number for number in _PROBES if holds(number, value)}


@given(sets(), _NUMBERS)
def test_shifted_and_negated_move_every_member(one: IntSet, by: int) -> None:
    inner = range(-50, 51)
    assert all((value in one) == (value + by in iv.shifted(one, by)) for value in inner)
    assert all((value in one) == (-value in iv.negated(one)) for value in inner)


@given(sets(), sets())
def test_added_holds_every_sum(left: IntSet, right: IntSet) -> None:
    total = iv.added(left, right)
    near = range(-10, 11)
    assert all(a + b in total for a in near if a in left for b in near if b in right)


_LOCKS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["free", "held"]), st.just("spin"), st.integers(0, 2), st.sampled_from(["exclusive", "shared"])).map(
        lambda fields: LockState("held" if fields[0] == "held" else "free", *fields[1:])
    ),
    st.just(LockState("maybe", "spin")),
)


@given(_LOCKS, _LOCKS)
def test_lock_join_is_an_upper_bound(left: LockState | None, right: LockState | None) -> None:
    joined = lockstate.join(left, right)
    assert lockstate.join(left, left) == left
    assert lockstate.leq(left, left)
    if left is not None and right is not None and left.mode == right.mode:
        assert lockstate.leq(left, joined)
        assert lockstate.leq(right, joined)
        assert joined == lockstate.join(right, left)
