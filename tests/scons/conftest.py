"""Runs the real scons in a temporary directory, with a fake worker and, unless a test is about compilers, a fake compiler.

The fake worker finds a violation on every line with the word LEAK, and a driver's only with CROSS; with WAIT it answers when the
object is there, with BESIDE when another unit was asked for, and otherwise dies in the end; it logs what it was asked. The fake compiler copies. So a test sees exactly which steps SCons took, and none depends on the analysis.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "site_scons" / "site_tools"

WORKER = """#!{python}
import fcntl, json, os, re, signal, sys, time

def wait_for(path):
    for _ in range(3000):
        if os.path.exists(path):
            return
        time.sleep(0.01)
    sys.exit(path + " was not made")

def wait_for_request(name):
    for _ in range(3000):
        requests = [json.loads(line) for line in open("worker.log", encoding="utf-8")]
        if any(one["command"] == "unit" and name in one["output"] for one in requests):
            return
        time.sleep(0.01)
    sys.exit("nobody asked for " + name)

def answer(request):
    stats = {{"functions_analysed": 2, "functions_reused": 1, "errors": 0, "warnings": 0}}
    reply = {{"id": request["id"], "status": 0, "text": "", "stats": stats, "diagnostics": []}}
    if request["command"] == "unit":
        text = open(request["input"], encoding="utf-8").read()
        if "DIE_ONCE" in text and not os.path.exists("died"):
            open("died", "w").close()
            sys.exit(3)
        if "DIE_ALWAYS" in text:
            print("Traceback\\nMemoryError: too much", file=sys.stderr)
            sys.exit(4)
        if "PRESS_CTRL_C" in text:
            os.kill(os.getpid(), signal.SIGINT)
        if "WAIT" in text:
            wait_for(request["output"].partition(".spin")[0])
        for name in re.findall("BESIDE (\\S+)", text):
            wait_for_request(name)
        if "BABBLE" in text:
            print("hello", flush=True)
        tell(reply, text, "LEAK")
        with open(request["output"], "w", encoding="utf-8") as output:
            output.write(text)
        if "KILL_BUILD" in text and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getppid(), signal.SIGKILL)
            sys.exit(5)
    elif request["command"] == "link":
        texts = [open(name, encoding="utf-8").read() for name in request["inputs"]]
        for text in texts:
            tell(reply, text, "CROSS")
        with open(request["output"], "w") as output:
            json.dump([text.count("\\n") for text in texts], output)
    return reply

def tell(reply, text, word):
    file, line = "", 0
    for row in text.splitlines():
        marker = re.match(r'#(?:line)? (\\d+) "(.*?)"', row)
        if marker:
            file, line = marker[2], int(marker[1])
            continue
        if word in row:
            told = f"{{file}}:{{line}}:1: error: lock held at return [SpinlockRelease]\\n"
            reply["diagnostics"].append({{"fingerprint": file + row, "severity": "error", "text": told}})
            reply["stats"]["errors"] += 1
            reply["status"] = 1
        line += 1

def log(entry):
    with open("worker.log", "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\\n")

# Held to the end, which may come after that of the build
alive = open("workers.alive", "a")
fcntl.flock(alive, fcntl.LOCK_SH)
log({{"command": "start", "pid": os.getpid(), "argv": sys.argv[1:]}})
for line in sys.stdin:
    request = json.loads(line)
    log({{**request, "pid": os.getpid()}})
    print(json.dumps(answer(request)), flush=True)
log({{"command": "end", "pid": os.getpid()}})
"""

COMPILER = """#!/bin/sh
# -E writes a line marker and the source with the headers it includes from the directories of -I and its own
out= src= mode=link dirs=
while [ $# -gt 0 ]; do
    case $1 in
        -E) mode=text ;;
        -c) mode=object ;;
        -o) shift; out=$1 ;;
        -I*) dirs="$dirs ${1#-I}" ;;
        -*) ;;
        *) src=$1; all="$all $1" ;;
    esac
    shift
