"""Checks that run while their objects compile.

Owns the time between the start of a unit's check and its verdict. Flows in: a unit whose object SCons is about to compile. Flows out:
the unit, once its check has passed, and a failed object otherwise.

An object needs its unit made first, so that a check alone (of new rules, say) fails the build too. Waiting for the verdict as well would make a
one-file edit wait for the check before the compiler starts. So the unit's step only starts the check, here, and the verdict is waited for by
an action at the end of the object's own steps. It has no contents, so no signature tells whether it is there. A failed check deletes
the object, which SCons then neither uses nor records.

What makes this safe is that until its verdict a unit counts as not made. The worker writes beside the unit's file, which appears when the check has
passed, and only then is the unit recorded. Whatever ends the build in between, even a kill, the next build checks again.

`possible` says no wherever the end of the object's steps might not be reached although the build succeeds (an object that is up to date, or
comes from a CacheDir or a Repository), or would come too late (steps that the user added after the compile, a batch of MSVC's).
There the check ends before the compile starts.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import SCons.Action  # type: ignore[import-untyped]
import SCons.Errors  # type: ignore[import-untyped]
import SCons.Executor  # type: ignore[import-untyped]
import SCons.Node  # type: ignore[import-untyped]
import SCons.Script  # type: ignore[import-untyped]

_DONE = (SCons.Node.up_to_date, SCons.Node.executed)
_NEW = ".new"


class Check:
    """The check of one unit. Whoever claims it runs it; ``output`` is where the worker writes."""

    def __init__(self, unit: Any, run: Callable[[str], Any]) -> None:
        self.unit = unit
        self.output = unit.get_abspath() + _NEW
        self.settled = threading.Lock()
        self.open = True
        self._run = run
        self._claim = threading.Lock()
        self._ended = threading.Event()
        self._result: Any = 0
        self._error: BaseException | None = None

    def run_unless_claimed(self) -> None:
        """Run the check in this thread, unless another thread has begun it."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._result = self._run(self.output)
        except BaseException as error:  # noqa: BLE001 -- belongs to the thread that waits for the verdict
            self._error = error
        finally:
            self._ended.set()

    def wait(self, *, begin: bool = True) -> Any:
        """Return the verdict: 0 or a build error. A check that nobody has begun is run here (``begin``) or counts as passed."""
        if begin:
            self.run_unless_claimed()
        elif self._claim.acquire(blocking=False):
            self._ended.set()
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result


class _Verdict(SCons.Action.ActionBase):  # type: ignore[misc]
    """The last action of an object that is compiled beside its check."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit

    def __call__(self, target: Any, source: Any, env: Any, *, executor: Any, **_given: Any) -> Any:
        """Return 0, or the build error of a failed check when the object is deleted."""
        del target, source, env
        result = settle(self._unit)
        if not result:
            return 0
        made = executor.get_all_targets()
        for node in made:
            with suppress(FileNotFoundError):
                os.unlink(node.get_abspath())  # noqa: PTH108 - no Path for each object
        return SCons.Errors.BuildError(
            node=made[0], errstr=result.errstr, status=result.status, exitstatus=result.exitstatus
        )

    def get_contents(self, target: Any, source: Any, env: Any) -> bytes:
        """Return nothing: the object is the same with and without the check."""
        del target, source, env
        return b""

    get_presig = get_contents

    def get_implicit_deps(self, *_given: Any, **_named: Any) -> list[Any]:
        """Return nothing."""
        return []

    def genstring(self, *_given: Any, **_named: Any) -> str:
        """Return nothing: no command is run."""
        return ""


_changed = threading.Condition()
_queue: deque[Check] = deque()
_threads: list[threading.Thread] = []
_idle = 0
_checks: list[Check] = []


def possible(unit: Any) -> bool:
    """Whether the object of ``unit`` is about to be compiled in this build, so that its last action can wait for the verdict."""
    obj = unit.attributes.spincheck_object
    if not unit.attributes.spincheck_first or SCons.Script.GetOption("interactive"):
        return False
    # SCons has come to the unit by way of the object, which it will not leave undone
    if obj.get_state() != SCons.Node.pending:
        return False
    executor = obj.get_executor()
    if not isinstance(executor, SCons.Executor.Executor) or len(executor.batches) != 1 or executor.post_actions:
        return False
    if obj.get_build_env().get_CacheDir().is_enabled() or len(obj.dir.get_all_rdirs()) != 1:
        return False
    return all(child.get_state() in _DONE for child in obj.children()) and not obj.is_up_to_date()


def start(unit: Any, run: Callable[[str], Any]) -> None:
    """Start the check ``run`` of a unit, which will be told where to write."""
    obj = unit.attributes.spincheck_object
    check = Check(unit, run)
    unit.attributes.spincheck_check = check
    # Not recorded, and not forgotten, before `settle`
    unit.store_info = 0
    unit.attributes.keep_targetinfo = True
    # Nothing that SCons finds out from here on may leave out the compile: its last action asks for the verdict
    obj.set_always_build(True)
    obj.get_executor().add_post_action(_Verdict(unit))
    with _changed:
        _checks.append(check)
        _queue.append(check)
        _changed.notify()
        # A check takes a fraction of a compile. If it does not, whoever waits for one that is not begun runs it.
        if not _idle and len(_threads) < max(1, int(SCons.Script.GetOption("num_jobs")) // 2):
            thread = threading.Thread(target=_work, name="spincheck", daemon=True)
            _threads.append(thread)
            thread.start()


def settle(unit: Any) -> Any:
    """Wait for the verdict on a unit, 0 or a build error; put the unit's file in place and record it when the check has passed."""
    check = getattr(unit.attributes, "spincheck_check", None)
    if check is None:
        return 0
    result = check.wait()
    with check.settled:
        # What did not preprocess has no file, and is tried again
        if check.open and not result and os.path.exists(check.output):  # noqa: PTH110
            os.replace(check.output, unit.get_abspath())  # noqa: PTH105
            unit.clear_memoized_values()
            unit.ninfo.update(unit)
            unit.store_info = 1
            unit.visited()
        check.open = False
    return result


def unit_file(unit: Any) -> str:
    """Return the path of a unit's file, also of one whose check has failed."""
    check = getattr(unit.attributes, "spincheck_check", None)
    path: str = unit.get_abspath()
    return check.output if check is not None and not os.path.exists(path) else path  # noqa: PTH110


def finish() -> None:
    """Wait for the checks that nobody waited for, because their compile failed; those not yet begun only if everything is to be told."""
    everything = bool(SCons.Script.GetOption("keep_going"))
    for check in _checks:
        # A defect of ours has been told by now, or its compile's failure has
        with suppress(Exception):
            check.wait(begin=everything)


def remove() -> None:
    """Remove what the checks left beside their units."""
    for check in _checks:
        with suppress(OSError):
            os.unlink(check.output)  # noqa: PTH108
    _checks.clear()


def _work() -> None:
    global _idle  # noqa: PLW0603
    while True:
        with _changed:
            _idle += 1
            while not _queue:
                _changed.wait()
            _idle -= 1
            check = _queue.popleft()
        check.run_unless_claimed()
