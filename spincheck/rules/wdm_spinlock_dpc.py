"""Rule SpinLockDpc: spin locks alternate, and none is left held (Microsoft: wdm-spinlockdpc, storport-spinlockdpc)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, DPC_CALLS, DPC_ROLES, SECOND, Expect, Invalid, Match, Rule


class SpinLockDpcRule(Rule):
    """In a deferred procedure call, and wherever DPC-level calls are used, a spin lock is acquired only while free, released only while held, and not held at the end."""

    name = "SpinLockDpc"
    title = "spin locks alternate, and none is left held"
    models = ("wdm", "storport")
    pages = ("wdm-spinlockdpc", "storport-spinlockdpc")
    microsoft = (
        "Strict alternation of the ordinary acquire and release, and nothing held at the end of a dispatch or "
        "cancel routine."
    )
    differs = "Told for routines at DISPATCH_LEVEL, and knows the DPC-level calls."
    matches = (
        Match(
            BALANCE,
            kinds=("spin",),
            models=("wdm", "storport"),
            rank=SECOND,
            roles=DPC_ROLES,
            operations=DPC_CALLS,
        ),
    )
    valid = (
        """\
KDEFERRED_ROUTINE DpcForIsr;

VOID DpcForIsr(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE dev = DeviceOf(Context);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    if (!dev->Ready) {
        KeReleaseSpinLockFromDpcLevel(&dev->Lock);
        return;
    }
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
    )
    invalid = (
        Invalid(
            """\
KDEFERRED_ROUTINE DpcForIsr;

VOID DpcForIsr(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE dev = DeviceOf(Context);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(9, "SpinLockDpc"),),
        ),
        Invalid(
            """\
KDEFERRED_ROUTINE DpcForIsr;

VOID DpcForIsr(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE dev = DeviceOf(Context);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(9, "SpinLockDpc"),),
        ),
    )
