"""Rule ParentObjectCheckLock: a framework lock has a parent object (Microsoft: kmdf-parentobjectchecklock)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class ParentObjectCheckLockRule(Rule):
    """WdfSpinLockCreate and WdfWaitLockCreate should name the parent object in their attributes.

    Without one the lock belongs to the driver object and lives until the driver is unloaded; created again for every device that comes
    and goes, such locks pile up.
    """

    name = "ParentObjectCheckLock"
    title = "a framework lock has a parent object"
    models = ("kmdf",)
    severity = "warning"
    pages = ("kmdf-parentobjectchecklock",)
    microsoft = "The parent object is set for WdfWaitLockCreate and WdfSpinLockCreate."
    differs = (
        "A warning, and only where the attributes can be followed: attributes that come from elsewhere are "
        "believed. A lock that is created in DriverEntry or kept in a global variable may belong to the driver."
    )
    matches = (Match(("parent-object",), rank=PRIMARY),)
    valid = (
        """\
EVT_WDF_DEVICE_PREPARE_HARDWARE EvtPrepareHardware;

NTSTATUS EvtPrepareHardware(WDFDEVICE Device, PVOID Raw, PVOID Translated)
{
    PDEVICE dev = DeviceOf(Device);
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = Device;
    return WdfSpinLockCreate(&attributes, &dev->SpinLock);
}
""",
        """\
WDFWAITLOCK DriverLock;

NTSTATUS EvtPrepareHardware(PWDF_OBJECT_ATTRIBUTES Attributes, PDEVICE dev)
{
    NTSTATUS status = WdfWaitLockCreate(NULL, &DriverLock);

    if (NT_SUCCESS(status)) {
        status = WdfWaitLockCreate(Attributes, &dev->WaitLock);
    }
    return status;
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_DEVICE_PREPARE_HARDWARE EvtPrepareHardware;

NTSTATUS EvtPrepareHardware(WDFDEVICE Device, PVOID Raw, PVOID Translated)
{
    PDEVICE dev = DeviceOf(Device);

    return WdfSpinLockCreate(NULL, &dev->SpinLock);
}
""",
            (Expect(7, "ParentObjectCheckLock"),),
        ),
        Invalid(
            """\
EVT_WDF_DEVICE_PREPARE_HARDWARE EvtPrepareHardware;

NTSTATUS EvtPrepareHardware(WDFDEVICE Device, PVOID Raw, PVOID Translated)
{
    PDEVICE dev = DeviceOf(Device);
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    if (dev->Ready) {
        attributes.ParentObject = Device;
    }
    return WdfWaitLockCreate(&attributes, &dev->WaitLock);
}
""",
            (Expect(12, "ParentObjectCheckLock"),),
        ),
    )
