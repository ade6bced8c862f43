"""What is told of what was found: rules, severities, suppressions, paths, and the names that the user wrote."""

from __future__ import annotations

from spincheck.diagnostics import Diagnostic, TraceStep
from spincheck.driver.drafts import Draft
from spincheck.driver.select import UNUSED, Policy, Relative, told
from spincheck.driver.source import Suppression

RULES = ("Spinlock", "SpinlockRelease", "LockOrder", UNUSED)


def draft(**changes: object) -> Draft:
    steps = (
        TraceStep("entry", "/p/a.c", 1, 1, "EvtDpc", 0, "entry"),
        TraceStep(
            "acquire", "/p/a.c", 5, 9, "EvtDpc", 0, "`&d->Other` acquired by KeAcquireSpinLockRaiseToDpc"
        ),
        TraceStep(
            "acquire", "/p/a.c", 7, 9, "EvtDpc", 0, "`&d->Lock` acquired by KeAcquireSpinLockRaiseToDpc"
        ),
        TraceStep("defect", "/p/a.c", 20, 3, "EvtDpc", 0, "returns holding `&d->Lock`"),
    )
    values: dict[str, object] = {
        "rule": "SpinlockRelease",
        "rules": ("SpinlockRelease", "Spinlock"),
        "severity": "error",
        "message": "`&d->Lock`, acquired by KeAcquireSpinLockRaiseToDpc, is still held",
        "function": "EvtDpc",
        "file": "/p/a.c",
        "line": 20,
        "column": 3,
        "lock": "&d->Lock",
        "entry": "EvtDpc",
        "fingerprint": "f1",
        "trace": steps,
    }
    return Draft(
        Diagnostic(**{**values, **changes}), (("KeAcquireSpinLockRaiseToDpc", ("KeAcquireSpinLock",)),)
    )


def as_written(_file: str, _line: int, operation: str, _macros: object) -> str:
    return operation


def tell(drafts, suppressions=(), *, spelled=as_written, whole=True, root="/p", **policy):
    policy.setdefault("rules", frozenset(RULES))
    return told(
        drafts,
        suppressions,
        policy=Policy(**policy),
        known_rules=RULES,
        spelled=spelled,
        root=root,
        whole=whole,
    )


def comment(line: int, *rules: str, reason: str = "why", file: str = "/p/a.c") -> Suppression:
    return Suppression(file, line, 4, rules, reason)


def test_paths_are_relative_below_the_root_only():
    (one,) = tell([draft()])
    assert one.file == "a.c"
    assert {step.file for step in one.trace} == {"a.c"}
    relative = Relative("/p")
    paths = {
        "/p/x/../a.c": "a.c",
        "./b.c": "b.c",
        "/q/a.c": "/q/a.c",
        "/pp/a.c": "/pp/a.c",
        "<stdin>": "<stdin>",
        "": "",
        "../c.c": "../c.c",
    }
    assert {path: relative.path(path) for path in paths} == paths


def test_chosen_rules_and_severities():
    assert tell([draft()], rules=frozenset({"LockOrder"})) == ()
    (one,) = tell([draft()], rules=frozenset({"Spinlock"}))
    assert (one.rule, one.rules) == ("Spinlock", ("Spinlock",))
    assert one.fingerprint == "f1"
    (one,) = tell([draft()], severities={"SpinlockRelease": "warning"})
    assert one.severity == "warning"
    (one,) = tell([draft()], severities={"LockOrder": "warning"})
    assert one.severity == "error"
    assert tell([draft()], excludes=lambda path: path == "a.c") == ()


def test_suppressed_at_the_diagnostic_or_at_its_acquire():
    assert tell([draft()], [comment(20, "SpinlockRelease")]) == ()
    assert tell([draft()], [comment(7, "Spinlock")]) == ()
    assert len(tell([draft()], [comment(5, "SpinlockRelease")], whole=False)) == 1
    assert len(tell([draft()], [comment(20, "LockOrder")], whole=False)) == 1
    assert len(tell([draft()], [comment(20, "SpinlockRelease", file="/p/b.c")], whole=False)) == 1


def test_one_comment_with_several_rules_is_used_once():
    assert (
        tell(
            [draft(), draft(rules=("LockOrder",), rule="LockOrder")],
            [comment(20, "SpinlockRelease", "LockOrder")],
        )
        == ()
    )


def test_unused_suppressions_are_told_when_the_whole_driver_was_seen():
    unused = comment(3, "SpinlockRelease")
    (one,) = tell([], [unused])
    assert (one.rule, one.severity, one.file, one.line, one.column) == (UNUSED, "warning", "a.c", 3, 4)
    assert "suppresses nothing" in one.message
    assert tell([], [unused], whole=False) == ()
    assert tell([], [unused], rules=frozenset({"Spinlock", UNUSED})) == ()
    assert tell([], [unused], rules=frozenset({"SpinlockRelease"})) == ()
    (one,) = tell([], [unused], severities={UNUSED: "error"})
    assert one.severity == "error"


def test_faulty_suppressions():
    (one,) = tell([], [comment(3)], whole=False)
    assert "names no rule" in one.message
    (one,) = tell([], [comment(3, "SpinLokRelease")], whole=False)
    assert "SpinLokRelease" in one.message
    (one,) = tell([draft()], [comment(20, "SpinlockRelease", reason="")], reason_required=True)
    assert "no reason" in one.message
    assert tell([draft()], [comment(20, "SpinlockRelease", reason="")]) == ()


def test_the_users_name_is_said_where_the_source_has_it():
    def spelled(_file: str, line: int, operation: str, macros) -> str:
        return next(iter(macros)) if line == 7 else operation

    (one,) = tell([draft()], spelled=spelled)
    assert one.message == "`&d->Lock`, acquired by KeAcquireSpinLock, is still held"
    assert [step.message.split()[-1] for step in one.trace[1:3]] == [
        "KeAcquireSpinLockRaiseToDpc",
        "KeAcquireSpinLock",
    ]


def test_order_does_not_depend_on_the_input():
    drafts = [draft(line=line, lock=lock, fingerprint=lock) for line in (9, 3) for lock in ("b", "a")]
    assert tell(drafts) == tell(drafts[::-1])
    assert [(one.line, one.lock) for one in tell(drafts)] == [(3, "a"), (3, "b"), (9, "a"), (9, "b")]


def pragma(line: int, about: int, *rules: str, reason: str = "why") -> Suppression:
    return Suppression("/p/a.c", line, 1, rules, reason, about)


def test_a_pragma_is_about_the_line_that_it_says():
    assert tell([draft()], [pragma(4, 7, "SpinlockRelease", "C6308")]) == ()
    (unused, one) = tell([draft()], [pragma(7, 8, "SpinlockRelease")])
    assert (one.rule, unused.rule, unused.line) == ("SpinlockRelease", UNUSED, 7)


def test_what_a_pragma_suppresses_for_others_is_not_told():
    (one,) = tell([draft()], [pragma(4, 7, "UNREFERENCED", "Leak")])
    assert one.rule == "SpinlockRelease"


def test_a_pragma_needs_its_reason_where_a_comment_does():
    (one,) = tell([draft()], [pragma(4, 7, "Spinlock", reason="")], reason_required=True)
    assert (one.rule, one.message) == (UNUSED, 'suppression gives no reason; say why this is right, as in suppress: RULE, "reason"')


def test_a_pragma_found_twice_is_one():
    twice = [pragma(30, 31, "Spinlock"), Suppression("/p/a.c", 30, 5, ("Spinlock",), "why", 31)]
    assert [one.rule for one in tell([], twice)] == [UNUSED]
