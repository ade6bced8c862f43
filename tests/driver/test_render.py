"""Which steps of a path are told."""

from __future__ import annotations

from spincheck.analysis.findings import FunctionRef, Step
from spincheck.diagnostics import StepKind
from spincheck.driver.render import concerning


def step(kind: StepKind, depth: int, message: str) -> Step:
    return Step(kind, FunctionRef("a.c", f"f{depth}"), 0, depth, message)


OURS = step("acquire", 0, "`d->Lock` is acquired here by KeAcquireSpinLock")
DEFECT = step("defect", 0, "`d->Lock` is acquired again in `Start`")


def test_other_locks_of_a_callee_and_calls_about_them_are_left_out():
    trace = [
        OURS,
        step("call", 1, "calling `Handle`"),
        step("release", 2, "`Dev->Other` is released here by KeReleaseSpinLock"),
        step("acquire", 2, "`Dev->Locks[i].Other` is acquired here by KeAcquireSpinLock"),
        step("return", 2, "returns here while `Dev->Locks[i].Other` is held"),
        DEFECT,
    ]
    assert concerning(trace, "d->Lock", "") == [OURS, DEFECT]


def test_the_same_lock_by_another_name_stays():
    trace = [
        step("call", 0, "`Take` returns with `d->Locks[2].Lock` held"),
        step("call", 1, "calling `Deeper`"),
        step("acquire", 2, "`Dev->Lock` is acquired here by KeAcquireSpinLock"),
        step("acquire", 1, "`Lock` is acquired here by KeAcquireSpinLock"),
        step("branch", 1, "taking the path where Dev->Other == 1"),
        step("release", 0, "`d->Other` is released here by KeReleaseSpinLock"),
        DEFECT,
    ]
    assert concerning(trace, "d->Locks[2].Lock", "") == trace
    assert concerning(trace, "lock", "") == trace


def test_both_locks_of_a_finding_stay():
    trace = [step("acquire", 1, "`Dev->Other` is acquired here by KeAcquireSpinLock"), DEFECT]
    assert concerning(trace, "d->Lock", "d->Other") == trace
    assert concerning(trace, "d->Lock", "Callee") == [DEFECT]


def test_a_call_without_steps_stays():
    trace = [step("call", 1, "calling `Handle`"), DEFECT]
    assert concerning(trace, "d->Lock", "") == trace
