"""Rule ExclusiveResourceAccess: resources are released as often as they are acquired (Microsoft: wdm-exclusiveresourceaccess)."""

from __future__ import annotations

from spincheck.rules.rule import BALANCE, PRIMARY, Expect, Invalid, Match, Rule


class ExclusiveResourceAccessRule(Rule):
    """A routine releases every executive resource that it acquired, exclusive or shared, and none that it does not own."""

    name = "ExclusiveResourceAccess"
    title = "resources are released as often as they are acquired"
    models = ("wdm",)
    pages = ("wdm-exclusiveresourceaccess",)
    microsoft = (
        "ExAcquireResourceExclusiveLite and the releases alternate, and no resource is owned at the end of "
        "the routine."
    )
    differs = (
        "A resource may be acquired again by its owner, so that acquires are counted instead of forbidden. "
        "Shared acquires, and those that may fail, count too."
    )
    matches = (Match(BALANCE, kinds=("resource",), rank=PRIMARY),)
    valid = (
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);

    KeEnterCriticalRegion();
    if (ExAcquireResourceSharedLite(&dev->Resource, FALSE)) {
        dev->Count++;
        ExReleaseResourceLite(&dev->Resource);
    }
    KeLeaveCriticalRegion();
}
""",
        """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
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

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    KeLeaveCriticalRegion();
}
""",
            (Expect(11, "ExclusiveResourceAccess"),),
        ),
        Invalid(
            """\
IO_WORKITEM_ROUTINE Work;

VOID Work(PDEVICE_OBJECT DeviceObject, PVOID Context)
{
    PDEVICE dev = DeviceOf(Context);

    KeEnterCriticalRegion();
    if (!ExAcquireResourceExclusiveLite(&dev->Resource, FALSE)) {
        dev->Count--;
    }
    ExReleaseResourceLite(&dev->Resource);
    KeLeaveCriticalRegion();
}
""",
            (Expect(11, "ExclusiveResourceAccess"),),
        ),
    )
