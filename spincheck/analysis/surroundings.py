"""What one function's analysis asks of the program around it.

Owns the questions about a call that are asked before any path is followed: what it may read, write and do to locks. Each is answered from the
tables or from the callees' summaries; a call through a member has the one callee that the program stores there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from spincheck.analysis.call_rules import HANDED
from spincheck.analysis.calls import Callee
from spincheck.analysis.summaries import Summary
from spincheck.domain.terms import Term
from spincheck.ir import Call, FunctionName, Load, Local, Member
from spincheck.locks.tables import Tables


class Surroundings(NamedTuple):
    """Answers for one function.

    ``callee`` tells what is known of a called name; ``exact`` gives its summary with every case that differs in what had to be free; ``members`` which
    function each member holds by which it calls, where that does something to locks; ``carried`` and ``handed`` are the program's (`Interpreter`).
    """

    tables: Tables
    callee: Callable[[str], Callee]
    exact: Callable[[str], Summary]
    members: Mapping[str, str]
    carried: frozenset[str] = frozenset()
    handed: frozenset[str] = frozenset()

    def target(self, pointer: Term) -> str | None:
        """Return the function that a pointer is, if it was read from one of the members."""
        if pointer.op not in {"init", "cell"} or pointer.args[0].op != "field":
            return None
        return self.members.get(pointer.args[0].args[1])

    def names(self, call: Call) -> tuple[str, ...]:
        """Return the functions that a call may be of, as far as its text says so."""
        callee = call.callee
        if isinstance(callee, FunctionName):
            return (callee.name,)
        if isinstance(callee, Load) and isinstance(callee.place, Member):
            stored = self.members.get(callee.place.field)
            return () if stored is None else (stored,)
        if isinstance(callee, Load) and isinstance(callee.place, Local):
            return tuple(self.members.values())
        return ()

    def _summaries(self, call: Call) -> Iterator[Summary]:
        for name in self.names(call):
            summary = self.callee(name).summary
            if summary is not None:
                yield summary

    def reads(self, call: Call) -> frozenset[str]:
        """Return the fields and globals that a call may read."""
        if isinstance(call.callee, FunctionName) and call.callee.name in self.tables.creations:
            return frozenset((self.tables.creations[call.callee.name].parent,))
        return frozenset(name for summary in self._summaries(call) for name in summary.reads)

    def writes(self, call: Call) -> frozenset[str]:
        """Return the fields and globals that a call may write."""
        if isinstance(call.callee, FunctionName) and call.callee.name in self.tables.cleared:
            return frozenset(self.tables.cleared[call.callee.name])
        return frozenset(name for summary in self._summaries(call) for name in summary.fields_written())

    def moves_locks(self, call: Call) -> bool:
        """Tell whether a call can leave a lock in another state."""
        if any(name in self.tables.operations for name in self.names(call)):
            return True
        return any(case.locks for summary in self._summaries(call) for case in summary.cases)

    def gives_back(self, call: Call) -> tuple[str, ...]:
        """Return the kinds of lock that a call may release."""
        rows = [row for name in self.names(call) for row in self.tables.operations.get(name, ())]
        needs = [need.kind for summary in self._summaries(call) for case in summary.cases for need in case.needs if need.status == "held"]
        return tuple(dict.fromkeys([*(row.kind for row in rows if row.action == "release"), *needs]))

    def touches(self, call: Call) -> bool:
        """Tell whether a call has anything to do with locks, or may not return."""
        return any(self.touches_by(name) for name in self.names(call)) or bool(self.handed and self._hands_on(call))

    def _hands_on(self, call: Call) -> bool:
        """Whether a call hands work to another routine of the driver, always or in some of its cases."""
        if any(name in self.tables.handovers for name in self.names(call)) or any(isinstance(argument, FunctionName) for argument in call.arguments):
            return True
        return any(one.startswith(HANDED) for summary in self._summaries(call) for case in summary.cases for one in case.calls)

    def takes(self, call: Call) -> bool:
        """Tell whether a call has anything to do with locks, or takes one and gives it back: which matters to a caller that holds it."""
        return self.touches(call) or any(case.needs for summary in self._summaries(call) for case in summary.cases)

    def touches_by(self, name: str) -> bool:
        """Tell whether a called function has anything to do with locks, or may not return."""
        tables = self.tables
        if name in tables.operations or tables.never_returns(name):
            return True
        if name in tables.immediate or name in tables.creations:
            return True
        callee = self.callee(name)
        if callee.summary is None:
            return callee.status != "external"
        cases = callee.summary.cases
        return not cases or callee.summary.touches_locks() or any(case.tainted for case in cases)

    def tells(self, call: Call) -> bool:
        """Tell whether a call is one that callers ask about."""
        return any(name in self.tables.forbidden or name in self.tables.required for name in self.names(call))

    def decides(self, call: Call, parameters: Collection[str]) -> bool:
        """Tell whether a callee makes such a call or not by what one of these parameters is, which it is handed."""
        return any(self._decides(summary, call, parameters) for summary in self._summaries(call))

    @staticmethod
    def _decides(summary: Summary, call: Call, parameters: Collection[str]) -> bool:
        if len({case.calls for case in summary.cases}) < 2:
            return False
        tested = {int(row[1]) for case in summary.cases for row in (summary.rows[one.term] for one in case.sets) if row[0] == "param"}
        passed = ((number, value) for number, value in enumerate(call.arguments) if number in tested)
        return any(isinstance(value, Load) and isinstance(value.place, Local) and value.place.name in parameters for _, value in passed)
