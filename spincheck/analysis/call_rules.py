"""Rules about what is called: what a lock forbids, what a call requires, and locks without a parent.

Owns the three checks that look at a call's name and arguments and at the locks held there; calls are also remembered on the path, so that
a caller that holds a lock is asked about what its callee calls.
"""

from __future__ import annotations

from collections.abc import Collection

from spincheck.analysis import events
from spincheck.analysis.lockops import Problem, tainted
from spincheck.analysis.transfer import Interpreter
from spincheck.domain.lockstate import LockState
from spincheck.domain.state import State
from spincheck.domain.terms import Term
from spincheck.ir import Call
from spincheck.locks.model import Creation, Forbidden

MOST_CALLS = 3
"""Forbidden calls that a path remembers for its callers; more would multiply the disjuncts."""

NEEDED = "?"
"""Before the name of a call that needs a lock, among the calls that a path remembers: its callers have to hold it."""

HANDED = "!"
"""Before the kind of a carried lock, among those calls: the path has handed work on to what may give such a lock back."""

FORWARDED = ">"
"""The same where the work was passed to another driver."""

LOADER_ENTRY = "DriverEntry"
"""It runs once for the driver, whose object is the default parent of what it creates."""


class CallRules:
    """Checks the calls that one `Interpreter` comes to."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._in = interpreter
        self._tables = interpreter.tables

    def check(self, state: State, call: Call, name: str, arguments: list[Term]) -> None:
        """Tell what is wrong with making this call here."""
        for ban in self._tables.forbidden.get(name, ()):
            if ban.when is not None and events.truth(ban.when, arguments, state.facts, pointee(state, ban.when.argument, arguments)) is not True:
                continue
            if ban.unless is not None and events.truth(ban.unless, arguments, state.facts, pointee(state, ban.unless.argument, arguments)) is not False:
                continue
            remember(state, name)
            self.forbid(state, call, ban, "")
        if name in self._tables.required:
            self._require(state, call, name, "")
        if name in self._tables.creations:
            self._check_creation(state, call, self._tables.creations[name], arguments)

    def forbid(self, state: State, call: Call, ban: Forbidden, through: str, given_back: Collection[Term] = ()) -> None:
        """Tell of the first lock held here that forbids a call, made in ``through`` or here; not of those that the callee gives back."""
        for lock, held in state.locks.items():
            if held.status == "held" and lock not in given_back and ban.covers(held.kind, _global_name(lock)):
                problem = Problem("call-while-holding", lock, held.kind, held.operation, ban.function, call.at, through=through)
                self._in.problems.append((problem, state.copy()))
                return
        for lock, kind in (self._in.machine.held_on_entry or {}).items():
            if ban.covers(kind, _global_name(lock)) and lock not in state.locks and lock not in given_back and tainted(state.terms) not in state.locks:
                problem = Problem("call-while-holding", lock, kind, "", ban.function, call.at, through=through)
                self._in.problems.append((problem, state.copy()))
                return

    def made(self, state: State, call: Call, calls: Collection[str], through: str, given_back: Collection[Term] = ()) -> None:
        """Check calls that a callee makes, and remember them for this function's callers."""
        for name in calls:
            if name.startswith(NEEDED):
                self._require(state, call, name.removeprefix(NEEDED), through)
                continue
            if name.startswith(HANDED):
                self.hand_on(state, (name.removeprefix(HANDED),))
                continue
            if name.startswith(FORWARDED):
                state.calls |= {name}
                continue
            remember(state, name)
            for ban in self._tables.forbidden.get(name, ()):
                self.forbid(state, call, ban, through, given_back)

    def _require(self, state: State, call: Call, name: str, through: str) -> None:
        """A call that needs a region or lock: told where it is known to be without, and left to the callers where they may have it."""
        kinds = {kind for need in self._tables.required[name] for kind in need.kinds}
        touched = [(lock, held) for lock, held in state.locks.items() if held.kind in kinds]
        if tainted(state.terms) in state.locks or any(held.status != "free" or held.depth > 0 for _, held in touched):
            return
        if any(held.status == "held" and self._tables.kinds[held.kind].spin for held in state.locks.values() if held.kind):
            return
        if any(kind in self._in.machine.inside_on_entry and all(held.depth >= 0 for _, held in touched if held.kind == kind) for kind in kinds):
            return
        entered = self._in.machine.held_on_entry
        if touched and entered is not None:
            lock, held = touched[0]
            problem = Problem("call-without-holding", lock, held.kind, held.operation, name, call.at, through=through)
        elif entered is not None and not entered:
            kind = self._tables.required[name][0].kinds[0]
            problem = Problem("call-without-holding", state.terms.make("lock", ""), kind, "", name, call.at, through=through)
        else:
            if not any(one.startswith(NEEDED) for one in state.calls):
                state.calls |= {NEEDED + name}
            return
        self._in.problems.append((problem, state.copy()))

    @staticmethod
    def hand_on(state: State, kinds: Collection[str]) -> None:
        """Make carried locks of these kinds uncertain: the work that they are held for may go on in another callback."""
        if kinds:
            for lock, held in state.locks.items():
                if held.status == "held" and held.kind in kinds:
                    state.locks[lock] = LockState("maybe", held.kind)
            state.calls |= {HANDED + kind for kind in kinds}

    def note_forwarded(self, state: State, name: str) -> None:
        """Remember that work was passed to another driver, which gives back no lock of this one."""
        state.calls |= {FORWARDED + kind for kind in self._in.carried if name in self._tables.kinds[kind].forwards}

    def _check_creation(self, state: State, call: Call, row: Creation, arguments: list[Term]) -> None:
        """A lock that is made for an object needs that object as its parent; one in a variable of the driver belongs to the driver."""
        if max(row.attributes, row.lock) >= len(arguments) or self._in.function.name == LOADER_ENTRY:
            return
        terms = self._in.terms
        lock, attributes = arguments[row.lock], arguments[row.attributes]
        if terms.root(lock).op in {"global", "local"}:
            return
        parent = state.read(terms.field(attributes, row.parent)) if attributes.is_address else attributes
        self._in.machine.in_doubt = self._in.machine.in_doubt or parent.op == "phi"
        if state.facts.range_of(parent).single == 0:
            problem = Problem("parent-object", state.normal(lock), row.kind, "", row.function, call.at)
            self._in.problems.append((problem, state.copy()))


def remember(state: State, name: str) -> None:
    """Remember a call that some lock forbids its holder, for the callers of this function."""
    if sum(not one.startswith((NEEDED, HANDED, FORWARDED)) for one in state.calls) < MOST_CALLS:
        state.calls |= {name}


def pointee(state: State, argument: int, arguments: list[Term]) -> Term | None:
    """Return the value behind an argument that is an address, or None."""
    if argument >= len(arguments) or not arguments[argument].is_address:
        return None
    return state.read(arguments[argument])


def _global_name(lock: Term) -> str:
    return str(lock.args[0]) if lock.op == "lock" and len(lock.args) == 1 else ""
