"""Names for terms: a lock as the function at hand would write it.

Owns the way back from a term to text, for locks that a callee took and that no argument here spells. Where a local holds the
pointer, its name is used; else the access path is written out from the parameter or global.
"""

from __future__ import annotations

import re

from spincheck.analysis import spelling
from spincheck.analysis.owed import is_owed
from spincheck.domain.state import State
from spincheck.domain.terms import AGAIN, Term
from spincheck.ir import Call, Function, FunctionName

_GLOBAL_LOCKS = {"cancel": "the cancel spin lock"}

_CALLEES_OWN = re.compile(r"[a-z]*row\d+")
"""How the analysis calls a value that a callee's summary does not describe: nothing that a reader knows."""


def is_unnamed(name: str) -> bool:
    """Whether a name begins at a value that has none."""
    return name.lstrip("*&(").startswith("…")


def lock_name(function: Function, state: State, lock: Term) -> str:
    """Return the access path of a lock."""
    if lock.op == "lock":
        if is_owed(lock):
            return "raised IRQL"
        name = str(lock.args[0])
        inside = [value_name(function, state, arg) for arg in lock.args[1:] if isinstance(arg, Term)]
        return f"{name}({', '.join(inside)})" if inside else _GLOBAL_LOCKS.get(name, name)
    if lock.op == "held_by":
        return place_name(function, state, lock.args[0])
    if lock.op in {"field", "elem", "local", "global"}:
        return place_name(function, state, lock)
    return value_name(function, state, lock)


def place_name(function: Function, state: State, address: Term) -> str:
    """Return the lvalue at an address."""
    op = address.op
    if op in {"local", "global"}:
        return str(address.args[0]).split("#")[0]
    if op == "field":
        base = address.args[0]
        if base.op in {"field", "elem", "local", "global"}:
            return f"{place_name(function, state, base)}.{address.args[1]}"
        return f"{value_name(function, state, base)}->{address.args[1]}"
    if op == "elem":
        base = address.args[0]
        inside = base.op in {"field", "elem", "local", "global"}
        outer = place_name(function, state, base) if inside else value_name(function, state, base)
        return f"{outer}[{value_name(function, state, address.args[1])}]"
    return f"*{value_name(function, state, address)}"


def value_name(function: Function, state: State, value: Term) -> str:
    """Return an expression for a value: a variable that holds it, or the path that it was read from."""
    if value.op == "int":
        return str(value.args[0])
    for cell, held in state.memory.items():
        if held is value and cell.op == "local" and not cell.args[0].startswith("%"):
            return str(cell.args[0]).split("#")[0]
    if value.op == "param" and value.args[0] < len(function.parameters):
        return str(function.parameters[value.args[0]].name)
    if value.op in {"init", "cell"}:
        return place_name(function, state, value.args[0])
    if value.op == "fresh":
        return _result_name(function, value)
    if value.op == "sel" and _CALLEES_OWN.fullmatch(str(value.args[1])):
        return value_name(function, state, value.args[0])
    if value.op == "sel":
        return f"{value_name(function, state, value.args[0])}.{value.args[1]}"
    if value.op == "pure":
        inside = ", ".join(value_name(function, state, arg) for arg in value.args[1:] if isinstance(arg, Term))
        return f"{value.args[0]}({inside})"
    if value.op in {"field", "elem", "local", "global"}:
        return f"&{place_name(function, state, value)}"
    if value.op == "container":
        return f"CONTAINING_RECORD({value_name(function, state, value.args[0])})"
    if value.op == "any":
        return "…"
    if value.op == "bin":
        left, right = value_name(function, state, value.args[1]), value_name(function, state, value.args[2])
        return f"{left} {value.args[0]} {right}"
    return "…"


def _result_name(function: Function, value: Term) -> str:
    """Return the call that a value is the result of, as the function writes it; what is not the result itself has no name."""
    pc, tag = value.args
    call = function.code[pc] if 0 <= pc < len(function.code) else None
    if not isinstance(call, Call) or not isinstance(call.callee, FunctionName) or str(tag).partition(AGAIN)[0]:
        return "…"
    inside = ", ".join(spelling.value(argument, {}) for argument in call.arguments)
    return f"{call.callee.name}({'…' if '%' in inside or len(inside) > 40 else inside})"
