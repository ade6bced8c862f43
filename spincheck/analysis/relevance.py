"""Which branches and which values can matter to a lock in a function.

Owns a backward slice: from the calls that touch locks (and, where callers look at it, the returned value) over data and control dependence
to the branches that decide about them and the variables and fields that those read. A branch outside the slice is
followed both ways without learning from it, and a difference in a value outside the slice does not keep two states apart. This is
what makes the analysis linear in practice: most branches of a driver decide nothing about its locks.

Leaving facts out can only add paths, and every finding is walked again with all facts before it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from functools import lru_cache

from spincheck.analysis.cfg import Graph, base_variable, field_name, values_of, visit_place, visit_value
from spincheck.analysis.summaries import Summary
from spincheck.ir import (
    AddressOf,
    Assign,
    Branch,
    Call,
    ComputedJump,
    Deref,
    Global,
    Instruction,
    Int,
    Local,
    Member,
    Opaque,
    Place,
    Return,
    Switch,
)


def postdominators(graph: Graph) -> list[int]:
    """Return the immediate postdominator of each point; ``len(code)`` is the exit, -1 for what never gets there.

    The algorithm of Cooper, Harvey and Kennedy on the reversed graph.
    """
    count = len(graph.next)
    leave = count
    into: list[list[int]] = [[] for _ in range(count + 1)]
    for pc, targets in enumerate(graph.next):
        if graph.order[pc] < 0:
            continue
        for target in dict.fromkeys(targets) or ():
            into[target].append(pc)
        if not targets:
            into[leave].append(pc)
    order = _reverse_postorder(into, leave)
    position = {pc: number for number, pc in enumerate(order)}
    above = [-1] * (count + 1)
    above[leave] = leave

    def meet(one: int, other: int) -> int:
        while one != other:
            while position[one] > position[other]:
                one = above[one]
            while position[other] > position[one]:
                other = above[other]
        return one

    changed = True
    while changed:
        changed = False
        for pc in order[1:]:
            new = -1
            for target in graph.next[pc] or (leave,):
                if target in position and above[target] >= 0:
                    new = target if new < 0 else meet(new, target)
            if new >= 0 and above[pc] != new:
                above[pc] = new
                changed = True
    return above


def _reverse_postorder(into: list[list[int]], root: int) -> list[int]:
    seen = [False] * len(into)
    seen[root] = True
    finished: list[int] = []
    stack = [(root, 0)]
    while stack:
        pc, edge = stack.pop()
        if edge < len(into[pc]):
            stack.append((pc, edge + 1))
            target = into[pc][edge]
            if not seen[target]:
                seen[target] = True
                stack.append((target, 0))
        else:
            finished.append(pc)
    finished.reverse()
    return finished


@lru_cache(maxsize=1)  # a function's slices are made one after the other
def control_dependence(graph: Graph) -> list[list[int]]:
    """Return, per point, the branches that decide whether it is reached (Ferrante, Ottenstein, Warren)."""
    above = postdominators(graph)
    leave = len(graph.next)
    depends: list[list[int]] = [[] for _ in graph.next]
    for pc, targets in enumerate(graph.next):
        if graph.order[pc] < 0 or len(targets) < 2:
            continue
        for target in dict.fromkeys(targets):
            runner = target
            steps = 0
            while runner not in (above[pc], leave, -1) and steps <= leave:
                depends[runner].append(pc)
                runner = above[runner]
                steps += 1
    return depends


def sets_flag(instruction: Instruction) -> bool:
    """Tell whether the instruction stores a constant where callers can see it."""
    return isinstance(instruction, Assign) and isinstance(instruction.value, Int) and isinstance(instruction.place, Member | Deref | Global)


class Relevance:
    """The slice of one function. ``points`` are its instructions, ``branches`` those of them that branch, ``locals`` and ``fields`` the names that matter.

    ``touches``: whether a call can change or need a lock, or may not return. ``writes``: the fields that a call may write.
    ``reads``: those that it may read. ``tells``: whether callers ask if it is made, ``decides``: or if a callee makes such a call because of a
    parameter that is passed on; of what decides about that only tests of parameters count, which are what a caller knows
    (``tests_flags``: there are some), and those only if ``parameters_matter``. ``result_matters``: callers look at the returned value. ``flags_matter``: callers may test a field that is set to a
    constant here.
    """

    def __init__(
        self,
        graph: Graph,
        touches: Callable[[Call], bool],
        writes: Callable[[Call], frozenset[str]],
        reads: Callable[[Call], frozenset[str]],
        tells: Callable[[Call], bool],
        decides: Callable[[Call, Collection[str]], bool],
        *,
        result_matters: bool,
        flags_matter: bool,
        parameters_matter: bool,
    ) -> None:
        self._graph = graph
        self._reads = reads
        self._depends = control_dependence(graph)
        self.branches: set[int] = set()
        self.locals: set[str] = set()
        self.fields: set[str] = set()
        self.points: set[int] = set()
        self._work: list[int] = []
        self._written: dict[int, frozenset[str]] = {}
        self._local_writers: dict[str, list[int]] = {}
        self._field_writers: dict[str, list[int]] = {}
        self._find_writers(writes)
        for pc, instruction in enumerate(graph.function.code):
            if graph.order[pc] < 0:
                continue
            if (isinstance(instruction, Call) and touches(instruction)) or (isinstance(instruction, Opaque) and instruction.calls) or (isinstance(instruction, Return) and result_matters and instruction.value is not None) or (flags_matter and sets_flag(instruction)):
                self._add(pc)
        while self._work:
            self._expand(self._work.pop())
        self.tests_flags = False
        parameters = {variable.name for variable in graph.function.parameters} - self._local_writers.keys() if parameters_matter else set[str]()
        for pc, instruction in enumerate(graph.function.code):
            if not isinstance(instruction, Call) or graph.order[pc] < 0 or not parameters:
                continue
            if decides(instruction, parameters):
                self.points.add(pc)
                self._add_flags(pc, parameters)
                self.tests_flags = True
            elif tells(instruction):
                self._add_flags(pc, parameters)

    def _add_flags(self, told: int, parameters: AbstractSet[str]) -> None:
        """Add the tests of unchanged parameters that decide whether a call is made, but nothing that they depend on in turn."""
        work, seen = [told], {told}
        while work:
            for branch in self._depends[work.pop()]:
                if branch in seen:
                    continue
                seen.add(branch)
                work.append(branch)
                names = self._tested(branch)
                if names and names <= parameters:
                    self.branches.add(branch)
                    self.points.add(branch)
                    self.locals |= names
                    self.tests_flags = True

    def _tested(self, branch: int) -> set[str]:
        """Return the variables that a branch reads; none when it reads anything else."""
        names: set[str] = set()
        other = False

        def on_place(place: Place, loaded: bool) -> None:
            nonlocal other
            if isinstance(place, Local) and loaded:
                names.add(place.name)
            else:
                other = True

        for value in values_of(self._graph.function.code[branch]):
            visit_value(value, on_place)
        return set() if other else names

    def outcome_matters(self, call: Call, summary: Summary) -> bool:
        """Tell whether a call's result, or what it writes, has a part in what happens to locks."""
        if call.result is not None and call.result in self.locals:
            return True
        for argument in call.arguments:
            if isinstance(argument, AddressOf):
                variable = base_variable(argument.place)
                if isinstance(variable, Local) and variable.name in self.locals:
                    return True
        written = self._written.get(id(summary))
        if written is None:
            written = self._written[id(summary)] = summary.fields_written()
        return not self.fields.isdisjoint(written)

    def _add(self, pc: int) -> None:
        if pc not in self.points:
            self.points.add(pc)
            self._work.append(pc)

    def _find_writers(self, writes: Callable[[Call], frozenset[str]]) -> None:
        for pc, instruction in enumerate(self._graph.function.code):
            if isinstance(instruction, Assign):
                self._note_writer(instruction.place, pc)
            elif isinstance(instruction, Call):
                if instruction.result is not None:
                    self._local_writers.setdefault(instruction.result, []).append(pc)
                for argument in instruction.arguments:
                    if isinstance(argument, AddressOf):
                        self._note_writer(argument.place, pc)
                for name in writes(instruction):
                    self._field_writers.setdefault(name, []).append(pc)
            elif isinstance(instruction, Opaque):
                for place in instruction.writes:
                    self._note_writer(place, pc)

    def _note_writer(self, place: Place, pc: int) -> None:
        variable = base_variable(place)
        if isinstance(variable, Local):
            self._local_writers.setdefault(variable.name, []).append(pc)
        name = self._cells(place)
        if name is not None:
            self._field_writers.setdefault(name, []).append(pc)

    def _cells(self, place: Place) -> str | None:
        """Return the name of what else may be the same cell as a place; None for a variable that nobody has the address of."""
        variable = base_variable(place)
        if field_name(place) is None and isinstance(variable, Local) and variable.name not in self._graph.escaped:
            return None
        return field_name(place) or "*"

    def _expand(self, pc: int) -> None:
        instruction = self._graph.function.code[pc]
        for branch in self._depends[pc]:
            self.branches.add(branch)
            self._add(branch)
        if isinstance(instruction, Branch | Switch | ComputedJump):
            self.branches.add(pc)
        for value in values_of(instruction):
            visit_value(value, self._on_place)
        if isinstance(instruction, Assign):
            visit_place(instruction.place, self._on_place)
        elif isinstance(instruction, Call):
            for name in self._reads(instruction):
                self._on_field(name)

    def _on_place(self, place: Place, loaded: bool) -> None:
        variable = base_variable(place)
        if isinstance(variable, Local) and variable.name not in self.locals:
            self.locals.add(variable.name)
            for pc in self._local_writers.get(variable.name, ()):
                self._add(pc)
        name = self._cells(place) if loaded else None
        if name is not None:
            self._on_field(name)

    def _on_field(self, name: str) -> None:
        if name not in self.fields:
            self.fields.add(name)
            for pc in self._field_writers.get(name, ()):
                self._add(pc)
