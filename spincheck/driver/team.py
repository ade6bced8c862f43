"""Processes that help to summarise one program: of this machine, or of a cluster.

Owns `Members`, the account of who was given what, `Team`, the processes of this machine behind `spincheck.analysis.waves`, and what runs in either kind. Each keeps a program
of the same units for as long as the step lasts, so a batch needs only numbers and what the others have summarised since the last one. They start when the first batch is given: a
small driver starts none. Everything that crosses is MessagePack decoded into fixed types.

A pool that hands tasks to whoever is free, as for reading, would not do: a batch counts on what its process has been told before. A batch says how much that is, and a
process that was told less makes nothing of it. Whatever goes wrong with a process (it dies, has no memory, is of another version), what it was given comes back
as not made, it is given nothing more, and who asked does the work again: a summary follows from the program, so this costs time and nothing else.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

import msgspec

from spincheck.analysis.program import Helper
from spincheck.analysis.waves import Settled
from spincheck.cache.keys import digest
from spincheck.cache.recent import RUN_BYTES, Recent
from spincheck.driver.garbage import THRESHOLDS
from spincheck.driver.inputs import InputError
from spincheck.driver.settings import Knowledge
from spincheck.driver.tasks import program
from spincheck.driver.units import PackedUnit, read_unit_file, unpack
from spincheck.locks.tables import UserTables, load

BATCHES = 2
"""Batches that a process has at a time, so that it is not idle while it is waited for."""

SPARE = 10
"""By how much processes are nicer that take only what nobody else wants of the processors."""

START = 1.0
START_WARM = 0.3
"""Seconds of processor time until a process has a program: a new one, and one that has read units before."""

_PROGRAMS = 2
"""Programs that a worker of a cluster keeps."""

Given = TypeVar("Given")
"""What stands for a batch that is under way."""


class TeamSetup(msgspec.Struct, frozen=True, array_like=True):
    """What a process needs to have the same program: unit files by their paths, or the bodies of units themselves, in the asking process's order.

    ``nice``: how much lower the process's priority is.
    """

    program: str
    families: tuple[str, ...]
    user: UserTables | None
    world: Literal["open", "closed"]
    files: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = ()
    nice: int = 0


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Components to summarise, and what to learn before: ``news``, after ``since`` others that came with earlier batches."""

    numbers: tuple[int, ...]
    news: tuple[Settled, ...]
    since: int = 0


_ENCODE = msgspec.msgpack.Encoder().encode
_SETUP = msgspec.msgpack.Decoder(TeamSetup)
_BATCH = msgspec.msgpack.Decoder(Batch)
_RESULT = msgspec.msgpack.Decoder(tuple[Settled, ...])


def setup(knowledge: Knowledge, units: Sequence[PackedUnit], files: Sequence[str], nice: int = 0) -> TeamSetup:
    """Return what processes need for a driver step; the bodies of the units where they are in no ``files``."""
    bodies = () if files else tuple(_ENCODE(unit.body) for unit in units)
    return TeamSetup(program(), knowledge.families, knowledge.config.user, "closed", tuple(files), bodies, nice)


class Members(ABC, Generic[Given]):
    """``size`` processes, see `spincheck.analysis.waves.Team`: who was given what, was told what, and is of use."""

    def __init__(self, size: int, room: int, start: float = START) -> None:
        self.size = size
        self.room = room
        self.start = start
        self._given: dict[Given, tuple[int, tuple[int, ...]]] = {}
        self._loads = [0] * size
        self._told = [0] * size
        self._gone: set[int] = set()

    @property
    def busy(self) -> bool:
        """See `spincheck.analysis.waves.Team`."""
        return bool(self._given)

    def free(self) -> int | None:
        """See `spincheck.analysis.waves.Team`."""
        left = [process for process in range(self.size) if process not in self._gone]
        process = min(left, key=self._loads.__getitem__, default=None)
        return process if process is not None and self._loads[process] < BATCHES else None

    def give(self, process: int, numbers: Sequence[int], news: Sequence[Settled]) -> None:
        """See `spincheck.analysis.waves.Team`."""
        batch = Batch(tuple(numbers), tuple(news), self._told[process])
        self._told[process] += len(news)
        self._given[self._submit(process, _ENCODE(batch))] = process, batch.numbers
        self._loads[process] += 1

    def collect(self, *, wait: bool) -> list[Settled]:
        """See `spincheck.analysis.waves.Team`."""
        if not self._given:
            return []
        found: list[Settled] = []
        for given in sorted(self._finished(self._given, patient=wait), key=self._given.__getitem__):
            process, numbers = self._given.pop(given)
            self._loads[process] -= 1
            result = self._result(given)
            made = () if result is None else _RESULT.decode(result)
            if not any(one.known for one in made):
                self._gone.add(process)
                made = tuple(Settled(number) for number in numbers)
            found += made
        return found

    @abstractmethod
    def _submit(self, process: int, batch: bytes) -> Given:
        """Have a process carry a batch out. Raises nothing."""

    @abstractmethod
    def _finished(self, given: Iterable[Given], *, patient: bool) -> Iterable[Given]:
        """Return which batches are back, at least one if ``patient``."""

    @abstractmethod
    def _result(self, given: Given) -> bytes | None:
        """Return the result of a batch, None when it was not carried out. Raises nothing."""


