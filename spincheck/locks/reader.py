"""Reads one TOML file of lock knowledge into a `Fragment`, row by row, and refuses what it does not understand.

Owns the small language of the tables: ``lock = "argument 0, handle 1"``, ``saved = "*1"``, ``success = "nonzero"``,
``unless = "argument 4 points to zero"``. Every row carries its line, so that a mistake in a table (ours or a user's)
is told with file and line. What only shows when all files are together is `spincheck.locks.consistency`'s part.

Words are strings of a few fixed forms and not nested tables: a row must fit on one line, or nobody reads the table.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import msgspec

from spincheck.locks.model import (
    Action,
    Condition,
    Creation,
    Forbidden,
    Hold,
    Immediate,
    IrqlEffect,
    Kind,
    LockIdentity,
    Mode,
    Model,
    Operation,
    Required,
    Role,
    Saved,
)
from spincheck.locks.toml_lines import Path, line_index, line_of

T = TypeVar("T")
MAX_ARGUMENT = 31
I32 = (-(2**31), 2**31 - 1)


class TableError(ValueError):
    """A table of locks that cannot be used; the message begins with ``file:line:``."""


@dataclass(frozen=True)
class Placed(Generic[T]):
    """A row and where it stands."""

    value: T
    file: str
    line: int

    def error(self, message: str) -> TableError:
        """Return the error that says ``message`` about this row."""
        return TableError(f"{self.file}:{self.line}: {message}")


class Registration(msgspec.Struct, frozen=True):
    """Argument ``argument`` of ``function`` is a callback with role type ``role``.

    ``pattern``: ``function`` is a regular expression. ``through``: only when the call writes a field of this name, as
    ``InterlockedExchangePointer(&Irp->CancelRoutine, f)`` does for a macro that sets a field.
    """

    function: str
    argument: int
    role: str
    through: str = ""
    pattern: bool = False


class Slot(msgspec.Struct, frozen=True):
    """A function stored in field ``field`` (of a struct ``object``, or of any) has role type ``role``."""

    field: str
    role: str
    object: str = ""
    pattern: bool = False


class Same(msgspec.Struct, frozen=True):
    """The result of ``function`` is its argument ``argument``, whatever its body does with types."""

    function: str
    argument: int


class Pure(msgspec.Struct, frozen=True):
    """Functions that give the same object for the same arguments: names, patterns, and exceptions to the patterns."""

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


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
    creations: tuple[Placed[Creation], ...] = ()
    noreturn: tuple[Placed[str], ...] = ()
    raising: tuple[Placed[str], ...] = ()
    pure: tuple[Placed[Pure], ...] = ()
    same: tuple[Placed[Same], ...] = ()


SECTIONS = (
    "family", "defaults", "kind", "operation", "role", "registration", "slot", "immediate", "forbidden", "required",
    "creation", "noreturn", "raising", "pure", "same",
)  # fmt: skip


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return ``; did you mean `x`?`` for the nearest of ``words``, or nothing."""
    near = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


# --- the small language ------------------------------------------------------------


def _choice(text: str, words: Iterable[str], what: str) -> str:
    known = tuple(words)
    if text not in known:
        raise ValueError(f"unknown {what} `{text}`, expected one of {', '.join(known)}{did_you_mean(text, known)}")
    return text


def _number(text: str) -> int:
    number = int(text, 0)
    if not 0 <= number <= MAX_ARGUMENT:
        raise ValueError(f"argument {number} is out of range, arguments are numbered from 0 to {MAX_ARGUMENT}")
    return number


