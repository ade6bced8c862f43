"""Many real drivers through the command line, one check each: cold, again, and on a Dask cluster if there is one.

    python benchmarks/drivers.py DRIVERS.json [--timeout 120] [--dask [WORKERS]]

DRIVERS.json is an object: the name of each driver, and the list of its preprocessed files. All share one cache. ``--dask`` starts a scheduler and
workers (2, unless said) as processes of this machine and runs everything a second time on them, with a new cache. Reports are compared byte for
byte, but for the ``stats`` that say what was reused.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from measuring import Cost, run, table

HEADS = ["run", "drivers (files)", "CPU s", "wall s", "CPU ms/file", "functions analysed / reused", "header regions read / reused", "peak MB"]


class Done(NamedTuple):
    """One check: what it cost, its status, its report without stats, and the stats; no report when there is none to read."""

    cost: Cost
    report: str
    stats: dict[str, int]


def check(files: list[str], place: str, cache: str, timeout: float, extra: list[str]) -> Done:
    """Check one driver."""
    out = Path(place, "report.json")
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "spincheck", "check", "--format", "json", "-o", str(out), "--cache", cache, "-q", *extra]
    cost = run([*command, *files], timeout=timeout)
    try:
        report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Done(cost, "", {})
    stats = report.pop("stats")
    return Done(cost, json.dumps(report), stats)


@contextmanager
def dask(workers: int, place: str) -> Iterator[str]:
    """Start a scheduler and worker processes, each in a directory of its own; yield the address."""
    from distributed import Client  # noqa: PLC0415 -- only with --dask

    with ExitStack() as stack:

        def start(module: str, *arguments: str, directory: str) -> None:
            Path(place, directory).mkdir()
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
            process = stack.enter_context(
                subprocess.Popen(command, cwd=Path(place, directory), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            stack.callback(process.kill)

        file = f"{place}/scheduler.json"
        start("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file, directory="scheduler")
        for number in range(workers):
            start(
                "dask_worker", "--scheduler-file", file, "--nthreads", "1", "--no-dashboard", "--no-nanny",
                directory=f"worker{number}",
            )
        with Client(scheduler_file=file, timeout=60) as client:
            client.wait_for_workers(workers, timeout=60)
            yield str(json.loads(Path(file).read_text(encoding="utf-8"))["address"])


def told(name: str, done: dict[str, Done], drivers: dict[str, list[str]]) -> list[str]:
    """Return a row of the table."""
    finished = [one for one in done.values() if one.report]
    files = sum(len(drivers[driver]) for driver in done if done[driver].report)
    analysed = sum(one.stats["functions_analysed"] for one in finished)
    reused = sum(one.stats["functions_reused"] for one in finished)
    scanned = sum(one.stats["regions_scanned"] for one in finished)
    known = sum(one.stats["regions_reused"] for one in finished)
    return [
        name,
        f"{len(finished)} ({files})",
        f"{sum(one.cost.cpu for one in finished):.0f}",
        f"{sum(one.cost.wall for one in finished):.0f}",
        f"{1000 * sum(one.cost.cpu for one in finished) / max(files, 1):.0f}",
        f"{analysed} / {reused}",
        f"{scanned} / {known}",
        f"{max((one.cost.megabytes for one in finished), default=0):.0f}",
    ]


def main() -> int:
    """Run everything and print the table and what did not end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drivers")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--dask", nargs="?", type=int, const=2, default=0, metavar="WORKERS")
    given = parser.parse_args()
    drivers: dict[str, list[str]] = json.loads(Path(given.drivers).read_text(encoding="utf-8"))
    rounds: dict[str, dict[str, Done]] = {}

    def all_of(name: str, cache: str, extra: list[str], place: str) -> None:
        rounds[name] = done = {}
        first = next(iter(rounds.values()))
        for driver, files in drivers.items():
            if driver not in first or first is done or first[driver].report:
                done[driver] = check(files, place, cache, given.timeout, extra)
                print(f"{name}: {driver}: {done[driver].cost.wall:.1f} s, status {done[driver].cost.status}", file=sys.stderr, flush=True)
        print(table(HEADS, [told(name, done, drivers)]), file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        os.environ.pop("SPINCHECK_CACHE", None)
        all_of("cold", f"{place}/local.sqlite", [], place)
        all_of("again", f"{place}/local.sqlite", [], place)
        if given.dask:
            address = stack.enter_context(dask(given.dask, place))
            all_of("Dask, cold", f"{place}/dask.sqlite", ["--dask", address], place)
            all_of("Dask, again", f"{place}/dask.sqlite", ["--dask", address], place)
            all_of("here, on that cache", f"{place}/dask.sqlite", [], place)
        size = sum(path.stat().st_size for path in Path(place).glob("local.sqlite*"))
    print(table(HEADS, [told(name, done, drivers) for name, done in rounds.items()]))
    print(f"cache {size / 1e6:.0f} MB; with Dask, CPU is that of the command alone, not of the workers\n")
    cold = rounds["cold"]
    print("not finished:", ", ".join(f"{driver} ({one.cost.status})" for driver, one in cold.items() if not one.report) or "none")
    found = sum(len(json.loads(one.report)["diagnostics"]) for one in cold.values() if one.report)
    print(f"{found} diagnostics")
    for name, done in rounds.items():
        other = [driver for driver, one in done.items() if one.report != cold[driver].report]
        print(f"{name}: reports differ from the cold run: {', '.join(other) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
