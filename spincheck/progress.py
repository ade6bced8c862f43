"""How far a run is: what those who do the work tell, and whoever watches shows.

Owns the one type that all rooms share for this. What is told is no part of any result, and nobody who tells it waits for an answer.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Takes note that ``done`` of ``total`` are done; ``what`` they are, as in "files read"."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """See the class."""
        ...


def unwatched(_what: str, _done: int, _total: int, /) -> None:
    """Nobody watches."""
