"""What a token is, and that nothing makes the lexer slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.tokens import tokenise


def spellings(text: str) -> list[str]:
    return [token[0] for token in tokenise(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a+++b", ["a", "++", "+", "b"]),
        ("x->y>>=0xE+1", ["x", "->", "y", ">>=", "0xE", "+", "1"]),
        ("1.5e+3 .5 0x1.8p-3 1e5f 10ui64 1'000", ["1.5e+3", ".5", "0x1.8p-3", "1e5f", "10ui64", "1'000"]),
        ("a...b . .5 1...3", ["a", "...", "b", ".", ".5", "1...3"]),
        ('L"a\\"b" u8"c" R U\'x\' "d', ['L"a\\"b"', 'u8"c"', "R", "U'x'", '"d']),
        ("'\\'' '\\\\' 'ab' '", ["'\\''", "'\\\\'", "'ab'", "'"]),
        ('return"x"', ["return", '"x"']),
        ("a/* b */c // d\ne", ["a", "c", "e"]),
        ("a /* never closed", ["a"]),
        ("a \\\n b", ["a", "b"]),
        ("naïve $x _1", ["naïve", "$x", "_1"]),
        ("a @ ` \\ b", ["a", "@", "`", "\\", "b"]),
        ("<:a:><%b%>::", ["<:", "a", ":>", "<%", "b", "%>", "::"]),
        ("\ufeffint\x00x\x1a", ["int", "x"]),
    ],
)
def test_spellings(text: str, expected: list[str]) -> None:
    assert spellings(text) == expected


def test_offsets_are_where_the_tokens_are() -> None:
    text = '# 1 "a.c"\n int\tmain ( ) /* c */\r\n{ return\n#pragma x\n0; }'
    assert all(text.startswith(spelling, offset) for spelling, offset in tokenise(text))
    assert spellings(text) == ["int", "main", "(", ")", "{", "return", "0", ";", "}"]


@pytest.mark.parametrize(
    "line",
    [
        '# 12 "f.c" 1 3',
        '#line 12 "f.c"',
        "#pragma warning(disable: 4) \\\n more",
        '#ident "x"',
        "  #  pragma once",
    ],
)
def test_directives_are_no_tokens_wherever_they_stand(line: str) -> None:
    assert spellings(f"{line}\nint x\n{line}\n;\n{line}") == ["int", "x", ";"]


def test_a_hash_inside_a_line_is_a_token() -> None:
    assert spellings("a # b") == ["a", "#", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__asm mov eax, 'x'\ny", ["__asm mov eax, 'x'", "y"]),
        ("_asm int 3 }", ["_asm int 3 ", "}"]),
        ("__asm nop; x", ["__asm nop", ";", "x"]),
        ("__asm { nop }", ["__asm", "{", "nop", "}"]),
        ("__asm volatile (x)", ["__asm", "volatile", "(", "x", ")"]),
        ("__asm__ x", ["__asm__", "x"]),
        ("__asmx y", ["__asmx", "y"]),
    ],
)
def test_one_line_of_assembler_is_one_token(text: str, expected: list[str]) -> None:
    assert spellings(text) == expected


@given(st.text(alphabet="ab1.'\"\\/*#\n \t_asmL(){};+->&|<:%\x00é@"))
def test_every_character_is_in_a_token_or_between_tokens(text: str) -> None:
    tokens = tokenise(text)
    assert all(spelling and text.startswith(spelling, offset) for spelling, offset in tokens)
    ends = [offset + len(spelling) for spelling, offset in tokens]
    assert all(end <= offset for end, (_, offset) in zip(ends, tokens[1:], strict=False))


@given(st.text(alphabet="ab1 ;(){}+-*/=<>&|,.\n", max_size=40))
def test_white_space_and_comments_change_no_spelling(text: str) -> None:
    first = spellings(text)
    assert spellings(" /**/\n ".join(first)) == first


@pytest.mark.parametrize(
    "piece",
    ["/*", '"', " ", "\n", "\\", "'", "\n #", "__asm ", "1'", "\x00", "#\\\n", "L", "0x", ".", "/", "é"],
)
def test_long_runs_are_read_in_one_pass(piece: str) -> None:
    """A quadratic pattern would not come back from half a million repetitions."""
    text = piece * 500_000
    assert sum(len(spelling) for spelling in spellings(text)) <= len(text)
