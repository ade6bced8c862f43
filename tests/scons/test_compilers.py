"""The preprocess command, with every compiler that this machine has."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec

import pytest

GNU = {
    "gcc": ["gcc"],
    "clang": ["clang"],
    "mingw": ["x86_64-w64-mingw32-gcc"],
    "zig": [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-windows-gnu"],
}
CL = ["clang", "--driver-mode=cl", "--target=x86_64-pc-windows-msvc"]

SOURCE = """#include "own.h"
int value = VALUE;
const char *text = TEXT;
"""


def compiler(command):
    missing = find_spec("ziglang") is None if "ziglang" in command else shutil.which(command[0]) is None
    if missing:
        pytest.skip(f"{command[0]} is not installed")
    return command


def environment(command, **variables):
    """Return SConstruct text; the process environment, because zig wants a home for its cache."""
    given = "".join(f", {name}={value!r}" for name, value in variables.items())
    return f"import os\nenv.Replace(ENV=dict(os.environ), CC={command!r}, SHCC={command!r}{given})\n"


def cl(command, **variables):
    return environment(
        command,
        CCCOM="$CC /c /Fo$TARGET $CFLAGS $CCFLAGS $_CCCOMCOM $SOURCES",
        CPPDEFPREFIX="/D",
        INCPREFIX="/I",
        **variables,
    )


@pytest.mark.parametrize("name", GNU)
def test_text_is_what_the_gnu_compiler_sees(project, name):
    command = compiler(GNU[name])
    project.file("in clude/own.h", "int own;\n")
    project.write(a_c=SOURCE, forced_h="int forced;\n")
    variables = {
        "CPPPATH": ["in clude"],
        "CPPDEFINES": {"VALUE": 42, "TEXT": '\\"x\\"'},
        "CCFLAGS": ["-include", "forced.h"],
    }
    project.sconstruct(environment(command, **variables) + "env.Object('a.c')\n", real=True)
    built = project.scons()
    assert built.status == 0, built.err
    text = (project.root / "a.o.spin").read_text()
    for expected in (
        "int own;",
        "int value = 42;",
        'const char *text = "x";',
        "int forced;",
        'own.h"',
        '"a.c"',
    ):
        assert expected in text
    assert (project.root / "a.o").stat().st_size > 100
    assert project.scons().asked == []


def test_text_is_what_the_cl_compiler_sees(project):
    command = compiler(CL)
    project.file("in clude/own.h", "int own;\n")
    project.write(a_c=SOURCE, forced_h="int forced;\n")
    flags = ["/nologo", "/FIforced.h", "/W3", "/showIncludes"]
    variables = {"CPPPATH": ["in clude"], "CPPDEFINES": {"VALUE": 42, "TEXT": '\\"x\\"'}, "CCFLAGS": flags}
    project.sconstruct(cl(command, **variables) + "env.Object('a.c')\n", real=True)
    built = project.scons()
    assert built.status == 0, built.err
    text = (project.root / "a.o.spin").read_text()
    for expected in ('"a.c"', "int own;", "int value = 42;", 'const char *text = "x";', "int forced;"):
        assert expected in text


def microsoft(project, body):
    """An SConstruct with SCons's own Visual C++ tools, and clang under the name of clang-cl for a compiler."""
    compiler(CL)
    tools = project.root / ".tools"
    (tools / "clang-cl").symlink_to(shutil.which("clang"))
    project.sconstruct(
        f"""import os
env = Environment(tools=['msvc', 'mslib', 'mslink', 'spincheck'], toolpath=[TOOLS], MSVC_USE_SCRIPT=None, CC='clang-cl', CXX='clang-cl',
    TARGET_ARCH='amd64', ENV={{**os.environ, 'PATH': {str(tools)!r} + ':' + os.environ['PATH']}}, CPPDEFINES={{'VALUE': 42}},
    CCFLAGS=['/nologo', '--target=x86_64-pc-windows-msvc'], SPINCHECK_PYTHON={str(project.worker)!r}, _SPINCHECK_VERSION='of these tests')
{body}
""",
        real=True,
    )


def test_batch_of_cl_is_checked_file_by_file(project):
    project.write(
        own_h="int own;\n", **{f"f{n}_c": f'#include "own.h"\nint f{n} = VALUE;\n' for n in range(3)}
    )
    microsoft(project, "env['MSVC_BATCH'] = True\nenv.Object(['f0.c', 'f1.c', 'f2.c'])\n")
    built = project.scons("-j2")
    assert built.status == 0, built.err
    assert sorted(built.units) == ["f0.obj.spin", "f1.obj.spin", "f2.obj.spin"]
    assert "int f1 = 42;" in (project.root / "f1.obj.spin").read_text()
    assert "/c f0.c f1.c f2.c" in built.out
    assert project.scons().asked == []
    project.write(f1_c="int f1 = 1;\n")
    assert project.scons().units == ["f1.obj.spin"]
    project.write(own_h="int owned;\n")
    # SCons takes every object of a batch to depend on all headers of the batch
    assert {"f0.obj.spin", "f2.obj.spin"} <= set(project.scons().units)


def test_precompiled_header_of_cl_is_read_as_text(project):
    project.write(
        pch_h="int declared(void);\n", pch_c='#include "pch.h"\n', a_c='#include "pch.h"\nint a = VALUE;\n'
    )
    microsoft(
        project,
        "env['PCHCOM'] = env['PCHCOM'].replace('/c ', '/c /TC ')\nenv['PCHSTOP'] = 'pch.h'\n"
        "env['PCH'] = env.PCH('pch.c')[0]\nenv.Object('a.c')\n",
    )
    built = project.scons()
    assert built.status == 0, built.err
    assert "/Yupch.h" in built.out
    text = (project.root / "a.obj.spin").read_text()
    assert "int declared(void);" in text
    assert "int a = 42;" in text
    assert project.scons().asked == []
    project.write(pch_h="int other(void);\n")
    assert project.scons().units == ["a.obj.spin"]


