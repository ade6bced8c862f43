"""The store: what comes back is what was put, whatever happens to the file, with at most one warning."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spincheck.builds import Build, BuildStep, Told
from spincheck.cache import history, upkeep
from spincheck.cache.opening import UnusableError, connect
from spincheck.cache.store import Store


def filled(path: Path, count: int = 50) -> None:
    with Store(path) as store:
        for number in range(count):
            store.put("function", f"k{number}", b"value %d " % number * 300)
        assert store.warnings == []


def check(path: Path, *, warning: str | None, found: bool, **options: object) -> None:
    """A run against ``path``: it can always get what it put itself, and warns once or not at all."""
    with Store(path, **options) as store:
        got = store.get("function", "k7")
        assert (got is not None) is found
        if got is not None:
            assert got == b"value 7 " * 300
        store.put("unit", "new", b"made now")
        store.flush()
        assert store.get("unit", "new") == b"made now"
        assert store.get_many("function", ["k7", "nothing"]).keys() == ({"k7"} if found else set())
    assert len(store.warnings) == (warning is not None)
    if warning is not None:
        assert warning in store.warnings[0]
        assert str(path) in store.warnings[0]


def test_values_outlive_the_process(tmp_path):
    path = tmp_path / "deep" / "cache.sqlite"
    filled(path)
    check(path, warning=None, found=True)
    with Store(path) as store:
        many = store.get_many("function", [f"k{n}" for n in range(2000)])
        assert sorted(many) == sorted(f"k{n}" for n in range(50))
        assert store.get("unit", "k7") is None


def test_default_directory_keeps_itself_out_of_version_control(tmp_path):
    filled(tmp_path / ".spincheck" / "cache.sqlite")
    assert (tmp_path / ".spincheck" / ".gitignore").read_text() == "*\n"


def test_unchanged_reading_needs_no_sqlite_utils(tmp_path):
    filled(tmp_path / "c.sqlite")
    code = (
        "import sys; from spincheck.cache.store import Store; s = Store(sys.argv[1]); assert s.get('function', 'k1');"
        "s.put('unit', 'u', b'1'); s.close(); assert not s.warnings; print('sqlite_utils' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "c.sqlite"], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


def test_truncated_file_is_set_aside(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    size = path.stat().st_size
    for keep in (0, 1, 99, 100, 4096, size // 2, size - 1):
        for old in tmp_path.iterdir():
            old.unlink()
        filled(path)
        with path.open("r+b") as file:
            file.truncate(keep)
        with Store(path) as store:
            values = [store.get("function", f"k{n}") for n in range(50)]
            assert all(value in (None, b"value %d " % n * 300) for n, value in enumerate(values))
            store.put("function", "k7", b"value 7 " * 300)
            store.put("unit", "big", bytes(20_000))
            store.flush()
            assert store.get("function", "k7") == b"value 7 " * 300
        assert len(store.warnings) <= 1
        # The next run is a good one, and nothing of the damaged file is lost.
        check(path, warning=None, found=Store(path).get("function", "k7") is not None)
        if store.warnings and "kept as" in store.warnings[0]:
            assert (tmp_path / "c.sqlite.corrupt-1").stat().st_size == keep


def test_junk_is_set_aside_and_kept(tmp_path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is a letter, not a database" * 200)
    check(path, warning="corrupt-1", found=False)
    assert (tmp_path / "c.sqlite.corrupt-1").read_bytes().startswith(b"this is a letter")
    check(path, warning=None, found=False)
    path.write_bytes(b"another letter" * 200)
    check(path, warning="corrupt-2", found=False)


def test_schema_that_is_no_text_is_damage(tmp_path):
    """SQLite quotes it in its message, which Python then cannot decode."""
    path = tmp_path / "c.sqlite"
    with Store(path) as store:
        store.put("unit", "k", b"value")
    data = path.read_bytes()
    assert data.count(b"CREATE TABLE") > 3
    path.write_bytes(data.replace(b"CREATE TABLE", b"CREATE \xe1\x28\xa1LE"))
    with Store(path) as store:
        assert store.get("unit", "k") is None
        store.put("unit", "k", b"again")
        assert len(store.warnings) == 1
        assert "damaged" in store.warnings[0]
    with Store(path) as store:
        assert store.get("unit", "k") == b"again"
        assert store.warnings == []


def test_flipped_bits_never_give_a_wrong_value(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    good = path.read_bytes()
    damaged_runs = 0
    for place in range(0, len(good), max(len(good) // 120, 1)):
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        broken = bytearray(good)
        broken[place] ^= 0x10
        path.write_bytes(bytes(broken))
        with Store(path) as store:
            for number in range(50):
                value = store.get("function", f"k{number}")
                assert value is None or value == b"value %d " % number * 300
        assert len(store.warnings) <= 1
        damaged_runs += bool(store.warnings)
    assert damaged_runs > 10


def test_directory_in_its_place(tmp_path):
    (tmp_path / "c.sqlite").mkdir()
    check(tmp_path / "c.sqlite", warning="is not a file", found=False)
    assert (tmp_path / "c.sqlite").is_dir()


def test_file_where_the_directory_should_be(tmp_path):
    (tmp_path / "d").write_text("")
    check(tmp_path / "d" / "c.sqlite", warning="going on without", found=False)


def test_somebody_elses_database_is_left_alone(tmp_path):
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE books (title TEXT)")
    other.close()
    before = path.read_bytes()
    check(path, warning="another program", found=False)
    assert path.read_bytes() == before


def test_newer_schema_is_left_alone(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    check(path, warning="newer", found=False)
    assert sqlite3.connect(path).execute("SELECT count(*) FROM entries").fetchone() == (50,)


def test_locked_too_long(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    check(path, warning="locked", found=True, busy_seconds=0.05)
    other.rollback()
    other.close()
    check(path, warning=None, found=True)


def test_exclusive_lock_held_by_another(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    check(path, warning="locked", found=False, busy_seconds=0.05)
    other.close()


def test_lock_file_held_while_there_is_no_database(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / "c.sqlite.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        check(tmp_path / "c.sqlite", warning="locked it for too long", found=False, busy_seconds=0.05)


def test_file_system_without_locking(tmp_path, monkeypatch):
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    check(tmp_path / "c.sqlite", warning="not supported", found=False)


def test_file_system_without_hard_links(tmp_path, monkeypatch):
    def refuse(_source: object, _target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    filled(tmp_path / "c.sqlite")
    check(tmp_path / "c.sqlite", warning=None, found=True)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX users")
def test_read_only_file_and_directory(tmp_path):
    path = tmp_path / "d" / "c.sqlite"
    filled(path)
    for leftover in path.parent.glob("*.lock"):
        leftover.unlink()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    before = path.read_bytes()
    try:
        _as_somebody(path, tmp_path)
    finally:
        path.parent.chmod(0o755)
    assert path.read_bytes() == before


def _as_somebody(path: Path, tmp_path: Path) -> None:
    """Run the check in this process, as another user when this one may write anything."""
    if os.geteuid() != 0:
        check(path, warning="read-only", found=False)
        return
    for directory in (tmp_path, *tmp_path.parents):
        if directory.owner() == "root" and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            check(path, warning="read-only", found=False)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_full_disk(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "c.sqlite"
    filled(path, 5)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            with Store(path) as store:
                for number in range(40):
                    store.put("region", f"r{number}", os.urandom(50_000))
                store.flush()
                assert store.get("function", "k1") == b"value 1 " * 300
                assert store.get("region", "r3") is not None
            assert len(store.warnings) == 1, store.warnings
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Store(path) as store:
        assert store.get("function", "k1") == b"value 1 " * 300
        assert store.get("region", "r3") is None
        assert store.warnings == []
        assert upkeep.verify(store.connection(), remove=False) == []


def test_deleted_while_in_use(tmp_path):
    path = tmp_path / "c.sqlite"
    with Store(path) as store:
        store.put("unit", "a", b"1")
        store.flush()
        for file in tmp_path.iterdir():
            file.unlink()
        store.put("unit", "b", b"2")
        store.flush()
        assert store.get("unit", "a") == b"1"
    filled(path)
    check(path, warning=None, found=True)


def test_log_left_behind_by_a_removed_database_is_not_replayed(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    store = Store(path)
    store.put("unit", "old", b"old")
    store.flush()
    log = (tmp_path / "c.sqlite-wal").read_bytes()
    assert log
    store.close()
    path.unlink()
    (tmp_path / "c.sqlite-wal").write_bytes(log)
    with Store(path) as fresh:
        assert fresh.get("unit", "old") is None
        assert upkeep.verify(fresh.connection(), remove=False) == []
        assert fresh.warnings == []


def test_hostile_schema_is_refused(tmp_path):
    made = tmp_path / "good.sqlite"
    filled(made)
    attacks = [
        "CREATE VIEW more AS SELECT * FROM entries",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "ALTER TABLE entries ADD COLUMN x TEXT AS (hex(zeroblob(1000000))) VIRTUAL",
        "CREATE TABLE other (a)",
        "DROP TABLE entries",
    ]
    for number, attack in enumerate(attacks):
        path = tmp_path / f"c{number}.sqlite"
        shutil.copy(made, path)
        connection = sqlite3.connect(path)
        connection.execute(attack)
        connection.commit()
        connection.close()
        check(path, warning="corrupt-1", found=False)


def test_huge_value_is_not_read(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET value = zeroblob(200000000) WHERE key = 'k7'")
    connection.commit()
    connection.close()
    with Store(path) as store:
        assert store.get("function", "k7") is None
        assert len(store.warnings) == 1


def test_swapped_values_are_found(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE entries SET (value, size, checksum) = (SELECT value, size, checksum FROM entries WHERE key = 'k8') WHERE key = 'k7'"
    )
    connection.commit()
    with Store(path) as store:
        assert store.get("function", "k7") is None
        assert "damaged" in store.warnings[0]
    assert upkeep.verify(connection, remove=True) == ["entry function/k7: does not match its checksum"]
    assert upkeep.verify(connection, remove=False) == []
    connection.close()


def test_clock_jumps_do_no_harm(tmp_path):
    path = tmp_path / "c.sqlite"
    now = time.time()
    filled(path)
    for jump in (-(10**9), 10**9, 10**11, 0):
        with Store(path, clock=lambda jump=jump: now + jump) as store:
            assert store.get("function", "k7") is not None
            store.record(BuildStep("b", "check", "x"))
        assert store.warnings == []
        connection = connect(path, 1)
        (used,) = connection.execute("SELECT used FROM entries WHERE key = 'k7'").fetchone()
        history.builds(connection, 10)
        connection.close()
        assert used == int(now + jump)


def test_least_recently_used_goes_first(tmp_path):
    path = tmp_path / "c.sqlite"
    day = 86_400
    for number in range(10):
        with Store(path, clock=lambda number=number: (100 + number) * day) as store:
            store.put("region", f"r{number}", os.urandom(100_000))
    with Store(path, clock=lambda: 200 * day) as store:
        assert store.get("region", "r0") is not None
    with Store(path) as store:
        size = upkeep.stats(store.connection()).bytes
        deleted = upkeep.collect(store.connection(), size // 2)
        kept = [n for n in range(10) if store.get("region", f"r{n}") is not None]
    assert 0 not in range(1, deleted + 1)
    assert kept == [0, *range(deleted + 1, 10)]
    assert path.stat().st_size <= size // 2


def test_size_is_bounded_while_writing(tmp_path):
    path = tmp_path / "c.sqlite"
    with Store(path, limit=2_000_000) as store:
        for number in range(60):
            store.put("region", f"r{number}", os.urandom(100_000))
            store.flush()
    assert store.warnings == []
    assert path.stat().st_size < 2_500_000


def test_limit_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINCHECK_CACHE_LIMIT", "1")
    with Store(tmp_path / "c.sqlite") as store:
        for number in range(30):
            store.put("region", f"r{number}", os.urandom(100_000))
        store.flush()
    assert (tmp_path / "c.sqlite").stat().st_size < 1_300_000


def test_clear_keeps_the_history(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path)
    with Store(path) as store:
        store.record(BuildStep("b", "check", "x"))
        assert upkeep.clear(store.connection()) == 50
        assert len(history.builds(store.connection(), 5)) == 1


def test_history_comes_back_as_recorded(tmp_path):
    told = (Told("f1", "R", "error", "a.c", 3, "f", "message"),)
    steps = (
        BuildStep("b1", "unit", "a.c", 1, 10, 4, 6, 1, 0, 1, 0, 0, 12, 1, told),
        BuildStep("b1", "link", "d.json", 2, 20, 0, 20, 0, 0, 0, 0, 2, 5, 0),
    )
    with Store(tmp_path / "c.sqlite", clock=lambda: 1000) as store:
        for step in steps:
            store.record(step)
        store.finish(Build("b1", 900, "scons", "all", 5000, 0, "", skipped=("a.cpp", "b.s")))
        store.record(BuildStep("b0", "check", "x.i", elapsed_ms=7))
        (newest, older) = history.builds(store.connection(), 10)
    assert newest.id == "b0"
    assert newest.wall_ms == 7
    assert older.steps == steps
    assert (older.started, older.what, older.target, older.wall_ms, older.status) == (
        900,
        "scons",
        "all",
        5000,
        1,
    )
    assert older.skipped == ("a.cpp", "b.s")
    with Store(tmp_path / "c.sqlite") as store:
        assert len(history.builds(store.connection(), 1)) == 1


def test_forked_child_does_not_touch_its_parents_connection(tmp_path):
    path = tmp_path / "c.sqlite"
    with Store(path) as store:
        store.put("unit", "a", b"1")
        store.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                assert store.get("unit", "b") is None
                store.put("unit", "b", b"2")
                store.close()
                status = len(store.warnings)
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store.get("unit", "b") == b"2"
        assert upkeep.verify(store.connection(), remove=False) == []


def test_connect_makes_nothing(tmp_path):
    assert connect(tmp_path / "c.sqlite", 1) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnusableError):
        connect(tmp_path, 1)
