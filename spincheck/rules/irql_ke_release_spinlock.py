"""Rule IrqlKeReleaseSpinLock: a spin lock is released with the IRQL that its acquire saved (Microsoft: wdm-irqlkereleasespinlock)."""

from __future__ import annotations

from spincheck.rules.rule import IRQL, PRIMARY, Expect, Invalid, Match, Rule


class IrqlKeReleaseSpinLockRule(Rule):
    """KeReleaseSpinLock is handed the very IRQL that the acquire of this lock saved.

    Another value leaves the processor at a wrong IRQL, with luck a bug check, without it a rare hang far away.
    """

    name = "IrqlKeReleaseSpinLock"
    title = "a spin lock is released with the IRQL that its acquire saved"
    models = ("kmdf", "wdm", "ndis", "storport")
    pages = ("wdm-irqlkereleasespinlock", "storport-irqlkereleasespinlock")
    microsoft = "The release happens at DISPATCH_LEVEL, with the IRQL that was current before the acquire."
    differs = (
        "The value is followed through fields and helpers instead of the IRQL itself. A saved IRQL that a "
        "nested acquire overwrote is told where it is used."
    )
    matches = (Match(IRQL, kinds=("spin",), rank=PRIMARY),)
    valid = (
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL outer;
    KIRQL inner;

    KeAcquireSpinLock(&dev->Lock, &outer);
    KeAcquireSpinLock(&dev->Lock2, &inner);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock2, inner);
    KeReleaseSpinLock(&dev->Lock, outer);
    return STATUS_PENDING;
}
""",
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL first;
    KIRQL second;

    KeAcquireSpinLock(&dev->Lock, &first);
    KeAcquireSpinLock(&dev->Lock2, &second);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock, second);
    KeReleaseSpinLock(&dev->Lock2, first);
    return STATUS_PENDING;
}
""",
        """\
static VOID LockDevice(PDEVICE dev)
{
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->OldIrql = irql;
}

DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    LockDevice(dev);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock, dev->OldIrql);
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
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    KeAcquireSpinLock(&dev->Lock2, &irql);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock2, irql);
    KeReleaseSpinLock(&dev->Lock, irql);
    return STATUS_PENDING;
}
""",
            (Expect(12, "IrqlKeReleaseSpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL irql;
    KIRQL other;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock, other);
    return STATUS_PENDING;
}
""",
            (Expect(11, "IrqlKeReleaseSpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock, 0);
    return STATUS_PENDING;
}
""",
            (Expect(10, "IrqlKeReleaseSpinLock"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL outer;
    KIRQL inner;

    KeAcquireSpinLock(&dev->Lock, &outer);
    KeAcquireSpinLock(&dev->Lock2, &inner);
    dev->Irp = Irp;
    KeReleaseSpinLock(&dev->Lock2, outer);
    KeReleaseSpinLock(&dev->Lock, inner);
    return STATUS_PENDING;
}
""",
            (Expect(12, "IrqlKeReleaseSpinLock"),),
        ),
        Invalid(
            """\
static VOID UnlockDevice(PDEVICE dev, KIRQL irql)
{
    KeReleaseSpinLock(&dev->Lock, irql);
}

DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Irp = Irp;
    UnlockDevice(dev, DISPATCH_LEVEL);
    return STATUS_PENDING;
}
""",
            (Expect(15, "IrqlKeReleaseSpinLock"),),
        ),
    )
