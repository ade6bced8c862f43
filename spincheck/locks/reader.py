"""Reads one TOML file of lock knowledge into a `Fragment`, row by row, and refuses what it does not understand.

Every row carries its line, so that a mistake in a table (ours or a user's) is told with file and line. What the strings in a
row mean is `spincheck.locks.words`'s part; what only shows when all files are together, `spincheck.locks.consistency`'s.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from spincheck.locks import rows
from spincheck.locks.model import (
    Creation,
    Forbidden,
    Handover,
    Immediate,
    Kind,
    Operation,
    Path,
    Pure,
    Registration,
    Required,
    Role,
    Same,
    Slot,
)
from spincheck.locks.words import did_you_mean, identifier

T = TypeVar("T")


class TableError(ValueError):
    """A table of locks that cannot be used; the message begins with ``file:line:``."""


class Lines:
    """The lines of one file's tables, worked out when a message asks: a good table is read without knowing a single line."""

    def __init__(self, text: str, prefix: Path = ()) -> None:
        self._text = text
        self._prefix = prefix

    @functools.cached_property
    def _index(self) -> dict[Path, int]:
        from spincheck.locks.toml_lines import line_index  # noqa: PLC0415 -- only a message needs lines

        return line_index(self._text)

    def line(self, *path: str | int) -> int:
        """Return the line of ``path`` below the prefix, counted from 1."""
        from spincheck.locks.toml_lines import line_of  # noqa: PLC0415

        return line_of(self._index, (*self._prefix, *path))


@dataclass(frozen=True)
class Placed(Generic[T]):
    """A row and where it stands: ``path`` is the way to it in its file."""

    value: T
    file: str
    lines: Lines = field(compare=False, repr=False)
    path: Path

    @property
    def line(self) -> int:
        """The line of the row, counted from 1."""
        return self.lines.line(*self.path)

    def error(self, message: str) -> TableError:
        """Return the error that says ``message`` about this row."""
        return TableError(f"{self.file}:{self.line}: {message}")


@dataclass(frozen=True)
class Fragment:
    """All that one file says; ``digest`` is the hash of its content, without comments and layout."""

    file: str
    family: str
    digest: str
    kinds: tuple[Placed[Kind], ...] = ()
    operations: tuple[Placed[Operation], ...] = ()
    roles: tuple[Placed[Role], ...] = ()
    registrations: tuple[Placed[Registration], ...] = ()
    slots: tuple[Placed[Slot], ...] = ()
    immediate: tuple[Placed[Immediate], ...] = ()
    forbidden: tuple[Placed[Forbidden], ...] = ()
    required: tuple[Placed[Required], ...] = ()
    handovers: tuple[Placed[Handover], ...] = ()
    creations: tuple[Placed[Creation], ...] = ()
    noreturn: tuple[Placed[str], ...] = ()
    ending: tuple[Placed[str], ...] = ()
    raising: tuple[Placed[str], ...] = ()
    pure: tuple[Placed[Pure], ...] = ()
    same: tuple[Placed[Same], ...] = ()


SECTIONS = (
    "family", "defaults", "kind", "operation", "role", "registration", "slot", "immediate", "forbidden", "required", "handover",
    "creation", "noreturn", "ending", "raising", "pure", "same",
)  # fmt: skip


# --- files ---------------------------------------------------------------------------


class _Reader:
    """The rows of one file, each with its line; ``prefix`` is where the tables stand in it (``tool.spincheck``)."""

    def __init__(self, file: str, text: str, data: Mapping[str, Any], prefix: Path) -> None:
        self.file = file
        self.data = data
        self.lines = Lines(text, prefix)

    def fail(self, message: str, *path: str | int) -> TableError:
        return TableError(f"{self.file}:{self.lines.line(*path)}: {message}")

    def row(self, form: type[T], make: Callable[[Any], Any], raw: Any, *path: str | int) -> Placed[Any]:
        if not isinstance(raw, dict):
            raise self.fail("expected a table of fields here", *path)
        try:
            fields: tuple[str, ...] = form.__struct_fields__  # type: ignore[attr-defined]
            for key in raw:
                if key not in fields:
                    raise self.fail(f"unknown field `{key}`{did_you_mean(key, fields)}", *path, key)
            value = make(msgspec.convert(raw, form))
        except TableError:
            raise
        except (msgspec.ValidationError, ValueError) as problem:
            raise self.fail(_plain(str(problem)), *path) from None
        return Placed(value, self.file, self.lines, path)

    def rows(
        self,
        section: str,
        form: type[Any],
        make: Callable[[Any], Any],
        defaults: Mapping[str, Any] | None = None,
    ) -> tuple[Placed[Any], ...]:
        raw_rows = self.data.get(section, [])
        if not isinstance(raw_rows, list):
            raise self.fail(f"`{section}` must be an array of tables", section)
        return tuple(
            self.row(
                form, make, {**(defaults or {}), **raw} if isinstance(raw, dict) else raw, section, number
            )
            for number, raw in enumerate(raw_rows)
        )

    def spread(
        self, section: str, form: type[Any], make: Callable[[Any], tuple[T, ...]]
    ) -> tuple[Placed[T], ...]:
        return tuple(
            Placed(value, placed.file, placed.lines, placed.path)
            for placed in self.rows(section, form, make)
            for value in placed.value
        )

    def names(self, section: str) -> tuple[Placed[str], ...]:
        raw = self.data.get(section, [])
        if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
            raise self.fail(f"`{section}` must be an array of names", section)
        for number, name in enumerate(raw):
            try:
                identifier(name)
            except ValueError as problem:
                raise self.fail(str(problem), section, number) from None
        return tuple(
            Placed(name, self.file, self.lines, (section, number)) for number, name in enumerate(raw)
        )


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


