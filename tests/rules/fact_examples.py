"""Makes right and wrong C for every row that is no lock operation: roles, registrations, slots, calls under locks, ends of paths.

As in `row_examples` the pieces are made from the rows, so that a row without a piece cannot exist. All pieces of one table
are one text: a row counts as exercised when its own function, and no other, gives its diagnostics.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import row_examples

from spincheck.locks import tables
from spincheck.locks.model import (
    Condition,
    Creation,
    Forbidden,
    Handover,
    Immediate,
    Operation,
    Pure,
    Registration,
    Required,
    Role,
    Same,
    Slot,
)
from spincheck.locks.reader import Fragment

WORLDS = {
    "windows": (
        "PDEVICE dev = DeviceOf(a);",
        "KeAcquireSpinLockAtDpcLevel(&dev->Lock);",
        "KeReleaseSpinLockFromDpcLevel(&dev->Lock);",
    ),
    "posix": (
        "struct account *dev = account_of(a);",
        "pthread_mutex_lock(&dev->mutex);",
        "pthread_mutex_unlock(&dev->mutex);",
    ),
    "linux": ("struct port *dev = a;", "_raw_spin_lock(&dev->lock);", "_raw_spin_unlock(&dev->lock);"),
}
"""Per family: how a function comes by its object, takes its lock and gives it back."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One piece of C and the diagnostics that it must give: (line in the piece, part of the message, rule or "").

    ``number`` counts the rows of its table.
    """

    row: str
    text: str
    expect: tuple[tuple[int, str, str], ...] = ()
    number: int = -1


def sample(pattern: str) -> str:
    """Return a name that a table's regular expression matches."""
    name = re.sub(r"\(([^()|]*)(\|[^()]*)?\)\??", r"\1", pattern)
    name = re.sub(r"\\w[+*]\??", "SAMPLE", name).replace("[A-Z]", "A")
    name = re.sub(r".\?", lambda match: match[0][0], name)
    assert re.fullmatch(pattern, name), (pattern, name)
    return name


def cases(fragment: Fragment) -> Iterator[Case]:
    """Return the pieces of every row of a table but its operations."""
    sections = {
        "role": (fragment.roles, _role),
        "registration": (fragment.registrations, _registration),
        "slot": (fragment.slots, _slot),
        "immediate": (fragment.immediate, _immediate),
        "forbidden": (fragment.forbidden, _forbidden),
        "required": (fragment.required, _required),
        "handover": (fragment.handovers, _handover),
        "creation": (fragment.creations, _creation),
        "noreturn": (fragment.noreturn, _noreturn),
        "ending": (fragment.ending, _ending),
        "raising": (fragment.raising, _raising),
        "pure": (fragment.pure, _pure),
        "same": (fragment.same, _same),
    }
    number = 0
    for section, (rows, make) in sections.items():
        for row in rows:
            label = f"{fragment.file}:{section}:{'.'.join(map(str, row.path))}"
            made = [case for case in make(fragment.family, row.value, f"f{number}") if case is not None]
            assert any(case.expect for case in made), label
            assert any(not case.expect for case in made), label
            yield from (dataclasses.replace(case, row=label, number=number) for case in made)
            number += 1


def _case(lines: list[str], *expect: tuple[str, str, str]) -> Case:
    """``expect`` gives the text of the line (its last occurrence), part of the message, and the rule."""
    placed = []
    for text, part, rule in expect:
        placed.append(
            (max(number for number, line in enumerate(lines, 1) if line.strip() == text), part, rule)
        )
    return Case("", "\n".join(lines) + "\n", tuple(placed))


def _body(family: str, name: str, lines: list[str], *, head: str = "", end: str = "}") -> list[str]:
    device, _, _ = WORLDS[family]
    result = head or ("static void *" if family == "posix" else "static void ")
    return [
        f"{result}{name}(void *a, void *b, void *c, void *d)",
        "{",
        f"    {device}",
        *(f"    {line}" for line in lines),
        f"{end} /* {name} */",
    ]


