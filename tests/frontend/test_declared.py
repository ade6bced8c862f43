"""Names of headers: the short way must find what the long one does, in the same order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.chunks import cut
from spincheck.frontend.declared import names_of_chunks, names_of_headers

PIECES = [
    "int f(int a);",
    "typedef int g(void);",
    "extern int f(void) { return 1; }",
    "int f(void) { struct t { int x; } v; }",
    "typedef struct s { int x; enum { A, B } k; } T, *PT;",
    "enum e { C, D = 1, };",
    "struct s { int (*m)(int); } v[4], w;",
    "typedef unsigned long T;",
    "int a, *b[3], c;",
    "struct T;",
    "union T ;",
    "int old(a, b)",
    "int a; char *b;",
    "{ return a; }",
    "int (*p)(int);",
    "typedef int ( *P)( int a, struct s *b);",
    "typedef int a[2], (NTAPI F) (int);",
    "typedef int (P)(int (*q)(int));",
    "int n = 4, m[] = { 1, 2 };",
    "const struct s __attribute__((selectany)) c = { 1, { 2 } };",
    "unsigned m[] = { sizeof(enum { G }) };",
    "enum { H } e = { H };",
    "int = { 1 };",
    "if (x) { y; }",
    'extern "C" {',
    "}",
    ";",
    '# 3 "a.h" 3\n',
    "#pragma pack(push)\n",
    "/* int z; */",
    "struct s { int x; }",
    "int g(int a) __attribute__((noinline));",
    "struct d {{{{{{{{ int x; }}}}}}}} deep;",
    "int t[] = {",
    '"',
    "(",
]


def both(text: str, start: int, end: int) -> tuple[tuple[list[tuple[str, int]], int], ...]:
    """Names and tail as the short way and the long way find them."""
    names, tail = names_of_headers(text, start, end)
    chunks, expected = cut(text, start, end)
    return (list(names.items()), tail), (list(names_of_chunks(text, start, chunks).items()), expected)


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(0, 9), st.integers(0, 9))
def test_both_ways_find_the_same(pieces, before, after):
    text = "\n".join(pieces)
    start = min(before, len(text))
    short, long = both(text, start, max(len(text) - after, start))
    assert short == long


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("int old(a, b) int a; char *b; { return a; } int z;", {"old": 1, "z": 88}),
        ("int f(a) int a; int g(void); { }", {"f": 0, "g": 32}),
        ("struct s { enum { A } k; } v; enum { A };", {"A": 0, "v": 0}),
        ("typedef int f(void); int f(void) { }", {"f": 0}),
        ("int f(void); int f(void) { }", {"f": 27}),
        ("struct T; typedef struct T { int x; } T;", {"T": 20}),
        ("enum\tT ; typedef enum T T;", {"T": 18}),
    ],
)
def test_names_and_places(text, names):
    short, long = both(text, 0, len(text))
    assert short == long
    assert dict(short[0]) == names
