"""Writing a function's summary from the states that leave it.

Owns which parts of a state a caller can see: facts about parameters and memory on entry, locks and what they needed to be, cells that do not
lie in this function's own variables, the result. The rest is dropped before cases are counted, so that paths that
differ only inside are one case.
"""

from __future__ import annotations

from collections.abc import Callable

from spincheck.analysis.aliases import is_weak
from spincheck.analysis.cfg import Graph, field_name, values_of, visit_place, visit_value
from spincheck.analysis.effects import confirmed
from spincheck.analysis.explain import Explainer
from spincheck.analysis.fixpoint import Fixpoint
from spincheck.analysis.lockops import tainted
from spincheck.analysis.owed import is_owed
from spincheck.analysis.revival import is_changed, is_late
from spincheck.analysis.summaries import (
    NOWHERE,
    Case,
    CaseLock,
    CaseNeed,
    LocalFinding,
    Summary,
    TermWriter,
)
from spincheck.analysis.transfer import Interpreter
from spincheck.domain import intervals as iv
from spincheck.domain.intervals import IntSet
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import CellClass, State, cell_class
from spincheck.domain.terms import Term, Terms
from spincheck.ir import Assign, Call, Opaque, Place

MAX_CASES = 24
"""Cases of a function whose ways out differ in what they do to locks; above, cases with the same locks are joined."""

MAX_ALIKE = 6
"""Cases of a function that does the same to locks on every way out: callers multiply by them, and few ever ask."""

MAX_WRITES = 16
"""Cells whose new values a case tells; of more, only flags (constants) are told, and that the others are written."""

MAX_SETS = 24
"""Facts that a case tells; leaving one out only makes the case fit more callers."""

MAX_FREE_NEEDS = 16
"""Locks of which a case tells that they must be free on entry, nearest first; of others no caller can be told that it holds one already."""

MAX_LOCKS = 24
"""Locks that a case tells one by one; of more, those in doubt are "any lock"."""

MAX_DEPTH = 12
"""Steps from a caller's values to a lock that it is told about; a recursion over a list would go on for ever."""


def write_summary(
    interpreter: Interpreter,
    fixpoint: Fixpoint,
    findings: tuple[LocalFinding, ...],
    suspects: tuple[LocalFinding, ...],
    imprecise: tuple[tuple[int, str], ...],
    reads: tuple[str, ...],
    *,
    trusted: bool,
) -> Summary:
    """Return the summary of a function whose fixpoint has been reached; ``trusted``: a way out that could not be confirmed is believed."""
    states = fixpoint.joined_exits()
    states = fixpoint.squeezed_exits(states, MAX_CASES, MAX_ALIKE)
    states = confirmed(interpreter, interpreter.graph, states, lambda state: _visible_locks(interpreter, state), trusted=trusted)
    writer = TermWriter()
    explainer = Explainer(interpreter)
    cases = []
    needs_at = []
    steps = []
    for state in states:
        cases.append(_case(interpreter, state, writer))
        needs = _visible_needs(state)
        needs_at.append(tuple(need.at for need in needs.values()))
        steps.append(explainer.effect(state, _visible_locks(interpreter, state), needs))
    near = [lock for lock in interpreter.acquired if lock.is_input and lock.depth <= MAX_DEPTH and _lock_is_visible(interpreter, lock)]
    acquires = tuple(writer.add(lock) for lock in near[:MAX_FREE_NEEDS])
    return Summary(
        tuple(writer.rows), tuple(cases), tuple(needs_at), tuple(steps), findings, suspects, imprecise, reads, acquires,
        tuple(interpreter.orders.values()), parameters=tuple(parameter.type for parameter in interpreter.function.parameters),
        passes=tuple(sorted(interpreter.passed)),
    )


