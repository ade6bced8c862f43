"""Where a function's address goes: the references from which callback roles are read.

Takes the representation of one function and gives an `ir.Reference` for each function name that is
stored, passed or returned in it. What a slot means (``MajorFunction`` is a dispatch routine,
argument 1 of ``IoSetCancelRoutine`` a cancel routine) is a matter of the lock tables, not of this
module: it only says where the name went.

It reads the representation and not the syntax tree, because there initialisers, chained assignments,
conditional expressions and casts have already become plain stores: one rule for a store covers them
all. An address that travels through a local (``PFN handler = a ? Read : Write; dev->Handler = handler``)
is followed without regard to order, so that a role may be assumed too many but none is lost.
"""

from __future__ import annotations

from typing import Literal

from spincheck import ir

Slot = Literal["field", "argument", "variable", "return", "other"]


def references(function: ir.Function) -> tuple[ir.Reference, ...]:
    """Return every place to which ``function`` gives a function's address, in the order of its code.

    Comparing an address with something gives it nowhere and makes no reference. Temporaries of the
    lowering (``%1``) are followed but are not reported as variables.
    """
    carried = _carried(function)
    found: dict[ir.Reference, None] = {}
    for instruction in function.code:
        match instruction:
            case ir.Assign(place, value, at):
                slot, where = _slot(place)
                if slot == "variable" and where.startswith("%"):
                    continue
                for name in _functions(value, carried):
                    found[ir.Reference(name, slot, where, 0, "", at)] = None
            case ir.Call(_, callee, arguments, at):
                for index, argument in enumerate(arguments):
                    for name in _functions(argument, carried):
                        found[
                            ir.Reference(name, "argument", _called(callee), index, _exchanged(arguments), at)
                        ] = None
            case ir.Return(value, at) if value is not None:
                for name in _functions(value, carried):
                    found[ir.Reference(name, "return", function.name, 0, "", at)] = None
            case _:
                pass
    return tuple(found)


def _carried(function: ir.Function) -> dict[str, dict[str, None]]:
    """Map each local to the functions whose address it may hold at any time (insertion-ordered sets)."""
    stores = [
        (instruction.place.name, instruction.value)
        for instruction in function.code
        if isinstance(instruction, ir.Assign) and isinstance(instruction.place, ir.Local)
    ]
    carried: dict[str, dict[str, None]] = {}
    changed = any(_functions(value, carried) for _, value in stores)
    while changed:  # each round adds a name to a local or is the last one
        changed = False
        for local, value in stores:
            for name in _functions(value, carried):
                names = carried.setdefault(local, {})
                if name not in names:
                    names[name] = None
                    changed = True
    return carried


def _functions(value: ir.Value, carried: dict[str, dict[str, None]]) -> tuple[str, ...]:
    """Return the functions whose address ``value`` may be."""
    match value:
        case ir.FunctionName(name):
            return (name,)
        case ir.Cast(_, operand):
            return _functions(operand, carried)
        case ir.Load(ir.Local(name)) if carried:
            return tuple(carried.get(name, ()))
        case ir.Binary(op, left, right) if op in {"+", "-", "&", "|"}:
            return _functions(left, carried) + _functions(right, carried)
        case _:
            return ()


def _slot(place: ir.Place) -> tuple[Slot, str]:
    """Return the kind and the name of what ``place`` is part of."""
    while True:
        match place:
            case ir.Member(_, field):
                return "field", field
            case ir.Local(name) | ir.Global(name):
                return "variable", name
            case ir.Element(base, _) | ir.Deref(ir.AddressOf(base)):
                place = base
            case ir.Deref(
                ir.Binary("+", ir.AddressOf(base) | ir.Load(base), _) | ir.Load(ir.Member() as base)
            ):
                place = base
            case _:
                return "other", ""


def _exchanged(arguments: tuple[ir.Value, ...]) -> str:
    """Name the field whose address is the first argument, which an interlocked call stores to."""
    match arguments[0]:
        case ir.AddressOf(place):
            slot, where = _slot(place)
            return where if slot == "field" else ""
        case _:
            return ""


def _called(callee: ir.Value) -> str:
    """Name what is called: the function, or the field or variable that holds its address, or nothing."""
    match callee:
        case ir.FunctionName(name):
            return name
        case ir.Load(place):
            return _slot(place)[1]
        case _:
            return ""
