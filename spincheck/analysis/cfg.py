"""The control-flow graph of a function, and what can still be read at each of its points.

Owns everything about a function that does not depend on values: successors, reverse postorder, which
instructions are joins, which lie on a cycle, and which locals and fields are live. The fixpoint visits points in
reverse postorder, so that all forward paths have arrived at a join before it is left; liveness decides which differences between
two states still matter.

Instructions are the nodes; grouping them into basic blocks would save the fixpoint nothing, since it walks
straight-line code without stopping anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from spincheck.ir import (
    AddressOf,
    Assign,
    Binary,
    Branch,
    Call,
    Cast,
    ComputedJump,
    Deref,
    Element,
    Function,
    Global,
    Halt,
    Instruction,
    Jump,
    Load,
    Local,
    Member,
    Opaque,
    Place,
    Return,
    Switch,
    Unary,
    Value,
)


def successors(code: tuple[Instruction, ...], pc: int) -> tuple[int, ...]:
    """Return where control can go from an instruction, the exceptional edge last."""
    instruction = code[pc]
    if isinstance(instruction, Branch):
        return (instruction.then, instruction.otherwise)
    if isinstance(instruction, Jump):
        return (instruction.target,)
    if isinstance(instruction, Switch):
        return (*(case.target for case in instruction.cases), instruction.default)
    if isinstance(instruction, ComputedJump):
        return instruction.targets
    if isinstance(instruction, Return | Halt):
        return ()
    if isinstance(instruction, Call) and instruction.handler >= 0:
        return (pc + 1, instruction.handler)
    return (pc + 1,)


class Graph:
    """The control-flow graph of one function.

    ``order[pc]`` is the position in reverse postorder (-1: unreachable); ``joins`` are the points with several ways in;
    ``heads`` the targets of back edges; ``cyclic`` the points on some cycle, with the same number for one
    strongly connected component.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        code = function.code
        self.next = [successors(code, pc) for pc in range(len(code))]
        self.order, self.heads = self._walk()
        ways_in = [0] * len(code)
        for pc, targets in enumerate(self.next):
            if self.order[pc] >= 0:
                for target in dict.fromkeys(targets):
                    ways_in[target] += 1
        self.joins = frozenset(pc for pc, count in enumerate(ways_in) if count > 1) | self.heads
        self.cyclic = self._components()
        self._bodies: dict[int, frozenset[int]] = {}

    @cached_property
    def before(self) -> list[list[int]]:
        """The points from which control comes to each point, unreachable ones included."""
        before: list[list[int]] = [[] for _ in self.next]
        for pc, targets in enumerate(self.next):
            for target in targets:
                before[target].append(pc)
        return before

    @cached_property
    def escaped(self) -> frozenset[str]:
        """The locals whose address is taken somewhere: whoever has it may read and write them."""
        names: set[str] = set()

        def on_place(place: Place, loaded: bool) -> None:
            variable = base_variable(place)
            if not loaded and isinstance(variable, Local):
                names.add(variable.name)

        for instruction in self.function.code:
            for value in values_of(instruction):
                visit_value(value, on_place)
            if isinstance(instruction, Assign):
                visit_place(instruction.place, on_place)
            elif isinstance(instruction, Opaque):
                for place in instruction.writes:
                    visit_place(place, on_place)
        return frozenset(names)

    @cached_property
    def consumed(self) -> frozenset[str]:
        """The locals that a loop divides or shifts until nothing is left of them: its turns count digits or bits."""
        names = set()
        for pc, instruction in enumerate(self.function.code):
            if isinstance(instruction, Assign) and isinstance(instruction.place, Local) and self.cyclic[pc] >= 0:
                value = instruction.value
                while isinstance(value, Cast):
                    value = value.operand
                if isinstance(value, Binary) and value.op in {">>", "<<", "/"} and value.left == Load(instruction.place):
                    names.add(instruction.place.name)
        return frozenset(names)

    def is_consumed(self, condition: Value) -> bool:
        """Tell whether a condition looks at such a local."""
        found = False

        def on_place(place: Place, loaded: bool) -> None:
            nonlocal found
            found = found or (loaded and isinstance(place, Local) and place.name in self.consumed)

        if self.consumed:
            visit_value(condition, on_place)
        return found

    def body(self, head: int) -> frozenset[int]:
        """Return the points of the natural loop at a head: from which its back edges can be reached without coming to it."""
        known = self._bodies.get(head)
        if known is None:
            work = [pc for pc in self.before[head] if self.order[pc] >= self.order[head]]
            found = {head, *work}
            while work:
                for pc in self.before[work.pop()]:
                    if pc not in found and self.order[pc] >= 0:
                        found.add(pc)
                        work.append(pc)
            known = self._bodies[head] = frozenset(found)
        return known

    def _walk(self) -> tuple[list[int], frozenset[int]]:
        count = len(self.next)
        order = [-1] * count
        heads: set[int] = set()
        state = [0] * count  # 1: on the stack, 2: done
        stack: list[tuple[int, int]] = [(0, 0)]
        state[0] = 1
        finished: list[int] = []
        while stack:
            pc, edge = stack.pop()
            targets = self.next[pc]
            # The last successor first, so that the first comes first in reverse postorder.
            if edge < len(targets):
                stack.append((pc, edge + 1))
                target = targets[len(targets) - 1 - edge]
                if state[target] == 0:
                    state[target] = 1
                    stack.append((target, 0))
                elif state[target] == 1:
                    heads.add(target)
                continue
            state[pc] = 2
            finished.append(pc)
        for position, pc in enumerate(reversed(finished)):
            order[pc] = position
        return order, frozenset(heads)

    def _components(self) -> list[int]:
        """Tarjan's algorithm without recursion; -1 for points on no cycle."""
        count = len(self.next)
        index = [-1] * count
        low = [0] * count
        on_stack = [False] * count
        component = [-1] * count
        stack: list[int] = []
        clock = 0
        number = 0
        work: list[tuple[int, int]] = [(0, 0)]
        while work:
            pc, edge = work.pop()
            if edge == 0:
                index[pc] = low[pc] = clock
                clock += 1
                stack.append(pc)
                on_stack[pc] = True
            targets = self.next[pc]
            if edge < len(targets):
                work.append((pc, edge + 1))
                target = targets[edge]
                if index[target] < 0:
                    work.append((target, 0))
                elif on_stack[target]:
                    low[pc] = min(low[pc], index[target])
                continue
            for target in targets:
                if on_stack[target]:
                    low[pc] = min(low[pc], low[target])
            if low[pc] == index[pc]:
                members = []
                while True:
                    member = stack.pop()
                    on_stack[member] = False
                    members.append(member)
                    if member == pc:
                        break
                if len(members) > 1 or pc in targets:
                    for member in members:
                        component[member] = number
                    number += 1
        return component


