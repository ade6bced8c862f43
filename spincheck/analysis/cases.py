"""One case of a callee's summary, applied to a caller's state.

Owns what it means for a caller that a callee can do one thing: which facts must hold, which locks it asks for and what is wrong where they are
not as it needs them, and what it leaves. `Calls` chooses the summary and asks for each of its cases; here each is one
outcome or none.
"""

from __future__ import annotations

from collections.abc import Iterator

from spincheck.analysis.call_rules import CallRules
from spincheck.analysis.lockops import TWICE, LockMachine, Problem, assume_there, look_up, note_need, tainted
from spincheck.analysis.owed import RAISED, Exchange, debts, pay_last
from spincheck.analysis.ownership import is_marked
from spincheck.analysis.project import DROPPED
from spincheck.analysis.summaries import NOWHERE, Case, CaseLock, CaseNeed, CaseSet, Summary
from spincheck.analysis.transfer import Interpreter
from spincheck.domain import intervals as iv
from spincheck.domain.facts import Facts
from spincheck.domain.intervals import IntSet
from spincheck.domain.lockstate import MAX_COUNT, LockState, Need, Reason
from spincheck.domain.state import ANYTHING, State
from spincheck.domain.terms import COMPARISONS, IRQL_TAG, Term
from spincheck.ir import Call


