"""Confirm before you say: walk the one path that a finding is about.

Owns the search for a single feasible path among those that a merged state stands for. The path is interpreted again from the
function's entry without any join, along decisions that the state's history contains; what contradicts itself falls away. The
search takes paths with few turns of loops first and counts its steps. Where they do not suffice it dives: another search takes what is nearest to the
place of the finding first, so that the body of an inner loop is not walked in all its ways before the outer one goes on; at first with what the run took
for relevant only, and what that finds is walked again with everything. Before that it asks about the locks in question alone: what does not come about
even where nothing else is told apart (`spincheck.analysis.focus`) does not come about.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from spincheck.analysis.cfg import Graph
from spincheck.analysis.keeping import LockClass
from spincheck.analysis.lockops import Problem
from spincheck.analysis.path import Node, ancestors, first_path, start
from spincheck.analysis.transfer import EXIT, Focus, Interpreter
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import State
from spincheck.domain.terms import Term
from spincheck.ir import Branch

MAX_STEPS = 5_000
"""Instructions, and outcomes of them, that the search for one finding may interpret."""

MAX_TOTAL = 12_000
"""The same for all searches in one function may interpret; one that has so many candidates has one cause for most of them."""


MAX_TURNS = 6
"""Turns of one loop on one path. What shows later only is nearly always what the names of values that a walk came by have become too long for."""


ARRAY_TURNS = 64
"""The same for a finding about some element of an array: a loop over all of them may take that many turns before it is left at all."""


FEW_TURNS = 4
"""Turns after which a loop is also taken to have gone on until its end: a loop over a hundred elements is not left before."""


AGAIN = 10
"""Instructions that a dive would rather go farther than come to a point once more."""


class Loop(NamedTuple):
    """A loop that a path has come to: how often, and the states at first and before the last turn."""

    turns: int
    first: State
    last: State


class Found(NamedTuple):
    """``state`` is the state at the end of a confirmed path, ``problem`` the one that was met there, for a search for one. ``verdict``: ``refuted`` when no path is feasible, ``open`` when the steps ran out."""

    verdict: Literal["confirmed", "refuted", "open"]
    state: State | None = None
    problem: Problem | None = None


def decisions(node: Node) -> frozenset[tuple[int, int]]:
    """Return every decision on any path to a node."""
    return frozenset((step.pc, step.choice) for step in ancestors(node) if step.kind not in {"merge", "start"})


def search(
    interpreter: Interpreter,
    graph: Graph,
    wanted: State,
    at_exit: Callable[[int, State], bool] | None,
    at_problem: Callable[[Any, State], bool] | None,
    turns: int = MAX_TURNS,
    goal: Callable[[int], bool] | None = None,
    about: Collection[LockClass] = (),
) -> Found:
    """Look for a path, with at most so many turns of a loop, that ends in a state that one of the tests accepts.

    ``goal``: at which instructions that could be; ``about``: the locks that the tests ask for, if they ask for nothing else.
    """
    allowed = decisions(wanted.trace)
    idle = _idle(interpreter, graph)

    def walk(allowed: frozenset[tuple[int, int]], near: list[int] | None, focus: Focus = EVERYTHING) -> Found:
        with _following(interpreter, focus):
            return _search(interpreter, graph, allowed, idle, at_exit, at_problem, turns, near, focus)

    def along(rough: Found, near: list[int] | None) -> Found:
        """Walk again with everything where a search went that did not follow all."""
        assert rough.state is not None
        with _following(interpreter, EVERYTHING):
            found = _retraced(interpreter, first_path(rough.state.trace), at_exit, at_problem)
        if found.verdict == "confirmed":
            return found
        chosen = decisions(rough.state.trace)
        points = {pc for pc, _ in chosen}
        return walk(chosen | {one for one in allowed if one[0] not in points}, near)

    if about and interpreter.focus is not None and interpreter.dived <= MAX_TOTAL:
        with _apart(interpreter):
            rough = walk(allowed, None, interpreter.focus(tuple(about)))
            found = along(rough, None) if rough.verdict == "confirmed" else rough
        if rough.verdict == "refuted" or found.verdict == "confirmed":
            return found
    found = walk(allowed, None)
    if found.verdict != "open" or interpreter.dived > MAX_TOTAL or goal is None:
        return found
    with _apart(interpreter):
        near = _distances(graph, goal)
        rough = walk(allowed, near, Focus(interpreter.relevant, interpreter.outcome_matters, _key))
        if rough.verdict == "confirmed":
            found = along(rough, near)
        return found if found.verdict == "confirmed" else walk(allowed, near)


def _idle(interpreter: Interpreter, graph: Graph) -> frozenset[int]:
    """Return the points of loops that decide nothing: the run left them after a turn or two, which is sooner than their counters do."""
    return frozenset(pc for pc, component in enumerate(graph.cyclic) if component >= 0 and not interpreter.relevant(pc))


@contextmanager
def _apart(interpreter: Interpreter) -> Iterator[None]:
    """Count the steps of second searches by themselves: they take nothing from those that are still to come."""
    spent, interpreter.searched = interpreter.searched, interpreter.dived
    yield
    interpreter.dived, interpreter.searched = interpreter.searched, spent


@contextmanager
def _following(interpreter: Interpreter, focus: Focus) -> Iterator[None]:
    """Follow the branches and the cases of calls that a search asks for, whatever the run that is confirmed took for relevant."""
    relevant, matters = interpreter.relevant, interpreter.outcome_matters
    interpreter.relevant, interpreter.outcome_matters = focus.relevant, focus.outcome_matters
    interpreter.believes = focus.key is _key
    try:
        yield
    finally:
        interpreter.relevant, interpreter.outcome_matters, interpreter.believes = relevant, matters, True


def _search(
    interpreter: Interpreter,
    graph: Graph,
    allowed: frozenset[tuple[int, int]],
    idle: frozenset[int],
    at_exit: Callable[[int, State], bool] | None,
    at_problem: Callable[[Any, State], bool] | None,
    most: int,
    near: list[int] | None,
    focus: Focus,
) -> Found:
    entry = interpreter.entry_state(start())
    visits: dict[int, int] = {}

    def rank(turns: int, target: int) -> tuple[int, int]:
        if near is None:
            return turns, -graph.order[target]
        visits[target] = visits.get(target, 0) + 1
        return near[target] + AGAIN * visits[target], turns

    heap: list[tuple[tuple[int, int], int, int, int, State, dict[int, Loop]]] = [((0, 0), 0, 0, 0, entry, {})]
    counter = 0
    steps = 0
    visited: set[Any] = set()
    decided = {pc for pc, choice in allowed if choice >= 0}  # below 0: several cases taken for one
    while heap:
        _, _, turns, pc, state, passed = heapq.heappop(heap)
        while True:
            steps += 1
            interpreter.searched += 1
            if steps > MAX_STEPS or interpreter.searched > MAX_TOTAL:
                return Found("open")
            before = len(interpreter.problems)
            trace = state.trace
            results = interpreter.step(state, pc)
            steps += len(results)
            interpreter.searched += len(results)
            if at_problem is not None:
                for problem, where in interpreter.problems[before:]:
                    if at_problem(problem, where) and where.facts.satisfiable():
                        return Found("confirmed", where, problem)
            del interpreter.problems[before:]
            follow = []
            # Where less is known than in the run, a call or a switch may go on in ways that were none there, and left no decision.
            free = pc in idle or (not interpreter.believes and not isinstance(graph.function.code[pc], Branch))
            for target, after in results:
                step = after.trace
                if not free and step is not trace and (step.pc, step.choice) not in allowed and (step.kind != "call" or (step.pc in decided and step.choice >= 0)):
                    continue  # a call that was not worth looking at left no decision, here or in the run
                if target == EXIT:
                    if at_exit is not None and at_exit(pc, after) and after.facts.satisfiable():
                        return Found("confirmed", after)
                    continue
                follow.append((target, after))
            if len(follow) == 1 and follow[0][0] not in graph.joins:
                pc, state = follow[0]
                continue
            for target, after in follow:
                if target in graph.joins:
                    key = (target, focus.key(after))
                    if key in visited:
                        continue
                    visited.add(key)
                counter += 1
                at_head = target in graph.heads
                if not at_head:
                    heapq.heappush(heap, (rank(turns, target), counter, turns, target, after, passed))
                    continue
                loop = passed.get(target) if pc in graph.body(target) else None  # an outer loop comes to it anew
                again = {**passed, target: Loop(1, after.copy(), after.copy()) if loop is None else loop._replace(turns=loop.turns + 1, last=after.copy())}
                if loop is None or loop.turns <= most:
                    heapq.heappush(heap, (rank(turns + 1, target), counter, turns + 1, target, after, again))
                if loop is not None and FEW_TURNS <= loop.turns <= most and _held(loop.last) == _held(after):
                    later = _many_turns_later(loop.first, after, target)
                    ended = {**again, target: loop._replace(turns=most + 1)}
                    heapq.heappush(heap, (rank(turns + 1, target), -counter, turns + 1, target, later, ended))
            break
    return Found("refuted")


def _retraced(
    interpreter: Interpreter,
    path: list[Node],
    at_exit: Callable[[int, State], bool] | None,
    at_problem: Callable[[Any, State], bool] | None,
) -> Found:
    """Walk a path of a search that did not follow all: the same decisions in the same order, and between them whatever is shortest.

    What that search took no notice of is decided anew; a path whose loops each hold another one has too many ways to be looked for among its decisions.
    """
    points = frozenset(node.pc for node in path)
    visits: dict[int, int] = {}
    heap: list[tuple[int, int, int, int, State]] = [(0, 0, 0, 0, interpreter.entry_state(start()))]
    counter = steps = 0
    while heap and steps <= MAX_STEPS and interpreter.searched <= MAX_TOTAL:
        left, _, _, pc, state = heapq.heappop(heap)
        before = len(interpreter.problems)
        trace = state.trace
        results = interpreter.step(state, pc)
        steps += 1 + len(results)
        interpreter.searched += 1 + len(results)
        if at_problem is not None:
            for problem, where in interpreter.problems[before:]:
                if at_problem(problem, where) and where.facts.satisfiable():
                    return Found("confirmed", where, problem)
        del interpreter.problems[before:]
        for target, after in results:
            done = -left if after.trace is trace else _next_on(path, -left, after.trace, points)
            if done is None:
                continue
            if target == EXIT:
                if at_exit is not None and at_exit(pc, after) and after.facts.satisfiable():
                    return Found("confirmed", after)
                continue
            counter += 1
            visits[target] = visits.get(target, 0) + 1
            heapq.heappush(heap, (-done, visits[target], counter, target, after))
    return Found("open")


def _next_on(path: list[Node], done: int, step: Node, points: frozenset[int]) -> int | None:
    """Return how many steps of a path are done after one more; None when that leaves it. A call of many outcomes there may have one here, which is no step."""
    for number in range(done, len(path)):
        node = path[number]
        if (node.kind, node.pc) == (step.kind, step.pc) and (node.choice == step.choice or min(node.choice, step.choice) < 0):
            return number + 1
        if node.kind != "call":
            break
    return None if step.pc in points else done


def _distances(graph: Graph, goal: Callable[[int], bool]) -> list[int]:
    """Return for every instruction how many others are at least between it and a goal; more than there are where none is ahead."""
    far = len(graph.next) + 1
    work = [pc for pc in range(len(graph.next)) if goal(pc)]
    near = [far] * len(graph.next)
    for pc in work:
        near[pc] = 0
    for pc in work:  # it grows while it is read
        for other in graph.before[pc]:
            if near[other] == far:
                near[other] = near[pc] + 1
                work.append(other)
    return near


def _many_turns_later(first: State, now: State, head: int) -> State:
    """Return the state at a loop's head any number of turns later, whose last turn has left the locks as they were.

    What has changed since the path came to the loop may have any value; a loop over a hundred elements ends with none of those that it had in
    the first few turns.
    """
    later = first.copy()
    later.trace, later.locks, later.needs = now.trace, now.locks, now.needs
    terms = now.terms
    changed = [cell for cell in dict.fromkeys([*first.memory, *now.memory]) if first.memory.get(cell) is not now.memory.get(cell)]
    for number, cell in enumerate(changed):
        later.memory[cell] = terms.make("fresh", head, f"later{number}")
    for cells, epoch in now.epochs.items():
        if first.epochs.get(cells) is not epoch:
            later.epochs[cells] = epoch
    return later


def _held(state: State) -> tuple[dict[Term, LockState], dict[Term, Need]]:
    locks = {lock: held for lock, held in state.locks.items() if held.status != "free" or held.depth != 0}
    return locks, {lock: need for lock, need in state.needs.items() if need.status == "held"}


def _key(state: State) -> Any:
    return (
        frozenset(state.memory.items()),
        frozenset(state.locks.items()),
        frozenset(lock for lock, need in state.needs.items() if need.status == "held"),
        frozenset(state.facts.sets.items()),
        frozenset(state.facts.relations),
        frozenset(state.epochs.items()),
    )


EVERYTHING = Focus(lambda _pc: True, lambda _call, _summary: True, _key)
"""A search that tells apart whatever can be told apart."""
