"""Rule CancelSpinLockRelease: the cancel spin lock is released before the routine returns (Microsoft: wdm-cancelspinlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class CancelSpinLockReleaseRule(Rule):
    """Every path of a routine that holds the cancel spin lock releases it; a cancel routine holds it from the start."""

    name = "CancelSpinLockRelease"
    title = "the cancel spin lock is released before the routine returns"
    models = ("wdm",)
    pages = ("wdm-cancelspinlockrelease",)
    microsoft = "The cancel spin lock is not held at the end of a routine."
    differs = "The IRQL that a cancel routine gives back must be the one in its IRP; that is LockIrql's part."
    matches = (
        Match(END, kinds=("cancel",), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("cancel",)),
    )
    valid = (
        """\
DRIVER_CANCEL CancelIrp;

VOID CancelIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    dev->Irp = NULL;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoCompleteRequest(Irp, 0);
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_CANCEL CancelIrp;

VOID CancelIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    if (dev->Irp != Irp) {
        return;
    }
    dev->Irp = NULL;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    IoCompleteRequest(Irp, 0);
}
""",
            (Expect(8, "CancelSpinLockRelease"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    if (!dev->Ready) {
        return STATUS_SUCCESS;
    }
    dev->Count++;
    IoReleaseCancelSpinLock(irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "CancelSpinLockRelease"),),
        ),
    )
