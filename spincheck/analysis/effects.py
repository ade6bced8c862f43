"""What a helper does to its callers' locks, confirmed before a caller is told.

Owns the check of ways out on which facts were given up. Such a state may stand for no path at all: the locks of one branch with the
flag of another. A caller would take it for the truth, and confirm along its own path a defect that no path has. So whatever
such a state needs or leaves is looked for along one path of the helper; a way out that no path takes is none. One that could not be decided
within the steps is believed where the fixpoint itself came within its budget, but not about a lock that stands for several; else nothing is certain of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from spincheck.analysis.aliases import is_weak, may_alias
from spincheck.analysis.cfg import Graph
from spincheck.analysis.keeping import LockClass, class_of
from spincheck.analysis.replay import ARRAY_TURNS, MAX_TURNS, search
from spincheck.analysis.transfer import Interpreter
from spincheck.domain import intervals as iv
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import State
from spincheck.domain.terms import Term

MAX_STEPS = 3_000
"""Steps after which no further way out of a function is looked for."""

VisibleLocks = Callable[[State], dict[Term, LockState]]


def note_payloads(interpreter: Interpreter, exits: Iterable[State]) -> None:
    """Take it that a member that is returned with a lock held points somewhere, where NULL is returned without the lock.

    It is what an object holds for its users, often an array behind a header and thus the address of the member itself: which is not known of a member here.
    """
    results = [(state, state.memory.get(interpreter.returned)) for state in exits]
    without = [state for state, result in results if result is not None and result.op == "int" and result.args[0] == 0]
    for state, result in results:
        if result is None or result.op not in {"init", "cell"} or result.args[0].op != "field":
            continue
        held = [lock for lock, known in state.locks.items() if known.status == "held"]
        if any(lock not in other.locks or other.locks[lock].status == "free" for other in without for lock in held):
            state.facts.restrict(result, iv.compared("!=", 0))


def confirmed(interpreter: Interpreter, graph: Graph, states: list[State], visible: VisibleLocks, *, trusted: bool) -> list[State]:
    """Return the ways out that are there. Of those that could not be decided nothing is certain, unless they are ``trusted``."""
    kept = []
    interpreter.searched = interpreter.dived = 0  # what candidates for findings have cost is nothing to a caller
    for state in states:
        if state.lossy and _has_effect(state, visible):
            spent = interpreter.searched > MAX_STEPS
            turns = ARRAY_TURNS if any(is_weak(lock) for lock in visible(state)) else MAX_TURNS
            about = () if spent else _about(interpreter, state, visible)
            verdict = "open" if spent else search(interpreter, graph, state, _same_effect(state, visible), None, turns, about=about).verdict
            if verdict == "refuted":
                continue
            if verdict == "open":
                _blur(state, visible, weak_only=trusted)
        kept.append(state)
    if not kept:
        # Somehow it does return: that no path was found says something about the search. Without a case its callers would end here.
        for state in states:
            _blur(state, visible, weak_only=False)
        return states
    return kept


def _has_effect(state: State, visible: VisibleLocks) -> bool:
    return any(held.status != "maybe" for held in visible(state).values()) or any(need.status == "held" for need in state.needs.values())


def _same_effect(state: State, visible: VisibleLocks) -> Callable[[int, State], bool]:
    """A test for states that do all to locks that a state does, as far as it names them."""
    locks = {lock: held.status for lock, held in visible(state).items() if held.status != "maybe" and not is_weak(lock)}
    some = [(lock, held.kind) for lock, held in visible(state).items() if held.status == "held" and is_weak(lock)]
    needs = {lock for lock, need in state.needs.items() if need.status == "held" and not is_weak(lock)}

    def is_same(_: int, after: State) -> bool:
        if any(lock not in after.needs or after.needs[lock].status != "held" for lock in needs):
            return False
        if not all(any(_stands_for(after, weak, kind, lock) for lock in after.locks) for weak, kind in some):
            return False
        return all(lock in after.locks and after.locks[lock].status in (status, "maybe") for lock, status in locks.items())

    return is_same


def _about(interpreter: Interpreter, state: State, visible: VisibleLocks) -> list[LockClass]:
    """Return the locks that `_same_effect` asks for."""
    kinds = {lock: held.kind for lock, held in visible(state).items() if held.status != "maybe"}
    kinds |= {lock: need.kind for lock, need in state.needs.items() if need.status == "held"}
    return list(dict.fromkeys(class_of(lock, interpreter.tables.storage(kind)) for lock, kind in kinds.items()))


def _stands_for(state: State, weak: Term, kind: str, lock: Term) -> bool:
    """Whether a lock that is held on one path is of those that a lock of several paths stands for."""
    held = state.locks[lock]
    return held.status == "held" and held.kind == kind and (lock is weak or may_alias(state, lock, weak))


def _blur(state: State, visible: VisibleLocks, *, weak_only: bool) -> None:
    """Make what a state does to locks uncertain; ``weak_only``: only to those of which it is not known which they are."""
    for lock, held in visible(state).items():
        if is_weak(lock) or not weak_only:
            state.locks[lock] = LockState("maybe", held.kind)
    state.needs = {lock: need._replace(doubtful=True) if is_weak(lock) or not weak_only else need for lock, need in state.needs.items()}