def _callback(family: str, name: str, register: list[str]) -> list[Case]:
    """A callback that keeps a lock is told as one; a plain function that does so could be meant to."""
    _, take, give = WORLDS[family]
    made = []
    for suffix, lines in (("right", [take, give]), ("wrong", [take])):
        me = f"{name}_{suffix}"
        text = [line.replace("@", me) for line in (*_body(family, me, lines), *register)]
        made.append(
            _case(
                text, *([(f"}} /* {me} */", "is still held when callback", "")] if suffix == "wrong" else ())
            )
        )
    return made


def _role(family: str, row: Role, name: str) -> list[Case]:
    role = sample(row.pattern)
    device, take, give = WORLDS[family]
    if family == "posix":
        return _callback(
            family, name, ["int @_start(pthread_t *t, void *x) { return pthread_create(t, 0, @, x); }"]
        )
    parameters = "void *a, void *b, void *c, void *d"
    back = []
    if any(hold.at_exit == "released" for hold in row.holds):
        parameters = "void *a, PIRP b, void *c, void *d"
        back = ["IoReleaseCancelSpinLock(b->CancelIrql);"]
    made = []
    for suffix in ("right", "wrong"):
        me = f"{name}_{suffix}"
        wrong = suffix == "wrong"
        if row.balanced:
            lines = [*back, take, *([] if wrong else [give])]
            line, part = f"}} /* {me} */", "is still held when callback"
        else:  # it may take a lock and keep it, but not twice
            lines = [take, *([take] if wrong else [])]
            line, part = take, "acquired while already held"
        text = [
            f"typedef void {role}_{me}_type({parameters});".replace(f"{role}_{me}_type", role),
            f"{role} {me};",
            f"void {me}({parameters})",
            "{",
            f"    {device}",
            *(f"    {one}" for one in lines),
            f"}} /* {me} */",
        ]
        made.append(_case(text, *([(line, part, "")] if wrong else ())))
    before = [f"typedef void {role}({parameters});"]
    after = [f"    {one}" for one in back]
    if row.inside:  # the system has entered the region: a resource may be acquired
        me = f"{name}_inside"
        lines = ["    ExAcquireResourceSharedLite(&dev->Resource, TRUE);", "    ExReleaseResourceLite(&dev->Resource);"]
        made.append(_case([*before, f"{role} {me};", f"void {me}({parameters})", "{", f"    {device}", *lines, "}"]))
    for number in row.present:  # never null, so that what would happen then does not
        me = f"{name}_present{number}"
        tested = parameters.split(", ")[number].rpartition(" ")[2].lstrip("*")
        lines = [f"    if ({tested} == 0) {{", f"        {take}", "    }"]
        made.append(_case([*before, f"{role} {me};", f"void {me}({parameters})", "{", f"    {device}", *lines, *after, "}"]))
    return made


def _registration(family: str, row: Registration, name: str) -> list[Case]:
    function = sample(row.function) if row.pattern else row.function
    arguments = [f"x{number}" for number in range(row.argument)]
    if row.through:
        arguments[0] = f"&((PIRP)x0)->{row.through}"
    parameters = ", ".join(f"void *x{number}" for number in range(max(row.argument, 1)))
    if function == "pthread_create":
        arguments, parameters = ["x0", "0"], "pthread_t *x0"
    register = [
        f"void @_register({parameters}) {{ {function}({', '.join([*arguments, '@'])}{', x0' if family == 'posix' else ''}); }}"
    ]
    return _callback_of_role(family, row.role, name, register)


def _slot(family: str, row: Slot, name: str) -> list[Case]:
    field = sample(row.field) if row.pattern else row.field
    owner = row.object and (sample(row.object) if row.pattern else row.object)
    if field.startswith("#"):  # a structure that nobody has defined, filled by position
        before = "0, " * int(field[1:])
        register = [f"typedef struct @_s {owner};", f"extern {owner} @_table;", f"{owner} @_table = {{ {before}@ }};"]
    elif owner:  # the type counts, so it must be seen
        register = [
            f"typedef struct @_s {{ void *{field}; }} @_t;".replace("@_t", owner),
            f"{owner} @_table = {{ .{field} = @ }};",
        ]
    else:
        register = [
            f"struct @_s {{ void *{field}; }};",
            f"void @_register(struct @_s *x) {{ x->{field} = @; }}",
        ]
    return _callback_of_role(family, row.role, name, register)


