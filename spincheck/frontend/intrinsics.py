"""Calls that are none: what compilers know by name.

Owns the builtins whose meaning matters to control flow or whose operands are not executed. All others are calls like
any function's; library functions that a compiler spells ``__builtin_memset`` get their usual names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend.calls import BUILTINS, arguments
from spincheck.frontend.expressions import VALUES, condition, effect, into, literal, value
from spincheck.frontend.lower_code import Label
from spincheck.frontend.lower_context import Context
from spincheck.frontend.lower_types import NOTHING, RANGES, ZERO, Typed


def _expect(c: Context, node: Any) -> Typed:
    """The first argument; the others are hints."""
    if node.args is None:
        return NOTHING
    return value(c, node.args.exprs[0])


def _halt(c: Context, node: Any) -> Typed:
    arguments(c, node)
    c.code.append(ir.Halt(node.coord.line))
    return NOTHING


def _assume(c: Context, node: Any) -> Typed:
    """``__assume(e)``: control gets past it only if ``e`` holds; ``e`` is not executed, so one with effects says nothing."""
    if node.args is None:
        return NOTHING
    at = node.coord.line
    holds, fails = Label(), Label()
    kept, c.code = c.code, []
    condition(c, node.args.exprs[0], holds, fails)
    written, c.code = c.code, kept
    if not any(
        isinstance(item, ir.Assign | ir.Call | ir.Opaque) or hasattr(item, "handler") for item in written
    ):
        c.code.extend(written)
        c.place(fails)
        c.code.append(ir.Halt(at))
        c.place(holds)
    return NOTHING


def _unexecuted(c: Context, node: Any) -> Typed:  # noqa: ARG001 - the shape of every entry of BUILTINS
    return ir.Unknown(node.name.name.lstrip("_")), "i32"


def _noop(c: Context, node: Any) -> Typed:  # noqa: ARG001
    return ZERO, "i32"


def _choose(c: Context, node: Any) -> Typed:
    known = literal(c, node.args.exprs[0]) if node.args is not None and len(node.args.exprs) == 3 else None
    if known is not None:
        return value(c, node.args.exprs[1 if known else 2])
    return _one_of(c, node.args.exprs[1:], node.coord.line) if node.args is not None else NOTHING


def _one_of(c: Context, nodes: Sequence[Any], at: int) -> Typed:
    """One of several expressions, of which the compiler knows which: each may be executed."""
    target, end = c.temporary(), Label()
    ctypes: dict[str, None] = {}
    for node in nodes[:-1]:
        this, others = Label(), Label()
        c.test(ir.Unknown("choice"), this, others, at)
        c.place(this)
        ctypes[into(c, target, "", node, at)] = None
        c.goto(end)
        c.place(others)
    ctypes[into(c, target, "", nodes[-1], at)] = None
    c.place(end)
    return ir.Load(target), next(iter(ctypes)) if len(ctypes) == 1 else ""


def _generic(c: Context, node: Any) -> Typed:
    """``_Generic``: the association of the operand's type; none of its operands but the chosen one is executed."""
    wanted = c.static_type(node.expr)
    named = [association for association in node.associations if association.type is not None]
    fitting = [association.expr for association in named if c.type_of(association.type) == wanted]
    # Types of structures, and what is const, are not told apart. Expressions that fit then differ in their types
    # only; but which of several functions is named stays unknown.
    if fitting and wanted and (len(fitting) == 1 or fitting[0].__class__ is not c_ast.ID):
        return value(c, fitting[0])
    if not fitting and wanted.lstrip("*") in RANGES:
        default = next((one.expr for one in node.associations if one.type is None), None)
        if default is not None:
            return value(c, default)
    undecided = fitting or [association.expr for association in node.associations]
    return _one_of(c, undecided, node.coord.line)


