"""Every finding has a rule, the right one first, and a message."""

from __future__ import annotations

from typing import get_args

import pytest

from spincheck.analysis.findings import Defect, Finding, FunctionRef
from spincheck.locks import config, tables
from spincheck.rules import registry

KINDS = (*sorted(tables.load(tables.families()).kinds), "a user's kind")
MODELS = ("kmdf", "wdm", "ndis", "storport", "any", "")
BASE = Finding(
    defect="held-at-exit",
    severity="error",
    kind="spin",
    operations=("KeAcquireSpinLockRaiseToDpc",),
    lock="dev->Lock",
    other="",
    function=FunctionRef("a.c", "EvtIoRead"),
    at=1,
    entry="EvtIoRead",
    role="EVT_WDF_IO_QUEUE_IO_READ",
    model="kmdf",
    doubt="",
    trace=(),
)


def finding(**changes) -> Finding:
    return Finding(**{name: changes.get(name, getattr(BASE, name)) for name in BASE.__struct_fields__})


@pytest.mark.parametrize("defect", get_args(Defect))
@pytest.mark.parametrize("kind", KINDS)
def test_every_defect_of_every_kind_has_a_rule(defect, kind):
    for model in MODELS:
        for role in ("", "EVT_WDF_DPC", "DRIVER_DISPATCH"):
            for operations in ((), ("A",), ("A", "ReleaseFromDpcLevel")):
                described = registry.describe(
                    finding(defect=defect, kind=kind, model=model, role=role, operations=operations)
                )
                assert described.rules
                assert len(set(described.rules)) == len(described.rules)
                assert all(registry.find(rule).name == rule for rule in described.rules)
                assert described.message[
                    0
                ] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" or described.message.startswith(
                    ("NDIS", "VPB", "Storport", "AVStream", "FCB", "GPIO")
                )
                assert not described.message.endswith(".")
                assert "{" not in described.message


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, ("SpinlockRelease",)),
        ({"model": "any"}, ("SpinlockRelease",)),
        ({"model": "wdm"}, ("SpinlockRelease", "SpinLock")),
        ({"defect": "acquired-twice"}, ("Spinlock", "SpinlockRelease")),
        ({"defect": "released-unheld"}, ("Spinlock", "SpinlockRelease")),
        ({"defect": "acquired-twice", "role": "EVT_WDF_DPC"}, ("Spinlock", "SpinlockRelease", "SpinlockDpc")),
        (
            {"defect": "acquired-twice", "operations": ("KeAcquireSpinLockAtDpcLevel",)},
            ("Spinlock", "SpinlockRelease", "SpinlockDpc"),
        ),
        ({"defect": "acquired-twice", "model": "wdm"}, ("SpinLock", "SpinlockRelease")),
        ({"defect": "released-unheld", "model": "wdm"}, ("SpinlockRelease",)),
        ({"model": "ndis"}, ("SpinLock", "SpinLockBalanced")),
        (
            {"model": "ndis", "kind": "ndisspin", "operations": ("NdisDprAcquireSpinLock",)},
            ("SpinLock", "SpinLockBalanced", "SpinLockDpr", "SpinLockDprRelease"),
        ),
        (
            {"model": "ndis", "kind": "ndisspin", "defect": "released-unheld"},
            ("SpinLockRelease", "SpinLockBalanced"),
        ),
        ({"model": "storport"}, ("SpinLock", "SpinLockRelease")),
        ({"kind": "wdfspin"}, ("WdfSpinlockRelease", "WdfSpinlock")),
        ({"kind": "wdfspin", "defect": "acquired-twice"}, ("WdfSpinlock", "WdfSpinlockRelease")),
        ({"kind": "wdfwait"}, ("WdfWaitlockRelease", "WdfWaitlock")),
        (
            {"kind": "wdfinterrupt", "defect": "not-held-at-exit"},
            ("WdfInterruptLockRelease", "WdfInterruptLock"),
        ),
        ({"kind": "queued"}, ("QueuedSpinLockRelease", "QueuedSpinLock")),
        ({"kind": "cancel", "defect": "released-unheld"}, ("CancelSpinLock", "CancelSpinLockRelease")),
        ({"kind": "resource"}, ("ExclusiveResourceAccess",)),
        ({"kind": "critical"}, ("CriticalRegions",)),
        ({"kind": "storport"}, ("StorPortSpinLock",)),
        ({"kind": "vpb"}, ("LockBalance",)),
        ({"kind": "mine"}, ("LockBalance",)),
        ({"defect": "wrong-variant"}, ("LockVariant",)),
        ({"defect": "wrong-irql"}, ("IrqlKeReleaseSpinLock", "LockIrql")),
        ({"defect": "wrong-irql", "kind": "cancel"}, ("LockIrql",)),
        ({"defect": "handle-reused", "kind": "queued"}, ("QueueHandleReuse",)),
        ({"defect": "failure-holds"}, ("LockContract",)),
        ({"defect": "order-cycle"}, ("LockOrder",)),
        ({"defect": "parent-object", "kind": "wdfspin"}, ("ParentObjectCheckLock",)),
        ({"defect": "call-while-holding", "other": "WdfRequestSend"}, ("ReqSendWhileSpinlock",)),
        ({"defect": "call-while-holding", "other": "IofCompleteRequest"}, ("SpinLockSafe",)),
        ({"defect": "call-while-holding", "other": "KeWaitForSingleObject"}, ("WaitWhileSpinlock",)),
        (
            {"defect": "call-while-holding", "other": "", "operations": ("ZwClose",)},
            ("PassiveWhileSpinlock",),
        ),
        ({"defect": "call-while-holding", "other": "Mine"}, ("CallWhileHolding",)),
        (
            {"defect": "call-without-holding", "kind": "critical", "other": "ExAcquireResourceSharedLite"},
            ("WithinCriticalRegion",),
        ),
        ({"defect": "call-without-holding", "other": "Mine"}, ("CallWithoutHolding",)),
        ({"kind": "pmutex"}, ("PosixMutex",)),
        ({"kind": "lspin", "defect": "released-unheld"}, ("LinuxSpinLock",)),
    ],
)
def test_which_rules(changes, rules):
    assert registry.describe(finding(**changes)).rules == rules


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "spin lock `dev->Lock` is still held when callback `EvtIoRead` returns"),
        ({"role": "", "entry": "Helper"}, "spin lock `dev->Lock` is still held when `Helper` returns"),
        ({"defect": "acquired-twice"}, "spin lock `dev->Lock` is acquired while already held"),
        (
            {"defect": "released-unheld", "kind": "wdfspin"},
            "framework spin lock `dev->Lock` is released while not held",
        ),
        (
            {"kind": "cancel", "lock": "cancel spin lock"},
            "the cancel spin lock is still held when callback `EvtIoRead` returns",
        ),
        (
            {"kind": "critical", "lock": "critical region", "defect": "released-unheld"},
            "the critical region is left without having been entered",
        ),
        (
            {"defect": "wrong-variant", "operations": ("KeAcquireSpinLockAtDpcLevel", "KeReleaseSpinLock")},
            "spin lock `dev->Lock` is acquired by `KeAcquireSpinLockAtDpcLevel` but released by `KeReleaseSpinLock`",
        ),
        (
            {"defect": "irql-overwritten", "other": "b"},
            "the IRQL saved for spin lock `dev->Lock` is overwritten by the acquire of `b` before it is used",
        ),
        (
            {"defect": "call-while-holding", "other": "ZwClose"},
            "`ZwClose` is called while spin lock `dev->Lock` is held",
        ),
        (
            {
                "defect": "call-without-holding",
                "kind": "critical",
                "lock": "",
                "other": "ExAcquireResourceSharedLite",
            },
            "`ExAcquireResourceSharedLite` is called outside a critical region",
        ),
        (
            {"defect": "handle-reused", "kind": "queued", "other": "dev->B"},
            "the queue handle of `dev->B` is used again for queued spin lock `dev->Lock` while in use",
        ),
        (
            {"defect": "order-cycle", "other": "dev->B"},
            "spin lock `dev->Lock` is acquired while `dev->B` is held, elsewhere in the opposite order",
        ),
    ],
)
def test_messages(changes, message):
    assert registry.describe(finding(**changes)).message == message


