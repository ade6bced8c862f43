"""Rule SpinlockRelease: spin locks are released before the callback returns (Microsoft: kmdf-spinlockrelease, wdm-spinlockrelease)."""

from __future__ import annotations

from spincheck.rules.rule import DOUBLE, END, PRIMARY, UNHELD, Expect, Invalid, Match, Rule


class SpinlockReleaseRule(Rule):
    """A callback must have released every spin lock that it acquired by the time it returns.

    A spin lock that stays held keeps the processor at DISPATCH_LEVEL and lets the next acquire of it wait for ever: the machine stops.
    The leak is nearly always on a path that is rarely taken, an early return or a failed allocation, and often goes through a helper.
    """

    name = "SpinlockRelease"
    title = "spin locks are released before the callback returns"
    models = ("kmdf", "wdm")
    pages = ("kmdf-spinlockrelease", "wdm-spinlockrelease")
    microsoft = (
        "Spin locks that KeAcquireSpinLock or KeAcquireSpinLockRaiseToDpc took are released again with "
        "KeReleaseSpinLock by the end of the callback."
    )
    differs = (
        'Each lock is followed by itself, so that two nested locks are two locks. The DPC-level and "for DPC" '
        "calls count too, and so do helpers, other files of the driver, and role types that the driver only "
        "registers. A lock that a helper takes for its caller is the caller's to release."
    )
    matches = (
        Match(END, kinds=("spin",), models=("kmdf", "wdm"), rank=PRIMARY),
        Match((*DOUBLE, *UNHELD), kinds=("spin",), models=("kmdf", "wdm")),
    )
    valid = (
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    if (!dev->Ready) {
        KeReleaseSpinLock(&dev->Lock, irql);
        return;
    }
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
        """\
EVT_WDF_DEVICE_D0_ENTRY EvtD0Entry;

NTSTATUS EvtD0Entry(WDFDEVICE Device, ULONG PreviousState)
{
    PDEVICE dev = DeviceOf(Device);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    if (!dev->Ready) {
        KeReleaseSpinLock(&dev->Lock, irql);
        return STATUS_SUCCESS;
    }
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
    return STATUS_SUCCESS;
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
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
            (Expect(10, "SpinlockRelease"),),
        ),
        Invalid(
            """\
EVT_WDF_DEVICE_D0_ENTRY EvtD0Entry;

static VOID LockDevice(PDEVICE dev)
{
    dev->OldIrql = KeAcquireSpinLockRaiseToDpc(&dev->Lock);
}

NTSTATUS EvtD0Entry(WDFDEVICE Device, ULONG PreviousState)
{
    PDEVICE dev = DeviceOf(Device);

    LockDevice(dev);
    dev->Count = (LONG)PreviousState;
    return STATUS_SUCCESS;
}
""",
            (Expect(14, "SpinlockRelease"),),
        ),
    )
