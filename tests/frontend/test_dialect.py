"""The dialect's rewriting, as far as it is not visible in the pages ``lower_*.md``: ordinals, and guards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from literate import NAMES

from spincheck.frontend import keywords
from spincheck.frontend.dialect import rewrite
from spincheck.frontend.names import Name
from spincheck.frontend.tokens import tokenise

_WORDS = sorted(
    {
        *keywords.PUNCTUATION, *keywords.KEYWORDS, *keywords.BUILTIN_TYPES, *keywords.IGNORED, *keywords.FUNCTION_NAMES,
        *keywords.IGNORED_WITH_ARGUMENTS, *keywords.HEADER_WORDS, "__try", "try", "__except", "finally", "__leave",
        "leave", "asm", "__asm", "__label__", "goto", "ULONG", "x", "y", "1", "0x10", '"s"', "'c'", "L", "_In_", "@",
    }
)  # fmt: skip


def spell(text: str, names: dict[str, Name] | None = None) -> str:
    return " ".join(token.value for token in rewrite(tokenise(text), names or {}).tokens)


@given(st.lists(st.sampled_from(_WORDS), max_size=30))
def test_tokens_stay_in_order_and_know_their_ordinals(words: list[str]) -> None:
    tokens = tokenise(" ".join(words))
    rewritten = rewrite(tokens, NAMES)
    ordinals = [token.lineno for token in rewritten.tokens]
    assert ordinals == sorted(ordinals)
    assert all(0 <= ordinal < len(tokens) for ordinal in ordinals)
    kept = [token for token in rewritten.tokens if token.value == tokens[token.lineno][0]]
    assert len({token.lineno for token in kept if token.type == "ID"}) == len(
        [t for t in kept if t.type == "ID"]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "int f(void) { try { } }",
            "int f ( void ) { if ( %try ) { } }".replace("if", "__try").replace("( %try", "( %try"),
        ),
        ("int try;", "int try ;"),
        ("struct try { int x; };", "struct try { int x ; } ;"),
        ("finally { }", "finally { }"),
        ("leave;", "leave ;"),
        ("int typeof = 1;", "int typeof = 1 ;"),
        ("a && b", "a && b"),
        ("f(&&b)", "f ( &&b )"),
        ("(void *)&&b", "( void * ) &&b"),
        ("x[0][1]", "x [ 0 ] [ 1 ]"),
        ("f(int a, ...)", "f ( int a , ... )"),
    ],
)
def test_rewriting(text: str, expected: str) -> None:
    names = {"typeof": Name("variable", "i32")} if "typeof" in text else {}
    assert spell(text, names) == expected


def test_a_function_called_try_is_left_alone() -> None:
    assert "%try" not in spell("void f(void) { try { } }", {"try": Name("function", "void")})


def test_nothing_that_a_program_can_spell_makes_a_placeholder() -> None:
    spelled = rewrite(tokenise("int f(void) { return %try + %0 + %leave; }"), {}).tokens
    assert not any(token.type == "ID" and token.value.startswith("%") for token in spelled)


def test_an_annotation_known_as_a_function_stays() -> None:
    text = "void f(void) { _Wrapped_(x) y; }"
    assert "_Wrapped_" not in spell(text)
    assert "_Wrapped_" in spell(text, {"_Wrapped_": Name("function", "void")})


def test_assembler_tells_what_it_names_and_calls() -> None:
    (aside,) = rewrite(tokenise("void f(void) { __asm { mov eax, x\n call g\n call [y] } }"), {}).asides
    assert aside.why == "asm"
    assert aside.calls == ("g", "y")
    assert {"x", "g", "y"} <= set(aside.names)


def test_typedefs_are_those_that_occur() -> None:
    assert rewrite(tokenise("ULONG x; PDEVICE y; size_t z;"), NAMES).typedefs == [
        "ULONG",
        "PDEVICE",
        "size_t",
    ]
