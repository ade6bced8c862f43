"""How the command line ends: exit statuses, one-line messages, and never a traceback.

Owns `guarded`, which runs the commands and turns whatever happens into an exit status: 2 with ``spincheck: error:`` for wrong usage and input
that cannot be read, 130 for Ctrl-C, silence for a closed pipe, and for an error of spincheck itself one line that says how to
report it. ``SPINCHECK_DEBUG=1`` shows the traceback instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import click

from spincheck.driver.inputs import InputError
from spincheck.report.text import printable

USAGE = 2
INTERRUPTED = 130


def guarded(command: Callable[[], int]) -> int:
    """Run ``command`` and return the exit status of the process."""
    try:
        status = command()
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return USAGE
    except click.UsageError as error:
        where = f" (try {error.ctx.command_path} --help)" if error.ctx is not None else ""
        return fail(f"{error.format_message().rstrip('.')}{where}")
    except click.ClickException as error:
        return fail(error.format_message())
    except InputError as error:
        return fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return 1
    except OSError as error:
        # Whatever else is read or written says what it was; what is left is standard output on a full disk.
        if error.filename is not None or os.environ.get("SPINCHECK_DEBUG"):
            return fail_internally(error)
        _forget_output()
        return fail(f"standard output cannot be written: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 -- the last resort: no traceback ever reaches a user
        return fail_internally(error)
    return status


def _forget_output() -> None:
    """Nobody reads what is still to be written; the interpreter must not complain while flushing at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


def fail(message: str) -> int:
    """Say what is wrong with the usage or the input; return the exit status."""
    say(f"error: {message}")
    return USAGE


def fail_internally(error: BaseException) -> int:
    """Say that spincheck itself failed; return the exit status."""
    say(internal_message(error))
    return USAGE


def internal_message(error: BaseException) -> str:
    """Return what to tell a user about an error of spincheck itself, and show where it is when SPINCHECK_DEBUG is set."""
    if os.environ.get("SPINCHECK_DEBUG"):
        import traceback  # noqa: PLC0415 -- nearly never needed

        traceback.print_exception(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"error: internal error: {what}; please report it with the input (SPINCHECK_DEBUG=1 shows where)"


def say(message: str) -> None:
    """Write one message to standard error, without what could command a terminal; a closed one is nothing to fail over."""
    try:
        sys.stderr.write(f"spincheck: {printable(message, lines=True)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean X?`` when something known is close, ignoring case, else ""."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only a mistyped name needs it

    lowered = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"; did you mean {lowered[close[0]]}?" if close else ""
