"""What a run is asked to do, and what it knows: options, configuration file, lock tables, rules.

Owns `Options`, the way from them to a `Knowledge` (front-end settings, tables, policy), and the digest of all that can change a
finding. What changes only what is told (chosen rules, severities, excluded paths) is not in the digest: it is applied
after the cache.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from spincheck.cache.keys import digest
from spincheck.diagnostics import Severity
from spincheck.driver.drafts import Macros
from spincheck.driver.inputs import InputError
from spincheck.driver.select import UNUSED, Policy
from spincheck.locks import config as configuration
from spincheck.memory import Memory

if TYPE_CHECKING:
    from spincheck.analysis.findings import Finding
    from spincheck.frontend.unit import Settings
    from spincheck.locks.tables import Tables
    from spincheck.rules.registry import Description


class Options(msgspec.Struct, frozen=True):
    """What the user asks for.

    ``rules``: names given by ``--rules``, empty for those that are on by default. ``cache``: path of the cache, None for none. ``jobs``: processes,
    0 for one per processor. ``config``: configuration file; None looks for one from ``root`` upwards. ``families``: lock tables, empty
    for the configuration's. ``roots``: directories whose files are the project's own; empty lets the line markers decide. ``root``: the
    directory that paths are told from, "" for the current one. ``reason_required``: a suppression comment must give its reason.
    ``dask``: address of a Dask scheduler whose workers read the texts, "" for this machine. ``explain``: say why functions were
    analysed again. ``spare``: processes that help take only what nobody else wants of the processors.
    """

    rules: tuple[str, ...] = ()
    cache: str | None = None
    jobs: int = 0
    config: str | None = None
    families: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    root: str = ""
    reason_required: bool = False
    dask: str = ""
    explain: bool = False
    spare: bool = False


def default_cache(root: str = "") -> str:
    """Return where the cache is when nobody says: $SPINCHECK_CACHE, else ``.spincheck/cache.sqlite`` in the project's directory.

    The project's directory is the nearest one upwards that has a ``.spincheck``, ``spincheck.toml``, ``pyproject.toml``, ``SConstruct`` or ``.git``;
    without any, the current one.
    """
    named = os.environ.get("SPINCHECK_CACHE")
    if named:
        return named
    start = Path(root or ".").absolute()
    for directory in (start, *start.parents):
        if any(
            (directory / name).exists()
            for name in (".spincheck", "spincheck.toml", "pyproject.toml", "SConstruct", ".git")
        ):
            return str(directory / ".spincheck" / "cache.sqlite")
    return str(start / ".spincheck" / "cache.sqlite")


class Knowledge:
    """What the options lead to. Everything is loaded when it is asked for: an unchanged run needs no lock tables.

    Raises `InputError` for a configuration, a family or a rule that does not exist. ``memory`` may be set before the tables are asked for.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.memory: Memory | None = None
        self.warnings: list[str] = []
        self.config = _configuration(options)
        self.families = options.families or self.config.locks

    @cached_property
    def digest(self) -> str:
        """Hash of what can change a finding besides the texts and the program."""
        user = self.config.digest if self.config.user is not None else ""
        return digest(*self.families, "", user, self.config.model, *self._options.roots)

    @cached_property
    def tables(self) -> Tables:
        """The lock tables of the chosen families with the user's own."""
        from spincheck.locks.reader import TableError  # noqa: PLC0415 -- an unchanged run needs no tables
        from spincheck.locks.tables import load  # noqa: PLC0415

        try:
            return load(self.families, self.config.user, self.memory)
        except TableError as error:
            raise InputError(str(error)) from None

    @cached_property
    def settings(self) -> Settings:
        """What the front end needs to know."""
        from spincheck.frontend.unit import Settings  # noqa: PLC0415 -- an unchanged run does not load the front end

        return Settings(operations=self.tables.all_names, roots=self._options.roots)

    @cached_property
    def macros(self) -> Macros:
        """Operation or forbidden function → macros of the kernel's headers that expand to it."""
        found: dict[str, tuple[str, ...]] = {}
        tables = self.tables
        for name in (*tables.operations, *tables.forbidden):
            written = [macro for row in tables.operations.get(name, ()) for macro in row.as_user_wrote]
            written += [macro for row in tables.forbidden.get(name, ()) for macro in row.as_user_wrote]
            if written:
                found[name] = tuple(dict.fromkeys(written))
        return found

    def describe(self, finding: Finding) -> Description:
        """Return rules, severity and message of a finding, for the configured driver model if there is one."""
        from spincheck.rules import registry  # noqa: PLC0415 -- fifty modules, for whoever has something to tell

        if self.config.model:
            finding = msgspec.structs.replace(finding, model=self.config.model)
        return registry.describe(finding, self.tables)

    @property
    def names_rules(self) -> bool:
        """Whether anybody has named rules, which may be mistyped."""
        return bool(self._options.rules or self.config.file)

    @cached_property
    def rule_names(self) -> tuple[str, ...]:
        """Names of all rules, sorted."""
        from spincheck.rules import registry  # noqa: PLC0415

        return tuple(sorted({*(rule.name for rule in registry.all_rules()), UNUSED}))

    @cached_property
    def policy(self) -> Policy:
        """What the user wants to be told."""
        from spincheck.rules import registry  # noqa: PLC0415

        try:
            self.config.check_rules(self.rule_names)
        except configuration.ConfigError as error:
            raise InputError(str(error)) from None
        severities: dict[str, Severity] = {}
        off = set(self.config.ignore)
        for rule, severity in self.config.severity:
            if severity == "off":
                off.add(rule)
            else:
                severities[rule] = severity
        asked = tuple(rule if rule == UNUSED else _found(rule) for rule in self._options.rules)
        selected = (*self.config.select, UNUSED) if self.config.select else ()
        enabled = (*(rule.name for rule in registry.enabled()), UNUSED)
        chosen = set(asked) or set(selected or enabled) - off
        return Policy(
            rules=frozenset(chosen),
            severities=severities,
            excludes=self.config.excludes,
            reason_required=self._options.reason_required,
        )


def _found(rule: str) -> str:
    from spincheck.rules import registry  # noqa: PLC0415

    try:
        return registry.find(rule).name
    except registry.UnknownRuleError as error:
        raise InputError(str(error)) from None


def configuration_stamp(options: Options) -> str:
    """Return which configuration file counts and its time and size: changes when a long-lived process must read it again."""
    path = options.config or configuration.find(options.root or ".")
    if path is None:
        return ""
    try:
        status = Path(path).stat()
    except OSError:
        return str(path)
    return f"{path}:{status.st_mtime_ns}:{status.st_size}"


def _configuration(options: Options) -> configuration.Config:
    path = options.config or configuration.find(options.root or ".")
    if path is None:
        return configuration.Config()
    try:
        return configuration.load(path)
    except configuration.ConfigError as error:
        raise InputError(str(error)) from None
