"""The history of builds as JSON, version 1.

Owns the types of that document: they are its schema, as those of `spincheck.diagnostics` are the report's. They stand apart from
`spincheck.builds`, which is what is recorded and may change with the cache; this is what other programs read.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spincheck.builds import Build, BuildStep, Told

LOG_VERSION = 1


class Counts(msgspec.Struct, frozen=True):
    """What a step, or all steps of a build together, had to do with; see `spincheck.builds.BuildStep`."""

    units: int
    functions: int
    functions_analysed: int
    functions_reused: int
    regions_scanned: int
    regions_reused: int
    errors: int
    warnings: int
    gaps: int


class LoggedStep(Counts, frozen=True):
    """One check, unit step or driver step; see `spincheck.builds.BuildStep`."""

    what: str
    target: str
    elapsed_ms: int
    status: int


class LoggedBuild(Counts, frozen=True):
    """One build with its totals; see `spincheck.builds.Build`. ``diagnostics`` are what it told, each once."""

    id: str
    started: int
    what: str
    target: str
    version: str
    status: int
    wall_ms: int
    check_ms: int
    skipped: tuple[str, ...]
    steps: tuple[LoggedStep, ...]
    diagnostics: tuple[Told, ...]


class Log(msgspec.Struct, frozen=True):
    """The document, newest build first."""

    version: int
    builds: tuple[LoggedBuild, ...]


def render(builds: Sequence[Build]) -> str:
    """Return the history as indented JSON with a final newline."""
    log = Log(LOG_VERSION, tuple(_build(build) for build in builds))
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


def _build(build: Build) -> LoggedBuild:
    return LoggedBuild(
        id=build.id,
        started=build.started,
        what=build.what,
        target=build.target,
        version=build.version,
        status=build.status,
        wall_ms=build.wall_ms,
        check_ms=build.check_ms,
        **{field: build.total(field) for field in Counts.__struct_fields__},
        skipped=tuple(build.skipped),
        steps=tuple(_step(step) for step in build.steps),
        diagnostics=tuple(build.told()),
    )


def _step(step: BuildStep) -> LoggedStep:
    return LoggedStep(**{field: getattr(step, field) for field in LoggedStep.__struct_fields__})
