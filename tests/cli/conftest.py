"""C texts as a preprocessor leaves them, and the command line in a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from spincheck.cli.main import main

HEADER = """\
typedef void VOID;
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef long NTSTATUS;
typedef void *WDFDPC;
typedef VOID EVT_WDF_DPC(WDFDPC Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
VOID KeReleaseSpinLock(KSPIN_LOCK *Lock, KIRQL Irql);
struct device { KSPIN_LOCK Lock; int Count; };
struct device *GetDevice(WDFDPC Dpc);
VOID Touch(struct device *d);
"""

CLEAN = """\
EVT_WDF_DPC CleanDpc;
VOID CleanDpc(WDFDPC Dpc)
{
    struct device *d = GetDevice(Dpc);
    KIRQL irql;
    *(&irql) = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    d->Count++;
    KeReleaseSpinLock(&d->Lock, irql);
}
"""

LEAK = """\
EVT_WDF_DPC LeakDpc;
VOID LeakDpc(WDFDPC Dpc)
{
    struct device *d = GetDevice(Dpc);
    KIRQL irql;
    *(&irql) = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    if (d->Count > 3)
        return;
    KeReleaseSpinLock(&d->Lock, irql);
}
"""

CALLER = """\
EVT_WDF_DPC CallerDpc;
VOID TakeBoth(struct device *d, KIRQL *irql);
VOID CallerDpc(WDFDPC Dpc)
{
    struct device *d = GetDevice(Dpc);
    KIRQL irql;
    TakeBoth(d, &irql);
    Touch(d);
}
"""

HELPER = """\
VOID TakeBoth(struct device *d, KIRQL *irql)
{
    *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
}
"""


ODD = """\
EVT_WDF_DPC OddDpc;
VOID OddDpc(WDFDPC Dpc)
{
    struct device *d = GetDevice(Dpc);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    @ what is this @;
    KeReleaseSpinLock(&d->Lock, irql);
}
"""


def unit_text(source: str, name: str) -> str:
    """The preprocessed text of a source that includes the header."""
    return f'# 1 "{name}"\n# 1 "ddk.h" 1 3\n{HEADER}# 2 "{name}" 2\n{source}'


@dataclass
class Ran:
    """What one run of the command line did."""

    status: int
    out: str
    err: str


class Runner:
    """Runs the command line in a directory that is its project."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("SPINCHECK")}

    def __call__(self, *arguments: object, **env: str) -> Ran:
        """Run in this process: the tables are then read once for all tests."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ), Path.cwd()
        os.environ.clear()
        os.environ.update(self.env | env)
        os.chdir(self.directory)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                status = main([str(argument) for argument in arguments])
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])
        assert "internal error" not in err.getvalue()
        return Ran(status, out.getvalue(), err.getvalue())

    def process(self, *arguments: object, **options: object) -> Ran:
        """Run in a process of its own."""
        command = [sys.executable, "-m", "spincheck", *map(str, arguments)]
        run = subprocess.run(
            command, cwd=self.directory, env=self.env, capture_output=True, text=True, check=False, **options
        )
        assert "Traceback" not in run.stderr
        return Ran(run.returncode, run.stdout, run.stderr)

    def write(self, name: str, source: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit_text(source, f"{path.stem}.c"), encoding="utf-8")
        return path


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """The command line in an empty directory."""
    (tmp_path / "spincheck.toml").write_text("")
    return Runner(tmp_path)
