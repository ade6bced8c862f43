"""Places: which object an expression designates, and what is stored there.

Owns designators (names, members, elements, ``*p``), ``&`` and the operators that store: assignments, ``++`` and ``--``. The
address of what a pointer points to is that pointer again, and an array's first element has the array's own address,
so that one object has one form however it is spelled.
"""

from __future__ import annotations

from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import expressions
from spincheck.frontend import lower_types as types
from spincheck.frontend.expressions import DEEP, assigned, effect, into, kept, shallow_place, value
from spincheck.frontend.lower_context import Context
from spincheck.frontend.lower_operators import combine, pointer_sum, stable, stable_place
from spincheck.frontend.lower_types import FLOAT, ONE, ZERO, Typed


def place(c: Context, node: Any) -> tuple[ir.Place, str]:
    """The object that an expression designates; a value that is no object is kept in a temporary."""
    kind = node.__class__
    if kind is c_ast.ID:
        if node.name[0] not in "%&":
            binding = c.lookup(node.name)
            if binding.place is not None:
                return binding.place, binding.type
            if isinstance(binding.value, ir.FunctionName):
                return ir.Global(node.name), "fn"
    elif kind is c_ast.StructRef:
        return _member(c, node), ""
    elif kind is c_ast.ArrayRef:
        return _element(c, node)
    elif kind is c_ast.UnaryOp:
        if node.op == "*":
            pointer, ctype = value(c, node.expr)
            if isinstance(pointer, ir.FunctionName):
                return ir.Global(pointer.name), "fn"
            return dereference(pointer, ctype)
        if node.op in {"++", "--"}:
            step(c, node)
            return place_again(c, node.expr)
    elif kind is c_ast.Cast:
        inner = node.expr.__class__
        if inner in {c_ast.ID, c_ast.StructRef, c_ast.ArrayRef, c_ast.Cast} or (
            inner is c_ast.UnaryOp and node.expr.op == "*"
        ):
            return place(c, node.expr)[0], c.type_of(node.to_type)
    elif kind is c_ast.Assignment:
        target, ctype, _ = assign(c, node)
        return target, ctype
    elif kind is c_ast.ExprList:
        for part in node.exprs[:-1]:
            effect(c, part)
        return place(c, node.exprs[-1])
    result, ctype = value(c, node)
    if isinstance(result, ir.Load):
        return result.place, ctype
    if isinstance(result, ir.AddressOf) and ctype[:1] == "@":
        return result.place, ctype
    return c.spill(result, node.coord.line), ctype


def _member(c: Context, node: Any) -> ir.Place:
    """``p->f`` and ``x.f``; a chain of members is walked, not descended."""
    at = node.coord.line
    fields = [node.field.name]
    while node.type == "." and node.name.__class__ is c_ast.StructRef:
        node = node.name
        fields.append(node.field.name)
    outside = c.nesting
    c.nesting += len(fields)
    if node.type == "->":
        pointer, ctype = value(c, node.name)
        target = dereference(pointer, ctype)[0]
    else:
        target = place(c, node.name)[0]
    c.nesting = outside
    if (outside + len(fields)) // DEEP > outside // DEEP:
        target = shallow_place(c, target, DEEP, at)
    for count, field in enumerate(reversed(fields), 1):
        target = ir.Member(target, field)
        if count % DEEP == 0:
            target = shallow_place(c, target, count, at)
    return target


def place_again(c: Context, node: Any) -> tuple[ir.Place, str]:
    """The place of an operand that was evaluated before; only plain variables are without effect."""
    if node.__class__ is c_ast.ID:
        return place(c, node)
    return c.temporary(), ""


def dereference(pointer: ir.Value, ctype: str) -> tuple[ir.Place, str]:
    """What a pointer points to."""
    target = ctype[1:] if ctype[:1] in {"*", "@"} else ""
    if isinstance(pointer, ir.AddressOf):
        return (ir.Element(pointer.place, ZERO) if ctype[:1] == "@" else pointer.place), target
    return ir.Deref(pointer), target


