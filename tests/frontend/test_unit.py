"""From text to a unit, and what is done again when something changed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spincheck import ir
from spincheck.frontend.unit import Settings, Unit, read_unit
from spincheck.memory import NoMemory

SETTINGS = Settings(frozenset({"Acquire", "Release", "Inlined"}))

HEADER = """# 1 "/inc/sys.h" 1 3
typedef long NTSTATUS; typedef int DPC(int a); typedef DPC *PDPC;
enum { LIMIT = 4 };
void Acquire(int *lock);
void Release(int *lock);
void Other(int a);
extern DPC Entry;
static inline void Inlined(int *lock) { Acquire(lock); }
static inline void Takes(int *lock) { Acquire(lock); }
static inline void Indirectly(int *lock) { if (*lock) Takes(lock); }
static inline int Harmless(int a) { Other(a); return a; }
static inline void Unused(int *lock) { Acquire(lock); }
"""

MAIN = """# 2 "drv.c" 2
DPC MyDpc;
static int lock;
static NTSTATUS helper(int a)
{
    Acquire(&lock);
    if (a > LIMIT) { Release(&lock); }
    return Harmless(a);
}
int MyDpc(int a) { Indirectly(&lock); return helper(a); }
int Entry(int a) { return Missing(a); }
PDPC table[] = { MyDpc, 0 };
"""

TEXT = '# 1 "drv.c"\n' + HEADER + MAIN


def unit(text: str, memory: NoMemory | None = None, settings: Settings = SETTINGS) -> Unit:
    return read_unit(text, name="drv.c", settings=settings, memory=memory or NoMemory())


def header(found: Unit, name: str) -> ir.FunctionHeader:
    return next(header for header in found.record.functions if header.name == name)


def work(found: Unit) -> tuple[int, int, int, int]:
    stats = found.stats
    return stats.regions_scanned, stats.regions_reused, stats.functions_parsed, stats.functions_reused


def test_record():
    record = unit(TEXT).record
    assert record.source == "drv.c"
    assert [(f.name, f.own, f.static) for f in record.functions] == [
        ("helper", True, True),
        ("MyDpc", True, False),
        ("Entry", True, False),
        (ir.FILE_SCOPE, True, True),
        ("Takes", False, True),
        ("Indirectly", False, True),
    ]
    assert record.system == ("Acquire", "Harmless", "Release")
    assert record.roles == (ir.RoleDeclaration("MyDpc", "DPC"), ir.RoleDeclaration("Entry", "DPC"))
    assert record.unanalysed == ()


def test_linkage_comes_from_any_declaration():
    text = "typedef int F(int); static F a; static int b(int); int c(int); int a(int x) { return x; } int b(int x) { return x; } int c(int x) { return x; }"
    assert [f.static for f in unit(text).record.functions] == [True, True, False]


def test_calls_and_references():
    found = unit(TEXT)
    assert header(found, "helper").calls == ("Acquire", "Harmless", "Release")
    assert header(found, "Entry").calls == ("Missing",)
    assert [r.function for r in header(found, ir.FILE_SCOPE).references] == ["MyDpc"]


def test_places():
    found = unit(TEXT)
    helper = header(found, "helper")
    assert (helper.file, helper.line, helper.lines) == ("drv.c", 4, 6)
    assert (header(found, "Takes").file, header(found, "Takes").line) == ("/inc/sys.h", 8)
    assert found.locate("helper", 0) == ("drv.c", 4, 1)
    assert found.spell("helper", 2) == "helper"
    assert found.locate("helper", 2) == ("drv.c", 4, 17)
    assert found.locate("helper", 10**9) == ("drv.c", 9, 1)
    assert found.spell("helper", 10**9) == found.spell("helper", -1) == ""
    assert found.locate(ir.FILE_SCOPE, 1) == ("drv.c", 12, 6)


def test_three_shelves():
    memory = NoMemory()
    first = unit(TEXT, memory)
    assert work(first) == (1, 0, 6, 0)
    again = unit(TEXT, memory)
    assert work(again) == (0, 0, 0, 6)
    assert again.stats.bytes_scanned == 0
    assert again.record == first.record
    edited = unit(TEXT.replace("return Missing(a);", "return Missing(a + 1);"), memory)
    assert work(edited) == (0, 1, 1, 5)
    for name in ("helper", "Takes", ir.FILE_SCOPE):
        assert again.code(name) == first.code(name) == edited.code(name)
    assert again.locate("MyDpc", 1) == first.locate("MyDpc", 1)
    assert again.spell(ir.FILE_SCOPE, 1) == "table"


def test_a_second_unit_with_the_same_header():
    memory = NoMemory()
    unit(TEXT, memory)
    other = unit('# 1 "b.c"\n' + HEADER + '# 2 "b.c" 2\nint f(int a) { Acquire(&a); return a; }\n', memory)
    assert work(other) == (0, 1, 1, 0)


def test_a_header_edit_is_felt_only_where_its_names_are_used():
    memory = NoMemory()
    first = unit(TEXT, memory)
    edited = unit(TEXT.replace("LIMIT = 4", "LIMIT = 5"), memory)
    changed = [f.name for f in edited.record.functions if f.key != header(first, f.name).key]
    assert changed == ["helper"]
    assert work(edited) == (1, 0, 1, 5)
    edited = unit(TEXT.replace("typedef long NTSTATUS", "typedef char NTSTATUS"), memory)
    changed = [f.name for f in edited.record.functions if f.key != header(first, f.name).key]
    assert changed == ["helper", "MyDpc"]  # the result of helper is part of what MyDpc means


SHARED = NoMemory()
BLANKS = st.lists(
    st.sampled_from([" ", "\n", "\t", "/* } */", "// {\n", '\n# 7 "drv.c" 3\n', "\n#pragma x {\n", "\r\n"]),
    max_size=3,
).map("".join)


@settings(max_examples=30)
@given(st.data())
def test_keys_do_not_see_layout(data):
    """Blanks between tokens and text above change places, never keys, code or ordinals."""
    first = unit(TEXT, SHARED)
    tokens = re.findall(r"\w+|[^\w\s]", MAIN.split("\n", 1)[1])
    body = "".join(data.draw(BLANKS) + " " + token for token in tokens)
    moved = unit('# 1 "drv.c"\n' + HEADER + '# 2 "drv.c" 2\nint added(int b) { return b; }\n' + body, SHARED)
    keys = {f.name: f.key for f in moved.record.functions}
    assert {f.name: f.key for f in first.record.functions} == {
        name: key for name, key in keys.items() if name != "added"
    }
    assert moved.code("helper") == first.code("helper")
    assert [moved.spell("helper", at) for at in range(8)] == [first.spell("helper", at) for at in range(8)]


@settings(max_examples=30)
@given(BLANKS, st.integers(0, 30))
def test_locate_agrees_with_a_line_counter(blank, at):
    marker, source = MAIN.split("\n", 1)
    text = f'# 1 "drv.c"\n{HEADER}{marker}\n{source.replace(" ", blank + " ")}'
    found = unit(text)
    spelled = found.spell("helper", at)
    place = found.locate("helper", at)
    offsets = [
        match.start()
        for match in re.finditer(re.escape(spelled) if spelled else r"\Z", text)
        if naive_place(text, match.start()) == place
    ]
    assert offsets or not spelled


def naive_place(text: str, offset: int) -> tuple[str, int, int]:
    file, line, column = "drv.c", 1, 1
    at = 0
    while at < offset:
        if column == 1 and (marker := re.compile(r'# (\d+) "([^"]*)"[^\n]*\n').match(text, at)):
            line, file, at = int(marker[1]), marker[2], marker.end()
            continue
        line, column = (line + 1, 1) if text[at] == "\n" else (line, column + 1)
        at += 1
    return file, line, column


def test_own_header_functions_are_own():
    text = '# 1 "d/a.c"\n# 1 "d/own.h" 1\nstatic int g(void) { return 1; }\n# 2 "d/a.c" 2\nint f(void) { return g(); }\n'
    found = unit(text)
    assert [(f.name, f.own, f.file) for f in found.record.functions] == [
        ("g", True, "d/own.h"),
        ("f", True, "d/a.c"),
    ]


def test_operations_are_never_opened():
    found = unit("void Acquire(int *l) { *l = 1; } void f(int *l) { Acquire(l); }")
    assert [f.name for f in found.record.functions] == ["f"]
    assert found.record.system == ("Acquire",)


def test_old_style_definition():
    memory = NoMemory()
    text = "int x;\nint f(a, b)\n  int a;\n  int b;\n{\n  return a;\n}\n"
    unit(text, memory)
    found = unit(text, memory)
    assert work(found) == (0, 0, 0, 1)
    assert found.locate("f", 1) == ("drv.c", 2, 5)
    assert found.spell("f", 1) == "f"
    assert header(found, "f").lines == 6


def test_two_definitions_are_noted_and_the_last_is_read():
    found = unit("int f(void) { return A(); }\nint f(void) { return B(); }\n")
    assert header(found, "f").calls == ("B",)
    assert [(u.function, u.line) for u in found.record.unanalysed] == [("f", 2)]


def test_an_inline_definition_beside_the_external_one_is_none_of_two():
    inline = "extern __inline__ __attribute__((gnu_inline)) int f(void) { return A(); }\n"
    external = "int f(void) { return B(); }\n"
    for text in (inline + external, external + inline):
        found = unit(text)
        assert header(found, "f").calls == ("B",)
        assert found.record.unanalysed == ()


def test_a_function_whose_name_a_macro_took_away_is_told():
    """``#define Allocate(x) 0`` makes ``STATUS Allocate(x) { … }`` text without a name."""
    found = unit(
        "typedef int STATUS;\nSTATUS ((STATUS)((int)0)) { return A(); }\nSTATUS ((STATUS)((int)1)) { return B(); }\nint g(void) { return 1; }\n"
    )
    assert [f.name for f in found.record.functions] == ["g"]
    assert [(u.function, u.line) for u in found.record.unanalysed] == [("STATUS", 2), ("STATUS", 3)]
    assert all("macro" in u.reason for u in found.record.unanalysed)


