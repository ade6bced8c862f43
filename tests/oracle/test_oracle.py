"""The analysis against brute force on a few thousand fixed programs, and the oracle against verdicts that are known."""

from __future__ import annotations

import pytest

from .comparison import Comparer
from .enumerator import DOMAINS, Enumerator
from .generator import generate
from .printer import Written
from .program import Ask, Const, Function, Give, If, Named, Program, Return, Set, Take, Var, While, duplicate
from .shrinker import shrink

PROGRAMS = 2400
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_the_analysis_equals_brute_force(part: int) -> None:
    comparer = Comparer()
    compared = 0
    for seed in range(part, PROGRAMS, PARTS):
        mismatch = comparer.compare(generate(seed))
        compared += mismatch is not None
        assert not mismatch, f"seed {seed}: {mismatch}\n{Written(generate(seed)).source}"
    assert compared > PROGRAMS // PARTS * 0.9, "too many programs were too large to compare"


def test_a_seed_is_one_program() -> None:
    assert [Written(generate(seed)).text for seed in range(50)] == [Written(generate(seed)).text for seed in range(50)]
    assert len({Written(generate(seed)).text for seed in range(50)}) > 45


def _entry(*body: object) -> Program:
    return [Function("Entry", [], "", list(body))]


def _told(program: Program) -> set[tuple[str, str]]:
    verdict = Enumerator(program, DOMAINS, 3).run(1000)
    return {(violation.what, violation.lock) for violation in verdict.first}


def test_brute_force_sees_a_leak_on_one_of_two_paths() -> None:
    program = _entry(Set(Var("b0"), Ask("b")), Take(Named("A")), If(Var("b0"), [Return()], []), Give(Named("A")))
    assert _told(program) == {("held", "A")}


def test_brute_force_believes_a_flag() -> None:
    program = _entry(
        Set(Var("b0"), Ask("b")), If(Var("b0"), [Take(Named("A"))], []), If(Var("b0"), [Give(Named("A"))], [])
    )
    assert _told(program) == set()
    program = _entry(
        Set(Var("b0"), Ask("b")),
        If(Var("b0"), [Take(Named("A"))], []),
        Set(Var("b0"), Ask("b")),
        If(Var("b0"), [Give(Named("A"))], []),
    )
    assert _told(program) == {("held", "A"), ("unheld", "A")}


def test_brute_force_turns_loops() -> None:
    program = _entry(While(Ask("b"), [Take(Named("A"))]))
    assert _told(program) == {("double", "A"), ("held", "A")}


def test_the_shrinker_keeps_what_matters() -> None:
    noise = [Set(Var("n0"), Const(1)), If(Ask("b"), [Set(Var("n1"), Const(2))], []), Take(Named("B")), Give(Named("B"))]
    program = _entry(*duplicate(noise), Take(Named("A")), *duplicate(noise))
    small = shrink(program, lambda one: ("held", "A") in _told(one))
    assert [type(statement) for statement in small[0].body] == [Take]


def test_a_mismatch_is_noticed() -> None:
    comparer = Comparer()
    program = _entry(Take(Named("A")))
    assert comparer.compare(program) is not None
    assert not comparer.compare(program)
    report = comparer.report(_entry(Take(Named("A")), Give(Named("A"))))
    from .comparison import difference  # noqa: PLC0415

    assert difference(Enumerator(program, DOMAINS, 3).run(10), report).missed
