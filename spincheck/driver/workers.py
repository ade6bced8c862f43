"""Who carries tasks out: this process, a pool of processes, or a Dask cluster.

Owns the three ways, which differ in where a task runs and in nothing that it returns. Results come in any order, each with the number of its
task. Few tasks are under way at a time, so a run of 100,000 files holds neither all their texts nor all
their results at once.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from typing import Protocol, runtime_checkable

from spincheck.analysis.waves import Team
from spincheck.driver.inputs import InputError
from spincheck.driver.tasks import carry_out
from spincheck.driver.team import TeamSetup

AHEAD = 3
"""Tasks waiting for each process, so that none is idle while its next task is made."""


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
    """Several processes on this machine."""

    def __init__(self, processes: int) -> None:
        self._processes = processes

    def map(self, setup: bytes, tasks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """See `Workers.map`."""
        rest = iter(tasks)
        few = list(islice(rest, POOL_TASKS))
        if len(few) < POOL_TASKS:
            yield from Here().map(setup, few)
            return
        rest = chain(few, rest)
        # "spawn", because a forked child would inherit the parent's SQLite connection, and because Windows has nothing else.
        context = multiprocessing.get_context("spawn")
        numbers: dict[Future[bytes], int] = {}
        with ProcessPoolExecutor(self._processes, mp_context=context) as pool:
            try:
                while True:
                    for number, task in islice(rest, self._processes * AHEAD - len(numbers)):
                        numbers[pool.submit(carry_out, setup, task)] = number
                    if not numbers:
                        return
                    for done in wait(numbers, return_when=FIRST_COMPLETED).done:
                        yield numbers.pop(done), done.result()
            except BrokenProcessPool:
                raise InputError(
                    "a process of the pool was ended from outside, perhaps for lack of memory; try again with fewer --jobs"
                ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def workers(jobs: int, dask: str) -> AbstractContextManager[Workers]:
    """Return the workers of the Dask scheduler at an address, or ``jobs`` processes. Raises `InputError`."""
    if dask:
        from spincheck.driver.cluster import Cluster as Dask  # noqa: PLC0415 -- Dask takes a second to import

        return Dask(dask)
    return nullcontext(Pool(jobs) if jobs > 1 else Here())