_FORMS = {
    "str": "text in quotes",
    "int": "a number",
    "bool": "`true` or `false`",
    "array": "a list, `[...]`",
    "object": "a table, `{...}`",
    "float": "a number",
}


def _plain(message: str) -> str:
    """Return a message of the decoder about a row in words that a user of TOML knows."""
    if match := re.fullmatch(r"Object missing required field `(\w+)`.*", message):
        return f"the field `{match[1]}` is missing"
    if match := re.fullmatch(r"Expected `(.+)`, got `(\w+)` - at `\$\.(\w+)(.*)`", message):
        wanted = " or ".join(_FORMS.get(word.strip(), word.strip()) for word in match[1].split("|"))
        where = f"every item of `{match[3]}`" if match[4] else f"`{match[3]}`"
        return f"{where} must be {wanted}, not {_FORMS.get(match[2], match[2])}"
    return _lower(message)


def read_fragment(
    file: str, text: str, data: Mapping[str, Any], prefix: Path = (), family: str | None = None
) -> Fragment:
    """Turn the tables in ``data`` (parsed from ``text``, standing below ``prefix`` in it) into a `Fragment`.

    ``family`` is the family for tables that do not name one. Raises `TableError` with the file and line of the first mistake.
    """
    reader = _Reader(file, text, data, prefix)
    for key in data:
        if key not in SECTIONS:
            raise reader.fail(f"unknown table `{key}`{did_you_mean(key, SECTIONS)}", key)
    stated = data.get("family", family)
    if not isinstance(stated, str):
        raise reader.fail("the file must name its `family`", "family")
    defaults = data.get("defaults", {})
    if not isinstance(defaults, dict):
        raise reader.fail("`defaults` must be a table of fields for the rows of `operation`", "defaults")
    kinds_raw = data.get("kind", {})
    if not isinstance(kinds_raw, dict):
        raise reader.fail("`kind` must be a table of kinds, `[kind.NAME]`", "kind")

    pure = data.get("pure")
    return Fragment(
        file=file,
        family=stated,
        digest=hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest(),
        kinds=tuple(
            reader.row(rows.KindRow, functools.partial(rows.make_kind, name), raw, "kind", name)
            for name, raw in kinds_raw.items()
        ),
        operations=reader.rows("operation", rows.OperationRow, rows.make_operation, defaults),
        roles=reader.rows("role", rows.RoleRow, rows.make_role),
        registrations=reader.rows("registration", rows.RegistrationRow, rows.make_registration),
        slots=reader.rows("slot", rows.SlotRow, rows.make_slot),
        immediate=reader.spread("immediate", rows.ImmediateRow, rows.make_immediate),
        forbidden=reader.spread("forbidden", rows.ForbiddenRow, rows.make_forbidden),
        required=reader.spread("required", rows.RequiredRow, rows.make_required),
        handovers=reader.spread("handover", rows.HandoverRow, rows.make_handover),
        creations=reader.rows("creation", rows.CreationRow, rows.make_creation),
        noreturn=reader.names("noreturn"),
        ending=reader.names("ending"),
        raising=reader.names("raising"),
        pure=() if pure is None else (reader.row(rows.PureRow, rows.make_pure, pure, "pure"),),
        same=reader.rows("same", rows.SameRow, rows.make_same),
    )


def parse_text(file: str, text: str) -> dict[str, Any]:
    """Parse ``text`` as TOML; raises `TableError` with the line."""
    import tomllib  # noqa: PLC0415 -- with parsed tables in memory no process needs it

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        match = re.search(r"\(at line (\d+), column \d+\)", str(problem))
        line = match[1] if match else str(text.count("\n") + 1)
        raise TableError(
            f"{file}:{line}: not valid TOML: {_lower(re.sub(r' *[(]at .*', '', str(problem)))}"
        ) from None


def read_text(file: str, text: str) -> Fragment:
    """Read ``text`` as a table file named ``file``; raises `TableError`."""
    return read_fragment(file, text, parse_text(file, text))
