"""The command line: commands, options and what is written where.

Owns the user's side of a check. Reports go to standard output or ``-o``; everything about the run itself (warnings, ``--stats``) goes to
standard error, so that the report is the same bytes in every run. Exit status: 0 when there is no error to report (warnings alone do
not fail a build), 1 when there is, 2 for wrong usage or input that cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from spincheck import __version__
from spincheck.cli.errors import did_you_mean, guarded

FORMATS = ("text", "json", "sarif", "github", "html")
EPILOG = """\b
Examples:
  spincheck check build/*.i
  spincheck check --compdb compile_commands.json --format sarif -o spincheck.sarif
  spincheck check --cc 'x86_64-w64-mingw32-gcc -Iinclude' src/*.c
  spincheck explain SpinlockRelease
"""

CHECK_EPILOG = """\b
Examples:
  spincheck check build/*.i
  spincheck check --cc 'x86_64-w64-mingw32-gcc -Iinclude' src/*.c
  spincheck check --compdb compile_commands.json --format html -o report.html
  spincheck check --baseline known.json --rules SpinlockRelease build/*.i
"""
SHOW_EPILOG = """\b
Examples:
  spincheck show build/driver.sys.spincheck.json
  spincheck show build/driver.sys.spincheck.json --format sarif -o driver.sarif
"""
BASELINE_EPILOG = """\b
Examples:
  spincheck baseline build/*.i -o known.json
  spincheck check build/*.i --baseline known.json
"""
LOG_EPILOG = """\b
Examples:
  spincheck log --last 3
  spincheck log --format markdown >> $GITHUB_STEP_SUMMARY
"""

Command = TypeVar("Command", bound=Callable[..., Any])


class Commands(click.Group):
    """A group that proposes the nearest command for a mistyped one, and lists commands in the order they are written here."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group.resolve_command`."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(
                f"no command {args[0]!r}{did_you_mean(args[0], self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the commands in the order of their definition."""
        return list(self.commands)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status and raise nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name in the source may not exist in the terminal's encoding
            stream.reconfigure(errors="backslashreplace")
    return guarded(lambda: int(spincheck.main(arguments, prog_name="spincheck", standalone_mode=False) or 0))


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="spincheck", message="%(prog)s %(version)s")
def spincheck() -> None:
    """Find Windows driver callbacks that can return holding a spin lock.

    Exit status: 0 nothing to report (or warnings only), 1 violations, 2 wrong usage or input that cannot be read.
    """


def analysis_options(command: Command) -> Command:
    """Add the options that every command with an analysis has."""
    for option in (
        click.option(
            "--config",
            metavar="PATH",
            help="Configuration file. Default: spincheck.toml or pyproject.toml, upwards.",
        ),
        click.option(
            "--locks", metavar="A,B", help="Families of lock tables: windows (default), posix, linux."
        ),
        click.option("--rules", metavar="A,B", help="Only these rules; spincheck rules lists them."),
        click.option(
            "--reason-required", is_flag=True, help="Tell suppressions that give no reason."
        ),
        click.option("--no-cache", is_flag=True, help="Neither read nor write a cache."),
        click.option(
            "--cache",
            metavar="PATH",
            help="The cache. Default: $SPINCHECK_CACHE, else .spincheck/cache.sqlite.",
        ),
    ):
        command = option(command)
    return command


def told_options(command: Command) -> Command:
    """Add the options that say how much is told."""
    for option in (
        click.option(
            "--explain-cache",
            is_flag=True,
            help="Say on standard error why each function was analysed again.",
        ),
        click.option(
            "--stats", is_flag=True, help="Say on standard error what was analysed and what was reused."
        ),
        click.option("-v", "--verbose", is_flag=True, help="List what was not analysed as written."),
        click.option("-q", "--quiet", is_flag=True, help="Only diagnostics, no summary."),
    ):
        command = option(command)
    return command


jobs_option = click.option(
    "-j", "--jobs", type=click.IntRange(min=0), default=0, metavar="N", help="Processes. Default: all processors."
)


def input_options(command: Command) -> Command:
    """Add the options that say where preprocessed text comes from."""
    for option in (
        jobs_option,
        click.option(
            "--dask",
            metavar="ADDRESS",
            help="Let the workers of this Dask scheduler read the files, for example tcp://host:8786.",
        ),
        click.option("--cc", metavar="CC", help="Preprocess .c files with this compiler and these flags."),
        click.option(
            "--compdb",
            metavar="PATH",
            help="Preprocess the C files of a compile_commands.json (or FILE... among them).",
        ),
    ):
        command = option(command)
    return click.argument("files", nargs=-1, metavar="FILE...")(command)


def form_options(command: Command) -> Command:
    """Add the options that say how a report looks and where it goes."""
    for option in (
        click.option(
            "--color",
            "--colour",
            type=click.Choice(("auto", "always", "never")),
            default="auto",
            show_default=True,
            help="Colour and source excerpts in text; auto: in a terminal.",
        ),
        click.option("-o", "--output", metavar="PATH", help="Write the report there and not to standard output, which is -."),
        click.option(
            "--format",
            "format_name",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="Form of the report.",
        ),
    ):
        command = option(command)
    return command


@spincheck.command(epilog=CHECK_EPILOG)
@input_options
@form_options
@click.option(
    "--baseline",
    metavar="PATH",
    help="Tell only what is not in this file, and what has gone from it; see spincheck baseline.",
)
@click.option("--no-suppressed", is_flag=True, help="Leave suppressed violations out of SARIF and HTML.")
@analysis_options
@told_options
def check(
    format_name: str,
    output: str | None,
    color: str,
    baseline: str | None,
    *,
    no_suppressed: bool,
    **arguments: Any,
) -> int:
    """Check preprocessed files (.i) together as one driver.

    With --cc or --compdb, C files: they are preprocessed first. A FILE named - is standard input. Violations on
    lines with a comment "// spincheck: ignore[RULE] reason", or behind #pragma prefast(suppress: RULE, "reason"),
    are not told.
    """
    from spincheck.cli import report as reports  # noqa: PLC0415 -- spincheck --help and --version need none of it
    from spincheck.cli import run as runs  # noqa: PLC0415 -- spincheck --help and --version need none of it

    form = reports.Form(format_name, output, color, suppressed=not no_suppressed)
    return runs.check(runs.Arguments(**arguments), form, baseline)


@spincheck.command(epilog=SHOW_EPILOG)
@click.argument("report", metavar="REPORT.json")
@form_options
@click.option("--cache", metavar="PATH", help="The cache whose history of builds an HTML page shows.")
@click.option("-v", "--verbose", is_flag=True, help="List what was not analysed as written.")
@click.option("-q", "--quiet", is_flag=True, help="Only diagnostics, no summary.")
def show(
    report: str, format_name: str, output: str | None, color: str, cache: str | None, *, verbose: bool, quiet: bool
) -> int:
    """Show a JSON report again in another form, without analysing.

    The build of a driver writes one: DRIVER.spincheck.json. The exit status is that of the check.
    """
    from spincheck.cli import report as reports  # noqa: PLC0415
    from spincheck.driver.settings import default_cache  # noqa: PLC0415

    form = reports.Form(format_name, output, color)
    return reports.show(report, form, quiet=quiet, verbose=verbose, cache=cache or default_cache())


@spincheck.command()
@click.argument("file", metavar="FILE.i")
@click.option("-o", "--output", required=True, metavar="OUT", help="The unit file for spincheck link.")
@analysis_options
@told_options
def unit(file: str, output: str, **arguments: Any) -> int:
    """Check one translation unit: the compile step of a build."""
    from spincheck.cli import run as runs  # noqa: PLC0415

    return runs.unit(runs.Arguments(files=(file,), **arguments), output)


@spincheck.command()
@click.argument("files", nargs=-1, required=True, metavar="UNIT...")
@click.option("-o", "--output", required=True, metavar="OUT", help="The JSON report of the driver.")
@jobs_option
@analysis_options
@told_options
def link(files: tuple[str, ...], output: str, **arguments: Any) -> int:
    """Check the units of one driver together: the link step of a build."""
    from spincheck.cli import run as runs  # noqa: PLC0415

    return runs.link(runs.Arguments(files=files, **arguments), output)


@spincheck.command(epilog=BASELINE_EPILOG)
@input_options
@click.option("-o", "--output", required=True, metavar="PATH", help="The baseline file.")
@analysis_options
@told_options
def baseline(output: str, **arguments: Any) -> int:
    """Write what check reports today to a file of known violations."""
    from spincheck.cli import run as runs  # noqa: PLC0415

    return runs.baseline(runs.Arguments(**arguments), output)


@spincheck.command(epilog=LOG_EPILOG)
@click.option(
    "--last", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="How many builds."
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("text", "json", "markdown")),
    default="text",
    show_default=True,
    help="Form of the history.",
)
@click.option("--cache", metavar="PATH", help="The cache that keeps the history.")
def log(last: int, format_name: str, cache: str | None) -> int:
    """Show the history of builds and what changed between them."""
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.log(cache, last, format_name)


@spincheck.command()
def rules() -> int:
    """List the rules: name, driver models, severity unless configured otherwise, and what it asks."""
    from spincheck.cli import rules as texts  # noqa: PLC0415

    return texts.listed()


@spincheck.command()
@click.argument("rule")
def explain(rule: str) -> int:
    """Explain a rule, with examples."""
    from spincheck.cli import rules as texts  # noqa: PLC0415

    return texts.explained(rule)


@spincheck.group(cls=Commands)
def cache() -> None:
    """Look after the cache."""


def _cache_option(command: Command) -> Command:
    return click.option(
        "--cache", metavar="PATH", help="The cache. Default: $SPINCHECK_CACHE, else .spincheck/cache.sqlite."
    )(command)


@cache.command()
@_cache_option
def stats(cache: str | None) -> int:
    """Tell what is in it."""
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.stats(cache)


@cache.command()
@_cache_option
@click.option("--repair", is_flag=True, help="Delete damaged entries.")
def verify(cache: str | None, *, repair: bool) -> int:
    """Look for damage; exit status 1 when there is any."""
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.verify(cache, repair=repair)


@cache.command()
@_cache_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="MB",
    help="Megabytes to stay below. Default: $SPINCHECK_CACHE_LIMIT, else 1024.",
)
def gc(cache: str | None, limit: int | None) -> int:
    """Delete what was not used for the longest time, down to a size."""
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.collect(cache, limit)


@cache.command()
@click.argument("place", metavar="DIRECTORY|URL")
@_cache_option
def push(cache: str | None, place: str) -> int:
    """Write what a shared place lacks: a directory, or a URL that fsspec knows.

    With $SPINCHECK_CACHE_SECRET entries are signed. Checks read from the place that $SPINCHECK_SHARED_CACHE names.
    """
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.push(cache, place)


@cache.command()
@click.argument("place", metavar="DIRECTORY|URL")
@_cache_option
def pull(cache: str | None, place: str) -> int:
    """Read all that a shared place has into this cache; exit status 1 when an entry is refused.

    With $SPINCHECK_CACHE_SECRET only entries signed with it are taken.
    """
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.pull(cache, place)


@cache.command()
@_cache_option
def clear(cache: str | None) -> int:
    """Delete every entry; the history of builds stays."""
    from spincheck.cli import cache as caches  # noqa: PLC0415

    return caches.clear(cache)


@spincheck.command()
def worker() -> int:
    """Serve a build system over standard input and output."""
    from spincheck.worker import serve_standard_streams  # noqa: PLC0415

    return serve_standard_streams()
