"""Rule LockBalance: locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, Expect, Invalid, Match, Rule


class LockBalanceRule(Rule):
    """A lock of a kind that has no rule of its own, a project's own lock above all, is acquired only while free, released only while held, and not held at the end."""

    name = "LockBalance"
    title = "locks are balanced"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    differs = "Microsoft has no rule for these locks."
    fallback = True
    matches = (Match(BALANCE),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);
    KIRQL irql = KeAcquireQueuedSpinLock(4);

    dev->Count++;
    KeReleaseQueuedSpinLock(4, irql);
}
""",
    )
    invalid = (
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);
    KIRQL irql = KeAcquireQueuedSpinLock(4);

    if (!dev->Ready) {
        return;
    }
    KeReleaseQueuedSpinLock(4, irql);
}
""",
            (Expect(9, "LockBalance"),),
        ),
    )
