"""From findings to diagnostics: places become lines, defects become rules and messages, each gets its fingerprint.

Owns rendering. Flows in: findings, and the units that can locate them. Flows out: drafts (`spincheck.driver.drafts`) in report
order, and what the run covers. Everything here is a function of the texts and the tables alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from spincheck.analysis.findings import Finding, FunctionRef, Imprecision, Outcome, Step
from spincheck.diagnostics import Coverage, Diagnostic, Gap, TraceStep
from spincheck.driver.drafts import Draft, Macros, order
from spincheck.ir import Function, UnitRecord

if TYPE_CHECKING:
    from spincheck.rules.registry import Description

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"`([^`]*)`")
_MEMBER = re.compile(r"(?:->|\.)(\w+)(?:\[[^]]*\])*$")


class Place(Protocol):
    """File, line and column, from 1, as the line markers say."""

    @property
    def file(self) -> str:
        """The file as the line marker names it."""
        ...

    @property
    def line(self) -> int:
        """Line, from 1."""
        ...

    @property
    def column(self) -> int:
        """Column, from 1."""
        ...


class LocatedUnit(Protocol):
    """A unit that can say where its tokens are today: one just read, or one out of a unit file."""

    @property
    def record(self) -> UnitRecord:
        """What the unit says of itself."""
        ...

    def code(self, name: str) -> Function:
        """Return the code of one of its functions."""
        ...

    def locate(self, function: str, at: int) -> Place:
        """Return where token ``at`` of ``function`` is."""
        ...

    def context(self, function: str, at: int) -> str:
        """Return a hash of the tokens around ``at``."""
        ...


class Renderer:
    """Renders findings about a fixed list of units. ``macros``: operation → macros that expand to it; ``describe`` names the rules."""

    def __init__(
        self, units: Sequence[LocatedUnit], macros: Macros, describe: Callable[[Finding], Description]
    ) -> None:
        self._macros = macros
        self._describe = describe
        self._units: dict[str, list[LocatedUnit]] = {}
        for unit in units:
            self._units.setdefault(unit.record.source, []).append(unit)

    def drafts(self, findings: Iterable[Finding]) -> tuple[Draft, ...]:
        """Render findings; equal ones are told apart by a counter in order of their places."""
        rendered = sorted(
            ((self._draft(finding), self._identity(finding)) for finding in findings),
            key=lambda pair: order(pair[0].diagnostic),
        )
        seen: dict[str, int] = {}
        drafts = []
        for draft, identity in rendered:
            index = seen.get(identity, 0)
            seen[identity] = index + 1
            fingerprint = hashlib.blake2b(f"{identity}\0{index}".encode(), digest_size=16).hexdigest()
            drafts.append(
                msgspec.structs.replace(
                    draft, diagnostic=msgspec.structs.replace(draft.diagnostic, fingerprint=fingerprint)
                )
            )
        return tuple(sorted(drafts, key=lambda draft: order(draft.diagnostic)))

    def gap(self, imprecision: Imprecision) -> Gap:
        """Render one imprecision."""
        place = self._place(imprecision.function, imprecision.at)
        return Gap(imprecision.function.name, place.file, place.line, imprecision.reason)

    def _place(self, function: FunctionRef, at: int) -> Place:
        return self._unit(function).locate(function.name, at)

    def _unit(self, function: FunctionRef) -> LocatedUnit:
        """Return the unit of a function: of those of one source, compiled in several ways, the first that has it."""
        units = self._units[function.unit]
        if len(units) == 1:
            return units[0]
        return next((unit for unit in units if any(header.name == function.name for header in unit.record.functions)), units[0])

    def _draft(self, finding: Finding) -> Draft:
        description = self._describe(finding)
        place = self._place(finding.function, finding.at)
        steps = []
        for step in concerning(finding.trace, finding.lock, finding.other):
            where = self._place(step.function, step.at)
            steps.append(
                TraceStep(
                    step.kind,
                    where.file,
                    where.line,
                    where.column,
                    step.function.name,
                    step.depth,
                    step.message,
                )
            )
        rules = tuple(description.rules)
        diagnostic = Diagnostic(
            rule=rules[0],
            rules=rules,
            severity=description.severity,
            message=description.message,
            function=finding.function.name,
            file=place.file,
            line=place.line,
            column=place.column,
            lock=finding.lock,
            entry=finding.entry or finding.function.name,
            fingerprint="",
            trace=tuple(steps),
        )
        words = set(_WORD.findall(" ".join((diagnostic.message, *(step.message for step in steps)))))
        return Draft(
            diagnostic, tuple((word, self._macros[word]) for word in sorted(words) if self._macros.get(word))
        )

    def _identity(self, finding: Finding) -> str:
        """Everything of a finding that stays when lines move, its file is renamed or unrelated code changes."""
        rules = self._describe(finding).rules
        context = self._unit(finding.function).context(finding.function.name, finding.at)
        return "\0".join(
            (rules[0], finding.defect, finding.function.name, finding.lock, finding.other, context)
        )


def concerning(trace: Sequence[Step], *locks: str) -> list[Step]:
    """Leave out what callees do to locks that are surely others than ``locks``, and calls of which nothing else was to be told.

    The steps of a callee are about all that it does to locks. A callee spells the same lock from its own parameters, so only two members with
    different names are surely two locks.
    """
    members = {found[1] for lock in locks if (found := _MEMBER.search(lock)) is not None}
    if not members:
        return list(trace)
    kept: list[Step] = []
    for index in range(len(trace) - 1, -1, -1):
        step = trace[index]
        if step.depth == 0 or not _is_of_another_lock(step, members):
            below = trace[index + 1].depth if index + 1 < len(trace) else 0
            emptied = step.kind == "call" and 0 < step.depth < below and (not kept or kept[-1].depth <= step.depth)
            if not emptied:
                kept.append(step)
    return kept[::-1]


def _is_of_another_lock(step: Step, members: set[str]) -> bool:
    named = _QUOTED.search(step.message) if step.kind in {"acquire", "release", "return"} else None
    member = _MEMBER.search(named[1]) if named is not None else None
    return member is not None and member[1] not in members


def coverage(units: Sequence[LocatedUnit], outcome: Outcome, renderer: Renderer) -> Coverage:
    """Say what the run covers: every recovered statement, every function left out, every exhausted budget.

    A function of a header is counted once, however many units include it.
    """
    functions: set[tuple[str, str, str]] = set()
    recovered: list[Gap] = []
    unanalysed: list[Gap] = []
    for unit in units:
        for header in unit.record.functions:
            if header.own:
                functions.add((header.file, header.name, header.key))
            for recovery in header.recovered:
                place = unit.locate(header.name, recovery.at)
                recovered.append(Gap(header.name, place.file, place.line, recovery.reason))
        unanalysed.extend(
            Gap(lost.function, lost.file, lost.line, lost.reason) for lost in unit.record.unanalysed
        )
    return Coverage(
        units=len(units),
        functions=len(functions),
        lock_relevant=outcome.lock_relevant,
        analysed=outcome.analysed,
        recovered=_gaps(recovered),
        unanalysed=_gaps(unanalysed),
        imprecise=_gaps(renderer.gap(imprecision) for imprecision in outcome.imprecise),
    )


def own_files(units: Sequence[LocatedUnit]) -> tuple[str, ...]:
    """Return the project's own files that hold code of these units, sorted: where suppression comments may stand."""
    files = {unit.record.source for unit in units}
    for unit in units:
        files.update(header.file for header in unit.record.functions if header.own)
    return tuple(sorted(files))


def _gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    unique = {(gap.file, gap.line, gap.function, gap.reason): gap for gap in gaps}
    return tuple(unique[key] for key in sorted(unique))
