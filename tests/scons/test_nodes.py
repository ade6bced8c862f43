"""What SCons does with the nodes: order, failure, retries, dependencies, options."""

from __future__ import annotations

import re

import pytest

CLEAN = "int f(void) { return 0; }\n"


def two_files(project):
    project.write(a_c='#include "shared.h"\n' + CLEAN, b_c=CLEAN, shared_h="int f(void);\n")
    project.sconstruct("env.Program('driver', ['a.c', 'b.c'])\n")


def test_every_c_file_is_checked_and_compiled(project):
    two_files(project)
    built = project.scons()
    assert built.status == 0
    assert built.units == ["a.o.spin", "b.o.spin"]
    assert built.links == [["a.o.spin", "b.o.spin"]]
    assert sorted(project.compiled()) == ["link b.o", "object a.c", "object b.c", "text a.c", "text b.c"]
    assert re.fullmatch(
        r"spincheck: 2 files checked, 6 functions analysed, 3 reused, no violations in \d+\.\d s",
        *built.summary,
    )
    assert not project.exists("a.o.spin.i")


def test_null_build_says_nothing_and_starts_no_worker(project):
    two_files(project)
    project.scons()
    built = project.scons()
    assert (built.status, built.asked, built.summary) == (0, [], [])
    assert "spincheck" not in built.out.replace("spincheck: ", "")


def test_violation_blocks_the_object_and_the_program_and_is_retried(project):
    two_files(project)
    project.write(b_c="int f(void) { LEAK }\n")
    first = project.scons()
    assert first.status == 2
    assert "b.c:1:1: error: lock held at return [SpinlockRelease]" in first.err
    assert "scons: *** [b.o] 1 lock violation" in first.err
    assert "1 violation in" in first.summary[0]
    assert not project.exists("b.o")
    assert not project.exists("driver")
    second = project.scons()
    assert (second.status, second.units) == (2, ["b.o.spin"])
    assert "b.c:1:1: error" in second.err
    project.write(b_c=CLEAN)
    assert project.scons().status == 0
    assert project.exists("driver")


def test_keep_going_builds_what_does_not_need_the_failed_unit(project):
    two_files(project)
    project.write(a_c="LEAK\n")
    built = project.scons("-k")
    assert built.status == 2
    assert built.units == ["a.o.spin", "b.o.spin"]
    assert project.exists("b.o")
    assert not project.exists("a.o")


def test_keep_going_leaves_a_report_when_a_unit_fails(project):
    project.write(a_c="int a; LEAK\n", b_c="int b; CROSS\n", c_c="int c;\n")
    project.sconstruct("env.Program('one', ['a.c', 'b.c'])\nenv.Program('two', ['c.c'])\n")
    built = project.scons("-k", "-j2")
    assert built.status == 2
    assert sorted(built.links) == [["a.o.spin", "b.o.spin"], ["c.o.spin"]]
    assert project.exists("one.spincheck.json")
    assert not project.exists("one")
    assert project.exists("two")
    assert "b.c:1:1: error" in built.err
    assert "2 violations" in built.summary[0]
    # It was made on the side: the next build makes it for itself
    project.write(a_c="int a;\n", b_c="int b;\n")
    assert sorted(project.scons().links) == [["a.o.spin", "b.o.spin"]]
    assert project.exists("one")


def test_without_keep_going_a_failed_unit_leaves_no_report(project):
    project.write(a_c="int a; LEAK\n", b_c="int b;\n")
    project.sconstruct("env.Program('one', ['a.c', 'b.c'])\n")
    assert project.scons().links == []
    assert not project.exists("one.spincheck.json")


def test_keep_going_makes_no_report_of_a_driver_with_a_file_that_does_not_preprocess(project):
    project.write(a_c="int a; LEAK\n", b_c="BROKEN\n")
    project.sconstruct("env.Program('one', ['a.c', 'b.c'])\n")
    assert project.scons("-k").links == []
    assert not project.exists("one.spincheck.json")


@pytest.mark.parametrize("kind", ["Program", "StaticLibrary"])
def test_checked_before_the_link_only(project, kind):
    project.write(a_c="int a; LEAK\n", b_c="int b;\n")
    project.sconstruct(f"env['SPINCHECK_BEFORE'] = 'link'\nenv.{kind}('made', ['a.c', 'b.c'])\n")
    built = project.scons("-k")
    assert built.status == 2
    assert sorted(built.units) == ["a.o.spin", "b.o.spin"]
    assert project.exists("a.o")
    assert not [name for name in ("made", "libmade.a") if project.exists(name)]
    project.write(a_c="int a;\n")
    built = project.scons()
    assert built.status == 0, built.err
    assert built.units == ["a.o.spin"]
    assert project.scons().asked == []


def test_dry_run_shows_the_steps_and_does_nothing(project):
    two_files(project)
    built = project.scons("-n")
    assert built.status == 0
    assert "spincheck a.c" in built.out
    assert (built.asked, built.summary) == ([], [])
    assert not project.exists("a.o.spin")


