"""Widening the summaries of functions that call each other, so that a recursion settles.

Owns `widened`: cases with the same locks become one that keeps only the facts they share. Exact rounds come first, since most
recursions in drivers do the same to locks at any depth and settle by themselves; one that counts its depth never would, because
each round adds the case "one deeper". Rejected: giving such a function up as one that touches no lock, which makes its callers'
releases look wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spincheck.analysis.summaries import NOWHERE, Case, CaseLock, CaseNeed, CaseSet, Summary, array_of


def widened(before: Summary, summary: Summary) -> Summary:
    """Return a summary that covers both, with one case per set of locks and nothing in it that changed since the round before."""
    spelled, spelled_before = _Spelling(summary), _Spelling(before)
    old: dict[Any, list[Case]] = {}
    for case in before.cases:
        old.setdefault(spelled_before.key(case), []).append(case)
    groups: dict[Any, list[int]] = {}
    for number, case in enumerate(summary.cases):
        groups.setdefault(spelled.key(case), []).append(number)
    rows = list(summary.rows)
    known = {spelled_before.row(number) for number in before.acquires}
    cases = []
    for key, group in groups.items():
        members = [(spelled, summary.cases[number]) for number in group]
        members += [(spelled_before, case) for case in old.get(key, ())]
        cases.append(_merged(members, rows, len(group)))
    firsts = [group[0] for group in groups.values()]
    return _packed(
        msgspec.structs.replace(
            summary,
            rows=tuple(rows),
            cases=tuple(cases),
            needs_at=tuple(_places(summary, group, case) for group, case in zip(groups.values(), cases, strict=True)),
            steps=tuple(summary.steps[number] for number in firsts),
            acquires=tuple(number for number in summary.acquires if spelled.row(number) in known),
        )
    )


def _places(summary: Summary, group: list[int], case: Case) -> tuple[int, ...]:
    """Return where each need of a case arises, which some member of its group has."""
    places: dict[Any, int] = {}
    for number in group:
        for at, need in zip(summary.needs_at[number], summary.cases[number].needs, strict=True):
            places.setdefault((need.lock, need.status), at)
    return tuple(places[need.lock, need.status] for need in case.needs)


def unbounded(summary: Summary) -> Summary:
    """Return the summary of a function that may do anything to any lock; what is wrong inside it stays told."""
    case = Case((), (), (), (), NOWHERE, (), (), (), (), tainted=True)
    return msgspec.structs.replace(summary, rows=(), cases=(case,), needs_at=((),), steps=((),), acquires=())


class _Spelling:
    """Rows written out, so that terms of two summaries can be compared."""

    def __init__(self, summary: Summary) -> None:
        self._rows = summary.rows
        self._known: dict[int, Any] = {NOWHERE: None}

    def row(self, number: int) -> Any:
        """Return a row with the rows it refers to; unknown values of one function are all alike."""
        if number not in self._known:
            op, *args = self._rows[number]
            parts = () if op in {"fresh", "uninit"} else (self.row(arg[0]) if isinstance(arg, list | tuple) else arg for arg in args)
            self._known[number] = (op, *parts)
        return self._known[number]

    def key(self, case: Case) -> Any:
        """What two cases must agree in to be merged: the locks, and a result that is a constant."""
        needs = tuple(self.need(need) for need in case.needs if need.status == "held")
        locks = tuple((self.row(lock.lock), lock.status, lock.kind, lock.count, lock.mode, lock.variant) for lock in case.locks)
        result = self.row(case.result)
        return needs, locks, case.tainted, result if result is not None and result[0] == "int" else None

    def need(self, need: CaseNeed) -> Any:
        """Return what a case needs of a lock."""
        return self.row(need.lock), need.status, need.doubtful, need.tried

    def is_near(self, need: CaseNeed) -> bool:
        """Whether no pointer has to be followed from what the function is handed to a lock: of these there are not more in each round."""
        return not _follows(self.row(need.lock))

    def saved(self, case: Case) -> dict[Any, Any]:
        """Return `Case.saved` with rows written out."""
        return {self.row(cell): self.row(owner) for cell, owner in case.saved().items()}

    def facts(self, case: Case) -> tuple[list[Any], list[Any]]:
        """Return the facts of a case: sets and relations."""
        sets = [(self.row(one.term), one.low, one.high, one.holes) for one in case.sets]
        return sets, [self.row(one) for one in case.relations]

    def effects(self, case: Case) -> Any:
        """Return what a case writes."""
        return (
            [(kind, self.row(what) if isinstance(what, int) else what) for kind, what, _ in case.epochs],
            [(self.row(cell), self.row(value)) for cell, value in (*case.writes, *case.filled)],
        )


def _merged(members: list[tuple[_Spelling, Case]], rows: list[tuple[Any, ...]], new: int) -> Case:
    """Return one case for all members; those after the first ``new`` are of the round before."""
    spelled, first = members[0]
    if len(members) == 1:
        # A lock at another depth of the recursion each round: the round before did not know this case at all.
        return msgspec.structs.replace(first, needs=tuple(need for need in first.needs if need.status == "held" or spelled.is_near(need)))
    facts = [one.facts(case) for one, case in members]
    sets, relations = facts[0]
    result = first.result
    if any(one.row(case.result) != spelled.row(result) for one, case in members):
        result = NOWHERE
    same_effects = all(one.effects(case) == spelled.effects(first) for one, case in members)
    epochs = first.epochs
    if not same_effects:
        rows.append(("fresh", len(rows)))
        written: dict[tuple[str, int | str], None] = {}
        for one, case in members:
            mine = one is spelled
            written.update(dict.fromkeys((kind, what) for kind, what, _ in case.epochs if mine or isinstance(what, str)))
            if mine:
                written.update(dict.fromkeys(_class(rows, cell) for cell, _ in (*case.writes, *case.filled)))
        epochs = tuple((kind, what, len(rows) - 1) for kind, what in written)
    return Case(
        sets=tuple(kept for one, fact in zip(first.sets, sets, strict=True) if (kept := _widened_set(one, fact, facts, new)) is not None),
        relations=tuple(one for one, fact in zip(first.relations, relations, strict=True) if all(fact in other for _, other in facts)),
        needs=_merged_needs(members),
        locks=tuple(_merged_lock(number, members) for number in range(len(first.locks))),
        result=result,
        epochs=epochs,
        writes=first.writes if same_effects else _merged_writes(members),
        filled=first.filled if same_effects else (),
        calls=tuple(dict.fromkeys(name for _, case in members for name in case.calls)),
        tainted=first.tainted,
        tokens=first.tokens,
    )


def _merged_needs(members: list[tuple[_Spelling, Case]]) -> tuple[CaseNeed, ...]:
    """Return what all members need; of locks that have to be free also what some of them need, as doubtful, where no round can make more of them."""
    spelled, first = members[0]
    kept = [
        need
        for need in first.needs
        if need.status == "held" or all(spelled.need(need) in [one.need(other) for other in case.needs] for one, case in members)
    ]
    known = {need.lock for need in kept}
    for one, case in members:
        for need in case.needs if one is spelled else ():
            if need.status == "free" and need.lock not in known and one.is_near(need):
                known.add(need.lock)
                kept.append(msgspec.structs.replace(need, doubtful=True))
    return tuple(kept)


def _merged_writes(members: list[tuple[_Spelling, Case]]) -> tuple[tuple[int, int], ...]:
    """Return what is left saved where all members leave the same lock's IRQL there: whose it is matters to a later release."""
    spelled, first = members[0]
    saved = [one.saved(case) for one, case in members]
    return tuple(
        (cell, value) for cell, value in first.writes if (key := spelled.row(cell)) in saved[0] and all(other.get(key) == saved[0][key] for other in saved)
    )


