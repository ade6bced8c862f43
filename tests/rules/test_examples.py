"""The examples of the rules, and those made from the tables' rows, are C and give exactly the diagnostics that they promise."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import row_examples

from spincheck.analysis.findings import Finding, FunctionRef
from spincheck.driver import session
from spincheck.locks import tables
from spincheck.rules import prelude, registry

COMPILER = shutil.which("gcc") or shutil.which("cc")
TARGETS = ("_AMD64_", "_X86_")
ROWS = [piece for family in tables.families() for piece in row_examples.pieces(family)]
MACROS = frozenset(re.findall(r"(?m)^#define (\w+)", "".join(map(prelude.header, tables.families()))))
EXPANSIONS = [
    pytest.param(piece, target, id=f"{piece.family}-{piece.name}-{target.strip('_')}".replace(" ", "_"))
    for piece in ROWS
    for target in (TARGETS if piece.family == "windows" else TARGETS[:1])
    if MACROS & set(re.findall(r"\w+", piece.text)) & tables.load((piece.family,)).operations.keys()
]
"""The pieces whose calls are macros in the examples' header, on the targets where they become other calls."""
EXAMPLES = [
    pytest.param(rule, text, (), target, id=f"{rule.name}-valid{number}-{target.strip('_')}")
    for rule in registry.all_rules()
    for target in (TARGETS if rule.family == "windows" else TARGETS[:1])
    for number, text in enumerate(rule.valid)
] + [
    pytest.param(
        rule, example.text, example.expect, target, id=f"{rule.name}-invalid{number}-{target.strip('_')}"
    )
    for rule in registry.all_rules()
    for target in (TARGETS if rule.family == "windows" else TARGETS[:1])
    for number, example in enumerate(rule.invalid)
]


