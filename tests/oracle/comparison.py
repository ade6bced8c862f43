"""The analyser's verdict of a program beside that of brute force.

What must agree: every first violation of a path is told, on one of the lines where it can be told, and nothing is told that no path
does. A lock that is forgotten on every way out is told once, so a leak also counts as told when another way out is told with the same
acquire. A helper that breaks alternation by itself may be told although no caller takes it there. A program whose verdict the
analyser itself calls imprecise may miss, never lie. Brute force runs one thread: a path on which another one changes a field, and
says so, is none of its paths.
"""

from __future__ import annotations

from typing import NamedTuple

from spincheck.analysis.revival import BY_ANOTHER
from spincheck.diagnostics import Diagnostic, Report
from spincheck.driver.inputs import Input
from spincheck.driver.session import Session
from spincheck.driver.settings import Options

from .enumerator import DOMAINS, WIDE_DOMAINS, Enumerator, InvalidError, TooLargeError, Verdict, Violation
from .printer import FILE, Written
from .program import Program

PATHS = 4000
TURNS = 3

_KINDS = (
    ("is still held when", "held"),
    ("is held on one way out", "held"),
    ("is acquired while already held", "double"),
    ("is released while not held", "unheld"),
    ("IRQL", "irql"),
)


BESIDE = frozenset(("LockOrder",))
"""Rules that are about something else than balance, on which brute force has no opinion."""


class Told(NamedTuple):
    """One diagnostic of the analyser; ``acquired`` is the line in the callback where its trace takes the lock, 0 if not shown.

    ``sure``: an error; a warning says itself that it could not be decided. ``threads``: its path says that another thread has a part in it.
    """

    what: str
    line: int
    lock: str
    function: str
    acquired: int
    sure: bool
    threads: bool = False


class Mismatch(NamedTuple):
    """How the two verdicts differ."""

    missed: tuple[Violation, ...]
    wrong: tuple[Told, ...]
    gaps: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether they differ."""
        return bool(self.missed or self.wrong or self.gaps)


class Comparer:
    """Compares programs, with one session of the analyser for all, so that the header is read once."""

    def __init__(self) -> None:
        self._session = Session(Options())

    def report(self, program: Program) -> Report:
        """Return what the analyser says."""
        text = Written(program).text
        return self._session.check([Input(FILE, text.encode())], target=FILE, world="closed", record=False)

    def compare(self, program: Program) -> Mismatch | None:
        """Return the difference, falsy when there is none; None when the program has too many paths or is invalid."""
        try:
            verdict = Enumerator(program, DOMAINS, TURNS).run(PATHS)
        except (InvalidError, TooLargeError):
            return None
        report = self.report(program)
        mismatch = difference(verdict, report)
        if mismatch:
            try:
                wide = Enumerator(program, WIDE_DOMAINS, TURNS + 2).run(PATHS * 10)
            except InvalidError:
                return None
            except TooLargeError:
                return None
            mismatch = difference(wide, report)
            if mismatch.wrong and wide.cut:
                mismatch = mismatch._replace(wrong=_still_wrong(program, report, mismatch))
        if mismatch.wrong:
            mismatch = mismatch._replace(wrong=tuple(one for one in mismatch.wrong if not _by_itself(program, one)))
        return mismatch


def _still_wrong(program: Program, report: Report, mismatch: Mismatch) -> tuple[Told, ...]:
    """What is wrong even if recursions end where they were given up: the analyser cannot know that one never does."""
    try:
        ended = Enumerator(program, WIDE_DOMAINS, TURNS + 2, deep_calls_end=True).run(PATHS * 10)
    except (InvalidError, TooLargeError):
        return ()
    return tuple(one for one in mismatch.wrong if one in difference(ended, report).wrong)


def _by_itself(program: Program, told: Told) -> bool:
    """Whether a helper breaks alternation by itself, for arguments that nobody may pass it: that is told too."""
    if told.function == "Entry" or told.what not in {"double", "unheld"}:
        return False
    try:
        alone = Enumerator(program, DOMAINS, TURNS, start=told.function).run(PATHS)
    except (InvalidError, TooLargeError):
        return False
    return any(_is_true(told, violation) for violation in alone.all)


def difference(verdict: Verdict, report: Report) -> Mismatch:
    """Return how a report differs from brute force."""
    told = [_told(diagnostic) for diagnostic in report.diagnostics if diagnostic.rule not in BESIDE]
    missed = [violation for violation in verdict.first if not any(_tells(one, violation, verdict) for one in told)]
    wrong = [one for one in told if one.sure and not one.threads and not any(_is_true(one, violation) for violation in verdict.all)]
    gaps = [gap.reason for gap in (*report.coverage.recovered, *report.coverage.unanalysed)]
    if report.coverage.imprecise:
        missed = []
    return Mismatch(tuple(sorted(missed)), tuple(sorted(wrong)), tuple(gaps))


def _told(diagnostic: Diagnostic) -> Told:
    what = next((kind for words, kind in _KINDS if words in diagnostic.message), diagnostic.message)
    acquired = 0
    for step in diagnostic.trace:
        if step.kind in {"acquire", "call"} and step.depth == 0:
            acquired = step.line
            break
    threads = any(step.message.endswith(BY_ANOTHER) for step in diagnostic.trace)
    return Told(what, diagnostic.line, diagnostic.lock, diagnostic.function, acquired, diagnostic.severity == "error", threads)


def _tells(told: Told, violation: Violation, verdict: Verdict) -> bool:
    if told.what != violation.what:
        return False
    if told.line in violation.lines:
        return True
    if told.what != "held":
        return False
    if told.function != "Entry":
        return True  # told in the helper that made it
    same = {other.acquired for other in verdict.all if other.what == "held" and other.lock == violation.lock}
    return violation.acquired not in verdict.returned and told.acquired in same


def _is_true(told: Told, violation: Violation) -> bool:
    if told.what != violation.what:
        return False
    return told.line in violation.lines or (told.what == "held" and told.function != "Entry")
