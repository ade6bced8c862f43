"""Rule WdfInterruptLock: framework interrupt locks are acquired and released in strict alternation (Microsoft: kmdf-wdfinterruptlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class WdfInterruptLockRule(Rule):
    """A framework interrupt lock is acquired only while free, released only while held, and not held when the callback returns."""

    name = "WdfInterruptLock"
    title = "framework interrupt locks are acquired and released in strict alternation"
    models = ("kmdf",)
    pages = ("kmdf-wdfinterruptlock",)
    microsoft = (
        "The acquire and release calls of framework interrupt locks alternate, and none is held at the end of "
        "a callback."
    )
    differs = (
        "The handle is the lock: two handles nest freely, and one handle in two variables is one lock. "
        "Callbacks that the framework calls under the lock (EvtInterruptIsr, Enable, Disable, Synchronize) "
        "begin with it held and must leave it so."
    )
    matches = (
        Match((*DOUBLE, *UNHELD), kinds=("wdfinterrupt",), rank=PRIMARY),
        Match(END, kinds=("wdfinterrupt",)),
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
        """\
EVT_WDF_INTERRUPT_ISR EvtIsr;

BOOLEAN EvtIsr(WDFINTERRUPT Interrupt, ULONG MessageID)
{
    PDEVICE dev = DeviceOf(Interrupt);

    dev->Count = (LONG)MessageID;
    return TRUE;
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
    dev->Count++;
    WdfInterruptAcquireLock(dev->WdfInterrupt);
    WdfInterruptReleaseLock(dev->WdfInterrupt);
}
""",
            (Expect(9, "WdfInterruptLock"),),
        ),
        Invalid(
            """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    WdfInterruptAcquireLock(dev->WdfInterrupt);
    dev->Count++;
    WdfInterruptReleaseLock(dev->WdfInterrupt);
    WdfInterruptReleaseLock(dev->WdfInterrupt);
}
""",
            (Expect(10, "WdfInterruptLock"),),
        ),
        Invalid(
            """\
EVT_WDF_INTERRUPT_ISR EvtIsr;

BOOLEAN EvtIsr(WDFINTERRUPT Interrupt, ULONG MessageID)
{
    PDEVICE dev = DeviceOf(Interrupt);

    WdfInterruptAcquireLock(Interrupt);
    dev->Count = (LONG)MessageID;
    return TRUE;
}
""",
            (Expect(7, "WdfInterruptLock"),),
        ),
    )
