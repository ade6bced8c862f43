"""Calls, and what stands where a call would: assembler and text that was set aside.

Owns how a call is written: arguments from left to right, the result in a temporary, or in the local variable that receives it,
or nowhere. A function is named only where the name means a function; what is called through a pointer is a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import expressions
from spincheck.frontend import lower_types as types
from spincheck.frontend.expressions import assigned, kept, value
from spincheck.frontend.lower_code import Label, Test
from spincheck.frontend.lower_context import Binding, Context
from spincheck.frontend.lower_operators import stable
from spincheck.frontend.lower_types import FLOAT, NOTHING, Typed
from spincheck.frontend.places import place

BUILTINS: dict[str, Callable[[Context, Any], Typed]] = {}
"""Calls that compilers do not make into calls, by name; `intrinsics` fills it."""

MANY = 64
"""So many arguments of one call are watched for changes by later ones; any more are kept in temporaries at once."""


def arguments(c: Context, node: Any) -> tuple[ir.Value, ...]:
    """The arguments of a call, from left to right."""
    if node.args is None:
        return ()
    done: list[ir.Value] = []
    changing: list[int] = []  # those that later code may change
    for part in node.args.exprs:
        mark = len(c.code)
        result, _ = value(c, part)
        if len(c.code) != mark and changing:
            written = assigned(c, mark)
            kept_now = [index for index in changing if not stable(done[index], written)]
            for index in kept_now:
                done[index] = c.spill_before(mark, done[index], part.coord.line)
                mark += 1
            changing = [index for index in changing if index not in kept_now]
        if not stable(result):
            if len(changing) < MANY:
                changing.append(len(done))
            else:
                result = ir.Load(c.spill(result, part.coord.line))
        done.append(result)
    return tuple(done)


def callee(c: Context, node: Any) -> tuple[ir.Value, str]:
    """What is called, and the type of its result."""
    kind = node.__class__
    while kind is c_ast.UnaryOp and (
        node.op == "&" or (node.op == "*" and c.static_type(node.expr)[:2] not in {"**", "*f"})
    ):
        node = node.expr
        kind = node.__class__
    if kind is c_ast.ID and node.name[0] not in "%&":
        binding = c.lookup(node.name)
        if binding.kind == "unknown":
            binding = c.env[node.name] = Binding(
                "unknown", ir.Global(node.name), ir.FunctionName(node.name), ""
            )
        if isinstance(binding.value, ir.FunctionName):
            return binding.value, binding.type
        return binding.value, ""
    result, _ = value(c, node)
    return result, ""


def _invoke(c: Context, node: Any, result: str | None) -> str:
    target, ctype = callee(c, node.name)
    mark = len(c.code)
    passed = arguments(c, node)
    target = kept(c, mark, target, node.coord.line)
    c.call(result, target, passed, node.coord.line)
    return ctype


def _intrinsic(c: Context, node: Any) -> Callable[[Context, Any], Typed] | None:
    if node.name.__class__ is not c_ast.ID:
        return None
    name = node.name.name
    if name[0] == "%":
        return _assembler
    found = BUILTINS.get(name)
    if found is None or (name in c.env and c.env[name].kind != "unknown"):
        return None
    return found


def call(c: Context, node: Any, *, wanted: bool = True) -> Typed:
    """A call; without need of its value it gets no temporary."""
    intrinsic = _intrinsic(c, node)
    if intrinsic is not None:
        return intrinsic(c, node)
    if not wanted:
        _invoke(c, node, None)
        return NOTHING
    # The number is taken first, so that the temporaries of one expression count outwards.
    target = c.temporary()
    ctype = _invoke(c, node, target.name)
    return FLOAT if ctype == "float" else (ir.Load(target), ctype)


def call_into(c: Context, target: ir.Local, ctype: str, node: Any, at: int) -> str:
    """A call whose result goes to a local variable, directly if it needs no conversion."""
    direct = _intrinsic(c, node) is None
    if direct:
        binding = c.lookup(node.name.name) if node.name.__class__ is c_ast.ID else None
        source = binding.type if binding is not None and isinstance(binding.value, ir.FunctionName) else ""
        probe = ir.Load(target)
        if source == "float":
            direct = False
        elif types.convert(probe, source, ctype) is probe:
            _invoke(c, node, target.name)
            return source
    result, source = call(c, node)
    c.assign(target, types.convert(result, source, ctype), at)
    return source


def _call(c: Context, node: Any) -> Typed:
    return call(c, node)


def _assembler(c: Context, node: Any) -> Typed:
    """GNU inline assembler: reads its operands, writes its outputs, may jump."""
    index = int(node.name.name[1:])
    aside = c.asides[index]
    at = node.coord.line
    writes: list[ir.Place] = []
    for position, part in enumerate(node.args.exprs if node.args is not None else ()):
        if position < aside.outputs:
            writes.append(place(c, part.expr)[0])
        else:
            value(c, part)
    opaque(c, index, at, tuple(writes))
    for name in aside.labels:
        on = Label()
        c.code.append(Test(ir.Unknown("asm"), c.label(name), on, at))
        c.place(on)
    return ir.Unknown("asm"), ""


def _call_only(c: Context, node: Any) -> None:
    call(c, node, wanted=False)


def _special(c: Context, name: str, at: int) -> Typed:
    """An identifier that the dialect made."""
    if name.startswith("&&"):
        c.addressed[name[2:]] = c.label(name[2:])
        return ir.Unknown("label"), "*void"
    if name[1:].isdigit():
        opaque(c, int(name[1:]), at)
        return ir.Unknown(c.asides[int(name[1:])].why), ""
    return ir.Unknown("type" if name == "%type query" else "unparsed"), "i32"


def opaque(c: Context, index: int, at: int, writes: tuple[ir.Place, ...] = ()) -> None:
    """The text that was set aside under ``index``."""
    aside = c.asides[index]
    known: dict[ir.Place, None] = dict.fromkeys(writes)
    for name in aside.names:
        binding = c.env.get(name)
        if binding is not None and binding.place is not None:
            known[binding.place] = None
    calls = tuple(
        name for name in aside.calls if name not in c.env or c.env[name].kind in {"function", "unknown"}
    )
    c.code.append(ir.Opaque(aside.why, tuple(known), calls, at))
    if index in c.reasons:
        c.recovered.append(ir.Recovery(at, c.reasons[index]))


expressions.VALUES[c_ast.FuncCall] = _call
expressions.EFFECTS[c_ast.FuncCall] = _call_only
expressions.INTO[c_ast.FuncCall] = call_into
expressions.SPECIAL.append(_special)
