/* What the literate tests stand on: a small kernel header in our own words, as it is after preprocessing. The #define lines
   are expanded by the runner, the way an x64 build would. */
#define NULL ((void *)0)
#define TRUE 1
#define FALSE 0
#define NT_SUCCESS(Status) (((NTSTATUS)(Status)) >= 0)
#define STATUS_SUCCESS ((NTSTATUS)0x00000000L)
#define STATUS_TIMEOUT ((NTSTATUS)0x00000102L)
#define STATUS_PENDING ((NTSTATUS)0x00000103L)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001L)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xC000000DL)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xC000009AL)
#define STATUS_DEVICE_NOT_READY ((NTSTATUS)0xC00000A3L)
#define STATUS_CANCELLED ((NTSTATUS)0xC0000120L)
#define CONTAINING_RECORD(Address, Type, Member) ((Type *)((PCHAR)(Address) - (ULONG_PTR)(&((Type *)0)->Member)))
#define KeAcquireSpinLock(Lock, Irql) *(Irql) = KeAcquireSpinLockRaiseToDpc(Lock)
#define ASSERT(Condition) ((void)0)
#define DISPATCH_LEVEL 2
#define EXCEPTION_EXECUTE_HANDLER 1
typedef void VOID, *PVOID; typedef char CHAR, *PCHAR; typedef unsigned char UCHAR, BOOLEAN, KIRQL, *PKIRQL; typedef int LONG, NTSTATUS;
typedef unsigned int ULONG; typedef unsigned long long ULONG_PTR, SIZE_T; typedef long long LONGLONG;
typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK; typedef LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
typedef struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; } LIST_ENTRY, *PLIST_ENTRY;
typedef struct _KLOCK_QUEUE_HANDLE { PVOID Next; PVOID Lock; KIRQL OldIrql; } KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;
typedef struct _LARGE_INTEGER { LONGLONG QuadPart; } LARGE_INTEGER, *PLARGE_INTEGER;
typedef struct WDFSPINLOCK__ *WDFSPINLOCK; typedef struct WDFWAITLOCK__ *WDFWAITLOCK; typedef struct WDFDEVICE__ *WDFDEVICE;
typedef struct WDFQUEUE__ *WDFQUEUE; typedef struct WDFREQUEST__ *WDFREQUEST; typedef struct WDFDPC__ *WDFDPC; typedef struct WDFTIMER__ *WDFTIMER;
typedef struct WDFINTERRUPT__ *WDFINTERRUPT; typedef PVOID WDFOBJECT;
typedef struct _KDPC { PVOID Context; } KDPC, *PKDPC; typedef struct _KINTERRUPT *PKINTERRUPT;
struct _DEVICE_OBJECT; struct _IRP;
typedef VOID DRIVER_CANCEL(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp); typedef DRIVER_CANCEL *PDRIVER_CANCEL;
typedef NTSTATUS DRIVER_DISPATCH(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp); typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
typedef struct _DRIVER_OBJECT { PVOID DriverUnload; PDRIVER_DISPATCH MajorFunction[28]; } DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef struct _IRP { KIRQL CancelIrql; BOOLEAN Cancel; NTSTATUS Status; LIST_ENTRY Entry; } IRP, *PIRP;
typedef struct _DEVICE_OBJECT { PVOID DeviceExtension; PIRP CurrentIrp; } DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _DEVICE {
    KSPIN_LOCK Lock, Other, Third; KSPIN_LOCK Locks[4]; KIRQL OldIrql; BOOLEAN Held, Ready; ULONG Flags; LONG Count; NTSTATUS Status;
    PKSPIN_LOCK Guard; LIST_ENTRY List; WDFSPINLOCK SpinLock, SpinLock2; WDFWAITLOCK WaitLock; EX_SPIN_LOCK Shared; KLOCK_QUEUE_HANDLE Handle;
    struct _DEVICE *Parent;
} DEVICE, *PDEVICE;
typedef VOID EVT_WDF_DPC(WDFDPC Dpc); typedef VOID EVT_WDF_TIMER(WDFTIMER Timer);
typedef VOID EVT_WDF_IO_QUEUE_IO_READ(WDFQUEUE Queue, WDFREQUEST Request, SIZE_T Length);
typedef VOID EVT_WDF_REQUEST_CANCEL(WDFREQUEST Request);
typedef NTSTATUS EVT_WDF_DEVICE_D0_ENTRY(WDFDEVICE Device, ULONG PreviousState);
typedef BOOLEAN EVT_WDF_INTERRUPT_ISR(WDFINTERRUPT Interrupt, ULONG MessageID);
typedef VOID KDEFERRED_ROUTINE(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2);
typedef BOOLEAN KSERVICE_ROUTINE(PKINTERRUPT Interrupt, PVOID Context);
typedef struct _IO_REMOVE_LOCK { LONG Count; } IO_REMOVE_LOCK, *PIO_REMOVE_LOCK;
typedef NTSTATUS IO_COMPLETION_ROUTINE(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context);
typedef VOID IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
NTSTATUS IoAcquireRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, CHAR *File, ULONG Line, ULONG Size);
VOID IoReleaseRemoveLockEx(PIO_REMOVE_LOCK Lock, PVOID Tag, ULONG Size);
NTSTATUS IofCallDriver(PVOID DeviceObject, PIRP Irp); VOID IoCsqInsertIrp(PVOID Csq, PIRP Irp, PVOID Context);
VOID IoSetCompletionRoutine(PIRP Irp, IO_COMPLETION_ROUTINE *Routine, PVOID Context, BOOLEAN Success, BOOLEAN Error, BOOLEAN Cancel);
VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock);
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql);
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle);
VOID KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle);
KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock); VOID ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock); VOID ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
LONG ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
VOID IoAcquireCancelSpinLock(PKIRQL Irql); VOID IoReleaseCancelSpinLock(KIRQL Irql);
PDRIVER_CANCEL IoSetCancelRoutine(PIRP Irp, PDRIVER_CANCEL CancelRoutine); VOID IofCompleteRequest(PIRP Irp, CHAR Boost);
VOID WdfSpinLockAcquire(WDFSPINLOCK SpinLock); VOID WdfSpinLockRelease(WDFSPINLOCK SpinLock);
NTSTATUS WdfWaitLockAcquire(WDFWAITLOCK Lock, LONGLONG *Timeout); VOID WdfWaitLockRelease(WDFWAITLOCK Lock);
VOID WdfInterruptAcquireLock(WDFINTERRUPT Interrupt); VOID WdfInterruptReleaseLock(WDFINTERRUPT Interrupt);
PVOID WdfObjectGetTypedContextWorker(WDFOBJECT Handle, PVOID TypeInfo);
WDFDEVICE WdfIoQueueGetDevice(WDFQUEUE Queue); WDFOBJECT WdfDpcGetParentObject(WDFDPC Dpc);
VOID WdfRequestCompleteWithInformation(WDFREQUEST Request, NTSTATUS Status, SIZE_T Information);
VOID KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4); VOID ExRaiseStatus(NTSTATUS Status);
KIRQL KeGetCurrentIrql(VOID); VOID KeStallExecutionProcessor(ULONG Microseconds); PVOID ExAllocatePoolWithTag(ULONG Type, SIZE_T Size, ULONG Tag);
PLIST_ENTRY RemoveHeadList(PLIST_ENTRY Head); BOOLEAN IsListEmpty(const LIST_ENTRY *Head); VOID ProbeForRead(PVOID Address, SIZE_T Length, ULONG Alignment);
PDEVICE DeviceOf(WDFOBJECT Object); PDEVICE Find(ULONG Number); BOOLEAN Ask(VOID); LONG Number(VOID); NTSTATUS Query(VOID); VOID Work(VOID);
VOID ReadFlag(BOOLEAN *Value); VOID Use(PDEVICE Device);
