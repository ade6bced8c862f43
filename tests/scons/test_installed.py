"""The tool out of an installed package: built as a wheel is, found by PyPackageDir, one source for both."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a directory laid out as site-packages would be."""
    copy = tmp_path_factory.mktemp("source") / "spincheck"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    (copy / "README.md").touch()
    for name in ("spincheck", "site_scons", "cache_schema"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    site = copy.parent / "site"
    setup = "import setuptools; setuptools.setup()"
    subprocess.run(
        [sys.executable, "-c", setup, "-q", "build_py", "--build-lib", str(site)],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    return site


def test_package_holds_the_same_files(installed):
    ours = ROOT / "site_scons" / "site_tools"
    theirs = installed / "spincheck" / "scons_tool"
    names = sorted(path.relative_to(ours) for path in ours.rglob("*.py"))
    assert sorted(path.relative_to(theirs) for path in theirs.rglob("*.py")) == names
    assert all((theirs / name).read_bytes() == (ours / name).read_bytes() for name in names)


def test_two_lines_in_an_sconstruct(project, installed):
    """Also in the second SConscript that asks for the directory, when the tool stands for the package already."""
    load = (
        "env = Environment(tools=['default', 'spincheck'], toolpath=[PyPackageDir('spincheck.scons_tool')])\n"
    )
    worker = f"env['SPINCHECK_PYTHON'] = {str(project.worker)!r}\n"
    project.file("SConstruct", load + worker + "env.Program('one', 'a.c')\nSConscript('sub/SConscript')\n")
    project.file("sub/SConscript", load + worker + "env.Program('two', 'b.c')\n")
    project.file("a.c", "int main(void) { return 0; }\n")
    project.file("sub/b.c", "int main(void) { return 0; }\n")
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    built = project.scons("-Q", PYTHONPATH=path)
    assert built.status == 0, built.err
    assert built.units == ["a.o.spin", "b.o.spin"]
    assert built.out.splitlines()[0] == "spincheck a.c"


def test_tool_imports_scons_and_the_standard_library_only():
    allowed = {"SCons", "__future__", *sys.stdlib_module_names}
    for path in (ROOT / "site_scons").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_null_build_does_not_load_what_checks_need(project):
    project.file("a.c", "int value;\n")
    project.sconstruct("env.Object('a.c')\n")
    project.scons()
    project.sconstruct(
        "env.Object('a.c')\nimport atexit, sys\n"
        "atexit.register(lambda: print(sorted(name for name in sys.modules if name.startswith('spincheck'))))\n"
    )
    built = project.scons("-Q")
    loaded = ["spincheck", "spincheck._check", "spincheck._command", "spincheck._emit", "spincheck._version"]
    assert built.out.splitlines()[-1] == str(loaded)
