"""Judging one function: what is a defect here, by whose call, and along which path.

Owns the difference between an entry point, a helper and a function whose callers nobody knows. An entry point starts with what its role
holds and must end so. A helper answers to its callers, so only what contradicts itself is told. With unknown callers, a
contract may be anything as long as it is one: ways out that agree in result and arguments must agree in what they hold.

Every finding is confirmed along one path before it is told (`spincheck.analysis.replay`).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from spincheck.analysis.aliases import is_weak, may_alias
from spincheck.analysis.carried import left_over, may_be_given_back
from spincheck.analysis.consequences import marked, one_each
from spincheck.analysis.explain import Explainer
from spincheck.analysis.findings import Defect
from spincheck.analysis.fixpoint import Fixpoint
from spincheck.analysis.keeping import Ledger, LockClass, class_of
from spincheck.analysis.lockops import Problem, tainted
from spincheck.analysis.naming import is_unnamed, lock_name
from spincheck.analysis.owed import is_owed
from spincheck.analysis.path import Node
from spincheck.analysis.replay import ARRAY_TURNS, MAX_TURNS, Found, search
from spincheck.analysis.summaries import NOWHERE, Kept, LocalFinding
from spincheck.analysis.transfer import Interpreter
from spincheck.analysis.write import is_callers
from spincheck.diagnostics import Severity
from spincheck.domain import intervals as iv
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import State
from spincheck.domain.terms import Term, Terms
from spincheck.locks.model import Hold, Kind

MAX_KEPT = 4
"""Locks that a function leaves held for which a path is looked for; one that leaves more is there to take them."""

OF_ONE_LOCK = frozenset(("held-at-exit", "inconsistent-exit", "failure-holds", "acquired-twice", "released-unheld", "not-held-at-exit"))
"""Defects that other locks, and the level at which the function runs, have no part in."""

MAX_PAIRS = 400
"""Pairs of ways out that are compared for one function with unknown callers."""


class Standing(NamedTuple):
    """Who calls a function.

    ``holds`` are the locks that its role is entered with, ``inside`` the kinds of region; ``present`` are the parameters that are never null, ``new``
    those that are work for which nothing has been done yet.
    """

    kind: Literal["entry", "helper", "unknown"]
    holds: tuple[Hold, ...] = ()
    inside: tuple[str, ...] = ()
    present: tuple[int, ...] = ()
    new: tuple[int, ...] = ()


def held_by_role(terms: Terms, standing: Standing) -> dict[Term, Hold]:
    """Return the locks that a function is entered with because of its role."""
    held = {}
    for hold in standing.holds:
        if hold.lock.name:
            held[terms.make("lock", hold.lock.name)] = hold
        elif hold.lock.arguments:
            held[terms.make("param", hold.lock.arguments[0])] = hold
    return held


def saved_by_role(terms: Terms, hold: Hold) -> Term | None:
    """Return the IRQL that was saved when a lock was acquired that a function is entered with."""
    if not hold.saved_field:
        return None
    return terms.make("init", terms.field(terms.make("param", hold.saved_argument), hold.saved_field))


class Candidate(NamedTuple):
    """A defect before it is confirmed, with every state that shows it."""

    problem: Problem
    states: list[State]
    exit_pc: int
    severity: Severity


class Judge:
    """Makes findings of what one run of the fixpoint came to. ``imprecise`` says what could not be decided."""

    def __init__(self, interpreter: Interpreter, fixpoint: Fixpoint, standing: Standing) -> None:
        self._in = interpreter
        self._fixpoint = fixpoint
        self._standing = standing
        self._explain = Explainer(interpreter)
        self.imprecise: list[tuple[int, str]] = list(fixpoint.exhausted)

    def findings(self) -> tuple[LocalFinding, ...]:
        """Return what is wrong, in the order of places."""
        candidates = self._problems()
        if self._standing.kind == "entry":
            candidates += self._entry()
        elif self._standing.kind == "unknown":
            candidates += self._unknown()
        return self._confirmed(candidates)

    def suspects_anything(self) -> bool:
        """Tell whether there is any candidate at all, before any is confirmed."""
        if self._problems():
            return True
        if self._standing.kind == "entry":
            return bool(self._entry())
        return bool(self._unknown())

    def suspects(self) -> tuple[LocalFinding, ...]:
        """Return the ways out of a helper that would be a defect if nobody knew its callers."""
        return self._confirmed(self._unknown())

    def kept(self) -> tuple[Kept, ...]:
        """Return the locks that the function takes itself and leaves held, and those of others than its callers that it gives back, on a confirmed path each."""
        machine = self._in.machine
        groups: dict[LockClass, Candidate] = self._given_for_nobody()
        for pc, state in self._fixpoint.exits if self._standing.kind != "entry" else ():
            for lock, held in state.locks.items():
                kind = self._in.tables.kinds.get(held.kind)
                if held.status != "held" or kind is None or self._is_for_others(kind) or (lock in state.needs and state.needs[lock].status == "held"):
                    continue
                if self._standing.kind == "unknown" or not machine.books.is_lent(lock, held.kind):
                    self._keep(groups, Problem("held-at-exit", lock, held.kind, held.operation, "", self._at(pc)), pc, state)
        found = ((name, self._confirm(candidate)) for name, candidate in groups.items())
        return tuple(Kept(name, finding) for name, finding in found if finding is not None and not finding.doubt)

    def _given_for_nobody(self) -> dict[LockClass, Candidate]:
        groups: dict[LockClass, Candidate] = {}
        for pc, state in self._fixpoint.exits if self._standing.kind != "entry" else ():
            for lock, need in state.needs.items():
                kind = self._in.tables.kinds.get(need.kind)
                if need.status != "held" or need.doubtful or need.tried or kind is None or self._is_for_others(kind) or lock.op == "held_by":
                    continue
                if not is_callers(lock) or not self._in.machine.has_callers:
                    self._keep(groups, Problem("released-unheld", lock, need.kind, "", need.operation, need.at), pc, state)
        return groups

    def _is_for_others(self, kind: Kind) -> bool:
        """Whether a function may well leave such a lock to others, or take it from them: work goes on elsewhere, and regions have no name to know them by."""
        return kind.carried or (kind.counter and self._standing.kind != "unknown")

    def _keep(self, groups: dict[LockClass, Candidate], problem: Problem, pc: int, state: State) -> None:
        """Add a state to the candidate for its lock's class; the first way out with such a lock stands for all."""
        name = self._class(problem.lock, problem.kind)
        if name.names and len(groups) < MAX_KEPT:
            candidate = groups.setdefault(name, Candidate(problem, [], pc, "error"))
            if candidate.exit_pc == pc and candidate.problem.lock is problem.lock:
                candidate.states.append(state)

    def ledger(self, *, gave_up: bool) -> Ledger:
        """Return what the function does with locks of others."""
        left = dict.fromkeys(
            self._class(lock, held.kind)
            for _, state in self._fixpoint.exits
            for lock, held in state.locks.items()
            if held.status != "free" and held.kind and not is_owed(lock)
        )
        books = self._in.machine.books
        balanced = tuple(one for one in books.taken if one.names and not any(one.may_be(other) for other in left))
        touched = dict.fromkeys(one.storage for one in (*books.taken, *books.lent, *books.returned)) if gave_up else {}
        dangling = dict.fromkeys(
            self._class(lock, held.kind)
            for _, state in self._fixpoint.exits
            for lock, held in state.locks.items()
            if held.status != "free" and held.kind and not is_owed(lock) and self._is_for_nobody(lock)
        )
        claimed = dict.fromkeys(
            self._class(lock, need.kind)
            for _, state in self._fixpoint.exits
            for lock, need in state.needs.items()
            if need.status == "held" and self._is_for_nobody(lock)
        )
        return Ledger(tuple(left), tuple(books.returned), balanced, tuple(books.lent), tuple(touched), tuple(dangling), (*claimed, *books.unclear))

    def _is_for_nobody(self, lock: Term) -> bool:
        """Whether no caller in the program answers for what the function does to a lock."""
        return not self._in.machine.has_callers or self._standing.kind == "entry" or not is_callers(lock)

    def _class(self, lock: Term, kind: str) -> LockClass:
        return class_of(lock, self._in.tables.storage(kind))

    def _confirmed(self, candidates: list[Candidate]) -> tuple[LocalFinding, ...]:
        # What asks about one lock only is settled soon: it comes first, before the steps of all searches are used up.
        candidates = sorted(candidates, key=lambda candidate: candidate.problem.defect not in OF_ONE_LOCK)
        told = [finding for candidate in candidates if (finding := self._confirm(candidate)) is not None]
        found = marked(self._once(one_each(told)), self._in.graph, self._releases())
        return tuple(sorted(found, key=lambda finding: (finding.at, finding.defect, finding.lock, finding.held)))

    def _releases(self) -> set[int]:
        """The points where some path gives a lock back, by itself or by a call."""
        given = set()
        for _, state in self._fixpoint.exits:
            for node in _path_nodes(state.trace):
                if node.kind == "release" or (node.kind == "call" and any(status == "free" for _, status in node.locks)):
                    given.add(node.pc)
        return given

    def _once(self, findings: list[LocalFinding]) -> list[LocalFinding]:
        """A lock that no way out gives back was forgotten once, not once for each way out."""
        balanced: set[int] = set()
        for _, state in self._fixpoint.exits:
            for node in _path_nodes(state.trace):
                if node.kind in {"acquire", "call"} and self._given_back(node, state):
                    balanced.add(node.at)
        result: list[LocalFinding] = []
        first: set[tuple[int, str]] = set()
        together: set[Any] = set()
        placed = {(one.defect, one.at, one.kind, one.operations) for one in findings if one.held != NOWHERE}
        for finding in sorted(findings, key=lambda finding: (finding.at, is_unnamed(finding.lock))):
            if any(len(self._in.tables.operations.get(name, ())) > 1 for name in finding.operations):
                # A lock and a region that one call takes are forgotten, or given back, in one go.
                cause = (finding.defect, finding.at, finding.operations)
                if cause in together:
                    continue
                together.add(cause)
            if finding.held == NOWHERE and (finding.defect, finding.at, finding.kind, finding.operations) in placed:
                continue  # the same acquire in an earlier turn of its loop, whose place is not known any more
            if is_unnamed(finding.lock) and any(one is not finding and (one.defect, one.held) == (finding.defect, finding.held) for one in result):
                continue  # the same acquire, of an object that has a name
            if finding.defect in {"held-at-exit", "inconsistent-exit"} and finding.held not in balanced:
                key = (finding.held, finding.lock)
                if key in first:
                    continue
                first.add(key)
            result.append(finding)
        return result

    @staticmethod
    def _given_back(node: Node, state: State) -> bool:
        locks = [node.lock] if node.lock is not None else [lock for lock, status in node.locks if status == "held"]
        if any(is_weak(lock) and held.status == "held" and any(may_alias(state, one, lock) for one in locks) for lock, held in state.locks.items()):
            return False  # one of several that are held may be this one
        return any(lock not in state.locks or state.locks[lock].status != "held" for lock in locks)

    # --- candidates ---

    def _problems(self) -> list[Candidate]:
        groups: dict[Problem, list[State]] = {}
        for problem, state in self._in.problems:
            if problem.defect == "released-unheld" and self._is_for_thread(problem):
                continue  # another callback took it, and this one is there to give it back
            if problem.defect == "released-unheld" and self._in.machine.books.is_walked(problem.lock, problem.kind):
                continue
            groups.setdefault(problem, []).append(state)
        return [Candidate(problem, states, NOWHERE, "error") for problem, states in groups.items()]

    def _is_for_thread(self, problem: Problem) -> bool:
        rows = self._in.tables.operations.get(problem.operation, ())
        return not problem.acquired and any(row.for_thread for row in rows)

    def _at(self, pc: int) -> int:
        """The place of an instruction that leaves the function."""
        return int(getattr(self._in.function.code[pc], "at", 0))

    def _entry(self) -> list[Candidate]:
        groups: dict[tuple[Problem, int], list[State]] = {}
        owed = held_by_role(self._in.terms, self._standing)

        def add(problem: Problem, pc: int, state: State) -> None:
            groups.setdefault((problem, pc), []).append(state)

        for pc, state in self._fixpoint.exits:
            at = self._at(pc)
            if tainted(self._in.terms) in state.locks:
                continue
            for lock, held in state.locks.items():
                need = state.needs.get(lock)
                hold = owed.get(lock)
                entered_with = hold is not None
                if is_owed(lock) or self._in.machine.raised_nothing(state, held) or may_be_given_back(self._in, state, held):
                    continue
                if held.status == "held" and not (hold is not None and hold.at_exit == "kept"):
                    if need is None or need.status == "free" or entered_with:
                        add(Problem("held-at-exit", lock, held.kind, held.operation, "", at), pc, state)
                elif held.status == "free" and hold is not None and hold.at_exit == "kept" and (need is None or need.status != "free"):
                    add(Problem("not-held-at-exit", lock, held.kind, held.operation, held.operation, at), pc, state)
            for lock, hold in owed.items():
                if hold.at_exit == "released" and lock not in state.locks:
                    add(Problem("held-at-exit", lock, hold.kind, "", "", at), pc, state)
            for lock, need in state.needs.items():
                problem = self._entry_need(lock, need, owed.get(lock))
                if problem is not None:
                    add(problem, pc, state)
        for pc, state in self._fixpoint.exits:
            for lock, need in left_over(self._in, self._fixpoint, state, self._is_same_way):
                add(Problem("held-at-exit", lock, need.kind, "", "", self._at(pc)), pc, state)
        return [Candidate(problem, states, pc, "error") for (problem, pc), states in groups.items()]

    def _is_same_way(self, one: State, other: State) -> bool:
        return self._agree(one, other) == "same"

    def _entry_need(self, lock: Term, need: Need, hold: Hold | None) -> Problem | None:
        if need.doubtful or need.tried:
            return None
        saved = saved_by_role(self._in.terms, hold) if hold is not None else None
        irql = need.irql if need.status == "held" and saved is not None else None
        if irql is not None and irql is not saved and irql.op in {"int", "uninit", "fresh"}:
            defect: Defect = "irql-uninitialised" if irql.op == "uninit" else "wrong-irql"
            return Problem(defect, lock, need.kind, "", need.operation, need.at)
        if need.status == "free" and hold is not None and hold.kind == need.kind:
            return Problem("acquired-twice", lock, need.kind, "", need.operation, need.at)
        return None

    def _unknown(self) -> list[Candidate]:
        exits = self._fixpoint.exits
        if any(tainted(self._in.terms) in state.locks for _, state in exits):
            return []
        groups: dict[tuple[Problem, int, Severity], list[State]] = {}
        pairs = 0
        statuses = [{lock: held.status for lock, held in state.locks.items()} for _, state in exits]
        for number, (pc, state) in enumerate(exits):
            for before, (other_pc, other) in enumerate(exits[:number]):
                if statuses[number] == statuses[before]:
                    continue
                pairs += 1
                if pairs > MAX_PAIRS:
                    break
                self._compare(pc, state, other_pc, other, groups)
            self._needs_and_leaves(pc, state, groups)
        return [Candidate(problem, states, pc, severity) for (problem, pc, severity), states in groups.items()]

    def _compare(self, pc: int, state: State, other_pc: int, other: State, groups: dict[Any, list[State]]) -> None:
        for lock in dict.fromkeys([*state.locks, *other.locks]):
            if is_owed(lock):
                continue
            need = state.needs.get(lock) or other.needs.get(lock)
            before = need.status if need is not None else "free"
            ends = self._end(state, lock, before)
            other_ends = self._end(other, lock, before)
            if ends == other_ends or "maybe" in (ends, other_ends):
                continue
            holding, way, rest = (state, pc, other) if ends == "held" else (other, other_pc, state)
            verdict = self._agree(holding, rest)
            if verdict == "apart":
                continue
            known = holding.locks.get(lock) or rest.locks.get(lock)
            assert known is not None
            if self._in.tables.kinds[known.kind].carried:
                continue
            at = self._at(way)
            acquired = known.operation if known.status == "held" else ""
            if verdict == "same":
                problem = Problem("inconsistent-exit", lock, known.kind, acquired, "", at)
                groups.setdefault((problem, way, "error"), []).append(holding)
            elif before == "free":
                problem = Problem("failure-holds", lock, known.kind, acquired, "", at)
                groups.setdefault((problem, way, "warning"), []).append(holding)

    def _end(self, state: State, lock: Term, before: str) -> str:
        return self._in.machine.end(state, lock, before)

    def _agree(self, holding: State, rest: State) -> Literal["same", "failure", "apart"]:
        """Whether a caller could take the two ways out for one: same arguments and same result."""
        for term, allowed in holding.facts.sets.items():
            if term.is_input and iv.meet(allowed, rest.facts.range_of(term)).is_empty:
                return "apart"
        for term, allowed in rest.facts.sets.items():
            if term.is_input and iv.meet(allowed, holding.facts.range_of(term)).is_empty:
                return "apart"
        for one, two in ((holding, rest), (rest, holding)):
            for relation in one.facts.relations:
                if relation.is_input and two.facts.range_of(relation).single == 0:
                    return "apart"
            if any(left.is_input and two.facts.decide("==", left, right) is False for left, right in one.same.items()):
                return "apart"
        return self._compare_results(holding, rest)

    def _compare_results(self, holding: State, rest: State) -> Literal["same", "failure", "apart"]:
        returned = self._in.returned
        mine, others = holding.memory.get(returned), rest.memory.get(returned)
        if mine is None or others is None:
            return "same"
        held_result, free_result = holding.facts.range_of(mine), rest.facts.range_of(others)
        if not iv.meet(held_result, free_result).is_empty:
            return "same"
        kind = self._in.function.result
        if kind in {"i32", "i64"} and held_result.high < 0 <= free_result.low:
            return "failure"
        if kind in {"u8", "bool", "ptr"} and held_result.single == 0 and 0 not in free_result:
            return "failure"
        return "apart"

    def _needs_and_leaves(self, pc: int, state: State, groups: dict[Any, list[State]]) -> None:
        gone = [
            lock
            for lock, need in state.needs.items()
            if need.status == "held" and not need.doubtful and self._end(state, lock, "held") == "free"
        ]
        if not gone:
            return
        for lock, held in state.locks.items():
            need = state.needs.get(lock)
            if held.status == "held" and need is not None and need.status == "free" and held.kind == state.needs[gone[0]].kind:
                at = self._at(pc)
                problem = Problem("needs-and-leaves", lock, held.kind, held.operation, "", at, gone[0])
                groups.setdefault((problem, pc, "warning"), []).append(state)

    # --- confirmation ---

    def _confirm(self, candidate: Candidate) -> LocalFinding | None:
        problem = candidate.problem
        opened = False
        for state in candidate.states:
            found = self._replay(candidate, state)
            if found.verdict == "confirmed" and found.state is not None:
                finding = self._finding(self._on_this_path(candidate, state, found), found.state, "")
                unnamed = candidate.exit_pc != NOWHERE and is_unnamed(finding.lock) and self._in.tables.kinds[problem.kind].recursive
                return msgspec.structs.replace(finding, unnamed=True) if unnamed else finding
            if found.verdict == "open":
                opened = True
        if opened:
            reason = f"budget ended before `{lock_name(self._in.function, candidate.states[0], problem.lock)}` was decided"
            self.imprecise.append((problem.at, reason))
            if is_weak(problem.lock) or (all(state.lossy for state in candidate.states) and not self._is_on_all_ways(candidate)):
                return None  # neither the path nor the lock, or no state that stands for a path at all: that is too little to tell
            return self._finding(candidate, candidate.states[0], "budget")
        return None

    def _is_on_all_ways(self, candidate: Candidate) -> bool:
        """Whether a lock is held on every way to the instruction that a finding is told at, so that all there is to doubt is that any of them can be gone."""
        lock, pc = candidate.problem.lock, candidate.exit_pc
        if pc == NOWHERE or self._fixpoint.gave_up:
            return False
        known = [state.locks.get(lock) for way, state in self._fixpoint.exits if way == pc]
        return all(held is not None and held.status == "held" for held in known)

    def _replay(self, candidate: Candidate, state: State) -> Found:
        problem, pc = candidate.problem, candidate.exit_pc
        about = [self._class(problem.lock, problem.kind)] if problem.defect in OF_ONE_LOCK else []
        if pc == NOWHERE:

            def same_problem(other: Problem, where: State) -> bool:
                # A merged state may have forgotten which operation on the lock came before, and which lock.
                lock = problem.lock if is_weak(problem.lock) and may_alias(where, other.lock, problem.lock) else other.lock
                return other._replace(acquired="", case=-1, lock=lock) == problem._replace(acquired="", case=-1)

            code = self._in.function.code
            return search(
                self._in, self._in.graph, state, None, same_problem, goal=lambda place: getattr(code[place], "at", -1) == problem.at, about=about
            )

        wanted = state.locks.get(problem.lock)
        need = state.needs.get(problem.lock)

        def same_exit(way: int, after: State) -> bool:
            if way != pc:
                return False
            if is_weak(problem.lock):
                return _stands_for(problem, wanted, after) is not None
            return _same_lock(after.locks.get(problem.lock), wanted) and _same_need(after.needs.get(problem.lock), need, problem.at)

        turns = ARRAY_TURNS if is_weak(problem.lock) else MAX_TURNS
        return search(self._in, self._in.graph, state, same_exit, None, turns, goal=lambda place: place == pc, about=about)

    @staticmethod
    def _on_this_path(candidate: Candidate, merged: State, found: Found) -> Candidate:
        """Return the candidate with the lock's own name, where the merged state had one name for several."""
        problem = candidate.problem
        if not is_weak(problem.lock) or found.state is None:
            return candidate
        if found.problem is not None:
            return candidate._replace(problem=problem._replace(lock=found.problem.lock))
        own = _stands_for(problem, merged.locks.get(problem.lock), found.state)
        return candidate if own is None else candidate._replace(problem=problem._replace(lock=own))

    def _finding(self, candidate: Candidate, state: State, doubt: str) -> LocalFinding:
        problem = candidate.problem
        severity: Severity = "warning" if doubt or problem.doubt else candidate.severity
        at_exit = candidate.exit_pc != NOWHERE and problem.defect != "released-unheld"
        trace, held = self._explain.trace(problem, state, at_exit=at_exit)
        name = self._explain.lock(state, problem.lock)
        other = "" if problem.other is None else self._explain.lock(state, problem.other)
        operations = tuple(name for name in (problem.acquired, problem.operation) if name)
        return LocalFinding(
            problem.defect, severity, problem.kind, operations, name, other or problem.through, problem.at, doubt or problem.doubt, trace, held
        )


def _stands_for(problem: Problem, wanted: LockState | None, state: State) -> Term | None:
    """Return the lock of one path that a problem's lock of several paths stands for there: one that was left so, or given back without having been taken."""
    if problem.defect == "released-unheld":
        needs = (lock for lock, need in state.needs.items() if need.status == "held" and not need.doubtful and need.kind == problem.kind)
        return next((lock for lock in needs if may_alias(state, lock, problem.lock)), None)
    return next((lock for lock, held in state.locks.items() if _same_lock(held, wanted) and may_alias(state, lock, problem.lock)), None)


def _path_nodes(node: Node) -> list[Node]:
    nodes = []
    seen = set()
    stack = [node]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        nodes.append(current)
        stack.extend(current.parents)
    return nodes


def _same_lock(one: LockState | None, other: LockState | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.status == other.status and one.operation == other.operation


def _same_need(one: Need | None, other: Need | None, at: int) -> bool:
    if one is None or other is None:
        return one is other
    # Where a merged state's need arose is one place of several; it counts only when the problem is told there.
    return one.status == other.status and one.doubtful == other.doubtful and (one.at == other.at or at not in (one.at, other.at))
