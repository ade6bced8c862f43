"""Every path of a program, by running it on all of its inputs.

An unknown input is a set of candidate values that a test splits: the path goes on once with the values that pass and once with
the others, so that inputs which no test tells apart are run once. What is left of the sets is never wrong, because a
test of one unknown asks every candidate, and a test of two first fixes the one. The paths are walked by replaying
the program from its start with one more decision changed each time; no state is ever merged.

A violation is (what, lines, lock): ``lines`` are those of the operation and of the calls that lead to it, any of which is a
right place to tell it. ``first`` are those before which the path had none, ``all`` the others too.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from .printer import Written
from .program import (
    SLOTS,
    STATUS,
    Ask,
    Attempt,
    Break,
    Choice,
    Cmp,
    Const,
    Continue,
    Copy,
    Deref,
    Do,
    DoWhile,
    Fetch,
    Field,
    For,
    Function,
    Give,
    Goto,
    If,
    Inside,
    Invoke,
    IsNull,
    Label,
    Logic,
    Mask,
    Named,
    Node,
    Not,
    NtSuccess,
    Null,
    Out,
    Plus,
    Pointer,
    Program,
    Return,
    Set,
    Slot,
    Switch,
    Take,
    Var,
    While,
)  # fmt: skip

DOMAINS: dict[str, tuple[int, ...]] = {
    "b": (0, 1, 2),
    "n": (-1, 0, 1, 2, 3, 4),
    "f": (0, 1, 2, 3, 4, 5, 6, 7, 8),
    "s": (*STATUS.values(), 1),
    "i": (0,),
}
WIDE_DOMAINS: dict[str, tuple[int, ...]] = {
    "b": (0, 1, 2, 3, 4, 5, 6),
    "n": tuple(range(-5, 10)),
    "f": tuple(range(17)),
    "s": (*STATUS.values(), 1, 2, -1, -2, -3),
    "i": (0,),
}


class InvalidError(Exception):
    """The program does something that C leaves undefined, or that the generator never means (a shrunk program may)."""


class TooLargeError(Exception):
    """More paths than the limit."""


class _CutError(Exception):
    """The path turns in a loop, or calls deeper, than the bound."""


class _DepthError(_CutError):
    """A recursion went deeper than the bound; where it never ends, nothing that follows from it can be said."""


class _JumpError(Exception):
    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class _LeaveError(Exception):
    def __init__(self, value: Any, line: int) -> None:
        super().__init__()
        self.value = value
        self.line = line


class _BreakError(Exception):
    pass


class _ContinueError(Exception):
    pass


class Violation(NamedTuple):
    """One defect of one path; ``acquired`` is the line in the callback where the lock came to be held."""

    what: str
    lines: tuple[int, ...]
    lock: str
    acquired: int = 0


class Verdict(NamedTuple):
    """What brute force says of a program; ``cut`` when some path was given up at the bound of turns."""

    first: frozenset[Violation]
    all: frozenset[Violation]
    paths: int
    cut: bool
    returned: frozenset[int]
    """Lines in the callback of acquires of a lock that some path has given back when it ends, by another statement than the one that acquired it."""


@dataclasses.dataclass(eq=False)
class _Unknown:
    """An input: the values it can still have."""

    candidates: tuple[int, ...]


@dataclasses.dataclass(eq=False)
class _Irql:
    """The IRQL that one acquire saved; ``number`` counts acquires."""

    lock: str
    number: int


_UNSAVED = object()
_Place = tuple[str, int, str]


@dataclasses.dataclass(eq=False)
class _Frame:
    """A call: the names it knows, and the line it is at."""

    number: int
    values: dict[str, Any]
    line: int = 0


class Enumerator:
    """Runs one program; ``turns`` bounds how often one loop, label or function is entered again on one path.

    ``deep_calls_end``: a call below the bound comes back without having done anything, else its path is given up.
    """

    def __init__(
        self, program: Program, domains: dict[str, tuple[int, ...]], turns: int, start: str = "", *, deep_calls_end: bool = False
    ) -> None:
        self._functions = {function.name: function for function in program}
        self._entry = self._functions[start or program[0].name]
        self._lines = Written(program).lines
        self._domains = domains
        self._bound = turns
        self._deep_calls_end = deep_calls_end

    def run(self, limit: int) -> Verdict:
        """Walk every path. Raises `TooLargeError` and `InvalidError`."""
        self._first: set[Violation] = set()
        self._all: set[Violation] = set()
        self._returned: set[int] = set()
        self._cut = False
        self._tape: list[list[int]] = []
        paths = 0
        while True:
            paths += 1
            if paths > limit:
                raise TooLargeError
            self._path()
            while self._tape and self._tape[-1][0] + 1 == self._tape[-1][1]:
                self._tape.pop()
            if not self._tape:
                break
            self._tape[-1][0] += 1
        return Verdict(frozenset(self._first), frozenset(self._all), paths, self._cut, frozenset(self._returned))

    # --- one path ---

    def _path(self) -> None:
        self._at = 0
        self._steps = 0
        self._dirty = False
        self._turns: dict[tuple[int, Node], int] = {}
        self._depth: dict[str, int] = {}
        self._fields: dict[str, Any] = {}
        self._held: dict[str, tuple[tuple[int, ...], Any]] = {}
        self._again: dict[str, int] = {}
        self._acquires = 0
        self._taken: dict[str, set[int]] = {}
        self._given: dict[str, set[int]] = {}
        self._frames: list[_Frame] = []
        self._calls = 0
        self._path_violations: list[Violation] = []
        self._new: list[Violation] = []
        try:
            arguments = {name: self._input(name) for name in self._entry.parameters}
            _, line = self._call(self._entry, arguments)
        except _CutError as cut:
            self._cut = True
            if isinstance(cut, _DepthError):
                self._first.difference_update(self._new)
            return
        for lock, lines in self._taken.items():
            if lock not in self._held:
                self._returned.update(line for line in lines if self._given.get(lock, set()) - {line})
        for lock, (lines, _) in self._held.items():
            self._violate("held", (line,), lock, lines[0])

    def _input(self, name: str) -> Any:
        if name[0] == "p":
            return self._choose_lock()
        if name[0] == "o":
            return _Frame(0, {name[1:]: _Unknown(self._domains[name[1]])}), Var(name[1:])
        return _Unknown(self._domains[name[0]])

    def _choose_lock(self) -> str:
        options = ("A", "B", "G")
        return options[self._choose(len(options))]

    def _violate(self, what: str, lines: tuple[int, ...], lock: str, acquired: int = 0) -> None:
        violation = Violation(what, lines, lock, acquired)
        self._all.add(violation)
        if not self._dirty or (what == "held" and all(one.what == "held" for one in self._path_violations)):
            if violation not in self._first:
                self._new.append(violation)
            self._first.add(violation)
        self._path_violations.append(violation)
        self._dirty = True

    def _choose(self, options: int) -> int:
        if options == 1:
            return 0
        if self._at == len(self._tape):
            self._tape.append([0, options])
        choice, known = self._tape[self._at]
        assert known == options
        self._at += 1
        return choice

    def _turn(self, one: Node) -> None:
        key = (self._frames[-1].number, one)
        self._turns[key] = self._turns.get(key, 0) + 1
        self._steps += 1
        if self._turns[key] > self._bound or self._steps > 400:
            raise _CutError

    # --- unknown values ---

    def _fix(self, value: Any) -> int:
        """Decide on one value of an unknown."""
        if isinstance(value, _Unknown):
            value.candidates = (value.candidates[self._choose(len(value.candidates))],)
            return value.candidates[0]
        if not isinstance(value, int):
            raise InvalidError
        return value

    def _test(self, value: Any, passes: Any) -> bool:
        """Decide whether a value passes a test."""
        if not isinstance(value, _Unknown):
            return bool(passes(self._fix(value)))
        yes = tuple(candidate for candidate in value.candidates if passes(candidate))
        no = tuple(candidate for candidate in value.candidates if not passes(candidate))
        sides = [side for side in (yes, no) if side]
        side = sides[self._choose(len(sides))]
        value.candidates = side
        return side is yes

    def _truth(self, condition: Any) -> bool:
        if isinstance(condition, Logic):
            left = self._truth(condition.left)
            return left if left == (condition.op == "||") else self._truth(condition.right)
        if isinstance(condition, Not):
            return not self._truth(condition.operand)
        if isinstance(condition, Cmp):
            compare = _COMPARE[condition.op]
            if isinstance(condition.left, Pointer):
                return bool(compare(self._pointer(condition.left), self._pointer(condition.right)))
            left, right = self._value(condition.left), self._value(condition.right)
            if isinstance(right, _Unknown) and left is not right:
                known = self._fix(left)
                return self._test(right, lambda other: compare(known, other))
            if left is right:
                return bool(compare(0, 0))
            return self._test(left, lambda other: compare(other, right))
        if isinstance(condition, NtSuccess):
            return self._test(self._value(condition.operand), lambda status: status >= 0)
        if isinstance(condition, Mask):
            return self._test(self._value(condition.operand), lambda bits: bits & condition.bits)
        if isinstance(condition, IsNull):
            return self._read(condition.pointer) is None
        return self._test(self._value(condition), lambda number: number != 0)

    def _value(self, one: Any) -> Any:
        if isinstance(one, Const):
            return one.value
        if isinstance(one, Var | Field | Deref):
            return self._read(one)
        if isinstance(one, Ask):
            return _Unknown(self._domains[one.kind])
        if isinstance(one, Choice):
            return self._value(one.left if self._truth(one.condition) else one.right)
        if isinstance(one, Mask):
            return self._fix(self._value(one.operand)) & one.bits
        if isinstance(one, Plus):
            return self._fix(self._value(one.operand)) + one.by
        if isinstance(one, Attempt):
            return self._attempt(self._lock(one.lock))
        if isinstance(one, Invoke):
            return self._invoke(one)
        return int(self._truth(one))

    # --- memory ---

    def _frame(self) -> _Frame:
        return self._frames[-1]

    def _read(self, place: Any) -> Any:
        if isinstance(place, Field):
            if place.name not in self._fields:
                if place.name[0] == "p":
                    raise InvalidError
                self._fields[place.name] = _Unknown(self._domains[place.name[0]])
            return self._fields[place.name]
        if isinstance(place, Deref):
            return self._read_out(self._frame().values.get(place.name))
        values = self._frame().values
        start = None if place.name[0] in "ph" else _UNSAVED if place.name[0] == "i" else 0
        return values.get(place.name, start)

    def _read_out(self, target: Any) -> Any:
        if target is None:
            raise InvalidError
        frame, place = target
        self._frames.append(frame)
        try:
            return self._read(place)
        finally:
            self._frames.pop()

    def _write(self, place: Any, value: Any) -> None:
        if isinstance(place, Field):
            self._fields[place.name] = value
        elif isinstance(place, Deref):
            target = self._frame().values.get(place.name)
            if target is None:
                raise InvalidError
            frame, outer = target
            self._frames.append(frame)
            try:
                self._write(outer, value)
            finally:
                self._frames.pop()
        else:
            self._frame().values[place.name] = value

    def _lock(self, one: Any) -> str:
        name = self._pointer(one)
        if name is None:
            raise InvalidError
        return name

    def _pointer(self, one: Any) -> str | None:
        if isinstance(one, Named):
            return one.name
        if isinstance(one, Slot):
            index = self._fix(self._value(one.index))
            if not 0 <= index < SLOTS:
                raise InvalidError
            return f"Table[{index}]"
        if isinstance(one, Pointer):
            held: str | None = self._read(one.place)
            return held
        if isinstance(one, Choice):
            return self._pointer(one.left if self._truth(one.condition) else one.right)
        assert isinstance(one, Null)
        return None

    # --- locks ---

    def _stack(self) -> tuple[int, ...]:
        return tuple(frame.line for frame in self._frames)

    def _take(self, lock: str, irql: Any) -> None:
        self._again.pop(lock, None)
        if lock in self._held:
            self._violate("double", self._stack(), lock)
            self._again[lock] = (0, 1, 2)[self._choose(3)]  # whether releases give it back is open: the machine hangs before
        self._acquires += 1
        token = _Irql(lock, self._acquires) if irql is not None else None
        self._taken.setdefault(lock, set()).add(self._stack()[0])
        self._held[lock] = (self._stack(), token)
        if irql is not None:
            self._write(irql, token)

    def _give(self, lock: str, irql: Any) -> None:
        saved = self._read(irql) if irql is not None else None
        self._given.setdefault(lock, set()).add(self._stack()[0])
        if self._again.get(lock, 0) > 0:
            self._again[lock] -= 1
            return
        before = self._held.pop(lock, None)
        if before is None:
            self._violate("unheld", self._stack(), lock)
            return
        if saved is _UNSAVED:
            self._violate("irql", self._stack(), lock)
        elif isinstance(saved, _Irql) and saved.lock != lock:
            other = self._held.get(saved.lock)
            if other is not None and other[1] is saved:
                self._held[saved.lock] = (other[0], before[1])  # hand over hand: the inner one now owes the outer's IRQL
                if before[1] is not None and before[1].number > saved.number:
                    self._violate("irql", self._stack(), lock)  # the inner one goes first: the IRQL is lowered under the outer one
            else:
                self._violate("irql", self._stack(), lock)

    def _attempt(self, lock: str) -> Any:
        if lock in self._held:
            return 0
        if self._choose(2) == 0:
            return 0
        self._take(lock, None)
        return _Unknown(tuple(value for value in self._domains["b"] if value != 0))

    # --- statements ---

    def _invoke(self, call: Invoke) -> Any:
        function = self._functions[call.function]
        if len(call.arguments) != len(function.parameters):
            raise InvalidError
        values = {
            name: self._argument(name, argument)
            for name, argument in zip(function.parameters, call.arguments, strict=True)
        }
        return self._call(function, values)[0]

    def _argument(self, name: str, argument: Any) -> Any:
        if name[0] == "p":
            return self._pointer(argument)
        if isinstance(argument, Out):
            place = argument.place
            if isinstance(place, Deref):
                return self._frame().values.get(place.name)
            return self._frame(), place
        if isinstance(argument, Null):
            return None
        return self._value(argument)

    def _call(self, function: Function, values: dict[str, Any]) -> tuple[Any, int]:
        self._calls += 1
        self._depth[function.name] = self._depth.get(function.name, 0) + 1
        if self._depth[function.name] > self._bound:
            if not self._deep_calls_end:
                raise _DepthError
            self._depth[function.name] -= 1
            return (_Unknown(self._domains[function.result]) if function.result else None), 0
        self._frames.append(_Frame(self._calls, values))
        result, line = None, self._lines[function]
        try:
            self._body(function.body)
        except _LeaveError as leave:
            result, line = leave.value, leave.line
        except (_BreakError, _ContinueError):
            raise InvalidError from None
        self._frames.pop()
        self._depth[function.name] -= 1
        if function.result and result is None:
            raise InvalidError
        return result, line

    def _body(self, body: list[Any]) -> None:
        start: int | None = 0
        while start is not None:
            start = self._from(body, start)

    def _from(self, body: list[Any], start: int) -> int | None:
        """Run a function's statements from one on; return where a jump goes on, None at the end."""
        try:
            self._run(body[start:])
        except _JumpError as jump:
            label = next((index for index, one in enumerate(body) if isinstance(one, Label) and one.name == jump.label), None)
            if label is None:
                raise InvalidError from None
            self._turn(body[label])
            return label
        return None

    def _run(self, body: list[Any]) -> None:
        for one in body:
            self._statement(one)

    def _statement(self, one: Any) -> None:
        self._steps += 1
        if self._steps > 400:
            raise _CutError
        self._frame().line = self._lines[one]
        if isinstance(one, If):
            self._run(one.then if self._truth(one.condition) else one.otherwise)
        elif isinstance(one, Set):
            self._write(one.place, self._pointer(one.value) if _is_pointer(one.place) else self._value(one.value))
        elif isinstance(one, Copy):
            self._frame().values[one.to] = self._frame().values.get(one.source)
        elif isinstance(one, Do):
            self._value(one.call)
        elif isinstance(one, Fetch):
            self._write(one.place, _Unknown(self._domains[one.kind]))
        elif isinstance(one, Take):
            self._take(self._lock(one.lock), one.irql)
        elif isinstance(one, Give):
            self._give(self._lock(one.lock), one.irql)
        elif isinstance(one, Return):
            raise _LeaveError(None if one.value is None else self._value(one.value), self._lines[one])
        elif isinstance(one, Goto):
            raise _JumpError(one.label)
        elif isinstance(one, Break):
            raise _BreakError
        elif isinstance(one, Continue):
            raise _ContinueError
        elif isinstance(one, Switch):
            self._switch(one)
        elif not isinstance(one, Label):
            self._loop(one)

    def _switch(self, one: Switch) -> None:
        value = self._value(one.value)
        chosen = None
        for index, (labels, _, _) in enumerate(one.cases):
            numbers = [label.value for label in labels]
            if labels and self._test(value, lambda number, numbers=numbers: number in numbers):
                chosen = index
                break
        if chosen is None:
            chosen = next((index for index, (labels, _, _) in enumerate(one.cases) if not labels), len(one.cases))
        try:
            for _, body, breaks in one.cases[chosen:]:
                self._run(body)
                if breaks:
                    return
        except _BreakError:
            return

    def _loop(self, one: Any) -> None:
        if isinstance(one, For):
            self._frame().values[one.name] = one.start
        self._turns.pop((self._frame().number, one), None)
        again = True
        while again:
            self._turn(one)
            self._frame().line = self._lines[one]
            if isinstance(one, For):
                if self._fix(self._frame().values.get(one.name)) == one.stop:
                    return
            elif isinstance(one, While) and not self._truth(one.condition):
                return
            try:
                self._run(one.body)
            except _BreakError:
                return
            except _ContinueError:
                pass
            self._frame().line = self._lines[one]
            if isinstance(one, DoWhile):
                again = self._truth(one.condition)
            elif isinstance(one, For):
                self._frame().values[one.name] = self._fix(self._frame().values[one.name]) + one.by


def _is_pointer(place: Any) -> bool:
    return place.name[0] in "ph"


_COMPARE: dict[str, Any] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

__all__ = ["DOMAINS", "WIDE_DOMAINS", "Enumerator", "Inside", "InvalidError", "TooLargeError", "Verdict", "Violation"]
