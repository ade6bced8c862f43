"""Helpers that are too long to be followed: what they always call is known all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spincheck.driver.session import check_texts

sys.path.insert(0, str(Path(__file__).parent))

from verdict_pages import preprocessed

PLAIN = "    Device->Count++;\n" * 100


@pytest.mark.parametrize(
    ("helper", "told"),
    [
        (f"    IofCompleteRequest(Irp, 0);\n{PLAIN}", True),
        (f"{PLAIN}    if (Device->Ready) IofCompleteRequest(Irp, 0);\n", False),
        (f"    if (Device->Ready) {{ IofCompleteRequest(Irp, 0); return; }}\n{PLAIN}    IofCompleteRequest(Irp, 0);\n", True),
        (f"    while (Device->Count) IofCompleteRequest(Irp, 0);\n{PLAIN}", False),
    ],
)
def test_calls_that_every_way_makes(helper: str, told: bool) -> None:
    text = f"""static VOID Finish(PDEVICE Device, PIRP Irp) {{
{helper}}}
DRIVER_DISPATCH Read;
NTSTATUS Read(PDEVICE_OBJECT DeviceObject, PIRP Irp) {{
    PDEVICE Device = DeviceObject->DeviceExtension;
    KIRQL Irql = KeAcquireSpinLockRaiseToDpc(&Device->Lock);
    Finish(Device, Irp);
    KeReleaseSpinLock(&Device->Lock, Irql);
    return STATUS_SUCCESS;
}}
"""
    report = check_texts({"driver.c": preprocessed("driver.c", text)}, world="closed")
    assert [one.rule for one in report.diagnostics] == (["SpinLockSafe"] if told else [])


BUSY = "".join(
    f"    if (Ask({number})) {{ KeAcquireSpinLockAtDpcLevel(&Device->Other); Device->Flags = {number}; KeReleaseSpinLockFromDpcLevel(&Device->Other); }}"
    f" else Odd{number % 7} |= {1 << number};\n"
    for number in range(12)
)


@pytest.mark.parametrize(("second", "told"), [("    else if (Second) KeReleaseSpinLockFromDpcLevel(&Device->Lock);\n", []), ("", ["Spinlock"])])
def test_what_has_nothing_to_do_with_a_lock_makes_no_paths(second: str, told: list[str]) -> None:
    """Twelve branches about another lock are thousands of paths, of which none decides about this one."""
    text = f"""BOOLEAN Ask(ULONG Number);
static BOOLEAN Work(PDEVICE Device, ULONG First, ULONG Second) {{
    ULONG {", ".join(f"Odd{number} = 0" for number in range(7))};
    if (First) KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    else if (Second) KeAcquireSpinLockAtDpcLevel(&Device->Lock);
{BUSY}    if (First) KeReleaseSpinLockFromDpcLevel(&Device->Lock);
{second}    if ({" && ".join(f"Odd{number} == 8" for number in range(7))}) return FALSE;
    return TRUE;
}}
EVT_WDF_TIMER Tick;
VOID Tick(WDFTIMER Timer) {{
    PDEVICE Device = DeviceOf(Timer);
    if (!Work(Device, Device->Flags & 1, Device->Flags & 2)) Device->Count = 1;
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    KeReleaseSpinLockFromDpcLevel(&Device->Lock);
}}
"""
    report = check_texts({"driver.c": preprocessed("driver.c", text)}, world="closed")
    assert [one.rule for one in report.diagnostics] == told
    assert not report.coverage.imprecise


def test_what_another_thread_does_is_told_among_many_branches() -> None:
    """Of a path with many branches only some are told, but always the one that could not be taken without another thread."""
    text = """EVT_WDF_TIMER Tick;
VOID Tick(WDFTIMER Timer) {
    PDEVICE Device = DeviceOf(Timer);
    LONG Turn;
    if (Device->Status < 0) return;
    KeAcquireSpinLock(&Device->Lock, &Device->OldIrql);
    if (Device->Status >= 0) KeReleaseSpinLock(&Device->Lock, Device->OldIrql);
    for (Turn = 0; Turn != 1; Turn += 1) { }
    KeReleaseSpinLock(&Device->Lock, Device->OldIrql);
    if (Device->Status < 0) KeReleaseSpinLock(&Device->Lock, Device->OldIrql);
}
"""
    report = check_texts({"driver.c": preprocessed("driver.c", text)}, world="closed")
    last = report.diagnostics[-1]
    assert (last.line, last.rule) == (10, "Spinlock")
    assert any(step.line == 7 and step.message.endswith("changed by another thread") for step in last.trace)
