"""The built-in tables: what they know, on the names that a preprocessed text has."""

from __future__ import annotations

import pytest

from spincheck.locks import tables
from spincheck.locks.model import Condition, LockIdentity, Saved

EVERY_FAMILY = tables.families()


@pytest.fixture(scope="module")
def windows() -> tables.Tables:
    return tables.load()


def only(known: tables.Tables, name: str):
    (row,) = known.operations[name]
    return row


def test_families_are_chosen_by_name():
    assert EVERY_FAMILY == ("linux", "posix", "windows")
    assert "pthread_mutex_lock" not in tables.load().operations
    assert "pthread_mutex_lock" in tables.load(("windows", "posix")).operations
    with pytest.raises(tables.TableError, match=r"there are no lock tables `posiks`.*did you mean `posix`"):
        tables.load(("posiks",))


def test_the_digest_names_the_content():
    assert tables.load().digest == tables.load(("windows",)).digest
    assert tables.load().digest != tables.load(("windows", "posix")).digest


# The operations of the project's list of facts, each as at least one build has it after preprocessing.
@pytest.mark.parametrize(
    ("name", "action", "kind", "arguments", "saved", "variant"),
    [
        ("KeAcquireSpinLock", "acquire", "spin", (0,), Saved("out", 1), "normal"),
        ("KeAcquireSpinLockRaiseToDpc", "acquire", "spin", (0,), Saved("result"), "normal"),
        ("KfAcquireSpinLock", "acquire", "spin", (0,), Saved("result"), "normal"),
        ("KeReleaseSpinLock", "release", "spin", (0,), Saved("value", 1), "normal"),
        ("KfReleaseSpinLock", "release", "spin", (0,), Saved("value", 1), "normal"),
        ("KeAcquireSpinLockAtDpcLevel", "acquire", "spin", (0,), Saved(), "dpc"),
        ("KefAcquireSpinLockAtDpcLevel", "acquire", "spin", (0,), Saved(), "dpc"),
        ("KeReleaseSpinLockFromDpcLevel", "release", "spin", (0,), Saved(), "dpc"),
        ("KefReleaseSpinLockFromDpcLevel", "release", "spin", (0,), Saved(), "dpc"),
        ("KeTryToAcquireSpinLockAtDpcLevel", "try", "spin", (0,), Saved(), "dpc"),
        ("KeAcquireSpinLockForDpc", "acquire", "spin", (0,), Saved("result"), "fordpc"),
        ("KeReleaseSpinLockForDpc", "release", "spin", (0,), Saved("value", 1), "fordpc"),
        ("ExAcquireSpinLock", "acquire", "spin", (0,), Saved("out", 1), "normal"),
        ("ExReleaseSpinLock", "release", "spin", (0,), Saved("value", 1), "normal"),
        ("KeAcquireInterruptSpinLock", "acquire", "interrupt", (0,), Saved("result"), "normal"),
        ("KeReleaseInterruptSpinLock", "release", "interrupt", (0,), Saved("value", 1), "normal"),
        ("ExAcquireSpinLockShared", "acquire", "exspin", (0,), Saved("result"), "normal"),
        ("ExReleaseSpinLockExclusiveFromDpcLevel", "release", "exspin", (0,), Saved(), "dpc"),
        ("ExTryConvertSharedSpinLockExclusive", "convert", "exspin", (0,), Saved(), "normal"),
        ("WdfSpinLockAcquire", "acquire", "wdfspin", (0,), Saved(), "normal"),
        ("WdfSpinLockRelease", "release", "wdfspin", (0,), Saved(), "normal"),
        ("WdfObjectAcquireLock", "acquire", "wdfobject", (0,), Saved(), "normal"),
        ("WdfInterruptTryToAcquireLock", "try", "wdfinterrupt", (0,), Saved(), "normal"),
        ("WdfWaitLockAcquire", "try", "wdfwait", (0,), Saved(), "normal"),
        ("NdisAcquireSpinLock", "acquire", "ndisspin", (0,), Saved(), "normal"),
        ("NdisDprReleaseSpinLock", "release", "ndisspin", (0,), Saved(), "dpc"),
        ("NdisAcquireRWLockRead", "acquire", "ndisrw", (0,), Saved("handle", 1), "normal"),
        ("NdisReleaseReadWriteLock", "release", "ndisrwold", (0,), Saved("handle", 1), "normal"),
        ("StorPortAcquireMSISpinLock", "acquire", "stormsi", (1,), Saved("out", 2), "normal"),
        ("ExAcquireFastMutexUnsafe", "acquire", "fastmutex", (0,), Saved(), "unsafe"),
        ("ExiTryToAcquireFastMutex", "try", "fastmutex", (0,), Saved(), "normal"),
        ("KeReleaseGuardedMutex", "release", "guardedmutex", (0,), Saved(), "normal"),
        ("ExAcquireSharedStarveExclusive", "try", "resource", (0,), Saved(), "normal"),
        ("ExReleaseResourceForThreadLite", "release", "resource", (0,), Saved(), "normal"),
        ("IoAcquireRemoveLockEx", "try", "removelock", (0,), Saved(), "normal"),
        ("IoReleaseRemoveLockAndWaitEx", "release", "removelock", (0,), Saved(), "normal"),
        ("KfRaiseIrql", "acquire", "irql", (), Saved("result"), "normal"),
        ("KeLowerIrql", "release", "irql", (), Saved("value", 0), "normal"),
        ("FsRtlEnterFileSystem", "acquire", "critical", (), Saved(), "normal"),
        ("KeLeaveGuardedRegion", "release", "guarded", (), Saved(), "normal"),
    ],
)
def test_an_operation(windows, name, action, kind, arguments, saved, variant):
    row = only(windows, name)
    assert (row.action, row.kind, row.lock.arguments, row.saved, row.variant) == (
        action,
        kind,
        arguments,
        saved,
        variant,
    )


