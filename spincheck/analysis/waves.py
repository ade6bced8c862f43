"""The components of a program, summarised by several processes at once.

Owns the order: a component is ready when all that it calls is known, and what is ready goes to whoever is free. Components are handed out in batches, because each costs
little; of a chain of callers no more than one is ready at a time, so the asking process does that one itself. There are no rounds that all wait for: one slow function would hold up all
of its round. What has the longest way to go above it comes first. Who summarises what decides nothing but time: a summary follows from the function and its callees' summaries, and
comes under a key of these.

How long a function takes cannot be told from its text: in real drivers a line takes from 0.05 to 3 ms, and one function in a hundred half of all the time. So help is called by what
the first quarter of a second has shown. And where the others have all processors, the asking process only hands out: while it followed one slow function, nobody would get anything to do.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from spincheck.analysis.keeping import Ledger

FUNCTION = 33
"""What a function costs beside its lines, in lines: work is counted in lines of functions that are followed. 2 ms and 0.06 ms for each line were measured,
for 1,000 small generated files as for 17 files of a real driver."""

DONE = 8_000
REST = 60_000
"""Help is called when so much was not known, and so much may still be to do. A process takes a second to start and to have the program, as
long as 16,000 lines take; the first number tells a new program from one with an edit, whose rest is known."""

LEAST = 5_000
"""A program of less work is never helped with: it takes half a second at most."""

LEARNT = 0.25
"""After so many seconds of processor time what a line costs is taken for known."""

STARTS = 3
"""Help is also called when there may be so many times as long to do, by what was learnt, as a process needs to begin."""

HELPER = 15_000
"""Work for each process that helps."""

BATCH_SECONDS = 0.1
"""Time that a batch should take, by what was learnt: long beside the millisecond that it costs to hand it out."""

HELPERS = 7
"""As many help at most: each has the whole program, which takes 55 kB a file."""

MOST = 4_000
"""Work of one batch."""

SHARES = 6
"""Batches for each process that what is ready makes, so that all are done at about the same time."""


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function's summary, encoded, with what its callers' keys and the program's index need of it."""

    key: str
    digest: str
    quiet: bool
    ledger: Ledger
    summary: bytes


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """A component and its members' summaries, in their order; none when it could not be summarised."""

    number: int
    known: tuple[Known, ...] = ()


class Program(Protocol):
    """The asking process's program; components go by their numbers."""

    def recall(self, number: int) -> bool:
        """Take a component from memory, if it is there; its callees are known."""
        ...

    def identity(self, number: int) -> str:
        """Return the keys of a component that `recall` was asked for."""
        ...

    def compute(self, number: int) -> None:
        """Summarise a component here."""
        ...

    def settled(self, numbers: Sequence[int]) -> list[Settled]:
        """Return what is known of components, for a process that needs it; those that memory has lost are left out."""
        ...

    def accept(self, settled: Settled) -> bool:
        """Take over what another process has made; False when it is of no use."""
        ...

    def watch(self, done: int) -> None:
        """Take note of how many components are known."""
        ...


class Team(Protocol):
    """Other processes that have a program of the same units.

    ``room``: how many processes may work at once, the asking one among them; ``start``: seconds that one of them needs before it can help.
    """

    size: int
    room: int
    start: float

    @property
    def busy(self) -> bool:
        """Whether any batch is not back yet."""
        ...

    def free(self) -> int | None:
        """Return a process that can be given a batch, starting the team if need be; None when each has enough."""
        ...

    def give(self, process: int, numbers: Sequence[int], news: Sequence[Settled]) -> None:
        """Have components summarised by a process that is first told ``news``."""
        ...

    def collect(self, *, wait: bool) -> list[Settled]:
        """Return what has come back; waits for something when told to."""
        ...


def settle(components: Sequence[tuple[int, Sequence[int]]], program: Program, team: Team) -> None:
    """Have all components known to the program. They come as the work that they are and the numbers of those that they call."""
    Settling(components, program, team).run()


