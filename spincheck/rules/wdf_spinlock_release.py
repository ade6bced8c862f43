"""Rule WdfSpinlockRelease: framework spin locks are released before the callback returns (Microsoft: kmdf-wdfspinlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfSpinlockReleaseRule(Rule):
    """A callback must have released every framework spin lock that it acquired by the time it returns."""

    name = "WdfSpinlockRelease"
    title = "framework spin locks are released before the callback returns"
    models = ("kmdf",)
    pages = ("kmdf-wdfspinlockrelease",)
    microsoft = "Every framework spin lock that was acquired is released by the end of the callback."
    differs = "Helpers and other files of the driver are followed."
    matches = (
        Match(END, kinds=("wdfspin",), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("wdfspin",)),
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
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(9, "WdfSpinlockRelease"),),
        ),
    )
