"""Check and compile side by side: the verdict still decides whether there is an object, whatever happens in between."""

from __future__ import annotations

import os
import random
import time

import pytest

CLEAN = "int f(void) { return 0; }\n"
WAIT = CLEAN + "/* WAIT */\n"


def driver(project, *more: str, **files: str) -> None:
    project.write(**(files or {"a_c": WAIT, "b_c": CLEAN}))
    names = [name.replace("_c", ".c") for name in (files or ("a_c", "b_c"))]
    project.sconstruct("".join(more) + f"env.Program('driver', {names})\n")


@pytest.mark.parametrize("jobs", ["-j1", "-j2", "-j4"])
def test_object_is_compiled_while_it_is_checked(project, jobs):
    """The worker answers when the object is there, which it would not be if the check came first."""
    driver(project, a_c=WAIT)
    built = project.scons(jobs)
    assert built.status == 0, built.err
    assert project.exists("a.o.spin")
    assert not project.exists("a.o.spin.new")
    assert project.scons().asked == []
    assert project.exists("driver")


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
@pytest.mark.parametrize("target", [".", "a.o", "driver"])
def test_failed_check_leaves_no_object(project, jobs, target):
    driver(project, a_c=WAIT + "LEAK\n", b_c=CLEAN)
    built = project.scons(jobs, target)
    assert built.status == 2
    assert built.err.count("[SpinlockRelease]") == 1
    assert "scons: *** [a.o] 1 lock violation" in built.err
    assert not [name for name in ("a.o", "a.o.spin", "a.o.spin.new", "driver") if project.exists(name)]
    again = project.scons(jobs, target)
    assert (again.status, "a.o.spin" in again.units) == (2, True)
    project.write(a_c=CLEAN)
    assert project.scons(jobs, target).status == 0
    assert project.exists("a.o")
    assert project.scons(jobs, target).asked == []


def test_build_that_goes_back_to_what_was_right_checks_it_again(project):
    """SCons remembers the last good build, not the failed one in between."""
    driver(project)
    project.scons()
    project.write(a_c=WAIT + "LEAK\n")
    assert project.scons().status == 2
    project.write(a_c=WAIT)
    built = project.scons()
    assert (built.status, built.units) == (0, ["a.o.spin"])
    assert "LEAK" not in (project.root / "a.o").read_text()


def test_check_killed_with_the_build_is_made_again(project):
    """The worker has written and the compiler too, but nobody has heard the verdict."""
    driver(project, a_c=WAIT + "LEAK\n/* KILL_BUILD */\n")
    assert project.scons().status == -9
    assert project.exists("a.o")
    assert not project.exists("a.o.spin")
    built = project.scons()
    assert (built.status, built.units) == (2, ["a.o.spin"])
    assert "a.c:3:1: error" in built.err
    assert not project.exists("a.o")


@pytest.mark.parametrize("jobs", ["-j1", "-j3"])
def test_rules_that_the_object_does_not_know_fail_it_before_anything_is_made(project, jobs):
    """The object is up to date and will not be compiled: its unit alone must fail the build."""
    driver(project, a_c=CLEAN + "LEAK\n", b_c=CLEAN)
    assert project.scons("SPINCHECK=0").status == 0
    project.compiled()
    built = project.scons(jobs, "-k")
    assert built.status == 2
    assert "scons: *** [a.o.spin] 1 lock violation" in built.err
    assert sorted(project.compiled()) == ["text a.c", "text b.c"]
    assert project.scons(jobs, "a.o").status == 2


def test_switching_it_on_and_off_compiles_nothing(project):
    driver(project)
    assert project.scons().status == 0
    project.compiled()
    for switch in "01", "10":
        assert [project.scons(f"SPINCHECK={one}").status for one in switch] == [0, 0]
    assert project.compiled() == []


def test_told_and_not_failed(project):
    driver(project, "env['SPINCHECK_FAIL'] = 'never'\n", a_c=WAIT + "LEAK\n")
    built = project.scons()
    assert built.status == 0, built.err
    assert built.err.count("[SpinlockRelease]") == 1
    assert project.exists("a.o")
    assert project.scons().asked == []


def test_violation_is_told_although_the_file_does_not_compile(project):
    script = project.compiler.read_text()
    project.script(
        "fakecc",
        script.replace(
            'cat "$src" > "$out"\nfi', 'grep -q NO_OBJECT "$src" && exit 1; cat "$src" > "$out"\nfi'
        ),
    )
    driver(project, a_c="int a; LEAK /* NO_OBJECT */\n", b_c="int b; LEAK\n")
    built = project.scons("-k", "-j2")
    assert built.status == 2
    assert built.err.count("[SpinlockRelease]") == 2
    assert "scons: *** [a.o] Error 1" in built.err
    assert not [path for path in project.root.iterdir() if path.name.endswith(".new")]


