/*
 * driver.c - driver initialisation, and creation of each device's framework objects.
 */
#include <initguid.h>

#include "driver.h"
#include "reqlist.h"

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, PxEvtDeviceAdd)
#endif

_Use_decl_annotations_
NTSTATUS
NTAPI
DriverEntry(
    PDRIVER_OBJECT DriverObject,
    PUNICODE_STRING RegistryPath
    )
{
    WDF_DRIVER_CONFIG config;

    WDF_DRIVER_CONFIG_INIT(&config, PxEvtDeviceAdd);

    return WdfDriverCreate(DriverObject, RegistryPath, WDF_NO_OBJECT_ATTRIBUTES, &config, WDF_NO_HANDLE);
}

static
NTSTATUS
PxCreateQueue(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    WDF_IO_QUEUE_CONFIG config;

    /* Parallel: reads of one channel must not wait behind those of another. */
    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&config, WdfIoQueueDispatchParallel);
    config.EvtIoRead = PxEvtIoRead;
    config.EvtIoWrite = PxEvtIoWrite;
    config.EvtIoDeviceControl = PxEvtIoDeviceControl;
    config.EvtIoStop = PxEvtIoStop;

    return WdfIoQueueCreate(Dev->Device, &config, WDF_NO_OBJECT_ATTRIBUTES, WDF_NO_HANDLE);
}

static
NTSTATUS
PxCreateInterrupt(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    WDF_INTERRUPT_CONFIG config;

    WDF_INTERRUPT_CONFIG_INIT(&config, PxEvtInterruptIsr, PxEvtInterruptDpc);
    config.EvtInterruptEnable = PxEvtInterruptEnable;
    config.EvtInterruptDisable = PxEvtInterruptDisable;

    return WdfInterruptCreate(Dev->Device, &config, WDF_NO_OBJECT_ATTRIBUTES, &Dev->Interrupt);
}

static
NTSTATUS
PxCreateWatchdog(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    WDF_TIMER_CONFIG config;
    WDF_OBJECT_ATTRIBUTES attributes;

    WDF_TIMER_CONFIG_INIT_PERIODIC(&config, PxEvtWatchdogTimer, PX_WATCHDOG_PERIOD_MS);
    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = Dev->Device;

    return WdfTimerCreate(&config, &attributes, &Dev->Watchdog);
}

static
NTSTATUS
PxCreateLocks(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    WDF_OBJECT_ATTRIBUTES attributes;
    ULONG index;

    KeInitializeSpinLock(&Dev->StateLock);
    KeInitializeSpinLock(&Dev->LogLock);
    for (index = 0; index < PX_CHANNELS; index++) {
        KeInitializeSpinLock(&Dev->ChannelLock[index]);
        PxListInitialize(&Dev->Channel[index].Reads);
    }
    PxListInitialize(&Dev->Writes);

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = Dev->Device;
    return WdfSpinLockCreate(&attributes, &Dev->OutputLock);
}

_Use_decl_annotations_
NTSTATUS
PxEvtDeviceAdd(
    WDFDRIVER Driver,
    PWDFDEVICE_INIT DeviceInit
    )
{
    WDF_PNPPOWER_EVENT_CALLBACKS callbacks;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFDEVICE device;
    PDEVICE_CONTEXT dev;
    NTSTATUS status;

    PAGED_CODE();
    UNREFERENCED_PARAMETER(Driver);

    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&callbacks);
    callbacks.EvtDevicePrepareHardware = PxEvtDevicePrepareHardware;
    callbacks.EvtDeviceReleaseHardware = PxEvtDeviceReleaseHardware;
    callbacks.EvtDeviceD0Entry = PxEvtDeviceD0Entry;
    callbacks.EvtDeviceD0Exit = PxEvtDeviceD0Exit;
    WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit, &callbacks);

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, REQUEST_CONTEXT);
    WdfDeviceInitSetRequestAttributes(DeviceInit, &attributes);

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&attributes, DEVICE_CONTEXT);
    status = WdfDeviceCreate(&DeviceInit, &attributes, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    /* The context is zeroed. What is created below is a child of the device and goes with it if a later step fails. */
    dev = PxGetDeviceContext(device);
    dev->Device = device;

    status = PxCreateLocks(dev);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PxCreateQueue(dev);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PxCreateInterrupt(dev);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = PxCreateWatchdog(dev);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    return WdfDeviceCreateDeviceInterface(device, &GUID_DEVINTERFACE_PX4, NULL);
}
