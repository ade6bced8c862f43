"""Rule GuardedRegions: guarded regions are entered and left in pairs (Microsoft: wdm-guardedregions)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class GuardedRegionsRule(Rule):
    """A routine leaves every guarded region that it entered, and none that it did not enter. Regions nest: they are counted."""

    name = "GuardedRegions"
    title = "guarded regions are entered and left in pairs"
    models = ("wdm", "kmdf")
    pages = ("wdm-guardedregions",)
    microsoft = "Enter and leave are called in pairs."
    differs = (
        "A counter and not a flag, so that nested regions are right. The combined calls (enter and acquire a "
        "resource) count."
    )
    matches = (Match(BALANCE, kinds=("guarded",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeEnterGuardedRegion();
    if (!dev->Ready) {
        KeLeaveGuardedRegion();
        return;
    }
    dev->Count++;
    KeLeaveGuardedRegion();
}
""",
    )
    invalid = (
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeEnterGuardedRegion();
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeLeaveGuardedRegion();
}
""",
            (Expect(9, "GuardedRegions"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeEnterGuardedRegion();
    dev->Count++;
    KeLeaveGuardedRegion();
    KeLeaveGuardedRegion();
}
""",
            (Expect(10, "GuardedRegions"),),
        ),
    )
