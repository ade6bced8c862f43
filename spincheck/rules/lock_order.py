"""Rule LockOrder: locks are always acquired in the same order (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class LockOrderRule(Rule):
    """Two locks that are held together are acquired in one order throughout the driver.

    Two processors that take two locks in opposite orders wait for each other for ever. Both paths are shown.
    """

    name = "LockOrder"
    title = "locks are always acquired in the same order"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    severity = "warning"
    differs = (
        "Microsoft's StorPortSpinLock3 has the fixed hierarchy of Storport's locks; nothing covers a driver's "
        "own locks. A warning: something else may keep the two paths apart."
    )
    matches = (Match(("order-cycle",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;
EVT_WDF_DPC EvtDpc;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
}
""",
            (Expect(9, "LockOrder"),),
        ),
    )
