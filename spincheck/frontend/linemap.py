"""Which file, line and column a piece of preprocessed text came from.

Owns the line markers: GNU's ``# 12 "f.c" 1 3`` and MSVC's ``#line 12 "f.c"``. Text flows in; out comes the
`LineMap`, which turns an offset into a place, and whose markers tell `regions` whose text is whose.

A translation unit has some four thousand markers, which name a few hundred files with flags and are followed by 70,000 lines; a report names a dozen
places. So what a marker says behind its number is worked out once for all that say the same, its number when somebody asks for a
place behind it, and the lines between two markers are counted then. The pattern begins with a literal line break and ``#``, which
the engine searches for as a substring; with the usual ``^`` it would stop at every character.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_LINE = re.compile(r"\n#[ \t]*+(?:line[ \t]++)?\d{1,9}+([^\n]*+)")
_TAIL = re.compile(r'(?:[ \t]++"((?>[^"\\]++|\\.)*+)"([^"]*+))?[ \t\r]*+')
_NUMBER = re.compile(r"#[ \t]*+(?:line[ \t]++)?(\d++)[^\n]*+\n?+")
_SAME = -2
"""What a marker without a name says: the file stays as it is."""
_NONE = -1
"""What a line says that is no marker."""
_BLOCK = 1 << 16
"""Characters that are counted each time; without this the functions of a file of 50 MB without markers cost minutes to locate."""

_ESCAPE = re.compile(rb'\\(?:([0-7]{1,3})|([\\"]))')


class Location(NamedTuple):
    """A place in a source file; ``line`` and ``column`` count from 1, ``column`` in characters."""

    file: str
    line: int
    column: int


class LineMap:
    """The markers of one text.

    ``files`` are the names with their escapes undone, in the order of first sight, and ``flags`` what the first marker of each says behind the
    name: GNU's digits (1 enters a file, 2 returns to it, 3 says system header); MSVC has none. Number 0 is the main file:
    what the first marker names, or ``name`` where there is none. Text before the first marker is its text. The marker that stands at ``begins[n]``
    says that the text behind it is of file number ``owners[n]``.
    """

    def __init__(self, text: str, name: str) -> None:
        """Read the markers of ``text``; ``name`` is the main file's name if no marker tells it."""
        self._text = text
        self.files: list[str] = []
        self.flags: list[str] = []
        self.begins: list[int] = []
        self.owners: list[int] = []
        self._before = [0]
        self._read(text, name)

    def _read(self, text: str, name: str) -> None:
        files, begins, owners = self.files, self.begins, self.owners
        numbers: dict[str, int] = {}
        known: dict[str, int] = {}
        last = 0
        first = text[: text.find("\n") + 1] or text
        for shift, source in ((0, "\n" + first), (1, text)) if text.startswith("#") else ((1, text),):
            for hit in _LINE.finditer(source):
                tail = hit[1]
                file = known.get(tail)
                if file is None:
                    file = known[tail] = self._file(tail, numbers)
                if file == _NONE:
                    continue
                if file != _SAME:
                    last = file
                elif not files:
                    self._add(name, "")
                begins.append(hit.start() + shift)
                owners.append(last)
        if not files:
            self._add(name, "")

    def _file(self, tail: str, numbers: dict[str, int]) -> int:
        """The number of the file that a marker's tail names; files are numbered by their names as they are written."""
        said = _TAIL.fullmatch(tail)
        if said is None:
            return _NONE
        raw = said[1]
        if raw is None:  # `#line 12` stays in the same file
            return _SAME
        number = numbers.get(raw)
        if number is None:
            if raw.endswith("//"):  # gcc -fworking-directory names a directory, not a file
                return _NONE
            number = numbers[raw] = len(self.files)
            self._add(unescape(raw), said[2])
        return number

    def _add(self, name: str, flags: str) -> None:
        self.files.append(name)
        self.flags.append(flags)

    def locate(self, offset: int) -> Location:
        """Return the place of the character at ``offset``, which is clipped to the text."""
        text = self._text
        offset = min(max(offset, 0), len(text))
        column = offset - text.rfind("\n", 0, offset)
        index = bisect_right(self.begins, offset) - 1
        while index >= 0:
            said = _NUMBER.match(text, self.begins[index])
            assert said is not None  # _LINE matched there
            if said.end() <= offset:
                line = int(said[1]) + self._breaks(said.end(), offset)
                return Location(self.files[self.owners[index]], line, column)
            index -= 1  # inside of the marker itself
        return Location(self.files[0], 1 + self._breaks(0, offset), column)

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
