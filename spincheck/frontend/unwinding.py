"""What runs when control leaves a part of the text: termination blocks, and the cleanup functions of variables.

Owns every way out of a guarded block and of the scope of a variable with GNU's attribute ``cleanup``: falling out, ``return``, ``goto``,
``break``, ``continue`` and ``__leave``. What is to be run is a stack, the innermost last, and where a label stands in it tells what a jump to
the label runs. A jump to a computed address runs nothing, as compilers have it.

A termination block is copied to each way out of its guarded block, since each way goes on to somewhere else: falling out
and ``__leave`` share one copy, every ``return``, ``goto``, ``break`` and ``continue`` that crosses it has its own, and one
serves the exceptions, which then go on to the handler outside. ``AbnormalTermination()`` is a constant in each copy. Where
copies would multiply without bound, ways to the same place share one. A call of a cleanup function is such a copy.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend.calls import callee
from spincheck.frontend.lower_code import Label
from spincheck.frontend.lower_context import Binding, Cleanup, Context, Frame, LabelPlaces
from spincheck.frontend.names import CLEANUP

COPIES = 64
"""So many copies of termination blocks a function may have before ways out to the same place share one."""

LIMIT = 4096
"""More copies than this are not made: blocks that nest so deeply are left opaque."""

STATEMENT: list[Callable[[Context, Any], None]] = []
"""The lowering of statements, which is built on this module and registers itself here."""


def block(c: Context, node: Any) -> None:
    """Lower a block that is no part of a statement: a guarded one, a handler, a termination block."""
    scope = c.enter()
    STATEMENT[0](c, node)
    c.leave(scope)


def is_guarded(node: Any) -> bool:
    """Whether an ``if`` is the dialect's form of a guarded block."""
    return node.cond.__class__ is c_ast.ID and node.cond.name == "%try"


# --- variables with a cleanup function ---


def cleanup(node: Any) -> tuple[str, int] | None:
    """The function that a declaration's attribute ``cleanup`` names, and its place; None without one."""
    words = [item.alignment.name for item in node.align or () if item.alignment.__class__ is c_ast.ID]
    groups = list(getattr(node, "attributes", None) or ())
    inner = node.type
    while inner is not None and not groups and not words:
        groups = list(getattr(inner, "attributes", None) or ())
        inner = getattr(inner, "type", None)
    words += [item.name for group in groups for item in group.attributes]
    for word in words:
        if word.startswith(CLEANUP):
            _, at, function = word.split()
            return function, int(at)
    return None


def clean_later(c: Context, node: Any, binding: Binding) -> None:
    """Remember a variable's cleanup function, if its declaration has one."""
    found = cleanup(node)
    if found is not None and binding.place is not None:
        function, at = found
        target, _ = callee(c, c_ast.ID(function))
        c.frames.append(Cleanup(node, target, ir.AddressOf(binding.place), at))


# --- ways out ---


def copy(c: Context, frame: Frame, *, abnormal: int) -> None:
    """Lower a termination block here, in the state that it stands in."""
    if _exhausted(c, frame):
        return
    # Labels inside the block are apart in each copy.
    begin, end = c.places.extents.get(~id(frame.node), (0, 0))
    inside = c.places.names[begin:end]
    labels = {name: c.labels.pop(name) for name in inside if name in c.labels}
    kept = c.env, c.undo, c.breaks, c.continues, c.abnormal, c.switch
    c.env, c.undo, c.breaks, c.continues = dict(frame.env), [], frame.breaks, frame.continues
    c.abnormal, c.switch = abnormal, None
    c.placed.difference_update(inside)
    assert frame.final is not None
    block(c, frame.final)
    c.env, c.undo, c.breaks, c.continues, c.abnormal, c.switch = kept
    for name in inside:
        c.labels.pop(name, None)
    c.labels.update(labels)


def _exhausted(c: Context, frame: Frame | Cleanup) -> bool:
    """Count a copy; one too many is told instead."""
    c.copies += 1
    if c.copies <= LIMIT:
        return False
    at = frame.at if isinstance(frame, Cleanup) else int(frame.node.coord.line)
    c.code.append(ir.Opaque("nested too deeply", (), (), at))
    c.recovered.append(ir.Recovery(at, "too many ways out"))
    return True


def _unwind(c: Context, depth: int, target: int) -> bool:
    """Run what is to be run inside of ``depth``, from the inside out, on the way to ``target``.

    False if the way went on in code that leads there already, which many ways out share.
    """
    frames, handler = c.frames, c.handler
    arrived = True
    for position in range(len(frames) - 1, depth - 1, -1):
        frame = frames[position]
        if isinstance(frame, Frame):
            c.handler = frame.outer
            if frame.final is None:
                continue
        key = (id(frame), target, depth)
        if c.copies >= COPIES and key in c.shared:
            c.goto(c.shared[key])
            arrived = False
            break
        start = c.shared[key] = Label()
        c.place(start)
        if c.copies > LIMIT:
            _exhausted(c, frame)
            break
        if isinstance(frame, Cleanup):
            c.copies += 1
            c.clean(frame)
        else:
            c.frames = frames[:position]
            copy(c, frame, abnormal=1)
            c.frames = frames
    c.handler = handler
    return arrived


def leave_to(c: Context, target: Label, depth: int) -> None:
    """Jump to a label outside of all but ``depth`` of what is to be run."""
    if _unwind(c, depth, id(target)):
        c.goto(target)


def leave_function(c: Context, result: ir.Value | None, at: int) -> None:
    """Return; the value is computed before anything else runs."""
    if not any(isinstance(frame, Cleanup) or frame.final is not None for frame in c.frames):
        c.code.append(ir.Return(result, at))
        return
    if result is not None:
        place = ir.Local("%return")
        c.assign(place, result, at)
        result = ir.Load(place)
    if _unwind(c, 0, 0):
        c.code.append(ir.Return(result, at))


# --- labels ---


def find_labels(body: Any) -> LabelPlaces:
    """Find the labels of a function."""
    found = LabelPlaces([], {}, {})
    names, places, extents = found
    opened: list[int] = []
    # nodes; a tuple of one key begins its extent, a number of extents ends those that were begun since
    pending: list[Any] = [body]
    while pending:
        node = pending.pop()
        kind = node.__class__
        if kind is int:
            for key in opened[node:]:
                extents[key] = extents[key][0], len(names)
            del opened[node:]
        elif kind is tuple:
            opened.append(node[0])
            extents[node[0]] = len(names), len(names)
        elif kind is c_ast.If and is_guarded(node) and node.iffalse is not None:
            pending += (len(opened), node.iffalse, (~id(node),), len(opened), node.iftrue, (id(node),))
        else:
            if kind is c_ast.Label:
                places[node.name] = len(names)
                names.append(node.name)
            elif kind is c_ast.Compound or kind is c_ast.For:
                pending.append(len(opened))
            elif kind is c_ast.Decl and cleanup(node) is not None:
                pending.append((id(node),))
            pending.extend(child for _, child in reversed(node.children()))
    return found


def depth_of(c: Context, label: str) -> int:
    """How much of what is to be run here is to be run at a label too: the outer part, since what is inner has less extent."""
    if not c.frames or label not in c.places.places:
        return 0
    place = c.places.places[label]

    def outside(frame: Frame | Cleanup) -> bool:
        begin, end = c.places.extents.get(id(frame.node), (0, 0))
        return not begin <= place < end

    return bisect_left(c.frames, True, key=outside)
