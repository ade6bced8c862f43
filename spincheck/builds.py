"""What is remembered of a build: its steps, counts and what each step told.

Owns the types that cross from the driver to the cache (recording) and from the cache to the reporters (``spincheck log`` and the
summary at the end of a build), so that neither of the two knows the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Told(msgspec.Struct, frozen=True):
    """A diagnostic as the history keeps it; its fingerprint tells it from others across builds."""

    fingerprint: str
    rule: str
    severity: str
    file: str
    line: int
    function: str
    message: str


class BuildStep(msgspec.Struct, frozen=True):
    """One check, unit step or driver step. ``build`` names the build that it belongs to; ``elapsed_ms`` is wall time.

    ``gaps`` counts the statements, functions and paths that were not analysed as written. ``status`` is the exit status.
    """

    build: str
    what: str
    target: str
    units: int = 0
    functions: int = 0
    functions_analysed: int = 0
    functions_reused: int = 0
    regions_scanned: int = 0
    regions_reused: int = 0
    errors: int = 0
    warnings: int = 0
    gaps: int = 0
    elapsed_ms: int = 0
    status: int = 0
    told: tuple[Told, ...] = ()


class Build(msgspec.Struct, frozen=True):
    """One build. ``started`` is in seconds since 1970, UTC; ``wall_ms`` that of the whole build, or of the checks when not known.

    ``skipped`` are sources that were not analysed, as the build system names them (C++, assembler).
    """

    id: str
    started: int
    what: str
    target: str
    wall_ms: int
    status: int
    version: str
    steps: tuple[BuildStep, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def check_ms(self) -> int:
        """Wall time of all steps together, in milliseconds; may exceed ``wall_ms`` when steps ran side by side."""
        return sum(step.elapsed_ms for step in self.steps)

    def total(self, field: str) -> int:
        """Sum a count over all steps. Errors of a unit that its driver step tells again are counted once."""
        if field in {"errors", "warnings"}:
            severity = field[:-1]
            told = {one.fingerprint for step in self.steps for one in step.told if one.severity == severity}
            return len(told) + _sum(field, [step for step in self.steps if not step.told])
        if field in {"units", "functions"}:
            return _sum(field, [step for step in self.steps if step.what != "link"] or self.steps)
        return _sum(field, self.steps)

    def told(self) -> tuple[Told, ...]:
        """Return what was told, each diagnostic once, in order of file and line."""
        unique = {one.fingerprint: one for step in self.steps for one in step.told}
        return tuple(sorted(unique.values(), key=lambda one: (one.file, one.line, one.rule, one.fingerprint)))


def _sum(field: str, steps: Sequence[BuildStep]) -> int:
    return sum(int(getattr(step, field)) for step in steps)
