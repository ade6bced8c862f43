"""Calls: table rows, functions that run a callback at once, functions with a summary, and everything else.

Owns the order in which a call is understood: first its name in the tables, before any body is looked at; then, for a function of the
program, the cases of its summary that fit; else it is a DDI, which writes what it is handed and touches no lock. In the open
world a function that is neither here nor in a system header may do anything to locks: from there on
nothing is certain, and the driver step decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from spincheck.analysis import events
from spincheck.analysis.lockops import (
    TWICE,
    LockMachine,
    Outcome,
    Problem,
    look_up,
    note_need,
    tainted,
)
from spincheck.analysis.naming import lock_name
from spincheck.analysis.ownership import is_marked
from spincheck.analysis.path import Node
from spincheck.analysis.project import deciding, projected
from spincheck.analysis.summaries import NOWHERE, Case, CaseNeed, CaseSet, Summary, in_exact
from spincheck.analysis.transfer import Interpreter, Step
from spincheck.domain import intervals as iv
from spincheck.domain.intervals import IntSet
from spincheck.domain.lockstate import MAX_COUNT, LockState, Need, Reason
from spincheck.domain.state import ANYTHING, CellClass, State
from spincheck.domain.terms import COMPARISONS, IRQL_TAG, Term
from spincheck.ir import AddressOf, Call, FunctionName
from spincheck.locks.model import Creation, Forbidden, Immediate, LockIdentity, Operation, Required, Saved

MOST_CALLS = 3
"""Forbidden calls that a path remembers for its callers; more would multiply the disjuncts."""


LOADER_ENTRY = "DriverEntry"
"""It runs once for the driver, whose object is the default parent of what it creates."""


class Callee(NamedTuple):
    """What the program knows of a called name: a summary, a DDI or import (``external``), or a ``hole`` of the open world."""

    status: Literal["defined", "external", "hole"]
    summary: Summary | None = None


class Calls:
    """Interprets call instructions for one `Interpreter`."""

    def __init__(
        self,
        interpreter: Interpreter,
        callee: Callable[[str], Callee],
        exact: Callable[[str], Summary],
        targets: Callable[[Term], tuple[str, ...]],
    ) -> None:
        self._in = interpreter
        self._callee = callee
        self._exact = exact
        self._projected: dict[int, tuple[Summary, tuple[int, ...]]] = {}
        self._deciding: dict[int, tuple[tuple[CaseSet, ...], ...]] = {}
        self._targets = targets
        self._tables = interpreter.tables
        interpreter.call = self.call

    @property
    def _machine(self) -> LockMachine:
        return self._in.machine

    def call(self, state: State, pc: int, call: Call) -> list[Step]:
        """Interpret one call; the state is consumed."""
        arguments = [self._in.value(state, argument) for argument in call.arguments]
        names = self._names(state, call)
        if len(names) == 1:
            return self._direct(state, pc, call, names[0], arguments)
        if names:
            steps: list[Step] = []
            for choice, name in enumerate(names):
                side = state.copy()
                side.trace = Node("branch", (side.trace,), pc, call.at, choice=choice)
                steps.extend(self._direct(side, pc, call, name, arguments))
            return steps
        return self._external(state, pc, call, "", arguments)

    def _names(self, state: State, call: Call) -> tuple[str, ...]:
        if isinstance(call.callee, FunctionName):
            return (call.callee.name,)
        target = self._in.value(state, call.callee)
        if target.op == "fn":
            return (str(target.args[0]),)
        return self._targets(target)

    def _direct(self, state: State, pc: int, call: Call, name: str, arguments: list[Term]) -> list[Step]:
        tables = self._tables
        self._check_rules(state, call, name, arguments)
        rows = tables.operations.get(name)
        if rows is not None:
            steps = self._operation(state, pc, call, rows[0], arguments)
            return self._also(steps, call, rows[1:], arguments) if len(rows) > 1 else steps
        if name in tables.raising or name in tables.noreturn:
            return self._raised(state, call) if name in tables.raising else []
        immediate = tables.immediate.get(name)
        if immediate is not None:
            return self._immediate(state, pc, call, immediate, arguments)
        if name in tables.same and tables.same[name] < len(arguments):
            self._in.store_result(state, call.result, arguments[tables.same[name]])
            return [Step(pc + 1, state)]
        if tables.pure(name):
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
            self._taint(state)
        return self._external(state, pc, call, name, arguments)

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

    # --- rules about calls ---

    def _check_rules(self, state: State, call: Call, name: str, arguments: list[Term]) -> None:
        for ban in self._tables.forbidden.get(name, ()):
            if ban.when is not None and events.truth(ban.when, arguments, state.facts, self._pointee(state, ban.when.argument, arguments)) is not True:
                continue
            if ban.unless is not None and events.truth(ban.unless, arguments, state.facts, self._pointee(state, ban.unless.argument, arguments)) is not False:
                continue
            if len(state.calls) < MOST_CALLS:
                state.calls |= {name}
            self._forbid(state, call, ban, "")
        needed = self._tables.required.get(name, ())
        if needed:
            self._require(state, call, name, needed)
        if name in self._tables.creations:
            self._check_creation(state, call, self._tables.creations[name], arguments)

    def _forbid(self, state: State, call: Call, ban: Forbidden, through: str, given_back: Collection[Term] = ()) -> None:
        for lock, held in state.locks.items():
            if held.status == "held" and ban.covers(held.kind, _global_name(lock)):
                problem = Problem("call-while-holding", lock, held.kind, held.operation, ban.function, call.at, through=through)
                self._in.problems.append((problem, state.copy()))
                return
        for lock, kind in (self._machine.held_on_entry or {}).items():
            if ban.covers(kind, _global_name(lock)) and lock not in state.locks and lock not in given_back and tainted(state.terms) not in state.locks:
                problem = Problem("call-while-holding", lock, kind, "", ban.function, call.at, through=through)
                self._in.problems.append((problem, state.copy()))
                return

    def _require(self, state: State, call: Call, name: str, needed: tuple[Required, ...]) -> None:
        """A call that needs a region or lock: told where it was left here, or never entered in a callback that the system calls.

        A helper's callers may have entered it.
        """
        kinds = {kind for need in needed for kind in need.kinds}
        touched = [(lock, held) for lock, held in state.locks.items() if held.kind in kinds]
        if tainted(state.terms) in state.locks or any(held.status != "free" or held.depth > 0 for _, held in touched):
            return
        if any(held.status == "held" and self._tables.kinds[held.kind].spin for held in state.locks.values() if held.kind):
            return
        entered = self._machine.held_on_entry
        if not touched and entered is not None and not entered:
            touched = [(state.terms.make("lock", ""), LockState("free", needed[0].kinds[0]))]
        for lock, held in touched:
            if entered is not None or state.needs.get(lock) is None:
                problem = Problem("call-without-holding", lock, held.kind, held.operation, name, call.at)
                self._in.problems.append((problem, state.copy()))
                return

    def _check_creation(self, state: State, call: Call, row: Creation, arguments: list[Term]) -> None:
        """A lock that is made for an object needs that object as its parent; one in a variable of the driver belongs to the driver."""
        if max(row.attributes, row.lock) >= len(arguments) or self._in.function.name == LOADER_ENTRY:
            return
        terms = self._in.terms
        lock, attributes = arguments[row.lock], arguments[row.attributes]
        if terms.root(lock).op in {"global", "local"}:
            return
        parent = state.read(terms.field(attributes, row.parent)) if attributes.is_address else attributes
        self._machine.in_doubt = self._machine.in_doubt or parent.op == "phi"
        if state.facts.range_of(parent).single == 0:
            problem = Problem("parent-object", state.normal(lock), row.kind, "", row.function, call.at)
            self._in.problems.append((problem, state.copy()))

    @staticmethod
    def _pointee(state: State, argument: int, arguments: list[Term]) -> Term | None:
        if argument >= len(arguments) or not arguments[argument].is_address:
            return None
        return state.read(arguments[argument])

    # --- lock operations ---

    def _operation(self, state: State, pc: int, call: Call, row: Operation, arguments: list[Term]) -> list[Step]:
        pointee = self._pointee(state, row.always_if.argument, arguments) if row.always_if is not None else None
        event = events.event(self._in.terms, row, arguments, state.facts, pointee)
        if event.lock is None and event.handle is None:
            return self._external(state, pc, call, row.function, arguments)
        if event.lock is not None and self._is_in_null(event.lock):
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

    def _is_in_null(self, lock: Term) -> bool:
        """Whether a lock is a member of an object at address 0: no path goes on behind that."""
        return lock.op in {"field", "elem"} and self._in.terms.root(lock) is self._in.terms.zero

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
        if row.saved.where == "result":
            return result
        if row.saved.where == "out" and row.saved.argument < len(arguments):
            token = self._in.fresh(state, IRQL_TAG)
            state.write(self._in.terms.location(arguments[row.saved.argument]), token, self._in.pc)
            return token
        return None

    @staticmethod
    def _irql(state: State, row: Operation, arguments: list[Term]) -> Term | None:
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
        """Run the callback between an acquire and a release of the lock that the call takes around it."""
        target = arguments[row.callback] if row.callback < len(arguments) else None
        if target is None or target.op != "fn":
            return self._external(state, pc, call, row.function, arguments)
        identity = LockIdentity(arguments=row.lock.arguments, name=row.lock.name)
        taken = Operation(row.function, "acquire", row.kind, identity, Saved())
        event = events.event(self._in.terms, taken, arguments, state.facts)
        outcome = self._machine.acquire(state, event, None, call.at)
        for problem in outcome.problems:
            self._in.problems.append((problem, state.copy()))
        passed = [arguments[number] if 0 <= number < len(arguments) else self._in.fresh(state, "passed") for number in row.passes]
        inner = Call(call.result, FunctionName(target.args[0]), call.arguments, call.at, call.handler)
        steps = []
        given = Operation(row.function, "release", row.kind, identity, Saved())
        for step in self._direct(outcome.state, pc, inner, target.args[0], passed):
            back = events.event(self._in.terms, given, arguments, step.state.facts)
            for end in self._machine.release(step.state, back, None, call.at):
                for problem in end.problems:
                    self._in.problems.append((problem, end.state.copy()))
                steps.append(Step(step.target, end.state))
        return steps

    # --- functions that are not followed ---

    def _external(self, state: State, pc: int, call: Call, name: str, arguments: list[Term]) -> list[Step]:
        raised = self._may_raise(state, pc, call)
        handed = [argument for argument in arguments if argument.op in {"local", "global", "field", "elem"}]
        if handed:
            epoch = self._in.fresh(state, "written")
            state.forget_all({("under", argument): epoch for argument in handed})
        if name == "" and not arguments:
            state.forget(ANYTHING, self._in.fresh(state, "written"))
        for field in self._tables.cleared.get(name, ()) if arguments else ():
            state.write(self._in.terms.field(arguments[0], field), self._in.terms.zero, pc)
        self._in.store_result(state, call.result, self._in.fresh(state))
        return [Step(pc + 1, state), *raised]

    def _taint(self, state: State) -> None:
        terms = self._in.terms
        state.locks = {lock: LockState("maybe", held.kind) for lock, held in state.locks.items()}
        state.locks[tainted(terms)] = LockState("maybe", "")
        state.forget(ANYTHING, self._in.fresh(state, "hole"))

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
            released = {self._find(state, lock, "")[0] for lock in given}
            for number in summary.acquires:
                self._in.note_acquired(state, reader.term(number), _operation_of(summary, number), call.at, name, released)
        fitting: list[tuple[int, State, list[Problem]]] = []
        reasons = self._reasons(summary)
        ignored = self._failures_ignored(call, summary)
        for number, case in enumerate(summary.cases):
            if number in ignored or self._excluded(state, case, reader):
                continue
            side = state.copy()
            problems = self._apply(side, case, reader, call, name, reasons[number])
            if problems is not None:
                fitting.append((number, side, problems))
        steps = []
        for number, side, problems in fitting:
            case = summary.cases[number]
            steps_of = in_exact(told[number]) if exact else told[number]
            if len(fitting) > 1 or case.locks:
                touched = tuple((side.normal(reader.term(lock.lock)), lock.status) for lock in case.locks)
                choice = number if not grouped else -1 - number
                name_here = lock_name(self._in.function, side, touched[0][0]) if touched else ""
                side.trace = Node("call", (side.trace,), pc, call.at, choice=choice, text=name_here, locks=touched, function=name, case=steps_of)
            for problem in problems:
                self._in.problems.append((problem._replace(case=steps_of), side.copy()))
            if call.result is not None:
                value = reader.term(case.result) if case.result != NOWHERE else self._in.fresh(side)
                self._in.store_result(side, call.result, side.normal(value))
            steps.append(Step(pc + 1, side))
        return [*steps, *raised]

    def _failures_ignored(self, call: Call, summary: Summary) -> frozenset[int]:
        """The cases in which a helper fails to take a lock that it may wait for, where the caller does not look at its result."""
        if call.result is not None or len(summary.cases) < 2:
            return frozenset()
        operations = self._tables.operations

        def waits(case: Case) -> bool:
            taken = [lock.operation for lock in case.locks if lock.status == "held"]
            return any(row.always_if is not None for name in taken for row in operations.get(name, ()))

        def fails(case: Case) -> bool:
            if case.result == NOWHERE or case.locks or case.needs:
                return False
            zero = any(row.term == case.result and row.values().single == 0 for row in case.sets)
            return zero or tuple(summary.rows[case.result]) == ("int", 0)

        if not any(waits(case) and not fails(case) for case in summary.cases):
            return frozenset()
        return frozenset(number for number, case in enumerate(summary.cases) if fails(case))

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
        if not self._note_free_needs(state, call, summary, arguments):
            return None
        raised = self._may_raise(state, pc, call)
        epoch = self._in.fresh(state, "ignored")
        for made in dict.fromkeys(made for case in summary.cases for made in case.calls):
            if len(state.calls) < MOST_CALLS:
                state.calls |= {made}
            for ban in self._tables.forbidden.get(made, ()):
                self._forbid(state, call, ban, name)
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
                    _, current = self._find(state, reader.term(need.lock), need.kind)
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
                lock, current = self._find(state, reader.term(need.lock), need.kind)
                if current is not None and current.status != "free":
                    return False
                count, _ = wanted.get(lock, (0, need))
                wanted[lock] = (count + (not need.doubtful), need)
        for lock, (count, need) in wanted.items():
            if lock not in state.locks:
                doubtful = count < len(summary.cases)
                note_need(state, lock, Need("free", need.kind, call.at, need.operation, doubtful, tried=need.tried))
        return True

    @staticmethod
    def _excluded(state: State, case: Case, reader: RowReader) -> bool:
        """Whether one of a case's facts by itself cannot be here: most cases of a helper that chooses by an argument."""
        facts = state.facts
        return any(iv.meet(facts.range_of(state.normal(reader.term(row.term))), row.values()).is_empty for row in case.sets)

    def _apply(
        self, state: State, case: Case, reader: RowReader, call: Call, name: str, decided_by: tuple[CaseSet, ...]
    ) -> list[Problem] | None:
        """Apply one case to the state in place; None when the facts exclude it."""
        for relation in case.relations:
            if not state.assume(reader.term(relation), holds=True):
                return None
        for row in case.sets:
            if not self._restrict(state, reader.term(row.term), row.values()):
                return None
        problems: list[Problem] = []
        if case.tainted:
            self._taint(state)
        if case.calls:
            self._make_calls(state, case, reader, call, name)
        named = [*(need.lock for need in case.needs), *(left.lock for left in case.locks)]
        if any(self._is_in_null(state.normal(reader.term(number))) for number in named):
            return None
        for left in case.locks:
            if left.status == "maybe":
                state.locks.setdefault(state.normal(reader.term(left.lock)), LockState("maybe", left.kind))
        for need in case.needs:
            if is_marked(state, state.normal(reader.term(need.lock))):
                continue
            if need.tried and self._is_held(state, need, reader):
                return None
            problem = self._meet_need(state, need, reader, call, name)
            if problem is not None:
                problems.append(problem)
        decided = ((state.normal(reader.term(row.term)), row.values()) for row in decided_by)
        reason = frozenset((term, values) for term, values in decided if term.is_input)  # others are new in every turn of a loop
        self._leave_locks(state, case, reader, call, name, reason, problems)
        if case.epochs:
            state.forget_all(
                {
                    (kind, reader.term(what) if isinstance(what, int) else what): state.normal(reader.term(epoch))
                    for kind, what, epoch in case.epochs
                }
            )
        for cell, value in case.writes:
            state.write(state.normal(reader.term(cell)), state.normal(reader.term(value)), self._in.pc)
        for value, lock in case.tokens:
            self._machine.tokens.setdefault(state.normal(reader.term(value)), state.normal(reader.term(lock)))
        for cell, value in case.filled:
            state.memory[self._in.terms.make("all", state.normal(reader.term(cell)))] = state.normal(reader.term(value))
        return problems

    def _make_calls(self, state: State, case: Case, reader: RowReader, call: Call, name: str) -> None:
        """Calls that the callee makes while this function's locks are held; those that the case itself releases do not count."""
        state.calls |= frozenset(case.calls[: MOST_CALLS - len(state.calls)])
        given_back = {state.normal(reader.term(row.lock)) for row in case.locks}
        kept = state.locks
        state.locks = {lock: held for lock, held in kept.items() if lock not in given_back}
        for made in case.calls:
            for ban in self._tables.forbidden.get(made, ()):
                self._forbid(state, call, ban, name, given_back)
        state.locks = kept

    @staticmethod
    def _restrict(state: State, term: Term, allowed: IntSet) -> bool:
        term = state.normal(term)
        if term.op == "bin" and term.args[0] in COMPARISONS and allowed.single is not None:
            return state.assume(term, holds=bool(allowed.single))
        return state.facts.restrict(term, allowed)

    def _find(self, state: State, lock: Term, kind: str) -> tuple[Term, LockState | None]:
        """Return the caller's lock that a callee's lock is, resolving a queue handle."""
        lock = state.normal(lock)
        if lock.op == "held_by":
            for other, held in state.locks.items():
                if held.handle is lock.args[0]:
                    return other, held
        return lock, look_up(state, lock, kind)

    def _is_held(self, state: State, need: CaseNeed, reader: RowReader) -> bool:
        _, current = self._find(state, reader.term(need.lock), need.kind)
        return current is not None and current.status == "held"

    def _meet_need(self, state: State, need: CaseNeed, reader: RowReader, call: Call, name: str) -> Problem | None:
        lock, current = self._find(state, reader.term(need.lock), need.kind)
        irql = state.normal(reader.term(need.irql)) if need.irql != NOWHERE else None
        self._machine.note_doubt(lock, irql)
        if current is None:
            if need.status == "held":
                aliases = self._machine.aliases(state, lock, need.kind)
                if aliases:
                    for alias in (*aliases, lock):
                        state.locks[alias] = LockState("maybe", need.kind)
                    return None
            note_need(state, lock, Need(need.status, need.kind, call.at, need.operation, need.doubtful, need.variant, irql, need.tried))
            if need.status == "held" and not need.doubtful and self._machine.is_free_on_entry(lock):
                return Problem("released-unheld", lock, need.kind, "", need.operation, call.at, through=name)
            return None
        kind = self._tables.kinds.get(need.kind)
        if current.status == "maybe" or kind is None:
            return None
        if need.status == "held" and self._machine.is_counted(need.kind):
            return self._count_need(state, need, lock, current, call, name)
        if need.status == "held":
            if current.status == "held":
                defect = self._machine.release_defect(state, lock, current, need.kind, need.variant, irql)
                return Problem(defect, lock, need.kind, current.operation, need.operation, call.at, through=name) if defect else None
            if need.doubtful or self._machine.aliases(state, lock, need.kind):
                return None
            return Problem("released-unheld", lock, need.kind, current.operation, need.operation, call.at, through=name)
        if current.status == "held" and kind.strict and not kind.recursive and not kind.counter and not need.doubtful:
            return Problem("acquired-twice", lock, need.kind, current.operation, need.operation, call.at, through=name)
        return None

    def _count_need(
        self, state: State, need: CaseNeed, lock: Term, current: LockState, call: Call, name: str
    ) -> Problem | None:
        """A counted lock that a callee gives back: enough if it is held once here, or was on entry."""
        known = state.needs.get(lock)
        if current.depth + (known is not None and known.status == "held") > 0 or need.doubtful:
            return None
        if self._machine.is_free_on_entry(lock):
            return Problem("released-unheld", lock, need.kind, current.operation, need.operation, call.at, through=name)
        note_need(state, lock, Need("held", need.kind, call.at, need.operation))
        return None

    def _leave_locks(
        self, state: State, case: Case, reader: RowReader, call: Call, name: str, reason: Reason, problems: list[Problem]
    ) -> None:
        taken: set[Term] = set()
        for row in case.locks:
            lock, current = self._find(state, reader.term(row.lock), row.kind)
            kind = self._tables.kinds.get(row.kind)
            if is_marked(state, lock):
                state.locks[lock] = LockState("maybe", row.kind)
                continue
            saved = state.normal(reader.term(row.saved)) if row.saved != NOWHERE else None
            handle = state.normal(reader.term(row.handle)) if row.handle != NOWHERE else None
            status, count = row.status, row.count
            if kind is not None and (kind.counter or kind.recursive) and status != "maybe":
                count += current.depth if current is not None else 0
                status = "held" if count > 0 else "free"
                if current is not None and current.status == "maybe":
                    status = "maybe"
                if abs(count) > MAX_COUNT:
                    status = "maybe"
            elif status == "held" and lock in taken:
                problems.append(Problem("acquired-twice", lock, row.kind, row.operation, row.operation, call.at, through=name))
            elif status == "held" and current is not None and current.status == "held" and any(problem.defect == "acquired-twice" for problem in problems):
                count = TWICE
            if current is not None and current.status == "maybe" and state.locks.get(lock) is current and status == "free":
                status = "free"
            if status == "held":
                taken.add(lock)
                if saved is not None:
                    self._machine.tokens.setdefault(saved, lock)
            state.locks[lock] = LockState(status, row.kind, count, row.mode, row.operation, row.variant, saved, handle, reason)


