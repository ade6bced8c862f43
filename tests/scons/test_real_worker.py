"""The tool with the real worker and a real compiler: a violation from the C file to the stopped build and the history."""

from __future__ import annotations

import re
import shutil
import sys
import time
from importlib.util import find_spec

import pytest

HEADER = """
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef long NTSTATUS;
struct _DEVICE_OBJECT { KSPIN_LOCK Lock; int Ready; };
struct _IRP;
typedef NTSTATUS DRIVER_DISPATCH(struct _DEVICE_OBJECT *, struct _IRP *);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);
void KeReleaseSpinLock(KSPIN_LOCK *, KIRQL);
KIRQL Take(struct _DEVICE_OBJECT *);
void Give(struct _DEVICE_OBJECT *, KIRQL);
"""
HELPERS = """#include "ddk.h"
KIRQL Take(struct _DEVICE_OBJECT *device) { return KeAcquireSpinLockRaiseToDpc(&device->Lock); }
void Give(struct _DEVICE_OBJECT *device, KIRQL irql) { KeReleaseSpinLock(&device->Lock, irql); }
"""
READ = """#include "ddk.h"
DRIVER_DISPATCH Read;
NTSTATUS Read(struct _DEVICE_OBJECT *device, struct _IRP *irp)
{
    KIRQL irql = Take(device);
    (void)irp;
    if (!device->Ready) {
        return -1;
    }
    Give(device, irql);
    return 0;
}
"""
FIXED = READ.replace("        return -1;", "        Give(device, irql);\n        return -1;")
WRITE = FIXED.replace("Read;", "Write;").replace("Read(", "Write(")


@pytest.fixture
def project(project):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    if find_spec("spincheck") is None:
        pytest.skip("spincheck is not installed in this Python")
    project.worker = sys.executable
    project.write(ddk_h=HEADER, helpers_c=HELPERS, read_c=FIXED, write_c=WRITE)
    project.sconstruct(
        "CacheDir('shared')\nenv.SharedLibrary('driver', ['read.c', 'write.c', 'helpers.c'])\n", real=True
    )
    return project


def test_driver_is_checked_across_its_files(project):
    built = project.scons()
    assert built.status == 0, built.err
    assert re.match(
        r"spincheck: 3 files checked, \d+ functions analysed, 0 reused, no violations in ", built.summary[0]
    )

    project.write(read_c=READ)
    built = project.scons()
    assert built.status == 2
    assert "read.c:8:" in built.err
    assert "[SpinlockRelease" in built.err
    assert "helpers.c:2:" in built.err
    assert "scons: *** [libdriver.so.spincheck.json] 1 lock violation" in built.err
    assert re.match(
        r"spincheck: 1 file checked, 1 function analysed, \d+ reused, 1 violation in ", built.summary[0]
    )

    project.write(read_c=FIXED)
    built = project.scons()
    assert built.status == 0, built.err
    assert project.scons().summary == []

    # Newest first; the third build took everything from CacheDir and checked nothing
    log = project.run(sys.executable, "-m", "spincheck", "log", "--format", "json")
    assert [one["status"] for one in log["builds"] if one["what"] == "build"] == [1, 0]


def test_units_out_of_cache_directory_are_enough_for_the_driver(project):
    assert project.scons().status == 0
    project.scons("-c")
    shutil.rmtree(project.root / ".spincheck")
    project.write(read_c=READ)
    built = project.scons()
    assert built.status == 2
    assert "Retrieved `helpers.os.spin' from cache" in built.out
    assert "read.c:8:" in built.err
    assert "helpers.c:2:" in built.err


def test_after_clean_nothing_is_preprocessed_unless_a_header_changed_that_scons_does_not_know(project):
    gcc = project.script("cc", '#!/bin/sh\necho "$@" >> cc.log\nexec gcc "$@"\n')
    project.file("sys/ddk.h", HEADER)
    (project.root / "ddk.h").unlink()
    project.write(read_c=READ, write_c=READ.replace("Read;", "Write;").replace("Read(", "Write("))
    time.sleep(3.2)  # a file that was just written is no basis, and nobody can set back when its entry was
    project.sconstruct(
        f"env['ENV']['CPATH'] = 'sys'\nenv.Replace(CC={str(gcc)!r}, SPINCHECK_FAIL='never')\n"
        "env.SharedLibrary('driver', ['read.c', 'write.c', 'helpers.c'])\n",
        real=True,
    )

    def preprocessed() -> bool:
        log = project.root / "cc.log"
        any_run = "-E" in log.read_text()
        log.unlink()
        return any_run

    first = project.scons()
    assert (first.status, preprocessed()) == (0, True)
    assert first.err.count("[SpinlockRelease") == 2
    project.scons("-c")
    again = project.scons()
    assert (again.status, preprocessed()) == (0, False)
    assert again.err == first.err
    assert project.exists("read.os.spin")
    project.scons("-c")
    project.file("sys/ddk.h", HEADER.replace("int Ready", "long Ready"))
    assert (project.scons().status, preprocessed()) == (0, True)
    assert project.scons().summary == []


def test_variant_directories_with_copies(project):
    """What sources begin with is shared there, too, and reports name the source and not its copy."""
    gcc = project.script("cc", '#!/bin/sh\necho "$@" >> cc.log\nexec gcc "$@"\n')
    begin = "#include <limits.h>" + HEADER + 'static const char *const name = "out/read.c";\n'
    for name, text in ("read.c", READ), ("write.c", READ.replace("Read;", "Write;").replace("Read(", "Write(")), ("helpers.c", HELPERS):
        project.file(f"src/{name}", text.replace('#include "ddk.h"\n', begin))
    project.file("src/SConscript", "Import('env')\nenv.SharedLibrary('driver', ['read.c', 'write.c', 'helpers.c'])\n")
    project.sconstruct(f"env.Replace(CC={str(gcc)!r}, SPINCHECK_FAIL='never')\nSConscript('src/SConscript', exports='env', variant_dir='out')\n", real=True)
    built = project.scons()
    assert built.status == 0
    assert re.findall(r"^\S+(?=: error: .*\[SpinlockRelease)", built.err, re.MULTILINE) == ["src/read.c:19:9", "src/write.c:19:9"]
    log = (project.root / "cc.log").read_text()
    assert log.count("-dD") == 1
    assert log.count(" -w -fPIC -x c -\n") == 2, "the proof, and the third source"


def test_history_counts_once_what_a_unit_and_its_driver_tell(project):
    project.file(
        "own.c",
        HEADER + "typedef void KDEFERRED_ROUTINE(void *);\nKDEFERRED_ROUTINE Dpc;\nextern KSPIN_LOCK L;\n"
        "void Dpc(void *p)\n{\n    KeAcquireSpinLockRaiseToDpc(&L);\n}\n",
    )
    project.sconstruct("env.Replace(SPINCHECK_FAIL='never')\nenv.SharedLibrary('own', ['own.c'])\n", real=True)
    built = project.scons()
    assert built.err.count("[SpinlockRelease") == 1
    assert ", 1 violation in " in built.summary[0]
    project.scons("-c")
    assert ", 1 violation in " in project.scons().summary[0]  # from the cache
    log = project.run(sys.executable, "-m", "spincheck", "log", "--format", "json")
    assert [one["errors"] for one in log["builds"]] == [1, 1]
