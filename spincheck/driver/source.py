"""What only the user's own source file can tell: suppressions and the names before macro expansion.

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
from collections.abc import Iterable
from pathlib import Path

import msgspec

_LARGEST_SOURCE = 64 * 1024 * 1024


class Suppression(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One ``spincheck: ignore[A, B] reason`` comment, or one ``suppress`` of a pragma.

    ``rules`` is empty when the brackets are missing or empty. ``about`` is the line that a pragma is about, 0 for a comment, which is about its own.
    """

    file: str
    line: int
    column: int
    rules: tuple[str, ...]
    reason: str
    about: int = 0

    @property
    def is_pragma(self) -> bool:
        """Whether it is a pragma, which may name what is no rule of spincheck's."""
        return self.about > 0


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
        """Return the suppressions of ``file`` in order; none when it cannot be read."""
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


def may_suppress(data: bytes) -> bool:
    """Whether preprocessed text can hold a suppression at all; a large text has no time to be searched closely."""
    return b"spincheck:" in data or _names_suppressed(data)


def _names_suppressed(data: bytes) -> bool:
    at = data.find(b"suppress")
    if at < 0:
        return False
    from spincheck.driver.suppressions import NAMES  # noqa: PLC0415 -- few texts come this far

    while at >= 0:
        if NAMES.match(data, at):
            return True
        at = data.find(b"suppress", at + 1)
    return False


def find_suppressions(text: str, file: str) -> list[Suppression]:
    """Return the suppressions in ``text``; places follow its line markers, from ``file`` line 1 before the first."""
    pragmas = "pragma" in text and "suppress" in text
    if "spincheck:" not in text and not pragmas:
        return []
    from spincheck.driver.suppressions import find  # noqa: PLC0415 -- few texts have any

    return find(text, file, pragmas=pragmas)
