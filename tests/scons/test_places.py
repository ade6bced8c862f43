"""Where files are: variant directories, CacheDir, generated files, names with spaces and letters beyond ASCII."""

from __future__ import annotations

import shutil

import pytest

CLEAN = "int f(void) { return 0; }\n"


@pytest.mark.parametrize("duplicate", [0, 1])
def test_variant_directories_report_the_source(project, duplicate):
    project.file("src/a.c", '#include "a.h"\nLEAK\n')
    project.file("src/a.h", "\n\nint LEAK_IN_HEADER;\n")
    project.sconstruct(f"""
for name in 'debug', 'release':
    SConscript('src/SConscript', exports='env', variant_dir=name, duplicate={duplicate})
""")
    project.file("src/SConscript", "Import('env')\nenv.Program('driver', ['a.c'], CPPPATH=['.'])\n")
    built = project.scons("-k", "-j2", "SPINCHECK_FAIL=never")
    assert built.status == 0
    assert built.units == ["a.o.spin", "a.o.spin"]
    assert project.exists("debug/a.o.spin")
    assert project.exists("release/driver.spincheck.json")
    told = sorted(line for line in built.err.splitlines() if "[SpinlockRelease]" in line)
    assert [line.partition(": ")[0] for line in told] == ["src/a.c:1:1", "src/a.h:3:1"]
    assert project.scons("SPINCHECK_FAIL=never").asked == []


def test_cache_directory_restores_a_check(project):
    project.write(a_c=CLEAN)
    project.sconstruct("CacheDir('cache')\nenv.Program('driver', ['a.c'])\n")
    project.scons()
    before = (project.root / "a.o.spin").read_bytes()
    project.scons("-c")
    built = project.scons()
    assert built.status == 0
    assert built.asked == []
    assert "Retrieved `a.o.spin' from cache" in built.out
    assert (project.root / "a.o.spin").read_bytes() == before


@pytest.mark.parametrize("fail", ["error", "never"])
def test_cache_directory_never_hides_a_violation(project, fail):
    project.write(a_c="LEAK\n")
    project.sconstruct("CacheDir('cache')\nenv.Program('driver', ['a.c'])\n")
    for _ in range(2):
        built = project.scons(f"SPINCHECK_FAIL={fail}")
        assert built.status == (2 if fail == "error" else 0)
        assert "a.c:1:1: error" in built.err
        project.scons("-c")


def test_cache_directory_with_the_object_but_not_the_check(project):
    """The object is in the cache from a build without checks; it must not let a violation through."""
    project.write(a_c="LEAK\n")
    project.sconstruct("CacheDir('cache')\nenv.Program('driver', ['a.c'])\n")
    project.scons("SPINCHECK=0")
    project.scons("-c", "SPINCHECK=0")
    built = project.scons()
    assert built.status == 2
    assert not project.exists("driver")


def test_generated_header_and_source(project):
    project.write(a_c='#include "made.h"\n' + CLEAN)
    project.file("made.txt", "int made;\n")
    project.sconstruct("""
made = env.Command('made.h', 'made.txt', Copy('$TARGET', '$SOURCE'))
source = env.Command('made.c', 'made.txt', Copy('$TARGET', '$SOURCE'))
env.Program('driver', ['a.c', source])
""")
    built = project.scons()
    assert (built.status, built.units) == (0, ["a.o.spin", "made.o.spin"])
    assert project.scons().asked == []
    project.file("made.txt", "int made; int LEAK;\n")
    built = project.scons("-k")
    assert sorted(built.units) == ["a.o.spin", "made.o.spin"]
    assert "made.c:1:1: error" in built.err


def test_generated_source_in_a_variant_directory_is_named_where_it_is(project):
    project.file("src/made.txt", "int LEAK;\n")
    project.file(
        "src/SConscript",
        "Import('env')\nenv.Object(env.Command('made.c', 'made.txt', Copy('$TARGET', '$SOURCE')))\n",
    )
    project.sconstruct("SConscript('src/SConscript', exports='env', variant_dir='out')\n")
    assert "out/made.c:1:1: error" in project.scons().err


@pytest.mark.parametrize("directory", ["with space", "grün-и-漢"])
def test_names_that_shells_and_tables_stumble_over(project, directory):
    project.file(f"{directory}/a b.c", '#include "h ü.h"\nint LEAK;\n')
    project.file(f"{directory}/h ü.h", "int f(void);\n")
    project.sconstruct(
        f"env.Program('driver', [{directory + '/a b.c'!r}], CPPPATH=[{directory!r}])\n", real=True
    )
    built = project.scons("SPINCHECK_FAIL=never", "SPINCHECK_SUMMARY=full", LC_ALL="C.UTF-8")
    assert built.units == ["a b.o.spin"], built.err
    assert f"{directory}/a b.c:2:1: error" in built.err
    assert f"{directory}/a b.c " in built.out


def test_project_in_a_directory_with_a_space(project):
    place = project.root / "a project"
    place.mkdir()
    project.write(a_c=CLEAN)
    project.sconstruct("env.Program('driver', ['a.c'])\n")
    shutil.move(project.root / "SConstruct", place / "SConstruct")
    shutil.move(project.root / "a.c", place / "a.c")
    built = project.scons("-C", "a project")
    assert built.status == 0, built.err
    assert (place / ".spincheck").is_dir()


def test_target_in_a_subdirectory_from_below(project):
    project.file("sub/a.c", CLEAN)
    project.file("sub/SConscript", "Import('env')\nenv.Program('driver', ['a.c'])\n")
    project.sconstruct("SConscript('sub/SConscript', 'env')\n")
    built = project.scons("sub/a.o")
    assert (built.status, built.units, built.links) == (0, ["a.o.spin"], [])
