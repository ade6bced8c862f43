"""Rule QueuedSpinLock: queued spin locks are balanced (Microsoft: wdm-queuedspinlock, storport-queuedspinlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class QueuedSpinLockRule(Rule):
    """A queued spin lock is acquired only while free, released through its queue handle only while held, and not held when the routine returns."""

    name = "QueuedSpinLock"
    title = "queued spin locks are balanced"
    models = ("kmdf", "wdm", "storport")
    pages = ("wdm-queuedspinlock", "storport-queuedspinlock")
    microsoft = (
        "Acquire before release, no second acquire of the same lock, none held when the dispatch or cancel "
        "routine ends."
    )
    differs = (
        'KMDF drivers are told too, where Microsoft had no rule. The DPC-level and "for DPC" calls count; a '
        "release is matched by its handle."
    )
    matches = (
        Match((*DOUBLE, *UNHELD), kinds=("queued",), rank=PRIMARY),
        Match(END, kinds=("queued",)),
    )
    valid = (
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    if (!dev->Ready) {
        KeReleaseInStackQueuedSpinLock(&handle);
        return STATUS_SUCCESS;
    }
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
    return STATUS_SUCCESS;
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KLOCK_QUEUE_HANDLE handle, other;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    dev->Count++;
    KeAcquireInStackQueuedSpinLock(&dev->Lock, &other);
    KeReleaseInStackQueuedSpinLock(&handle);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "QueuedSpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    if (!dev->Ready) {
        return STATUS_SUCCESS;
    }
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "QueuedSpinLock"),),
        ),
    )
