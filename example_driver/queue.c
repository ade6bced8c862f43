/*
 * queue.c - read and write requests of the default queue, and the framework's stop notice for them.
 */
#include "driver.h"
#include "locklib.h"
#include "reqlist.h"

_Use_decl_annotations_
VOID
PxEvtIoRead(
    WDFQUEUE Queue,
    WDFREQUEST Request,
    size_t Length
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(WdfIoQueueGetDevice(Queue));
    PREQUEST_CONTEXT context = PxGetRequestContext(Request);
    WDF_REQUEST_PARAMETERS parameters;
    PVOID buffer;
    NTSTATUS status;
    KIRQL irql;

    WDF_REQUEST_PARAMETERS_INIT(&parameters);
    WdfRequestGetParameters(Request, &parameters);
    if (parameters.Parameters.Read.DeviceOffset < 0 || parameters.Parameters.Read.DeviceOffset >= PX_CHANNELS) {
        status = STATUS_INVALID_PARAMETER;
        goto Complete;
    }
    status = WdfRequestRetrieveOutputBuffer(Request, sizeof(ULONG), &buffer, NULL);
    if (!NT_SUCCESS(status)) {
        goto Complete;
    }

    context->Request = Request;
    context->Kind = PxRequestRead;
    context->Channel = (ULONG) parameters.Parameters.Read.DeviceOffset;
    context->Buffer = buffer;
    context->Words = (ULONG) (Length / sizeof(ULONG));
    context->Deadline = KeQueryInterruptTime() + PX_READ_TIMEOUT;
    context->Device = dev;

    /* Held until the request is on its list, so that a power-down does not come in between. */
    if (!PxLockIfRunning(dev, &irql)) {
        status = STATUS_DEVICE_NOT_READY;
        goto Complete;
    }
    status = PxChannelPend(dev, context);
#ifdef DEFECT_LEAK_ON_ERROR
    if (!NT_SUCCESS(status)) {
        goto Complete;
    }
#endif
    PxUnlockState(dev, irql);

    if (NT_SUCCESS(status)) {
        /* Pending: the DPC, the watchdog or the cancel routine completes it, perhaps already has. */
        return;
    }

Complete:
    WdfRequestComplete(Request, status);
}

/* Moves words of one write to the board as far as there is room. OutputLock is held. */
static
VOID
PxFeedOutput(
    _In_ PDEVICE_CONTEXT Dev,
    _Inout_ PREQUEST_CONTEXT Context
    )
{
    ULONG room = PxReadRegister(Dev, PX_REG_OUTPUT_FREE);

    while (room > 0 && Context->Transferred < Context->Words) {
        PxWriteRegister(Dev, PX_REG_OUTPUT_DATA, Context->Buffer[Context->Transferred]);
        Context->Transferred++;
        room--;
    }
}

/* Feeds the output from the front of the write list; called when a write came in or the board has room again. */
_Use_decl_annotations_
VOID
PxServiceWrites(
    PDEVICE_CONTEXT Dev
    )
{
    PREQUEST_CONTEXT context;

    WdfSpinLockAcquire(Dev->OutputLock);
    while (Dev->OutputOpen && !IsListEmpty(&Dev->Writes.Head)) {
        context = CONTAINING_RECORD(Dev->Writes.Head.Flink, REQUEST_CONTEXT, Link);
        PxFeedOutput(Dev, context);
        if (context->Transferred < context->Words) {
            /* The board is full and interrupts when it has drained. */
            break;
        }
        if (PxListDetach(context)) {
            PxCompleteWriteUnlocked(Dev, context, STATUS_SUCCESS);
        }
    }
    WdfSpinLockRelease(Dev->OutputLock);
}

_Use_decl_annotations_
VOID
PxEvtIoWrite(
    WDFQUEUE Queue,
    WDFREQUEST Request,
    size_t Length
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(WdfIoQueueGetDevice(Queue));
    PREQUEST_CONTEXT context = PxGetRequestContext(Request);
    PVOID buffer;
    NTSTATUS status;

    status = WdfRequestRetrieveInputBuffer(Request, sizeof(ULONG), &buffer, NULL);
    if (!NT_SUCCESS(status)) {
        WdfRequestComplete(Request, status);
        return;
    }

    context->Request = Request;
    context->Kind = PxRequestWrite;
    context->Buffer = buffer;
    context->Words = (ULONG) (Length / sizeof(ULONG));
    context->Device = dev;

    WdfSpinLockAcquire(dev->OutputLock);
    if (dev->Writes.Count >= PX_MAX_PENDING_WRITES) {
#ifndef DEFECT_LEAK_WDF_LOCK
        WdfSpinLockRelease(dev->OutputLock);
#endif
        WdfRequestComplete(Request, STATUS_DEVICE_BUSY);
        return;
    }
    status = PxListInsert(&dev->Writes, context);
    WdfSpinLockRelease(dev->OutputLock);

    if (!NT_SUCCESS(status)) {
        WdfRequestComplete(Request, status);
        return;
    }
    PxServiceWrites(dev);
}

/*
 * The framework asks about a request that is with the driver while the queue stops. For a power-down it may stay on its
 * list, since the hardware resumes where it was; for a removal it is ended.
 */
_Use_decl_annotations_
VOID
PxEvtIoStop(
    WDFQUEUE Queue,
    WDFREQUEST Request,
    ULONG ActionFlags
    )
{
    PREQUEST_CONTEXT context = PxGetRequestContext(Request);
    BOOLEAN owned = FALSE;
    KIRQL irql;

    UNREFERENCED_PARAMETER(Queue);

    if (ActionFlags & WdfRequestStopActionSuspend) {
        WdfRequestStopAcknowledge(Request, FALSE);
        return;
    }

    /* Device is set last before a request is queued. One without it is still with its own callback, which completes it. */
    if (context->Device == NULL) {
        return;
    }

    PxLockRequest(context, &irql);
    if (context->List != NULL) {
        owned = PxListDetach(context);
    }
    PxUnlockRequest(context, irql);

    if (owned) {
        WdfRequestComplete(Request, STATUS_CANCELLED);
    }
}
