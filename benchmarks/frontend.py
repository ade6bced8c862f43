"""What reading a preprocessed file costs beside preprocessing and compiling it: prints two tables.

    python benchmarks/frontend.py [FILE.c|FILE.i ...] [--rounds 3] [--gcc x86_64-w64-mingw32-gcc] [--flag=-DX ...]

Without files, those of the example driver with the ddk headers of mingw-w64. Every figure is processor time in this one run, the least of the
rounds, in a process of its own that is warm: start-up and imports are told apart. The files are read as one driver's are, in the order given:

- *cold* knows nothing, not even headers; *in a driver* knows what the files before it have brought in;
- *headers known* has every header region, and parses the file's own functions;
- *edited* has everything but the text: one statement was added;
- *unchanged* has the text.

The compiler gets the preprocessed text. A file that it refuses is marked: it was not compiled to the end, so its ratios are too large.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import run, table
from peers import edited

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "example_driver"
KINDS = {"cold": "0.25", "in a driver": "", "headers known": "", "edited": "", "unchanged": "0.05"}
EMPTY = "import sys"
IMPORT = "import spincheck.frontend.unit"


def inside(paths: list[str], rounds: int) -> None:
    """Measure files in this process, and print one JSON object for each."""
    from spincheck.frontend.chunks import cut  # noqa: PLC0415 -- only the measured child pays for it
    from spincheck.frontend.linemap import LineMap  # noqa: PLC0415
    from spincheck.frontend.ownership import own_files  # noqa: PLC0415
    from spincheck.frontend.regions import decode, encode, region_key, scan_region, segments  # noqa: PLC0415
    from spincheck.frontend.unit import Settings, read_unit  # noqa: PLC0415
    from spincheck.locks.tables import load  # noqa: PLC0415
    from spincheck.memory import NoMemory  # noqa: PLC0415

    settings = Settings(load().all_names)

    class Copy(NoMemory):
        """A memory with some shelves of another."""

        def __init__(self, other: NoMemory, *shelves: str) -> None:
            super().__init__()
            self._values = {key: value for key, value in other._values.items() if key[0] in shelves}  # noqa: SLF001

    def least(what: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(rounds):
            started = time.process_time()
            what()
            best = min(best, time.process_time() - started)
        return best

    def read(text: str, name: str, prepare: Callable[[], NoMemory]) -> float:
        best = float("inf")
        for _ in range(rounds):
            memory = prepare()
            started = time.process_time()
            read_unit(text, name=name, settings=settings, memory=memory)
            best = min(best, time.process_time() - started)
        return best

    driver = NoMemory()
    read_unit(
        '# 1 "first.c"\nint f(int a) { return a; }\n', name="first.c", settings=settings, memory=NoMemory()
    )
    for path in paths:
        text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
        lines = LineMap(text, path)
        headers = [one for one in segments(lines, own_files(lines, ()), len(text)) if not one.main]
        largest = max(headers, key=lambda one: one.end - one.start, default=None)
        full = NoMemory()
        unit = read_unit(text, name=path, settings=settings, memory=full)
        found: dict[str, float] = {
            "characters": len(text),
            "cutting": least(lambda text=text: cut(text)),  # type: ignore[misc]
            "cold": read(text, path, NoMemory),
            "in a driver": read(text, path, lambda: Copy(driver, "region", "function")),
            "headers known": read(text, path, lambda full=full: Copy(full, "region")),  # type: ignore[misc]
            "edited": read(edited(text), path, lambda full=full: Copy(full, "region", "function")),  # type: ignore[misc]
            "unchanged": read(text, path, lambda full=full: full),  # type: ignore[misc]
            "functions": len(unit.record.functions),
            "gaps": len(unit.record.unanalysed) + sum(len(one.recovered) for one in unit.record.functions),
        }
        if largest is not None:
            start, end = largest.start, largest.end
            kept = encode(scan_region(text, start, end, own=False))

            def known(start: int = start, end: int = end, kept: bytes = kept, text: str = text) -> None:
                region_key(text[start:end], own=False)
                decode(kept)

            found["region characters"] = end - start
            found["region scanned"] = least(lambda: scan_region(text, start, end, own=False))  # noqa: B023
            found["region known"] = least(known)
        read_unit(text, name=path, settings=settings, memory=driver)
        print(json.dumps(found), flush=True)


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gcc", default="x86_64-w64-mingw32-gcc")
    parser.add_argument("--flag", action="append", default=[], help="for preprocessing; may be repeated")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.files, given.rounds)
        return 0
    flags: list[str] = given.flag or [f"-I{EXAMPLE}", f"-I{EXAMPLE / 'wdf'}", *example_flags(given.gcc)]
    files: list[str] = given.files or [str(path) for path in sorted(EXAMPLE.glob("*.c"))]
    with tempfile.TemporaryDirectory() as place:
        texts: list[str] = []
        preprocess: list[float | None] = []
        compile_: list[float] = []
        refused = 0
        for number, path in enumerate(files):
            text = path
            if path.endswith(".c"):
                text = f"{place}/{number}.i"
                costs = [run([given.gcc, "-E", *flags, path, "-o", text]) for _ in range(given.rounds)]
                if costs[0].status:
                    print(costs[0].output, file=sys.stderr)
                    return 1
                preprocess.append(min(cost.cpu for cost in costs))
            else:
                preprocess.append(None)
            texts.append(text)
            costs = [
                run([given.gcc, "-O2", "-w", "-c", text, "-o", f"{place}/out.o"]) for _ in range(given.rounds)
            ]
            refused += costs[0].status != 0
            compile_.append(min(cost.cpu for cost in costs))
        measured = run(
            [sys.executable, __file__, "--inside", "--rounds", str(given.rounds), *texts], timeout=3000
        )
        found = [json.loads(line) for line in measured.output.splitlines() if line.startswith("{")]
        if len(found) != len(texts):
            print(measured.output, file=sys.stderr)
            return 1
        start = [
            min(run([sys.executable, "-c", code]).cpu for _ in range(given.rounds))
            for code in (EMPTY, IMPORT)
        ]
    print(
        f"{len(files)} files, {refused} of them not compiled to the end; peak memory {measured.megabytes:.0f} MB"
    )
    print(
        f"imports, once per process: {1000 * (start[1] - start[0]):.0f} ms beside {1000 * start[0]:.0f} ms for the interpreter\n"
    )
    print(stages(found))
    print(ratios(found, preprocess, compile_))
    return 0


def example_flags(gcc: str) -> list[str]:
    """Return the include path of the ddk headers beside the compiler's own."""
    listed = run([gcc, "-E", "-Wp,-v", "-xc", "/dev/null"]).output.splitlines()
    folders = [Path(line.strip()) / "ddk" for line in listed if line.startswith(" ")]
    return [f"-I{folder}" for folder in folders if folder.is_dir()]


