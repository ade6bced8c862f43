"""Writing a program as C, with the line of every statement."""

from __future__ import annotations

from typing import Any

from .program import (
    C_TYPES,
    FIELDS,
    SLOTS,
    Ask,
    Attempt,
    Break,
    Choice,
    Cmp,
    Const,
    Continue,
    Copy,
    Deref,
    Do,
    DoWhile,
    Fetch,
    Field,
    For,
    Function,
    Give,
    Goto,
    If,
    Inside,
    Invoke,
    IsNull,
    Label,
    Logic,
    Mask,
    Named,
    Node,
    Not,
    NtSuccess,
    Null,
    Out,
    Plus,
    Pointer,
    Program,
    Return,
    Set,
    Slot,
    Switch,
    Take,
    Var,
    While,
    walk,
)  # fmt: skip

_HEADER = """\
typedef void VOID; typedef unsigned char BOOLEAN; typedef unsigned char UCHAR; typedef int LONG; typedef unsigned int ULONG;
typedef LONG NTSTATUS; typedef UCHAR KIRQL, *PKIRQL; typedef unsigned long long ULONG_PTR; typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
VOID KeAcquireSpinLock(PKSPIN_LOCK SpinLock, PKIRQL OldIrql);
VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql);
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN Askb(VOID); LONG Askn(VOID); ULONG Askf(VOID); NTSTATUS Asks(VOID);
VOID Fetchb(BOOLEAN *Value); VOID Fetchn(LONG *Value); VOID Fetchf(ULONG *Value); VOID Fetchs(NTSTATUS *Value);
"""
_MACROS = {
    "STATUS_SUCCESS": "((NTSTATUS)0x00000000L)", "STATUS_TIMEOUT": "((NTSTATUS)0x00000102L)", "STATUS_PENDING": "((NTSTATUS)0x00000103L)",
    "STATUS_UNSUCCESSFUL": "((NTSTATUS)0xC0000001L)", "STATUS_CANCELLED": "((NTSTATUS)0xC0000120L)",
}  # fmt: skip
FILE = "program.c"


class Written:
    """The C text of a program. ``lines`` gives the line of a statement or of a function's closing brace."""

    def __init__(self, program: Program) -> None:
        self.lines: dict[Node, int] = {}
        self._out: list[str] = []
        self._write(program)
        self.source = "\n".join(self._out) + "\n"
        self.text = f'# 1 "{FILE}"\n# 1 "ntddk.h" 1 3\n{_HEADER}# 1 "{FILE}" 2\n{self.source}'

    def _line(self, depth: int, text: str) -> int:
        self._out.append("    " * depth + text)
        return len(self._out)

    def _write(self, program: Program) -> None:
        fields = " ".join(f"{C_TYPES[name[0]]} {name};" for name in FIELDS)
        self._line(0, f"typedef struct _DEVICE {{ KSPIN_LOCK A, B, C; KSPIN_LOCK Table[{SLOTS}]; {fields} }} DEVICE, *PDEVICE;")
        self._line(0, "typedef struct _HOLDER { PKSPIN_LOCK Lock; } HOLDER;")
        self._line(0, "static KSPIN_LOCK G;")
        self._line(0, f"typedef VOID EVT_WDF_PROBE({self._parameters(program[0])});")
        self._line(0, f"EVT_WDF_PROBE {program[0].name};")
        for function in program[1:]:
            self._line(0, self._head(function) + ";")
        for function in reversed(program):
            self._function(function)

    def _head(self, function: Function) -> str:
        result = C_TYPES[function.result] if function.result else "VOID"
        storage = "" if function.name == "Entry" else "static "
        return f"{storage}{result} {function.name}({self._parameters(function)})"

    @staticmethod
    def _parameters(function: Function) -> str:
        parts = [f"{C_TYPES[name[1]]} *{name}" if name[0] == "o" else f"{C_TYPES[name[0]]} {name}" for name in function.parameters]
        return ", ".join(["PDEVICE Dev", *parts])

    def _function(self, function: Function) -> None:
        self._line(0, "")
        self._line(0, self._head(function) + " {")
        for name in sorted(local_names(function)):
            start = "" if name[0] in "ih" else " = 0"
            self._line(1, f"{C_TYPES[name[0]]} {name}{start};")
        self._block(function.body, 1)
        if function.body and isinstance(function.body[-1], Label):
            self._line(1, ";")
        self.lines[function] = self._line(0, "}")

    def _block(self, body: list[Any], depth: int) -> None:
        for statement in body:
            self._statement(statement, depth)

    def _statement(self, one: Any, depth: int) -> None:
        if isinstance(one, If):
            self.lines[one] = self._line(depth, f"if ({value(one.condition)}) {{")
            self._block(one.then, depth + 1)
            if one.otherwise:
                self._line(depth, "} else {")
                self._block(one.otherwise, depth + 1)
            self._line(depth, "}")
        elif isinstance(one, While):
            self.lines[one] = self._line(depth, f"while ({value(one.condition)}) {{")
            self._block(one.body, depth + 1)
            self._line(depth, "}")
        elif isinstance(one, DoWhile):
            self._line(depth, "do {")
            self._block(one.body, depth + 1)
            self.lines[one] = self._line(depth, f"}} while ({value(one.condition)});")
        elif isinstance(one, For):
            head = f"for ({one.name} = {one.start}; {one.name} != {one.stop}; {one.name} += {one.by}) {{"
            self.lines[one] = self._line(depth, head.replace("+= -1", "-= 1"))
            self._block(one.body, depth + 1)
            self._line(depth, "}")
        elif isinstance(one, Switch):
            self.lines[one] = self._line(depth, f"switch ({value(one.value)}) {{")
            for labels, body, breaks in one.cases:
                for label in labels:
                    self._line(depth, f"case {value(label)}:")
                if not labels:
                    self._line(depth, "default:")
                self._block(body, depth + 1)
                self._line(depth + 1, "break;" if breaks else ";")
            self._line(depth, "}")
        elif isinstance(one, Label):
            self.lines[one] = self._line(0, f"{one.name}: ;")
        else:
            self.lines[one] = self._line(depth, simple(one))


