"""What is said while a check takes long: a bar that moves in a terminal, a few lines in a log.

Owns `Progress`. It writes to standard error only, so a report is the same bytes with and without it, and says nothing of a run that ends
before anybody wonders. What is counted is files that are read, then functions that are summarised; neither says how long the rest will take.
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
_BAR = 24
"""Characters of the bar."""


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
        self._at: tuple[str, int, int] | None = None

    def at(self, what: str, done: int, total: int) -> None:
        """Note how many of ``total`` are done; ``what`` they are is said in place of what is going on."""
        self._at = what, done, total

    def _text(self) -> str:
        seconds = f"{time.monotonic() - self._started:.0f} s"
        if self._at is None:
            return f"spincheck: {self._what} ({seconds})"
        what, done, total = self._at
        if not self._terminal:
            return f"spincheck: {self._what}: {done} of {total} {what} ({seconds})"
        filled = _BAR * done // total if total else 0
        return f"spincheck: {'█' * filled}{'░' * (_BAR - filled)} {done} of {total} {what} ({seconds})"

    def _run(self) -> None:
        wait = self._first
        while not self._ended.wait(wait):
            text = self._text()
            try:
                self._stream.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
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