def _case(interpreter: Interpreter, state: State, writer: TermWriter) -> Case:
    terms = interpreter.terms
    result = state.memory.get(interpreter.returned)
    visible = {cell: value for cell, value in state.memory.items() if _is_visible(interpreter, cell)}
    parts = _parts(interpreter, state)
    if parts and result is not None and result.op == "uninit":
        result = terms.make("fresh", -1, "result")  # it was never stored as a whole
    locks = _visible_locks(interpreter, state)
    uncertain = len(locks) > MAX_LOCKS
    if uncertain:
        locks = {lock: held for lock, held in locks.items() if held.status != "maybe"}
    shown: set[Term] = set()
    for term in (result, *visible, *visible.values(), *parts.values(), *locks):
        if term is not None:
            shown.update((term, *term.inside))
    relations = [relation for relation in state.facts.relations if _matters(relation, shown)]
    relations += [terms.make("bin", "==", left, right) for left, right in state.same.items() if left.is_input and right.is_input]
    sets = [(term, allowed) for term, allowed in state.facts.sets.items() if _matters(term, shown) and not _is_type(interpreter, term, allowed)]
    sets = sets[:MAX_SETS]
    numbered = []
    for lock, held in locks.items():
        numbered.append(
            CaseLock(
                writer.add(lock), held.status, held.kind, held.depth, held.mode, held.operation, held.variant,
                writer.add(held.saved), writer.add(held.handle),
            )
        )
    needs = tuple(
        CaseNeed(writer.add(lock), need.status, need.kind, need.operation, need.doubtful, need.variant, writer.add(need.irql), need.tried)
        for lock, need in _visible_needs(state).items()
    )
    plain = {cell: value for cell, value in visible.items() if cell.op != "all" and not is_changed(value)}
    lost: dict[CellClass, None] = {}
    if len(plain) > MAX_WRITES:
        kept = dict([(cell, value) for cell, value in plain.items() if value.op == "int"][:MAX_WRITES])
        lost = dict.fromkeys(cell_class(cell) for cell in plain if cell not in kept)
        plain = {cell: value for cell, value in kept.items() if cell_class(cell) not in lost}
    holds = any(held.status == "held" for held in locks.values())
    anything = terms.make("fresh", -1, "written")
    saved = {value: interpreter.machine.tokens.get(value) for value in (*plain.values(), *parts.values())}
    return Case(
        sets=tuple(writer.values(term, allowed) for term, allowed in sets),
        relations=tuple(writer.add(relation) for relation in relations),
        needs=needs,
        locks=tuple(numbered),
        result=writer.add(result) if result is not None else NOWHERE,
        epochs=tuple(
            (kind, writer.add(what) if isinstance(what, Term) else what, writer.add(epoch))
            for (kind, what), epoch in _visible_epochs(terms, state).items()
        )
        + tuple((kind, what, writer.add(anything)) for kind, what in sorted(lost)),
        writes=tuple((writer.add(cell), writer.add(value)) for cell, value in plain.items()),
        filled=tuple((writer.add(cell.args[0]), writer.add(value)) for cell, value in visible.items() if cell.op == "all"),
        calls=tuple(sorted(state.calls)),
        tainted=uncertain or tainted(terms) in state.locks,
        tokens=tuple((writer.add(value), writer.add(lock)) for value, lock in saved.items() if lock is not None),
        late=tuple(writer.add(term) for term, _ in sets if holds and is_late(interpreter.function, state.trace, term)),
        parts=tuple((name, writer.add(value)) for name, value in list(parts.items())[:MAX_WRITES]),
    )


def _parts(interpreter: Interpreter, state: State) -> dict[str, Term]:
    """The members of an object that is returned by value, by their names from it on; elements of arrays in it have none."""
    parts: dict[str, Term] = {}
    for cell, value in state.memory.items():
        if cell.op == "field" and interpreter.terms.root(cell) is interpreter.returned:
            path = interpreter.terms.path(cell)
            if all(isinstance(step, str) for step in path):
                parts[".".join(path)] = value
    return parts


def _is_type(interpreter: Interpreter, term: Term, allowed: IntSet) -> bool:
    """Whether a fact says no more of a parameter than its type does."""
    parameters = interpreter.function.parameters
    return term.op == "param" and term.args[0] < len(parameters) and iv.TYPE_RANGES.get(parameters[term.args[0]].type) == allowed


