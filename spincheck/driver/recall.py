"""Checks of texts that need not be made again, because nothing that they are made of has changed.

Owns the way from a name for all that a text is made of as far as its user knows (a build system: source, headers it knows of, command, by content; a run on a compilation
database: the command, see `recipe_name`) to what the check needs of the text: its identity and the comments in it. What else a text is made of, the
text itself says (`spincheck.driver.basis`), and it counts as known only while all of that is what it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from spincheck.cache.keys import digest
from spincheck.driver.basis import Basis, Files
from spincheck.driver.drafts import UNDECODABLE
from spincheck.driver.recipe import Recipe
from spincheck.driver.source import Suppression
from spincheck.memory import Memory

ENVIRONMENT = (
    "CPATH", "C_INCLUDE_PATH", "GCC_EXEC_PREFIX", "COMPILER_PATH", "SOURCE_DATE_EPOCH", "SDKROOT", "CCC_OVERRIDE_OPTIONS", "ZIG_LIB_DIR",
    "INCLUDE", "EXTERNAL_INCLUDE", "CL", "_CL_", "LC_ALL", "LC_CTYPE", "LANG",
)  # fmt: skip
"""Variables that compilers' manuals say a preprocessed text depends on."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a text. ``directory`` is where its preprocessor ran."""

    identity: str
    comments: tuple[Suppression, ...]
    directory: str
    basis: Basis


_KNOWN = msgspec.msgpack.Decoder(Known)


class Recall:
    """What one process knows of texts."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.files = Files()

    def find(self, name: str) -> Known | None:
        """Return what is known of the text that its user calls ``name``, if nothing that it is made of has changed."""
        return self.find_all([name])[name]

    def find_all(self, names: list[str]) -> dict[str, Known | None]:
        """Return what is known of each of these texts."""
        found = self._memory.get_many("text", names)
        return {name: self._unchanged(found.get(name)) for name in names}

    def _unchanged(self, data: bytes | None) -> Known | None:
        if data is None:
            return None
        try:
            known = _KNOWN.decode(data)
        except UNDECODABLE:
            return None
        return known if self.files.same(known.basis, known.directory) else None

    def keep(self, name: str, known: Known) -> None:
        """Remember a text."""
        self._memory.put("text", name, msgspec.msgpack.encode(known))


def recipe_name(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> str:
    """Return a name for the text that a compile command makes: another compiler, command or environment has another name."""
    from shutil import which  # noqa: PLC0415 -- it imports three compressors

    compiler = which(recipe.command[0], path=environment.get("PATH")) or ""
    variables = [part for name in ENVIRONMENT if name in environment for part in (name, environment[name])]
    return digest(recipe.name, recipe.directory, compiler, *recipe.command, "", *variables)
