"""Reading one declaration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.declarations import function_head, read_declaration


def declared(text: str) -> list[tuple[str, str]]:
    return [(d.name, " ".join(d.shape)) for d in read_declaration(text).declarators]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("int a;", [("a", "")]),
        ("int a, *b, c[2], d(void);", [("a", ""), ("b", "ptr"), ("c", "array"), ("d", "function")]),
        ("typedef long NTSTATUS, *PNTSTATUS;", [("NTSTATUS", ""), ("PNTSTATUS", "ptr")]),
        ("typedef struct _S { int x, y; } S, *PS;", [("S", ""), ("PS", "ptr")]),
        ("typedef NTSTATUS (__stdcall *PFN)(int a, int b);", [("PFN", "ptr function")]),
        ("typedef VOID (KDEFERRED_ROUTINE)(struct _KDPC *Dpc);", [("KDEFERRED_ROUTINE", "function")]),
        ("typedef VOID NTAPI EVT(int a);", [("EVT", "function")]),
        ("EVT_WDF_DPC MyDpc;", [("MyDpc", "")]),
        ("static EVT_WDF_DPC A, B;", [("A", ""), ("B", "")]),
        ("extern const GUID __attribute__((selectany)) G = { 1, { 2 } };", [("G", "")]),
        ("int (*table[4])(void) = { f };", [("table", "array ptr function")]),
        ("void (*signal(int s, void (*f)(int)))(int);", [("signal", "function ptr function")]),
        ("int f(a, b) int a; char *b;", [("f", "function")]),
        ("struct s { int x : 3; };", []),
        ("struct s;", []),
        ("enum e { A, B = 2 };", []),
        ("typedef enum e { A, B } E;", [("E", "")]),
        ("__declspec(dllimport) NTSTATUS __stdcall IoFoo(PVOID);", [("IoFoo", "function")]),
        ("_IRQL_requires_(2) _Ret_maybenull_ PVOID f(_In_ int a);", [("f", "function")]),
        ('int x __asm__("y") __attribute__((aligned(8)));', [("x", "")]),
        ("unsigned long long int n;", [("n", "")]),
        ("int a = b, c = (d, e), f[] = { 1, 2 };", [("a", ""), ("c", ""), ("f", "array")]),
        ("UNKNOWN(x) VOID f(int a);", [("f", "function")]),
        ("typedef int TI __attribute__((mode(DI)));", [("TI", "")]),
        ("char *(*x)[3];", [("x", "ptr array ptr")]),
        ("[[maybe_unused]] int x;", [("x", "")]),
        ("[SA_Pre(Null=SA_No)] int f(int a);", [("f", "function")]),
        ("f();", [("f", "function")]),
        ("", []),
        (";", []),
    ],
)
def test_names_and_shapes(text, names):
    assert declared(text) == names


@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("unsigned long x;", "words", "unsigned long"),
        ("const volatile ULONG *x;", "name", "ULONG"),
        ("ULONG const x;", "name", "ULONG"),
        ("struct _S *x;", "struct", "_S"),
        ("union { int a; } x;", "struct", ""),
        ("enum e x;", "enum", "e"),
        ("typeof(y) x;", "unknown", ""),
        ("__int64 x;", "words", "__int64"),
        ("x();", "unknown", ""),
    ],
)
def test_base(text, kind, base):
    assert read_declaration(text).base == (kind, base)
    assert [d.name for d in read_declaration(text).declarators] == ["x"]


def test_storage_and_initialiser():
    declaration = read_declaration("static inline int x = 1, y;")
    assert declaration.storage == {"static", "inline"}
    assert [d.initialised for d in declaration.declarators] == [True, False]


def test_nested_enumerations_are_found():
    declaration = read_declaration("struct s { enum { A, B } kind; struct { enum e { C } k; } in; };")
    spelled = ["".join(t[0] for t in declaration.tokens[a:b]) for a, b in declaration.enums]
    assert spelled == ["A,B", "C"]


def test_offset_of_the_name():
    text = "static int  /* g */ f (int a) "
    assert function_head(text, 0, len(text)) == text.index("f (")
    assert function_head("struct s ", 0, 9) == -1
    assert function_head("int x[] = f(1) ", 0, 15) == -1


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "*" * 10_000,
        "int " * 10_000,
        "a(" * 5_000 + ")" * 5_000,
        "[" * 9_999,
        "struct " * 5_000,
        "a,(" * 5000,
    ],
)
def test_hostile_text_has_a_result(text):
    assert read_declaration(text) is not None


@given(
    st.lists(
        st.sampled_from(
            [
                "int",
                "struct",
                "enum",
                "typedef",
                "static",
                "a",
                "b",
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                "*",
                ",",
                ";",
                "=",
                ":",
                "__attribute__",
                "((",
                "))",
                "__declspec",
                "typeof",
                "_In_",
                "1",
                '"',
                "'",
            ]
        ),
        max_size=25,
    )
)
def test_any_token_sequence_has_a_result(words):
    text = " ".join(words)
    for declarator in read_declaration(text).declarators:
        assert text.startswith(declarator.name, declarator.offset)
