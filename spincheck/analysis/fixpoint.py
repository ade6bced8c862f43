"""The fixpoint over one function: property simulation with disjuncts.

Owns the worklist, the budgets and the joins. Points are visited in reverse postorder, so that a join sees everything that comes
from above before it goes on. At a join, states are pruned, united where that loses nothing, and dropped when an
earlier one covers them. Only beyond a budget of disjuncts, or when a loop does not settle, are states with the same
locks joined and facts lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from spincheck.analysis.aliases import whereabouts
from spincheck.analysis.budget import Budget
from spincheck.analysis.cfg import Graph, Liveness
from spincheck.analysis.lockops import drop_uncertain
from spincheck.analysis.owed import is_owed
from spincheck.analysis.path import acquired_at, merge, start
from spincheck.analysis.relevance import Relevance
from spincheck.analysis.transfer import EXIT, Interpreter
from spincheck.domain import intervals as iv
from spincheck.domain import merge as merging
from spincheck.domain.collapse import STEADY, some_element, some_nodes
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import CellClass, State, cell_class
from spincheck.domain.terms import Term

Seen = dict[Any, list[State]]
"""States that have left a join, by what must agree for one to cover another."""

MOST_LOCKS = 100
"""Locks of one path at the head of a loop; one that comes to more takes another one in every turn, which it would go on to do until its steps are used up."""

MANY_SETS = 8
"""Sets of locks at a loop's head from which on even one object's lock that its turns leave held is some object's."""

FEW = 6
"""Disjuncts per set of locks once the steps are used up."""

STOP = 3
"""At this multiple of its steps a function is given up; what was found until then stands."""


