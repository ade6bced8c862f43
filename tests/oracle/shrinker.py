"""Making a program small while it keeps a property: statements go, compound statements become what is inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .mutations import bodies
from .program import (
    Attempt,
    Const,
    Function,
    Goto,
    Invoke,
    Label,
    Logic,
    Not,
    Program,
    Set,
    Var,
    duplicate,
    walk,
)


def shrink(program: Program, keeps: Callable[[Program], bool], tries: int = 3000) -> Program:
    """Return a small program for which ``keeps`` still holds; it must hold for ``program`` and never raise."""
    current = program
    again = True
    while again and tries > 0:
        again = False
        for candidate in _smaller(current):
            tries -= 1
            if tries <= 0:
                break
            if _well_formed(candidate) and keeps(candidate):
                current = candidate
                again = True
                break
    return current


def _well_formed(program: Program) -> bool:
    names = {function.name for function in program}
    reached = {program[0].name}
    for _ in program:
        reached |= {one.function for function in program if function.name in reached for one in walk(function) if isinstance(one, Invoke)}
    if reached != names:
        return False  # a helper without callers is judged as one whose callers nobody knows
    for function in program:
        labels = {one.name for one in function.body if isinstance(one, Label)}
        for one in walk(function):
            if isinstance(one, Goto) and one.label not in labels:
                return False
            if isinstance(one, Invoke) and one.function not in names:
                return False
    return True


def _smaller(program: Program) -> Iterator[Program]:
    for index in range(1, len(program)):
        candidate = [function for position, function in enumerate(duplicate(program)) if position != index]
        for body in bodies(candidate):
            body[:] = [one for one in body if all(getattr(part, "function", "") != program[index].name for part in walk(one))]
        yield candidate
    for number, body in enumerate(bodies(program)):
        if len(body) > 3:
            for start in (0, len(body) // 2):
                candidate = duplicate(program)
                del bodies(candidate)[number][start : start + len(body) // 2]
                yield candidate
        for index in range(len(body)):
            candidate = duplicate(program)
            del bodies(candidate)[number][index]
            yield candidate
            for inner in _insides(body[index]):
                candidate = duplicate(program)
                bodies(candidate)[number][index : index + 1] = duplicate(inner)
                yield candidate
    yield from _simpler_conditions(program)


def _insides(one: Any) -> Iterator[list[Any]]:
    for name in ("then", "otherwise", "body"):
        inside = getattr(one, name, None)
        if inside:
            yield inside
    for case in getattr(one, "cases", ()):
        yield case[1]


def _simpler_conditions(program: Program) -> Iterator[Program]:
    count = sum(1 for function in program for _ in walk(function))
    for position in range(count):
        original = _at(program, position)
        for name in ("condition", "operand", "left", "right", "value", "lock"):
            part = getattr(original, name, None)
            for simpler in _parts(part):
                candidate = duplicate(program)
                setattr(_at(candidate, position), name, duplicate(simpler))
                yield candidate
        if isinstance(original, Function) and original.parameters:
            for index in range(len(original.parameters)):
                candidate = duplicate(program)
                target = _at(candidate, position)
                del target.parameters[index]
                for function in candidate:
                    for one in walk(function):
                        if isinstance(one, Invoke) and one.function == target.name and index < len(one.arguments):
                            del one.arguments[index]
                yield candidate


def _parts(part: Any) -> Iterator[Any]:
    if isinstance(part, Not):
        yield part.operand
    elif isinstance(part, Logic) or hasattr(part, "condition"):
        yield part.left
        yield part.right
    elif isinstance(part, Var | Const | Attempt | Set):
        return


def _at(program: Program, position: int) -> Any:
    for function in program:
        for one in walk(function):
            if position == 0:
                return one
            position -= 1
    raise IndexError
