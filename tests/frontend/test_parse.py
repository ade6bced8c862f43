"""The parser's feed: places of nodes and of faults, and depth."""

from __future__ import annotations

import sys

import pytest
from pycparser import c_ast

from spincheck.frontend.dialect import rewrite
from spincheck.frontend.parse import DEPTH, SyntaxFault, depth_allowed, parse, prelude
from spincheck.frontend.tokens import tokenise


def read(text: str) -> list[c_ast.Node]:
    rewritten = rewrite(tokenise(text), {})
    return parse(rewritten.tokens, rewritten.typedefs)


def test_the_line_of_a_node_is_its_token() -> None:
    text = "int f(void) { g(1); return h(2); }"
    tokens = tokenise(text)
    (function,) = read(text)
    call, back = function.body.block_items
    assert tokens[call.coord.line][0] == "g"
    assert tokens[back.coord.line][0] == "return"
    assert tokens[back.expr.coord.line][0] == "h"


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("int f(void) { x = = 3; }", "="),
        ("int f(void) { g() h(); }", "h"),
        ("int f(void) { if x; }", "x"),
        ("int 3x;", "3x"),
    ],
)
def test_a_fault_knows_its_token(text: str, spelling: str) -> None:
    with pytest.raises(SyntaxFault) as fault:
        read(text)
    assert abs([token[0] for token in tokenise(text)].index(spelling) - fault.value.at) <= 1
    assert fault.value.reason


def test_the_prelude_declares_types_and_is_not_returned() -> None:
    (declaration,) = read("size_t * x;")
    assert declaration.name == "x"
    assert [token.value for token in prelude(["A", "B"])] == ["typedef", "int", "A", ",", "B", ";"]
    assert prelude([]) == []


def test_depth_is_given_back() -> None:
    before = sys.getrecursionlimit()
    with depth_allowed():
        assert sys.getrecursionlimit() == max(DEPTH, before)
    assert sys.getrecursionlimit() == before


def test_too_deep_is_a_fault_like_others() -> None:
    with depth_allowed(), pytest.raises(SyntaxFault, match="nested too deeply"):
        read("int x = " + "(" * 5000 + "1" + ")" * 5000 + ";")


@pytest.mark.parametrize(
    "text",
    ["int f(", "struct", "typedef;", "int f(void) { switch (", "int a[", "{", "}", ")", "int f(void) {"],
)
def test_what_ends_too_early_is_a_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        read(text)
