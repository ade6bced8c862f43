/*
 * log.c - the event log, a ring of the last PX_LOG_RECORDS events.
 */
#include "driver.h"

/* LogLock is held. */
_Use_decl_annotations_
VOID
PxLogAppend(
    PDEVICE_CONTEXT Dev,
    PX_EVENT Event,
    ULONG Argument
    )
{
    PPX_LOG_RECORD record = &Dev->Log[Dev->LogNext];

    record->Time = KeQueryInterruptTime();
    record->Event = (ULONG) Event;
    record->Argument = Argument;

    Dev->LogNext = (Dev->LogNext + 1) % PX_LOG_RECORDS;
    if (Dev->LogCount < PX_LOG_RECORDS) {
        Dev->LogCount++;
    }
}

/* At any level up to DISPATCH_LEVEL */
_Use_decl_annotations_
VOID
PxLog(
    PDEVICE_CONTEXT Dev,
    PX_EVENT Event,
    ULONG Argument
    )
{
    KLOCK_QUEUE_HANDLE handle;

    KeAcquireInStackQueuedSpinLock(&Dev->LogLock, &handle);
    PxLogAppend(Dev, Event, Argument);
    KeReleaseInStackQueuedSpinLock(&handle);
}

/* Copies the newest records that fit, oldest of them first, and returns their number. */
_Use_decl_annotations_
ULONG
PxLogCopy(
    PDEVICE_CONTEXT Dev,
    PPX_LOG_RECORD Records,
    ULONG Capacity
    )
{
    KLOCK_QUEUE_HANDLE handle;
    ULONG count;
    ULONG first;
    ULONG i;

    KeAcquireInStackQueuedSpinLock(&Dev->LogLock, &handle);

    count = min(Dev->LogCount, Capacity);
    first = (Dev->LogNext + PX_LOG_RECORDS - count) % PX_LOG_RECORDS;
    for (i = 0; i < count; i++) {
        Records[i] = Dev->Log[(first + i) % PX_LOG_RECORDS];
    }

#ifdef DEFECT_QUEUED_RELEASED_AS_ORDINARY
    KeReleaseSpinLock(&Dev->LogLock, handle.OldIrql);
#else
    KeReleaseInStackQueuedSpinLock(&handle);
#endif
    return count;
}
