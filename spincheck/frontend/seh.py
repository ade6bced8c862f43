"""Structured exception handling, made into jumps.

Owns ``__try``, ``__except``, ``__finally`` and ``__leave``. The dialect writes a guarded block as an ``if`` on the
identifier ``%try``, whose other arm is a ``while`` for a handler (its condition the filter) and a block for a
termination block.

A termination block is copied to each way out of its guarded block, since each way goes on to somewhere else: falling out
and ``__leave`` share one copy, every ``return``, ``goto``, ``break`` and ``continue`` that crosses it has its own, and one
serves the exceptions, which then go on to the handler outside. ``AbnormalTermination()`` is a constant in each copy. Where
copies would multiply without bound, ways to the same place share one.

Any call inside a guarded block may raise, so each carries the place where its handler starts. A filter that is
constantly EXCEPTION_CONTINUE_SEARCH handles nothing. An exception that no handler of the function takes ends its path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend.expressions import literal, value
from spincheck.frontend.lower_code import Label, Test
from spincheck.frontend.lower_context import Context, Frame
from spincheck.frontend.lower_operators import combine

COPIES = 64
"""So many copies of termination blocks a function may have before ways out to the same place share one."""

LIMIT = 4096
"""More copies than this are not made: blocks that nest so deeply are left opaque."""

STATEMENT: list[Callable[[Context, Any], None]] = []
"""The lowering of statements, which is built on this module and registers itself here."""


def is_guarded(node: Any) -> bool:
    """Whether an ``if`` is the dialect's form of a guarded block."""
    return node.cond.__class__ is c_ast.ID and node.cond.name == "%try"


def guarded(c: Context, node: Any) -> None:
    """A guarded block with its handler or termination block."""
    if node.iffalse is None:
        STATEMENT[0](c, node.iftrue)
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
    STATEMENT[0](c, node.iftrue)
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
    STATEMENT[0](c, node.iffalse.stmt)
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
    STATEMENT[0](c, node.iftrue)
    c.frames.pop()
    c.handler = frame.outer
    c.place(leave)
    _copy(c, frame, abnormal=0)
    c.goto(end)
    c.place(raised)
    _copy(c, frame, abnormal=1)
    _raise(c, node.iffalse.coord.line)
    c.place(end)


def _copy(c: Context, frame: Frame, *, abnormal: int) -> None:
    """Lower a termination block here, in the state that it stands in."""
    c.copies += 1
    if c.copies > LIMIT:
        c.code.append(ir.Opaque("nested too deeply", (), (), frame.node.coord.line))
        return
    # Labels inside the block are apart in each copy.
    inside = [name for name, path in c.regions.items() if ~id(frame.node) in path]
    labels = {name: c.labels.pop(name) for name in inside if name in c.labels}
    kept = c.env, c.undo, c.breaks, c.continues, c.abnormal, c.switch
    c.env, c.undo, c.breaks, c.continues = dict(frame.env), [], frame.breaks, frame.continues
    c.abnormal, c.switch = abnormal, None
    c.placed.difference_update(inside)
    STATEMENT[0](c, frame.final)
    c.env, c.undo, c.breaks, c.continues, c.abnormal, c.switch = kept
    for name in inside:
        c.labels.pop(name, None)
    c.labels.update(labels)


def _unwind(c: Context, depth: int) -> None:
    """Run the termination blocks of all guarded blocks inside of ``depth``, from the inside out."""
    frames, handler = c.frames, c.handler
    for position in range(len(frames) - 1, depth - 1, -1):
        frame = frames[position]
        c.frames, c.handler = frames[:position], frame.outer
        if frame.final is not None:
            _copy(c, frame, abnormal=1)
    c.frames, c.handler = frames, handler


def leave_to(c: Context, target: Label, depth: int) -> None:
    """Jump to a label outside of all but ``depth`` of the guarded blocks."""
    if _crossed(c, depth) and not _share(c, id(target), depth):
        _unwind(c, depth)
        c.goto(target)
    elif not _crossed(c, depth):
        c.goto(target)


def leave_function(c: Context, result: ir.Value | None, at: int) -> None:
    """Return; the value is computed before any termination block runs."""
    if not _crossed(c, 0):
        c.code.append(ir.Return(result, at))
        return
    if result is not None:
        place = ir.Local("%return")
        c.assign(place, result, at)
        result = ir.Load(place)
    if not _share(c, 0, 0):
        _unwind(c, 0)
        c.code.append(ir.Return(result, at))


def _crossed(c: Context, depth: int) -> bool:
    return any(frame.final is not None for frame in c.frames[depth:])


def _share(c: Context, target: int, depth: int) -> bool:
    """Use the copies that lead from here to ``target`` already, if there are many; else remember where ours start."""
    key = (id(c.frames[-1]), target, depth)
    if c.copies >= COPIES and key in c.shared:
        c.goto(c.shared[key])
        return True
    start = c.shared[key] = Label()
    c.place(start)
    return False


# --- labels ------------------------------------------------------------------------


def find_labels(body: Any) -> dict[str, tuple[int, ...]]:
    """The guarded blocks around each label, outermost first.

    A block is ``id`` of its node where the label is in its body, ``~id`` where it is in what follows the body.
    """
    found: dict[str, tuple[int, ...]] = {}
    pending: list[tuple[Any, tuple[int, ...]]] = [(body, ())]
    while pending:
        node, path = pending.pop()
        if node.__class__ is c_ast.Label:
            found[node.name] = path
        if node.__class__ is c_ast.If and is_guarded(node) and node.iffalse is not None:
            pending.append((node.iftrue, (*path, id(node))))
            pending.append((node.iffalse, (*path, ~id(node))))
        else:
            pending.extend((child, path) for _, child in node.children())
    return found


def depth_of(c: Context, label: str) -> int:
    """How many of the guarded blocks that are open here enclose the label too."""
    inside = c.regions.get(label, ())
    depth = 0
    for frame in c.frames:
        if id(frame.node) not in inside:
            break
        depth += 1
    return depth
