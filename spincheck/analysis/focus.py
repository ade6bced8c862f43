"""What concerns a few locks of a function, and what does not.

Owns a slice of the function that is narrower than the run's own (`spincheck.analysis.relevance`): only operations on locks that may be the given ones
count. A search that follows only what matters to these locks, and takes two paths for one where they differ in nothing else, ends where one that
tells all paths apart would not: twenty branches about other locks are a million paths. It follows at least the paths that there are, so that what it
does not find is not there. What it finds is only a hint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from spincheck.analysis.cfg import Graph, field_name
from spincheck.analysis.keeping import LockClass, class_of
from spincheck.analysis.relevance import Relevance
from spincheck.analysis.summaries import Summary
from spincheck.analysis.surroundings import Surroundings
from spincheck.analysis.transfer import Focus
from spincheck.domain.state import State, cell_class
from spincheck.domain.terms import Term
from spincheck.ir import AddressOf, Call, Load, Value


def focus(graph: Graph, around: Surroundings, locks: Collection[LockClass]) -> Focus:
    """Return how a search follows what matters to some locks only."""
    narrow = _Narrow(graph, around, locks)
    return Focus(narrow.relevance.points.__contains__, narrow.relevance.outcome_matters, narrow.key)


class _Narrow:
    """The slice of a function about some locks. ``relevance`` is it, `key` says what of a state belongs to it."""

    def __init__(self, graph: Graph, around: Surroundings, locks: Collection[LockClass]) -> None:
        self._around = around
        self._locks = locks
        self._storage = {kind: one.storage for kind, one in around.tables.kinds.items()}
        self._tried = frozenset(one for call in graph.function.code if isinstance(call, Call) for one in self._tried_by(call))
        self.relevance = Relevance(
            graph, self._concerns, around.writes, around.reads, lambda _call: False, lambda _call, _names: False,
            result_matters=False, flags_matter=False, parameters_matter=False,
        )

    def key(self, state: State) -> Any:
        """Return what two states must have in common to go on alike as far as these locks, and those that are tried, are concerned."""
        locals_, fields = self.relevance.locals, self.relevance.fields
        memory = [(cell, value) for cell, value in state.memory.items() if self._matters(cell)]
        locks = [(lock, held) for lock, held in state.locks.items() if self._is_one(lock, held.kind)]
        needs = [(lock, need.status) for lock, need in state.needs.items() if self._is_one(lock, need.kind)]
        epochs = [one for one in state.epochs.items() if isinstance(one[0][1], Term) or one[0][1] in (locals_ if one[0][0] == "local" else fields)]
        shown = {epoch for _, epoch in epochs}  # what a call has written is read as a part of its epoch
        for _, value in memory:
            shown.update((value, *value.inside))
        for lock, held in locks:
            shown.update((lock, *lock.inside, *(part for part in (held.saved, held.handle) if part is not None)))
        return (
            frozenset(memory),
            frozenset(locks),
            frozenset(needs),
            frozenset(one for one in state.facts.sets.items() if _is_shown(one[0], shown)),
            frozenset(relation for relation in state.facts.relations if _is_shown(relation, shown)),
            frozenset(epochs),
        )

    def _matters(self, cell: Term) -> bool:
        kind, name = cell_class(cell.args[0] if cell.op == "all" else cell)
        if kind == "local":
            return name in self.relevance.locals
        return kind == "*" or name in self.relevance.fields

    def _is_one(self, lock: Term, kind: str) -> bool:
        name = class_of(lock, self._storage.get(kind, kind))
        return any(name.may_be(one) for one in self._locks) or (
            bool(self._tried) and any(storage == name.storage and (member is None or not name.names or name.names[-1] == member) for storage, member in self._tried)
        )

    def _tried_by(self, call: Call) -> Iterator[tuple[str, str | None]]:
        """Yield the storage and last member of locks that a call tries to take: whether it can decides which paths there are, whatever is asked about."""
        for name in self._around.names(call):
            for row in self._around.tables.operations.get(name, ()):
                if row.action == "try":
                    yield self._storage.get(row.kind, row.kind), _last_member(call, row.lock.arguments)
            summary = self._around.callee(name).summary
            if summary is not None:
                for need in (need for case in summary.cases for need in case.needs if need.tried):
                    yield self._storage.get(need.kind, need.kind), _member_of(summary, need.lock)

    def _may_be(self, kind: str, member: str | None) -> bool:
        """Tell whether a lock of a kind may be one of these, of which only the last member is known."""
        storage = self._storage.get(kind, kind)
        return any(one.storage == storage and (member is None or not one.names or one.names[-1] == member) for one in self._locks)

    def _concerns(self, call: Call) -> bool:
        return any(self._concerns_by(name, call) for name in self._around.names(call))

    def _concerns_by(self, name: str, call: Call) -> bool:
        tables = self._around.tables
        rows = tables.operations.get(name)
        if rows is not None:
            return any(self._may_be(row.kind, _last_member(call, row.lock.arguments)) for row in rows)
        callee = self._around.callee(name)
        if callee.summary is None or name in tables.immediate:
            return self._around.touches_by(name)
        return not callee.summary.cases or self._is_touched_by(callee.summary)

    def _is_touched_by(self, summary: Summary) -> bool:
        for case in summary.cases:
            if case.tainted:
                return True
            named = [*((one.kind, one.lock) for one in case.locks), *((one.kind, one.lock) for one in case.needs)]
            if any(self._may_be(kind, _member_of(summary, row)) for kind, row in named):
                return True
        return False


def _is_shown(term: Term, shown: set[Term]) -> bool:
    return term.is_input or term in shown or not shown.isdisjoint(term.inside)


def _last_member(call: Call, positions: Collection[int]) -> str | None:
    """Return the last member of the lock that a call is handed, None if it may be any."""
    if len(positions) != 1:
        return None
    (position,) = positions
    value: Value | None = call.arguments[position] if 0 <= position < len(call.arguments) else None
    return field_name(value.place) if isinstance(value, AddressOf | Load) else None


def _member_of(summary: Summary, row: int) -> str | None:
    """Return the last member of a lock that a summary tells of, None if it may be any."""
    op, *args = summary.rows[row]
    if op in {"elem", "init", "cell"} and isinstance(args[0], list):
        return _member_of(summary, args[0][0])
    return str(args[-1]) if op in {"field", "global"} else None
