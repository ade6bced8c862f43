"""The path to a defect in the words that a developer reads.

Owns the choice of steps: where the lock was taken and given back, the branches on the way that matter, the calls that touch the lock, where a
callee that took it returns, and the end. A branch matters when its other side would have had to give the lock back; of the rest only a handful is kept, so that a
correlated flag can be followed without reading every ``if`` of a long function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from spincheck.analysis import spelling
from spincheck.analysis.findings import Defect
from spincheck.analysis.lockops import Problem
from spincheck.analysis.naming import lock_name
from spincheck.analysis.path import Node, first_path
from spincheck.analysis.revival import BY_ANOTHER
from spincheck.analysis.summaries import NOWHERE, LocalStep
from spincheck.analysis.transfer import Interpreter
from spincheck.domain.lockstate import Need
from spincheck.domain.state import State
from spincheck.domain.terms import Term
from spincheck.ir import Branch, Call, ComputedJump, FunctionName, Return, Switch

FEW_BRANCHES = 4
"""Up to so many branches are all told; of more, only those that matter."""

MOST_BRANCHES = 10


_ENDS: dict[Defect, str] = {
    "held-at-exit": "returns here while `{name}` is held",
    "inconsistent-exit": "returns here while `{name}` is held",
    "failure-holds": "returns here while `{name}` is held",
    "needs-and-leaves": "returns here while `{name}` is held instead",
    "not-held-at-exit": "returns here without `{name}`, which it was entered with",
    "acquired-twice": "`{name}` is acquired again{through}{by}",
    "released-unheld": "`{name}` is released{through}{by} but not held",
    "handle-reused": "`{name}` is acquired{through} with the same queue handle",
    "call-while-holding": "{call} is called{through} while `{name}` is held",
    "call-without-holding": "{call} is called{through} here",
    "parent-object": "`{name}` is created here{by}",
}
"""What the last step of a path says."""


class Explainer:
    """Tells paths of one interpreted function."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._in = interpreter
        self._code = interpreter.function.code
        self._avoiding: dict[frozenset[int], list[bool]] = {}

    def lock(self, state: State, lock: Term) -> str:
        """Return the lock as the operation on it here spells it, or as the access path of its term."""
        path = first_path(state.trace)
        for node in reversed(path):
            if node.lock is not None and self._is(node.lock, lock, state):
                spelled = self._spelled(node, state)
                if spelled is not None:
                    return spelled
            elif node.kind == "call" and node.text and node.locks and self._is(node.locks[0][0], lock, state):
                return node.text
        return lock_name(self._in.function, state, lock)

    def _is(self, mentioned: Term, lock: Term, state: State) -> bool:
        if mentioned is lock or state.normal(mentioned) is lock:
            return True
        known = state.locks.get(lock)
        return (lock.op == "held_by" and lock.args[0] is mentioned) or (known is not None and known.handle is mentioned)

    def _takes(self, node: Node, lock: Term, state: State) -> bool:
        """Tell whether an operation is on the lock; one on several locks names only the first."""
        if node.lock is None:
            return False
        return self._is(node.lock, lock, state) or len(self._in.tables.operations.get(node.text, ())) > 1

    def _spelled(self, node: Node, state: State) -> str | None:
        if node.lock is not None and node.lock.op == "lock":
            return lock_name(self._in.function, state, node.lock)
        call = self._code[node.pc]
        if not isinstance(call, Call) or not isinstance(call.callee, FunctionName):
            return None
        rows = self._in.tables.operations.get(call.callee.name)
        if not rows or not rows[0].lock.arguments or rows[0].lock.arguments[0] >= len(call.arguments):
            return None
        return spelling.lock(call.arguments[rows[0].lock.arguments[0]], self._in.names)

    def trace(self, problem: Problem, state: State, *, at_exit: bool) -> tuple[tuple[LocalStep, ...], int]:
        """Return the steps to a defect, and the place where the lock was acquired (NOWHERE if not in this function)."""
        path = first_path(state.trace)
        if (at_exit and problem.defect in {"released-unheld", "acquired-twice"}) or problem.defect in {"wrong-irql", "wrong-variant"}:
            path = self._up_to(path, problem)
        start = self._last_acquire(path, problem, state)
        held = path[start].at if start >= 0 else NOWHERE
        name = self.lock(state, problem.lock)
        steps = []
        for node in self._chosen(path, max(start, 0), problem, state):
            step = self._step(node, problem, state, name)
            if step is not None:
                steps.append(step)
        if steps and steps[-1].at == problem.at and steps[-1].kind in {"acquire", "release", "call"}:
            last = steps.pop()
            steps.append(LocalStep("defect", problem.at, self._end(problem, name), last.callee, last.case, changes=last.changes))
        else:
            steps.append(LocalStep("defect", problem.at, self._end(problem, name), problem.through, problem.case))
        return tuple(steps), held

    def effect(self, state: State, locks: Collection[Term], needs: Mapping[Term, Need]) -> tuple[LocalStep, ...]:
        """Return what a caller's path shows of this one: what it does to ``locks``, and the branches that led past a release.

        Of locks that it takes and gives back, only where it takes them: a caller that holds one has to see it.
        """
        path = first_path(state.trace)
        about = {id(node): lock for node in path for lock in locks if self._does(node, lock, state)}
        taken = [index for index, node in enumerate(path) if id(node) in about and node.kind in {"acquire", "call"}]
        held = {known.kind for lock, known in state.locks.items() if lock in locks and known.status == "held"}
        after: dict[Term, str] = {}
        mine: dict[Term, str] = {}
        balanced = {need.at: lock for lock, need in needs.items() if need.status == "free" and lock not in locks}
        steps = []
        last = None
        for index, node in enumerate(path):
            if node.at in balanced and node.kind in {"acquire", "call"}:
                lock = balanced.pop(node.at)
                spelled = self._spelled(node, state) or lock_name(self._in.function, state, lock)
                steps.append(msgspec.structs.replace(self._touch(node, spelled), aside=True))
            elif id(node) in about:
                last = node
                lock = about[id(node)]
                spelled = self._spelled(node, state) or lock_name(self._in.function, state, lock)
                status = self._status_after(node, lock, state)
                steps.append(self._touch(node, spelled, status, again=after.get(lock) == "held"))
                after[lock] = status
                if node.kind == "acquire":
                    mine[lock] = spelled
                else:
                    mine.pop(lock, None)
            elif node.kind == "branch" and held and taken and index > taken[-1] and self._passes_release(node, held):
                text = self._branch_text(node)
                if text:
                    last = node
                    steps.append(LocalStep("branch", node.at, text))
        steps += self._callers_of(balanced)
        way_out = self._way_out(last) if last is not None and mine else NOWHERE
        if way_out != NOWHERE:
            steps += [LocalStep("return", way_out, f"returns here while `{spelled}` is held") for spelled in dict.fromkeys(mine.values())]
        return tuple(steps)

    def _callers_of(self, places: Collection[int]) -> list[LocalStep]:
        """Return the calls at some places, of which the path has no more to tell."""
        calls = (point for point in self._code if isinstance(point, Call) and point.at in places)
        return [LocalStep("call", call.at, f"calling `{call.callee.name}`", call.callee.name, aside=True) for call in calls if isinstance(call.callee, FunctionName)]

    def _status_after(self, node: Node, lock: Term, state: State) -> str:
        """Return what an operation or call leaves of a lock; "" where its steps have to tell."""
        if node.kind == "call":
            return next((status for one, status in node.locks if self._is(one, lock, state)), "")
        return "held" if node.kind == "acquire" else "free"

    def _way_out(self, last: Node) -> int:
        """Return the place of the only return that can be reached from the last step that is told; NOWHERE when there are several."""
        instruction = self._code[last.pc]
        if isinstance(instruction, Branch) and last.kind == "branch":
            reached = [instruction.then if last.choice == 1 else instruction.otherwise]
        else:
            reached = list(self._in.graph.next[last.pc])
        seen = set(reached)
        returns = set()
        while reached:
            pc = reached.pop()
            point = self._code[pc]
            if isinstance(point, Return):
                returns.add(point.at)
            for target in self._in.graph.next[pc]:
                if target not in seen:
                    seen.add(target)
                    reached.append(target)
        return returns.pop() if len(returns) == 1 else NOWHERE

    def _does(self, node: Node, lock: Term, state: State) -> bool:
        if node.kind == "call":
            return any(self._is(one, lock, state) for one, _ in node.locks)
        return node.kind in {"acquire", "release"} and node.lock is not None and self._is(node.lock, lock, state)

    def _passes_release(self, node: Node, kinds: Collection[str]) -> bool:
        return any(self._matters(node, self._can_avoid(self._releases(kind))) for kind in sorted(kinds))

    @staticmethod
    def _up_to(path: list[Node], problem: Problem) -> list[Node]:
        for index, node in enumerate(path):
            if node.at == problem.at and node.kind in {"acquire", "release", "call"}:
                return path[: index + 1]
        return path

    def _last_acquire(self, path: list[Node], problem: Problem, state: State) -> int:
        if problem.defect == "released-unheld":
            return -1
        wanted = problem.other if problem.defect == "handle-reused" and problem.other is not None else problem.lock
        for index in range(len(path) - 1, -1, -1):
            node = path[index]
            if node.at == problem.at and problem.defect == "acquired-twice":
                continue
            if node.kind == "acquire" and self._takes(node, wanted, state):
                return index
            if node.kind == "call" and any(status == "held" and self._is(lock, wanted, state) for lock, status in node.locks):
                return index
        return -1

    def _chosen(self, path: list[Node], start: int, problem: Problem, state: State) -> list[Node]:
        releases = self._releases(problem.kind)
        avoiding = self._can_avoid(releases)
        branches = [node for node in path[start:] if node.kind == "branch"]
        keep = set(map(id, branches))
        if len(branches) > FEW_BRANCHES:
            mattering = [node for node in branches if self._matters(node, avoiding)]
            others = [node for node in branches if not self._matters(node, avoiding)]
            room = max(0, FEW_BRANCHES - len(mattering))
            keep = set(map(id, mattering[-MOST_BRANCHES:])) | set(map(id, others[len(others) - room :] if room else ()))
        chosen = []
        for index, node in enumerate(path):
            by_another = node.text.endswith(BY_ANOTHER)
            if index < start and not by_another:
                continue  # what another thread does is told wherever it was
            if node.kind == "branch":
                if id(node) in keep or by_another:
                    chosen.append(node)
            elif node.kind == "raise" or self._concerns(node, problem, state):
                chosen.append(node)
        return chosen

    def _concerns(self, node: Node, problem: Problem, state: State) -> bool:
        locks = [node.lock] if node.lock is not None else [lock for lock, _ in node.locks]
        wanted = [problem.lock] if problem.other is None else [problem.lock, problem.other]
        if node.kind in {"acquire", "release"}:
            return any(self._takes(node, one, state) for one in wanted)
        return any(lock is not None and any(self._is(lock, one, state) for one in wanted) for lock in locks)

    def _releases(self, kind: str) -> frozenset[int]:
        """The points where a lock of this kind is given back, by name or by a callee."""
        points = []
        for pc, instruction in enumerate(self._code):
            if isinstance(instruction, Call) and isinstance(instruction.callee, FunctionName):
                rows = self._in.tables.operations.get(instruction.callee.name, ())
                if any(row.action == "release" and self._in.machine.same_storage(row.kind, kind) for row in rows):
                    points.append(pc)
        return frozenset(points)

    def _can_avoid(self, releases: frozenset[int]) -> list[bool]:
        """Per point, whether some way out from it passes no release."""
        known = self._avoiding.get(releases)
        if known is not None:
            return known
        graph = self._in.graph
        result = [False] * len(self._code)
        order = sorted((pc for pc in range(len(self._code)) if graph.order[pc] >= 0), key=lambda pc: -graph.order[pc])
        changed = True
        while changed:
            changed = False
            for pc in order:
                if result[pc] or pc in releases:
                    continue
                targets = graph.next[pc]
                if not targets or any(result[target] for target in targets):
                    result[pc] = True
                    changed = True
        self._avoiding[releases] = result
        return result

    def _matters(self, node: Node, avoiding: list[bool]) -> bool:
        targets = self._in.graph.next[node.pc]
        return len({avoiding[target] for target in targets}) > 1

    def _step(self, node: Node, problem: Problem, state: State, name: str) -> LocalStep | None:
        if node.kind == "branch":
            text = self._branch_text(node)
            return LocalStep("branch", node.at, text) if text else None
        if node.kind == "raise":
            return LocalStep("branch", node.at, "an exception is raised in this call")
        if node.kind == "call":
            return self._touch(node, name, self._status_after(node, problem.lock, state))
        return self._touch(node, name if self._takes(node, problem.lock, state) else self._spelled(node, state) or name)

    @staticmethod
    def _touch(node: Node, spelled: str, status: str = "", *, again: bool = False) -> LocalStep:
        if node.kind == "call":
            what = {"held": f"`{node.function}` returns with `{spelled}` held", "free": f"`{node.function}` releases `{spelled}`"}
            return LocalStep("call", node.at, what.get(status, f"calling `{node.function}`"), node.function, node.case, changes=status in what)
        if node.kind == "release":
            return LocalStep("release", node.at, f"`{spelled}` is released here by {node.text}", lock=spelled)
        return LocalStep("acquire", node.at, f"`{spelled}` is acquired {'again ' if again else ''}here by {node.text}")

    def _branch_text(self, node: Node) -> str:
        if node.text:
            return node.text
        instruction = self._code[node.pc]
        names = self._in.names
        if isinstance(instruction, Branch):
            return f"taking the path where {spelling.condition(instruction.condition, node.choice == 1, names)}"
        if isinstance(instruction, Switch):
            value = spelling.value(instruction.value, names, tight=True)
            targets = list(dict.fromkeys(case.target for case in instruction.cases))
            if node.choice <= len(targets):
                cases = [case for case in instruction.cases if case.target == targets[node.choice - 1]]
                shown = ", ".join(_case(case.low, case.high) for case in cases[:3])
                return f"taking the case where {value} is {shown}{' …' if len(cases) > 3 else ''}"
            return f"taking the default case of {value}"
        if isinstance(instruction, ComputedJump):
            return "taking one of the computed labels"
        return ""

    @staticmethod
    def _end(problem: Problem, name: str) -> str:
        through = f" in `{problem.through}`" if problem.through else ""
        by = f" by {problem.operation}" if problem.operation and not through else ""
        return _ENDS.get(problem.defect, "`{name}` is released{through} here{by}").format(
            name=name, through=through, by=by, call=f"`{problem.operation}`"
        )


def _case(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} ... {high}"
