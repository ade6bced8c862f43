"""Whether the lock of a violation is held, before and after each step of its path.

Owns the reading of a trace as a run of one lock. What happens to it is in the kinds of the steps: an acquire or release that names the
lock, at whatever depth, and a call by what its own steps do. Steps of a callee stand after its call and one deeper; the call is over when they
are, so its state before is the caller's and its state after is theirs. A callee spells the same lock from its own parameters, so there the
last member of the access path decides, and where none has it, every operation counts: the report lists only those that matter to the path.
What was held before the first step that tells is "?" unless that step can only be the first of its kind.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from spincheck.diagnostics import Diagnostic, TraceStep

State = Literal["held", "free", "?"]

_QUOTED = re.compile(r"`([^`]*)`")
_LAST = re.compile(r"(?:->|\.)(\w+)(?:\[[^]]*\])*$")
_RETURNS_HELD = re.compile(r"returns with `.*` held")
_RELEASES = re.compile(r"` releases `")


class _Call(NamedTuple):
    at: int
    depth: int
    before: State
    told: State


def states(diagnostic: Diagnostic) -> tuple[tuple[State, State], ...]:
    """Return the lock's state before and after each step."""
    trace, lock = diagnostic.trace, diagnostic.lock
    inside = any(step.depth > 0 and _is_operation(step) and _last(_named(step)) == _last(lock) for step in trace)
    found: list[tuple[State, State]] = [("?", "?")] * len(trace)
    now = _first(diagnostic)
    calls: list[_Call] = []

    def finish(depth: int) -> None:
        nonlocal now
        while calls and calls[-1].depth >= depth:
            call = calls.pop()
            now = call.told if call.told != "?" else now
            found[call.at] = (call.before, now)

    for index, step in enumerate(trace):
        finish(step.depth)
        if step.kind == "call":
            calls.append(_Call(index, step.depth, now, _told(step)))
            continue
        after = now
        if _is_operation(step) and _about(step, lock, by_member=inside):
            after = "held" if step.kind == "acquire" else "free"
        found[index] = (now, after)
        now = after
    finish(min((call.depth for call in calls), default=0))
    return tuple(found)


def _is_operation(step: TraceStep) -> bool:
    return step.kind in {"acquire", "release"}


def _named(step: TraceStep) -> str:
    quoted = _QUOTED.search(step.message)
    return quoted[1] if quoted is not None else ""


def _last(lock: str) -> str:
    member = _LAST.search(lock)
    return member[1] if member is not None else lock.lstrip("*&")


def _about(step: TraceStep, lock: str, *, by_member: bool) -> bool:
    named = _named(step)
    if not lock or not named:
        return True
    if step.depth == 0:
        return named == lock
    return not by_member or _last(named) == _last(lock)


def _told(step: TraceStep) -> State:
    """What the message of a call says of the lock after it; "?" when it leaves that to the callee's steps."""
    if _RETURNS_HELD.search(step.message):
        return "held"
    return "free" if _RELEASES.search(step.message) else "?"


def _first(diagnostic: Diagnostic) -> State:
    for step in diagnostic.trace:
        if step.kind == "acquire" or (step.kind == "call" and _told(step) == "held"):
            return "free"
        if step.kind == "release" or (step.kind == "call" and _told(step) == "free"):
            return "held"
    return "free" if "while not held" in diagnostic.message else "?"