MSVC = """#line 1 "c:\\\\drv\\\\a.c"
#line 1 "c:\\\\Program Files (x86)\\\\Windows Kits\\\\10\\\\Include\\\\10.0\\\\km\\\\wdm.h"
#pragma once
typedef __declspec("SAL_name" "(" "\\"_Function_class_\\"" ")") long NTSTATUS; typedef unsigned char KIRQL;
__declspec(dllimport) [SA_Post(MustCheck=SA_Yes)] NTSTATUS __stdcall Query([SA_Pre(Null=SA_No)] void *p);
__declspec(dllimport) void __stdcall Acquire([SA_Pre(Deref=1)] int *lock); void __stdcall Release(int *lock);
static __forceinline void __cdecl Takes(int *lock) { Acquire(lock); __pragma(warning(suppress: 28167)) }
#pragma warning(pop)
#line 3 "c:\\\\drv\\\\a.c"

typedef int EVT(int a);
EVT MyEvt;
typedef char __C_ASSERT__[(sizeof(int) == 4) ? 1 : -1];
static int lock;
__declspec(code_seg("PAGE")) int __stdcall MyEvt(int a)
{
#line 20 "c:\\\\drv\\\\a.c"
    __pragma(warning(suppress: 6326)) switch (a) { case 1i32: Takes(&lock); }
#pragma warning(disable: 4127)
    __try { Release(&lock); } __except (1) { return -1i64; }
    return 0x10ui64;
}
"""


