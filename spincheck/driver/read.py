"""A unit as the front end has just read it.

Owns the adapter between the front end's unit and what rendering asks (`LocatedUnit`), and the reading of few units, all of which stay in
this process with their texts. Many are read as tasks (`spincheck.driver.many`); a unit from another process comes back packed
as in a unit file: same questions, same answers, so neither the number of jobs nor the number of files can change a result.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from spincheck.cache.keys import digest
from spincheck.driver.inputs import Input
from spincheck.driver.render import LocatedUnit, Place
from spincheck.frontend.unit import Settings, Unit, read_unit
from spincheck.ir import Function, UnitRecord
from spincheck.memory import Memory

CONTEXT = 3
"""Tokens on either side of a defect that its fingerprint depends on."""


class ReadUnit:
    """A unit just read by the front end."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @property
    def record(self) -> UnitRecord:
        """See `LocatedUnit.record`."""
        return self._unit.record

    def code(self, name: str) -> Function:
        """See `LocatedUnit.code`."""
        return self._unit.code(name)

    def locate(self, function: str, at: int) -> Place:
        """See `LocatedUnit.locate`."""
        return self._unit.locate(function, at)

    def context(self, function: str, at: int) -> str:
        """See `LocatedUnit.context`."""
        return digest(
            *(self._unit.spell(function, index) for index in range(max(at - CONTEXT, 0), at + CONTEXT + 1))
        )[:16]


class Reading(msgspec.Struct, frozen=True):
    """Units in the order of their inputs, and how many header regions were scanned and reused for them."""

    units: tuple[LocatedUnit, ...]
    regions_scanned: int
    regions_reused: int


def read(inputs: Sequence[Input], settings: Settings, memory: Memory) -> Reading:
    """Read every input, in this process."""
    units: list[LocatedUnit] = []
    scanned = reused = 0
    for one in inputs:
        unit = read_unit(one.text, name=one.name, settings=settings, memory=memory, identity=one.identity)
        scanned += unit.stats.regions_scanned
        reused += unit.stats.regions_reused
        units.append(ReadUnit(unit))
    return Reading(tuple(units), scanned, reused)