def _callback_of_role(family: str, role: str, name: str, register: list[str]) -> list[Case]:
    """A callback of a role that is entered with a lock to release must release it; one that may keep a lock may not take it twice."""
    known = tables.load((family,)).role(role)
    assert known is not None, role
    if known.balanced and not any(hold.at_exit == "released" for hold in known.holds):
        return _callback(family, name, register)
    _, take, give = WORLDS[family]
    made = []
    for suffix in ("right", "wrong"):
        me = f"{name}_{suffix}"
        if not known.balanced:
            text = _body(family, me, [take, *([take] if suffix == "wrong" else [])])
            expect = (take, "acquired while already held", "")
        else:
            text = _body(
                family,
                me,
                [
                    "PIRP irp = b;",
                    *(["IoReleaseCancelSpinLock(irp->CancelIrql);"] if suffix == "right" else []),
                    take,
                    give,
                ],
            )
            expect = (f"}} /* {me} */", "the cancel spin lock is still held when callback", "")
        text = [line.replace("@", me) for line in (*text, *register)]
        made.append(_case(text, *([expect] if suffix == "wrong" else ())))
    return made


IMMEDIATE = {
    "KeSynchronizeExecution": (
        "dev->Interrupt",
        "irql = KeAcquireInterruptSpinLock(dev->Interrupt);",
        "KeReleaseInterruptSpinLock(dev->Interrupt, irql);",
    ),
    "WdfInterruptSynchronize": (
        "dev->WdfInterrupt",
        "WdfInterruptAcquireLock(dev->WdfInterrupt);",
        "WdfInterruptReleaseLock(dev->WdfInterrupt);",
    ),
    "StorPortSynchronizeAccess": (
        "dev",
        "StorPortAcquireSpinLock(dev, InterruptLock, NULL, &handle);",
        "StorPortReleaseSpinLock(dev, &handle);",
    ),
    "NdisMSynchronizeWithInterrupt": (
        "dev->Interrupt",
        "irql = KeAcquireInterruptSpinLock(dev->Interrupt);",
        "KeReleaseInterruptSpinLock(dev->Interrupt, irql);",
    ),
}
IMMEDIATE["NdisMSynchronizeWithInterruptEx"] = IMMEDIATE["NdisMSynchronizeWithInterrupt"]
"""Per call that runs a callback under a lock: the object whose lock that is, and how else the lock is taken and given back."""


def _interlocked(family: str, row: Immediate, name: str) -> list[Case]:
    """A call that takes a lock for its own time: right without the lock, wrong under it."""
    owner, take, give = {
        "spin": ("&dev->Lock", "irql = KeAcquireSpinLockRaiseToDpc(&dev->Lock);", "KeReleaseSpinLock(&dev->Lock, irql);"),
        "ndisspin": ("&dev->NdisLock", "NdisAcquireSpinLock(&dev->NdisLock);", "NdisReleaseSpinLock(&dev->NdisLock);"),
    }[row.kind]
    passed = ["b"] * (row.lock.arguments[0] + 1)
    passed[row.lock.arguments[0]] = owner
    call = f"{row.function}({', '.join(passed)});"
    return [
        _case(_body(family, f"{name}_right", ["KIRQL irql;", take, give, call])),
        _case(_body(family, f"{name}_wrong", ["KIRQL irql;", take, call, give]), (call, "is acquired while already held", "")),
    ]


