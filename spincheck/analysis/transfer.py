"""The transfer functions: what each instruction does to a state.

Owns the evaluation of values and places and one method per kind of instruction; calls are handed to `spincheck.analysis.calls`.
A step may split a state (a branch that can go both ways, a callee with several cases) and never joins; that is the
fixpoint's part. Nothing here knows about roles, rules or units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from spincheck.analysis import orders, spelling
from spincheck.analysis.cfg import Graph
from spincheck.analysis.keeping import LockClass
from spincheck.analysis.lockops import LockMachine, Problem
from spincheck.analysis.naming import lock_name
from spincheck.analysis.orders import Order
from spincheck.analysis.ownership import note_owner
from spincheck.analysis.path import Node
from spincheck.analysis.revival import BY_ANOTHER, CHANGED, Sides, looked_at
from spincheck.analysis.summaries import Summary
from spincheck.domain import intervals as iv
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import State
from spincheck.domain.terms import AGAIN, COMPARISONS, Term, Terms
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
    FunctionName,
    Global,
    Halt,
    Int,
    Jump,
    Load,
    Local,
    Member,
    Opaque,
    Place,
    Return,
    Switch,
    Text,
    Unary,
    Unknown,
    Value,
)
from spincheck.locks.tables import Tables

EXIT = -1
"""The target of a step that leaves the function."""

MAX_DEPTH = 24
"""A term nested deeper than this becomes an unknown value; only pointer chases in loops get there."""

GENERATIONS = 3
"""How many values of one call in a loop are told apart before the older ones become one."""


OBJECTS = frozenset(("init", "cell", "sel", "fresh", "uninit", "int"))
"""Values that may be a whole object's: what is known of its members is stored with it."""


class Step(NamedTuple):
    """Where one outcome of an instruction goes on."""

    target: int
    state: State


class Focus(NamedTuple):
    """What a search follows that asks about some locks only: the instructions and the calls' outcomes that matter to them, and what of a state does (`spincheck.analysis.focus`)."""

    relevant: Callable[[int], bool]
    outcome_matters: Callable[[Call, Summary], bool]
    key: Callable[[State], Any]


