"""Refuses tables that contradict themselves once all files are together.

A table of locks that is wrong is worse than none: a function that both takes and gives back the same lock, or an acquire
that nothing releases, silently turns every verdict about that lock into noise. These checks are the reason why
the tables can be edited by people who do not know the analysis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from spincheck.locks.model import Kind, LockIdentity, Operation
from spincheck.locks.reader import Fragment, Placed, TableError
from spincheck.locks.words import did_you_mean

USER = "user"
"""The family of the rows of a configuration."""

SPIN = "@spin"
"""In a list of kinds: every kind whose holder runs at DISPATCH_LEVEL or above."""


def collect_kinds(fragments: Iterable[Fragment]) -> dict[str, Placed[Kind]]:
    """Return the kinds by name; a kind that is defined twice is an error."""
    kinds: dict[str, Placed[Kind]] = {}
    for fragment in fragments:
        for placed in fragment.kinds:
            name = placed.value.name
            if name in kinds:
                raise placed.error(
                    f"kind `{name}` is already defined at {kinds[name].file}:{kinds[name].line}"
                )
            kinds[name] = placed
    return kinds


def check(fragments: tuple[Fragment, ...]) -> None:
    """Raise `TableError` for the first contradiction, duplicate, or row that leads nowhere."""
    kinds = {name: placed.value for name, placed in collect_kinds(fragments).items()}
    operations = [placed for fragment in fragments for placed in fragment.operations]
    _kinds_exist(fragments, kinds)
    _no_contradictions(operations)
    _modes_fit(operations, kinds)
    _partners(operations, kinds)
    _unique(fragments)
    _roles_exist(fragments)


def _roles_exist(fragments: tuple[Fragment, ...]) -> None:
    """A callback with a role that no table has would be silently none; our own rows are held by a test."""
    users = [fragment for fragment in fragments if fragment.family == USER]
    rows: list[Placed[Any]] = []
    for fragment in users:
        rows += [*fragment.registrations, *fragment.slots]
    patterns = [row.value.pattern for fragment in fragments for row in fragment.roles] if rows else []
    for row in rows:
        role = row.value.role
        if not any(re.fullmatch(pattern, role) for pattern in patterns):
            names = [pattern for pattern in patterns if re.fullmatch(r"\w+", pattern)]
            raise row.error(f"there is no role `{role}`{did_you_mean(role, names)}")


def _kinds_exist(fragments: tuple[Fragment, ...], kinds: Mapping[str, Kind]) -> None:
    for fragment in fragments:
        named: list[tuple[Placed[Any], str]] = []
        named += [(row, row.value.kind) for row in fragment.operations]
        named += [(row, hold.kind) for row in fragment.roles for hold in row.value.holds]
        named += [(row, kind) for row in fragment.roles for kind in row.value.inside]
        named += [(row, row.value.kind) for row in fragment.immediate]
        named += [(row, row.value.kind) for row in fragment.creations]
        named += [(row, kind) for row in fragment.forbidden for kind in row.value.kinds]
        named += [(row, kind) for row in fragment.required for kind in row.value.kinds]
        named += [(row, kind) for row in fragment.handovers for kind in row.value.kinds]
        for row, kind in named:
            if kind not in kinds and kind != SPIN:
                raise row.error(f"unknown kind `{kind}`{did_you_mean(kind, kinds)}")


def _no_contradictions(operations: list[Placed[Operation]]) -> None:
    seen: dict[tuple[str, str], Placed[Operation]] = {}
    for row in operations:
        operation = row.value
        key = (operation.function, operation.kind)
        other = seen.get(key)
        if other is None:
            seen[key] = row
            continue
        where = f"{other.file}:{other.line}"
        if other.value.action != operation.action:
            raise row.error(
                f"`{operation.function}` cannot both {other.value.action} ({where}) and {operation.action} a lock of kind `{operation.kind}`"
            )
        raise row.error(f"`{operation.function}` already has a row for kind `{operation.kind}` at {where}")


def _modes_fit(operations: list[Placed[Operation]], kinds: Mapping[str, Kind]) -> None:
    for row in operations:
        operation, kind = row.value, kinds[row.value.kind]
        if operation.mode != "exclusive" and not kind.shared:
            raise row.error(
                f"kind `{kind.name}` has no shared mode, so `{operation.function}` cannot have mode `{operation.mode}`"
            )
        if kind.counter and operation.action == "convert":
            raise row.error(f"kind `{kind.name}` is a counter, it cannot be converted")
        if operation.lock == LockIdentity():
            raise row.error(f"`{operation.function}` does not say which lock it is about")


def go_together(kind: Kind, acquired: str, released: str) -> bool:
    """Whether a release of variant ``released`` is the right one for an acquire of variant ``acquired``."""
    return acquired == released or (acquired, released) in kind.releases


def _fits(acquire: Operation, release: Operation, kind: Kind) -> bool:
    if acquire.kind != release.kind or not go_together(kind, acquire.variant, release.variant):
        return False
    return (
        "any" in (acquire.mode, release.mode)
        or "argument" in (acquire.mode, release.mode)
        or acquire.mode == release.mode
    )


def _partners(operations: list[Placed[Operation]], kinds: Mapping[str, Kind]) -> None:
    acquires = [row for row in operations if row.value.action in {"acquire", "try"}]
    releases = [row for row in operations if row.value.action == "release"]
    for row in acquires:
        kind = kinds[row.value.kind]
        if not any(_fits(row.value, other.value, kind) for other in releases):
            raise row.error(f"nothing releases what `{row.value.function}` acquires ({_shape(row.value)})")
    for row in releases:
        kind = kinds[row.value.kind]
        partners = [other.value for other in acquires if _fits(other.value, row.value, kind)]
        if not partners:
            raise row.error(f"nothing acquires what `{row.value.function}` releases ({_shape(row.value)})")
        if row.value.saved.where == "value" and not any(
            other.saved.where in {"result", "out"} for other in partners
        ):
            raise row.error(
                f"`{row.value.function}` is handed a saved state, but no acquire saves one ({_shape(row.value)})"
            )


def _shape(operation: Operation) -> str:
    return f"kind `{operation.kind}`, variant `{operation.variant}`, mode `{operation.mode}`"


def _unique(fragments: tuple[Fragment, ...]) -> None:
    def once(rows: Iterable[tuple[Placed[Any], object]], what: str) -> None:
        seen: dict[object, Placed[Any]] = {}
        for row, key in rows:
            if key in seen:
                raise row.error(f"{what} is already given at {seen[key].file}:{seen[key].line}")
            seen[key] = row

    once(((r, r.value.pattern) for f in fragments for r in f.roles), "this role")
    once(
        (
            (r, (r.value.function, r.value.argument, r.value.through))
            for f in fragments
            for r in f.registrations
        ),
        "this registration",
    )
    once(((r, (r.value.field, r.value.object)) for f in fragments for r in f.slots), "this slot")
    once(((r, r.value.function) for f in fragments for r in f.immediate), "this call")
    once(((r, r.value) for f in fragments for r in f.forbidden), "this forbidden call")
    once(((r, r.value) for f in fragments for r in f.required), "this requirement")
    once(((r, r.value) for f in fragments for r in (*f.noreturn, *f.ending, *f.raising)), "this function")
    operations = {row.value.function for fragment in fragments for row in fragment.operations}
    for fragment in fragments:
        for row in (*fragment.noreturn, *fragment.ending, *fragment.raising):
            if row.value in operations:
                raise TableError(
                    f"{row.file}:{row.line}: `{row.value}` never returns, so it cannot be a lock operation too"
                )
