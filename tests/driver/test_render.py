"""Which steps of a path are told."""

from __future__ import annotations

from spincheck.analysis.findings import FunctionRef, Step
from spincheck.diagnostics import StepKind
from spincheck.driver.render import concerning
from spincheck.driver.session import check_texts


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


def test_a_source_that_is_compiled_twice_has_the_functions_of_both():
    text = """\
# 1 "f.c"
# 1 "ddk.h" 1 3
typedef unsigned char KIRQL; typedef unsigned long long KSPIN_LOCK; typedef void *WDFDPC; typedef void EVT_WDF_DPC(WDFDPC Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
# 2 "f.c" 2
struct device { KSPIN_LOCK Lock; };
EVT_WDF_DPC One;
void One(WDFDPC dpc) { struct device *d = dpc; KeAcquireSpinLockRaiseToDpc(&d->Lock); }
"""
    report = check_texts({"one.i": text, "two.i": text.replace("One", "Two").replace("EVT", "\nEVT")})
    assert [(one.file, one.function, one.line) for one in report.diagnostics] == [("f.c", "One", 4), ("f.c", "Two", 5)]
