"""The two steps of the build: check one unit, and check the units of one driver together.

Owns what a verdict does to the build. Flows in: a unit or report node and its environment. Flows out: the node's file, diagnostics on
standard error, and a failed node for a violation, so that SCons builds nothing that needs it and tries again next time.

A step that could not look at its input leaves no file and still succeeds: the compiler is about to say what is wrong, and
because the file is missing SCons comes here again in the next build, whatever was changed in between.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SCons.Action  # type: ignore[import-untyped]
import SCons.Errors  # type: ignore[import-untyped]
import SCons.Node  # type: ignore[import-untyped]
import SCons.Script  # type: ignore[import-untyped]

from . import _command

if TYPE_CHECKING:
    from ._session import Step

ALIAS = "spincheck"


def check_unit(target: Any, source: Any, env: Any) -> Any:
    """Preprocess and check one translation unit, or start that and leave the verdict to its object; returns 0 or a build error."""
    from . import _beside  # noqa: PLC0415 -- see the package's docstring

    unit = target[0]
    copies = _copies(unit, source[0])
    known_as = "" if copies else _known_as(unit, env)
    # Asking costs a file that was edited the start of the worker before it is preprocessed
    ask_first = bool(known_as) and not _is_on(env["SPINCHECK_KEEP"]) and not unit.changed()

    def run(output: str) -> Any:
        if ask_first:
            result = _recalled(unit, source, env, {"known_as": known_as, "output": output})
            if result is not None:
                return result
        return _unit_checked(target, source, env, copies, {"known_as": known_as, "output": output})

    if _beside.possible(unit):
        _beside.start(unit, run)
        return 0
    return run(unit.get_abspath())


def _known_as(unit: Any, env: Any) -> str:
    """Return a name for all that the unit's text is made of as far as SCons knows: the command, and each file by its content."""
    digest = hashlib.sha256()
    parts = [env.fs.Top.get_abspath(), unit.get_internal_path(), repr(sorted(env["ENV"].items()))]
    for node in unit.children():
        parts += [str(node), node.get_csig()]
    for part in parts:
        digest.update(part.encode(errors="surrogateescape") + b"\0")
    digest.update(unit.get_executor().get_contents())
    return digest.hexdigest()


def _recalled(unit: Any, source: Any, env: Any, request: dict[str, Any]) -> Any:
    """Have a unit made again that was lost, as by ``scons -c``, without its text; returns None where that is not possible."""
    from . import _session  # noqa: PLC0415

    began = time.monotonic()
    try:
        reply = _ask(env, {"command": "recall", **request})
    except _session.WorkerError:
        return None  # which the other way will say again
    if reply.get("known") is not True or reply["status"] == 2:
        return None
    return _verdict(unit, env, _session.Step("unit", _source_name(source[0]), time.monotonic() - began, reply))


def _unit_checked(
    target: Any, source: Any, env: Any, copies: dict[str, str], request: dict[str, Any]
) -> Any:
    from . import _session  # noqa: PLC0415

    unit = target[0]
    text = _command.text_path(unit)
    began, started = time.monotonic(), time.time()
    name = _source_name(source[0])
    try:
        _session.pool(env).announce(_request(env, {"command": "prepare"}))
        command = None if _is_on(env["SPINCHECK_KEEP"]) else _command.without_shell(target, source, env)
        if command is not None:
            reply = _ask(env, {"command": "source", **command, "copies": copies, **request})
            if reply.get("known") is True and reply["status"] != 2:
                return _verdict(unit, env, _session.Step("unit", name, time.monotonic() - began, reply))
        done, told = _command.preprocess(target, source, env)
        if not done:
            return _not_preprocessed(unit, name, told)
        _command.name_sources(text, copies)
        reply = _ask(env, {"command": "unit", "input": str(text.absolute()), "began": started, **request})
    except _session.WorkerError as error:
        return _failure(unit, name, str(error))
    finally:
        if not _is_on(env["SPINCHECK_KEEP"]):
            text.unlink(missing_ok=True)
    return _verdict(unit, env, _session.Step("unit", name, time.monotonic() - began, reply))


def check_driver(target: Any, source: Any, env: Any) -> Any:
    """Check the units of one driver together, libraries included; returns 0 or a build error."""
    from . import _beside  # noqa: PLC0415

    del source
    report = target[0]
    verdicts = [_beside.settle(node) for node in _units(report)]
    if any(verdicts):
        # Their objects fail and so does the driver. The report is for whoever lets the build go on, and is not recorded.
        report.store_info = 0
        if SCons.Script.GetOption("keep_going"):
            _driver_checked(report, env)
        return 0
    return _driver_checked(report, env)


