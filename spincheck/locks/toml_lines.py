"""Finds the line of a table, row or key in the text of a TOML file.

`tomllib` forgets where a value stood, and a message about a table of locks without a line is of little
use. This is no second TOML parser: the text was accepted by tomllib before, so headers, keys, strings and
brackets are all that has to be told apart. A position-keeping parser would be a dependency for one message.
"""

from __future__ import annotations

import re

from spincheck.locks.model import Path

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}=,\n]|[^\s\[\]{}=,#"\']+|[ \t\r]+',
)
_HEADER = re.compile(r"^[ \t]*(\[\[?)\s*([^\[\]\n]+?)\s*\]\]?[ \t]*(?:#.*)?$")
_KEY_PART = re.compile(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


def _split(key: str) -> tuple[str, ...]:
    return tuple(
        next(part for part in match.groups() if part is not None) for match in _KEY_PART.finditer(key)
    )


def line_index(text: str) -> dict[Path, int]:
    """Map every path (table names, array indices, keys) of valid TOML text to its line, counted from 1."""
    index: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    prefix: Path = ()
    position = 0
    line = 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        header = _HEADER.match(text[position:end])
        if header:
            names = _resolve(_split(header[2]), counts)
            if header[1] == "[[":
                row = counts.get(names, 0)
                counts[names] = row + 1
                index.setdefault(names, line)
                names = (*names, row)
            prefix = names
            index.setdefault(prefix, line)
            position, line = end + 1, line + 1
            continue
        consumed, lines = _statement(text, position, line, prefix, index)
        position, line = consumed, line + lines
    return index


def _resolve(names: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """Insert the index of the latest row where a header goes on below an array of tables."""
    path: Path = ()
    for number, name in enumerate(names):
        path = (*path, name)
        if number < len(names) - 1 and path in counts:
            path = (*path, counts[path] - 1)
    return path


def _statement(text: str, position: int, line: int, prefix: Path, index: dict[Path, int]) -> tuple[int, int]:
    """Read one ``key = value`` (over several lines when bracketed); return where it ends and the lines it took."""
    start_line = line
    key = ""
    # One entry per open bracket: [bracket, path of what it holds, number of the next element].
    nesting: list[tuple[str, Path, int]] = []
    in_value = False
    inner_key = ""
    for match in _PIECE.finditer(text, position):
        piece = match[0]
        if piece == "\n":
            line += 1
            if not nesting:
                return match.end(), line - start_line
            continue
        if piece[0] == "#" or piece.isspace():
            continue
        line_here = line
        line += piece.count("\n")
        if not in_value:
            if piece == "=":
                in_value = True
                index.setdefault((*prefix, *_split(key)), start_line)
            else:
                key += piece
            continue
        path: Path = (*prefix, *_split(key))
        if nesting:
            bracket, path, number = nesting[-1]
            if piece == ",":
                nesting[-1] = (bracket, path, number + 1)
                inner_key = ""
                continue
            if piece in "]}":
                nesting.pop()
                inner_key = ""
                continue
            if bracket == "[":
                path = (*path, number)
                index.setdefault(path, line_here)
            elif piece == "=":
                index.setdefault((*path, *_split(inner_key)), line_here)
                continue
            elif piece not in "[{":
                inner_key = inner_key + piece
                continue
            else:
                path = (*path, *_split(inner_key))
        if piece in "[{":
            nesting.append((piece, path, 0))
            inner_key = ""
    return len(text), line - start_line + 1


def line_of(index: dict[Path, int], path: Path) -> int:
    """Return the line of ``path``, or of the nearest thing around it that has one; 1 when nothing has."""
    for length in range(len(path), 0, -1):
        if path[:length] in index:
            return index[path[:length]]
    return 1
