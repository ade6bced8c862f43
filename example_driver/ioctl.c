/*
 * ioctl.c - device control requests. Each is served at once and completed by PxEvtIoDeviceControl.
 *
 * With METHOD_BUFFERED input and output are one buffer, so input is read before any output is written.
 */
#include "driver.h"
#include "locklib.h"
#include "reqlist.h"

static
NTSTATUS
PxConfigureChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ WDFREQUEST Request
    )
{
    PPX_CHANNEL_CONFIG config;
    PPX_CHANNEL channel;
    ULONG index;
    NTSTATUS status;
    KIRQL stateIrql;
    KIRQL channelIrql;

    status = WdfRequestRetrieveInputBuffer(Request, sizeof(*config), (PVOID *) &config, NULL);
    if (!NT_SUCCESS(status)) {
        goto Exit;
    }
    if (config->Channel >= PX_CHANNELS || config->Divider == 0 || config->Divider > PX_CONTROL_DIVIDER) {
        status = STATUS_INVALID_PARAMETER;
        goto Exit;
    }

    /* The register may be touched in the working power state only. */
    if (!PxLockIfRunning(Dev, &stateIrql)) {
        status = STATUS_DEVICE_NOT_READY;
#ifdef DEFECT_RELEASE_NOT_HELD
        goto UnlockState;
#else
        goto Exit;
#endif
    }
    index = config->Channel;
    channel = &Dev->Channel[index];
    PxLockChannel(Dev, index, TRUE, &channelIrql);

    if (channel->Enabled && channel->Reads.Count > 0 && config->Divider != channel->Divider) {
        /* Samples of two rates must not end up in one read. */
        status = STATUS_DEVICE_BUSY;
        goto UnlockChannel;
    }
    channel->Enabled = config->Enable != 0;
    channel->Divider = config->Divider;
    PxWriteRegister(Dev, PX_REG_CONTROL(index),
                    (channel->Enabled ? PX_CONTROL_ENABLE : 0) | channel->Divider);

UnlockChannel:
    PxUnlockChannel(Dev, index, TRUE, channelIrql);
#ifdef DEFECT_RELEASE_NOT_HELD
UnlockState:
#endif
    PxUnlockState(Dev, stateIrql);
Exit:
    return status;
}

