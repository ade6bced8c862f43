"""What `lower` says beside the code: types, calls, references, places; and file-scope initialisers."""

from __future__ import annotations

import pytest
from literate import NAMES

from spincheck import ir
from spincheck.frontend.lower import Lowered, LoweringError, lower_function, lower_initialisers
from spincheck.frontend.names import Name
from spincheck.frontend.tokens import tokenise
from spincheck.ir_text import listing


def lower(text: str, names: dict[str, Name] | None = None) -> Lowered:
    return lower_function(tokenise(text), NAMES | (names or {}))


def initialisers(*chunks: str, names: dict[str, Name] | None = None) -> Lowered:
    return lower_initialisers([tokenise(chunk) for chunk in chunks], NAMES | (names or {}))


def test_types_of_parameters_locals_and_result() -> None:
    function = lower(
        "NTSTATUS f(PDEVICE d, UCHAR c, int v[], struct s p, float x, void (*cb)(void), ...)"
        " { KIRQL i; struct s t; int a[2]; ULONG *q; _Bool b; UNKNOWN u; }",
        {"UNKNOWN": Name("typedef", "")},
    ).function
    assert function.result == "i32"
    assert [v.type for v in function.parameters] == ["ptr", "u8", "ptr", "struct", "float", "ptr"]
    assert {v.name: v.type for v in function.locals} == {
        "i": "u8", "t": "struct", "a": "array", "q": "ptr", "b": "bool", "u": "",
    }  # fmt: skip


def test_unnamed_parameters_have_places() -> None:
    assert [v.name for v in lower("void f(int, PDEVICE d, char) { }").function.parameters] == [
        "#0",
        "d",
        "#2",
    ]


def test_long_is_as_wide_as_the_unit_says() -> None:
    text = "long f(unsigned long n) { return sizeof(long) + 0xFFFFFFFFL; }"
    assert listing(lower(text).function).splitlines()[0] == "f(n: u32) -> i32"
    wide = lower(text, {"long": Name("typedef", "i64")}).function
    assert listing(wide) == "f(n: u64) -> i64\n    0 return 4294967303"


def test_calls_are_sorted_and_include_opaque_text() -> None:
    lowered = lower("void f(void (*p)(void)) { z(); x = = hidden(1); p(); a(); __asm { call deep }; }")
    assert lowered.calls == ("a", "deep", "hidden", "z")


def test_a_local_that_is_called_in_opaque_text_is_no_function() -> None:
    assert lower("void f(void (*p)(void)) { x = = p(1); }").calls == ()


def test_places_are_token_ordinals() -> None:
    text = "int f(PDEVICE d) { lock(d); if (d->x) return g(1); return 0; }"
    tokens = [token[0] for token in tokenise(text)]
    code = lower(text).function.code
    spelled = [tokens[item.at] for item in code if not isinstance(item, ir.Jump)]
    assert spelled == ["lock", "d", "g", "return", "return"]


def test_the_implicit_return_is_at_the_closing_brace() -> None:
    text = "void f(void) { g(); }"
    last = lower(text).function.code[-1]
    assert isinstance(last, ir.Return)
    assert last.at == len(tokenise(text)) - 1


def test_white_space_comments_and_directives_change_nothing() -> None:
    text = "int f ( PDEVICE d ) { if ( d ) { lock ( d ) ; } return 0 ; }"
    spread = '# 7 "x.c"\n' + "\n/* c */ ".join(text.split()) + "\n#pragma p\n"
    assert lower(spread) == lower(text)


def test_function_addresses_are_references() -> None:
    found = lower(
        "void f(PDRIVER d) { d->MajorFunction[2] = Dispatch; Register(d, Dispatch); }",
        {"Register": Name("function")},
    ).references
    assert [(r.function, r.slot, r.where, r.index) for r in found] == [
        ("Dispatch", "field", "MajorFunction", 0),
        ("Dispatch", "argument", "Register", 1),
    ]


