/*
 * power.c - Plug and Play resources, and entry to and exit from the working power state.
 */
#include "driver.h"

#ifdef ALLOC_PRAGMA
#pragma alloc_text(PAGE, PxEvtDevicePrepareHardware)
#pragma alloc_text(PAGE, PxEvtDeviceReleaseHardware)
#endif

_Use_decl_annotations_
NTSTATUS
PxEvtDevicePrepareHardware(
    WDFDEVICE Device,
    WDFCMRESLIST ResourcesRaw,
    WDFCMRESLIST ResourcesTranslated
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(Device);
    PCM_PARTIAL_RESOURCE_DESCRIPTOR descriptor;
    ULONG count;
    ULONG i;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(ResourcesRaw);

    count = WdfCmResourceListGetCount(ResourcesTranslated);
    for (i = 0; i < count; i++) {
        descriptor = WdfCmResourceListGetDescriptor(ResourcesTranslated, i);
        if (descriptor->Type != CmResourceTypeMemory || descriptor->u.Memory.Length < PX_REGISTER_FILE_SIZE) {
            continue;
        }
        dev->Registers = MmMapIoSpace(descriptor->u.Memory.Start, descriptor->u.Memory.Length, MmNonCached);
        if (dev->Registers == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        dev->RegistersLength = descriptor->u.Memory.Length;
        return STATUS_SUCCESS;
    }
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}

_Use_decl_annotations_
NTSTATUS
PxEvtDeviceReleaseHardware(
    WDFDEVICE Device,
    WDFCMRESLIST ResourcesTranslated
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(Device);

    PAGED_CODE();
    UNREFERENCED_PARAMETER(ResourcesTranslated);

    if (dev->Registers != NULL) {
        MmUnmapIoSpace(dev->Registers, dev->RegistersLength);
        dev->Registers = NULL;
    }
    return STATUS_SUCCESS;
}

/* The board loses its registers with its power, so every enabled channel is programmed again. */
static
VOID
PxRestoreChannels(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    KIRQL irql;
    ULONG index;

    for (index = 0; index < PX_CHANNELS; index++) {
        KeAcquireSpinLock(&Dev->ChannelLock[index], &irql);
        if (Dev->Channel[index].Enabled) {
            PxWriteRegister(Dev, PX_REG_CONTROL(index), PX_CONTROL_ENABLE | Dev->Channel[index].Divider);
        }
        KeReleaseSpinLock(&Dev->ChannelLock[index], irql);
    }
}

_Use_decl_annotations_
NTSTATUS
PxEvtDeviceD0Entry(
    WDFDEVICE Device,
    WDF_POWER_DEVICE_STATE PreviousState
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(Device);
    KIRQL irql;

    if (PxReadRegister(dev, PX_REG_STATUS) == PX_BOARD_GONE) {
        return STATUS_DEVICE_NOT_CONNECTED;
    }
    PxRestoreChannels(dev);

    KeAcquireSpinLock(&dev->StateLock, &irql);
    dev->State = PxStateRunning;
#ifdef DEFECT_WRONG_LOCK
    KeReleaseSpinLock(&dev->LogLock, irql);
#else
    KeReleaseSpinLock(&dev->StateLock, irql);
#endif

    WdfSpinLockAcquire(dev->OutputLock);
    dev->OutputOpen = TRUE;
    WdfSpinLockRelease(dev->OutputLock);

    /* Writes that waited through the power-down */
    PxServiceWrites(dev);

    PxLog(dev, PxEventPowerUp, (ULONG) PreviousState);
    WdfTimerStart(dev->Watchdog, WDF_REL_TIMEOUT_IN_MS(PX_WATCHDOG_PERIOD_MS));
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
PxEvtDeviceD0Exit(
    WDFDEVICE Device,
    WDF_POWER_DEVICE_STATE TargetState
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(Device);
    KIRQL irql;

    /* Waits for a running callback, so no lock may be held here. */
    WdfTimerStop(dev->Watchdog, TRUE);

    KeAcquireSpinLock(&dev->StateLock, &irql);
    if (dev->State == PxStateRunning) {
        dev->State = PxStateStopped;
    }
    KeReleaseSpinLock(&dev->StateLock, irql);

    WdfSpinLockAcquire(dev->OutputLock);
    dev->OutputOpen = FALSE;
    WdfSpinLockRelease(dev->OutputLock);

    PxLog(dev, PxEventPowerDown, (ULONG) TargetState);
    return STATUS_SUCCESS;
}
