"""Builds on a cache that is harmed: processes that are killed, many at once, files that were changed by somebody else.

    python tests/cache/faults.py [--tries 300] [--seed 1]

runs each kind of fault many times, which takes minutes; the tests run a few of each. After every fault a build must come to exactly what a build
without a cache comes to, and say at most one thing about it. A build is a forked child: it starts in no time and can be killed at any moment.
"""

from __future__ import annotations

import argparse
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

from spincheck.cache import upkeep
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

    def start(self, version: int, name: str) -> int:
        """Start a build of a version in a child; return its process number."""
        child = os.fork()
        if child:
            return child
        try:
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
