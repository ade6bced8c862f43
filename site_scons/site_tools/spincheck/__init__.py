"""SCons tool that checks the lock balance of every C file it compiles.

    env = Environment(tools=["default", "spincheck"], toolpath=[PyPackageDir("spincheck.scons_tool")])

Owns the construction variables and their defaults; ``_emit`` adds the nodes, ``_command`` makes the preprocess command,
``_check`` runs the two steps, ``_pool`` keeps the worker processes, ``_session`` tells at the end what was done. The last two are
imported by the first check: a build with nothing to do pays for the nodes alone.

The tool imports SCons and the standard library only. SCons loads it under the module name ``spincheck``, the name of the
package that does the analysis, so inside SCons the package cannot be imported: the analysis lives in worker processes.
For the same reason the modules here have names that no module of the package has.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import SCons.Script  # type: ignore[import-untyped]
import SCons.Tool  # type: ignore[import-untyped]

# PyPackageDir("spincheck.scons_tool") is also asked by the second SConscript that loads the tool. By then this module stands
# for the package, and must know where the package's other modules are.
_PACKAGE = Path(__file__).resolve().parents[2]
if (_PACKAGE / "scons_tool").is_dir() and str(_PACKAGE) not in __path__:
    __path__.append(str(_PACKAGE))

from . import _check, _command, _emit  # noqa: E402
from ._version import analyser  # noqa: E402

_SETTINGS: dict[str, Any] = {
    "SPINCHECK": "1",
    "SPINCHECK_FAIL": "error",
    "SPINCHECK_BEFORE": "compile",
    "SPINCHECK_RULES": "",
    "SPINCHECK_CACHE": "#.spincheck/cache.sqlite",
    "SPINCHECK_SUMMARY": "line",
    "SPINCHECK_LEAN": "auto",
    "SPINCHECK_KEEP": "0",
    "SPINCHECK_EXPLAIN": "0",
    "SPINCHECK_PYTHON": sys.executable,
}
"""Variables that the command line (``scons SPINCHECK_SUMMARY=full``) or the process environment may set, and their defaults."""

_CHOICES = {
    "SPINCHECK_FAIL": ("error", "never"),
    "SPINCHECK_BEFORE": ("compile", "link"),
    "SPINCHECK_SUMMARY": ("line", "full", "none"),
    "SPINCHECK_LEAN": ("auto", "0", "1"),
}


def generate(env: Any, **settings: Any) -> None:
    """Put the check into the object, library and program builders of ``env``.

    ``settings`` are construction variables given as ``("spincheck", {"SPINCHECK_FAIL": "never"})``. Loading it again changes
    nothing, and the order of tools does not matter: the hooks are on the builders, which compiler tools fill but do not replace.
    """
    for name, default in _SETTINGS.items():
        given = SCons.Script.ARGUMENTS.get(name, os.environ.get(name))
        env.SetDefault(**{name: settings.get(name, default) if given is None else given})
    env.SetDefault(
        _SPINCHECK_VERSION=_version,
        SPINCHECKPPCOM=_command.template,
        SPINCHECKCOM=_check.UNIT_ACTION,
        SPINCHECKCOMSTR="spincheck ${SOURCE.srcpath}",
        SPINCHECKLINKCOM=_check.DRIVER_ACTION,
        SPINCHECKLINKCOMSTR="spincheck $TARGET",
        **{name: value for name, value in settings.items() if name not in _SETTINGS},
    )
    for name, choices in _CHOICES.items():
        if str(env[name]) not in choices:
            message = f"{name}={env[name]!s} is none of {', '.join(choices)}"
            raise SCons.Errors.UserError(message)
    _command.define(env)
    static, shared = SCons.Tool.createObjBuilders(env)
    _emit.hook_objects(static, shared=False)
    _emit.hook_objects(shared, shared=True)
    _emit.hook_library(SCons.Tool.createStaticLibBuilder(env))
    for create in (
        SCons.Tool.createProgBuilder,
        SCons.Tool.createSharedLibBuilder,
        SCons.Tool.createLoadableModuleBuilder,
    ):
        _emit.hook_driver(create(env))


def exists(env: Any) -> bool:
    """Whether the tool can be used: always; what a worker lacks is told when the first one is needed."""
    del env
    return True


def _version(target: Any, source: Any, env: Any, for_signature: bool) -> str:
    """Return the identity of the analyser, for SCons to expand."""
    del target, source, for_signature
    # Installed, the tool is inside the package; in the repository they have a common root.
    package = _PACKAGE if (_PACKAGE / "scons_tool").is_dir() else _PACKAGE.parent / "spincheck"
    cache = None if SCons.Script.GetOption("no_exec") else _check.cache_path(env)
    return analyser(str(package), os.path.dirname(cache or ""))  # noqa: PTH120
