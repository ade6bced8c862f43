"""A summary for callers that only care about locks.

Owns what decides between the things that a function may do to locks, and the projection of its summary onto them: cases that need and
leave the same locks, for the same reason, are one case, which says of parameters and memory
only what they all say, returns anything and writes whatever any of them writes. Where a call's result and
writes decide nothing, this is as good as all cases and costs a fraction; what it lets through too much is found
out when the path is walked again with all of them.

The reasons are kept because their opposites take another lock: a helper that takes one lock where a flag is clear or a number is
the last one, and else another, is called again with the same flag and number to give it back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spincheck.analysis.summaries import NOWHERE, Case, CaseSet, Summary, array_of
from spincheck.domain import intervals as iv
from spincheck.domain.terms import Term
from spincheck.locks.tables import Tables

DROPPED = "dropped"
"""Tag of a value that stands for all that a function returns or writes: of two of them, or of one and a lock that has a name, it is not known whether they are one."""


def is_dropped(value: Term) -> bool:
    """Tell whether a value is made of one that a projection made."""
    return any(part.op == "sel" and str(part.args[1]).startswith(DROPPED) for part in (value, *value.inside))


def deciding(summary: Summary) -> tuple[tuple[CaseSet, ...], ...]:
    """Return for each case the facts about what the caller has that keep it apart from cases that do something else to locks.

    Of several terms that would do, those that keep most cases apart; nothing for a function that does one thing to locks.
    """
    effects = [_effect(case) for case in summary.cases]
    if all(effect == effects[0] for effect in effects[1:]):
        return ((),) * len(effects)
    inputs = _inputs(summary)
    sets = [{row.term: row.values() for row in case.sets if inputs[row.term]} for case in summary.cases]
    apart: dict[int, set[tuple[int, int]]] = {}
    for one in range(len(sets)):
        for other in range(one):
            if effects[one] != effects[other]:
                for term in sets[one].keys() & sets[other].keys():
                    if iv.meet(sets[one][term], sets[other][term]).is_empty:
                        apart.setdefault(term, set()).add((other, one))
    reasons: list[set[int]] = [set() for _ in sets]
    left = {pair for pairs in apart.values() for pair in pairs}
    while left:
        term = max(sorted(apart), key=lambda term: len(apart[term] & left))
        for pair in apart[term] & left:
            for number in pair:
                reasons[number].add(term)
        left -= apart[term]
    return tuple(
        tuple(row for row in case.sets if row.term in terms) for case, terms in zip(summary.cases, reasons, strict=True)
    )


def _inputs(summary: Summary) -> list[bool]:
    """For each row, whether its value is the caller's own."""
    known: list[bool] = []
    for op, *args in summary.rows:
        known.append(op not in {"fresh", "uninit"} and all(known[arg[0]] for arg in args if isinstance(arg, list | tuple)))
    return known


def projected(summary: Summary) -> tuple[Summary, tuple[int, ...]]:
    """Return the summary with one case for each thing that it does to locks, and each reason why; and for each the first case that it stands for."""
    groups: dict[Any, list[int]] = {}
    for number, (case, reasons) in enumerate(zip(summary.cases, deciding(summary), strict=True)):
        groups.setdefault((_effect(case), reasons), []).append(number)
    if len(groups) == len(summary.cases):
        return summary, tuple(range(len(summary.cases)))
    rows = list(summary.rows)
    anything = len(rows)
    rows.append(("fresh", anything, DROPPED))
    cases = []
    for numbers in groups.values():
        members = [summary.cases[number] for number in numbers]
        cases.append(members[0] if len(members) == 1 else _united(members, summary, anything))
    firsts = [numbers[0] for numbers in groups.values()]
    narrow = msgspec.structs.replace(
        summary,
        rows=tuple(rows),
        cases=tuple(cases),
        needs_at=tuple(summary.needs_at[number] for number in firsts),
        steps=tuple(summary.steps[number] for number in firsts),
    )
    return narrow, tuple(firsts)


