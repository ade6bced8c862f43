"""Rule RemoveLock: remove locks are released by the routine that acquired them (Microsoft: wdm-removelock)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class RemoveLockRule(Rule):
    """A routine that has finished with an IRP has released the remove lock that it acquired for it, and has not released it twice.

    A remove lock is held for an IRP and not by a thread: once the IRP is handed to another routine of the driver, queued or pending, whoever gets
    it releases the lock. So a lock that is held at the end is told where nobody else can release it: the IRP is completed, or passed to
    another driver without a completion routine that releases the lock, or it was neither handed on nor does the routine return
    STATUS_PENDING. The tag says which IRP a lock is held for.
    """

    name = "RemoveLock"
    title = "remove locks are released by the routine that ends the I/O"
    models = ("wdm",)
    severity = "warning"
    pages = (
        "wdm-removelock", "wdm-removelockrelease2", "wdm-removelockreleasecleanup", "wdm-removelockreleaseclose", "wdm-removelockreleasecreate",
        "wdm-removelockreleasedevicecontrol", "wdm-removelockreleaseinternaldevicecontrol", "wdm-removelockreleasepnp",
        "wdm-removelockreleasepower", "wdm-removelockreleaseread", "wdm-removelockreleaseshutdown", "wdm-removelockreleasesystemcontrol",
        "wdm-removelockreleasewrite",
    )  # fmt: skip
    microsoft = "Acquire and release of the remove lock alternate, and it is not held when a dispatch routine ends; a rule for each kind of IRP."
    differs = (
        "One rule for every dispatch routine, which follows helpers. A release without an acquire is told of the IRP that a dispatch routine is called for; "
        "completion routines do just that. A second release for the same tag is told everywhere. A lock that is held when the routine returns is told only "
        "where no routine that can release it has the IRP: Microsoft's rules tell every routine whose completion routine releases the lock. What "
        "happens to the lock after the IRP was handed on is not told, nor are locks with a tag that is not the routine's own IRP where other "
        "routines release any; a completion or work routine that releases the lock on one way out and only completes the IRP on another one is."
    )
    matches = (Match(BALANCE, kinds=("removelock",), rank=PRIMARY),)
    valid = (
        """\
DRIVER_DISPATCH DispatchPower;

NTSTATUS DispatchPower(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&dev->RemoveLock, Irp);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    dev->Count++;
    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
    return STATUS_SUCCESS;
}
""",
        """\
DRIVER_CANCEL CancelIrp;

VOID CancelIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoCompleteRequest(Irp, 0);
    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
}
""",
        """\
DRIVER_DISPATCH DispatchRead;
IO_COMPLETION_ROUTINE ReadDone;
VOID IoSetCompletionRoutine(PIRP Irp, IO_COMPLETION_ROUTINE *Routine, PVOID Context, BOOLEAN Success, BOOLEAN Error, BOOLEAN Cancel);

NTSTATUS ReadDone(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context)
{
    PDEVICE dev = Context;

    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
    return STATUS_SUCCESS;
}

static NTSTATUS Forward(PDEVICE dev, PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoSetCompletionRoutine(Irp, ReadDone, dev, 1, 1, 1);
    return IofCallDriver(DeviceObject, Irp);
}

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&dev->RemoveLock, Irp);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (dev->Ready) {
        dev->Irp = Irp;
        return STATUS_PENDING;
    }
    return Forward(dev, DeviceObject, Irp);
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_DISPATCH DispatchPower;

NTSTATUS DispatchPower(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&dev->RemoveLock, Irp);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (!dev->Ready) {
        IoCompleteRequest(Irp, 0);
        return STATUS_UNSUCCESSFUL;
    }
    status = IofCallDriver(DeviceObject, Irp);
    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
    return status;
}
""",
            (Expect(13, "RemoveLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

static VOID Finish(PDEVICE dev, PIRP Irp)
{
    IoCompleteRequest(Irp, 0);
    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
}

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&dev->RemoveLock, Irp);

    if (!NT_SUCCESS(status)) {
        return status;
    }
    Finish(dev, Irp);
    IoReleaseRemoveLock(&dev->RemoveLock, Irp);
    return STATUS_SUCCESS;
}
""",
            (Expect(18, "RemoveLock"),),
        ),
    )
