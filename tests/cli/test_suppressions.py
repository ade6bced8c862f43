"""Suppressions as a user writes them: pragmas that outlive the preprocessor, what they cost, and in which reports they are."""

from __future__ import annotations

import json

import pytest
from conftest import CLEAN, LEAK, Runner

RETURN = "        return;\n"
TAKES = "    *(&irql) = KeAcquireSpinLockRaiseToDpc(&d->Lock);\n"
NOTHING = "spincheck: 1 file, 1 function, nothing to report\n"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("#pragma warning(suppress: SpinlockRelease)\n", RETURN),
        ('#pragma prefast(suppress: 28167 SpinlockRelease, "the ISR gives it back")\n', RETURN),
        ('#pragma warning(suppress: SpinlockRelease, justification: "why")\n', TAKES),
        ("__pragma(warning(suppress: SpinlockRelease))\n", RETURN),
        ('__pragma(prefast(suppress: SpinlockRelease, "why")) ', TAKES),
        ("#pragma warning(suppress: SpinlockRelease)\n#pragma warning(suppress: 6001)\n\n", TAKES),
    ],
)
def test_pragmas_suppress_the_next_line(run: Runner, before: str, line: str):
    assert LEAK.count(line) == 1
    run.write("b.i", LEAK.replace(line, before + line))
    ran = run("check", "b.i")
    assert (ran.status, ran.out) == (0, NOTHING)


def test_a_pragma_of_a_macro_is_only_in_the_preprocessed_text(run: Runner):
    run.write("b.i", LEAK.replace(RETURN, f'__pragma(prefast(suppress: SpinlockRelease, "why")) {RETURN}'))
    (run.directory / "b.c").write_text(f"#include <ddk.h>\n{LEAK.replace(RETURN, f'LEAKS {RETURN}')}")
    assert run("check", "b.i").out == NOTHING


def test_an_unused_pragma_is_told_and_other_tools_pragmas_are_not(run: Runner):
    run.write("a.i", f'#pragma warning(suppress: 4996)\n#pragma prefast(suppress: 28167, "x")\n{CLEAN}')
    assert run("check", "a.i").out == NOTHING
    run.write("a.i", f"#pragma warning(suppress: 4996 SpinlockRelease)\n{CLEAN}")
    ran = run("check", "a.i")
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "a.c:2:1: warning: suppression of SpinlockRelease suppresses nothing; remove it [UnusedSuppression]"


def test_a_suppression_is_obeyed_without_analysing_again(run: Runner):
    """No comment or pragma is part of a function's key: what is told is decided after the cache."""
    run.write("b.i", LEAK)
    assert run("check", "b.i").status == 1
    pragma = "#pragma warning(suppress: SpinlockRelease)\n"
    run.write("b.i", LEAK.replace(RETURN, pragma + RETURN))
    ran = run("check", "b.i", "--stats")
    assert ran.out == NOTHING
    assert "functions analysed 0, reused 1;" in ran.err
    comment = RETURN.replace(";", "; // spincheck: ignore[SpinlockRelease] why")
    run.write("b.i", LEAK.replace(RETURN, comment))
    ran = run("check", "b.i", "--stats")
    assert ran.out == NOTHING
    assert "functions analysed 0, reused 1;" in ran.err
    run.write("b.i", LEAK)
    ran = run("check", "b.i", "--stats")
    assert (ran.status, "functions analysed 0, reused 1;" in ran.err) == (1, True)


def test_a_pragma_counts_in_both_steps_of_a_build(run: Runner):
    run.write("b.i", LEAK.replace(RETURN, f"#pragma warning(suppress: SpinlockRelease)\n{RETURN}"))
    assert run("unit", "b.i", "-o", "b.spin").status == 0
    assert run("link", "b.spin", "-o", "r.json").status == 0
    run.write("b.i", LEAK)
    assert run("unit", "b.i", "-o", "b.spin").status == 1
    assert run("link", "b.spin", "-o", "r.json").status == 1


def test_the_reason_of_a_pragma_is_told(run: Runner):
    run.write("b.i", LEAK.replace(RETURN, f'#pragma prefast(suppress: SpinlockRelease, "the board is gone")\n{RETURN}'))
    assert run("check", "b.i", "--reason-required").out == NOTHING
    (result,) = json.loads(run("check", "b.i", "--format", "sarif").out)["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "the board is gone"}]
    run.write("b.i", LEAK.replace(RETURN, f"#pragma warning(suppress: SpinlockRelease)\n{RETURN}"))
    assert 'suppression gives no reason; say why this is right, as in suppress: RULE, "reason"' in run("check", "b.i", "--reason-required").out
