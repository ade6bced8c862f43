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
