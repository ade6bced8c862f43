"""What is said while a check takes long: a line that moves in a terminal, a few lines in a log.

Owns `Progress`. It writes to standard error only, so a report is the same bytes with and without it, and says nothing of a run that ends
before anybody wonders. The analysis is one whole and cannot say how far it is, so what is shown is time and what it is spent on.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

FIRST_SECONDS = 2.0
LOG_SECONDS = 30.0
_MOVING = 0.2


class Progress:
    """Tells that ``what`` is going on, from entering to leaving; ``on`` False tells nothing."""

    def __init__(self, what: str, *, on: bool, stream: TextIO | None = None, first: float = FIRST_SECONDS) -> None:
        self._what = what
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._first = first if self._terminal else max(first, LOG_SECONDS) if first == FIRST_SECONDS else first
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True) if on else None
        self._started = 0.0
        self._shown = False

    def _run(self) -> None:
        wait = self._first
        while not self._ended.wait(wait):
            seconds = time.monotonic() - self._started
            text = f"spincheck: {self._what} ({seconds:.0f} s)"
            try:
                self._stream.write(f"\r{text}" if self._terminal else f"{text}\n")
                self._stream.flush()
            except (OSError, ValueError):
                return
            self._shown = True
            wait = _MOVING if self._terminal else wait * 2

    def __enter__(self) -> Self:
        """Begin."""
        self._started = time.monotonic()
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and take the moving line away."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            if self._shown and self._terminal:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
