"""What this process read or made last, bounded by bytes.

Owns the in-memory layer in front of the database, and all of the memory of a run without one. Least recently used values go
first, so that a worker that lives as long as a build of ten thousand files stays small.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from spincheck.memory import Shelf

RUN_BYTES = 256 * 1024 * 1024
"""Bound for a run that has no database behind it."""


ENTRY_BYTES = 300
"""What an entry takes beside its value: key, tuple, place in the dictionary. Summaries are about as small as that."""


class Recent:
    """A `spincheck.memory.Memory` of about ``limit`` bytes; ``limit`` may be changed at any time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._size = 0
        self._values: OrderedDict[tuple[Shelf, str], bytes] = OrderedDict()

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """See `Memory.get`."""
        value = self._values.get((shelf, key))
        if value is not None:
            self._values.move_to_end((shelf, key))
        return value

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """See `Memory.get_many`."""
        return {key: value for key in keys if (value := self.get(shelf, key)) is not None}

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """See `Memory.put`."""
        old = self._values.pop((shelf, key), None)
        self._size += len(value) - len(old) if old is not None else len(value) + ENTRY_BYTES
        self._values[shelf, key] = value
        while self._size > self.limit and len(self._values) > 1:
            _, dropped = self._values.popitem(last=False)
            self._size -= len(dropped) + ENTRY_BYTES
