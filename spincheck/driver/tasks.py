"""A piece of work as bytes in and bytes out: what runs in a pool process, or on another machine.

Owns the task of reading one text, its result, and what a process that carries tasks out remembers between them. The task also summarises
those functions that no other unit can change. They are few where drivers declare everything with external linkage (one in eleven of 35 sample files);
the rest is summarised by who asks, which takes a third of the time that reading takes. Everything that
crosses is MessagePack decoded into fixed types, so that a result can be refused and never be run, and so that a pool and a cluster are the same
to whoever asks. A task says which program it is for: a worker with other code would give other results, so it declines.

A pool process writes to the cache itself. A worker on another machine cannot (SQLite is not for network file systems), so it hands back
what it would have written, and the asking process writes that.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from spincheck.analysis.program import prepare
from spincheck.cache.keys import Stamped, digest, stamp
from spincheck.cache.recent import Recent
from spincheck.diagnostics import Coverage
from spincheck.driver.basis import Basis
from spincheck.driver.drafts import Drafts
from spincheck.driver.inputs import InputError
from spincheck.driver.read import ReadUnit
from spincheck.driver.recipe import Recipe
from spincheck.driver.source import Suppression
from spincheck.driver.units import pack
from spincheck.frontend.unit import Settings, read_unit
from spincheck.locks.tables import Tables, UserTables, load
from spincheck.memory import Memory, Shelf

PROCESS_BYTES = 48 * 1024 * 1024
"""What a process without a cache remembers: header regions above all, 0.5 to 2 MB for each different set of headers."""

NO_DRAFTS = Drafts((), Coverage(0, 0, 0, 0), (), 0)


class Setup(msgspec.Struct, frozen=True, array_like=True):
    """What all tasks of a run share. ``cache`` is a path that the process may open, or None; ``program`` is `program()` of who asks."""

    program: str
    roots: tuple[str, ...]
    families: tuple[str, ...]
    user: UserTables | None
    cache: str | None


class ReadTask(msgspec.Struct, frozen=True, array_like=True):
    """Read one unit, unless its text's identity is ``known``: then who asks has it already."""

    recipe: Recipe
    known: str = ""


class ReadResult(msgspec.Struct, frozen=True, array_like=True):
    """What came of a text.

    ``identity`` is that of `Input`. ``body`` is the unit as in a unit file, empty where it was known. ``kept`` is what the cache should get.
    ``error`` is why there is no text, for the user. ``basis`` is what a text was made of that a compile command made.
    """

    identity: str = ""
    comments: tuple[Suppression, ...] = ()
    body: bytes = b""
    scanned: int = 0
    reused: int = 0
    kept: tuple[tuple[Shelf, str, bytes], ...] = ()
    error: str = ""
    basis: Basis | None = None


_PROGRAM = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw])
_SETUP = msgspec.msgpack.Decoder(Setup)
_TASK = msgspec.msgpack.Decoder(ReadTask)
RESULT = msgspec.msgpack.Decoder(ReadResult)


def program() -> str:
    """Return the identity of the code that results depend on."""
    return digest(*(stamp(shelf) for shelf in ("region", "unit", "function", "summary", "outcome")))


class _Recorder:
    """A memory that also notes what is put into it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.kept: dict[tuple[Shelf, str], bytes] = {}

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """See `Memory.get`."""
        return self._memory.get(shelf, key)

    def get_many(self, shelf: Shelf, keys: Iterable[str]) -> Mapping[str, bytes]:
        """See `Memory.get_many`."""
        return self._memory.get_many(shelf, keys)

    def put(self, shelf: Shelf, key: str, value: bytes) -> None:
        """See `Memory.put`."""
        self.kept[shelf, key] = value
        self._memory.put(shelf, key, value)


_one_at_a_time = threading.Lock()
"""The front end is for one thread; a worker with several preprocesses in all of them and reads in one."""

_remembered = Recent(PROCESS_BYTES)


@functools.lru_cache(maxsize=4)
def _prepared(setup: bytes) -> tuple[Setup, Settings, Tables]:
    decoded = _SETUP.decode(setup)
    with _memory(decoded.cache) as (memory, _):
        tables = load(decoded.families, decoded.user, memory)
    return decoded, Settings(operations=tables.all_names, roots=decoded.roots), tables


def carry_out(setup: bytes, task: bytes) -> bytes:
    """Carry out a `ReadTask`; return a `ReadResult`. Raises nothing that a text can cause."""
    if _PROGRAM.decode(setup)[0] != program():
        return msgspec.msgpack.encode(
            ReadResult(error="a worker runs another spincheck than this one; install the same version on every machine")
        )
    with _one_at_a_time:
        shared, settings, tables = _prepared(setup)
    try:
        return msgspec.msgpack.encode(_read(_TASK.decode(task), settings, tables, shared.cache))
    except InputError as error:
        return msgspec.msgpack.encode(ReadResult(error=str(error)))


def _read(task: ReadTask, settings: Settings, tables: Tables, cache: str | None) -> ReadResult:
    text = task.recipe.load()
    identity, comments = text.identity, text.comments
    if identity == task.known:
        return ReadResult(identity, comments, basis=text.basis)
    with _one_at_a_time, _memory(cache) as (memory, recorder):
        unit = read_unit(text.text, name=text.name, settings=settings, memory=memory, identity=text.identity)
        module = ReadUnit(unit)
        body = pack(module, NO_DRAFTS, {})
        prepare(module, tables, memory)
    kept = tuple((shelf, key, value) for (shelf, key), value in recorder.kept.items()) if recorder is not None else ()
    return ReadResult(identity, comments, body, unit.stats.regions_scanned, unit.stats.regions_reused, kept, basis=text.basis)


@contextmanager
def _memory(cache: str | None) -> Iterator[tuple[Memory, _Recorder | None]]:
    """Yield the process's memory; entries go to the cache after each unit, because nobody tells a process that it is the last."""
    if cache is None:
        recorder = _Recorder(Stamped(_remembered))
        yield recorder, recorder
        return
    from spincheck.cache.store import store_of_process  # noqa: PLC0415 -- a run without a cache does not load SQLite

    store = store_of_process(cache)
    yield Stamped(store), None
    store.flush()