def _driver_checked(report: Any, env: Any) -> Any:
    from . import _session  # noqa: PLC0415

    report.attributes.spincheck_checked = True
    units = _unit_files(report)
    # One whose source did not preprocess left no file, and the driver will not be linked.
    if not units:
        return 0
    began = time.monotonic()
    request = {
        "command": "link",
        "inputs": units,
        "output": report.get_abspath(),
    }
    try:
        reply = _ask(env, request)
    except _session.WorkerError as error:
        return _failure(report, str(report.attributes.spincheck_driver), str(error))
    return _verdict(
        report,
        env,
        _session.Step("link", str(report.attributes.spincheck_driver), time.monotonic() - began, reply),
    )


def check_what_is_there() -> None:
    """With ``-k``, write the reports that SCons did not make because a unit of theirs failed.

    The unit's file is there, violation or not, and whoever lets a build go on wants to know everything. The driver is not linked, and the
    next build makes the report again: SCons knows nothing of this one. With ``--interactive`` SCons has forgotten by now what failed.
    """
    from . import _emit  # noqa: PLC0415 -- it imports this module

    if not SCons.Script.GetOption("keep_going"):
        return
    for report, env in _emit.reports:
        if report.get_state() != SCons.Node.failed or getattr(report.attributes, "spincheck_checked", False):
            continue
        done = (SCons.Node.executed, SCons.Node.up_to_date, SCons.Node.failed)
        if _unit_files(report) and all(node.get_state() in done for node in report.children()):
            _driver_checked(report, env)


def _units(report: Any) -> list[Any]:
    return [node for node in report.children() if getattr(node.attributes, "spincheck_object", None) is not None]


def _unit_files(report: Any) -> list[str]:
    """Return the files of a driver's units, or none if one is missing."""
    from . import _beside  # noqa: PLC0415

    files = [_beside.unit_file(node) for node in _units(report)]
    return files if all(map(os.path.exists, files)) else []


def _show_unit(target: Any, source: Any, env: Any) -> str:
    # Where SPINCHECKCOMSTR is empty: the real command, as SCons shows every other
    return str(SCons.Action.Action("$SPINCHECKPPCOM").strfunction(target, source, env))


def _show_driver(target: Any, source: Any, env: Any) -> str:
    del env
    return f"spincheck link {' '.join(map(str, source))} -o {target[0]}"


def _unit_action(target: Any, source: Any, env: Any) -> Any:
    # SCons takes a function's whole code apart when it makes an action of it, whether anybody asks for that or not
    return check_unit(target, source, env)


def _driver_action(target: Any, source: Any, env: Any) -> Any:
    return check_driver(target, source, env)


_unit_action.strfunction = _show_unit  # type: ignore[attr-defined]
_driver_action.strfunction = _show_driver  # type: ignore[attr-defined]

UNIT_ACTION = SCons.Action.Action(
    _unit_action, cmdstr="$SPINCHECKCOMSTR", varlist=["_SPINCHECK_UNIT_SIGNATURE"]
)
DRIVER_ACTION = SCons.Action.Action(
    _driver_action, cmdstr="$SPINCHECKLINKCOMSTR", varlist=["_SPINCHECK_SIGNATURE"]
)


class Chosen(SCons.Action.LazyAction):  # type: ignore[misc]
    """The action that a construction variable names, which is nearly always the one that is there by default.

    SCons would make an action of the variable's value each time that it asks for a signature or for dependencies: twice for each unit, and most of what a
    build with nothing to do paid for a check. ``signature`` says for an environment what the default action depends on besides files.
    """

    def __init__(self, variable: str, default: Any, signature: Callable[[Any], str]) -> None:
        super().__init__(variable, {})
        self._default = default
        self._signature = signature

    def _is_default(self, env: Any) -> bool:
        return env.get(self.var) is self._default

    def get_contents(self, target: Any, source: Any, env: Any) -> Any:
        """Return what is compared with the last build's."""
        if not self._is_default(env):
            return super().get_contents(target, source, env)
        return bytearray(f"{self.var} {self._signature(env)}", "utf-8")

    def batch_key(self, env: Any, target: Any, source: Any) -> Any:
        """Return which targets are made together: each by itself."""
        return None if self._is_default(env) else super().batch_key(env, target, source)

    def get_implicit_deps(self, target: Any, source: Any, env: Any, executor: Any = None) -> Any:
        """Return what the command itself depends on: our own is none."""
        return [] if self._is_default(env) else super().get_implicit_deps(target, source, env, executor)

    def get_targets(self, env: Any, executor: Any) -> Any:
        """Return for which targets the action is called: all."""
        return self.targets if self._is_default(env) else super().get_targets(env, executor)

    def genstring(self, target: Any, source: Any, env: Any, executor: Any = None) -> str:
        """Return what SCons keeps to tell what was done."""
        return f"${self.var}" if self._is_default(env) else str(super().genstring(target, source, env, executor))


