"""The stretches of a unit's text between changes of ownership, and what each of them contributes.

A segment is a run of text that is all system headers' (what one ``#include`` in an own file brings in) or all one own
file's. What a segment says, its `Region`, depends on its text alone, so it is kept under the text's hash and read back by the
next unit that includes the same header. The main file is the one segment that is not kept: it is what changes.

A region holds no meanings, only where each name is declared (an offset into the segment). The text is at hand anyway, since its hash
was just compared; so a type or an enumerator is worked out from its declaration when somebody asks, by `meanings`, and
what a region costs to keep, to load and to make is a dictionary of names. For the same reason the calls of inline functions are not
kept: they are read from the bodies that the unit's own functions reach.

A declaration that starts in one segment and ends in a later one (an ``#include`` between braces) is the first one's; the
later ones begin after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import msgspec

from spincheck.frontend.chunks import Chunk, cut, cut_one, declared_function, function_name
from spincheck.frontend.declarations import Declaration, read_declaration
from spincheck.frontend.declared import declared_names, names_of_chunks, names_of_headers, outline
from spincheck.frontend.linemap import LineMap
from spincheck.frontend.patterns import IDENTIFIER, WORD_CHARACTER, Late, bracketed


class Segment(NamedTuple):
    """``text[start:end]`` is all own (one file's) or all system text; ``main`` is the main file's."""

    start: int
    end: int
    own: bool
    main: bool


class Definition(NamedTuple):
    """A function definition ``text[start:end]`` with its body from ``brace`` and its name at ``name``."""

    start: int
    end: int
    brace: int
    name: int


class Region(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one segment contributes; all offsets count from the segment's start.

    ``names`` maps each declared name to twice the offset of its declaration, plus one if that defines a function. ``tail`` is where
    a declaration starts that the segment does not finish, or -1. The rest is for own text only: ``definitions``, ``roles`` as
    (name, type, offset) of each declaration ``T name;`` with a bare type name, ``initialised`` as the spans of file-scope
    declarations with an initialiser, ``locks`` as (function, attribute, argument) of lock annotations, ``statics`` as the names that a
    declaration without a body gives internal linkage (``static EVT_WDF_DPC MyDpc;``), which the definition need not repeat, ``unclosed`` as
    the places of the names of functions whose braces do not match.
    """

    names: dict[str, int]
    tail: int = -1
    definitions: tuple[tuple[int, int, int, int], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    initialised: tuple[tuple[int, int], ...] = ()
    locks: tuple[tuple[str, str, str], ...] = ()
    statics: tuple[str, ...] = ()
    unclosed: tuple[int, ...] = ()


_DECODER = msgspec.msgpack.Decoder(Region)
_ENCODER = msgspec.msgpack.Encoder()

_LOCK_WORD = (
    rf"_[A-Z]{WORD_CHARACTER}*_|(?:try_)?(?:acquire|release|requires)_(?:shared_|generic_)?capability"
)
_PARENTHESIS = bracketed("(", ")", 4)
_CONDITIONAL = Late(rf"_When_\s*+{_PARENTHESIS}")
_LOCK = Late(rf"(?<!{WORD_CHARACTER})({_LOCK_WORD})\s*+\(((?>[^()]++|{_PARENTHESIS})*+)\)")
_STATIC = re.compile(rf"(?<!{WORD_CHARACTER})static(?!{WORD_CHARACTER})")
_FUNCTION_CLASS = re.compile(rf"_Function_class_\W{{1,8}}+({IDENTIFIER})")
_CALLED = re.compile(rf"({IDENTIFIER})\s*+\(")
_VAIN = 8
"""How often the end of a declaration that runs on into other segments is looked for in vain; more are broken text. One that is found is read once."""


def segments(lines: LineMap, own: Sequence[bool], length: int) -> list[Segment]:
    """Cut a text of ``length`` characters where its owner changes; the segments cover it in order."""
    found: list[Segment] = []
    start = 0
    owner = 0  # the file, or -1 for system text
    owners = [number if is_own else -1 for number, is_own in enumerate(own)]
    for begin, file in zip(lines.begins, lines.owners, strict=True):
        now = owners[file]
        if now != owner:
            if begin > start:
                found.append(Segment(start, begin, owner >= 0, owner == 0))
            start = begin
            owner = now
    if length > start:
        found.append(Segment(start, length, owner >= 0, owner == 0))
    return found


def region_key(text: str | memoryview, own: bool) -> str:
    """Return the key under which the region of ``text``, or of the text that these bytes encode, is kept."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    digest = sha256(b"own region\0" if own else b"system region\0")
    digest.update(data)
    return digest.hexdigest()[:32]


def encode(region: Region) -> bytes:
    """Return what is kept for ``region``."""
    return _ENCODER.encode(region)


def decode(value: bytes | None) -> Region | None:
    """Return the region that ``encode`` gave ``value`` for; None for a damaged value."""
    return None if value is None else _decoded(value)


@lru_cache(maxsize=8)
def _decoded(value: bytes) -> Region | None:
    """Decode; the same large header is in most files of a driver, and nobody changes a region."""
    try:
        return _DECODER.decode(value)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def scan_region(text: str, start: int, end: int, *, own: bool) -> Region:
    """Read what ``text[start:end]`` contributes, seen by itself."""
    if not own:
        names, tail = names_of_headers(text, start, end)
        return Region(names, tail - start if tail >= 0 else -1)
    chunks, tail = cut(text, start, end)
    names = names_of_chunks(text, start, chunks)
    return Region(names, tail - start if tail >= 0 else -1, *_own_part(text, chunks, start))


_OwnPart = tuple[
    tuple[tuple[int, int, int, int], ...],
    tuple[tuple[str, str], ...],
    tuple[tuple[int, int], ...],
    tuple[tuple[str, str, str], ...],
    tuple[str, ...],
    tuple[int, ...],
]


def _own_part(text: str, chunks: Sequence[Chunk], start: int) -> _OwnPart:
    definitions: list[tuple[int, int, int, int]] = []
    roles: dict[tuple[str, str], None] = {}
    initialised: list[tuple[int, int]] = []
    locks: dict[tuple[str, str, str], None] = {}
    statics: dict[str, None] = {}
    unclosed: list[int] = []
    for chunk in chunks:
        if chunk.kind == "broken":
            named = function_name(text, chunk.start, chunk.brace) if chunk.brace >= 0 else None
            if named is not None:
                unclosed.append(named.start(1) - start)
            continue
        head = text[chunk.start : chunk.brace if chunk.kind == "function" else chunk.end]
        if chunk.kind == "function":
            definitions.append(
                (chunk.start - start, chunk.end - start, chunk.brace - start, chunk.name - start)
            )
        elif _STATIC.search(head):
            statics.update(dict.fromkeys(declared_names(text, chunk)))
        name = chunk.function
        if not name:
            plain = declared_function(text, chunk.start, chunk.end - 1) if chunk.brace < 0 else None
            if plain is not None:
                name = plain[1]
            else:
                declaration = read_declaration(outline(text, chunk))
                roles.update(dict.fromkeys(bare_types(declaration)))
                if "typedef" not in declaration.storage and any(
                    d.initialised for d in declaration.declarators
                ):
                    initialised.append((chunk.start - start, chunk.end - start))
                functions = [d.name for d in declaration.declarators if d.shape[:1] == ("function",)]
                name = functions[0] if functions else ""
        if name and not head.startswith("typedef"):
            for role in _FUNCTION_CLASS.findall(head):
                roles[name, role] = None
            locks.update(dict.fromkeys(lock_annotations(head, name)))
    return tuple(definitions), tuple(roles), tuple(initialised), tuple(locks), tuple(statics), tuple(unclosed)


def bare_types(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Yield (name, type) for each name that is declared with nothing but a type's name: ``EVT_WDF_DPC MyDpc;``."""
    if declaration.base.kind == "name" and "typedef" not in declaration.storage:
        for declarator in declaration.declarators:
            if not declarator.shape and not declarator.initialised:
                yield declarator.name, declaration.base.text


def lock_annotations(head: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (function, attribute, argument) for each unconditional lock annotation in a declaration's text."""
    if "lock" not in head and "capability" not in head:
        return
    for attribute, argument in _LOCK.compiled.findall(_CONDITIONAL.compiled.sub("", head)):
        if "lock" in attribute or "capability" in attribute:
            yield name, attribute, " ".join(argument.split())


def called_names(text: str, start: int, end: int) -> set[str]:
    """Return the identifiers before a parenthesis in ``text[start:end]``: what a body may call, and more."""
    return set(_CALLED.findall(text, start, end))


def read_regions(
    text: str, found: Sequence[Segment], fetch: Callable[[Segment], Region]
) -> list[tuple[Segment, Region]]:
    """Return each segment with its region; segments that a declaration of an earlier one covers start after it or are left out."""
    result: list[tuple[Segment, Region]] = []
    covered = 0
    vain = 0
    for given in found:
        if given.end <= covered:
            continue
        segment = given._replace(start=max(given.start, covered))
        region = fetch(segment)
        if region.tail >= 0 and segment.end < len(text) and vain < _VAIN:
            chunk = cut_one(text, segment.start + region.tail, len(text))
            if chunk is not None and chunk.kind != "broken" and chunk.end > segment.end:
                covered = chunk.end
                if segment.own:
                    region = _with_chunk(text, segment, region, chunk)
            else:
                vain += 1
        result.append((segment, region))
    return result


def _with_chunk(text: str, segment: Segment, region: Region, chunk: Chunk) -> Region:
    """Add a declaration that runs on into later segments to the region it starts in."""
    definitions, roles, initialised, locks, statics, _ = _own_part(text, [chunk], segment.start)
    names = dict(region.names)
    for name in declared_names(text, chunk):
        names[name] = (chunk.start - segment.start) * 2 + (chunk.kind == "function")
    return Region(
        names,
        region.tail,
        region.definitions + definitions,
        region.roles + roles,
        region.initialised + initialised,
        region.locks + locks,
        region.statics + statics,
        region.unclosed,
    )
