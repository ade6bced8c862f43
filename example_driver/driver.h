/*
 * driver.h - contexts, hardware registers and internal interfaces of the PX-4 driver.
 *
 * Lock order, outermost first: StateLock, ChannelLock[low], ChannelLock[high], LogLock. OutputLock is never held
 * together with any of them. The interrupt lock is innermost and held for a few instructions only.
 */
#pragma once

#include <ntddk.h>
#include <wdf.h>

#include "public.h"

#define PX_MAX_PENDING_READS 32
#define PX_MAX_PENDING_WRITES 16
#define PX_READ_TIMEOUT (5ULL * 10000000)   /* 100 ns units */
#define PX_WATCHDOG_PERIOD_MS 250

/* Register file: byte offsets into the board's one memory window */
#define PX_REG_STATUS 0x00
#define PX_REG_INTERRUPT_MASK 0x04
#define PX_REG_INTERRUPT_STATUS 0x08        /* write one to clear */
#define PX_REG_OUTPUT_FREE 0x0c             /* words of room in the output FIFO */
#define PX_REG_OUTPUT_DATA 0x10
#define PX_REG_KICK 0x14                    /* one bit per channel restarts its sequencer */
#define PX_REG_CHANNEL(Index) (0x40 + (Index) * 0x10)
#define PX_REG_CONTROL(Index) (PX_REG_CHANNEL(Index) + 0x0)
#define PX_REG_LEVEL(Index) (PX_REG_CHANNEL(Index) + 0x4)
#define PX_REG_DATA(Index) (PX_REG_CHANNEL(Index) + 0x8)
#define PX_REGISTER_FILE_SIZE 0x80

#define PX_CONTROL_ENABLE 0x80000000
#define PX_CONTROL_RESET 0x40000000
#define PX_CONTROL_DIVIDER 0x00ffffff

#define PX_INTERRUPT_CHANNEL(Index) (1u << (Index))
#define PX_INTERRUPT_OUTPUT 0x10u
#define PX_INTERRUPT_OVERRUN 0x20u
#define PX_INTERRUPT_ALL 0x3fu

/* Reads of a board that was pulled return all ones. */
#define PX_BOARD_GONE 0xffffffff

typedef enum _PX_STATE {
    PxStateStopped,
    PxStateRunning,
    PxStateFailed
} PX_STATE;

typedef enum _PX_REQUEST_KIND {
    PxRequestRead,
    PxRequestWrite
} PX_REQUEST_KIND;

typedef struct _PX_REQUEST_LIST {
    LIST_ENTRY Head;
    ULONG Count;
} PX_REQUEST_LIST, *PPX_REQUEST_LIST;

/* Guarded by DEVICE_CONTEXT.ChannelLock[] at the same index */
typedef struct _PX_CHANNEL {
    PX_REQUEST_LIST Reads;
    BOOLEAN Enabled;
    ULONG Divider;
    ULONGLONG Samples;
    ULONGLONG SamplesAtLastCheck;
    ULONG RejectedReads;
    ULONG LateCancels;
} PX_CHANNEL, *PPX_CHANNEL;

typedef struct _DEVICE_CONTEXT {
    WDFDEVICE Device;
    WDFINTERRUPT Interrupt;
    WDFTIMER Watchdog;

    PUCHAR Registers;
    SIZE_T RegistersLength;

    KSPIN_LOCK StateLock;
    PX_STATE State;

    KSPIN_LOCK ChannelLock[PX_CHANNELS];
    PX_CHANNEL Channel[PX_CHANNELS];

    /* A framework lock, since every holder runs inside a framework callback */
    WDFSPINLOCK OutputLock;
    PX_REQUEST_LIST Writes;
    BOOLEAN OutputOpen;

    /* Taken from every callback at once on a busy board: queued, so that processors wait in order */
    KSPIN_LOCK LogLock;
    ULONG LogNext;
    ULONG LogCount;
    PX_LOG_RECORD Log[PX_LOG_RECORDS];

    /* Guarded by the interrupt lock */
    ULONG PendingInterrupts;
} DEVICE_CONTEXT, *PDEVICE_CONTEXT;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(DEVICE_CONTEXT, PxGetDeviceContext)

/*
 * A pending request is on a list, List says on which, and the lock of that list guards the fields. Whoever takes it off
 * sets List to NULL and either owns it (and completes it) or leaves it to the cancel routine: see PxListDetach.
 */
typedef struct _REQUEST_CONTEXT {
    LIST_ENTRY Link;
    PPX_REQUEST_LIST List;
    PDEVICE_CONTEXT Device;
    WDFREQUEST Request;
    PX_REQUEST_KIND Kind;
    ULONG Channel;
    PULONG Buffer;
    ULONG Words;
    ULONG Transferred;
    ULONGLONG Deadline;
    NTSTATUS Status;
} REQUEST_CONTEXT, *PREQUEST_CONTEXT;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(REQUEST_CONTEXT, PxGetRequestContext)

FORCEINLINE
ULONG
PxReadRegister(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Offset
    )
{
    return READ_REGISTER_ULONG((PULONG) (Dev->Registers + Offset));
}

FORCEINLINE
VOID
PxWriteRegister(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Offset,
    _In_ ULONG Value
    )
{
    WRITE_REGISTER_ULONG((PULONG) (Dev->Registers + Offset), Value);
}

/* driver.c */
DRIVER_INITIALIZE DriverEntry;
EVT_WDF_DRIVER_DEVICE_ADD PxEvtDeviceAdd;

/* power.c */
EVT_WDF_DEVICE_PREPARE_HARDWARE PxEvtDevicePrepareHardware;
EVT_WDF_DEVICE_RELEASE_HARDWARE PxEvtDeviceReleaseHardware;
EVT_WDF_DEVICE_D0_ENTRY PxEvtDeviceD0Entry;
EVT_WDF_DEVICE_D0_EXIT PxEvtDeviceD0Exit;

/* queue.c */
EVT_WDF_IO_QUEUE_IO_READ PxEvtIoRead;
EVT_WDF_IO_QUEUE_IO_WRITE PxEvtIoWrite;
EVT_WDF_IO_QUEUE_IO_STOP PxEvtIoStop;

VOID
PxServiceWrites(
    _In_ PDEVICE_CONTEXT Dev
    );

/* ioctl.c */
EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL PxEvtIoDeviceControl;

/* interrupt.c */
EVT_WDF_INTERRUPT_ISR PxEvtInterruptIsr;
EVT_WDF_INTERRUPT_DPC PxEvtInterruptDpc;
EVT_WDF_INTERRUPT_ENABLE PxEvtInterruptEnable;
EVT_WDF_INTERRUPT_DISABLE PxEvtInterruptDisable;

/* timer.c */
EVT_WDF_TIMER PxEvtWatchdogTimer;

/* log.c */
VOID
PxLogAppend(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ PX_EVENT Event,
    _In_ ULONG Argument
    );

VOID
PxLog(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ PX_EVENT Event,
    _In_ ULONG Argument
    );

ULONG
PxLogCopy(
    _In_ PDEVICE_CONTEXT Dev,
    _Out_ PPX_LOG_RECORD Records,
    _In_ ULONG Capacity
    );
