"""Reporters: a `spincheck.diagnostics.Report` as text for people, machines and services.

Owns the choice of the reporter by its format name. Each reporter is one module with ``render(report) -> str``; it reads
the report and nothing else, so that a report kept as JSON can be shown again anywhere. Modules are loaded when asked for, since HTML
and SARIF need libraries of an extra that a build does not.
"""

from __future__ import annotations

from importlib import import_module

from spincheck.diagnostics import Report

FORMATS = {
    "text": "text", "json": "json_report", "sarif": "sarif", "github": "github", "html": "html_report", "terminal": "terminal",
}
"""Format name → module of this package. ``terminal`` is text for a person."""


class FormatError(Exception):
    """A format that does not exist or whose libraries are missing; the message says what to do."""


def render(report: Report, format_name: str, **options: object) -> str:
    """Render a report; ``options`` go to the reporter. Raises `FormatError`."""
    module_name = FORMATS.get(format_name)
    if module_name is None:
        raise FormatError(f"no report format {format_name!r}; there are {', '.join(FORMATS)}")
    try:
        module = import_module(f"spincheck.report.{module_name}")
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "spincheck":
            raise FormatError(f"this installation has no reporter for --format {format_name}") from None
        raise FormatError(
            f"--format {format_name} needs {missing}; install it with pip install 'spincheck[report]'"
        ) from None
    rendered = module.render(report, **options)
    assert isinstance(rendered, str)
    return rendered
