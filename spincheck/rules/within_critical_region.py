"""Rule WithinCriticalRegion: resources are acquired inside a critical or guarded region (Microsoft: wdm-withincriticalregion)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class WithinCriticalRegionRule(Rule):
    """A resource, or a mutex by an "unsafe" call, is acquired only while normal kernel APCs cannot come.

    A thread that is suspended by an APC while it owns a resource blocks everybody else who wants it.
    """

    name = "WithinCriticalRegion"
    title = "resources are acquired inside a critical or guarded region"
    models = ("wdm",)
    severity = "warning"
    pages = ("wdm-withincriticalregion",)
    microsoft = "The resource calls are made only between KeEnterCriticalRegion and KeLeaveCriticalRegion."
    differs = (
        "A guarded region, a fast mutex that is held, and the combined calls are recognised. Only routines "
        "that are known to be called without a region are told, and as a warning."
    )
    matches = (Match(("call-without-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
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
    PDEVICE dev = DeviceOf(Context);

    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
}
""",
            (Expect(7, "WithinCriticalRegion"),),
        ),
    )
