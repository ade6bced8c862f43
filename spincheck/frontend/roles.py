"""Where a function's address goes: the references from which callback roles are read.

Takes the representation of one function and gives an `ir.Reference` for each function name that is
stored, passed or returned in it. What a slot means (``MajorFunction`` is a dispatch routine,
argument 1 of ``IoSetCancelRoutine`` a cancel routine) is a matter of the lock tables, not of this
module: it only says where the name went.

It reads the representation and not the syntax tree, because there initialisers, chained assignments,
conditional expressions and casts have already become plain stores: one rule for a store covers them
all. An address that travels through a local (``PFN handler = a ? Read : Write; dev->Handler = handler``), and a slot
that is reached through one (``PDRIVER_DISPATCH *m = driver->MajorFunction; m[3] = Read``), are followed without regard to
order, so that a role may be assumed too many but none is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from spincheck import ir

Slot = Literal["field", "argument", "variable", "return", "other"]


Aim = tuple[Slot, str]
"""The kind and the name of a slot."""

T = TypeVar("T")
Carried = dict[str, dict[T, None]]
"""What each local may hold at any time, in insertion-ordered sets."""


def references(function: ir.Function) -> tuple[ir.Reference, ...]:
    """Return every place to which ``function`` gives a function's address, in the order of its code.

    Comparing an address with something gives it nowhere and makes no reference. Temporaries of the
    lowering (``%1``) are followed but are not reported as variables.
    """
    carried = _carried(function, _function)
    if not carried and not any(_has_function(instruction) for instruction in function.code):
        return ()
    aims = _carried(function, _target)
    found: dict[ir.Reference, None] = {}
    for instruction in function.code:
        match instruction:
            case ir.Assign(place, value, at):
                names = tuple(_held(value, carried, _function))
                if names:
                    for slot, where in _slots(place, aims):
                        if slot == "variable" and where.startswith("%"):
                            continue
                        for name in names:
                            found[ir.Reference(name, slot, where, 0, "", at)] = None
            case ir.Call(_, callee, arguments, at):
                for index, argument in enumerate(arguments):
                    for name in _held(argument, carried, _function):
                        found[
                            ir.Reference(name, "argument", _called(callee), index, _exchanged(arguments), at)
                        ] = None
            case ir.Return(value, at) if value is not None:
                for name in _held(value, carried, _function):
                    found[ir.Reference(name, "return", function.name, 0, "", at)] = None
            case _:
                pass
    return tuple(found)


def _has_function(instruction: ir.Instruction) -> bool:
    match instruction:
        case ir.Assign(_, value, _):
            return any(True for _ in _held(value, {}, _function))
        case ir.Call(_, _, arguments, _):
            return any(True for argument in arguments for _ in _held(argument, {}, _function))
        case ir.Return(value, _):
            return value is not None and any(True for _ in _held(value, {}, _function))
        case _:
            return False


def _carried(function: ir.Function, of: Callable[[ir.Value], T | None]) -> Carried[T]:
    """What ``of`` says of the values that each local may hold."""
    readers: dict[str, list[str]] = {}
    carried: Carried[T] = {}
    pending: list[tuple[str, T]] = []  # a queue, so that the order is that of the code
    for instruction in function.code:
        if isinstance(instruction, ir.Assign) and isinstance(instruction.place, ir.Local):
            into = instruction.place.name
            for part in _parts(instruction.value):
                if isinstance(part, ir.Load) and isinstance(part.place, ir.Local):
                    readers.setdefault(part.place.name, []).append(into)
                elif (one := of(part)) is not None:
                    pending.append((into, one))
    for local, one in pending:
        held = carried.setdefault(local, {})
        if one not in held:
            held[one] = None
            pending.extend((reader, one) for reader in readers.get(local, ()))
    return carried


def _parts(value: ir.Value) -> Iterator[ir.Value]:
    """The values of which ``value`` may be one, plus an offset or with bits changed."""
    match value:
        case ir.Cast(_, operand):
            yield from _parts(operand)
        case ir.Binary(op, left, right) if op in {"+", "-", "&", "|"}:
            yield from _parts(left)
            yield from _parts(right)
        case _:
            yield value


def _held(value: ir.Value, carried: Carried[T], of: Callable[[ir.Value], T | None]) -> Iterator[T]:
    """What ``of`` says of ``value``, directly or of what a local in it holds."""
    for part in _parts(value):
        if isinstance(part, ir.Load) and isinstance(part.place, ir.Local):
            yield from carried.get(part.place.name, ())
        elif (one := of(part)) is not None:
            yield one


def _function(value: ir.Value) -> str | None:
    """The function whose address ``value`` is."""
    return value.name if isinstance(value, ir.FunctionName) else None


def _target(value: ir.Value) -> Aim | None:
    """The slot to which ``value`` points; a field of unknown type that is loaded may be an array."""
    match value:
        case ir.AddressOf(place) | ir.Load(ir.Member() as place):
            aim = _slot(place)
            return None if aim[0] == "other" else aim
        case _:
            return None


def _slots(place: ir.Place, aims: Carried[Aim]) -> tuple[Aim, ...]:
    """The slots that ``place`` may be part of."""
    while isinstance(place, ir.Element):
        place = place.base
    if isinstance(place, ir.Deref):
        reached = tuple(dict.fromkeys(_held(place.pointer, aims, _target)))
        if reached:
            return reached
    return (_slot(place),)


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
