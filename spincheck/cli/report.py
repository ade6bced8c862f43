"""From a report to bytes on standard output or in a file: what reporters are handed, and whether there is colour.

Owns the only place where rules' help, source files and the history of builds meet a report, and the command ``spincheck show``, which
shows a JSON report again in any form: a build writes one anyway, and analysing again for another form would be waste.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spincheck.diagnostics import Report
from spincheck.driver.inputs import InputError, read_bytes
from spincheck.driver.output import write_whole
from spincheck.driver.source import Sources
from spincheck.driver.steps import status_of
from spincheck.report import FormatError, render
from spincheck.report.context import Context, RuleHelp, Suppressed

if TYPE_CHECKING:
    from spincheck.builds import Build

COLOURS = ("auto", "always", "never")
LAST_BUILDS = 20
DEFAULT_COLUMNS = 100


class Form:
    """How a report is to be shown: its format, where it goes, colour, and whether hidden violations are in it."""

    def __init__(self, format_name: str, output: str | None, colour: str = "auto", *, suppressed: bool = True) -> None:
        self.format_name = format_name
        self.output = output
        self.colour = colour
        self.suppressed = suppressed


def write(
    report: Report, form: Form, *, verbosity: int = 0, title: str = "", suppressed: Sequence[Suppressed] = (), cache: str | None = None
) -> None:
    """Render a report and write it. Raises `InputError` for a format that cannot be had here."""
    name = "terminal" if form.format_name == "text" and coloured(form) else form.format_name
    context = Context()
    if name not in {"text", "json", "github"}:
        root = Path.cwd()
        context = Context(
            rules=rule_help(report, suppressed),
            source=Sources((root,)).text,
            root=str(root) if name == "html" else "",
            title=title,
            suppressed=tuple(suppressed) if form.suppressed else (),
            builds=_history(cache) if name == "html" else (),
            width=_columns(),
        )
    try:
        rendered = render(report, name, verbosity=verbosity, context=context)
    except FormatError as error:
        if name != "terminal" or form.colour == "always":
            raise InputError(str(error)) from None
        rendered = render(report, "text", verbosity=verbosity)
    if form.output in {None, "-"}:
        sys.stdout.write(rendered)
    else:
        write_whole(str(form.output), rendered.encode("utf-8", "replace"))


def coloured(form: Form) -> bool:
    """Whether text goes to a person: asked for, or standard output is a terminal that knows more than plain text (see no-color.org)."""
    if form.colour != "auto":
        return form.colour == "always"
    if form.output not in {None, "-"} or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def _columns() -> int:
    """Return the width of the terminal, 100 where there is none (`shutil` would load five compressors for this)."""
    try:
        return int(os.environ.get("COLUMNS", "")) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (ValueError, OSError):
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or DEFAULT_COLUMNS
        except (ValueError, OSError):
            return DEFAULT_COLUMNS


def show(path: str, form: Form, *, quiet: bool, verbose: bool, cache: str | None) -> int:
    """Run ``spincheck show``."""
    from spincheck.report import json_report  # noqa: PLC0415 -- the other commands do not read reports

    try:
        report = json_report.parse(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    write(report, form, verbosity=int(verbose) - int(quiet), title=Path(path).name.partition(".")[0], cache=cache)
    return status_of(report)


def rule_help(report: Report, suppressed: Sequence[Suppressed] = ()) -> dict[str, RuleHelp]:
    """Return what is said of the rules that a report names."""
    from spincheck.cli.rules import help_of  # noqa: PLC0415 -- a plain report needs no rules

    told = (*report.diagnostics, *(one.diagnostic for one in suppressed))
    return help_of(rule for one in told for rule in one.rules)


def _history(cache: str | None) -> tuple[Build, ...]:
    from spincheck.cli import cache as caches  # noqa: PLC0415 -- only the page shows the history

    return caches.recent(cache, LAST_BUILDS) if cache is not None else ()