def test_driver_is_judged_by_the_units_of_this_build(project):
    """With time stamps as well: while a check runs, its unit has no file that is newer than the report."""
    driver(project, "env.Decider('timestamp-newer')\n", a_c=CLEAN, b_c=CLEAN)
    assert project.scons().status == 0
    project.write(a_c=CLEAN + "CROSS WAIT\n")
    later = time.time() + 60  # SCons compares whole seconds
    os.utime(project.root / "a.c", (later, later))
    built = project.scons("-j2")
    assert (built.status, built.links) == (2, [["a.o.spin", "b.o.spin"]])
    assert "scons: *** [driver.spincheck.json] 1 lock violation" in built.err
    assert project.scons("-j2").status == 2


@pytest.mark.parametrize(
    "line",
    [
        "env.AddPostAction('a.o', 'cp $TARGET copy')\n",
        "env.CacheDir('cache')\n",
        "env.Depends('a.o', env.Command('made', [], 'touch $TARGET'))\nSetOption('num_jobs', 1)\n",
    ],
)
def test_where_the_end_of_the_compile_is_too_late_the_check_comes_first(project, line):
    project.write(a_c=CLEAN + "LEAK\n")
    project.sconstruct("env.Object('a.c')\n" + line)
    built = project.scons()
    assert built.status == 2
    assert "scons: *** [a.o.spin] 1 lock violation" in built.err
    assert project.compiled() == ["text a.c"]
    assert not project.exists("copy")


def test_repository_objects_are_not_left_unchecked(project):
    driver(project, a_c=CLEAN + "LEAK\n")
    project.scons("SPINCHECK=0")
    there = project.root / "there"
    there.mkdir()
    text = (project.root / "SConstruct").read_text()
    (there / "SConstruct").write_text(f"Repository({str(project.root)!r})\n{text}")
    built = project.scons("-C", "there")
    assert built.status == 2
    assert "error: lock held at return" in built.err


def test_libraries_of_a_driver(project):
    project.write(a_c=WAIT, b_c=WAIT + "int b;\n", c_c=CLEAN)
    project.sconstruct(
        "env.StaticLibrary('parts', ['b.c'])\nenv.Program('driver', ['a.c', 'c.c'], LIBS=['parts'], LIBPATH=['.'])\n"
    )
    built = project.scons("-j2", "libparts.a")
    assert built.status == 0, built.err
    built = project.scons("-j2")
    assert built.status == 0, built.err
    assert built.links == [["a.o.spin", "c.o.spin", "b.o.spin"]]
    assert project.scons("-j2").asked == []


def test_interactive_command_checks_first(project):
    driver(project, a_c=CLEAN + "LEAK\n")
    built = project.scons("--interactive", stdin="build driver\n")
    assert "[a.o.spin] 1 lock violation" in built.err
    assert project.compiled() == ["text a.c"]


STEPS = 12


@pytest.mark.parametrize("seed", [1, 6])
def test_no_build_passes_with_a_violation_whatever_was_built_before(project, seed):
    """Edits, targets, jobs, and builds that are killed, in any order; what each comes to is known from the sources alone."""
    chance = random.Random(seed)
    names = ["a", "b", "c"]
    texts = dict.fromkeys(names, CLEAN)
    left: set[str] = set()
    switches = ["-j1", "-j2", "-j4", "-k", "--random", "SPINCHECK_RULES=Spinlock", "-c"]
    project.sconstruct(
        "env.StaticLibrary('parts', ['c.c'])\nenv.Program('driver', ['a.c', 'b.c'], LIBS=['parts'], LIBPATH=['.'])\n"
    )
    for step in range(STEPS):
        name = chance.choice(names)
        texts[name] = f"{CLEAN}int step{step};\n" + chance.choice(
            ["", "", "/* WAIT */\n", "LEAK\n", "LEAK /* KILL_BUILD */\n"]
        )
        for one, text in texts.items():
            project.file(f"{one}.c", text)
        (project.root / "killed").unlink(missing_ok=True)
        target, needed = chance.choice(
            [("driver", names), (".", names), ("a.o", ["a"]), ("libparts.a", ["c"])]
        )
        given = chance.sample(switches, chance.randint(0, 2))
        leaks = [one for one in needed if "LEAK" in texts[one]]
        built = project.scons(*given, target)
        if "-c" in given:
            continue
        assert (built.status == 0) is not bool(leaks), (step, given, target, texts, built.err)
        if built.status == -9:  # leaves what it likes, which nothing may use
            left.update(leaks)
        made = {path.stem: path.read_text() for path in project.root.glob("*.o")}
        assert not [one for one in set(made) - left if "LEAK" in made[one]]
    for one in names:
        project.file(f"{one}.c", CLEAN)
    assert project.scons("-j2").status == 0
    assert "LEAK" not in "".join((project.root / f"{one}.o").read_text() for one in names)
    assert project.scons("-j2").asked == []
