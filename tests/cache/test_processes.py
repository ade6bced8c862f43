"""Several processes on one cache: eight that start at once, and ones that are killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spincheck.cache import upkeep
from spincheck.cache.store import Store

WRITER = """
import sys, time
from spincheck.cache.store import Store
from spincheck.builds import BuildStep
path, name, rounds, go = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
time.sleep(max(0.0, go - time.time()))
with Store(path, busy_seconds=60) as store:
    for number in range(rounds):
        for key in ("shared%d" % number, name + str(number)):
            value = store.get("unit", key)
            assert value in (None, key.encode() * 50), key
            store.put("unit", key, key.encode() * 50)
        store.record(BuildStep(name, "unit", str(number)))
        store.flush()
for warning in store.warnings:
    print(warning)
"""


def writer(path: Path, name: str, rounds: int, go: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(rounds), str(go)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_eight_start_at_once(tmp_path):
    path = tmp_path / "new" / "c.sqlite"
    go = time.time() + 1.0
    running = [writer(path, f"w{number}-", 20, go) for number in range(8)]
    said = [process.communicate()[0] for process in running]
    assert said == [""] * 8
    assert [process.returncode for process in running] == [0] * 8
    with Store(path) as store:
        wanted = [f"w{number}-{turn}" for number in range(8) for turn in range(20)]
        assert store.get_many("unit", wanted) == {key: key.encode() * 50 for key in wanted}
        assert upkeep.verify(store.connection(), remove=False) == []
        assert upkeep.stats(store.connection()).steps == 160
    assert sorted(file.name for file in path.parent.iterdir()) == ["c.sqlite", "c.sqlite.lock"]


def test_eight_meet_a_damaged_file(tmp_path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"no database" * 1000)
    go = time.time() + 1.0
    running = [writer(path, f"w{number}-", 5, go) for number in range(8)]
    said = "".join(process.communicate()[0] for process in running)
    assert [process.returncode for process in running] == [0] * 8
    assert said.count("kept as") == said.count("\n") == 1, said
    with Store(path) as store:
        assert upkeep.verify(store.connection(), remove=False) == []
        assert upkeep.stats(store.connection()).steps == 40
        assert store.warnings == []


@pytest.mark.parametrize(("owner", "moment"), [(Path, "is_file"), (os, "access"), (sqlite3, "connect")])
def test_another_sets_the_file_aside_meanwhile(tmp_path, monkeypatch, owner, moment):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"no database" * 1000)
    real = getattr(owner, moment)

    def late(*given, **named):
        monkeypatch.undo()
        path.rename(tmp_path / "aside")
        return real(*given, **named)

    monkeypatch.setattr(owner, moment, late)
    with Store(path) as store:
        store.put("unit", "k", b"v")
        store.flush()
        assert store.warnings == []
        assert upkeep.verify(store.connection(), remove=False) == []
    with Store(path) as store:
        assert store.get("unit", "k") == b"v"
    assert (tmp_path / "aside").read_bytes().startswith(b"no database")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_any_moment(tmp_path):
    path = tmp_path / "c.sqlite"
    chance = random.Random(7)
    survivor = writer(path, "s", 400)
    for number in range(15):
        victim = writer(path, f"v{number}-", 100_000)
        time.sleep(0.1 + chance.random() * 0.4)
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate()
    assert survivor.communicate()[0] == ""
    assert survivor.returncode == 0
    with Store(path) as store:
        assert upkeep.verify(store.connection(), remove=False) == []
        assert store.get("unit", "s399") == b"s399" * 50
        assert store.warnings == []