class Cases:
    """Applies cases for one `Interpreter`; ``rules`` are asked about what a callee calls."""

    def __init__(self, interpreter: Interpreter, rules: CallRules) -> None:
        self._in = interpreter
        self._rules = rules
        self._tables = interpreter.tables
        self.before_waiting: list[Problem] = []
        """What the last case that was applied did wrong before it waited, by trying, for a lock that is held here."""

    @property
    def _machine(self) -> LockMachine:
        return self._in.machine

    def taint(self, state: State) -> None:
        """Anything may have happened to any lock."""
        terms = self._in.terms
        state.locks = {lock: LockState("maybe", held.kind) for lock, held in state.locks.items()}
        state.locks[tainted(terms)] = LockState("maybe", "")
        state.forget(ANYTHING, self._in.fresh(state, "hole"))

    @staticmethod
    def excluded(state: State, case: Case, reader: RowReader) -> bool:
        """Whether one of a case's facts by itself cannot be here: most cases of a helper that chooses by an argument."""
        facts = state.facts
        for row in case.sets:
            value = state.normal(reader.term(row.term))
            if iv.meet(facts.range_of(value), reader.allowed(row, value, facts)).is_empty:
                return True
        return False

    @staticmethod
    def late(state: State, case: Case, reader: RowReader) -> list[Term]:
        """Return the cells that another thread must have changed since the caller looked at them, for a case that facts exclude to be taken after all.

        None of them where it is excluded for another reason, or would leave nothing held; and where the caller holds a lock, under which nobody changes them.
        """
        if not any(row.status == "held" for row in case.locks) or any(held.status == "held" for held in state.locks.values()):
            return []
        cells: dict[Term, None] = {}
        for row in case.sets:
            value = state.normal(reader.term(row.term))
            if not iv.meet(state.facts.range_of(value), reader.allowed(row, value, state.facts)).is_empty:
                continue
            if row.term not in case.late or value.op == "int":
                return []
            cells.update(dict.fromkeys(reader.cells(row.term)))
        return list(cells)

    def apply(
        self, state: State, case: Case, reader: RowReader, call: Call, name: str, decided_by: tuple[CaseSet, ...]
    ) -> list[Problem] | None:
        """Apply one case to the state in place; None when the facts exclude it."""
        self.before_waiting = []
        for relation in case.relations:
            if not state.assume(reader.term(relation), holds=True):
                return None
        for row in case.sets:
            term = state.normal(reader.term(row.term))
            if not self._restrict(state, term, reader.allowed(row, term, state.facts)):
                return None
        problems: list[Problem] = []
        if case.tainted:
            self.taint(state)
        if case.calls:
            self._make_calls(state, case, reader, call, name)
        named = [*(need.lock for need in case.needs), *(left.lock for left in case.locks)]
        for number in named:
            place = state.normal(reader.term(number))
            if self._in.terms.is_in_null(place) or not assume_there(state, place):
                return None
        free = {need.lock for need in case.needs if need.status == "free" and not need.doubtful}
        for left in case.locks:
            if left.status == "maybe" and left.lock not in free:
                state.locks.setdefault(state.normal(reader.term(left.lock)), LockState("maybe", left.kind))
        owing = Exchange(state.normal(reader.term(left.saved)) for left in case.locks if left.status == "held" and left.saved != NOWHERE)
        for need in case.needs:
            if is_marked(state, state.normal(reader.term(need.lock))):
                continue
            if need.tried and self._is_held(state, need, reader):
                self.before_waiting = problems
                return None
            problem = self._meet_need(state, need, reader, call, name, owing)
            if problem is not None:
                problems.append(problem)
        decided = ((state.normal(reader.term(row.term)), row.values()) for row in decided_by)
        reason = frozenset((term, values) for term, values in decided if term.is_input)  # others are new in every turn of a loop
        self._leave_locks(state, case, reader, call, name, reason, problems, owing)
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
        given_back = {state.normal(reader.term(row.lock)) for row in case.locks}
        self._rules.made(state, call, case.calls, name, given_back)

    @staticmethod
    def _restrict(state: State, term: Term, allowed: IntSet) -> bool:
        if term.op == "bin" and term.args[0] in COMPARISONS and allowed.single is not None:
            return state.assume(term, holds=bool(allowed.single))
        return state.facts.restrict(term, allowed)

    def find(self, state: State, lock: Term, kind: str) -> tuple[Term, LockState | None]:
        """Return the caller's lock that a callee's lock is, resolving a queue handle."""
        lock = state.normal(lock)
        if lock.op == "held_by":
            for other, held in state.locks.items():
                if held.handle is lock.args[0]:
                    return other, held
        return lock, look_up(state, lock, kind)

    def _is_held(self, state: State, need: CaseNeed, reader: RowReader) -> bool:
        _, current = self.find(state, reader.term(need.lock), need.kind)
        return current is not None and current.status == "held"

    def _meet_need(
        self, state: State, need: CaseNeed, reader: RowReader, call: Call, name: str, owing: Exchange
    ) -> Problem | None:
        lock, current = self.find(state, reader.term(need.lock), need.kind)
        irql = state.normal(reader.term(need.irql)) if need.irql != NOWHERE else None
        self._machine.note_doubt(state, lock, irql)
        if need.status == "held":
            self._machine.note_returned(state, lock, current, need.kind)
        if need.kind == RAISED and need.status == "held" and any(debts(state)):
            return None
        if current is None:
            if need.status == "held":
                aliases = self._machine.aliases(state, lock, need.kind)
                if aliases:
                    for alias in (*aliases, lock):
                        state.locks[alias] = LockState("maybe", need.kind)
                    return None
                if self._machine.aliases(state, lock, need.kind, "maybe"):
                    return None  # it may be one of several of which some are held
            if need.status == "held" and self._machine.hands_on(state, lock, need.kind, need.operation, irql, call.at, name):
                irql = None
            note_need(state, lock, Need(need.status, need.kind, call.at, need.operation, need.doubtful, need.variant, irql, need.tried))
            nobodys = self._machine.is_free_on_entry(lock) or self._machine.is_unused(state, lock)
            if need.status == "held" and not need.doubtful and nobodys and not self._machine.is_anothers(need.kind, None, None):
                return Problem("released-unheld", lock, need.kind, "", need.operation, call.at, through=name)
            return None
        kind = self._tables.kinds.get(need.kind)
        if current.status == "maybe" or kind is None:
            return None
        if need.status == "held" and self._machine.is_counted(need.kind):
            return self._count_need(state, need, lock, current, irql, call, name)
        if need.status == "held":
            if current.status == "held":
                irql = owing.hand_on(irql, current.saved)
                defect = self._machine.release_defect(
                    state, lock, current, need.kind, need.variant, irql, need.operation, call.at, name
                )
                return Problem(defect, lock, need.kind, current.operation, need.operation, call.at, through=name) if defect else None
            if need.doubtful or self._machine.aliases(state, lock, need.kind):
                return None
            return Problem("released-unheld", lock, need.kind, current.operation, need.operation, call.at, through=name)
        if current.status == "held" and kind.strict and not kind.recursive and not kind.counter and not need.doubtful:
            return Problem("acquired-twice", lock, need.kind, current.operation, need.operation, call.at, through=name)
        return None

    def _count_need(
        self, state: State, need: CaseNeed, lock: Term, current: LockState, irql: Term | None, call: Call, name: str
    ) -> Problem | None:
        """A counted lock that a callee gives back: enough if it is held once here, or was on entry."""
        if self._machine.is_for_other_work(current, irql):
            state.locks[lock] = LockState("maybe", need.kind)
            return None
        known = state.needs.get(lock)
        if current.depth + (known is not None and known.status == "held") > 0 or need.doubtful:
            return None
        if self._machine.is_free_on_entry(lock) and not self._machine.is_anothers(need.kind, current, irql):
            return Problem("released-unheld", lock, need.kind, current.operation, need.operation, call.at, through=name)
        note_need(state, lock, Need("held", need.kind, call.at, need.operation))
        return None

    def _overdrawn(self, state: State, row: CaseLock, lock: Term, current: LockState, call: Call, name: str) -> list[Problem]:
        """A counted lock that a callee gives back more often than it is held here: that it is held once does not meet its need."""
        if self._machine.is_free_on_entry(lock):
            return [Problem("released-unheld", lock, row.kind, current.operation, row.operation, call.at, through=name)]
        note_need(state, lock, Need("held", row.kind, call.at, row.operation))
        return []

    def _leave_locks(
        self, state: State, case: Case, reader: RowReader, call: Call, name: str, reason: Reason, problems: list[Problem], owing: Exchange
    ) -> None:
        taken: set[Term] = set()
        for row in case.locks:
            lock, current = self.find(state, reader.term(row.lock), row.kind)
            kind = self._tables.kinds.get(row.kind)
            if is_marked(state, lock):
                state.locks[lock] = LockState("maybe", row.kind)
                continue
            saved = state.normal(reader.term(row.saved)) if row.saved != NOWHERE else None
            handle = state.normal(reader.term(row.handle)) if row.handle != NOWHERE else None
            status, count = row.status, row.count
            if kind is not None and (kind.counter or kind.recursive) and status != "maybe":
                count += current.depth if current is not None else 0
                if count < 0 and row.kind == RAISED and pay_last(state):
                    count += 1
                if (current is not None and current.status == "maybe") or abs(count) > MAX_COUNT:
                    state.locks[lock] = LockState("maybe", row.kind)
                    continue
                if count < 0 and current is not None and current.depth > 0 and not kind.carried:
                    problems += self._overdrawn(state, row, lock, current, call, name)
                status = "held" if count > 0 else "free"
            elif status == "held" and lock in taken:
                problems.append(Problem("acquired-twice", lock, row.kind, row.operation, row.operation, call.at, through=name))
            elif status == "held" and current is not None and current.status == "held" and any(problem.defect == "acquired-twice" for problem in problems):
                count = TWICE
            if status == "held":
                if current is not None and current.status == "free":
                    state.note_retaken(lock)
                taken.add(lock)
                self._machine.books.lend(lock, row.kind)
                if saved is not None and (kind is None or not kind.carried):
                    self._machine.tokens.setdefault(saved, lock)
                saved = owing.owed(saved)
            state.locks[lock] = LockState(status, row.kind, count, row.mode, row.operation, row.variant, saved, handle, reason)