def parse_lock(text: str, names: Mapping[str, str] | None = None) -> LockIdentity:
    """Read ``argument 0``, ``arguments 1, 2``, ``argument 0, handle 1``, ``handle 0`` or ``global NAME``."""
    if match := re.fullmatch(r"global (\S.*)", text):
        return LockIdentity(name=match[1])
    if match := re.fullmatch(r"(?:arguments? (\d+(?:, ?\d+)*))?(?:, )?(?:handle (\d+))?", text):
        arguments = tuple(_number(part) for part in re.findall(r"\d+", match[1] or ""))
        handle = _number(match[2]) if match[2] else -1
        if (arguments or match[2]) and not text.startswith(", "):
            try:
                values = tuple(sorted((int(key, 0), name) for key, name in (names or {}).items()))
            except ValueError:
                raise ValueError("the keys of `names` must be the integers that the argument is compared with") from None
            return LockIdentity(arguments, handle, names=values)
    raise ValueError(
        f"`{text}` does not say which lock; write `argument N`, `arguments N, M`, `argument N, handle M`, `handle N` or `global NAME`"
    )


def parse_saved(text: str) -> Saved:
    """Read ```` (nothing), ``result``, ``*N``, ``N`` or ``handle N``."""
    if text == "":
        return Saved()
    if text == "result":
        return Saved("result")
    if match := re.fullmatch(r"(\*|handle )?(\d+)", text):
        where = {"*": "out", "handle ": "handle", None: "value"}[match[1]]
        return Saved(where, _number(match[2]))  # type: ignore[arg-type]
    raise ValueError(f"`{text}` does not say where the state is saved; write `result`, `*N`, `N` or `handle N`")


def parse_condition(text: str) -> Condition:
    """Read ``argument N null|nonzero|points to zero|equals V|has bits V``."""
    if match := re.fullmatch(r"argument (\d+) (null|nonzero|points to zero|equals (\w+)|has bits (\w+))", text):
        test = match[2].split()[0] if " " in match[2] else match[2]
        word = {"points": "points_to_zero", "has": "bits"}.get(test, test)
        value = int(match[3] or match[4] or "0", 0)
        return Condition(_number(match[1]), word, value)  # type: ignore[arg-type]
    raise ValueError(
        f"`{text}` is no condition; write `argument N` and `null`, `nonzero`, `points to zero`, `equals V` or `has bits V`"
    )


def parse_success(text: str) -> tuple[tuple[int, int], ...]:
    """Read the results that mean success as ranges with both ends included."""
    fixed: dict[str, tuple[tuple[int, int], ...]] = {
        "": (),
        "nonzero": ((I32[0], -1), (1, 2**32 - 1)),
        "zero": ((0, 0),),
        "status_success": ((0, 0),),
        "nt_success": ((0, I32[1]),),
    }
    if text in fixed:
        return fixed[text]
    if match := re.fullmatch(r"(-?\w+)\.\.(-?\w+)", text):
        low, high = int(match[1], 0), int(match[2], 0)
        if low > high:
            raise ValueError(f"the range `{text}` is empty")
        return ((low, high),)
    raise ValueError(f"`{text}` is no result; write `nonzero`, `zero`, `nt_success`, `status_success` or a range `LOW..HIGH`")


def count_parameters(signature: str) -> int:
    """Return the number of parameters in ``RESULT (TYPE, TYPE)``, -1 for an empty signature.

    The types are simple names on purpose: they are what the examples declare.
    """
    if not signature:
        return -1
    match = re.fullmatch(r"[\w ]+\*? ?\(([\w *,]*)\)", signature)
    if match is None:
        raise ValueError(f"the signature `{signature}` is not of the form `RESULT (TYPE, TYPE)`")
    inner = match[1].strip()
    return 0 if inner in {"", "VOID", "void"} else inner.count(",") + 1


# --- rows ----------------------------------------------------------------------------


class _KindRow(msgspec.Struct, forbid_unknown_fields=True):
    noun: str
    counter: bool = False
    recursive: bool = False
    spin: bool = False
    shared: bool = False
    strict: bool = True
    storage: str = ""
    carried: bool = False
    releases: list[tuple[str, str]] = []


