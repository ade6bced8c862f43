"""Reading suppressions: the comments and pragmas by which a user says that a violation is meant.

Owns their forms. Flows in: a text, a source file or one that the preprocessor left. Flows out: `Suppression` values with their places. It stands
apart from `spincheck.driver.source` because most texts have no suppression at all, and compiling its patterns would cost every run.

Pragmas outlive the preprocessor and may come out of a macro, so they are read from the preprocessed text too. They name what they
suppress for other tools as well; only what is a rule here counts, and the rest is none of our business. Sources: Microsoft Learn,
"warning pragma" and "Pragma Prefast to Suppress Warning Messages": ``suppress`` is about the next line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from spincheck.driver.source import Suppression
from spincheck.frontend.linemap import unescape

_MARKER = re.compile(r'#(?:[ \t]*line)?[ \t]+(\d+)[ \t]+"((?:[^"\\\n]|\\.)*)"')
_LEXEME = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_SUPPRESSING = r"(?:warning|prefast)\s*\(((?:[^()\"\n]|\"(?:\\.|[^\"\\\n])*\")*)\)(?:\s*\))?"
# Two patterns, because each begins with plain characters that are searched for quickly.
_PRAGMAS = (re.compile(rf"#[ \t]*pragma[ \t]+{_SUPPRESSING}"), re.compile(rf"__pragma\s*\(\s*{_SUPPRESSING}"))
_LEXEME_OR_PRAGMA = re.compile("|".join(one.pattern for one in (_LEXEME, *_PRAGMAS)), re.DOTALL)
_SPECIFIER = re.compile(r"\s*suppress\s*:((?:[^;\"]|\"(?:\\.|[^\"\\])*\")*)")
_STRING = re.compile(r"\"((?:\\.|[^\"\\])*)\"")
_SKIPPED = re.compile(r"\s+|//[^\n]*|/\*.*?\*/|#[ \t]*(?:line\b|pragma\b|\d)[^\n]*", re.DOTALL)
_DIRECTIVE = re.compile(r"spincheck:[ \t]*ignore\b(?:[ \t]*\[([^\]\n]*)\])?[ \t]*([^\n]*)")
NAMES = re.compile(rb"suppress\s*:[^)\"\n]*?(?<![\w/-])(?!C\d+\b|__WARNING|justification\b|\w+\s*:)[A-Za-z]\w*")
"""A pragma's ``suppress:`` that names something, and not only numbers, in the bytes of a text."""


def find(text: str, file: str, *, pragmas: bool) -> list[Suppression]:
    """Return the suppressions in ``text``; see `spincheck.driver.source.find_suppressions`. ``pragmas``: it may hold any."""
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


class _Places:
    """File, line and column of an offset. The markers are read when somebody asks: most pragmas name nothing of ours."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    @cached_property
    def _marks(self) -> tuple[list[int], list[tuple[str, int]]]:
        """Where text of another file, or another line, begins, and which; in order."""
        text = self._text
        starts, bases = [0], [(self._file, 1)]
        for marker in _MARKER.finditer(text):
            if text[text.rfind("\n", 0, marker.start()) + 1 : marker.start()].strip(" \t"):
                continue
            end = text.find("\n", marker.end())
            starts.append(len(text) if end < 0 else end + 1)
            bases.append((unescape(marker[2]), int(marker[1])))
        return starts, bases

    def of(self, offset: int) -> tuple[str, int, int]:
        starts, bases = self._marks
        index = bisect_right(starts, offset) - 1
        start = starts[index]
        file, line = bases[index]
        line_start = self._text.rfind("\n", 0, offset) + 1
        return file, line + self._text.count("\n", start, offset), offset - line_start + 1

    def code_after(self, offset: int) -> int:
        """Return the offset of the first code at or after ``offset``: no comment, line marker or pragma."""
        while True:
            skipped = _SKIPPED.match(self._text, offset) or _PRAGMAS[1].match(self._text, offset)
            if skipped is None:
                return offset
            offset = skipped.end()
