"""Expressions: from syntax trees to values without side effects, and the code that makes them so.

`value` yields what an expression is worth and writes the code for what it does; `effect` writes the code only; `condition` jumps
on it; `into` stores it. Operands are evaluated from left to right: where a later operand writes code, an earlier one whose
value may change by it is kept in a temporary first. ``&&``, ``||`` and ``?:`` become jumps; a condition made of them needs no
value and gets none.

Expressions contain places, calls and, in GNU C, statements, which all contain expressions again. So each kind of node is
lowered by a function in a table: this module owns the tables and fills in the operators; `places`, `calls`, `intrinsics`,
`initialisers` and `statements` import it and add theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import lower_types as types
from spincheck.frontend.lower_code import Label
from spincheck.frontend.lower_context import Context
from spincheck.frontend.lower_operators import combine, decayed, negate, stable
from spincheck.frontend.lower_types import FLOAT, NOTHING, ONE, ZERO, Typed

_LOGICAL = frozenset({"&&", "||"})

DEEP = 64
"""So many levels of operators a value may have before it is kept in a temporary: who reads the representation may descend."""

VALUES: dict[type, Callable[[Context, Any], Typed]] = {}
"""How each kind of expression is lowered."""

EFFECTS: dict[type, Callable[[Context, Any], object]] = {}
"""How an expression is lowered whose value nobody uses, where that is less work."""

INTO: dict[type, Callable[[Context, ir.Local, str, Any, int], str]] = {}
"""How an expression is stored in a local variable, where that is less work; arguments and result as of `into`."""

UNARY: dict[str, Callable[[Context, Any], Typed]] = {}
"""How the unary operators are lowered that designate objects or store."""

SPECIAL: list[Callable[[Context, str, int], Typed]] = []
"""How an identifier is lowered that the dialect made; one entry."""


def value(c: Context, node: Any) -> Typed:
    """The value and type of an expression, after the code of its side effects."""
    lower = VALUES.get(node.__class__)
    if lower is None:
        return ir.Unknown("unparsed"), ""
    c.nesting += 1
    result = lower(c, node)
    c.nesting -= 1
    return result if (c.nesting + 1) % DEEP else _shallow(c, result, node.coord.line)


def _shallow(c: Context, result: Typed, at: int) -> Typed:
    """A value of some depth in a temporary; where it is a constant or a variable already, itself."""
    item = result[0]
    if isinstance(item, ir.Binary | ir.Unary | ir.Cast) or (
        isinstance(item, ir.Load | ir.AddressOf) and not isinstance(item.place, ir.Local | ir.Global)
    ):
        return ir.Load(c.spill(item, at)), result[1]
    return result


def shallow_place(c: Context, target: ir.Place, levels: int, at: int) -> ir.Place:
    """A place again, by its address in a temporary if it is the last of `DEEP` ``levels``."""
    if levels % DEEP or isinstance(target, ir.Local | ir.Global):
        return target
    pointer = target.pointer if isinstance(target, ir.Deref) else ir.AddressOf(target)
    return ir.Deref(ir.Load(c.spill(pointer, at)))


def effect(c: Context, node: Any) -> None:
    """Write the code of an expression whose value nobody uses."""
    kind = node.__class__
    if kind is c_ast.ExprList:
        for part in node.exprs:
            effect(c, part)
    elif kind is c_ast.Cast:
        effect(c, node.expr)
    elif kind is c_ast.TernaryOp:
        yes, no, end = Label(), Label(), Label()
        condition(c, node.cond, yes, no)
        c.place(yes)
        if not is_same(node.iftrue):
            effect(c, node.iftrue)
        c.goto(end)
        c.place(no)
        effect(c, node.iffalse)
        c.place(end)
    elif kind is c_ast.BinaryOp and node.op in _LOGICAL:
        more, end = Label(), Label()
        condition(c, node.left, *((more, end) if node.op == "&&" else (end, more)))
        c.place(more)
        effect(c, node.right)
        c.place(end)
    else:
        other = EFFECTS.get(kind)
        if other is not None:
            other(c, node)
        else:
            value(c, node)


def is_same(node: Any) -> bool:
    """Whether this is the omitted middle operand of GNU's ``x ?: y``."""
    return node.__class__ is c_ast.ID and node.name == "%same"


def kept(c: Context, mark: int, item: ir.Value, at: int) -> ir.Value:
    """``item``, evaluated before the code that was written since ``mark``, as far as that matters.

    C leaves the order of two operands open; this keeps to the left one first where code assigns to its variables.
    """
    if len(c.code) == mark or stable(item, assigned(c, mark)):
        return item
    return c.spill_before(mark, item, at)


def assigned(c: Context, mark: int) -> frozenset[str]:
    """The local variables that the code since ``mark`` assigns to."""
    found = set()
    for entry in c.code[mark:]:
        if isinstance(entry, ir.Assign):
            if isinstance(entry.place, ir.Local):
                found.add(entry.place.name)
        else:
            call_ = getattr(entry, "call", entry)
            if isinstance(call_, ir.Call) and call_.result is not None:
                found.add(call_.result)
    return frozenset(found)


