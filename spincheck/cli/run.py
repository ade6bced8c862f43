"""The commands that analyse: check, unit, link, baseline.

Owns the way from parsed arguments to a `Session` and from its report to bytes on standard output or in a file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from spincheck.cli import report as reports
from spincheck.cli.errors import say
from spincheck.cli.progress import Progress
from spincheck.cli.report import Form
from spincheck.diagnostics import Report
from spincheck.driver.inputs import InputError, each_once, refuse_binary, refuse_unpreprocessed
from spincheck.driver.output import write_whole
from spincheck.driver.recipe import Recipe
from spincheck.driver.session import Session
from spincheck.driver.settings import Options, default_cache
from spincheck.driver.steps import status_of
from spincheck.report.context import Suppressed
from spincheck.report.text import count

if TYPE_CHECKING:
    from spincheck.driver.baseline import Known


class Arguments(msgspec.Struct, frozen=True):
    """The options that the analysing commands share, as the command line has them."""

    files: tuple[str, ...] = ()
    compdb: str | None = None
    cc: str | None = None
    jobs: int = 0
    dask: str | None = None
    cache: str | None = None
    no_cache: bool = False
    rules: str | None = None
    locks: str | None = None
    config: str | None = None
    quiet: bool = False
    verbose: bool = False
    stats: bool = False
    reason_required: bool = False
    explain_cache: bool = False

    @property
    def verbosity(self) -> int:
        """-1 quiet, 0, 1 verbose."""
        return int(self.verbose) - int(self.quiet)

    def options(self) -> Options:
        """Return the driver's options; raises `InputError` for options that contradict each other."""
        if self.no_cache and self.cache:
            raise InputError("--cache and --no-cache contradict each other; give one of them")
        if self.no_cache and self.explain_cache:
            raise InputError("--explain-cache explains what a cache remembers; leave --no-cache out")
        if self.quiet and self.verbose:
            raise InputError("-q and -v contradict each other; give one of them")
        return Options(
            rules=_names(self.rules, "--rules"),
            cache=None if self.no_cache else self.cache or default_cache(),
            jobs=self.jobs,
            dask=self.dask or "",
            config=self.config,
            families=_names(self.locks, "--locks"),
            reason_required=self.reason_required,
            explain=self.explain_cache,
        )


def check(arguments: Arguments, form: Form, baseline: str | None) -> int:
    """Run ``spincheck check``."""
    known = None
    if baseline is not None:
        from spincheck.driver import baseline as baselines  # noqa: PLC0415 -- few runs have one

        known = baselines.read(baseline)
    options = arguments.options()
    with Session(options) as session, _progress(arguments) as progress:
        session.progress = progress.at
        report = session.check_recipes(_recipes(arguments), target=_target(arguments))
    suppressed = [Suppressed(one, in_source=True, reason=reason) for one, reason in session.silenced]
    if known is not None:
        before = report
        report, hidden, gone = baselines.without(report, known, session.rules, session.files)
        told = {one.fingerprint for one in report.diagnostics}
        suppressed += [
            Suppressed(one, in_source=False, reason=f"known in {baseline}")
            for one in before.diagnostics
            if one.fingerprint not in told
        ]
        _say_baseline(str(baseline), len(report.diagnostics), hidden, gone)
    reports.write(
        report,
        form,
        verbosity=arguments.verbosity,
        title=_title(arguments),
        suppressed=suppressed,
        cache=options.cache,
    )
    return _finish(session, report, arguments)


def _say_baseline(path: str, new: int, hidden: int, gone: Sequence[Known]) -> None:
    if hidden or gone:
        say(f"{new} new, {hidden} known in {path} not told{f', {len(gone)} known there have gone' if gone else ''}")
    for one in gone:
        say(f"gone: {one.file}: {one.rule} in {one.function}")
    if gone:
        say(f"make {path} again with spincheck baseline, so that what has gone cannot come back unseen")


