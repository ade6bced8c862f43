"""Where the lock is held: after each step of a path, and beside the lines between them."""

from __future__ import annotations

import msgspec
import pytest
from report_examples import LEAK, SOURCES

from spincheck.diagnostics import Diagnostic, StepKind, TraceStep
from spincheck.report.linestate import Blocks, Lines, line_states
from spincheck.report.lockstate import states


def path(*steps: tuple[StepKind, int, str]) -> Diagnostic:
    """A path in one file: kind, depth and message of each step, one line after the other."""
    trace = tuple(
        TraceStep(kind, "a.c", line, 1, f"f{depth}", depth, message) for line, (kind, depth, message) in enumerate(steps, 1)
    )
    return msgspec.structs.replace(LEAK, trace=trace)


def after(*steps: tuple[StepKind, int, str]) -> list[str]:
    return [one for _, one in states(path(*steps))]


def test_a_callee_takes_the_lock_where_it_says_so():
    assert states(LEAK) == (("free", "held"), ("free", "held"), ("held", "held"), ("held", "held"))


def test_a_call_ends_as_its_steps_do():
    assert after(
        ("call", 0, "calling `Lock`"),
        ("call", 1, "calling `Deeper`"),
        ("branch", 2, "taking the path where x"),
        ("acquire", 2, "`Dev->Lock` is acquired here by KeAcquireSpinLock"),
        ("branch", 1, "taking the path where y"),
        ("call", 0, "calling `Unlock`"),
        ("release", 1, "`Dev->Lock` is released here by KeReleaseSpinLock"),
        ("defect", 0, "`d->Lock` is released but not held"),
    ) == ["held", "held", "free", "held", "held", "free", "free", "free"]


def test_another_lock_changes_nothing():
    assert after(
        ("acquire", 0, "`d->Lock` is acquired here by KeAcquireSpinLock"),
        ("acquire", 0, "`d->Other` is acquired here by KeAcquireSpinLock"),
        ("release", 0, "`d->Other` is released here by KeReleaseSpinLock"),
        ("call", 0, "calling `Lock`"),
        ("acquire", 1, "`Dev->Lock` is acquired here by KeAcquireSpinLock"),
        ("release", 1, "`Dev->Remove` is released here by IoReleaseRemoveLock"),
    ) == ["held"] * 6


def test_a_helper_may_call_the_lock_by_its_parameter():
    assert after(
        ("call", 0, "calling `Lock`"),
        ("acquire", 1, "`Lock` is acquired here by KeAcquireSpinLock"),
    ) == ["held", "held"]


def test_what_a_call_says_counts_more_than_its_steps():
    assert after(
        ("call", 0, "`Swap` returns with `d->Lock` held"),
        ("release", 1, "`Dev->Lock` is released here by KeReleaseSpinLock"),
        ("call", 0, "`Give` releases `d->Lock`"),
    ) == ["held", "free", "free"]


def test_a_path_that_begins_inside():
    assert after(("release", 0, "`d->Lock` is released here by KeReleaseSpinLock")) == ["free"]
    assert states(msgspec.structs.replace(LEAK, trace=LEAK.trace[2:])) == (("?", "?"), ("?", "?"))
    unheld = msgspec.structs.replace(path(("defect", 0, "x")), message="spin lock `d->Lock` is released while not held")
    assert states(unheld) == (("free", "free"),)
    assert states(msgspec.structs.replace(LEAK, trace=())) == ()


def test_a_deep_trace_from_elsewhere_is_no_trouble():
    many = [("call", depth, "calling `f`") for depth in range(5_000)]
    assert set(after(*many, ("acquire", 5_000, "`l` is acquired here by X"))) == {"held"}  # type: ignore[arg-type]


CODE = """\
void f(void)
{
    Take(d);           // 3
    if (a) {
        Other();
        /* } */ g("}");
    } else if (b) {    // 7
        h();

        i();           // 10
        if (c)
            j();       // 12
        k();           // 13
        goto out;
    }
    l();
out:
    return;            // 18
}
"""


@pytest.mark.parametrize(
    ("first", "last", "walked"),
    [
        (3, 7, [4]),
        (7, 10, [8, 9]),
        (10, 13, [11]),
        (3, 18, [17]),
        (3, 13, [4, 7, 8, 9, 10, 11]),
        (16, 18, [17]),
    ],
)
def test_lines_that_a_path_may_pass_by(first: int, last: int, walked: list[int]):
    answers = Blocks(CODE).walked(first, last)
    assert [line for line, answer in enumerate(answers, first + 1) if answer] == walked


def test_cases_before_a_step_may_not_have_run():
    code = "switch (x) {\ncase 1:\n  a();\n  break;\ncase 2:\n  b();\n  c();\n}\n"
    assert Blocks(code).walked(1, 7) == [False, False, False, True, True]


def test_lines_have_the_state_between_the_steps():
    assert line_states(LEAK, SOURCES.get) == [
        Lines("src/dpc.c", 7, 7, "held", walked=True),
        Lines("src/take helper.c", 3, 3, "held", walked=True),
        Lines("src/dpc.c", 8, 8, "held", walked=True),
        Lines("src/dpc.c", 9, 9, "held", walked=True),
    ]
    far = msgspec.structs.replace(LEAK, trace=(LEAK.trace[0], LEAK.trace[1], LEAK.trace[3]))
    assert line_states(far, SOURCES.get)[2] == Lines("src/dpc.c", 8, 8, "held", walked=True)
    assert line_states(far, lambda _file: None)[2] == Lines("src/dpc.c", 8, 8, "held", walked=False)
    beyond = msgspec.structs.replace(far.trace[2], line=10**9)
    assert len(line_states(msgspec.structs.replace(far, trace=(*far.trace[:2], beyond)), SOURCES.get)) == 3
