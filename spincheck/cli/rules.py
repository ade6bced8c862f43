"""The commands about rules, and what reporters are told of them.

Owns the one rule that no analysis knows: `UnusedSuppression` is about comments, so it has no class among the rules, and yet is chosen,
configured, listed and explained like any other.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable

from spincheck.driver.inputs import InputError
from spincheck.driver.select import UNUSED
from spincheck.report.context import RuleHelp
from spincheck.rules import document, registry

WIDTH = 100
UNUSED_TITLE = "a suppression suppresses something, names a rule and gives its reason where that is required"
UNUSED_TEXT = f"""\
{UNUSED}: {UNUSED_TITLE}
all driver models; default: warning

A comment "// spincheck: ignore[RULE] reason" and a pragma "suppress: RULE" hide a violation on their line. One that hides nothing any more \
would hide the next defect on that line, one with a mistyped rule never worked, and one without a reason tells the next reader nothing.

Only a check of all files of a driver can say that a suppression hides nothing, so the check of one file is silent about that. Reasons are asked for with \
--reason-required.

Right:

    if (dev->Gone)
        return;  // spincheck: ignore[SpinlockRelease] the surprise-removal work item gives the lock back

Wrong:

    dev->Count++;  // spincheck: ignore[SpinlockRelease] nothing is held here"""


def listed() -> int:
    """Run ``spincheck rules``."""
    rows = [
        (rule.name, ",".join(rule.models), rule.severity if rule.enabled else "off", rule.title)
        for rule in registry.all_rules()
    ]
    rows.append((UNUSED, "any", "warning", UNUSED_TITLE))
    names, models = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, model, severity, title in rows:
        sys.stdout.write(f"{name:<{names}}  {model:<{models}}  {severity:<7}  {title}\n")
    return 0


def explained(name: str) -> int:
    """Run ``spincheck explain``."""
    if name.lower() == UNUSED.lower():
        text = UNUSED_TEXT
    else:
        try:
            text = document.explain(registry.find(name))
        except registry.UnknownRuleError as error:
            raise InputError(str(error)) from None
    for line in text.splitlines():
        # Code is indented and stays as it is written.
        sys.stdout.write(f"{line if line.startswith(' ') else textwrap.fill(line, WIDTH)}\n")
    return 0


def help_of(names: Iterable[str]) -> dict[str, RuleHelp]:
    """Return what is said of the named rules; a report from elsewhere may name rules that are not known here."""
    found = {}
    for name in sorted(set(names)):
        try:
            rule = registry.find(name)
        except registry.UnknownRuleError:
            if name == UNUSED:
                found[name] = RuleHelp(name, UNUSED_TITLE, UNUSED_TEXT, f"# {name}\n\n{UNUSED_TITLE}\n", "", "warning", ())
            continue
        url = document.PAGES + rule.pages[0] if rule.pages else ""
        found[name] = RuleHelp(
            name, rule.title, document.explain(rule), document.page(rule), url, rule.severity, tuple(rule.models)
        )
    return found
