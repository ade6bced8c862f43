"""How to get a translation unit's text: read a file, run a compiler, or have it already.

Owns `Recipe`. A large run cannot hold all its texts (10,000 files are 20 GB), and a run on several machines should not
send them; so what is passed around is the way to a text, and whoever reads the unit follows it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from spincheck.driver.inputs import Input, processors, read_bytes, read_input


class Recipe(msgspec.Struct, frozen=True, array_like=True):
    """The way to one text.

    ``name`` is how the file is told. With a ``command`` (a compile command) the file is preprocessed by it in
    ``directory``; without, it is preprocessed text: ``data``, or what the file holds.
    """

    name: str
    command: tuple[str, ...] = ()
    directory: str = ""
    data: bytes | None = None

    def load(self) -> Input:
        """Return the text; raises `InputError`."""
        if self.data is not None:
            return Input(self.name, self.data)
        if not self.command:
            return read_input(self.name)
        from spincheck.driver.preprocess import preprocess  # noqa: PLC0415 -- preprocessed text needs no compiler

        read_bytes(str(Path(self.directory, self.name)), told=self.name)
        return preprocess(self.name, self.command, self.directory or None)

    def size(self) -> int:
        """Return about how many bytes the text has; a driver's file has 2 MB with its headers."""
        if self.data is not None:
            return len(self.data)
        try:
            return os.stat(self.name).st_size if not self.command else USUAL_BYTES  # noqa: PTH116 -- one call per file of a large run
        except (OSError, ValueError):
            return 0


USUAL_BYTES = 2_000_000


def load(recipes: Sequence[Recipe], jobs: int) -> list[Input]:
    """Return the texts in order, ``jobs`` compilers at a time; raises `InputError`."""
    if not any(recipe.command for recipe in recipes):
        return [recipe.load() for recipe in recipes]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- imports logging, which an unchanged file does not need

    with ThreadPoolExecutor(jobs or processors()) as pool:
        return list(pool.map(Recipe.load, recipes))
