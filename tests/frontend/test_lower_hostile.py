"""Whatever comes in, lowering answers with well-formed code or with `LoweringError`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literate import NAMES, sections

from spincheck import ir
from spincheck.frontend.lower import Lowered, LoweringError, lower_function, lower_initialisers
from spincheck.frontend.tokens import Token, tokenise

_SOURCES = [
    tokenise(source)
    for page in sorted(Path(__file__).parent.glob("lower_*.md"))
    for _, source, _ in sections(page)
]
_PIECES = sorted({token[0] for source in _SOURCES for token in source})


def targets(item: ir.Instruction) -> Iterator[int]:
    match item:
        case ir.Branch(_, then, otherwise):
            yield from (then, otherwise)
        case ir.Jump(target):
            yield target
        case ir.Switch(_, cases, default):
            yield from (default, *(case.target for case in cases))
        case ir.ComputedJump(found):
            yield from found
        case ir.Call(handler=handler) if handler >= 0:
            yield handler


def check(function: ir.Function, tokens: int) -> None:
    """Targets exist, control never falls off the end, places are tokens, and it survives the cache."""
    size = len(function.code)
    assert size
    for item in function.code:
        assert all(0 <= target < size for target in targets(item))
        assert 0 <= getattr(item, "at", 0) < max(tokens, 1)
    assert isinstance(
        function.code[-1], ir.Return | ir.Halt | ir.Jump | ir.Branch | ir.Switch | ir.ComputedJump
    )
    assert all(0 <= r.at < max(tokens, 1) for r in function.recovered)
    names = [v.name for v in (*function.parameters, *function.locals)]
    assert len(names) == len(set(names))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(function), type=ir.Function) == function


def lowered(tokens: list[Token]) -> Lowered | None:
    """What lowering answers; None for a function that it gives up with a reason."""
    try:
        return lower_function(tokens, NAMES)
    except LoweringError as error:
        reason = error.reason
    assert reason
    return None


def attempt(tokens: list[Token]) -> None:
    limit = sys.getrecursionlimit()
    first = lowered(tokens)
    if first is not None:
        check(first.function, len(tokens))
    assert lowered(tokens) == first
    chunks = lower_initialisers([tokens, tokens], NAMES)
    check(chunks.function, 2 * len(tokens))
    assert sys.getrecursionlimit() == limit


@st.composite
def mutations(draw: st.DrawFn) -> list[Token]:
    """The tokens of a page's function with some of them dropped, doubled, exchanged or replaced."""
    spelled = [token[0] for token in draw(st.sampled_from(_SOURCES))]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(spelled) - 1, 0)))
        match draw(st.sampled_from(["drop", "double", "exchange", "replace", "cut", "end"])):
            case "drop":
                del spelled[at : at + draw(st.integers(1, 3))]
            case "double":
                spelled[at:at] = spelled[at : at + draw(st.integers(1, 5))]
            case "exchange" if len(spelled) > at + 1:
                spelled[at], spelled[at + 1] = spelled[at + 1], spelled[at]
            case "replace":
                spelled[at : at + 1] = [draw(st.sampled_from(_PIECES))]
            case "cut":
                del spelled[at:]
            case _:
                spelled.append(draw(st.sampled_from(_PIECES)))
    return tokenise(" ".join(spelled))


@settings(max_examples=300)
@given(mutations())
def test_mutated_functions(tokens: list[Token]) -> None:
    attempt(tokens)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(_PIECES), max_size=60))
def test_any_order_of_tokens(pieces: list[str]) -> None:
    attempt(tokenise("void f(void) { " + " ".join(pieces) + " }"))


@pytest.mark.parametrize("source", _SOURCES, ids=lambda tokens: " ".join(token[0] for token in tokens[:8]))
def test_every_page_is_well_formed(source: list[Token]) -> None:
    attempt(source)


_DEEP = 10_000


@pytest.mark.parametrize(
    "body",
    [
        "x = " + "(" * _DEEP + "g()" + ")" * _DEEP + "; h();",
        "{" * _DEEP + "g();" + "}" * _DEEP + " h();",
        "if (a()) " * _DEEP + "g(); h();",
        "if (a()) g(); else " * _DEEP + "h(); h();",
        "for (; a(); ) " * _DEEP + "g(); h();",
        "do " * _DEEP + "g();" + " while (a());" * _DEEP + " h();",
        "x = " + "1 + " * _DEEP + "g(); h();",
        "x = " + "a() && " * _DEEP + "g(); h();",
        "x = " + "a() ? b() : " * _DEEP + "g(); h();",
        "x = " + "y = " * _DEEP + "g(); h();",
        "x = " + "- " * _DEEP + "g(); h();",
        "x = " + "!" * _DEEP + "g(); h();",
        "x = " + "*" * _DEEP + "p; h();",
        "x = " + "(ULONG)" * _DEEP + "g(); h();",
        "x = p" + "->next" * _DEEP + "; h();",
        "x = p" + "[0]" * _DEEP + "; h();",
        "x = p" + "[1" * _DEEP + "]" * _DEEP + "; h();",
        "x = " + "g(" * _DEEP + ")" * _DEEP + "; h();",
        "x = " + "({ " * _DEEP + "g();" + " });" * _DEEP + " h();",
        "int x = " + "{" * _DEEP + "1" + "}" * _DEEP + "; h();",
        "int " + "*" * _DEEP + "x; h();",
        "int x" + "[1]" * _DEEP + "; h();",
        "int " + "(" * _DEEP + "x" + ")" * _DEEP + "; h();",
        "".join(f"l{n}: " for n in range(_DEEP)) + "g(); h();",
        "switch (x) { " + "".join(f"case {n}: " for n in range(_DEEP)) + "g(); } h();",
        "__try { " * _DEEP + "g();" + " } __finally { k(); }" * _DEEP + " h();",
        "__try { " * _DEEP + "g();" + " } __except (1) { k(); }" * _DEEP + " h();",
        "x = sizeof " * _DEEP + "g(); h();",
        "[" * _DEEP + "h();",
        "(" * _DEEP + "h();",
        "}" * _DEEP + "h();",
        "@" * _DEEP + "h();",
        "x y " * _DEEP + "; h();",
        ", ".join(["a()"] * _DEEP) + "; h();",
        "struct { " * _DEEP + "int x;" + " } y;" * _DEEP + " h();",
        "(typeof(" * _DEEP + "x" + "){0})" * _DEEP + "; h();",
        "x = " + "(typeof(" * 30 + "x" + ")){0}" * 30 + "; h();",
        "typeof(" * _DEEP + "x" + ")" * _DEEP + " z; h();",
        "__asm { " * _DEEP + " call h " + "}" * _DEEP,
        "__attribute__((" * _DEEP + "h();",
        "__label__ " * _DEEP + "; h();",
        "_Generic(1, int: " * _DEEP + "g()" + ")" * _DEEP + "; h();",
    ],
    ids=lambda body: body[:24],
)
def test_ten_thousand_levels(body: str) -> None:
    """No construct's depth ends in a traceback, and what follows it is still read where the text has an end."""
    tokens = tokenise("int f(int x, int **p) { " + body + " }")
    limit = sys.getrecursionlimit()
    answer = lowered(tokens)
    if answer is not None:
        check(answer.function, len(tokens))
        assert "h" in answer.calls or "[[" in body
    assert sys.getrecursionlimit() == limit
