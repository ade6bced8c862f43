"""Processes of this machine that help to summarise one program.

Owns `Team`, the processes behind `spincheck.analysis.waves`, and what runs in them. Each keeps a program of the same units for as long as the
step lasts, so a batch needs only numbers and what the others have summarised since the last one. They start when the first batch is given: a small driver
starts none. Everything that crosses is MessagePack decoded into fixed types. A process that dies takes its batches with it, and who asked does them again.

A pool that hands tasks to whoever is free, as for reading, would not do: a batch counts on what its process has been told before.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from types import TracebackType
from typing import Literal, Self

import msgspec

from spincheck.analysis.program import Helper
from spincheck.analysis.waves import Settled
from spincheck.cache.recent import RUN_BYTES, Recent
from spincheck.driver.garbage import THRESHOLDS
from spincheck.driver.inputs import InputError
from spincheck.driver.settings import Knowledge
from spincheck.driver.tasks import program
from spincheck.driver.units import PackedUnit, read_unit_file, unpack
from spincheck.locks.tables import UserTables, load

BATCHES = 2
"""Batches that a process has at a time, so that it is not idle while it is waited for."""


class TeamSetup(msgspec.Struct, frozen=True, array_like=True):
    """What a process needs to have the same program: unit files by their paths, or the bodies of units themselves, in the asking process's order."""

    program: str
    families: tuple[str, ...]
    user: UserTables | None
    world: Literal["open", "closed"]
    files: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = ()


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Components to summarise, and what to learn before."""

    numbers: tuple[int, ...]
    news: tuple[Settled, ...]


_GONE = (OSError, RuntimeError)
"""What concurrent.futures raises for a process that was ended from outside, or could not be started."""

_ENCODE = msgspec.msgpack.Encoder().encode
_SETUP = msgspec.msgpack.Decoder(TeamSetup)
_BATCH = msgspec.msgpack.Decoder(Batch)
_RESULT = msgspec.msgpack.Decoder(tuple[Settled, ...])

_helper: list[Helper] = []
"""The program of this process, if it is one of a team and could make it."""


def setup(knowledge: Knowledge, units: Sequence[PackedUnit], files: Sequence[str]) -> TeamSetup:
    """Return what processes need for a driver step; the bodies of the units where they are in no ``files``."""
    bodies = () if files else tuple(_ENCODE(unit.body) for unit in units)
    return TeamSetup(program(), knowledge.families, knowledge.config.user, "closed", tuple(files), bodies)


class Team:
    """``size`` processes. ``setup`` is asked for once, when they start."""

    def __init__(self, size: int, setup: Callable[[], TeamSetup]) -> None:
        self.size = size
        self._setup = setup
        self._processes: list[ProcessPoolExecutor] = []
        self._given: dict[Future[bytes], tuple[int, tuple[int, ...]]] = {}
        self._loads = [0] * size
        self._broken = False

    @property
    def busy(self) -> bool:
        """See `spincheck.analysis.waves.Team`."""
        return bool(self._given)

    def free(self) -> int | None:
        """See `spincheck.analysis.waves.Team`."""
        if self._broken:
            return None
        if not self._processes:
            self._start()
        process = min(range(self.size), key=self._loads.__getitem__)
        return process if self._loads[process] < BATCHES else None

    def give(self, process: int, numbers: Sequence[int], news: Sequence[Settled]) -> None:
        """See `spincheck.analysis.waves.Team`."""
        batch = _ENCODE(Batch(tuple(numbers), tuple(news)))
        try:
            future = self._processes[process].submit(carry_out, batch)
        except _GONE as error:
            future = Future()
            future.set_exception(error)
        self._given[future] = process, tuple(numbers)
        self._loads[process] += 1

    def collect(self, *, wait: bool) -> list[Settled]:
        """See `spincheck.analysis.waves.Team`."""
        if not self._given:
            return []
        found: list[Settled] = []
        for future in sorted(_finished(self._given, patient=wait), key=self._given.__getitem__):
            process, numbers = self._given.pop(future)
            self._loads[process] -= 1
            error = future.exception()
            if error is None:
                found += _RESULT.decode(future.result())
            elif isinstance(error, _GONE):
                self._broken = True
                found += [Settled(number) for number in numbers]
            else:
                raise error
        return found

    def _start(self) -> None:
        # "spawn", because a forked child would inherit the parent's SQLite connection, and because Windows has nothing else.
        context = multiprocessing.get_context("spawn")
        setup = _ENCODE(self._setup())
        self._processes = [
            ProcessPoolExecutor(1, mp_context=context, initializer=begin, initargs=(setup,)) for _ in range(self.size)
        ]

    def __enter__(self) -> Self:
        """Return the team."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for process in self._processes:
            process.shutdown(wait=error is None, cancel_futures=True)


def _finished(given: dict[Future[bytes], tuple[int, tuple[int, ...]]], *, patient: bool) -> set[Future[bytes]]:
    return wait(given, timeout=None if patient else 0, return_when=FIRST_COMPLETED).done


def begin(setup: bytes) -> None:
    """Make the program in this process. What cannot be read makes none: then each batch comes back empty."""
    gc.set_threshold(*THRESHOLDS)
    shared = _SETUP.decode(setup)
    if shared.program != program():
        return
    try:
        bodies = [unpack(body) for body in shared.bodies] if shared.bodies else [read_unit_file(path)[1] for path in shared.files]
    except InputError:
        return
    memory = Recent(RUN_BYTES)
    tables = load(shared.families, shared.user, memory)
    _helper.append(Helper([PackedUnit(body) for body in bodies if body is not None], shared.world, tables, memory))


def carry_out(batch: bytes) -> bytes:
    """Summarise the components of a `Batch`; return a tuple of `Settled`."""
    work = _BATCH.decode(batch)
    if not _helper:
        return _ENCODE(tuple(Settled(number) for number in work.numbers))
    _helper[0].learn(work.news)
    return _ENCODE(tuple(_helper[0].settle(number) for number in work.numbers))
