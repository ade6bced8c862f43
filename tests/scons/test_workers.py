"""The worker processes: started when needed, replaced once, and clear words when they cannot be had."""

from __future__ import annotations

import sys

import pytest

from spincheck.driver.inputs import processors

CLEAN = "int f(void) { return 0; }\n"


@pytest.fixture
def project(project):
    project.write(a_c=CLEAN, b_c=CLEAN)
    project.sconstruct("env.Program('driver', ['a.c', 'b.c'])\n")
    return project


def test_one_worker_serves_all_files(project):
    built = project.scons()
    assert built.workers == 1
    assert len({one["pid"] for one in built.asked}) == 1
    assert built.asked[0]["argv"] == ["-P", "-m", "spincheck", "worker"]
    assert built.asked[-1]["command"] == "end"


def test_a_worker_is_told_to_prepare_when_it_starts(project):
    """It loads what the file will need while the file is preprocessed; the answer is not taken for that of the next question."""
    built = project.scons()
    assert [one["command"] for one in built.asked] == [
        "start",
        "prepare",
        "source",
        "unit",
        "source",
        "unit",
        "link",
        "record",
        "end",
    ]
    prepare, unit = built.asked[1:3]
    assert (prepare["cwd"], prepare["options"]) == (unit["cwd"], unit["options"])
    assert built.status == 0


@pytest.mark.skipif(processors() < 2, reason="as many workers as processors")
def test_another_worker_is_started_only_where_no_answer_comes(project):
    assert project.scons("-j4").workers == 1
    project.write(a_c="BESIDE b.o.spin\n", b_c="BESIDE a.o.spin\n")
    built = project.scons("-j4")
    assert (built.status, built.workers) == (0, 2)
    assert sorted(built.units) == ["a.o.spin", "b.o.spin"]


def test_dead_worker_is_replaced_once(project):
    project.write(a_c="DIE_ONCE\n")
    built = project.scons()
    assert built.status == 0, built.err
    assert built.workers == 2
    assert built.links == [["a.o.spin", "b.o.spin"]]


def test_worker_that_dies_again_fails_the_check(project):
    project.write(a_c="DIE_ALWAYS\n")
    built = project.scons("-k")
    assert built.status == 2
    assert built.workers == 3
    assert "worker' ended with status 4: MemoryError: too much\n" in built.err
    assert "scons: *** [a.o] not checked" in built.err
    assert "spincheck: not analysed: a.c: not checked, see the error" in built.summary
    assert project.exists("b.o")
    assert not project.exists("a.o")


def test_interrupted_worker_is_not_replaced(project):
    """An interrupt from the terminal reaches SCons and the workers; then nothing is to be started again."""
    project.write(a_c="PRESS_CTRL_C\n")
    built = project.scons()
    assert built.status == 2
    assert built.workers == 1
    assert "worker' was ended by signal 2" in built.err


def test_answer_that_is_none_fails_the_check(project):
    project.write(a_c="BABBLE\n")
    built = project.scons("-k")
    assert built.status == 2
    assert "is of another version than this tool; it answered hello" in built.err
    assert built.units == ["a.o.spin", "b.o.spin"]


def test_python_without_the_package(project):
    """Told once, and not tried again for every file."""
    bare = project.script("bare", f'#!/bin/sh\necho >> starts\nexec {sys.executable} -S -E "$@"\n')
    project.sconstruct(
        f"env.Replace(SPINCHECK_PYTHON={str(bare)!r})\nenv.Program('driver', ['a.c', 'b.c'])\n"
    )
    built = project.scons("-k")
    assert built.status == 2
    assert (
        f"spincheck: error: {bare} has no package spincheck: install it there ({bare} -m pip install spincheck)"
        in built.err
    )
    assert "or set SPINCHECK_PYTHON to a Python that has it" in built.err
    assert (project.root / "starts").read_text().count("\n") == 2
    assert built.err.count("not checked") == 2


def test_python_that_does_not_exist(project):
    project.sconstruct(
        "env.Replace(SPINCHECK_PYTHON='no-such-python')\nenv.Program('driver', ['a.c', 'b.c'])\n"
    )
    built = project.scons()
    assert built.status == 2
    assert "no-such-python cannot be run (No such file or directory): set SPINCHECK_PYTHON" in built.err


def test_python_with_arguments(project):
    project.sconstruct(
        f"env.Replace(SPINCHECK_PYTHON=[{sys.executable!r}, env['SPINCHECK_PYTHON']])\nenv.Program('driver', ['a.c'])\n"
    )
    assert project.scons().units == ["a.o.spin"]


def test_cache_that_cannot_be_made_is_the_workers_affair(project):
    project.file(".spincheck", "a file where the directory should be\n")
    assert project.scons().status == 0
