"""The commands about the cache and the history in it: log, and cache stats, verify, gc, push, pull and clear.

Owns finding the database without making one: asking about a cache that is not there is an answer, not a reason to create it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from spincheck.builds import Build
from spincheck.cache import history, shared, upkeep
from spincheck.cache.opening import FAULTS, DamagedError, UnusableError, connect
from spincheck.cache.store import BUSY_SECONDS, Store, limit_from_environment
from spincheck.cli.errors import say
from spincheck.driver.inputs import InputError
from spincheck.driver.settings import default_cache
from spincheck.report import buildlog


def log(cache: str | None, last: int, format_name: str) -> int:
    """Run ``spincheck log``."""
    with _opened(cache) as connection:
        builds = history.builds(connection, last) if connection is not None else []
    sys.stdout.write(buildlog.render_log(builds, format_name))
    return 0


def recent(cache: str, last: int) -> tuple[Build, ...]:
    """Return the newest builds; none when the cache cannot be read, since a page without its history is still a page."""
    try:
        with _opened(cache) as connection:
            return tuple(history.builds(connection, last)) if connection is not None else ()
    except InputError:
        return ()


def stats(cache: str | None) -> int:
    """Run ``spincheck cache stats``."""
    with _opened(cache) as connection:
        if connection is None:
            return _none(cache)
        found = upkeep.stats(connection)
    print(f"{_path(cache)}: {_megabytes(found.bytes)}, {found.builds} builds in {found.steps} steps")
    for shelf in found.shelves:
        print(f"{shelf.shelf:<9} {shelf.entries:>8} entries  {_megabytes(shelf.bytes):>10}")
    return 0


def verify(cache: str | None, *, repair: bool) -> int:
    """Run ``spincheck cache verify``: status 1 when there is damage."""
    try:
        with _opened(cache, damage_is_error=False) as connection:
            if connection is None:
                return _none(cache)
            found = upkeep.verify(connection, remove=repair)
            number = sum(shelf.entries for shelf in upkeep.stats(connection).shelves) if not found else 0
    except DamagedError as error:
        found = [str(error)]
    for line in found:
        print(f"{_path(cache)}: {line}")
    if not found:
        print(f"{_path(cache)}: {number} entries, no damage")
    return int(bool(found))


def collect(cache: str | None, limit: int | None) -> int:
    """Run ``spincheck cache gc``."""
    with _opened(cache) as connection:
        if connection is None:
            return _none(cache)
        bound = limit * 1_000_000 if limit is not None else limit_from_environment()
        deleted = upkeep.collect(connection, bound) if upkeep.stats(connection).bytes > bound else 0
        size = upkeep.stats(connection).bytes
    print(f"{_path(cache)}: {deleted} entries deleted, {_megabytes(size)} left")
    return 0


def push(cache: str | None, place: str) -> int:
    """Run ``spincheck cache push``."""
    with _opened(cache) as connection:
        if connection is None:
            return _none(cache)
        written, there = _shared(lambda: shared.push(connection, shared.open_shared(place)))
    print(f"{place}: {written} entries written, {there} were there")
    return 0


def pull(cache: str | None, place: str) -> int:
    """Run ``spincheck cache pull``: status 1 when entries were refused."""
    with Store(_path(cache), shared="") as store:
        connection = store.connection()
        if connection is None:
            raise InputError(store.warnings[0])
        read, refused = _shared(lambda: shared.pull(connection, shared.open_shared(place), store))
        store.flush()
        for warning in store.warnings:
            say(f"warning: {warning}")
    print(f"{_path(cache)}: {read} entries read" + (f", {refused} refused" if refused else ""))
    if refused:
        say(f"warning: {place}: {refused} entries are damaged or not signed with this secret")
    return int(bool(refused))


def _shared(work: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    try:
        return work()
    except UnusableError as error:
        raise InputError(f"{error}") from None


def clear(cache: str | None) -> int:
    """Run ``spincheck cache clear``."""
    with _opened(cache) as connection:
        if connection is None:
            return _none(cache)
        deleted = upkeep.clear(connection)
    print(f"{_path(cache)}: {deleted} entries deleted")
    return 0


@contextmanager
def _opened(cache: str | None, *, damage_is_error: bool = True) -> Iterator[sqlite3.Connection | None]:
    path = Path(_path(cache))
    connection = None
    try:
        connection = connect(path, BUSY_SECONDS)
        yield connection
    except UnusableError as error:
        raise InputError(f"{path}: {error}") from None
    except DamagedError as error:
        if not damage_is_error:
            raise
        raise InputError(f"{path}: {error}; the next check sets it aside and makes a new one") from None
    except FAULTS as error:
        raise InputError(f"{path}: {error}; spincheck cache verify tells more") from None
    finally:
        if connection is not None:
            connection.close()


def _none(cache: str | None) -> int:
    print(f"{_path(cache)}: there is no cache yet")
    return 0


def _path(cache: str | None) -> str:
    return cache or default_cache()


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
