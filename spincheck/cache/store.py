"""The cache: `spincheck.memory.Memory` over one SQLite file that many processes share.

Owns reading, batched writing and recovery. Flows in: values by content key, and the steps of builds to record. Flows out: values
whose checksum holds, or nothing. Whatever goes wrong (no file, damage, a lock held too long, a full disk), the run goes on from
memory alone and the reason is in ``warnings`` once, for the command line to print: the cache is never a reason for a
failed build, nor for a passed one.

Entries are read and written with plain SQL on the connection, because importing sqlite-utils takes longer (0.09 s) than
an unchanged check; the schema, upkeep and history go through sqlite-utils. Writes are kept until `flush`, which is one
transaction: with one per value, a cold check of 14 files spent more time in ``fsync`` than in the analysis.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from spincheck import __version__
from spincheck.builds import Build, BuildStep
from spincheck.cache.opening import (
    FAULTS,
    LARGEST_VALUE,
    UnusableError,
    identify,
    is_damage,
    open_database,
    replace_damaged,
)
from spincheck.cache.recent import RUN_BYTES, Recent
from spincheck.memory import Shelf

if TYPE_CHECKING:
    from spincheck.cache.shared import Shared

BUSY_SECONDS = 5.0
"""How long to wait for another process's write before going on without the cache."""

DEFAULT_LIMIT = 1024 * 1024 * 1024
"""Bytes that the database may take; $SPINCHECK_CACHE_LIMIT (megabytes) overrides it."""

_RECENT_BYTES = 32 * 1024 * 1024
_BATCH_BYTES = 8 * 1024 * 1024
_DAY = 86_400
_MANY = 500


class Store:
    """The cache at one path, opened when it is first asked.

    ``shared`` is the directory or URL that is asked for what is not here: $SPINCHECK_SHARED_CACHE if None, none if empty.
    Not for several threads at once; any number of processes may use one path. ``warnings`` holds at most one line, for the user.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        limit: int | None = None,
        clock: Callable[[], float] = time.time,
        shared: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.warnings: list[str] = []
        self._busy_seconds = busy_seconds
        self._limit = limit if limit is not None else limit_from_environment()
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._opened = False
        self._writing = True
        self._process = os.getpid()
        self._recent = Recent(_RECENT_BYTES)
        self._pending: dict[tuple[Shelf, str], bytes] = {}
        self._pending_bytes = 0
        self._touched: set[tuple[Shelf, str]] = set()
        self._steps: list[tuple[BuildStep, int]] = []
        self._builds: list[Build] = []
        self._shared_at = os.environ.get("SPINCHECK_SHARED_CACHE", "") if shared is None else shared
        self._shared: Shared | None = None

    # --- Memory ------------------------------------------------------------------

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """See `Memory.get`."""
        return self.get_many(shelf, (key,)).get(key)

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """See `Memory.get_many`."""
        found: dict[str, bytes] = {}
        missing = []
        for key in keys:
            value = self._recent.get(shelf, key)
            if value is None:
                value = self._pending.get((shelf, key))
            if value is not None:
                found[key] = value
            else:
                missing.append(key)
        connection = self._open() if missing else None
        if connection is not None:
            try:
                for start in range(0, len(missing), _MANY):
                    self._read(connection, shelf, missing[start : start + _MANY], found)
            except FAULTS as error:
                self._failed(error)
        if self._shared_at and missing:
            self._read_shared(shelf, [key for key in missing if key not in found], found)
        return found

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """See `Memory.put`."""
        self._recent.put(shelf, key, value)
        if len(value) >= LARGEST_VALUE or not self._writing or (self._opened and self._connection is None):
            return
        self._pending_bytes += len(value) - len(self._pending.get((shelf, key), b""))
        self._pending[shelf, key] = value
        if self._pending_bytes > _BATCH_BYTES:
            self.flush()

    # --- history -----------------------------------------------------------------

    def record(self, step: BuildStep) -> None:
        """Remember a step of a build; written with the next `flush`."""
        self._steps.append((step, int(self._clock())))

    def finish(self, build: Build) -> None:
        """Say of a build whose steps were recorded what it was, how long it took as a whole, and what it skipped."""
        self._builds.append(build)

    # --- life --------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is new, in one transaction. Losing it is no error."""
        if not (self._pending or self._touched or self._steps or self._builds):
            return
        connection = self._open() if self._writing else None
        if connection is not None:
            try:
                self._write(connection)
            except FAULTS as error:
                if is_damage(error):
                    self._failed(error)
                else:
                    # Locked or full: what is there can still be read.
                    self._writing = False
                    self._recent.limit = RUN_BYTES
                    self._warn(f"{self.path}: {error}; nothing more of this run is kept")
        self._forget_pending()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._connection is not None:
            if self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def connection(self) -> sqlite3.Connection | None:
        """Return the open connection, for upkeep and history; None when the cache cannot be used."""
        self.flush()
        return self._open()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, also after an error: what was computed is right."""
        self.close()

    # --- inside ------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection | None:
        if self._process != os.getpid():
            # A forked child must not touch its parent's connection, not even to close it.
            self._process = os.getpid()
            _inherited.append(self._connection)
            self._connection = None
            self._opened = False
        if not self._opened:
            self._opened = True
            try:
                self._connection = open_database(self.path, self._busy_seconds, self.warnings)
                self._identity = identify(self.path)
                del self.warnings[1:]
            except UnusableError as error:
                self._recent.limit = RUN_BYTES
                self._warn(f"{self.path}: {error}; going on without the cache")
        return self._connection

    def _read(
        self, connection: sqlite3.Connection, shelf: Shelf, keys: list[str], found: dict[str, bytes]
    ) -> None:
        marks = ",".join("?" * len(keys))
        today = self._clock()
        sql = f"SELECT key, value, size, checksum, used FROM entries WHERE shelf = ? AND key IN ({marks})"  # noqa: S608 -- marks only
        for key, value, size, sum_, used in connection.execute(sql, (shelf, *keys)):
            if not isinstance(value, bytes) or len(value) != size or checksum(shelf, key, value) != sum_:
                self._warn(
                    f"{self.path}: an entry is damaged and was made anew; spincheck cache verify tells more"
                )
                continue
            found[key] = value
            self._recent.put(shelf, key, value)
            if not isinstance(used, int) or abs(today - used) > _DAY:  # also when a clock once ran ahead
                self._touched.add((shelf, key))

    def _read_shared(self, shelf: Shelf, keys: list[str], found: dict[str, bytes]) -> None:
        """Look in the place that a team shares; what is there is kept here, too."""
        from spincheck.cache.shared import open_shared  # noqa: PLC0415 -- few have one

        try:
            if self._shared is None:
                self._shared = open_shared(self._shared_at)
            values = self._shared.get_many(shelf, keys)
        except UnusableError as error:
            self._shared_at = ""
            self._warn(f"{error}; going on without the shared cache")
            return
        if self._shared.refused:
            self._warn(
                f"{self._shared_at}: an entry is damaged or not signed with this secret and was made anew"
            )
        for key, value in values.items():
            found[key] = value
            self.put(shelf, key, value)

    def _write(self, connection: sqlite3.Connection) -> None:
        now = int(self._clock())
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR REPLACE INTO entries (shelf, key, value, size, checksum, used, made_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (shelf, key, value, len(value), checksum(shelf, key, value), now, __version__)
                    for (shelf, key), value in self._pending.items()
                ],
            )
            connection.executemany(
                "UPDATE entries SET used = ? WHERE shelf = ? AND key = ?",
                [(now, shelf, key) for shelf, key in sorted(self._touched)],
            )
            for step, when in self._steps:
                _insert_step(connection, step, when)
            for build in self._builds:
                _insert_build(connection, build.id, build.started, build.what, build.target)
                connection.execute(
                    "UPDATE builds SET started = ?, what = ?, target = ?, wall_ms = ?, status = max(status, ?), skipped = ? WHERE id = ?",
                    (
                        build.started,
                        build.what,
                        build.target,
                        build.wall_ms,
                        build.status,
                        "\n".join(build.skipped),
                        build.id,
                    ),
                )
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        if self._pending and database_bytes(connection) > self._limit:
            from spincheck.cache import upkeep  # noqa: PLC0415 -- loads sqlite-utils, rarely needed

            upkeep.collect(connection, self._limit)

    def _forget_pending(self) -> None:
        self._pending.clear()
        self._pending_bytes = 0
        self._touched.clear()
        self._steps.clear()
        self._builds.clear()

    def _warn(self, message: str) -> None:
        if not self.warnings:
            self.warnings.append(message)

    def _failed(self, error: Exception) -> None:
        """Give the database up for this run. A damaged one is set aside and replaced, for the next run."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._recent.limit = RUN_BYTES
        if is_damage(error) and self._identity is not None:
            try:
                self._warn(replace_damaged(self.path, self._identity, str(error), self._busy_seconds))
            except UnusableError as reason:
                error = reason
        self._warn(f"{self.path}: {error}; going on without the cache")