def _widened_set(one: CaseSet, fact: Any, facts: list[tuple[list[Any], list[Any]]], new: int) -> CaseSet | None:
    """Return the hull of this round's sets; a bound that has moved since the round before moves with the depth and goes."""
    found = []
    for sets, _ in facts:
        other = next((other for other in sets if other[0] == fact[0]), None)
        if other is None:
            return None
        found.append(other)
    low, high = _hull(found[:new])
    if len(found) > new:
        old_low, old_high = _hull(found[new:])
        low = None if low is None or old_low is None or low < old_low else old_low
        high = None if high is None or old_high is None or high > old_high else old_high
    holes = tuple(hole for hole in one.holes if all(hole in other[3] or not _within(hole, other[1], other[2]) for other in found))
    if low is None and high is None and not holes:
        return None
    return msgspec.structs.replace(one, low=low, high=high, holes=holes)


def _hull(sets: list[Any]) -> tuple[int | None, int | None]:
    lows, highs = [one[1] for one in sets], [one[2] for one in sets]
    return None if None in lows else min(lows), None if None in highs else max(highs)


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _merged_lock(number: int, members: list[tuple[_Spelling, Case]]) -> CaseLock:
    spelled, first = members[0]
    lock = first.locks[number]
    for field in ("saved", "handle"):
        if any(one.row(getattr(case.locks[number], field)) != spelled.row(getattr(lock, field)) for one, case in members):
            lock = msgspec.structs.replace(lock, **{field: NOWHERE})
    return lock


def _class(rows: list[tuple[Any, ...]], cell: int) -> tuple[str, int | str]:
    cell = array_of(rows, cell)
    row = rows[cell]
    if row[0] in {"field", "global"}:
        return str(row[0]), str(row[-1])
    return "under", cell


def _packed(summary: Summary) -> Summary:
    """Drop the rows that no case refers to, so that equal summaries are equal bytes."""
    kept: dict[int, int] = {NOWHERE: NOWHERE}
    rows: list[tuple[Any, ...]] = []

    def row(number: int) -> int:
        known = kept.get(number)
        if known is not None:
            return known
        op, *args = summary.rows[number]
        moved = [[row(arg[0])] if isinstance(arg, list | tuple) else arg for arg in args]
        if op in {"fresh", "uninit"}:
            moved = [len(rows)]
        kept[number] = len(rows)
        rows.append((op, *moved))
        return kept[number]

    replace = msgspec.structs.replace
    cases = tuple(
        Case(
            sets=tuple(replace(one, term=row(one.term)) for one in case.sets),
            relations=tuple(row(one) for one in case.relations),
            needs=tuple(replace(need, lock=row(need.lock), irql=row(need.irql)) for need in case.needs),
            locks=tuple(
                replace(lock, lock=row(lock.lock), saved=row(lock.saved), handle=row(lock.handle)) for lock in case.locks
            ),
            result=row(case.result),
            epochs=tuple((kind, row(what) if isinstance(what, int) else what, row(epoch)) for kind, what, epoch in case.epochs),
            writes=tuple((row(cell), row(value)) for cell, value in case.writes),
            filled=tuple((row(cell), row(value)) for cell, value in case.filled),
            calls=case.calls,
            tainted=case.tainted,
            tokens=tuple((row(value), row(lock)) for value, lock in case.tokens),
        )
        for case in summary.cases
    )
    acquires = tuple(row(number) for number in summary.acquires)
    return replace(summary, rows=tuple(rows), cases=cases, acquires=acquires)


def _follows(row: Any) -> bool:
    return isinstance(row, tuple) and (row[:1] == ("init",) or any(_follows(part) for part in row))
