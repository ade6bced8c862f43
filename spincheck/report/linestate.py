"""The lock's state beside each line of the source, as far as the path tells it.

Owns the way from the states between steps (`spincheck.report.lockstate`) to lines. A step's own line has the state after it. The lines
between two steps of one function call have the state between them, but the path need not have run through all of them: what stands in a block
that opens and closes on the way, before a label, or further in than both steps, may have been passed by, and is told apart. The report has no
list of the lines that were run, and blocks are read off the text alone, so the doubtful answer is the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from spincheck.diagnostics import Diagnostic, TraceStep
from spincheck.report.excerpt import lines_of
from spincheck.report.lockstate import State, states

MOST_LINES = 2_000
"""Lines between two steps; steps further apart in one function are taken for unrelated."""

_SKIPPED = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_CLOSING = re.compile(r"[\s}]*")
_LABEL = re.compile(r"\s*(?:case\b.*|\w+\s*):(?!:)")


class Lines(NamedTuple):
    """A run of lines, both ends included. ``walked``: the path ran through them; else it may have passed them by."""

    file: str
    first: int
    last: int
    state: State
    walked: bool


class Blocks:
    """How deep in braces the code of each line of a text begins, and how far it is indented."""

    def __init__(self, text: str) -> None:
        code = _SKIPPED.sub(lambda hit: re.sub(r"[^\n]", " ", hit[0]), text)
        self._lines = lines_of(code)
        self._starts: list[int] = []
        self._lowest: list[int] = []
        depth = 0
        for line in self._lines:
            # Braces that close before the line's own code end blocks that it is not in.
            leading = _CLOSING.match(line)
            self._starts.append(depth - (leading[0].count("}") if leading is not None else 0))
            lowest = self._starts[-1]
            for character in line:
                depth += (character == "{") - (character == "}")
                lowest = min(lowest, depth)
            self._lowest.append(lowest)

    def __len__(self) -> int:
        return len(self._lines)

    def _indent(self, line: int) -> int:
        text = self._lines[line - 1].expandtabs(4)
        return len(text) - len(text.lstrip())

    def walked(self, after: int, before: int) -> list[bool]:
        """Say for each line between two steps, from ``after + 1``, whether the way from one to the other leads through it."""
        furthest = max(self._indent(after), self._indent(before))
        lowest = self._starts[before - 1]
        label = lowest if _LABEL.match(self._lines[before - 1]) else -1
        answers: list[bool] = []
        last = True
        for line in range(before - 1, after, -1):
            lowest = min(lowest, self._lowest[line - 1])
            start = self._starts[line - 1]
            text = self._lines[line - 1]
            inside = start <= lowest and not 0 <= label <= start
            # An empty line or comment goes with the code below it.
            last = inside and (self._indent(line) <= furthest if text.strip() else last)
            answers.append(last)
            if _LABEL.match(text):
                label = start if label < 0 else min(label, start)
        return answers[::-1]


def line_states(diagnostic: Diagnostic, source: Callable[[str], str | None]) -> list[Lines]:
    """Return the runs of lines whose state the path tells, in the order of its steps; a later run has the last word."""
    found: list[Lines] = []
    blocks: dict[str, Blocks | None] = {}
    frames: dict[int, TraceStep] = {}
    for step, (before, after) in zip(diagnostic.trace, states(diagnostic), strict=True):
        # A step further out ends the calls that it is outside of.
        frames = {depth: last for depth, last in frames.items() if depth <= step.depth}
        last = frames.get(step.depth)
        if before != "?" and last is not None and (last.function, last.file) == (step.function, step.file):
            found += _between(last, step, before, _blocks(step.file, source, blocks))
        if after != "?":
            found.append(Lines(step.file, step.line, step.line, after, walked=True))
        frames[step.depth] = step
    return found


def _blocks(file: str, source: Callable[[str], str | None], known: dict[str, Blocks | None]) -> Blocks | None:
    if file not in known:
        text = source(file)
        known[file] = None if text is None else Blocks(text)
    return known[file]


def _between(last: TraceStep, step: TraceStep, state: State, blocks: Blocks | None) -> Sequence[Lines]:
    first, end = last.line + 1, step.line - 1
    if first > end or last.line < 1 or end - first > MOST_LINES:
        return ()
    if blocks is None or step.line > len(blocks):
        return (Lines(step.file, first, end, state, walked=False),)
    runs: list[Lines] = []
    for line, walked in enumerate(blocks.walked(last.line, step.line), first):
        if runs and runs[-1].walked == walked:
            runs[-1] = runs[-1]._replace(last=line)
        else:
            runs.append(Lines(step.file, line, line, state, walked))
    return runs
