"""Rule QueuedSpinLockRelease: queued spin locks are released before the routine returns (Microsoft: wdm-queuedspinlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class QueuedSpinLockReleaseRule(Rule):
    """A queued spin lock is acquired only while free, released through its queue handle only while held, and not held when the routine returns."""

    name = "QueuedSpinLockRelease"
    title = "queued spin locks are released before the routine returns"
    models = ("kmdf", "wdm", "storport")
    pages = ("wdm-queuedspinlockrelease", "storport-queuedspinlockrelease")
    microsoft = "The acquire and release of queued spin locks alternate, and none is held at the end."
    differs = (
        'KMDF drivers are told too, where Microsoft had no rule. The DPC-level and "for DPC" calls count; a '
        "release is matched by its handle."
    )
    matches = (
        Match(END, kinds=("queued",), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("queued",)),
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
            (Expect(10, "QueuedSpinLockRelease"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
    KeReleaseInStackQueuedSpinLock(&handle);
    return STATUS_SUCCESS;
}
""",
            (Expect(11, "QueuedSpinLockRelease"),),
        ),
    )
