"""What the checks add to a real SCons build: a generated driver with the real ntddk.h, with and without them.

    python benchmarks/build.py [--files 30] [--jobs 2]

Each step is run without and with checks in directories of their own, one after the other, so that other load on the machine meets both.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
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


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    scons = [sys.executable, "-m", "SCons", f"-j{given.jobs}", "-Q"]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name in ("plain", "checked"):
            directory = Path(place, name)
            directory.mkdir()
            (directory / "SConstruct").write_text(CONSTRUCT, encoding="utf-8")
            for number in range(given.files):
                (directory / f"f{number}.c").write_text(
                    generated.source(number, given.files), encoding="utf-8"
                )

        def step(name: str, *more: str) -> Cost:
            switch = [f"SPINCHECK={int(name == 'checked')}"]
            done = run([*scons, "-C", str(Path(place, name)), *switch, *more], timeout=900)
            if done.status:
                print(done.output[-3000:], file=sys.stderr)
                shutil.rmtree(place)
                sys.exit(1)
            return done

        def edit(name: str) -> None:
            file = Path(place, name, "f3.c")
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace("count_3 ^= value", "count_3 ^= value + 1"), encoding="utf-8")

        for what in ("clean build", "null build", "one-function edit", "again after scons -c"):
            costs = []
            for name in ("plain", "checked"):
                if what == "one-function edit":
                    edit(name)
                if what.endswith("-c"):
                    step(name, "-c")
                costs.append(step(name))
            without, with_ = costs
            added = (with_.wall - without.wall) * 1000 / given.files
            rows.append(
                [
                    what,
                    f"{without.wall:.2f}",
                    f"{with_.wall:.2f}",
                    f"{with_.wall / without.wall:.2f}",
                    f"{with_.cpu / without.cpu:.2f}",
                    f"{added:.1f}",
                ]
            )
    heads = ["step", "without, wall s", "with, wall s", "wall ÷", "CPU ÷", "ms added per file"]
    print(f"{given.files} files, -j{given.jobs}\n\n{table(heads, rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
