"""The example driver through the real tool: built clean, stopped by a defect, and each defect told as its README says.

The driver is copied without the repository around it, so that the tool comes from the installed package as it does in a
user's project. One build directory serves a compiler's tests in turn; each test says which defect it builds.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_driver"
PRESENT = {
    "mingw": shutil.which("x86_64-w64-mingw32-gcc") is not None,
    "zig": find_spec("ziglang") is not None,
}


@dataclass(frozen=True, order=True)
class Told:
    """One row of the README's table of what is told."""

    rule: str
    function: str
    file: str
    text: str


def read_table():
    told = defaultdict(list)
    table = (EXAMPLE / "README.md").read_text(encoding="utf-8").partition("| at the line |\n")[2]
    for row in table.splitlines()[1:]:
        defect, *cells = re.findall(r"`([^`]+)`", row)
        told[defect].append(Told(*cells))
    return dict(told)


TABLE = read_table()


class Example:
    """A copy of the driver, built by one compiler."""

    def __init__(self, directory, compiler):
        self.directory = directory
        self.compiler = compiler
        self.image = directory / "build" / "px4.sys"
        self.report = directory / "build" / "px4.sys.spincheck.json"

    def scons(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "SCons", "-Q", f"compiler={self.compiler}", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )

    def diagnostics(self):
        return json.loads(self.report.read_text(encoding="utf-8"))["diagnostics"]

    def told(self):
        """What the last report holds: each diagnostic once for each rule that it breaks."""
        found = set()
        for diagnostic in self.diagnostics():
            lines = (self.directory / diagnostic["file"]).read_text(encoding="utf-8").splitlines()
            text = lines[diagnostic["line"] - 1].strip()
            found |= {
                Told(rule, diagnostic["function"], diagnostic["file"], text) for rule in diagnostic["rules"]
            }
        return found


@pytest.fixture(scope="module", params=["mingw", "zig"])
def example(request, tmp_path_factory):
    if not PRESENT[request.param]:
        pytest.skip(f"{request.param} is not installed")
    directory = tmp_path_factory.mktemp(request.param) / "px4"
    ignore = shutil.ignore_patterns("build", ".spincheck", ".sconsign*")
    shutil.copytree(EXAMPLE, directory, ignore=ignore)
    return Example(directory, request.param)


def test_clean_driver_is_built(example):
    built = example.scons()
    assert built.returncode == 0, built.stdout + built.stderr
    assert example.image.read_bytes().startswith(b"MZ")
    assert example.diagnostics() == []
    coverage = json.loads(example.report.read_text(encoding="utf-8"))["coverage"]
    assert coverage["units"] == 10
    assert coverage["unanalysed"] == []
    assert coverage["recovered"] == []
    assert "no violations" in built.stdout + built.stderr


def test_defect_in_one_file_stops_before_its_compilation(example):
    built = example.scons("defect=leak_wdf_lock")
    output = built.stdout + built.stderr
    assert built.returncode == 2, output
    error = r"^queue\.c:\d+:\d+: error: .*`dev->OutputLock`.*`PxEvtIoWrite`.* \[WdfSpinlockRelease\b"
    assert re.search(error, output, re.MULTILINE), output
    assert re.search(r"^queue\.c:\d+:\d+: note: ", output, re.MULTILINE)
    assert "scons: *** [build/queue.o.spin] 1 lock violation" in output
    assert not re.search(r"-o build/queue\.o |-o build/px4\.sys ", output)


def test_defect_across_files_stops_before_the_link(example):
    built = example.scons("defect=leak_in_helper")
    output = built.stdout + built.stderr
    assert built.returncode == 2, output
    error, _, notes = output.partition("[SpinlockRelease]\n")
    assert "queue.c:" in error.splitlines()[-1]
    assert re.search(r"^(reqlist|locklib)\.c:\d+:\d+: note: ", notes, re.MULTILINE)
    assert "scons: *** [build/px4.sys.spincheck.json] 1 lock violation" in output
    assert "-o build/px4.sys " not in output


def test_check_is_switched_off_on_the_command_line(example):
    built = example.scons("-n", "SPINCHECK=0", "defect=leak_on_error")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "spincheck queue.c" not in built.stdout


@pytest.mark.parametrize("defect", TABLE)
def test_defect_is_told_where_the_readme_says(example, defect):
    built = example.scons("spincheck", f"defect={defect}", "SPINCHECK_FAIL=never")
    assert built.returncode == 0, built.stdout + built.stderr
    found = example.told()
    assert set(TABLE[defect]) <= found, sorted(found)
    # Nothing but this defect is told.
    assert {(told.function, told.file) for told in found} == {(told.function, told.file) for told in TABLE[defect]}


def test_every_defect_has_a_row():
    switches = set()
    for source in EXAMPLE.rglob("*.[ch]"):
        switches |= set(re.findall(r"\bDEFECT_(\w+)", source.read_text(encoding="utf-8")))
    assert sorted(TABLE) == sorted(name.lower() for name in switches)
