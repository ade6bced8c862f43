"""Whether the lock of a violation is held, before and after each step of its path.

Owns the reading of a trace as a run of one lock. The report names what each step does, not what is held between them, so the state is
carried along from step to step; a step that says nothing of the lock leaves it. What was held before the first step that tells
is "?" unless that step can only be the first of its kind.
"""

from __future__ import annotations

import re
from typing import Literal

from spincheck.diagnostics import Diagnostic, TraceStep

State = Literal["held", "free", "?"]

_RETURNS_HELD = re.compile(r"returns with `.*` held")
_RELEASES = re.compile(r"` releases `|is released here")


def states(diagnostic: Diagnostic) -> tuple[tuple[State, State], ...]:
    """Return the lock's state before and after each step."""
    found: list[tuple[State, State]] = []
    now = _first(diagnostic)
    for step in diagnostic.trace:
        after = _after(step, now, diagnostic.lock)
        found.append((now, after))
        now = after
    return tuple(found)


def _after(step: TraceStep, now: State, lock: str) -> State:
    if step.kind == "acquire" and _about(step, lock):
        return "held"
    if (step.kind == "release" and _about(step, lock)) or (step.kind == "call" and _RELEASES.search(step.message)):
        return "free"
    if step.kind == "call" and _RETURNS_HELD.search(step.message):
        return "held"
    return now


def _about(step: TraceStep, lock: str) -> bool:
    """Whether a step is about the violation's lock; a callee may spell the same lock otherwise, so only a spelling at depth 0 decides."""
    return step.depth > 0 or not lock or "`" not in step.message or f"`{lock}`" in step.message


def _first(diagnostic: Diagnostic) -> State:
    for step in diagnostic.trace:
        if step.kind == "acquire" or (step.kind == "call" and _RETURNS_HELD.search(step.message)):
            return "free"
        if step.kind == "release":
            return "held"
    return "free" if "while not held" in diagnostic.message else "?"
