"""Adds the check's nodes to the build: a unit beside every C object, a report beside every driver.

Owns the builders' hooks. Flows in: what the object, program and library builders are about to make. Flows out: the same, unchanged,
and new nodes that SCons must have made before (`Requires`: an order, not a dependency, so that a changed rule checks again and
compiles nothing).

The hooks are wrapped around the builders' own emitters, not put into them: environments share builders through Clone,
and compiler tools overwrite the entries of an emitter. What is on or off is asked of the environment in each call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import SCons.Builder  # type: ignore[import-untyped]
import SCons.Node  # type: ignore[import-untyped]
import SCons.Node.FS  # type: ignore[import-untyped]
import SCons.Scanner  # type: ignore[import-untyped]
import SCons.Scanner.Prog  # type: ignore[import-untyped]
import SCons.SConf  # type: ignore[import-untyped]
import SCons.Tool  # type: ignore[import-untyped]
import SCons.Tool.asm  # type: ignore[import-untyped]
import SCons.Tool.cxx  # type: ignore[import-untyped]

from . import _check

UNIT_SUFFIX = ".spin"
REPORT_SUFFIX = ".spincheck.json"

_OFF = ("", "0", "off", "no", "false", "none")
_OTHERS = frozenset([*SCons.Tool.cxx.CXXSuffixes, *SCons.Tool.asm.ASSuffixes, *SCons.Tool.asm.ASPPSuffixes])

others: list[tuple[Any, Any]] = []
"""Objects whose source is C++ or assembler, with the source."""

reports: list[tuple[Any, Any]] = []
"""The reports, with their environments."""

began = time.time()
"""When the tool was loaded, which is when the build began as far as anybody can see."""

_alias: list[Any] = []
_shared_environments: dict[int, tuple[Any, Any]] = {}
_LIBRARIES = SCons.Scanner.Prog.ProgramScanner()


def _object_dependencies(unit: Any, env: Any, path: Any = ()) -> list[Any]:
    """Scan a unit for what its object depends on: the same headers and the same compiler.

    The object's own list is taken, because finding the headers twice would double the cost of a build with nothing to do.
    """
    del env, path
    obj = unit.attributes.spincheck_object
    if obj.get_state() == SCons.Node.no_state:
        # SCons is not going to build the object, so nobody else makes it forget a list from before a header was generated.
        obj.implicit = None
    obj.scan()
    return list(obj.implicit)


_UNIT = SCons.Builder.Builder(
    name="SpincheckUnit",
    action=_check.UNIT_STEP,
    source_scanner=SCons.Scanner.ScannerBase(lambda _node, _env, _path=(): [], "SpincheckNothing"),
    # A path of its own for each scan: SCons would otherwise remember the first list
    target_scanner=SCons.Scanner.ScannerBase(
        _object_dependencies, "SpincheckObject", path_function=lambda *_: (object(),)
    ),
)


def _units_in_libraries(node: Any, env: Any, path: Any = ()) -> list[Any]:
    """Scan a report for the units of the static libraries that its driver is linked with."""
    given = getattr(node.attributes, "spincheck_libraries", ())
    units = _units([*given, *_LIBRARIES(node, env, path)])
    # A unit whose check still runs has no file that could be compared with the last one
    if any(hasattr(unit.attributes, "spincheck_check") for unit in (*node.sources, *units)):
        node.set_always_build(True)
    return units


_REPORT = SCons.Builder.Builder(
    name="SpincheckReport",
    action=_check.DRIVER_STEP,
    target_scanner=SCons.Scanner.ScannerBase(
        _units_in_libraries, "SpincheckLibraries", path_function=SCons.Scanner.FindPathDirs("LIBPATH")
    ),
)


class _Objects(SCons.Builder.DictEmitter):  # type: ignore[misc]
    """The emitters of an object builder by suffix, and after any of them the unit."""

    def __init__(self, inner: dict[str, Any], shared: bool) -> None:
        super().__init__(inner)
        self._shared = shared

    def __call__(self, target: Any, source: Any, env: Any) -> tuple[Any, Any]:
        target, source = super().__call__(target, source, env)
        if target and source:
            _add_unit(env.arg2nodes(target)[0], env.arg2nodes(source)[0], env, shared=self._shared)
        return target, source


class _Linked:
    """The emitter of a program or library builder, and after it ``then``."""

    def __init__(self, inner: Callable[..., Any] | None, then: Callable[[Any, Any, Any], None]) -> None:
        self._inner = inner
        self._then = then

    def __call__(self, target: Any, source: Any, env: Any) -> tuple[Any, Any]:
        if self._inner is not None:
            target, source = self._inner(target=target, source=source, env=env)
        if target:
            self._then(env.arg2nodes(target)[0], env.arg2nodes(source), env)
        return target, source


def hook_objects(builder: Any, *, shared: bool) -> None:
    """Make ``builder`` add a unit for every C source."""
    builder = _innermost(builder)
    if not isinstance(builder.emitter, _Objects):
        builder.emitter = _Objects(builder.emitter or {}, shared)


def hook_driver(builder: Any) -> None:
    """Make ``builder`` add a report for every program or shared library with C sources."""
    _hook(builder, _add_report)


def hook_library(builder: Any) -> None:
    """Make ``builder`` hand its units on to the drivers that link the library."""
    _hook(builder, _remember_members)


def _hook(builder: Any, then: Callable[[Any, Any, Any], None]) -> None:
    builder = _innermost(builder)
    if not isinstance(builder.emitter, _Linked):
        builder.emitter = _Linked(builder.emitter, then)


def _innermost(builder: Any) -> Any:
    # Builders with one action for each suffix are proxies, whose attributes can be read but not set
    return builder.get() if isinstance(builder, SCons.Builder.CompositeBuilder) else builder


def _switched_on(env: Any) -> bool:
    # An environment that shares the builder but did not load the tool has no such variable
    return "SPINCHECKCOM" in env and str(env.get("SPINCHECK")).lower() not in _OFF


def _in_configure(env: Any, source: Any) -> bool:
    running = SCons.SConf.sconf_global
    return bool(env.get("SCONF_NODE")) or (running is not None and source.is_under(running.confdir))


def _add_unit(obj: Any, source: Any, env: Any, *, shared: bool) -> None:
    if not _switched_on(env) or _in_configure(env, source):
        return
    suffix = source.get_suffix()
    if suffix in _OTHERS and suffix != ".c":
        others.append((obj, source))
    # Where static and shared objects are one node, and where an object is declared twice, the first unit stays.
    if suffix != ".c" or getattr(obj.attributes, "spincheck_unit", None) is not None:
        return
    unit = obj.dir.File(obj.name + UNIT_SUFFIX)
    _UNIT(_shared(env) if shared else env, [unit], [source])
    unit.attributes.spincheck_object = obj
    obj.attributes.spincheck_unit = unit
    unit.add_dependency(_configuration(env.fs))
    unit.attributes.spincheck_first = str(env["SPINCHECK_BEFORE"]) == "compile"
    if unit.attributes.spincheck_first:
        obj.add_prerequisite([unit])
    _add_to_alias(unit, env)


def _add_report(driver: Any, sources: Iterable[Any], env: Any) -> None:
    sources = list(sources)
    if (
        not _switched_on(env)
        or _in_configure(env, driver)
        or getattr(driver.attributes, "spincheck_report", None) is not None
    ):
        return
    libraries = [node for node in sources if getattr(node.attributes, "spincheck_members", None) is not None]
    units = [
        node.attributes.spincheck_unit
        for node in sources
        if getattr(node.attributes, "spincheck_unit", None) is not None
    ]
    if not units and not _units([*libraries, *_LIBRARIES(driver, env, _LIBRARIES.path(env))]):
        return
    report = driver.dir.File(driver.name + REPORT_SUFFIX)
    report.attributes.spincheck_libraries = libraries
    report.attributes.spincheck_driver = driver
    _REPORT(env, [report], units)
    driver.attributes.spincheck_report = report
    report.add_dependency(_configuration(env.fs))
    # SCons comes to an object and its unit first, and so can check and compile one file after the other instead of all checks first
    driver.add_prerequisite([*(node for node in sources if node.has_builder()), report])
    reports.append((report, env))
    _add_to_alias(report, env)


def _remember_members(library: Any, sources: Iterable[Any], env: Any) -> None:
    if _switched_on(env):
        library.attributes.spincheck_members = list(sources)
        if str(env["SPINCHECK_BEFORE"]) == "link":
            library.add_prerequisite(_units(sources))


def _add_to_alias(node: Any, env: Any) -> None:
    """Make ``node`` by ``scons spincheck``. It is asked of SCons once: each time would be a tenth of what a unit costs a build with nothing to do."""
    if not _alias:
        _alias.extend(env.Alias(_check.ALIAS))
    _alias[0].add_dependency([node])


def _units(nodes: Iterable[Any]) -> list[Any]:
    """Return the units of objects and static libraries, each once, in order."""
    found: dict[Any, None] = {}
    seen = set()
    pending = list(nodes)[::-1]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        attributes = getattr(node, "attributes", None)
        unit = getattr(attributes, "spincheck_unit", None)
        if unit is not None:
            found[unit] = None
        pending.extend(reversed(getattr(attributes, "spincheck_members", None) or []))
    return list(found)


@cache
def _configuration(filesystem: Any) -> list[Any]:
    """Return the file whose options the analysis reads, by the analysis's rule: the nearest one at or above the top directory."""
    top = Path(filesystem.Top.get_abspath())
    for directory in (top, *top.parents):
        for name in ("spincheck.toml", "pyproject.toml"):
            path = directory / name
            if path.is_file() and (name == "spincheck.toml" or b"tool.spincheck" in path.read_bytes()):
                return [filesystem.File(str(path))]
    return []


def _shared(env: Any) -> Any:
    """Return ``env`` for a shared object, the same one each time."""
    known = _shared_environments.get(id(env))
    if known is None:
        known = _shared_environments[id(env)] = (env, env.Override({"_SPINCHECK_SHARED": "1"}))
    return known[1]
