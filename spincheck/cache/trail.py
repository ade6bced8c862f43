"""Why functions were analysed again: what each one depended on the last time, and what of it has changed.

Owns the trail of a step (a unit, or a driver): per function the hash of its text, of what its names mean, its standing, and the digest of its
summary. Flows in: the accounts of a step that was analysed. Flows out: the reasons, for ``--explain-cache``.

Trails are kept under the content key of the step's result, as everything else is, and a pointer says which of them is the step's last. So a
branch that was left and comes back has its own trail again, and the comparison is always with what the user saw last. Keys carry no stamp of
the program: that the analyser has changed is one of the reasons. Each hash is cut to eight bytes, about 40 bytes a function: a collision would
make a reason wrong, never a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from spincheck.cache.keys import digest
from spincheck.memory import Memory

_TEXT = 32
"""Hex digits of a function's key that are about its text; the others are about what its names mean (see `spincheck.ir.FunctionHeader`)."""
_BYTES = 8
_LARGEST = 64 * 1024 * 1024


class Name(Protocol):
    """A function of a program: `spincheck.analysis.findings.FunctionRef`."""

    @property
    def unit(self) -> str:
        """Its unit's source."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...


class Account(Protocol):
    """How a function came to its summary: `spincheck.analysis.findings.Account`."""

    @property
    def function(self) -> Name:
        """The function."""
        ...

    @property
    def key(self) -> str:
        """Its key, from its text and the meanings of its names."""
        ...

    @property
    def standing(self) -> str:
        """How strictly it is judged."""
        ...

    @property
    def summary(self) -> str:
        """Digest of its summary."""
        ...

    @property
    def anew(self) -> bool:
        """Whether it was analysed in this run."""
        ...

    @property
    def callees(self) -> Sequence[tuple[str, Name | None]]:
        """The names that it calls, with the definitions that are here; empty unless it was analysed."""
        ...


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of one function. ``standing`` is an index into the trail's standings."""

    text: bytes
    meanings: bytes
    standing: int
    summary: bytes


class Trail(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a step. ``program`` stands for the code of the analyser, ``knowledge`` for tables and configuration."""

    program: str
    knowledge: str
    standings: tuple[str, ...]
    units: dict[str, dict[str, Kept]]


class Reason(msgspec.Struct, frozen=True, order=True):
    """Why one function was analysed again."""

    unit: str
    function: str
    why: str


_TRAIL = msgspec.msgpack.Decoder(Trail)


class Trails:
    """The trails in one memory, which must not stamp its keys."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def last(self, step: str) -> Trail | None:
        """Return the trail of the last run of a step, if it is still there. ``step`` names what was checked."""
        pointer = self._memory.get("last", digest(step))
        data = None if pointer is None else self._memory.get("trail", pointer.decode("ascii", "replace"))
        if data is None or len(data) > _LARGEST:
            return None
        try:
            return _TRAIL.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None

    def step(
        self,
        step: str,
        result: str,
        accounts: Sequence[Account] | None,
        versions: tuple[str, str],
        *,
        explain: bool,
    ) -> list[Reason]:
        """Keep what a step depended on; return why its functions were analysed if ``explain``.

        ``result`` is the content key of what it came to, ``accounts`` is None when that was in the cache as a whole, and ``versions`` are those
        of the program and of the tables with the configuration.
        """
        found = []
        key = digest(versions[0], result)
        if accounts is not None:
            now = trail_of(accounts, *versions)
            if explain:
                found = reasons(accounts, now, self.last(step))
            self._memory.put("trail", key, msgspec.msgpack.encode(now))
        if self._memory.get("last", digest(step)) != key.encode():
            self._memory.put("last", digest(step), key.encode())
        return found


def trail_of(accounts: Sequence[Account], program: str, knowledge: str) -> Trail:
    """Make the trail of a step."""
    standings: dict[str, int] = {}
    units: dict[str, dict[str, Kept]] = {}
    for one in accounts:
        units.setdefault(one.function.unit, {})[one.function.name] = Kept(
            bytes.fromhex(one.key[: 2 * _BYTES]),
            bytes.fromhex(one.key[_TEXT : _TEXT + 2 * _BYTES]),
            standings.setdefault(one.standing, len(standings)),
            bytes.fromhex(one.summary[: 2 * _BYTES]),
        )
    return Trail(program, knowledge, tuple(standings), units)


def reasons(accounts: Sequence[Account], now: Trail, before: Trail | None) -> list[Reason]:
    """Say of each function that was analysed why it was, in order of unit and name."""
    elsewhere: dict[str, list[str]] = {}
    if before is not None:
        for unit, functions in before.units.items():
            for name in functions:
                elsewhere.setdefault(name, []).append(unit)
    found = []
    for one in accounts:
        if one.anew:
            why = "; ".join(_why(one, now, before, elsewhere))
            found.append(Reason(one.function.unit, one.function.name, why))
    return sorted(found)


def _why(one: Account, now: Trail, before: Trail | None, elsewhere: dict[str, list[str]]) -> Iterator[str]:
    unit, name = one.function.unit, one.function.name
    if before is None:
        yield "nothing is remembered of an earlier check"
        return
    if before.program != now.program:
        yield "another version of the analyser"
        return
    if before.knowledge != now.knowledge:
        yield "the lock tables or the configuration changed"
        return
    mine, old = now.units[unit][name], before.units.get(unit, {}).get(name)
    if old is None:
        moved = [other for other in elsewhere.get(name, ()) if name not in now.units.get(other, {})]
        yield f"was in {moved[0]}" if moved else "a new function"
        old = before.units[moved[0]][name] if moved else None
    if old is None:
        return
    known = False
    if mine.text != old.text:
        known = True
        yield "its text changed"
    elif mine.meanings != old.meanings:
        known = True
        yield "a name in it means something else (type or constant)"
    was, is_now = _standing(before, old), _standing(now, mine)
    if was != is_now:
        known = True
        yield f"it is judged as {is_now}, before as {was}"
    for callee, definition in one.callees:
        changed = _callee(callee, definition, (unit, now, before), elsewhere)
        if changed:
            known = True
            yield changed
    if not known:
        yield "its result is no longer in the cache"


def _callee(
    name: str, definition: Name | None, where: tuple[str, Trail, Trail], elsewhere: dict[str, list[str]]
) -> str:
    unit, now, before = where
    units = elsewhere.get(name, [])
    if definition is None:
        return (
            f"`{name}` is not defined here any more" if units and (unit in units or len(units) == 1) else ""
        )
    mine = now.units.get(definition.unit, {}).get(definition.name)
    old = before.units.get(definition.unit, {}).get(definition.name)
    if old is None and units:
        old = before.units[units[0]][name]
    if mine is None:
        return ""
    if old is None:
        return f"its callee `{name}` was not here before"
    return "" if mine.summary == old.summary else f"its callee `{name}` has another summary"


def _standing(trail: Trail, kept: Kept) -> str:
    return trail.standings[kept.standing] if 0 <= kept.standing < len(trail.standings) else "?"
