"""Where function addresses go."""

from spincheck import ir
from spincheck.frontend.roles import references

DRIVER = ir.Load(ir.Local("DriverObject"))


def code(*instructions: ir.Instruction) -> ir.Function:
    return ir.Function("f", (), (), "void", instructions)


def slots(*instructions: ir.Instruction) -> list[tuple[str, str, str, int]]:
    return [(r.function, r.slot, r.where, r.index) for r in references(code(*instructions))]


def store(place: ir.Place, name: str, at: int = 0) -> ir.Assign:
    return ir.Assign(place, ir.FunctionName(name), at)


def test_field_of_a_structure():
    assert slots(store(ir.Member(ir.Deref(DRIVER), "DriverUnload"), "Unload")) == [
        ("Unload", "field", "DriverUnload", 0)
    ]


def test_element_of_an_array_field_is_the_field():
    major = ir.Member(ir.Deref(DRIVER), "MajorFunction")
    assert slots(store(ir.Element(major, ir.Int(3)), "Read")) == [("Read", "field", "MajorFunction", 0)]
    indexed = ir.Deref(ir.Binary("+", ir.AddressOf(major), ir.Int(3)))
    assert slots(store(indexed, "Read")) == [("Read", "field", "MajorFunction", 0)]


def test_field_of_an_element():
    place = ir.Member(ir.Element(ir.Global("table"), ir.Int(0)), "Handler")
    assert slots(store(place, "H")) == [("H", "field", "Handler", 0)]


def test_array_of_pointers_is_a_variable():
    assert slots(store(ir.Element(ir.Global("table"), ir.Int(1)), "H")) == [("H", "variable", "table", 0)]


def test_argument_and_its_position():
    call = ir.Call(None, ir.FunctionName("IoSetCancelRoutine"), (DRIVER, ir.FunctionName("Cancel")), 4)
    assert slots(call) == [("Cancel", "argument", "IoSetCancelRoutine", 1)]


def test_argument_of_an_indirect_call_names_the_field():
    callee = ir.Load(ir.Member(ir.Deref(DRIVER), "Register"))
    assert slots(ir.Call(None, callee, (ir.FunctionName("C"),), 0)) == [("C", "argument", "Register", 0)]


def test_return_and_unknown_place():
    assert slots(ir.Return(ir.FunctionName("g"), 0)) == [("g", "return", "f", 0)]
    assert slots(store(ir.Deref(DRIVER), "g")) == [("g", "other", "", 0)]


def test_follows_locals_and_hides_temporaries():
    field = ir.Member(ir.Deref(DRIVER), "DriverStartIo")
    found = slots(
        store(ir.Local("%1"), "A", 1),
        store(ir.Local("%1"), "B", 2),
        ir.Assign(ir.Local("handler"), ir.Load(ir.Local("%1")), 3),
        ir.Assign(field, ir.Cast("u64", ir.Load(ir.Local("handler"))), 4),
    )
    assert found == [
        ("A", "variable", "handler", 0),
        ("B", "variable", "handler", 0),
        ("A", "field", "DriverStartIo", 0),
        ("B", "field", "DriverStartIo", 0),
    ]


def test_comparison_gives_an_address_nowhere():
    same = ir.Binary("==", ir.Load(ir.Member(ir.Deref(DRIVER), "x")), ir.FunctionName("A"))
    assert slots(ir.Assign(ir.Local("r"), same, 0), ir.Branch(same, 0, 0, 0)) == []


def test_mutual_copies_end():
    found = slots(
        ir.Assign(ir.Local("a"), ir.Load(ir.Local("b")), 0),
        ir.Assign(ir.Local("b"), ir.Load(ir.Local("a")), 1),
        store(ir.Local("a"), "A", 2),
    )
    assert found == [("A", "variable", "a", 0), ("A", "variable", "b", 0), ("A", "variable", "a", 0)]
