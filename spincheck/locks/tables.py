"""The lock tables of the chosen families, merged and ready to be asked.

In: the package's ``*.toml`` files and, perhaps, a user's own tables. Out: `Tables`, immutable but for memos of
pattern look-ups, with a digest over everything that can change a verdict.

A function's name is matched here before anybody looks at its body: `WdfSpinLockAcquire` is an inline function that calls
through a table of pointers, and its body says nothing.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec

from spincheck.locks.consistency import SPIN, check, collect_kinds, go_together
from spincheck.locks.model import (
    DEFAULT_FAMILIES,
    Creation,
    Forbidden,
    Hold,
    Immediate,
    Kind,
    Operation,
    Registration,
    Required,
    Role,
    Slot,
)
from spincheck.locks.reader import Fragment, TableError, parse_text, read_fragment
from spincheck.locks.words import did_you_mean
from spincheck.memory import Memory

UserTables = Fragment
"""A user's own tables, as `spincheck.locks.config` reads them."""


class Tables(msgspec.Struct, frozen=True, weakref=True):
    """All lock knowledge of one run. Names and arguments are those of the preprocessed text.

    ``ending`` functions end the thread, and with it the callback that calls them.
    ``raising`` functions go to the ``__except`` handler when called inside ``__try``; elsewhere they do not return.
    ``cleared``: the fields that a function sets to zero in its first argument.
    ``handed``: the kinds of lock that can be given back on behalf of another thread. ``given_back``: the locks that some callback is entered with
    and gives back, and whose saved IRQL it finds in one of its arguments.
    ``handovers``: the kinds of carried lock that another callback may give back once this function has been called.
    ``threads``: functions whose result is the current thread.
    ``same``: the result of a function is its argument of that number. ``all_names``: every function named anywhere.
    ``digest``: hex, changes when anything here changes.
    """

    operations: dict[str, tuple[Operation, ...]]
    kinds: dict[str, Kind]
    noreturn: frozenset[str]
    ending: frozenset[str]
    raising: frozenset[str]
    immediate: dict[str, Immediate]
    forbidden: dict[str, tuple[Forbidden, ...]]
    required: dict[str, tuple[Required, ...]]
    handovers: dict[str, frozenset[str]]
    creations: dict[str, Creation]
    cleared: dict[str, tuple[str, ...]]
    same: dict[str, int]
    threads: frozenset[str]
    handed: frozenset[str]
    given_back: tuple[Hold, ...]
    roles: tuple[Role, ...]
    all_names: frozenset[str]
    families: tuple[str, ...]
    digest: str
    _registrations: dict[tuple[str, int, str], str]
    _registration_patterns: tuple[tuple[re.Pattern[str], Registration], ...]
    _slots: dict[tuple[str, str], str]
    _slot_patterns: tuple[tuple[re.Pattern[str], Slot], ...]
    _role_names: dict[str, Role]
    _role_patterns: tuple[tuple[re.Pattern[str], Role], ...]
    _pure_names: frozenset[str]
    _impure_names: frozenset[str]
    _pure_pattern: re.Pattern[str] | None
    _role_memo: dict[str, Role | None]
    _pure_memo: dict[str, bool]

    def role(self, type_name: str) -> Role | None:
        """Return the role of a callback type, also written as its pointer type (``PFN_WDF_X``, ``PDRIVER_CANCEL``)."""
        if type_name not in self._role_memo:
            self._role_memo[type_name] = self._find_role(type_name)
        return self._role_memo[type_name]

    def _find_role(self, type_name: str) -> Role | None:
        names = [type_name]
        if type_name.startswith("PFN_"):
            names += ["EVT_" + type_name[4:], type_name[4:]]
        elif type_name.startswith("P"):
            names.append(type_name[1:])
        for name in names:
            if name in self._role_names:
                return self._role_names[name]
        for name in names:
            for pattern, role in self._role_patterns:
                if pattern.fullmatch(name):
                    return role
        return None

    def registered(self, function: str, argument: int, through: str = "") -> str | None:
        """Return the role type of a callback passed as ``argument`` of ``function``, or None.

        ``through`` is the field whose address is the first argument, where there is one: a macro that stores a callback with
        an interlocked exchange is a registration only for that field.
        """
        for key in ((function, argument, ""), (function, argument, through)):
            if key in self._registrations:
                return self._registrations[key]
        for pattern, row in self._registration_patterns:
            if row.argument == argument and row.through in ("", through) and pattern.fullmatch(function):
                return row.role
        return None

    def slot(self, field: str, object: str = "") -> str | None:  # noqa: A002  (the word of ir.Reference)
        """Return the role type of a callback stored in ``field`` of a struct type ``object`` ("" when not known), or None.

        ``object`` may be the name of a pointer to it, which by Windows' convention has a P in front.
        """
        name = object.lstrip("_")
        names = (name, name[1:]) if name[:1] == "P" else (name,)
        for key in (*((field, one) for one in names), (field, "")):
            if key in self._slots:
                return self._slots[key]
        for pattern, row in self._slot_patterns:
            if pattern.fullmatch(field) and (
                not row.object or any(re.fullmatch(row.object, one) for one in names)
            ):
                return row.role
        return None

    def never_returns(self, name: str) -> bool:
        """Whether control does not come back from ``name``, except perhaps to a handler."""
        return name in self.noreturn or name in self.ending or name in self.raising

    def pure(self, name: str) -> bool:
        """Whether ``name`` gives the same object whenever it gets the same arguments, and changes nothing."""
        known = self._pure_memo.get(name)
        if known is None:
            matched = self._pure_pattern is not None and self._pure_pattern.fullmatch(name) is not None
            known = name in self._pure_names or (matched and name not in self._impure_names)
            self._pure_memo[name] = known
        return known

    def compatible(self, kind: str, acquired: str, released: str) -> bool:
        """Whether a release of variant ``released`` ends an acquire of variant ``acquired`` of this kind."""
        return go_together(self.kinds[kind], acquired, released)

    def storage(self, kind: str) -> str:
        """Return what the locks of this kind live in; kinds with equal storage are ways to take the same lock."""
        return self.kinds[kind].storage