def test_a_queued_lock_is_released_by_its_handle_alone(windows):
    assert only(windows, "KeAcquireInStackQueuedSpinLock").lock == LockIdentity((0,), 1)
    assert only(windows, "KeReleaseInStackQueuedSpinLock").lock == LockIdentity((), 0)
    assert windows.storage("queued") == windows.storage("spin")


def test_the_cancel_lock_exists_once(windows):
    assert only(windows, "IoAcquireCancelSpinLock").lock == only(windows, "IoReleaseCancelSpinLock").lock
    assert only(windows, "IoAcquireCancelSpinLock").lock.name == "cancel spin lock"


def test_storports_locks_are_named_by_the_kind_argument(windows):
    lock = only(windows, "StorPortAcquireSpinLock").lock
    assert (lock.arguments, lock.handle) == ((1, 2), 3)
    assert dict(lock.names) == {
        1: "DpcLock()",
        2: "StartIo lock",
        3: "interrupt lock",
        4: "ThreadedDpcLock()",
        5: "DpcLevelLock()",
    }
    (hold,) = windows.role("HW_STARTIO").holds
    assert hold.lock.name == "StartIo lock"
    assert hold.at_exit == "kept"


@pytest.mark.parametrize(
    ("name", "held", "not_held"),
    [
        ("KeTryToAcquireSpinLockAtDpcLevel", [1, -1, 255], [0]),
        ("WdfWaitLockAcquire", [0], [0x102, -1]),
        ("IoAcquireRemoveLockEx", [0, 1, 2**31 - 1], [-1, -(2**31)]),
        ("ExAcquireResourceSharedLite", [1], [0]),
    ],
)
def test_which_results_mean_held(windows, name, held, not_held):
    ranges = only(windows, name).success_ranges
    assert all(any(low <= value <= high for low, high in ranges) for value in held)
    assert not any(low <= value <= high for value in not_held for low, high in ranges)


def test_a_try_that_cannot_fail_says_when(windows):
    assert only(windows, "WdfWaitLockAcquire").always_if == Condition(1, "null")
    assert only(windows, "ExAcquireResourceExclusiveLite").always_if == Condition(1, "nonzero")