class _OperationRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str
    action: str
    kind: str
    lock: str
    names: dict[str, str] = {}
    saved: str = ""
    success: str = ""
    always_if: str = ""
    mode: str = "exclusive"
    variant: str = "normal"
    irql: str = "keep"
    models: list[str] = msgspec.field(default_factory=lambda: ["any"])
    as_user_wrote: list[str] = []
    signature: str = ""


class _RoleRow(msgspec.Struct, forbid_unknown_fields=True):
    pattern: str
    model: str
    holds: list[dict[str, str]] = []
    irql: str = "any"
    balanced: bool = True


class _ImmediateRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str
    callback: int
    kind: str
    lock: str
    passes: list[int] = []


class _ForbiddenRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str | list[str]
    kinds: list[str]
    when: str = ""
    unless: str = ""
    rule: str = ""


class _RequiredRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str | list[str]
    kinds: list[str]
    rule: str = ""


class _RegistrationRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str
    argument: int
    role: str
    through: str = ""
    pattern: bool = False


class _SlotRow(msgspec.Struct, forbid_unknown_fields=True):
    field: str
    role: str
    object: str = ""
    pattern: bool = False


class _CreationRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str
    kind: str
    attributes: int
    lock: int


class _SameRow(msgspec.Struct, forbid_unknown_fields=True):
    function: str
    argument: int


class _PureRow(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str] = []
    patterns: list[str] = []
    but: list[str] = []


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"`{name}` is not the name of a function")
    return name


def _expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"`{pattern}` is not a regular expression: {problem}") from None
    return pattern


def _models(words: Iterable[str]) -> tuple[Model, ...]:
    return tuple(_choice(word, get_args(Model), "driver model") for word in words)  # type: ignore[misc]


def _operation(row: _OperationRow) -> Operation:
    parameters = count_parameters(row.signature)
    lock = parse_lock(row.lock, row.names)
    saved = parse_saved(row.saved)
    always_if = parse_condition(row.always_if) if row.always_if else None
    mode, mode_argument = row.mode, -1
    if match := re.fullmatch(r"argument (\d+)", row.mode):
        mode, mode_argument = "argument", _number(match[1])
    else:
        _choice(row.mode, ("exclusive", "shared", "any", "argument N"), "mode")
    action = _choice(row.action, get_args(Action), "action")
    used = [*lock.arguments, lock.handle, saved.argument, mode_argument, always_if.argument if always_if else -1]
    if 0 <= parameters <= max(used):
        raise ValueError(f"`{row.function}` has {parameters} parameters, there is no argument {max(used)}")
    if parameters >= 0 and saved.where == "result" and re.match(r"(?i)void *\(", row.signature):
        raise ValueError(f"`{row.function}` has no result in which it could save anything")
    if saved.where in {"result", "out"} and action == "release":
        raise ValueError("a release is handed the saved state by value or in a handle, it does not store it")
    if saved.where == "value" and action != "release":
        raise ValueError("an acquire stores the saved state in `result`, `*N` or `handle N`")
    if action == "try" and not row.success:
        raise ValueError("a `try` must say with `success` which results mean that the lock is held")
    if row.always_if and action != "try":
        raise ValueError("`always_if` is for a `try` that may not fail under a condition")
    if action == "convert" and mode not in {"exclusive", "shared"}:
        raise ValueError("a `convert` must say with `mode` what the lock is afterwards")
    return Operation(
        function=_identifier(row.function),
        action=action,  # type: ignore[arg-type]
        kind=row.kind,
        lock=lock,
        saved=saved,
        success=row.success,
        success_ranges=parse_success(row.success),
        always_if=always_if,
        mode=mode if mode in get_args(Mode) else "exclusive",  # type: ignore[arg-type]
        mode_argument=mode_argument,
        variant=row.variant,
        irql=_choice(row.irql, get_args(IrqlEffect), "IRQL effect"),  # type: ignore[arg-type]
        models=_models(row.models),
        as_user_wrote=tuple(_identifier(name) for name in row.as_user_wrote),
        signature=row.signature,
        parameters=parameters,
    )


