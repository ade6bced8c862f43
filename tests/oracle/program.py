"""The oracle's little language: what a random program is made of, and how it is written as C.

A program is a callback and its helpers over one device: a handful of integers in locals, parameters and fields, and spin locks
reached by name, by pointer, by array index or through a copied struct. Nodes compare by identity, so that a statement is its
own key when its line is asked for; a tree is never shared between two places of one program.

The first letter of a variable's or field's name is its kind: b BOOLEAN, n LONG, f ULONG (bits), s NTSTATUS, i KIRQL, p pointer to a
lock, h struct with such a pointer; a parameter that points to one of them has an ``o`` before it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

STATUS = {
    "STATUS_SUCCESS": 0,
    "STATUS_TIMEOUT": 0x102,
    "STATUS_PENDING": 0x103,
    "STATUS_UNSUCCESSFUL": 0xC0000001 - (1 << 32),
    "STATUS_CANCELLED": 0xC0000120 - (1 << 32),
}
C_TYPES = {
    "b": "BOOLEAN", "n": "LONG", "f": "ULONG", "s": "NTSTATUS", "i": "KIRQL", "p": "PKSPIN_LOCK", "h": "HOLDER",
}  # fmt: skip
FIELDS = ("b0", "b1", "n0", "n1", "f0", "s0", "i0", "i1", "p0")
LOCKS = ("A", "B", "C")
SLOTS = 3



class Node:
    """Base of everything in a program."""


# --- values ---


@dataclasses.dataclass(eq=False)
class Const(Node):
    """A number; a status is written by its name."""

    value: int
    name: str = ""


@dataclasses.dataclass(eq=False)
class Var(Node):
    """A local or parameter."""

    name: str


@dataclasses.dataclass(eq=False)
class Field(Node):
    """``Dev->name``."""

    name: str


@dataclasses.dataclass(eq=False)
class Deref(Node):
    """``*name`` of an out-parameter."""

    name: str


@dataclasses.dataclass(eq=False)
class Cmp(Node):
    """A comparison."""

    op: str
    left: Any
    right: Any


@dataclasses.dataclass(eq=False)
class Not(Node):
    """``!operand``."""

    operand: Any


@dataclasses.dataclass(eq=False)
class Logic(Node):
    """``&&`` or ``||``."""

    op: str
    left: Any
    right: Any


@dataclasses.dataclass(eq=False)
class Mask(Node):
    """``operand & bits``."""

    operand: Any
    bits: int


@dataclasses.dataclass(eq=False)
class Plus(Node):
    """``operand + by``."""

    operand: Any
    by: int


@dataclasses.dataclass(eq=False)
class NtSuccess(Node):
    """``NT_SUCCESS(operand)``."""

    operand: Any


@dataclasses.dataclass(eq=False)
class Choice(Node):
    """``condition ? left : right``, of values or of locks."""

    condition: Any
    left: Any
    right: Any


@dataclasses.dataclass(eq=False)
class Ask(Node):
    """A call of a function that nobody knows, with a result of a kind."""

    kind: str


@dataclasses.dataclass(eq=False)
class Attempt(Node):
    """``KeTryToAcquireSpinLockAtDpcLevel(lock)``."""

    lock: Any


@dataclasses.dataclass(eq=False)
class Invoke(Node):
    """A call of a helper; ``arguments`` are values, locks or `Out`."""

    function: str
    arguments: list[Any]


@dataclasses.dataclass(eq=False)
class Out(Node):
    """``&place`` as an argument."""

    place: Any


@dataclasses.dataclass(eq=False)
class IsNull(Node):
    """``pointer == NULL``."""

    pointer: Any


# --- locks ---


@dataclasses.dataclass(eq=False)
class Named(Node):
    """``&Dev->name``; the global lock when the name is G."""

    name: str


@dataclasses.dataclass(eq=False)
class Slot(Node):
    """``&Dev->Table[index]``."""

    index: Any


@dataclasses.dataclass(eq=False)
class Pointer(Node):
    """The lock that a local, parameter or field (a `Var`, `Field` or `Inside`) points to."""

    place: Any


@dataclasses.dataclass(eq=False)
class Inside(Node):
    """``name.Lock`` of a struct."""

    name: str


@dataclasses.dataclass(eq=False)
class Null(Node):
    """No lock."""


# --- statements ---


@dataclasses.dataclass(eq=False)
class Set(Node):
    """``place = value;`` for values and pointers to locks."""

    place: Any
    value: Any


@dataclasses.dataclass(eq=False)
class Copy(Node):
    """``to = source;`` of structs."""

    to: str
    source: str


@dataclasses.dataclass(eq=False)
class Do(Node):
    """A call for its effect."""

    call: Any


@dataclasses.dataclass(eq=False)
class Fetch(Node):
    """``FetchX(&place);``: an unknown function stores an unknown value."""

    place: Any
    kind: str


@dataclasses.dataclass(eq=False)
class Take(Node):
    """Acquire; with ``irql``, the place for the saved IRQL, else at DPC level."""

    lock: Any
    irql: Any = None


@dataclasses.dataclass(eq=False)
class Give(Node):
    """Release; with ``irql``, the place it was saved in, else from DPC level."""

    lock: Any
    irql: Any = None


@dataclasses.dataclass(eq=False)
class If(Node):
    """``if``."""

    condition: Any
    then: list[Any]
    otherwise: list[Any]


@dataclasses.dataclass(eq=False)
class While(Node):
    """``while``."""

    condition: Any
    body: list[Any]


@dataclasses.dataclass(eq=False)
class DoWhile(Node):
    """``do … while``."""

    body: list[Any]
    condition: Any


@dataclasses.dataclass(eq=False)
class For(Node):
    """``for (name = start; name != stop; name += by)``."""

    name: str
    start: int
    stop: int
    by: int
    body: list[Any]


@dataclasses.dataclass(eq=False)
class Switch(Node):
    """``switch``; a case is (values, body, whether it breaks), the last one is the default when its values are empty."""

    value: Any
    cases: list[tuple[list[Const], list[Any], bool]]


@dataclasses.dataclass(eq=False)
class Break(Node):
    """``break;``."""


@dataclasses.dataclass(eq=False)
class Continue(Node):
    """``continue;``."""


@dataclasses.dataclass(eq=False)
class Goto(Node):
    """``goto label;``."""

    label: str


@dataclasses.dataclass(eq=False)
class Label(Node):
    """A label; only at the top level of a function."""

    name: str


@dataclasses.dataclass(eq=False)
class Return(Node):
    """``return value;``."""

    value: Any = None


@dataclasses.dataclass(eq=False)
class Function(Node):
    """A helper, or the callback (the first function of a program); every one has the device as its first parameter."""

    name: str
    parameters: list[str]
    result: str
    body: list[Any]


Program = list[Function]


def children(one: Node) -> Iterator[Any]:
    """Yield the nodes directly inside a node."""
    for field in dataclasses.fields(one):  # type: ignore[arg-type]
        yield from _flatten(getattr(one, field.name))


def _flatten(value: Any) -> Iterator[Any]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _flatten(item)


def walk(one: Node) -> Iterator[Any]:
    """Yield a node and everything inside it."""
    yield one
    for child in children(one):
        yield from walk(child)


def duplicate(value: Any) -> Any:
    """Return a deep copy with fresh identities."""
    if isinstance(value, Node):
        return type(value)(*(duplicate(getattr(value, field.name)) for field in dataclasses.fields(value)))  # type: ignore[arg-type]
    if isinstance(value, list | tuple):
        return type(value)(duplicate(item) for item in value)
    return value
