"""Branches that no path takes because of what was learned before a lock was taken.

Owns the one exception to "a field read twice has one value". Code that looks at a field, takes a lock and looks again ("check, lock, check
again", or after a lock was dropped and taken anew) expects that another thread has changed it in between. If the facts say that one side of
the second look is never taken, it is code that nobody would have written if it could not be, and what it does to locks has to be
checked. Where any path takes the side anyway, facts are believed: two looks that agree are how flags carry a lock to its release.

What the function itself has set to a constant is what it is, unless it did so under a lock that it has given back and taken again since: "mark it busy, drop
the lock, wait, take the lock, see whether it still is".

So a function is first followed with all facts. Sides that were never taken, whose fields an earlier branch has looked at before a lock was
acquired, are taken in a second run, with new values in those fields. Callers do not see these as writes.

The second look may be a helper's: then it is a case of the helper that leaves a lock held, and that facts of the caller about fields exclude at a call where
no lock is held. What the helper looked at only after it had taken a lock (`is_late`) may be what another thread has made it.

A loop that waits for a field ("until the driver stops") is left by another thread's doing in the same way: where no path leaves it in a later turn
than the first, the ways out that look at a field are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from spincheck.analysis.cfg import Graph, field_name
from spincheck.analysis.path import Node, back, first_path
from spincheck.domain.state import cell_class
from spincheck.domain.terms import Term
from spincheck.ir import Assign, Binary, Branch, Cast, Function, Load, Local, Place, Switch, Unary, Value

CHANGED = "changed"
"""Tag of the value that a field has after another thread may have written it."""

BY_ANOTHER = ", changed by another thread"
"""How a step ends that only another thread makes possible."""

SAMPLES = 4
"""Paths to a branch that are looked at; they differ in what does not decide it."""

BOTH = 3
"""Both sides of a branch, as a set of bits ``1 << choice``."""


def is_changed(value: Term) -> bool:
    """Tell whether a value was made up for a field that another thread may have written."""
    return value.op == "fresh" and str(value.args[1]).startswith(CHANGED)


def looked_at(value: Value) -> Iterator[Place]:
    """Yield the places whose values an expression compares, without those on the way to them; locals are nobody else's."""
    if isinstance(value, Load):
        if not isinstance(value.place, Local):
            yield value.place
    elif isinstance(value, Binary):
        yield from looked_at(value.left)
        yield from looked_at(value.right)
    elif isinstance(value, Unary | Cast):
        yield from looked_at(value.operand)


def cells_of(value: Term) -> Iterator[Term]:
    """Yield the cells on entry whose values a term is made of, without those on the way to them."""
    if value.op == "init":
        yield value.args[0]
    elif value.op not in {"field", "elem", "container"}:
        for part in value.args:
            if isinstance(part, Term):
                yield from cells_of(part)


def is_late(function: Function, path: Node, value: Term) -> bool:
    """Tell whether a path has looked at what a value is made of, and not before it had acquired a lock."""
    names = frozenset(cell_class(cell)[1] for cell in cells_of(value))
    acquired = False
    for node in first_path(path) if names else ():
        if _takes_lock(node):
            acquired = True
        elif node.kind == "branch" and not names.isdisjoint(_fields(function, node.pc)):
            return acquired
    return False


def _takes_lock(node: Node) -> bool:
    return node.kind == "acquire" or (node.kind == "call" and any(status == "held" for _, status in node.locks))


