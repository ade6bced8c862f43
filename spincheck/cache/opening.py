"""Opening the cache database, whatever state it is in.

Owns the way from a path to a connection of today's schema. Flows in: a path where there may be nothing, a good database, a
damaged one, somebody else's, a newer one, or a directory. Flows out: a connection, or `UnusableError` with a reason for the user;
never a database that was half made, and never a lost file: what is damaged is renamed.

Making and setting aside happen under a lock file, opening a good database does not. A new database is made complete under
another name and put in place with a hard link, which, unlike a rename, cannot replace the one that another process put there
first. The lock is for the write-ahead log beside the database: a log left behind by a database that was
removed would be replayed into its successor, so it is set aside too, which must not happen to the log of a database just made.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from spincheck.cache_schema import APPLICATION_ID, VERSION, create, upgrade

LARGEST_VALUE = 64 * 1024 * 1024
"""Bytes; SQLite refuses to make a longer value in memory, whatever the file says."""

FAULTS = (sqlite3.Error, OverflowError, UnicodeDecodeError)
"""What the sqlite3 module raises: a number beyond its column, and a message that quotes a damaged schema, are no errors of its own kind."""

_TABLES = {"entries", "builds", "steps", "diagnostics", "_sqlite_migrations", "sqlite_sequence"}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}


class UnusableError(Exception):
    """The database cannot be used; the message says why."""


class DamagedError(Exception):
    """The file at this path is no good database; it should be set aside. ``identity`` tells which file was seen."""

    def __init__(self, reason: str, identity: tuple[int, int]) -> None:
        super().__init__(reason)
        self.identity = identity


def open_database(path: Path, busy_seconds: float, told: list[str]) -> sqlite3.Connection:
    """Return a connection to the database at ``path``, which is made when missing.

    What had to be set aside is appended to ``told``. Raises `UnusableError`.
    """
    deadline = time.monotonic() + busy_seconds
    damaged: DamagedError | None = None
    for _ in range(4):
        try:
            connection = connect(path, busy_seconds)
        except DamagedError as error:
            damaged = error
        else:
            if connection is not None:
                return connection
        try:
            with _locked(path, deadline):
                if damaged is not None and identify(path) == damaged.identity:
                    aside = _set_aside(path)
                    told.append(f"{path}: {damaged}; kept as {aside.name}, a new one was made")
                _make(path)
        except OSError as error:
            raise UnusableError(_why(error)) from None
        except FAULTS as error:
            raise UnusableError(str(error)) from None
    raise UnusableError("it keeps changing while it is being opened")


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection | None:
    """Connect to an existing database and look whether it is ours and sound; None when there is none.

    Raises `UnusableError` and `DamagedError`.
    """
    identity = identify(path)
    if identity is None:
        return None
    try:
        return _connect_to(path, identity, busy_seconds)
    except UnusableError:
        # Another process sets the file aside and puts a new one in place: in between there is none, which is no reason to give up.
        if identify(path) != identity:
            return None
        raise


def _connect_to(path: Path, identity: tuple[int, int], busy_seconds: float) -> sqlite3.Connection | None:
    if not path.is_file():
        raise UnusableError("is not a file")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise UnusableError("is read-only")
    connection = None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=busy_seconds, uri=True)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
        _inspect(connection, identity)
        if identify(path) != identity:  # replaced meanwhile: this connection could mix up the two logs
            connection.close()
            return None
    except FAULTS as error:
        if connection is not None:
            connection.close()
        if is_damage(error):
            raise DamagedError(f"the cache is damaged ({error})", identity) from None
        raise UnusableError(str(error)) from None
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


def replace_damaged(path: Path, identity: tuple[int, int], reason: str, busy_seconds: float) -> str:
    """Set a database aside that turned out to be damaged in use, and make a new one; return what to tell the user.

    ``identity`` is that of the damaged file: when another process has already replaced it, nothing is done. Raises `UnusableError`.
    """
    try:
        with _locked(path, time.monotonic() + busy_seconds):
            if identify(path) == identity:
                aside = _set_aside(path)
                _make(path)
                return f"{path}: the cache is damaged ({reason}); kept as {aside.name}, a new one was made"
    except OSError as error:
        raise UnusableError(_why(error)) from None
    except FAULTS as error:
        raise UnusableError(str(error)) from None
    return f"{path}: the cache is damaged ({reason}) and was replaced; going on without it"


def is_damage(error: Exception) -> bool:
    """Whether one of `FAULTS` means that the content of the file is wrong, not that the file cannot be reached."""
    if not isinstance(error, sqlite3.Error):
        return True
    code: object = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _DAMAGE
    return "UTF-8" in str(error)


def _inspect(connection: sqlite3.Connection, identity: tuple[int, int]) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID:
        if objects:
            raise UnusableError("is a database of another program; name another file with --cache")
        raise DamagedError("the cache is empty", identity)
    if version > VERSION:
        raise UnusableError(f"was made by a newer spincheck (schema {version}, this one reads {VERSION})")
    if version < VERSION:
        _upgrade(connection)
    # A view, trigger, virtual or generated column would be code that runs when an entry is asked for.
    strange = [
        name
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master")
        if kind not in {"table", "index"}
        or (
            kind == "table"
            and (name not in _TABLES or not str(sql).upper().lstrip().startswith("CREATE TABLE"))
        )
    ]
    columns = connection.execute(
        "SELECT count(*) FROM pragma_table_xinfo('entries') WHERE hidden = 0"
    ).fetchone()
    hidden = connection.execute(
        "SELECT count(*) FROM pragma_table_xinfo('entries') WHERE hidden <> 0"
    ).fetchone()
    if strange or hidden[0] or not columns[0]:
        raise DamagedError("the cache has a schema that spincheck did not make", identity)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = NORMAL")


def _upgrade(connection: sqlite3.Connection) -> None:
    try:
        upgrade(connection)
    except sqlite3.OperationalError:
        # Another process was upgrading it at the same time and was first.
        connection.rollback()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            raise


def _make(path: Path) -> None:
    """Put a new, complete database in place unless there is one. Only under the lock."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
        leftover.unlink(missing_ok=True)
    if identify(path) is not None:
        return
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    connection = sqlite3.connect(beside)
    try:
        # Nobody sees it before it is complete, so it needs no journal of its own
        connection.execute("PRAGMA journal_mode = MEMORY")
        create(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links; the lock keeps others of us away
        beside.rename(path)
    beside.unlink(missing_ok=True)


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def identify(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, or None when there is none; raises `UnusableError`."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnusableError(_why(error)) from None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _locked(path: Path, deadline: float) -> Iterator[None]:
    """Hold the lock file beside ``path``. The operating system lets go of it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.name == ".spincheck" and not (path.parent / ".gitignore").exists():
        (path.parent / ".gitignore").write_text("*\n")
    with path.with_name(f"{path.name}.lock").open("ab") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise UnusableError("another process has locked it for too long")
            time.sleep(0.02)
        yield  # closing the file unlocks it


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _why(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
