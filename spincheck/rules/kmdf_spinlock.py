"""Rule Spinlock: spin locks are acquired and released in strict alternation (Microsoft: kmdf-spinlock)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class SpinlockRule(Rule):
    """A spin lock is acquired only while free and released only while held.

    Acquiring a spin lock that this processor already holds never returns. Releasing one that is not held gives somebody else's lock away,
    and restores an IRQL that nobody saved.
    """

    name = "Spinlock"
    title = "spin locks are acquired and released in strict alternation"
    models = ("kmdf",)
    pages = ("kmdf-spinlock",)
    microsoft = (
        "Calls to KeAcquireSpinLock or KeAcquireSpinLockRaiseToDpc and to KeReleaseSpinLock alternate."
    )
    differs = (
        "Microsoft's rule watches one lock at a time without telling locks apart; here nesting two different "
        "locks is fine. Every variant counts."
    )
    matches = (Match((*DOUBLE, *UNHELD), kinds=("spin",), models=("kmdf",), rank=PRIMARY),)
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

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Count++;
    KeAcquireSpinLock(&dev->Lock, &irql);
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
            (Expect(10, "Spinlock"),),
        ),
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
            (Expect(11, "Spinlock"),),
        ),
    )
