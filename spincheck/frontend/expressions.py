"""Expressions: from syntax trees to values without side effects, and the code that makes them so.

Owns the meaning of each operator. `value` yields what an expression is worth and writes the code for what it does;
`effect` only the latter; `place` yields the object that an expression designates; `condition` jumps on it. Operands
are evaluated from left to right: where a later operand writes code, an earlier one whose value may change by it is
kept in a temporary first.

``&&``, ``||`` and ``?:`` become jumps. A condition made of them needs no value and gets none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import lower_types as types
from spincheck.frontend.lower_code import Label, Test
from spincheck.frontend.lower_context import Binding, Context, variable
from spincheck.frontend.lower_types import FLOAT, ONE, ZERO, Typed

_LOGICAL = frozenset({"&&", "||"})

DEEP = 100
"""So many levels of operators a value may have before it is kept in a temporary."""
_NOTHING: Typed = (ir.Unknown("void"), "void")

VALUES: dict[type, Callable[[Context, Any], Typed]] = {}
"""How each kind of expression is lowered; `statements` and `intrinsics` add those that need statements."""

EFFECTS: dict[type, Callable[[Context, Any], object]] = {}
"""How an expression is lowered whose value nobody uses, where that is less work; `statements` adds to it."""

BUILTINS: dict[str, Callable[[Context, Any], Typed]] = {}
"""Calls that compilers do not make into calls, by name."""


def value(c: Context, node: Any) -> Typed:
    """The value and type of an expression, after the code of its side effects."""
    lower = VALUES.get(node.__class__)
    return lower(c, node) if lower is not None else (ir.Unknown("unparsed"), "")


def effect(c: Context, node: Any) -> None:
    """Write the code of an expression whose value nobody uses."""
    kind = node.__class__
    if kind is c_ast.FuncCall:
        call(c, node, wanted=False)
    elif kind is c_ast.UnaryOp and node.op in {"p++", "p--"}:
        step(c, node, wanted=False)
    elif kind is c_ast.ExprList:
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


def stable(item: ir.Value, changed: frozenset[str] | None = None) -> bool:
    """Whether no code that follows can change the value.

    Without ``changed`` nothing but a temporary is safe from that; with it, locals other than those named are too.
    """
    kind = item.__class__
    if kind is ir.Load:
        place_ = item.place  # type: ignore[union-attr]
        if place_.__class__ is not ir.Local:
            return False
        name = place_.name  # type: ignore[union-attr]
        return name[0] == "%" or (changed is not None and name not in changed)
    if kind is ir.Binary:
        return stable(item.left, changed) and stable(item.right, changed)  # type: ignore[union-attr]
    if kind is ir.Unary or kind is ir.Cast:
        return stable(item.operand, changed)  # type: ignore[union-attr]
    if kind is ir.AddressOf:
        return stable_place(item.place, changed)  # type: ignore[union-attr]
    return kind is not ir.Unknown


def kept(c: Context, mark: int, item: ir.Value, at: int) -> ir.Value:
    """``item``, evaluated before the code that was written since ``mark``, as far as that matters.

    C leaves the order of two operands open; this keeps to the left one first where code assigns to its variables.
    """
    if len(c.code) == mark or stable(item, _assigned(c, mark)):
        return item
    return c.spill_before(mark, item, at)


def _assigned(c: Context, mark: int) -> frozenset[str]:
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


def stable_place(item: ir.Place, changed: frozenset[str] | None = None) -> bool:
    """Whether the address of a place stays the same whatever is executed."""
    while True:
        if isinstance(item, ir.Member):
            item = item.base
        elif isinstance(item, ir.Element):
            if not stable(item.index, changed):
                return False
            item = item.base
        else:
            return stable(item.pointer, changed) if isinstance(item, ir.Deref) else True


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
    elif kind is c_ast.Cast:
        if is_boolean(node.expr):
            condition(c, node.expr, yes, no)
            return
    elif kind is c_ast.FuncCall and node.args is not None and node.name.__class__ is c_ast.ID:
        if node.name.name in {"__builtin_expect", "__builtin_expect_with_probability"}:
            condition(c, node.args.exprs[0], yes, no)
            return
    result, _ = value(c, node)
    c.test(result, yes, no, node.coord.line)


def is_boolean(node: Any) -> bool:
    """Whether an expression is one of the operators that yield 0 or 1 by jumping, or their negation."""
    kind = node.__class__
    return (kind is c_ast.BinaryOp and node.op in _LOGICAL) or (kind is c_ast.UnaryOp and node.op == "!")


def literal(c: Context, node: Any) -> int | None:
    """The value of an integer constant expression that is plain to see, without writing code."""
    kind = node.__class__
    if kind is c_ast.Constant or kind is c_ast.ID:
        result = value(c, node)[0]
    elif (kind is c_ast.Cast and literal(c, node.expr) is not None) or (
        kind is c_ast.UnaryOp and node.op in {"-", "~", "+", "!"} and literal(c, node.expr) is not None
    ):
        result = value(c, node)[0]
    elif kind is c_ast.ExprList and all(literal(c, part) is not None for part in node.exprs):
        return literal(c, node.exprs[-1])
    else:
        return None
    return result.value if isinstance(result, ir.Int) else None


def _logical(c: Context, node: Any) -> Typed:
    return materialise(c, node, node.coord.line)


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
        return _decayed(pointer) if pointer is not None else types.common_type(first, second)
    if is_boolean(node) and kind is c_ast.BinaryOp:
        into_flag(c, target, node, at)
        return "bool"
    if kind is c_ast.FuncCall and target.__class__ is ir.Local:
        return call_into(c, target, ctype, node, at)  # type: ignore[arg-type]
    result, source = value(c, node)
    c.assign(target, types.convert(result, source, ctype), at)
    return source


def _decayed(ctype: str) -> str:
    return "*" + ctype[1:] if ctype[:1] == "@" else ctype


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
    if kind is c_ast.TernaryOp or kind is c_ast.FuncCall or kind is c_ast.BinaryOp:
        into(c, target, ctype, node.rvalue, at)
        return target, ctype, ir.Load(target)
    result, source = value(c, node.rvalue)
    result = types.convert(result, source, ctype)
    c.assign(target, result, at)
    constant = isinstance(result, ir.Int | ir.FunctionName | ir.Text | ir.AddressOf) and stable(result)
    return target, ctype, result if constant else ir.Load(target)


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


# --- operators -------------------------------------------------------------------


def _binary(c: Context, node: Any) -> Typed:
    if node.op in _LOGICAL:
        return materialise(c, node, node.coord.line)
    # A sum of thousands of terms is a tree as deep: its left spine is walked, not descended.
    spine = []
    while node.__class__ is c_ast.BinaryOp and node.op not in _LOGICAL:
        spine.append(node)
        node = node.left
    left, left_type = value(c, node)
    for count, part in enumerate(reversed(spine), 1):
        mark = len(c.code)
        right, right_type = value(c, part.right)
        if len(c.code) != mark:
            left = kept(c, mark, left, part.coord.line)
        left, left_type = combine(part.op, left, left_type, right, right_type)
        if count % DEEP == 0:
            left = ir.Load(c.spill(left, part.coord.line))
    return left, left_type


def combine(op: str, left: ir.Value, left_type: str, right: ir.Value, right_type: str) -> Typed:
    """A binary operation on values."""
    comparison = op in types.COMPARISONS
    if left_type == "float" or right_type == "float":
        return (FLOAT[0], "bool") if comparison else FLOAT
    if op == "...":
        return ir.Unknown("range"), ""
    integers = left_type in types.RANGES and right_type in types.RANGES
    if left.__class__ is ir.Int and right.__class__ is ir.Int:
        if integers and op not in {"<<", ">>"}:
            ctype = types.common_type(left_type, right_type)
            first, second = types.wrap(left.value, ctype), types.wrap(right.value, ctype)  # type: ignore[union-attr]
        else:
            ctype = types.promote(left_type) if left_type in types.RANGES else ""
            first, second = left.value, right.value  # type: ignore[union-attr]
        folded = types.fold(op, first, second, ctype)
        if folded is not None:
            return ir.Int(folded), "bool" if comparison else ctype
    if op in {"+", "-"}:
        if left_type[:1] in {"*", "@"} or right_type[:1] in {"*", "@"}:
            return _pointer_sum(op, left, left_type, right, right_type)
        if right == ZERO:
            return left, types.promote(left_type)
    if op in {"<<", ">>"}:
        ctype = types.promote(left_type) if left_type in types.RANGES else ""
    else:
        ctype = types.common_type(left_type, right_type) if integers else ""
        if ctype[:1] == "u" and (comparison or op in {"/", "%"}):
            left, right = _unsigned(op, left, left_type, right, right_type, ctype)
    return ir.Binary(op, left, right), "bool" if comparison else ctype  # type: ignore[arg-type]


def _unsigned(
    op: str, left: ir.Value, left_type: str, right: ir.Value, right_type: str, ctype: str
) -> tuple[ir.Value, ir.Value]:
    """Operands as the unsigned type to which C converts both.

    Equality with a constant is told in the variable's own type instead: it then says something of the variable.
    """
    if op in {"==", "!="} and types.SIZES[ctype] == types.SIZES[types.promote(left_type)] and isinstance(right, ir.Int):
        return left, ir.Int(types.wrap(right.value, types.promote(left_type)))
    if op in {"==", "!="} and types.SIZES[ctype] == types.SIZES[types.promote(right_type)] and isinstance(left, ir.Int):
        return ir.Int(types.wrap(left.value, types.promote(right_type))), right
    return types.convert(left, left_type, ctype), types.convert(right, right_type, ctype)


def _pointer_sum(op: str, left: ir.Value, left_type: str, right: ir.Value, right_type: str) -> Typed:
    if left_type[:1] not in {"*", "@"}:
        if op == "-":
            return ir.Binary("-", left, right), ""
        left, left_type, right, right_type = right, right_type, left, left_type
    if right_type[:1] in {"*", "@"}:
        return ir.Binary("-", left, right), "i64"
    ctype = _decayed(left_type)
    if right == ZERO:
        return left, left_type
    if isinstance(left, ir.AddressOf) and op == "+":
        if left_type[0] == "@":
            return ir.AddressOf(ir.Element(left.place, right)), ctype
        if isinstance(left.place, ir.Element):
            index, _ = combine("+", left.place.index, "", right, right_type)
            return ir.AddressOf(ir.Element(left.place.base, index)), ctype
    return ir.Binary(op, left, right), ctype  # type: ignore[arg-type]


def _unary(c: Context, node: Any) -> Typed:
    op = node.op
    if op in {"p++", "p--", "++", "--"}:
        return step(c, node)
    if op == "&":
        return address(c, node.expr)
    if op == "*":
        return load(*place(c, node))
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
    return ir.Unary(op, operand), ctype  # type: ignore[arg-type]


def negate(operand: ir.Value, ctype: str) -> Typed:
    """``!`` of a value."""
    if ctype == "float":
        return FLOAT[0], "bool"
    if isinstance(operand, ir.Int):
        return ir.Int(int(not operand.value)), "bool"
    if isinstance(operand, ir.Binary) and operand.op in types.COMPARISONS:
        return ir.Binary(types.COMPARISONS[operand.op], operand.left, operand.right), "bool"  # type: ignore[arg-type]
    if isinstance(operand, ir.Unary) and operand.op == "!" and isinstance(operand.operand, ir.Binary | ir.Unary):
        return operand.operand, "bool"
    return ir.Unary("!", operand), "bool"


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
        return _NOTHING
    operand, source = value(c, node.expr)
    if target in types.RANGES:
        return types.cast(operand, source, target), target
    if target == "float":
        return FLOAT
    if target[:1] == "*" and source in {"i32", "i16", "i8"} and isinstance(operand, ir.Int):
        return ir.Int(types.wrap(operand.value, "u64")), target
    return operand, target


# --- places ----------------------------------------------------------------------


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
        field = node.field.name
        if node.type == "->":
            pointer, ctype = value(c, node.name)
            return ir.Member(dereference(pointer, ctype)[0], field), ""
        return ir.Member(place(c, node.name)[0], field), ""
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
    of_field = ctype[:1] not in {"*", "@"} and isinstance(base, ir.Load) and not isinstance(base.place, ir.Local)
    if not (of_field and isinstance(base, ir.Load) and stable_place(base.place, _assigned(c, mark))):
        base = kept(c, mark, base, node.coord.line)
    if index_type[:1] in {"*", "@"} and ctype[:1] not in {"*", "@"}:
        base, ctype, index = index, index_type, base
    if ctype[:1] == "@" and isinstance(base, ir.AddressOf):
        return ir.Element(base.place, index), ctype[1:]
    if ctype[:1] != "*" and isinstance(base, ir.Load) and not isinstance(base.place, ir.Local):
        return ir.Element(base.place, index), ""
    total, total_type = _pointer_sum("+", base, ctype if ctype[:1] == "*" else "*", index, "i64")
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


# --- leaves ----------------------------------------------------------------------


def _name(c: Context, node: Any) -> Typed:
    name = node.name
    binding = c.env.get(name)
    if binding is None:
        if name[0] in "%&":
            return special(c, name, node.coord.line)
        binding = c.lookup(name)
    if binding.type == "float":
        return FLOAT
    return binding.value, binding.type


def special(c: Context, name: str, at: int) -> Typed:
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
    calls = tuple(name for name in aside.calls if name not in c.env or c.env[name].kind in {"function", "unknown"})
    c.code.append(ir.Opaque(aside.why, tuple(known), calls, at))
    if index in c.reasons:
        c.recovered.append(ir.Recovery(at, c.reasons[index]))


def _constant(c: Context, node: Any) -> Typed:  # noqa: ARG001 - the shape of every entry of VALUES
    kind = node.type
    if kind == "string":
        return types.string(node.value), "*"
    if kind == "char":
        return types.character(node.value)
    if kind.endswith("int") or kind.endswith("_BitInt"):
        return types.integer(node.value)
    if kind == "bool":
        return ir.Int(int(node.value == "true")), "bool"
    return (ZERO, "*") if kind == "nullptr_t" else FLOAT


def _comma(c: Context, node: Any) -> Typed:
    for part in node.exprs[:-1]:
        effect(c, part)
    return value(c, node.exprs[-1])


# --- calls -----------------------------------------------------------------------


def arguments(c: Context, node: Any) -> tuple[ir.Value, ...]:
    """The arguments of a call, from left to right."""
    if node.args is None:
        return ()
    done: list[ir.Value] = []
    for part in node.args.exprs:
        mark = len(c.code)
        result, _ = value(c, part)
        if len(c.code) != mark:
            for index, earlier in enumerate(done):
                before = len(c.code)
                done[index] = kept(c, mark, earlier, part.coord.line)
                mark += len(c.code) - before
        done.append(result)
    return tuple(done)


def callee(c: Context, node: Any) -> tuple[ir.Value, str]:
    """What is called, and the type of its result."""
    kind = node.__class__
    while kind is c_ast.UnaryOp and (node.op == "&" or (node.op == "*" and c.static_type(node.expr)[:2] not in {"**", "*f"})):
        node = node.expr
        kind = node.__class__
    if kind is c_ast.ID and node.name[0] not in "%&":
        binding = c.lookup(node.name)
        if binding.kind == "unknown":
            binding = c.env[node.name] = Binding("unknown", ir.Global(node.name), ir.FunctionName(node.name), "")
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
    return found if found is not None and name not in c.env else None


def call(c: Context, node: Any, *, wanted: bool = True) -> Typed:
    """A call; without need of its value it gets no temporary."""
    intrinsic = _intrinsic(c, node)
    if intrinsic is not None:
        return intrinsic(c, node)
    if not wanted:
        _invoke(c, node, None)
        return _NOTHING
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


def _compound_literal(c: Context, node: Any) -> Typed:
    from spincheck.frontend.initialisers import initialise, struct_name  # noqa: PLC0415 - they need each other

    ctype = c.type_of(node.type)
    local = c.temporary()
    at = node.coord.line
    binding = variable(local, ctype, struct_name(node.type))
    initialise(c, binding, node.init, at)
    return binding.value, ctype


VALUES.update(
    {
        c_ast.ID: _name,
        c_ast.Constant: _constant,
        c_ast.BinaryOp: _binary,
        c_ast.UnaryOp: _unary,
        c_ast.Cast: _cast,
        c_ast.StructRef: _object,
        c_ast.ArrayRef: _object,
        c_ast.FuncCall: _call,
        c_ast.Assignment: _assignment,
        c_ast.TernaryOp: _ternary,
        c_ast.ExprList: _comma,
        c_ast.CompoundLiteral: _compound_literal,
    }
)
