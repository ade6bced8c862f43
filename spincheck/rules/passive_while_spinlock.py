"""Rule PassiveWhileSpinlock: no passive-level service is called while a spin lock is held (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class PassiveWhileSpinlockRule(Rule):
    """Calls that need PASSIVE_LEVEL, or touch pageable memory, are not made while a spin lock is held: file and registry routines, paged-pool allocation, and the like."""

    name = "PassiveWhileSpinlock"
    title = "no passive-level service is called while a spin lock is held"
    models = ("kmdf", "wdm", "ndis", "storport")
    differs = "Microsoft's IRQL rules have many of these calls; here the lock that forbids them is named."
    matches = (Match(("call-while-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    PVOID buffer;

    WdfSpinLockAcquire(dev->SpinLock);
    buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 'nips');
    dev->Count = buffer != NULL;
    WdfSpinLockRelease(dev->SpinLock);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    PVOID buffer;

    WdfSpinLockAcquire(dev->SpinLock);
    buffer = ExAllocatePoolWithTag(PagedPool, 64, 'nips');
    dev->Count = buffer != NULL;
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(9, "PassiveWhileSpinlock"),),
        ),
    )
