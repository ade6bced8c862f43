"""Which file, line and column a piece of preprocessed text came from.

Owns the line markers: GNU's ``# 12 "f.c" 1 3`` and MSVC's ``#line 12 "f.c"``. Text flows in; out comes the
`LineMap`, which turns an offset into a place, and whose `Marker` list tells `regions` whose text is whose.

Lines between two markers are counted only when somebody asks: of the 70,000 lines of a translation unit a
report names a dozen. The pattern begins with a literal line break and ``#``, which the engine searches for as a
substring; with the usual ``^`` it would stop at every character.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

_MARKER = re.compile(
    r'\n#[ \t]*+(?:line[ \t]++)?(\d{1,9})(?:[ \t]++"((?>[^"\\\n]++|\\[^\n])*+)"([^\n"]*+))?[ \t\r]*+(?=\n|\Z)'
)
_BLOCK = 1 << 16
"""Characters that are counted each time; without this the functions of a file of 50 MB without markers cost minutes to locate."""

_ESCAPE = re.compile(rb'\\(?:([0-7]{1,3})|([\\"]))')


class Location(NamedTuple):
    """A place in a source file; ``line`` and ``column`` count from 1, ``column`` in characters."""

    file: str
    line: int
    column: int


class Marker(NamedTuple):
    """A line marker: it stands at ``begin``, and the text from ``end`` on is line ``line`` of file number ``file``.

    ``flags`` are GNU's digits: 1 enters a file, 2 returns to it, 3 says system header; MSVC has none.
    """

    begin: int
    end: int
    line: int
    file: int
    flags: str


class LineMap:
    """The markers of one text.

    ``files`` are the names with their escapes undone, in the order of first sight. Number 0 is the main file:
    what the first marker names, or ``name`` where there is none. Text before the first marker is its text.
    """

    def __init__(self, text: str, name: str) -> None:
        """Read the markers of ``text``; ``name`` is the main file's name if no marker tells it."""
        self._text = text
        self.files: list[str] = []
        self.markers = self._read(text, name)
        self._ends: list[int] | None = None
        self._before = [0]

    def _read(self, text: str, name: str) -> list[Marker]:
        markers: list[Marker] = []
        numbers: dict[str, int] = {}
        files = self.files
        file = 0
        last = len(text)
        for shift, hit in _hits(text):
            line, raw, flags = hit.groups()
            known = numbers.get(raw)
            if known is not None:
                file = known
            elif raw is None:  # `#line 12` stays in the same file
                if not files:
                    files.append(name)
            elif raw.endswith("//"):  # gcc -fworking-directory names a directory, not a file
                continue
            else:
                file = numbers[raw] = len(files)
                files.append(unescape(raw))
            begin, end = hit.span()
            markers.append(
                Marker(begin + 1 + shift, min(end + 1 + shift, last), int(line), file, flags or "")
            )
        if not files:
            files.append(name)
        return markers

    def locate(self, offset: int) -> Location:
        """Return the place of the character at ``offset``, which is clipped to the text."""
        text = self._text
        offset = min(max(offset, 0), len(text))
        column = offset - text.rfind("\n", 0, offset)
        if self._ends is None:
            self._ends = [marker.end for marker in self.markers]
        index = bisect_right(self._ends, offset) - 1
        if index < 0:
            return Location(self.files[0], 1 + self._breaks(0, offset), column)
        marker = self.markers[index]
        return Location(self.files[marker.file], marker.line + self._breaks(marker.end, offset), column)

    def _breaks(self, start: int, end: int) -> int:
        """Count the line breaks between two offsets; far apart, by what was counted up to each block's start."""
        if end - start <= _BLOCK:
            return self._text.count("\n", start, end)
        return self._breaks_before(end) - self._breaks_before(start)

    def _breaks_before(self, offset: int) -> int:
        text, before = self._text, self._before
        block = offset // _BLOCK
        while len(before) <= block:
            at = len(before) * _BLOCK
            before.append(before[-1] + text.count("\n", at - _BLOCK, at))
        return before[block] + text.count("\n", block * _BLOCK, offset)


def _hits(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield each marker with what is to be added to its offsets; they match from the line break before them."""
    if text.startswith("#"):
        first = text[: text.find("\n") + 1] or text
        hit = _MARKER.match("\n" + first)
        if hit is not None:
            yield -1, hit
    for hit in _MARKER.finditer(text):
        yield 0, hit


def unescape(name: str) -> str:
    r"""Undo the escapes of a marker's file name: ``\\``, ``\"`` and octal bytes, which GNU writes for UTF-8.

    Any other backslash is kept: some tools write Windows paths as they are.
    """
    if "\\" not in name:
        return name

    def plain(hit: re.Match[bytes]) -> bytes:
        octal, same = hit.groups()
        return bytes([int(octal, 8) & 255]) if octal else bytes(same)

    return _ESCAPE.sub(plain, name.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
