"""Looking after the cache: what is in it, whether it is sound, and keeping it small.

Owns ``spincheck cache stats|verify|gc|clear`` and the bound on the size that `spincheck.cache.store` asks for. Works on an open
connection of today's schema through sqlite-utils. Deleting any row is always right; it only costs time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlite_utils import Database

from spincheck.cache.opening import FAULTS
from spincheck.cache.store import checksum, database_bytes

_CHUNK = 500


class ShelfStats(msgspec.Struct, frozen=True):
    """How many entries a shelf has, and the bytes of their values; times in seconds since 1970."""

    shelf: str
    entries: int
    bytes: int
    oldest_use: int
    newest_use: int


class CacheStats(msgspec.Struct, frozen=True):
    """What is in the cache. ``bytes`` is the size of the file without its free pages."""

    bytes: int
    shelves: tuple[ShelfStats, ...]
    builds: int
    steps: int


def stats(connection: sqlite3.Connection) -> CacheStats:
    """Count what is kept."""
    database = _database(connection)
    shelves = database.query(
        "SELECT shelf, count(*) AS entries, sum(size) AS bytes, min(used) AS oldest_use, max(used) AS newest_use"
        " FROM entries GROUP BY shelf ORDER BY shelf"
    )
    return CacheStats(
        bytes=database_bytes(connection),
        shelves=tuple(ShelfStats(**row) for row in shelves),
        builds=database.table("builds").count,
        steps=database.table("steps").count,
    )


def verify(connection: sqlite3.Connection, *, remove: bool) -> list[str]:
    """Return a line for every damage found: in SQLite's structures, in the schema's references, in the values.

    ``remove`` deletes the damaged entries, after which a check makes them anew.
    """
    found = [f"database: {line}" for line in _integrity(connection)]
    if found:
        return found
    database = _database(connection)
    damaged = []
    for row in _entries(database):
        if not isinstance(row["value"], bytes) or len(row["value"]) != row["size"]:
            damaged.append((row["shelf"], row["key"], "has another length than it says"))
        elif checksum(row["shelf"], row["key"], row["value"]) != row["checksum"]:
            damaged.append((row["shelf"], row["key"], "does not match its checksum"))
    if remove:
        with database.atomic():
            for shelf, key, _ in damaged:
                database.table("entries").delete_where("shelf = ? AND key = ?", [shelf, key])
    return [f"entry {shelf}/{key}: {what}" for shelf, key, what in damaged]


def collect(connection: sqlite3.Connection, limit: int) -> int:
    """Delete the least recently used entries, then the oldest builds, until the database takes 4/5 of ``limit`` bytes.

    Returns the number of entries deleted.
    """
    database = _database(connection)
    goal = limit * 4 // 5
    deleted = 0
    while (excess := database_bytes(connection) - goal) > 0:
        rows: list[int] = []
        freed = 0
        # Read to its end: a statement left open would keep the log from being written back, and the file from shrinking.
        for row in list(database.query("SELECT rowid, size FROM entries ORDER BY used, rowid LIMIT 2000")):
            rows.append(row["rowid"])
            freed += row["size"] + 200
            if freed >= excess:
                break
        with database.atomic():
            if rows:
                for start in range(0, len(rows), _CHUNK):
                    chunk = rows[start : start + _CHUNK]
                    database.table("entries").delete_where(f"rowid IN ({','.join('?' * len(chunk))})", chunk)
            elif not _drop_oldest_builds(database):
                break
        deleted += len(rows)
    _give_back(connection)
    return deleted


def clear(connection: sqlite3.Connection) -> int:
    """Delete every entry and keep the history; return how many there were."""
    table = _database(connection).table("entries")
    number = int(table.count)
    table.delete_where()
    _give_back(connection)
    return number


def _drop_oldest_builds(database: Database) -> bool:
    builds = [row["id"] for row in database.query("SELECT id FROM builds ORDER BY started LIMIT 50")]
    for build in builds:
        database.table("diagnostics").delete_where("step IN (SELECT id FROM steps WHERE build = ?)", [build])
        database.table("steps").delete_where("build = ?", [build])
        database.table("builds").delete_where("id = ?", [build])
    return bool(builds)


def _give_back(connection: sqlite3.Connection) -> None:
    """Return free pages to the file system.

    The vacuum gives a row without columns for each page, of which ``execute`` takes the first only; ``executescript`` takes all.
    """
    connection.commit()
    connection.executescript("PRAGMA incremental_vacuum;")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _integrity(connection: sqlite3.Connection) -> list[str]:
    try:
        lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        lines += [
            f"row {row[1]} of {row[0]} refers to nothing in {row[2]}"
            for row in connection.execute("PRAGMA foreign_key_check")
        ]
    except FAULTS as error:
        return [str(error)]
    return [line for line in lines if line != "ok"]


def _entries(database: Database) -> Iterator[dict[str, Any]]:
    yield from database.query("SELECT shelf, key, value, size, checksum FROM entries ORDER BY shelf, key")


def _database(connection: sqlite3.Connection) -> Database:
    return Database(connection, execute_plugins=False)
