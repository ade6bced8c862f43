"""The declarations that the rules' examples need: just enough of a kernel header, in our own words.

The examples must run without a WDK, and must be read as both a 64-bit and a 32-bit build would have them; so the
macros that differ are here for both, on top of prototypes that come from the lock tables' own signatures. This is the text of
a header, to be preprocessed: ``-D_AMD64_`` or ``-D_X86_``; with ``SPINCHECK_NO_MACROS`` the names stay as they are.
"""

from __future__ import annotations

import functools

from spincheck.locks import tables

_WINDOWS = r"""
typedef void VOID; typedef void *PVOID; typedef char CHAR; typedef unsigned char UCHAR; typedef unsigned char BOOLEAN;
typedef short SHORT; typedef unsigned short USHORT; typedef int LONG; typedef unsigned int ULONG; typedef long long LONGLONG;
typedef unsigned long long ULONGLONG; typedef LONG NTSTATUS; typedef ULONG LOGICAL; typedef const char *PCSTR;
typedef UCHAR KIRQL; typedef ULONG *PULONG; typedef KIRQL *PKIRQL; typedef LONGLONG *PLONGLONG; typedef USHORT *PUSHORT;
typedef unsigned long long SIZE_T; typedef unsigned long long ULONG_PTR; typedef SIZE_T ERESOURCE_THREAD;
typedef union _LARGE_INTEGER { LONGLONG QuadPart; } LARGE_INTEGER, *PLARGE_INTEGER;
#define NULL ((void *)0)
#define TRUE 1
#define FALSE 0
#define STATUS_SUCCESS ((NTSTATUS)0x00000000)
#define STATUS_PENDING ((NTSTATUS)0x00000103)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_DEVICE_BUSY ((NTSTATUS)0x80000011)
#define NT_SUCCESS(Status) (((NTSTATUS)(Status)) >= 0)
#define DISPATCH_LEVEL 2

typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
typedef ULONG KSPIN_LOCK_QUEUE_NUMBER;
typedef struct _KLOCK_QUEUE_HANDLE { PVOID Next; PKSPIN_LOCK Lock; KIRQL OldIrql; } KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;
typedef struct _KINTERRUPT *PKINTERRUPT;
typedef struct _FAST_MUTEX { LONG Count; PVOID Owner; } FAST_MUTEX, *PFAST_MUTEX, KGUARDED_MUTEX, *PKGUARDED_MUTEX;
typedef struct _EX_PUSH_LOCK { PVOID Value; } EX_PUSH_LOCK, *PEX_PUSH_LOCK;
typedef struct _ERESOURCE { LONG Active; } ERESOURCE, *PERESOURCE;
typedef struct _IO_REMOVE_LOCK { LONG Count; } IO_REMOVE_LOCK, *PIO_REMOVE_LOCK;
typedef struct _KEVENT { LONG Signalled; } KEVENT, *PKEVENT;
typedef struct _KDPC { PVOID Routine; } KDPC, *PKDPC;
typedef struct _NDIS_SPIN_LOCK { KSPIN_LOCK SpinLock; KIRQL OldIrql; } NDIS_SPIN_LOCK, *PNDIS_SPIN_LOCK;
typedef struct _NDIS_RW_LOCK_EX *PNDIS_RW_LOCK_EX;
typedef struct _LOCK_STATE_EX { KIRQL OldIrql; UCHAR LockState; } LOCK_STATE_EX, *PLOCK_STATE_EX;
typedef struct _NDIS_RW_LOCK { KSPIN_LOCK SpinLock; } NDIS_RW_LOCK, *PNDIS_RW_LOCK;
typedef struct _LOCK_STATE { USHORT LockState; KIRQL OldIrql; } LOCK_STATE, *PLOCK_STATE;
typedef enum _STOR_SPINLOCK { DpcLock = 1, StartIoLock, InterruptLock, ThreadedDpcLock, DpcLevelLock } STOR_SPINLOCK;
typedef struct _STOR_LOCK_HANDLE { STOR_SPINLOCK Lock; PVOID Context; } STOR_LOCK_HANDLE, *PSTOR_LOCK_HANDLE;
typedef struct _KSFILTER *PKSFILTER; typedef struct _KSPIN *PKSPIN; typedef struct _KSDEVICE *PKSDEVICE; typedef PVOID KSDEVICE_HEADER;
typedef struct _SPIN_LOCK *PSPIN_LOCK; typedef UCHAR *PUCHAR;
typedef struct _STOR_DPC { PVOID Routine; } STOR_DPC, *PSTOR_DPC;

typedef struct _WDFOBJECT__ *WDFOBJECT; typedef struct WDFDEVICE__ *WDFDEVICE; typedef struct WDFQUEUE__ *WDFQUEUE;
typedef struct WDFREQUEST__ *WDFREQUEST; typedef struct WDFDPC__ *WDFDPC; typedef struct WDFTIMER__ *WDFTIMER;
typedef struct WDFWORKITEM__ *WDFWORKITEM; typedef struct WDFSPINLOCK__ *WDFSPINLOCK; typedef struct WDFWAITLOCK__ *WDFWAITLOCK;
typedef struct WDFINTERRUPT__ *WDFINTERRUPT; typedef struct WDFIOTARGET__ *WDFIOTARGET;
typedef struct _WDF_OBJECT_ATTRIBUTES { ULONG Size; PVOID ParentObject; } WDF_OBJECT_ATTRIBUTES, *PWDF_OBJECT_ATTRIBUTES;
typedef struct _WDF_REQUEST_SEND_OPTIONS *PWDF_REQUEST_SEND_OPTIONS;

typedef struct _IRP { NTSTATUS Status; KIRQL CancelIrql; PVOID CancelRoutine; } IRP, *PIRP;
struct _DRIVER_OBJECT;
typedef struct _DEVICE_OBJECT { PVOID DeviceExtension; PIRP CurrentIrp; } DEVICE_OBJECT, *PDEVICE_OBJECT;

/* What the examples lock: one object with a lock of every kind. */
typedef struct _DEVICE {
    KSPIN_LOCK Lock; KSPIN_LOCK Lock2; KIRQL OldIrql; EX_SPIN_LOCK ExLock; FAST_MUTEX Mutex; KGUARDED_MUTEX Guard; EX_PUSH_LOCK Push;
    ERESOURCE Resource; IO_REMOVE_LOCK RemoveLock; NDIS_SPIN_LOCK NdisLock; NDIS_RW_LOCK OldRwLock; KEVENT Event;
    PKINTERRUPT Interrupt; WDFSPINLOCK SpinLock; WDFWAITLOCK WaitLock; WDFINTERRUPT WdfInterrupt; WDFOBJECT Object;
    WDFIOTARGET Target; STOR_DPC Dpc; LONG Count; LONG Ready; PIRP Irp; LONGLONG Timeout;
} DEVICE, *PDEVICE;

typedef VOID EVT_WDF_DPC(WDFDPC Dpc);
typedef VOID EVT_WDF_TIMER(WDFTIMER Timer);
typedef VOID EVT_WDF_WORKITEM(WDFWORKITEM WorkItem);
typedef VOID EVT_WDF_IO_QUEUE_IO_READ(WDFQUEUE Queue, WDFREQUEST Request, SIZE_T Length);
typedef NTSTATUS EVT_WDF_DEVICE_D0_ENTRY(WDFDEVICE Device, ULONG PreviousState);
typedef NTSTATUS EVT_WDF_DEVICE_PREPARE_HARDWARE(WDFDEVICE Device, PVOID Raw, PVOID Translated);
typedef BOOLEAN EVT_WDF_INTERRUPT_ISR(WDFINTERRUPT Interrupt, ULONG MessageID);
typedef BOOLEAN EVT_WDF_INTERRUPT_SYNCHRONIZE(WDFINTERRUPT Interrupt, PVOID Context);
typedef NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef VOID DRIVER_CANCEL(PDEVICE_OBJECT DeviceObject, PIRP Irp); typedef NTSTATUS IO_COMPLETION_ROUTINE(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context);
typedef VOID DRIVER_STARTIO(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef VOID KDEFERRED_ROUTINE(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2);
typedef BOOLEAN KSERVICE_ROUTINE(PKINTERRUPT Interrupt, PVOID Context);
typedef VOID IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
typedef VOID MINIPORT_CANCEL_SEND(PVOID Context, PVOID CancelId);
typedef VOID NDIS_IO_WORKITEM_FUNCTION(PVOID Context, PVOID WorkItem);
typedef VOID NDIS_TIMER_FUNCTION(PVOID S1, PVOID Context, PVOID S2, PVOID S3);
typedef BOOLEAN HW_STARTIO(PVOID Extension, PVOID Srb);
typedef BOOLEAN HW_INTERRUPT(PVOID Extension);
typedef VOID HW_DPC_ROUTINE(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2);

PDEVICE DeviceOf(PVOID Object);
PNDIS_RW_LOCK_EX RwLockOf(PDEVICE Device);
VOID Touch(PDEVICE Device);
BOOLEAN WdfRequestSend(WDFREQUEST Request, WDFIOTARGET Target, PWDF_REQUEST_SEND_OPTIONS Options);
VOID WdfRequestComplete(WDFREQUEST Request, NTSTATUS Status);
NTSTATUS WdfSpinLockCreate(PWDF_OBJECT_ATTRIBUTES Attributes, WDFSPINLOCK *Lock);
NTSTATUS WdfWaitLockCreate(PWDF_OBJECT_ATTRIBUTES Attributes, WDFWAITLOCK *Lock);
VOID WDF_OBJECT_ATTRIBUTES_INIT(PWDF_OBJECT_ATTRIBUTES Attributes);
BOOLEAN WdfInterruptSynchronize(WDFINTERRUPT Interrupt, EVT_WDF_INTERRUPT_SYNCHRONIZE *Callback, PVOID Context);
VOID IofCompleteRequest(PIRP Irp, CHAR Boost);
NTSTATUS IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp);
VOID IoStartNextPacket(PDEVICE_OBJECT DeviceObject, BOOLEAN Cancelable);
NTSTATUS KeWaitForSingleObject(PVOID Object, ULONG Reason, CHAR Mode, BOOLEAN Alertable, PLARGE_INTEGER Timeout);
NTSTATUS KeDelayExecutionThread(CHAR Mode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
NTSTATUS ZwClose(PVOID Handle);
PVOID ExAllocatePoolWithTag(ULONG Type, SIZE_T Size, ULONG Tag);
#define NonPagedPool 0
#define PagedPool 1
"""

