"""What is told where the search for a path ends before it has found one, or shown that there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spincheck.analysis import replay
from spincheck.driver.session import check_texts

sys.path.insert(0, str(Path(__file__).parent))

from verdict_pages import preprocessed


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("if (Turns == 77) return;", [("warning", "SpinlockRelease")]),
        ("if (Turns == 77) goto Out;", []),
    ],
    ids=["every way to this return holds the lock", "some ways to this return hold the lock"],
)
def test_a_lock_that_is_held_in_merged_states(monkeypatch: pytest.MonkeyPatch, end: str, told: list[tuple[str, str]]) -> None:
    monkeypatch.setattr(replay, "MAX_STEPS", 40)
    text = f"""EVT_WDF_TIMER Tick;
VOID Tick(WDFTIMER Timer) {{
    PDEVICE Device = DeviceOf(Timer);
    ULONG Turns;
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    for (Turns = 0; Turns < Query(); Turns++) Work();
    {end}
    KeReleaseSpinLockFromDpcLevel(&Device->Lock);
Out:
    return;
}}
"""
    report = check_texts({"driver.c": preprocessed("driver.c", text)}, world="closed")
    assert [(one.severity, one.rule) for one in report.diagnostics] == told
    assert any("was decided" in one.reason for one in report.coverage.imprecise)