def _immediate(family: str, row: Immediate, name: str) -> list[Case]:
    if row.callback < 0:
        return _interlocked(family, row, name)
    owner, again, back = IMMEDIATE[row.function]
    made = []
    for suffix in ("right", "wrong"):
        me = f"{name}_{suffix}"
        passed = ["dev"] * (max(row.callback, *row.lock.arguments, *row.passes, 0) + 1)
        for number in row.lock.arguments:
            passed[number] = owner
        passed[row.callback] = f"{me}_inside"
        # The callback gets the object as the last of what is passed on.
        position = len(row.passes) - 1
        names = [f"p{number}" for number in range(len(row.passes))]
        text = [
            f"static BOOLEAN {me}_inside({', '.join(f'void *{one}' for one in names)})",
            "{",
            f"    PDEVICE dev = {names[position]};",
            "    KIRQL irql; STOR_LOCK_HANDLE handle;",
            *([f"    {again}", f"    {back}"] if suffix == "wrong" else []),
            "    dev->Count++;",
            "    return TRUE;",
            "}",
            *_body(family, me, [f"{row.function}({', '.join(passed)});"]),
        ]
        if suffix == "wrong":
            made.append(
                _case(text, (f"{row.function}({', '.join(passed)});", "is acquired while already held", ""))
            )
        else:
            made.append(_case(text))
    return made


def _meeting(condition: Condition | None, *, holds: bool) -> str | None:
    """Return an argument for which the condition is known to hold, or known not to."""
    if condition is None:
        return None
    if condition.test == "nonzero":
        return "1" if holds else "0"
    if condition.test == "equals":
        return str(condition.value if holds else condition.value + 100)
    if condition.test == "bits":
        return hex(condition.value) if holds else "0"
    if condition.test == "points_to_zero":
        return "&zero" if holds else "0"
    raise LookupError(condition)


def _call(family: str, function: str, condition: Condition | None, *, holds: bool) -> str:
    known = tables.load((family,)).operations.get(function)
    if known is not None:
        text = row_examples.call(known[0]).text.removesuffix(";")
        name, _, inside = text.partition("(")
        arguments = inside.removesuffix(")").split(", ")
    else:
        name = function
        arguments = ["x"] * (2 if condition is None else condition.argument + 1)
    if condition is not None:
        arguments[condition.argument] = _meeting(condition, holds=holds) or "x"
    return f"{name}({', '.join(arguments)})"


def _around(family: str, operation: Operation | None, call: str) -> tuple[list[str], str]:
    """Return the call with what an operation needs beside it to be balanced, and the call's line."""
    if operation is None:
        return [f"{call};"], f"{call};"
    if operation.action == "release":
        taken = row_examples.call(row_examples.acquire_for(operation, family))
        return row_examples.guarded(taken, [f"{call};"]), f"{call};"
    given = row_examples.call(row_examples.release_for(operation, family)).text
    condition = row_examples.call(operation).condition
    if not condition:
        return [f"{call};", given], f"{call};"
    tested = (
        re.sub(r"\w+\(.*\)", lambda _: call, condition, count=1)
        if not condition.startswith("NT_SUCCESS")
        else f"NT_SUCCESS({call})"
    )
    return [f"if ({tested}) {{", f"    {given}", "}"], f"if ({tested}) {{"


def _forbidden(family: str, row: Forbidden, name: str) -> list[Case]:
    _, take, give = WORLDS[family]
    if row.locks:
        assert row.locks == ("interrupt lock",), row
        take = "StorPortAcquireSpinLock(dev, InterruptLock, NULL, &first);"
        give = "StorPortReleaseSpinLock(dev, &first);"
    else:
        assert "lspin" in row.kinds or "@spin" in row.kinds, row
    operation = next(iter(tables.load((family,)).operations.get(row.function, ())), None)
    condition = row.when or row.unless
    wrong, line = _around(
        family, operation, _call(family, row.function, condition, holds=row.when is not None)
    )
    zero = (
        ["long long zero = 0;", "unsigned long flags; KIRQL irql; STOR_LOCK_HANDLE first, stor; void *x = b;"]
        if family == "windows"
        else ["unsigned long flags; void *x = b;"]
    )
    region = ["KeEnterCriticalRegion();"] if row.function in tables.load((family,)).required else []
    leave = ["KeLeaveCriticalRegion();"] if region else []
    made = [
        _case(_body(family, f"{name}_right", [*zero, *region, *wrong, *leave])),
        _case(
            _body(family, f"{name}_wrong", [*zero, take, *wrong, give]),
            (line, f"`{row.function}` is called while", row.rule),
        ),
    ]
    if condition is not None:
        right, _ = _around(family, operation, _call(family, row.function, condition, holds=row.when is None))
        made.append(_case(_body(family, f"{name}_allowed", [*zero, take, *right, give])))
    return made


