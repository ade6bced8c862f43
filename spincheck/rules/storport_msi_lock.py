"""Rule StorPortMSILock: message interrupt locks are balanced (Microsoft: storport-storportmsilock)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class StorPortMSILockRule(Rule):
    """The lock of an interrupt message is acquired only while free, released only while held, and not held when the routine returns."""

    name = "StorPortMSILock"
    title = "message interrupt locks are balanced"
    models = ("storport",)
    pages = ("storport-storportmsilock",)
    microsoft = "The lock is taken only when the adapter synchronises interrupts per message."
    differs = (
        "The balance of the lock is checked, which no Microsoft rule does; the adapter's interrupt mode is "
        "not, because it is data that another routine sets up."
    )
    matches = (Match(BALANCE, kinds=("stormsi",), rank=PRIMARY),)
    valid = (
        """\
HW_DPC_ROUTINE DpcRoutine;

VOID DpcRoutine(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)
{
    PDEVICE dev = DeviceOf(Extension);
    ULONG irql;

    StorPortAcquireMSISpinLock(Extension, 3, &irql);
    if (!dev->Ready) {
        StorPortReleaseMSISpinLock(Extension, 3, irql);
        return;
    }
    dev->Count++;
    StorPortReleaseMSISpinLock(Extension, 3, irql);
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
    ULONG irql;

    StorPortAcquireMSISpinLock(Extension, 3, &irql);
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    StorPortReleaseMSISpinLock(Extension, 3, irql);
}
""",
            (Expect(10, "StorPortMSILock"),),
        ),
    )
