"""Rule IrqlReturn: a routine returns at the IRQL at which it was called (Microsoft: wdm-irqlreturn)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class IrqlReturnRule(Rule):
    """A routine that raises the IRQL lowers it again before it returns."""

    name = "IrqlReturn"
    title = "a routine returns at the IRQL at which it was called"
    models = ("kmdf", "wdm", "ndis", "storport")
    severity = "warning"
    pages = ("wdm-irqlreturn", "storport-spchangeirql")
    microsoft = "Dispatch routines, and Storport's callbacks, return at the IRQL at which they were called."
    differs = (
        "Only explicit raises are counted; a spin lock that is left held has its own rule. A warning, because "
        "the IRQL of a lock may be restored by KeLowerIrql."
    )
    matches = (Match(BALANCE, kinds=("irql",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    dev->Count++;
    KeLowerIrql(irql);
}
""",
    )
    invalid = (
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeLowerIrql(irql);
}
""",
            (Expect(10, "IrqlReturn"),),
        ),
    )
