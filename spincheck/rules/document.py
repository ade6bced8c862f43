"""The rules' documentation, made from the rules: `spincheck explain`, docs/rules/*.md and the comparison with Microsoft's pages.

``python -m spincheck.rules.document [DIRECTORY]`` writes the pages; a test holds that they are up to date. A page is named like the rule's
module and not like the rule, because `Spinlock` and `SpinLock` are one file where upper and lower case do not count.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spincheck.rules import registry
from spincheck.rules.rule import Expect, Rule

PAGES = "https://learn.microsoft.com/windows-hardware/drivers/devtest/"
MODELS = {
    "kmdf": "KMDF",
    "wdm": "WDM",
    "ndis": "NDIS",
    "storport": "Storport",
    "posix": "POSIX threads",
    "linux": "Linux",
}


def page_name(rule: type[Rule]) -> str:
    """Return the file name of the rule's page."""
    return rule.__module__.rpartition(".")[2].replace("_", "-") + ".md"


def models(rule: type[Rule]) -> str:
    """Return the driver models of a rule as people write them."""
    return ", ".join(MODELS[model] for model in rule.models)


def default(rule: type[Rule]) -> str:
    """Return the rule's severity unless configured otherwise."""
    return rule.severity if rule.enabled else "off"


def explain(rule: type[Rule]) -> str:
    """Return the rule's explanation for a terminal."""
    parts = [f"{rule.name}: {rule.title}", f"{models(rule)}; default: {default(rule)}", "", rule.meaning()]
    if rule.microsoft:
        parts += ["", "Microsoft's rule: " + rule.microsoft]
        parts += [f"  {PAGES}{page}" for page in rule.pages]
    if rule.differs:
        parts += ["", "What spincheck does: " + rule.differs]
    for text in rule.valid:
        parts += ["", "Right:", "", _indented(text)]
    for example in rule.invalid:
        marks = {expected.line: expected.rule for expected in example.expect}
        parts += ["", "Wrong:", "", _indented(_marked(example.text, marks))]
    return "\n".join(parts).rstrip()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip().splitlines())


def _marked(text: str, marks: dict[int, str]) -> str:
    lines = text.rstrip().splitlines()
    return "\n".join(
        f"{line}  // {marks[number]}" if number in marks else line for number, line in enumerate(lines, 1)
    )


def page(rule: type[Rule]) -> str:
    """Return the rule's page as Markdown."""
    parts = [
        f"# {rule.name}",
        "",
        f"*{rule.title}*",
        "",
        f"Driver models: {models(rule)}. Default: {default(rule)}.",
    ]
    if rule.family != "windows":
        parts += ["", f"Only with the lock tables `{rule.family}` (`--locks {rule.family}`)."]
    parts += ["", rule.meaning()]
    if rule.pages:
        links = ", ".join(f"[{name}]({PAGES}{name})" for name in rule.pages)
        parts += ["", "## Microsoft's rule", "", rule.microsoft, "", f"DDI compliance: {links}."]
    if rule.differs:
        parts += ["", "## What spincheck does", "", rule.differs]
    if rule.configuration:
        parts += [
            "",
            "The examples are checked with this `spincheck.toml`:",
            "",
            "```toml",
            rule.configuration.rstrip(),
            "```",
        ]
    for title, texts in (
        ("Right", rule.valid),
        ("Wrong", tuple(_wrong(example.text, example.expect) for example in rule.invalid)),
    ):
        if texts:
            parts += ["", f"## {title}"]
            for text in texts:
                parts += ["", "```c", text.rstrip(), "```"]
    return "\n".join(parts) + "\n"

