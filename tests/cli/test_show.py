"""Forms of a report as a user asks for them: show, colour, suppressed violations, baselines, progress."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from conftest import CLEAN, LEAK, Runner

from spincheck.cli.progress import Progress

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"
SUPPRESSED = LEAK.replace("return;", "return; // spincheck: ignore[SpinlockRelease] the board is gone", 1)


def test_json_keeps_to_its_schema(run: Runner):
    run.write("b.i", LEAK)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    report = json.loads(run("check", "b.i", "--format", "json").out)
    jsonschema.Draft202012Validator(schema).validate(report)
    del report["diagnostics"][0]["trace"][0]["kind"]
    with pytest.raises(jsonschema.ValidationError, match="'kind' is a required property"):
        jsonschema.Draft202012Validator(schema).validate(report)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_show_says_what_check_said(run: Runner, form: str):
    run.write("b.i", LEAK)
    assert run("check", "b.i", "--format", "json", "-o", "report.json").status == 1
    first, again = run("check", "b.i", "--format", form), run("show", "report.json", "--format", form)
    if form == "json":  # the time that the check took is the first run's
        assert json.loads(first.out)["diagnostics"] == json.loads(again.out)["diagnostics"]
    else:
        assert again == first


def test_show_refuses_what_is_no_report(run: Runner):
    (run.directory / "x.json").write_text('{"version": 7}')
    ran = run("show", "x.json")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("spincheck: error: x.json: not a spincheck JSON report: ")
    assert run("show", "none.json").err == "spincheck: error: none.json: no such file\n"


def test_the_page_has_source_and_history(run: Runner):
    run.write("b.i", LEAK)
    (run.directory / "b.c").write_text(f"#include <ddk.h>\n{LEAK}")
    ran = run("check", "b.i", "--format", "html", "-o", "report.html")
    page = (run.directory / "report.html").read_text(encoding="utf-8")
    assert (ran.status, ran.out) == (1, "")
    assert '<tr id="f0-9">' in page
    assert "<td>check</td>" in page
    assert "No builds are recorded" in run("check", "b.i", "--format", "html", "--no-cache").out


def test_colour_only_for_a_terminal_or_when_asked(run: Runner):
    run.write("b.i", LEAK)
    (run.directory / "b.c").write_text(f"#include <ddk.h>\n{LEAK}")
    plain = run("check", "b.i")
    assert "\x1b" not in plain.out
    assert run("check", "b.i", "--color", "never") == plain
    shown = run("check", "b.i", "--color", "always").out
    assert "\x1b[1;31merror" in shown
    assert "^^^" in shown
    assert "\x1b" not in run("check", "b.i", "-o", "out.txt").out
    assert "\x1b" not in (run.directory / "out.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colour(run: Runner, extra: dict[str, str], coloured: bool):
    run.write("b.i", LEAK)
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spincheck", "check", "b.i", "--no-cache"],
        cwd=run.directory,
        env={**run.env, "TERM": "xterm", **extra},
        stdout=secondary,
        stderr=subprocess.PIPE,
    )
    os.close(secondary)
    text = b""
    try:
        while data := os.read(primary, 65_536):
            text += data
    except OSError:  # how Linux says that the other side is closed
        pass
    assert (process.wait(), b"\x1b[" in text) == (1, coloured)
    process.stderr.close()
    os.close(primary)


def test_without_rich_text_is_plain_unless_colour_is_asked_for(run: Runner, monkeypatch: pytest.MonkeyPatch):
    run.write("b.i", LEAK)
    plain = run("check", "b.i")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "spincheck.report.terminal", raising=False)
    ran = run("check", "b.i", "--color", "always")
    assert ran.status == 2
    assert "needs rich; install it with pip install 'spincheck[report]'" in ran.err
    monkeypatch.setattr("spincheck.cli.report.coloured", lambda _form: True)
    assert run("check", "b.i").out == plain.out


def test_suppressed_violations_are_in_sarif_unless_unwanted(run: Runner):
    run.write("b.i", SUPPRESSED)
    ran = run("check", "b.i", "--format", "sarif")
    (result,) = json.loads(ran.out)["runs"][0]["results"]
    assert ran.status == 0
    assert result["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "the board is gone"}]
    assert json.loads(run("check", "b.i", "--format", "sarif", "--no-suppressed").out)["runs"][0]["results"] == []
    assert run("check", "b.i", "--rules", "Spinlock", "--format", "sarif").out.count('"ruleId"') == 0


def test_a_reason_can_be_required(run: Runner):
    run.write("b.i", SUPPRESSED)
    assert run("check", "b.i", "--reason-required").out == "spincheck: 1 file, 1 function, nothing to report\n"
    run.write("b.i", SUPPRESSED.replace(" the board is gone", ""))
    assert "suppression gives no reason" in run("check", "b.i", "--reason-required").out
    assert "suppression gives no reason" not in run("check", "b.i").out


def test_a_baseline_names_what_has_gone(run: Runner):
    run.write("b.i", LEAK)
    assert run("baseline", "b.i", "-o", "known.json").status == 0
    sarif = json.loads(run("check", "b.i", "--baseline", "known.json", "--format", "sarif").out)
    assert sarif["runs"][0]["results"][0]["suppressions"][0] == {
        "kind": "external",
        "status": "accepted",
        "justification": "known in known.json",
    }
    run.write("b.i", CLEAN)
    ran = run("check", "b.i", "--baseline", "known.json")
    assert (ran.status, ran.out) == (0, "spincheck: 1 file, 1 function, nothing to report\n")
    assert ran.err.splitlines()[:2] == [
        "spincheck: 0 new, 0 known in known.json not told, 1 known there have gone",
        "spincheck: gone: b.c: SpinlockRelease in LeakDpc",
    ]


@pytest.mark.parametrize("shell", ["bash_source", "zsh_source", "fish_source"])
def test_completion(run: Runner, shell: str):
    run.env["_SPINCHECK_COMPLETE"] = shell
    done = subprocess.run(
        [sys.executable, "-c", "from spincheck.cli.main import main; raise SystemExit(main())"],
        env=run.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "_spincheck_completion" in done.stdout or "_SPINCHECK_COMPLETE" in done.stdout


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal
        self.lines = 0

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        self.lines += 1
        return super().write(text)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal: bool):
    stream = Stream(terminal=terminal)
    with Progress("checking 3 files", on=True, stream=stream, first=0.001):
        while stream.lines < 2:
            time.sleep(0.001)
    text = stream.getvalue()
    assert "spincheck: checking 3 files (0 s)" in text
    assert text.endswith("\r\x1b[K" if terminal else "\n")
    stream = Stream(terminal=terminal)
    with Progress("checking 3 files", on=True, stream=stream, first=0.001) as progress:
        progress.at("files read", 1, 3)
        while stream.lines < 2:
            time.sleep(0.001)
    bar = "\rspincheck: ████████░░░░░░░░░░░░░░░░ 1 of 3 files read (0 s)\x1b[K"
    assert (bar if terminal else "spincheck: checking 3 files: 1 of 3 files read (0 s)\n") in stream.getvalue()
    silent = Stream(terminal=True)
    for on in (True, False):
        with Progress("checking", on=on, stream=silent):
            pass
    assert silent.getvalue() == ""
