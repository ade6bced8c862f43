"""spincheck beside the compiler and other checkers, on the same preprocessed files in one run, and what each finds in small cases.

    python benchmarks/peers.py FILE.i... [--commands COMMANDS.json] [--others N] [--plot PEERS.svg]

Every figure is processor time relative to ``gcc -O2 -c`` of the same file (median over the files), because a build pays for the
compiler anyway. spincheck is measured inside a session that lives as long as a build (what a file adds to it), through a real worker over all
files, and as a whole process. The other tools are slow and are measured on the first N files only. A file that a tool refuses still counts:
the number of such files is told.

COMMANDS.json maps a file to the command (a list of words) that preprocesses it to standard output, the source being its last word. With it, preprocessing is measured
too, as it is and in the lean form of the SCons tool (without the vector intrinsics of the mingw-w64 headers), and spincheck also on the lean text. Then an unchanged file
is also checked by its command, as from a compilation database: whatever that takes, compilers that it runs included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import detection
from measuring import Cost, bars, run, table

HERE = Path(__file__).resolve().parent
SPINCHECK = [sys.executable, "-m", "spincheck"]
TARGETS = {"cold": 0.26, "headers known": 0.12, "one-function edit": 0.10, "unchanged": 0.09}
SKIPPED = ("X86INTRIN", "X86GPRINTRIN", "IMMINTRIN", "MMINTRIN", "XMMINTRIN", "EMMINTRIN", "PMMINTRIN")
LEAN = [*(f"-D_{name}_H_INCLUDED" for name in SKIPPED), *(f"-D__{name}_H" for name in SKIPPED), "-D_MM3DNOW_H_INCLUDED"]
UNCHANGED = "unchanged, by its command"
REPEATED = 10
ROUNDS = 2
"""Each of spincheck's figures is the least of so many; the compiler's, too, which runs beside each of them: processors are faster at one time than at another."""


def edited(text: str) -> str:
    """Return the text with one empty statement more at the start of its last block that begins a line."""
    place = text.rfind("\n{")
    return text + "\n;" if place < 0 else f"{text[: place + 2]} ;{text[place + 2 :]}"


def by_command(command: Sequence[str], cache: str) -> float:
    """Return what checking an unchanged file by its command takes, from the opening of the cache to its closing."""
    from spincheck.driver.recipe import Recipe  # noqa: PLC0415
    from spincheck.driver.session import Options, Session  # noqa: PLC0415

    def once() -> float:
        started = sum(os.times()[:4])
        with Session(Options(cache=cache, jobs=1)) as session:
            session.check_recipes([Recipe(command[-1], tuple(command), str(Path.cwd()))], target=command[-1])
        return sum(os.times()[:4]) - started

    once()
    # Several, because the clock of finished processes counts hundredths of a second
    return sum(once() for _ in range(REPEATED)) / REPEATED


def compiling(gcc: str, path: str, place: str) -> float:
    """Return the processor time of a compile."""
    return run([gcc, "-O2", "-w", "-c", "-x", "cpp-output", path, "-o", f"{place}/out.o"]).cpu


def inside(paths: Sequence[str], commands: dict[str, list[str]], compiled: Sequence[str], gcc: str) -> None:
    """Measure files in this process as a worker sees them, and print one JSON object for each; ``compiled``: what the compiler reads in their stead."""
    from spincheck.driver.inputs import Input  # noqa: PLC0415
    from spincheck.driver.session import Options, Session  # noqa: PLC0415 -- only the measured child pays for it

    def timed(cache: str, name: str, data: bytes) -> tuple[float, int]:
        with Session(Options(cache=cache, jobs=1)) as session:
            _ = session.knowledge.tables  # once per worker, not per file
            started = time.process_time()
            report = session.check([Input(name, data)], target=name, world="open", record=False)
            session.flush()
            return time.process_time() - started, report.stats.functions_analysed

    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as place:
        timed(f"{place}/first", "first", b'# 1 "first.c"\nint f(int a) { return a; }\n')
        for number, path in enumerate(paths):
            data = Path(path).read_bytes()
            best: dict[str, float] = {}
            functions = again = 0

            def least(what: str, spent: float, best: dict[str, float] = best) -> None:
                best[what] = min(spent, best.get(what, spent))

            for turn in range(ROUNDS):
                least("compile", compiling(gcc, compiled[number], place))
                cache = f"{place}/{number}.{turn}"
                spent, functions = timed(cache, path, data)
                least("cold", spent)
                least("unchanged", timed(cache, path, data)[0])
                spent, again = timed(cache, path, edited(data.decode("latin-1")).encode("latin-1"))
                least("one-function edit", spent)
                database = sqlite3.connect(cache)
                with database:
                    database.execute("DELETE FROM entries WHERE shelf NOT IN ('region', 'tables')")
                database.close()
                least("headers known", timed(cache, path, data)[0])
            found.append({**best, "functions": functions, "functions after edit": again})
        # Before anything is preprocessed, as in a worker
        print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
        for number, (path, figures) in enumerate(zip(paths, found, strict=True)):
            if path in commands:
                figures[UNCHANGED] = by_command(commands[path], f"{place}/{number}.command")
            print(json.dumps(figures), flush=True)


def others(gcc: str) -> dict[str, list[str]]:
    """Return the commands of the other tools that are installed; ``@`` stands for the file."""
    target = ["--target=x86_64-w64-mingw32", "-w", "-fms-extensions", "-x", "cpp-output"]
    script = HERE / "double_lock.cocci"
    commands = {
        "clang -fsyntax-only": ["clang", *target, "-fsyntax-only", "-ferror-limit=0", "@"],
        "clang -Wthread-safety": ["clang", *target, "-fsyntax-only", "-ferror-limit=0", "-Wthread-safety", "@"],
        "clang --analyze": ["clang", *target, "--analyze", "-o", "/dev/null", "@"],
        "cppcheck": ["cppcheck", "--quiet", "--language=c", "--platform=win64", "@"],
        "sparse": ["sparse", "-w", "@"],
        "coccinelle": ["spatch", "--very-quiet", "--sp-file", str(script), "@"],
        "gcc -fsyntax-only": [gcc, "-w", "-fsyntax-only", "@"],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def worker(files: Sequence[str], cache: str, place: str) -> Cost:
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


def in_session(
    files: Sequence[str], commands: dict[str, list[str]], compiled: Sequence[str], gcc: str, place: str
) -> tuple[list[dict[str, float]], float]:
    """Measure files in a process of its own; return their figures and its peak memory in megabytes. Raises `SystemExit`."""
    Path(place, "commands.json").write_text(json.dumps([commands, compiled]), encoding="utf-8")
    cost = run([sys.executable, __file__, "--inside", "--gcc", gcc, "--commands", f"{place}/commands.json", *files], timeout=3600)
    peak, *found = [json.loads(line) for line in cost.output.splitlines() if line.startswith("{")] or [{}]
    if len(found) != len(files):
        raise SystemExit(cost.output)
    return found, peak["peak"]


def slim(command: Sequence[str]) -> list[str]:
    """Return the command for the lean form."""
    return [*command[:1], *LEAN, *command[1:]]


def made_lean(commands: dict[str, list[str]], files: Sequence[str], place: str) -> tuple[list[str], list[float], list[float]]:
    """Preprocess files as they are and lean; return the lean texts and both costs."""
    texts, plain, lean = [], [], []
    for number, path in enumerate(files):
        command = commands[path]
        text = f"{place}/lean{number}.i"
        plain.append(min(run([*command, "-o", f"{place}/plain.i"]).cpu for _ in range(ROUNDS)))
        costs = [run([*slim(command), "-o", text]) for _ in range(ROUNDS)]
        lean.append(min(cost.cpu for cost in costs))
        if costs[0].status:
            subprocess.run([*command, "-o", text], check=False, stderr=subprocess.DEVNULL)
        texts.append(text)
    return texts, plain, lean


def spread(values: Sequence[float]) -> list[str]:
    """Return median, least and most as they are printed."""
    return [f"{statistics.median(values):.3f}", f"{min(values):.3f}", f"{max(values):.3f}"]


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--commands", help="JSON: how each file was preprocessed")
    parser.add_argument("--others", type=int, default=3, help="files for the slow tools")
    parser.add_argument("--gcc", default="x86_64-w64-mingw32-gcc")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--plot")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.files, *json.loads(Path(given.commands).read_text(encoding="utf-8")), given.gcc)
        return 0
    files: list[str] = given.files
    with tempfile.TemporaryDirectory() as place:
        compile_ = []
        for path in files:
            turns = [
                run([given.gcc, "-O2", "-w", "-c", "-x", "cpp-output", path, "-o", f"{place}/out.o"], timeout=given.timeout)
                for _ in range(ROUNDS)
            ]
            compile_.append(min(turns, key=lambda cost: cost.cpu))
        refused = sum(cost.status != 0 for cost in compile_)
        seconds = statistics.median(cost.cpu for cost in compile_)
        print(f"{len(files)} files; {refused} of them not to the end by {given.gcc}; compile {seconds:.2f} s in the median\n")
        plot: list[tuple[str, float]] = []
        versions: list[tuple[str, list[str], list[float], dict[str, list[str]]]] = [("", files, [], {})]
        if given.commands:
            commands: dict[str, list[str]] = json.loads(Path(given.commands).read_text(encoding="utf-8"))
            texts, plain, lean = made_lean(commands, files, place)
            lean_commands = {text: slim(commands[path]) for path, text in zip(files, texts, strict=True)}
            versions = [("", files, plain, commands), (", lean text", texts, lean, lean_commands)]
        rows: list[list[str]] = []
        for suffix, some, preprocessing, by in versions:
            found, peak = in_session(some, by, files, given.gcc, place)
            for what, target in TARGETS.items():
                ratios = [one[what] / one["compile"] for one in found]
                plot.append((f"spincheck, {what}{suffix}", statistics.median(ratios)))
                rows.append([what + suffix, *spread(ratios), f"{target:.2f}" if what != "unchanged" else ""])
                if what == "unchanged" and preprocessing:
                    ratios = [one[UNCHANGED] / one["compile"] for one in found]
                    rows.append([f"{UNCHANGED}{suffix}", *spread(ratios), f"{target:.2f}"])
                    plot.append((f"spincheck, {UNCHANGED}{suffix}", statistics.median(ratios)))
            if preprocessing:
                ratios = [before / cost.cpu for before, cost in zip(preprocessing, compile_, strict=True)]
                rows.append([f"preprocessing alone{suffix}", *spread(ratios), ""])
            rows.append([f"peak memory, MB{suffix}", f"{peak:.0f}", "", "", "120"])
        print(f"In a session, least of {ROUNDS} turns, relative to the compile:\n")
        print(table(["spincheck, per file", "median", "least", "most", "target"], rows))
        total = sum(cost.cpu for cost in compile_)
        rows = []
        for suffix, some, _, _ in versions:
            for what in ("cold", "unchanged"):
                cost = worker(some, f"{place}/worker{suffix}.sqlite", place)
                rows.append([what + suffix, f"{cost.cpu / total:.3f}", f"{cost.wall:.2f}", f"{cost.megabytes:.0f}"])
        print("Through one worker, all files, start-up included:\n")
        print(table(["worker", "CPU ÷ compile", "wall s", "peak MB"], rows))
        rows = []
        some = files[: given.others]
        base = compile_[: given.others]
        cached = ["check", "--cache", f"{place}/p.sqlite", "@"]
        tools = {
            "spincheck, whole process, cold": [*SPINCHECK, "check", "--no-cache", "@"],
            "spincheck, whole process, unchanged": [*SPINCHECK, *cached],
            **others(given.gcc),
        }
        for name, command in tools.items():
            if name.endswith("unchanged"):
                for path in some:
                    run([path if word == "@" else word for word in command])
            done = [run([path if word == "@" else word for word in command], timeout=given.timeout) for path in some]
            ratio = statistics.median(one.cpu / cost.cpu for one, cost in zip(done, base, strict=True))
            wall = statistics.median(one.wall / cost.wall for one, cost in zip(done, base, strict=True))
            memory = statistics.median(one.megabytes for one in done)
            cut = sum(one.status == 124 for one in done)
            failed = 0 if name.startswith("spincheck") else sum(one.status not in (0, 124) for one in done)
            plot.append((name, ratio))
            rows.append([name, f"{ratio:.3f}", f"{wall:.2f}", f"{memory:.0f}", str(cut), str(failed)])
        print(f"Whole processes, median of {len(some)} files, relative to gcc -O2 -c ({statistics.median(one.megabytes for one in base):.0f} MB):\n")
        print(table(["tool", "CPU", "wall", "peak MB", f"stopped at {given.timeout:.0f} s", "exit status not 0"], rows))
        print(f"What they find in pairs of a right and a wrong function:\n\n{detection.detected()}")
        if given.plot:
            Path(given.plot).write_text(bars("CPU relative to gcc -O2 -c", plot), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