# --- conditions ------------------------------------------------------------------


def condition(c: Context, node: Any, yes: Label, no: Label) -> None:
    """Go to ``yes`` if the expression is not zero, else to ``no``."""
    kind = node.__class__
    if kind is c_ast.BinaryOp:
        op = node.op
        if op in _LOGICAL:
            more = Label()
            condition(c, node.left, *((more, no) if op == "&&" else (yes, more)))
            c.place(more)
            condition(c, node.right, yes, no)
            return
        if op in {"==", "!="} and is_boolean(node.left) and literal(c, node.right) == 0:
            condition(c, node.left, *((no, yes) if op == "==" else (yes, no)))
            return
    elif kind is c_ast.UnaryOp:
        if node.op == "!":
            condition(c, node.expr, no, yes)
            return
    elif kind is c_ast.ExprList:
        for part in node.exprs[:-1]:
            effect(c, part)
        condition(c, node.exprs[-1], yes, no)
        return
    elif kind is c_ast.TernaryOp:
        first, second = Label(), Label()
        if is_same(node.iftrue):
            condition(c, node.cond, yes, second)
        else:
            condition(c, node.cond, first, second)
            c.place(first)
            condition(c, node.iftrue, yes, no)
        c.place(second)
        condition(c, node.iffalse, yes, no)
        return
    elif kind is c_ast.Cast and is_boolean(node.expr):
        condition(c, node.expr, yes, no)
        return
    elif kind is c_ast.FuncCall and node.args is not None and is_expectation(node.name):
        condition(c, node.args.exprs[0], yes, no)
        return
    result, _ = value(c, node)
    c.test(result, yes, no, node.coord.line)


def is_expectation(name: Any) -> bool:
    """Whether a call tells the compiler which way its argument will go."""
    return name.__class__ is c_ast.ID and name.name in {
        "__builtin_expect",
        "__builtin_expect_with_probability",
    }


def is_boolean(node: Any) -> bool:
    """Whether an expression is one of the operators that yield 0 or 1 by jumping, or their negation."""
    kind = node.__class__
    return (kind is c_ast.BinaryOp and node.op in _LOGICAL) or (kind is c_ast.UnaryOp and node.op == "!")


def literal(c: Context, node: Any) -> int | None:
    """The value of an integer constant expression that is plain to see, without writing code."""
    kind = node.__class__
    if (
        kind is c_ast.Constant
        or (kind is c_ast.ID and node.name[0] not in "%&")
        or (kind is c_ast.Cast and literal(c, node.expr) is not None)
        or (kind is c_ast.UnaryOp and node.op in {"-", "~", "+", "!"} and literal(c, node.expr) is not None)
    ):
        result = value(c, node)[0]
    elif kind is c_ast.ExprList and all(literal(c, part) is not None for part in node.exprs):
        return literal(c, node.exprs[-1])
    else:
        return None
    return result.value if isinstance(result, ir.Int) else None


def materialise(c: Context, node: Any, at: int) -> Typed:
    """0 or 1 in a temporary, by what a condition jumps to."""
    target = c.temporary()
    into_flag(c, target, node, at)
    return ir.Load(target), "bool"


def into_flag(c: Context, target: ir.Place, node: Any, at: int) -> None:
    """Store 1 or 0 by what a condition jumps to."""
    yes, no, end = Label(), Label(), Label()
    condition(c, node, yes, no)
    c.place(yes)
    c.assign(target, ONE, at)
    c.goto(end)
    c.place(no)
    c.assign(target, ZERO, at)
    c.place(end)


def _ternary(c: Context, node: Any) -> Typed:
    known = literal(c, node.cond)
    if known is not None and not is_same(node.iftrue):
        return value(c, node.iftrue if known else node.iffalse)
    target = c.temporary()
    ctype = into(c, target, "", node, node.coord.line)
    return (ir.AddressOf(target), ctype) if ctype[:1] == "@" else (ir.Load(target), ctype)


# --- assignments -----------------------------------------------------------------


def into(c: Context, target: ir.Place, ctype: str, node: Any, at: int) -> str:
    """Store an expression's value; the result is the type that the stored value has of itself.

    A conditional expression stores in each of its arms, a call hands its result to a local variable directly.
    """
    kind = node.__class__
    if kind is c_ast.TernaryOp:
        yes, no, end = Label(), Label(), Label()
        if is_same(node.iftrue):
            tested, first = value(c, node.cond)
            tested = tested if stable(tested) else ir.Load(c.spill(tested, at))
            c.test(tested, yes, no, at)
            c.place(yes)
            c.assign(target, types.convert(tested, first, ctype), at)
        else:
            condition(c, node.cond, yes, no)
            c.place(yes)
            first = into(c, target, ctype, node.iftrue, at)
        c.goto(end)
        c.place(no)
        second = into(c, target, ctype, node.iffalse, at)
        c.place(end)
        if first == second:
            return first
        pointer = next((t for t in (first, second) if t[:1] in {"*", "@"} or t == "fn"), None)
        return decayed(pointer) if pointer is not None else types.common_type(first, second)
    if is_boolean(node) and kind is c_ast.BinaryOp:
        into_flag(c, target, node, at)
        return "bool"
    if kind in INTO and isinstance(target, ir.Local):
        return INTO[kind](c, target, ctype, node, at)
    result, source = value(c, node)
    c.assign(target, types.convert(result, source, ctype), at)
    return source


