"""The history of builds that ``spincheck log`` shows: what each did, what changed between two of them, and where it is going.

Owns the words and the layout; the numbers come as `spincheck.builds.Build`, newest first. Plain text without colours, because it
ends in log files; markdown for the page of a CI job. What is said at the end of a build is the build system's own (``_summary`` of the SCons
tool): it has the numbers, and cannot import this package.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from spincheck.builds import Build, Told
from spincheck.report import history
from spincheck.report.text import count

TREND = 3
"""So many builds of one target make a trend."""

TREND_COLUMNS = 10
_HEAD = ("when (UTC)", "what", "target", "files", "functions", "analysed", "reused", "errors", "warnings", "checks", "build")
_TREND_ROWS = (("errors", "errors"), ("warnings", "warnings"), ("analysed", "functions_analysed"))


def render_log(builds: Sequence[Build], format_name: str) -> str:
    """Render the history, newest first, as ``text``, ``json`` or ``markdown``."""
    if format_name == "json":
        return history.render(builds)
    lines = _markdown(builds) if format_name == "markdown" else _text(builds)
    return "".join(f"{line}\n" for line in lines)


def duration(milliseconds: int) -> str:
    """Return a time as people read it: ``0.31 s``, ``2 min 5 s``."""
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds // 60_000} min {milliseconds % 60_000 // 1000} s"


def changes(newer: Build, older: Build) -> tuple[tuple[Told, ...], tuple[Told, ...]]:
    """Return what the newer build tells that the older did not, and what has gone.

    Only comparable builds have changes: an incremental build tells nothing of files that it did not touch, so what is gone counts only
    for files that a step of the newer build was about.
    """
    before = {one.fingerprint for one in older.told()}
    now = {one.fingerprint for one in newer.told()}
    appeared = tuple(one for one in newer.told() if one.fingerprint not in before)
    whole = any(step.what != "unit" for step in newer.steps)
    touched = {step.target for step in newer.steps}
    gone = tuple(one for one in older.told() if one.fingerprint not in now and (whole or one.file in touched))
    return appeared, gone


def _text(builds: Sequence[Build]) -> Iterator[str]:
    if not builds:
        yield "spincheck: no builds recorded"
        return
    yield from _table(_HEAD, [_row(build) for build in builds], left=3)
    for newer, older in _pairs(builds):
        appeared, gone = changes(newer, older)
        for word, told in (("new", appeared), ("gone", gone)):
            for one in told:
                yield f"{when(newer)}: {word}: {one.file}:{one.line}: {one.severity}: {one.message} [{one.rule}]"
    for name, rows in _trends(builds):
        yield f"{name}, oldest first:"
        yield from (f"  {line}" for line in _table(("", *("",) * (len(rows[0]) - 1)), rows, left=1) if line)


def _markdown(builds: Sequence[Build]) -> Iterator[str]:
    yield "## spincheck"
    yield ""
    if not builds:
        yield "No builds recorded."
        return
    yield f"| {' | '.join(_HEAD)} |"
    yield "|" + "---|" * 3 + "--:|" * (len(_HEAD) - 3)
    for build in builds:
        yield f"| {' | '.join(_cell(text) for text in _row(build))} |"
    told = builds[0].told()
    if told:
        yield ""
        yield f"{count(len(told), 'violation')} in the last build:"
        yield ""
        for one in told:
            yield f"- `{_code(f'{one.file}:{one.line}')}` {one.severity}: {_cell(one.message)} [{one.rule}]"
    for newer, older in _pairs(builds[:2]):
        appeared, gone = changes(newer, older)
        if appeared or gone:
            yield ""
            yield f"Since the build before: {len(appeared)} new, {len(gone)} gone."
    for name, rows in _trends(builds):
        yield ""
        yield f"{_cell(name)}, oldest first:"
        yield ""
        yield f"| |{' |' * (len(rows[0]) - 1)}"
        yield "|---|" + "--:|" * (len(rows[0]) - 1)
        yield from (f"| {' | '.join(row)} |" for row in rows)
    if builds[0].skipped:
        yield ""
        yield f"Not analysed: {', '.join(f'`{_code(name)}`' for name in builds[0].skipped)}"


def _row(build: Build) -> tuple[str, ...]:
    numbers = [
        str(build.total(field))
        for field in ("units", "functions", "functions_analysed", "functions_reused", "errors", "warnings")
    ]
    return (when(build), build.what, _short(build.target), *numbers, duration(build.check_ms), duration(build.wall_ms))


def _pairs(builds: Sequence[Build]) -> Iterator[tuple[Build, Build]]:
    """Yield each build with the one before it of the same kind and target."""
    for index, newer in enumerate(builds):
        for older in builds[index + 1 :]:
            if (older.what, older.target) == (newer.what, newer.target):
                yield newer, older
                break


def _trends(builds: Sequence[Build]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield, for what was built often enough, its errors, warnings, functions analysed and time of checks, oldest first."""
    series: dict[tuple[str, str], list[Build]] = {}
    for build in builds:
        series.setdefault((build.what, build.target), []).insert(0, build)
    for (what, target), same in series.items():
        if len(same) < TREND:
            continue
        last = same[-TREND_COLUMNS:]
        rows = [(name, *(str(build.total(field)) for build in last)) for name, field in _TREND_ROWS]
        rows.append(("checks", *(duration(build.check_ms) for build in last)))
        yield f"{what} {_short(target)}, {len(last)} builds", rows


def _short(target: str) -> str:
    return target if len(target) <= 40 else f"{target[:37]}..."


def when(build: Build) -> str:
    """Return the time of a build, UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(build.started))
    except (OverflowError, ValueError, OSError):
        return "?"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")
