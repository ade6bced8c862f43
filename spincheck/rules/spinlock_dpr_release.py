"""Rule SpinLockDprRelease: NDIS spin locks at DPC level are released (Microsoft: ndis-spinlockdprrelease)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, DPC_CALLS, SECOND, Expect, Invalid, Match, Rule


class SpinLockDprReleaseRule(Rule):
    """A lock that was acquired by NdisDprAcquireSpinLock is released before the handler returns, and not released while free."""

    name = "SpinLockDprRelease"
    title = "NDIS spin locks at DPC level are released"
    models = ("ndis",)
    pages = ("ndis-spinlockdprrelease",)
    microsoft = "Acquires only while free, and nothing held when the handler ends."
    differs = "A release without an acquire is told as well."
    matches = (
        Match(
            BALANCE,
            kinds=("spin", "ndisspin"),
            models=("ndis",),
            rank=SECOND,
            operations=r"NdisDpr\w+|" + DPC_CALLS,
        ),
    )
    valid = (
        """\
NDIS_TIMER_FUNCTION Timer;

VOID Timer(PVOID S1, PVOID Context, PVOID S2, PVOID S3)
{
    PDEVICE dev = DeviceOf(Context);

    NdisDprAcquireSpinLock(&dev->NdisLock);
    if (!dev->Ready) {
        NdisDprReleaseSpinLock(&dev->NdisLock);
        return;
    }
    dev->Count++;
    NdisDprReleaseSpinLock(&dev->NdisLock);
}
""",
    )
    invalid = (
        Invalid(
            """\
NDIS_TIMER_FUNCTION Timer;

VOID Timer(PVOID S1, PVOID Context, PVOID S2, PVOID S3)
{
    PDEVICE dev = DeviceOf(Context);

    NdisDprAcquireSpinLock(&dev->NdisLock);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    NdisDprReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(9, "SpinLockDprRelease"),),
        ),
        Invalid(
            """\
NDIS_TIMER_FUNCTION Timer;

VOID Timer(PVOID S1, PVOID Context, PVOID S2, PVOID S3)
{
    PDEVICE dev = DeviceOf(Context);

    NdisDprAcquireSpinLock(&dev->NdisLock);
    dev->Count++;
    NdisDprReleaseSpinLock(&dev->NdisLock);
    NdisDprReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(10, "SpinLockDprRelease"),),
        ),
    )