def failing(summary: Summary, tables: Tables) -> frozenset[int]:
    """Return the cases in which a helper fails to take a lock that it may wait for.

    They are none of a caller that does not look at the result: whoever asks to wait, and does not look, knows that it waits.
    """
    if len(summary.cases) < 2:
        return frozenset()
    if not any(_waits(case, tables) and not _fails(case, summary) for case in summary.cases):
        return frozenset()
    return frozenset(number for number, case in enumerate(summary.cases) if _fails(case, summary))


def _waits(case: Case, tables: Tables) -> bool:
    taken = [lock.operation for lock in case.locks if lock.status == "held"]
    rows = (row for name in taken for row in tables.operations.get(name, ()))
    return any(row.always_if is not None and not any(low <= 0 <= high for low, high in row.success_ranges) for row in rows)


def _fails(case: Case, summary: Summary) -> bool:
    if case.result == NOWHERE or case.locks or case.needs:
        return False
    zero = any(row.term == case.result and row.values().single == 0 for row in case.sets)
    return zero or tuple(summary.rows[case.result]) == ("int", 0)


def _effect(case: Case) -> Any:
    needs = tuple((need.lock, need.status, need.kind, need.doubtful, need.variant, need.irql, need.tried) for need in case.needs)
    locks = tuple((lock.lock, lock.status, lock.kind, lock.count, lock.mode, lock.variant, lock.handle) for lock in case.locks)
    return needs, locks, case.calls, case.tainted


def _united(members: list[Case], summary: Summary, anything: int) -> Case:
    first = members[0]
    relations = tuple(row for row in first.relations if all(row in other.relations for other in members[1:]))
    written = sorted({cells for member in members for cells in _classes(member, summary)})
    under = sorted({what for member in members for kind, what, _ in member.epochs if kind == "under" and isinstance(what, int)})
    behind = {cell for member in members for cell in _written_behind(member, summary)}
    epochs: list[tuple[str, int | str, int]] = [(kind, name, anything) for kind, name in written]
    epochs += [("under", what, anything) for what in sorted({*under, *behind})]
    saved = [member.saved() for member in members]
    return msgspec.structs.replace(
        first,
        sets=_common_sets(members),
        relations=relations,
        result=NOWHERE if first.result == NOWHERE else anything,
        epochs=tuple(epochs),
        # Whose IRQL is left saved matters to a later release, and no other value does.
        writes=tuple((cell, value) for cell, value in first.writes if cell in saved[0] and all(one.get(cell) == saved[0][cell] for one in saved)),
        filled=(),
        parts=first.parts if all(member.parts == first.parts for member in members) else (),
    )


def _classes(case: Case, summary: Summary) -> frozenset[tuple[str, str]]:
    return msgspec.structs.replace(summary, cases=(case,)).classes_written()


def _written_behind(case: Case, summary: Summary) -> frozenset[int]:
    """The rows of pointers that a case writes through: what is there has no name of its own, and may be a variable of the caller."""
    bases = (array_of(summary.rows, cell) for cell, _ in (*case.writes, *case.filled))
    return frozenset(base for base in bases if summary.rows[base][0] not in {"field", "global"})


def _common_sets(members: list[Case]) -> tuple[CaseSet, ...]:
    common: dict[int, iv.IntSet] = {row.term: row.values() for row in members[0].sets}
    for member in members[1:]:
        others = {row.term: row.values() for row in member.sets}
        common = {term: iv.join(values, others[term])[0] for term, values in common.items() if term in others}
    result = []
    for term, values in common.items():
        if values != iv.TOP:
            low = None if values.low <= -(1 << 63) else values.low
            high = None if values.high >= 1 << 64 else values.high
            result.append(CaseSet(term, low, high, tuple(sorted(values.holes))))
    return tuple(result)
