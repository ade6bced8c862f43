"""What this build checked: counted while it runs, told and recorded once at its end.

Owns the pools of workers and the counts. Flows in: one `Step` for every unit or driver that was really checked, and the sources that are
no C. Flows out: one line (or a table), the GitHub job summary, and the ``record`` request from which ``spincheck log`` is made.

A build that checks nothing comes through here without a trace: no worker, no line. SCons has no hook at the end of a build, so
the end is that of the process, or, with ``--interactive``, the end of each command.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import SCons.Node  # type: ignore[import-untyped]
import SCons.Script  # type: ignore[import-untyped]

from . import _beside, _check, _emit, _pool, _summary

WorkerError = _pool.WorkerError


@dataclass
class Step:
    """One unit or driver that was checked. ``seconds`` is wall time of preprocessing and analysis; ``reply`` the worker's answer."""

    what: str
    target: str
    seconds: float
    reply: dict[str, Any] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """Return a count of the answer's ``stats``."""
        value = self.reply.get("stats", {}).get(name, 0)
        return value if isinstance(value, int) else 0

    def told(self, severity: str) -> list[str]:
        """Return the fingerprints of the answer's diagnostics of one severity."""
        return [
            str(one["fingerprint"])
            for one in self.reply.get("diagnostics", [])
            if one["severity"] == severity
        ]


class _Session:
    """The state of the running build. Thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pools: dict[tuple[str, ...], _pool.Pool] = {}
        self.env: Any = None
        self.reset()
        self.began = _emit.began

    def reset(self) -> None:
        self.began = time.time()
        self.steps: list[Step] = []
        self.skipped: list[tuple[str, str]] = []
        self.recorder: tuple[_pool.Pool, str] | None = None
        self.told: set[str] = set()


_session = _Session()


def _start(env: Any) -> None:
    """Prepare to tell at the end of the build; the telling follows the settings of the first environment that checks."""
    _session.env = env
    atexit.register(_at_exit)
    if not SCons.Script.GetOption("interactive"):
        return
    from SCons.Script.Interactive import (  # type: ignore[import-untyped]  # noqa: PLC0415
        SConsInteractiveCmd as command,  # noqa: N813
    )

    before = command.postcmd

    def postcmd(self: Any, stop: Any, line: str) -> Any:
        finish()
        return before(self, stop, line)

    command.postcmd = postcmd


def ask(env: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to a worker of ``env``'s Python; raises `_pool.WorkerError`."""
    workers = pool(env)
    with _session.lock:
        _session.recorder = (workers, request.get("options", {}).get("cache") or "")
    return workers.ask(request)


def pool(env: Any) -> _pool.Pool:
    """Return the workers of ``env``'s Python."""
    given = env["SPINCHECK_PYTHON"]
    python = (env.subst(given),) if isinstance(given, str) else tuple(env.subst(str(word)) for word in given)
    with _session.lock:
        if _session.env is None:
            _start(env)
        if python not in _session.pools:
            _session.pools[python] = _pool.Pool(list(python), _check.jobs())
        return _session.pools[python]


def checked(step: Step) -> None:
    """Count a step."""
    with _session.lock:
        _session.steps.append(step)


def skipped(source: str, reason: str) -> None:
    """Count a C source that could not be checked."""
    with _session.lock:
        _session.skipped.append((source, reason))


def first_time(fingerprint: str) -> bool:
    """Whether a diagnostic was not told yet in this build. A header's defect is found by every unit that includes it."""
    with _session.lock:
        if fingerprint in _session.told:
            return False
        _session.told.add(fingerprint)
        return True


def finish() -> None:
    """Tell and record what was checked since the last time, if anything was."""
    _beside.finish()
    if _session.steps:
        _check.check_what_is_there()
    _beside.remove()
    steps = sorted(_session.steps, key=lambda step: (step.what != "unit", step.target))
    if steps or _session.skipped:
        others = sorted(
            {str(source.srcnode()) for obj, source in _emit.others if obj.get_state() != SCons.Node.no_state},
        )
        told = _summary.Summary(steps, sorted(set(_session.skipped)), others, time.time() - _session.began)
        _tell(told)
        _record(told)
    _session.reset()


def _tell(told: _summary.Summary) -> None:
    style = str(_session.env["SPINCHECK_SUMMARY"])
    try:
        if style != "none":
            sys.stdout.write(told.table() if style == "full" else told.line())
            sys.stdout.flush()
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        if page:
            with open(page, "a", encoding="utf-8") as output:  # noqa: PTH123 - the name is the runner's
                output.write(told.markdown())
    except OSError as error:
        sys.stderr.write(f"spincheck: the summary cannot be written: {error}\n")


def _record(told: _summary.Summary) -> None:
    """Have the build recorded. History is a convenience: without it the build is as good, so one line and no failure."""
    if _session.recorder is None:
        return
    pool, cache = _session.recorder
    if not cache or not pool.started:
        return
    request = {
        "command": "record",
        "cwd": str(Path.cwd()),
        "options": {"cache": cache},
        "build": told.record(_session.began),
    }
    try:
        reply = pool.ask(request)
    except _pool.WorkerError as error:
        reply = {"status": 2, "text": str(error)}
    if reply.get("status"):
        sys.stderr.write(f"spincheck: this build is not recorded: {str(reply.get('text', '')).strip()}\n")


def _at_exit() -> None:
    try:
        finish()
    finally:
        for pool in _session.pools.values():
            pool.close()
