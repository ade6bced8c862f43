"""What file-scope names mean."""

import pytest

from spincheck.frontend.chunks import cut
from spincheck.frontend.declared import declared_names
from spincheck.frontend.meanings import Meanings
from spincheck.frontend.names import Name


def meanings(text: str) -> Meanings:
    index: dict[str, str] = {}
    for chunk in cut(text).chunks:
        for name in declared_names(text, chunk):
            index.setdefault(name, text[chunk.start : chunk.brace if chunk.kind == "function" else chunk.end])
    return Meanings(index.get, index.get)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("typedef unsigned char X;", "u8"),
        ("typedef char X;", "i8"),
        ("typedef short X;", "i16"),
        ("typedef unsigned short int X;", "u16"),
        ("typedef int X;", "i32"),
        ("typedef unsigned X;", "u32"),
        ("typedef long X;", "i32"),
        ("typedef unsigned long X;", "u32"),
        ("typedef long long X;", "i64"),
        ("typedef unsigned __int64 X;", "u64"),
        ("typedef _Bool X;", "bool"),
        ("typedef void X;", "void"),
        ("typedef long double X;", "float"),
        ("typedef __int128 X;", ""),
        ("typedef struct s X;", "struct"),
        ("typedef union { int a; } X;", "struct"),
        ("typedef enum { A } X;", "i32"),
        ("typedef int X[4];", "array"),
        ("typedef void *X;", "ptr"),
        ("typedef void (*X)(int);", "ptr"),
        ("typedef void X(int);", ""),
        ("typedef typeof(1) X;", ""),
        ("typedef missing X;", ""),
        ("typedef float X __attribute__((__vector_size__(16)));", "struct"),
        ("typedef long NTSTATUS, *PNTSTATUS; typedef NTSTATUS X;", "i32"),
        ("typedef long NTSTATUS, *PNTSTATUS; typedef PNTSTATUS X;", "ptr"),
        ("typedef X Y; typedef Y X;", ""),
        ("typedef X X;", ""),
    ],
)
def test_typedefs(text, code):
    assert meanings(text).name("X") == Name("typedef", code)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("int x;", Name("variable", "i32")),
        ("extern unsigned char x[];", Name("variable", "array")),
        ("struct s { int y; } *x;", Name("variable", "ptr")),
        ("int x(void);", Name("function", "i32")),
        ("static inline void *x(int a) { return 0; }", Name("function", "ptr")),
        ("typedef long S; S x(int a);", Name("function", "i32")),
        ("typedef unsigned char F(int); F x;", Name("function", "u8")),
        ("typedef unsigned char F(int); typedef F G; static G x;", Name("function", "u8")),
        ("enum { a, x = 5 };", Name("enumerator", "i32", 5)),
        ("int (*x)(void);", Name("variable", "ptr")),
        ("int y;", None),
    ],
)
def test_other_names(text, meaning):
    assert meanings(text).name("x") == meaning


def test_enumerators_count_and_refer():
    found = meanings(
        "enum a { A0, A1, A5 = 5, A6 };"
        "typedef unsigned char UCHAR;"
        "enum b { B0 = A5 + 1, B1, B2 = (UCHAR)0x1ff, B3 = B2 << 2 | 1, B4 = -1, B5, B6 = sizeof(UCHAR), };"
        "struct s { enum { N0 = 'a', N1 } kind; };"
    )
    expected = {
        "A0": 0,
        "A1": 1,
        "A5": 5,
        "A6": 6,
        "B0": 6,
        "B1": 7,
        "B2": 255,
        "B3": 1021,
        "B4": -1,
        "B5": 0,
        "B6": 1,
        "N0": 97,
        "N1": 98,
    }
    assert {name: found.name(name) for name in expected} == {
        name: Name("enumerator", "i32", value) for name, value in expected.items()
    }


def test_unknown_value_is_not_guessed():
    found = meanings("enum a { A = sizeof(struct s), B, C = 3, D = D };")
    assert found.name("A") == found.name("B") == found.name("D") == Name("variable", "i32")
    assert found.name("C") == Name("enumerator", "i32", 3)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("typedef unsigned long long size_t;", "32"),
        ("typedef unsigned __int64 size_t;", "32"),
        ("typedef unsigned int size_t;", "32"),
        ("typedef unsigned long size_t;", "64"),
        (
            "typedef unsigned long __kernel_ulong_t; typedef __kernel_ulong_t __kernel_size_t; typedef __kernel_size_t size_t;",
            "64",
        ),
        ("typedef long NTSTATUS;", "32"),
        ("int x;", "32"),
    ],
)
def test_width_of_long(text, bits):
    found = meanings(f"{text} typedef long L;")
    assert found.long == bits
    assert found.name("L") == Name("typedef", f"i{bits}")
    assert found.name("long") == (None if bits == "32" else Name("typedef", "i64"))


def test_role_types():
    found = meanings(
        "typedef void DPC(int a); typedef DPC MY_DPC; typedef int T; typedef DPC *PDPC; typedef struct s S;"
    )
    assert found.role_types("DPC") == ("DPC",)
    assert found.role_types("MY_DPC") == ("MY_DPC", "DPC")
    assert found.role_types("UNDECLARED") == ("UNDECLARED",)
    assert found.role_types("T") == found.role_types("PDPC") == found.role_types("S") == ()


def test_a_long_chain_is_no_deep_recursion():
    text = "typedef int T0;" + "".join(f"typedef T{n} T{n + 1};" for n in range(5000))
    assert meanings(text).name("T40") == Name("typedef", "i32")
    assert meanings(text).name("T5000").kind == "typedef"
    text = "enum e0 { E0 };" + "".join(f"enum e{n} {{ E{n} = E{n - 1} + 1 }};" for n in range(1, 5000))
    assert meanings(text).name("E4999") == Name("variable", "i32")
    assert meanings(text).name("E20") == Name("enumerator", "i32", 20)
