"""Builds on a cache that is harmed: processes that are killed, many at once, files that were changed by somebody else.

    python tests/cache/faults.py [--tries 300] [--seed 1] [--small-disk DIRECTORY]

runs each kind of fault many times, which takes minutes; the tests run a few of each. After every fault a build must come to exactly what a build
without a cache comes to, and say at most one thing about it. A build is a forked child: it starts in no time and can be killed at any moment.

A full disk is a bound on the size of files, as a disk quota is. With ``--small-disk``, an empty directory of a file system of its own of a few
megabytes (``mount -t tmpfs -o size=4m none DIRECTORY``), the cache is also kept there while it is filled to the brim.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import edited_driver as driver
import msgspec
from edited_driver import Built, build

from spincheck.cache import opening, upkeep
from spincheck.cache.store import Store

FILES = 5
VERSIONS = 4


class Harmed:
    """A driver in a few versions, what each comes to, and one cache."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.cache = place / "cache" / "c.sqlite"
        self.chance = random.Random(seed)
        first = [
            name
            for name in driver.sources()
            if name == "drv.h" or name in {f"f{n}.c" for n in range(5, 5 + FILES)}
        ]
        sources = {name: driver.sources()[name] for name in first}
        self.versions = [
            {name: text.replace("value > 5", f"value > {5 + number}") for name, text in sources.items()}
            for number in range(VERSIONS)
        ]
        self.right = [build(files, place / "cold", None) for files in self.versions]
        assert all(one.told for one in self.right)
        self.seconds = 0.0
        began = time.monotonic()
        self.check(0)
        self.seconds = time.monotonic() - began

    def start(self, version: int, name: str, surroundings: Callable[[Harmed], None] | None = None) -> int:
        """Start a build of a version in a child, for which ``surroundings`` makes the world as it is to be; return its process number."""
        (self.place / name).mkdir(exist_ok=True)
        child = os.fork()
        if child:
            return child
        try:
            if surroundings is not None:
                surroundings(self)
            built = build(self.versions[version], self.place / name, self.cache)
            (self.place / f"{name}.done").write_bytes(msgspec.msgpack.encode(built))
        except BaseException:  # noqa: BLE001 -- a child must not come back into the tests
            traceback.print_exc()
            os._exit(70)
        os._exit(0)

    def finish(self, child: int, version: int, name: str) -> list[str]:
        """Wait for a build and hold what it came to against what is right; return its warnings."""
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, f"a build ended with {status}"
        done = self.place / f"{name}.done"
        built = msgspec.msgpack.decode(done.read_bytes(), type=Built)
        done.unlink()
        right = self.right[version]
        assert (built.told, built.report, built.files) == (right.told, right.report, right.files)
        assert len(built.warnings) <= 1, built.warnings
        return built.warnings

    def check(self, version: int) -> list[str]:
        """Build one version to its end."""
        return self.finish(self.start(version, "one"), version, "one")

    def killed(self) -> None:
        """Kill a build at any moment, at times the very first, then build."""
        version = self.chance.randrange(VERSIONS)
        if self.chance.random() < 0.3:
            shutil.rmtree(self.cache.parent)
        child = self.start(version, "victim")
        time.sleep(self.chance.random() * self.seconds * 1.2)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert self.check(version) == []
        self.sound()

    def crowd(self) -> None:
        """Run eight builds at once, of several versions, at times without a cache to begin with or with one of them killed."""
        if self.chance.random() < 0.5:
            shutil.rmtree(self.cache.parent)
        running = []
        for number in range(8):
            version = self.chance.randrange(VERSIONS)
            running.append((self.start(version, f"w{number}"), version, f"w{number}"))
        victim = self.start(0, "victim")
        time.sleep(self.chance.random() * self.seconds)
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        for one in running:
            assert self.finish(*one) == []
        self.sound()

    def harmed(self, harm: Callable[[Harmed], None]) -> list[str]:
        """Harm the files of the cache and build; what no build has met yet is what ``verify`` finds."""
        version = self.chance.randrange(VERSIONS)
        harm(self)
        warnings = self.check(version)
        self.check(version)
        with Store(self.cache, shared="") as store:
            connection = store.connection()
            assert connection is not None, store.warnings
            structures = [
                line for line in upkeep.verify(connection, remove=True) if line.startswith("database: ")
            ]
        if structures:  # no build has come by there
            delete_directory(self)
        else:
            self.sound()
        return warnings

    def surrounded(self, surroundings: Callable[[Harmed], None]) -> list[str]:
        """Build where the cache cannot be used as it should, at times without one to begin with; then build in peace."""
        version = self.chance.randrange(VERSIONS)
        if self.chance.random() < 0.5:
            delete_directory(self)
            self.cache.parent.mkdir()
        # The child draws from a generator of its own; the next one must not draw the same
        self.chance.random()
        warnings = self.finish(self.start(version, "one", surroundings), version, "one")
        for path in (self.cache.parent, *self.cache.parent.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        assert self.check(version) == []
        self.sound()
        return warnings

    def newer(self) -> list[str]:
        """Build on a database of a newer version, which must stay as it is; then start over."""
        newer(self)
        before = self.cache.read_bytes()
        version = self.chance.randrange(VERSIONS)
        warnings = self.check(version)
        assert self.cache.read_bytes() == before
        delete_directory(self)
        self.check(version)
        return warnings

    def brimful(self) -> list[str]:
        """Fill the cache's file system but for some kilobytes, build, make room, and build again."""
        version = self.chance.randrange(VERSIONS)
        if self.chance.random() < 0.5:
            for path in _files(self):
                path.unlink()
        ballast = self.cache.parent / "ballast"
        disk = os.statvfs(self.cache.parent)
        room = self.chance.choice((0, 4_096, 20_000, self.chance.randrange(200_000)))
        ballast.write_bytes(b"x" * max(disk.f_bavail * disk.f_frsize - room, 0))
        warnings = self.check(version)
        ballast.unlink()
        assert self.check(version) == []
        self.sound()
        return warnings

    def harmed_while_building(self, harm: Callable[[Harmed], None]) -> None:
        """Harm the files of the cache while a build uses them; that build, too, comes to what is right."""
        version = self.chance.randrange(VERSIONS)
        child = self.start(version, "meanwhile")
        time.sleep(self.chance.random() * self.seconds)
        harm(self)
        self.finish(child, version, "meanwhile")
        self.check(version)
        self.check(version)

    def sound(self) -> None:
        """Look for damage that a fault left behind."""
        with Store(self.cache, shared="") as store:
            connection = store.connection()
            assert connection is not None, store.warnings
            assert upkeep.verify(connection, remove=False) == []
            assert store.warnings == []


def _files(harmed: Harmed) -> list[Path]:
    return [
        path
        for path in sorted(harmed.cache.parent.glob("c.sqlite*"))
        if path.suffix in {".sqlite", ".sqlite-wal"}
    ]


def delete(harmed: Harmed) -> None:
    """Delete the database, its log, or both."""
    for path in harmed.chance.sample(_files(harmed), harmed.chance.randint(1, len(_files(harmed)))):
        path.unlink(missing_ok=True)


def delete_directory(harmed: Harmed) -> None:
    """Delete the directory."""
    shutil.rmtree(harmed.cache.parent, ignore_errors=True)


def truncate(harmed: Harmed) -> None:
    """Cut a file anywhere."""
    path = harmed.chance.choice(_files(harmed) or [harmed.cache])
    if path.exists():
        os.truncate(path, harmed.chance.randrange(path.stat().st_size + 1))


def flip(harmed: Harmed) -> None:
    """Flip up to forty bits of the database."""
    if harmed.cache.exists():
        data = bytearray(harmed.cache.read_bytes())
        for _ in range(harmed.chance.randint(1, 40) if data else 0):
            data[harmed.chance.randrange(len(data))] ^= 1 << harmed.chance.randrange(8)
        harmed.cache.write_bytes(data)


def junk(harmed: Harmed) -> None:
    """Put something else there."""
    harmed.cache.parent.mkdir(exist_ok=True)
    harmed.cache.write_bytes(harmed.chance.randbytes(harmed.chance.randrange(20_000)))


def swap_values(harmed: Harmed) -> None:
    """Give every result the value of another one, with good lengths."""
    with sqlite3.connect(harmed.cache, timeout=30) as connection:
        rows = connection.execute(
            "SELECT key, value, size FROM entries WHERE shelf = 'outcome' ORDER BY key"
        ).fetchall()
        for (key, _, _), (_, value, size) in zip(rows, rows[1:] + rows[:1], strict=True):
            connection.execute(
                "UPDATE entries SET value = ?, size = ? WHERE shelf = 'outcome' AND key = ?",
                (value, size, key),
            )
    connection.close()


def full_disk(harmed: Harmed) -> None:
    """Let no file of this process grow beyond a size that is enough for what a build makes, and may or may not be for a cache with one version."""
    import resource  # noqa: PLC0415 -- POSIX only, as fork is

    bound = harmed.chance.randrange(40_000, 130_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))


