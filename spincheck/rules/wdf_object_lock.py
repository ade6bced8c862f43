"""Rule WdfObjectLock: framework object locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class WdfObjectLockRule(Rule):
    """The presentation lock of a framework object is released as often as it is acquired, and not held when the callback returns."""

    name = "WdfObjectLock"
    title = "framework object locks are balanced"
    models = ("kmdf",)
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("wdfobject",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfObjectAcquireLock(dev->Object);
    if (!dev->Ready) {
        WdfObjectReleaseLock(dev->Object);
        return;
    }
    dev->Count++;
    WdfObjectReleaseLock(dev->Object);
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

    WdfObjectAcquireLock(dev->Object);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    WdfObjectReleaseLock(dev->Object);
}
""",
            (Expect(9, "WdfObjectLock"),),
        ),
    )
