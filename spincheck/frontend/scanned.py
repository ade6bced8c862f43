"""One unit's text as the scanner sees it: functions, names, roles; nothing lowered yet.

Takes the text and a memory of header regions and answers `unit`'s questions: which functions are own, where each is, what a
name means here, which header functions can reach an operation. Built only for a text that is not known as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spincheck.frontend.chunks import Chunk, cut_one
from spincheck.frontend.declarations import read_declaration
from spincheck.frontend.declared import outline
from spincheck.frontend.linemap import LineMap
from spincheck.frontend.meanings import Meanings
from spincheck.frontend.ownership import own_files
from spincheck.frontend.patterns import IDENTIFIER, WORD_CHARACTER
from spincheck.frontend.regions import (
    Region,
    Segment,
    bare_types,
    called_names,
    decode,
    encode,
    lock_annotations,
    read_regions,
    region_key,
    scan_region,
    segments,
)
from spincheck.ir import RoleDeclaration
from spincheck.memory import Memory

_NAME = re.compile(IDENTIFIER)
_INLINE = re.compile(
    rf"(?<!{WORD_CHARACTER})extern\s++(?:{IDENTIFIER}\s++)??(?:__)?inline(?:__)?(?!{WORD_CHARACTER})"
)
"""The head of an inline definition in GNU's sense; another definition of the name is the function that others call."""
_SMALL = 256
"""Characters of a segment that is scanned every time: that is cheaper than asking for it, and half of all segments are one marker."""
_LONGEST = 4_000_000
"""Characters of a function that is read; a longer one is listed as not analysed, for its syntax tree would take gigabytes."""
_TABLE = 4096
"""Characters of an initialiser that is read although it names no function: constants, not tables of data."""


class Definition(NamedTuple):
    """A function definition in the unit's text: ``text[start:end]``, its body from ``brace`` and its name at ``name``."""

    function: str
    start: int
    end: int
    brace: int
    name: int
    own: bool


