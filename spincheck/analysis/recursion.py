"""Widening the summaries of functions that call each other, so that a recursion settles.

Owns `widened`: cases with the same locks become one that keeps only the facts they share. Exact rounds come first, since most
recursions in drivers do the same to locks at any depth and settle by themselves; one that counts its depth never would, because
each round adds the case "one deeper". Rejected: giving such a function up as one that touches no lock, which makes its callers'
releases look wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spincheck.analysis.summaries import NOWHERE, Case, Summary


def widened(summary: Summary) -> Summary:
    """Return a summary that covers the given one, with one case per set of locks and nothing in it that grows with the depth."""
    groups: dict[Any, list[int]] = {}
    for number, case in enumerate(summary.cases):
        groups.setdefault((case.needs, case.locks, case.tainted, _constant(summary, case.result)), []).append(number)
    if all(len(group) == 1 for group in groups.values()):
        return summary
    rows = list(summary.rows)
    cases = [_merged([summary.cases[number] for number in group], rows) for group in groups.values()]
    firsts = [group[0] for group in groups.values()]
    return _packed(
        msgspec.structs.replace(
            summary,
            rows=tuple(rows),
            cases=tuple(cases),
            needs_at=tuple(summary.needs_at[number] for number in firsts),
            steps=tuple(summary.steps[number] for number in firsts),
        )
    )


def unbounded(summary: Summary) -> Summary:
    """Return the summary of a function that may do anything to any lock; what is wrong inside it stays told."""
    case = Case((), (), (), (), NOWHERE, (), (), (), (), tainted=True)
    return msgspec.structs.replace(summary, rows=(), cases=(case,), needs_at=((),), steps=((),), acquires=())


def _constant(summary: Summary, result: int) -> int:
    return result if result != NOWHERE and summary.rows[result][0] == "int" else NOWHERE


def _merged(cases: list[Case], rows: list[tuple[Any, ...]]) -> Case:
    first = cases[0]
    if len(cases) == 1:
        return first
    result = first.result if all(case.result == first.result for case in cases) else NOWHERE
    same_writes = all((case.writes, case.filled, case.epochs) == (first.writes, first.filled, first.epochs) for case in cases)
    epochs = first.epochs
    if not same_writes:
        rows.append(("fresh", len(rows)))
        fresh = len(rows) - 1
        written: dict[tuple[str, int | str], None] = {}
        for case in cases:
            written.update(dict.fromkeys((kind, what) for kind, what, _ in case.epochs))
            for cell, _ in (*case.writes, *case.filled):
                written[_class(rows, cell)] = None
        epochs = tuple((kind, what, fresh) for kind, what in written)
    return first.__class__(
        sets=tuple(one for one in first.sets if all(one in case.sets for case in cases)),
        relations=tuple(one for one in first.relations if all(one in case.relations for case in cases)),
        needs=first.needs,
        locks=first.locks,
        result=result,
        epochs=epochs,
        writes=first.writes if same_writes else (),
        filled=first.filled if same_writes else (),
        calls=tuple(dict.fromkeys(name for case in cases for name in case.calls)),
        tainted=first.tainted,
    )


def _class(rows: list[tuple[Any, ...]], cell: int) -> tuple[str, int | str]:
    row = rows[cell]
    while row[0] == "elem":
        cell = row[1][0]
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
        )
        for case in summary.cases
    )
    acquires = tuple(row(number) for number in summary.acquires)
    return replace(summary, rows=tuple(rows), cases=cases, acquires=acquires)
