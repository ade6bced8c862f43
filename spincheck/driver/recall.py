"""Checks of texts that need not be made again, because nothing that they are made of has changed.

Owns the way from a build system's name for all that a text is made of (source, headers that it knows of, command: by content) to what the
check needs of the text: its identity and the comments in it. Preprocessing costs a tenth of a compile; after ``scons -c``, with everything in the
cache, it was nearly all that a check cost.

A build system knows the headers that its scanner finds and not those of the compiler's own directories. So the names that the text's line
markers mention are kept with their hashes, and a text counts as known only while every one of these files is what it was. A file that
was written so recently that the preprocessor may have read it before or after that is no basis: such a text is not remembered.
"""

from __future__ import annotations

import hashlib
import os
import re

import msgspec

from spincheck.driver.drafts import UNDECODABLE
from spincheck.driver.inputs import Input
from spincheck.driver.source import Suppression
from spincheck.frontend.linemap import unescape
from spincheck.memory import Memory

_FILE = re.compile(rb'^#(?:line)? \d++ "((?>[^"\\\n]++|\\[^\n])*+)"', re.MULTILINE)
_SECONDS = 3.0
"""How much older than the preprocessor's start a file must be: time stamps of some file systems count two seconds."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a text. ``files`` are the names in its line markers, from its directory, with the hashes of their content."""

    identity: str
    comments: tuple[Suppression, ...]
    files: tuple[tuple[str, str], ...]


_KNOWN = msgspec.msgpack.Decoder(Known)


class Recall:
    """What one process knows of texts, and the hashes of the files that it has looked at."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._hashes: dict[str, tuple[int, int, str]] = {}

    def find(self, name: str) -> Known | None:
        """Return what is known of the text that the build system calls ``name``, if no file that it is made of has changed."""
        data = self._memory.get("text", name)
        if data is None:
            return None
        try:
            known = _KNOWN.decode(data)
        except UNDECODABLE:
            return None
        same = all((found := self._hash(path)) is not None and found[1] == hashed for path, hashed in known.files)
        return known if same else None

    def keep(self, name: str, one: Input, began: float) -> None:
        """Remember a text; ``began`` is when its preprocessor was started, in seconds since 1970."""
        files = []
        for raw in sorted(set(_FILE.findall(one.data))):
            path = unescape(raw.decode("utf-8", "surrogateescape"))
            if path.startswith("<") or path.endswith("//"):  # <built-in>; gcc -fworking-directory
                continue
            found = self._hash(path)
            if found is None or found[0] > (began - _SECONDS) * 1e9:
                return
            files.append((path, found[1]))
        known = Known(one.identity, one.comments, tuple(files))
        self._memory.put("text", name, msgspec.msgpack.encode(known))

    def _hash(self, path: str) -> tuple[int, str] | None:
        """Return when a file was written, in nanoseconds since 1970, and the hash of its content; None when it cannot be read."""
        try:
            status = os.stat(path)  # noqa: PTH116 -- a hundred for each unit
            known = self._hashes.get(path)
            if known is None or known[:2] != (status.st_mtime_ns, status.st_size):
                with open(path, "rb") as file:  # noqa: PTH123
                    hashed = hashlib.sha256(file.read()).hexdigest()[:32]
                known = self._hashes[path] = (status.st_mtime_ns, status.st_size, hashed)
        except (OSError, ValueError):
            return None
        return known[0], known[2]
