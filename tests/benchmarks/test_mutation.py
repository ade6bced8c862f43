"""Every mistake that can be made with one lock call of the example driver is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import mutation

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_driver"
COMPILERS = {"mingw": ["x86_64-w64-mingw32-gcc"], "zig": [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-windows-gnu"]}


def compiler() -> list[str] | None:
    if which("x86_64-w64-mingw32-gcc"):
        return COMPILERS["mingw"]
    return COMPILERS["zig"] if find_spec("ziglang") else None


def kernel_headers(command: list[str], empty: Path) -> str:
    said = subprocess.run([*command, "-E", "-v", "-xc", str(empty)], capture_output=True, text=True, check=False).stderr
    # Not every indented line is a path: clang prints its whole command so
    places = [os.path.join(os.path.realpath(line.strip()), "ddk") for line in said.splitlines() if line.startswith(" ")]
    return next(place for place in places if os.path.isfile(os.path.join(place, "ntddk.h")))  # noqa: PTH113 -- Path.is_file raises for a name that is too long


@pytest.fixture(scope="module")
def units(tmp_path_factory) -> list[mutation.Unit]:
    command = compiler()
    if command is None:
        pytest.skip("neither mingw-w64 nor ziglang is installed")
    empty = tmp_path_factory.mktemp("units") / "empty.c"
    empty.write_text("")
    includes = ["-I.", "-Iwdf", f"-I{kernel_headers(command, empty)}"]
    files = [*sorted(EXAMPLE.glob("*.c")), EXAMPLE / "wdf" / "entry.c"]
    said = [subprocess.run([*command, "-E", *includes, str(file)], cwd=EXAMPLE, capture_output=True, text=True, check=True) for file in files]
    return [mutation.Unit(one.stdout) for one in said]


def test_every_mutant_of_the_example_driver_is_told(units):
    changes = mutation.mutants(units)
    made = Counter(one.kind for one in changes)
    assert set(made) == set(mutation.KINDS), made
    assert len(changes) > 80
    assert mutation.untold(units, changes) == []


SAMPLE = """# 1 "lock.h" 1
static void Header(LOCK *l) { KeReleaseSpinLockFromDpcLevel(l); }
# 1 "a.c" 2
static void Give(LOCK *l) { KeReleaseSpinLockFromDpcLevel(l); }
int Two(LOCK *l, KIRQL *i)
{
    int s = 1; const char *t = "goto Out; KeReleaseSpinLock(";
    *(i) =
# 6 "a.c" 3
    KeAcquireSpinLockRaiseToDpc
# 6 "a.c"
    (l);
    if (KeTryToAcquireSpinLockAtDpcLevel(l + 1)) goto Out;
    if (s) Give(l); else KeReleaseSpinLock(l, *i);
Out:
    Give(l);
    return s;
}
"""


def test_mutants_of_a_text():
    unit = mutation.Unit(SAMPLE.replace('# 1 "lock.h" 1', '# 1 "a.c"\n# 1 "lock.h" 1', 1))
    made = {(one.kind, one.line, one.what): unit.with_change(one) for one in mutation.mutants([unit])}
    assert sorted(made) == [
        ("double-acquire", 6, "KeAcquireSpinLockRaiseToDpc"),
        ("double-release", 1, "KeReleaseSpinLockFromDpcLevel"),
        ("double-release", 8, "KeReleaseSpinLock"),
        ("drop-acquire", 6, "KeAcquireSpinLockRaiseToDpc"),
        ("drop-release", 1, "KeReleaseSpinLockFromDpcLevel"),
        ("drop-release", 8, "KeReleaseSpinLock"),
        ("goto-to-return", 7, "goto Out"),
    ]
    assert all(text.count("\n") == unit.text.count("\n") for text in made.values())
    assert "if (s) Give(l); else ;\n" in made["drop-release", 8, "KeReleaseSpinLock"]
    assert "return s;\n    if (s)" in made["goto-to-return", 7, "goto Out"]
    twice = made["double-acquire", 6, "KeAcquireSpinLockRaiseToDpc"]
    assert "{ *(i) = KeAcquireSpinLockRaiseToDpc (l); *(i) = KeAcquireSpinLockRaiseToDpc (l); }\n" in twice
    assert twice.count('# 6 "a.c"') == 2
