"""Every form in which driver text says what calls a function, from the text to the reference or role of the record."""

from __future__ import annotations

import pytest

from spincheck import ir
from spincheck.frontend.unit import Settings, read_unit
from spincheck.memory import NoMemory

HEADER = """# 1 "/inc/wdm.h" 1 3
typedef int NTSTATUS; typedef void *PVOID; typedef struct _DEVICE_OBJECT *PDEVICE_OBJECT; typedef struct _IRP *PIRP;
typedef NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT, PIRP); typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
typedef NTSTATUS (__stdcall EVT_ADD)(PVOID); typedef EVT_ADD *PFN_ADD; typedef void __stdcall EVT_DPC(PVOID); typedef EVT_DPC *PFN_DPC;
typedef void (KDEFERRED_ROUTINE)(PVOID); typedef EVT_DPC EVT_ALIAS;
typedef struct _DRIVER_OBJECT { PDRIVER_DISPATCH MajorFunction[28]; void (*DriverUnload)(struct _DRIVER_OBJECT *); } DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef struct _CONFIG { int Size; PFN_ADD EvtAdd; struct { PFN_DPC EvtDpc; } Inner; } CONFIG, *PCONFIG;
typedef struct _ROW { int Code; PFN_DPC Run; } ROW;
static inline void CONFIG_INIT(PCONFIG config, PFN_ADD add) { config->Size = 1; config->EvtAdd = add; }
NTSTATUS Create(PCONFIG config); NTSTATUS Register(PVOID object, int kind, PFN_DPC run, PVOID context); PFN_DPC Swap(PVOID object, PFN_DPC run);
# 2 "a.c" 2
NTSTATUS Add(PVOID d); void Dpc(PVOID d); void Other(PVOID d); NTSTATUS Read(PDEVICE_OBJECT d, PIRP i); NTSTATUS Write(PDEVICE_OBJECT d, PIRP i);
"""


def record(text: str) -> ir.UnitRecord:
    found = read_unit(
        '# 1 "a.c"\n' + HEADER + text, name="a.c", settings=Settings(frozenset()), memory=NoMemory()
    ).record
    assert found.unanalysed == ()
    assert all(not function.recovered for function in found.functions)
    return found


def references(text: str) -> set[tuple[str, str, str, int, str]]:
    return {
        (r.function, r.slot, r.where, r.index, r.object)
        for function in record(text).functions
        for r in function.references
    }


def body(text: str) -> set[tuple[str, str, str, int, str]]:
    return references(f"NTSTATUS f(PDRIVER_OBJECT driver, PCONFIG given, int n) {{ {text} }}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONFIG c; c.EvtAdd = Add;", ("Add", "field", "EvtAdd", 0, "CONFIG")),
        ("struct _CONFIG *c; c->EvtAdd = Add;", ("Add", "field", "EvtAdd", 0, "_CONFIG")),
        ("CONFIG *c[2]; c[0]->EvtAdd = Add;", ("Add", "field", "EvtAdd", 0, "")),
        ("given->EvtAdd = &Add;", ("Add", "field", "EvtAdd", 0, "PCONFIG")),
        ("given->Inner.EvtDpc = (PFN_DPC)Dpc;", ("Dpc", "field", "EvtDpc", 0, "")),
        ("(*given).EvtAdd = (PFN_ADD)(PVOID)Add;", ("Add", "field", "EvtAdd", 0, "")),
        ("CONFIG c = { .EvtAdd = Add };", ("Add", "field", "EvtAdd", 0, "CONFIG")),
        ("CONFIG c = { EvtAdd: Add };", ("Add", "field", "EvtAdd", 0, "CONFIG")),
        ("CONFIG c = { .Inner.EvtDpc = Dpc };", ("Dpc", "field", "EvtDpc", 0, "")),
        ("CONFIG c = { .Inner = { .EvtDpc = Dpc } };", ("Dpc", "field", "EvtDpc", 0, "")),
        ("CONFIG c = { 1, Add };", ("Add", "field", "#1", 0, "CONFIG")),
        ("Create(&(CONFIG){ .EvtAdd = Add });", ("Add", "field", "EvtAdd", 0, "CONFIG")),
        ("static const ROW t[] = { { 1, Dpc }, { .Run = Other } };", ("Dpc", "field", "#1", 0, "ROW")),
        ("static const ROW t[] = { [3] = { .Run = Other } };", ("Other", "field", "Run", 0, "ROW")),
        ("PFN_DPC t[2] = { Dpc, Other };", ("Other", "variable", "t", 0, "")),
        ("driver->MajorFunction[3] = Read;", ("Read", "field", "MajorFunction", 0, "")),
        (
            "driver->MajorFunction[3] = driver->MajorFunction[4] = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "for (n = 0; n < 28; n++) driver->MajorFunction[n] = n == 3 ? Read : Write;",
            ("Write", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_DISPATCH *m = driver->MajorFunction; m[0] = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_DISPATCH *m = driver->MajorFunction; m[3] = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_DISPATCH *m; m = &driver->MajorFunction[3]; *m = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_DISPATCH *m = driver->MajorFunction, *k = m + 3; *k++ = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_DISPATCH *m; for (m = driver->MajorFunction; m < driver->MajorFunction + 28; m++) *m = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "PDRIVER_OBJECT d2 = driver; d2->MajorFunction[3] = Read;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        (
            "DRIVER_OBJECT *d2 = n ? driver : 0; PDRIVER_DISPATCH *m = d2->MajorFunction; PDRIVER_DISPATCH r = Read; while (n--) m[n] = r;",
            ("Read", "field", "MajorFunction", 0, ""),
        ),
        ("PFN_ADD *slot = &given->EvtAdd; *slot = Add;", ("Add", "field", "EvtAdd", 0, "")),
        ("PFN_DPC run; PFN_DPC *slot = &run; *slot = Dpc;", ("Dpc", "variable", "run", 0, "")),
        ("PFN_DPC *other = (PFN_DPC *)n; *other = Dpc;", ("Dpc", "other", "", 0, "")),
        ("Register(given, 1, Dpc, 0);", ("Dpc", "argument", "Register", 2, "")),
        (
            "if (Register(given, 1, n ? Dpc : Other, 0) < 0) return 1;",
            ("Other", "argument", "Register", 2, ""),
        ),
        ("PFN_DPC run = Dpc; Register(given, 1, run, 0);", ("Dpc", "argument", "Register", 2, "")),
        ("given->Inner.EvtDpc = Swap(given, Dpc);", ("Dpc", "argument", "Swap", 1, "")),
        ("CONFIG c; CONFIG_INIT(&c, Add);", ("Add", "argument", "CONFIG_INIT", 1, "")),
        ("({ CONFIG_INIT(given, Add); });", ("Add", "argument", "CONFIG_INIT", 1, "")),
        ("__try { given->EvtAdd = Add; } __finally { n = 0; }", ("Add", "field", "EvtAdd", 0, "PCONFIG")),
    ],
)
def test_address_in_a_function(text: str, expected: tuple[str, str, str, int, str]) -> None:
    assert expected in body(text)


