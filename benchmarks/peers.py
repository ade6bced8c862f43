"""spincheck beside the compiler and other checkers, on the same preprocessed files in one run.

    python benchmarks/peers.py FILE.i... [--others N] [--plot PEERS.svg]

Every figure is processor time relative to ``gcc -O2 -c`` of the same file (median over the files), because a build pays for the
compiler anyway. spincheck is measured three ways: inside a session that lives as long as a build (what a file adds to it), through a real
worker over all files, and as a whole process. The other tools are slow and are measured on the first N files only. A file that
the compiler refuses still counts when it got as far as an error in semantics: the cost of reading it is in both figures, and
the number of such files is told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measuring import Cost, bars, run, table

HERE = Path(__file__).resolve().parent
SPINCHECK = [sys.executable, "-m", "spincheck"]


def edited(text: str) -> str:
    """Return the text with one empty statement more at the start of its last block that begins a line."""
    place = text.rfind("\n{")
    return text + "\n;" if place < 0 else f"{text[: place + 2]} ;{text[place + 2 :]}"


def inside(paths: list[str]) -> None:
    """Measure files in this process as a worker sees them, and print one JSON object for each."""
    from spincheck.driver.inputs import Input  # noqa: PLC0415
    from spincheck.driver.session import Options, Session  # noqa: PLC0415 -- only the measured child pays for it

    def timed(cache: str, name: str, data: bytes) -> tuple[float, int]:
        with Session(Options(cache=cache, jobs=1)) as session:
            _ = session.knowledge.tables  # once per worker, not per file
            started = time.process_time()
            report = session.check([Input(name, data)], target=name, world="open", record=False)
            session.flush()
            return time.process_time() - started, report.stats.functions_analysed

    with tempfile.TemporaryDirectory() as place:
        timed(f"{place}/first", "first", b'# 1 "first.c"\nint f(int a) { return a; }\n')
        for number, path in enumerate(paths):
            data = Path(path).read_bytes()
            cache = f"{place}/{number}"
            cold, functions = timed(cache, path, data)
            unchanged, _ = timed(cache, path, data)
            after = edited(data.decode("latin-1")).encode("latin-1")
            edit, again = timed(cache, path, after)
            database = sqlite3.connect(cache)
            with database:
                database.execute("DELETE FROM entries WHERE shelf NOT IN ('region', 'tables')")
            database.close()
            headers, _ = timed(cache, path, data)
            print(
                json.dumps(
                    {
                        "cold": cold,
                        "headers known": headers,
                        "one-function edit": edit,
                        "unchanged": unchanged,
                        "functions": functions,
                        "functions after edit": again,
                    }
                ),
                flush=True,
            )


def others(gcc: str) -> dict[str, list[str]]:
    """Return the commands of the other tools that are installed; ``@`` stands for the file."""
    target = ["--target=x86_64-w64-mingw32", "-w", "-fms-extensions", "-x", "cpp-output"]
    script = HERE / "double_lock.cocci"
    commands = {
        "clang -fsyntax-only": ["clang", *target, "-fsyntax-only", "@"],
        "clang -Wthread-safety": ["clang", *target, "-fsyntax-only", "-Wthread-safety", "@"],
        "clang --analyze": ["clang", *target, "--analyze", "-o", "/dev/null", "@"],
        "cppcheck": ["cppcheck", "--quiet", "--language=c", "--platform=win64", "@"],
        "sparse": ["sparse", "-w", "@"],
        "coccinelle": ["spatch", "--very-quiet", "--sp-file", str(script), "@"],
        "gcc -fsyntax-only": [gcc, "-w", "-fsyntax-only", "@"],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def worker(files: list[str], cache: str, place: str) -> Cost:
    """Send every file through one worker as a unit step."""
    requests = [
        {
            "id": number,
            "command": "unit",
            "input": str(Path(path).resolve()),
            "output": f"{place}/{number}.spin",
            "cwd": place,
            "options": {"cache": cache},
        }
        for number, path in enumerate(files)
    ]
    return run([*SPINCHECK, "worker"], stdin="".join(json.dumps(one) + "\n" for one in requests).encode())


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--others", type=int, default=3, help="files for the slow tools")
    parser.add_argument("--gcc", default="x86_64-w64-mingw32-gcc")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--plot")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.files)
        return 0
    files: list[str] = given.files
    with tempfile.TemporaryDirectory() as place:
        compile_ = [
            run([given.gcc, "-O2", "-w", "-c", path, "-o", f"{place}/out.o"], timeout=given.timeout)
            for path in files
        ]
        refused = sum(cost.status != 0 for cost in compile_)
        print(f"{len(files)} files; {refused} of them not to the end by {given.gcc}\n")
        session = run([sys.executable, __file__, "--inside", *files], timeout=600)
        costs = [json.loads(line) for line in session.output.splitlines() if line.startswith("{")]
        if not costs:
            print(session.output, file=sys.stderr)
            return 1
        plot: list[tuple[str, float]] = []
        rows: list[list[str]] = []
        for what in ("cold", "headers known", "one-function edit", "unchanged"):
            ratios = [one[what] / cost.cpu for one, cost in zip(costs, compile_, strict=False)]
            plot.append((f"spincheck, {what}", statistics.median(ratios)))
            rows.append(
                [what, f"{statistics.median(ratios):.3f}", f"{min(ratios):.3f}", f"{max(ratios):.3f}"]
            )
        print(f"In a session, {len(costs)} files, peak memory {session.megabytes:.0f} MB:\n")
        print(table(["spincheck, per file", "median of CPU ÷ compile", "least", "most"], rows))
        total = sum(cost.cpu for cost in compile_)
        rows = []
        for what in ("cold", "unchanged"):
            cost = worker(files, f"{place}/worker.sqlite", place)
            rows.append([what, f"{cost.cpu / total:.3f}", f"{cost.wall:.2f}", f"{cost.megabytes:.0f}"])
        print("Through one worker, all files, start-up included:\n")
        print(table(["worker", "CPU ÷ compile", "wall s", "peak MB"], rows))
        rows = []
        some = files[: given.others]
        base = compile_[: given.others]
        commands = {
            "spincheck, whole process, cold": [*SPINCHECK, "check", "--no-cache", "@"],
            "spincheck, whole process, unchanged": [
                *SPINCHECK,
                "check",
                "--cache",
                f"{place}/p.sqlite",
                "@",
            ],
            **others(given.gcc),
        }
        for name, command in commands.items():
            if name.endswith("unchanged"):
                for path in some:
                    run([path if word == "@" else word for word in command])
            done = [
                run([path if word == "@" else word for word in command], timeout=given.timeout)
                for path in some
            ]
            ratio = statistics.median(one.cpu / cost.cpu for one, cost in zip(done, base, strict=True))
            wall = statistics.median(one.wall / cost.wall for one, cost in zip(done, base, strict=True))
            memory = statistics.median(
                one.megabytes / cost.megabytes for one, cost in zip(done, base, strict=True)
            )
            cut = sum(one.status == 124 for one in done)
            plot.append((name, ratio))
            rows.append([name, f"{ratio:.3f}", f"{wall:.2f}", f"{memory:.2f}", str(cut)])
        print(f"Whole processes, median of {len(some)} files, relative to gcc -O2 -c:\n")
        print(table(["tool", "CPU", "wall", "peak memory", f"stopped at {given.timeout:.0f} s"], rows))
        if given.plot:
            Path(given.plot).write_text(bars("CPU relative to gcc -O2 -c", plot), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
