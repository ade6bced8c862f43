"""``spincheck cache`` and ``spincheck log``."""

from __future__ import annotations

import json
import sqlite3

from conftest import CLEAN, LEAK, Runner


def test_a_cache_that_is_not_there_is_not_made(run: Runner):
    for command in ("stats", "verify", "gc", "clear"):
        ran = run("cache", command)
        assert (ran.status, "there is no cache yet" in ran.out) == (0, True)
    assert run("log").out == "spincheck: no builds recorded\n"
    assert not (run.directory / ".spincheck").exists()


def test_stats_gc_clear(run: Runner):
    run.write("a.i", CLEAN)
    run("check", "a.i")
    stats = run("cache", "stats").out
    assert "1 builds in 1 steps" in stats
    assert "outcome" in stats
    assert "0 entries deleted" in run("cache", "gc").out
    assert run("cache", "clear").status == 0
    assert "outcome" not in run("cache", "stats").out
    assert run("check", "a.i", "--stats").err.startswith("spincheck: functions analysed 1,")


def test_the_cache_is_where_it_is_named(run: Runner):
    run.write("a.i", CLEAN)
    run("check", "a.i", "--cache", "one.sqlite")
    run("check", "a.i", SPINCHECK_CACHE=str(run.directory / "two.sqlite"))
    assert (run.directory / "one.sqlite").is_file()
    assert (run.directory / "two.sqlite").is_file()
    assert not (run.directory / ".spincheck").exists()
    assert "1 builds" in run("cache", "stats", "--cache", "one.sqlite").out


def test_verify_finds_planted_damage(run: Runner):
    run.write("b.i", LEAK)
    first = run("check", "b.i")
    path = run.directory / ".spincheck" / "cache.sqlite"
    assert run("cache", "verify").status == 0
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET value = x'90' WHERE shelf = 'outcome'")
    connection.commit()
    connection.close()
    ran = run("cache", "verify")
    assert (ran.status, "entry outcome/" in ran.out) == (1, True)
    again = run("check", "b.i")
    assert again.out == first.out
    assert again.err.startswith("spincheck: warning: ")
    assert run("cache", "verify").status == 0
    path.write_bytes(path.read_bytes()[:5000])
    assert run("cache", "verify").status == 1
    assert run("cache", "stats").status == 2
    again = run("check", "b.i")
    assert (again.out, again.err.count("warning")) == (first.out, 1)
    assert run("cache", "verify").status == 0
    assert list(path.parent.glob("*.corrupt-1"))


def test_every_fault_gives_the_verdicts_of_a_run_without_a_cache(run: Runner):
    run.write("b.i", LEAK)
    alone = run("check", "b.i", "--no-cache")
    path = run.directory / "c.sqlite"
    for number, content in enumerate((b"", b"junk" * 5000, b"SQLite format 3\0" + bytes(4000))):
        path.write_bytes(content)
        ran = run("check", "b.i", "--cache", path)
        assert (ran.out, ran.status) == (alone.out, 1)
        assert ran.err.count("warning") == 1
        assert (run.directory / f"c.sqlite.corrupt-{number + 1}").read_bytes() == content
        assert run("check", "b.i", "--cache", path).err == ""
    path.unlink()
    path.mkdir()
    ran = run("check", "b.i", "--cache", path)
    assert (ran.out, ran.status, ran.err.count("warning")) == (alone.out, 1, 1)


def test_log_of_checks(run: Runner):
    run.write("b.i", CLEAN)
    run("check", "b.i")
    run.write("b.i", LEAK)
    run("check", "b.i")
    lines = run("log").out.splitlines()
    assert len(lines) == 4
    assert "SpinlockRelease" in lines[3]
    assert ": new: b.c:9: error: " in lines[3]
    assert len(run("log", "--last", "1").out.splitlines()) == 2
    builds = json.loads(run("log", "--format", "json").out)["builds"]
    assert [build["errors"] for build in builds] == [1, 0]
    assert run("log", "--format", "markdown").out.startswith("## spincheck\n")