class Settling:
    """One program on its way."""

    def __init__(self, components: Sequence[tuple[int, Sequence[int]]], program: Program, team: Team) -> None:
        self._components = components
        self._program = program
        self._team = team
        self._waves = Waves([below for _, below in components])
        self._ahead = _ways(components)
        self._rest = sum(work for work, _ in components)
        self._asked = 0
        self._computed = 0
        self._seconds = 0.0
        self._helped = False
        self._back = False
        self._known: list[int] = []
        self._told = [0] * team.size
        self._waiting: list[tuple[int, int]] = []
        self._twins: dict[str, list[int]] = {}

    def run(self) -> None:
        """Do what is ready until nothing is left."""
        while True:
            self._look_up()
            self._helped = self._helped or self._call_help()
            if self._helped:
                self._hand_out()
            here = bool(self._waiting) and (self._takes_part or not self._team.busy)
            if here:
                self._compute(heapq.heappop(self._waiting)[1])
            elif not self._team.busy:
                return
            for settled in self._team.collect(wait=not here and not self._waves.any_ready):
                self._back = True
                if not self._program.accept(settled):
                    self._compute(settled.number)
                else:
                    self._done(settled.number)

    @property
    def _takes_part(self) -> bool:
        """Whether the asking process summarises, too: the others are not there yet, or leave it a processor."""
        return not self._back or self._team.size < self._team.room

    def _call_help(self) -> bool:
        """Whether there is enough to do for others; then the team becomes as large as that is worth."""
        if self._asked >= DONE and self._rest >= REST:
            wanted = self._rest // HELPER
        elif self._seconds >= LEARNT and self._computed and self._rest * self._cost >= STARTS * self._team.start:
            wanted = int(self._rest * self._cost / self._team.start)
        else:
            return False
        self._team.size = min(self._team.size, max(wanted, 1))
        return True

    @property
    def _cost(self) -> float:
        """Seconds that a line takes, by what this process has summarised."""
        return self._seconds / self._computed if self._computed else 0.0

    def _compute(self, number: int) -> None:
        started = time.process_time()
        self._program.compute(number)
        self._seconds += time.process_time() - started
        self._computed += self._components[number][0]
        self._done(number)

    def _look_up(self) -> None:
        for number in self._waves.ready():
            if self._program.recall(number):
                self._done(number)
                continue
            # A function of a header has one key in all units: what is asked for already will be remembered.
            twins = self._twins.get(self._program.identity(number))
            if twins is not None:
                twins.append(number)
                continue
            self._twins[self._program.identity(number)] = []
            heapq.heappush(self._waiting, (-self._ahead[number], number))
            self._asked += self._components[number][0]

    def _hand_out(self) -> None:
        stays = int(self._takes_part)
        if not stays and len(self._waiting) == 1 and not self._team.busy:
            return  # one of a chain
        work = sum(self._components[number][0] for _, number in self._waiting)
        share = min(work // ((self._team.size + 1) * SHARES) + 1, MOST)
        if self._cost:
            share = min(share, int(BATCH_SECONDS / self._cost))
        while len(self._waiting) > stays and (process := self._team.free()) is not None:
            batch = self._batch(share, stays)
            self._team.give(process, batch, self._program.settled(self._known[self._told[process] :]))
            self._told[process] = len(self._known)

    def _batch(self, work: int, stays: int) -> list[int]:
        """Take components of about so much work, one at least."""
        batch: list[int] = []
        taken = 0
        while len(self._waiting) > stays and (taken < work or not batch):
            number = heapq.heappop(self._waiting)[1]
            batch.append(number)
            taken += self._components[number][0]
        return batch

    def _done(self, number: int) -> None:
        self._known.append(number)
        self._program.watch(len(self._known))
        self._rest -= self._components[number][0]
        self._waves.done(number)
        for twin in self._twins.pop(self._program.identity(number), ()):
            if not self._program.recall(twin):
                self._program.compute(twin)
            self._done(twin)


def _ways(components: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """Return for each component the work of the longest chain of callers that begins with it; callees have lower numbers."""
    ways = [work for work, _ in components]
    for number in range(len(components) - 1, -1, -1):
        for callee in components[number][1]:
            ways[callee] = max(ways[callee], components[callee][0] + ways[number])
    return ways


class Waves:
    """Which components wait for which."""

    def __init__(self, below: Sequence[Sequence[int]]) -> None:
        self._missing = [len(numbers) for numbers in below]
        self._above: list[list[int]] = [[] for _ in below]
        for number, numbers in enumerate(below):
            for callee in numbers:
                self._above[callee].append(number)
        self._ready = [number for number, missing in enumerate(self._missing) if not missing][::-1]

    @property
    def any_ready(self) -> bool:
        """Whether a component has become ready."""
        return bool(self._ready)

    def ready(self) -> Iterator[int]:
        """Yield components that are ready, each once; also those that become so meanwhile."""
        while self._ready:
            yield self._ready.pop()

    def done(self, number: int) -> None:
        """Note that a component is known."""
        for caller in self._above[number]:
            self._missing[caller] -= 1
            if not self._missing[caller]:
                self._ready.append(caller)
