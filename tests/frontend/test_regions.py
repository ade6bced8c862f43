"""Segments of a text, and what each contributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.linemap import LineMap
from spincheck.frontend.regions import (
    decode,
    encode,
    lock_annotations,
    read_regions,
    region_key,
    scan_region,
    segments,
)


def scan(text: str, *, own: bool = True):
    return scan_region(text, 0, len(text), own=own)


def test_names_and_where_they_are():
    text = "typedef int T; enum { A, B }; struct s { enum { C } k; } v, *p; int f(int a); static inline int g(void) { return 1; }"
    region = scan(text, own=False)
    assert set(region.names) == {"T", "A", "B", "C", "v", "p", "f", "g"}
    assert text.startswith("struct s", region.names["C"] >> 1)
    assert [name for name, place in region.names.items() if place & 1] == ["g"]
    assert region.definitions == region.roles == region.initialised == ()


def test_a_body_wins_over_a_prototype():
    region = scan("int f(void); int f(void) { return 1; } int f(void);", own=False)
    assert region.names == {"f": 13 * 2 + 1}


def test_offsets_count_from_the_start_of_the_segment():
    text = "int x; static int f(void) { return 1; } int t[] = { 1 };"
    region = scan_region(text, 7, len(text), own=True)
    assert region.names["f"] == 1
    assert region.definitions == ((0, 32, 19, 11),)
    assert region.initialised == ((33, 49),)


def test_roles_of_bare_types():
    region = scan(
        "DRIVER_INITIALIZE DriverEntry; static EVT_WDF_DPC A, B; EVT_X __attribute__((x)) C; int n; T *p; T q = 1; typedef T U;"
        "_Function_class_(DRIVER_UNLOAD) VOID Unload(PVOID d) { }"
    )
    assert region.roles == (
        ("DriverEntry", "DRIVER_INITIALIZE"),
        ("A", "EVT_WDF_DPC"),
        ("B", "EVT_WDF_DPC"),
        ("C", "EVT_X"),
        ("Unload", "DRIVER_UNLOAD"),
    )


def test_lock_annotations():
    region = scan(
        "_Acquires_lock_(Dev->Lock) _IRQL_raises_(2) VOID Take(PDEV Dev);\n"
        "_When_(return == 0, _Acquires_lock_(x)) int Try(int x);\n"
        "_Releases_exclusive_lock_( *L ) VOID Give(PLOCK L) { }\n"
        "VOID Plain(int lock_count);"
    )
    assert region.locks == (
        ("Take", "_Acquires_lock_", "Dev->Lock"),
        ("Give", "_Releases_exclusive_lock_", "*L"),
    )
    clang = "void f(void) __attribute__((acquire_capability(m)))"
    assert list(lock_annotations(clang, "f")) == [("f", "acquire_capability", "m")]


def test_segments_cover_the_text_and_change_with_the_owner():
    text = '# 1 "a.c"\n# 1 "s.h" 1 3\nint s;\n# 1 "t.h" 1 3\nint t;\n# 2 "a.c" 2\n# 2 "own.h" 1\nint o;\n# 5 "a.c" 2\nint f(\n# 5 "a.c" 3\n0\n# 5 "a.c"\n);'
    lines = LineMap(text, "?")
    found = segments(lines, [name in {"a.c", "own.h"} for name in lines.files], len(text))
    assert "".join(text[s.start : s.end] for s in found) == text
    assert [(s.own, s.main) for s in found] == [
        (True, True),
        (False, False),
        (True, True),
        (True, False),
        (True, True),
    ]


def test_text_without_markers_is_one_segment():
    assert segments(LineMap("int x;", "a.c"), [True], 6) == [(0, 6, True, True)]
    assert segments(LineMap("", "a.c"), [True], 0) == []


def read(text: str, own: set[str]):
    lines = LineMap(text, "?")
    found = segments(lines, [name in own for name in lines.files], len(text))
    return read_regions(text, found, lambda s: scan_region(text, s.start, s.end, own=s.own))


@pytest.mark.parametrize("included", ["1, 2,\n", "{ 1, f }, {\n2, 3 },\n"])
def test_an_include_inside_an_initialiser(included):
    text = (
        f'# 1 "a.c"\nint t[] = {{\n# 1 "t.inc" 1 3\n{included}# 3 "a.c" 2\n}};\nint g(void) {{ return 1; }}\n'
    )
    regions = read(text, {"a.c"})
    names = {name for _, region in regions for name in region.names}
    assert names == {"t", "g"}
    spans = [text[s.start + a : s.start + b] for s, r in regions for a, b in r.initialised]
    assert [span.startswith("int t[]") and span.endswith("};") for span in spans] == [True]


def test_an_unclosed_header_does_not_swallow_the_main_file():
    text = (
        '# 1 "a.c"\n# 1 "s.h" 1 3\nstatic int s(void) { if (x) {\n}\n# 2 "a.c" 2\nint g(void) { return 1; }\n'
    )
    assert "g" in {name for _, region in read(text, {"a.c"}) for name in region.names}


def test_keys_differ_by_text_and_owner():
    assert len({region_key("int x;", True), region_key("int x;", False), region_key("int y;", True)}) == 3
    assert region_key("\udc80é", True)


def test_kept_and_damaged_values():
    region = scan("int a; EVT_X f; int t[] = { 1 }; int g(void) { return 1; }")
    value = encode(region)
    assert decode(value) == region
    assert (
        decode(None)
        is decode(b"")
        is decode(value[:-1])
        is decode(b"\xc1" + value)
        is decode(b"\x90")
        is None
    )


@given(st.binary(max_size=40))
def test_any_bytes_decode_to_a_region_or_none(value):
    decode(value)


@given(
    st.lists(
        st.sampled_from(
            [
                "int a;",
                "{",
                "}",
                "enum {",
                "A,",
                "}",
                ";",
                "(",
                ")",
                "=",
                "T x;",
                "typedef",
                "struct s",
                '\n# 2 "h" 1\n',
            ]
        )
    ).map(" ".join)
)
def test_any_text_has_a_region(text):
    for own in (True, False):
        region = scan(text, own=own)
        assert all(0 <= place >> 1 < len(text) for place in region.names.values())
