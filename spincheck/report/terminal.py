"""Diagnostics for a person at a terminal: colour, excerpts of the source with carets, one screen for each violation.

Owns the layout; the words are those of `spincheck.report.text`, and its first line too, so that an editor's terminal still makes it a link.
Steps that follow each other in one stretch of a file share an excerpt. A path that is longer than a screen keeps the steps that say why
(acquire, release, defect and the calls around them) and counts those it leaves out. Made by rich, whose console never
writes to the terminal itself here: a reporter returns text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from spincheck.diagnostics import Diagnostic, Report, TraceStep
from spincheck.report.context import EMPTY, Context
from spincheck.report.excerpt import lines_of, span
from spincheck.report.text import gap_lines, printable, summary_line

MOST_LINES = 34
"""Lines of one violation: a screen of 40 lines with room for the prompt and the summary."""
ROOM = MOST_LINES - 3
"""Lines of its excerpts: the first line, the count of what is left out and the rule stand around them."""
STYLES = {"error": "bold red", "warning": "bold yellow"}
_MARKS = {"acquire": "yellow", "release": "green", "defect": "bold red"}
_WEIGHT = {"defect": 0, "acquire": 1, "release": 1, "call": 2, "return": 2, "entry": 3, "branch": 4, "note": 5}
_OTHER_LOCK = 6
_TAB = 4


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:
    """Render a report with escape sequences of a terminal."""
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, color_system="standard", width=max(context.width, 40), highlight=False, legacy_windows=False
    )
    for one in report.diagnostics:
        for line in _violation(one, context):
            console.print(line, soft_wrap=True)
        console.print()
    if verbosity >= 0:
        for text in gap_lines(report.coverage) if verbosity > 0 else ():
            console.print(Text(printable(text), style="dim"), soft_wrap=True)
        bad = any(one.severity == "error" for one in report.diagnostics)
        style = "bold red" if bad else "bold yellow" if report.diagnostics else "bold green"
        console.print(Text(printable(summary_line(report)), style=style), soft_wrap=True)
    return stream.getvalue()


def _violation(one: Diagnostic, context: Context) -> Iterator[Text]:
    style = STYLES[one.severity]
    yield Text.assemble(
        (printable(f"{one.file}:{one.line}:{one.column}: "), "bold"),
        (f"{one.severity}: ", style),
        (printable(one.message), "bold"),
        (printable(f" [{', '.join(one.rules)}]"), "cyan"),
    )
    width = max((len(str(step.line)) for step in one.trace), default=1)
    lines, left_out = _screenful(one, width, context)
    yield from lines
    if left_out:
        yield Text(f"{' ' * width} = {left_out} more step{'' if left_out == 1 else 's'}: --format html shows all, --color never too", style="dim")
    if one.entry and f"`{one.entry}`" not in one.message and all(step.function != one.entry for step in one.trace):
        yield Text.assemble((f"{' ' * width} = ", "blue"), ("reached from: ", "bold"), printable(one.entry))
    known = context.rules.get(one.rule)
    if known is not None:
        yield Text.assemble((f"{' ' * width} = ", "blue"), ("rule: ", "bold"), f"{known.title}; spincheck explain {one.rule}")


def _screenful(one: Diagnostic, width: int, context: Context) -> tuple[list[Text], int]:
    """Return the excerpts of as many steps as fit on a screen, the weightiest first chosen; and how many are left out."""
    member = _member(one.lock)
    ranked = sorted(range(len(one.trace)), key=lambda at: (_weight(one.trace[at], member), one.trace[at].depth, -at))
    fewest, most = 0, len(ranked)
    lines = _excerpts(one.trace, width, context) if most <= MOST_LINES else []
    if most <= MOST_LINES and len(lines) <= ROOM:
        return lines, 0
    lines = []
    most = min(most, MOST_LINES)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        tried = _excerpts([one.trace[at] for at in sorted(ranked[:middle])], width, context)
        if len(tried) <= ROOM:
            fewest, lines = middle, tried
        else:
            most = middle - 1
    return lines, len(ranked) - fewest


def _weight(step: TraceStep, member: str) -> int:
    """How early a step is left out: the higher, the earlier. Another lock's operations in a callee say least of this one."""
    named = re.search(r"`([^`]*)`", step.message) if step.depth > 0 and step.kind in {"acquire", "release", "return"} else None
    if named is not None and member and member not in re.findall(r"\w+", named[1]):
        return _OTHER_LOCK
    return _WEIGHT[step.kind]


def _member(lock: str) -> str:
    words = re.findall(r"\w+", re.sub(r"\[[^]]*\]", "", lock))
    return words[-1] if words else ""


def _excerpts(steps: Sequence[TraceStep], width: int, context: Context) -> list[Text]:
    lines: list[Text] = []
    previous: TraceStep | None = None
    for step in steps:
        if previous is None or previous.file != step.file or previous.function != step.function:
            lines.append(Text.assemble((f"{' ' * width}--> ", "blue"), printable(f"{step.file}:{step.line}"), (printable(f" in {step.function}"), "dim")))
        elif previous.line + 1 < step.line or step.line < previous.line:
            back = " back, as a loop does" if step.line < previous.line else ""
            lines.append(Text(f"{' ' * (width - 1)}...{back}", style="blue"))
        lines.extend(_excerpt(step, previous, width, context))
        previous = step
    return lines


def _excerpt(step: TraceStep, previous: TraceStep | None, width: int, context: Context) -> Iterator[Text]:
    text = context.source(step.file)
    lines = lines_of(text) if text is not None else []
    line = lines[step.line - 1].rstrip("\r") if 0 < step.line <= len(lines) else ""
    style = _MARKS.get(step.kind, "cyan")
    if not line.strip():
        yield Text.assemble((f"{step.line:>{width}} | ", "blue"), (printable(step.message), style))
        return
    start, end = span(line, step.column, step.message, step.kind)
    shown, left, right = _window(line, start, end, max(context.width, 40) - width - 3)
    repeated = previous is not None and (previous.file, previous.line) == (step.file, step.line)
    if not repeated:
        yield Text.assemble((f"{step.line:>{width}} | ", "blue"), shown)
    margin = (f"{' ' * width} | ", "blue")
    caret = ("^" * max(right - left, 1), style)
    said = printable(step.message)
    room = max(context.width, 40) - width - 3
    if right + 1 + len(said) <= room:
        yield Text.assemble(margin, " " * left, caret, " ", (said, style))
    else:
        yield Text.assemble(margin, " " * left, caret)
        yield Text.assemble(margin, " " * max(min(left, room - len(said)), 0), (said, style))


def _window(line: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """Return the line with tabs spread out, cut to ``room`` columns around the range, and the range in it."""
    before, inside, after = (_spread(part) for part in (line[:start], line[start:end], line[end:]))
    room = max(room, 20)
    if len(before) + len(inside) > room:
        before = "…" + before[-(max(room - len(inside), 12)) :]
    shown = printable(before + inside + after)
    if len(shown) > room:
        shown = f"{shown[: room - 1]}…"
    return shown, min(len(before), room - 2), min(len(before) + len(inside), room)


def _spread(text: str) -> str:
    return text.replace("\t", " " * _TAB)
