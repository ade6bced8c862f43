"""How cost grows with the number of files: generated code bases, unit steps and then one driver step, in one process.

    python benchmarks/growth.py [100 1000 10000] [--plot GROWTH.svg] [--jobs N]

The driver step has N processes, 1 if not said; their processor time counts.

Each size is measured in a process of its own, because peak memory is a high-water mark. A file is written just before its step and removed after it, so
that 10,000 files need no more disk than their cache and unit files; writing them is not part of any figure.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import generated
from measuring import lines, run, table

FIGURES = {
    "cold": "unit step, ms/file",
    "warm": "unchanged, ms/file",
    "driver": "driver step, ms/file",
    "again": "driver step after one edit, ms/file",
    "cache": "cache, kB/function",
}


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def measure(files: int, jobs: int) -> dict[str, float]:
    """Build a code base of ``files`` files and return its figures; times are processor seconds."""
    from spincheck.driver.session import Options, Session  # noqa: PLC0415 -- only the measured child pays for it

    shared = generated.header(300)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        options = Options(cache=f"{place}/cache.sqlite", jobs=jobs)

        def step(session: Session, number: int, change: str = "") -> float:
            text = generated.preprocessed(number, files, shared)
            text = text.replace("count_0 ^= value", f"count_0 ^= value{change}")
            path = Path(f"{number}.i")
            path.write_text(text, encoding="utf-8")
            started = time.process_time()
            session.unit(path.name, f"{number}.spin", record=False)
            session.flush()
            spent = time.process_time() - started
            path.unlink()
            return spent

        units = [f"{number}.spin" for number in range(files)]
        with Session(options) as session:
            cold = sum(step(session, number) for number in range(files))
            unit_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            started, driver_wall = processor_seconds(), time.perf_counter()
            first = session.link(units, "driver.json")
            driver, driver_wall = processor_seconds() - started, time.perf_counter() - driver_wall
        with Session(options) as session:
            warm = sum(step(session, number) for number in range(files))
            step(session, 0, " + 1")
            started, wall = processor_seconds(), time.perf_counter()
            changed = session.link(units, "driver.json")
            again, wall = processor_seconds() - started, time.perf_counter() - wall
        size = sum(path.stat().st_size for path in Path(place).glob("cache.sqlite*"))
        return {
            "files": files,
            "cold": cold / files * 1000,
            "warm": warm / files * 1000,
            "driver": driver / files * 1000,
            "driver seconds": driver,
            "driver wall": driver_wall,
            "again": again / files * 1000,
            "again seconds": again,
            "again wall": wall,
            "analysed": first.stats.functions_analysed,
            "analysed again": changed.stats.functions_analysed,
            "cache": size / (files * generated.FUNCTIONS) / 1000,
            "unit memory": unit_memory,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> int:
    """Measure each size, print the table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--plot")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.sizes[0], given.jobs)))
        return 0
    rows = []
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in FIGURES.values()}
    for size in given.sizes:
        done = run([sys.executable, __file__, "--inside", str(size), "--jobs", str(given.jobs)], timeout=7200)
        try:
            found = json.loads(done.output.splitlines()[-1])
        except (ValueError, IndexError):
            print(done.output, file=sys.stderr)
            return 1
        for key, name in FIGURES.items():
            curves[name].append((size, found[key]))
        rows.append(
            [
                str(size),
                f"{found['cold']:.1f}",
                f"{found['warm']:.1f}",
                f"{found['driver seconds']:.2f} ({found['analysed']})",
                f"{found['driver wall']:.2f}",
                f"{found['again seconds']:.2f} ({found['analysed again']})",
                f"{found['again wall']:.2f}",
                f"{found['cache'] * 1000:.0f}",
                f"{found['unit memory']:.0f}",
                f"{found['memory']:.0f}",
            ]
        )
    heads = ["files", "unit step cold, ms/file", "unchanged, ms/file", "driver step s (functions analysed)"]
    heads += [
        "the same, wall s",
        "after one edit s (functions analysed)",
        "the same, wall s",
        "cache bytes/function",
        "peak MB in unit steps",
        "peak MB with driver step",
    ]
    print(table(heads, rows))
    if given.plot:
        Path(given.plot).write_text(lines("Cost by number of files", curves), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