def test_a_chain_registers_its_function_and_nothing_else() -> None:
    (function,) = record(
        "void f(PDRIVER_OBJECT d) { d->MajorFunction[0] = d->MajorFunction[2] = d->MajorFunction[4] = Read; }"
    ).functions
    assert {(r.function, r.slot, r.where) for r in function.references} == {
        ("Read", "field", "MajorFunction")
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CONFIG config = { .EvtAdd = Add };", ("Add", "field", "EvtAdd", 0, "CONFIG")),
        (
            "static const ROW rows[] = { { 1, Dpc }, { 2, Other }, { 0 } };",
            ("Other", "field", "#1", 0, "ROW"),
        ),
        ("PFN_DPC table[] = { Dpc, [4] = Other };", ("Other", "variable", "table", 0, "")),
        ("PFN_DPC hook = Dpc;", ("Dpc", "variable", "hook", 0, "")),
        ("struct { PFN_DPC Run; } ops = { .Run = Dpc };", ("Dpc", "field", "Run", 0, "")),
        ("void *all[2][2] = { { Dpc, 0 }, { 0, &Other } };", ("Other", "variable", "all", 0, "")),
    ],
)
def test_address_at_file_scope(text: str, expected: tuple[str, str, str, int, str]) -> None:
    assert expected in references(text)


@pytest.mark.parametrize(
    ("declaration", "role"),
    [
        ("EVT_DPC f;", "EVT_DPC"),
        ("static EVT_DPC f;", "EVT_DPC"),
        ("extern EVT_DPC f;", "EVT_DPC"),
        ("EVT_DPC e, f, g;", "EVT_DPC"),
        ("KDEFERRED_ROUTINE f;", "KDEFERRED_ROUTINE"),
        ("_Function_class_(EVT_DPC) void f(PVOID d);", "EVT_DPC"),
        ('__declspec("SAL_name") __declspec(noinline) EVT_DPC f;', "EVT_DPC"),
        ("__attribute__((unused)) static EVT_DPC f;", "EVT_DPC"),
        ("_Use_decl_annotations_ EVT_DPC f;", "EVT_DPC"),
        ("EVT_ALIAS f;", "EVT_ALIAS"),
    ],
)
def test_role_of_a_declaration(declaration: str, role: str) -> None:
    found = record(f"{declaration}\nvoid f(PVOID d) {{ Dpc(d); }}")
    assert ir.RoleDeclaration("f", role) in found.roles
    assert found.functions[0].static == ("static" in declaration)
