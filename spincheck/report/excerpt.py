"""Which characters of a source line a step is about.

Owns the way from a place to the characters to underline. Places count columns in preprocessed text; where the line has a macro, that
column is not the source's. So a name that the message mentions comes first, then the word at the column, then the
whole statement on the line: an underline may be wide, and never points at the wrong word.
"""

from __future__ import annotations

import re

_BY = re.compile(r"\bby (\w+)")
_QUOTED = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"\s*(//.*|/\*.*?(\*/\s*$|$))")


def lines_of(text: str) -> list[str]:
    """Return the lines of a source file; only a line feed ends one, as for the compiler."""
    return text.split("\n")


def span(line: str, column: int, message: str) -> tuple[int, int]:
    """Return the half-open range of characters, from 0, that a step with this message and column (from 1) is about."""
    for name in (*_BY.findall(message), *_QUOTED.findall(message)):
        if _WORD.fullmatch(name):
            found = re.search(rf"\b{re.escape(name)}\b", line)
            if found:
                return found.start(), _closed(line, found.end())
    start = column - 1
    word = _WORD.match(line, start) if 0 <= start < len(line) else None
    if word is not None and (start == 0 or not (line[start - 1].isalnum() or line[start - 1] == "_")):
        return word.span()
    code = _COMMENT.sub("", line).rstrip()
    first = len(line) - len(line.lstrip())
    return (first, len(code)) if len(code) > first else (first, max(first + 1, len(line.rstrip())))


def _closed(line: str, end: int) -> int:
    """Return where the call that starts with the name ending at ``end`` is closed on this line, else ``end``."""
    if line[end : end + 1] != "(":
        return end
    depth = 0
    for index in range(end, len(line)):
        depth += (line[index] == "(") - (line[index] == ")")
        if depth == 0:
            return index + 1
    return end
