"""What operators do to values that are computed already.

Owns binary operators, negation and pointer arithmetic on the representation, and the question whether a value can still
change. Nothing here sees a syntax tree or writes code.
"""

from __future__ import annotations

from spincheck import ir
from spincheck.frontend import lower_types as types
from spincheck.frontend.lower_types import FLOAT, ZERO, Typed


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
            first, second = types.wrap(left.value, ctype), types.wrap(right.value, ctype)
        else:
            ctype = types.promote(left_type) if left_type in types.RANGES else ""
            first, second = left.value, right.value
        folded = types.fold(op, first, second, ctype)
        if folded is not None:
            return ir.Int(folded), "bool" if comparison else ctype
    if op in {"+", "-"}:
        if left_type[:1] in {"*", "@"} or right_type[:1] in {"*", "@"}:
            return pointer_sum(op, left, left_type, right, right_type)
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
    if (
        op in {"==", "!="}
        and types.SIZES[ctype] == types.SIZES[types.promote(left_type)]
        and isinstance(right, ir.Int)
    ):
        return left, ir.Int(types.wrap(right.value, types.promote(left_type)))
    if (
        op in {"==", "!="}
        and types.SIZES[ctype] == types.SIZES[types.promote(right_type)]
        and isinstance(left, ir.Int)
    ):
        return ir.Int(types.wrap(left.value, types.promote(right_type))), right
    return types.convert(left, left_type, ctype), types.convert(right, right_type, ctype)


def pointer_sum(op: str, left: ir.Value, left_type: str, right: ir.Value, right_type: str) -> Typed:
    """``+`` or ``-`` where an operand is a pointer; a sum with an array's address is the address of an element."""
    if left_type[:1] not in {"*", "@"}:
        if op == "-":
            return ir.Binary("-", left, right), ""
        left, left_type, right, right_type = right, right_type, left, left_type
    if right_type[:1] in {"*", "@"}:
        return ir.Binary("-", left, right), "i64"
    ctype = decayed(left_type)
    if right == ZERO:
        return left, left_type
    if isinstance(left, ir.AddressOf) and op == "+":
        if left_type[0] == "@":
            return ir.AddressOf(ir.Element(left.place, right)), ctype
        if isinstance(left.place, ir.Element):
            index, _ = combine("+", left.place.index, "", right, right_type)
            return ir.AddressOf(ir.Element(left.place.base, index)), ctype
    return ir.Binary(op, left, right), ctype  # type: ignore[arg-type]


def decayed(ctype: str) -> str:
    """The type of a value of type ``ctype``: an array is a pointer to its first element."""
    return "*" + ctype[1:] if ctype[:1] == "@" else ctype


def negate(operand: ir.Value, ctype: str) -> Typed:
    """``!`` of a value."""
    if ctype == "float":
        return FLOAT[0], "bool"
    if isinstance(operand, ir.Int):
        return ir.Int(int(not operand.value)), "bool"
    if isinstance(operand, ir.Binary) and operand.op in types.COMPARISONS:
        return ir.Binary(types.COMPARISONS[operand.op], operand.left, operand.right), "bool"  # type: ignore[arg-type]
    if (
        isinstance(operand, ir.Unary)
        and operand.op == "!"
        and isinstance(operand.operand, ir.Binary | ir.Unary)
    ):
        return operand.operand, "bool"
    return ir.Unary("!", operand), "bool"


def stable(item: ir.Value, changed: frozenset[str] | None = None) -> bool:
    """Whether no code that follows can change the value.

    Without ``changed`` nothing but a temporary is safe from that, and an unknown value is another at each evaluation; with it,
    locals other than those named are safe, and it does not matter when something unknown is evaluated.
    """
    kind = item.__class__
    if kind is ir.Load:
        place_ = item.place  # type: ignore[union-attr]
        if place_.__class__ is not ir.Local:
            return False
        name = place_.name
        return name[0] == "%" or (changed is not None and name not in changed)
    if kind is ir.Binary:
        return stable(item.left, changed) and stable(item.right, changed)  # type: ignore[union-attr]
    if kind is ir.Unary or kind is ir.Cast:
        return stable(item.operand, changed)  # type: ignore[union-attr]
    if kind is ir.AddressOf:
        return stable_place(item.place, changed)  # type: ignore[union-attr]
    return kind is not ir.Unknown or changed is not None


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