done
[ "$src" ] || exit 0
if grep -q BROKEN "$src"; then echo "$src:1: broken" >&2; exit 1; fi
echo "$mode $src" >> compiler.log
if [ $mode = text ]; then
    { for name in $(sed -n 's/^#include "\\(.*\\)"/\\1/p' "$src"); do
        for dir in $dirs . "$(dirname "$src")"; do
            if [ -f "$dir/$name" ]; then echo "# 1 \\"$dir/$name\\""; cat "$dir/$name"; break; fi
        done
    done
    echo "# 1 \\"$src\\""; grep -v '^#include' "$src"; } > "$out"
else
    cat "$src" > "$out"
fi
"""

ARCHIVER = """#!/bin/sh
shift; out=$1; shift; cat "$@" > "$out"
"""


@dataclass
class Built:
    """What one run of scons did."""

    status: int
    out: str
    err: str
    asked: list[dict]

    @property
    def units(self) -> list[str]:
        """The sources whose unit step the worker was asked for."""
        return [Path(one["output"]).name.removesuffix(".new") for one in self.asked if one["command"] == "unit"]

    @property
    def links(self) -> list[list[str]]:
        """The units of each driver step."""
        return [[Path(name).name.removesuffix(".new") for name in one["inputs"]] for one in self.asked if one["command"] == "link"]

    @property
    def workers(self) -> int:
        """How many workers were started."""
        return sum(one["command"] == "start" for one in self.asked)

    @property
    def summary(self) -> list[str]:
        """The lines that the tool wrote at the end."""
        return [line for line in self.out.splitlines() if line.startswith("spincheck: ")]


class Project:
    """A directory with an SConstruct."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.worker = self.script("worker.py", WORKER.format(python=sys.executable))
        self.compiler = self.script("fakecc", COMPILER)
        self.archiver = self.script("fakear", ARCHIVER)

    def script(self, name: str, text: str) -> Path:
        path = self.root / ".tools" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def write(self, **files: str) -> None:
        """Write files; ``__`` in a name is a directory and ``_`` before the suffix a dot."""
        for name, text in files.items():
            stem, _, suffix = name.replace("__", "/").rpartition("_")
            self.file(f"{stem}.{suffix}", text)

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def sconstruct(self, body: str, *, real: bool = False, before: str = "") -> None:
        """Write the SConstruct: ``before``, then ``env``, then ``body``."""
        fake = (
            ""
            if real
            else f", CC={str(self.compiler)!r}, LINK={str(self.compiler)!r}, AR={str(self.archiver)!r}, RANLIB='true'"
        )
        head = (
            f"TOOLS = {str(TOOLS)!r}\n{before}\n"
            f"env = Environment(tools=['gcc', 'gnulink', 'ar', 'spincheck'], toolpath=[TOOLS]{fake}, "
            f"SPINCHECK_PYTHON={str(self.worker)!r}, _SPINCHECK_VERSION='of these tests')\n"
        )
        self.file("SConstruct", head + body)

    def scons(self, *arguments: str, stdin: str = "", **environ: str) -> Built:
        """Run scons and return what it did."""
        log = self.root / "worker.log"
        log.unlink(missing_ok=True)
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SPINCHECK", "SCONS", "GITHUB_"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "SCons", *arguments],
            cwd=self.root,
            env={**clean, **environ},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
        alive = self.root / "workers.alive"
        if alive.exists():
            with alive.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
            alive.unlink()
        asked = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Built(done.returncode, done.stdout, done.stderr, asked)

    def run(self, *command: str) -> dict:
        """Run a command in the project and return the JSON document that it writes."""
        return json.loads(subprocess.run(command, cwd=self.root, capture_output=True, check=True).stdout)

    def compiled(self) -> list[str]:
        """Return and forget what the fake compiler was run for."""
        log = self.root / "compiler.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def exists(self, name: str) -> bool:
        return (self.root / name).exists()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project."""
    return Project(tmp_path)
