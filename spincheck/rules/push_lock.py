"""Rule PushLock: push locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class PushLockRule(Rule):
    """A push lock is acquired only while free, released only while held, and not held when the routine returns."""

    name = "PushLock"
    title = "push locks are balanced"
    models = ("kmdf", "wdm")
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("pushlock",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    FltAcquirePushLockExclusive(&dev->Push);
    if (!dev->Ready) {
        FltReleasePushLock(&dev->Push);
        return;
    }
    dev->Count++;
    FltReleasePushLock(&dev->Push);
}
""",
    )
    invalid = (
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    FltAcquirePushLockExclusive(&dev->Push);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    FltReleasePushLock(&dev->Push);
}
""",
            (Expect(9, "PushLock"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    FltAcquirePushLockExclusive(&dev->Push);
    dev->Count++;
    FltAcquirePushLockExclusive(&dev->Push);
    FltReleasePushLock(&dev->Push);
}
""",
            (Expect(9, "PushLock"),),
        ),
    )
