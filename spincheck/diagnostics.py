"""What a check says: diagnostics with their path, coverage and counts.

Owns the types of the JSON report (version 1, a fixed interface) and nothing else. They are
what every reporter reads and what the cache keeps; a reporter never sees the analysis.

The field names are those of the report, so that encoding is ``msgspec.json.encode`` and
decoding a report again is a check of it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

REPORT_VERSION = 1

Severity = Literal["error", "warning"]

StepKind = Literal["entry", "acquire", "release", "branch", "call", "return", "note", "defect"]
"""What a step of a path shows; ``defect`` is the last one, where the rule is broken."""


class TraceStep(msgspec.Struct, frozen=True):
    """One step on the way to a defect. ``depth`` is 0 in the function where the path starts, +1 in a callee."""

    kind: StepKind
    file: str
    line: int
    column: int
    function: str
    depth: int
    message: str


class Diagnostic(msgspec.Struct, frozen=True):
    """One defect. ``rule`` is the first of ``rules``; ``line`` and ``column`` count from 1.

    ``lock`` is the lock as the source writes it. ``entry`` is the callback through which the defect is reached, or the
    function itself. ``fingerprint`` (hex) depends on rule, function, lock and the tokens around, never on line numbers or
    the directory of the checkout.
    """

    rule: str
    rules: tuple[str, ...]
    severity: Severity
    message: str
    function: str
    file: str
    line: int
    column: int
    lock: str
    entry: str
    fingerprint: str
    trace: tuple[TraceStep, ...]


class Gap(msgspec.Struct, frozen=True):
    """Something that was not analysed as written: a recovered statement, a function left out, or an exhausted budget."""

    function: str
    file: str
    line: int
    reason: str


class Coverage(msgspec.Struct, frozen=True):
    """What the verdict covers. ``lock_relevant`` functions can reach a lock operation; ``analysed`` of them were analysed."""

    units: int
    functions: int
    lock_relevant: int
    analysed: int
    recovered: tuple[Gap, ...] = ()
    unanalysed: tuple[Gap, ...] = ()
    imprecise: tuple[Gap, ...] = ()


class Stats(msgspec.Struct, frozen=True):
    """What the run cost. Counts are exact; ``elapsed_ms`` is wall time in milliseconds."""

    functions_analysed: int = 0
    functions_reused: int = 0
    regions_scanned: int = 0
    regions_reused: int = 0
    elapsed_ms: int = 0


class Tool(msgspec.Struct, frozen=True):
    """Name and version of the program that made the report."""

    name: str
    version: str


class Report(msgspec.Struct, frozen=True):
    """The JSON report. ``diagnostics`` is sorted by file, line, column, rule and lock."""

    version: int
    tool: Tool
    diagnostics: tuple[Diagnostic, ...]
    coverage: Coverage
    stats: Stats