def _hold(row: Mapping[str, str]) -> Hold:
    known = ("kind", "lock", "at_exit", "mode", "saved")
    for key in row:
        if key not in known:
            raise ValueError(f"unknown field `{key}` in `holds`{did_you_mean(key, known)}")
    for key in ("kind", "lock", "at_exit"):
        if key not in row:
            raise ValueError(f"`holds` needs the field `{key}`")
    saved_argument, saved_field = -1, ""
    if "saved" in row:
        match = re.fullmatch(r"(\d+)->(\w+)", row["saved"])
        if match is None:
            raise ValueError(f"`{row['saved']}` is no field of a parameter; write `N->Field`")
        saved_argument, saved_field = _number(match[1]), match[2]
    return Hold(
        row["kind"],
        parse_lock(row["lock"]),
        _choice(row["at_exit"], ("released", "kept"), "word for `at_exit`"),  # type: ignore[arg-type]
        _choice(row.get("mode", "exclusive"), ("exclusive", "shared"), "mode"),  # type: ignore[arg-type]
        saved_argument,
        saved_field,
    )


def _role(row: _RoleRow) -> Role:
    return Role(
        _expression(row.pattern),
        _models([row.model])[0],
        tuple(_hold(hold) for hold in row.holds),
        _choice(row.irql, ("passive", "apc", "dispatch", "device", "any"), "IRQL"),  # type: ignore[arg-type]
        row.balanced,
    )


def _immediate(row: _ImmediateRow) -> Immediate:
    passes = tuple(number if number == -1 else _number(str(number)) for number in row.passes)
    return Immediate(_identifier(row.function), _number(str(row.callback)), row.kind, parse_lock(row.lock), passes)


def _forbidden(row: _ForbiddenRow) -> tuple[Forbidden, ...]:
    when = parse_condition(row.when) if row.when else None
    unless = parse_condition(row.unless) if row.unless else None
    names = [row.function] if isinstance(row.function, str) else row.function
    return tuple(Forbidden(_identifier(name), tuple(row.kinds), when, unless, row.rule) for name in names)


def _required(row: _RequiredRow) -> tuple[Required, ...]:
    names = [row.function] if isinstance(row.function, str) else row.function
    return tuple(Required(_identifier(name), tuple(row.kinds), row.rule) for name in names)


def _registration(row: _RegistrationRow) -> Registration:
    name = _expression(row.function) if row.pattern else _identifier(row.function)
    return Registration(name, _number(str(row.argument)), _identifier(row.role), row.through, row.pattern)


def _slot(row: _SlotRow) -> Slot:
    return Slot(_expression(row.field) if row.pattern else _identifier(row.field), _identifier(row.role), row.object, row.pattern)


def _creation(row: _CreationRow) -> Creation:
    return Creation(_identifier(row.function), row.kind, _number(str(row.attributes)), _number(str(row.lock)))


def _pure(row: _PureRow) -> Pure:
    return Pure(
        tuple(_identifier(name) for name in row.names),
        tuple(_expression(pattern) for pattern in row.patterns),
        tuple(_identifier(name) for name in row.but),
    )


# --- files ---------------------------------------------------------------------------