Reads = tuple[frozenset[str], frozenset[str]]
"""Locals and field (or global) names that something reads."""


def values_of(instruction: Instruction) -> Iterable[Value]:
    """Yield the values that an instruction evaluates."""
    if isinstance(instruction, Assign):
        yield instruction.value
    elif isinstance(instruction, Call):
        yield instruction.callee
        yield from instruction.arguments
    elif isinstance(instruction, Branch):
        yield instruction.condition
    elif isinstance(instruction, Switch):
        yield instruction.value
    elif isinstance(instruction, Return) and (returned := instruction.value) is not None:
        yield returned


def visit_value(value: Value, on_place: Callable[[Place, bool], None]) -> None:
    """Call ``on_place(place, loaded)`` for each place in a value; ``loaded`` is false where only its address is taken."""
    if isinstance(value, Load):
        on_place(value.place, True)
        visit_place(value.place, on_place)
    elif isinstance(value, AddressOf):
        on_place(value.place, False)
        visit_place(value.place, on_place)
    elif isinstance(value, Binary):
        visit_value(value.left, on_place)
        visit_value(value.right, on_place)
    elif isinstance(value, Unary | Cast):
        visit_value(value.operand, on_place)


def visit_place(place: Place, on_place: Callable[[Place, bool], None]) -> None:
    """Visit the values that computing a place's address evaluates."""
    while isinstance(place, Member | Element):
        if isinstance(place, Element):
            visit_value(place.index, on_place)
        place = place.base
    if isinstance(place, Deref):
        visit_value(place.pointer, on_place)


