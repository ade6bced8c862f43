/*
 * reqlist.c - pending requests: queued, cancelled, expired, completed.
 *
 * Requests are completed with no lock held: they are gathered on a local list by their own link and completed at the end.
 */
#include "driver.h"
#include "locklib.h"
#include "reqlist.h"

_Use_decl_annotations_
VOID
PxListInitialize(
    PPX_REQUEST_LIST List
    )
{
    InitializeListHead(&List->Head);
    List->Count = 0;
}

/* On failure (the request was cancelled before it came here) it is not on the list and the caller completes it. */
_Use_decl_annotations_
NTSTATUS
PxListInsert(
    PPX_REQUEST_LIST List,
    PREQUEST_CONTEXT Context
    )
{
    NTSTATUS status;

    status = WdfRequestMarkCancelableEx(Context->Request, PxEvtRequestCancel);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    /* The cancel routine may run already, but it waits for the lock that the caller holds. */
    InsertTailList(&List->Head, &Context->Link);
    Context->List = List;
    List->Count++;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID
PxListRemove(
    PREQUEST_CONTEXT Context
    )
{
    RemoveEntryList(&Context->Link);
    Context->List->Count--;
    Context->List = NULL;
}

/* TRUE: off the list, and the caller completes it. FALSE: off the list, and the cancel routine completes it. */
_Use_decl_annotations_
BOOLEAN
PxListDetach(
    PREQUEST_CONTEXT Context
    )
{
    PxListRemove(Context);
    return WdfRequestUnmarkCancelable(Context->Request) != STATUS_CANCELLED;
}

_Use_decl_annotations_
VOID
PxListDetachAll(
    PPX_REQUEST_LIST List,
    NTSTATUS Status,
    PLIST_ENTRY Done
    )
{
    PREQUEST_CONTEXT context;

    while (!IsListEmpty(&List->Head)) {
        context = CONTAINING_RECORD(List->Head.Flink, REQUEST_CONTEXT, Link);
        if (PxListDetach(context)) {
            context->Status = Status;
            InsertTailList(Done, &context->Link);
        }
    }
}

_Use_decl_annotations_
VOID
PxCompleteDone(
    PLIST_ENTRY Done
    )
{
    PREQUEST_CONTEXT context;

    while (!IsListEmpty(Done)) {
        context = CONTAINING_RECORD(RemoveHeadList(Done), REQUEST_CONTEXT, Link);
        WdfRequestCompleteWithInformation(context->Request, context->Status, context->Transferred * sizeof(ULONG));
    }
}

/* Queues a read on its channel. The caller holds StateLock, so it runs at DISPATCH_LEVEL. */
_Use_decl_annotations_
NTSTATUS
PxChannelPend(
    PDEVICE_CONTEXT Dev,
    PREQUEST_CONTEXT Context
    )
{
    PPX_CHANNEL channel = &Dev->Channel[Context->Channel];
    NTSTATUS status;
    KIRQL irql;

    PxLockChannel(Dev, Context->Channel, TRUE, &irql);

    if (!channel->Enabled) {
        status = STATUS_INVALID_DEVICE_STATE;
        goto Unlock;
    }
    if (channel->Reads.Count >= PX_MAX_PENDING_READS) {
        channel->RejectedReads++;
#ifdef DEFECT_LEAK_IN_HELPER
        return STATUS_DEVICE_BUSY;
#else
        status = STATUS_DEVICE_BUSY;
        goto Unlock;
#endif
    }
    status = PxListInsert(&channel->Reads, Context);

Unlock:
    PxUnlockChannel(Dev, Context->Channel, TRUE, irql);
    return status;
}

/* Takes reads that have waited too long; the oldest is in front. Runs at DISPATCH_LEVEL, the channel's lock not held. */
_Use_decl_annotations_
VOID
PxChannelExpire(
    PDEVICE_CONTEXT Dev,
    ULONG Index,
    ULONGLONG Now,
    PLIST_ENTRY Done
    )
{
    PPX_CHANNEL channel = &Dev->Channel[Index];
    PREQUEST_CONTEXT context;
    KIRQL irql;

    PxLockChannel(Dev, Index, TRUE, &irql);
    while (!IsListEmpty(&channel->Reads.Head)) {
        context = CONTAINING_RECORD(channel->Reads.Head.Flink, REQUEST_CONTEXT, Link);
        if (context->Deadline > Now) {
            break;
        }
        if (PxListDetach(context)) {
            context->Status = STATUS_IO_TIMEOUT;
            InsertTailList(Done, &context->Link);
        }
    }
    PxUnlockChannel(Dev, Index, TRUE, irql);
}

_Use_decl_annotations_
VOID
PxEvtRequestCancel(
    WDFREQUEST Request
    )
{
    PREQUEST_CONTEXT context = PxGetRequestContext(Request);
    KIRQL irql;

    PxLockRequest(context, &irql);

    if (context->List == NULL) {
        /* The DPC or the watchdog detached it a moment ago, found it cancelled and left it to us. */
        if (context->Kind == PxRequestRead) {
            context->Device->Channel[context->Channel].LateCancels++;
        }
#ifndef DEFECT_LEAK_IN_CANCEL
        PxUnlockRequest(context, irql);
#endif
        WdfRequestComplete(Request, STATUS_CANCELLED);
        return;
    }

    PxListRemove(context);
    PxUnlockRequest(context, irql);
    WdfRequestComplete(Request, STATUS_CANCELLED);
}
