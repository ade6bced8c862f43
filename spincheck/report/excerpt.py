"""Which characters of a source line a step is about.

Owns the way from a place to the characters to underline. Places count columns in preprocessed text; where the line has a macro, that
column is not the source's. So a name that the message mentions comes first, then for a branch the operand of the condition around the column, then
the word there, then the whole statement on the line: an underline may be wide, and never points at the wrong word.
"""

from __future__ import annotations

import re

_BY = re.compile(r"\bby (\w+)")
_QUOTED = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"\w+")
_KEYWORD = re.compile(r"\b(?:if|while|for|switch)\s*$")
_NAME_BEFORE = re.compile(r"\w+\s*$")
_COMMENT = re.compile(r"\s*(//.*|/\*.*?(\*/\s*$|$))")


def lines_of(text: str) -> list[str]:
    """Return the lines of a source file; only a line feed ends one, as for the compiler."""
    return text.split("\n")


def span(line: str, column: int, message: str, kind: str = "") -> tuple[int, int]:
    """Return the half-open range of characters, from 0, that a step with this message, column (from 1) and kind is about."""
    for name in (*_BY.findall(message), *_QUOTED.findall(message)):
        if _WORD.fullmatch(name):
            found = re.search(rf"\b{re.escape(name)}\b", line)
            if found:
                return found.start(), _closed(line, found.end())
    start = column - 1
    if kind == "branch":
        operand = _operand(line, start)
        if operand is not None:
            return operand
    word = _WORD.match(line, start) if 0 <= start < len(line) else None
    if word is not None and (start == 0 or not (line[start - 1].isalnum() or line[start - 1] == "_")):
        return word.span()
    code = _COMMENT.sub("", line).rstrip()
    first = len(line) - len(line.lstrip())
    return (first, len(code)) if len(code) > first else (first, max(first + 1, len(line.rstrip())))


def _operand(line: str, at: int) -> tuple[int, int] | None:
    """Return the operand of ``&&``, ``||`` or ``?``, or the whole condition, that ``at`` is in; None outside of any parentheses."""
    code = len(_COMMENT.sub("", line).rstrip())
    found = None
    while 0 <= at < code:
        first = _left(line, at)
        if first is None:
            return found
        found = (first, _right(line, at, code))
        opening = line.rindex("(", 0, first)
        alone = opening + 1 == first and line[found[1] : found[1] + 1] == ")"
        if not alone or _KEYWORD.search(line[:opening]):
            break
        # A group or the arguments of a call: the operand is around them.
        name = _NAME_BEFORE.search(line[:opening])
        at = name.start() if name is not None else opening
    if found is None or not line[found[0] : found[1]].strip():
        return None
    text = line[found[0] : found[1]]
    return found[0] + len(text) - len(text.lstrip()), found[0] + len(text.rstrip())


def _left(line: str, at: int) -> int | None:
    """Return where the operand around ``at`` begins; None when no parenthesis is open there."""
    depth, first = 0, -1
    for index in range(at - 1, -1, -1):
        depth += (line[index] == ")") - (line[index] == "(")
        if depth < 0:
            return index + 1 if first < 0 else first
        if depth == 0 and first < 0 and (line[index] in ";?" or line[max(index - 1, 0) : index + 1] in {"&&", "||"}):
            first = index + 1
    return None


def _right(line: str, at: int, code: int) -> int:
    depth = 0
    for index in range(at, code):
        depth += (line[index] == "(") - (line[index] == ")")
        if depth < 0 or (depth == 0 and (line[index] in ";?" or line[index : index + 2] in {"&&", "||"})):
            return index
    return code


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
