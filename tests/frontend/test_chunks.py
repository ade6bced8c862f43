"""Cutting text into external declarations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.chunks import cut, cut_one


def cuts(text: str) -> list[tuple[str, str]]:
    """What was cut: the function's name or the kind, and the text."""
    return [
        (chunk.function if chunk.kind == "function" else chunk.kind, text[chunk.start : chunk.end])
        for chunk in cut(text).chunks
    ]


def functions(text: str) -> list[str]:
    return [chunk.function for chunk in cut(text).chunks if chunk.kind == "function"]


@pytest.mark.parametrize(
    "head",
    [
        "void f(void)",
        "int f()",
        "static NTSTATUS __stdcall f(PDEVICE_OBJECT d, PIRP i)",
        "extern __inline __m128i __attribute__((__gnu_inline__, __always_inline__)) f (__m128i a)",
        '__declspec(dllexport) __declspec("SAL_name(a)") VOID f(int a)',
        "_Use_decl_annotations_ _IRQL_requires_max_(DISPATCH_LEVEL) VOID f(_In_ int a)",
        "_Function_class_(EVT_WDF_DPC) static VOID NTAPI f(WDFDPC d)",
        "__pragma(warning(suppress: 28167)) VOID f(int a)",
        "struct s *f(struct s *p)",
        "struct s { int x; } f(void)",
        "void (*f(int a))(int)",
        "int f(a, b) int a; char *b;",
        "int f(a) struct s *a;",
        'main_t\n# 5 "a.c" 3\n  __stdcall\n# 5 "a.c"\n f(\n# 5 "a.c"\n int a)',
        "void f(void (*callback)(int), int table[sizeof(struct { int x; })])",
        "void f(int a) __attribute__((noinline)) __acquires_",
        'int f(void) __asm__("g")',
        "UNKNOWN_MACRO(x) VOID f(int a)",
        "VOID /* f( */ f /* { */ (int a) // {",
        "typeof(int) f(void)",
        "f(void)",
        "[[nodiscard]] int f(void)",
    ],
)
def test_function_definitions(head):
    text = f'int before;\n{head}\n{{ if (a) {{ b("}}"); }} }}\nint after;'
    assert functions(text) == ["f"]
    assert cuts(text)[0] == ("declaration", "int before;")
    assert cuts(text)[-1] == ("declaration", "int after;")


@pytest.mark.parametrize(
    "text",
    [
        "struct s { int (*f)(int); };",
        "struct __attribute__((packed)) s { int x; } t;",
        "struct __declspec(align(16)) s { int x; };",
        "union { int a; } u = { 1 };",
        "typedef enum e { A = (1), B } e;",
        "int t[] = { f(1), g(2) };",
        "int (*t[2])(int) = { f, g };",
        "static struct ops o = { .open = my_open, .n = sizeof(struct { int x; }) };",
        "int x = ({ int y; y; });",
        "struct s f = (struct s) { 1 };",
        "int f(int a), g(int b);",
        "EVT_WDF_DPC MyDpc;",
        "typedef VOID (KDEFERRED_ROUTINE)(PVOID a);",
        'char *s = "{\\"";',
        "int c = '{';",
        '_Static_assert(sizeof(int) == 4, "}");',
        "enum e : unsigned char { A };",
    ],
)
def test_declarations(text):
    assert cuts(f"int before;{text} int after;") == [
        ("declaration", "int before;"),
        ("declaration", text),
        ("declaration", "int after;"),
    ]


def test_linkage_is_opened():
    text = 'extern "C" {\nint f(void) { return 1; }\n}\nextern "C" int g(void);\nvoid h(void) {}'
    assert functions(text) == ["f", "h"]
    assert ("declaration", 'extern "C" int g(void);') in cuts(text)


def test_old_style_parameters_belong_to_the_definition():
    text = "int x; int f(a, b) int a; int b; { return a; }"
    assert cuts(text) == [("declaration", "int x;"), ("f", "int f(a, b) int a; int b; { return a; }")]


def test_directives_are_no_text():
    text = '#pragma warning(disable: 4200) {\nint a;\n  #pragma once {\n# 3 "b{.c"\nint b;'
    assert cuts(text) == [("declaration", "int a;"), ("declaration", "int b;")]


def test_missing_comma_in_a_prototype():
    """A slip that a well-known header has: two parameters without a comma."""
    text = "VOID NTAPI P(IN PVOID a, IN PVOID b OPTIONAL IN ULONG c);\nVOID f(void) {}"
    assert functions(text) == ["f"]


