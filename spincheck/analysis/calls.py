"""Calls: table rows, functions that run a callback at once, functions with a summary, and everything else.

Owns the order in which a call is understood: first its name in the tables, before any body is looked at; then, for a function of the
program, the cases of its summary that fit; else it is a DDI, which writes what it is handed and touches no lock. In the open
world a function that is neither here nor in a system header may do anything to locks: from there on
nothing is certain, and the driver step decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from spincheck.analysis import events
from spincheck.analysis.call_rules import HANDED, CallRules, pointee
from spincheck.analysis.cases import Cases, RowReader
from spincheck.analysis.lockops import LockMachine, Outcome, Problem, assume_there, note_need
from spincheck.analysis.naming import lock_name, place_name
from spincheck.analysis.ownership import is_marked
from spincheck.analysis.path import Node
from spincheck.analysis.project import deciding, failing, projected
from spincheck.analysis.revival import BY_ANOTHER, CHANGED
from spincheck.analysis.summaries import NOWHERE, CaseNeed, CaseSet, Summary, in_exact
from spincheck.analysis.transfer import EXIT, Interpreter, Step
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.state import CellClass, State
from spincheck.domain.terms import IRQL_TAG, Term
from spincheck.ir import AddressOf, Call, FunctionName
from spincheck.locks.model import Hold, Immediate, LockIdentity, Operation, Saved

CHANGED_HERE = 98
"""The choice of a step that says what another thread must have changed before a call; no case has that number."""


class Callee(NamedTuple):
    """What the program knows of a called name: a summary, a DDI or import (``external``), or a ``hole`` of the open world.

    ``gives``: the kinds of carried lock that it may give back, now or later, once it is handed work.
    """

    status: Literal["defined", "external", "hole"]
    summary: Summary | None = None
    gives: frozenset[str] = frozenset()


class Calls:
    """Interprets call instructions for one `Interpreter`."""

    def __init__(
        self,
        interpreter: Interpreter,
        callee: Callable[[str], Callee],
        exact: Callable[[str], Summary],
        target: Callable[[Term], str | None],
    ) -> None:
        self._in = interpreter
        self._rules = CallRules(interpreter)
        self._cases = Cases(interpreter, self._rules)
        self._callee = callee
        self._exact = exact
        self._projected: dict[int, tuple[Summary, tuple[int, ...]]] = {}
        self._deciding: dict[int, tuple[tuple[CaseSet, ...], ...]] = {}
        self._failing: dict[int, frozenset[int]] = {}
        self._target = target
        self._tables = interpreter.tables
        interpreter.call = self.call
        interpreter.takes_lock = self._takes_lock
        interpreter.stored = self._stored

    @property
    def _machine(self) -> LockMachine:
        return self._in.machine

    def call(self, state: State, pc: int, call: Call) -> list[Step]:
        """Interpret one call; the state is consumed."""
        self._in.called.add(pc)
        arguments = [self._in.value(state, argument) for argument in call.arguments]
        name = self._name(state, call)
        if name is not None:
            return self._direct(state, pc, call, name, arguments)
        self._rules.hand_on(state, self._in.handed)
        return self._by_hand(state, pc, call, arguments)

    def _name(self, state: State, call: Call) -> str | None:
        if isinstance(call.callee, FunctionName):
            return call.callee.name
        target = self._in.value(state, call.callee)
        return str(target.args[0]) if target.op == "fn" else self._target(target)

    def _direct(self, state: State, pc: int, call: Call, name: str, arguments: list[Term]) -> list[Step]:
        tables = self._tables
        self._rules.check(state, call, name, arguments)
        if self._in.carried:
            self._hand_on(state, name, arguments)
        rows = tables.operations.get(name)
        if rows is not None:
            steps = self._operation(state, pc, call, rows[0], arguments)
            return self._also(steps, call, rows[1:], arguments) if len(rows) > 1 else steps
        if name in tables.raising or name in tables.noreturn:
            return self._raised(state, call) if name in tables.raising else []
        if name in tables.ending:
            return [Step(EXIT, state)] if self._machine.held_on_entry is not None else []
        immediate = tables.immediate.get(name)
        if immediate is not None:
            return self._immediate(state, pc, call, immediate, arguments)
        if name in tables.same and tables.same[name] < len(arguments):
            self._in.store_result(state, call.result, arguments[tables.same[name]])
            return [Step(pc + 1, state)]
        if tables.pure(name):
            self._written_behind(state, arguments)
            self._in.store_result(state, call.result, state.normal(self._in.terms.make("pure", name, *arguments)))
            return [Step(pc + 1, state)]
        if name in tables.cleared:
            return self._external(state, pc, call, name, arguments)
        callee = self._callee(name)
        if callee.summary is not None and not self._in.relevant(pc) and not state.exact:
            ignored = self._ignored(state, pc, call, name, callee.summary, arguments)
            if ignored is not None:
                return ignored
        if callee.summary is not None:
            return self._defined(state, pc, call, name, callee.summary, arguments)
        if callee.status == "hole":
            self._cases.taint(state)
        return self._external(state, pc, call, name, arguments)

    def _hand_on(self, state: State, name: str, arguments: list[Term]) -> None:
        """What a call is handed may go on in a function that it is handed, too, or, of some calls, in one that was named before."""
        routines = [argument for argument in arguments if argument.op == "fn"]
        kinds = self._tables.handovers.get(name, frozenset()) if not routines else frozenset().union(*(self.gives(routine) for routine in routines))
        self._rules.hand_on(state, kinds & self._in.handed)
        self._rules.note_forwarded(state, name)

    def _stored(self, state: State, routine: Term) -> None:
        self._rules.hand_on(state, self.gives(routine) & self._in.handed)

    def gives(self, routine: Term) -> frozenset[str]:
        """Return the kinds of carried lock that a function whose address is handed on may give back."""
        callee = self._callee(str(routine.args[0]))
        return callee.gives if callee.status == "defined" else self._in.handed

    def _takes_lock(self, name: str) -> bool:
        summary = self._callee(name).summary
        return summary is not None and any(lock.status == "held" for case in summary.cases for lock in case.locks)

    @staticmethod
    def _raised(state: State, call: Call) -> list[Step]:
        if call.handler < 0:
            return []
        return [Step(call.handler, state)]

    def _may_raise(self, state: State, pc: int, call: Call) -> list[Step]:
        if call.handler < 0:
            return []
        side = state.copy()
        side.trace = Node("raise", (side.trace,), pc, call.at, choice=99)
        return [Step(call.handler, side)]

    # --- lock operations ---

    def _operation(self, state: State, pc: int, call: Call, row: Operation, arguments: list[Term]) -> list[Step]:
        behind = pointee(state, row.always_if.argument, arguments) if row.always_if is not None else None
        event = events.event(self._in.terms, row, arguments, state.facts, behind)
        if event.lock is None and event.handle is None:
            return self._external(state, pc, call, row.function, arguments)
        if event.lock is not None and (self._in.terms.is_in_null(event.lock) or not assume_there(state, state.normal(event.lock))):
            return []
        if event.lock is not None and is_marked(state, event.lock):
            state.locks[state.normal(event.lock)] = LockState("maybe", row.kind)
            self._in.store_result(state, call.result, self._in.fresh(state))
            return [Step(pc + 1, state)]
        result = self._in.fresh(state, IRQL_TAG if row.saved.where == "result" else "")
        token = self._token(state, row, result, arguments)
        if row.action in {"acquire", "try"} and event.lock is not None:
            self._in.note_acquired(state, event.lock, row.function, call.at)
        if row.action == "acquire":
            outcomes = [self._machine.acquire(state, event, token, call.at)]
        elif row.action == "try":
            outcomes = self._machine.attempt(state, event, result, token, call.at)
            if row.always_if is not None and call.result is None:
                outcomes = outcomes[-1:]  # whoever asks to wait, and does not look at the result, knows that it waits
        elif row.action == "convert":
            outcomes = self._machine.convert(state, event, result)
        else:
            outcomes = self._machine.release(state, event, self._irql(state, row, arguments), call.at)
        return self._steps(outcomes, pc, call, row, result, event)

    def _also(self, steps: list[Step], call: Call, rows: tuple[Operation, ...], arguments: list[Term]) -> list[Step]:
        """What a call does to further locks, where it acquires or releases several at once."""
        done = []
        for step in steps:
            states = [step.state]
            for row in rows:
                ends = []
                for state in states:
                    event = events.event(self._in.terms, row, arguments, state.facts)
                    if row.action == "release":
                        ends += self._machine.release(state, event, None, call.at)
                    else:
                        if event.lock is not None:
                            self._in.note_acquired(state, event.lock, row.function, call.at)
                        ends.append(self._machine.acquire(state, event, None, call.at))
                for end in ends:
                    self._in.problems.extend((problem, end.state.copy()) for problem in end.problems)
                states = [end.state for end in ends]
            done += [Step(step.target, state) for state in states]
        return done

    def _token(self, state: State, row: Operation, result: Term, arguments: list[Term]) -> Term | None:
        """Make the IRQL that an acquire saves and put it where the row says."""
        if row.action not in {"acquire", "try"}:
            return None
        if 0 <= row.tag < len(arguments):
            return state.normal(arguments[row.tag])
        if row.saved.where == "result":
            return result
        if row.saved.where == "out" and row.saved.argument < len(arguments):
            token = self._in.fresh(state, IRQL_TAG)
            state.write(self._in.terms.location(arguments[row.saved.argument]), token, self._in.pc)
            return token
        return None

    @staticmethod
    def _irql(state: State, row: Operation, arguments: list[Term]) -> Term | None:
        if 0 <= row.tag < len(arguments):
            return state.normal(arguments[row.tag])
        if row.saved.where == "value" and row.saved.argument < len(arguments):
            return state.normal(arguments[row.saved.argument])
        return None

    def _steps(
        self, outcomes: list[Outcome], pc: int, call: Call, row: Operation, result: Term, event: events.LockEvent
    ) -> list[Step]:
        steps = []
        kind: Literal["acquire", "release"] = "release" if row.action == "release" else "acquire"
        for choice, outcome in enumerate(outcomes):
            state = outcome.state
            lock = event.lock if event.lock is not None else event.handle
            if outcome.failed:
                state.trace = Node("branch", (state.trace,), pc, call.at, choice=choice, text=f"{row.function} fails")
            else:
                state.trace = Node(kind, (state.trace,), pc, call.at, choice=choice, text=row.function, lock=state.normal(lock) if lock is not None else None)
            for problem in outcome.problems:
                self._in.problems.append((problem, state.copy()))
            self._in.store_result(state, call.result, result)
            steps.append(Step(pc + 1, state))
        return steps

    def _immediate(self, state: State, pc: int, call: Call, row: Immediate, arguments: list[Term]) -> list[Step]:
        """Run the callback, if there is one, between an acquire and a release of the lock that the call takes around it."""
        target = arguments[row.callback] if 0 <= row.callback < len(arguments) else None
        if row.callback >= 0 and (target is None or target.op != "fn"):
            return self._external(state, pc, call, row.function, arguments)
        identity = LockIdentity(arguments=row.lock.arguments, name=row.lock.name)
        taken = Operation(row.function, "acquire", row.kind, identity, Saved())
        event = events.event(self._in.terms, taken, arguments, state.facts)
        if event.lock is not None:
            self._in.note_acquired(state, event.lock, row.function, call.at)
        outcome = self._machine.acquire(state, event, None, call.at)
        for problem in outcome.problems:
            self._in.problems.append((problem, state.copy()))
        passed = [arguments[number] if 0 <= number < len(arguments) else self._in.fresh(state, "passed") for number in row.passes]
        steps = []
        given = Operation(row.function, "release", row.kind, identity, Saved())
        if target is None:
            inside = self._external(outcome.state, pc, call, row.function, arguments)
        else:
            inner = Call(call.result, FunctionName(target.args[0]), call.arguments, call.at, call.handler)
            inside = self._direct(outcome.state, pc, inner, target.args[0], passed)
        for step in inside:
            back = events.event(self._in.terms, given, arguments, step.state.facts)
            for end in self._machine.release(step.state, back, None, call.at):
                for problem in end.problems:
                    self._in.problems.append((problem, end.state.copy()))
                steps.append(Step(step.target, end.state))
        return steps

    # --- functions that are not followed ---

    def _by_hand(self, state: State, pc: int, call: Call, arguments: list[Term]) -> list[Step]:
        """A call through a pointer that nothing is known of.

        It may be a callback that is called by hand under the lock that the system would hold, and that gives that lock back: this shows by
        the saved IRQL being put where such a callback looks for it.
        """
        passed = [(hold, self._passed(state, hold, arguments)) for hold in self._tables.given_back]
        steps = self._external(state, pc, call, "", arguments)
        for hold, irql in passed:
            row = Operation("its callback", "release", hold.kind, hold.lock, Saved())
            event = events.event(self._in.terms, row, arguments, state.facts)
            if irql is not None and event.lock is not None and self._machine.tokens.get(irql) is event.lock:
                return [end for step in steps for end in self._given_back(step, pc, call, event, irql)]
        return steps

    @staticmethod
    def _passed(state: State, hold: Hold, arguments: list[Term]) -> Term | None:
        if hold.saved_argument >= len(arguments):
            return None
        return state.memory.get(state.terms.field(arguments[hold.saved_argument], hold.saved_field))

    def _given_back(self, step: Step, pc: int, call: Call, event: events.LockEvent, irql: Term) -> list[Step]:
        steps = []
        for end in self._machine.release(step.state, event, irql, call.at):
            self._in.problems.extend((problem, end.state.copy()) for problem in end.problems)
            end.state.trace = Node("release", (end.state.trace,), pc, call.at, text=event.operation.function, lock=event.lock)
            steps.append(Step(step.target, end.state))
        return steps

    def _written_behind(self, state: State, arguments: list[Term]) -> None:
        """What a call is handed the address of may be written; so may what a pointer points to, where that is one value and no object that is known by its members."""
        handed = [argument for argument in arguments if argument.op in {"local", "global", "field", "elem"} or argument in state.memory]
        self._in.passed.update(argument.args[0] for argument in arguments if argument.op == "param")
        if handed:
            epoch = self._in.fresh(state, "written")
            state.forget_all({("under", argument): epoch for argument in handed})

    def _external(self, state: State, pc: int, call: Call, name: str, arguments: list[Term]) -> list[Step]:
        raised = self._may_raise(state, pc, call)
        self._written_behind(state, arguments)
        for field in self._tables.cleared.get(name, ()) if arguments else ():
            state.write(self._in.terms.field(arguments[0], field), self._in.terms.zero, pc)
        self._in.store_result(state, call.result, self._in.fresh(state))
        return [Step(pc + 1, state), *raised]

    # --- functions with a summary ---

    def _defined(self, state: State, pc: int, call: Call, name: str, summary: Summary, arguments: list[Term]) -> list[Step]:
        raised = self._may_raise(state, pc, call)
        reader = RowReader(self._in, state, summary, arguments)
        exact = self._needs_cases(state, summary, reader)
        if exact:
            summary = self._exact(name)
            reader = RowReader(self._in, state, summary, arguments)
        grouped = False
        told: Sequence[int] = range(len(summary.cases))
        if not state.exact and len(summary.cases) > 1 and not self._in.outcome_matters(call, summary):
            known = self._projected.get(id(summary))
            if known is None:
                known = self._projected[id(summary)] = projected(summary)
            narrow, told = known
            grouped = narrow is not summary
            summary = narrow
            reader = RowReader(self._in, state, summary, arguments)
        if summary.acquires:
            given = [reader.term(need.lock) for case in summary.cases for need in case.needs if need.status == "held"]
            released = {self._cases.find(state, lock, "")[0] for lock in given}
            for number in summary.acquires:
                self._in.note_acquired(state, reader.term(number), _operation_of(summary, number), call.at, name, released)
        fitting: list[tuple[int, int, State, list[Problem]]] = []
        waiting: list[tuple[Problem, State]] = []
        reasons = self._reasons(summary)
        ignored = self._failures(summary) if call.result is None else frozenset[int]()
        handed = self._passed_on(state, summary, arguments)
        for number, case in enumerate(summary.cases):
            choice = number if not grouped else -1 - number
            late: list[Term] = []
            if self._cases.excluded(state, case, reader):
                late = self._cases.late(state, case, reader) if case.late and not exact else []
                if not late:
                    continue
                if (pc, choice) not in self._in.revived:
                    self._in.sides.note_case(pc, choice, taken=False)
                    continue
            side = state.copy()
            reading = self._changed(side, pc, call, summary, arguments, late) if late else reader
            if handed:
                side.forget_all(handed)
            problems = self._cases.apply(side, case, reading, call, name, reasons[number])
            if problems is None:
                waiting += ((problem._replace(case=in_exact(told[number]) if exact else told[number]), side) for problem in self._cases.before_waiting)
                continue
            if case.late and not late:
                self._in.sides.note_case(pc, choice, taken=True)
            fitting.append((number, choice, side, problems))
        if not fitting:  # it tries for ever: what it did before is all that happens
            self._in.problems.extend(waiting)
        if ignored and any(number not in ignored for number, *_ in fitting):
            fitting = [one for one in fitting if one[0] not in ignored]
        steps = []
        for number, choice, side, problems in fitting:
            case = summary.cases[number]
            steps_of = in_exact(told[number]) if exact else told[number]
            if len(fitting) > 1 or case.locks:
                touched = tuple((side.normal(reader.term(lock.lock)), lock.status) for lock in case.locks)
                name_here = lock_name(self._in.function, side, touched[0][0]) if touched else ""
                side.trace = Node("call", (side.trace,), pc, call.at, choice=choice, text=name_here, locks=touched, function=name, case=steps_of)
            for problem in problems:
                self._in.problems.append((problem._replace(case=steps_of), side.copy()))
            if call.result is not None:
                value = reader.term(case.result) if case.result != NOWHERE else self._in.fresh(side)
                self._in.store_result(side, call.result, side.normal(value))
                for path, part in case.parts:
                    self._in.store_part(side, call.result, path, side.normal(reader.term(part)))
            steps.append(Step(pc + 1, side))
        return [*steps, *raised]

    def _changed(self, state: State, pc: int, call: Call, summary: Summary, arguments: list[Term], cells: list[Term]) -> RowReader:
        """Let another thread have changed cells that a callee looks at; what its rows mean is read anew."""
        for number, cell in enumerate(cells):
            state.write(cell, self._in.fresh(state, f"{CHANGED}{number}"), pc)
        names = " and ".join(f"`{place_name(self._in.function, state, cell)}`" for cell in cells)
        state.trace = Node("branch", (state.trace,), pc, call.at, choice=CHANGED_HERE, text=f"{names} may have another value here{BY_ANOTHER}")
        return RowReader(self._in, state, summary, arguments)

    def _passed_on(self, state: State, summary: Summary, arguments: list[Term]) -> dict[CellClass, Term]:
        """What a callee hands to functions that are not followed: of this function's own objects, and of single values, what it does not write itself is unknown then."""
        terms = [arguments[number] for number in summary.passes if number < len(arguments)]
        self._in.passed.update(term.args[0] for term in terms if term.op == "param")
        own = [term for term in terms if (self._in.terms.root(term).op == "local" and term.op in {"local", "field", "elem"}) or term in state.memory]
        return dict.fromkeys((("under", term) for term in own), self._in.fresh(state, "passed on")) if own else {}

    def _failures(self, summary: Summary) -> frozenset[int]:
        known = self._failing.get(id(summary))
        if known is None:
            known = self._failing[id(summary)] = failing(summary, self._tables)
        return known

    def _reasons(self, summary: Summary) -> tuple[tuple[CaseSet, ...], ...]:
        known = self._deciding.get(id(summary))
        if known is None:
            known = self._deciding[id(summary)] = deciding(summary)
        return known

    def _ignored(
        self, state: State, pc: int, call: Call, name: str, summary: Summary, arguments: list[Term]
    ) -> list[Step] | None:
        """A call that leaves every lock as it was: whatever it writes is unknown, and it has one outcome.

        None when a lock that it may take on the way is not known to be free, so that its cases have to be looked at.
        """
        if not self._note_free_needs(state, call, summary, arguments) or _hands_on_sometimes(summary):
            return None
        raised = self._may_raise(state, pc, call)
        epoch = self._in.fresh(state, "ignored")
        if any(case.calls for case in summary.cases):
            reader = RowReader(self._in, state, summary, arguments)
            possible = [case for case in summary.cases if case.calls and not self._cases.excluded(state, case, reader)]
            self._rules.made(state, call, dict.fromkeys(made for case in possible for made in case.calls), name)
        written: dict[CellClass, Term] = dict.fromkeys(sorted(summary.classes_written()), epoch)
        for position in summary.parameters_written():
            if position < len(arguments):
                written["under", self._in.terms.location(arguments[position])] = epoch
        for argument in call.arguments:
            if isinstance(argument, AddressOf):
                written["under", self._in.address(state, argument.place)] = epoch
        if written:
            state.forget_all(written)
        self._in.store_result(state, call.result, epoch)
        return [Step(pc + 1, state), *raised]

    def _needs_cases(self, state: State, summary: Summary, reader: RowReader) -> bool:
        """A lock is held that the callee takes on some paths: which paths decides whether that is a defect."""
        for case in summary.cases:
            for need in case.needs:
                if need.doubtful and need.status == "free":
                    if state.exact:
                        return True
                    _, current = self._cases.find(state, reader.term(need.lock), need.kind)
                    if current is not None and current.status == "held":
                        return True
        return False

    def _note_free_needs(self, state: State, call: Call, summary: Summary, arguments: list[Term]) -> bool:
        if not any(case.needs for case in summary.cases):
            return True
        reader = RowReader(self._in, state, summary, arguments)
        wanted: dict[Term, tuple[int, CaseNeed]] = {}
        for case in summary.cases:
            for need in case.needs:
                lock, current = self._cases.find(state, reader.term(need.lock), need.kind)
                if current is not None and current.status != "free":
                    return False
                count, _ = wanted.get(lock, (0, need))
                wanted[lock] = (count + (not need.doubtful), need)
        for lock, (count, need) in wanted.items():
            if lock not in state.locks:
                doubtful = count < len(summary.cases)
                note_need(state, lock, Need("free", need.kind, call.at, need.operation, doubtful, tried=need.tried))
        return True



def _hands_on_sometimes(summary: Summary) -> bool:
    """Whether a callee hands work to another routine on some of its ways only."""
    return len({tuple(one for one in case.calls if one.startswith(HANDED)) for case in summary.cases}) > 1


def _operation_of(summary: Summary, lock: int) -> str:
    """The function that takes a lock in a callee, as far as its cases still say so."""
    return next((row.operation for case in summary.cases for row in case.locks if row.lock == lock and row.status == "held"), "")
