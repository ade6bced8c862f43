"""Rule RemoveLock: remove locks are released by the routine that acquired them (Microsoft: wdm-removelock)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class RemoveLockRule(Rule):
    """A dispatch routine has released every remove lock that it acquired by the time it returns.

    Off by default: a remove lock is meant to be held while I/O is outstanding, and a completion routine releases it as often as not.
    """

    name = "RemoveLock"
    title = "remove locks are released by the routine that acquired them"
    models = ("wdm",)
    severity = "warning"
    enabled = False
    pages = ("wdm-removelock",)
    microsoft = (
        "The remove lock is not held when a PnP or power dispatch routine ends; a family of rules says the "
        "same for each kind of IRP (RemoveLockReleaseWrite, ...)."
    )
    differs = (
        "One rule for every dispatch routine; off by default. A release without an acquire is not told, "
        "because completion routines do just that: only a lock that is held at the end is, and the IRP that was passed on "
        "with a completion routine that releases it looks the same."
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
    dev->Count++;
    return STATUS_SUCCESS;
}
""",
            (Expect(12, "RemoveLock"),),
        ),
    )