UNIT_STEP = Chosen("SPINCHECKCOM", UNIT_ACTION, _command.signature)
DRIVER_STEP = Chosen("SPINCHECKLINKCOM", DRIVER_ACTION, lambda env: str(env.subst("$_SPINCHECK_SIGNATURE")))


def only_checks() -> bool:
    """Whether this build was asked for checks alone, so that no compiler will follow."""
    return bool(SCons.Script.BUILD_TARGETS) and all(
        str(target) == ALIAS for target in SCons.Script.BUILD_TARGETS
    )


def _ask(env: Any, request: dict[str, Any]) -> dict[str, Any]:
    from . import _session  # noqa: PLC0415

    return _session.ask(env, _request(env, request))


def _request(env: Any, request: dict[str, Any]) -> dict[str, Any]:
    rules = env["SPINCHECK_RULES"]
    words = rules.replace(",", " ").split() if isinstance(rules, str) else [str(rule) for rule in rules or ()]
    options = {"cache": _cache(env), "rules": words or None, "explain": _is_on(env["SPINCHECK_EXPLAIN"]), "jobs": jobs()}
    return {**request, "cwd": env.fs.Top.get_abspath(), "options": options}


def jobs() -> int:
    """Return how many processes may work at a time."""
    from . import _pool  # noqa: PLC0415

    return max(1, min(int(SCons.Script.GetOption("num_jobs")), _pool.processors()))


def _is_on(value: Any) -> bool:
    return str(value) not in ("", "0")


def cache_path(env: Any) -> str | None:
    """Return where the cache of ``env`` is, if it has one."""
    given = str(env.subst("$SPINCHECK_CACHE"))
    if given in ("", "0", "none"):
        return None
    top = str(env.fs.Top.get_abspath())
    return os.path.join(top, given.removeprefix("#").lstrip("/") if given.startswith("#") else given)


def _cache(env: Any) -> str | None:
    path = cache_path(env)
    if path is not None:
        _make_directory(Path(path).parent)
    return path


@cache
def _make_directory(path: Path) -> None:
    # Otherwise the worker says once that the cache cannot be used, and works without
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)


def _verdict(node: Any, env: Any, step: Step) -> Any:
    from . import _session  # noqa: PLC0415

    reply = step.reply
    for line in reply.get("explained", []):
        sys.stdout.write(f"spincheck: analysed again: {line}\n")
    text = _new_text(reply)
    if text:
        # One write, so that parallel jobs do not tear a path apart
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
        # A check that said something says it again wherever it is asked for
        node.set_nocache(True)
    if reply["status"] == 2:
        return _failure(node, step.target, "" if text else "the check ended without a verdict")
    _session.checked(step)
    # A driver also fails for what only its units told, where these were built with SPINCHECK_FAIL=never
    errors = len(step.told("error")) or step.count("errors")
    if reply["status"] == 0 or str(env["SPINCHECK_FAIL"]) == "never":
        return 0
    return _failed(node, f"{errors} lock violation{'' if errors == 1 else 's'}", 1)


def _new_text(reply: dict[str, Any]) -> str:
    from . import _session  # noqa: PLC0415

    diagnostics = reply.get("diagnostics", [])
    texts = [
        str(one.get("text", ""))
        for one in diagnostics
        if _session.first_time(str(one.get("fingerprint", "")))
    ]
    return "".join([str(reply.get("text", "")), *texts])


def _not_preprocessed(unit: Any, name: str, told: str) -> Any:
    from . import _session  # noqa: PLC0415

    unit.set_nocache(True)
    if only_checks():
        return _failure(unit, name, f"{name} does not preprocess", told)
    _session.skipped(name, "does not preprocess, see the compiler's message")
    return 0


def _failure(node: Any, name: str, message: str, detail: str = "") -> Any:
    from . import _session  # noqa: PLC0415

    # Otherwise the summary would say that there are no violations
    _session.skipped(name, "not checked, see the error")
    if message:
        sys.stderr.write(f"spincheck: error: {message}\n{detail}")
    return _failed(node, "not checked", 2)


def _failed(node: Any, message: str, status: int) -> Any:
    return SCons.Errors.BuildError(node=node, errstr=message, status=status, exitstatus=2)


def _source_name(source: Any) -> str:
    return str(source if source.is_derived() else source.srcnode())


def _copies(unit: Any, source: Any) -> dict[str, str]:
    """Map files in a variant directory that SCons copied there to what they are copies of."""
    copies = {}
    for node in (source, *unit.children()):
        if node.is_derived():
            continue
        original = node.srcnode()
        if original is not node and original.exists():
            copies[os.path.normpath(node.get_internal_path())] = original.get_internal_path()
            copies[os.path.normpath(node.get_abspath())] = original.get_abspath()
    return copies
