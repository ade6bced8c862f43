/*
 * public.h - what applications share with the PX-4 driver.
 *
 * A read takes samples from one input channel, chosen by the byte offset: offset N reads channel N. A write queues
 * words for the analog output. Everything else is a device control request.
 */
#pragma once

/* {5D3C8E0A-6B41-4C0E-9E57-2A4C61B7F3D8} */
DEFINE_GUID(GUID_DEVINTERFACE_PX4,
    0x5d3c8e0a, 0x6b41, 0x4c0e, 0x9e, 0x57, 0x2a, 0x4c, 0x61, 0xb7, 0xf3, 0xd8);

#define PX_CHANNELS 4
#define PX_LOG_RECORDS 64

#define PX_IOCTL(Function, Access) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (Function), METHOD_BUFFERED, (Access))

#define IOCTL_PX_CONFIGURE_CHANNEL PX_IOCTL(0, FILE_WRITE_ACCESS)   /* in: PX_CHANNEL_CONFIG */
#define IOCTL_PX_SWAP_CHANNELS     PX_IOCTL(1, FILE_WRITE_ACCESS)   /* in: PX_CHANNEL_PAIR */
#define IOCTL_PX_FLUSH_CHANNEL     PX_IOCTL(2, FILE_WRITE_ACCESS)   /* in: PX_FLUSH */
#define IOCTL_PX_GET_STATISTICS    PX_IOCTL(3, FILE_READ_ACCESS)    /* in: ULONG channel, out: PX_STATISTICS */
#define IOCTL_PX_READ_LOG          PX_IOCTL(4, FILE_READ_ACCESS)    /* out: PX_LOG_RECORD[] */

typedef struct _PX_CHANNEL_CONFIG {
    ULONG Channel;
    ULONG Divider;          /* of the 10 MHz sample clock, at least 1 */
    ULONG Enable;
} PX_CHANNEL_CONFIG, *PPX_CHANNEL_CONFIG;

typedef struct _PX_CHANNEL_PAIR {
    ULONG First;
    ULONG Second;
} PX_CHANNEL_PAIR, *PPX_CHANNEL_PAIR;

#define PX_FLUSH_RESET_FIFO 0x1     /* empty the board's FIFO too; the board must be powered */

typedef struct _PX_FLUSH {
    ULONG Channel;
    ULONG Flags;
} PX_FLUSH, *PPX_FLUSH;

typedef struct _PX_STATISTICS {
    ULONGLONG Samples;
    ULONG PendingReads;
    ULONG RejectedReads;
    ULONG LateCancels;
    ULONG Running;
} PX_STATISTICS, *PPX_STATISTICS;

typedef enum _PX_EVENT {
    PxEventPowerUp = 1,
    PxEventPowerDown,
    PxEventOverrun,
    PxEventStall,
    PxEventBoardGone
} PX_EVENT;

typedef struct _PX_LOG_RECORD {
    ULONGLONG Time;         /* interrupt time, 100 ns */
    ULONG Event;            /* PX_EVENT */
    ULONG Argument;
} PX_LOG_RECORD, *PPX_LOG_RECORD;
