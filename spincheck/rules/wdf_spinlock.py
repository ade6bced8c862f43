"""Rule WdfSpinlock: framework spin locks are acquired and released in strict alternation (Microsoft: kmdf-wdfspinlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfSpinlockRule(Rule):
    """A framework spin lock is acquired only while free, released only while held, and not held when the callback returns."""

    name = "WdfSpinlock"
    title = "framework spin locks are acquired and released in strict alternation"
    models = ("kmdf",)
    pages = ("kmdf-wdfspinlock",)
    microsoft = (
        "The acquire and release calls of framework spin locks alternate, and none is held at the end of a "
        "callback."
    )
    differs = "The handle is the lock: two handles nest freely, and one handle in two variables is one lock."
    matches = (
        Match((*DOUBLE, *UNHELD), kinds=("wdfspin",), rank=PRIMARY),
        Match(END, kinds=("wdfspin",)),
    )
    valid = (
        """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    WdfSpinLockAcquire(dev->SpinLock);
    if (!dev->Ready) {
        WdfSpinLockRelease(dev->SpinLock);
        return;
    }
    dev->Count++;
    WdfSpinLockRelease(dev->SpinLock);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    WdfSpinLockAcquire(dev->SpinLock);
    dev->Count++;
    WdfSpinLockAcquire(dev->SpinLock);
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(9, "WdfSpinlock"),),
        ),
        Invalid(
            """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    WdfSpinLockAcquire(dev->SpinLock);
    dev->Count++;
    WdfSpinLockRelease(dev->SpinLock);
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(10, "WdfSpinlock"),),
        ),
    )
