"""Rule SpinLockDpr: NDIS spin locks at DPC level are acquired once and released (Microsoft: ndis-spinlockdpr)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, DPC_CALLS, END, SECOND, Expect, Invalid, Match, Rule


class SpinLockDprRule(Rule):
    """NdisDprAcquireSpinLock is called only while the lock is free, and the lock is released before the handler returns."""

    name = "SpinLockDpr"
    title = "NDIS spin locks at DPC level are acquired once and released"
    models = ("ndis",)
    pages = ("ndis-spinlockdpr",)
    microsoft = (
        "The DPR acquire is called only while the lock is free, and the lock is released before the handler "
        "ends."
    )
    differs = "Headers that turn the calls into Ke... calls give the same result."
    matches = (
        Match(
            (*DOUBLE, *END),
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
    dev->Count++;
    NdisDprAcquireSpinLock(&dev->NdisLock);
    NdisDprReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(9, "SpinLockDpr"),),
        ),
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
            (Expect(9, "SpinLockDpr"),),
        ),
    )