class Sides:
    """Which sides of each branch were taken in one run, and by which paths a branch was come to that had one side only; the same of callees' cases."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._taken: dict[int, int] = {}
        self._paths: dict[int, list[Node]] = {}
        self._left: set[int] = set()
        self._stale: set[int] = set()
        self._decided: dict[int, int] = {}
        self._turned: dict[int, int] = {}
        self._cases: dict[tuple[int, int], bool] = {}

    def note_case(self, pc: int, choice: int, *, taken: bool) -> None:
        """Remember of a callee's case that a path took it, or that only late looks kept it from being taken."""
        if taken or (pc, choice) not in self._cases:
            self._cases[pc, choice] = taken

    def note(self, pc: int, choices: int, path: Node, *, fleeting: bool, stale: bool) -> None:
        """Remember that a path could take some sides of a branch, given as bits ``1 << choice``.

        It could take both if it was not ``fleeting`` what decided it; ``stale``: that was set under a lock that was let go since.
        """
        if stale:
            self._stale.add(pc)
        self._decided[pc] = self._decided.get(pc, 0) | choices
        choices = choices if fleeting else BOTH
        self._taken[pc] = self._taken.get(pc, 0) | choices
        loop = self._graph.cyclic[pc]
        if loop >= 0 and loop not in self._left:
            self._note_turn(pc, loop, choices, path)
        if choices != BOTH and self._taken[pc] != BOTH:
            paths = self._paths.setdefault(pc, [])
            if len(paths) < SAMPLES:
                paths.append(path)

    def _note_turn(self, pc: int, loop: int, choices: int, path: Node) -> None:
        """Remember which branches of a loop could have left it in a later turn, and whether one did."""
        graph = self._graph
        instruction = graph.function.code[pc]
        assert isinstance(instruction, Branch)
        leaving = [choice for choice, target in ((1, instruction.then), (0, instruction.otherwise)) if graph.cyclic[target] != loop]
        if len(leaving) == 1 and any(node.pc == pc for node in back(path)):
            if choices >> leaving[0] & 1:
                self._left.add(loop)
            elif _fields(graph.function, pc):
                self._turned[pc] = leaving[0]

    def dead(self, function: Function) -> frozenset[tuple[int, int]]:
        """Return the sides, as (point, choice), that no path took and that another thread may open."""
        found = set()
        for pc, choices in self._taken.items():
            if choices in (1, 2) and any(self._may_have_changed(function, pc, path) for path in self._paths.get(pc, ())):
                found.add((pc, 1 if choices == 1 else 0))
        found.update((pc, 1 if self._decided[pc] == 1 else 0) for pc in self._stale if self._decided[pc] in (1, 2))
        found.update((pc, choice) for pc, choice in self._turned.items() if self._graph.cyclic[pc] not in self._left)
        found.update(case for case, taken in self._cases.items() if not taken)
        return frozenset(found)

    def _may_have_changed(self, function: Function, pc: int, path: Node) -> bool:
        """Whether an earlier branch has looked at what this one looks at, itself or at what a local had been given, and a lock was acquired since."""
        fields = _fields(function, pc)
        acquired = False
        for node in back(path) if fields else ():
            if _takes_lock(node):
                acquired = True
            elif node.kind == "branch" and node.pc != pc and not fields.isdisjoint(self._looks(function, node.pc)):
                return acquired
        return False

    def _looks(self, function: Function, pc: int) -> frozenset[str]:
        """Return the fields that a branch looks at, with those that the locals in its condition are set from."""
        return _fields(function, pc).union(*(self._given.get(name, frozenset()) for name in _locals(function, pc)))

    @cached_property
    def _given(self) -> dict[str, frozenset[str]]:
        given: dict[str, frozenset[str]] = {}
        for instruction in self._graph.function.code:
            if isinstance(instruction, Assign) and isinstance(instruction.place, Local):
                names = _names(instruction.value)
                if names:
                    given[instruction.place.name] = given.get(instruction.place.name, frozenset()) | names
        return given


def _fields(function: Function, pc: int) -> frozenset[str]:
    value = _condition(function, pc)
    return _names(value) if value is not None else frozenset()


def _condition(function: Function, pc: int) -> Value | None:
    instruction = function.code[pc]
    if isinstance(instruction, Branch):
        return instruction.condition
    return instruction.value if isinstance(instruction, Switch) else None


def _names(value: Value) -> frozenset[str]:
    names = (field_name(place) for place in looked_at(value))
    return frozenset(name for name in names if name is not None)


def _locals(function: Function, pc: int) -> Iterator[str]:
    """Yield the locals that a condition compares."""
    work = [_condition(function, pc)]
    while work:
        value = work.pop()
        if isinstance(value, Load) and isinstance(value.place, Local):
            yield value.place.name
        elif isinstance(value, Binary):
            work += [value.left, value.right]
        elif isinstance(value, Unary | Cast):
            work.append(value.operand)