def _required(family: str, row: Required, name: str) -> list[Case]:
    operation = tables.load((family,)).operations[row.function][0]
    made = []
    for kind in (*row.kinds, ""):
        me = f"{name}_{kind or 'wrong'}"
        lines, line = _around(family, operation, _call(family, row.function, None, holds=True))
        before, after = {
            "critical": ("KeEnterCriticalRegion();", "KeLeaveCriticalRegion();"),
            "guarded": ("KeEnterGuardedRegion();", "KeLeaveGuardedRegion();"),
            "irql": ("KIRQL old; KeRaiseIrql(1, &old);", "KeLowerIrql(old);"),
            "fastmutex": ("ExAcquireFastMutex((PFAST_MUTEX)b);", "ExReleaseFastMutex((PFAST_MUTEX)b);"),
            "guardedmutex": ("KeAcquireGuardedMutex((PKGUARDED_MUTEX)b);", "KeReleaseGuardedMutex((PKGUARDED_MUTEX)b);"),
            "pushlock": ("FltAcquirePushLockShared((PEX_PUSH_LOCK)b);", "FltReleasePushLock((PEX_PUSH_LOCK)b);"),
            "resource": ("FltAcquireResourceShared((PERESOURCE)b);", "FltReleaseResource((PERESOURCE)b);"),
            "": ("", ""),
        }[kind]
        text = [
            "typedef void DRIVER_DISPATCH(void *a, void *b, void *c, void *d);",
            f"DRIVER_DISPATCH {me};",
        ]
        text += _body(family, me, [before, *lines, after], head="void ")
        made.append(
            _case(text, *([(line, f"`{row.function}` is called outside", row.rule)] if not kind else ()))
        )
    return made


def _handover(family: str, row: Handover, name: str) -> list[Case]:
    """An IRP's remove lock may be held at the end once the IRP has been handed on, and not before; another routine gives it back."""
    assert row.kinds == ("removelock",), row
    made = []
    for suffix in ("right", "wrong"):
        me = f"{name}_{suffix}"
        text = [
            "typedef void DRIVER_DISPATCH(void *a, void *b, void *c, void *d);",
            f"DRIVER_DISPATCH {me};",
            *_body(
                family,
                me,
                ["if (IoAcquireRemoveLock(&dev->RemoveLock, b) < 0) { return; }", *([f"{row.function}(a, b);"] if suffix == "right" else [])],
                head="void ",
            ),
            *_body(family, f"{me}_later", ["IoReleaseRemoveLock(&dev->RemoveLock, b);"], head="void "),
        ]
        made.append(_case(text, *([(f"}} /* {me} */", "is still held when callback", "RemoveLock")] if suffix == "wrong" else ())))
    return made


def _creation(family: str, row: Creation, name: str) -> list[Case]:
    target = {"wdfspin": "&dev->SpinLock", "wdfwait": "&dev->WaitLock"}[row.kind]

    def call(attributes: str) -> str:
        passed = ["0", "0"]
        passed[row.attributes], passed[row.lock] = attributes, target
        return f"{row.function}({', '.join(passed)});"

    made = [
        _case(
            _body(family, f"{name}_null", [call("NULL")]),
            (call("NULL"), "is created without the parent", "ParentObjectCheckLock"),
        )
    ]
    for number, clear in enumerate(row.cleared_by):
        lines = ["WDF_OBJECT_ATTRIBUTES attributes;", f"{clear}(&attributes);"]
        made.append(
            _case(
                _body(family, f"{name}_wrong{number}", [*lines, call("&attributes")]),
                (call("&attributes"), "is created without the parent", ""),
            )
        )
        made.append(
            _case(
                _body(
                    family,
                    f"{name}_right{number}",
                    [*lines, f"attributes.{row.parent} = b;", call("&attributes")],
                )
            )
        )
    return made


