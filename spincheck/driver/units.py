"""The unit file: all that the driver step needs of one translation unit, in one file.

Owns the format that ``spincheck unit`` writes and ``spincheck link`` reads. A unit file holds the record, the code of every
function, and for each token ordinal that this code mentions its file, line and column, so that the
driver step needs neither the preprocessed text nor the cache: both may be gone (CacheDir, a clean-up of ``.i`` files, another machine).

It has two parts. The body is a function of the text and the tables alone and is what the cache keeps; the notes
come from the source file on disk (suppression comments, names before macro expansion) and are made anew each time. With both in the file,
a changed suppression comment changes the file and a build system runs the driver step again.

The encoding is MessagePack by msgspec, decoded into fixed types: a hostile unit file can be refused, never run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from spincheck import ir
from spincheck.driver.drafts import UNDECODABLE, Drafts, Macros
from spincheck.driver.inputs import InputError, read_bytes
from spincheck.driver.render import LocatedUnit
from spincheck.driver.select import Spelled
from spincheck.driver.source import Sources, Suppression

UNIT_MAGIC = "spincheck-unit"
UNIT_VERSION = 1
_LARGEST_UNIT = 512 * 1024 * 1024


class Spot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a token is; has the attributes of the front end's locations."""

    file: str
    line: int
    column: int


class PackedFunction(msgspec.Struct, frozen=True, array_like=True):
    """One function: its code, its places as (ordinal, index of file, line, column), and contexts for fingerprints."""

    code: ir.Function
    files: tuple[str, ...]
    places: tuple[tuple[int, int, int, int], ...]
    contexts: dict[int, str]


class UnitBody(msgspec.Struct, frozen=True, array_like=True):
    """What follows from the text and the tables: cached whole. ``drafts`` are the unit's own, in an open world."""

    record: ir.UnitRecord
    functions: dict[str, msgspec.Raw]
    drafts: Drafts
    macros: dict[str, tuple[str, ...]]


class UnitNotes(msgspec.Struct, frozen=True, array_like=True):
    """What the source file on disk says. ``spellings`` are (file, line, operation, macro that the user wrote)."""

    suppressions: tuple[Suppression, ...]
    spellings: tuple[tuple[str, int, str, str], ...]


class UnitFile(msgspec.Struct, frozen=True, array_like=True):
    """The whole file. ``checksum`` is of body and encoded notes: a flipped bit is refused, and never changes a verdict in silence."""

    magic: str
    version: int
    checksum: bytes
    body: bytes
    notes: bytes


_FUNCTION = msgspec.msgpack.Decoder(PackedFunction)
_BODY = msgspec.msgpack.Decoder(UnitBody)
_NOTES = msgspec.msgpack.Decoder(UnitNotes)
_FILE = msgspec.msgpack.Decoder(UnitFile)


class PackedUnit:
    """A unit out of a unit file (or from another process): same questions as a unit just read."""

    def __init__(self, body: UnitBody) -> None:
        self.body = body
        self._functions: dict[str, PackedFunction] = {}
        self._places: dict[str, dict[int, Spot]] = {}

    @property
    def record(self) -> ir.UnitRecord:
        """The unit's record."""
        return self.body.record

    def code(self, name: str) -> ir.Function:
        """Return a function's code; `InputError` when the file is damaged there."""
        return self._function(name).code

    def locate(self, function: str, at: int) -> Spot:
        """Return the place of an ordinal that the function's code mentions, else the nearest one before it."""
        places = self._places.get(function)
        if places is None:
            packed = self._function(function)
            places = {
                at: Spot(packed.files[index], line, column) for at, index, line, column in packed.places
            }
            self._places[function] = places
        spot = places.get(at)
        if spot is None:
            before = [ordinal for ordinal in places if ordinal <= at]
            spot = places[max(before)] if before else places[min(places)]
        return spot

    def context(self, function: str, at: int) -> str:
        """Return the hash of the tokens around ``at``."""
        return self._function(function).contexts.get(at, "")

    def _function(self, name: str) -> PackedFunction:
        packed = self._functions.get(name)
        if packed is None:
            try:
                packed = _FUNCTION.decode(self.body.functions[name])
                if not packed.places or not all(0 <= place[1] < len(packed.files) for place in packed.places):
                    raise InputError(
                        f"{self.record.source}: the unit file is damaged at {name}; make it again"
                    )
            except (*UNDECODABLE, KeyError):
                raise InputError(
                    f"{self.record.source}: the unit file is damaged at {name}; make it again"
                ) from None
            self._functions[name] = packed
        return packed