class Fixpoint:
    """Runs one function to a fixpoint. ``exits`` are the states that leave it, with the instruction they leave at.

    ``in_doubt`` tells that several locks became one of which nothing certain is known, so that silence about them says nothing.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        liveness: Liveness,
        relevance: Relevance,
        moves_locks: Callable[[int], bool],
        budget: Budget,
    ) -> None:
        self._in = interpreter
        self._graph: Graph = interpreter.graph
        self._live = liveness
        self._relevance = relevance
        self._budget = budget
        self._pending: dict[int, list[State]] = {}
        self._heap: list[tuple[int, int]] = []
        self._seen: dict[int, Seen] = {}
        self._turns: dict[tuple[int, Any], list[State]] = {}
        self._waves: dict[tuple[int, Any], int] = {}
        self._arrivals: dict[int, int] = {}
        self._lock_sets: dict[int, dict[Any, None]] = {}
        self._blurred: dict[int, State] = {}
        self._cells_live: dict[int, merging.Live] = {}
        self._classes_live: dict[int, Callable[[CellClass], bool]] = {}
        self._steps = 0
        self.exits: list[tuple[int, State]] = []
        self.in_doubt = False
        self.gave_up = False
        self.exhausted: list[tuple[int, str]] = []
        cyclic = self._graph.cyclic
        self._busy = {cyclic[pc] for pc in range(len(cyclic)) if cyclic[pc] >= 0 and moves_locks(pc)}

    def run(self) -> None:
        """Interpret the function from its entry until nothing changes."""
        self._arrive(0, self._in.entry_state(start()))
        while self._heap:
            _, pc = heapq.heappop(self._heap)
            states = self._pending.pop(pc, None)
            if not states:
                continue
            if pc in self._graph.joins:
                states = self._join(pc, states)
            for state in states:
                self._walk(pc, state)
            if self._steps > self._budget.steps * STOP:
                self._give_up(pc, f"more than {self._budget.steps * STOP} steps")
                break
            if pc in self._graph.heads and any(len(state.locks) > MOST_LOCKS for state in states):
                self._give_up(pc, f"more than {MOST_LOCKS} locks in a loop")
                break
        self._doubt_walked()

    def _doubt_walked(self) -> None:
        """Of objects that one loop locks and another one unlocks, it is not certain that both walk over the same ones."""
        books = self._in.machine.books
        for _, state in self.exits:
            for lock, held in list(state.locks.items()):
                if held.status == "held" and held.kind and books.is_walked(lock, held.kind):
                    state.locks[lock] = LockState("maybe", held.kind)

    @property
    def within_budget(self) -> bool:
        """Whether all was followed, and as finely as is needed to be believed."""
        return not self.exhausted and self._budget.trusted

    def _give_up(self, pc: int, reason: str) -> None:
        at = getattr(self._in.function.code[pc], "at", 0)
        self.gave_up = True
        self.exhausted.append((at, reason))

    def _arrive(self, pc: int, state: State) -> None:
        waiting = self._pending.get(pc)
        if waiting is None:
            self._pending[pc] = [state]
            heapq.heappush(self._heap, (self._graph.order[pc], pc))
        else:
            waiting.append(state)

    def _walk(self, pc: int, state: State) -> None:
        """Follow straight-line code until control splits or reaches a join."""
        joins = self._graph.joins
        while True:
            steps = self._in.step(state, pc)
            self._steps += max(1, len(steps))  # a call costs as many as it has cases that fit
            if len(steps) == 1 and steps[0].target != EXIT and steps[0].target not in joins:
                pc, state = steps[0].target, steps[0].state
                continue
            for step in steps:
                if step.target == EXIT:
                    self.exits.append((pc, step.state))
                else:
                    self._arrive(step.target, step.state)
            return

    # --- joins ---

    def _join(self, pc: int, states: list[State]) -> list[State]:
        live = self._cell_liveness(pc)
        class_is_live = self._class_liveness(pc)
        for state in states:
            drop_uncertain(state)
            merging.prune(state, lambda name: self._live.local_is_live(name, pc))
            if pc in self._arrivals:
                merging.forget_passed(state)
        states = merging.unite_all(states, live, class_is_live, lambda parts: merge([part.trace for part in parts], pc), pc)
        seen = self._seen.setdefault(pc, {})
        if seen:
            states = [state for state in states if not self._is_known(seen, state, live, class_is_live)]
        limit = self._limit()
        if len(states) > limit:
            states = self._squeeze(pc, states, limit, self._budget.lock_sets)
        if pc in self._graph.heads:
            states = self._settle(pc, self._few_lock_sets(pc, states))
        for state in states:
            seen.setdefault(merging.full_key(state, live, class_is_live), []).append(state)
        return [state.copy() for state in states]

    def _limit(self) -> int:
        return self._budget.disjuncts if self._steps <= self._budget.steps else min(FEW, self._budget.disjuncts)

    @staticmethod
    def _is_known(seen: Seen, state: State, live: merging.Live, class_is_live: Callable[[CellClass], bool]) -> bool:
        """Whether an earlier state at this point stands for all that this one does."""
        known = seen.get(merging.full_key(state, live, class_is_live), ())
        return any(merging.covers(old, state) and state.needs.keys() <= old.needs.keys() for old in known)

    def _few_lock_sets(self, pc: int, states: list[State]) -> list[State]:
        """Make one of the states that come to a loop head with sets of locks that no turn before had, once there were enough."""
        keys = self._lock_sets.setdefault(pc, {})
        most = self._budget.lock_sets
        kept, new = [], []
        for state in states:
            key = merging.lock_key(state)
            if key in keys or len(keys) < most:
                keys[key] = None
                kept.append(state)
            else:
                new.append(state)
        if not new:
            return states
        before = self._blurred.get(pc)
        if before is None:
            self._note_blurred(pc, most)
        blurred = self._blur([*([before] if before is not None else []), *new], pc, widen=True)
        self._blurred[pc] = blurred
        if not self._is_known(self._seen[pc], blurred, self._cell_liveness(pc), self._class_liveness(pc)):
            kept.append(blurred)
        return kept

    def _blur(self, states: list[State], pc: int, *, widen: bool = False) -> State:
        blurred = merging.blur(states, pc, widen=widen)
        blurred.locks = {lock: known for lock, known in blurred.locks.items() if known.status != "maybe" or not is_owed(lock)}
        blurred.trace = merge([state.trace for state in states], pc)
        return blurred

    def _note_blurred(self, pc: int, most: int) -> None:
        code = self._in.function.code
        at = getattr(code[min(pc, len(code) - 1)], "at", 0)
        self.exhausted.append((at, f"more than {most} sets of locks at one point"))

    def _settle(self, pc: int, states: list[State]) -> list[State]:
        """Widen what keeps arriving at a loop head with the same locks.

        Arrivals come in waves, one for each turn of the loop. A flag settles by itself after a wave or two; what still
        differs after the allowed turns is a counter or a pointer that walks.
        """
        busy = self._graph.cyclic[pc] in self._busy
        limit = self._budget.turns if busy else self._budget.idle_turns
        waves: dict[Any, int] = {}
        kept = []
        self._arrivals[pc] = self._arrivals.get(pc, 0) + 1
        few = self._arrivals[pc] <= self._budget.turns or len(self._lock_sets[pc]) <= MANY_SETS
        most = max(self._budget.turns - 1, 2) if few else 1
        for state in states:
            self._collapse_arrays(pc, state, most)
            key = merging.lock_key(state)
            history = self._turns.setdefault((pc, key), [])
            if key not in waves:
                waves[key] = self._waves.get((pc, key), 0) + 1
                self._waves[pc, key] = waves[key]
            if waves[key] <= limit or not history:
                history.append(state)
                kept.append(state)
                continue
            widened = self._widen(pc, history, state)
            if widened is not None:
                kept.append(widened)
        return kept

    def _collapse_arrays(self, pc: int, state: State, most: int) -> None:
        """Where a loop takes one element after the other, the elements become one before they are too many to follow.

        Of objects that are no elements, ``most`` are kept apart; those that were locked before the loop are none of it.
        """
        self._one_element(state, max(self._budget.turns, 2) if most > 1 or self._taken_before(pc, state, elements(state)) else 1)
        passing = [lock for lock, held in state.locks.items() if held.status == "held" and self._in.terms.root(whereabouts(lock)).op not in STEADY]
        if passing:
            before = self._taken_before(pc, state, passing)
            if some_nodes(state, self._in.terms.make("any"), most, before):
                self.in_doubt = True

    def _taken_before(self, pc: int, state: State, locks: Iterable[Term]) -> set[Term]:
        """Return those of some locks that were taken before the path came to a loop."""
        body = self._graph.body(pc)
        return {lock for lock in locks if (place := acquired_at(state.trace, lock)) >= 0 and place not in body}

    def _one_element(self, state: State, limit: int) -> None:
        """Make elements of an array one where there are ``limit``; once some are one, all that come after join them at once, or the loop would never settle.

        The only element that a function uses is the same in every turn, and stays what it is.
        """
        used: dict[Term, set[Term]] = {}
        for outer in elements(state).values():
            used.setdefault(outer.args[0], set()).add(outer.args[1])
        some = self._in.terms.make("any")
        if any(len(indices) >= (2 if some in indices else limit) for indices in used.values()):
            before = state.locks
            some_element(state, some)
            self.in_doubt = self.in_doubt or before.keys() != state.locks.keys()

    def _widen(self, pc: int, history: list[State], state: State) -> State | None:
        live, class_is_live = self._cell_liveness(pc), self._class_liveness(pc)
        nearest = max(reversed(history), key=lambda old: merging.agreement(old, state, live))
        wide = merging.join(nearest, state, pc, widen=True)
        if self._graph.cyclic[pc] in self._busy:
            self._one_element(wide, 2)
        wide.trace = merge([nearest.trace, state.trace], pc)
        merging.prune(wide, lambda name: self._live.local_is_live(name, pc))
        if self._is_known(self._seen[pc], wide, live, class_is_live):
            return None
        self._turns.setdefault((pc, merging.lock_key(wide)), []).append(wide)
        return wide

    def _squeeze(self, pc: int, states: list[State], limit: int, most: int) -> list[State]:
        """Join states with the same locks, two neighbours at a time, until there are few enough or one per set of locks.

        Of more than ``most`` sets of locks, the rest become one of which nothing is certain.
        """
        groups: dict[Any, list[State]] = {}
        for state in states:
            groups.setdefault(merging.lock_key(state), []).append(state)
        total = len(states)
        for group in groups.values():
            while len(group) > 1 and total > limit:
                group[-2:] = [_joined(group[-2:], pc)]
                total -= 1
        if len(groups) <= most:
            return [state for group in groups.values() for state in group]
        self._note_blurred(pc, most)
        kept = [state for group in list(groups.values())[: most - 1] for state in group]
        rest = [state for group in list(groups.values())[most - 1 :] for state in group]
        return [*kept, self._blur(rest, pc)]

    # --- liveness of cells ---

    def _cell_liveness(self, pc: int) -> merging.Live:
        known = self._cells_live.get(pc)
        if known is not None:
            return known
        live = self._live
        matters = self._relevance
        terms = self._in.terms
        returned = self._in.returned
        answers: dict[Term, bool] = {}

        def decide(cell: Term) -> bool:
            address = cell.args[0] if cell.op == "all" else cell
            root = terms.root(address)
            if root.op == "local":
                name = root.args[0]
                return root is returned or (name in matters.locals and live.local_is_live(name, pc))
            kind, name = cell_class(address)
            return kind == "*" or (name in matters.fields and live.field_is_live(name, pc))

        def is_live(cell: Term) -> bool:
            answer = answers.get(cell)
            if answer is None:
                answer = answers[cell] = decide(cell)
            return answer

        self._cells_live[pc] = is_live
        return is_live

    def _class_liveness(self, pc: int) -> Callable[[CellClass], bool]:
        known = self._classes_live.get(pc)
        if known is not None:
            return known
        live = self._live
        matters = self._relevance
        answers: dict[CellClass, bool] = {}

        def is_live(cells: CellClass) -> bool:
            answer = answers.get(cells)
            if answer is None:
                kind, name = cells
                if kind in {"field", "global"}:
                    answer = name in matters.fields and live.field_is_live(name, pc)
                else:
                    answer = kind != "under" or bool(matters.fields)
                answers[cells] = answer
            return answer

        self._classes_live[pc] = is_live
        return is_live

    def ways_out(self) -> int:
        """Return how many different things the function can do to its callers' locks."""
        return len({self._effect(state) for _, state in self.exits})

    def _effect(self, state: State) -> frozenset[Any]:
        """What a path does to locks as its caller sees it: those that do not end as they began."""
        changed = []
        for lock, known in state.locks.items():
            need = state.needs.get(lock)
            before = need.status if need is not None else ""
            if self._in.machine.end(state, lock, before) != before:
                changed.append((lock, known.status, known.depth))
        return frozenset(changed)

    def joined_exits(self) -> list[State]:
        """Return the states that leave the function, united as at a join where memory is read by the caller."""
        states = [state for _, state in self.exits]
        exit_point = len(self._in.function.code)
        returned = self._in.returned
        terms = self._in.terms
        for state in states:
            drop_uncertain(state)
            merging.prune(state, lambda name: name == "%return")

        def is_live(cell: Term) -> bool:
            root = terms.root(cell)
            return root is returned or root.op in {"param", "global"}

        return merging.unite_all(
            states, is_live, lambda _: True, lambda parts: merge([part.trace for part in parts], exit_point), exit_point
        )

    def _without_turns(self, states: list[State]) -> list[State]:
        """Join what a loop came to in its first turns with what stands for all later ones, where both do and return the same, as far as callers test it."""
        returned = self._in.returned
        groups: dict[Any, list[State]] = {}
        for state in states:
            told = frozenset((cell, value) for cell, value in state.memory.items() if value.op == "int")
            result = state.memory.get(returned)
            allowed = state.facts.range_of(result) if result is not None else iv.ZERO
            sign = (allowed.low < 0, allowed.high > 0, 0 in allowed)
            groups.setdefault((merging.lock_key(state), told, sign, result is not None and result.op == "int"), []).append(state)
        exit_point = len(self._in.function.code)
        kept = []
        for group in groups.values():
            kept += [_joined(group, exit_point)] if len(group) > 1 and any(state.lossy for state in group) else group
        return kept

    def squeezed_exits(self, states: list[State], limit: int, limit_alike: int) -> list[State]:
        """Return at most ``limit`` states; ``limit_alike`` where all do the same to locks.

        Those that return the same are joined first: what a caller tests most is the result.
        """
        states = self._without_turns(states)
        locks = {merging.lock_key(state) for state in states}
        limit = limit if len(locks) > 1 else limit_alike
        if len(states) <= limit:
            return states
        exit_point = len(self._in.function.code)
        groups: dict[Any, list[State]] = {}
        for state in states:
            result = state.memory.get(self._in.returned)
            returned = state.facts.range_of(result) if result is not None else None
            groups.setdefault((merging.lock_key(state), returned), []).append(state)
        total = len(states)
        while total > limit:
            group = max(groups.values(), key=len)
            if len(group) < 2:
                break
            group[-2:] = [_joined(group[-2:], exit_point)]
            total -= 1
        joined_states = [state for group in groups.values() for state in group]
        return self._squeeze(exit_point, joined_states, limit, limit) if total > limit else joined_states


def elements(state: State) -> dict[Term, Term]:
    """Return the locks of a state that are in elements of arrays, each with its element."""
    found = {}
    for lock in state.locks:
        outer = whereabouts(lock)
        while outer.op == "field":
            outer = outer.args[0]
        if outer.op == "elem":
            found[lock] = outer
    return found


def _joined(states: list[State], pc: int) -> State:
    """Return one state for several with the same locks, and with all their paths."""
    one = states[0]
    for other in states[1:]:
        one = merging.join(one, other, pc, widen=False)
    one.trace = merge([state.trace for state in states], pc)
    return one
