"""Every option of every command is run, does what its help says, and is known to this page: a new one without a line here fails."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
import pytest
from conftest import CALLER, CLEAN, HELPER, LEAK, ODD, Ran, Runner

from spincheck.cli import docs, main

COMPILER = "import sys\nsys.stdout.write(open([n for n in sys.argv[1:] if n[0] != '-'][-1]).read())\n"
SUPPRESSED = LEAK.replace("return;", "return; // spincheck: ignore[SpinlockRelease]", 1)

Check = Callable[[Runner, Ran], bool]


def said(status: int, text: str) -> Check:
    return lambda _, ran: ran.status == status and text in ran.out + ran.err


def wrote(status: int, name: str, text: str) -> Check:
    return lambda run, ran: ran.status == status and text in (run.directory / name).read_text(encoding="utf-8")


def no_file(status: int, name: str) -> Check:
    return lambda run, ran: ran.status == status and not (run.directory / name).exists()


def both(*checks: Check) -> Check:
    return lambda run, ran: all(check(run, ran) for check in checks)


ANALYSING = ("check", "unit", "link", "baseline")
INPUT = {
    "check": ["check", "b.i"],
    "unit": ["unit", "b.i", "-o", "out"],
    "link": ["link", "b.spin", "-o", "out"],
    "baseline": ["baseline", "b.i", "-o", "out"],
}
STATUS = {"check": 1, "unit": 1, "link": 1, "baseline": 0}


def of_analysis(command: str) -> list[tuple[str, list[str], Check]]:
    """What every command that analyses has."""
    told = STATUS[command]
    given = INPUT[command]
    return [
        ("--cache", [*given, "--cache", "mine.sqlite"], lambda run, _: (run.directory / "mine.sqlite").is_file()),
        ("--no-cache", [*given, "--no-cache"], no_file(told, ".spincheck")),
        ("--rules", [*given, "--rules", "LockOrder"], lambda _, ran: ran.status == 0 and "SpinlockRelease" not in ran.out),
        ("--locks", [*given, "--locks", "beos"], said(2, "there are no lock tables `beos`")),
        ("--config", [*given, "--config", "quiet.toml"], lambda _, ran: ran.status == 0 and "SpinlockRelease" not in ran.out),
        ("--quiet", [*given, "-q"], lambda _, ran: ran.status == told and "1 function" not in ran.out + ran.err),
        ("--verbose", [*(one.replace("b.", "o.") for one in given), "-v"], said(0, "o.c:7: note: statement not read in OddDpc: ")),
        ("--stats", [*given, "--stats"], said(told, "spincheck: functions analysed")),
        ("--explain-cache", [*given, "--explain-cache"], said(told, "analysed again")),
    ]


def of_input(command: str) -> list[tuple[str, list[str], Check]]:
    """What check and baseline have."""
    output = ["-o", "out"] if command == "baseline" else []
    told = STATUS[command]
    return [
        ("--cc", [command, "--cc", "{cc}", "b.c", *output], lambda _, ran: ran.status == told),
        ("--compdb", [command, "--compdb", "compile_commands.json", *output], lambda _, ran: ran.status == told),
        ("--jobs", [command, "b.i", "-j", "2", *output], lambda _, ran: ran.status == told),
        ("--dask", [command, "b.i", "--dask", "nowhere", "--no-cache", *output], said(2, "--dask nowhere: no scheduler can be reached")),
    ]


def of_form(command: list[str]) -> list[tuple[str, list[str], Check]]:
    """What check and show have."""
    return [
        ("--format", [*command, "--format", "github"], said(1, "::error file=b.c,line=9")),
        ("--output", [*command, "--output", "told.txt"], wrote(1, "told.txt", "b.c:9:9: error")),
        ("--color", [*command, "--color", "always"], said(1, "\x1b[1;31merror")),
    ]


CASES: dict[str, list[tuple[str, list[str], Check]]] = {
    "spincheck": [("--version", ["--version"], said(0, "spincheck "))],
    "spincheck check": [
        *of_analysis("check"),
        *of_input("check"),
        *of_form(["check", "b.i"]),
        ("--baseline", ["check", "b.i", "--baseline", "known.json"], said(0, "1 known in known.json not told")),
        ("--no-suppressed", ["check", "s.i", "--format", "sarif", "--no-suppressed"], lambda _, ran: ran.status == 0 and "ruleId" not in ran.out),
        ("--reason-required", ["check", "s.i", "--reason-required"], said(0, "gives no reason")),
    ],
    "spincheck show": [
        *of_form(["show", "report.json"]),
        ("--cache", ["show", "report.json", "--format", "html", "--cache", "none.sqlite"], said(1, "No builds are recorded")),
        ("--verbose", ["show", "odd.json", "-v"], said(0, "o.c:7: note: statement not read in OddDpc: ")),
        ("--quiet", ["show", "report.json", "-q"], lambda _, ran: ran.status == 1 and "1 file" not in ran.out),
    ],
    "spincheck unit": [
        *of_analysis("unit"),
        ("--output", ["unit", "a.i", "--output", "unit"], lambda run, ran: ran.status == 0 and (run.directory / "unit").is_file()),
        ("--reason-required", ["unit", "s.i", "-o", "out", "--reason-required"], said(0, "gives no reason")),
    ],
    "spincheck link": [
        *of_analysis("link"),
        ("--jobs", ["link", "c.spin", "d.spin", "-o", "linked.json", "-j", "2"], wrote(1, "linked.json", '"TakeBoth"')),
        ("--output", ["link", "c.spin", "d.spin", "--output", "linked.json"], wrote(1, "linked.json", '"TakeBoth"')),
        ("--reason-required", ["link", "s.spin", "-o", "out", "--reason-required"], said(0, "gives no reason")),
    ],
    "spincheck baseline": [
        *of_analysis("baseline"),
        *of_input("baseline"),
        ("--output", ["baseline", "b.i", "--output", "new.json"], wrote(0, "new.json", '"LeakDpc"')),
        ("--reason-required", ["baseline", "s.i", "-o", "new.json", "--reason-required"], wrote(0, "new.json", '"UnusedSuppression"')),
    ],
    "spincheck log": [
        ("--last", ["log", "--last", "1"], lambda _, ran: len(ran.out.splitlines()) == 2),
        ("--format", ["log", "--format", "json"], lambda _, ran: len(json.loads(ran.out)["builds"]) > 1),
        ("--cache", ["log", "--cache", "none.sqlite"], said(0, "no builds recorded")),
    ],
    "spincheck rules": [("", ["rules"], said(0, "SpinlockRelease"))],
    "spincheck explain": [("", ["explain", "SpinlockRelease"], said(0, "Wrong:"))],
    "spincheck cache": [("", ["cache", "--help"], said(0, "Look after the cache"))],
    "spincheck cache stats": [("--cache", ["cache", "stats", "--cache", "none.sqlite"], said(0, "there is no cache yet"))],
    "spincheck cache verify": [
        ("--cache", ["cache", "verify", "--cache", "none.sqlite"], said(0, "there is no cache yet")),
        ("--repair", ["cache", "verify", "--repair"], said(0, "no damage")),
    ],
    "spincheck cache gc": [
        ("--cache", ["cache", "gc", "--cache", "none.sqlite"], said(0, "there is no cache yet")),
        ("--limit", ["cache", "gc", "--limit", "1"], said(0, "entries deleted")),
    ],
    "spincheck cache clear": [("--cache", ["cache", "clear", "--cache", "none.sqlite"], said(0, "there is no cache yet"))],
    "spincheck cache push": [("--cache", ["cache", "push", "shared", "--cache", "none.sqlite"], said(0, "there is no cache yet"))],
    "spincheck cache pull": [("--cache", ["cache", "pull", "shared", "--cache", "mine.sqlite"], said(0, "mine.sqlite: 0 entries read"))],
    "spincheck worker": [("", ["worker", "--help"], said(0, "Serve a build system"))],
}
HISTORY = {"spincheck log", "spincheck cache verify", "spincheck cache gc"}


def prepared(run: Runner, command: str) -> None:
    for name, source in (("a", CLEAN), ("b", LEAK), ("c", CALLER), ("d", HELPER), ("o", ODD), ("s", SUPPRESSED)):
        run.write(f"{name}.i", source)
        if command == "spincheck link":
            run("unit", f"{name}.i", "-o", f"{name}.spin", "--no-cache")
    (run.directory / "b.c").write_text((run.directory / "b.i").read_text().replace("// ", ""))
    (run.directory / "cc.py").write_text(COMPILER)
    entry = {"directory": str(run.directory), "file": "b.c", "arguments": [*compiler(run).split(), "b.c"]}
    (run.directory / "compile_commands.json").write_text(json.dumps([entry]))
    (run.directory / "quiet.toml").write_text('[severity]\nSpinlockRelease = "off"\nSpinlock = "off"\n')
    if command == "spincheck show":
        run("check", "b.i", "--format", "json", "-o", "report.json", "--no-cache")
        run("check", "o.i", "--format", "json", "-o", "odd.json", "--no-cache")
    if command == "spincheck check":
        run("baseline", "b.i", "-o", "known.json", "--no-cache")
    if command in HISTORY:
        run("check", "b.i")
        run("check", "a.i")


def compiler(run: Runner) -> str:
    import sys  # noqa: PLC0415

    return f"{sys.executable} {run.directory / 'cc.py'}"


@pytest.mark.parametrize(
    ("command", "arguments", "check"),
    [pytest.param(command, arguments, check, id=f"{command} {option}") for command, cases in CASES.items() for option, arguments, check in cases],
)
def test_option(run: Runner, command: str, arguments: list[str], check: Check):
    prepared(run, command)
    ran = run(*(compiler(run) if argument == "{cc}" else argument for argument in arguments))
    assert check(run, ran), ran


def test_every_option_is_here():
    known = {}
    for name, command in docs._every(main.spincheck, "spincheck"):
        options = {one for one in command.params if isinstance(one, click.Option)}
        known[name] = {max(one.opts, key=lambda form: (form == "--color", len(form))) for one in options} or {""}
    assert {name: {option for option, _, _ in cases} for name, cases in CASES.items()} == known
