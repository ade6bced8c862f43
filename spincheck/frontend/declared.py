"""The names that declarations declare.

Text in, names out. `declared_names` answers for one declaration that `chunks` has cut; `names_of_headers` for all of a stretch of system text, of which
nothing else is wanted. That is most of a text that is new (ten thousand declarations in two megabytes), so there the engine goes from one
usual declaration to the next and Python only writes the name down; what `chunks` would make of the others, it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from spincheck.frontend.chunks import (
    BRACED,
    DEFINITION,
    INITIALISED,
    NOT_NAMES,
    PROTOTYPE,
    SIMPLE,
    USUAL,
    WRAPPED,
    Chunk,
    Cutter,
    block_end,
    declared_function,
)
from spincheck.frontend.declarations import read_declaration
from spincheck.frontend.patterns import BLANK, IDENTIFIER, LETTER, WORD_CHARACTER, Late, bracketed

_PARENTHESIS = bracketed("(", ")", 4)
_COMMA_NAMES = Late(rf"({IDENTIFIER}){BLANK}(?>\[[^\[\]]*+\]\s*+)*+[,;]")
_WRAPPED_NAME = Late(
    rf"\({BLANK}(?>{IDENTIFIER}\s++(?={LETTER}|\*))*+\**+{BLANK}({IDENTIFIER}){BLANK}\)\s*+\("
)
_ATTRIBUTED = Late(
    rf"(?>{IDENTIFIER}(?!\s*+__attribute__)|(?!{LETTER})[^(])*+({IDENTIFIER})\s*+__attribute__\s*+{_PARENTHESIS}\s*+;"
)
_INITIALISED = Late(rf"({IDENTIFIER})\s*+(?>\[[^\[\]]*+\]\s*+)*+=\s*+\Z")
_BLOCK = Late(bracketed("{", "}", 7))
_ENUM = Late(rf"(?<!{WORD_CHARACTER})enum(?!{WORD_CHARACTER})[^;{{}}()=]*+\{{([^{{}}]*+)\}}")
_ENUMERATOR = Late(rf"(?:\A|,){BLANK}({IDENTIFIER})")
_TAGS = ("struct", "union", "enum")
_TAG = Late(rf"(?:struct|union|enum)\s++{IDENTIFIER}\s*+;")
"""A declaration of a tag only: the type's name, which comes later, is often the same word."""
_NAMED = (PROTOTYPE, DEFINITION)
_BRACES = (BRACED, INITIALISED)
_BROKEN = 1000
"""Characters of a broken declaration that are looked at for names."""


Places = dict[str, int]
"""Where each name is declared first: twice the offset of the declaration, plus one if that defines a function."""


def names_of_chunks(text: str, start: int, chunks: Iterable[Chunk]) -> Places:
    """Return the names that declarations declare, with offsets from ``start``."""
    names: Places = {}
    bodies: Places = {}
    _add(text, start, chunks, names, bodies)
    return _united(text, start, names, bodies)


def names_of_headers(text: str, start: int, end: int) -> tuple[Places, int]:
    """Return what `names_of_chunks` would of ``cut(text, start, end)``, and that cut's tail."""
    cutter = Cutter(text, end)
    names: Places = {}
    bodies: Places = {}
    # Those that a definition in the style of K&R may still take as its head and parameters
    pending = cutter.chunks
    comma_names, is_tag, search = _COMMA_NAMES.compiled.findall, _TAG.compiled.match, USUAL.finditer
    position = start
    while position >= 0:
        begin = position
        for hit in search(text, position, end):
            begin = hit.start(1)
            what = hit.lastindex
            if what == SIMPLE:
                if pending:
                    pending.append(Chunk(begin, hit.end(), "declaration"))
                elif not (text.startswith(_TAGS, begin) and is_tag(text, begin)):
                    place = (begin - start) * 2
                    for name in comma_names(text, begin, hit.end()):
                        names.setdefault(name, place)
                continue
            if (
                what == 1
                or (what == WRAPPED and not text.startswith("typedef", begin))
                or (what in _NAMED and hit[2] in NOT_NAMES)
            ):
                break
            if pending:
                _add(text, start, pending, names, bodies)
                pending.clear()
            place = (begin - start) * 2
            if what == DEFINITION:
                bodies[hit[2]] = place + 1
                continue
            if what in _BRACES and text.find("enum", begin, hit.end(what)) >= 0:
                for name in _enumerators(text[begin : hit.end()]):
                    names.setdefault(name, place)
            if what == BRACED:
                for name in comma_names(text, hit.end(BRACED), hit.end()):
                    names.setdefault(name, place)
            else:
                names.setdefault(hit[WRAPPED if what == WRAPPED else 2], place)
        position = cutter.step(begin)
    _add(text, start, pending, names, bodies)
    return _united(text, start, names, bodies), cutter.tail


