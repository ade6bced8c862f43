"""Every case of every Markdown file here: exactly the diagnostics that it expects, on their lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spincheck.driver.session import check_texts

sys.path.insert(0, str(Path(__file__).parent))

from verdict_pages import HERE, Case, expand, preprocessed, read

CASES = [(path, case) for path in sorted(HERE.glob("*.md")) for case in read(path)]


@pytest.mark.parametrize(("path", "case"), CASES, ids=[f"{path.stem}: {case.name}" for path, case in CASES])
def test_verdict(path: Path, case: Case) -> None:
    report = check_texts({name: preprocessed(name, text) for name, text in case.units.items()}, world=case.world)
    coverage = report.coverage
    assert not coverage.recovered, f"{path.name}:{case.line}: text that was not understood"
    assert not coverage.unanalysed, f"{path.name}:{case.line}: functions that were not read"
    told = list(report.diagnostics)
    problems = []
    for wanted in case.expected:
        hit = next(
            (
                one
                for one in told
                if (one.file, one.line, one.severity, one.rule) == wanted[:4] and wanted.part in one.message
            ),
            None,
        )
        if hit is None:
            problems.append(f'expected but not told: {wanted.file}:{wanted.line}: {wanted.severity}: [{wanted.rule}] "{wanted.part}"')
        else:
            told.remove(hit)
    problems += [f"told but not expected: {one.file}:{one.line}: {one.severity}: [{one.rule}] {one.message}" for one in told]
    assert not problems, f"{path.name}:{case.line}\n" + "\n".join(problems)


def test_names_say_whether_something_is_told() -> None:
    wrong = [case.name for _, case in CASES if case.name.startswith("INVALID") != bool(case.expected)]
    assert not [name for name in wrong if name.startswith(("VALID", "INVALID"))]


def test_names_are_unique() -> None:
    names = [(path, case.name) for path, case in CASES]
    assert len(names) == len(set(names))


def test_a_diagnostic_that_nobody_expects_fails() -> None:
    text = "EVT_WDF_DPC Probe; VOID Probe(WDFDPC Dpc) { KeAcquireSpinLockAtDpcLevel(&DeviceOf(Dpc)->Lock); }\n"
    with pytest.raises(AssertionError, match="told but not expected"):
        test_verdict(HERE, Case("probe", 1, {"driver.c": text}, "closed", []))


def test_macros_keep_lines() -> None:
    text = "if (NT_SUCCESS(Query()))\n    KeAcquireSpinLock(&Device->Lock,\n        &Irql); // NULL stays\n"
    assert expand(text).splitlines()[2].endswith("// NULL stays")
    assert "*(&Irql) = KeAcquireSpinLockRaiseToDpc(&Device->Lock)" in " ".join(expand(text).split())
