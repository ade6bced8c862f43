"""Rule ExSpinLock: reader/writer spin locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class ExSpinLockRule(Rule):
    """A reader/writer spin lock (EX_SPIN_LOCK) is acquired only while free, released only while held, and not held when the callback returns.

    A conversion from shared to exclusive may fail and then leaves the lock shared.
    """

    name = "ExSpinLock"
    title = "reader/writer spin locks are balanced"
    models = ("kmdf", "wdm", "ndis", "storport")
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("exspin",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql = ExAcquireSpinLockShared(&dev->ExLock);

    if (ExTryConvertSharedSpinLockExclusive(&dev->ExLock)) {
        dev->Count++;
        ExReleaseSpinLockExclusive(&dev->ExLock, irql);
    } else {
        ExReleaseSpinLockShared(&dev->ExLock, irql);
    }
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql = ExAcquireSpinLockShared(&dev->ExLock);

    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    ExReleaseSpinLockShared(&dev->ExLock, irql);
}
""",
            (Expect(9, "ExSpinLock"),),
        ),
    )
