"""Rule WdfWaitlock: framework wait locks are acquired and released in strict alternation (Microsoft: kmdf-wdfwaitlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfWaitlockRule(Rule):
    """A framework wait lock is acquired only while free, released only while held, and not held when the callback returns."""

    name = "WdfWaitlock"
    title = "framework wait locks are acquired and released in strict alternation"
    models = ("kmdf",)
    pages = ("kmdf-wdfwaitlock",)
    microsoft = (
        "The acquire and release calls of framework wait locks alternate, and none is held at the end of a "
        "callback."
    )
    differs = (
        "The handle is the lock: two handles nest freely, and one handle in two variables is one lock. "
        "STATUS_TIMEOUT passes NT_SUCCESS but does not hold the lock, and that is told."
    )
    matches = (
        Match((*DOUBLE, *UNHELD), kinds=("wdfwait",), rank=PRIMARY),
        Match(END, kinds=("wdfwait",)),
    )
    valid = (
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    if (!dev->Ready) {
        WdfWaitLockRelease(dev->WaitLock);
        return;
    }
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
}
""",
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    if (WdfWaitLockAcquire(dev->WaitLock, &dev->Timeout) != STATUS_SUCCESS) {
        return;
    }
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
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

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    dev->Count++;
    WdfWaitLockAcquire(dev->WaitLock, NULL);
    WdfWaitLockRelease(dev->WaitLock);
}
""",
            (Expect(9, "WdfWaitlock"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
    WdfWaitLockRelease(dev->WaitLock);
}
""",
            (Expect(10, "WdfWaitlock"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    NTSTATUS status = WdfWaitLockAcquire(dev->WaitLock, &dev->Timeout);

    if (NT_SUCCESS(status)) {
        WdfWaitLockRelease(dev->WaitLock);
    }
}
""",
            (Expect(9, "WdfWaitlock"),),
        ),
    )
