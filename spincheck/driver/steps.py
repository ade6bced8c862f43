"""What is told of a report besides the report: the line in the history, the exit status, and which comments and paths belong to it.

Owns no state. `spincheck.driver.session` makes reports; these functions say what they come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from spincheck.builds import BuildStep, Told
from spincheck.diagnostics import Coverage, Diagnostic, Gap, Report
from spincheck.driver.select import Relative
from spincheck.driver.source import Sources, Suppression


def step_of(build: str, what: str, target: str, report: Report) -> BuildStep:
    """Return what the history keeps of a report."""
    errors = sum(one.severity == "error" for one in report.diagnostics)
    coverage, stats = report.coverage, report.stats
    return BuildStep(
        build=build,
        what=what,
        target=target,
        units=coverage.units,
        functions=coverage.functions,
        functions_analysed=stats.functions_analysed,
        functions_reused=stats.functions_reused,
        regions_scanned=stats.regions_scanned,
        regions_reused=stats.regions_reused,
        errors=errors,
        warnings=len(report.diagnostics) - errors,
        gaps=len(coverage.recovered) + len(coverage.unanalysed) + len(coverage.imprecise),
        elapsed_ms=stats.elapsed_ms,
        status=status_of(report),
        told=tuple(_told(one) for one in report.diagnostics),
    )


def status_of(report: Report) -> int:
    """Return the exit status of a report: 1 when any diagnostic is an error, else 0; warnings alone do not fail a build."""
    return int(any(diagnostic.severity == "error" for diagnostic in report.diagnostics))


def _told(one: Diagnostic) -> Told:
    return Told(one.fingerprint, one.rule, one.severity, one.file, one.line, one.function, one.message)


def suppressions_of(files: Sequence[str], sources: Sources, kept: Iterable[Suppression]) -> list[Suppression]:
    """Return the suppressions in the project's own files, and of those that preprocessed texts ``kept`` the pragmas, and the comments of files not on disk."""
    found = {one for file in files for one in sources.suppressions(file)}
    missing = {file for file in files if sources.text(file) is None}
    own = frozenset(files)
    found.update(one for one in kept if one.file in missing or (one.is_pragma and one.file in own))
    return sorted(found)


def relative_coverage(coverage: Coverage, relative: Relative) -> Coverage:
    """Return a coverage with its files named from where ``relative`` says."""
    def moved(gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
        return tuple(msgspec.structs.replace(gap, file=relative.path(gap.file)) for gap in gaps)

    return msgspec.structs.replace(
        coverage,
        recovered=moved(coverage.recovered),
        unanalysed=moved(coverage.unanalysed),
        imprecise=moved(coverage.imprecise),
    )
