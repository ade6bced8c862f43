"""What is installed is all of the package: a module or data file that pyproject.toml forgets is missed only on users' machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    "spincheck": "spincheck",
    "cache_schema": "spincheck/cache_schema",
    "site_scons/site_tools": "spincheck/scons_tool",
}


def files(directory):
    found = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)}


def test_every_file_is_installed(tmp_path):
    copy = tmp_path / "copy"
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    setup = "import setuptools; setuptools.setup()"
    subprocess.run(
        [sys.executable, "-c", setup, "-q", "build_py", "--build-lib", str(tmp_path / "site")],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    wanted = {f"{there}/{name}" for here, there in SOURCES.items() for name in files(ROOT / here)}
    assert "spincheck/locks/spin.toml" in wanted
    assert sorted(wanted - files(tmp_path / "site")) == []