def test_a_declared_structure_names_the_object_of_a_reference() -> None:
    found = lower("void f(void) { CONFIG c = { .Run = Dispatch }; static OPS t[] = { { 1, g }, { .Stop = h } }; }",
                  {"CONFIG": Name("typedef", "struct"), "OPS": Name("typedef", "struct")}).references  # fmt: skip
    assert [(r.function, r.where, r.object) for r in found] == [
        ("Dispatch", "Run", "CONFIG"),
        ("g", "#1", "OPS"),
        ("h", "Stop", "OPS"),
    ]


def test_file_scope_initialisers_are_stores() -> None:
    found = initialisers(
        "static const OPS ops = { .Start = Dispatch, .Sub.Stop = g, 0, h };",
        "FN table[] = { Dispatch, [4] = g, 0 };",
        "ROW rows[2] = { { 1, g, 0 }, { 2, 0, h } };",
        'void (*hook)(void) = Dispatch; ULONG level = 3; PDEVICE self = &device; PCHAR name = "x";',
        names={name: Name("typedef", "struct") for name in ("OPS", "ROW")} | {"FN": Name("typedef", "ptr")},
    )
    assert listing(found.function) == "\n".join(  # noqa: FLY002 - a listing is read line by line
        [
            "<file scope>() -> void",
            "    0 ::ops.Start = Dispatch",
            "    1 ::ops.Sub.Stop = g",
            "    2 ::ops.#1 = h",
            "    3 ::table[0] = Dispatch",
            "    4 ::table[4] = g",
            "    5 ::rows[0].#1 = g",
            "    6 ::rows[1].#2 = h",
            "    7 ::hook = Dispatch",
            "    8 ::level = 3",
            "    9 ::self = &::device",
            '   10 ::name = "x"',
            "   11 return",
        ]
    )
    assert {(r.function, r.where, r.object) for r in found.references} >= {
        ("Dispatch", "Start", "OPS"), ("g", "Stop", ""), ("g", "#1", "ROW"), ("h", "#2", "ROW"),
    }  # fmt: skip


def test_ordinals_count_through_all_chunks() -> None:
    chunks = ["ULONG a1 = 1;", "FN b1 = Dispatch;", "UNSEEN c1 = { g };"]
    tokens = [token[0] for chunk in chunks for token in tokenise(chunk)]
    code = initialisers(*chunks, names={"FN": Name("typedef", "ptr")}).function.code
    assert [tokens[item.at] for item in code if isinstance(item, ir.Assign)] == ["a1", "b1", "g"]


def test_a_chunk_that_cannot_be_parsed_costs_only_itself() -> None:
    found = initialisers("int x = 1;", "int y = = ;", "int z = 2;")
    assert listing(found.function).splitlines()[1:] == [
        "    0 ::x = 1",
        "    1 opaque unparsed",
        "    2 ::z = 2",
        "    3 return",
        "  recovered at 5: invalid expression",
    ]


def test_long_tables_of_numbers_are_left_out() -> None:
    local = lower("void f(void) { int t[] = { " + "7, " * 500 + " g() }; }").function
    assert listing(local).splitlines()[1:] == [
        "    0 t = <initialiser>",
        "    1 %1 = g()",
        "    2 t[500] = %1",
        "    3 return",
    ]
    table = initialisers("int t[] = { " + "7, " * 5000 + " };").function
    assert listing(table).splitlines()[1:] == ["    0 return"]


@pytest.mark.parametrize(
    "text", ["", ";", "int x;", "int f(void);", "{ }", "int f(void) { g(", "@@@", "(((", "} {"]
)
def test_what_is_no_function_is_told(text: str) -> None:
    with pytest.raises(LoweringError) as error:
        lower(text)
    assert error.value.reason


def test_names_that_are_not_declared_are_globals_or_functions() -> None:
    code = lower("void f(void) { Unseen(other); Unseen = 3; }").function.code
    assert code[0] == ir.Call(None, ir.FunctionName("Unseen"), (ir.Load(ir.Global("other")),), 6)


def test_a_local_hides_a_function_of_its_name() -> None:
    function = lower("int f(void) { int g; g = 3; return g; }").function
    assert [v.name for v in function.locals] == ["g"]
    assert function.code[-1] == ir.Return(ir.Load(ir.Local("g")), 13)
