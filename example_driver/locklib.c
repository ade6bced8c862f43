/*
 * locklib.c - lock helpers, one place for the rules of level and order.
 */
#include "driver.h"
#include "locklib.h"

/* TRUE: the device is running and StateLock is held, so that it stays so. FALSE: nothing is held. */
_Use_decl_annotations_
BOOLEAN
PxLockIfRunning(
    PDEVICE_CONTEXT Dev,
    PKIRQL OldIrql
    )
{
    KeAcquireSpinLock(&Dev->StateLock, OldIrql);
    if (Dev->State == PxStateRunning) {
        return TRUE;
    }
    KeReleaseSpinLock(&Dev->StateLock, *OldIrql);
    return FALSE;
}

_Use_decl_annotations_
VOID
PxUnlockState(
    PDEVICE_CONTEXT Dev,
    KIRQL OldIrql
    )
{
    KeReleaseSpinLock(&Dev->StateLock, OldIrql);
}

/* A caller that knows it runs at DISPATCH_LEVEL passes TRUE and saves the raise and the lowering. */
_Use_decl_annotations_
VOID
PxLockChannel(
    PDEVICE_CONTEXT Dev,
    ULONG Index,
    BOOLEAN AtDispatch,
    PKIRQL OldIrql
    )
{
    if (AtDispatch) {
        *OldIrql = DISPATCH_LEVEL;
        KeAcquireSpinLockAtDpcLevel(&Dev->ChannelLock[Index]);
    } else {
        KeAcquireSpinLock(&Dev->ChannelLock[Index], OldIrql);
    }
}

/* AtDispatch must be what the lock was taken with. */
_Use_decl_annotations_
VOID
PxUnlockChannel(
    PDEVICE_CONTEXT Dev,
    ULONG Index,
    BOOLEAN AtDispatch,
    KIRQL OldIrql
    )
{
    if (AtDispatch) {
        KeReleaseSpinLockFromDpcLevel(&Dev->ChannelLock[Index]);
    } else {
        KeReleaseSpinLock(&Dev->ChannelLock[Index], OldIrql);
    }
}

/* Held if and only if it returns TRUE. The caller runs at DISPATCH_LEVEL and releases from DPC level. */
_Use_decl_annotations_
BOOLEAN
PxTryLockChannel(
    PDEVICE_CONTEXT Dev,
    ULONG Index
    )
{
    return KeTryToAcquireSpinLockAtDpcLevel(&Dev->ChannelLock[Index]);
}

/* Two different channels; the lower index is taken first, whichever way round the caller names them. */
_Use_decl_annotations_
VOID
PxLockChannelPair(
    PDEVICE_CONTEXT Dev,
    ULONG First,
    ULONG Second,
    PKIRQL OldIrql
    )
{
    if (First < Second) {
        KeAcquireSpinLock(&Dev->ChannelLock[First], OldIrql);
        KeAcquireSpinLockAtDpcLevel(&Dev->ChannelLock[Second]);
    } else {
        KeAcquireSpinLock(&Dev->ChannelLock[Second], OldIrql);
        KeAcquireSpinLockAtDpcLevel(&Dev->ChannelLock[First]);
    }
}

_Use_decl_annotations_
VOID
PxUnlockChannelPair(
    PDEVICE_CONTEXT Dev,
    ULONG First,
    ULONG Second,
    KIRQL OldIrql
    )
{
    if (First < Second) {
        KeReleaseSpinLockFromDpcLevel(&Dev->ChannelLock[Second]);
        KeReleaseSpinLock(&Dev->ChannelLock[First], OldIrql);
    } else {
        KeReleaseSpinLockFromDpcLevel(&Dev->ChannelLock[First]);
        KeReleaseSpinLock(&Dev->ChannelLock[Second], OldIrql);
    }
}

/* The lock of the list on which a request of this kind waits. Kind and Channel never change while it is pending. */
_Use_decl_annotations_
VOID
PxLockRequest(
    PREQUEST_CONTEXT Context,
    PKIRQL OldIrql
    )
{
    if (Context->Kind == PxRequestWrite) {
        /* The framework keeps the saved IRQL in the lock object. */
        *OldIrql = PASSIVE_LEVEL;
        WdfSpinLockAcquire(Context->Device->OutputLock);
    } else {
        PxLockChannel(Context->Device, Context->Channel, FALSE, OldIrql);
    }
}

_Use_decl_annotations_
VOID
PxUnlockRequest(
    PREQUEST_CONTEXT Context,
    KIRQL OldIrql
    )
{
    if (Context->Kind == PxRequestWrite) {
        WdfSpinLockRelease(Context->Device->OutputLock);
    } else {
        PxUnlockChannel(Context->Device, Context->Channel, FALSE, OldIrql);
    }
}

/*
 * Called with OutputLock held and returns with it held, but lets go of it while the request completes: a completion may
 * send the next write down on this very stack. The caller looks at the list afresh afterwards.
 */
_Use_decl_annotations_
VOID
PxCompleteWriteUnlocked(
    PDEVICE_CONTEXT Dev,
    PREQUEST_CONTEXT Context,
    NTSTATUS Status
    )
{
    WDFREQUEST request = Context->Request;
    ULONG_PTR information = Context->Transferred * sizeof(ULONG);

    WdfSpinLockRelease(Dev->OutputLock);
    WdfRequestCompleteWithInformation(request, Status, information);
#ifndef DEFECT_MISSING_RETAKE
    WdfSpinLockAcquire(Dev->OutputLock);
#endif
}
