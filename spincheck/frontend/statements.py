"""Statements: from syntax trees to jumps.

Owns the meaning of each statement. Loops, ``switch`` and ``goto`` become labels and jumps at once; what is
never reached and what jumps to a jump is left to `lower_code`. A ``case`` is a label wherever it stands, so that a
loop inside a ``switch`` (Duff's device) needs no thought.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import expressions, seh, unwinding
from spincheck.frontend import lower_types as types
from spincheck.frontend.expressions import condition, effect, value
from spincheck.frontend.initialisers import declaration, type_definition
from spincheck.frontend.lower_code import Indirect, Label, Select, Test
from spincheck.frontend.lower_context import Context
from spincheck.frontend.lower_operators import stable
from spincheck.frontend.lower_types import NOTHING, Typed


def statement(c: Context, node: Any) -> None:
    """Write the code of a statement or declaration."""
    lower = STATEMENTS.get(node.__class__)
    if lower is not None:
        lower(c, node)
    else:
        effect(c, node)


def compound(c: Context, node: Any) -> None:
    """A block: its names end with it."""
    if node.block_items:
        scope = c.enter()
        for item in node.block_items:
            statement(c, item)
        c.leave(scope)


def statement_expression(c: Context, node: Any) -> Typed:
    """GNU's ``({ … })``: the value of its last expression."""
    items = node.block_items
    if not items:
        return ir.Unknown("void"), "void"
    scope = c.enter()
    for item in items[:-1]:
        statement(c, item)
    last = items[-1]
    while last.__class__ is c_ast.Label:
        _place_label(c, last)
        last = last.stmt
    result: Typed = NOTHING
    if last.__class__ in STATEMENTS:
        statement(c, last)
    else:
        result = value(c, last)
        if len(c.frames) > scope[1] and not stable(result[0]):  # cleanup functions run after it is computed
            result = ir.Load(c.spill(result[0], last.coord.line)), result[1]
    c.leave(scope)
    return result


def _if(c: Context, node: Any) -> None:
    if unwinding.is_guarded(node):
        seh.guarded(c, node)
        return
    yes, no = Label(), Label()
    condition(c, node.cond, yes, no)
    c.place(yes)
    scope = c.enter()
    statement(c, node.iftrue)
    c.leave(scope)
    if node.iffalse is None:
        c.place(no)
        return
    end = Label()
    c.goto(end)
    c.place(no)
    statement(c, node.iffalse)
    c.leave(scope)
    c.place(end)


def _body(c: Context, node: Any, end: Label, again: Label) -> None:
    """A loop's body with its ``break`` and ``continue``."""
    outer = c.breaks, c.continues
    c.breaks, c.continues = (end, len(c.frames)), (again, len(c.frames))
    scope = c.enter()
    statement(c, node)
    c.leave(scope)
    c.breaks, c.continues = outer


def _while(c: Context, node: Any) -> None:
    again, inside, end = Label(), Label(), Label()
    c.place(again)
    condition(c, node.cond, inside, end)
    c.place(inside)
    _body(c, node.stmt, end, again)
    c.goto(again)
    c.place(end)


def _do(c: Context, node: Any) -> None:
    inside, again, end = Label(), Label(), Label()
    c.place(inside)
    _body(c, node.stmt, end, again)
    c.place(again)
    condition(c, node.cond, inside, end)
    c.place(end)


def _for(c: Context, node: Any) -> None:
    scope = c.enter()
    if node.init is not None:
        if node.init.__class__ is c_ast.DeclList:
            for item in node.init.decls:
                statement(c, item)
        else:
            effect(c, node.init)
    again, inside, following, end = Label(), Label(), Label(), Label()
    c.place(again)
    if node.cond is not None:
        condition(c, node.cond, inside, end)
    c.place(inside)
    _body(c, node.stmt, end, following)
    c.place(following)
    if node.next is not None:
        effect(c, node.next)
    c.goto(again)
    c.place(end)
    c.leave(scope)


def _switch(c: Context, node: Any) -> None:
    at = node.coord.line
    selector, ctype = value(c, node.cond)
    outer = c.switch, c.default, c.unknown_cases, c.switch_type, c.breaks
    c.switch, c.default, c.unknown_cases, c.switch_type = [], None, [], types.promote(ctype)
    end = Label()
    c.breaks = end, len(c.frames)
    mark = len(c.code)
    scope = c.enter()
    statement(c, node.stmt)
    c.leave(scope)
    head: list[Any] = []
    for label in c.unknown_cases:
        on = Label()
        head += [Test(ir.Unknown("case"), label, on, at), on]
    head.append(Select(selector, c.switch, c.default or end, at))
    c.code[mark:mark] = head
    c.place(end)
    c.switch, c.default, c.unknown_cases, c.switch_type, c.breaks = outer


