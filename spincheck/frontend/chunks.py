"""Cutting preprocessed text into its external declarations.

Text flows in, a list of `Chunk` comes out: where each external declaration starts and ends, and, when it
defines a function, the function's name. Nothing is parsed, and nothing outside of the range that was asked
for is looked at.

One pattern reads to the next ``;`` or bracket of a declaration, another to the bracket that closes a body, both in
the regular-expression engine: a translation unit of 2 MB costs about ten thousand steps of Python and not the half
million of a loop over tokens. Bodies nested deeper than the pattern are counted bracket by bracket.

Brackets that do not match cost the declaration they are in. It is given up (``broken``) and cutting goes on at the next
line that looks like the beginning of a declaration, or where a line marker leaves the file. Since a declaration may also
go on in the next file (``int t[] = {``, ``#include``), `Cut.tail` says where the first one starts that the range does not
finish, and the caller can look on.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from spincheck.frontend.declarations import function_head
from spincheck.frontend.patterns import (
    ATTRIBUTE_WORD,
    BLANK,
    COMMENT,
    DIRECTIVE,
    IDENTIFIER,
    LETTER,
    OPAQUE,
    STRING,
    Late,
    bracketed,
)

Kind = Literal["function", "declaration", "broken"]


class Chunk(NamedTuple):
    """One external declaration: ``text[start:end]``, without the space, comments and markers around it.

    ``brace`` is the offset of its first ``{``, or -1. ``function`` is the name of the function that it defines and ``name`` that
    name's offset; a prototype has them too if it is written as prototypes usually are. Otherwise they are "" and -1.
    """

    start: int
    end: int
    kind: Kind
    brace: int = -1
    name: int = -1
    function: str = ""


class Cut(NamedTuple):
    """The declarations of a range of text, and where the first one starts that its end leaves open (-1: none)."""

    chunks: list[Chunk]
    tail: int


_PARENTHESIS = bracketed("(", ")", 5)
_BODY = bracketed("{", "}", 7)
_MARKER = r"#(?<![^\n]#)[^\n]*+"
_INSIDE = rf"[^()\"'/#]*+(?:{_MARKER}[^()\"'/#]*+)*+"
_WORDS = rf"(?:__attribute__\s?\(\({_INSIDE}\)\)\s*+|{IDENTIFIER}[\s*]++(?![(=])|__declspec\s?\({_INSIDE}\)\s*+|{_MARKER}\s*+)*+"
_PARAMETERS = rf"\s?\({_INSIDE}\)\s*+"
_PLAIN_FUNCTION = re.compile(rf"{_WORDS}({IDENTIFIER}){_PARAMETERS}")
_CALM = r"[^;{}()=\"'/#]"
_WRAPPED = rf"\(\s*+(?:{IDENTIFIER}\s++(?={LETTER}|\*))*+\**+\s*+({IDENTIFIER})\s*+\)\s*+\({_CALM}*+\)\s*+;"
USUAL = re.compile(
    rf"{BLANK}()(?:{_WORDS}({IDENTIFIER})(?:{_PARAMETERS}(?:(;)|({_BODY}))|\s*+=\s*+({_BODY})\s*+;)"
    rf"|{_CALM}++(?:(;)|({_BODY}){_CALM}*+;|{_WRAPPED}))?"
)
"""A declaration as nearly all are, and what is before it. Group 1 begins it. The last group that took part says which kind it is:

- `PROTOTYPE` and `DEFINITION`: a function; its name is group 2, and ``DEFINITION`` its body;
- `INITIALISED`: one object, its name group 2, with braces behind ``=``;
- `SIMPLE`, `BRACED`: neither parentheses nor ``=`` outside of its braces;
- `WRAPPED`: a function, or a pointer to one, whose name stands in parentheses: that group;
- 1: none of these, and `Cutter.step` tells.
"""
PROTOTYPE, DEFINITION, INITIALISED, SIMPLE, BRACED, WRAPPED = 3, 4, 5, 6, 7, 8
_OUTSIDE = r"[^;{}\"'/#]*+"
_HEAD = re.compile(rf"({_OUTSIDE}(?:(?:{OPAQUE}|[/#]){_OUTSIDE})*+)([;{{}}]|\Z)")
_BLOCK = Late(_BODY)
_BRACE = Late(rf"[{{}}]|{OPAQUE}")
_OPAQUE = re.compile(OPAQUE)
_LINKAGE = Late(rf'(?:__extension__\s*+)?extern\s*+"C(?:\+\+)?"{BLANK}\Z')
_NAME = re.compile(rf"({IDENTIFIER})")
_ANNOTATION = rf"{ATTRIBUTE_WORD}{BLANK}{_PARENTHESIS}"
_PREFIX = rf"(?>\s++|{IDENTIFIER}(?!{BLANK}\()|[*&]++|{_ANNOTATION}|{COMMENT}|{DIRECTIVE}|{STRING}|{bracketed('[', ']', 3)})*+"
_FUNCTION = Late(
    rf"{_PREFIX}({IDENTIFIER}){BLANK}{_PARENTHESIS}(?>\s++|{_ANNOTATION}|{COMMENT}|{DIRECTIVE})*+"
)
_OLD_STYLE = Late(
    rf"{_PREFIX}({IDENTIFIER}){BLANK}\({BLANK}{IDENTIFIER}{BLANK}(?:,{BLANK}{IDENTIFIER}{BLANK})*+\){BLANK}{LETTER}"
)
_RESYNC = Late(
    r"\n(?:(?=#[^\n\"]*+\"[^\n\"]*+\"[ \t]*+[12])"
    r"|(?=(?!(?:return|goto|else|case|do|if|while|for|switch|break|continue|default)(?![\w$]))"
    rf"{IDENTIFIER}\s++(?:{LETTER}|[*(])))"
)
NOT_NAMES = frozenset(
    [
        "if",
        "while",
        "for",
        "switch",
        "return",
        "sizeof",
        "int",
        "void",
        "char",
        "short",
        "long",
        "float",
        "double",
        "signed",
        "unsigned",
        "__int64",
        "const",
        "volatile",
    ]
)
_PATIENCE = 4
"""How often the whole rest of a range is searched for a closing bracket in vain before only the next declaration's start is."""


def cut(text: str, start: int = 0, end: int | None = None) -> Cut:
    """Cut ``text[start:end]`` into external declarations.

    What is between two chunks is space, comments, directives, stray ``;`` and ``}``, and the ``extern "C" {`` around
    declarations. Every input has a result; a declaration that never ends is ``broken``.
    """
    return Cutter(text, len(text) if end is None else end).run(start)


def cut_one(text: str, start: int, end: int) -> Chunk | None:
    """Return the first declaration of ``text[start:end]``, or None if there is none."""
    chunks = Cutter(text, end).run(start, single=True).chunks
    return chunks[0] if chunks else None


class Cutter:
    """What is cut from a range of text so far. `step` cuts declarations that `USUAL` does not match."""

    def __init__(self, text: str, end: int) -> None:
        self._text = text
        self._end = end
        self.chunks: list[Chunk] = []
        self.tail = -1
        self._failures = 0

    def run(self, position: int, *, single: bool = False) -> Cut:
        """Cut from ``position`` to the end, or until there is one declaration."""
        text, end, chunks = self._text, self._end, self.chunks
        usual, append = USUAL.match, chunks.append
        while position >= 0 and not (single and chunks):
            hit = usual(text, position, end)
            assert hit is not None  # each part of the patterns may be empty
            start = hit.start(1)
            what = hit.lastindex
            if what == 1:
                position = self.step(start)
                continue
            position = hit.end()
            if what in {SIMPLE, WRAPPED}:
                append(Chunk(start, position, "declaration"))
            elif what in {BRACED, INITIALISED}:
                append(Chunk(start, position, "declaration", hit.start(what)))
            elif (name := hit[2]) in NOT_NAMES:
                position = self.step(start)
            elif what == PROTOTYPE:
                append(Chunk(start, position, "declaration", -1, hit.start(2), name))
            else:
                append(Chunk(start, position, "function", hit.start(DEFINITION), hit.start(2), name))
        return Cut(chunks, self.tail)

    def step(self, start: int) -> int:
        """Cut what begins at ``start``, behind all blanks; return where to go on, or -1 at the end of the range."""
        head = _HEAD.match(self._text, start, self._end)
        assert head is not None  # each part of the pattern may be empty
        stop = head.end(1)
        mark = head[2]
        if mark == "{":
            return self._with_braces(start, stop)
        if mark:
            if start != stop:
                self.chunks.append(Chunk(start, stop + 1, "declaration") if mark == ";" else Chunk(start, stop, "broken"))
            return stop + 1
        if start != self._end:
            self._give_up(start, -1, self._end)
        return -1

    def _with_braces(self, start: int, brace: int) -> int:
        """Add the declaration whose first ``{`` is at ``brace``; return where to go on."""
        text, chunks = self._text, self.chunks
        if _LINKAGE.compiled.fullmatch(text, start, brace):
            return brace + 1
        if start == brace and (first := self._old_style()) >= 0:
            named = _OLD_STYLE.compiled.match(text, chunks[first].start)
            start = chunks[first].start
            del chunks[first:]
        elif _depth(text[start:brace]) > 0:
            named = None  # a structure in a parameter list, or a statement expression
        else:
            named = function_name(text, start, brace)
        close = self._close(brace)
        if close < 0:
            return self._resynchronise(start, brace)
        if named is not None:
            chunks.append(Chunk(start, close, "function", brace, named.start(1), named[1]))
            return close
        return self._until_semicolon(start, brace, close)

    def _until_semicolon(self, start: int, brace: int, position: int) -> int:
        """Add the aggregate or initialiser whose first block ended at ``position``."""
        text, end = self._text, self._end
        head = text[start:brace]
        parameters = 0 if "=" in head else min(head.count("("), _PATIENCE)
        opened = _depth(head)
        while True:
            rest = _HEAD.match(text, position, end)
            assert rest is not None
            stop = rest.end(1)
            mark = rest[2]
            opened += _depth(rest[1])
            if mark == ";":
                self.chunks.append(Chunk(start, stop + 1, "declaration", brace))
                return stop + 1
            if mark == "{":
                if "=" not in rest[1] and function_name(text, position, stop) is not None:
                    # the semicolon was forgotten: what follows is the next declaration
                    self.chunks.append(Chunk(start, position, "broken", brace))
                    return position
                close = self._close(stop)
                if close < 0:
                    return self._resynchronise(start, stop)
                if parameters > 0 and opened == 0:
                    # the first block was in the parameter list; the whole head is read again a few times at most
                    parameters -= 1
                    named = function_name(text, start, stop)
                    if named is not None:
                        self.chunks.append(Chunk(start, close, "function", stop, named.start(1), named[1]))
                        return close
                position = close
            elif mark == "}":
                self.chunks.append(Chunk(start, stop, "broken", brace))
                return stop + 1
            else:
                return self._give_up(start, brace, end)

    def _close(self, brace: int) -> int:
        """Return the offset after the bracket that closes the one at ``brace``, or -1."""
        end = self._end
        if self._failures > _PATIENCE and (limit := _RESYNC.compiled.search(self._text, brace, end)):
            end = limit.start()
        return block_end(self._text, brace, end)

    def _resynchronise(self, start: int, brace: int) -> int:
        """Give up the declaration at ``start``; return where the next one seems to start."""
        self._failures += 1
        limit = _RESYNC.compiled.search(self._text, brace, self._end)
        return self._give_up(start, brace, limit.start() if limit else self._end)

    def _give_up(self, start: int, brace: int, end: int) -> int:
        if self.tail < 0:
            self.tail = start
        self.chunks.append(Chunk(start, end, "broken", brace))
        return end

    def _old_style(self) -> int:
        """Return the index of the chunk that starts a K&R definition whose parameters the last chunks declare, or -1."""
        for index in range(len(self.chunks) - 1, -1, -1):
            chunk = self.chunks[index]
            if chunk.kind != "declaration" or chunk.brace >= 0:
                return -1
            if _OLD_STYLE.compiled.match(self._text, chunk.start, chunk.end):
                return index
            if "(" in self._text[chunk.start : chunk.end]:
                return -1
        return -1


def block_end(text: str, brace: int, end: int) -> int:
    """Return the offset after the ``}`` that closes the ``{`` at ``brace``, or -1; nesting may be of any depth."""
    closed = _BLOCK.compiled.match(text, brace, end)
    if closed is not None:
        return closed.end()
    depth = 0
    for token in _BRACE.compiled.finditer(text, brace, end):
        first = text[token.start()]
        if first == "{":
            depth += 1
        elif first == "}":
            depth -= 1
            if depth == 0:
                return token.end()
    return -1


def _depth(text: str) -> int:
    """How many more parentheses are opened in ``text`` than closed."""
    if "(" not in text and ")" not in text:
        return 0
    text = _OPAQUE.sub("", text)
    return text.count("(") - text.count(")")


def function_name(text: str, start: int, brace: int) -> re.Match[str] | None:
    """Match the name (group 1) if ``text[start:brace]`` is the head of a function definition."""
    if text.find("(", start, brace) < 0:
        return None
    named = declared_function(text, start, brace)
    if named is None:
        offset = function_head(text, start, brace)
        named = _NAME.match(text, offset) if offset >= 0 else None
    return named


def declared_function(text: str, start: int, end: int) -> re.Match[str] | None:
    """Match ``text[start:end]`` as nearly all functions are declared: ``attributes type name(parameters) attributes``.

    Group 1 is the name. No match does not mean that it is no function.
    """
    named = _PLAIN_FUNCTION.fullmatch(text, start, end) or _FUNCTION.compiled.fullmatch(text, start, end)
    return named if named is not None and named[1] not in NOT_NAMES else None
