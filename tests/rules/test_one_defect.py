"""One cause is one diagnostic: what follows from a defect that was told is not told again."""

from __future__ import annotations

import pytest
import test_examples

from spincheck.rules import registry

HEAD = """EVT_WDF_WORKITEM Work;
static VOID Both(PDEVICE dev) { KeAcquireSpinLockAtDpcLevel(&dev->Lock); }
VOID Work(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
"""
TAKE, GIVE = "KeAcquireSpinLockAtDpcLevel(&dev->Lock);", "KeReleaseSpinLockFromDpcLevel(&dev->Lock);"
ENTER = "ExEnterCriticalRegionAndAcquireResourceExclusive(&dev->Resource);"
LEAVE = "ExReleaseResourceAndLeaveCriticalRegion(&dev->Resource);"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([TAKE, TAKE, GIVE], [(7, "Spinlock")]),
        # The second acquire never returns, so what comes after it is no defect of its own.
        ([TAKE, TAKE, GIVE, GIVE], [(7, "Spinlock")]),
        ([TAKE, "Both(dev);", GIVE, GIVE], [(7, "Spinlock")]),
        ([TAKE, GIVE, GIVE, GIVE], [(8, "Spinlock"), (9, "Spinlock")]),
        # A lock and a region that are taken by one call are forgotten by one mistake.
        ([ENTER], [(7, "CriticalRegions")]),
        ([ENTER, LEAVE], []),
        ([ENTER, "ExReleaseResourceLite(&dev->Resource);", "KeLeaveCriticalRegion();"], []),
        ([ENTER, "KeLeaveCriticalRegion();"], [(8, "ExclusiveResourceAccess")]),
        ([ENTER, "ExReleaseResourceLite(&dev->Resource);"], [(8, "CriticalRegions")]),
        (["KeEnterCriticalRegion();", LEAVE], [(7, "ExclusiveResourceAccess")]),
    ],
)
def test_one_cause_is_one_diagnostic(tmp_path, lines, told):
    text = HEAD + "".join(f"    {line}\n" for line in lines) + "}\n"
    everything = tuple(rule.name for rule in registry.all_rules())
    report = test_examples.check(
        tmp_path, test_examples.preprocess(text, "windows", "_AMD64_"), "windows", "", everything
    )
    assert [(one.line, one.rule) for one in report.diagnostics] == told
