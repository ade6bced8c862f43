"""The forms of the rows: which fields a row of each table may have, and the fact that it becomes.

A form is a struct of plain strings as TOML has them; its maker checks them against each other (an argument that the signature
does not have, a saved state where none can be) and raises `ValueError`; the reader adds file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from spincheck.locks.model import (
    Action,
    Creation,
    Forbidden,
    Handover,
    Hold,
    Immediate,
    IrqlEffect,
    Kind,
    Mode,
    Model,
    Operation,
    Pure,
    Registration,
    Required,
    Role,
    Same,
    Slot,
)
from spincheck.locks.words import (
    choice,
    count_parameters,
    did_you_mean,
    expression,
    identifier,
    member,
    number_of,
    parse_condition,
    parse_lock,
    parse_saved,
    parse_success,
)


class KindRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``kind``; see `spincheck.locks.model`."""

    noun: str
    counter: bool = False
    recursive: bool = False
    spin: bool = False
    shared: bool = False
    strict: bool = True
    storage: str = ""
    carried: bool = False
    releases: list[tuple[str, str]] = []
    pending: int | None = None
    over: list[str] = []
    forwards: list[str] = []


class OperationRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``operation``; see `spincheck.locks.model`."""

    function: str
    action: str
    kind: str
    lock: str
    names: dict[str, str] = {}
    saved: str = ""
    success: str = ""
    failure: str = ""
    always_if: str = ""
    mode: str = "exclusive"
    variant: str = "normal"
    irql: str = "keep"
    models: list[str] = msgspec.field(default_factory=lambda: ["any"])
    as_user_wrote: list[str] = []
    for_thread: bool = False
    tag: int = -1
    signature: str = ""


class RoleRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``role``; see `spincheck.locks.model`."""

    pattern: str
    model: str
    holds: list[dict[str, str]] = []
    irql: str = "any"
    balanced: bool = True
    concurrent: bool = False
    inside: list[str] = []
    present: list[int] = []
    new: list[int] = []
    partner: str = ""


class ImmediateRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``immediate``; see `spincheck.locks.model`."""

    function: str | list[str]
    kind: str
    lock: str
    callback: int = -1
    passes: list[int] = []


class ForbiddenRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``forbidden``; see `spincheck.locks.model`."""

    function: str | list[str]
    kinds: list[str]
    when: str = ""
    unless: str = ""
    rule: str = ""
    locks: list[str] = []
    as_user_wrote: list[str] = []


class RequiredRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``required``; see `spincheck.locks.model`."""

    function: str | list[str]
    kinds: list[str]
    rule: str = ""


class HandoverRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``handover``; see `spincheck.locks.model`."""

    function: str | list[str]
    kinds: list[str]


class RegistrationRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``registration``; see `spincheck.locks.model`."""

    function: str
    argument: int
    role: str
    through: str = ""
    pattern: bool = False


class SlotRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``slot``; see `spincheck.locks.model`."""

    field: str
    role: str
    object: str = ""
    pattern: bool = False


class CreationRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``creation``; see `spincheck.locks.model`."""

    function: str
    kind: str
    attributes: int
    lock: int
    parent: str
    cleared_by: list[str] = []


class SameRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``same``; see `spincheck.locks.model`."""

    function: str
    argument: int