def _spread_spin(kinds: tuple[str, ...], known: dict[str, Kind]) -> tuple[str, ...]:
    spread: list[str] = []
    for kind in kinds:
        names = sorted(name for name in known if known[name].spin) if kind == SPIN else [kind]
        spread += [name for name in names if name not in spread]
    return tuple(spread)


def _is_name(pattern: str) -> bool:
    return re.fullmatch(r"\w+", pattern) is not None


def merge(fragments: tuple[Fragment, ...], families: tuple[str, ...]) -> Tables:
    """Make one `Tables` of all fragments; raises `TableError` when they contradict each other."""
    check(fragments)
    kinds = {name: placed.value for name, placed in sorted(collect_kinds(fragments).items())}
    operations: dict[str, tuple[Operation, ...]] = {}
    forbidden: dict[str, tuple[Forbidden, ...]] = {}
    required: dict[str, tuple[Required, ...]] = {}
    handovers: dict[str, frozenset[str]] = {}
    for fragment in fragments:
        for operation in fragment.operations:
            name = operation.value.function
            operations[name] = (*operations.get(name, ()), operation.value)
        for ban in fragment.forbidden:
            row = msgspec.structs.replace(ban.value, kinds=_spread_spin(ban.value.kinds, kinds))
            forbidden[row.function] = (*forbidden.get(row.function, ()), row)
        for handover in fragment.handovers:
            name = handover.value.function
            handovers[name] = handovers.get(name, frozenset()) | frozenset(handover.value.kinds)
        for need in fragment.required:
            required[need.value.function] = (*required.get(need.value.function, ()), need.value)
    roles = tuple(row.value for fragment in fragments for row in fragment.roles)
    registrations = [row.value for fragment in fragments for row in fragment.registrations]
    slots = [row.value for fragment in fragments for row in fragment.slots]
    pure = [row.value for fragment in fragments for row in fragment.pure]
    pure_patterns = [pattern for row in pure for pattern in row.patterns]
    immediate = {row.value.function: row.value for fragment in fragments for row in fragment.immediate}
    creations = {row.value.function: row.value for fragment in fragments for row in fragment.creations}
    cleared: dict[str, tuple[str, ...]] = {}
    for creation in creations.values():
        for name in creation.cleared_by:
            if creation.parent not in cleared.get(name, ()):
                cleared[name] = (*cleared.get(name, ()), creation.parent)
    same = {row.value.function: row.value.argument for fragment in fragments for row in fragment.same}
    noreturn = frozenset(row.value for fragment in fragments for row in fragment.noreturn)
    ending = frozenset(row.value for fragment in fragments for row in fragment.ending)
    raising = frozenset(row.value for fragment in fragments for row in fragment.raising)
    names = {
        *operations,
        *forbidden,
        *(name for kind in kinds.values() for name in kind.forwards),
        *required,
        *handovers,
        *immediate,
        *creations,
        *cleared,
        *same,
        *noreturn,
        *ending,
        *raising,
    }
    names.update(row.function for row in registrations if not row.pattern)
    digest = hashlib.sha256(
        "\n".join([*families, *(fragment.digest for fragment in fragments)]).encode()
    ).hexdigest()
    return Tables(
        operations=operations,
        kinds=kinds,
        noreturn=noreturn,
        ending=ending,
        raising=raising,
        immediate=immediate,
        forbidden=forbidden,
        required=required,
        handovers=handovers,
        creations=creations,
        cleared=cleared,
        same=same,
        threads=frozenset(name for row in pure for name in row.threads),
        handed=frozenset(row.kind for rows in operations.values() for row in rows if row.for_thread),
        given_back=tuple(
            hold for role in roles for hold in role.holds if hold.at_exit == "released" and hold.saved_field
        ),
        roles=roles,
        all_names=frozenset(names),
        families=families,
        digest=digest,
        _registrations={
            (row.function, row.argument, row.through): row.role for row in registrations if not row.pattern
        },
        _registration_patterns=tuple((re.compile(row.function), row) for row in registrations if row.pattern),
        _slots={(row.field, row.object): row.role for row in slots if not row.pattern},
        _slot_patterns=tuple((re.compile(row.field), row) for row in slots if row.pattern),
        _role_names={role.pattern: role for role in roles if _is_name(role.pattern)},
        _role_patterns=tuple(
            # The longest pattern says most, so it is asked first.
            (re.compile(role.pattern), role)
            for role in sorted(roles, key=lambda role: (-len(role.pattern), role.pattern))
            if not _is_name(role.pattern)
        ),
        _pure_names=frozenset(name for row in pure for name in row.names),
        _impure_names=frozenset(name for row in pure for name in row.but),
        _pure_pattern=re.compile("|".join(f"(?:{pattern})" for pattern in pure_patterns))
        if pure_patterns
        else None,
        _role_memo={},
        _pure_memo={},
    )


