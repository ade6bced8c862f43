"""One translation unit: preprocessed text in, an `ir.UnitRecord` with the code of its functions out.

Owns what is remembered of a text and under which key. Three shelves, each cheaper than the next: a text that is known
as a whole costs its hash; one whose headers are known costs its own declarations; a function whose tokens, and the meaning of whose
names, are known is not parsed again. `Unit.code` is read when it is asked for, so a check that finds its verdicts in the cache decodes
no function at all. Whatever memory has lost or damaged is made anew; a value from it is believed only after it is decoded by type.

Places stay ordinals until somebody prints one: `Unit.locate` cuts and tokenises that one declaration in today's text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b, sha256

import msgspec

from spincheck import ir
from spincheck.frontend.chunks import cut_one
from spincheck.frontend.linemap import LineMap, Location
from spincheck.frontend.lower import Lowered, LoweringError, lower_function, lower_initialisers
from spincheck.frontend.meanings import LONG
from spincheck.frontend.names import Name
from spincheck.frontend.scanned import Definition, Scanned
from spincheck.frontend.tokens import Token, tokenise
from spincheck.memory import Memory

_BUILTIN_PREFIXES = ("__builtin_", "__sync_", "__atomic_")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Settings:
    """What the caller wants of a unit.

    ``operations`` are the functions that are known by name: they are never opened, and a header's function is opened only if it can
    reach one of them. ``roots`` are the directories whose files are the project's own; none: see `ownership`.
    """

    operations: frozenset[str]
    roots: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> bytes:
        """Hash of everything that changes what a unit is."""
        parts = [*sorted(self.operations), "", *self.roots]
        return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass
class Stats:
    """What reading a unit cost: header regions and functions read and reused, and characters scanned."""

    regions_scanned: int = 0
    regions_reused: int = 0
    functions_parsed: int = 0
    functions_reused: int = 0
    bytes_scanned: int = 0


class _Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the shelf ``function`` keeps: the facts for the header, and the code, which is decoded only when asked for.

    ``reason`` is why the function could not be read, or "".
    """

    calls: tuple[str, ...]
    through: tuple[str, ...]
    references: tuple[ir.Reference, ...]
    recovered: tuple[ir.Recovery, ...]
    reason: str
    code: msgspec.Raw


_ENCODE = msgspec.msgpack.Encoder().encode
_KEPT = msgspec.msgpack.Decoder(_Kept)
_FUNCTION = msgspec.msgpack.Decoder(ir.Function)
_RECORD = msgspec.msgpack.Decoder(ir.UnitRecord)


@dataclass
class _Piece:
    """A function, or the file-scope initialisers, on its way through `_Reader`."""

    name: str
    chunks: Sequence[tuple[int, int]]
    definition: Definition | None
    tokens: list[list[Token]]
    texts: list[str]
    key: str = ""
    names: dict[str, Name] = field(default_factory=dict)
    kept: _Kept | None = None


class Unit:
    """A translation unit as the analysis sees it."""

    def __init__(self, text: str, name: str, settings: Settings, memory: Memory, identity: str) -> None:
        """Use `read_unit`."""
        self._text = text
        self._identity = identity
        self._name = name
        self._settings = settings
        self._memory = memory
        self._code: dict[str, bytes | msgspec.Raw] = {}
        self._reader: _Reader | None = None
        self._lines: LineMap | None = None
        self._tokens: dict[str, list[Token]] = {}
        self.stats = Stats()
        self.record = self._read()
        self._headers = {header.name: header for header in self.record.functions}

    def _read(self) -> ir.UnitRecord:
        digest = sha256(self._settings.digest)
        if self._identity:
            digest.update(f"identity {self._identity}".encode("utf-8", "surrogatepass"))
        else:
            if not self._text.startswith(("# ", "#line ")):
                digest.update(self._name.encode("utf-8", "surrogatepass"))
            digest.update(self._text.encode("utf-8", "surrogatepass"))
        key = digest.hexdigest()[:32]
        value = self._memory.get("unit", key)
        if value is not None:
            try:
                record = _RECORD.decode(value)
            except (msgspec.DecodeError, msgspec.ValidationError):
                pass
            else:
                self.stats.functions_reused = len(record.functions)
                return record
        record = self._scan().record()
        self._memory.put("unit", key, _ENCODE(record))
        return record

    def _scan(self) -> _Reader:
        if self._reader is None:
            self._reader = _Reader(self._text, self._name, self._settings, self._memory, self.stats)
            self._code.update(
                {piece.name: piece.kept.code for piece in self._reader.pieces if piece.kept is not None}
            )
        return self._reader

    def code(self, name: str) -> ir.Function:
        """Return the code of the function ``name`` of the record; KeyError for a name that is not in it."""
        header = self._headers[name]
        value = self._code.get(name)
        if value is None:
            kept = _decode(self._memory.get("function", header.key))
            value = kept.code if kept is not None else None
        if value is not None:
            try:
                function = _FUNCTION.decode(value)
            except (msgspec.DecodeError, msgspec.ValidationError):
                pass
            else:
                self._code[name] = value
                return function
        return self._scan().lower_again(name)

    def locate(self, function: str, at: int) -> Location:
        """Return the place of token ``at`` of ``function`` in the text as it is now."""
        tokens = self._tokens_of(function)
        return self._line_map().locate(tokens[min(max(at, 0), len(tokens) - 1)][1] if tokens else 0)

    def spell(self, function: str, at: int) -> str:
        """Return the spelling of token ``at`` of ``function``, or "" if it has none."""
        tokens = self._tokens_of(function)
        return tokens[at][0] if 0 <= at < len(tokens) else ""

    def _line_map(self) -> LineMap:
        if self._lines is None:
            self._lines = (
                self._reader.scanned.lines if self._reader is not None else LineMap(self._text, self._name)
            )
        return self._lines

    def _tokens_of(self, function: str) -> list[Token]:
        """Return the function's tokens with their offsets in the unit's text."""
        tokens = self._tokens.get(function)
        if tokens is None:
            tokens = []
            for start, end in self._chunks_of(function):
                tokens.extend(
                    (spelling, start + offset) for spelling, offset in tokenise(self._text[start:end])
                )
            self._tokens[function] = tokens
        return tokens

    def _chunks_of(self, function: str) -> Sequence[tuple[int, int]]:
        header = self._headers[function]
        if function != ir.FILE_SCOPE and self._reader is None:
            chunk = cut_one(self._text, header.start, len(self._text))
            if (
                chunk is not None and chunk.kind == "function"
            ):  # a K&R definition is known as one only with its context
                return [(chunk.start, chunk.end)]
        return self._scan().piece(function).chunks


