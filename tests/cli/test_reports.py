"""The plain reporters: compiler form, JSON, and summaries of builds."""

from __future__ import annotations

import json

import pytest

from spincheck import report as reporters
from spincheck.builds import Build, BuildStep, Told
from spincheck.diagnostics import Coverage, Diagnostic, Gap, Report, Stats, Tool, TraceStep
from spincheck.report import buildlog, json_report, text

LEAK = Diagnostic(
    "SpinlockRelease",
    ("SpinlockRelease", "Spinlock"),
    "error",
    "`&d->Lock` is held at the end of EvtDpc",
    "EvtDpc",
    "src/dpc.c",
    20,
    5,
    "&d->Lock",
    "EvtDpc",
    "ab12",
    (
        TraceStep("acquire", "src/dpc.c", 10, 9, "Take", 1, "lock acquired here"),
        TraceStep("defect", "src/dpc.c", 20, 5, "EvtDpc", 0, "returns while the lock is held"),
    ),
)


def made(*diagnostics: Diagnostic, **coverage: object) -> Report:
    values: dict = {"units": 2, "functions": 1, "lock_relevant": 1, "analysed": 1, **coverage}
    return Report(1, Tool("spincheck", "1"), diagnostics, Coverage(**values), Stats(1, 2, 3, 4, 5))


def test_text_is_in_compiler_form():
    assert text.render(made(LEAK)) == (
        "src/dpc.c:20:5: error: `&d->Lock` is held at the end of EvtDpc [SpinlockRelease, Spinlock]\n"
        "src/dpc.c:10:9: note: in Take: lock acquired here\n"
        "src/dpc.c:20:5: note: returns while the lock is held\n"
        "spincheck: 2 files, 1 function, 1 error\n"
    )


def test_a_clean_run_is_one_line():
    assert text.render(made()) == "spincheck: 2 files, 1 function, nothing to report\n"
    assert text.render(made(), verbosity=-1) == ""


def test_gaps_are_counted_in_the_line_and_listed_on_demand():
    gap = Gap("f", "a.c", 3, "asm")
    gaps = made(unanalysed=(gap,), recovered=(gap, gap), imprecise=(gap,))
    line = "spincheck: 2 files, 1 function, nothing to report; 1 function not analysed, 2 statements not read, analysis cut short at 1 place"
    assert text.render(gaps) == f"{line} (-v lists them)\n"
    assert text.render(gaps, verbosity=1).splitlines()[:2] == [
        "a.c:3: note: not analysed in f: asm",
        "a.c:3: note: statement not read in f: asm",
    ]


def test_json_is_the_fixed_interface():
    document = json.loads(reporters.render(made(LEAK), "json", verbosity=0))
    assert list(document) == ["version", "tool", "diagnostics", "coverage", "stats"]
    assert document["version"] == 1
    (one,) = document["diagnostics"]
    assert list(one) == [
        *(
            "rule",
            "rules",
            "severity",
            "message",
            "function",
            "file",
            "line",
            "column",
            "lock",
            "entry",
            "fingerprint",
            "trace",
        ),
    ]
    assert list(one["trace"][0]) == ["kind", "file", "line", "column", "function", "depth", "message"]
    assert list(document["coverage"]) == [
        "units",
        "functions",
        "lock_relevant",
        "analysed",
        "recovered",
        "unanalysed",
        "imprecise",
    ]
    assert list(document["stats"]) == [
        "functions_analysed",
        "functions_reused",
        "regions_scanned",
        "regions_reused",
        "elapsed_ms",
    ]


def test_json_comes_back_and_is_checked():
    assert json_report.parse(json_report.render(made(LEAK)).encode()) == made(LEAK)
    with pytest.raises(ValueError, match="version 2"):
        json_report.parse(json_report.render(made()).replace('"version": 1,', '"version": 2,', 1).encode())
    for junk in (b"", b"[]", b'{"version": 1}', b"[" * 100_000):
        with pytest.raises(ValueError, match="not a spincheck JSON report"):
            json_report.parse(junk)