def _global_name(lock: Term) -> str:
    return str(lock.args[0]) if lock.op == "lock" and len(lock.args) == 1 else ""


def _operation_of(summary: Summary, lock: int) -> str:
    """The function that takes a lock in a callee, as far as its cases still say so."""
    return next((row.operation for case in summary.cases for row in case.locks if row.lock == lock and row.status == "held"), "")


class RowReader:
    """Reads the rows of a summary as the caller's terms: parameters are arguments, cells on entry are read from the caller's memory.

    One reader serves all cases of one call, since all of them start from the same state.
    """

    def __init__(self, interpreter: Interpreter, state: State, summary: Summary, arguments: list[Term]) -> None:
        self._in = interpreter
        self._before = state
        self._rows = summary.rows
        self._tokens = frozenset(value for case in summary.cases for value, _ in case.tokens)
        self._arguments = arguments
        self._terms: dict[int, Term] = {}
        self._made: Term | None = None

    def term(self, number: int) -> Term:
        """Return the caller's term for a row."""
        known = self._terms.get(number)
        if known is None:
            known = self._terms[number] = self._read(number)
        return known

    def _unknown(self, name: str) -> Term:
        """Return one of the values that this call makes: parts of one new value, so that a loop has one to tell apart and not many."""
        if self._made is None:
            self._made = self._in.fresh(self._before, "call")
        return self._in.terms.make("sel", self._made, name)

    def _read(self, number: int) -> Term:
        op, *args = self._rows[number]
        terms = self._in.terms
        if op == "param":
            position = int(args[0])
            if position < len(self._arguments):
                return self._arguments[position]
            return self._unknown(f"missing{position}")
        if op in {"fresh", "uninit"}:
            if op == "uninit":
                return terms.make("uninit", self._in.pc, number)
            return self._unknown(f"{IRQL_TAG if number in self._tokens else ''}row{number}")
        if op == "int":
            return terms.constant(int(args[0]))
        if op == "container":
            return terms.container(self.term(args[0][0]), tuple(str(args[1]).split(".")))
        if op == "init":
            return self._before.read(terms.location(self.term(args[0][0])))
        values = [self.term(arg[0]) if isinstance(arg, list | tuple) else arg for arg in args]
        made = terms.form(op, values)
        if made.depth > 24:
            return self._unknown(f"deep{number}")
        return self._before.normal(made)