/* Exchanges the settings of two channels in one step, as seen from the DPC. */
static
NTSTATUS
PxSwapChannels(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ WDFREQUEST Request
    )
{
    PPX_CHANNEL_PAIR pair;
    PPX_CHANNEL first;
    PPX_CHANNEL second;
    BOOLEAN enabled;
    ULONG divider;
    NTSTATUS status;
    KIRQL irql;

    status = WdfRequestRetrieveInputBuffer(Request, sizeof(*pair), (PVOID *) &pair, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (pair->First >= PX_CHANNELS || pair->Second >= PX_CHANNELS || pair->First == pair->Second) {
        return STATUS_INVALID_PARAMETER;
    }
    first = &Dev->Channel[pair->First];
    second = &Dev->Channel[pair->Second];

    PxLockChannelPair(Dev, pair->First, pair->Second, &irql);
    if (first->Reads.Count > 0 || second->Reads.Count > 0) {
        status = STATUS_DEVICE_BUSY;
    } else {
        enabled = first->Enabled;
        first->Enabled = second->Enabled;
        second->Enabled = enabled;
        divider = first->Divider;
        first->Divider = second->Divider;
        second->Divider = divider;
    }
    PxUnlockChannelPair(Dev, pair->First, pair->Second, irql);
    return status;
}

/* Cancels the channel's pending reads; on request empties the board's FIFO as well, which needs the board powered. */
static
NTSTATUS
PxFlushChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ WDFREQUEST Request
    )
{
    PPX_FLUSH flush;
    LIST_ENTRY done;
    BOOLEAN stateHeld = FALSE;
    ULONG index;
    NTSTATUS status;
    KIRQL stateIrql = PASSIVE_LEVEL;
    KIRQL channelIrql;

    status = WdfRequestRetrieveInputBuffer(Request, sizeof(*flush), (PVOID *) &flush, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (flush->Channel >= PX_CHANNELS) {
        return STATUS_INVALID_PARAMETER;
    }
    index = flush->Channel;
    InitializeListHead(&done);

    if (flush->Flags & PX_FLUSH_RESET_FIFO) {
        if (!PxLockIfRunning(Dev, &stateIrql)) {
            return STATUS_DEVICE_NOT_READY;
        }
        stateHeld = TRUE;
    }

    PxLockChannel(Dev, index, stateHeld, &channelIrql);
    PxListDetachAll(&Dev->Channel[index].Reads, STATUS_CANCELLED, &done);
    if (stateHeld) {
        PxWriteRegister(Dev, PX_REG_CONTROL(index), PX_CONTROL_RESET | Dev->Channel[index].Divider);
    }
    PxUnlockChannel(Dev, index, stateHeld, channelIrql);

    if (stateHeld) {
        PxUnlockState(Dev, stateIrql);
    }
    PxCompleteDone(&done);
    return STATUS_SUCCESS;
}

static
NTSTATUS
PxGetStatistics(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ WDFREQUEST Request,
    _Out_ size_t *Information
    )
{
    PULONG selected;
    PPX_STATISTICS statistics;
    PPX_CHANNEL channel;
    ULONG index;
    NTSTATUS status;
    KIRQL stateIrql;
#ifndef DEFECT_SAVED_IRQL_OVERWRITTEN
    KIRQL channelIrql;
#endif

    status = WdfRequestRetrieveInputBuffer(Request, sizeof(*selected), (PVOID *) &selected, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    index = *selected;
    status = WdfRequestRetrieveOutputBuffer(Request, sizeof(*statistics), (PVOID *) &statistics, NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (index >= PX_CHANNELS) {
        return STATUS_INVALID_PARAMETER;
    }
    channel = &Dev->Channel[index];

    KeAcquireSpinLock(&Dev->StateLock, &stateIrql);
#ifdef DEFECT_SAVED_IRQL_OVERWRITTEN
    KeAcquireSpinLock(&Dev->ChannelLock[index], &stateIrql);
#else
    KeAcquireSpinLock(&Dev->ChannelLock[index], &channelIrql);
#endif

    statistics->Samples = channel->Samples;
    statistics->PendingReads = channel->Reads.Count;
    statistics->RejectedReads = channel->RejectedReads;
    statistics->LateCancels = channel->LateCancels;
    statistics->Running = Dev->State == PxStateRunning && channel->Enabled;

#ifdef DEFECT_SAVED_IRQL_OVERWRITTEN
    KeReleaseSpinLock(&Dev->ChannelLock[index], stateIrql);
#else
    KeReleaseSpinLock(&Dev->ChannelLock[index], channelIrql);
#endif
    KeReleaseSpinLock(&Dev->StateLock, stateIrql);

    *Information = sizeof(*statistics);
    return STATUS_SUCCESS;
}

static
NTSTATUS
PxReadLog(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ WDFREQUEST Request,
    _Out_ size_t *Information
    )
{
    PPX_LOG_RECORD records;
    size_t length;
    ULONG capacity;
    NTSTATUS status;

    status = WdfRequestRetrieveOutputBuffer(Request, sizeof(*records), (PVOID *) &records, &length);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    capacity = (ULONG) min(length / sizeof(*records), PX_LOG_RECORDS);
    *Information = PxLogCopy(Dev, records, capacity) * sizeof(*records);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID
PxEvtIoDeviceControl(
    WDFQUEUE Queue,
    WDFREQUEST Request,
    size_t OutputBufferLength,
    size_t InputBufferLength,
    ULONG IoControlCode
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(WdfIoQueueGetDevice(Queue));
    size_t information = 0;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(OutputBufferLength);
    UNREFERENCED_PARAMETER(InputBufferLength);

    switch (IoControlCode) {
    case IOCTL_PX_CONFIGURE_CHANNEL:
        status = PxConfigureChannel(dev, Request);
        break;
    case IOCTL_PX_SWAP_CHANNELS:
        status = PxSwapChannels(dev, Request);
        break;
    case IOCTL_PX_FLUSH_CHANNEL:
        status = PxFlushChannel(dev, Request);
        break;
    case IOCTL_PX_GET_STATISTICS:
        status = PxGetStatistics(dev, Request, &information);
        break;
    case IOCTL_PX_READ_LOG:
        status = PxReadLog(dev, Request, &information);
        break;
    default:
        status = STATUS_INVALID_DEVICE_REQUEST;
        break;
    }
    WdfRequestCompleteWithInformation(Request, status, information);
}