def read_unit(text: str, *, name: str, settings: Settings, memory: Memory, identity: str = "") -> Unit:
    """Read the preprocessed ``text`` of one translation unit; every text has a result.

    ``name`` names the main file where no line marker does. ``identity`` is a hash of the text, and of the name where that matters, if the caller has one:
    hashing two megabytes again would be a twentieth of the work. The text of a file is best decoded as UTF-8 with ``surrogateescape``: a byte
    that is not UTF-8 is read as the character of that number in Latin-1, so that columns and legacy comments stay right.
    """
    if not text.isascii():
        text = _SURROGATE.sub(lambda hit: chr(ord(hit[0]) & 0xFF), text)
    return Unit(text, name, settings, memory, identity)


class _Reader:
    """Reads a text that is not known as a whole."""

    def __init__(self, text: str, name: str, settings: Settings, memory: Memory, stats: Stats) -> None:
        self.scanned = Scanned(text, name, settings.roots, memory)
        stats.regions_scanned += self.scanned.scanned
        stats.regions_reused += self.scanned.reused
        stats.bytes_scanned += self.scanned.scanned_bytes
        self._text = text
        self._settings = settings
        self._memory = memory
        self._stats = stats
        self._meanings: dict[str, tuple[Name, str]] = {}
        own = [
            definition
            for name, definition in self.scanned.functions.items()
            if name not in settings.operations
        ]
        pieces = [self._piece(definition) for definition in own]
        initialised = self.scanned.initialisers()
        if initialised:
            pieces.append(self._tokenised(ir.FILE_SCOPE, initialised, None))
        self._lower(pieces)
        leads: dict[str, None] = {}
        for piece in pieces:
            assert piece.kept is not None
            leads.update(dict.fromkeys(piece.kept.calls))
            leads.update(dict.fromkeys(reference.function for reference in piece.kept.references))
        headers = [
            self._piece(definition) for definition in self.scanned.reaching(leads, settings.operations)
        ]
        self._lower(headers)
        self.pieces = pieces + headers
        self._by_name = {piece.name: piece for piece in self.pieces}

    def piece(self, name: str) -> _Piece:
        return self._by_name[name]

    def lower_again(self, name: str) -> ir.Function:
        """Lower a function whose kept code is lost."""
        piece = self._by_name[name]
        piece.kept = None
        self._parse(piece)
        assert piece.kept is not None  # _parse sets it
        return _FUNCTION.decode(piece.kept.code)

    def _piece(self, definition: Definition) -> _Piece:
        return self._tokenised(definition.function, [(definition.start, definition.end)], definition)

    def _tokenised(self, name: str, spans: list[tuple[int, int]], definition: Definition | None) -> _Piece:
        tokens = [tokenise(self._text[start:end]) for start, end in spans]
        return _Piece(name, spans, definition, tokens, [token[0] for chunk in tokens for token in chunk])

    def _lower(self, pieces: list[_Piece]) -> None:
        """Give each piece its key and what is kept under it, from memory or by parsing."""
        words = [set(piece.texts) for piece in pieces]
        known = self.scanned.known(set().union(*words))
        if any(LONG in group for group in words) and self.scanned.meanings.long != "32":
            known.add(LONG)
        for name in sorted(known - self._meanings.keys()):
            meaning = self.scanned.meanings.name(name)
            if meaning is not None:
                self._meanings[name] = meaning, f"{name}\0{meaning.kind}\0{meaning.type}\0{meaning.value}"
        for piece, group in zip(pieces, words, strict=True):
            used = sorted(group & self._meanings.keys())
            piece.names = {name: self._meanings[name][0] for name in used}
            # Apart, so that whoever explains a change can tell which of the two it was
            piece.key = _digest(*piece.texts) + _digest(*(self._meanings[name][1] for name in used))
        kept = self._memory.get_many("function", [piece.key for piece in pieces])
        for piece in pieces:
            piece.kept = _decode(kept.get(piece.key))
            if piece.kept is None:
                self._parse(piece)
            else:
                self._stats.functions_reused += 1

    def _parse(self, piece: _Piece) -> None:
        self._stats.functions_parsed += 1
        try:
            lowered = (
                lower_initialisers(piece.tokens, piece.names)
                if piece.definition is None
                else lower_function(piece.tokens[0], piece.names)
            )
        except LoweringError as error:
            piece.kept = _unread(piece.name, str(error))
        except RecursionError:
            piece.kept = _unread(piece.name, "nested too deeply")
        else:
            piece.kept = _keep(lowered)
        self._memory.put("function", piece.key, _ENCODE(piece.kept))

    def record(self) -> ir.UnitRecord:
        """Return what the unit says."""
        scanned = self.scanned
        headers: list[ir.FunctionHeader] = []
        unanalysed: list[ir.Unanalysed] = []
        called: set[str] = set()
        for piece in self.pieces:
            kept = piece.kept
            assert kept is not None  # _lower gave each piece one
            called.update(kept.calls)
            header = self._header(piece, kept)
            if kept.reason:
                unanalysed.append(ir.Unanalysed(piece.name, header.file, header.line, kept.reason))
            else:
                headers.append(header)
        for name, offset, reason in scanned.notes:
            place = scanned.lines.locate(offset)
            unanalysed.append(ir.Unanalysed(name, place.file, place.line, reason))
        defined = {piece.name for piece in self.pieces}
        system = tuple(name for name in sorted(called - defined) if self._is_system(name))
        return ir.UnitRecord(
            source=scanned.lines.files[0],
            functions=tuple(headers),
            roles=scanned.roles(),
            system=system,
            declared_locks=scanned.locks(system),
            unanalysed=tuple(unanalysed),
        )

    def _is_system(self, name: str) -> bool:
        if name.startswith(_BUILTIN_PREFIXES) or (
            name in self._settings.operations and name in self.scanned.functions
        ):
            return True
        return any(True for _ in self.scanned.in_system(name))

    def _header(self, piece: _Piece, kept: _Kept) -> ir.FunctionHeader:
        definition = piece.definition
        start = piece.chunks[0][0]
        end = piece.chunks[-1][1] if definition is None else definition.end
        place = self.scanned.lines.locate(start if definition is None else definition.name)
        first, last = self.scanned.lines.locate(start), self.scanned.lines.locate(end - 1)
        head = piece.texts.index("{") if definition is not None else 0
        return ir.FunctionHeader(
            name=piece.name,
            static=definition is None
            or "static" in piece.texts[:head]
            or (definition.own and piece.name in self.scanned.statics),
            key=piece.key,
            start=start,
            file=place.file,
            line=place.line,
            lines=max(last.line - first.line, 0) + 1
            if definition is not None and first.file == last.file
            else 1,
            own=definition is None or definition.own,
            calls=kept.calls,
            through=kept.through,
            references=tuple(self._named(reference) for reference in kept.references),
            recovered=kept.recovered,
        )

    def _named(self, reference: ir.Reference) -> ir.Reference:
        """Say which member an initialiser's position is, for a structure whose declaration is here."""
        if reference.slot != "field" or reference.where[:1] != "#" or not reference.object:
            return reference
        members = self.scanned.meanings.members(reference.object)
        position = int(reference.where[1:])
        return msgspec.structs.replace(reference, member=members[position]) if position < len(members) else reference


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _keep(lowered: Lowered) -> _Kept:
    function = lowered.function
    return _Kept(lowered.calls, lowered.through, lowered.references, function.recovered, "", msgspec.Raw(_ENCODE(function)))


def _unread(name: str, reason: str) -> _Kept:
    nothing = ir.Function(name, (), (), "", ())
    return _Kept((), (), (), (), reason or "cannot be read", msgspec.Raw(_ENCODE(nothing)))


def _decode(value: bytes | None) -> _Kept | None:
    if value is None:
        return None
    try:
        return _KEPT.decode(value)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
