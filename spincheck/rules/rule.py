"""What a rule is: a name for some defects of some locks, its documentation, and examples that the tests run.

Owns `Rule`, `Match` and the examples' types. A rule never looks at code: the analysis has found a defect, and a rule says whether that
is its business. So one defect may break several rules (Microsoft's overlap on purpose) and is still one diagnostic.
The documentation is made from the class, so that what `spincheck explain` prints is what the tests ran.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import msgspec

from spincheck.analysis.findings import Defect, Finding
from spincheck.diagnostics import Severity

PRIMARY, FIRST, SECOND, EXTRA = 0, 10, 20, 50
"""Ranks of a match: the lowest of those that match gives the diagnostic its name."""

DOUBLE: tuple[Defect, ...] = ("acquired-twice",)
UNHELD: tuple[Defect, ...] = ("released-unheld",)
END: tuple[Defect, ...] = ("held-at-exit", "not-held-at-exit")
BALANCE: tuple[Defect, ...] = (*DOUBLE, *UNHELD, *END)
IRQL: tuple[Defect, ...] = ("wrong-irql", "irql-overwritten", "irql-uninitialised")
CONTRACT: tuple[Defect, ...] = ("inconsistent-exit", "failure-holds", "needs-and-leaves", "never-taken", "never-given-back")

Family = Literal["windows", "posix", "linux"]

DPC_ROLES = r"EVT_WDF_(DPC|TIMER|INTERRUPT_DPC)|KDEFERRED_ROUTINE|IO_DPC_ROUTINE|IO_TIMER_ROUTINE|HW_DPC_ROUTINE|\w*TIMER_FUNCTION"
"""Role types of callbacks that run at DISPATCH_LEVEL as deferred procedure calls."""

DPC_CALLS = r"\w*(DpcLevel|ForDpc)"
"""Lock operations at DPC level."""


class Match(msgspec.Struct, frozen=True):
    """Which findings a rule is about: every condition that is given must hold.

    ``kinds``: lock kinds of the tables, empty for any. ``models``: driver models, empty for any; a unit whose model is not known
    counts as KMDF. ``roles`` and ``operations``: regular expressions for the entry's role type and for any of the operations; when both are
    given one of them is enough. ``hinted``: a row of the tables must name this rule for the called function.
    """

    defects: tuple[Defect, ...]
    kinds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    rank: int = FIRST
    roles: str = ""
    operations: str = ""
    hinted: bool = False

    def fits(self, finding: Finding, hints: frozenset[str], name: str) -> bool:
        """Whether the finding fulfils every condition."""
        model = finding.model if finding.model in {"wdm", "ndis", "storport"} else "kmdf"
        if finding.defect not in self.defects or (self.kinds and finding.kind not in self.kinds):
            return False
        if (self.models and model not in self.models) or (self.hinted and name not in hints):
            return False
        if self.roles or self.operations:
            by_role = bool(self.roles) and re.fullmatch(self.roles, finding.role) is not None
            by_call = bool(self.operations) and any(
                re.fullmatch(self.operations, call) for call in finding.operations
            )
            return by_role or by_call
        return True


class Expect(msgspec.Struct, frozen=True):
    """One diagnostic that an example must give: its line (the example's first is 1) and a rule that it lists."""

    line: int
    rule: str


class Invalid(msgspec.Struct, frozen=True):
    """C text that breaks the rule; exactly the expected diagnostics, no others."""

    text: str
    expect: tuple[Expect, ...]


class Rule:
    """Base of all rules; a rule's docstring is its meaning.

    ``models`` are the driver models whose drivers are told. ``severity`` is the most that a diagnostic of it is: a finding in doubt stays a
    warning. ``enabled``: told unless asked otherwise. ``pages`` are Microsoft's DDI compliance pages that the rule stands for (name of
    the page below learn.microsoft.com/windows-hardware/drivers/devtest/), empty for a rule of our own; ``microsoft`` says what these
    pages ask, ``differs`` what this rule does otherwise and why. ``fallback``: only for findings that no other rule wants.
    ``configuration`` is the text of a spincheck.toml that the examples are checked with.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    models: ClassVar[tuple[str, ...]]
    family: ClassVar[Family] = "windows"
    severity: ClassVar[Severity] = "error"
    enabled: ClassVar[bool] = True
    pages: ClassVar[tuple[str, ...]] = ()
    microsoft: ClassVar[str] = ""
    differs: ClassVar[str] = ""
    matches: ClassVar[tuple[Match, ...]]
    fallback: ClassVar[bool] = False
    configuration: ClassVar[str] = ""
    valid: ClassVar[tuple[str, ...]]
    invalid: ClassVar[tuple[Invalid, ...]]

    @classmethod
    def rank(cls, finding: Finding, hints: frozenset[str]) -> int | None:
        """Return how much this rule is meant by ``finding`` (lower is more), or None when it is not.

        ``hints`` are the rules that the tables' rows name for the called function.
        """
        ranks = [match.rank for match in cls.matches if match.fits(finding, hints, cls.name)]
        return min(ranks) if ranks else None

    @classmethod
    def meaning(cls) -> str:
        """Return the docstring, one line for each of its paragraphs."""
        paragraphs = re.split(r"\n\s*\n", (cls.__doc__ or "").strip())
        return "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)