def pack(unit: LocatedUnit, drafts: Drafts, macros: Macros) -> bytes:
    """Encode a unit's body. Of ``macros`` it keeps what this unit calls."""
    called = sorted({name for header in unit.record.functions for name in header.calls if name in macros})
    functions: dict[str, msgspec.Raw] = {}
    for header in unit.record.functions:
        code = unit.code(header.name)
        files: dict[str, int] = {}
        places = []
        for at in sorted(set(ordinals(header, code))):
            spot = unit.locate(header.name, at)
            places.append((at, files.setdefault(spot.file, len(files)), spot.line, spot.column))
        contexts = {at: unit.context(header.name, at) for at in sorted(set(defect_ordinals(code)))}
        packed = PackedFunction(code, tuple(files), tuple(places), contexts)
        functions[header.name] = msgspec.Raw(msgspec.msgpack.encode(packed))
    return msgspec.msgpack.encode(
        UnitBody(unit.record, functions, drafts, {name: macros[name] for name in called})
    )


def unpack(data: bytes) -> UnitBody | None:
    """Decode a body; None when it is damaged (a cache entry then counts as absent)."""
    try:
        return _BODY.decode(data)
    except UNDECODABLE:
        return None


def notes(body: UnitBody, sources: Sources, suppressions: Sequence[Suppression]) -> UnitNotes:
    """Return what the source files say about one unit; ``suppressions`` are the comments already found in them."""
    unit = PackedUnit(body)
    spellings = set()
    for header in body.record.functions:
        if not header.own or not any(name in body.macros for name in header.calls):
            continue
        for instruction in unit.code(header.name).code:
            if isinstance(instruction, ir.Call) and isinstance(instruction.callee, ir.FunctionName):
                operation = instruction.callee.name
                if operation in body.macros:
                    spot = unit.locate(header.name, instruction.at)
                    written = sources.spelled(spot.file, spot.line, operation, body.macros[operation])
                    if written != operation:
                        spellings.add((spot.file, spot.line, operation, written))
    return UnitNotes(tuple(suppressions), tuple(sorted(spellings)))


def encode_file(body: bytes, extra: UnitNotes) -> bytes:
    """Return the bytes of a unit file."""
    encoded = msgspec.msgpack.encode(extra)
    return msgspec.msgpack.encode(UnitFile(UNIT_MAGIC, UNIT_VERSION, _checksum(body, encoded), body, encoded))


def read_unit_file(path: str) -> tuple[str, UnitBody, UnitNotes]:
    """Read a unit file: hash of its body, the body and the notes. Raises `InputError`."""
    data = read_bytes(path)
    if len(data) > _LARGEST_UNIT:
        raise InputError(f"{path}: larger than any unit file; make it again with spincheck unit")
    try:
        version = _version(data)
        if version is None:
            raise InputError(f"{path}: is no unit file; make one with spincheck unit FILE.i -o {path}")
        if version != UNIT_VERSION:
            raise InputError(
                f"{path}: unit file of version {version}, this spincheck reads {UNIT_VERSION}; make it again"
            )
        whole = _FILE.decode(data)
        if whole.checksum != _checksum(whole.body, whole.notes):
            raise InputError(f"{path}: the unit file is damaged; make it again")
        body = _BODY.decode(whole.body)
        extra = _NOTES.decode(whole.notes)
    except UNDECODABLE:
        raise InputError(
            f"{path}: the unit file is damaged or made by another spincheck; make it again"
        ) from None
    return hashlib.blake2b(whole.body, digest_size=16).hexdigest(), body, extra


def ordinals(header: ir.FunctionHeader, code: ir.Function) -> Iterator[int]:
    """Every ordinal that a finding about this function may mention."""
    yield 0
    for instruction in code.code:
        if not isinstance(instruction, ir.Jump):
            yield instruction.at
    for recovery in (*header.recovered, *code.recovered):
        yield recovery.at
    for reference in header.references:
        yield reference.at


def defect_ordinals(code: ir.Function) -> Iterator[int]:
    """Yield the ordinals where a defect can be: calls, ways out, and text that is not followed."""
    for instruction in code.code:
        if isinstance(instruction, ir.Call | ir.Return | ir.Opaque):
            yield instruction.at


def spelling_lookup(files: Sequence[UnitNotes]) -> Spelled:
    """Return the look-up of spellings in several unit files, called as `Sources.spelled` is."""
    known = {
        (file, line, operation): written
        for extra in files
        for file, line, operation, written in extra.spellings
    }

    def spelled(file: str, line: int, operation: str, _macros: Iterable[str]) -> str:
        return known.get((file, line, operation), operation)

    return spelled


def _checksum(body: bytes, notes_: bytes) -> bytes:
    state = hashlib.blake2b(len(body).to_bytes(8, "little"), digest_size=16)
    state.update(body)
    state.update(notes_)
    return state.digest()


def _version(data: bytes) -> int | None:
    """Return the version that the bytes say, or None when they are no unit file at all."""
    # The first bytes of every version: an array, then the magic, then the version.
    magic = msgspec.msgpack.encode(UNIT_MAGIC)
    if not 0x90 <= (data[0] if data else 0) <= 0x9F or data[1 : 1 + len(magic)] != magic:
        return None
    return data[1 + len(magic)] if len(data) > 1 + len(magic) else -1
