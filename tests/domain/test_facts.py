"""What one assumption costs, however much is known already."""

from __future__ import annotations

from collections import Counter

from spincheck.domain import facts as domain
from spincheck.domain import intervals as iv
from spincheck.domain.facts import Facts
from spincheck.domain.intervals import IntSet
from spincheck.domain.terms import Term, Terms


def wrapping() -> tuple[Facts, Term]:
    """Return what is known behind ``x + 1 < x``, an unsigned counter that has wrapped: both bounds of ``x`` move each other on and on."""
    terms = Terms()
    facts = Facts(terms)
    value = terms.make("fresh", 1, "")
    assert facts.restrict(value, iv.make(0, 1 << 32))
    assert facts.compare("<", terms.binary("+", value, terms.constant(1)), value)
    return facts, value


def test_one_assumption_narrows_a_bounded_number_of_values(monkeypatch):
    calls: Counter[str] = Counter()
    plain = Facts.restrict

    def counted(self: Facts, term: Term, allowed: IntSet) -> bool:
        calls["restrict"] += 1
        return plain(self, term, allowed)

    facts, value = wrapping()
    monkeypatch.setattr(Facts, "restrict", counted)
    assert facts.restrict(value, iv.make(1000, 1 << 31))
    assert domain.MAX_NESTING < calls["restrict"] < 10 * domain.MAX_SPREAD
    assert facts.range_of(value).low >= 1000


def test_a_later_assumption_is_propagated_as_far_as_the_first():
    terms = Terms()
    facts = Facts(terms)
    first, second = terms.make("fresh", 1, ""), terms.make("fresh", 2, "")
    assert facts.compare("<", first, second)
    for low in range(2 * domain.MAX_SPREAD):
        assert facts.restrict(first, iv.make(low, 1 << 32))
        assert facts.range_of(second).low == low + 1
