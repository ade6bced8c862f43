"""Which file, line and column a piece of preprocessed text came from.

Owns the line markers: GNU's ``# 12 "f.c" 1 3`` and MSVC's ``#line 12 "f.c"``. Text flows in; out comes the
`LineMap`, which turns an offset into a place, and whose `Marker` list tells `regions` whose text is whose.

Markers are found by a substring search for a line that starts with ``#`` and not by a pattern over the
whole text, and lines between two markers are counted only when somebody asks: of the 70,000 lines of a
translation unit a report names a dozen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

_MARKER = re.compile(r'#[ \t]*+(?:line[ \t]++)?(\d{1,9})(?:[ \t]++"((?>[^"\\\n]++|\\[^\n])*+)"([^\n"]*+))?[ \t\r]*+(?:\n|\Z)')
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
        self.markers = list(self._read(text, name))
        self._ends = [marker.end for marker in self.markers]

    def _read(self, text: str, name: str) -> Iterator[Marker]:
        numbers: dict[str, int] = {}
        file = 0
        for begin in _hash_lines(text):
            hit = _MARKER.match(text, begin)
            if hit is None:
                continue
            line, raw, flags = hit.groups()
            if raw is None:  # `#line 12` stays in the same file
                if not self.files:
                    self.files.append(name)
            elif raw in numbers:
                file = numbers[raw]
            elif raw.endswith("//"):  # gcc -fworking-directory names a directory, not a file
                continue
            else:
                file = numbers[raw] = len(self.files)
                self.files.append(unescape(raw))
            yield Marker(begin, hit.end(), int(line), file, flags or "")
        if not self.files:
            self.files.append(name)

    def locate(self, offset: int) -> Location:
        """Return the place of the character at ``offset``, which is clipped to the text."""
        text = self._text
        offset = min(max(offset, 0), len(text))
        column = offset - text.rfind("\n", 0, offset)
        index = bisect_right(self._ends, offset) - 1
        if index < 0:
            return Location(self.files[0], 1 + text.count("\n", 0, offset), column)
        marker = self.markers[index]
        return Location(self.files[marker.file], marker.line + text.count("\n", marker.end, offset), column)


def _hash_lines(text: str) -> Iterator[int]:
    """Yield the offset of each ``#`` in the first column."""
    begin = text.find("#")  # one character is searched for several times faster than two
    while begin >= 0:
        if begin == 0 or text[begin - 1] == "\n":
            yield begin
        begin = text.find("#", begin + 1)


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
