"""Workflow commands of GitHub Actions: annotations on the lines of a pull request.

Owns the escaping, which keeps source text from ending a command early or starting another. An annotation has no notes, so the path is
part of its message. GitHub shows ten errors and ten warnings of a step; the text report stands beside it in the job's log for the rest.
Source: GitHub Docs, "Workflow commands for GitHub Actions", and toolkit/core's command.ts for what is escaped.
"""

from __future__ import annotations

from spincheck.diagnostics import Diagnostic, Report
from spincheck.report.context import EMPTY, Context
from spincheck.report.text import printable, summary_line


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:  # noqa: ARG001 -- all reporters are called alike
    """Render every diagnostic as one annotation; unless quiet, the summary as a notice of its own."""
    lines = [_annotation(one) for one in report.diagnostics]
    if verbosity >= 0:
        lines.append(f"::notice title=spincheck::{_data(summary_line(report).removeprefix('spincheck: '))}")
    return "".join(f"{line}\n" for line in lines)


def _annotation(one: Diagnostic) -> str:
    title = ", ".join(one.rules)
    message = [one.message, *(f"{step.file}:{step.line}: {step.message}" for step in one.trace)]
    place = f"file={_property(one.file)},line={one.line},col={one.column}"
    return f"::{one.severity} {place},title={_property(title)}::{_data(chr(10).join(message))}"


def _data(text: str) -> str:
    return printable(text, lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
