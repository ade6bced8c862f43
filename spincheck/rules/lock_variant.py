"""Rule LockVariant: a lock is released by the call that belongs to its acquire (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class LockVariantRule(Rule):
    """A lock is released by the counterpart of the call that acquired it: ordinary by ordinary, DPC-level by DPC-level, queued by queued, shared by shared.

    The DPC-level release does not restore an IRQL and the ordinary one restores one that was never saved; a queued lock that is released by the
    ordinary call leaves its queue broken.
    """

    name = "LockVariant"
    title = "a lock is released by the call that belongs to its acquire"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    differs = "Microsoft has no rule for it: SpinLockSafe accepts any release after any acquire."
    matches = (Match(("wrong-variant",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
        """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);
    KLOCK_QUEUE_HANDLE handle;
    KIRQL irql = ExAcquireSpinLockShared(&dev->ExLock);

    KeAcquireInStackQueuedSpinLockAtDpcLevel(&dev->Lock, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
    ExReleaseSpinLockShared(&dev->ExLock, irql);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, DISPATCH_LEVEL);
}
""",
            (Expect(9, "LockVariant"),),
        ),
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, handle.OldIrql);
}
""",
            (Expect(10, "LockVariant"),),
        ),
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql = ExAcquireSpinLockShared(&dev->ExLock);

    dev->Count++;
    ExReleaseSpinLockExclusive(&dev->ExLock, irql);
}
""",
            (Expect(9, "LockVariant"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
}
""",
            (Expect(10, "LockVariant"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(10, "LockVariant"),),
        ),
    )
