"""Content keys: what a remembered value depends on, as one short string.

Owns `digest`, the stamp of the program itself, and `Stamped`, a memory whose entries cannot outlive the code that
made them. Everything is a hash of content; times, paths and machine names take no part, so that an entry
is as good in another checkout as in this one.

The stamp of the program is the hash of the source files of the rooms that make a kind of value. The usual way is a
version constant that a person raises with each change of behaviour; forgetting it once gives wrong verdicts that no
cold run shows. Reading the package's own files takes about two milliseconds per process and cannot be forgotten.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from spincheck import __version__
from spincheck.memory import Memory, Shelf

_FRONT = ("ir.py", "frontend")
_BACK = ("ir.py", "diagnostics.py", "analysis", "domain", "locks")
_ROOMS: Mapping[Shelf, tuple[str, ...]] = {
    "trail": (),
    "last": (),
    "region": _FRONT,
    "unit": _FRONT,
    "function": _FRONT,
    "summary": (*_FRONT, *_BACK),  # its key has the function's tokens, of which the front end makes the code that it is of
    "outcome": (*_FRONT, *_BACK, "rules", "driver/render.py", "driver/drafts.py", "driver/units.py"),
    "tables": ("locks",),
    "text": ("driver/basis.py", "driver/recall.py", "driver/preprocess.py", "driver/inputs.py", "driver/source.py"),
    "prefix": ("driver/basis.py", "driver/prefix.py", "driver/leading.py", "driver/preprocess.py"),
}
"""Shelf → the files and folders of the package whose code decides what the shelf's values are; of explanations, none."""


def digest(*parts: str | bytes) -> str:
    """Hash parts so that no two different lists of parts collide by concatenation; 32 hex digits."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


@cache
def stamp(shelf: Shelf) -> str:
    """Return the identity of the code that makes the values of a shelf; 16 hex digits, constant within a process."""
    return digest(__version__, *(_room(room) for room in _ROOMS[shelf]))[:16]


@cache
def _room(room: str) -> str:
    place = str(Path(__file__).parent.parent / room)
    files = [place] if room.endswith(".py") else []
    # Not Path.rglob: it would cost twice the reading
    for top, directories, names in os.walk(place):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        files += [f"{top}/{name}" for name in sorted(names) if name.endswith((".py", ".toml"))]
    parts: list[str | bytes] = []
    for file in files:
        try:
            with open(file, "rb", buffering=0) as opened:  # noqa: PTH123
                data = opened.read()
        except OSError:  # a zipped or stripped installation: there the version alone says which code this is
            continue
        parts += [file[len(place) :].replace(os.sep, "/"), data]
    return digest(room, *parts)


class Stamped:
    """A view of a memory in which every key carries the stamp of its shelf: entries of other code are simply absent."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """See `Memory.get`."""
        return self._memory.get(shelf, stamp(shelf) + key)

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """See `Memory.get_many`."""
        prefix = stamp(shelf)
        found = self._memory.get_many(shelf, [prefix + key for key in keys])
        return {key[len(prefix) :]: value for key, value in found.items()}

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """See `Memory.put`."""
        self._memory.put(shelf, stamp(shelf) + key, value)
