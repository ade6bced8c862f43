"""Rule QueueHandleReuse: a queue handle waits for one lock at a time (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class QueueHandleReuseRule(Rule):
    """The queue handle of a queued spin lock is not used for another acquire before its lock is released.

    The handle is the lock's place in the queue; a second acquire overwrites it, and the first lock can never be released.
    """

    name = "QueueHandleReuse"
    title = "a queue handle waits for one lock at a time"
    models = ("kmdf", "wdm", "ndis", "storport")
    differs = "Microsoft has no rule for it."
    matches = (Match(("handle-reused",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
    KeAcquireInStackQueuedSpinLock(&dev->Lock2, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
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
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&dev->Lock, &handle);
    KeAcquireInStackQueuedSpinLock(&dev->Lock2, &handle);
    dev->Count++;
    KeReleaseInStackQueuedSpinLock(&handle);
}
""",
            (Expect(9, "QueueHandleReuse"),),
        ),
    )
