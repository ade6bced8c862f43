"""What a room asks of whoever remembers things between runs.

The front end and the analysis reuse work by content key, but must not know SQLite: they are
handed a `Memory`. The cache implements it; `NoMemory` is a run without a cache. Values are
bytes that the caller encodes, so that nothing executable ever comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

Shelf = Literal["region", "unit", "function", "summary", "outcome", "tables", "text", "prefix", "trail", "last"]
"""The kinds of thing remembered: header regions, unit records, functions' code, summaries, whole outcomes, parsed lock tables, texts that need not be made again, headers
that need not be preprocessed again; and what
the last run of a step depended on, with the pointer to it, for explanations only."""


class Memory(Protocol):
    """Bytes by (shelf, key). A miss, a lost or a damaged entry are all the same: absent."""

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """Return the value kept under ``key``, or None."""
        ...

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """Return the values of those keys that are kept."""
        ...

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """Keep ``value``; it may be lost at any time, and is never an error."""
        ...


class NoMemory:
    """A memory that lasts as long as the object: a run without a cache still reads each header once."""

    def __init__(self) -> None:
        self._values: dict[tuple[Shelf, str], bytes] = {}

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """See `Memory.get`."""
        return self._values.get((shelf, key))

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """See `Memory.get_many`."""
        found = {}
        for key in keys:
            value = self._values.get((shelf, key))
            if value is not None:
                found[key] = value
        return found

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """See `Memory.put`."""
        self._values[shelf, key] = value