def test_clean_removes_what_was_made(project):
    two_files(project)
    project.scons()
    built = project.scons("-c")
    assert built.asked == []
    left = {path.name for path in project.root.iterdir()}
    assert left == {
        ".tools",
        ".sconsign.dblite",
        ".spincheck",
        "SConstruct",
        "a.c",
        "b.c",
        "shared.h",
        "compiler.log",
    }


def test_header_change_checks_only_the_files_that_include_it(project):
    two_files(project)
    project.scons()
    project.write(shared_h="int f(void); int g(void);\n")
    assert project.scons().units == ["a.o.spin"]


def test_changed_rules_check_again_and_compile_nothing(project):
    two_files(project)
    project.scons()
    project.compiled()
    built = project.scons("SPINCHECK_RULES=SpinlockRelease,Spinlock")
    assert built.units == ["a.o.spin", "b.o.spin"]
    assert {
        tuple(one["options"]["rules"]) for one in built.asked if "options" in one and one["command"] == "unit"
    } == {("SpinlockRelease", "Spinlock")}
    assert project.compiled() == ["text a.c", "text b.c"]


def test_other_analyser_checks_again_and_compiles_nothing(project):
    two_files(project)
    project.scons()
    project.compiled()
    project.file(
        "SConstruct",
        (project.root / "SConstruct").read_text().replace("of these tests", "of another version"),
    )
    assert project.scons().links == [["a.o.spin", "b.o.spin"]]
    assert project.compiled() == ["text a.c", "text b.c"]


def test_changed_configuration_checks_again(project):
    two_files(project)
    project.file("pyproject.toml", "[tool.spincheck]\n")
    project.scons()
    assert project.scons().units == []
    project.file("pyproject.toml", "[tool.spincheck]\nrules = []\n")
    assert project.scons().units == ["a.o.spin", "b.o.spin"]


def test_parallel_jobs_share_as_many_workers_as_jobs(project):
    names = [f"f{number}" for number in range(8)]
    for name in names:
        project.file(f"{name}.c", CLEAN)
    project.sconstruct(f"env.Program('driver', {[name + '.c' for name in names]})\n")
    built = project.scons("-j4")
    assert built.status == 0
    assert sorted(built.units) == [f"{name}.o.spin" for name in names]
    assert 1 <= built.workers <= 4
    assert built.summary[0].startswith("spincheck: 8 files checked, 18 functions analysed")
    assert sum(one["command"] == "end" for one in built.asked) == built.workers


def test_driver_violation_blocks_the_program_only(project):
    two_files(project)
    project.write(b_c="CROSS\n")
    built = project.scons()
    assert built.status == 2
    assert "scons: *** [driver.spincheck.json] 1 lock violation" in built.err
    assert project.exists("b.o")
    assert not project.exists("driver")


def test_defect_in_a_header_is_told_once(project):
    two_files(project)
    project.write(shared_h="LEAK\n", b_c='#include "shared.h"\n')
    built = project.scons("-k")
    assert built.status == 2
    assert built.err.count("[SpinlockRelease]") == 1
    assert "1 violation in" in built.summary[0]


def test_alias_checks_without_compiling(project):
    two_files(project)
    built = project.scons("spincheck")
    assert (built.status, built.units) == (0, ["a.o.spin", "b.o.spin"])
    assert project.compiled() == ["text a.c", "text b.c"]


def test_file_that_does_not_preprocess_is_left_to_the_compiler(project):
    two_files(project)
    project.write(b_c="BROKEN\n")
    built = project.scons("-k")
    assert built.status == 2
    assert "[b.o] Error 1" in built.err
    assert built.err.count("broken") == 1
    assert "spincheck: not analysed: b.c: does not preprocess, see the compiler's message" in built.summary
    assert project.scons("-k").err.count("broken") == 1
    project.write(b_c=CLEAN)
    assert project.scons().links == [["a.o.spin", "b.o.spin"]]


def test_unit_is_tried_again_when_only_the_compiler_changed_its_mind(project):
    """What does not preprocess today may tomorrow, without any change that SCons can see."""
    two_files(project)
    script = project.compiler.read_text()
    project.script(
        "fakecc", script.replace("[ $mode = text ]; then", "[ $mode = text ]; then [ -f sdk ] || exit 1;")
    )
    project.scons("-k")
    project.file("sdk", "")
    assert project.scons().units == ["a.o.spin", "b.o.spin"]


def test_alias_fails_for_a_file_that_does_not_preprocess(project):
    two_files(project)
    project.write(b_c="BROKEN\n")
    built = project.scons("spincheck")
    assert built.status == 2
    assert "spincheck: error: b.c does not preprocess\nb.c:1: broken" in built.err


def test_text_is_kept_on_request(project):
    two_files(project)
    project.scons("SPINCHECK_KEEP=1")
    assert (project.root / "a.o.spin.i").read_text().endswith("int f(void) { return 0; }\n")


def test_empty_comstr_shows_the_command(project):
    project.write(a_c=CLEAN)
    project.sconstruct("env.Replace(SPINCHECKCOMSTR='')\nenv.Object('a.c', CPPDEFINES=['X'])\n")
    built = project.scons()
    assert f"{project.compiler} -E -w -DX -o a.o.spin.i a.c" in built.out
