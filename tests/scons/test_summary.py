"""What a build tells at its end."""

from __future__ import annotations

import re

CLEAN = "int f(void) { return 0; }\n"


def test_table(project):
    project.write(a_c=CLEAN, b_c="LEAK\n")
    project.sconstruct("env.Program('driver', ['a.c', 'b.c'])\n")
    built = project.scons("SPINCHECK_SUMMARY=full", "SPINCHECK_FAIL=never")
    table = built.out.partition("done building targets.\n")[2]
    assert re.sub(r"\d+\.\d+", "N", table).splitlines() == [
        "",
        "checked  analysed    reused    errors  warnings   seconds",
        "---------------------------------------------------------",
        "a.c             2         1         0         0      N",
        "b.c             2         1         1         0      N",
        "driver          2         1         0         0      N",
        "",
        "spincheck: N s of checks, all jobs together, in a build of N s",
        "spincheck: 2 files checked, 6 functions analysed, 3 reused, 1 violation in N s",
    ]


def test_reasons_on_request(project):
    script = project.worker.read_text()
    told = '"diagnostics": [], "explained": ["a.c: f: why"] if request["options"]["explain"] else []'
    project.script("worker.py", script.replace('"diagnostics": []', told))
    project.write(a_c="int a;\n")
    project.sconstruct("env.Object('a.c')\n")
    assert "spincheck: analysed again: a.c: f: why\n" in project.scons("SPINCHECK_EXPLAIN=1").out
    project.write(a_c="int b;\n")
    assert "again" not in project.scons().out


def test_none(project):
    project.write(a_c=CLEAN)
    project.sconstruct("env.Object('a.c')\n")
    built = project.scons(SPINCHECK_SUMMARY="none")
    assert (built.units, built.summary) == (["a.o.spin"], [])


def test_sources_that_are_no_c_are_named(project):
    project.write(a_c=CLEAN)
    project.file("part.cpp", "LEAK\n")
    project.file("entry.s", "LEAK\n")
    project.file("other.cpp", "LEAK\n")
    project.sconstruct("""
for tool in 'g++', 'gas':
    env.Tool(tool)
env.Replace(CXX=env['CC'], AS=env['CC'])
env.Program('driver', ['a.c', 'part.cpp', 'entry.s'])
env.Object('other.cpp')
""")
    built = project.scons("driver")
    assert built.status == 0, built.err
    assert built.summary[1:] == ["spincheck: not analysed: entry.s, part.cpp (C++ or assembler)"]
    assert project.scons("driver").summary == []


def test_github_job_summary(project):
    page = project.root / "page.md"
    page.write_text("before\n")
    project.write(a_c=CLEAN, b_c="LEAK\n")
    project.sconstruct("env.Program('driver', ['a.c', 'b.c'])\n")
    project.scons("-k", GITHUB_STEP_SUMMARY=str(page))
    text = page.read_text()
    assert text.startswith("before\n### spincheck: 1 violation\n\n2 files checked, 6 functions analysed")
    assert "\n| `b.c` | 2 | 1 | 1 | 0 |" in text
    assert "\n```text\nb.c:1:1: error: lock held at return [SpinlockRelease]\n```\n" in text
    project.write(b_c=CLEAN)
    project.scons(GITHUB_STEP_SUMMARY=str(page))
    assert page.read_text().count("### spincheck") == 2
    project.scons(GITHUB_STEP_SUMMARY=str(page))
    assert page.read_text().count("### spincheck") == 2


def test_summary_page_that_cannot_be_written_fails_nothing(project):
    project.write(a_c=CLEAN)
    project.sconstruct("env.Object('a.c')\n")
    built = project.scons(GITHUB_STEP_SUMMARY=str(project.root / "none" / "page.md"))
    assert built.status == 0
    assert "spincheck: the summary cannot be written: " in built.err


def test_build_is_recorded_once(project):
    project.write(a_c=CLEAN, b_c="LEAK\n")
    project.sconstruct("env.Program('driver', ['a.c', 'b.c'])\n")
    records = [
        one["build"] for one in project.scons("SPINCHECK_FAIL=never").asked if one["command"] == "record"
    ]
    assert len(records) == 1
    assert records[0]["status"] == 1
    assert [(step["what"], step["target"]) for step in records[0]["steps"]] == [
        ("unit", "a.c"),
        ("unit", "b.c"),
        ("link", "driver"),
    ]
    assert records[0]["wall_ms"] >= 0


def test_interactive_tells_after_each_build(project):
    project.write(a_c=CLEAN)
    project.sconstruct("env.Program('driver', ['a.c'])\n")
    built = project.scons("--interactive", stdin="build\nbuild\nclean\nbuild\nexit\n")
    assert built.units == ["a.o.spin", "a.o.spin"]
    assert built.links == [["a.o.spin"], ["a.o.spin"]]
    assert len(built.summary) == 2
    assert built.workers == 1
