"""From what is known of each function to what a reader is told of the program.

Owns the findings of a whole program: what a function's own finding becomes in it (the helper where it was made, the callback through which it is reached, the
callees' steps), which of several that have one cause are told (`spincheck.analysis.causes`), and what no function can see alone: locks that nobody gives back,
pairs of callbacks that do not match, and orders that close to a cycle. Nothing is analysed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from spincheck.analysis.callgraph import CallGraph, Node
from spincheck.analysis.causes import Told, made_once, without_consequences
from spincheck.analysis.consequences import last_name
from spincheck.analysis.findings import Finding, FunctionRef, Step
from spincheck.analysis.forgotten import Forgotten
from spincheck.analysis.keeping import Ledger, LockClass
from spincheck.analysis.orders import Cycle, Order, cycles
from spincheck.analysis.pairs import unpaired
from spincheck.analysis.summaries import NOWHERE, Kept, LocalFinding, LocalStep, Summary, in_exact
from spincheck.ir import Function, Return
from spincheck.locks.tables import Tables

MAX_STEP_DEPTH = 8
MAX_STEPS = 60

HELD_AT_EXIT = ("held-at-exit", "inconsistent-exit", "failure-holds")


class Knowledge(NamedTuple):
    """What was found out about each function. ``summary`` and ``ledger`` are None where nothing was; ``orders`` come with the function's number."""

    summary: Callable[[Node], Summary | None]
    exact: Callable[[Node], Summary]
    code: Callable[[Node], Function]
    ledger: Callable[[Node], Ledger | None]
    ledgers: Callable[[], Iterable[Ledger]]
    orders: Callable[[], Sequence[tuple[int, Order]]]


