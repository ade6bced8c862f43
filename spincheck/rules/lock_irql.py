"""Rule LockIrql: a lock is released with the state that its acquire saved (our own)."""

from __future__ import annotations

from spincheck.rules.rule import IRQL, Expect, Invalid, Match, Rule


class LockIrqlRule(Rule):
    """What a release restores (an IRQL, or saved interrupt flags) is what the acquire of that very lock saved, and nothing has overwritten it meanwhile.

    A cancel routine gives the cancel lock back with the IRQL that the I/O manager left in the IRP.
    """

    name = "LockIrql"
    title = "a lock is released with the state that its acquire saved"
    models = ("kmdf", "wdm", "ndis", "storport", "linux")
    differs = (
        "Microsoft's IrqlKeReleaseSpinLock covers only KeReleaseSpinLock, and no rule covers a saved IRQL "
        "that is overwritten."
    )
    matches = (Match(IRQL),)
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
        """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&Irp->CancelIrql);
    dev->Irp = NULL;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    irql = ExAcquireSpinLockShared(&dev->ExLock);
    dev->Count++;
    ExReleaseSpinLockShared(&dev->ExLock, irql);
    return STATUS_SUCCESS;
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

    dev->Irp = NULL;
    IoReleaseCancelSpinLock(DISPATCH_LEVEL);
    IoCompleteRequest(Irp, 0);
}
""",
            (Expect(8, "LockIrql"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    irql = ExAcquireSpinLockShared(&dev->ExLock);
    dev->Irp = NULL;
    ExReleaseSpinLockShared(&dev->ExLock, irql);
    IoReleaseCancelSpinLock(irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(12, "LockIrql"),),
        ),
        Invalid(
            """\
DRIVER_CANCEL CancelIrp;

VOID CancelIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    IoReleaseCancelSpinLock(irql);
    IoCompleteRequest(Irp, 0);
}
""",
            (Expect(7, "LockIrql"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);
    KIRQL irql = KeAcquireInterruptSpinLock(dev->Interrupt);

    dev->Count++;
    KeReleaseInterruptSpinLock(dev->Interrupt, DISPATCH_LEVEL);
    irql = ExAcquireSpinLockExclusive(&dev->ExLock);
    dev->Count++;
    ExReleaseSpinLockExclusive(&dev->ExLock, irql);
}
""",
            (Expect(9, "LockIrql"),),
        ),
    )