def test_forgotten_semicolon_costs_the_structure():
    text = "struct s { int x; }\nvoid f(void) { g(); }\nvoid h(void) {}"
    assert [c[0] for c in cuts(text)][-2:] in (["f", "h"], ["broken", "h"])
    assert "h" in functions(text)


def test_unclosed_body_costs_itself():
    text = "void f(void) { if (x) {\n  y();\n}\nstatic int z;\nvoid g(void) { a(); }\nint h(int a)\n{ return a; }\n"
    result = cut(text)
    assert [chunk.function for chunk in result.chunks if chunk.kind == "function"] == ["g", "h"]
    assert result.tail == 0


def test_unclosed_body_ends_where_its_file_ends():
    text = '# 1 "a.h" 1\nvoid f(void) {\n  int x\n# 4 "b.c" 2\nvoid g(void) { }'
    assert functions(text) == ["g"]


def test_stray_bracket():
    assert functions("} } void f(void) {} } ; void g(void) {}") == ["f", "g"]


def test_tail_is_what_the_range_leaves_open():
    assert cut("int a; int t[] = { 1,").tail == 7
    assert cut("int a; int b").tail == 7
    assert cut('int a; /* b */\n# 1 "x"\n').tail == -1


def test_range():
    text = "int a; int b; int c;"
    assert [text[c.start : c.end] for c in cut(text, 6, 13).chunks] == ["int b;"]
    chunk = cut_one(text, 6, len(text))
    assert chunk is not None
    assert text[chunk.start : chunk.end] == "int b;"
    assert cut_one("  ", 0, 2) is None


@pytest.mark.parametrize("depth", [3, 30, 10_000])
def test_deep_nesting(depth):
    body = "{" * depth + "}" * depth
    assert functions(f"void f(void) {body} void g(void) {{}}") == ["f", "g"]
    assert len(cut("(" * depth).chunks) == 1


@pytest.mark.parametrize(
    "piece",
    [
        "{",
        "}",
        "(",
        '"',
        "'",
        "/*",
        '\\"',
        "#",
        "/",
        "a(",
        "f(){",
        "[",
        "x{(",
        "\0",
        "struct s {",
        "\\",
        "{'",
        '{"',
        "{/*",
    ],
)
def test_a_megabyte_of_anything_has_a_result(piece):
    """Each of these is quadratic for a cutter that looks for the same end again and again."""
    text = piece * (1_000_000 // len(piece))
    assert cut(text).tail in range(-1, len(text))
    cut("void f(void) {\n" + text + "\nint g;\n")


FRAGMENTS = st.sampled_from(
    [
        "int a;", "void f(void) { }", "{", "}", "(", ")", ";", "=", '"', "'", "/*", "*/", "//", "\n", " ", "\\", "#", '# 1 "x.h" 1\n',
        "struct s", "typedef", "int f(a) int a;", "a", ",", "{ x; }", 'extern "C"', "__attribute__((x))", "\n#pragma x\n", "[", "]",
        "static int t[] = {", "\nvoid g(int x)\n{", "é", "\0", "({", "})", 'asm("x")', "return x;",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_chunks_cover_the_text(text):
    """Chunks are in order and do not overlap, and between them there is nothing that a declaration is made of."""
    result = cut(text)
    position = 0
    for chunk in result.chunks:
        assert position <= chunk.start < chunk.end <= len(text)
        assert_blank(text[position : chunk.start])
        position = chunk.end
    assert_blank(text[position:])


def assert_blank(gap: str) -> None:
    """A reader that goes character by character: comments, directives, stray brackets and linkage only."""
    gap = gap.replace('extern "C"', "")
    at = 0
    while at < len(gap):
        if gap.startswith("/*", at):
            end = gap.find("*/", at + 2)
            at = len(gap) if end < 0 else end + 2
        elif gap.startswith(("//", "#"), at):
            end = gap.find("\n", at)
            at = len(gap) if end < 0 else end
        else:
            assert gap[at].isspace() or gap[at] in ";{}\x1c\x1d\x1e\x1f\x85", gap
            at += 1


@given(
    st.lists(
        st.sampled_from(
            ["int a;", "void f(void) { if (x) { y; } }", "struct s { int b; } c;", "int t[] = { 1, 2 };"]
        ),
        max_size=8,
    )
)
def test_well_formed_text_is_cut_where_it_was_joined(pieces):
    text = "\n".join(pieces)
    assert [text[c.start : c.end] for c in cut(text).chunks] == pieces
    assert cut(text).tail == -1