class _Reader:
    """The rows of one file, each with its line; ``prefix`` is where the tables stand in it (``tool.spincheck``)."""

    def __init__(self, file: str, text: str, data: Mapping[str, Any], prefix: Path) -> None:
        self.file = file
        self.data = data
        self.prefix = prefix
        self.lines = line_index(text)

    def line(self, *path: str | int) -> int:
        return line_of(self.lines, (*self.prefix, *path))

    def fail(self, message: str, *path: str | int) -> TableError:
        return TableError(f"{self.file}:{self.line(*path)}: {message}")

    def row(self, form: type[T], make: Callable[[Any], Any], raw: Any, *path: str | int) -> Placed[Any]:
        if not isinstance(raw, dict):
            raise self.fail("expected a table of fields here", *path)
        try:
            fields = [field.name for field in msgspec.structs.fields(form)]  # type: ignore[arg-type]
            for key in raw:
                if key not in fields:
                    raise self.fail(f"unknown field `{key}`{did_you_mean(key, fields)}", *path, key)
            value = make(msgspec.convert(raw, form))
        except TableError:
            raise
        except (msgspec.ValidationError, ValueError) as problem:
            raise self.fail(_lower(str(problem)), *path) from None
        return Placed(value, self.file, self.line(*path))

    def rows(self, section: str, form: type[Any], make: Callable[[Any], Any], defaults: Mapping[str, Any] | None = None) -> tuple[Placed[Any], ...]:
        raw_rows = self.data.get(section, [])
        if not isinstance(raw_rows, list):
            raise self.fail(f"`{section}` must be an array of tables", section)
        return tuple(
            self.row(form, make, {**(defaults or {}), **raw} if isinstance(raw, dict) else raw, section, number)
            for number, raw in enumerate(raw_rows)
        )

    def spread(self, section: str, form: type[Any], make: Callable[[Any], tuple[T, ...]]) -> tuple[Placed[T], ...]:
        return tuple(
            Placed(value, placed.file, placed.line) for placed in self.rows(section, form, make) for value in placed.value
        )

    def names(self, section: str) -> tuple[Placed[str], ...]:
        raw = self.data.get(section, [])
        if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
            raise self.fail(f"`{section}` must be an array of names", section)
        for number, name in enumerate(raw):
            try:
                _identifier(name)
            except ValueError as problem:
                raise self.fail(str(problem), section, number) from None
        return tuple(Placed(name, self.file, self.line(section, number)) for number, name in enumerate(raw))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def read_fragment(file: str, text: str, data: Mapping[str, Any], prefix: Path = (), family: str | None = None) -> Fragment:
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

    def kind_of(name: str) -> Callable[[_KindRow], Kind]:
        def make(row: _KindRow) -> Kind:
            return Kind(
                name, row.noun, row.counter, row.recursive, row.spin, row.shared, row.strict,
                row.storage or name, row.carried, tuple(row.releases),
            )  # fmt: skip

        return make

    pure = data.get("pure")
    return Fragment(
        file=file,
        family=stated,
        digest=hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest(),
        kinds=tuple(reader.row(_KindRow, kind_of(name), raw, "kind", name) for name, raw in kinds_raw.items()),
        operations=reader.rows("operation", _OperationRow, _operation, defaults),
        roles=reader.rows("role", _RoleRow, _role),
        registrations=reader.rows("registration", _RegistrationRow, _registration),
        slots=reader.rows("slot", _SlotRow, _slot),
        immediate=reader.rows("immediate", _ImmediateRow, _immediate),
        forbidden=reader.spread("forbidden", _ForbiddenRow, _forbidden),
        required=reader.spread("required", _RequiredRow, _required),
        creations=reader.rows("creation", _CreationRow, _creation),
        noreturn=reader.names("noreturn"),
        raising=reader.names("raising"),
        pure=() if pure is None else (reader.row(_PureRow, _pure, pure, "pure"),),
        same=reader.rows("same", _SameRow, lambda row: Same(_identifier(row.function), _number(str(row.argument)))),
    )


def read_text(file: str, text: str) -> Fragment:
    """Parse ``text`` as a table file named ``file``; raises `TableError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        match = re.search(r"\(at line (\d+), column \d+\)", str(problem))
        line = match[1] if match else str(text.count("\n") + 1)
        raise TableError(f"{file}:{line}: not valid TOML: {_lower(re.sub(r' *[(]at .*', '', str(problem)))}") from None
    return read_fragment(file, text, data)