def _case(c: Context, node: Any) -> None:
    label = Label()
    c.place(label)
    if c.switch is not None:
        bounds = node.expr.__class__ is c_ast.BinaryOp and node.expr.op == "..."
        low, high = (
            _bound(c, part) for part in ((node.expr.left, node.expr.right) if bounds else (node.expr,) * 2)
        )
        if low is None or high is None:
            c.unknown_cases.append(label)
        elif low <= high:
            c.switch.append((low, high, label))
    for item in node.stmts:
        statement(c, item)


def _bound(c: Context, node: Any) -> int | None:
    mark = len(c.code)
    result, source = value(c, node)
    del c.code[mark:]
    result = types.convert(result, source, c.switch_type)
    return result.value if isinstance(result, ir.Int) else None


def _default(c: Context, node: Any) -> None:
    label = Label()
    c.place(label)
    c.default = label
    for item in node.stmts:
        statement(c, item)


def _break(c: Context, node: Any) -> None:
    _loop_exit(c, c.breaks, node.coord.line)


def _continue(c: Context, node: Any) -> None:
    _loop_exit(c, c.continues, node.coord.line)


def _loop_exit(c: Context, target: tuple[Label, int] | None, at: int) -> None:
    if target is None:
        c.recovered.append(ir.Recovery(at, "outside of a loop"))
        c.code.append(ir.Halt(at))
    else:
        unwinding.leave_to(c, target[0], target[1])


def _goto(c: Context, node: Any) -> None:
    if node.name == "%leave":
        seh.leave(c, node.coord.line)
        return
    c.jumps.setdefault(node.name, node.coord.line)
    unwinding.leave_to(c, c.label(node.name), unwinding.depth_of(c, node.name))


def _place_label(c: Context, node: Any) -> None:
    if node.name not in c.placed:
        c.placed.add(node.name)
        c.place(c.label(node.name))


def _label(c: Context, node: Any) -> None:
    _place_label(c, node)
    statement(c, node.stmt)


def _return(c: Context, node: Any) -> None:
    at = node.coord.line
    if node.expr is None:
        unwinding.leave_function(c, None, at)
        return
    if (
        node.expr.__class__ is c_ast.ExprList
        and node.expr.exprs[0].__class__ is c_ast.ID
        and node.expr.exprs[0].name == "%goto"
    ):
        for part in node.expr.exprs[1:]:
            effect(c, part)
        c.code.append(Indirect([], at))
        return
    if c.result == "void":
        effect(c, node.expr)
        unwinding.leave_function(c, None, at)
        return
    result, source = value(c, node.expr)
    unwinding.leave_function(c, types.convert(result, source, c.result), at)


def _nothing(c: Context, node: Any) -> None:
    pass


def _declarations(c: Context, node: Any) -> None:
    for item in node.decls:
        statement(c, item)


def _attributed(c: Context, node: Any) -> None:
    statement(c, node.stmt)


STATEMENTS: dict[type, Callable[[Context, Any], None]] = {
    c_ast.Compound: compound,
    c_ast.If: _if,
    c_ast.While: _while,
    c_ast.DoWhile: _do,
    c_ast.For: _for,
    c_ast.Switch: _switch,
    c_ast.Case: _case,
    c_ast.Default: _default,
    c_ast.Break: _break,
    c_ast.Continue: _continue,
    c_ast.Goto: _goto,
    c_ast.Label: _label,
    c_ast.Return: _return,
    c_ast.Decl: declaration,
    c_ast.DeclList: _declarations,
    c_ast.Typedef: type_definition,
    c_ast.EmptyStatement: _nothing,
    c_ast.Pragma: _nothing,
    c_ast.StaticAssert: _nothing,
    c_ast.AttributeDeclaration: _nothing,
    c_ast.AttributedStatement: _attributed,
}

expressions.VALUES[c_ast.Compound] = statement_expression
expressions.EFFECTS[c_ast.Compound] = compound
unwinding.STATEMENT.append(statement)
