"""The JSON report, version 1: a fixed interface.

Owns encoding and decoding. The types in `spincheck.diagnostics` are the schema, so the encoder has nothing to decide
but the indentation; decoding checks every field's type.
"""

from __future__ import annotations

import msgspec

from spincheck.diagnostics import REPORT_VERSION, Report
from spincheck.report.context import EMPTY, Context


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:  # noqa: ARG001 -- all reporters are called alike
    """Render a report as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


def parse(data: bytes) -> Report:
    """Read a JSON report; raises `ValueError` with the reason when it is none, or of another version."""
    try:
        report = msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a spincheck JSON report: {error}") from None
    if report.version != REPORT_VERSION:
        raise ValueError(f"JSON report of version {report.version}, this spincheck reads {REPORT_VERSION}")
    return report