def local_names(function: Function) -> set[str]:
    """Return the names of a function's locals: everything mentioned that is no parameter."""
    names: set[str] = set()
    for one in walk(function):
        if isinstance(one, Var | Inside | For):
            names.add(one.name)
        elif isinstance(one, Copy):
            names.update((one.to, one.source))
    return names - set(function.parameters)


def simple(one: Any) -> str:
    """Return a statement that has none inside."""
    if isinstance(one, Set):
        return f"{place(one.place)} = {value(one.value)};"
    if isinstance(one, Copy):
        return f"{one.to} = {one.source};"
    if isinstance(one, Do):
        return f"{value(one.call)};"
    if isinstance(one, Fetch):
        return f"Fetch{one.kind}(&{place(one.place)});"
    if isinstance(one, Take):
        if one.irql is None:
            return f"KeAcquireSpinLockAtDpcLevel({value(one.lock)});"
        return f"KeAcquireSpinLock({value(one.lock)}, &{place(one.irql)});"
    if isinstance(one, Give):
        if one.irql is None:
            return f"KeReleaseSpinLockFromDpcLevel({value(one.lock)});"
        return f"KeReleaseSpinLock({value(one.lock)}, {place(one.irql)});"
    if isinstance(one, Return):
        return "return;" if one.value is None else f"return {value(one.value)};"
    if isinstance(one, Goto):
        return f"goto {one.label};"
    assert isinstance(one, Break | Continue)
    return "break;" if isinstance(one, Break) else "continue;"


def place(one: Any) -> str:
    """Return an lvalue."""
    if isinstance(one, Var):
        return one.name
    if isinstance(one, Field):
        return f"Dev->{one.name}"
    if isinstance(one, Inside):
        return f"{one.name}.Lock"
    assert isinstance(one, Deref)
    return f"*{one.name}"


def value(one: Any) -> str:
    """Return an expression."""
    if isinstance(one, Const):
        return _MACROS.get(one.name, one.name) or str(one.value)
    if isinstance(one, Var | Field | Deref | Inside):
        return place(one)
    if isinstance(one, Cmp):
        return f"{_inner(one.left)} {one.op} {_inner(one.right)}"
    if isinstance(one, Not):
        return f"!{_inner(one.operand)}"
    if isinstance(one, Logic):
        return f"{_inner(one.left)} {one.op} {_inner(one.right)}"
    if isinstance(one, Mask):
        return f"({_inner(one.operand)} & {one.bits})"
    if isinstance(one, Plus):
        return f"({_inner(one.operand)} + {one.by})" if one.by >= 0 else f"({_inner(one.operand)} - {-one.by})"
    if isinstance(one, NtSuccess):
        return f"(((NTSTATUS)({value(one.operand)})) >= 0)"
    if isinstance(one, Choice):
        return f"({_inner(one.condition)} ? {_inner(one.left)} : {_inner(one.right)})"
    if isinstance(one, Ask):
        return f"Ask{one.kind}()"
    if isinstance(one, Attempt):
        return f"KeTryToAcquireSpinLockAtDpcLevel({value(one.lock)})"
    if isinstance(one, Invoke):
        return f"{one.function}({', '.join(['Dev', *map(value, one.arguments)])})"
    if isinstance(one, Out):
        return one.place.name if isinstance(one.place, Deref) else f"&{place(one.place)}"
    if isinstance(one, IsNull):
        return f"{place(one.pointer)} == ((void *)0)"
    if isinstance(one, Named):
        return "&G" if one.name == "G" else f"&Dev->{one.name}"
    if isinstance(one, Slot):
        return f"&Dev->Table[{value(one.index)}]"
    if isinstance(one, Pointer):
        return place(one.place)
    assert isinstance(one, Null)
    return "((void *)0)"


def _inner(one: Any) -> str:
    text = value(one)
    return f"({text})" if isinstance(one, Cmp | Logic | IsNull) else text