_MACROS = r"""
#ifndef SPINCHECK_NO_MACROS
#ifdef _X86_
#define KeAcquireSpinLock(SpinLock, OldIrql) *(OldIrql) = KfAcquireSpinLock(SpinLock)
#define KeAcquireSpinLockRaiseToDpc(SpinLock) KfAcquireSpinLock(SpinLock)
#define KeReleaseSpinLock(SpinLock, NewIrql) KfReleaseSpinLock(SpinLock, NewIrql)
#define KeAcquireSpinLockAtDpcLevel(SpinLock) KefAcquireSpinLockAtDpcLevel(SpinLock)
#define KeReleaseSpinLockFromDpcLevel(SpinLock) KefReleaseSpinLockFromDpcLevel(SpinLock)
#define ExAcquireFastMutex ExiAcquireFastMutex
#define ExReleaseFastMutex ExiReleaseFastMutex
#define ExTryToAcquireFastMutex ExiTryToAcquireFastMutex
#else
#define KeAcquireSpinLock(SpinLock, OldIrql) *(OldIrql) = KeAcquireSpinLockRaiseToDpc(SpinLock)
#endif
#define IoCompleteRequest(Irp, Boost) IofCompleteRequest(Irp, Boost)
#define KeRaiseIrql(NewIrql, OldIrql) *(OldIrql) = KfRaiseIrql(NewIrql)
#define KeLowerIrql(NewIrql) KfLowerIrql(NewIrql)
#define ExAcquireSpinLock(Lock, OldIrql) KeAcquireSpinLock((Lock), (OldIrql))
#define ExReleaseSpinLock(Lock, OldIrql) KeReleaseSpinLock((Lock), (OldIrql))
#define FsRtlEnterFileSystem KeEnterCriticalRegion
#define FsRtlExitFileSystem KeLeaveCriticalRegion
#define IoAcquireRemoveLock(Lock, Tag) IoAcquireRemoveLockEx(Lock, Tag, "", 1, sizeof(IO_REMOVE_LOCK))
#define IoReleaseRemoveLock(Lock, Tag) IoReleaseRemoveLockEx(Lock, Tag, sizeof(IO_REMOVE_LOCK))
#endif
"""

