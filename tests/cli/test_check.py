"""``spincheck check`` and its relatives as a user runs them: output, exit status, and what is said about bad input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import CALLER, CLEAN, HELPER, LEAK, Runner, unit_text

CLEAN_LINE = "spincheck: 1 file, 1 function, nothing to report\n"


def test_a_clean_run_is_one_line(run: Runner):
    run.write("a.i", CLEAN)
    ran = run("check", "a.i")
    assert (ran.status, ran.out, ran.err) == (0, CLEAN_LINE, "")
    assert (run.directory / ".spincheck" / "cache.sqlite").is_file()
    ran = run("check", "a.i", "-q", "--no-cache")
    assert (ran.status, ran.out, ran.err) == (0, "", "")


def test_a_violation_with_its_path(run: Runner):
    run.write("b.i", LEAK)
    ran = run("check", "b.i")
    lines = ran.out.splitlines()
    assert ran.status == 1
    assert lines[0].startswith("b.c:9:9: error: ")
    assert lines[0].endswith("Spinlock, SpinlockRelease]") or "[SpinlockRelease" in lines[0]
    assert any(line.startswith("b.c:7:") and ": note: " in line for line in lines)
    assert lines[-1] == "spincheck: 1 file, 1 function, 1 error"


def test_a_process_does_the_same(run: Runner):
    run.write("b.i", LEAK)
    assert run.process("check", "b.i", "--no-cache") == run("check", "b.i", "--no-cache")
    assert run.process("check", "b.i") == run("check", "b.i")
    assert run.process("chek") == run("chek")


def test_files_named_together_are_one_driver(run: Runner):
    run.write("c.i", CALLER)
    run.write("d.i", HELPER)
    ran = run("check", "c.i", "d.i")
    assert ran.status == 1
    assert ran.out.startswith("c.c:10:1: error: ")
    assert run("check", "d.i", "c.i").out == ran.out
    assert run("check", "d.i").status == 0


def test_the_second_run_analyses_nothing_and_prints_the_same_bytes(run: Runner):
    for name, source in (("a", CLEAN), ("b", LEAK), ("c", CALLER), ("d", HELPER)):
        run.write(f"{name}.i", source)
    files = [f"{name}.i" for name in "abcd"]
    first = run("check", *files, "--stats")
    second = run("check", *files, "--stats")
    alone = run("check", *files, "--no-cache")
    assert first.out == second.out == alone.out
    assert first.status == second.status == alone.status == 1
    assert "functions analysed 4, reused 0;" in first.err
    assert "functions analysed 0, reused 4; header regions scanned 0," in second.err
    report = json.loads(run("check", *files, "--format", "json").out)
    assert report["stats"]["functions_analysed"] == report["stats"]["regions_scanned"] == 0
    assert report["coverage"]["units"] == 4


def test_formats_and_output_files(run: Runner):
    run.write("b.i", LEAK)
    ran = run("check", "b.i", "--format", "json", "-o", "report.json")
    assert (ran.status, ran.out) == (1, "")
    report = json.loads((run.directory / "report.json").read_text())
    (one,) = report["diagnostics"]
    assert (one["function"], one["entry"], one["line"], one["severity"]) == ("LeakDpc", "LeakDpc", 9, "error")
    assert one["trace"][-1]["line"] == 9
    ran = run("check", "b.i", "-o", "no/such/place")
    assert (ran.status, ran.err.startswith("spincheck: error: no/such/place: cannot be written")) == (2, True)


def test_rules_are_chosen_by_name(run: Runner):
    run.write("b.i", LEAK)
    assert run("check", "b.i", "--rules", "LockOrder").status == 0
    assert "[SpinlockRelease]" in run("check", "b.i", "--rules", "SpinlockRelease").out
    ran = run("check", "b.i", "--rules", "SpinlokRelease")
    assert (ran.status, ran.out) == (2, "")
    assert "did you mean `SpinlockRelease`" in ran.err


def test_configuration(run: Runner):
    run.write("b.i", LEAK)
    (run.directory / "spincheck.toml").write_text('exclude = ["b.c"]\n')
    assert run("check", "b.i").status == 0
    (run.directory / "mine.toml").write_text(
        '[severity]\nSpinlockRelease = "warning"\nSpinlock = "warning"\n'
    )
    ran = run("check", "b.i", "--config", "mine.toml")
    assert (ran.status, ": warning: " in ran.out) == (0, True)
    (run.directory / "mine.toml").write_text('ignore = ["Nope"]\n')
    ran = run("check", "b.i", "--config", "mine.toml")
    assert (ran.status, ran.err.startswith("spincheck: error: mine.toml:1: ")) == (2, True)
    assert run("check", "b.i", "--config", "none.toml").status == 2
    assert run("check", "b.i", "--locks", "beos").status == 2


def test_suppressions_are_read_from_the_source(run: Runner):
    run.write("b.i", LEAK)
    source = run.directory / "b.c"
    lines = LEAK.splitlines()
    assert run("check", "b.i").status == 1
    lines[6] += "  // spincheck: ignore[SpinlockRelease] the DPC for the ISR gives it back"
    source.write_text("#include <ddk.h>\n" + "\n".join(lines))
    ran = run("check", "b.i")
    assert ran.status == 1  # the comment stands one line too high
    assert (
        "warning: suppression of SpinlockRelease suppresses nothing; remove it [UnusedSuppression]" in ran.out
    )
    lines[6] = lines[6].partition("  //")[0]
    lines[7] += "  /* spincheck: ignore[SpinlockRelease] the ISR gives it back */"
    source.write_text("#include <ddk.h>\n" + "\n".join(lines))
    assert (run("check", "b.i").out, run("check", "b.i").status) == (CLEAN_LINE, 0)
    source.unlink()
    assert run("check", "b.i").status == 1


def test_the_name_that_the_user_wrote(run: Runner):
    run.write("b.i", LEAK)
    assert "KeAcquireSpinLockRaiseToDpc" in run("check", "b.i").out
    written = LEAK.replace(
        "*(&irql) = KeAcquireSpinLockRaiseToDpc(&d->Lock)", "KeAcquireSpinLock(&d->Lock, &irql)"
    )
    (run.directory / "b.c").write_text("#include <ddk.h>\n" + written)
    said = run("check", "b.i").out
    assert "RaiseToDpc" not in said
    assert "KeAcquireSpinLock" in said


def test_baseline(run: Runner):
    run.write("b.i", LEAK)
    ran = run("baseline", "b.i", "-o", "known.json")
    assert (ran.status, ran.out) == (0, "")
    ran = run("check", "b.i", "--baseline", "known.json")
    assert (ran.status, ran.out) == (0, CLEAN_LINE)
    assert "1 known in known.json not told" in ran.err
    run.write("b.i", "\n\n/* moved */\n" + LEAK.replace("LeakDpc", "LeakDpc "))
    assert run("check", "b.i", "--baseline", "known.json").status == 0
    run.write("c.i", CALLER)
    run.write("d.i", HELPER)
    ran = run("check", "c.i", "d.i", "--baseline", "known.json")
    assert (ran.status, ran.err) == (1, "")  # of b.c, which is not among them, nothing can be said
    (run.directory / "bad.json").write_text("[]")
    assert run("check", "b.i", "--baseline", "bad.json").status == 2
    assert run("check", "b.i", "--baseline", "none.json").status == 2


def test_a_baseline_knows_a_violation_wherever_it_moves(run: Runner):
    """Lines move, the file gets another name, a function before it and code in it change: it is the same violation."""
    run.write("b.i", LEAK)
    assert run("baseline", "b.i", "-o", "known.json").err == "spincheck: known.json now knows 1 violation\n"
    (run.directory / "b.i").unlink()
    moved = LEAK.replace("    if (d->Count > 3)", "    Touch(d);\n\n\n    if (d->Count > 3)")
    run.write("renamed.i", f"\n\n{HELPER}{moved}")
    ran = run("check", "renamed.i", "--baseline", "known.json", "-q")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "spincheck: 0 new, 1 known in known.json not told\n"
    run.write("b.i", moved.replace("LeakDpc", "OtherDpc"))
    ran = run("check", "b.i", "--baseline", "known.json")
    assert (ran.status, "spincheck: gone: b.c: SpinlockRelease in LeakDpc" in ran.err) == (1, True)


def test_of_a_whole_driver_s_baseline_a_part_that_is_checked_alone_has_lost_nothing_else(run: Runner):
    run.write("b.i", LEAK)
    run.write("c.i", LEAK.replace("LeakDpc", "OtherDpc"))
    assert "2 violations" in run("baseline", "b.i", "c.i", "-o", "known.json").err
    ran = run("check", "b.i", "--baseline", "known.json")
    assert (ran.status, ran.err) == (0, "spincheck: 0 new, 1 known in known.json not told\n")
    run.write("b.i", CLEAN)
    ran = run("check", "b.i", "--baseline", "known.json")
    assert [line for line in ran.err.splitlines() if "gone:" in line] == ["spincheck: gone: b.c: SpinlockRelease in LeakDpc"]


def test_nothing_has_gone_that_was_not_looked_for(run: Runner):
    run.write("b.i", LEAK)
    assert run("baseline", "b.i", "-o", "known.json").status == 0
    ran = run("check", "b.i", "--baseline", "known.json", "--rules", "LockOrder")
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "missing.i"], "missing.i: no such file"),
        (["check", "."], ".: is a directory; name the preprocessed files in it, for example *.i"),
        (["check", ""], "a file without a name"),
        (["check", "--compdb", "."], ".: is a directory, not a file"),
        (["check", "a.i", "--baseline", "."], ".: is a directory, not a file"),
        (["check", "a.i", "-o", "."], ".: cannot be written: Is a directory"),
        (["check", "a.i", "--config", "none.toml"], "none.toml: cannot be read: No such file"),
        (["check", "a.i", "--config", "bad.toml"], "bad.toml:1: not valid TOML"),
        (["check", "a.i", "--config", "odd.toml"], "odd.toml:1: unknown option `exclud`; did you mean `exclude`?"),
        (["check", "--cc", "no-such-compiler -I.", "raw.c"], "raw.c: cannot run no-such-compiler: No such file"),
        (["check", "--cc", "cc 'unclosed", "a.i"], "No closing quotation"),
        (["check", "--compdb", "raw.c"], "raw.c: is no compilation database"),
        (["show", "a.i"], "a.i: not a spincheck JSON report"),
        (["check", "junk.i"], "junk.i: is binary"),
        (["check", "raw.c"], "raw.c: is not preprocessed"),
        (["check", "letter.i"], "letter.i: holds no C declaration"),
        (["check"], "no FILE given"),
        (["check", "a.i", "--cache", "x", "--no-cache"], "contradict"),
        (["check", "a.i", "-q", "-v"], "contradict"),
        (["check", "a.i", "--compdb", "x.json", "--cc", "gcc"], "contradict"),
        (["check", "a.i", "--rules", ","], "--rules names nothing"),
        (["check", "a.i", "--formt", "json"], "--format"),
        (["check", "a.i", "--format", "xml"], "xml"),
        (["check", "a.i", "--jobs", "many"], "many"),
        (["chek", "a.i"], "did you mean check?"),
        (["explain", "SpinlockReleas"], "SpinlockRelease"),
        (["link", "a.i", "-o", "x"], "is no unit file"),
        (["unit", "a.i"], "--output"),
        (["log", "--last", "0"], "--last"),
        (["cache"], "verify"),
    ],
)
def test_wrong_usage_is_status_2_with_one_message(run: Runner, arguments: list[str], said: str):
    run.write("a.i", CLEAN)
    (run.directory / "junk.i").write_bytes(bytes(range(256)) * 9)
    (run.directory / "raw.c").write_text("#include <ntddk.h>\n")
    (run.directory / "letter.i").write_text("dear reader\n")
    (run.directory / "bad.toml").write_text("[tool\n")
    (run.directory / "odd.toml").write_text('exclud = ["a"]\n')
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize("text", ["", "\n\n", "int x;\n"])
def test_empty_files_are_fine(run: Runner, text: str):
    (run.directory / "e.i").write_text(text)
    assert (run("check", "e.i").status, run("check", "e.i").out) == (
        0,
        "spincheck: 1 file, 0 functions, nothing to report\n",
    )


def test_c_files_through_the_compiler(run: Runner):
    compiler = run.directory / "cc.py"
    compiler.write_text(
        "import sys\nname = [n for n in sys.argv[1:] if n[0] != '-'][0]\nsys.stdout.write(open(name + '.txt').read())\n"
    )
    run.write("b.c.txt", LEAK)
    (run.directory / "b.c.txt").write_text(
        (run.directory / "b.c.txt").read_text().replace('"b.c.c"', '"b.c"')
    )
    (run.directory / "b.c").write_text("x")
    ran = run("check", "--cc", f"{sys.executable} {compiler}", "b.c")
    assert ran.status == 1
    assert ran.out.startswith("b.c:9:9: error: ")
    database = [
        {"directory": str(run.directory), "file": "b.c", "command": f"{sys.executable} {compiler} -c b.c"}
    ]
    (run.directory / "compile_commands.json").write_text(json.dumps(database))
    assert run("check", "--compdb", "compile_commands.json").out == ran.out


def test_unit_and_link(run: Runner):
    run.write("c.i", CALLER)
    run.write("d.i", HELPER)
    for name in "cd":
        ran = run("unit", f"{name}.i", "-o", f"{name}.spin")
        assert (ran.status, ran.out, ran.err) == (0, "", "")
    checked = run("check", "c.i", "d.i", "-q")
    for file in run.directory.glob("*.i"):
        file.unlink()
    ran = run("link", "d.spin", "c.spin", "-o", "report.json", "--no-cache")
    assert (ran.status, ran.out) == (1, checked.out)
    report = json.loads((run.directory / "report.json").read_text())
    assert (report["version"], len(report["diagnostics"]), report["coverage"]["units"]) == (1, 1, 2)


def test_internal_errors_are_one_line(run: Runner):
    run.write("a.i", CLEAN)
    code = "import sys, spincheck.driver.inputs as d, spincheck.cli.main as c\ndef fail(*a): raise ZeroDivisionError('x')\nd.Input.__init__ = fail\nsys.exit(c.main(['check', 'a.i']))"
    for debug, lines in ((None, 1), ("1", 5)):
        env = {**run.env, **({"SPINCHECK_DEBUG": debug} if debug else {})}
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=run.directory,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert "internal error: ZeroDivisionError: x; please report it" in ran.stderr
        assert (len(ran.stderr.splitlines()) == 1) is (lines == 1)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs pipes that break")
def test_a_closed_pipe_is_no_error(run: Runner):
    run.write("b.i", LEAK)
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "spincheck", "rules"],
        cwd=run.directory,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert ran.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")  # noqa: PTH110
def test_a_full_disk_is_one_message(run: Runner):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ran = subprocess.run(
            [sys.executable, "-m", "spincheck", "rules"],
            cwd=run.directory,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (2, "spincheck: error: standard output cannot be written: No space left on device\n")


def test_standard_input_and_output_have_a_name(run: Runner):
    ran = run.process("check", "-", "-o", "-", "--no-cache", input=unit_text(LEAK, "b.c"))
    run.write("b.i", LEAK)
    assert ran == run.process("check", "b.i", "--no-cache")
    assert not (run.directory / "-").exists()
    ran = run.process("check", "-", input="\0\0")
    assert (ran.status, ran.err.startswith("spincheck: error: <stdin>: is binary")) == (2, True)


def test_a_hostile_name_cannot_command_the_terminal(run: Runner):
    run.write("b.i", LEAK)
    path = run.directory / "b.i"
    path.write_text(path.read_text().replace('"b.c"', '"b\x1b[2J.c"'))
    ran = run("check", "b.i")
    assert ran.out.startswith("b\\x1b[2J.c:9:9: error: ")
    assert "\x1b" not in ran.out
    assert run("check", "\x1b[2J.i").err == "spincheck: error: \\x1b[2J.i: no such file\n"


def test_version_and_help(run: Runner):
    assert run("--version").out.startswith("spincheck ")
    for command in ("check", "unit", "link", "baseline", "log", "rules", "explain", "cache", "worker"):
        ran = run(command, "--help")
        assert (ran.status, ran.out.startswith(f"Usage: spincheck {command}")) == (0, True)
    ran = run()
    assert (ran.status, ran.err.startswith("Usage: spincheck")) == (2, True)


def test_rules_and_explain(run: Runner):
    listed = run("rules").out
    assert "SpinlockRelease" in listed
    assert "SpinlockRelease" in run("explain", "SpinlockRelease").out
    assert listed.splitlines()[-1].split()[:3] == ["UnusedSuppression", "any", "warning"]
    shown = run("explain", "UnusedSuppression").out
    assert shown.startswith("UnusedSuppression: a suppression suppresses something")
    prose = [line for line in (shown + run("explain", "SpinlockRelease").out).splitlines() if not line.startswith(" ")]
    assert max(map(len, prose)) <= 100