def start_process() -> ProcessPoolExecutor:
    """Return a process of this machine that does one thing after the other; it starts with the first."""
    # "spawn", because a forked child would inherit the parent's SQLite connection, and because Windows has nothing else.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


class Team(Members["Future[bytes]"]):
    """``size`` processes of this machine, which has ``room`` processors for the work. ``setup`` is asked for once, when they begin.

    ``started`` are processes that have done other work, and are not ended here.
    """

    def __init__(self, size: int, room: int, setup: Callable[[], TeamSetup], started: Sequence[ProcessPoolExecutor] = ()) -> None:
        super().__init__(size, room, START_WARM if started else START)
        self._setup = setup
        self._started = started
        self._processes: list[ProcessPoolExecutor] = []

    def _submit(self, process: int, batch: bytes) -> Future[bytes]:
        try:
            if not self._processes:
                self._start()
            return self._processes[process].submit(carry_out, batch)
        except (OSError, RuntimeError) as error:  # it has ended, or cannot be started
            future: Future[bytes] = Future()
            future.set_exception(error)
            return future

    def _finished(self, given: Iterable[Future[bytes]], *, patient: bool) -> Iterable[Future[bytes]]:
        return wait(given, timeout=None if patient else 0, return_when=FIRST_COMPLETED).done

    def _result(self, given: Future[bytes]) -> bytes | None:
        return given.result() if given.exception() is None else None

    def _start(self) -> None:
        setup = _ENCODE(self._setup())
        self._processes = [*self._started[: self.size]]
        self._processes += [start_process() for _ in range(self.size - len(self._processes))]
        for process in self._processes:
            process.submit(begin, setup)

    def __enter__(self) -> Self:
        """Return the team."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        for process in self._processes[len(self._started) :]:
            process.shutdown(wait=error is None, cancel_futures=True)


class _Member:
    """A program in this process, if it could be made, and how much it was told. Thread-safe."""

    def __init__(self, setup: bytes) -> None:
        self._lock = threading.Lock()
        self._told = 0
        self._helper = _helper(setup)

    def carry_out(self, batch: Batch) -> tuple[Settled, ...]:
        with self._lock:
            if self._helper is None or batch.since > self._told:
                return tuple(Settled(number) for number in batch.numbers)
            self._helper.learn(batch.news[self._told - batch.since :])
            self._told = max(self._told, batch.since + len(batch.news))
            return tuple(self._helper.settle(number) for number in batch.numbers)


def _helper(setup: bytes) -> Helper | None:
    shared = _SETUP.decode(setup)
    if shared.program != program():
        return None
    try:
        bodies = [unpack(body) for body in shared.bodies] if shared.bodies else [read_unit_file(path)[1] for path in shared.files]
    except InputError:
        return None
    memory = Recent(RUN_BYTES)
    tables = load(shared.families, shared.user, memory)
    return Helper([PackedUnit(body) for body in bodies if body is not None], shared.world, tables, memory)


_members: OrderedDict[str, _Member] = OrderedDict()
"""The programs of this process, under "" that of a member of a `Team`."""

_making = threading.Lock()


def begin(setup: bytes) -> None:
    """Make the program in a process of a `Team`. What cannot be read makes none: then each batch comes back empty."""
    gc.set_threshold(*THRESHOLDS)
    nice = _SETUP.decode(setup).nice
    if nice and hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(nice)
    _members[""] = _Member(setup)


def carry_out(batch: bytes) -> bytes:
    """Summarise the components of a `Batch` in a process of a `Team`; return a tuple of `Settled`."""
    return _ENCODE(_members[""].carry_out(_BATCH.decode(batch)))


def carry_out_anywhere(setup: bytes, batch: bytes) -> bytes:
    """Do as `carry_out`, in a process that may have other programs, or none."""
    name = digest(setup)
    with _making:
        member = _members.pop(name, None) or _Member(setup)
        _members[name] = member
        while len(_members) > _PROGRAMS:
            _members.popitem(last=False)
    return _ENCODE(member.carry_out(_BATCH.decode(batch)))
