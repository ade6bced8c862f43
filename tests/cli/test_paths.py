"""The notes of a violation, read as a person reads them: is everything there that one has to know, and nothing else?"""

from __future__ import annotations

import re

from conftest import HELPER, Runner

DEEP = """\
EVT_WDF_DPC DeepDpc;
static int Take(struct device *dev, KIRQL *irql)
{
    *irql = KeAcquireSpinLockRaiseToDpc(&dev->Lock);
    if (dev->Count > 3)
        return 1;
    KeReleaseSpinLock(&dev->Lock, *irql);
    return 0;
}
static int Begin(struct device *device, KIRQL *irql)
{
    Touch(device);
    return Take(device, irql);
}
static void Run(struct device *d, KIRQL *irql)
{
    Begin(d, irql);
    Touch(d);
}
VOID DeepDpc(WDFDPC Dpc)
{
    KIRQL irql;
    Run(GetDevice(Dpc), &irql);
}
"""


def notes(run: Runner, *files: str) -> list[str]:
    told = re.findall(r"^\S+?:\d+:\d+: (?:note|error|warning): (.*)$", run("check", *files).out, re.MULTILINE)
    return [re.sub(r" \[[^]]*\]$", "", line) for line in told]


def test_a_leak_three_calls_deep_is_followed_to_the_return_that_makes_it(run: Runner):
    run.write("b.i", DEEP)
    assert notes(run, "b.i") == [
        "spin lock `GetDevice(Dpc)->Lock` is still held when callback `DeepDpc` returns",
        "`Run` returns with `GetDevice(Dpc)->Lock` held",
        "in Run: `Begin` returns with `d->Lock` held",
        "in Begin: `Take` returns with `device->Lock` held",
        "in Take: `dev->Lock` is acquired here by KeAcquireSpinLockRaiseToDpc",
        "in Take: taking the path where dev->Count > 3",
        "in Take: returns here while `dev->Lock` is held",
        "returns here while `GetDevice(Dpc)->Lock` is held",
    ]


def test_a_helper_with_several_ways_out_names_none_that_it_may_not_have_taken(run: Runner):
    ways = HELPER.replace("&d->Lock);", "&d->Lock);\n    if (d->Count)\n        return;\n    Touch(d);")
    run.write("b.i", ways + "EVT_WDF_DPC D;\nVOID D(WDFDPC Dpc)\n{\n    KIRQL irql;\n    TakeBoth(GetDevice(Dpc), &irql);\n}\n")
    assert [line for line in notes(run, "b.i") if "in TakeBoth" in line] == ["in TakeBoth: `d->Lock` is acquired here by KeAcquireSpinLockRaiseToDpc"]


def test_the_second_of_two_acquires_says_so(run: Runner):
    twice = "*irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);"
    run.write("b.i", HELPER.replace(twice, f"{twice}\n    {twice}"))
    assert notes(run, "b.i") == [
        "spin lock `d->Lock` is acquired while already held",
        "`d->Lock` is acquired here by KeAcquireSpinLockRaiseToDpc",
        "`d->Lock` is acquired again by KeAcquireSpinLockRaiseToDpc",
    ]


def test_the_release_of_another_variant_is_named_where_it_is(run: Runner):
    wrong = HELPER.replace(", KIRQL *irql", "").replace("*irql", "KIRQL irql").replace("&d->Lock);", "&d->Lock);\n    KeReleaseSpinLockFromDpcLevel(&d->Lock);")
    run.write("b.i", "VOID KeReleaseSpinLockFromDpcLevel(KSPIN_LOCK *Lock);\n" + wrong)
    assert notes(run, "b.i")[-1] == "`d->Lock` is released here by KeReleaseSpinLockFromDpcLevel"


def test_a_defect_in_a_helper_says_which_callback_leads_to_it(run: Runner):
    twice = DEEP.replace("if (dev->Count > 3)", "KeAcquireSpinLockRaiseToDpc(&dev->Lock);\n    if (dev->Count > 3)")
    run.write("b.i", twice)
    assert "= reached from: DeepDpc\n" in re.sub(r"\x1b\[[0-9;]*m", "", run("check", "b.i", "--color", "always").out)
    run.write("c.i", DEEP)
    assert "reached from" not in run("check", "c.i", "--color", "always").out


def test_a_lock_that_a_callee_takes_again_is_shown_where_it_takes_it(run: Runner):
    balanced = """\
static void Bump(struct device *dev)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&dev->Lock);
    dev->Count++;
    KeReleaseSpinLock(&dev->Lock, irql);
}
static void Start(struct device *device)
{
    Touch(device);
    Bump(device);
}
EVT_WDF_DPC TwiceDpc;
VOID TwiceDpc(WDFDPC Dpc)
{
    struct device *d = GetDevice(Dpc);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    Start(d);
    KeReleaseSpinLock(&d->Lock, irql);
}
"""
    run.write("b.i", balanced)
    assert notes(run, "b.i") == [
        "spin lock `d->Lock` is acquired while already held",
        "`d->Lock` is acquired here by KeAcquireSpinLockRaiseToDpc",
        "in Start: calling `Bump`",
        "in Bump: `dev->Lock` is acquired here by KeAcquireSpinLockRaiseToDpc",
        "`d->Lock` is acquired again in `Start`",
    ]


def test_a_function_behind_a_macro_is_told_as_it_was_written(run: Runner):
    under = HELPER.replace("&d->Lock);", "&d->Lock);\n    IofCompleteRequest(d, 0);")
    run.write("b.i", "void IofCompleteRequest(void *Irp, char Boost);\n" + under)
    assert notes(run, "b.i")[-1] == "`IofCompleteRequest` is called while `d->Lock` is held"
    (run.directory / "b.c").write_text("#include <ntddk.h>\n\n" + under.replace("IofComplete", "IoComplete"))
    told = notes(run, "b.i")
    assert (told[0], told[-1]) == (
        "`IoCompleteRequest` is called while spin lock `d->Lock` is held",
        "`IoCompleteRequest` is called while `d->Lock` is held",
    )