@pytest.mark.parametrize("family", ["gnu", "cl"])
def test_long_command_goes_through_a_response_file(project, family):
    command, make = (compiler(GNU["gcc"]), environment) if family == "gnu" else (compiler(CL), cl)
    project.write(a_c="int value = LAST;\n")
    defines = [f"UNUSED_{number}={number}" for number in range(200)] + ["LAST=7"]
    project.sconstruct(
        make(command, CPPDEFINES=defines, MAXLINELENGTH=1000) + "env.Object('a.c')\n", real=True
    )
    built = project.scons()
    assert built.status == 0, built.err
    assert "int value = 7;" in (project.root / "a.o.spin").read_text()
    assert "UNUSED" not in "".join(line for line in built.out.splitlines() if line.startswith("spincheck"))


def test_dependency_options_write_for_the_compile_only(project):
    """With -E, ``-MD -o FILE`` would write the dependencies to FILE."""
    command = compiler(GNU["gcc"])
    project.write(a_c='#include "own.h"\nint value;\n', own_h="int own;\n")
    flags = ["-MD", "-MF", "a.d", "-MTtarget", "-save-temps=obj"]
    project.sconstruct(environment(command, CCFLAGS=flags) + "env.Object('a.c')\n", real=True)
    assert project.scons().status == 0
    assert "int value;" in (project.root / "a.o.spin").read_text()
    assert (project.root / "a.d").read_text().startswith("target:")


def test_compiler_reports_the_error_once(project):
    command = compiler(GNU["gcc"])
    project.write(a_c='#include "missing.h"\n')
    project.sconstruct(environment(command) + "env.Object('a.c')\n", real=True)
    built = project.scons()
    assert built.status == 2
    assert built.err.count("missing.h: No such file") == 1
    assert "[a.o] Error 1" in built.err


def test_compiler_that_does_not_exist(project):
    project.write(a_c="int value;\n")
    project.sconstruct(environment(["no-such-cc"]) + "env.Object('a.c')\n", real=True)
    built = project.scons()
    assert built.status == 2
    assert built.err.count("not found") == 1


KERNEL = """#include <ntddk.h>
VOID f(PKSPIN_LOCK lock) { KIRQL irql; KeAcquireSpinLock(lock, &irql); KeReleaseSpinLock(lock, irql); }
"""
FIND_DDK = """
import re, subprocess
told = subprocess.run([*env['CC'], '-E', '-v', '-xc', os.devnull], capture_output=True, text=True).stderr
found = [line.strip() + '/ddk' for line in told.splitlines() if line.startswith(' ')]
env.Append(CCFLAGS=['-I' + name for name in found if os.path.exists(name + '/ntddk.h')])
"""


@pytest.mark.parametrize("name", ["mingw", "zig"])
def test_lean_text_leaves_out_the_intrinsics_only(project, name):
    command = compiler(GNU[name])
    project.write(a_c=KERNEL, b_c=KERNEL + "__m128 vector;\n")
    project.sconstruct(environment(command) + FIND_DDK + "env.Object(['a.c', 'b.c'])\n", real=True)

    def texts(*arguments):
        built = project.scons(*arguments)
        assert built.status == 0, built.err
        return [_declarations((project.root / unit).read_text()) for unit in ("a.o.spin", "b.o.spin")]

    lean, with_vectors = texts()
    plain, _ = texts("SPINCHECK_LEAN=0")
    assert any("KeAcquireSpinLockRaiseToDpc" in line for _, line in lean)
    assert len(lean) < 0.6 * len(plain)
    assert len(with_vectors) == len(plain) + 1
    # What is not in an intrinsics header is the same, line for line
    assert _outside_intrinsics(lean) == _outside_intrinsics(plain)


def _declarations(text):
    lines, file = [], ""
    for line in text.splitlines():
        if line.startswith("# "):
            file = line.split('"')[1]
        elif line.strip() and not line.startswith("#"):
            lines.append((file, line))
    return lines


def _outside_intrinsics(lines):
    return [line for line in lines if not _is_intrinsics(line[0])]


def _is_intrinsics(file):
    return "/gcc/" in file or "/ziglang/lib/include/" in file


def test_lean_text_that_does_not_preprocess_is_made_again_without(project):
    script = project.compiler.read_text()
    project.script("fakecc", script.replace("-*) ;;", "-D_X86INTRIN_H_INCLUDED) exit 1 ;;\n        -*) ;;"))
    project.write(a_c="int value;\n")
    project.sconstruct("env.Object('a.c')\n")
    assert project.scons("SPINCHECK_LEAN=1").units == ["a.o.spin"]


def test_own_preprocess_command(project):
    project.write(a_c="int value;\n")
    project.sconstruct("env.Replace(SPINCHECKPPCOM='cp $SOURCE ${TARGET}.i')\nenv.Object('a.c')\n")
    assert project.scons().units == ["a.o.spin"]
    assert (project.root / "a.o.spin").read_text() == "int value;\n"
    project.sconstruct("env.Replace(SPINCHECKPPCOM='true')\nenv.Object('a.c')\n")
    built = project.scons("spincheck")
    assert built.status == 2
    assert "the preprocess command wrote no a.o.spin.i" in built.err
