"""Locks that are held for some work and not by a thread, when a callback ends (`spincheck.locks.model.Kind.carried`).

Owns the question whether such a lock is owed by the callback that ends, or by whoever has the work now. It is answered from what the path has done with
the work: ended it, passed it to another driver, put it where others find it, or handed it to a routine that may give such a lock back. A
callback that always gives back for its own work what it was handed has forgotten it on a way out that ends the work and does not.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator

from spincheck.analysis.call_rules import FORWARDED, HANDED
from spincheck.analysis.fixpoint import Fixpoint
from spincheck.analysis.transfer import Interpreter
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import State
from spincheck.domain.terms import Term


def may_be_given_back(interpreter: Interpreter, state: State, held: LockState) -> bool:
    """Tell whether a carried lock that is held at the end can still be given back, by the callback that the work is handed to.

    Only of the work that this callback was called for is it known that it is over: when it was completed here, or passed to another driver and no routine of
    this one waits for it, or when the result says that it is not pending. Where nobody in the driver gives back for others, nobody will.
    """
    kind = interpreter.tables.kinds.get(held.kind)
    if kind is None or not kind.carried or held.status != "held" or held.kind not in interpreter.handed:
        return False
    if held.saved is None or held.saved.op != "param" or HANDED + held.kind in state.calls:
        return True
    result = state.memory.get(interpreter.returned)
    if result is None or kind.pending is None:
        return False
    values = state.facts.range_of(result)
    elsewhere = FORWARDED + held.kind not in state.calls and not result.is_input and result.op != "uninit"  # some function that it was passed to may have said that it is pending
    if any(name in state.calls for name in kind.over) or not (elsewhere or _is_kept(state, held.saved)):
        return values.single == kind.pending
    return kind.pending in values


def left_over(interpreter: Interpreter, fixpoint: Fixpoint, state: State, is_same_way: Callable[[State, State], bool]) -> ItemsView[Term, Need]:
    """Return the carried locks that another way out gives back for this callback's own work, and this one, which ends that work, does not.

    ``is_same_way``: whether neither the arguments nor the result of two ways out tell them apart.
    """
    names = interpreter.tables.kinds
    kinds = [kind for kind in interpreter.carried if HANDED + kind not in state.calls and any(name in state.calls for name in names[kind].over)]
    found: dict[Term, Need] = {}
    for _, other in fixpoint.exits if kinds else ():
        for lock, need in _given_back(other):
            if need.kind in kinds and lock not in found and lock not in state.locks and lock not in state.needs and is_same_way(other, state):
                found[lock] = need
    return found.items()


def _given_back(state: State) -> Iterator[tuple[Term, Need]]:
    """Yield the locks that a path gives back for the work that it was called for."""
    for lock, need in state.needs.items():
        if need.status == "held" and need.irql is not None and need.irql.op == "param":
            yield lock, need


def _is_kept(state: State, work: Term) -> bool:
    """Whether work was put somewhere on this path, for others to find."""
    return any(value.mentions(work) and not cell.mentions(work) and state.terms.root(cell).op != "local" for cell, value in state.memory.items())
