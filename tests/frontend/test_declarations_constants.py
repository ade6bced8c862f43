"""Constant expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.constants import evaluate, truncate
from spincheck.frontend.tokens import tokenise

TYPES = {"UCHAR": "u8", "long": "i32", "unsigned int": "u32", "LONGLONG": "i64"}


def value(text: str) -> int | None:
    return evaluate([t[0] for t in tokenise(text)], {"A": 7}.get, lambda words: TYPES.get(" ".join(words)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("0x10 | 0b11", 19),
        ("010", 8),
        ("10ui64", 10),
        ("0xFFFFFFFFUL", 0xFFFFFFFF),
        ("1'000", 1000),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("1 ? 2 : 3 ? 4 : 5", 2),
        ("0 || 2 && 1", 1),
        ("~0", -1),
        ("!5 == 0", 1),
        ("1 << 4 >> 1", 8),
        ("(UCHAR)300", 44),
        ("(LONGLONG)-1", -1),
        ("A + 1", 8),
        ("(A)", 7),
        ("(A) + 1", 8),
        ("'a'", 97),
        (r"'\n'", 10),
        (r"'\x41'", 65),
        (r"'\0'", 0),
        ("'abcd'", 0x61626364),
        ("L'x'", 120),
        ("sizeof(UCHAR) * 8", 8),
        ("1 / 0", None),
        ("B", None),
        ("1 +", None),
        ("(1", None),
        ("1 2", None),
        ("1.5", None),
        ("sizeof(struct s)", None),
        ("1 << 100000", None),
        ("09", None),
        ("", None),
        ("''", None),
        ("(" * 5000 + "1" + ")" * 5000, None),
        ("-" * 5000 + "1", None),
        ("1?" * 3000, None),
        ("9" * 5000, None),
    ],
)
def test_values(text, expected):
    assert value(text) == expected


@given(st.recursive(st.integers(0, 99).map(str), lambda e: st.one_of(
    st.builds("({} {} {})".format, e, st.sampled_from(["+", "-", "*", "|", "&", "^"]), e), st.builds("(- {})".format, e), st.builds("(~{})".format, e)
), max_leaves=12))  # fmt: skip
def test_agrees_with_python(text):
    assert value(text) == eval(text)


@given(st.integers(), st.sampled_from(["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"]))
def test_truncate_is_congruent_and_in_range(number, code):
    bits = int(code[1:])
    result = truncate(number, code)
    assert (result - number) % (1 << bits) == 0
    assert result in (range(-(1 << bits - 1), 1 << bits - 1) if code[0] == "i" else range(1 << bits))
