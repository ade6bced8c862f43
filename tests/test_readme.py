"""The README's promises: two blocks set everything up, CI runs the second, what it links to exists, what it shows is real."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [body for language, body in BLOCKS if language == "sh"]


def test_two_blocks_set_everything_up():
    assert len(SHELL) == 2
    assert "scons -C example_driver\n" in SHELL[0]
    assert "-m pytest" in SHELL[1]
    start = README.partition("## Start\n")[2].partition("\n## ")[0]
    assert start.count("```sh\n") == 2


def test_extras_of_the_blocks_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r'"\.\[(\w+)\]"', "".join(SHELL))
    assert len(named) == 2
    assert set(named) <= set(project["optional-dependencies"])


def test_ci_runs_the_second_block(tmp_path):
    """Run the real script with stand-ins for every program it starts: what reaches bash is the block."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "site_scons" / "site_tools").mkdir(parents=True)
    script = tmp_path / ".ci" / "run"
    script.write_text((ROOT / ".ci" / "run").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    programs = tmp_path / "programs"
    log = tmp_path / "log"
    for program in (
        *("gcc", "x86_64-w64-mingw32-gcc", "clang", "chromium", "apt-get", "python3"),
        *(".venv/bin/python", ".venv/bin/ruff", ".venv/bin/mypy"),
    ):
        path = tmp_path / program if "/" in program else programs / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "{program} $*" >>"{log}"\n', encoding="utf-8")
        path.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", str(script)], env={**os.environ, "PATH": path}, check=True)
    ran = log.read_text(encoding="utf-8").splitlines()
    wanted = [line.replace('"', "") for line in SHELL[1].splitlines()]
    assert ran[-len(wanted) :] == wanted
    assert not any(line.startswith("apt-get") for line in ran)


@pytest.mark.parametrize("page", ["README.md", "example_driver/README.md", "docs/scons.md", "docs/architecture.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert [target for target in targets if target and not (ROOT / page).parent.joinpath(target).exists()] == []


def _without_column(line: str) -> str:
    return re.sub(r"^([^:]+:\d+):\d+:", r"\1:", line)


@pytest.mark.skipif(
    shutil.which("x86_64-w64-mingw32-gcc") is None and find_spec("ziglang") is None, reason="no compiler for Windows here"
)
def test_the_picture_is_what_the_build_says(tmp_path):
    """Build the example with the defect of the picture: each line of it is there, but for counts, times and columns.

    In which column a macro's expansion stands is the compiler's affair: mingw's and zig's differ.
    """
    shutil.copytree(ROOT / "example_driver", tmp_path / "example_driver", ignore=shutil.ignore_patterns("build", ".s*"))
    command, _, picture = BLOCKS[0][1].partition("\n")
    assert command == "$ scons -Q -C example_driver defect=leak_on_error"
    arguments = [sys.executable, "-m", "SCons", *command.split()[2:]]
    built = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 2, built.stdout + built.stderr
    said = {re.sub(r"[0-9.]+", "N", line) for line in (built.stdout + built.stderr).splitlines()}
    shown = [re.sub(r"[0-9.]+", "N", line) for line in picture.splitlines() if line != "..."]
    assert [line for line in shown if line not in said] == []
    places = [line for line in picture.splitlines() if ": note: " in line or ": error: " in line]
    told = [line for line in (built.stdout + built.stderr).splitlines() if re.match(r"[^:]+:\d+:\d+: ", line)]
    assert [_without_column(line) for line in told] == [_without_column(line) for line in places]
