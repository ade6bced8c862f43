"""Rule WdfWaitlockRelease: framework wait locks are released before the callback returns (Microsoft: kmdf-wdfwaitlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfWaitlockReleaseRule(Rule):
    """A callback must have released every framework wait lock that it acquired by the time it returns."""

    name = "WdfWaitlockRelease"
    title = "framework wait locks are released before the callback returns"
    models = ("kmdf",)
    pages = ("kmdf-wdfwaitlockrelease",)
    microsoft = "Every framework wait lock that was acquired is released by the end of the callback."
    differs = (
        "Helpers and other files of the driver are followed. STATUS_TIMEOUT passes NT_SUCCESS but does not "
        "hold the lock, and that is told."
    )
    matches = (
        Match(END, kinds=("wdfwait",), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("wdfwait",)),
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
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
}
""",
            (Expect(9, "WdfWaitlockRelease"),),
        ),
    )
