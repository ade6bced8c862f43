"""Diagnostics in a compiler's form, one line each, with the path as notes below.

Owns the plain text that editors, build logs and CI systems parse: ``file:line:column: error: message [Rule]`` and
``file:line:column: note: message``. Nothing in it depends on time or on the cache, so that a second run prints the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spincheck.diagnostics import Coverage, Diagnostic, Gap, Report
from spincheck.report.context import EMPTY, Context


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:  # noqa: ARG001 -- all reporters are called alike
    """Render a report. ``verbosity`` -1 leaves out everything but diagnostics, 1 lists what was not analysed as written."""
    lines: list[str] = []
    for diagnostic in report.diagnostics:
        lines.extend(diagnostic_lines(diagnostic))
    if verbosity >= 0:
        lines.extend(gap_lines(report.coverage) if verbosity > 0 else ())
        lines.append(summary_line(report))
    return "".join(f"{printable(line)}\n" for line in lines)


def printable(text: str, *, lines: bool = False) -> str:
    """Return text that cannot command a terminal: control characters become their escapes, line feeds too unless it may have ``lines``.

    Names of files and locks come from line markers and sources, which may be anybody's.
    """
    if text.isprintable():
        return text
    kept = "\n" if lines else ""
    return "".join(one if one.isprintable() or one in kept else ascii(one)[1:-1] for one in text)


def diagnostic_lines(diagnostic: Diagnostic) -> Iterator[str]:
    """Yield one diagnostic and its notes."""
    rules = ", ".join(diagnostic.rules)
    yield f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}: {diagnostic.severity}: {diagnostic.message} [{rules}]"
    for step in diagnostic.trace:
        where = "" if step.depth == 0 else f"in {step.function}: "
        yield f"{step.file}:{step.line}:{step.column}: note: {where}{step.message}"


def summary_line(report: Report) -> str:
    """Return the last line: how much was checked, how many errors and warnings there are, and what was not analysed as written."""
    errors = sum(diagnostic.severity == "error" for diagnostic in report.diagnostics)
    warnings = len(report.diagnostics) - errors
    told = [count(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    coverage = report.coverage
    checked = f"{count(coverage.units, 'file')}, {count(coverage.functions, 'function')}"
    gaps = _gap_summary(coverage)
    return f"spincheck: {checked}, {' and '.join(told) or 'nothing to report'}" + (
        f"; {gaps} (-v lists them)" if gaps else ""
    )


def count(number: int, noun: str) -> str:
    """Return ``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def gap_lines(coverage: Coverage) -> Iterator[str]:
    """Yield a note for each place that was not analysed as written."""
    kinds: Sequence[tuple[str, tuple[Gap, ...]]] = (
        ("not analysed", coverage.unanalysed),
        ("statement not read", coverage.recovered),
        ("analysis cut short", coverage.imprecise),
    )
    for kind, gaps in kinds:
        for gap in gaps:
            yield f"{gap.file}:{gap.line}: note: {kind} in {gap.function}: {gap.reason}"


def _gap_summary(coverage: Coverage) -> str:
    found = [
        text
        for number, text in (
            (len(coverage.unanalysed), f"{count(len(coverage.unanalysed), 'function')} not analysed"),
            (len(coverage.recovered), f"{count(len(coverage.recovered), 'statement')} not read"),
            (len(coverage.imprecise), f"analysis cut short at {count(len(coverage.imprecise), 'place')}"),
        )
        if number
    ]
    return ", ".join(found)
