"""A Dask cluster as workers: tasks go to a scheduler, machines come and go.

Owns the use of Dask distributed, which is imported only when ``--dask`` is given. What is handed to Dask is one function of this package, by
name, and bytes. A task whose worker dies is given to another one by the scheduler; only a task that ends several
workers in a row, or a cluster that stays without any worker, ends the run, with the cache holding what was finished.

Summaries of one program are made by `Mates`, each a worker that keeps the program. What a dead one had, or all of them once there is no scheduler any more, the
asking process does by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from spincheck.driver.inputs import InputError
from spincheck.driver.tasks import carry_out
from spincheck.driver.team import Members, TeamSetup, carry_out_anywhere

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 20.0
WORKERLESS_SECONDS = 60.0
"""How long a cluster may be without any worker before the run ends."""

ALONE_SECONDS = 10.0
"""How long a team may be without any worker before the asking process goes on by itself."""

FETCH_SECONDS = 60.0
"""How long a result that is there may take to come. When its worker dies meanwhile, Dask makes it again."""

RETRIES = 3
_COUNT_SECONDS = 5.0
_AHEAD = 3


class Cluster:
    """The workers of the scheduler at ``address``, which is connected to with the first task: a run without news needs no cluster."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Client | None = None

    def _connected(self) -> Client:
        """Return the client; raises `InputError` when there is no scheduler or Dask is not installed."""
        if self._client is not None:
            return self._client
        if ":" not in self._address:  # Dask would look for it for a minute, and end with a traceback
            raise InputError(f"--dask {self._address}: no scheduler can be reached there: name it as HOST:PORT or tcp://HOST:PORT")
        try:
            from distributed import Client  # noqa: PLC0415
        except ImportError:
            raise InputError("--dask needs Dask distributed: pip install 'spincheck[dask]'") from None
        for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, once
        try:
            self._client = Client(self._address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"--dask {self._address}: no scheduler can be reached there: {error}") from None
        return self._client

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; tasks that are not finished are dropped there."""
        if self._client is not None:
            self._client.close(timeout=5)

    def map(self, setup: bytes, tasks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """See `spincheck.driver.workers.Workers.map`."""
        rest = iter(tasks)
        first = next(rest, None)
        if first is None:
            return
        rest = chain([first], rest)
        client = self._connected()
        from distributed import wait  # noqa: PLC0415

        numbers: dict[Future, int] = {}
        # A task, not scattered data: when the worker that holds it dies, Dask makes it again.
        shared = client.submit(_same, setup, pure=False, retries=RETRIES)
        counted = alone = time.monotonic()
        threads = self._threads(client)
        while True:
            for number, task in islice(rest, max(threads * _AHEAD - len(numbers), 1 if not numbers else 0)):
                numbers[client.submit(carry_out, shared, task, pure=False, retries=RETRIES)] = number
            if not numbers:
                return
            try:
                with client.as_current():
                    done = wait(list(numbers), timeout=_COUNT_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            for future in sorted(done, key=numbers.__getitem__):
                yield numbers[future], self._result(future)
                del numbers[future]
            now = time.monotonic()
            if now - counted >= _COUNT_SECONDS:
                counted, threads = now, self._threads(client)
            if threads or done:
                alone = now
            elif now - alone > WORKERLESS_SECONDS:
                raise InputError(
                    f"--dask {self._address}: has had no worker for {WORKERLESS_SECONDS:g} s; start some (dask worker "
                    f"{self._address}) and run again: what was finished is in the cache"
                )

    def team(self, most: int, setup: Callable[[], TeamSetup]) -> Mates:
        """Return at most so many workers that help with one program. Raises `InputError`."""
        client = self._connected()
        return Mates(client, spread(self._counts(client))[:most], setup)

    def _counts(self, client: Client) -> dict[str, int]:
        """Return the workers' addresses, and how many tasks each can carry out at once."""
        try:
            counts: dict[str, int] = client.nthreads()
        except (OSError, TimeoutError) as error:
            raise InputError(f"--dask {self._address}: lost the scheduler: {error}") from None
        return counts

    def _threads(self, client: Client) -> int:
        return sum(self._counts(client).values())

    def _result(self, future: Any) -> bytes:
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415

        try:
            result = future.result()
        except KilledWorker:
            raise InputError(
                f"--dask {self._address}: a task ended several workers in a row, perhaps for lack of memory; their logs say more"
            ) from None
        except (CancelledError, OSError) as error:
            raise InputError(f"--dask {self._address}: lost the scheduler: {error}") from None
        except ImportError as error:
            raise InputError(
                f"--dask {self._address}: a worker has no spincheck ({error}); install the same version on every machine"
            ) from None
        assert isinstance(result, bytes)
        return result


class Mates(Members["Future"]):
    """Workers, by their addresses, as `spincheck.analysis.waves.Team`. ``setup`` is asked for once, with the first batch."""

    def __init__(self, client: Client, addresses: Sequence[str], setup: Callable[[], TeamSetup]) -> None:
        super().__init__(len(addresses), len(addresses) + 1)
        self._client = client
        self._addresses = addresses
        self._make = setup
        self._setup: Any = None

    def _submit(self, process: int, batch: bytes) -> Future:
        if self._setup is None:
            # A task, not scattered data: when the worker that holds it dies, Dask makes it again.
            self._setup = self._client.submit(_same, msgspec.msgpack.encode(self._make()), pure=False, retries=RETRIES)
        # Another worker may have it when this one is gone, and says that it was not told what this one was
        return self._client.submit(
            carry_out_anywhere, self._setup, batch, workers=[self._addresses[process]], allow_other_workers=True, pure=False
        )

    def _finished(self, given: Iterable[Future], *, patient: bool) -> Iterable[Future]:
        from distributed import wait  # noqa: PLC0415

        waiting = list(given)
        alone = time.monotonic()
        while True:
            done = [future for future in waiting if future.done()]
            if done or not patient:
                return done
            with suppress(TimeoutError), self._client.as_current():
                wait(waiting, timeout=_COUNT_SECONDS, return_when="FIRST_COMPLETED")
            if self._anybody():
                alone = time.monotonic()
            elif time.monotonic() - alone > ALONE_SECONDS:
                return waiting

    def _result(self, given: Future) -> bytes | None:
        try:
            result = given.result(timeout=FETCH_SECONDS) if given.done() else None
        except Exception:  # noqa: BLE001 -- whatever it was: who asked does the same work, and then it is told
            return None
        return result if isinstance(result, bytes) else None

    def _anybody(self) -> bool:
        try:
            return bool(self._client.nthreads())
        except (OSError, TimeoutError):
            return False

    def __enter__(self) -> Self:
        """Return the team."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what is still under way."""
        self._client.cancel([*self._given])


def spread(counts: dict[str, int]) -> list[str]:
    """Return the workers' addresses, one of each machine before a second one of any."""
    machines: dict[str, list[str]] = {}
    for address in sorted(counts):
        machines.setdefault(address.rpartition(":")[0], []).append(address)
    return [address for _, _, address in sorted((turn, machine, address) for machine, all_ in machines.items() for turn, address in enumerate(all_))]


def _same(setup: bytes) -> bytes:
    return setup
