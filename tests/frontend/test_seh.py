"""Structured exception handling beyond the page ``lower_seh.md``: copies stay bounded, handlers exact."""

from __future__ import annotations

from collections.abc import Iterator

from literate import NAMES

from spincheck import ir
from spincheck.frontend.lower import lower_function
from spincheck.frontend.tokens import tokenise
from spincheck.frontend.unwinding import COPIES, LIMIT


def code(text: str) -> tuple[ir.Instruction, ...]:
    return lower_function(tokenise(text), NAMES).function.code


def calls(instructions: tuple[ir.Instruction, ...], name: str) -> Iterator[ir.Call]:
    return (i for i in instructions if isinstance(i, ir.Call) and i.callee == ir.FunctionName(name))


def test_few_returns_have_a_termination_block_each() -> None:
    body = "".join(f"if (a({n})) return {n};" for n in range(10))
    found = code(f"int f(void) {{ __try {{ {body} }} __finally {{ fin(); }} return 0; }}")
    assert len(list(calls(found, "fin"))) == 12
    assert len([i for i in found if isinstance(i, ir.Return)]) == 11


def test_many_returns_share_one() -> None:
    body = "".join(f"if (a({n})) return {n};" for n in range(500))
    found = code(f"int f(void) {{ __try {{ {body} }} __finally {{ fin(); }} return 0; }}")
    assert len(list(calls(found, "fin"))) <= COPIES + 2
    stored = [i.value for i in found if isinstance(i, ir.Assign) and i.place == ir.Local("%return")]
    assert stored == [ir.Int(n) for n in range(500)]


def test_termination_blocks_in_termination_blocks_are_bounded() -> None:
    text = "fin();"
    for _ in range(40):
        text = f"__try {{ a(); }} __finally {{ {text} }}"
    found = code(f"void f(void) {{ {text} }}")
    assert len(found) < 8 * LIMIT
    assert any(isinstance(i, ir.Opaque) and i.why == "nested too deeply" for i in found)


def test_no_call_outside_has_a_handler_and_each_inside_has() -> None:
    found = code("void f(void) { g(); __try { a(); if (b()) { c(h()); } } __except (1) { k(); } g(); }")
    handled = {name: {call.handler >= 0 for call in calls(found, name)} for name in "abcghk"}
    assert handled == {"a": {True}, "b": {True}, "c": {True}, "h": {True}, "g": {False}, "k": {False}}


def test_a_handler_starts_at_its_filter() -> None:
    found = code("void f(void) { __try { a(); } __except (b()) { c(); } }")
    (inside,) = calls(found, "a")
    (target,) = calls(found, "b")
    assert found[inside.handler] is target


def test_leave_goes_to_the_end_of_the_innermost_block() -> None:
    found = code(
        "void f(void) { __try { __try { __leave; } __except (1) { a(); } b(); __leave; c(); } __finally { g(); } }"
    )
    assert not list(calls(found, "c"))
    assert len(list(calls(found, "b"))) == 1


def test_leave_without_a_guarded_block_is_told() -> None:
    function = lower_function(tokenise("void f(void) { a(); __leave; }"), NAMES).function
    assert [r.reason for r in function.recovered] == ["__leave outside of __try"]


def test_a_try_without_handler_is_its_body() -> None:
    found = code("void f(void) { __try { a(); } b(); }")
    assert [i.callee for i in found if isinstance(i, ir.Call)] == [ir.FunctionName("a"), ir.FunctionName("b")]
