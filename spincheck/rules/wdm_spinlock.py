"""Rule SpinLock: a spin lock is acquired once and released by the end (Microsoft: wdm-spinlock, ndis-spinlock, storport-spinlock)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, DOUBLE, END, PRIMARY, Expect, Invalid, Match, Rule


class SpinLockRule(Rule):
    """A spin lock is not acquired again while held, and is released by the time the routine returns. Different locks may nest."""

    name = "SpinLock"
    title = "a spin lock is acquired once and released by the end"
    models = ("wdm", "ndis", "storport")
    pages = ("wdm-spinlock", "ndis-spinlock", "storport-spinlock")
    microsoft = (
        "WDM, NDIS and Storport have a rule of this name each: no acquire while held, no lock held when the "
        "dispatch, cancel or miniport routine ends."
    )
    differs = (
        "One rule stands for the three. It covers every routine with a role, not only dispatch and cancel "
        "routines."
    )
    matches = (
        Match(DOUBLE, kinds=("spin", "ndisspin"), models=("wdm", "ndis", "storport"), rank=PRIMARY),
        Match(END, kinds=("spin",), models=("wdm",)),
        Match(END, kinds=("spin", "ndisspin"), models=("ndis", "storport"), rank=PRIMARY),
        Match(BALANCE, kinds=("ndisspin",), models=("kmdf", "wdm")),
    )
    valid = (
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    if (!dev->Ready) {
        KeReleaseSpinLock(&dev->Lock, irql);
        return STATUS_SUCCESS;
    }
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
    return STATUS_SUCCESS;
}
""",
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    if (KeTryToAcquireSpinLockAtDpcLevel(&dev->Lock)) {
        dev->Irp = Irp;
        KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    }
    return STATUS_PENDING;
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
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Count++;
    KeAcquireSpinLock(&dev->Lock, &irql);
    KeReleaseSpinLock(&dev->Lock, irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "SpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    if (!dev->Ready) {
        return STATUS_SUCCESS;
    }
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
    return STATUS_SUCCESS;
}
""",
            (Expect(10, "SpinLock"),),
        ),
        Invalid(
            """\
MINIPORT_CANCEL_SEND CancelSend;

VOID CancelSend(PVOID Context, PVOID CancelId)
{
    PDEVICE dev = DeviceOf(Context);

    NdisAcquireSpinLock(&dev->NdisLock);
    dev->Count++;
    NdisAcquireSpinLock(&dev->NdisLock);
    NdisReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(9, "SpinLock"),),
        ),
    )
