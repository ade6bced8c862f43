"""What only the user's own source file can tell: suppressions and the names before macro expansion.

Owns the reading of source files on disk after the analysis is done. Preprocessed text has no comments and has
expanded the macros, so ``// spincheck: ignore[...]`` and the fact that the user wrote ``KeAcquireSpinLock`` are gone
from it. Flows in: paths and lines as the line markers name them. Flows out: `Suppression` values and
the spelling of an operation at a line. A source file that is not there, or cannot be decoded, simply tells nothing: verdicts
must be the same for a checkout and for a directory of ``.i`` files.

Pragmas outlive the preprocessor and may come out of a macro, so they are read from the preprocessed text too. They name what they
suppress for other tools as well; only what is a rule here counts, and the rest is none of our business. Sources: Microsoft Learn,
"warning pragma" and "Pragma Prefast to Suppress Warning Messages": ``suppress`` is about the next line.

The comments could have been kept by ``cc -E -C``; they then would be part of every hash of the text, and
each edit of any comment would make the unit new. Text that does keep them (tests, ``-C``) is read as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

import msgspec

_MARKER = re.compile(r'#(?:[ \t]*line)?[ \t]+(\d+)[ \t]+"((?:[^"\\\n]|\\.)*)"')
_LEXEME = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_SUPPRESSING = r"(?:warning|prefast)\s*\(((?:[^()\"\n]|\"(?:\\.|[^\"\\\n])*\")*)\)(?:\s*\))?"
# Two patterns, because each begins with plain characters that are searched for quickly.
_PRAGMAS = (re.compile(rf"#[ \t]*pragma[ \t]+{_SUPPRESSING}"), re.compile(rf"__pragma\s*\(\s*{_SUPPRESSING}"))
_LEXEME_OR_PRAGMA = re.compile("|".join(one.pattern for one in (_LEXEME, *_PRAGMAS)), re.DOTALL)
_SPECIFIER = re.compile(r"\s*suppress\s*:((?:[^;\"]|\"(?:\\.|[^\"\\])*\")*)")
_STRING = re.compile(r"\"((?:\\.|[^\"\\])*)\"")
_SKIPPED = re.compile(r"\s+|//[^\n]*|/\*.*?\*/|#[ \t]*(?:line\b|pragma\b|\d)[^\n]*", re.DOTALL)
_NAMES_SUPPRESSED = re.compile(rb"suppress\s*:[^)\"\n]*?(?<![\w/-])(?!C\d+\b|__WARNING|justification\b)[A-Za-z]\w*")
_DIRECTIVE = re.compile(r"spincheck:[ \t]*ignore\b(?:[ \t]*\[([^\]\n]*)\])?[ \t]*([^\n]*)")
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
    while at >= 0:
        if _NAMES_SUPPRESSED.match(data, at):
            return True
        at = data.find(b"suppress", at + 1)
    return False


def find_suppressions(text: str, file: str) -> list[Suppression]:
    """Return the suppressions in ``text``; places follow its line markers, from ``file`` line 1 before the first."""
    pragmas = "pragma" in text and "suppress" in text
    if "spincheck:" not in text and not pragmas:
        return []
    places = _Places(text, file)
    found: list[Suppression] = []
    # Of a large text without comments, as the preprocessor leaves it, only the pragmas are worth finding: 0.04 s for 2.7 MB and not 0.15.
    if pragmas and "//" not in text and "/*" not in text:
        lexemes = sorted((found for form in _PRAGMAS for found in form.finditer(text)), key=re.Match.start)
    else:
        lexemes = list((_LEXEME_OR_PRAGMA if pragmas else _LEXEME).finditer(text))
    for lexeme in lexemes:
        comment = lexeme[0]
        if comment[0] in "#_":
            found += _by_pragma(lexeme, places)
            continue
        if comment[0] != "/" or "spincheck:" not in comment:
            continue
        body = comment[:-2] if comment.startswith("/*") else comment
        for directive in _DIRECTIVE.finditer(body):
            where, line, column = places.of(lexeme.start() + directive.start())
            rules = tuple(name.strip() for name in (directive[1] or "").split(",") if name.strip())
            found.append(Suppression(where, line, column, rules, directive[2].strip()))
    return found


def _by_pragma(pragma: re.Match[str], places: _Places) -> list[Suppression]:
    found = []
    inside = next(group for group in pragma.groups() if group is not None)
    for specifier in _SPECIFIER.finditer(inside):
        names = re.findall(r"(?<![\w/-])[A-Za-z]\w*(?![\w/-])", _STRING.sub("", specifier[1]))
        rules = tuple(dict.fromkeys(name for name in names if name != "justification"))
        if rules:
            reason = _STRING.search(specifier[1])
            where, line, column = places.of(pragma.start())
            _, about, _ = places.of(places.code_after(pragma.end()))
            found.append(Suppression(where, line, column, rules, unescape(reason[1]).strip() if reason else "", about))
    return found


def unescape(name: str) -> str:
    """Return the file name of a line marker, or another C string, without its escapes."""
    return re.sub(r"\\(.)", r"\1", name)


class _Places:
    """File, line and column of an offset. Built only for text that has a suppression in it, so a plain scan is enough."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._starts = [0]
        self._bases = [(file, 1)]
        for marker in _MARKER.finditer(text):
            if text[text.rfind("\n", 0, marker.start()) + 1 : marker.start()].strip(" \t"):
                continue
            end = text.find("\n", marker.end())
            self._starts.append(len(text) if end < 0 else end + 1)
            self._bases.append((unescape(marker[2]), int(marker[1])))

    def of(self, offset: int) -> tuple[str, int, int]:
        index = bisect_right(self._starts, offset) - 1
        start = self._starts[index]
        file, line = self._bases[index]
        line_start = self._text.rfind("\n", 0, offset) + 1
        return file, line + self._text.count("\n", start, offset), offset - line_start + 1

    def code_after(self, offset: int) -> int:
        """Return the offset of the first code at or after ``offset``: no comment, line marker or pragma."""
        while True:
            skipped = _SKIPPED.match(self._text, offset) or _PRAGMAS[1].match(self._text, offset)
            if skipped is None:
                return offset
            offset = skipped.end()