def test_doubt_is_a_warning_and_so_is_a_warning_rule():
    assert registry.describe(finding()).severity == "error"
    assert registry.describe(finding(severity="warning")).severity == "warning"
    assert registry.describe(finding(defect="order-cycle")).severity == "warning"


def test_a_users_rows_may_name_a_rule_and_a_noun():
    text = """
forbidden = [{ function = "MySleep", kinds = ["ring"], rule = "WaitWhileSpinlock" }]
operation = [
  { function = "RingTake", action = "acquire", kind = "ring", lock = "argument 0" },
  { function = "RingGive", action = "release", kind = "ring", lock = "argument 0" },
]
[kind.ring]
noun = "ring lock"
"""
    known = config.parse(text, "spincheck.toml").tables()
    described = registry.describe(finding(defect="call-while-holding", kind="ring", other="MySleep"), known)
    assert described.rules == ("WaitWhileSpinlock",)
    assert described.message == "`MySleep` is called while ring lock `dev->Lock` is held"


def test_a_rule_that_a_table_names_exists():
    for fragment in tables.built_in():
        for row in (*fragment.forbidden, *fragment.required):
            assert registry.find(row.value.rule).name == row.value.rule, f"{row.file}:{row.line}"


def test_names_are_found_and_told_apart():
    assert registry.find("SpinlockRelease") is not registry.find("SpinLockRelease")
    assert registry.find("wdfspinlock").name == "WdfSpinlock"
    with pytest.raises(registry.UnknownRuleError, match="could be `SpinLock` or `Spinlock`"):
        registry.find("spinlock")
    with pytest.raises(registry.UnknownRuleError, match="did you mean `LockVariant`"):
        registry.find("LokVariant")


def test_selection_keeps_the_order_of_the_list():
    names = [rule.name for rule in registry.all_rules()]
    assert len(set(names)) == len(names)
    assert [rule.name for rule in registry.select(["LockOrder", "Spinlock", "LockOrder"])] == [
        "Spinlock",
        "LockOrder",
    ]
    assert all(rule in registry.all_rules() for rule in registry.enabled())


def test_every_rule_can_be_told():
    told: set[str] = set()
    calls = (
        "",
        "WdfRequestSend",
        "IofCompleteRequest",
        "ZwClose",
        "KeDelayExecutionThread",
        "ExAcquireResourceSharedLite",
        "msleep",
    )
    for defect in get_args(Defect):
        for kind in KINDS:
            for model in MODELS:
                for call in calls:
                    told.update(
                        registry.describe(
                            finding(defect=defect, kind=kind, model=model, other=call, role="EVT_WDF_DPC")
                        ).rules
                    )
                told.update(
                    registry.describe(
                        finding(defect=defect, kind=kind, model=model, operations=("NdisDprAcquireSpinLock",))
                    ).rules
                )
    assert told == {rule.name for rule in registry.all_rules()}
