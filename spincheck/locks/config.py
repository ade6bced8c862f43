"""The user's configuration: `[tool.spincheck]` in pyproject.toml, or spincheck.toml.

Owns finding the file, checking every word of it, and a digest of what can change a verdict. It stands here and
not in the command line because most of it is lock tables, in the very rows that ours are in: a user's own lock functions,
kinds, roles, registrations, forbidden calls and functions that never return.

    [tool.spincheck]
    locks = ["windows"]                   # families of built-in tables
    select = ["SpinlockRelease"]          # only these rules; empty: all
    ignore = ["LockOrder"]
    exclude = ["third_party/*"]           # sources whose functions are not reported
    noreturn = ["MyPanic"]
    operation = [
      { function = "MyLock", action = "acquire", kind = "spin", lock = "argument 0" },
      { function = "MyUnlock", action = "release", kind = "spin", lock = "argument 0" },
    ]
    [tool.spincheck.severity]
    LockContract = "off"                  # error, warning or off

Which rules exist is the rules' affair, and imports go from rules to locks: names are checked by `Config.check_rules`, which is
handed them.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from spincheck.locks.model import DEFAULT_FAMILIES
from spincheck.locks.model import Path as KeyPath
from spincheck.locks.words import did_you_mean

if TYPE_CHECKING:
    from spincheck.locks.reader import Placed
    from spincheck.locks.tables import Tables, UserTables

RuleSeverity = Literal["error", "warning", "off"]

FILE_NAMES = ("spincheck.toml", "pyproject.toml")
OPTIONS = ("locks", "select", "ignore", "exclude", "severity", "model")
MODELS = ("kmdf", "wdm", "ndis", "storport")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message begins with ``file:line:`` where there is a line."""


class Config(msgspec.Struct, frozen=True):
    """A checked configuration.

    ``select`` empty means every rule. ``severity`` pairs a rule's name with its severity, sorted. ``model`` forces the driver model, ""
    lets it be seen in the unit. ``user`` are the user's own tables, None when there are none. ``file`` is where it was read, "" for
    the defaults. ``lines`` are where rules are named, as (rule, line). ``digest`` (hex) changes with every value that
    can change a verdict or a report, not with comments or layout.
    """

    locks: tuple[str, ...] = DEFAULT_FAMILIES
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    severity: tuple[tuple[str, RuleSeverity], ...] = ()
    model: str = ""
    user: UserTables | None = None
    file: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    digest: str = ""

    def tables(self) -> Tables:
        """Return the lock tables that this configuration asks for."""
        from spincheck.locks import tables  # noqa: PLC0415 -- a run whose verdicts are all known asks for none

        return tables.load(self.locks, self.user)

    def excludes(self, source: str) -> bool:
        r"""Whether ``source`` (a path with ``/`` or ``\\``, absolute or not) is among the excluded ones.

        A pattern without a wildcard also stands for everything below a directory of that name.
        """
        path = source.replace("\\", "/")
        for pattern in self.exclude:
            if any(
                fnmatch.fnmatchcase(path, form)
                for form in (pattern, f"*/{pattern}", f"{pattern}/*", f"*/{pattern}/*")
            ):
                return True
        return False

    def uncalled(self, called: Collection[str]) -> list[str]:
        """Return what to tell of rows about functions that nobody calls, where one with nearly the same name is called: ``file:line: ...``.

        A row about a function that is merely not used is no mistake: one configuration may be that of many drivers.
        """
        if self.user is None:
            return []
        rows: list[Placed[Any]] = [*self.user.operations, *self.user.forbidden, *self.user.required, *self.user.immediate, *self.user.handovers]
        names = {row.value.function: row for row in reversed(rows)}
        free = [name for name in called if name not in names]
        told = []
        for name, row in names.items():
            near = "" if name in called else did_you_mean(name, free, cutoff=0.85)
            if near:
                told.append((row.line, f"{row.file}:{row.line}: `{name}` is called nowhere in these files{near}"))
        return [message for _, message in sorted(told)]

    def check_rules(self, known: Iterable[str]) -> None:
        """Raise `ConfigError` when a rule is named that is not among ``known``."""
        names = tuple(known)
        rows: list[Placed[Any]] = []
        if self.user is not None:
            rows = [*self.user.forbidden, *self.user.required]
        for row in rows:
            if row.value.rule and row.value.rule not in names:
                raise ConfigError(
                    str(row.error(f"there is no rule `{row.value.rule}`{did_you_mean(row.value.rule, names)}"))
                )
        lines = dict(self.lines)
        for rule in (*self.select, *self.ignore, *(name for name, _ in self.severity)):
            if rule not in names:
                raise ConfigError(
                    f"{self.file}:{lines.get(rule, 1)}: there is no rule `{rule}`{did_you_mean(rule, names)}"
                )


