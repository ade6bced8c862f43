"""A summary for callers that only care about locks.

Owns the projection of a summary onto what it does to locks: cases that need and leave the same are one case, which says of parameters and memory
only what they all say, returns anything and writes whatever any of them writes. Where a call's result and
writes decide nothing, this is as good as all cases and costs a fraction; what it lets through too much is found
out when the path is walked again with all of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spincheck.analysis.summaries import NOWHERE, Case, CaseSet, Summary
from spincheck.domain import intervals as iv


def projected(summary: Summary) -> Summary:
    """Return the summary with one case for each thing that it does to locks."""
    groups: dict[Any, list[int]] = {}
    for number, case in enumerate(summary.cases):
        groups.setdefault(_effect(case), []).append(number)
    if len(groups) == len(summary.cases):
        return summary
    rows = list(summary.rows)
    anything = len(rows)
    rows.append(("fresh", anything))
    cases = []
    for numbers in groups.values():
        members = [summary.cases[number] for number in numbers]
        cases.append(members[0] if len(members) == 1 else _united(members, summary, anything))
    firsts = [numbers[0] for numbers in groups.values()]
    return msgspec.structs.replace(
        summary,
        rows=tuple(rows),
        cases=tuple(cases),
        needs_at=tuple(summary.needs_at[number] for number in firsts),
        steps=tuple(summary.steps[number] for number in firsts),
    )


def _effect(case: Case) -> Any:
    needs = tuple((need.lock, need.status, need.kind, need.doubtful, need.variant, need.irql, need.tried) for need in case.needs)
    locks = tuple((lock.lock, lock.status, lock.kind, lock.count, lock.mode, lock.variant, lock.handle) for lock in case.locks)
    return needs, locks, case.calls, case.tainted


def _united(members: list[Case], summary: Summary, anything: int) -> Case:
    first = members[0]
    relations = tuple(row for row in first.relations if all(row in other.relations for other in members[1:]))
    written = sorted({cells for member in members for cells in _classes(member, summary)})
    under = sorted({what for member in members for kind, what, _ in member.epochs if kind == "under" and isinstance(what, int)})
    epochs: list[tuple[str, int | str, int]] = [(kind, name, anything) for kind, name in written]
    epochs += [("under", what, anything) for what in under]
    return msgspec.structs.replace(
        first,
        sets=_common_sets(members),
        relations=relations,
        result=NOWHERE if first.result == NOWHERE else anything,
        epochs=tuple(epochs),
        writes=(),
        filled=(),
    )


def _classes(case: Case, summary: Summary) -> frozenset[tuple[str, str]]:
    return msgspec.structs.replace(summary, cases=(case,)).classes_written()


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
