"""Locks that a driver makes recursive by hand: taken only where a member beside the lock does not name the current thread.

Owns how such a lock is recognised and what is then known of it. `if (Fcb->Owner != KeGetCurrentThread()) Acquire(&Fcb->Mutex); Fcb->Count++;`
takes the lock or finds it taken, further up, by the same thread; a count says which release is the last. Which of the
two it was, and how often, is not in the locks' states, and no callback starts with an answer. So from the comparison
on, nothing is certain of the locks of that object, and nothing is told of them.

Rejected: following the owner and the count as facts. It holds inside one function; across calls that lock and unlock on the way the count
becomes any number, and every last release one that may not be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from spincheck.analysis.cfg import Graph
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import State
from spincheck.domain.terms import Term, Terms
from spincheck.ir import Branch, Call, FunctionName, Jump, Return
from spincheck.locks.tables import Tables


def note_owner(state: State, condition: Term, branch: Branch, graph: Graph, tables: Tables, takes_lock: Callable[[str], bool]) -> None:
    """Mark the object of a state whose owner a branch compares with the current thread, to decide whether to take a lock.

    ``takes_lock`` tells it of the functions that have a summary.
    """
    owner = _owner(condition, tables.threads)
    if owner is None:
        return
    takes = [_acquires(side, graph, tables, takes_lock) for side in (branch.then, branch.otherwise)]
    if takes[0] != takes[1] and not _says_no(branch.otherwise if takes[0] else branch.then, graph):
        state.locks[_mark(state.terms, owner)] = LockState("maybe", "")


def is_marked(state: State, lock: Term) -> bool:
    """Tell whether a lock belongs to an object that was marked on this path."""
    for mark in state.locks:
        if is_mark(mark):
            owner = mark.args[0]
            if lock.mentions(owner) or (owner.op == "global" and Terms.root(lock).op == "global"):
                return lock is not mark
    return False


def is_mark(lock: Term) -> bool:
    """Tell whether this is no lock, and only says that an object was marked."""
    return lock.op == "owned"


def _mark(terms: Terms, owner: Term) -> Term:
    return terms.make("owned", owner)


def _owner(condition: Term, threads: Collection[str]) -> Term | None:
    """The object whose member a condition compares with the current thread."""
    if condition.op != "bin" or condition.args[0] not in {"==", "!="}:
        return None
    for side, other in (condition.args[1:], condition.args[:0:-1]):
        if _is_current_thread(side, threads):
            cell = other.args[0] if other.op in {"init", "cell"} else other.args[1] if other.op == "phi" else None
            if isinstance(cell, Term) and cell.op in {"field", "elem", "global"}:
                return Terms.root(cell)
    return None


def _is_current_thread(term: Term, threads: Collection[str]) -> bool:
    while term.op == "cast":
        term = term.args[1]
    return term.op == "pure" and term.args[0] in threads


def _says_no(pc: int, graph: Graph) -> bool:
    """Whether the code from here returns a value at once: a try that fails, which leaves it to the caller what to do."""
    code = graph.function.code
    instruction = code[pc] if pc < len(code) else None
    while isinstance(instruction, Jump) and instruction.target < len(code):
        instruction = code[instruction.target]
    return isinstance(instruction, Return) and instruction.value is not None


def _acquires(pc: int, graph: Graph, tables: Tables, takes_lock: Callable[[str], bool]) -> bool:
    """Whether a lock is taken in the straight-line code from here."""
    code = graph.function.code
    while pc < len(code) and pc not in graph.joins:
        instruction = code[pc]
        if isinstance(instruction, Call) and isinstance(instruction.callee, FunctionName):
            rows = tables.operations.get(instruction.callee.name, ())
            if any(row.action in {"acquire", "try"} for row in rows) or takes_lock(instruction.callee.name):
                return True
        if isinstance(instruction, Jump):
            pc = instruction.target if instruction.target > pc else len(code)
        elif len(graph.next[pc]) == 1:
            pc += 1
        else:
            return False
    return False
