"""From texts to units that can locate their tokens, in this process or in several.

Owns the adapter between the front end's unit and what rendering asks (`LocatedUnit`), and the process pool that reads the
units of a large run. A unit from another process comes back packed as in a unit file: same questions, same answers, so the
number of jobs cannot change a result. Only reading is spread: it is nearly all of a cold run's time, and the
analysis needs all units at once.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import msgspec

from spincheck.cache.keys import Stamped, digest
from spincheck.diagnostics import Coverage
from spincheck.driver.drafts import Drafts
from spincheck.driver.inputs import Input, processors
from spincheck.driver.render import LocatedUnit, Place
from spincheck.driver.units import PackedUnit, pack, unpack
from spincheck.frontend.unit import Settings, Unit, read_unit
from spincheck.ir import Function, UnitRecord
from spincheck.memory import Memory, NoMemory

CONTEXT = 3
"""Tokens on either side of a defect that its fingerprint depends on."""

POOL_FILES = 4
POOL_BYTES = 6_000_000
"""Below this many files, or bytes of text, starting processes costs more than it saves (0.25 s each against about 0.2 s per 2 MB unit)."""

NO_DRAFTS = Drafts((), Coverage(0, 0, 0, 0), (), 0)


class ReadUnit:
    """A unit just read by the front end."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def record(self) -> UnitRecord:
        """See `LocatedUnit.record`."""
        return self._unit.record

    def code(self, name: str) -> Function:
        """See `LocatedUnit.code`."""
        return self._unit.code(name)

    def locate(self, function: str, at: int) -> Place:
        """See `LocatedUnit.locate`."""
        return self._unit.locate(function, at)

    def context(self, function: str, at: int) -> str:
        """See `LocatedUnit.context`."""
        return digest(
            *(self._unit.spell(function, index) for index in range(max(at - CONTEXT, 0), at + CONTEXT + 1))
        )[:16]


class Reading(msgspec.Struct, frozen=True):
    """Units in the order of their inputs, and how many header regions were scanned and reused for them."""

    units: tuple[LocatedUnit, ...]
    regions_scanned: int
    regions_reused: int


def read(
    inputs: Sequence[Input], settings: Settings, memory: Memory, *, jobs: int, cache: str | None
) -> Reading:
    """Read every input. ``jobs`` 0 means as many as there are processors; ``cache`` is the path that ``memory`` keeps its entries at."""
    jobs = min(jobs or processors(), len(inputs))
    if jobs > 1 and len(inputs) >= POOL_FILES and sum(one.size for one in inputs) >= POOL_BYTES:
        return _read_in_pool(inputs, settings, jobs, cache)
    units: list[LocatedUnit] = []
    scanned = reused = 0
    for one in inputs:
        unit = read_unit(one.text, name=one.name, settings=settings, memory=memory)
        scanned += unit.stats.regions_scanned
        reused += unit.stats.regions_reused
        units.append(ReadUnit(unit))
    return Reading(tuple(units), scanned, reused)


def _read_in_pool(inputs: Sequence[Input], settings: Settings, jobs: int, cache: str | None) -> Reading:
    # "spawn", because a forked child would inherit the parent's SQLite connection.
    context = multiprocessing.get_context("spawn")
    units: list[LocatedUnit] = []
    scanned = reused = 0
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        tasks = [(one.name, one.data, settings.operations, settings.roots, cache) for one in inputs]
        for body, unit_scanned, unit_reused in pool.map(_read_packed, tasks):
            decoded = unpack(body)
            assert decoded is not None
            units.append(PackedUnit(decoded))
            scanned += unit_scanned
            reused += unit_reused
    return Reading(tuple(units), scanned, reused)


def _read_packed(
    task: tuple[str, bytes, frozenset[str], tuple[str, ...], str | None],
) -> tuple[bytes, int, int]:
    name, data, operations, roots, cache = task
    one = Input(name, data)
    with _pool_memory(cache) as memory:
        unit = read_unit(
            one.text, name=name, settings=Settings(operations=operations, roots=roots), memory=Stamped(memory)
        )
        body = pack(ReadUnit(unit), NO_DRAFTS, {})
    return body, unit.stats.regions_scanned, unit.stats.regions_reused


_without_cache = NoMemory()


@contextmanager
def _pool_memory(cache: str | None) -> Iterator[Memory]:
    """Yield the memory of a pool process; its entries are written after each unit, because nobody tells a process that it is the last."""
    if cache is None:
        yield _without_cache
        return
    from spincheck.cache.store import store_of_process  # noqa: PLC0415 -- a run without a cache does not load SQLite

    store = store_of_process(cache)
    yield store
    store.flush()
