"""The last step of a check: which drafts are told, how severe, under which paths and names.

Owns everything about a diagnostic that depends on the user and not on the code: chosen rules and severities, excluded
paths, suppression comments, the directory that paths are told from, and the macro names that the user wrote. Flows in: drafts in
order and the comments. Flows out: diagnostics in order. It runs after the cache on purpose, because a changed option or comment
must change what is told and must not cost an analysis.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath

import msgspec

from spincheck.cache.keys import digest
from spincheck.diagnostics import Diagnostic, Severity, TraceStep
from spincheck.driver.drafts import Draft, order
from spincheck.driver.source import Suppression

UNUSED = "UnusedSuppression"
"""Rule name of a suppression comment that suppresses nothing, names no rule, or lacks a required reason."""

Spelled = Callable[[str, int, str, Iterable[str]], str]
"""(file, line, operation, macros) → the name that the user wrote there."""


class Policy(msgspec.Struct, frozen=True):
    """What the user wants to be told.

    ``rules`` are the names of all rules that are on. ``severities`` override a rule's own. ``excludes`` says whether a path is
    one whose functions are not reported. ``reason_required``: a suppression comment without a reason is told.
    """

    rules: frozenset[str]
    severities: Mapping[str, Severity] = {}
    excludes: Callable[[str], bool] = lambda _path: False
    reason_required: bool = False


def told(
    drafts: Sequence[Draft],
    suppressions: Sequence[Suppression],
    *,
    policy: Policy,
    known_rules: Sequence[str],
    spelled: Spelled,
    root: str,
    whole: bool,
    silenced: list[tuple[Diagnostic, str]] | None = None,
) -> tuple[Diagnostic, ...]:
    """Return what is told of ``drafts``, in order; ``silenced`` collects what comments suppress, with the reasons that they give.

    ``root`` is the directory below which paths are made relative. ``whole``: the run saw the whole driver, so a suppression that
    suppressed nothing is unused; one unit alone cannot know that.
    """
    suppressions = _ours(suppressions, frozenset(known_rules))
    by_line: dict[tuple[str, int], list[int]] = {}
    for index, suppression in enumerate(suppressions):
        by_line.setdefault((suppression.file, suppression.about or suppression.line), []).append(index)
    used: set[int] = set()
    kept = []
    relative = Relative(root)
    for draft in drafts:
        hits = [
            index
            for place in _suppressible(draft.diagnostic)
            for index in by_line.get(place, ())
            if set(suppressions[index].rules) & set(draft.diagnostic.rules)
        ]
        if hits:
            used.update(hits)
            hidden = _chosen(draft.diagnostic, policy)
            if silenced is not None and hidden is not None:
                told_as = relative.diagnostic(_spelled(hidden, draft, spelled))
                if not policy.excludes(told_as.file):
                    silenced.append((told_as, "; ".join(dict.fromkeys(filter(None, (suppressions[index].reason for index in hits))))))
            continue
        chosen = _chosen(draft.diagnostic, policy)
        if chosen is not None:
            kept.append(_spelled(chosen, draft, spelled))
    kept.extend(_complaints(suppressions, used, policy, known_rules, whole=whole))
    moved = [relative.diagnostic(diagnostic) for diagnostic in kept]
    return tuple(
        sorted(
            (one for one in moved if not policy.excludes(one.file)),
            key=order,
        )
    )


def _ours(suppressions: Sequence[Suppression], known: frozenset[str]) -> list[Suppression]:
    """Leave out what pragmas suppress for other tools, and the same pragma found in the source and in its preprocessed text."""
    kept: dict[tuple[str, int, tuple[str, ...], int], Suppression] = {}
    for one in suppressions:
        rules = tuple(rule for rule in one.rules if rule in known) if one.is_pragma else one.rules
        if rules or not one.is_pragma:
            key = (one.file, one.line, rules, 0 if one.is_pragma else one.column)
            kept.setdefault(key, msgspec.structs.replace(one, rules=rules))
    return list(kept.values())


class Relative:
    """Paths as they are told: normalised, and relative to a directory when below it."""

    def __init__(self, root: str) -> None:
        self._root = os.path.normpath(root) if root else ""
        self._known: dict[str, str] = {}

    def path(self, file: str) -> str:
        """Return how ``file`` is told; names such as ``<stdin>`` stay as they are."""
        known = self._known.get(file)
        if known is None:
            known = file
            if file and not file.startswith("<"):
                known = os.path.normpath(file)
                if os.path.isabs(known) and self._root:
                    below = os.path.relpath(known, self._root)
                    known = known if below.startswith("..") else below
                known = PurePath(known).as_posix()
            self._known[file] = known
        return known

    def diagnostic(self, diagnostic: Diagnostic) -> Diagnostic:
        """Return the diagnostic with every path as it is told."""
        trace = tuple(msgspec.structs.replace(step, file=self.path(step.file)) for step in diagnostic.trace)
        return msgspec.structs.replace(diagnostic, file=self.path(diagnostic.file), trace=trace)


def _suppressible(diagnostic: Diagnostic) -> list[tuple[str, int]]:
    """Return the lines whose comments count: that of the diagnostic and those where its lock is acquired."""
    places = [(diagnostic.file, diagnostic.line)]
    acquires = [step for step in diagnostic.trace if step.kind == "acquire"]
    for step in [
        step for step in acquires if diagnostic.lock and diagnostic.lock in step.message
    ] or acquires:
        if (step.file, step.line) not in places:
            places.append((step.file, step.line))
    return places


def _chosen(diagnostic: Diagnostic, policy: Policy) -> Diagnostic | None:
    rules = tuple(rule for rule in diagnostic.rules if rule in policy.rules)
    if not rules:
        return None
    severity = diagnostic.severity
    for rule in rules:
        if rule in policy.severities:
            severity = policy.severities[rule]
            break
    if rules == diagnostic.rules and severity == diagnostic.severity:
        return diagnostic
    return msgspec.structs.replace(diagnostic, rule=rules[0], rules=rules, severity=severity)


def _spelled(diagnostic: Diagnostic, draft: Draft, spelled: Spelled) -> Diagnostic:
    """Say the macro that the user wrote where the preprocessed text has what it expands to."""
    if not draft.macros:
        return diagnostic
    names: dict[str, str] = {}
    steps: list[TraceStep] = []
    for step in diagnostic.trace:
        message = step.message
        for operation, macros in draft.macros:
            if _word(operation).search(message):
                written = spelled(step.file, step.line, operation, macros)
                if written != operation:
                    names.setdefault(operation, written)
                    message = _word(operation).sub(written, message)
        steps.append(msgspec.structs.replace(step, message=message))
    message = diagnostic.message
    for operation, macros in draft.macros:
        written = names.get(operation) or spelled(diagnostic.file, diagnostic.line, operation, macros)
        message = _word(operation).sub(written, message)
    return msgspec.structs.replace(diagnostic, message=message, trace=tuple(steps))


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b")


def _complaints(
    suppressions: Sequence[Suppression], used: set[int], policy: Policy, known: Sequence[str], *, whole: bool
) -> list[Diagnostic]:
    if UNUSED not in policy.rules:
        return []
    severity: Severity = policy.severities.get(UNUSED, "warning")
    found = []
    for index, suppression in enumerate(suppressions):
        unknown = [rule for rule in suppression.rules if rule not in known]
        message = ""
        if not suppression.rules:
            message = "suppression names no rule; write spincheck: ignore[RULE] and the reason"
        elif unknown:
            message = f"suppression names {', '.join(unknown)}, which is no rule; spincheck rules lists them"
        elif policy.reason_required and not suppression.reason:
            how = 'as in suppress: RULE, "reason"' if suppression.is_pragma else "after the bracket"
            message = f"suppression gives no reason; say why this is right, {how}"
        elif whole and index not in used and set(suppression.rules) <= policy.rules:
            message = f"suppression of {', '.join(suppression.rules)} suppresses nothing; remove it"
        if message:
            found.append(_complaint(suppression, severity, message))
    return found


def _complaint(suppression: Suppression, severity: Severity, message: str) -> Diagnostic:
    return Diagnostic(
        rule=UNUSED,
        rules=(UNUSED,),
        severity=severity,
        message=message,
        function="",
        file=suppression.file,
        line=suppression.line,
        column=suppression.column,
        lock="",
        entry="",
        fingerprint=digest(UNUSED, *suppression.rules, message, suppression.reason),
        trace=(),
    )