@functools.cache
def _texts() -> tuple[tuple[str, str], ...]:
    """Return name and text of the package's own tables, in order of their names."""
    # Not importlib.resources: importing it takes as long as reading the tables.
    return tuple(
        (file.name, file.read_text(encoding="utf-8")) for file in sorted(Path(__file__).parent.glob("*.toml"))
    )


def _parsed(memory: Memory | None) -> dict[str, dict[str, Any]]:
    """Return the parsed text of every table by its file name. Rows are checked again wherever they come from."""
    key = "built-in"  # the shelf's stamp is made of the tables' texts
    value = memory.get("tables", key) if memory is not None else None
    if value is not None:
        try:
            known = msgspec.msgpack.decode(value, type=dict[str, dict[str, Any]])
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError):
            known = {}
        if list(known) == [name for name, _ in _texts()]:
            return known
    made = {name: parse_text(name, text) for name, text in _texts()}
    if memory is not None:
        memory.put("tables", key, msgspec.msgpack.encode(made))
    return made


_read: dict[str, Fragment] = {}
"""Fragments of this process by file name: the texts do not change while it runs."""


def _fragments(chosen: tuple[str, ...] | None, memory: Memory | None) -> tuple[Fragment, ...]:
    """Return the fragments of the chosen families, None for all."""
    missing = [name for name, _ in _texts() if name not in _read]
    if not _families or any(chosen is None or _families[name] in chosen for name in missing):
        parsed = _parsed(memory)
        _families.update((name, str(data.get("family"))) for name, data in parsed.items())
        for name, text in _texts():
            if name not in _read and (chosen is None or _families[name] in chosen):
                _read[name] = read_fragment(name, text, parsed[name])
    return tuple(
        _read[name] for name, _ in _texts() if name in _read and (chosen is None or _families[name] in chosen)
    )


_families: dict[str, str] = {}
"""File name → family of the package's own tables, once they are parsed."""


def built_in() -> tuple[Fragment, ...]:
    """Return the package's own tables, all families, in order of their file names."""
    return _fragments(None, None)


def families() -> tuple[str, ...]:
    """Return the names of the families of tables that there are, sorted."""
    return _known_families(None)


def _known_families(memory: Memory | None) -> tuple[str, ...]:
    if not _families:
        _fragments((), memory)
    return tuple(sorted(set(_families.values())))


def load(
    families: tuple[str, ...] = DEFAULT_FAMILIES,
    user: UserTables | None = None,
    memory: Memory | None = None,
) -> Tables:
    """Return the tables of ``families`` together with the user's own; ``memory`` saves parsing ours in every process.

    Raises `TableError`, with file and line where there is one, for an unknown family or for tables that contradict each other.
    """
    chosen = tuple(dict.fromkeys(families))
    made = _merged.get(chosen) if user is None else None
    if made is not None:
        return made
    fragments = _fragments(chosen, memory)
    known = _known_families(memory)
    for family in families:
        if family not in known:
            raise TableError(
                f"there are no lock tables `{family}`, only {', '.join(known)}{did_you_mean(family, known)}"
            )
    if user is not None:
        return merge((*fragments, user), chosen)
    _merged[chosen] = merge(fragments, chosen)
    return _merged[chosen]


_merged: dict[tuple[str, ...], Tables] = {}
"""Tables of this process without a user's own, by family."""
