"""Every row of every table is exercised, right and wrong; the operations' rows in `test_examples`, all others here."""

from __future__ import annotations

import fact_examples
import pytest
import test_examples

from spincheck.locks import tables
from spincheck.rules import registry

TABLES = [fragment for fragment in tables.built_in() if any(fact_examples.cases(fragment))]


@pytest.mark.parametrize(
    "defines", [("_AMD64_", "SPINCHECK_NO_MACROS"), ("_AMD64_",), ("_X86_",)], ids="-".join
)
@pytest.mark.parametrize("fragment", TABLES, ids=lambda fragment: fragment.file)
def test_rows_that_are_no_operations(tmp_path, fragment, defines):
    made = list(fact_examples.cases(fragment))
    starts, text = [], ""
    for case in made:
        starts.append(text.count("\n"))
        text += case.text
    everything = tuple(rule.name for rule in registry.all_rules())
    report = test_examples.check(
        tmp_path, test_examples.preprocess(text, fragment.family, *defines), fragment.family, "", everything
    )
    assert not report.coverage.unanalysed
    assert not report.coverage.recovered
    for case, start in zip(made, starts, strict=True):
        lines = range(start + 1, start + 1 + case.text.count("\n"))
        told = sorted(
            (one.line - start, one.message, one.rules) for one in report.diagnostics if one.line in lines
        )
        assert len(told) == len(case.expect), (case, told)
        for (line, message, rules), (wanted_line, part, rule) in zip(told, sorted(case.expect), strict=True):
            assert line == wanted_line, (case, told)
            # A macro's expansion is another row, with a name of its own.
            if "SPINCHECK_NO_MACROS" in defines:
                assert part in message, (case, told)
            assert not rule or rule in rules, (case, told)