class Interpreter:
    """Interprets one function's instructions over states.

    ``problems`` collects what goes wrong, with the state it goes wrong in; ``acquired`` and ``orders`` what is taken, and while holding what; ``returned`` is the cell that a Return stores
    its value in. ``called`` are the calls that some path came to. ``relevant`` says which instructions are worth learning from, ``outcome_matters`` which
    calls' results and writes are; where it does not even ``believes`` the values that the others have, a branch on them goes both ways; ``exact`` is given to every state. ``sides`` are those of branches that were taken, ``revived`` those that are taken whatever
    the facts say. ``call`` interprets a call instruction, ``stored`` looks at a function whose address is put somewhere; they are set by the room that knows
    callees. ``carried`` are the kinds of carried lock that the program takes, ``handed`` those of them that it may give back for work that comes from elsewhere.
    """

    def __init__(self, function: Function, graph: Graph, tables: Tables) -> None:
        self.function = function
        self.graph = graph
        self.tables = tables
        self.terms = Terms()
        self.machine = LockMachine(tables)
        self.problems: list[tuple[Problem, State]] = []
        self.acquired: dict[Term, None] = {}
        self.orders: dict[tuple[str, str, int], Order] = {}
        self.call: Callable[[State, int, Call], list[Step]] = self._no_call
        self.focus: Callable[[tuple[LockClass, ...]], Focus] | None = None
        self.pc = 0
        self._through_null = False
        self.searched = 0
        self.dived = 0
        self.relevant: Callable[[int], bool] = lambda _: True
        self.believes = True
        self.outcome_matters: Callable[[Call, Summary], bool] = lambda _call, _summary: True
        self.takes_lock: Callable[[str], bool] = lambda _name: False
        self.stored: Callable[[State, Term], None] = lambda _state, _routine: None
        self.carried: frozenset[str] = frozenset()
        self.handed: frozenset[str] = frozenset()
        self.exact = False
        self.called: set[int] = set()
        self.passed: set[int] = set()
        self.sides = Sides(graph)
        self.revived: frozenset[tuple[int, int]] = frozenset()
        self.present: tuple[int, ...] = ()
        self.names = temporaries(function)
        self._types = {variable.name: variable.type for variable in (*function.parameters, *function.locals)}
        self.returned = self.terms.make("local", "%return")
        self.aggregates = frozenset(name for name, kind in self._types.items() if kind == "array")

    @staticmethod
    def _no_call(state: State, pc: int, call: Call) -> list[Step]:
        del call
        return [Step(pc + 1, state)]

    def entry_state(self, trace: Node) -> State:
        """Return the state on entry: every parameter has its unknown value, within its type."""
        state = State(self.terms, trace)
        state.exact = self.exact
        for number, parameter in enumerate(self.function.parameters):
            value = self.terms.make("param", number)
            state.memory[self.terms.make("local", parameter.name)] = value
            allowed = iv.TYPE_RANGES.get(parameter.type)
            if allowed is not None:
                state.facts.sets[value] = iv.meet(allowed, iv.compared("!=", 0)) if number in self.present else allowed
        return state

    # --- values ---

    def fresh(self, state: State, tag: str = "") -> Term:
        """Return a value that nothing else in the state is known to equal."""
        first = self.terms.make("fresh", self.pc, tag)
        if self.graph.cyclic[self.pc] < 0 or not state.mentions(first):
            return first
        generation = first
        for number in range(1, GENERATIONS):
            generation = self.terms.make("fresh", self.pc, f"{tag}{AGAIN}{number}")
            if not state.mentions(generation):
                return generation
        old = self.terms.make("fresh", self.pc, f"{tag}{AGAIN}old")
        state.facts.sets.pop(generation, None)
        retired = generation
        state.substitute(lambda term: old if term is retired else None)
        state.facts.sets.pop(old, None)
        return generation

    def value(self, state: State, what: Value) -> Term:
        """Evaluate an expression."""
        term = self._value(state, what)
        if term.depth > MAX_DEPTH:
            return self.fresh(state, "deep")
        return term

    def _value(self, state: State, what: Value) -> Term:
        terms = self.terms
        if isinstance(what, Load):
            return self.load(state, what.place)
        if isinstance(what, Int):
            return terms.constant(what.value)
        if isinstance(what, Binary):
            left, right = self._value(state, what.left), self._value(state, what.right)
            if left is right and state.stale and what.op in COMPARISONS and self._is_snapshot(state, what):
                return self.fresh(state, CHANGED)
            return state.normal(terms.binary(what.op, left, right))
        if isinstance(what, AddressOf):
            return self.address(state, what.place)
        if isinstance(what, Unary):
            return terms.unary(what.op, self._value(state, what.operand))
        if isinstance(what, Cast):
            return self._cast(state, what)
        if isinstance(what, FunctionName):
            return terms.make("fn", what.name)
        if isinstance(what, Text):
            return terms.make("text", what.value)
        return self._unknown(state, what)

    def _unknown(self, state: State, what: Unknown) -> Term:
        if what.why == "uninitialised":
            return self.terms.make("uninit", self.pc)
        return self.fresh(state, what.why)

    def _cast(self, state: State, what: Cast) -> Term:
        operand = self._value(state, what.operand)
        if operand.op == "int":
            return self.terms.cast(what.to, operand)
        known = state.facts.range_of(operand)
        if iv.contains(iv.TYPE_RANGES[what.to], known):
            return operand
        if what.to == "i32" and not iv.contains(iv.TYPE_RANGES["u32"], known):
            # A status or a LONG of unknown declaration: the conversion is written for the reader and changes nothing. What a test
            # has said of the value since must not turn it into another term.
            return operand
        return self.terms.cast(what.to, operand)

    def load(self, state: State, place: Place) -> Term:
        """Return the value at a place."""
        address = self.address(state, place)
        value = state.memory.get(address)
        if value is not None:
            return value
        if self.terms.is_in_null(address) and self._is_through_local(place):
            self._through_null = True
        return state.read(address)

    @staticmethod
    def _is_through_local(place: Place) -> bool:
        """Whether a place lies behind a local pointer: where that is NULL, no path goes on.

        Of a pointer in memory it is not certain: what wrote it may not have been seen.
        """
        while isinstance(place, Member | Element):
            place = place.base
        return isinstance(place, Deref) and isinstance(place.pointer, Load) and isinstance(place.pointer.place, Local)

    def address(self, state: State, place: Place) -> Term:
        """Return the address of a place."""
        terms = self.terms
        if isinstance(place, Local):
            return terms.make("local", place.name)
        if isinstance(place, Global):
            return terms.make("global", place.name)
        if isinstance(place, Member):
            return state.normal(terms.field(self.address(state, place.base), place.field))
        if isinstance(place, Element):
            return state.normal(terms.elem(self.address(state, place.base), self._value(state, place.index)))
        return terms.location(self._value(state, place.pointer))

    # --- instructions ---

    def step(self, state: State, pc: int) -> list[Step]:
        """Interpret the instruction at ``pc``; the state is consumed."""
        self.pc = pc
        self.machine.books.loop = self.graph.cyclic[pc]
        self._through_null = False
        steps = self._step(state, pc)
        if steps and not self._through_null:
            return steps
        goes_on = not self.believes and not self.relevant(pc) and isinstance(self.function.code[pc], Assign | Call | Opaque)
        return [Step(pc + 1, state)] if goes_on else []

    def _step(self, state: State, pc: int) -> list[Step]:
        instruction = self.function.code[pc]
        if isinstance(instruction, Assign):
            return self._assign(state, pc, instruction)
        if isinstance(instruction, Branch):
            return self._branch(state, pc, instruction)
        if isinstance(instruction, Call):
            return self.call(state, pc, instruction)
        if isinstance(instruction, Jump):
            return [Step(instruction.target, state)]
        if isinstance(instruction, Return):
            if instruction.value is not None:
                self._give(state, pc, instruction.value)
            self.problems.extend((problem, state.copy()) for problem in self.machine.unpaid(state, state.memory.get(self.returned)))
            return [Step(EXIT, state)]
        if isinstance(instruction, Switch):
            return self._switch(state, pc, instruction)
        if isinstance(instruction, ComputedJump):
            return self._computed_jump(state, pc, instruction)
        if isinstance(instruction, Halt):
            return []
        return self._opaque(state, pc, instruction)

    def _give(self, state: State, pc: int, returned: Value) -> None:
        """Store what a Return gives to the caller; of an object also what is known of its members."""
        value = self.value(state, returned)
        if isinstance(returned, Load) and value.op in OBJECTS:
            state.copy_object(self.address(state, returned.place), self.returned, pc)
        else:
            state.memory[self.returned] = value

    def _assign(self, state: State, pc: int, instruction: Assign) -> list[Step]:
        value = self.value(state, instruction.value)
        place = instruction.place
        if isinstance(place, Local):
            target = self.terms.make("local", place.name)
            if place.name in self.aggregates and value.op == "int":
                state.fill(target, value, pc)
                return [Step(pc + 1, state)]
        else:
            target = self.address(state, place)
            if self.terms.is_in_null(target) and self._is_through_local(place):
                return []
        self._hand_over(state, value, target)
        if isinstance(instruction.value, Load) and value.op in OBJECTS:
            source = self.address(state, instruction.value.place)
            if source is not target:
                state.copy_object(source, target, pc)
                return [Step(pc + 1, state)]
        state.write(target, value, pc)
        if value.op == "int" and state.locks and self.terms.root(target).op != "local":
            state.note_set(target)
        return [Step(pc + 1, state)]

    def _hand_over(self, state: State, value: Term, target: Term) -> None:
        """A held lock that another thread may give back, and whose address is put where that thread finds it, is its affair; so is work that goes on in another routine."""
        if value.op == "fn" and target.op != "local" and self.handed:
            self.stored(state, value)
        held = state.locks.get(value)
        if held is not None and held.status == "held" and held.kind in self.tables.handed and self.terms.root(target).op != "local":
            state.locks[value] = LockState("maybe", held.kind)

    def _branch(self, state: State, pc: int, instruction: Branch) -> list[Step]:
        condition = self.value(state, instruction.condition)
        if not self.relevant(pc):
            return self._ignore(state, pc, instruction, condition)
        note_owner(state, condition, instruction, self.graph, self.tables, self.takes_lock)
        self._note_pointer(state, instruction, condition)
        if self.graph.cyclic[pc] >= 0 and not self.graph.is_consumed(instruction.condition):
            state.facts.assume_counted(condition)
        other = state.copy()
        before = state.copy() if (pc, 0) in self.revived or (pc, 1) in self.revived else None
        holds = state.assume(condition, holds=True)
        fails = other.assume(condition, holds=False)
        stale = condition.op == "int" and self._is_stale(state, instruction)
        fleeting = condition.op != "int" or stale or self._is_learned(state, instruction)
        self.sides.note(pc, 2 * holds + fails, other.trace, fleeting=fleeting, stale=stale)
        steps = []
        # Also where only one way is open: what decided it came before, and a reader has to be told where it shows.
        for possible, choice, target, side in ((holds, 1, instruction.then, state), (fails, 0, instruction.otherwise, other)):
            if possible:
                side.trace = Node("branch", (side.trace,), pc, instruction.at, choice=choice)
                steps.append(Step(target, side))
            elif before is not None and fleeting and (pc, choice) in self.revived and self._revive(before, pc, instruction, holds=choice == 1):
                text = f"taking the path where {spelling.condition(instruction.condition, choice == 1, self.names)}{BY_ANOTHER}"
                before.trace = Node("branch", (before.trace,), pc, instruction.at, choice=choice, text=text)
                steps.append(Step(target, before))
        return steps

    def _note_pointer(self, state: State, instruction: Branch, condition: Term) -> None:
        """What a pointer's test asks is a pointer: an address below it, or behind it, is none that is negative, or 0."""
        asked = instruction.condition
        if condition.op in {"init", "cell", "phi"} and isinstance(asked, Load) and isinstance(asked.place, Local) and self._types.get(asked.place.name) == "ptr":
            state.facts.restrict(condition, iv.TYPE_RANGES["ptr"])

    def _is_learned(self, state: State, instruction: Branch) -> bool:
        """Tell whether a condition is constant only for what was learned of a field that nothing here has written."""
        places = [self.address(state, place) for place in looked_at(instruction.condition)]
        return bool(places) and not any(place in state.memory or self.terms.root(place).op == "local" for place in places)

    def _is_snapshot(self, state: State, comparison: Binary) -> bool:
        """Tell whether a field is compared with what a local was given from it, before a lock was let go and taken again."""
        sides = (comparison.left, comparison.right)
        fields = [side.place for side in sides if isinstance(side, Load) and not isinstance(side.place, Local)]
        return len(fields) == 1 and self.address(state, fields[0]) in state.stale

    def _is_stale(self, state: State, instruction: Branch) -> bool:
        """Tell whether a condition is constant only for what was set here under a lock that was given back and taken again since."""
        return bool(state.stale) and any(self.address(state, place) in state.stale for place in looked_at(instruction.condition))

    def _revive(self, state: State, pc: int, instruction: Branch, *, holds: bool) -> bool:
        """Let another thread have changed what a branch looks at; False when its side cannot be taken even so."""
        for number, place in enumerate(looked_at(instruction.condition)):
            address = self.address(state, place)
            if self.terms.root(address).op != "local":
                state.write(address, self.fresh(state, f"{CHANGED}{number}"), pc)
        return state.assume(self.value(state, instruction.condition), holds=holds)

    def _ignore(self, state: State, pc: int, instruction: Branch, condition: Term) -> list[Step]:
        """A branch that decides nothing: follow what is possible and learn nothing.

        In a loop both ways are: its later turns are not told from the first one, which the values of the first one would keep in it for ever.
        """
        allowed = state.facts.range_of(state.normal(condition)) if self.believes else iv.TOP
        if self.graph.cyclic[pc] >= 0 and not isinstance(instruction.condition, Int):
            allowed = iv.TOP
        steps = []
        for possible, choice, target in ((allowed.single != 0, 1, instruction.then), (0 in allowed, 0, instruction.otherwise)):
            if possible:
                side = state.copy()
                side.trace = Node("branch", (side.trace,), pc, instruction.at, choice=choice)
                steps.append(Step(target, side))
        return steps

    def _switch(self, state: State, pc: int, instruction: Switch) -> list[Step]:
        value = self.value(state, instruction.value) if self.believes or self.relevant(pc) else self.fresh(state, "any")
        steps: list[Step] = []
        targets: dict[int, list[iv.IntSet]] = {}
        rest = state.facts.range_of(value)
        taken: list[tuple[int, int]] = []
        for case in instruction.cases:
            wanted = iv.make(case.low, case.high)
            taken.append((case.low, case.high))
            ways = targets.setdefault(case.target, [])
            if ways:
                union, exact = iv.join(ways[-1], wanted)
                if exact:
                    ways[-1] = union
                    continue
            ways.append(wanted)
        choice = 0
        for target, ways in targets.items():
            for wanted in ways:
                choice += 1
                side = state.copy()
                if side.facts.restrict(value, wanted):
                    side.trace = Node("branch", (side.trace,), pc, instruction.at, choice=choice)
                    steps.append(Step(target, side))
        holes = frozenset(number for low, high in taken if high - low < iv.MAX_HOLES for number in range(low, high + 1))
        remaining = [iv.meet(rest, iv.make(iv.LOW, iv.HIGH, holes))]
        for low, high in taken:
            if high - low >= iv.MAX_HOLES:
                remaining = [
                    part
                    for piece in remaining
                    for part in (iv.meet(piece, iv.make(iv.LOW, low - 1)), iv.meet(piece, iv.make(high + 1, iv.HIGH)))
                    if not part.is_empty
                ]
        for allowed in remaining:
            side = state.copy()
            choice += 1
            if not allowed.is_empty and side.facts.restrict(value, allowed):
                side.trace = Node("branch", (side.trace,), pc, instruction.at, choice=choice)
                steps.append(Step(instruction.default, side))
        if len(steps) == 1:
            steps[0].state.trace = state.trace
        return steps

    def _computed_jump(self, state: State, pc: int, instruction: ComputedJump) -> list[Step]:
        steps = []
        for choice, target in enumerate(dict.fromkeys(instruction.targets)):
            side = state.copy()
            side.trace = Node("branch", (side.trace,), pc, instruction.at, choice=choice)
            steps.append(Step(target, side))
        return steps

    def _opaque(self, state: State, pc: int, instruction: Opaque) -> list[Step]:
        for number, place in enumerate(instruction.writes):
            state.write(self.address(state, place), self.fresh(state, f"opaque{number}"), pc)
        if instruction.calls:
            for name in instruction.calls:
                for row in self.tables.operations.get(name, ()):
                    self._lose(state, row.kind)
        return [Step(pc + 1, state)]

    def _lose(self, state: State, kind: str) -> None:
        """A lock operation in text that is not followed: no lock of its kind is certain any more."""
        for lock, held in list(state.locks.items()):
            if self.machine.same_storage(held.kind, kind):
                state.locks[lock] = held._replace(status="maybe")

    def note_acquired(
        self, state: State, lock: Term, operation: str, at: int, callee: str = "", released: Collection[Term] = ()
    ) -> None:
        """Remember that a lock is taken, and which others are held then; call it before the lock's state changes.

        ``released`` are locks that the callee gives back, perhaps before it takes this one.
        """
        lock = state.normal(lock)
        self.acquired[lock] = None
        known = state.locks.get(lock)
        if known is not None and known.status == "held":
            return  # whoever takes a lock twice waits for itself and for nobody else
        if lock.op == "lock" and any(self.machine.is_region(row.kind) for row in self.tables.operations.get(operation, ())):
            return  # nobody waits to enter a region
        for other, held in state.locks.items():
            waits = held.status == "held" and other not in released and not self.machine.is_region(held.kind)
            pair = orders.classes(self.terms, other, lock) if waits else None
            if pair is not None and (*pair, at) not in self.orders:
                names = lock_name(self.function, state, other), lock_name(self.function, state, lock)
                self.orders[*pair, at] = Order(*pair, at, *names, held.kind, (held.operation, operation), callee)

    def store_result(self, state: State, name: str | None, value: Term) -> None:
        """Store a call's result in its temporary or local."""
        if name is None:
            return
        allowed = iv.TYPE_RANGES.get(self._types.get(name, ""))
        if allowed is not None and value.op in {"fresh", "pure", "sel"}:
            state.facts.restrict(value, allowed)
        state.write(self.terms.make("local", name), value, self.pc)

    def store_part(self, state: State, name: str, path: str, value: Term) -> None:
        """Store a member of an object that a call returned by value, named from it on."""
        cell = self.terms.make("local", name)
        for field in path.split("."):
            cell = self.terms.field(cell, field)
        state.write(cell, value, self.pc)


def temporaries(function: Function) -> dict[str, str]:
    """Return what each temporary stands for in messages: the call whose result it is, or the one value stored in it."""
    names: dict[str, str] = {}
    stored = Counter(
        one.place.name for one in function.code if isinstance(one, Assign) and isinstance(one.place, Local) and one.place.name.startswith("%")
    )
    for instruction in function.code:
        if isinstance(instruction, Assign) and isinstance(instruction.place, Local) and stored[instruction.place.name] == 1:
            names.setdefault(instruction.place.name, spelling.value(instruction.value, names))
        if isinstance(instruction, Call) and instruction.result is not None and instruction.result.startswith("%"):
            callee = spelling.value(instruction.callee, names)
            if len(callee) > 60:
                callee = "call"
            inside = ", ".join(spelling.value(argument, names) for argument in instruction.arguments)
            names.setdefault(instruction.result, f"{callee}({inside if len(inside) <= 40 else '…'})")
    return names


__all__ = ["EXIT", "Deref", "Interpreter", "Step", "temporaries"]
