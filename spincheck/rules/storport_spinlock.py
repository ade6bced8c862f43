"""Rule StorPortSpinLock: Storport locks are balanced (Microsoft: storport-storportspinlock, storport-storportspinlock4)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class StorPortSpinLockRule(Rule):
    """A lock of StorPortAcquireSpinLock is acquired only while free, released only while held, and not held when the routine returns.

    HwStorStartIo, HwStorTimer, HwStorResetBus and HwStorStateChange are entered with the StartIo lock held, HwStorInterrupt and
    HwStorInitialize with the interrupt lock; Storport gives them back itself.
    """

    name = "StorPortSpinLock"
    title = "Storport locks are balanced"
    models = ("storport",)
    pages = ("storport-storportspinlock", "storport-storportspinlock4")
    microsoft = "No acquire of a lock that is held, no release of one that is not, and none held at the end."
    differs = (
        "The lock that a routine is entered with counts as held. HwStorStartIo of an adapter with several concurrent "
        "channels is entered without one, which the code does not show: suppress the diagnostic there."
    )
    matches = (Match(BALANCE, kinds=("storport",), rank=PRIMARY),)
    valid = (
        """\
HW_DPC_ROUTINE DpcRoutine;

VOID DpcRoutine(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)
{
    PDEVICE dev = DeviceOf(Extension);
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &handle);
    if (!dev->Ready) {
        StorPortReleaseSpinLock(Extension, &handle);
        return;
    }
    dev->Count++;
    StorPortReleaseSpinLock(Extension, &handle);
}
""",
    )
    invalid = (
        Invalid(
            """\
HW_DPC_ROUTINE DpcRoutine;

VOID DpcRoutine(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)
{
    PDEVICE dev = DeviceOf(Extension);
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &handle);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    StorPortReleaseSpinLock(Extension, &handle);
}
""",
            (Expect(10, "StorPortSpinLock"),),
        ),
        Invalid(
            """\
HW_DPC_ROUTINE DpcRoutine;

VOID DpcRoutine(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)
{
    PDEVICE dev = DeviceOf(Extension);
    STOR_LOCK_HANDLE handle, other;

    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &handle);
    dev->Count++;
    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &other);
    StorPortReleaseSpinLock(Extension, &handle);
}
""",
            (Expect(10, "StorPortSpinLock"),),
        ),
        Invalid(
            """\
HW_DPC_ROUTINE DpcRoutine;

VOID DpcRoutine(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)
{
    PDEVICE dev = DeviceOf(Extension);
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &handle);
    dev->Count++;
    StorPortReleaseSpinLock(Extension, &handle);
    StorPortReleaseSpinLock(Extension, &handle);
}
""",
            (Expect(11, "StorPortSpinLock"),),
        ),
        Invalid(
            """\
HW_STARTIO HwStartIo;

BOOLEAN HwStartIo(PVOID Extension, PVOID Srb)
{
    STOR_LOCK_HANDLE handle;

    StorPortAcquireSpinLock(Extension, StartIoLock, NULL, &handle);
    StorPortReleaseSpinLock(Extension, &handle);
    return TRUE;
}
""",
            (Expect(7, "StorPortSpinLock"),),
        ),
    )
