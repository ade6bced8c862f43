"""Rule InterruptSpinLock: interrupt spin locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class InterruptSpinLockRule(Rule):
    """The spin lock of an interrupt object is acquired only while free, released only while held, and not held when the routine returns.

    An interrupt service routine and a KSYNCHRONIZE_ROUTINE run under it and must leave it held.
    """

    name = "InterruptSpinLock"
    title = "interrupt spin locks are balanced"
    models = ("wdm", "ndis")
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("interrupt", "ndisinterrupt"), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    irql = KeAcquireInterruptSpinLock(dev->Interrupt);
    if (!dev->Ready) {
        KeReleaseInterruptSpinLock(dev->Interrupt, irql);
        return;
    }
    dev->Count++;
    KeReleaseInterruptSpinLock(dev->Interrupt, irql);
}
""",
    )
    invalid = (
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);
    KIRQL irql;

    irql = KeAcquireInterruptSpinLock(dev->Interrupt);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeReleaseInterruptSpinLock(dev->Interrupt, irql);
}
""",
            (Expect(10, "InterruptSpinLock"),),
        ),
    )
