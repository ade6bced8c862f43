"""Rule WaitWhileSpinlock: nothing waits while a spin lock is held (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class WaitWhileSpinlockRule(Rule):
    """Calls that wait, or take a lock that may make them wait, are not made while a spin lock is held.

    At DISPATCH_LEVEL the scheduler does not run: a wait with a timeout other than zero stops the processor.
    """

    name = "WaitWhileSpinlock"
    title = "nothing waits while a spin lock is held"
    models = ("kmdf", "wdm", "ndis", "storport")
    differs = (
        "Microsoft's IRQL rules look at the IRQL of single calls and have no idea which lock raised it; here "
        "the lock is named. A timeout that may be zero is believed."
    )
    matches = (Match(("call-while-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    LARGE_INTEGER now;

    now.QuadPart = 0;
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeWaitForSingleObject(&dev->Event, 0, 0, FALSE, &now);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
        """\
EVT_WDF_TIMER EvtTimer;

static VOID Stop(PDEVICE dev, BOOLEAN Wait)
{
    dev->Ready = FALSE;
    if (Wait) {
        KeWaitForSingleObject(&dev->Event, 0, 0, FALSE, NULL);
    }
}

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    Stop(dev, FALSE);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfSpinLockAcquire(dev->SpinLock);
    KeWaitForSingleObject(&dev->Event, 0, 0, FALSE, NULL);
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(8, "WaitWhileSpinlock"),),
        ),
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;

static VOID Stop(PDEVICE dev, BOOLEAN Wait)
{
    dev->Ready = FALSE;
    if (Wait) {
        KeWaitForSingleObject(&dev->Event, 0, 0, FALSE, NULL);
    }
}

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    Stop(dev, TRUE);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(16, "WaitWhileSpinlock"),),
        ),
    )
