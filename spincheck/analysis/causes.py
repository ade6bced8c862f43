"""Findings of a whole program that have one cause.

Owns which of them are told. What follows from a lock that was forgotten is not told beside it (`spincheck.analysis.consequences`). And a helper that gives back a
lock which none of its callers ever takes has a defect of its own: it is told once, at that release, and not at each of its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from spincheck.analysis.consequences import FORGOTTEN
from spincheck.analysis.findings import Finding, FunctionRef, Step
from spincheck.analysis.summaries import NOWHERE, LocalFinding


class Told(NamedTuple):
    """A finding and where it comes from: each function on the way to where it was made, with its own view of it. ``released`` is the lock's name at ``step``, a callee's release."""

    finding: Finding
    chain: tuple[tuple[FunctionRef, LocalFinding], ...]
    step: Step | None = None
    released: str = ""


def without_consequences(told: Iterable[Told]) -> list[Told]:
    """Leave out what follows from a lock that is told to be forgotten, in any function that it was forgotten by or left held for."""
    told = list(told)
    forgotten = {
        (function, local.held, local.kind) for one in told if one.finding.defect in FORGOTTEN for function, local in one.chain if local.held != NOWHERE
    }
    return [one for one in told if not (one.chain[0][1].follows and (one.chain[0][0], one.chain[0][1].held, one.chain[0][1].kind) in forgotten)]


def made_once(told: Iterable[Told], is_taken_by_callers: Callable[[FunctionRef, str], bool], at_release: Callable[[Told], Finding]) -> list[Finding]:
    """Tell a release that no caller has taken the lock for where it is, if several callers would have to be told, and it is none of theirs itself (a recursion).

    ``is_taken_by_callers``: whether some caller of a function takes locks of that kind like those that the function gives back.
    """
    told = list(told)
    groups: dict[tuple[FunctionRef, int, str], list[Told]] = {}
    for one in told:
        if one.step is not None:
            groups.setdefault((one.step.function, one.step.at, one.finding.kind), []).append(one)
    moved = {
        key: group
        for key, group in groups.items()
        if len({(one.finding.function, one.finding.at) for one in group}) > 1
        and all(one.finding.function != key[0] for one in group)
        and not is_taken_by_callers(key[0], key[2])
    }
    findings = []
    done = set()
    for one in told:
        key = (one.step.function, one.step.at, one.finding.kind) if one.step is not None else None
        if key is None or key not in moved:
            findings.append(one.finding)
        elif key not in done:
            done.add(key)
            findings.append(at_release(min(moved[key], key=lambda other: (other.finding.severity != "error", other.finding.function, other.finding.at))))
    return findings
