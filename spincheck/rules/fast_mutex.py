"""Rule FastMutex: fast mutexes are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class FastMutexRule(Rule):
    """A fast mutex is acquired only while free, released only while held, and not held when the routine returns."""

    name = "FastMutex"
    title = "fast mutexes are balanced"
    models = ("kmdf", "wdm")
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("fastmutex",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    ExAcquireFastMutex(&dev->Mutex);
    if (!dev->Ready) {
        ExReleaseFastMutex(&dev->Mutex);
        return;
    }
    dev->Count++;
    ExReleaseFastMutex(&dev->Mutex);
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

    ExAcquireFastMutex(&dev->Mutex);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    ExReleaseFastMutex(&dev->Mutex);
}
""",
            (Expect(9, "FastMutex"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    ExAcquireFastMutex(&dev->Mutex);
    dev->Count++;
    ExAcquireFastMutex(&dev->Mutex);
    ExReleaseFastMutex(&dev->Mutex);
}
""",
            (Expect(9, "FastMutex"),),
        ),
    )
