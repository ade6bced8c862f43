"""Structured exception handling, made into jumps.

Owns ``__try``, ``__except``, ``__finally`` and ``__leave``. The dialect writes a guarded block as an ``if`` on the
identifier ``%try``, whose other arm is a ``while`` for a handler (its condition the filter) and a block for a
termination block. What runs on the ways out of a guarded block is `unwinding`'s.

Any call inside a guarded block may raise, so each carries the place where its handler starts. A filter that is
constantly EXCEPTION_CONTINUE_SEARCH handles nothing. An exception that no handler of the function takes ends its path.
"""

from __future__ import annotations

from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import unwinding
from spincheck.frontend.expressions import literal, value
from spincheck.frontend.lower_code import Label, Test
from spincheck.frontend.lower_context import Context, Frame
from spincheck.frontend.lower_operators import combine


def guarded(c: Context, node: Any) -> None:
    """A guarded block with its handler or termination block."""
    if node.iffalse is None:
        unwinding.block(c, node.iftrue)
    elif node.iffalse.__class__ is c_ast.While:
        _except(c, node)
    else:
        _finally(c, node)


def _except(c: Context, node: Any) -> None:
    at = node.iffalse.coord.line
    known = literal(c, node.iffalse.cond)
    caught, handle, end = Label(), Label(), Label()
    outer = c.handler
    c.frames.append(Frame(c, node, None, end))
    if known is None or known > 0:
        c.handler = caught
    before = len(c.code)
    unwinding.block(c, node.iftrue)
    c.frames.pop()
    c.handler = outer
    if known is not None and known <= 0:
        c.place(end)
        return
    if not any(getattr(item, "handler", None) is caught for item in c.code[before:]):
        # Nothing is called inside: an access to memory may raise, the first one or the last.
        begin = Label()
        c.code[before:before] = [Test(ir.Unknown("exception"), caught, begin, at), begin]
        c.test(ir.Unknown("exception"), caught, end, at)
    c.goto(end)
    c.place(caught)
    if known is None:
        selected, _ = value(c, node.iffalse.cond)
        search = Label()
        c.test(combine(">", selected, "", ir.Int(0), "i32")[0], handle, search, at)
        c.place(search)
        _raise(c, at)
    c.place(handle)
    unwinding.block(c, node.iffalse.stmt)
    c.place(end)


def _raise(c: Context, at: int) -> None:
    """An exception goes on to whoever is outside."""
    if c.handler is None:
        c.code.append(ir.Halt(at))
    else:
        c.goto(c.handler)


def _finally(c: Context, node: Any) -> None:
    leave, raised, end = Label(), Label(), Label()
    frame = Frame(c, node, node.iffalse, leave)
    c.frames.append(frame)
    c.handler = raised
    unwinding.block(c, node.iftrue)
    c.frames.pop()
    c.handler = frame.outer
    c.place(leave)
    unwinding.copy(c, frame, abnormal=0)
    c.goto(end)
    c.place(raised)
    unwinding.copy(c, frame, abnormal=1)
    _raise(c, node.iffalse.coord.line)
    c.place(end)


def leave(c: Context, at: int) -> None:
    """``__leave``: go to the end of the innermost guarded block."""
    for position in range(len(c.frames) - 1, -1, -1):
        frame = c.frames[position]
        if isinstance(frame, Frame):
            unwinding.leave_to(c, frame.leave, position + 1)
            return
    c.recovered.append(ir.Recovery(at, "__leave outside of __try"))
    c.code.append(ir.Halt(at))