def stages(found: list[dict[str, float]]) -> str:
    """Return the table of what does not depend on the file's own text."""
    with_region = [one for one in found if "region known" in one]
    rows = [
        [
            "cutting into declarations, MB/s",
            middle([one["characters"] / one["cutting"] / 1e6 for one in found]),
        ]
    ]
    if with_region:
        rows += [
            ["largest header region, MB", middle([one["region characters"] / 1e6 for one in with_region])],
            ["scanned, ms", middle([1000 * one["region scanned"] for one in with_region])],
            ["known, ms", middle([1000 * one["region known"] for one in with_region])],
        ]
    return table(["stage, median", "value"], rows)


def ratios(found: list[dict[str, float]], preprocess: list[float | None], compile_: list[float]) -> str:
    """Return the table of ratios to the compiler's own work."""
    rows = []
    for kind, target in KINDS.items():
        ms = [1000 * one[kind] for one in found]
        to_compile = [one[kind] / cost for one, cost in zip(found, compile_, strict=True)]
        to_preprocess = [
            one[kind] / cost for one, cost in zip(found, preprocess, strict=True) if cost is not None
        ]
        rows.append(
            [
                kind,
                middle(ms),
                f"{statistics.median(to_compile):.3f}",
                f"{max(to_compile):.3f}",
                f"{sum(one[kind] for one in found) / sum(compile_):.3f}",
                target,
                f"{statistics.median(to_preprocess):.2f}" if to_preprocess else "",
            ]
        )
    measured = [cost for cost in preprocess if cost is not None]
    rows.append(["cc -E", middle([1000 * cost for cost in measured]) if measured else "", "", "", "", "", ""])
    rows.append(["gcc -O2 -c", middle([1000 * cost for cost in compile_]), "", "", "", "", ""])
    heads = ["front end", "ms, median", "÷ compile, median", "most", "all files", "target", "÷ cc -E, median"]
    return table(heads, rows)


def middle(values: list[float]) -> str:
    """Return the median, written with three digits."""
    return f"{statistics.median(values):.3g}"


if __name__ == "__main__":
    sys.exit(main())
