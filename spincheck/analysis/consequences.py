"""Findings of one function that say one thing more than once.

Owns which of several findings have one cause. A lock that is still held at the end was forgotten; that something is called then which a held lock forbids is
no defect of its own: it goes with the release that is missing. That is marked here, and left out where the program tells of the lock
(`spincheck.analysis.causes`). A second acquire may be the mistake itself, and is told. And one operation on a lock that a walk comes by in each turn is one
defect, by whatever names the turns have for the lock.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import msgspec

from spincheck.analysis.cfg import Graph
from spincheck.analysis.findings import Defect
from spincheck.analysis.summaries import NOWHERE, LocalFinding

FORGOTTEN: tuple[Defect, ...] = ("held-at-exit", "inconsistent-exit", "failure-holds")
"""Defects that a missing release is told as."""

_INDEX = re.compile(r"\[[^][]*\]")


def last_name(lock: str) -> str:
    """Return the last member of a lock's access path as messages spell it."""
    return re.split(r"->|\.", without_indices(lock))[-1]


def without_indices(lock: str) -> str:
    """Return an access path without what is between brackets."""
    while (shorter := _INDEX.sub("", lock)) != lock:
        lock = shorter
    return lock


def one_each(findings: Iterable[LocalFinding]) -> list[LocalFinding]:
    """Keep one of the findings that one operation gives about locks of one name; an error before a warning, and the shortest name."""
    kept: dict[tuple[str, int, str, str, int], LocalFinding] = {}
    for finding in findings:
        key = (finding.defect, finding.at, last_name(finding.lock), without_indices(finding.other), finding.held)
        known = kept.get(key)
        if known is None or _weight(finding) < _weight(known):
            kept[key] = finding
    return list(kept.values())


def _weight(finding: LocalFinding) -> tuple[bool, bool, int]:
    return finding.severity != "error", finding.unnamed, len(finding.lock)


def marked(findings: list[LocalFinding], graph: Graph, releases: Collection[int]) -> list[LocalFinding]:
    """Mark what only follows from its lock, if that was forgotten; ``releases`` are the points where locks are given back.

    A call under a lock follows from that only where no way on gives the lock back before it is taken anew: else it was meant to be under it.
    """

    def follows(finding: LocalFinding) -> bool:
        return finding.defect == "call-while-holding" and finding.held != NOWHERE and not _may_reach(graph, finding, releases)

    return [msgspec.structs.replace(finding, follows=True) if follows(finding) else finding for finding in findings]


def _may_reach(graph: Graph, finding: LocalFinding, wanted: Collection[int]) -> bool:
    """Whether some way from a finding comes to one of some points, and not by way of the acquire that it is about."""
    code = graph.function.code
    places = [getattr(instruction, "at", NOWHERE) for instruction in code]
    work = [pc for pc, at in enumerate(places) if at == finding.at]
    seen = set(work)
    while work:
        for target in graph.next[work.pop()]:
            if target in seen or places[target] == finding.held:
                continue
            if target in wanted:
                return True
            seen.add(target)
            work.append(target)
    return False