_inherited: list[sqlite3.Connection | None] = []
"""Connections of a parent process, kept from being closed by the garbage collector."""

_stores: dict[str, Store] = {}


def store_of_process(path: str) -> Store:
    """Return this process's one store for a path, for processes of a pool."""
    if path not in _stores:
        _stores[path] = Store(path)
    return _stores[path]


def checksum(shelf: str, key: str, value: bytes) -> bytes:
    """Return the checksum kept with a value; it covers the key, so that a value under another's key is damage too."""
    state = hashlib.blake2b(f"{shelf}/{key}\0".encode(), digest_size=16)
    state.update(value)
    return state.digest()


def database_bytes(connection: sqlite3.Connection) -> int:
    """Return the size of the database without its free pages, in bytes."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def _insert_build(connection: sqlite3.Connection, build: str, started: int, what: str, target: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO builds (id, started, what, target, wall_ms, status, version, skipped) VALUES (?, ?, ?, ?, 0, 0, ?, '')",
        (build, started, what, target, __version__),
    )


def _insert_step(connection: sqlite3.Connection, step: BuildStep, when: int) -> None:
    _insert_build(connection, step.build, when, step.what, step.target)
    connection.execute(
        "UPDATE builds SET status = max(status, ?), wall_ms = wall_ms + ? WHERE id = ?",
        (step.status, step.elapsed_ms, step.build),
    )
    fields = [name for name in BuildStep.__struct_fields__ if name != "told"]
    cursor = connection.execute(
        f"INSERT INTO steps ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})",  # noqa: S608 -- our own field names
        [getattr(step, name) for name in fields],
    )
    connection.executemany(
        "INSERT INTO diagnostics (step, fingerprint, rule, severity, file, line, function, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                cursor.lastrowid,
                one.fingerprint,
                one.rule,
                one.severity,
                one.file,
                one.line,
                one.function,
                one.message,
            )
            for one in step.told
        ],
    )


def limit_from_environment() -> int:
    """Return how many bytes the database may take."""
    try:
        return int(os.environ.get("SPINCHECK_CACHE_LIMIT", "")) * 1_000_000
    except ValueError:
        return DEFAULT_LIMIT