def _visible_epochs(terms: Terms, state: State) -> dict[CellClass, Term]:
    """The classes of cells that a caller can name; of objects far away only the member itself counts as written."""
    told: dict[CellClass, Term] = {}
    objects = 0
    for (kind, what), epoch in state.epochs.items():
        if kind == "local":
            continue
        if isinstance(what, Term):
            if not what.is_input or terms.root(what).op == "local":
                continue
            objects += 1
            if what.depth > MAX_DEPTH or objects > MAX_WRITES:
                told.setdefault(cell_class(what), epoch)
                continue
        told[kind, what] = epoch
    return told


def _is_visible(interpreter: Interpreter, cell: Term) -> bool:
    address = cell.args[0] if cell.op == "all" else cell
    return interpreter.terms.root(address).op not in {"local", "int", "any"}


def _visible_needs(state: State) -> dict[Term, Need]:
    """What a caller can be asked for: a lock that it cannot name is none that it holds."""
    near = [
        lock
        for lock, need in state.needs.items()
        if need.status == "free" and lock.is_input and lock.depth <= MAX_DEPTH
    ]
    if len(near) > MAX_FREE_NEEDS:
        near = sorted(near, key=lambda lock: lock.depth)[:MAX_FREE_NEEDS]
    told = frozenset(near)
    return {
        lock: need
        for lock, need in state.needs.items()
        if lock in told or (need.status == "held" and is_callers(lock))
    }


def _path(lock: Term) -> Term | None:
    """What a lock is known by: its address, or its queue handle's where only that is known."""
    if lock.op != "held_by":
        return lock
    handle = lock.args[0]
    return handle if isinstance(handle, Term) else None


def is_callers(lock: Term) -> bool:
    """Whether a lock that is given back is known to the caller at all, and no value that this function came by."""
    path = _path(lock)
    return path is not None and (path.is_input or is_weak(lock))


def _visible_locks(interpreter: Interpreter, state: State) -> dict[Term, LockState]:
    """The locks that are not to the caller as they were before."""
    taint = tainted(interpreter.terms)
    return {
        lock: held
        for lock, held in state.locks.items()
        if lock is not taint
        and not is_owed(lock)
        and _lock_is_visible(interpreter, lock)
        and not _is_given_back(interpreter, state, lock)
        and not interpreter.machine.raised_nothing(state, held)
        and (held.status == "held" or _can_be_named(lock))
    }


def _is_given_back(interpreter: Interpreter, state: State, lock: Term) -> bool:
    """Free on entry and free again, or counted as often as before: to a caller, as if it had not been touched."""
    known, need = state.locks[lock], state.needs.get(lock)
    if need is None and known.status == "free" and known.depth == 0 and interpreter.machine.is_counted(known.kind):
        return True
    return need is not None and need.status == "free" and known.status == "free" and known.depth == 0


def _can_be_named(lock: Term) -> bool:
    """Whether a caller has a name for a lock: a path from its own values, some element there, or the queue handle that it waits in."""
    return is_callers(lock) and lock.depth <= MAX_DEPTH


def _lock_is_visible(interpreter: Interpreter, lock: Term) -> bool:
    path = _path(lock)
    return path is None or interpreter.terms.root(path).op != "local"


def _matters(term: Term, shown: set[Term]) -> bool:
    if term.is_input:
        return True
    return any(sub in shown and sub.op in {"fresh", "cell", "sel", "phi", "uninit"} for sub in (term, *term.inside))


def fields_read(graph: Graph, callee_reads: Callable[[Call], frozenset[str]]) -> tuple[str, ...]:
    """Return the names of fields and globals that a function or its callees may read, sorted."""
    names: set[str] = set()

    def on_place(place: Place, loaded: bool) -> None:
        name = field_name(place) if loaded else None
        if name is not None:
            names.add(name)

    for instruction in graph.function.code:
        for value in values_of(instruction):
            visit_value(value, on_place)
        if isinstance(instruction, Assign):
            visit_place(instruction.place, on_place)
        elif isinstance(instruction, Opaque):
            for place in instruction.writes:
                visit_place(place, on_place)
        elif isinstance(instruction, Call):
            names.update(callee_reads(instruction))
    return tuple(sorted(names))