def _progress(arguments: Arguments) -> Progress:
    what = count(len(arguments.files), "file") if arguments.files else str(arguments.compdb)
    return Progress(f"checking {what}", on=not arguments.quiet)


def _title(arguments: Arguments) -> str:
    """Return a name for the driver: what a page of it is called."""
    if arguments.compdb:
        return Path(arguments.compdb).absolute().parent.name
    if len(arguments.files) == 1:
        return Path(arguments.files[0]).name
    parents = {Path(file).absolute().parent for file in arguments.files}
    return parents.pop().name if len(parents) == 1 else Path.cwd().name


def unit(arguments: Arguments, output: str) -> int:
    """Run ``spincheck unit``."""
    with Session(arguments.options()) as session:
        report = session.unit(arguments.files[0], output)
    _tell(report, arguments)
    return _finish(session, report, arguments)


def link(arguments: Arguments, output: str) -> int:
    """Run ``spincheck link``."""
    with Session(arguments.options()) as session:
        report = session.link(arguments.files, output)
    _tell(report, arguments)
    return _finish(session, report, arguments)


def baseline(arguments: Arguments, output: str) -> int:
    """Run ``spincheck baseline``."""
    from spincheck.driver import baseline as baselines  # noqa: PLC0415

    with Session(arguments.options()) as session, _progress(arguments) as progress:
        session.progress = progress.at
        report = session.check_recipes(_recipes(arguments), target=_target(arguments))
    _write(output, baselines.make(report))
    if arguments.verbose:
        _tell(report, arguments)
    _finish(session, report, arguments)
    if not arguments.quiet:
        say(f"{output} now knows {count(len(report.diagnostics), 'violation')}")
    return 0


def _recipes(arguments: Arguments) -> Sequence[Recipe]:
    if arguments.compdb and arguments.cc:
        raise InputError("--compdb and --cc contradict each other; give one of them")
    if not arguments.files and not arguments.compdb:
        raise InputError("no FILE given; name preprocessed files (.i), or --compdb compile_commands.json")
    if arguments.compdb or arguments.cc:
        from spincheck.driver import preprocess  # noqa: PLC0415

        if arguments.compdb:
            return preprocess.recipes_by_database(arguments.compdb, arguments.files)
        return preprocess.recipes_by_compiler(arguments.files, arguments.cc or "")
    return [_standard_input() if path == "-" else Recipe(path) for path in each_once(arguments.files)]


def _standard_input() -> Recipe:
    name = "<stdin>"
    data = sys.stdin.buffer.read()
    refuse_binary(name, data)
    refuse_unpreprocessed(name, data)
    return Recipe(name, data=data)


def _target(arguments: Arguments) -> str:
    return " ".join(arguments.files) or arguments.compdb or ""


def _tell(report: Report, arguments: Arguments) -> None:
    """Write the diagnostics of a build step; a step with nothing to say says nothing, as compilers do."""
    if report.diagnostics or arguments.verbose:
        from spincheck.report import text  # noqa: PLC0415

        sys.stdout.write(text.render(report, verbosity=1 if arguments.verbose else -1))


def _finish(session: Session, report: Report, arguments: Arguments) -> int:
    for warning in session.warnings:
        say(f"warning: {warning}")
    for line in session.explained:
        say(f"analysed again: {line}")
    if arguments.explain_cache and not session.explained:
        say("nothing was analysed again")
    if arguments.stats:
        stats = report.stats
        say(
            f"functions analysed {stats.functions_analysed}, reused {stats.functions_reused}; "
            f"header regions scanned {stats.regions_scanned}, reused {stats.regions_reused}; {stats.elapsed_ms} ms"
        )
    return status_of(report)


def _write(path: str, data: bytes) -> None:
    write_whole(path, data)


def _names(given: str | None, option: str) -> tuple[str, ...]:
    if given is None:
        return ()
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    if not names:
        raise InputError(f"{option} names nothing; give names separated by commas")
    return names