def test_text_of_microsofts_compiler():
    found = unit(MSVC.replace("\n", "\r\n"))
    assert [(f.name, f.own, f.line) for f in found.record.functions] == [
        ("MyEvt", True, 8),
        ("Takes", False, 5),
    ]
    assert found.record.source == "c:\\drv\\a.c"
    assert found.record.roles == (ir.RoleDeclaration("MyEvt", "EVT"),)
    assert found.record.unanalysed == ()
    assert header(found, "MyEvt").recovered == ()
    assert header(found, "MyEvt").calls == ("Release", "Takes")
    at = next(at for at in range(60) if found.spell("MyEvt", at) == "Takes")
    assert found.locate("MyEvt", at)[:2] == ("c:\\drv\\a.c", 20)


def test_long_is_wide_on_unix():
    narrow = unit("typedef unsigned int size_t; int f(long a) { return (int)a; }")
    wide = unit("typedef unsigned long size_t; int f(long a) { return (int)a; }")
    assert header(narrow, "f").key != header(wide, "f").key


def test_settings_are_part_of_a_unit():
    memory = NoMemory()
    unit(TEXT, memory)
    found = unit(TEXT, memory, Settings(frozenset({"Other"})))
    assert [f.name for f in found.record.functions if not f.own] == ["Harmless"]
    assert work(found)[:2] == (0, 1)


def test_name_of_a_text_without_markers():
    memory = NoMemory()
    for name in ("a.c", "b.c"):
        found = read_unit("int f(void) { return 1; }", name=name, settings=SETTINGS, memory=memory)
        assert header(found, "f").file == name


def test_unknown_function_is_a_key_error():
    with pytest.raises(KeyError):
        unit(TEXT).code("nobody")


