"""Rule GuardedMutex: guarded mutexes are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class GuardedMutexRule(Rule):
    """A guarded mutex is acquired only while free, released only while held, and not held when the routine returns."""

    name = "GuardedMutex"
    title = "guarded mutexes are balanced"
    models = ("kmdf", "wdm")
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("guardedmutex",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeAcquireGuardedMutex(&dev->Guard);
    if (!dev->Ready) {
        KeReleaseGuardedMutex(&dev->Guard);
        return;
    }
    dev->Count++;
    KeReleaseGuardedMutex(&dev->Guard);
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

    KeAcquireGuardedMutex(&dev->Guard);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeReleaseGuardedMutex(&dev->Guard);
}
""",
            (Expect(9, "GuardedMutex"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeAcquireGuardedMutex(&dev->Guard);
    dev->Count++;
    KeAcquireGuardedMutex(&dev->Guard);
    KeReleaseGuardedMutex(&dev->Guard);
}
""",
            (Expect(9, "GuardedMutex"),),
        ),
    )