def _element(c: Context, node: Any) -> tuple[ir.Place, str]:
    base, ctype = value(c, node.name)
    mark = len(c.code)
    index, index_type = value(c, node.subscript)
    # A field of unknown type may be an array: then it is a place, and loading it first would make it a pointer.
    of_field = (
        ctype[:1] not in {"*", "@"} and isinstance(base, ir.Load) and not isinstance(base.place, ir.Local)
    )
    if not (of_field and isinstance(base, ir.Load) and stable_place(base.place, assigned(c, mark))):
        base = kept(c, mark, base, node.coord.line)
    if index_type[:1] in {"*", "@"} and ctype[:1] not in {"*", "@"}:
        base, ctype, index = index, index_type, base
    if ctype[:1] == "@" and isinstance(base, ir.AddressOf):
        return ir.Element(base.place, index), ctype[1:]
    if ctype[:1] != "*" and isinstance(base, ir.Load) and not isinstance(base.place, ir.Local):
        return ir.Element(base.place, index), ""
    total, total_type = pointer_sum("+", base, ctype if ctype[:1] == "*" else "*", index, "i64")
    return dereference(total, total_type)


def load(target: ir.Place, ctype: str) -> Typed:
    """What is stored at a place; an array or function stands for its address."""
    if ctype[:1] == "@":
        return ir.AddressOf(target), ctype
    if ctype == "fn" and isinstance(target, ir.Global):
        return ir.FunctionName(target.name), ctype
    if ctype == "float":
        return FLOAT
    return ir.Load(target), ctype


def _object(c: Context, node: Any) -> Typed:
    return load(*place(c, node))


def address(c: Context, node: Any) -> Typed:
    """``&`` of an expression."""
    target, ctype = place(c, node)
    if ctype == "fn" and isinstance(target, ir.Global):
        return ir.FunctionName(target.name), "fn"
    if isinstance(target, ir.Deref):
        return target.pointer, "*" + ctype
    if isinstance(target, ir.Element) and target.index == ZERO and _is_array(c, target.base):
        return ir.AddressOf(target.base), "@" + ctype
    return ir.AddressOf(target), ctype if ctype[:1] == "@" else "*" + ctype


def _is_array(c: Context, base: ir.Place) -> bool:
    if isinstance(base, ir.Local):
        return any(v.name == base.name and v.type == "array" for v in reversed(c.locals))
    if isinstance(base, ir.Global):
        return c.lookup(base.name).type[:1] == "@"
    return False


# --- stores ----------------------------------------------------------------------


def assign(c: Context, node: Any) -> tuple[ir.Place, str, ir.Value]:
    """An assignment; yields the place and what is known to be stored there."""
    at = node.coord.line
    target, ctype = place(c, node.lvalue)
    if node.op != "=":
        mark = len(c.code)
        right, right_type = value(c, node.rvalue)
        left: ir.Value = ir.Load(target)
        if len(c.code) != mark:
            left = c.spill_before(mark, left, at)
        result, source = combine(node.op[:-1], left, ctype, right, right_type)
        c.assign(target, types.convert(result, source, ctype), at)
        return target, ctype, ir.Load(target)
    kind = node.rvalue.__class__
    if kind is c_ast.TernaryOp or (kind is c_ast.FuncCall and isinstance(target, ir.Local)):
        into(c, target, ctype, node.rvalue, at)
        return target, ctype, ir.Load(target)
    result, source = value(c, node.rvalue)
    result = types.convert(result, source, ctype)
    c.assign(target, result, at)
    if node.lvalue.__class__ is c_ast.StructRef and node.lvalue.name.__class__ is c_ast.ID:
        owner = c.lookup(node.lvalue.name.name).object
        if owner:
            c.objects[at] = owner
    return target, ctype, result if stable(result) else ir.Load(target)


def _assignment(c: Context, node: Any) -> Typed:
    _, ctype, result = assign(c, node)
    return result, ctype


def step(c: Context, node: Any, *, wanted: bool = True) -> Typed:
    """``++`` and ``--`` before or behind their operand."""
    at = node.coord.line
    target, ctype = place(c, node.expr)
    old: ir.Value = ir.Load(target)
    if wanted and node.op[0] == "p":
        old = ir.Load(c.spill(old, at))
    result, source = combine(node.op[-1], old, ctype, ONE, "i32")
    c.assign(target, types.convert(result, source, ctype), at)
    return (old if node.op[0] == "p" else ir.Load(target)), ctype


def _step_only(c: Context, node: Any) -> None:
    if node.op in {"p++", "p--"}:
        step(c, node, wanted=False)
    else:
        value(c, node)


def _address(c: Context, node: Any) -> Typed:
    return address(c, node.expr)


expressions.VALUES[c_ast.Assignment] = _assignment
expressions.VALUES[c_ast.StructRef] = expressions.VALUES[c_ast.ArrayRef] = _object
expressions.EFFECTS[c_ast.UnaryOp] = _step_only
expressions.UNARY.update({"&": _address, "*": _object, "++": step, "--": step, "p++": step, "p--": step})
