"""The documentation is what the rules say."""

from __future__ import annotations

from pathlib import Path

import pytest

from spincheck.rules import document, registry

DOCS = Path(__file__).parents[2] / "docs" / "rules"


def test_the_pages_are_up_to_date(tmp_path):
    document.write(tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert kept == made, "run: python -m spincheck.rules.document"


def test_old_pages_go(tmp_path):
    (tmp_path / "gone.md").write_text("old")
    document.write(tmp_path)
    assert not (tmp_path / "gone.md").exists()


def test_a_page_is_stood_for_or_not():
    named = {page for rule in registry.all_rules() for page in rule.pages}
    left = [page for pages, _, _ in document.NOT_HERE for page in pages]
    assert len(set(left)) == len(left)
    assert named.isdisjoint(left)


def test_page_names_differ_by_more_than_case():
    names = [document.page_name(rule).lower() for rule in registry.all_rules()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", registry.all_rules(), ids=lambda rule: rule.name)
def test_a_rule_is_complete(rule):
    assert len(rule.meaning()) > 40
    assert rule.differs
    assert bool(rule.pages) == bool(rule.microsoft)
    assert rule.valid
    assert rule.invalid
    for example in rule.invalid:
        lines = example.text.splitlines()
        for expected in example.expect:
            assert lines[expected.line - 1].strip() not in {"", "{"}
            assert registry.find(expected.rule).name == expected.rule
    assert any(expected.rule == rule.name for example in rule.invalid for expected in example.expect)


def test_explain_shows_where_an_example_is_wrong():
    text = document.explain(registry.find("SpinlockRelease"))
    assert "        return;  // SpinlockRelease" in text
    assert "kmdf-spinlockrelease" in text
