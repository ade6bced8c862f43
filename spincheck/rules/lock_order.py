"""Rule LockOrder: locks are always acquired in the same order (our own)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class LockOrderRule(Rule):
    """Two locks that are held together are acquired in one order throughout the driver.

    Two processors that take two locks in opposite orders wait for each other for ever. Both paths are shown.
    """

    name = "LockOrder"
    title = "locks are always acquired in the same order"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    severity = "warning"
    pages = ("storport-storportspinlock3",)
    microsoft = "Storport's own locks are acquired in their fixed order; no rule covers a driver's own locks."
    differs = (
        "The fixed order of Storport's locks (DPC or StartIo, then interrupt) and every order that the driver itself makes. "
        "A warning: something else may keep the two paths apart. One lock of two objects is no order, "
        "and neither are both orders in one callback that never runs twice at a time."
    )
    matches = (
        Match(("order-cycle",), rank=PRIMARY),
        Match(("call-while-holding",), rank=PRIMARY, hinted=True),
    )
    valid = (
        """\
HW_STARTIO HwStartIo;

BOOLEAN HwStartIo(PVOID Extension, PVOID Srb)
{
    PDEVICE dev = DeviceOf(Extension);
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &handle);
    dev->Count++;
    StorPortReleaseSpinLock(Extension, &handle);
    return TRUE;
}
""",
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);
    KIRQL irql;

    KeAcquireSpinLock(&dev->Lock, &irql);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLock(&dev->Lock, irql);
}
""",
        """\
EVT_WDF_TIMER EvtTimer;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    dev->Count++;
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
}
""",
        """\
EVT_WDF_DPC EvtDpc;

static VOID Copy(PDEVICE from, PDEVICE to)
{
    KeAcquireSpinLockAtDpcLevel(&from->Lock);
    KeAcquireSpinLockAtDpcLevel(&to->Lock);
    to->Count = from->Count;
    KeReleaseSpinLockFromDpcLevel(&to->Lock);
    KeReleaseSpinLockFromDpcLevel(&from->Lock);
}

VOID EvtDpc(WDFDPC Dpc)
{
    Copy(DeviceOf(Dpc), DeviceOf(NULL));
    Copy(DeviceOf(NULL), DeviceOf(Dpc));
}
""",
        """\
EVT_WDF_TIMER EvtTimer;
EVT_WDF_DPC EvtDpc;

static VOID Drain(PDEVICE dev)
{
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
}

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    Drain(dev);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
}

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}
""",
    )
    invalid = (
        Invalid(
            """\
HW_INTERRUPT HwInterrupt;

BOOLEAN HwInterrupt(PVOID Extension)
{
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, StartIoLock, NULL, &handle);
    StorPortReleaseSpinLock(Extension, &handle);
    return TRUE;
}
""",
            (Expect(7, "LockOrder"),),
        ),
        Invalid(
            """\
EVT_WDF_TIMER EvtTimer;
EVT_WDF_DPC EvtDpc;

VOID EvtTimer(WDFTIMER Timer)
{
    PDEVICE dev = DeviceOf(Timer);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
}

VOID EvtDpc(WDFDPC Dpc)
{
    PDEVICE dev = DeviceOf(Dpc);

    KeAcquireSpinLockAtDpcLevel(&dev->Lock2);
    KeAcquireSpinLockAtDpcLevel(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLockFromDpcLevel(&dev->Lock);
    KeReleaseSpinLockFromDpcLevel(&dev->Lock2);
}
""",
            (Expect(9, "LockOrder"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    if (dev->Ready) {
        ExAcquireFastMutex(&dev->Mutex);
        KeAcquireGuardedMutex(&dev->Guard);
        KeReleaseGuardedMutex(&dev->Guard);
        ExReleaseFastMutex(&dev->Mutex);
    } else {
        KeAcquireGuardedMutex(&dev->Guard);
        ExAcquireFastMutex(&dev->Mutex);
        ExReleaseFastMutex(&dev->Mutex);
        KeReleaseGuardedMutex(&dev->Guard);
    }
    return STATUS_SUCCESS;
}
""",
            (Expect(14, "LockOrder"),),
        ),
    )