def base_variable(place: Place) -> Local | Global | None:
    """Return the variable that a place lies in, or None when it is reached through a pointer."""
    while isinstance(place, Member | Element):
        place = place.base
    return None if isinstance(place, Deref) else place


def field_name(place: Place) -> str | None:
    """Return the name that stands for a place's class of cells: its last member, or the global's name."""
    while isinstance(place, Element):
        place = place.base
    if isinstance(place, Member):
        return place.field
    return place.name if isinstance(place, Global) else None


class Liveness:
    """Which locals and field names are read later on some path, per join.

    A local whose address is taken is always live: whoever has the address may read it. Fields that a callee reads are
    added at the call (``callee_reads``).
    """

    def __init__(self, graph: Graph, callee_reads: Callable[[Call], frozenset[str]]) -> None:
        self._graph = graph
        code = graph.function.code
        self._names: dict[str, int] = {}
        uses: list[int] = []
        kills: list[int] = []
        for instruction in code:
            use, kill = self._instruction(instruction, callee_reads)
            uses.append(use)
            kills.append(kill)
        self.live = self._solve(uses, kills)

    def _bit(self, name: str) -> int:
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names)
        return 1 << number

    def _instruction(self, instruction: Instruction, callee_reads: Callable[[Call], frozenset[str]]) -> tuple[int, int]:
        use = 0
        kill = 0

        def on_place(place: Place, loaded: bool) -> None:
            nonlocal use
            variable = base_variable(place)
            if isinstance(variable, Local):
                use |= self._bit("l:" + variable.name)
            if loaded:
                name = field_name(place)
                if name is not None:
                    use |= self._bit("f:" + name)

        for value in values_of(instruction):
            visit_value(value, on_place)
        if isinstance(instruction, Assign):
            visit_place(instruction.place, on_place)
            if isinstance(instruction.place, Local):
                kill = self._bit("l:" + instruction.place.name)
        elif isinstance(instruction, Call):
            if instruction.result is not None:
                kill = self._bit("l:" + instruction.result)
            for name in callee_reads(instruction):
                use |= self._bit("f:" + name)
        elif isinstance(instruction, Opaque):
            for place in instruction.writes:
                visit_place(place, on_place)
        return use, kill

    def _solve(self, uses: list[int], kills: list[int]) -> list[int]:
        graph = self._graph
        count = len(uses)
        live = [0] * count
        by_order = sorted((pc for pc in range(count) if graph.order[pc] >= 0), key=lambda pc: -graph.order[pc])
        changed = True
        while changed:
            changed = False
            for pc in by_order:
                out = 0
                for target in graph.next[pc]:
                    out |= live[target]
                now = uses[pc] | (out & ~kills[pc])
                if now != live[pc]:
                    live[pc] = now
                    changed = True
        return live

    def local_is_live(self, name: str, pc: int) -> bool:
        """Tell whether the local may be read at or after ``pc``."""
        if name in self._graph.escaped:
            return True
        number = self._names.get("l:" + name)
        return number is not None and bool(self.live[pc] >> number & 1)

    def field_is_live(self, name: str, pc: int) -> bool:
        """Tell whether a cell with this field (or global) name may be read at or after ``pc``."""
        number = self._names.get("f:" + name)
        return number is not None and bool(self.live[pc] >> number & 1)