class RowReader:
    """Reads the rows of a summary as the caller's terms: parameters are arguments, cells on entry are read from the caller's memory.

    One reader serves all cases of one call, since all of them start from the same state.
    """

    def __init__(self, interpreter: Interpreter, state: State, summary: Summary, arguments: list[Term]) -> None:
        self._in = interpreter
        self._before = state
        self._rows = summary.rows
        self._parameters = summary.parameters
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

    def allowed(self, row: CaseSet, value: Term, facts: Facts) -> IntSet:
        """Return the values that a row allows a term of the caller; of an argument that is negative where the parameter is unsigned, or too large, before its conversion."""
        values = row.values()
        op, *args = self._rows[row.term]
        kind = self._parameters[int(args[0])] if op == "param" and int(args[0]) < len(self._parameters) else ""
        of_type = iv.TYPE_RANGES.get(kind)
        if of_type is None or (kind in {"i32", "i64"} and self._is_made_of(value, of_type, facts)):
            return values  # a sum of signed numbers overflows in no correct program
        known = facts.range_of(value)
        turn = of_type.high - of_type.low + 1
        if -(1 << 63) <= known.low < of_type.low:
            return iv.join(iv.meet(values, known), iv.meet(iv.shifted(values, -turn), known))[0]
        if of_type.high < known.high < 1 << 64:
            return iv.join(iv.meet(values, known), iv.meet(iv.shifted(values, turn), known))[0]
        return values

    @staticmethod
    def _is_made_of(value: Term, of_type: IntSet, facts: Facts) -> bool:
        return value.op == "bin" and all(iv.contains(of_type, facts.range_of(operand)) for operand in value.args[1:])

    def cells(self, number: int) -> Iterator[Term]:
        """Yield the caller's cells that a row was read from, without those on the way to them."""
        op, *args = self._rows[number]
        if op == "init":
            yield self._in.terms.location(self.term(args[0][0]))
        elif op not in {"field", "elem", "container"}:
            for arg in args:
                if isinstance(arg, list | tuple):
                    yield from self.cells(arg[0])

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
            tag = IRQL_TAG if number in self._tokens else DROPPED if DROPPED in args else ""
            return self._unknown(f"{tag}row{number}")
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
