"""Rule LockContract: a function leaves the same locks held on all ways out that look alike to its caller (our own)."""

from __future__ import annotations

from spincheck.rules.rule import CONTRACT, PRIMARY, Expect, Invalid, Match, Rule


class LockContractRule(Rule):
    """A function whose callers are not known takes, gives back or needs locks in the same way on all its ways out, or tells by its result.

    Ways out that agree in result and arguments but not in what they hold are an error. A failure that holds what success does not, and a function that
    needs one lock and leaves another, are warnings. So are two callbacks that are registered to take a lock and to give it back, of which only one does so.
    """

    name = "LockContract"
    title = "a function leaves the same locks held on all ways out that look alike to its caller"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    differs = "Microsoft's rules begin at callbacks and say nothing about such functions."
    matches = (Match(CONTRACT, rank=PRIMARY),)
    valid = (
        """\
NTSTATUS LockIfReady(PDEVICE dev)
{
    KeAcquireSpinLock(&dev->Lock, &dev->OldIrql);
    if (!dev->Ready) {
        KeReleaseSpinLock(&dev->Lock, dev->OldIrql);
        return STATUS_DEVICE_BUSY;
    }
    return STATUS_SUCCESS;
}
""",
    )
    invalid = (
        Invalid(
            """\
NTSTATUS LockIfReady(PDEVICE dev)
{
    PVOID buffer = ExAllocatePoolWithTag(NonPagedPool, 64, 'nips');

    KeAcquireSpinLock(&dev->Lock, &dev->OldIrql);
    if (buffer == NULL) {
        return STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&dev->Lock, dev->OldIrql);
    return STATUS_SUCCESS;
}
""",
            (Expect(7, "LockContract"),),
        ),
    )
