"""What several processors gain on one driver, and what they could: real drivers, checked whole with one job and with several.

    python benchmarks/cores.py DRIVERS.json [NAME...] [--jobs 2] [--rounds 1] [--prefix 'chrt -r 1'] [--paths]

DRIVERS.json is that of ``drivers.py``. Reports must be the same bytes, but for their ``stats``. With ``--paths`` each component of the call graph is also summarised by
itself, in order, and timed: the critical path is the dearest chain of callers, which no number of processes shortens, and ``at best`` is what so many processes need that always take
the component with the longest way to go, and lose nothing with talking. ``--prefix`` is put before each command, for a priority that leaves the processors to it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import Cost, run, table

HEADS = ["driver (files)", "wall s, 1 job", "wall s, {n} jobs", "times as fast", "CPU s, 1 job", "CPU s, {n} jobs"]
PATH_HEADS = ["driver (functions)", "summaries, CPU s", "critical path, s", "of it", "dearest component, s (functions)", "at best with {n}, s"]


def components(files: Sequence[str]) -> tuple[list[float], list[list[int]], list[int]]:
    """Return what each component costs, which ones it calls, and how many functions it has; callees come first."""
    from spincheck.analysis.program import _Program  # noqa: PLC0415 -- one child measures, the others need not load it
    from spincheck.cache.recent import RUN_BYTES, Recent  # noqa: PLC0415
    from spincheck.driver.garbage import few_collections  # noqa: PLC0415
    from spincheck.driver.inputs import read_input  # noqa: PLC0415
    from spincheck.driver.read import read  # noqa: PLC0415
    from spincheck.driver.settings import Knowledge, Options  # noqa: PLC0415

    knowledge, memory = Knowledge(Options(cache=None)), Recent(RUN_BYTES)
    with few_collections():
        units = read([read_input(path) for path in files], knowledge.settings, memory).units
        program = _Program(units, "closed", knowledge.tables, memory, index=False)
        found = program.arrange()
        costs = []
        for number in range(len(found)):
            started = time.process_time()
            program.compute(number)
            costs.append(time.process_time() - started)
        return costs, [program._below(one) for one in found], [len(one) for one in found]  # noqa: SLF001


def schedule(costs: Sequence[float], below: Sequence[Sequence[int]], processes: int) -> tuple[float, float]:
    """Return the dearest chain of callers, and when the last component is done with so many processes."""
    way = list(costs)
    above: list[list[int]] = [[] for _ in costs]
    for number in range(len(costs) - 1, -1, -1):
        for callee in below[number]:
            way[callee] = max(way[callee], costs[callee] + way[number])
            above[callee].append(number)
    missing = [len(numbers) for numbers in below]
    ready = [(-way[number], number) for number, left in enumerate(missing) if not left]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < processes:
            number = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + costs[number], number))
        now, number = heapq.heappop(running)
        for caller in above[number]:
            missing[caller] -= 1
            if not missing[caller]:
                heapq.heappush(ready, (-way[caller], caller))
    return max(way, default=0.0), now


def check(files: Sequence[str], jobs: int, prefix: Sequence[str], out: Path) -> tuple[Cost, str]:
    """Check one driver without a cache; return the cost and the report without its stats. Raises `SystemExit`."""
    out.unlink(missing_ok=True)
    command = [*prefix, sys.executable, "-m", "spincheck", "check", "-q", "--no-cache", "--jobs", str(jobs), "--format", "json", "-o", str(out)]
    cost = run([*command, *files], timeout=3600)
    if not out.exists():
        raise SystemExit(cost.output)
    report = json.loads(out.read_text(encoding="utf-8"))
    del report["stats"]
    return cost, json.dumps(report)


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drivers")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--prefix", type=shlex.split, default=[])
    parser.add_argument("--paths", action="store_true")
    given = parser.parse_args()
    drivers: dict[str, list[str]] = json.loads(Path(given.drivers).read_text(encoding="utf-8"))
    rows, paths = [], []
    with tempfile.TemporaryDirectory() as place:
        for name in given.names or drivers:
            files = drivers[name]
            done = [[check(files, jobs, given.prefix, Path(place, "report.json")) for jobs in (1, given.jobs)] for _ in range(given.rounds)]
            if len({report for pair in done for _, report in pair}) != 1:
                raise SystemExit(f"{name}: the reports differ")
            (wall, more_wall), (cpu, more_cpu) = (
                [statistics.median(getattr(pair[place][0], what) for pair in done) for place in (0, 1)] for what in ("wall", "cpu")
            )
            figures = (wall, more_wall, wall / more_wall, cpu, more_cpu)
            rows.append([f"{name} ({len(files)})", *(f"{one:.2f}" for one in figures)])
            if given.paths:
                costs, below, functions = components(files)
                critical, best = schedule(costs, below, given.jobs)
                most = max(range(len(costs)), key=costs.__getitem__)
                paths.append(
                    [f"{name} ({sum(functions)})", f"{sum(costs):.2f}", f"{critical:.2f}", f"{critical / sum(costs):.0%}",
                     f"{costs[most]:.2f} ({functions[most]})", f"{best:.2f}"]
                )  # fmt: skip
    print(table([head.format(n=given.jobs) for head in HEADS], rows))
    if paths:
        print(table([head.format(n=given.jobs) for head in PATH_HEADS], paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
