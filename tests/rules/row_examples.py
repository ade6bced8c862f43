"""Makes a right and a wrong piece of C for every row of every lock table, from the row itself.

A row that no example exercises is a row that nobody knows to be true. The pieces are dull on purpose: one function that calls the
row's function and its partner; what is wrong is one call too few or one too many. Rows whose success has a condition
also have a right piece for each way of the condition.
"""

from __future__ import annotations

import dataclasses
import re

from spincheck.locks import tables
from spincheck.locks.model import Operation

ENTRIES = {
    "windows": (
        "EVT_WDF_WORKITEM Run;\n",
        "VOID Run(WDFWORKITEM WorkItem)",
        "PDEVICE dev = DeviceOf(WorkItem);",
        "",
    ),
    # What a carried lock is held for is the IRP that a dispatch routine is called with.
    "carried": (
        "DRIVER_DISPATCH Run;\n",
        "NTSTATUS Run(PDEVICE_OBJECT DeviceObject, PIRP Irp)",
        "PDEVICE dev = DeviceObject->DeviceExtension;",
        "",
    ),
    "ndis": (
        "NDIS_IO_WORKITEM_FUNCTION Run;\n",
        "VOID Run(PVOID Context, PVOID WorkItem)",
        "PDEVICE dev = DeviceOf(Context);",
        "",
    ),
    "storport": (
        "HW_DPC_ROUTINE Run;\n",
        "VOID Run(PSTOR_DPC Dpc, PVOID Extension, PVOID S1, PVOID S2)",
        "PDEVICE dev = DeviceOf(Extension);",
        "",
    ),
    "posix": (
        "",
        "static void *Run(void *argument)",
        "struct account *dev = account_of(argument);",
        "\nint start(pthread_t *thread, void *argument)\n{\n    return pthread_create(thread, 0, Run, argument);\n}\n",
    ),
    "linux": ("", "void Run(struct port *dev)", "", ""),
}
RETURNS = {"posix": "return 0;", "carried": "return STATUS_SUCCESS;"}
COUNT = {"posix": "dev->balance++;", "linux": "dev->count++;"}

# What to hand for a parameter of a type; the locals that this needs.
ARGUMENTS = {
    "PKSPIN_LOCK": "&dev->Lock",
    "PKIRQL": "&irql",
    "KIRQL": "DISPATCH_LEVEL",
    "PKLOCK_QUEUE_HANDLE": "&queued",
    "KSPIN_LOCK_QUEUE_NUMBER": "4",
    "PKINTERRUPT": "dev->Interrupt",
    "PEX_SPIN_LOCK": "&dev->ExLock",
    "PFAST_MUTEX": "&dev->Mutex",
    "PKGUARDED_MUTEX": "&dev->Guard",
    "PEX_PUSH_LOCK": "&dev->Push",
    "PERESOURCE": "&dev->Resource",
    "ERESOURCE_THREAD": "0",
    "BOOLEAN": "FALSE",
    "PIO_REMOVE_LOCK": "&dev->RemoveLock",
    "PCSTR": '""',
    "WDFSPINLOCK": "dev->SpinLock",
    "WDFWAITLOCK": "dev->WaitLock",
    "WDFINTERRUPT": "dev->WdfInterrupt",
    "WDFOBJECT": "dev->Object",
    "PLONGLONG": "&dev->Timeout",
    "PNDIS_SPIN_LOCK": "&dev->NdisLock",
    "PNDIS_RW_LOCK_EX": "ndisrw",
    "PLOCK_STATE_EX": "&state",
    "PNDIS_RW_LOCK": "&dev->OldRwLock",
    "PLOCK_STATE": "&oldstate",
    "UCHAR": "0",
    "STOR_SPINLOCK": "DpcLock",
    "PSTOR_LOCK_HANDLE": "&stor",
    "PVOID": "dev",
    "PKSFILTER": "filter",
    "PKSPIN": "pin",
    "PKSDEVICE": "device",
    "KSDEVICE_HEADER": "header",
    "PSPIN_LOCK": "videolock",
    "PUCHAR": "&old",
    "WDFDEVICE": "fdo",
    "ULONG": "3",
    "PULONG": "&message",
    "pthread_mutex_t *": "&dev->mutex",
    "pthread_spinlock_t *": "&dev->spin",
    "pthread_rwlock_t *": "&dev->rwlock",
    "const struct timespec *": "&dev->until",
    "spinlock_t *": "&dev->lock",
    "raw_spinlock_t *": "spinlock_check(&dev->lock)",
    "rwlock_t *": "&dev->table",
    "struct mutex *": "&dev->mutex",
    "struct rw_semaphore *": "&dev->sem",
    "int": "1",
    "unsigned int": "1",
    "unsigned long": "flags",
}
LOCALS = {
    "irql": "KIRQL irql;",
    "queued": "KLOCK_QUEUE_HANDLE queued;",
    "state": "LOCK_STATE_EX state;",
    "oldstate": "LOCK_STATE oldstate;",
    "stor": "STOR_LOCK_HANDLE stor;",
    "message": "ULONG message;",
    "flags": "unsigned long flags;",
    "old": "UCHAR old;",
    "filter": "PKSFILTER filter = (PKSFILTER)dev->Object;",
    "pin": "PKSPIN pin = (PKSPIN)dev->Object;",
    "device": "PKSDEVICE device = (PKSDEVICE)dev->Object;",
    "header": "KSDEVICE_HEADER header = dev->Object;",
    "videolock": "PSPIN_LOCK videolock = (PSPIN_LOCK)dev->Object;",
    "fdo": "WDFDEVICE fdo = (WDFDEVICE)dev->Object;",
    "ndisrw": "PNDIS_RW_LOCK_EX ndisrw = RwLockOf(dev);",
}