def _noreturn(family: str, row: str, name: str) -> list[Case]:
    _, take, give = WORLDS[family]
    if family == "posix":
        start = "int @_start(pthread_t *t, void *x) { return pthread_create(t, 0, @, x); }"
        right = [
            *_body(family, f"{name}_right", [take, f"if (b) {{ {row}(1); }}", give, "return 0;"]),
            start.replace("@", f"{name}_right"),
        ]
        wrong = [
            *_body(family, f"{name}_wrong", [take, f"if (b) {{ {row}(1); }}", "return 0;"]),
            start.replace("@", f"{name}_wrong"),
        ]
        return [_case(right), _case(wrong, ("return 0;", "is still held when callback", ""))]
    # With no caller known, ways out must agree in what they hold: one that never comes counts for nothing.
    right = _body(family, f"{name}_right", [take, f"if (b) {{ {row}(1); }} else {{ {give} }}"])
    wrong = _body(family, f"{name}_wrong", [take, f"if (b) {{ {row}(1); }}", f"if (Any(dev)) {{ {give} }}"])
    return [_case(right), _case(wrong, (f"}} /* {name}_wrong */", "is held on one way out", ""))]


def _ending(_family: str, row: str, name: str) -> list[Case]:
    """A thread that ends is over, with what it holds then."""
    made = []
    for suffix, give in (("right", "KeLeaveCriticalRegion();"), ("wrong", "")):
        me = f"{name}_{suffix}"
        end = f"{row}(0); /* {me} */"
        lines = [f"KSTART_ROUTINE {me};", f"VOID {me}(PVOID x)", "{", "KeEnterCriticalRegion();", give, end, "}"]
        made.append(_case(lines, *([(end, "is still entered when callback", "")] if suffix == "wrong" else ())))
    return made


def _raising(family: str, row: str, name: str) -> list[Case]:
    _, take, give = WORLDS[family]
    made = _noreturn(family, row, f"{name}_plain")
    for suffix, handler in (("right", give), ("wrong", "dev->Count++;")):
        me = f"{name}_{suffix}"
        body = [
            take,
            "__try {",
            f"    if (Any(dev)) {{ {row}(1); }}",
            f"    {give}",
            "} __except (1) {",
            f"    {handler}",
            "}",
        ]
        made.append(
            _case(
                _body(family, me, body),
                *([(f"}} /* {me} */", "is held on one way out", "")] if suffix == "wrong" else ()),
            )
        )
    return made


def _pure(family: str, row: Pure, name: str) -> list[Case]:
    """The object that a pure call gives is the same every time: taking its lock twice is taking one lock twice."""
    made = []
    names = [*row.names, *(sample(pattern) for pattern in row.patterns)]
    for number, function in enumerate((*names, *row.but)):
        me = f"{name}_{number}"
        take = f"KeAcquireSpinLockAtDpcLevel(&((PDEVICE){function}(b))->Lock);"
        give = take.replace("KeAcquireSpinLockAtDpcLevel", "KeReleaseSpinLockFromDpcLevel")
        # The second acquire is at a line of its own text.
        again = take.replace("(b)", "( b)")
        twice = _body(family, me, [take, again, give])
        made.append(
            _case(twice, *([(again, "is acquired while already held", "")] if function in names else ()))
        )
        made.append(_case(_body(family, f"{me}_right", [take, give])))
    return made


def _same(family: str, row: Same, name: str) -> list[Case]:
    _, take, give = WORLDS[family]
    lock = re.search(r"&(dev->\w+)", take)
    assert lock is not None
    arguments = ["b"] * row.argument + [f"&{lock[1]}"]
    again = take.replace(f"&{lock[1]}", f"{row.function}({', '.join(arguments)})")
    return [
        _case(
            _body(
                family,
                f"{name}_right",
                [take, give.replace(f"&{lock[1]}", f"{row.function}({', '.join(arguments)})")],
            )
        ),
        _case(
            _body(family, f"{name}_wrong", [take, again, give]), (again, "is acquired while already held", "")
        ),
    ]