def _add(text: str, start: int, chunks: Iterable[Chunk], names: Places, bodies: Places) -> None:
    for chunk in chunks:
        if chunk.kind == "function":
            bodies[chunk.function] = (chunk.start - start) * 2 + 1
        else:
            place = (chunk.start - start) * 2
            for name in declared_names(text, chunk):
                names.setdefault(name, place)


def _united(text: str, start: int, names: Places, bodies: Places) -> Places:
    for name, place in bodies.items():
        before = names.get(name)
        if before is None or not text.startswith("typedef", start + (before >> 1)):
            names[name] = place  # the name of a type is no function's
    return names


def outline(text: str, chunk: Chunk) -> str:
    """Return a declaration without what says nothing about the names it declares.

    That are bodies, the parameters of a plain function, the fields of a structure that holds no enumeration, the values of a table, and
    all but the beginning of broken text: the largest parts of a text, and the only ones without a natural bound.
    """
    start, end, kind, brace, name, function = chunk
    if function:
        return f"{text[start:name]}{function}();"
    if kind == "broken":
        return text[start : min(end, start + _BROKEN)]
    if brace < 0:
        return text[start:end]
    if text.find("=", start, brace) < 0 and text.find("enum", start, end) >= 0:
        return text[start:end]
    return f"{text[start:brace]}{{}}{text[block_end(text, brace, end) : end]}"


def declared_names(text: str, chunk: Chunk) -> list[str]:
    """Return the names that a declaration may declare: all that it does, and perhaps some that it only mentions."""
    start, end, kind, brace, _, function = chunk
    if function:
        return [function]
    if kind == "broken":
        return [declarator.name for declarator in read_declaration(outline(text, chunk)).declarators]
    declaration = text[start:end]
    if brace < 0:
        if "(" not in declaration:
            if declaration.startswith(_TAGS) and _TAG.compiled.match(declaration):
                return []
            if "=" not in declaration:
                return _COMMA_NAMES.compiled.findall(declaration)
        else:
            hit = declared_function(text, start, end - 1)
            if hit is not None:
                return [hit[1]]
            if declaration.startswith("typedef"):
                hit = _WRAPPED_NAME.compiled.search(declaration) or _ATTRIBUTED.compiled.fullmatch(declaration)
                if hit is not None:
                    return [hit[1]]
        return [declarator.name for declarator in read_declaration(outline(text, chunk)).declarators]
    found = _enumerators(declaration)
    block = _BLOCK.compiled.match(declaration, brace - start)
    if block is not None:
        head, rest = declaration[: brace - start], declaration[block.end() :]
        if "=" not in rest and "(" not in rest:
            if "=" not in head:
                return found + _COMMA_NAMES.compiled.findall(rest)
            hit = _INITIALISED.compiled.search(head)
            if hit is not None and rest.strip() == ";":
                return [hit[1]]
    return found + [declarator.name for declarator in read_declaration(outline(text, chunk)).declarators]


def _enumerators(declaration: str) -> list[str]:
    if "enum" not in declaration:
        return []
    return [name for body in _ENUM.compiled.findall(declaration) for name in _ENUMERATOR.compiled.findall(body)]