def _swapped(c: Context, node: Any) -> Typed:
    """A byte swap; of a constant, as in ``case htons(7):``, a constant."""
    size = int(node.name.name.removeprefix("__builtin_bswap")) // 8
    known = literal(c, node.args.exprs[0]) if node.args is not None else None
    if known is None:
        return _plain(c, node, node.name.name, f"u{8 * size}")
    swapped = (known & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return ir.Int(int.from_bytes(swapped, "big")), f"u{8 * size}"


def _offset(c: Context, node: Any) -> Typed:
    """``offsetof``: the address of the member in an object at address 0."""
    target: ir.Place = ir.Deref(ZERO)
    chain = []
    designator = node.args.exprs[1]
    while True:
        kind = designator.__class__.__name__
        chain.append(designator)
        if kind == "ID":
            break
        designator = designator.name
    for part in reversed(chain):
        kind = part.__class__.__name__
        if kind == "ID":
            target = ir.Member(target, part.name)
        elif kind == "StructRef":
            target = ir.Member(target, part.field.name)
        else:
            target = ir.Element(target, value(c, part.subscript)[0])
    return ir.AddressOf(target), "u64"


def _variable_argument(c: Context, node: Any) -> Typed:
    effect(c, node.args.exprs[0])
    return ir.Unknown("va_arg"), c.type_of(node.args.exprs[1])


def _abnormal(c: Context, node: Any) -> Typed:
    """``AbnormalTermination()``: known in each copy of a termination block."""
    if c.abnormal is None:
        target = c.temporary()
        c.call(target.name, ir.FunctionName(node.name.name), (), node.coord.line)
        return ir.Load(target), "i32"
    return ir.Int(c.abnormal), "i32"


def _renamed(c: Context, node: Any) -> Typed:
    """A library function under its builtin name."""
    return _plain(c, node, node.name.name.removeprefix("__builtin_"), "")


def _plain(c: Context, node: Any, name: str, result: str) -> Typed:
    passed = arguments(c, node)
    target = c.temporary()
    c.call(target.name, ir.FunctionName(name), passed, node.coord.line)
    return ir.Load(target), result


def install() -> None:
    """Put these into the tables of `calls` and `expressions`."""
    VALUES[c_ast.GenericSelection] = _generic
    BUILTINS.update(
        {
            "__builtin_expect": _expect,
            "__builtin_expect_with_probability": _expect,
            "__builtin_assume_aligned": _expect,
            "__builtin_launder": _expect,
            "__builtin_unreachable": _halt,
            "__builtin_trap": _halt,
            "__builtin_abort": _halt,
            "__fastfail": _halt,
            "__assume": _assume,
            "__builtin_assume": _assume,
            "__noop": _noop,
            "__builtin_prefetch": _noop,
            "__builtin_constant_p": _unexecuted,
            "__builtin_object_size": _unexecuted,
            "__builtin_dynamic_object_size": _unexecuted,
            "__builtin_choose_expr": _choose,
            **dict.fromkeys(("__builtin_bswap16", "__builtin_bswap32", "__builtin_bswap64"), _swapped),
            "__builtin_offsetof": _offset,
            "offsetof": _offset,
            "__builtin_va_arg": _variable_argument,
            "AbnormalTermination": _abnormal,
            "_abnormal_termination": _abnormal,
            "__abnormal_termination": _abnormal,
            **{
                f"__builtin_{name}": _renamed
                for name in [
                    "memcpy",
                    "memset",
                    "memmove",
                    "memcmp",
                    "memchr",
                    "strlen",
                    "strcmp",
                    "strncmp",
                    "strcpy",
                    "strncpy",
                    "strcat",
                    "strchr",
                    "strrchr",
                    "strstr",
                    "sprintf",
                    "snprintf",
                    "vsnprintf",
                    "printf",
                    "puts",
                    "putchar",
                    "alloca",
                    "malloc",
                    "free",
                    "calloc",
                    "realloc",
                    "abs",
                    "labs",
                ]
            },
        }
    )
