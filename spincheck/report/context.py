"""What a reporter may use besides the report: rules' help, source text, suppressed violations, the history of builds.

Owns the types that the command line fills in. Reporters import nothing but `spincheck.diagnostics` and `spincheck.builds`, so what a rule
means and what a source file says are handed in and not looked up: a report kept as JSON is shown again on a machine that has
neither, only with less around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from spincheck.builds import Build
from spincheck.diagnostics import Diagnostic, Severity


class RuleHelp(msgspec.Struct, frozen=True):
    """What is said of a rule. ``title`` is one line, ``text`` plain, ``markdown`` a page; ``url`` is Microsoft's page, "" for a rule of ours.

    ``severity`` is the rule's own; ``tags`` are its driver models.
    """

    name: str
    title: str
    text: str
    markdown: str
    url: str
    severity: Severity
    tags: tuple[str, ...]


class Suppressed(msgspec.Struct, frozen=True):
    """A violation that is not told: ``in_source`` by a comment, else by a baseline. ``reason`` is what was written there, may be ""."""

    diagnostic: Diagnostic
    in_source: bool
    reason: str


def _no_source(_file: str) -> str | None:
    return None


class Context(msgspec.Struct, frozen=True):
    """Everything a reporter may use besides the report.

    ``source`` returns the text of a file as the report names it, or None. ``root`` is the absolute directory that relative paths start
    from, "" when not known. ``width`` is the terminal's, in columns. ``builds`` are the newest first.
    """

    rules: Mapping[str, RuleHelp] = {}
    source: Callable[[str], str | None] = _no_source
    root: str = ""
    title: str = ""
    suppressed: tuple[Suppressed, ...] = ()
    builds: tuple[Build, ...] = ()
    width: int = 100


EMPTY = Context()
