"""Rule WdfInterruptLockRelease: framework interrupt locks are released before the callback returns (Microsoft: kmdf-wdfinterruptlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfInterruptLockReleaseRule(Rule):
    """A callback must have released every framework interrupt lock that it acquired by the time it returns."""

    name = "WdfInterruptLockRelease"
    title = "framework interrupt locks are released before the callback returns"
    models = ("kmdf",)
    pages = ("kmdf-wdfinterruptlockrelease",)
    microsoft = "Every framework interrupt lock that was acquired is released by the end of the callback."
    differs = (
        "Helpers and other files of the driver are followed. Callbacks that the framework calls under the "
        "lock (EvtInterruptIsr, Enable, Disable, Synchronize) begin with it held and must leave it so."
    )
    matches = (
        Match(END, kinds=("wdfinterrupt",), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("wdfinterrupt",)),
    )
    valid = (
        """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    WdfInterruptAcquireLock(dev->WdfInterrupt);
    if (!dev->Ready) {
        WdfInterruptReleaseLock(dev->WdfInterrupt);
        return;
    }
    dev->Count++;
    WdfInterruptReleaseLock(dev->WdfInterrupt);
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

    WdfInterruptAcquireLock(dev->WdfInterrupt);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    WdfInterruptReleaseLock(dev->WdfInterrupt);
}
""",
            (Expect(9, "WdfInterruptLockRelease"),),
        ),
    )
