"""Values, places and conditions as a C programmer would write them.

Owns the words for locks and branches in messages. Temporaries are spelled by what they stand for where that is known;
casts and ``&`` in front of a lock are left out, since nobody says them.
"""

from __future__ import annotations

from collections.abc import Mapping

from spincheck.ir import (
    AddressOf,
    Binary,
    Cast,
    Deref,
    Element,
    FunctionName,
    Global,
    Int,
    Load,
    Local,
    Member,
    Place,
    Text,
    Unary,
    Unknown,
    Value,
)

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_NAMED_STATUS = {259: "STATUS_PENDING", 258: "STATUS_TIMEOUT"}

Temporaries = Mapping[str, str]
"""What each compiler-made temporary stands for, such as ``KeTryToAcquireSpinLockAtDpcLevel()``."""


def place(what: Place, names: Temporaries) -> str:
    """Return the text of an lvalue."""
    if isinstance(what, Local):
        return names.get(what.name) or what.name.split("#")[0]
    if isinstance(what, Global):
        return what.name
    if isinstance(what, Member):
        if isinstance(what.base, Deref):
            return f"{value(what.base.pointer, names, tight=True)}->{what.field}"
        return f"{place(what.base, names)}.{what.field}"
    if isinstance(what, Element):
        return f"{place(what.base, names)}[{value(what.index, names)}]"
    pointer = what.pointer
    if isinstance(pointer, Binary) and pointer.op == "+":
        return f"{value(pointer.left, names, tight=True)}[{value(pointer.right, names)}]"
    return f"*{value(pointer, names, tight=True)}"


def value(what: Value, names: Temporaries, *, tight: bool = False) -> str:
    """Return the text of an expression; ``tight`` adds brackets where an operator would bind it wrongly."""
    if isinstance(what, Int):
        return str(what.value) if -4096 < what.value < 4096 else hex(what.value & 0xFFFFFFFF)
    if isinstance(what, Text):
        return '"…"'
    if isinstance(what, FunctionName):
        return what.name
    if isinstance(what, Unknown):
        return "?"
    if isinstance(what, Load):
        return place(what.place, names)
    if isinstance(what, AddressOf):
        return f"&{place(what.place, names)}"
    if isinstance(what, Cast):
        return value(what.operand, names, tight=tight)
    if isinstance(what, Unary):
        return f"{what.op}{value(what.operand, names, tight=True)}"
    text = f"{value(what.left, names, tight=True)} {what.op} {value(what.right, names, tight=True)}"
    return f"({text})" if tight else text


def lock(what: Value, names: Temporaries) -> str:
    """Return the lock that an argument names: ``&dev->Lock`` is ``dev->Lock``."""
    if isinstance(what, AddressOf):
        return place(what.place, names)
    return value(what, names)


def condition(what: Value, holds: bool, names: Temporaries) -> str:
    """Return what is true when a branch on ``what`` is (not) taken."""
    while isinstance(what, Unary) and what.op == "!":
        what, holds = what.operand, not holds
    while isinstance(what, Cast):
        what = what.operand
    if isinstance(what, Binary) and what.op in _NEGATED:
        if isinstance(what.right, Int) and what.right.value == 0 and what.op in {"==", "!="} and _is_truth(what.left):
            return condition(what.left, holds == (what.op == "!="), names)
        op = what.op if holds else _NEGATED[what.op]
        right = what.right
        if isinstance(right, Int) and right.value in _NAMED_STATUS and op in {"==", "!="}:
            return f"{value(what.left, names, tight=True)} {op} {_NAMED_STATUS[right.value]}"
        return f"{value(what.left, names, tight=True)} {op} {value(right, names, tight=True)}"
    text = value(what, names, tight=True)
    return f"{text} is not zero" if holds else f"{text} is zero"


def _is_truth(what: Value) -> bool:
    while isinstance(what, Cast):
        what = what.operand
    return (isinstance(what, Unary) and what.op == "!") or (isinstance(what, Binary) and what.op in _NEGATED)
