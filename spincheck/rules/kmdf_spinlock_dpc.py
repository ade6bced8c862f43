"""Rule SpinlockDpc: spin locks alternate in deferred procedure calls too (Microsoft: kmdf-spinlockdpc)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, DPC_CALLS, DPC_ROLES, SECOND, UNHELD, Expect, Invalid, Match, Rule


class SpinlockDpcRule(Rule):
    """In a DPC, timer or interrupt DPC callback, and wherever the DPC-level calls are used, a spin lock is acquired only while free and released only while held."""

    name = "SpinlockDpc"
    title = "spin locks alternate in deferred procedure calls too"
    models = ("kmdf",)
    pages = ("kmdf-spinlockdpc",)
    microsoft = "The same words as for Spinlock, on the same three calls."
    differs = (
        "It is told beside Spinlock for callbacks at DISPATCH_LEVEL, and knows the DPC-level calls, which "
        "Microsoft's rule does not."
    )
    matches = (
        Match(
            (*DOUBLE, *UNHELD),
            kinds=("spin",),
            models=("kmdf",),
            rank=SECOND,
            roles=DPC_ROLES,
            operations=DPC_CALLS,
        ),
    )
    valid = (
        """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

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
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(9, "SpinlockDpc"),),
        ),
        Invalid(
            """\
EVT_WDF_DPC EvtDpc;

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
            (Expect(10, "SpinlockDpc"),),
        ),
    )