class PureRow(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a row of ``pure``; see `spincheck.locks.model`."""

    names: list[str] = []
    patterns: list[str] = []
    but: list[str] = []
    threads: list[str] = []


def _models(words: Iterable[str]) -> tuple[Model, ...]:
    return tuple(choice(word, get_args(Model), "driver model") for word in words)  # type: ignore[misc]


def make_operation(row: OperationRow) -> Operation:
    """Return the fact of a row of ``operation``."""
    parameters = count_parameters(row.signature)
    lock = parse_lock(row.lock, row.names)
    saved = parse_saved(row.saved)
    always_if = parse_condition(row.always_if) if row.always_if else None
    mode, mode_argument = row.mode, -1
    if match := re.fullmatch(r"argument (\d+)", row.mode):
        mode, mode_argument = "argument", number_of(match[1])
    else:
        choice(row.mode, ("exclusive", "shared", "any", "argument N"), "mode")
    action = choice(row.action, get_args(Action), "action")
    used = [
        *lock.arguments,
        lock.handle,
        saved.argument,
        mode_argument,
        row.tag,
        always_if.argument if always_if else -1,
    ]
    if 0 <= parameters <= max(used):
        raise ValueError(f"`{row.function}` has {parameters} parameters, there is no argument {max(used)}")
    if saved.where in {"result", "out"} and action == "release":
        raise ValueError("a release is handed the saved state by value or in a handle, it does not store it")
    if parameters >= 0 and saved.where == "result" and re.match(r"(?i)void *\(", row.signature):
        raise ValueError(f"`{row.function}` has no result in which it could save anything")
    if row.for_thread and action != "release":
        raise ValueError("only a release can be for another thread")
    if saved.where == "value" and action != "release":
        raise ValueError("an acquire stores the saved state in `result`, `*N` or `handle N`")
    if action == "try" and not row.success:
        raise ValueError("a `try` must say with `success` which results mean that the lock is held")
    if row.failure and action != "try":
        raise ValueError("`failure` is for a `try`: the only results that mean that the lock is not held")
    if row.always_if and action != "try":
        raise ValueError("`always_if` is for a `try` that may not fail under a condition")
    if action == "convert" and mode not in {"exclusive", "shared"}:
        raise ValueError("a `convert` must say with `mode` what the lock is afterwards")
    return Operation(
        function=identifier(row.function),
        action=action,  # type: ignore[arg-type]
        kind=row.kind,
        lock=lock,
        saved=saved,
        success=row.success,
        success_ranges=parse_success(row.success),
        failure_range=parse_success(row.failure)[0] if row.failure else None,
        always_if=always_if,
        mode=mode if mode in get_args(Mode) else "exclusive",  # type: ignore[arg-type]
        mode_argument=mode_argument,
        variant=row.variant,
        irql=choice(row.irql, get_args(IrqlEffect), "IRQL effect"),  # type: ignore[arg-type]
        models=_models(row.models),
        as_user_wrote=tuple(identifier(name) for name in row.as_user_wrote),
        for_thread=row.for_thread,
        tag=row.tag if row.tag == -1 else number_of(str(row.tag)),
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
        saved_argument, saved_field = number_of(match[1]), match[2]
    return Hold(
        row["kind"],
        parse_lock(row["lock"]),
        choice(row["at_exit"], ("released", "kept"), "word for `at_exit`"),  # type: ignore[arg-type]
        choice(row.get("mode", "exclusive"), ("exclusive", "shared"), "mode"),  # type: ignore[arg-type]
        saved_argument,
        saved_field,
    )


def make_role(row: RoleRow) -> Role:
    """Return the fact of a row of ``role``."""
    return Role(
        expression(row.pattern),
        _models([row.model])[0],
        tuple(_hold(hold) for hold in row.holds),
        choice(row.irql, ("passive", "apc", "dispatch", "device", "any"), "IRQL"),  # type: ignore[arg-type]
        row.balanced,
        row.concurrent,
        tuple(row.inside),
        tuple(number_of(str(number)) for number in row.present),
        tuple(number_of(str(number)) for number in row.new),
        row.partner and identifier(row.partner),
    )


def make_immediate(row: ImmediateRow) -> tuple[Immediate, ...]:
    """Return the facts of a row of ``immediate``, one for each function."""
    callback, *passes = (number if number == -1 else number_of(str(number)) for number in (row.callback, *row.passes))
    names = [row.function] if isinstance(row.function, str) else row.function
    return tuple(Immediate(identifier(name), callback, row.kind, parse_lock(row.lock), tuple(passes)) for name in names)


def make_forbidden(row: ForbiddenRow) -> tuple[Forbidden, ...]:
    """Return the fact of a row of ``forbidden``."""
    when = parse_condition(row.when) if row.when else None
    unless = parse_condition(row.unless) if row.unless else None
    names = [row.function] if isinstance(row.function, str) else row.function
    written = tuple(identifier(name) for name in row.as_user_wrote)
    return tuple(
        Forbidden(identifier(name), tuple(row.kinds), when, unless, row.rule, tuple(row.locks), written) for name in names
    )


def make_required(row: RequiredRow) -> tuple[Required, ...]:
    """Return the fact of a row of ``required``."""
    names = [row.function] if isinstance(row.function, str) else row.function
    return tuple(Required(identifier(name), tuple(row.kinds), row.rule) for name in names)


def make_handover(row: HandoverRow) -> tuple[Handover, ...]:
    """Return the facts of a row of ``handover``, one for each function."""
    names = [row.function] if isinstance(row.function, str) else row.function
    return tuple(Handover(identifier(name), tuple(row.kinds)) for name in names)


def make_registration(row: RegistrationRow) -> Registration:
    """Return the fact of a row of ``registration``."""
    name = expression(row.function) if row.pattern else identifier(row.function)
    return Registration(name, number_of(str(row.argument)), identifier(row.role), row.through, row.pattern)


def make_slot(row: SlotRow) -> Slot:
    """Return the fact of a row of ``slot``."""
    return Slot(
        expression(row.field) if row.pattern else member(row.field, row.object),
        identifier(row.role),
        row.object,
        row.pattern,
    )


def make_creation(row: CreationRow) -> Creation:
    """Return the fact of a row of ``creation``."""
    return Creation(
        identifier(row.function),
        row.kind,
        number_of(str(row.attributes)),
        number_of(str(row.lock)),
        identifier(row.parent),
        tuple(identifier(name) for name in row.cleared_by),
    )


def make_pure(row: PureRow) -> Pure:
    """Return the fact of a row of ``pure``."""
    return Pure(
        tuple(identifier(name) for name in row.names),
        tuple(expression(pattern) for pattern in row.patterns),
        tuple(identifier(name) for name in row.but),
        tuple(identifier(name) for name in row.threads),
    )


def make_same(row: SameRow) -> Same:
    """Return the fact of a row of ``same``."""
    return Same(identifier(row.function), number_of(str(row.argument)))


def make_kind(name: str, row: KindRow) -> Kind:
    """Return the kind ``[kind.NAME]`` describes."""
    return Kind(
        name=name,
        noun=row.noun,
        counter=row.counter,
        recursive=row.recursive,
        spin=row.spin,
        shared=row.shared,
        strict=row.strict,
        storage=row.storage or name,
        carried=row.carried,
        releases=tuple(row.releases),
        pending=row.pending,
        over=tuple(identifier(name) for name in row.over),
        forwards=tuple(identifier(name) for name in row.forwards),
    )