NOT_HERE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("wdm-removelockforward", "wdm-removelockforward2", "wdm-removelockforwardread", "wdm-removelockforwardread2", "wdm-removelockforwardwrite",
         "wdm-removelockforwardwrite2", "wdm-removelockforwarddevicecontrol", "wdm-removelockforwarddevicecontrol2",
         "wdm-removelockforwarddevicecontrolinternal", "wdm-removelockforwarddevicecontrolinternal2"),
        "The remove lock is used correctly where the IRP is forwarded.",
        "An IRP that was passed on is somebody else's: its lock is not followed any further, see RemoveLock.",
    ),
    (
        ("wdm-removelockcheck", "wdm-removelockmnremove", "wdm-removelockmnremove2", "wdm-removelockmnsurpriseremove", "wdm-removelockquerymnremove",
         "wdm-nsremovelockmnremove", "wdm-nsremovelockmnsurpriseremove", "wdm-nsremovelockquerymnremove"),
        "The remove lock is used as the removal of a device asks.",
        "RemoveLock looks at these IRPs like at all others; what else the removal protocol asks is not checked.",
    ),
    (
        ("wdm-ioreleaseremovelockandwaitoutsideremovedevice",),
        "IoReleaseRemoveLockAndWait is called only for IRP_MN_REMOVE_DEVICE.",
        "Not told: drivers run down other things than devices with it, Microsoft's own samples an open file.",
    ),
    (("wdm-multremovelock",), "A driver has one remove lock only.", "Not told, for the same reason."),
    (
        ("wdm-irqlkeraiselower", "wdm-irqlkeraiselower2"),
        "KeRaiseIrql does not lower, and KeLowerIrql comes after a raise.",
        "IrqlReturn tells a raise that is not taken back. Which level an IRQL is, is not followed.",
    ),
    (
        ("wdm-irqlkesetevent", "wdm-irqlkewaitformultipleobjects", "wdm-irqlkewaitformutexobject", "wdm-irqlkeapclte1", "wdm-irqlkeapclte2",
         "wdm-irqlkedispatchlte"),
        "Ke... calls are made at or below the IRQL that each is for.",
        "Only while a spin lock is held (WaitWhileSpinlock, PassiveWhileSpinlock); a raised IRQL by itself is not looked at.",
    ),
)  # fmt: skip
"""Microsoft's rules about locks and the IRQL that no rule here stands for: pages, what they ask, and why not."""


def _wrong(text: str, expect: tuple[Expect, ...]) -> str:
    return _marked(text, {expected.line: expected.rule for expected in expect})


def index() -> str:
    """Return the list of all rules with what Microsoft's pages say and what spincheck does, as Markdown."""
    parts = [
        "# Rules",
        "",
        "One defect is one diagnostic: it carries the name of the first rule that it breaks and lists the others.",
        "`spincheck explain RULE` prints a rule's page; `[tool.spincheck]` selects, ignores and changes the severity of rules.",
        "",
        "| rule | models | default | what it asks |",
        "|---|---|---|---|",
    ]
    rules = registry.all_rules()
    parts += [
        f"| [{rule.name}]({page_name(rule)}) | {models(rule)} | {default(rule)} | {rule.title} |"
        for rule in rules
    ]
    parts += [
        "",
        "## Beside Microsoft's rules",
        "",
        "| rule | Microsoft's page says | spincheck does |",
        "|---|---|---|",
    ]
    for rule in rules:
        if rule.family == "windows":
            links = ", ".join(f"[{name}]({PAGES}{name})" for name in rule.pages)
            said = f"{rule.microsoft} ({links})" if rule.pages else "no rule"
            parts.append(f"| {rule.name} | {said} | {rule.differs} |")
    parts += ["", "## Microsoft's rules that none of these stands for", "", "| pages | Microsoft's page says | spincheck does |", "|---|---|---|"]
    for names, asked, why in NOT_HERE:
        parts.append(f"| {', '.join(f'[{name}]({PAGES}{name})' for name in names)} | {asked} | {why} |")
    return "\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Return every file of the documentation, by name."""
    return {"index.md": index(), **{page_name(rule): page(rule) for rule in registry.all_rules()}}


def write(directory: Path) -> None:
    """Write every page into ``directory`` and remove pages of rules that are gone."""
    directory.mkdir(parents=True, exist_ok=True)
    current = pages()
    for name, text in current.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    for path in sorted(directory.glob("*.md")):
        if path.name not in current:
            path.unlink()


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "rules")
