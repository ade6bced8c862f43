"""One self-contained page: the violations of a driver, and their paths walked through the source step by step.

Owns what the page is made of; ``page.html`` is its shape, ``page.css`` its looks and ``page.js`` its behaviour. The page asks the network for
nothing and works from a disk, an archive of a CI run or a mail. Without scripts it still shows everything, with links instead of steps.

Source text and messages are not trusted: jinja2 escapes every value, the data for the script stands in a JSON block in which no tag can be
closed, and a content security policy lets run only the one script and style sheet whose hashes it names. Files that are no C are not
shown, whatever a report says.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import CLexer

from spincheck.builds import Build
from spincheck.diagnostics import Diagnostic, Gap, Report
from spincheck.report import buildlog
from spincheck.report.context import EMPTY, Context
from spincheck.report.excerpt import lines_of, span
from spincheck.report.linestate import line_states
from spincheck.report.lockstate import states
from spincheck.report.text import count, summary_line

SUFFIXES = frozenset({".c", ".h", ".inc", ".inl", ".i", ".cpp", ".cc", ".hpp", ".y", ".l"})
LONGEST_FILE = 20_000
"""Lines of a file that are shown whole; of a longer one only what is around the steps."""
AROUND = 60
MOST_BUILDS = 20


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:  # noqa: ARG001 -- all reporters are called alike
    """Render a report as an HTML page."""
    environment = Environment(
        loader=PackageLoader("spincheck.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["coded"] = coded
    style, script = _resource("page.css"), _resource("page.js")
    sources = _sources(report.diagnostics, context)
    violations = [_violation(number, one, context) for number, one in enumerate(report.diagnostics)]
    page = environment.get_template("page.html").render(
        title=context.title or "driver",
        tool=report.tool,
        summary=summary_line(report).removeprefix("spincheck: "),
        errors=sum(one.severity == "error" for one in report.diagnostics),
        warnings=sum(one.severity == "warning" for one in report.diagnostics),
        violations=violations,
        groups=_groups(violations),
        files=sources,
        numbers={source["name"]: source["number"] for source in sources},
        coverage=report.coverage,
        gaps=tuple(_gaps(report)),
        suppressed=context.suppressed,
        rules=context.rules,
        builds=[_build(build, context.builds) for build in context.builds[:MOST_BUILDS]],
        style=Markup(style),  # noqa: S704 -- our own file
        script=Markup(script),  # noqa: S704 -- our own file
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        data=_data(violations, {source["name"]: source["number"] for source in sources}),
    )
    assert isinstance(page, str)
    return page


def coded(message: str) -> Markup:
    """Return a message with what stands in backticks as code."""
    parts = message.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _resource(name: str) -> str:
    return files("spincheck.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _violation(number: int, one: Diagnostic, context: Context) -> dict[str, Any]:
    held = states(one)
    steps = []
    for index, step in enumerate(one.trace):
        text = context.source(step.file) if _shown(step.file) else None
        lines = lines_of(text) if text is not None else []
        line = lines[step.line - 1] if 0 < step.line <= len(lines) else ""
        start, end = span(line, step.column, step.message, step.kind) if line.strip() else (0, 0)
        steps.append(
            {
                "kind": step.kind,
                "file": step.file,
                "line": step.line,
                "function": step.function,
                "depth": max(step.depth, 0),
                "message": step.message,
                "before": held[index][0],
                "after": held[index][1],
                "start": start,
                "end": end,
            }
        )
    return {
        "number": number,
        "rules": one.rules,
        "severity": one.severity,
        "message": one.message,
        "function": one.function,
        "entry": one.entry or one.function,
        "file": one.file,
        "line": one.line,
        "lock": one.lock,
        "fingerprint": one.fingerprint,
        "steps": steps,
        "lines": line_states(one, lambda file: context.source(file) if _shown(file) else None),
    }


def _groups(violations: Sequence[dict[str, Any]]) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """Return violations by file and in it by callback, in the report's order."""
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for one in violations:
        groups.setdefault(one["file"], {}).setdefault(one["entry"], []).append(one)
    return [(file, list(entries.items())) for file, entries in groups.items()]


def _sources(diagnostics: Iterable[Diagnostic], context: Context) -> list[dict[str, Any]]:
    """Return the files that steps are in, each as highlighted lines."""
    wanted: dict[str, set[int]] = {}
    for one in diagnostics:
        wanted.setdefault(one.file, set()).add(one.line)
        for step in one.trace:
            wanted.setdefault(step.file, set()).add(step.line)
    found = []
    for number, name in enumerate(sorted(wanted)):
        text = context.source(name) if _shown(name) else None
        found.append({"number": number, "name": name, "rows": None if text is None else _rows(text, wanted[name])})
    return found


def _rows(text: str, wanted: set[int]) -> list[tuple[int, Markup]]:
    """Return (line number, highlighted line); line 0 stands for lines that are left out."""
    # Pygments joins other line ends and takes blank lines away unless told not to; each row must be the compiler's line.
    plain = "\n".join(line.rstrip("\r").replace("\r", " ").replace("\f", " ") for line in lines_of(text))
    html = highlight(plain, CLexer(stripnl=False, ensurenl=True), HtmlFormatter(nowrap=True, classprefix="t-"))
    lines = html.split("\n")
    last = len(lines_of(text)) - (1 if text.endswith("\n") else 0)
    rows: list[tuple[int, Markup]] = []
    for number, line in enumerate(lines[:last], 1):
        if last <= LONGEST_FILE or any(abs(number - one) <= AROUND for one in wanted):
            rows.append((number, Markup(line)))  # noqa: S704 -- escaped by pygments
        elif rows and rows[-1][0] != 0:
            rows.append((0, Markup("")))
    return rows


def _shown(file: str) -> bool:
    return PurePosixPath(file.replace("\\", "/")).suffix.lower() in SUFFIXES


def _gaps(report: Report) -> Iterator[tuple[str, Gap]]:
    coverage = report.coverage
    for kind, gaps in (
        ("not analysed", coverage.unanalysed),
        ("statement not read", coverage.recovered),
        ("analysis cut short", coverage.imprecise),
    ):
        for gap in gaps:
            yield kind, gap


def _build(build: Build, builds: Sequence[Build]) -> dict[str, Any]:
    highest = max((one.total("errors") + one.total("warnings") for one in builds), default=0) or 1
    told = build.total("errors") + build.total("warnings")
    return {
        "when": buildlog.when(build),
        "what": build.what,
        "target": build.target,
        "functions": build.total("functions"),
        "analysed": build.total("functions_analysed"),
        "reused": build.total("functions_reused"),
        "errors": build.total("errors"),
        "warnings": build.total("warnings"),
        "time": buildlog.duration(build.check_ms),
        "height": round(40 * told / highest),
        "told": count(told, "violation"),
    }


def _data(violations: Sequence[dict[str, Any]], numbers: dict[str, int]) -> Markup:
    """Return the paths for the script, as JSON in which no tag, comment or entity can begin."""
    data = [
        {
            "lock": one["lock"],
            "steps": [{**step, "file": numbers[step["file"]]} for step in one["steps"]],
            "lines": [(numbers[run.file], run.first, run.last, run.state, run.walked) for run in one["lines"]],
        }
        for one in violations
    ]
    text = msgspec.json.encode(data).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 -- escaped above