class Lossy(NoMemory):
    """A memory that gives back something else than it was given."""

    def __init__(self, damage):
        super().__init__()
        self.damage = damage
        self.active = False

    def get(self, shelf, key):
        value = super().get(shelf, key)
        return self.damage(value) if self.active and value is not None else value

    def get_many(self, shelf, keys):
        found = super().get_many(shelf, keys)
        return {key: self.damage(value) for key, value in found.items()} if self.active else found


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: None,
        lambda _: b"",
        lambda v: v[:-1],
        lambda v: b"\x92" + v,
        lambda v: b"\xff" * len(v),
        lambda _: b"\x90",
    ],
)
def test_damaged_memory_is_a_cold_run(damage):
    memory = Lossy(lambda v: damage(v) or b"\xc1")
    first = unit(TEXT, memory)
    known = unit(TEXT, memory)
    memory.active = True
    assert known.code("helper") == first.code("helper")
    again = unit(TEXT, memory)
    assert again.record == first.record
    assert work(again) == work(first)
    assert again.code("helper") == first.code("helper")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\0",
        "\0int f(void)\0{\0return 1;\0}\0",
        "int f(void) { return 1; }",
        "int f(void)\r\n{\r\n  return 1;\r\n}\r\n",
        b'int f(void) { char *s = "\xe9\xff"; return 1; }'.decode("utf-8", "surrogateescape"),
        'int f(void) { char *s = "\ud800\u20ac"; return 1; }',
        '# 1 "\udce9.c"\nint f(void) { return 1; }',
        "int f(void) { return " + "1 + " * 250_000 + "1; }",
        "int f(void) { return " + "(" * 10_000 + "1" + ")" * 10_000 + "; }",
        "int f(void) " + "{" * 10_000 + "}" * 10_000,
        "int f(void) { " + "if (x) " * 1_000 + "; }",
        "}" * 1000 + "int f(void) { return 1; }" + "{" * 1000,
        "struct s { struct s { " * 5000,
        "int f(int a, int a) { { {",
        '# 1 "a.c"\n' * 1000,
        "int f(void) { return 1; } int f",
    ],
    ids=range(18),
)
def test_any_text_has_a_unit(text):
    memory = NoMemory()
    first = unit(text, memory)
    assert unit(text, memory).record == first.record
    for function in first.record.functions:
        assert isinstance(first.code(function.name), ir.Function)
        first.locate(function.name, 0)


def test_bytes_that_are_not_utf_8_keep_columns():
    found = unit(b'int f(char *s) { return g("\xe9", s); }'.decode("utf-8", "surrogateescape"))
    at = next(at for at in range(40) if found.spell("f", at) == "s" and at > 8)
    assert found.locate("f", at).column == 32


PIECES = st.sampled_from(["int f(void) {", "}", "{", "x();", "Acquire(&l);", "if (a)", '# 1 "h.h" 1 3\n', '\n# 3 "drv.c" 2\n', "typedef int T;", "T g;",
                          "enum { A = B };", '"', "'", "/*", "*/", "(", ")", "int t[] = { f };", "\0", "\udc80", "else", "return;", "static void g(int a) { f(); }"])  # fmt: skip


@given(st.lists(PIECES, max_size=25).map(" ".join))
def test_any_sequence_has_a_unit_and_memory_does_not_matter(text):
    memory = NoMemory()
    first = unit(text, memory)
    again = unit(text, memory)
    assert again.record == first.record
    for function in first.record.functions:
        assert again.code(function.name) == first.code(function.name)


def test_a_function_that_never_ends_is_listed():
    text = "int g(int a) { return a; }\nint f(int a) { if (a) { return 0;\n"
    unit = read_unit(text, name="u.i", settings=Settings(operations=frozenset(), roots=()), memory=NoMemory())
    assert [(one.function, one.reason) for one in unit.record.unanalysed] == [
        ("f", "its braces do not match")
    ]


def test_many_bodies_go_on_behind_an_inclusion():
    parts = "".join(
        f'int f{i}(int a) {{ switch (a) {{\n# 1 "rows.h" 1\ncase 1: return {i};\n# {9 * i} "u.c" 2\n}} return 0; }}\n'
        for i in range(40)
    )
    unit = read_unit('# 1 "u.c"\n' + parts, name="u.c", settings=Settings(frozenset()), memory=NoMemory())
    assert unit.record.unanalysed == ()
    assert [header.name for header in unit.record.functions] == [f"f{i}" for i in range(40)]
