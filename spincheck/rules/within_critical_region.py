"""Rule WithinCriticalRegion: resources are acquired inside a critical or guarded region (Microsoft: wdm-withincriticalregion)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class WithinCriticalRegionRule(Rule):
    """A resource, or a mutex by an "unsafe" call, is acquired only while normal kernel APCs cannot come.

    A thread that is suspended by an APC while it owns a resource blocks everybody else who wants it.
    """

    name = "WithinCriticalRegion"
    title = "resources are acquired inside a critical or guarded region"
    models = ("kmdf", "wdm", "storport")
    severity = "warning"
    pages = ("wdm-withincriticalregion", "storport-withincriticalregion")
    microsoft = (
        "The resource calls are made only between KeEnterCriticalRegion and KeLeaveCriticalRegion; other ways "
        "to disable APCs are not recognised."
    )
    differs = (
        "A guarded region, a spin lock or fast mutex that is held, and the combined calls are recognised. Told, as a "
        "warning, in routines that the system calls and in helpers that have left the region themselves; the releases "
        "are not told, because the acquire before them is."
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