class Scanned:
    """What one text consists of. ``scanned``/``reused`` count header regions, ``scanned_bytes`` what had to be read for them."""

    def __init__(self, text: str, name: str, roots: Iterable[str], memory: Memory) -> None:
        """Read ``text``; regions that ``memory`` knows are not scanned again, and new ones are put into it."""
        self.text = text
        self.lines = LineMap(text, name)
        self.scanned = self.reused = self.scanned_bytes = 0
        own = own_files(self.lines, roots)
        self.regions = self._read(segments(self.lines, own, len(text)), memory)
        # where a name is first declared: with a thousand own headers, as in a kernel, looking through them for each name is slow
        self._first: dict[str, int] = {}
        for number in range(len(self.regions) - 1, -1, -1):
            self._first.update(dict.fromkeys(self.regions[number][1].names, number))
        self._system = [
            (segment, region) for segment, region in self.regions if not segment.own and region.names
        ]
        self.meanings = Meanings(self._declaration, self._whole)
        self.notes: list[tuple[str, int, str]] = []
        self.functions = self._definitions()
        self.statics = {name for _, region in self.regions for name in region.statics}
        self._opened: dict[str, Definition | None] = {}

    def _read(self, found: list[Segment], memory: Memory) -> list[tuple[Segment, Region]]:
        text = self.text
        # one copy of two megabytes and not two for each header: where offsets are those of the bytes
        part = memoryview(text.encode()).__getitem__ if text.isascii() else text.__getitem__
        keys = {
            segment: region_key(part(slice(segment.start, segment.end)), segment.own)
            for segment in found
            if not segment.main and segment.end - segment.start > _SMALL
        }
        kept = memory.get_many("region", list(dict.fromkeys(keys.values())))

        def fetch(segment: Segment) -> Region:
            key = keys.get(segment)
            if key is not None:
                region = decode(kept.get(key))
                if region is not None:
                    self.reused += 1
                    return region
            region = scan_region(text, segment.start, segment.end, own=segment.own)
            self.scanned_bytes += segment.end - segment.start
            if key is not None:
                self.scanned += 1
                memory.put("region", key, encode(region))
            return region

        return read_regions(text, found, fetch)

    def _definitions(self) -> dict[str, Definition]:
        """Return the own functions by name in the order of the text; of two with one name the last."""
        functions: dict[str, Definition] = {}
        for segment, region in self.regions:
            base = segment.start
            for start, end, brace, name in region.definitions:
                hit = _NAME.match(self.text, base + name)
                if hit is None:
                    continue
                if self._is_type(hit[0]):
                    self.notes.append(
                        (hit[0], base + name, "this is a type: a macro has replaced the function's name")
                    )
                    continue
                inline = _INLINE.search(self.text, base + start, base + name) is not None
                before = functions.get(hit[0])
                if before is not None:
                    if inline:
                        continue  # GNU's inline definition beside the external one
                    if not _INLINE.search(self.text, before.start, before.name):
                        self.notes.append(
                            (hit[0], base + name, "defined more than once; the last definition is read")
                        )
                    del functions[hit[0]]
                if end - start > _LONGEST:
                    self.notes.append((hit[0], base + name, f"longer than {_LONGEST} characters"))
                    continue
                functions[hit[0]] = Definition(
                    hit[0], base + start, base + end, base + brace, base + name, own=True
                )
        self._note_unclosed({definition.name for definition in functions.values()})
        return functions

    def _note_unclosed(self, closed: set[int]) -> None:
        """Note the functions that never end; one that goes on behind an inclusion has ended all the same."""
        for segment, region in self.regions:
            for name in region.unclosed:
                hit = _NAME.match(self.text, segment.start + name)
                if hit is not None and hit.start() not in closed:
                    self.notes.append((hit[0], hit.start(), "its braces do not match"))

    def _is_type(self, name: str) -> bool:
        """Whether ``name`` is first declared by a typedef: then text is no function although it looks like one."""
        number = self._first.get(name)
        if number is None:
            return False
        segment, region = self.regions[number]
        return (
            self.text.startswith("typedef", segment.start + (region.names[name] >> 1))
            and (meaning := self.meanings.name(name)) is not None
            and meaning.kind == "typedef"
        )

    # --- names ---

    def known(self, identifiers: set[str]) -> set[str]:
        """Return those identifiers that are declared somewhere at file scope."""
        return self._first.keys() & identifiers

    def _declaration(self, name: str) -> str | None:
        """Return the text of the first declaration of ``name``, a body left out."""
        chunk = self._first_chunk(name)
        return None if chunk is None else outline(self.text, chunk)

    def _whole(self, name: str) -> str | None:
        """Return the text of the first declaration of ``name`` with all that is in it."""
        chunk = self._first_chunk(name)
        return None if chunk is None else self.text[chunk.start : chunk.end]

    def _first_chunk(self, name: str) -> Chunk | None:
        number = self._first.get(name)
        if number is None:
            return None
        segment, region = self.regions[number]
        return self._chunk(segment, region.names[name])

    def _chunk(self, segment: Segment, place: int) -> Chunk | None:
        end = segment.end
        chunk = cut_one(self.text, segment.start + (place >> 1), end)
        if chunk is not None and chunk.kind == "broken" and chunk.end == end:
            return cut_one(self.text, chunk.start, len(self.text))  # it goes on in the next segment
        return chunk

    def in_system(self, name: str) -> Iterator[Chunk]:
        """Yield the declaration of ``name`` in each system region that has one."""
        for segment, region in self._system:
            place = region.names.get(name)
            chunk = None if place is None else self._chunk(segment, place)
            if chunk is not None:
                yield chunk

    # --- roles and annotations ---

    def roles(self) -> tuple[RoleDeclaration, ...]:
        """Return the role declarations of own text, and those in system headers of functions defined here."""
        candidates: dict[tuple[str, str], None] = {}
        for _, region in self.regions:
            candidates.update(dict.fromkeys(region.roles))
        for name in self.functions:
            for chunk in self.in_system(name):
                if chunk.kind == "declaration":
                    declared = bare_types(read_declaration(outline(self.text, chunk)))
                    candidates.update({pair: None for pair in declared if pair[0] == name})
        found: dict[RoleDeclaration, None] = {}
        for function, role in candidates:
            for name in self.meanings.role_types(role):
                found[RoleDeclaration(function, name)] = None
        return tuple(found)

    def locks(self, system: Iterable[str]) -> tuple[tuple[str, str, str], ...]:
        """Return the lock annotations in own text and on the declarations of the names ``system``."""
        found: dict[tuple[str, str, str], None] = {}
        for _, region in self.regions:
            found.update(dict.fromkeys(region.locks))
        for name in system:
            for chunk in self.in_system(name):
                found.update(
                    dict.fromkeys(
                        lock_annotations(
                            self.text[chunk.start : chunk.brace if chunk.brace >= 0 else chunk.end], name
                        )
                    )
                )
        return tuple(found)

    # --- header functions ---

    def header_function(self, name: str) -> Definition | None:
        """Return the definition of ``name`` in a system region, or None."""
        if name not in self._opened:
            self._opened[name] = self._find_header_function(name)
        return self._opened[name]

    def _find_header_function(self, name: str) -> Definition | None:
        for segment, region in self._system:
            place = region.names.get(name, 0)
            if place & 1:
                chunk = self._chunk(segment, place)
                if chunk is not None and chunk.kind == "function":
                    return Definition(name, chunk.start, chunk.end, chunk.brace, chunk.name, own=False)
        return None

    def reaching(self, called: Iterable[str], operations: frozenset[str]) -> list[Definition]:
        """Return the header functions that ``called`` lead to and that can reach an operation, in the order of the text.

        The calls of a body are read off its tokens, so a function may be opened in vain but none is missed.
        """
        callers: dict[str, list[str]] = {}
        pending = [name for name in called if name not in operations]
        seen: dict[str, Definition] = {}
        reach: list[str] = []
        while pending:
            name = pending.pop()
            if name in seen or name in self.functions:
                continue
            definition = self.header_function(name)
            if definition is None:
                continue
            seen[name] = definition
            callees = called_names(self.text, definition.brace, definition.end)
            if not operations.isdisjoint(callees):
                reach.append(name)
            for callee in callees:
                callers.setdefault(callee, []).append(name)
            pending.extend(callees - operations)
        reaching: set[str] = set()
        while reach:
            name = reach.pop()
            if name not in reaching:
                reaching.add(name)
                reach.extend(callers.get(name, ()))
        return sorted((seen[name] for name in reaching), key=lambda definition: definition.start)

    # --- file scope ---

    def initialisers(self) -> list[tuple[int, int]]:
        """Return the spans of own file-scope declarations with initialisers that matter.

        Those that name a function, and small ones (constants); a table of data says nothing about locks.
        """
        found: list[tuple[int, int]] = []
        for segment, region in self.regions:
            for relative_start, relative_end in region.initialised:
                start, end = relative_start + segment.start, relative_end + segment.start
                if end - start <= _TABLE or self._names_function(start, end):
                    found.append((start, end))
        return found

    def _names_function(self, start: int, end: int) -> bool:
        words = {
            hit[0] for hit in _NAME.finditer(self.text, start, end)
        }  # a list of them would be longer than the text
        for name in sorted(self.known(words)):
            meaning = self.meanings.name(name)
            if meaning is not None and meaning.kind == "function":
                return True
        return False
