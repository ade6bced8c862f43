"""A recursion settles when a round has found nothing new, also where it has found less."""

from __future__ import annotations

import msgspec

from spincheck.analysis.recursion import widened
from spincheck.analysis.summaries import NOWHERE, Case, CaseLock, Summary

ROWS = (("param", 0), ("fresh", 1), ("global", "Lock"))
HELD = CaseLock(2, "held", "spinlock", 1, "", "KeAcquireSpinLock", "", NOWHERE, NOWHERE)
CASE = Case((), (), (), (HELD,), NOWHERE, (("field", "Count", 1), ("under", 0, 1)), (), (), (), tainted=False)


def summary(case: Case) -> Summary:
    return Summary(ROWS, (case,), ((),), ((),), (), (), ())


def test_fewer_writes_are_nothing_new() -> None:
    before = summary(CASE)
    fewer = summary(msgspec.structs.replace(CASE, epochs=(("field", "Count", 1),)))
    assert widened(before, fewer).cases == before.cases
    assert widened(before, before).cases == before.cases


def test_other_writes_are() -> None:
    before = summary(CASE)
    other = summary(msgspec.structs.replace(CASE, epochs=(("field", "Flags", 1),)))
    written = {(kind, what) for kind, what, _ in widened(before, other).cases[0].epochs}
    assert written == {("field", "Count"), ("field", "Flags")}


def test_so_is_another_lock() -> None:
    before = summary(CASE)
    other = summary(msgspec.structs.replace(CASE, locks=(msgspec.structs.replace(HELD, status="free", count=0),)))
    assert [lock.status for case in widened(before, other).cases for lock in case.locks] == ["free"]