_POSIX = r"""
typedef struct { int state; } pthread_mutex_t; typedef struct { int readers; } pthread_rwlock_t; typedef int pthread_spinlock_t;
typedef unsigned long pthread_t; typedef struct pthread_attr pthread_attr_t;
struct timespec { long tv_sec; long tv_nsec; };
struct account { pthread_mutex_t mutex; pthread_spinlock_t spin; pthread_rwlock_t rwlock; struct timespec until; int balance; };
struct account *account_of(void *argument);
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
"""

_LINUX = r"""
typedef struct { int raw; } raw_spinlock_t; typedef struct { raw_spinlock_t rlock; } spinlock_t; typedef struct { int raw; } rwlock_t;
struct mutex { int owner; }; struct rw_semaphore { int count; };
struct port { spinlock_t lock; rwlock_t table; struct mutex mutex; struct rw_semaphore sem; int count; int ready; };
void msleep(unsigned int milliseconds);
static inline raw_spinlock_t *spinlock_check(spinlock_t *lock) { return &lock->rlock; }
"""

_LINUX_MACROS = r"""
#ifndef SPINCHECK_NO_MACROS
#define spin_lock_irqsave(lock, flags) do { flags = _raw_spin_lock_irqsave(spinlock_check(lock)); } while (0)
#define read_lock(lock) _raw_read_lock(lock)
#define read_unlock(lock) _raw_read_unlock(lock)
#define write_lock(lock) _raw_write_lock(lock)
#define write_unlock(lock) _raw_write_unlock(lock)
#endif
"""

_WORLDS = {"windows": (_WINDOWS, _MACROS), "posix": (_POSIX, ""), "linux": (_LINUX, _LINUX_MACROS)}


@functools.cache
def header(family: str = "windows") -> str:
    """Return the header text for examples of a family of lock tables, to be preprocessed."""
    declarations, macros = _WORLDS[family]
    known = tables.load((family,))
    prototypes: dict[str, str] = {}
    for name in sorted(known.operations):
        row = known.operations[name][0]
        if row.signature:
            result, _, parameters = row.signature.partition("(")
            prototypes[name] = f"{result.strip()} {name}({parameters};"
    return "\n".join([declarations.strip(), *prototypes.values(), macros.strip(), ""])


def translation_unit(text: str, family: str = "windows", name: str = "example.c") -> str:
    """Return ``text`` with the header before it and line markers around, ready for the preprocessor.

    The header counts as a system header; the example's first line is line 1 of ``name``.
    """
    return f'# 1 "{name}"\n# 1 "kernel.h" 1 3\n{header(family)}\n# 1 "{name}" 2\n{text}'