def test_unknown_and_missing_formats(monkeypatch):
    with pytest.raises(reporters.FormatError, match="no report format 'xml'"):
        reporters.render(made(), "xml")
    monkeypatch.setitem(reporters.FORMATS, "text", "no_such_module")
    with pytest.raises(reporters.FormatError, match="no reporter"):
        reporters.render(made(), "text")

    def without_jinja(_name: str) -> object:
        raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")

    monkeypatch.setattr(reporters, "import_module", without_jinja)
    with pytest.raises(reporters.FormatError, match="needs jinja2; install"):
        reporters.render(made(), "html")


TOLD = Told("f1", "SpinlockRelease", "error", "a.c", 3, "f", "held | at <exit>")


def build(number: int, *steps: BuildStep, **changes: object) -> Build:
    values: dict = {
        "id": f"b{number}",
        "started": number * 60,
        "what": "scons",
        "target": "all",
        "wall_ms": 65_000,
        "status": 0,
        "version": "1",
    }
    return Build(**{**values, **changes}, steps=steps)


UNIT = BuildStep("", "unit", "a.c", 1, 10, 4, 6, 1, 2, 1, 0, 1, 120, 1, (TOLD,))
LINK = BuildStep("", "link", "drv.json", 2, 20, 0, 20, 0, 0, 1, 0, 0, 30, 1, (TOLD,))


def test_totals_count_a_violation_once_and_functions_by_unit():
    one = build(1, UNIT, LINK)
    assert {
        name: one.total(name)
        for name in (
            "units",
            "functions",
            "functions_analysed",
            "functions_reused",
            "errors",
            "warnings",
            "gaps",
        )
    } == {
        "units": 1,
        "functions": 10,
        "functions_analysed": 4,
        "functions_reused": 26,
        "errors": 1,
        "warnings": 0,
        "gaps": 1,
    }
    assert build(1, LINK).total("functions") == 20


def test_log_shows_what_changed_between_builds_of_one_target():
    builds = [build(3, LINK), build(2, LINK, target="other"), build(1, BuildStep("", "link", "drv.json"))]
    lines = buildlog.render_log(builds, "text").splitlines()
    assert lines[0].split()[:3] == ["when", "(UTC)", "what"]
    assert lines[1].startswith("1970-01-01 00:03:00  scons  all")
    assert lines[4:] == ["1970-01-01 00:03:00: new: a.c:3: error: held | at <exit> [SpinlockRelease]"]
    gone = buildlog.render_log([build(4, BuildStep("", "link", "drv.json")), *builds], "text")
    assert "1970-01-01 00:04:00: gone: a.c:3" in gone
    assert buildlog.render_log([], "text") == "spincheck: no builds recorded\n"


def test_three_builds_of_a_target_make_a_trend():
    builds = [build(5, UNIT), build(4, UNIT, target="other"), build(3)]
    assert "oldest first" not in buildlog.render_log(builds, "text")
    builds += [build(2, UNIT), build(1)]
    assert buildlog.render_log(builds, "text").splitlines()[-5:] == [
        "scons all, 4 builds, oldest first:",
        "  errors         0       1       0       1",
        "  warnings       0       0       0       0",
        "  analysed       0       4       0       4",
        "  checks    0.00 s  0.12 s  0.00 s  0.12 s",
    ]
    assert "| checks | 0.00 s | 0.12 s | 0.00 s | 0.12 s |" in buildlog.render_log(builds, "markdown")


def test_an_incremental_build_does_not_make_untouched_violations_gone():
    before = build(1, UNIT)
    other = build(2, BuildStep("", "unit", "b.c"))
    same = build(2, BuildStep("", "unit", "a.c"))
    assert buildlog.changes(other, before) == ((), ())
    assert buildlog.changes(same, before) == ((), (TOLD,))


def test_log_as_markdown_and_json():
    page = buildlog.render_log([build(2, LINK, skipped=("x`y.cpp",)), build(1)], "markdown")
    assert "| 1970-01-01 00:02:00 | scons | all | 2 | 20 | 0 | 20 | 1 | 0 |" in page
    assert "- `a.c:3` error: held \\| at &lt;exit> [SpinlockRelease]" in page
    assert "Since the build before: 1 new, 0 gone." in page
    assert "Not analysed: `x'y.cpp`" in page
    document = json.loads(buildlog.render_log([build(2, LINK)], "json"))
    assert document["version"] == 1
    assert document["builds"][0]["errors"] == 1
    assert document["builds"][0]["diagnostics"][0]["fingerprint"] == "f1"
    assert document["builds"][0]["steps"][0]["target"] == "drv.json"