def test_release_variants(windows):
    assert windows.compatible("spin", "normal", "normal")
    assert windows.compatible("spin", "synch", "normal")
    assert not windows.compatible("spin", "normal", "synch")
    assert not windows.compatible("spin", "dpc", "normal")
    assert not windows.compatible("fastmutex", "unsafe", "normal")


@pytest.mark.parametrize(
    ("type_name", "model"),
    [
        ("EVT_WDF_DPC", "kmdf"),
        ("EVT_WDFDEVICE_WDM_IRP_PREPROCESS", "kmdf"),
        ("PFN_WDF_IO_QUEUE_IO_READ", "kmdf"),
        ("EVT_SPB_TARGET_CONNECT", "kmdf"),
        ("DRIVER_INITIALIZE", "wdm"),
        ("PDRIVER_DISPATCH", "wdm"),
        ("KDEFERRED_ROUTINE", "wdm"),
        ("PKSTART_ROUTINE", "wdm"),
        ("MINIPORT_INITIALIZE", "ndis"),
        ("FILTER_ATTACH", "ndis"),
        ("PROTOCOL_BIND_ADAPTER_EX", "ndis"),
        ("HW_INITIALIZE", "storport"),
        ("VIRTUAL_HW_FIND_ADAPTER", "storport"),
    ],
)
def test_a_role(windows, type_name, model):
    assert windows.role(type_name).model == model


@pytest.mark.parametrize("type_name", ["MY_CALLBACK", "PVOID", "PULONG", "", "EVT_", "XEVT_WDF_DPC"])
def test_no_role(windows, type_name):
    assert windows.role(type_name) is None


def test_a_cancel_routine_is_entered_with_the_cancel_lock(windows):
    (hold,) = windows.role("DRIVER_CANCEL").holds
    assert (hold.kind, hold.at_exit, hold.saved_argument, hold.saved_field) == (
        "cancel",
        "released",
        1,
        "CancelIrql",
    )


def test_interrupt_callbacks_keep_their_lock(windows):
    for name in (
        "EVT_WDF_INTERRUPT_ISR",
        "EVT_WDF_INTERRUPT_ENABLE",
        "EVT_WDF_INTERRUPT_DISABLE",
        "EVT_WDF_INTERRUPT_SYNCHRONIZE",
    ):
        assert [(hold.kind, hold.at_exit) for hold in windows.role(name).holds] == [("wdfinterrupt", "kept")]
    assert windows.role("EVT_WDF_INTERRUPT_DPC").holds == ()


def test_lock_routines_of_cancel_safe_queues_are_not_judged(windows):
    assert not windows.role("IO_CSQ_ACQUIRE_LOCK").balanced
    assert not windows.role("FAST_IO_ACQUIRE_FILE").balanced
    assert windows.role("FAST_IO_READ").balanced


@pytest.mark.parametrize(
    ("field", "object_", "role"),
    [
        ("EvtIoRead", "", "EVT_WDF_IO_QUEUE_IO_READ"),
        ("EvtIoRead", "WDF_IO_QUEUE_CONFIG", "EVT_WDF_IO_QUEUE_IO_READ"),
        ("EvtSomethingNew", "", "EVT_WDF_CALLBACK"),
        ("MajorFunction", "", "DRIVER_DISPATCH"),
        ("DriverUnload", "_DRIVER_OBJECT", "DRIVER_UNLOAD"),
        ("CompletionRoutine", "", "IO_COMPLETION_ROUTINE"),
        ("SendNetBufferListsHandler", "", "MINIPORT_SEND_NET_BUFFER_LISTS"),
        ("SomeNewHandler", "NDIS_MINIPORT_DRIVER_CHARACTERISTICS", "MINIPORT_CALLBACK"),
        ("SomeNewHandler", "MY_STRUCT", None),
        ("SomeNewHandler", "", None),
        ("HwStartIo", "HW_INITIALIZATION_DATA", "HW_STARTIO"),
        ("PreOperation", "", "FLT_PRE_OPERATION_CALLBACK"),
        ("Event", "", None),
        ("FastIoRead", "FAST_IO_DISPATCH", "FAST_IO_ROUTINE"),
        ("FastIoRead", "", "FAST_IO_ROUTINE"),
        ("CancelRoutine", "_IRP", "DRIVER_CANCEL"),
        ("CancelRoutine", "PIRP", "DRIVER_CANCEL"),
        ("CancelRoutine", "PACKET", None),
        ("CancelRoutine", "", None),
        ("SomeNewHandler", "PNDIS_MINIPORT_CHARACTERISTICS", "MINIPORT_CALLBACK"),
    ],
)
def test_a_slot(windows, field, object_, role):
    assert windows.slot(field, object_) == role


