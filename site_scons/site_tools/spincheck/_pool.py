r"""The worker processes that do the analysis, as long as the build lives.

Owns the processes and the protocol. Flows in: requests from SCons's build threads. Flows out: answers, or a `WorkerError` whose
message says what to do.

The protocol is one JSON object per line, in on standard input, out on standard output, one answer for each request in order:

    {"id": 1, "command": "unit", "input": "x.i", "output": "x.spin", "cwd": DIR, "options": {"cache": PATH|null, "rules": [..]|null, "jobs": N}}
    {"id": 1, "command": "source", "source": "x.c", "words": [..], "environment": {..}, "unlike": REGEX, "copies": {..}, "output": "x.spin", "cwd": DIR, "options": {..}}
    {"id": 1, "command": "recall", "output": "x.spin", "known_as": NAME, "cwd": DIR, "options": {..}}
    {"id": 2, "command": "link", "inputs": ["x.spin", ..], "output": "driver.json", "cwd": DIR, "options": {..}}
    {"id": 3, "command": "record", "build": {..}, "cwd": DIR, "options": {..}}
    {"id": 4, "command": "prepare", "cwd": DIR, "options": {..}}

    {"id": 1, "status": 0, "text": "", "stats": {"functions_analysed": 7, "functions_reused": 0},
     "diagnostics": [{"fingerprint": "..", "severity": "error", "text": "q.c:12:5: error: ..\n"}]}

``jobs`` is how many processes a driver's step may have; those beyond the first take only what nobody else wants of the processors. ``status`` is the exit status of the same command: 0, 1 for violations, 2 for input that cannot be read. ``text`` is what the worker has to say
beside the diagnostics, such as a warning about the cache. A link's ``diagnostics`` are those that its units have not told, ``repeated`` those that they have, for the history.
A unit's request has ``known_as``, a name for all that its text is made of, and ``began``, when its preprocessor was started; ``recall`` asks for the same unit
without a text, and its answer has ``known`` true if it could be had; so does that of ``source``, for which the worker runs the preprocessor: ``words`` and the source's
name write the text to standard output, a text with what ``unlike`` describes is none to check, and ``copies`` maps files that the text names to what it shall name instead.
``prepare`` has the worker load what a file unknown to the cache will need; nobody waits for its answer.
The worker ends when its input does.

Not one process per file, because the interpreter and the tables cost more than a file from the cache; not threads, because a
Python function action holds the interpreter lock. One is started first. Another one costs what four to six files cost (0.3 to 0.4 s of processor time: its modules, and the
headers once more), and one keeps up with two compilers; so another one is started, at most one per job and processor, only where a request has waited for a second in which
no answer came. What they write to standard error is kept in a file: a pipe that nobody reads would stop them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from typing import Any, NoReturn

_GOODBYE_SECONDS = 5.0

PATIENCE_SECONDS = 1.0
"""How long a request waits for a busy worker without seeing any answer before another one is started. It decides who does the work, never what comes of it."""


class WorkerError(Exception):
    """The analysis cannot be had; the message is for the user."""


class _Worker:
    """One process. Not thread-safe: one request at a time."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        self._requests = 0
        self._unread = 0

    def prepare(self, request: dict[str, Any]) -> None:
        """Send a request whose answer does not matter and is not waited for."""
        # One that has died is found out by the first question
        with suppress(OSError):
            self._send(request)
            self._unread += 1

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._requests += 1
        self._process.stdin.write(json.dumps({"id": self._requests, **request}).encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer, or None when the process has died."""
        assert self._process.stdout is not None
        try:
            self._send(request)
            while self._unread:
                self._process.stdout.readline()
                self._unread -= 1
            answer = self._process.stdout.readline()
        except OSError:
            return None
        if not answer.endswith(b"\n"):
            return None
        try:
            decoded = json.loads(answer)
        except ValueError:
            decoded = None
        if not _is_answer(decoded) or decoded["id"] != self._requests:
            self.close()
            raise WorkerError(
                f"{self._name()} is of another version than this tool; it answered {answer[:200].decode(errors='replace').strip()}"
            )
        return dict(decoded)

    @property
    def interrupted(self) -> bool:
        """Whether the dead process was told to end, as by an interrupt from the terminal, which reaches SCons as well."""
        self.close()
        return self._process.returncode in (0, -signal.SIGINT, -signal.SIGTERM)

    def last_words(self) -> str:
        """Wait for the dead process and say how it ended."""
        self.close()
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip().splitlines()
        if any(line.endswith(("No module named spincheck", "No module named 'spincheck'")) for line in said):
            return (
                f"{self._command[0]} has no package spincheck: install it there "
                f"({self._command[0]} -m pip install spincheck), or set SPINCHECK_PYTHON to a Python that has it"
            )
        status = self._process.returncode
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{self._name()} {ended}" + (f": {said[-1]}" if said else "")

    def dismiss(self) -> None:
        """Tell the process to end: it does by itself when its input ends."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # What a dead process did not read is lost anyway
                with suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        """End the process and wait for it."""
        self.dismiss()
        # Not wait(timeout): it looks at ever longer intervals, and the build would end up to 50 ms late
        kill = threading.Timer(_GOODBYE_SECONDS, self._process.kill)
        kill.daemon = True
        kill.start()
        self._process.wait()
        kill.cancel()

    def _name(self) -> str:
        return f"the worker '{' '.join(self._command)}'"


class Pool:
    """Workers of one Python interpreter. Thread-safe; starts nothing before the first request."""

    def __init__(self, python: list[str], limit: int) -> None:
        # -P: a directory called spincheck in the project is not the package
        self._command = [*python, "-P", "-m", "spincheck", "worker"]
        self._limit = limit
        self._idle: list[_Worker] = []
        self._count = 0
        self._released = 0
        self._changed = threading.Condition()
        self._broken = ""

    @property
    def started(self) -> int:
        """How many workers are alive."""
        return self._count

    def announce(self, prepare: dict[str, Any]) -> None:
        """Announce a step that will ask: the first worker starts up, and does what ``prepare`` asks, while the step preprocesses."""
        with self._changed:
            start = not self._count and not self._broken
            self._count += start
        if start:
            worker = self._start_counted()
            worker.prepare(prepare)
            self._release(worker)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to ``request``. A worker that died is replaced once; raises `WorkerError` if that dies too."""
        worker = self._acquire()
        try:
            answer = worker.ask(request)
            if answer is None:
                if not worker.interrupted:
                    worker = self._start()
                    answer = worker.ask(request)
                answer = answer or _refuse(worker)
        except WorkerError as error:
            self._discard(str(error))
            raise
        except BaseException:
            worker.close()
            self._discard("")
            raise
        self._release(worker)
        return answer

    def close(self) -> None:
        """Have all workers end; the pool can be used again.

        What they were asked for is done and committed. Tidying the cache up takes them another 10 to 40 ms, which no build waits for, except where a
        file that is open could not be deleted.
        """
        with self._changed:
            workers, self._idle = self._idle, []
            self._count -= len(workers)
        for worker in workers:
            worker.dismiss()
        if os.name == "nt":
            for worker in workers:
                worker.close()

    def _start(self) -> _Worker:
        try:
            return _Worker(self._command)
        except OSError as error:
            raise WorkerError(
                f"{self._command[0]} cannot be run ({error.strerror}): set SPINCHECK_PYTHON to a Python that has spincheck"
            ) from None

    def _acquire(self) -> _Worker:
        with self._changed:
            while not self._idle and self._count and not self._broken:
                released = self._released
                answered = self._changed.wait(PATIENCE_SECONDS if self._count < self._limit else None)
                if not answered and released == self._released and self._count < self._limit:
                    break
            if self._broken:
                raise WorkerError(self._broken)
            if self._idle:
                return self._idle.pop()
            self._count += 1
        return self._start_counted()

    def _start_counted(self) -> _Worker:
        try:
            return self._start()
        except WorkerError as error:
            self._discard(str(error))
            raise

    def _release(self, worker: _Worker) -> None:
        with self._changed:
            self._idle.append(worker)
            self._released += 1
            self._changed.notify()

    def _discard(self, reason: str) -> None:
        """Forget a worker. One that cannot be run at all is told once and not tried again for every other file."""
        with self._changed:
            self._count -= 1
            if "SPINCHECK_PYTHON" in reason:
                self._broken = reason
            self._changed.notify_all()


def _is_answer(decoded: Any) -> bool:
    if not isinstance(decoded, dict) or decoded.get("status") not in (0, 1, 2) or "id" not in decoded:
        return False
    told = decoded.get("diagnostics", [])
    return (
        isinstance(told, list)
        and all(isinstance(one, dict) and {"fingerprint", "severity", "text"} <= one.keys() for one in told)
        and isinstance(decoded.get("stats", {}), dict)
    )


def _refuse(worker: _Worker) -> NoReturn:
    raise WorkerError(worker.last_words())


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
