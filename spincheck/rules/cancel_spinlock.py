"""Rule CancelSpinLock: the cancel spin lock is balanced (Microsoft: wdm-cancelspinlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class CancelSpinLockRule(Rule):
    """The cancel spin lock is acquired only while free, released only while held, and not held when the routine returns.

    A cancel routine is entered with it held, and must release it.
    """

    name = "CancelSpinLock"
    title = "the cancel spin lock is balanced"
    models = ("wdm", "storport")
    pages = ("wdm-cancelspinlock", "storport-cancelspinlock")
    microsoft = (
        "IoAcquireCancelSpinLock and IoReleaseCancelSpinLock alternate, and the lock is free when the routine "
        "ends."
    )
    differs = "Told whatever the driver model: a KMDF driver that handles IRPs has the same lock."
    matches = (
        Match((*DOUBLE, *UNHELD), kinds=("cancel",), rank=PRIMARY),
        Match(END, kinds=("cancel",)),
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
        """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    if (!dev->Ready) {
        IoReleaseCancelSpinLock(irql);
        return STATUS_SUCCESS;
    }
    dev->Count++;
    IoReleaseCancelSpinLock(irql);
    return STATUS_SUCCESS;
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    dev->Count++;
    IoAcquireCancelSpinLock(&irql);
    IoReleaseCancelSpinLock(irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "CancelSpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchCleanup;

NTSTATUS DispatchCleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    dev->Count++;
    IoReleaseCancelSpinLock(irql);
    IoReleaseCancelSpinLock(irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(11, "CancelSpinLock"),),
        ),
    )
