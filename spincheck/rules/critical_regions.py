"""Rule CriticalRegions: critical regions are entered and left in pairs (Microsoft: wdm-criticalregions)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class CriticalRegionsRule(Rule):
    """A routine leaves every critical region that it entered, and none that it did not enter. Regions nest: they are counted."""

    name = "CriticalRegions"
    title = "critical regions are entered and left in pairs"
    models = ("wdm", "kmdf")
    pages = ("wdm-criticalregions",)
    microsoft = "Enter and leave are called in pairs."
    differs = (
        "A counter and not a flag, so that nested regions are right. The combined calls (enter and acquire a "
        "resource) count."
    )
    matches = (Match(BALANCE, kinds=("critical",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeEnterCriticalRegion();
    if (!dev->Ready) {
        KeLeaveCriticalRegion();
        return;
    }
    dev->Count++;
    KeLeaveCriticalRegion();
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

    KeEnterCriticalRegion();
    if (!dev->Ready) {
        return;
    }
    dev->Count++;
    KeLeaveCriticalRegion();
}
""",
            (Expect(9, "CriticalRegions"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(DeviceObject);

    KeEnterCriticalRegion();
    dev->Count++;
    KeLeaveCriticalRegion();
    KeLeaveCriticalRegion();
}
""",
            (Expect(10, "CriticalRegions"),),
        ),
    )
