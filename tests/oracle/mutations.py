"""Breaking a program that is mostly in order: the mistakes that people make."""

from __future__ import annotations

import random
from typing import Any

from .program import Give, Goto, If, Named, Not, Program, Return, Set, Take, duplicate, walk

Body = list[Any]


def bodies(program: Program) -> list[Body]:
    """Return every list of statements of a program."""
    found: list[Body] = []
    for function in program:
        for one in walk(function):
            for name in ("body", "then", "otherwise"):
                body = getattr(one, name, None)
                if isinstance(body, list):
                    found.append(body)
            found.extend(case[1] for case in getattr(one, "cases", ()))
    return found


def mutate(program: Program, rng: random.Random, locks: list[str]) -> Program:
    """Break a program in at most two places; a good part stays as it is."""
    program = duplicate(program)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        _break(program, rng, locks)
    return program


def _break(program: Program, rng: random.Random, locks: list[str]) -> None:
    places = [(body, index) for body in bodies(program) for index in range(len(body))]
    operations = [(body, index) for body, index in places if isinstance(body[index], Take | Give)]
    branches = [body[index] for body, index in places if isinstance(body[index], If)]
    jumps = [(body, index) for body, index in places if isinstance(body[index], Goto)]
    sets = [(body, index) for body, index in places if isinstance(body[index], Set)]
    roll = rng.random()
    if roll < 0.35 and operations:
        body, index = rng.choice(operations)
        del body[index]
    elif roll < 0.5 and operations:
        body, index = rng.choice(operations)
        body.insert(index, duplicate(body[index]))
    elif roll < 0.65 and branches:
        branch = rng.choice(branches)
        branch.condition = Not(branch.condition)
    elif roll < 0.75 and operations:
        body, index = rng.choice(operations)
        if isinstance(body[index].lock, Named):
            body[index].lock = Named(rng.choice(locks))
    elif roll < 0.85 and sets:
        body, index = rng.choice(sets)
        del body[index]
    elif jumps:
        body, index = rng.choice(jumps)
        if body in [function.body for function in program if not function.result]:
            body[index] = Return()
