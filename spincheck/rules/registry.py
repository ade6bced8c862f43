"""All rules, and which of them a finding breaks.

In: a finding. Out: the names of every rule that it breaks, the primary first, its severity and its message. The list below
is written out and not discovered: the set of rules is an interface, and a file that is forgotten is a test's failure, not a
rule that silently appears or goes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from spincheck.analysis.findings import Finding
from spincheck.diagnostics import Severity
from spincheck.locks import tables
from spincheck.locks.words import did_you_mean
from spincheck.rules.catalogue import RULES
from spincheck.rules.messages import message
from spincheck.rules.rule import Rule


class Description(NamedTuple):
    """What is said of a finding: ``rules`` (the primary one first), ``severity``, ``message``."""

    rules: tuple[str, ...]
    severity: Severity
    message: str


class UnknownRuleError(ValueError):
    """There is no rule of that name; the message says which one may have been meant."""


def all_rules() -> tuple[type[Rule], ...]:
    """Return every rule: Microsoft's by driver model, then our own, then those of the other worlds."""
    return RULES


@functools.cache
def _by_name() -> dict[str, type[Rule]]:
    return {rule.name: rule for rule in RULES}


def find(name: str) -> type[Rule]:
    """Return the rule called ``name``; upper and lower case count only where two names differ by nothing else.

    Raises `UnknownRuleError`.
    """
    rules = _by_name()
    if name in rules:
        return rules[name]
    alike = sorted(other for other in rules if other.lower() == name.lower())
    if len(alike) == 1:
        return rules[alike[0]]
    if alike:
        raise UnknownRuleError(
            f"rule `{name}` could be {' or '.join(f'`{other}`' for other in alike)}; write it exactly"
        )
    raise UnknownRuleError(
        f"there is no rule `{name}`{did_you_mean(name, rules)}; `spincheck rules` lists them all"
    )


def select(names: Iterable[str]) -> tuple[type[Rule], ...]:
    """Return the rules called ``names``, in the order of `all_rules`, each once. Raises `UnknownRuleError`."""
    chosen = {find(name).name for name in names}
    return tuple(rule for rule in RULES if rule.name in chosen)


def enabled() -> tuple[type[Rule], ...]:
    """Return the rules that are told unless asked otherwise."""
    return tuple(rule for rule in RULES if rule.enabled)


_HINTS: dict[str, dict[str, frozenset[str]]] = {}


def _hints(known: tables.Tables) -> dict[str, frozenset[str]]:
    """Return which rules the tables' rows name for a called function."""
    if known.digest not in _HINTS:
        hints: dict[str, set[str]] = {}
        for bans in known.forbidden.values():
            for ban in bans:
                hints.setdefault(ban.function, set()).add(ban.rule)
        for needs in known.required.values():
            for need in needs:
                hints.setdefault(need.function, set()).add(need.rule)
        _HINTS[known.digest] = {name: frozenset(rules) for name, rules in hints.items()}
    return _HINTS[known.digest]


def describe(finding: Finding, known: tables.Tables | None = None) -> Description:
    """Return every rule that ``finding`` breaks, whether enabled or not, with severity and message.

    The first rule is the primary one; the order depends on nothing but the finding. ``known`` are the run's own tables, for the
    nouns and hints of a user's rows.
    """
    table = _hints(known or tables.load(tables.families()))
    calls = [table[call] for call in (finding.other, *finding.operations[-1:]) if call in table]
    hints = frozenset[str]().union(*calls)
    ranked = [
        (rank, rule.name, rule)
        for rule in RULES
        if not rule.fallback and (rank := rule.rank(finding, hints)) is not None
    ]
    if not ranked:
        ranked = [
            (rank, rule.name, rule)
            for rule in RULES
            if rule.fallback and (rank := rule.rank(finding, hints)) is not None
        ]
    ranked.sort(key=lambda entry: entry[:2])
    severity: Severity = (
        "warning" if finding.severity == "warning" or ranked[0][2].severity == "warning" else "error"
    )
    return Description(tuple(name for _, name, _ in ranked), severity, message(finding, known))