def preprocess(text: str, family: str, *defines: str) -> str:
    assert COMPILER, "the examples need a C compiler"
    command = [COMPILER, "-E", "-undef", "-std=gnu11", *(f"-D{name}" for name in defines), "-x", "c", "-"]
    source = prelude.translation_unit(text, family)
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def compile_errors(text: str) -> str:
    command = [
        COMPILER,
        "-fsyntax-only",
        "-std=gnu11",
        "-Wno-multichar",
        "-Werror=implicit-function-declaration",
        "-Werror=incompatible-pointer-types",
        "-Werror=int-conversion",
        "-x",
        "c",
        "-",
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr


def check(tmp_path, text: str, family: str, configuration: str = "", rules: tuple[str, ...] = ()):
    path = tmp_path / "spincheck.toml"
    path.write_text(configuration, encoding="utf-8")
    options = session.Options(config=str(path), families=(family,), rules=rules, jobs=1)
    return session.check_texts({"example.i": text}, options)


@pytest.mark.parametrize("family", tables.families())
@pytest.mark.parametrize("target", TARGETS)
def test_all_pieces_are_c(family, target):
    """One compilation of everything: each piece in a scope of its own, by renaming what it defines."""
    texts = [piece.text for piece in ROWS if piece.family == family]
    assert compile_errors(preprocess(_joined(texts), family, target, "SPINCHECK_NO_MACROS")) == ""
    examples = [
        text
        for rule in registry.all_rules()
        if rule.family == family
        for text in (*rule.valid, *(bad.text for bad in rule.invalid))
    ]
    assert compile_errors(preprocess(_joined(examples), family, target)) == ""


def _joined(texts: list[str]) -> str:
    names = (
        "Run",
        "start",
        "run",
        "update",
        "LockDevice",
        "LockIfReady",
        "Work",
        "Timer",
        "DpcForIsr",
        "CancelIrp",
        "CancelSend",
        "DpcRoutine",
        "HwStartIo",
        "HwInterrupt",
    )
    names += ("EvtTimer", "EvtDpc", "EvtWorkItem", "EvtD0Entry", "EvtIoRead", "EvtIsr", "EvtPrepareHardware")
    names += (
        "DispatchRead",
        "DispatchPower",
        "DispatchCleanup",
        "Update",
        "Stop",
        "Refresh",
        "Forward",
        "Finish",
    )
    parts = []
    for number, text in enumerate(texts):
        defines = "".join(f"#define {name} {name}_{number}\n" for name in names)
        undefines = "".join(f"#undef {name}\n" for name in names)
        parts.append(f"{defines}{text}{undefines}")
    return (
        "".join(parts)
        .replace("WDFTIMER Timer)", "WDFTIMER Timer_)")
        .replace("DeviceOf(Timer)", "DeviceOf(Timer_)")
    )


@pytest.mark.parametrize(("rule", "text", "expect", "target"), EXAMPLES)
def test_an_example_of_a_rule(tmp_path, rule, text, expect, target):
    everything = tuple(one.name for one in registry.all_rules())
    report = check(
        tmp_path, preprocess(text, rule.family, target), rule.family, rule.configuration, everything
    )
    found = [(one.line, one.rules) for one in report.diagnostics]
    assert [line for line, _ in found] == sorted(one.line for one in expect), report.diagnostics
    for expected in expect:
        assert any(line == expected.line and expected.rule in rules for line, rules in found), found
    assert not report.coverage.unanalysed
    assert not report.coverage.recovered


@pytest.mark.parametrize("piece", ROWS, ids=lambda piece: f"{piece.family}-{piece.name}".replace(" ", "_"))
def test_a_row_of_the_tables(tmp_path, piece):
    everything = tuple(one.name for one in registry.all_rules())
    text = preprocess(piece.text, piece.family, "_AMD64_", "SPINCHECK_NO_MACROS")
    report = check(tmp_path, text, piece.family, "", everything)
    if not piece.defect:
        assert report.diagnostics == ()
        return
    # A call that takes a region and a lock together may be told once or once for each.
    assert 1 <= len(report.diagnostics) <= len(piece.kinds), report.diagnostics
    assert {one.line for one in report.diagnostics} == {piece.line}, report.diagnostics
    names = {rule for kind in piece.kinds for rule in primary(piece.defect, kind)}
    assert {one.rule for one in report.diagnostics} <= names


@pytest.mark.parametrize(("piece", "target"), EXPANSIONS)
def test_a_row_behind_its_macro(tmp_path, piece, target):
    text = preprocess(piece.text, piece.family, target)
    assert text.rpartition('"example.c" 2')[2].strip() != piece.text.strip()
    report = check(tmp_path, text, piece.family, "", tuple(one.name for one in registry.all_rules()))
    lines = {one.line for one in report.diagnostics}
    assert lines == ({piece.line} if piece.defect else set()), report.diagnostics


def test_macros_reach_the_calls_that_each_target_has():
    """The expansions are where the targets differ, so both sets of calls must have been seen."""
    calls = {
        target: set(
            re.findall(
                r"\w+",
                "".join(
                    preprocess(item.values[0].text, "windows", target).rpartition('"example.c" 2')[2]
                    for item in EXPANSIONS
                    if item.values[1] == target and item.values[0].family == "windows"
                ),
            )
        )
        for target in TARGETS
    }
    assert {
        "KfAcquireSpinLock",
        "KefAcquireSpinLockAtDpcLevel",
        "ExiAcquireFastMutex",
        "KfRaiseIrql",
    } <= calls["_X86_"]
    assert {"KeAcquireSpinLockRaiseToDpc", "KfRaiseIrql"} <= calls["_AMD64_"]


def primary(defect: str, kind: str) -> set[str]:
    """Return the first rule of such a finding in every driver model."""
    found = set()
    for model in ("kmdf", "wdm", "ndis", "storport"):
        finding = Finding(
            defect, "error", kind, (), "l", "", FunctionRef("a", "f"), 0, "f", "", model, "", ()
        )  # type: ignore[arg-type]
        found.add(registry.describe(finding).rules[0])
    return found


def test_every_row_has_a_right_and_a_wrong_piece():
    for family in tables.families():
        for name in tables.load((family,)).operations:
            mine = [piece for piece in ROWS if piece.family == family and piece.name.startswith(f"{name}: ")]
            assert any(not piece.defect for piece in mine), name
            assert any(piece.defect for piece in mine), name
            assert all(f"{name}(" in piece.text for piece in mine)
