"""SARIF 2.1.0, for code scanning services and the viewers of editors.

Owns the mapping. It keeps to the OASIS schema and to what GitHub asks of an upload: every rule that is named has its descriptor with
help, paths are relative to ``SRCROOT``, each result has a fingerprint that does not move with the lines, and no text is longer than
GitHub takes; each step of a path says whether the lock is held after it. A violation that a comment or a baseline hides is there as a suppressed result, as SARIF means it. Source: OASIS,
"Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub Docs, "SARIF support for code scanning" and
"SARIF results exceed one or more limits".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

import msgspec

from spincheck.diagnostics import Diagnostic, Gap, Report, TraceStep
from spincheck.report.context import EMPTY, Context, RuleHelp, Suppressed
from spincheck.report.excerpt import lines_of, span
from spincheck.report.lockstate import State, states

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
FINGERPRINT = "spincheck/v1"
LONGEST_DESCRIPTION = 1024
MOST_RESULTS = 25_000
"""GitHub refuses a run with more."""
MOST_STEPS = 1000
MOST_RELATED = 100
MOST_TAGS = 10
_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_STATES = {"acquire": "acquired", "release": "released"}


def render(report: Report, *, verbosity: int = 0, context: Context = EMPTY) -> str:  # noqa: ARG001 -- all reporters are called alike
    """Render a report as a SARIF log with one run."""
    log = _Run(report, context).log()
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


class _Run:
    """One report on its way to a log: remembers rules and files by their index."""

    def __init__(self, report: Report, context: Context) -> None:
        self._report = report
        self._context = context
        told = (*report.diagnostics, *(one.diagnostic for one in context.suppressed))
        names = sorted({rule for one in told for rule in one.rules})
        self._rules = {name: index for index, name in enumerate(names)}
        self._lines: dict[str, list[str] | None] = {}

    def log(self) -> dict[str, Any]:
        report, context = self._report, self._context
        driver = {
            "name": report.tool.name,
            "version": report.tool.version,
            "semanticVersion": _semantic(report.tool.version),
            "rules": [self._rule(name) for name in self._rules],
        }
        results = [self._result(one, None) for one in report.diagnostics]
        results += [self._result(one.diagnostic, one) for one in context.suppressed]
        notifications = self._notifications()
        if len(results) > MOST_RESULTS:
            text = f"{len(results) - MOST_RESULTS} results of lesser weight are left out, because services take no more than {MOST_RESULTS}"
            notifications.append({"level": "warning", "message": {"text": text}})
            results = sorted(results, key=_lightness)[:MOST_RESULTS]
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {ROOT: self._root()},
            "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
            "results": results,
            "properties": {
                "units": report.coverage.units,
                "functions": report.coverage.functions,
                "lockRelevant": report.coverage.lock_relevant,
                "analysed": report.coverage.analysed,
            },
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def _root(self) -> dict[str, Any]:
        description = {"text": "The directory that paths are told from."}
        if not self._context.root:
            return {"description": description}
        path = self._context.root.replace("\\", "/").rstrip("/")
        return {"uri": f"file://{'' if path.startswith('/') else '/'}{quote(path)}/", "description": description}

    def _rule(self, name: str) -> dict[str, Any]:
        known = self._context.rules.get(name) or RuleHelp(name, name, name, name, "", "error", ())
        rule: dict[str, Any] = {
            "id": name,
            "name": name,
            "shortDescription": {"text": _short(_sentence(known.title))},
            "fullDescription": {"text": _short(_sentence(known.title))},
            "help": {"text": known.text or known.title, "markdown": known.markdown or known.title},
            "defaultConfiguration": {"level": known.severity},
            "properties": {
                "tags": ["correctness", "concurrency", "locks", *known.tags][:MOST_TAGS],
                "problem.severity": known.severity,
                "precision": "very-high" if known.severity == "error" else "high",
            },
        }
        if known.url:
            rule["helpUri"] = known.url
        return rule

    def _result(self, one: Diagnostic, hidden: Suppressed | None) -> dict[str, Any]:
        result: dict[str, Any] = {
            "ruleId": one.rule,
            "ruleIndex": self._rules[one.rule],
            "level": one.severity,
            "message": {"text": _sentence(one.message) or one.rule},
            "locations": [self._location(one.file, one.line, one.column, one.function, *_about(one))],
            "partialFingerprints": {FINGERPRINT: one.fingerprint, "primaryLocationLineHash": f"{one.fingerprint}:1"},
            "properties": {"rules": list(one.rules), "lock": one.lock, "entry": one.entry},
        }
        if one.trace:
            held = states(one)
            flow = [
                self._step(number, step, one.lock, after)
                for number, (step, (_, after)) in enumerate(list(zip(one.trace, held, strict=True))[-MOST_STEPS:], 1)
            ]
            result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
            result["relatedLocations"] = [
                {
                    "id": number,
                    **self._step_location(step),
                    "message": {"text": _sentence(step.message)},
                }
                for number, step in enumerate(one.trace, 1)
                if step.kind == "acquire"
            ][:MOST_RELATED]
        if hidden is not None:
            suppression = {"kind": "inSource" if hidden.in_source else "external", "status": "accepted"}
            if hidden.reason:
                suppression["justification"] = hidden.reason
            result["suppressions"] = [suppression]
        elif self._context.suppressed:
            # The standard: either every result of a run says whether it is suppressed, or none does.
            result["suppressions"] = []
        return result

    def _step(self, number: int, step: TraceStep, lock: str, after: State) -> dict[str, Any]:
        location = self._step_location(step)
        location["message"] = {"text": _sentence(step.message) or step.kind}
        important = step.kind in {"acquire", "release", "return", "defect"}
        state = {"state": {lock or "lock": {"text": after}}} if after != "?" else {}
        return {
            "location": location,
            **state,
            "kinds": [*(["call", "function"] if step.kind == "call" else [_STATES.get(step.kind, step.kind)]), *(["lock"] if step.kind in _STATES else [])],
            # From 1 on: Visual Studio Code's viewer draws level 0 left of its margin, where the first letter is cut off.
            "nestingLevel": max(step.depth, 0) + 1,
            "executionOrder": number,
            "importance": "essential" if important else "important",
        }

    def _step_location(self, step: TraceStep) -> dict[str, Any]:
        return self._location(step.file, step.line, step.column, step.function, step.message, step.kind)

    def _location(self, file: str, line: int, column: int, function: str, message: str = "", kind: str = "") -> dict[str, Any]:
        location: dict[str, Any] = {
            "physicalLocation": {"artifactLocation": _artifact(file), "region": self._region(file, line, column, message, kind)}
        }
        if function:
            location["logicalLocations"] = [{"name": function, "kind": "function"}]
        return location

    def _region(self, file: str, line: int, column: int, message: str, kind: str) -> dict[str, Any]:
        region: dict[str, Any] = {"startLine": max(line, 1)}
        if file not in self._lines:
            text = self._context.source(file)
            self._lines[file] = None if text is None else lines_of(text)
        lines = self._lines[file]
        if column < 1:
            return region
        if lines is None:
            return {**region, "startColumn": column}
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        if not shown.strip():
            return region
        first, end = span(shown, column, message, kind)
        return {**region, "startColumn": first + 1, "endColumn": end + 1}

    def _notifications(self) -> list[dict[str, Any]]:
        coverage = self._report.coverage
        kinds: Iterable[tuple[str, tuple[Gap, ...]]] = (
            ("not analysed", coverage.unanalysed),
            ("statement not read", coverage.recovered),
            ("analysis cut short", coverage.imprecise),
        )
        return [
            {
                "level": "note",
                "message": {"text": f"{kind} in {gap.function}: {gap.reason}"},
                "locations": [self._location(gap.file, gap.line, 0, gap.function)],
            }
            for kind, gaps in kinds
            for gap in gaps
        ]


def _about(one: Diagnostic) -> tuple[str, str]:
    """Return the message and the kind of the step that ends at the place of a diagnostic: they say which characters it is about."""
    place = (one.file, one.line, one.column)
    return next(((step.message, step.kind) for step in reversed(one.trace) if (step.file, step.line, step.column) == place), (one.message, ""))


def _lightness(result: dict[str, Any]) -> tuple[bool, bool]:
    """Sort key that puts first what must not be left out: what is told, and errors."""
    return bool(result.get("suppressions")), result["level"] != "error"


def _artifact(file: str) -> dict[str, Any]:
    path = file.replace("\\", "/") if PureWindowsPath(file).drive else file
    if PureWindowsPath(file).drive:
        return {"uri": f"file:///{quote(path, safe='/:')}"}
    if PurePosixPath(path).is_absolute():
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": ROOT}


def _sentence(text: str) -> str:
    """Return a message as SARIF viewers show it: capital letter, full stop.

    SARIF reads ``{0}`` as a placeholder and ``[text](1)`` as a link; only these are escaped, because viewers show the backslash.
    """
    plain = text.strip()
    if not plain:
        return ""
    shown = _PLACEHOLDER.sub(r"{{\1}}", plain[0].upper() + plain[1:])
    shown = shown.replace("](", "\\](")
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def _semantic(version: str) -> str:
    found = re.match(r"\d+(?:\.\d+){0,2}", version)
    parts = (found[0] if found else "0").split(".")
    return ".".join([*parts, "0", "0"][:3])