def read_only(harmed: Harmed) -> None:
    """Let this process read the cache and write beside it, but not to it nor to its directory."""
    for path in (*harmed.cache.parent.glob("*"), harmed.cache.parent):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.geteuid() == 0:  # who may write anything
        for directory in (harmed.place, *harmed.place.parents):
            if directory.owner() == "root" and directory != Path("/"):
                directory.chmod(directory.stat().st_mode | 0o055)
        for directory in (harmed.place, harmed.place / "one"):
            for path in (directory, *directory.iterdir()):
                if path != harmed.cache.parent:
                    os.chown(path, 65534, 65534)
        os.setgid(65534)
        os.setuid(65534)


def no_locking(_harmed: Harmed) -> None:
    """Refuse the lock under which a cache is made."""

    def refuse(_descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    opening._try_lock = refuse  # in a child of its own


def clock_jump(harmed: Harmed) -> None:
    """Set the clock back or ahead by up to thirty years."""
    jump = harmed.chance.uniform(-1e9, 1e9)
    assert Store.__init__.__kwdefaults__ is not None
    Store.__init__.__kwdefaults__["clock"] = lambda: time.time() + jump


SURROUNDINGS = (full_disk, read_only, no_locking, clock_jump)
"""Where a build does with the cache what it can."""

HARMS = (delete, delete_directory, truncate, flip, junk, swap_values)
"""What the next build repairs or does without."""
MEANWHILE = (delete, delete_directory, truncate, flip)


def newer(harmed: Harmed) -> None:
    """Make the database that of a newer version."""
    with sqlite3.connect(harmed.cache) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def main() -> int:
    """Run many of each, and say how many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small-disk", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        harmed = Harmed(Path(place), given.seed)
        began = time.monotonic()
        for _ in range(given.tries):
            harmed.killed()
        print(
            f"{given.tries} builds killed: every next build right, no damage, nothing said ({time.monotonic() - began:.0f} s)"
        )
        for _ in range(given.tries // 10):
            harmed.crowd()
        print(f"{given.tries // 10} times eight builds and one killed: all right, nothing said")
        for harm in HARMS:
            told = sum(bool(harmed.harmed(harm)) for _ in range(given.tries // 6))
            print(f"{given.tries // 6} times {harm.__name__}: verdicts right, {told} builds said so once")
        for harm in MEANWHILE:
            for _ in range(given.tries // 12):
                harmed.harmed_while_building(harm)
            print(f"{given.tries // 12} times {harm.__name__} while building: verdicts right")
        told = sum(bool(harmed.newer()) for _ in range(given.tries // 6))
        print(f"{given.tries // 6} times a newer version: verdicts right, left alone, {told} builds said so once")
        for surroundings in SURROUNDINGS:
            told = sum(bool(harmed.surrounded(surroundings)) for _ in range(given.tries // 6))
            print(f"{given.tries // 6} times {surroundings.__name__}: verdicts right, {told} builds said so once")
        if given.small_disk is not None:
            harmed.cache = given.small_disk / "c.sqlite"
            harmed.check(0)
            told = sum(bool(harmed.brimful()) for _ in range(given.tries // 6))
            print(f"{given.tries // 6} times a disk filled to the brim: verdicts right, {told} builds said so once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
