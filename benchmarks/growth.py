"""How cost grows with the number of files: generated code bases, one worker, unit steps and then one driver step.

    python benchmarks/growth.py [100 1000 ...]

Each size is measured in a process of its own, because peak memory is a high-water mark.
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
from measuring import run, table


def measure(files: int) -> dict[str, float]:
    """Build a code base of ``files`` files and return its figures; times are processor seconds."""
    from spincheck.driver.session import Options, Session  # noqa: PLC0415 -- only the measured child pays for it

    shared = generated.header(300)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        options = Options(cache=f"{place}/cache.sqlite", jobs=1)

        def write(number: int, change: str = "") -> None:
            text = generated.preprocessed(number, files, shared)
            text = text.replace("count_0 ^= value", f"count_0 ^= value{change}")
            Path(f"{number}.i").write_text(text, encoding="utf-8")

        for number in range(files):
            write(number)
        units = [f"{number}.spin" for number in range(files)]
        with Session(options) as session:
            started = time.process_time()
            for number in range(files):
                session.unit(f"{number}.i", f"{number}.spin", record=False)
                session.flush()
            cold = time.process_time() - started
            unit_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            started = time.process_time()
            first = session.link(units, "driver.json")
            driver = time.process_time() - started
        with Session(options) as session:
            started = time.process_time()
            for number in range(files):
                session.unit(f"{number}.i", f"{number}.spin", record=False)
            warm = time.process_time() - started
            write(0, " + 1")
            session.unit("0.i", "0.spin", record=False)
            started = time.process_time()
            changed = session.link(units, "driver.json")
            again = time.process_time() - started
        size = sum(path.stat().st_size for path in Path(place).glob("cache.sqlite*"))
        return {
            "files": files,
            "cold": cold / files * 1000,
            "warm": warm / files * 1000,
            "driver": driver,
            "again": again,
            "analysed": first.stats.functions_analysed,
            "analysed again": changed.stats.functions_analysed,
            "cache": size / (files * generated.FUNCTIONS),
            "unit memory": unit_memory,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> int:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.sizes[0])))
        return 0
    rows = []
    for size in given.sizes:
        done = run([sys.executable, __file__, "--inside", str(size)], timeout=1800)
        try:
            found = json.loads(done.output.splitlines()[-1])
        except (ValueError, IndexError):
            print(done.output, file=sys.stderr)
            return 1
        rows.append(
            [
                str(size),
                f"{found['cold']:.1f}",
                f"{found['warm']:.1f}",
                f"{found['driver']:.2f} ({found['analysed']})",
                f"{found['again']:.2f} ({found['analysed again']})",
                f"{found['cache']:.0f}",
                f"{found['unit memory']:.0f}",
                f"{found['memory']:.0f}",
            ]
        )
    heads = ["files", "unit step cold, ms/file", "unchanged, ms/file", "driver step s (functions analysed)"]
    heads += [
        "after one edit s (functions)",
        "cache bytes/function",
        "peak MB in unit steps",
        "peak MB with driver step",
    ]
    print(table(heads, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
