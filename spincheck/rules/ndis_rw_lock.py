"""Rule NdisRWLock: NDIS reader/writer locks are balanced (our own)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class NdisRWLockRule(Rule):
    """An NDIS reader/writer lock is released as often as it is acquired, and not held when the handler returns."""

    name = "NdisRWLock"
    title = "NDIS reader/writer locks are balanced"
    models = ("ndis",)
    differs = "Microsoft has no rule for these locks."
    matches = (Match(BALANCE, kinds=("ndisrw", "ndisrwold"), rank=PRIMARY),)
    valid = (
        """\
MINIPORT_CANCEL_SEND CancelSend;

VOID CancelSend(PVOID Context, PVOID CancelId)
{
    PDEVICE dev = DeviceOf(Context);
    PNDIS_RW_LOCK_EX lock = RwLockOf(dev);
    LOCK_STATE_EX state;

    NdisAcquireRWLockWrite(lock, &state, 0);
    dev->Count++;
    NdisReleaseRWLock(lock, &state);
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
    PNDIS_RW_LOCK_EX lock = RwLockOf(dev);
    LOCK_STATE_EX state;

    NdisAcquireRWLockRead(lock, &state, 0);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    NdisReleaseRWLock(lock, &state);
}
""",
            (Expect(11, "NdisRWLock"),),
        ),
    )
