"""Rule SpinLockBalanced: NDIS spin locks are balanced (Microsoft: ndis-spinlockbalanced)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, SECOND, Expect, Invalid, Match, Rule


class SpinLockBalancedRule(Rule):
    """An NDIS driver acquires a spin lock only while free, releases it only while held, and holds none at the end of a handler."""

    name = "SpinLockBalanced"
    title = "NDIS spin locks are balanced"
    models = ("ndis",)
    pages = ("ndis-spinlockbalanced",)
    microsoft = "Acquires and releases of NDIS spin locks are balanced."
    differs = "Told beside SpinLock and SpinLockRelease, which have the details."
    matches = (
        Match(BALANCE, kinds=("spin", "ndisspin"), models=("ndis",), rank=SECOND),
        Match(BALANCE, kinds=("ndisspin",), models=("kmdf", "wdm", "storport"), rank=SECOND),
    )
    valid = (
        """\
MINIPORT_CANCEL_SEND CancelSend;

VOID CancelSend(PVOID Context, PVOID CancelId)
{
    PDEVICE dev = DeviceOf(Context);

    NdisAcquireSpinLock(&dev->NdisLock);
    if (!dev->Ready) {
        NdisReleaseSpinLock(&dev->NdisLock);
        return;
    }
    dev->Count++;
    NdisReleaseSpinLock(&dev->NdisLock);
}
""",
    )
    invalid = (
        Invalid(
            """\
MINIPORT_CANCEL_SEND CancelSend;

VOID CancelSend(PVOID Context, PVOID CancelId)
{
    PDEVICE dev = DeviceOf(Context);

    NdisAcquireSpinLock(&dev->NdisLock);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    NdisReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(9, "SpinLockBalanced"),),
        ),
    )