class Telling:
    """Tells of one program. ``closed``: all its functions are here."""

    def __init__(self, graph: CallGraph, tables: Tables, known: Knowledge, *, closed: bool) -> None:
        self._graph = graph
        self._tables = tables
        self._known = known
        self._closed = closed

    def findings(self, told: Iterable[Told], kept: Sequence[tuple[Node, Kept]]) -> list[Finding]:
        """Return what is told of the program, given what its functions tell and what they leave held for somebody."""
        findings = made_once(without_consequences(told), self._is_taken_by_callers, self._at_release)
        findings.extend(self._forgotten(kept, findings))
        findings.extend(self._unpaired())
        findings.extend(self._order_cycles())
        return _unique(findings)

    def _forgotten(self, kept: Sequence[tuple[Node, Kept]], findings: Sequence[Finding]) -> list[Finding]:
        """What is left held for nobody, of locks of which nothing else is told; of a program whose functions are all here."""
        told = {(finding.kind, last_name(finding.lock)) for finding in findings}
        kept = [(node, one) for node, one in kept if (one.finding.kind, last_name(one.finding.lock)) not in told]
        if not self._closed or not kept:
            return []
        forgotten = Forgotten(self._known.ledgers())

        def is_wrong(node: Node, one: Kept) -> bool:
            alone = self._graph.is_called_by_address(node)
            if one.finding.defect == "released-unheld":
                return forgotten.is_never_left(one.lock) or ((alone or bool(node.callers)) and not forgotten.is_dangling(one.lock))
            if alone and not forgotten.is_claimed(one.lock):
                return True
            return forgotten.is_forgotten(one.lock) and self._is_lent(node, one.lock)

        return [self._tell(node, one.finding) for node, one in kept if is_wrong(node, one)]

    def _unpaired(self) -> list[Finding]:
        """Callbacks of a pair of which one takes a lock that the other does not give back, or the other way round."""
        findings = []
        for taker, giver in self._graph.pairs() if self._closed else ():
            missing = unpaired(self._ledger(taker), self._ledger(giver))
            if missing is None:
                continue
            node, other = (taker, giver) if missing.defect == "never-taken" else (giver, taker)
            ends = [instruction.at for instruction in self._known.code(node).code if isinstance(instruction, Return)]
            kind = next((kind.name for kind in self._tables.kinds.values() if kind.storage == missing.lock.storage), "")
            lock = ".".join(missing.lock.names)
            trace = (Step("defect", node.ref, max(ends, default=0), 0, f"returns here; `{other.ref.name}`, which it is registered with, counts on it"),)
            findings.append(
                Finding(
                    missing.defect, "warning", kind, (), lock, other.ref.name, node.ref, max(ends, default=0), node.ref.name,
                    next((name for name, _ in node.roles), ""), self._graph.model(), "", trace,
                )
            )
        return findings

    def _is_lent(self, node: Node, lock: LockClass, above: frozenset[int] = frozenset()) -> bool:
        """Tell whether some caller gets a lock that a function leaves held, and does not just hand it up to callers of which none does; or nobody is known to call it."""
        known = [(caller, ledger) for caller in node.callers if (ledger := self._known.ledger(caller)) is not None]
        for caller, ledger in known:
            if id(caller) not in above and any(lock.may_be(one) for one in ledger.lent):
                hands_up = any(lock.may_be(one) for one in ledger.left)
                if not hands_up or self._is_lent(caller, lock, above | {id(node)}):
                    return True
        return not known

    def _order_cycles(self) -> list[Finding]:
        return [self._tell_cycle(cycle) for cycle in cycles(self._known.orders(), self._may_meet)]

    def _may_meet(self, one: int, other: int) -> bool:
        """Whether two functions may run at once: not where one callback that is never entered twice reaches both."""
        reached = [self._graph.entries_of(self._graph.nodes[number]) for number in (one, other)]
        if len(reached[0]) != 1 or reached[0] != reached[1]:
            return True
        (entry,) = reached[0]
        return not entry.roles or any(role.concurrent for _, role in entry.roles)

    def _tell_cycle(self, cycle: Cycle) -> Finding:
        node, other = self._graph.nodes[cycle.owner], self._graph.nodes[cycle.other_owner]
        entry = self._graph.entry_of(node)
        trace = []
        for where, order in ((other, cycle.other), (node, cycle.order)):
            through = f" in `{order.callee}`" if order.callee else ""
            message = f"`{order.taken}` is acquired{through} here while `{order.held}` is held"
            trace.append(Step("note" if order is cycle.other else "defect", where.ref, order.at, 0, message))
        return Finding(
            "order-cycle", "warning", cycle.order.kind, cycle.order.operations, cycle.order.taken, cycle.order.held, node.ref,
            cycle.order.at, entry.ref.name, self._graph.role_name(entry), self._graph.model(), "", tuple(trace),
        )

    def told(self, node: Node, local: LocalFinding) -> Told:
        """Put a function's finding into the program, with the way to where it was made."""
        finding = self._tell(node, local)
        step, name = None, ""
        if local.defect == "released-unheld" and local.trace and local.trace[-1].callee:
            inner = self._release_in(node, local.trace[-1])
            if inner is not None:
                step, name = inner
        return Told(finding, tuple((place.ref, one) for place, one in self._way_to(node, local)), step, name)

    def _release_in(self, node: Node, step: LocalStep) -> tuple[Step, str] | None:
        """Follow a call into the callee that releases a lock itself, where a release is the first that the steps show."""
        for _ in range(MAX_STEP_DEPTH):
            callee = node.callees.get(step.callee)
            inside = self._steps_of(node, step)
            touching = next((one for one in inside if one.kind in {"acquire", "release", "call"}), None)
            if callee is None or touching is None or touching.kind == "acquire":
                return None
            node, step = callee, touching
            if step.kind == "release":
                return Step("defect", node.ref, step.at, 0, f"`{step.lock}` is released here but not held by any caller"), step.lock
        return None

    def _is_taken_by_callers(self, function: FunctionRef, kind: str) -> bool:
        """Tell whether some caller, or one further up, takes or is left a lock like those of a kind that a function gives back without having taken them."""
        node = self._node(function)
        storage = self._tables.storage(kind)
        mine = [lock for lock in self._ledger(node).returned if lock.storage == storage]
        books = [self._ledger(one) for one in self._graph.above(node) if one is not node]
        taken = [lock for ledger in books for lock in (*ledger.balanced, *ledger.lent)]
        return not mine or any(storage in ledger.open for ledger in books) or any(lock.may_be(other) for lock in mine for other in taken)

    def _node(self, function: FunctionRef) -> Node:
        return next(node for node in self._graph.nodes if node.ref == function)

    def _ledger(self, node: Node) -> Ledger:
        return self._known.ledger(node) or Ledger()

    def _at_release(self, one: Told) -> Finding:
        """Tell a callee's release where it is, and not at the call."""
        assert one.step is not None
        node = self._node(one.step.function)
        entry = self._graph.entry_of(node)
        return msgspec.structs.replace(
            one.finding, lock=one.released, other="", function=one.step.function, at=one.step.at, entry=entry.ref.name, role=self._graph.role_name(entry), trace=(one.step,)
        )

    def _tell(self, node: Node, local: LocalFinding) -> Finding:
        """Put a function's finding into the program: where it was made, through which callback, with callees' steps."""
        entry = self._graph.entry_of(node)
        place, finding = self._made_by(node, local)
        role_name = self._graph.role_name(entry)
        model = next((role.model for name, role in entry.roles if name == role_name and role.model != "any"), self._graph.model())
        steps = self._expand(place, finding.trace, 0)
        defect = finding.defect
        if place is not node or (defect == "inconsistent-exit" and role_name):
            defect = "held-at-exit"
        return Finding(
            defect=defect,
            severity="warning" if finding.doubt else local.severity,
            kind=finding.kind,
            operations=finding.operations,
            lock=finding.lock,
            other=finding.other,
            function=place.ref,
            at=finding.at,
            entry=entry.ref.name,
            role=role_name,
            model=model,
            doubt=finding.doubt,
            trace=tuple(steps),
        )

    def _made_by(self, node: Node, finding: LocalFinding) -> tuple[Node, LocalFinding]:
        """Return the helper that should have given back a lock that is held at the end, and what it knows of it."""
        return self._way_to(node, finding)[-1]

    def _way_to(self, node: Node, finding: LocalFinding) -> list[tuple[Node, LocalFinding]]:
        """Follow a lock that is held at the end into the helper that should have given it back."""
        seen = {id(node)}
        way = [(node, finding)]
        while finding.defect in HELD_AT_EXIT:
            step = next((step for step in finding.trace if step.at == finding.held and step.callee), None)
            callee = node.callees.get(step.callee) if step is not None else None
            summary = self._known.summary(callee) if callee is not None else None
            if callee is None or summary is None or id(callee) in seen:
                break
            made = (*summary.suspects, *(one for one in summary.findings if one.defect in HELD_AT_EXIT))
            suspect = next((one for one in made if one.kind == finding.kind and one.defect != "needs-and-leaves" and not one.doubt), None)
            if suspect is None:
                break
            seen.add(id(callee))
            node, finding = callee, suspect
            way.append((node, finding))
        return way

    def _expand(self, node: Node, steps: Sequence[LocalStep], depth: int, *, changes: bool = False) -> list[Step]:
        """Put callees' steps behind the calls; those of a call that ``changes`` a lock are about that lock alone."""
        told: list[Step] = []
        for step in steps:
            if changes and step.aside:
                continue
            if step.kind == "defect" and step.callee and step.case != NOWHERE:
                told.extend(self._inside(node, step, depth, changes or step.changes))
            told.append(Step(step.kind, node.ref, step.at, depth, step.message))
            if step.kind == "call":
                told.extend(self._inside(node, step, depth, changes or step.changes))
        return told[:MAX_STEPS]

    def _inside(self, node: Node, step: LocalStep, depth: int, changes: bool) -> list[Step]:
        callee = node.callees.get(step.callee)
        return self._expand(callee, self._steps_of(node, step), depth + 1, changes=changes) if callee is not None and depth < MAX_STEP_DEPTH else []

    def _steps_of(self, node: Node, step: LocalStep) -> tuple[LocalStep, ...]:
        """Return a callee's own steps in the case that a call took."""
        callee = node.callees.get(step.callee)
        summary = self._known.summary(callee) if callee is not None else None
        if callee is None or summary is None:
            return ()
        case = step.case
        if case < NOWHERE:
            case, summary = in_exact(case), self._known.exact(callee)
        elif case == NOWHERE and len(summary.steps) == 1:
            case = 0  # a call that goes one way only leaves no trace of which case it was
        return summary.steps[case] if 0 <= case < len(summary.steps) else ()


def _unique(findings: list[Finding]) -> list[Finding]:
    """Keep the first of findings that are one defect, in the order of functions and places."""
    kept: dict[tuple[str, str, FunctionRef, int, str], Finding] = {}
    for finding in sorted(findings, key=lambda one: (one.function, one.at, one.defect, one.lock, one.entry)):
        kept.setdefault((finding.defect, finding.lock, finding.function, finding.at, finding.other), finding)
    return list(kept.values())
