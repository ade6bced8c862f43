"""What the checks add to a real SCons build: a generated driver with the real ntddk.h, with and without them.

    python benchmarks/build.py [--files 30] [--jobs 2] [--rounds 5]

Each step is run without and with checks in directories of their own, one right after the other, so that other load on the machine meets both; the
short steps several times, and the median counts. A null build is a tenth of a second of start-up noise around a few milliseconds of ours.
Python's own byte code is kept, as it is in every installation: a worker that compiles its modules first is not what users run.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import generated
from measuring import Cost, run, table

CONSTRUCT = """env = Environment(tools=["gcc", "gnulink", "ar", "spincheck"], toolpath=[PyPackageDir("spincheck.scons_tool")],
    CC="x86_64-w64-mingw32-gcc", CCFLAGS=["-O2", "-w"], CPPPATH=["/usr/x86_64-w64-mingw32/include/ddk", "/usr/share/mingw-w64/include/ddk"],
    LINK="x86_64-w64-mingw32-gcc", LINKFLAGS=["-nostdlib", "-Wl,-e,entry_0", "-Wl,--subsystem,native"], LIBS=["ntoskrnl"], PROGSUFFIX=".sys",
    OBJSUFFIX=".o")
import os
env["ENV"]["PATH"] = os.environ["PATH"]
env.Program("big", Glob("f*.c"))
"""
TARGETS = {
    "clean build": "1.25",
    "null build": "1.10 and 5 ms/file",
    "one-function edit": "1.10",
    "again after scons -c": "1.10",
}


class Pair:
    """The same project twice: ``plain`` is built without checks, ``checked`` with."""

    def __init__(self, place: Path, files: int, jobs: int) -> None:
        self._place = place
        self._files = files
        self._scons = [sys.executable, "-m", "SCons", f"-j{jobs}", "-Q"]
        for name in ("plain", "checked"):
            directory = place / name
            directory.mkdir()
            (directory / "SConstruct").write_text(CONSTRUCT, encoding="utf-8")
            for number in range(files):
                (directory / f"f{number}.c").write_text(generated.source(number, files), encoding="utf-8")

    def build(self, before: Callable[[str], None] = lambda _name: None) -> tuple[Cost, Cost]:
        """Prepare and build both; return what each build cost."""
        costs = []
        for name in ("plain", "checked"):
            before(name)
            costs.append(self.scons(name))
        return costs[0], costs[1]

    def scons(self, name: str, *more: str) -> Cost:
        """Run scons in one of the two; ends the program when it fails."""
        switch = f"SPINCHECK={int(name == 'checked')}"
        done = run([*self._scons, "-C", str(self._place / name), switch, *more], timeout=900)
        if done.status:
            raise SystemExit(done.output[-3000:])
        return done._replace(cpu=done.cpu + left_behind())

    def edit(self, name: str, number: int) -> None:
        """Change one function of one file, each time another way."""
        file = self._place / name / "f3.c"
        text = generated.source(3, self._files)
        file.write_text(
            text.replace("count_3 ^= value", f"count_3 ^= value + {number + 1}"), encoding="utf-8"
        )


def adopt() -> None:
    """Become the parent of processes that outlive the one that started them: workers end a little after their build (Linux only)."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def left_behind() -> float:
    """Wait for such processes; return their processor time in seconds."""
    cpu = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return cpu
        cpu += usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    adopt()
    with tempfile.TemporaryDirectory() as place:
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(place, "bytecode"))
        warm = Path(place, "warm")
        warm.mkdir()
        Pair(warm, 1, given.jobs).build()
        pair = Pair(Path(place), given.files, given.jobs)

        def clean(name: str) -> None:
            pair.scons(name, "-c")

        def fresh(name: str) -> None:
            pair.scons(name, "-c")
            shutil.rmtree(Path(place, name, ".spincheck"), ignore_errors=True)
            for signatures in Path(place, name).glob(".sconsign*"):
                signatures.unlink()

        measured = {
            "clean build": [pair.build(fresh) for _ in range(max(given.rounds // 2, 1))],
            "null build": [pair.build() for _ in range(given.rounds * 2)],
            "one-function edit": [
                pair.build(lambda name, number=number: pair.edit(name, number))
                for number in range(given.rounds)
            ],
            "again after scons -c": [pair.build(clean) for _ in range(max(given.rounds // 3, 1))],
        }
    rows = [_row(what, costs, given.files) for what, costs in measured.items()]
    heads = [
        "step (runs)",
        "without, wall s",
        "with, wall s",
        "wall ÷",
        "CPU ÷",
        "ms added per file",
        "target",
    ]
    print(f"{given.files} files, -j{given.jobs}\n\n{table(heads, rows)}")
    return 0


def _row(what: str, costs: list[tuple[Cost, Cost]], files: int) -> list[str]:
    wall = [statistics.median(pair[side].wall for pair in costs) for side in (0, 1)]
    cpu = [statistics.median(pair[side].cpu for pair in costs) for side in (0, 1)]
    return [
        f"{what} ({len(costs)})",
        f"{wall[0]:.2f}",
        f"{wall[1]:.2f}",
        f"{wall[1] / wall[0]:.2f}",
        f"{cpu[1] / cpu[0]:.2f}",
        f"{(wall[1] - wall[0]) * 1000 / files:.1f}",
        TARGETS[what],
    ]


if __name__ == "__main__":
    sys.exit(main())
