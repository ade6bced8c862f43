/*
 * interrupt.c - the board's one interrupt: the service routine notes causes, the DPC moves data.
 */
#include "driver.h"
#include "locklib.h"
#include "reqlist.h"

/* Runs at DIRQL with the interrupt lock held by the framework. */
_Use_decl_annotations_
BOOLEAN
PxEvtInterruptIsr(
    WDFINTERRUPT Interrupt,
    ULONG MessageID
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(WdfInterruptGetDevice(Interrupt));
    ULONG causes;

    UNREFERENCED_PARAMETER(MessageID);

    causes = PxReadRegister(dev, PX_REG_INTERRUPT_STATUS);
    if (causes == 0 || causes == PX_BOARD_GONE) {
        /* Somebody else's on a shared line, or the board was pulled */
        return FALSE;
    }
    PxWriteRegister(dev, PX_REG_INTERRUPT_STATUS, causes);
    dev->PendingInterrupts |= causes;
    WdfInterruptQueueDpcForIsr(Interrupt);
    return TRUE;
}

/* Enable and disable run at DIRQL with the interrupt lock held by the framework. */
_Use_decl_annotations_
NTSTATUS
PxEvtInterruptEnable(
    WDFINTERRUPT Interrupt,
    WDFDEVICE AssociatedDevice
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(AssociatedDevice);

    UNREFERENCED_PARAMETER(Interrupt);

    dev->PendingInterrupts = 0;
    PxWriteRegister(dev, PX_REG_INTERRUPT_MASK, PX_INTERRUPT_ALL);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
NTSTATUS
PxEvtInterruptDisable(
    WDFINTERRUPT Interrupt,
    WDFDEVICE AssociatedDevice
    )
{
    UNREFERENCED_PARAMETER(Interrupt);

    PxWriteRegister(PxGetDeviceContext(AssociatedDevice), PX_REG_INTERRUPT_MASK, 0);
    return STATUS_SUCCESS;
}

/* Fills waiting reads from the channel's FIFO. A read ends with what there is, but never empty. Channel lock held. */
static
VOID
PxDrainChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Index,
    _Inout_ PLIST_ENTRY Done
    )
{
    PPX_CHANNEL channel = &Dev->Channel[Index];
    PREQUEST_CONTEXT context;

    while (!IsListEmpty(&channel->Reads.Head)) {
        context = CONTAINING_RECORD(channel->Reads.Head.Flink, REQUEST_CONTEXT, Link);
        while (context->Transferred < context->Words && PxReadRegister(Dev, PX_REG_LEVEL(Index)) != 0) {
            context->Buffer[context->Transferred] = PxReadRegister(Dev, PX_REG_DATA(Index));
            context->Transferred++;
            channel->Samples++;
        }
        if (context->Transferred == 0) {
            break;
        }
        if (PxListDetach(context)) {
            context->Status = STATUS_SUCCESS;
            InsertTailList(Done, &context->Link);
        }
    }
}

/* Called from the DPC when the board stopped answering. */
static
VOID
PxBoardGone(
    _In_ PDEVICE_CONTEXT Dev
    )
{
    BOOLEAN first = FALSE;

    KeAcquireSpinLockAtDpcLevel(&Dev->StateLock);
    if (Dev->State != PxStateFailed) {
        Dev->State = PxStateFailed;
        first = TRUE;
    }
    KeReleaseSpinLockFromDpcLevel(&Dev->StateLock);

    if (first) {
        PxLog(Dev, PxEventBoardGone, 0);
        WdfDeviceSetFailed(Dev->Device, WdfDeviceFailedNoRestart);
    }
}

_Use_decl_annotations_
VOID
PxEvtInterruptDpc(
    WDFINTERRUPT Interrupt,
    WDFOBJECT AssociatedObject
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(AssociatedObject);
    KLOCK_QUEUE_HANDLE handle;
    LIST_ENTRY done;
    BOOLEAN gone = FALSE;
    ULONG pending;
    ULONG index;
    KIRQL irql;

    WdfInterruptAcquireLock(Interrupt);
    pending = dev->PendingInterrupts;
    dev->PendingInterrupts = 0;
    WdfInterruptReleaseLock(Interrupt);

    InitializeListHead(&done);
    for (index = 0; index < PX_CHANNELS; index++) {
        if ((pending & PX_INTERRUPT_CHANNEL(index)) == 0) {
            continue;
        }
        PxLockChannel(dev, index, TRUE, &irql);
        if (PxReadRegister(dev, PX_REG_STATUS) == PX_BOARD_GONE) {
            gone = TRUE;
#ifndef DEFECT_LEAK_IN_DPC_LOOP
            PxUnlockChannel(dev, index, TRUE, irql);
#endif
            break;
        }
        PxDrainChannel(dev, index, &done);
        PxUnlockChannel(dev, index, TRUE, irql);
    }

    if (pending & PX_INTERRUPT_OVERRUN) {
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&dev->LogLock, &handle);
        PxLogAppend(dev, PxEventOverrun, pending);
#ifdef DEFECT_WRONG_LEVEL
        KeReleaseInStackQueuedSpinLock(&handle);
#else
        KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
#endif
    }

    if (gone) {
        PxBoardGone(dev);
    } else if (pending & PX_INTERRUPT_OUTPUT) {
        PxServiceWrites(dev);
    }
    PxCompleteDone(&done);
}
