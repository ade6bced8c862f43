"""A second place for entries: a directory or any fsspec URL that a team shares, asked when the own cache has nothing.

Owns the form of an entry there, reading through, and ``spincheck cache push`` and ``pull``. One file for each entry, named by shelf and content
key, so that everybody writes the same bytes to the same name; in a directory it is put in place with a rename, an object store shows only whole
objects. A place that cannot be reached, and an entry that is damaged or not signed, are the same as an absent entry, with one warning.

What an entry says is believed if its checksum holds, which everybody who can write there can see to. With a secret
($SPINCHECK_CACHE_SECRET) only entries signed with it are believed (HMAC-SHA256 over shelf, key and value), so that reading is safe from a
place that others can write to. Signing and not encrypting: the texts of functions are in there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from spincheck.cache.opening import LARGEST_VALUE, UnusableError
from spincheck.memory import Memory, Shelf

SHELVES: frozenset[Shelf] = frozenset(["region", "unit", "function", "summary", "outcome"])
"""What is shared: all that is found by content and costs time to make."""

_MAGIC = b"spnc\x01"
_HEAD = len(_MAGIC) + 16 + 32
_KEY = re.compile(r"[0-9a-f]{20,120}")
_CHUNK = 500


class Place(Protocol):
    """Files by name, ``shelf/ab/key``."""

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return those that are there, none longer than an entry may be. Raises `UnusableError`."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write one, whole or not at all. Raises `UnusableError`."""
        ...

    def names(self) -> set[str]:
        """Return the names of all. Raises `UnusableError`."""
        ...


class Directory:
    """A directory, which is made when something is written."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """See `Place.read`."""
        found = {}
        for name in names:
            try:
                with (self._path / name).open("rb") as file:
                    data = file.read(LARGEST_VALUE + _HEAD)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
            except OSError as error:
                raise UnusableError(f"{self._path}: {error.strerror or error}") from None
            found[name] = data
        return found

    def write(self, name: str, data: bytes) -> None:
        """See `Place.write`."""
        target = self._path / name
        beside = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=target.parent, prefix=".", suffix=".tmp", delete=False
            ) as file:
                beside = Path(file.name)
                file.write(data)
            beside.chmod(0o644)
            beside.replace(target)
        except OSError as error:
            if beside is not None:
                beside.unlink(missing_ok=True)
            raise UnusableError(f"{self._path}: {error.strerror or error}") from None

    def names(self) -> set[str]:
        """See `Place.names`."""
        try:
            return {
                file.relative_to(self._path).as_posix()
                for file in self._path.glob("*/??/*")
                if file.suffix != ".tmp"
            }
        except OSError as error:
            raise UnusableError(f"{self._path}: {error.strerror or error}") from None


class Remote:
    """Any file system that fsspec knows, by URL."""

    def __init__(self, url: str) -> None:
        try:
            import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 -- an extra
        except ImportError:
            raise UnusableError(f"{url}: needs fsspec; python -m pip install 'spincheck[shared]'") from None
        self._url = url
        with self._errors():
            self._files, self._root = fsspec.core.url_to_fs(url)

    def _errors(self) -> _Errors:
        return _Errors(self._url)

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """See `Place.read`."""
        paths = [f"{self._root}/{name}" for name in names]
        with self._errors():
            found: list[Any] = self._files.cat_ranges(
                paths, [0] * len(paths), [LARGEST_VALUE + _HEAD] * len(paths), on_error="return"
            )
            for answer in found:
                if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                    raise answer
        return {name: data for name, data in zip(names, found, strict=True) if isinstance(data, bytes)}

    def write(self, name: str, data: bytes) -> None:
        """See `Place.write`."""
        path = f"{self._root}/{name}"
        with self._errors():
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self._files.transaction, self._files.open(path, "wb") as file:
                file.write(data)

    def names(self) -> set[str]:
        """See `Place.names`."""
        with self._errors():
            try:
                found = self._files.find(self._root)
            except FileNotFoundError:
                return set()
        root = self._files._strip_protocol(self._root).rstrip("/") + "/"  # noqa: SLF001 -- documented for implementations
        return {str(path).removeprefix(root) for path in found}


class _Errors:
    """Turns whatever a file system raises into an `UnusableError`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, UnusableError | FileNotFoundError):
            raise UnusableError(f"{self._url}: {str(error) or type(error).__name__}") from None