# --- operators -------------------------------------------------------------------


def _binary(c: Context, node: Any) -> Typed:
    if node.op in _LOGICAL:
        return materialise(c, node, node.coord.line)
    # A sum of thousands of terms is a tree as deep: its left spine is walked, not descended.
    spine = []
    while node.__class__ is c_ast.BinaryOp and node.op not in _LOGICAL:
        spine.append(node)
        node = node.left
    outside = c.nesting
    c.nesting += len(spine)
    left, left_type = value(c, node)
    c.nesting = outside
    if (outside + len(spine)) // DEEP > outside // DEEP:
        left, left_type = _shallow(c, (left, left_type), node.coord.line)
    for count, part in enumerate(reversed(spine), 1):
        mark = len(c.code)
        right, right_type = value(c, part.right)
        if len(c.code) != mark:
            left = kept(c, mark, left, part.coord.line)
        left, left_type = combine(part.op, left, left_type, right, right_type)
        if count % DEEP == 0:
            left = ir.Load(c.spill(left, part.coord.line))
    return left, left_type


def _unary(c: Context, node: Any) -> Typed:
    op = node.op
    lower = UNARY.get(op)
    if lower is not None:
        return lower(c, node)
    if op == "!":
        if is_boolean(node.expr) and node.expr.__class__ is c_ast.BinaryOp:
            return materialise(c, node, node.coord.line)
        return negate(*value(c, node.expr))
    if op == "sizeof" or op.strip("_").lower().startswith("alignof"):
        return size(c, node)
    operand, ctype = value(c, node.expr)
    if ctype == "float":
        return FLOAT
    if op == "+" or op not in {"-", "~"}:
        return operand, types.promote(ctype)
    ctype = types.promote(ctype) if ctype in types.RANGES else ""
    if isinstance(operand, ir.Int):
        return ir.Int(types.wrap(-operand.value if op == "-" else ~operand.value, ctype)), ctype
    return ir.Unary(op, operand), ctype


def size(c: Context, node: Any) -> Typed:
    """``sizeof`` and its kin; the operand is not executed."""
    if node.op != "sizeof":
        return ir.Unknown("sizeof"), "u64"
    operand = node.expr
    if operand.__class__ is c_ast.Constant and operand.type == "string":
        ctype = ""
    else:
        ctype = c.type_of(operand) if operand.__class__ is c_ast.Typename else c.static_type(operand)
    bytes_ = types.SIZES.get(ctype)
    return (ir.Unknown("sizeof") if bytes_ is None else ir.Int(bytes_)), "u64"


def _cast(c: Context, node: Any) -> Typed:
    target = c.type_of(node.to_type)
    if target in types.RANGES and is_boolean(node.expr):
        return value(c, node.expr)[0], target
    if target == "void":
        effect(c, node.expr)
        return NOTHING
    operand, source = value(c, node.expr)
    if target in types.RANGES:
        return types.cast(operand, source, target), target
    if target == "float":
        return FLOAT
    if target[:1] == "*" and source in {"i32", "i16", "i8"} and isinstance(operand, ir.Int):
        return ir.Int(types.wrap(operand.value, "u64")), target
    return operand, target


# --- leaves ----------------------------------------------------------------------


def _name(c: Context, node: Any) -> Typed:
    name = node.name
    binding = c.env.get(name)
    if binding is None:
        if name[0] in "%&":
            return SPECIAL[0](c, name, node.coord.line)
        binding = c.lookup(name)
    if isinstance(binding.value, ir.FunctionName):
        return binding.value, "fn"
    if binding.type == "float":
        return FLOAT
    return binding.value, binding.type


def _constant(c: Context, node: Any) -> Typed:
    kind = node.type
    if kind == "string":
        return types.string(node.value), "*"
    if kind == "char":
        return types.character(node.value)
    if kind.endswith(("int", "_BitInt")):
        return types.integer(node.value, wide=c.wide_long)
    if kind == "bool":
        return ir.Int(int(node.value == "true")), "bool"
    return (ZERO, "*") if kind == "nullptr_t" else FLOAT


def _comma(c: Context, node: Any) -> Typed:
    for part in node.exprs[:-1]:
        effect(c, part)
    return value(c, node.exprs[-1])


VALUES.update(
    {
        c_ast.ID: _name,
        c_ast.Constant: _constant,
        c_ast.BinaryOp: _binary,
        c_ast.UnaryOp: _unary,
        c_ast.Cast: _cast,
        c_ast.TernaryOp: _ternary,
        c_ast.ExprList: _comma,
    }
)
