"""Code under construction: instructions whose targets are labels, and their final order.

Owns labels and everything that knows the shape of the control-flow graph: jumps to jumps are followed, what no path
reaches is left out, a branch whose two ways are one is none. Lowering may therefore place labels and jumps as
freely as the language has constructs, and looks after none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spincheck import ir


class Label:
    """A place to jump to; identity is its name. It stands in the item list where it is placed."""

    __slots__ = ("index",)

    def __init__(self) -> None:
        self.index = -1


class Goto(NamedTuple):
    """Go to ``target``."""

    target: Label


class Test(NamedTuple):
    """Go to ``then`` when the condition is not zero, else to ``otherwise``."""

    condition: ir.Value
    then: Label
    otherwise: Label
    at: int


class Select(NamedTuple):
    """A switch."""

    value: ir.Value
    cases: list[tuple[int, int, Label]]
    default: Label
    at: int


class Indirect(NamedTuple):
    """A jump to any of the labels whose address is taken."""

    targets: list[Label]
    at: int


class Guarded(NamedTuple):
    """A call that may continue at ``handler``."""

    call: ir.Call
    handler: Label


Item = (
    Label | Goto | Test | Select | Indirect | Guarded | ir.Assign | ir.Call | ir.Return | ir.Opaque | ir.Halt
)

_JUMPS = (Goto, Test, Select, Indirect, ir.Return, ir.Halt)


def finish(items: Sequence[Item], unreached: Sequence[ir.Instruction] = ()) -> tuple[ir.Instruction, ...]:
    """The instructions of ``items`` in their order, with indices for labels, followed by ``unreached``.

    The last item must not fall through.
    """
    for index, item in enumerate(items):
        if item.__class__ is Label:
            item.index = index
    arrival: dict[int, int] = {}
    entry = _arrive(items, 0, arrival)
    following: dict[int, list[int]] = {}
    pending = [entry]
    while pending:
        index = pending.pop()
        if index not in following:
            following[index] = targets = [
                _arrive(items, target, arrival) for target in _successors(items[index], index)
            ]
            pending.extend(targets)
    order = sorted(following)
    # Where the next instruction in order is not the next in control flow, a jump goes between.
    start: dict[int, int] = {}
    length = 1 if order[0] != entry else 0
    jumps: dict[int, int] = {}
    for position, index in enumerate(order):
        start[index] = length
        length += 1
        if not isinstance(items[index], _JUMPS):
            after = order[position + 1] if position + 1 < len(order) else -1
            if following[index][0] != after:
                jumps[index] = following[index][0]
                length += 1
    code: list[ir.Instruction] = []
    if order[0] != entry:
        code.append(ir.Jump(start[entry]))
    for index in order:
        code.append(_instruction(items[index], [start[target] for target in following[index]]))
        if index in jumps:
            code.append(ir.Jump(start[jumps[index]]))
    code.extend(unreached)
    return tuple(code)


def _arrive(items: Sequence[Item], index: int, arrival: dict[int, int]) -> int:
    """Where control that comes to ``index`` does the next thing."""
    end = _follow(items, index, arrival)
    seen = {end}
    while items[end].__class__ is Test:
        test = items[end]
        target = _follow(items, test.then.index, arrival)  # type: ignore[union-attr]
        if target in seen or target != _follow(items, test.otherwise.index, arrival):  # type: ignore[union-attr]
            break
        seen.add(target)
        end = target
    return end


def _follow(items: Sequence[Item], index: int, arrival: dict[int, int]) -> int:
    """The first item from ``index`` on that is neither label nor jump; a loop of these is its last jump."""
    trail: dict[int, None] = {}
    while index not in arrival:
        if index in trail:
            arrival[index] = max(i for i in trail if items[i].__class__ is Goto)
            break
        item = items[index]
        if item.__class__ is Label:
            trail[index] = None
            index += 1
        elif item.__class__ is Goto:
            trail[index] = None
            index = item.target.index
        else:
            arrival[index] = index
    end = arrival[index]
    for visited in trail:
        arrival[visited] = end
    return end


def _successors(item: Item, index: int) -> list[int]:
    kind = item.__class__
    if kind is Test:
        return [item.then.index, item.otherwise.index]  # type: ignore[union-attr]
    if kind is Guarded:
        return [index + 1, item.handler.index]  # type: ignore[union-attr]
    if kind is Select:
        return [item.default.index, *(label.index for _, _, label in item.cases)]  # type: ignore[union-attr]
    if kind is Indirect:
        return [label.index for label in item.targets]  # type: ignore[union-attr]
    if kind is Goto:
        return [item.target.index]  # type: ignore[union-attr]
    if kind is ir.Return or kind is ir.Halt:
        return []
    return [index + 1]


def _instruction(item: Item, targets: list[int]) -> ir.Instruction:
    kind = item.__class__
    if kind is Test:
        return ir.Branch(item.condition, targets[0], targets[1], item.at)  # type: ignore[union-attr]
    if kind is Guarded:
        call = item.call  # type: ignore[union-attr]
        return ir.Call(call.result, call.callee, call.arguments, call.at, targets[1])
    if kind is Select:
        cases = tuple(
            ir.Case(low, high, target)
            for (low, high, _), target in zip(item.cases, targets[1:], strict=True)  # type: ignore[union-attr]
        )
        return ir.Switch(item.value, cases, targets[0], item.at)  # type: ignore[union-attr, arg-type]
    if kind is Indirect:
        return ir.ComputedJump(tuple(dict.fromkeys(targets)), item.at)  # type: ignore[union-attr]
    if kind is Goto:
        return ir.Jump(targets[0])
    return item  # type: ignore[return-value]