def find(start_dir: str | Path) -> Path | None:
    """Return the configuration file for a project: the nearest one at or above ``start_dir``, or None.

    In one directory spincheck.toml comes before pyproject.toml, and a pyproject.toml without `[tool.spincheck]` is
    passed over. A file that cannot be read here is returned, so that `load` can say what is wrong.
    """
    directory = Path(start_dir).resolve()
    for folder in (directory, *directory.parents):
        for name in FILE_NAMES:
            path = folder / name
            if path.is_file() and (name != "pyproject.toml" or _mentions_us(path)):
                return path
    return None


def _mentions_us(path: Path) -> bool:
    try:
        return (
            re.search(
                r"^\s*\[+\s*tool\s*\.\s*[\"']?spincheck\b", path.read_text(encoding="utf-8"), re.MULTILINE
            )
            is not None
        )
    except (OSError, UnicodeDecodeError):
        return False


def load(path: str | Path) -> Config:
    """Read and check a configuration file; raises `ConfigError` with the file and line of the first mistake."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"{file}: cannot be read: {problem.strerror or problem}") from None
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{file}: is not UTF-8 text (byte {problem.start})") from None
    return parse(text, str(file))


def parse(text: str, file: str) -> Config:
    """Check configuration ``text`` that stands in ``file``; in a pyproject.toml only `[tool.spincheck]` is ours."""
    import tomllib  # noqa: PLC0415 -- most projects have no configuration

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        match = re.search(r"\(at line (\d+), column \d+\)", str(problem))
        line = match[1] if match else str(text.count("\n") + 1)
        what = re.sub(r" *\(at .*", "", str(problem))
        raise ConfigError(f"{file}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}") from None
    prefix: KeyPath = ()
    if Path(file).name == "pyproject.toml":
        prefix = ("tool", "spincheck")
        data = data.get("tool", {}).get("spincheck", {})
    return _Checker(file, text, data, prefix).config()


def _table_sections() -> tuple[str, ...]:
    from spincheck.locks.reader import SECTIONS  # noqa: PLC0415

    return tuple(section for section in SECTIONS if section != "family")


class _Checker:
    """Checks one configuration, and says of each mistake where it stands."""

    def __init__(self, file: str, text: str, data: Any, prefix: KeyPath) -> None:
        self.file = file
        self.text = text
        self.prefix = prefix
        from spincheck.locks.toml_lines import line_index  # noqa: PLC0415

        self.index = line_index(text)
        if not isinstance(data, dict):
            raise self.fail("`spincheck` must be a table")
        self.data: Mapping[str, Any] = data

    def line(self, *path: str | int) -> int:
        from spincheck.locks.toml_lines import line_of  # noqa: PLC0415

        return line_of(self.index, (*self.prefix, *path))

    def fail(self, message: str, *path: str | int) -> ConfigError:
        return ConfigError(f"{self.file}:{self.line(*path)}: {message}")

    def config(self) -> Config:
        from spincheck.locks.reader import TableError  # noqa: PLC0415

        known = (*OPTIONS, *_table_sections())
        for key in self.data:
            if key not in known:
                raise self.fail(f"unknown option `{key}`{did_you_mean(key, known)}", key)
        severity = self.severity()
        lines = [
            (rule, self.line(key, number))
            for key in ("select", "ignore")
            for number, rule in enumerate(self.words(key))
        ]
        lines += [(rule, self.line("severity", rule)) for rule, _ in severity]
        config = Config(
            locks=self.families(),
            select=self.words("select"),
            ignore=self.words("ignore"),
            exclude=tuple(pattern.replace("\\", "/").rstrip("/") for pattern in self.words("exclude")),
            severity=severity,
            model=self.model(),
            user=self.user_tables(),
            file=self.file,
            lines=tuple(dict(reversed(lines)).items()),
            digest=hashlib.sha256(msgspec.json.encode(self.data, order="deterministic")).hexdigest(),
        )
        both = [rule for rule in config.select if rule in config.ignore]
        if both:
            raise self.fail(
                f"rule `{both[0]}` is both selected and ignored", "ignore", config.ignore.index(both[0])
            )
        for rule, word in severity:
            if word == "off" and rule in config.select:
                raise self.fail(f"rule `{rule}` is both selected and switched off", "severity", rule)
            if word != "off" and rule in config.ignore:
                raise self.fail(f"rule `{rule}` is ignored, so its severity counts for nothing", "severity", rule)
        try:
            config.tables()
        except TableError as problem:
            raise ConfigError(str(problem)) from None
        return config

    def words(self, key: str) -> tuple[str, ...]:
        raw = self.data.get(key, [])
        if not isinstance(raw, list):
            raise self.fail(f"`{key}` must be an array of strings", key)
        for number, word in enumerate(raw):
            if not isinstance(word, str) or not word:
                raise self.fail(f"`{key}` must be an array of strings", key, number)
            if word in raw[:number]:
                raise self.fail(f"`{word}` is named twice in `{key}`", key, number)
        return tuple(raw)

    def families(self) -> tuple[str, ...]:
        chosen = self.words("locks") if "locks" in self.data else DEFAULT_FAMILIES
        from spincheck.locks import tables  # noqa: PLC0415

        known = tables.families()
        for number, family in enumerate(chosen):
            if family not in known:
                raise self.fail(
                    f"there are no lock tables `{family}`, only {', '.join(known)}{did_you_mean(family, known)}",
                    "locks",
                    number,
                )
        return chosen

    def severity(self) -> tuple[tuple[str, RuleSeverity], ...]:
        raw = self.data.get("severity", {})
        if not isinstance(raw, dict):
            raise self.fail(
                '`severity` must be a table of `RULE = "error"`, `"warning"` or `"off"`', "severity"
            )
        words = ("error", "warning", "off")
        for rule, word in raw.items():
            if word not in words:
                raise self.fail(
                    f"the severity of `{rule}` must be one of {', '.join(words)}, not `{word}`",
                    "severity",
                    rule,
                )
        return tuple(sorted(raw.items()))

    def model(self) -> str:
        raw = self.data.get("model", "")
        if raw not in ("", *MODELS):
            raise self.fail(
                f"`model` must be one of {', '.join(MODELS)}, not `{raw}`{did_you_mean(str(raw), MODELS)}",
                "model",
            )
        return str(raw)

    def user_tables(self) -> UserTables | None:
        from spincheck.locks.consistency import USER  # noqa: PLC0415
        from spincheck.locks.reader import TableError, read_fragment  # noqa: PLC0415

        sections = _table_sections()
        rows = {key: value for key, value in self.data.items() if key in sections}
        if not rows:
            return None
        try:
            return read_fragment(self.file, self.text, rows, self.prefix, family=USER)
        except TableError as problem:
            raise ConfigError(str(problem)) from None
