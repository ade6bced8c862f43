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
        "Whatever keeps normal kernel APCs away is recognised: a guarded region, an IRQL at APC_LEVEL or above, a spin "
        "lock, a mutex or push lock that is held, the combined calls, and routines that the system calls inside a critical "
        "region or in a thread of its own (system threads, work items, AddDevice, a framework queue's callbacks). Helpers are "
        "followed to the routine that the system calls. The releases are not told, because the acquire before them is."
    )
    matches = (Match(("call-without-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
    KeLeaveCriticalRegion();
    return STATUS_SUCCESS;
}
""",
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
        """\
DRIVER_DISPATCH DispatchRead;

static VOID Update(PDEVICE dev)
{
    ExAcquireResourceSharedLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
}

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    ExAcquireFastMutex(&dev->Mutex);
    Update(dev);
    ExReleaseFastMutex(&dev->Mutex);
    return STATUS_SUCCESS;
}
""",
    )
    invalid = (
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    ExAcquireResourceExclusiveLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
    return STATUS_SUCCESS;
}
""",
            (Expect(7, "WithinCriticalRegion"),),
        ),
        Invalid(
            """\
DRIVER_DISPATCH DispatchRead;

static VOID Update(PDEVICE dev)
{
    ExAcquireResourceSharedLite(&dev->Resource, TRUE);
    dev->Count++;
    ExReleaseResourceLite(&dev->Resource);
}

NTSTATUS DispatchRead(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PDEVICE dev = DeviceObject->DeviceExtension;

    KeEnterCriticalRegion();
    Update(dev);
    KeLeaveCriticalRegion();
    Update(dev);
    return STATUS_SUCCESS;
}
""",
            (Expect(17, "WithinCriticalRegion"),),
        ),
    )