@pytest.mark.parametrize(
    ("function", "argument", "role"),
    [
        ("KeInitializeDpc", 1, "KDEFERRED_ROUTINE"),
        ("KeInitializeDpc", 0, None),
        ("PsCreateSystemThread", 5, "KSTART_ROUTINE"),
        ("WDF_TIMER_CONFIG_INIT", 1, "EVT_WDF_TIMER"),
        ("WDF_INTERRUPT_CONFIG_INIT", 2, "EVT_WDF_INTERRUPT_DPC"),
        ("WDF_NEW_THING_CONFIG_INIT", 1, "EVT_WDF_CALLBACK"),
        ("MyFunction", 1, None),
    ],
)
def test_a_registration(windows, function, argument, role):
    assert windows.registered(function, argument) == role


def test_an_interlocked_exchange_registers_only_for_its_field(windows):
    assert windows.registered("InterlockedExchangePointer", 1, "CancelRoutine") == "DRIVER_CANCEL"
    assert windows.registered("InterlockedExchangePointer", 1, "Hook") is None
    assert windows.registered("InterlockedExchangePointer", 1) is None


def test_every_registered_role_is_a_role():
    known = tables.load(EVERY_FAMILY)
    for fragment in tables.built_in():
        for row in (*fragment.registrations, *fragment.slots):
            assert known.role(row.value.role) is not None, f"{row.file}:{row.line}"


def test_calls_that_run_their_argument(windows):
    assert (
        windows.immediate["WdfInterruptSynchronize"].callback,
        windows.immediate["WdfInterruptSynchronize"].passes,
    ) == (1, (0, 2))
    assert windows.immediate["KeSynchronizeExecution"].kind == "interrupt"


def test_forbidden_calls(windows):
    (row,) = windows.forbidden["WdfRequestSend"]
    assert {"spin", "queued", "cancel", "wdfspin", "exspin", "ndisspin"} <= set(row.kinds)
    assert "wdfwait" not in row.kinds
    (row,) = windows.forbidden["KeWaitForSingleObject"]
    assert row.unless == Condition(4, "points_to_zero")
    (row,) = windows.forbidden["ExAllocatePool2"]
    assert row.when == Condition(0, "bits", 0x100)


def test_pure_functions(windows):
    assert windows.pure("WdfObjectGetTypedContextWorker")
    assert windows.pure("WdfTimerGetParentObject")
    assert windows.pure("IoGetCurrentIrpStackLocation")
    assert not windows.pure("WdfRequestGetStatus")
    assert not windows.pure("KeGetCurrentProcessorNumber")
    assert not windows.pure("WdfSpinLockAcquire")


def test_raising_is_apart_from_never_returning(windows):
    assert "KeBugCheckEx" in windows.noreturn
    assert "ExRaiseStatus" in windows.raising
    assert not windows.noreturn & windows.raising


def test_every_name_is_announced(windows):
    for table in (
        windows.operations,
        windows.forbidden,
        windows.immediate,
        windows.creations,
        windows.required,
    ):
        assert set(table) <= windows.all_names
    assert windows.noreturn | windows.raising <= windows.all_names
    assert "KeInitializeDpc" in windows.all_names


def test_every_built_in_row_has_a_signature():
    for fragment in tables.built_in():
        for row in fragment.operations:
            assert row.value.signature, f"{row.file}:{row.line}: {row.value.function}"
