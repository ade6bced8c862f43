"""Environments, builders and switches: what is hooked, when, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

CLEAN = "int f(void) { return 0; }\n"
FAKE = "CC=env['CC'], LINK=env['LINK'], AR=env['AR'], RANLIB='true'"


@pytest.fixture
def project(project):
    project.write(a_c=CLEAN, b_c=CLEAN, c_c=CLEAN)
    return project


def test_switched_off_for_an_environment(project):
    project.sconstruct("env.Program('one', 'a.c')\nenv.Clone(SPINCHECK=0).Program('two', 'b.c')\n")
    built = project.scons()
    assert built.units == ["a.o.spin"]
    assert built.links == [["a.o.spin"]]
    assert project.exists("two")


def test_switched_off_for_a_target(project):
    project.sconstruct("env.Program('driver', ['a.c', env.Object('b.c', SPINCHECK='off')])\n")
    built = project.scons()
    assert built.links == [["a.o.spin"]]


def test_switched_off_on_the_command_line(project):
    project.sconstruct("env.Program('driver', ['a.c'])\n")
    assert project.scons("SPINCHECK=0").asked == []
    assert project.scons(SPINCHECK="0").asked == []
    assert project.scons().units == ["a.o.spin"]


def test_fail_never_reports_and_builds(project):
    project.write(a_c="LEAK\n")
    project.sconstruct("env.Program('driver', ['a.c'])\n")
    built = project.scons("SPINCHECK_FAIL=never")
    assert built.status == 0
    assert "a.c:1:1: error: lock held at return" in built.err
    assert "1 violation in" in built.summary[0]
    assert project.exists("driver")
    assert project.scons().status == 2


def test_fail_never_tells_a_library_users_violation_once(project):
    project.write(a_c="LEAK\n")
    project.sconstruct("env.Program('driver', ['a.c'], SPINCHECK_FAIL='never')\n")
    assert project.scons().err.count("[SpinlockRelease]") == 1


@pytest.mark.parametrize("name", ["SPINCHECK_FAIL", "SPINCHECK_SUMMARY", "SPINCHECK_LEAN"])
def test_unknown_value_is_refused(project, name):
    project.sconstruct("env.Object('a.c')\n")
    built = project.scons(f"{name}=perhaps")
    assert built.status == 2
    assert f"{name}=perhaps is none of" in built.err


def test_variables_are_given_to_the_tool(project):
    project.sconstruct(f"""
other = Environment(tools=['gcc', ('spincheck', {{'SPINCHECK_FAIL': 'never'}})], toolpath=[TOOLS],
    {FAKE}, SPINCHECK_PYTHON=env['SPINCHECK_PYTHON'])
other.Object('a.c')
""")
    project.write(a_c="LEAK\n")
    assert project.scons().status == 0


def test_clone_shares_hooks_and_checks_once(project):
    project.sconstruct("""
clone = env.Clone(CPPDEFINES=['CLONE'], OBJPREFIX='clone-')
env.Program('one', 'a.c')
clone.Program('two', ['a.c', 'b.c'])
""")
    built = project.scons()
    assert sorted(built.units) == ["a.o.spin", "clone-a.o.spin", "clone-b.o.spin"]
    assert sorted(built.links) == [["a.o.spin"], ["clone-a.o.spin", "clone-b.o.spin"]]


def test_tool_loaded_twice_checks_once(project):
    project.sconstruct("""
env.Tool('spincheck', toolpath=[TOOLS])
clone = env.Clone(tools=['spincheck'], toolpath=[TOOLS])
clone.Program('driver', ['a.c'])
""")
    built = project.scons()
    assert built.units == ["a.o.spin"]
    assert built.links == [["a.o.spin"]]


def test_tool_loaded_before_the_compiler_tools(project):
    project.sconstruct(f"""
late = Environment(tools=['spincheck', 'gcc', 'gnulink', 'ar'], toolpath=[TOOLS],
    {FAKE}, SPINCHECK_PYTHON=env['SPINCHECK_PYTHON'])
late.Program('driver', ['a.c', late.StaticLibrary('l', ['b.c'])])
late.SharedLibrary('s', ['c.c'])
""")
    built = project.scons()
    assert sorted(built.units) == ["a.o.spin", "b.o.spin", "c.os.spin"]
    assert sorted(built.links) == [["a.o.spin", "b.o.spin"], ["c.os.spin"]]


def test_environment_that_did_not_load_the_tool_is_left_alone(project):
    project.sconstruct(
        f"base.Replace({FAKE}, SPINCHECK_PYTHON='false')\nbase.Object('a.c')\nloaded.Replace({FAKE})\nloaded.Object('b.c')\n",
        before="base = Environment(tools=['gcc'])\nloaded = base.Clone(tools=['spincheck'], toolpath=[TOOLS])",
    )
    project.file(
        "SConstruct",
        (project.root / "SConstruct").read_text()
        + "loaded.Replace(SPINCHECK_PYTHON=env['SPINCHECK_PYTHON'])\n",
    )
    assert project.scons().units == ["b.o.spin"]


def test_configure_checks_are_not_checked(project):
    project.sconstruct("""
