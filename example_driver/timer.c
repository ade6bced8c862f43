/*
 * timer.c - the watchdog: expires old reads and restarts channels that have stopped sampling.
 */
#include "driver.h"
#include "locklib.h"
#include "reqlist.h"

/* TRUE if an enabled channel with waiting reads took no sample since the last look. Channel lock held. */
static
BOOLEAN
PxChannelStalled(
    _Inout_ PPX_CHANNEL Channel
    )
{
    BOOLEAN stalled;

    stalled = Channel->Enabled && Channel->Reads.Count > 0 && Channel->Samples == Channel->SamplesAtLastCheck;
    Channel->SamplesAtLastCheck = Channel->Samples;
    return stalled;
}

/* A timer callback runs at DISPATCH_LEVEL. */
_Use_decl_annotations_
VOID
PxEvtWatchdogTimer(
    WDFTIMER Timer
    )
{
    PDEVICE_CONTEXT dev = PxGetDeviceContext(WdfTimerGetParentObject(Timer));
    ULONGLONG now = KeQueryInterruptTime();
    LIST_ENTRY done;
    BOOLEAN locked;
    ULONG stalled = 0;
    ULONG index;

    InitializeListHead(&done);
    for (index = 0; index < PX_CHANNELS; index++) {
        /* A channel whose lock is taken is being served this moment, so it does not stall. */
        locked = PxTryLockChannel(dev, index);
        if (locked && PxChannelStalled(&dev->Channel[index])) {
            stalled |= PX_INTERRUPT_CHANNEL(index);
        }
#ifdef DEFECT_DOUBLE_ACQUIRE
        PxChannelExpire(dev, index, now, &done);
#endif
#ifndef DEFECT_TRY_RESULT_IGNORED
        if (locked)
#endif
        {
            KeReleaseSpinLockFromDpcLevel(&dev->ChannelLock[index]);
        }
#ifndef DEFECT_DOUBLE_ACQUIRE
        PxChannelExpire(dev, index, now, &done);
#endif
    }

    if (stalled != 0) {
        PxWriteRegister(dev, PX_REG_KICK, stalled);
        PxLog(dev, PxEventStall, stalled);
    }
    PxCompleteDone(&done);
}
