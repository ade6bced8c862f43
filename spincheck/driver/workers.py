"""Who carries tasks out: this process, a pool of processes, or a Dask cluster.

Owns the three ways, which differ in where a task runs and in nothing that it returns. Results come in any order, each with the number of its
task. Few tasks are under way at a time, so a run of 100,000 files holds neither all their texts nor all
their results at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from spincheck.analysis.waves import Team
from spincheck.driver.inputs import InputError
from spincheck.driver.tasks import carry_out
from spincheck.driver.team import TeamSetup, start_process

AHEAD = 2
"""Tasks that a process has at a time, so that it is not idle while its next task is made."""


POOL_TASKS = 12
"""Fewer tasks are done sooner in the asking process. A 2 MB unit takes 0.12 s there; a process takes 0.3 s to start and reads the headers for itself
again, so two of them have done 16 units with 3.6 s of processor time in place of 2.2 s."""


class Workers(Protocol):
    """Whoever carries out tasks."""

    def map(self, setup: bytes, tasks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Yield each task's number and result, in any order. Raises `InputError` when a task can be carried out nowhere."""
        ...


@runtime_checkable
class Cluster(Workers, Protocol):
    """Workers of other machines, which can also help with one program."""

    def team(self, most: int, setup: Callable[[], TeamSetup]) -> AbstractContextManager[Team]:
        """Return at most so many of them. Raises `InputError`."""
        ...


class Here:
    """The asking process, one task after the other."""

    def map(self, setup: bytes, tasks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """See `Workers.map`."""
        for number, task in tasks:
            yield number, carry_out(setup, task)


class Pool:
    """Several processes on this machine, which start with the first tasks and end with the pool.

    ``members`` are those that have started, each a pool of one: who helps with one program (`spincheck.driver.team`) counts on what its process knows.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self.members: list[ProcessPoolExecutor] = []

    def map(self, setup: bytes, tasks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """See `Workers.map`."""
        rest = iter(tasks)
        few = list(islice(rest, POOL_TASKS))
        if len(few) < POOL_TASKS:
            yield from Here().map(setup, few)
            return
        rest = chain(few, rest)
        self.members = self.members or [start_process() for _ in range(self._processes)]
        loads = [0] * self._processes
        given: dict[Future[bytes], tuple[int, int]] = {}
        try:
            while True:
                for number, task in islice(rest, self._processes * AHEAD - len(given)):
                    process = min(range(self._processes), key=loads.__getitem__)
                    given[self.members[process].submit(carry_out, setup, task)] = number, process
                    loads[process] += 1
                if not given:
                    return
                for done in wait(given, return_when=FIRST_COMPLETED).done:
                    number, process = given.pop(done)
                    loads[process] -= 1
                    yield number, done.result()
        except BrokenProcessPool:
            raise InputError(
                "a process of the pool was ended from outside, perhaps for lack of memory; try again with fewer --jobs"
            ) from None
        finally:
            for future in given:
                future.cancel()

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the processes."""
        for member in self.members:
            member.shutdown(wait=error is None, cancel_futures=True)


def workers(jobs: int, dask: str) -> AbstractContextManager[Workers]:
    """Return the workers of the Dask scheduler at an address, or ``jobs`` processes. Raises `InputError`."""
    if dask:
        from spincheck.driver.cluster import Cluster as Dask  # noqa: PLC0415 -- Dask takes a second to import

        return Dask(dask)
    return Pool(jobs) if jobs > 1 else nullcontext(Here())
