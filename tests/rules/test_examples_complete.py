"""Counts, row by row: each row of each table has a right and a wrong example on each target, and none is left over.

The examples themselves run in `test_examples` and `test_every_row`; here it is only counted that they are there. Behind the macros' own names both
targets get the same text, so that an example counts for both; what macros make of it on each target is run besides.
"""

from __future__ import annotations

import collections

import fact_examples
import pytest
import row_examples
import test_examples

from spincheck.locks import tables

SECTIONS = (
    "operations", "roles", "registrations", "slots", "immediate", "forbidden", "required", "handovers", "creations", "noreturn", "ending", "raising", "pure",
    "same",
)  # fmt: skip


def all_rows():
    """Return (file, number of functions that its rows are about) by section; one row may be about several functions."""
    found = collections.Counter()
    for fragment in tables.built_in():
        for section in SECTIONS:
            found[fragment.file, section] += len(getattr(fragment, section))
    return found


def test_no_section_is_forgotten():
    sections = set(tables.built_in()[0].__dataclass_fields__) - {"file", "family", "digest", "kinds"}
    assert sections == set(SECTIONS)


@pytest.mark.parametrize("family", tables.families())
def test_every_operation_has_both_on_each_target(family):
    pieces = row_examples.pieces(family)
    texts = [
        test_examples.preprocess(
            "".join(piece.text for piece in pieces), family, target, "SPINCHECK_NO_MACROS"
        )
        for target in test_examples.TARGETS
    ]
    assert texts[0] == texts[1]
    right, wrong = collections.Counter(), collections.Counter()
    for piece in pieces:
        (wrong if piece.defect else right)[piece.name.partition(":")[0]] += 1
    rows = 0
    for fragment in tables.built_in():
        for placed in fragment.operations if fragment.family == family else ():
            rows += 1
            assert right[placed.value.function] >= 1, placed.value.function
            assert wrong[placed.value.function] >= 1, placed.value.function
            kinds = {
                kind
                for piece in pieces
                if piece.defect and piece.name.startswith(f"{placed.value.function}: ")
                for kind in piece.kinds
            }
            assert placed.value.kind in kinds, placed.value.function
    assert rows == sum(
        count
        for (file, section), count in all_rows().items()
        if section == "operations" and _family(file) == family
    )
    assert rows > 0


def _family(file: str) -> str:
    return next(fragment.family for fragment in tables.built_in() if fragment.file == file)


@pytest.mark.parametrize("fragment", tables.built_in(), ids=lambda fragment: fragment.file)
def test_every_other_row_has_both_on_each_target(fragment):
    made = list(fact_examples.cases(fragment))
    text = "".join(case.text for case in made)
    texts = [
        test_examples.preprocess(text, fragment.family, target, "SPINCHECK_NO_MACROS")
        for target in test_examples.TARGETS
    ]
    assert texts[0] == texts[1]
    right, wrong = collections.Counter(), collections.Counter()
    for case in made:
        (wrong if case.expect else right)[case.number] += 1
    rows = sum(
        count
        for (file, section), count in all_rows().items()
        if file == fragment.file and section != "operations"
    )
    assert set(right) == set(wrong) == set(range(rows))
    assert not rows or min(*right.values(), *wrong.values()) >= 1


@pytest.mark.parametrize("target", test_examples.TARGETS)
def test_every_rule_of_windows_has_both_on_each_target(target):
    right, wrong = collections.Counter(), collections.Counter()
    for item in test_examples.EXAMPLES:
        rule, _, expect, where = item.values
        if where == target:
            (wrong if expect else right)[rule.name] += 1
    windows = {rule.name for rule in test_examples.registry.all_rules() if rule.family == "windows"}
    assert {name for name in windows if not right[name] or not wrong[name]} == set()
