"""Rule SpinLockSafe: no packet is started and no IRP completed while a spin lock is held (Microsoft: wdm-spinlocksafe, storport-spinlocksafe)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class SpinLockSafeRule(Rule):
    """IoStartNextPacket and IoCompleteRequest must not be called while a spin lock is held.

    Both run other code at once, a StartIo routine or completion routines of drivers above, that may want the same lock.
    """

    name = "SpinLockSafe"
    title = "no packet is started and no IRP completed while a spin lock is held"
    models = ("wdm", "storport")
    pages = ("wdm-spinlocksafe", "storport-spinlocksafe")
    microsoft = (
        "Neither call is made while holding a spin lock; the page admits false alarms when locks nest."
    )
    differs = (
        "Locks are told apart, so that nested locks are followed exactly. KMDF drivers that complete an IRP "
        "themselves are told too."
    )
    matches = (Match(("call-while-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
KDEFERRED_ROUTINE DpcForIsr;

VOID DpcForIsr(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE dev = DeviceOf(Context);
    PIRP irp;

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    irp = dev->Irp;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    IoCompleteRequest(irp, 0);
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_CANCEL CancelIrp;

VOID CancelIrp(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    IoCompleteRequest(Irp, 0);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
}
""",
            (Expect(5, "SpinLockSafe"),),
        ),
        Invalid(
            """\
KDEFERRED_ROUTINE DpcForIsr;

VOID DpcForIsr(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE dev = DeviceOf(Context);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    IoCompleteRequest(dev->Irp, 0);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(8, "SpinLockSafe"),),
        ),
    )