@dataclasses.dataclass(frozen=True)
class Piece:
    """``text`` must give findings of ``defect`` in these ``kinds`` at ``line``; right pieces have no defect."""

    name: str
    family: str
    text: str
    defect: str = ""
    kinds: tuple[str, ...] = ()
    line: int = 0


@dataclasses.dataclass(frozen=True)
class Call:
    """One call: its text, and the condition that says whether it succeeded ("" when it cannot fail)."""

    text: str
    condition: str = ""


def rows(family: str) -> dict[str, tuple[Operation, ...]]:
    return tables.load((family,)).operations


def call(row: Operation, *, always: bool = False) -> Call:
    result, _, parameters = row.signature.partition("(")
    types = [part.strip() for part in parameters.rstrip(")").split(",")]
    types = [] if types in ([""], ["VOID"]) else types
    arguments = []
    for number, type_name in enumerate(types):
        argument = ARGUMENTS[type_name]
        if row.saved.where == "value" and row.saved.argument == number:
            argument = {"KIRQL": "irql", "UCHAR": "old", "ULONG": "message", "unsigned long": "flags"}[
                type_name
            ]
        if type_name == "PVOID" and row.kind in {"storport", "stormsi"}:
            argument = "Extension" if number == 0 else "Dpc"
        if row.tag == number:
            argument = "Irp"
        if row.always_if and row.always_if.argument == number and always:
            argument = {"null": "NULL", "nonzero": "TRUE"}[row.always_if.test]
        arguments.append(argument)
    text = f"{row.function}({', '.join(arguments)})"
    if row.saved.where == "result":
        text = f"{'irql' if result.strip() == 'KIRQL' else 'flags'} = {text}"
    if not row.success or row.action == "acquire" or always:
        return Call(f"{text};")
    condition = {
        "nonzero": text,
        "zero": f"{text} == 0",
        "nt_success": f"NT_SUCCESS({text})",
        "status_success": f"{text} == STATUS_SUCCESS",
    }
    return Call(f"{text};", condition[row.success])


def _form(row: Operation) -> str:
    """Return the type of the lock argument: ``spinlock_t *`` or the ``raw_spinlock_t *`` inside it."""
    return row.signature.partition("(")[2].rstrip(")").split(",")[0]


def kinds_of(known: dict[str, tuple[Operation, ...]], name: str) -> set[str]:
    return {row.kind for row in known[name]}


def release_for(row: Operation, family: str) -> Operation:
    """Return the release of the same locks, variant and mode; one that is handed the lock in the same form where there is one."""
    table = tables.load((family,))
    for name in sorted(
        table.operations, key=lambda name: (_form(table.operations[name][0]) != _form(row), name)
    ):
        other = table.operations[name][0]
        if (
            other.action == "release"
            and kinds_of(table.operations, name) == kinds_of(table.operations, row.function)
            and table.compatible(row.kind, row.variant, other.variant)
            and (other.mode in {"any", row.mode} or row.mode == "argument")
        ):
            return other
    raise LookupError(row.function)


def acquire_for(row: Operation, family: str) -> Operation:
    """Return an acquire, the plainest there is, that this release or conversion may follow."""
    table = tables.load((family,))
    found = []
    for name in sorted(table.operations):
        other = table.operations[name][0]
        if other.action not in {"acquire", "try"} or kinds_of(table.operations, name) != kinds_of(
            table.operations, row.function
        ):
            continue
        if row.action == "convert":
            fits = other.mode != row.mode and other.variant == row.variant
        else:
            fits = table.compatible(row.kind, other.variant, row.variant) and (
                row.mode in {"any", other.mode} or other.mode == "argument"
            )
        saves = row.saved.where != "value" or other.saved.where in {"result", "out"}
        if fits and saves:
            found.append(other)
    return min(
        found,
        key=lambda other: (
            _form(other) != _form(row),
            other.action == "try" and other.always_if is None,
            other.function,
        ),
    )