conf = env.Configure()
assert conf.TryCompile('int LEAK;', '.c')
assert conf.TryLink('int LEAK;', '.c')
env.Program('driver', ['a.c'])
env = conf.Finish()
""")
    built = project.scons()
    assert (built.status, built.units) == (0, ["a.o.spin"])


def test_static_and_shared_object_that_are_one_node(project):
    """As with mingw and MSVC."""
    project.sconstruct("""
env.Replace(SHOBJSUFFIX='$OBJSUFFIX', STATIC_AND_SHARED_OBJECTS_ARE_THE_SAME=1, SHCCCOM='$CCCOM')
env.Program('driver', ['a.c'])
env.SharedLibrary('library', ['a.c', 'b.c'])
""")
    built = project.scons()
    assert built.status == 0, built.err
    assert sorted(built.units) == ["a.o.spin", "b.o.spin"]
    assert sorted(built.links) == [["a.o.spin"], ["a.o.spin", "b.o.spin"]]


def test_object_declared_twice(project):
    project.sconstruct("env.Object('a.c')\nenv.Object('a.c')\n")
    assert project.scons().units == ["a.o.spin"]


def test_shared_object_takes_the_shared_flags(project):
    project.sconstruct(
        "env.Append(SHCCFLAGS=['-shared-flag'])\nenv.Replace(SPINCHECKCOMSTR='')\nenv.SharedObject('a.c')\n"
    )
    built = project.scons()
    assert "-E -w -fPIC -shared-flag -o a.os.spin.i a.c" in built.out


def test_static_library_belongs_to_the_drivers_that_link_it(project):
    project.sconstruct("""
inner = env.StaticLibrary('inner', ['c.c'])
env.StaticLibrary('outer', ['b.c', inner])
env.Program('one', ['a.c'], LIBS=['outer'], LIBPATH=['.'])
env.Program('two', [env.Object('a2', 'a.c'), inner])
""")
    built = project.scons()
    assert sorted(built.units) == ["a.o.spin", "a2.o.spin", "b.o.spin", "c.o.spin"]
    assert sorted(built.links) == [["a.o.spin", "b.o.spin", "c.o.spin"], ["a2.o.spin", "c.o.spin"]]


def test_library_declared_after_its_driver(project):
    project.sconstruct("""
env.Program('driver', ['a.c'], LIBS=['late'], LIBPATH=['.'])
env.StaticLibrary('late', ['b.c'])
""")
    assert project.scons().links == [["a.o.spin", "b.o.spin"]]


def test_edit_in_a_library_checks_the_driver_again(project):
    project.sconstruct("env.Program('driver', ['a.c', env.StaticLibrary('l', ['b.c'])])\n")
    project.scons()
    project.write(b_c="int CROSS;\n")
    built = project.scons()
    assert (built.status, built.units) == (2, ["b.o.spin"])
    assert "[driver.spincheck.json] 1 lock violation" in built.err


def test_loadable_module_and_shared_library_are_drivers(project):
    project.sconstruct("env.LoadableModule('module', ['a.c'])\nenv.SharedLibrary('shared', ['b.c'])\n")
    assert sorted(project.scons().links) == [["a.os.spin"], ["b.os.spin"]]


def test_rules_for_each_environment(project):
    project.sconstruct(
        "env.Object('a.c', SPINCHECK_RULES='Spinlock')\nenv.Object('b.c', SPINCHECK_RULES=['SpinlockRelease'])\n"
    )
    asked = {
        Path(one["input"]).name: one["options"]["rules"]
        for one in project.scons().asked
        if one["command"] == "unit"
    }
    assert asked == {"a.o.spin.i": ["Spinlock"], "b.o.spin.i": ["SpinlockRelease"]}


def test_cache_is_beside_the_top_sconstruct(project):
    project.sconstruct("SConscript('sub/SConscript', 'env')\n")
    project.file(
        "sub/SConscript", "Import('env')\nenv.Object('d.c')\nenv.Object('e.c', SPINCHECK_CACHE='')\n"
    )
    project.file("sub/d.c", CLEAN)
    project.file("sub/e.c", CLEAN)
    caches = [one["options"]["cache"] for one in project.scons().asked if one["command"] == "unit"]
    assert caches == [str(project.root / ".spincheck" / "cache.sqlite"), None]


@pytest.mark.parametrize("first", ["spincheck", "compilation_db"])
def test_compilation_database_beside_it(project, first):
    other = {"spincheck": "compilation_db", "compilation_db": "spincheck"}[first]
    project.sconstruct(f"""
env = Environment(tools=['gcc', 'gnulink', {first!r}, {other!r}], toolpath=[TOOLS],
    {FAKE}, SPINCHECK_PYTHON=env['SPINCHECK_PYTHON'])
env.CompilationDatabase()
env.Program('driver', ['a.c', 'b.c'])
""")
    assert project.scons().units == ["a.o.spin", "b.o.spin"]
    assert (project.root / "compile_commands.json").read_text().count('"file"') == 2


def test_source_that_is_no_file_suffix_of_c_is_left_alone(project):
    project.file("x.cpp", "LEAK\n")
    project.sconstruct(
        "env.Append(CXX=env['CC'])\nenv.Tool('g++')\nenv.Replace(CXX=env['CC'])\nenv.Program('driver', ['x.cpp'])\n"
    )
    assert project.scons().asked == []
