"""What only the user's own source file can tell: suppression comments and the names before macro expansion.

Owns the reading of source files on disk after the analysis is done. Preprocessed text has no comments and has
expanded the macros, so ``// spincheck: ignore[...]`` and the fact that the user wrote ``KeAcquireSpinLock`` are gone
from it. Flows in: paths and lines as the line markers name them. Flows out: `Suppression` values and
the spelling of an operation at a line. A source file that is not there, or cannot be decoded, simply tells nothing: verdicts
must be the same for a checkout and for a directory of ``.i`` files.

The comments could have been kept by ``cc -E -C``; they then would be part of every hash of the text, and
each edit of any comment would make the unit new. Text that does keep them (tests, ``-C``) is read as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

import msgspec

_MARKER = re.compile(r'^[ \t]*#(?:[ \t]*line)?[ \t]+(\d+)[ \t]+"((?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_LEXEME = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_DIRECTIVE = re.compile(r"spincheck:[ \t]*ignore\b(?:[ \t]*\[([^\]\n]*)\])?[ \t]*([^\n]*)")
_LARGEST_SOURCE = 64 * 1024 * 1024


class Suppression(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One ``spincheck: ignore[A, B] reason`` comment. ``rules`` is empty when the brackets are missing or empty."""

    file: str
    line: int
    column: int
    rules: tuple[str, ...]
    reason: str


class Sources:
    """Source files found from the names in line markers, each read at most once."""

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self._directories = tuple(directories)
        self._lines: dict[str, tuple[str, ...] | None] = {}
        self._texts: dict[str, str | None] = {}

    def text(self, file: str) -> str | None:
        """Return the text of ``file``, or None when it is not there, not a file, or unreasonably large."""
        if file not in self._texts:
            self._texts[file] = self._read(file)
        return self._texts[file]

    def line(self, file: str, line: int) -> str:
        """Return one line of ``file``, from 1, or "" when there is none."""
        if file not in self._lines:
            text = self.text(file)
            self._lines[file] = None if text is None else tuple(text.split("\n"))
        lines = self._lines[file]
        return lines[line - 1] if lines is not None and 0 < line <= len(lines) else ""

    def spelled(self, file: str, line: int, operation: str, macros: Iterable[str]) -> str:
        """Return which of ``macros`` the user wrote on this line for ``operation``, or ``operation`` itself."""
        text = self.line(file, line)
        if not text or re.search(rf"\b{re.escape(operation)}\b", text):
            return operation
        for name in macros:
            if re.search(rf"\b{re.escape(name)}\b", text):
                return name
        return operation

    def suppressions(self, file: str) -> tuple[Suppression, ...]:
        """Return the suppression comments of ``file`` in order; none when it cannot be read."""
        text = self.text(file)
        return tuple(find_suppressions(text, file)) if text else ()

    def _read(self, file: str) -> str | None:
        for directory in (None, *self._directories):
            path = Path(file) if directory is None else directory / file
            try:
                if path.is_file() and path.stat().st_size <= _LARGEST_SOURCE:
                    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
            except (OSError, ValueError):
                continue
        return None


def find_suppressions(text: str, file: str) -> list[Suppression]:
    """Return the suppression comments in ``text``; places follow its line markers, from ``file`` line 1 before the first."""
    if "spincheck:" not in text:
        return []
    places = _Places(text, file)
    found = []
    for lexeme in _LEXEME.finditer(text):
        comment = lexeme[0]
        if comment[0] != "/" or "spincheck:" not in comment:
            continue
        body = comment[:-2] if comment.startswith("/*") else comment
        for directive in _DIRECTIVE.finditer(body):
            where, line, column = places.of(lexeme.start() + directive.start())
            rules = tuple(name.strip() for name in (directive[1] or "").split(",") if name.strip())
            found.append(Suppression(where, line, column, rules, directive[2].strip()))
    return found


def unescape(name: str) -> str:
    """Return the file name of a line marker without its escapes."""
    return re.sub(r"\\(.)", r"\1", name)


class _Places:
    """File, line and column of an offset. Built only for text that has a suppression in it, so a plain scan is enough."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._starts = [0]
        self._bases = [(file, 1)]
        for marker in _MARKER.finditer(text):
            end = text.find("\n", marker.end())
            self._starts.append(len(text) if end < 0 else end + 1)
            self._bases.append((unescape(marker[2]), int(marker[1])))

    def of(self, offset: int) -> tuple[str, int, int]:
        index = bisect_right(self._starts, offset) - 1
        start = self._starts[index]
        file, line = self._bases[index]
        line_start = self._text.rfind("\n", 0, offset) + 1
        return file, line + self._text.count("\n", start, offset), offset - line_start + 1