class Shared:
    """The entries at one place. ``secret``: sign what is written, believe only what is signed; empty for neither."""

    def __init__(self, place: Place, secret: bytes = b"") -> None:
        self.place = place
        self._secret = secret
        self.refused = 0

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """Return the values that are there and believed. Raises `UnusableError`."""
        names = {name_of(shelf, key): key for key in keys if shelf in SHELVES and _KEY.fullmatch(key)}
        found = {}
        if names:
            for name, data in self.place.read(list(names)).items():
                value = self.opened(shelf, names[name], data)
                if value is not None:
                    found[names[name]] = value
        return found

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """Write one entry. Raises `UnusableError`."""
        self.place.write(name_of(shelf, key), self.sealed(shelf, key, value))

    def sealed(self, shelf: str, key: str, value: bytes) -> bytes:
        """Return an entry's file."""
        return _MAGIC + _checksum(shelf, key, value) + self._signature(shelf, key, value) + value

    def opened(self, shelf: str, key: str, data: bytes) -> bytes | None:
        """Return the value in an entry's file, or None where it is not to be believed."""
        value = data[_HEAD:]
        believed = (
            data[: len(_MAGIC)] == _MAGIC
            and len(value) < LARGEST_VALUE
            and data[len(_MAGIC) : _HEAD - 32] == _checksum(shelf, key, value)
            and (
                not self._secret
                or hmac.compare_digest(data[_HEAD - 32 : _HEAD], self._signature(shelf, key, value))
            )
        )
        if not believed:
            self.refused += 1
            return None
        return value

    def _signature(self, shelf: str, key: str, value: bytes) -> bytes:
        if not self._secret:
            return bytes(32)
        return hmac.new(self._secret, f"{shelf}/{key}\0".encode() + value, hashlib.sha256).digest()


def open_shared(where: str, secret: bytes | None = None) -> Shared:
    """Return the shared cache at a directory or URL. ``secret`` None: that of the environment. Raises `UnusableError`."""
    given = os.environb.get(b"SPINCHECK_CACHE_SECRET", b"") if os.supports_bytes_environ else _secret_text()
    return Shared(Remote(where) if "://" in where else Directory(where), given if secret is None else secret)


def _secret_text() -> bytes:  # pragma: no cover -- Windows
    return os.environ.get("SPINCHECK_CACHE_SECRET", "").encode()


def push(connection: sqlite3.Connection, shared: Shared) -> tuple[int, int]:
    """Write what the place lacks; return how many entries that were, and how many were there. Raises `UnusableError`."""
    there = shared.place.names()
    written = kept = 0
    for shelf, key in _keys(connection):
        if name_of(shelf, key) in there:
            kept += 1
            continue
        row = connection.execute(
            "SELECT value, size, checksum FROM entries WHERE shelf = ? AND key = ?", (shelf, key)
        ).fetchone()
        if row is None or not isinstance(row[0], bytes) or _checksum(shelf, key, row[0]) != row[2]:
            continue  # gone meanwhile, or damaged
        shared.put(shelf, key, row[0])
        written += 1
    return written, kept


def pull(connection: sqlite3.Connection, shared: Shared, memory: Memory) -> tuple[int, int]:
    """Put what the place has and ``connection`` lacks into ``memory``; return how many entries, and how many were refused.

    Raises `UnusableError`.
    """
    have = {name_of(shelf, key) for shelf, key in _keys(connection)}
    wanted: dict[Shelf, list[str]] = {}
    for name in sorted(shared.place.names() - have):
        key = name.rpartition("/")[2]
        for shelf in sorted(SHELVES):
            if name == name_of(shelf, key) and _KEY.fullmatch(key):
                wanted.setdefault(shelf, []).append(key)
    number = 0
    for shelf, keys in wanted.items():
        for start in range(0, len(keys), _CHUNK):
            for key, value in shared.get_many(shelf, keys[start : start + _CHUNK]).items():
                memory.put(shelf, key, value)
                number += 1
    return number, shared.refused


def name_of(shelf: str, key: str) -> str:
    """Return the name of an entry's file."""
    # The first digits of a key are the program's stamp, the same for all
    return f"{shelf}/{key[-2:]}/{key}"


def _keys(connection: sqlite3.Connection) -> Iterator[tuple[Shelf, str]]:
    for shelf, key in connection.execute("SELECT shelf, key FROM entries ORDER BY shelf, key").fetchall():
        if shelf in SHELVES and _KEY.fullmatch(key):
            yield shelf, key


def _checksum(shelf: str, key: str, value: bytes) -> bytes:
    state = hashlib.blake2b(f"{shelf}/{key}\0".encode(), digest_size=16)
    state.update(value)
    return state.digest()
