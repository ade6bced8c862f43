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
    )
