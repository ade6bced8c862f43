"""Rule SpinLockRelease: a spin lock is released only while held (Microsoft: ndis-spinlockrelease, storport-spinlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class SpinLockReleaseRule(Rule):
    """A spin lock is not released without having been acquired."""

    name = "SpinLockRelease"
    title = "a spin lock is released only while held"
    models = ("ndis", "storport")
    pages = ("ndis-spinlockrelease", "storport-spinlockrelease")
    microsoft = (
        "NDIS: no release without an acquire. Storport: strict alternation and nothing held at the end."
    )
    differs = "One rule stands for both."
    matches = (
        Match(UNHELD, kinds=("spin", "ndisspin"), models=("ndis", "storport"), rank=PRIMARY),
        Match((*DOUBLE, *END), kinds=("spin", "ndisspin"), models=("storport",)),
        Match(UNHELD, kinds=("ndisspin",), models=("kmdf", "wdm"), rank=PRIMARY),
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
    dev->Count++;
    NdisReleaseSpinLock(&dev->NdisLock);
    NdisReleaseSpinLock(&dev->NdisLock);
}
""",
            (Expect(10, "SpinLockRelease"),),
        ),
    )
