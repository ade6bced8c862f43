"""Baselines: known violations by fingerprint, so that only new ones are told.

Owns the baseline file, a JSON list that people can read and merge. A fingerprint does not depend on lines or file names; rule, function and
file stand beside it for the reader only.
"""

from __future__ import annotations

import msgspec

from spincheck.diagnostics import Report
from spincheck.driver.inputs import InputError, read_bytes

BASELINE_VERSION = 1


class Known(msgspec.Struct, frozen=True):
    """One known violation."""

    fingerprint: str
    rule: str
    function: str
    file: str


class Baseline(msgspec.Struct, frozen=True):
    """The baseline file."""

    version: int
    known: tuple[Known, ...]


def make(report: Report) -> bytes:
    """Return the baseline file that knows every diagnostic of a report."""
    known = sorted(
        (Known(one.fingerprint, one.rule, one.function, one.file) for one in report.diagnostics),
        key=lambda one: (one.file, one.function, one.rule, one.fingerprint),
    )
    return (
        msgspec.json.format(msgspec.json.encode(Baseline(BASELINE_VERSION, tuple(known))), indent=1) + b"\n"
    )


def read(path: str) -> Baseline:
    """Read a baseline file; raises `InputError`."""
    try:
        baseline = msgspec.json.decode(read_bytes(path), type=Baseline)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is no baseline ({error}); make one with spincheck baseline FILE... -o {path}"
        ) from None
    if baseline.version != BASELINE_VERSION:
        raise InputError(
            f"{path}: baseline of version {baseline.version}, this spincheck reads {BASELINE_VERSION}; make it again"
        )
    return baseline


def without(
    report: Report, baseline: Baseline, rules: frozenset[str], files: frozenset[str]
) -> tuple[Report, int, tuple[Known, ...]]:
    """Return the report without known violations, how many these were, and the known ones that have gone.

    ``rules`` are those that were looked for and ``files`` those that were checked, as reports name them: of another rule or file, nothing can be said
    to have gone.
    """
    known = {one.fingerprint for one in baseline.known}
    present = {one.fingerprint for one in report.diagnostics}
    new = tuple(one for one in report.diagnostics if one.fingerprint not in known)
    gone = tuple(one for one in baseline.known if one.fingerprint not in present and one.rule in rules and one.file in files)
    return msgspec.structs.replace(report, diagnostics=new), len(report.diagnostics) - len(new), gone