def function(family: str, row: Operation, body: list[str]) -> tuple[str, int]:
    """Return the C text around ``body`` and the line of its closing brace."""
    # KMDF and "any" rows run in a KMDF work item, the lowest IRQL and the fewest restrictions.
    world = (
        family
        if family != "windows"
        else next((model for model in row.models if model in ENTRIES), "windows")
    )
    if tables.load((family,)).kinds[row.kind].carried:
        world = "carried"
    before, head, device, after = ENTRIES[world]
    text = "\n".join(body)
    used = [declaration for name, declaration in LOCALS.items() if re.search(rf"\b{name}\b", text)]
    lines = [
        *before.splitlines(),
        head,
        "{",
        *([f"    {device}"] if device else []),
        *(f"    {line}" for line in used),
        "",
    ]
    if any(name in text for name in tables.load((family,)).required):
        body = ["KeEnterCriticalRegion();", *body, "KeLeaveCriticalRegion();"]
    lines += [f"    {line}" for line in body]
    if world in RETURNS:
        lines.append(f"    {RETURNS[world]}")
    lines.append("}")
    return "\n".join(lines) + "\n" + after, len(lines)


def guarded(taken: Call, body: list[str], otherwise: list[str] | None = None) -> list[str]:
    if not taken.condition:
        return [taken.text, *body]
    lines = [f"if ({taken.condition}) {{", *(f"    {line}" for line in body), "}"]
    if otherwise:
        lines[-1:] = ["} else {", *(f"    {line}" for line in otherwise), "}"]
    return lines


def pieces(family: str) -> list[Piece]:
    """Return the right and wrong pieces of every row of a family."""
    made: list[Piece] = []
    for name, group in sorted(rows(family).items()):
        made += _pieces(family, name, group[0], tuple(sorted(row.kind for row in group)))
    return made


def _pieces(family: str, name: str, row: Operation, kinds: tuple[str, ...]) -> list[Piece]:
    table = tables.load((family,))
    kind = table.kinds[row.kind]
    count = COUNT.get(family, "dev->Count++;")
    if row.action == "convert":
        return _conversion(family, name, row, count)
    if row.action == "release":
        acquire, release = acquire_for(row, family), row
    else:
        acquire, release = row, release_for(row, family)
    can_always = acquire.always_if is not None and row.action == "release"
    taken, given = call(acquire, always=can_always), call(release).text
    text, _ = function(family, row, guarded(taken, [count, given]))
    made = [Piece(f"{name}: right", family, text)]
    if acquire is row and row.always_if:
        text, _ = function(family, row, [call(row, always=True).text, count, given])
        made.append(Piece(f"{name}: right without a test", family, text))
    if row.action in {"acquire", "try"} and family != "linux":
        # A lock that is held at the end is told at the closing brace, or where the thread function returns.
        text, end = function(family, row, guarded(taken, [count]))
        made.append(
            Piece(
                f"{name}: never released",
                family,
                text,
                "held-at-exit",
                kinds,
                end - (family == "posix" or kind.carried),
            )
        )
        return made
    if kind.strict:
        body = guarded(taken, [count, given, given])
        text, _ = function(family, row, body)
        line = max(number for number, content in enumerate(text.splitlines(), 1) if content.strip() == given)
        made.append(Piece(f"{name}: released twice", family, text, "released-unheld", kinds, line))
        return made
    text, end = function(family, row, [*guarded(taken, [count, f"if (dev->Ready) {{ {given} }}"])])
    made.append(
        Piece(f"{name}: not released on one path", family, text, "held-at-exit", kinds, end - kind.carried)
    )
    return made


def _conversion(family: str, name: str, row: Operation, count: str) -> list[Piece]:
    acquire = acquire_for(row, family)
    before = release_for(acquire, family)
    after = next(
        other
        for other in (group[0] for _, group in sorted(rows(family).items()))
        if other.action == "release"
        and other.kind == row.kind
        and other.variant == row.variant
        and other.mode in {"any", row.mode}
    )
    taken, converted = call(acquire, always=acquire.always_if is not None), call(row)
    undo = [call(before).text] if row.success else None
    text, _ = function(family, row, guarded(taken, guarded(converted, [count, call(after).text], undo)))
    made = [Piece(f"{name}: right", family, text)]
    if family == "linux":
        body = guarded(taken, guarded(converted, [call(after).text, call(after).text], undo))
        text, _ = function(family, row, body)
        line = max(
            number
            for number, content in enumerate(text.splitlines(), 1)
            if content.strip() == call(after).text
        )
        made.append(Piece(f"{name}: released twice", family, text, "released-unheld", (row.kind,), line))
        return made
    text, end = function(family, row, guarded(taken, guarded(converted, [count], undo)))
    made.append(Piece(f"{name}: never released", family, text, "held-at-exit", (row.kind,), end))
    return made
