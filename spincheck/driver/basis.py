"""What a preprocessed text was made of, and whether it would be the same again.

Owns `Basis`: every file that the text's line markers name, by the hash of its content; the programs that made it, by size and time; and where headers
were looked for. Preprocessing costs a tenth to a quarter of a compile, and of an unchanged file it was nearly all that a check cost.

What makes a text differ although no file that it names has changed, and what is done about it:

- A new file is found before one of them, or behind ``__has_include``. For each name under which a file may have been included, it is kept which of the
  directories that were searched have it; the compiler says which ones it searches (``-v``), also those that do not exist. This asks for more than the preprocessor did, never for less.
- ``__TIMESTAMP__``, ``#embed``, and a ``__has_include`` whose name is not written out: a text of such a file has no basis; with ``__DATE__`` and ``__TIME__`` only one that was
  made at a fixed time (`spincheck.driver.preprocess`).
- A file that changes while it is read. What was written less than three seconds before the preprocessor started, or later, is no basis, because time stamps of
  some file systems count two seconds.
- Another compiler under the same name, or another environment: see `spincheck.driver.recall.recipe_name`.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

SECONDS = 3.0
"""How much older than a look at it a file must be for the look to count."""

_MARKER = re.compile(rb'\n#(?:line)? \d++ ("[^\n]*+)')
_FILE = re.compile(rb'"((?>[^"\\\n]++|\\[^\n])*+)"')
_DATED = (b"__DATE__", b"__TIME__")
_VARYING = (b"__TIMESTAMP__", b"__has_embed")
_ASKS = rb"__has_include(?:_next)?"
_ASKED = rb'__has_include(?:_next)?\s*\(\s*(?:<([^>\n]+)>|"([^"\n]+)")\s*\)'
_HARMLESS = rb"(?:defined\s*\(?|ifn?def)\s*__has_include(?:_next)?"
_EMBED = rb"(?m)^[ \t]*#[ \t]*embed\b"


Stamp = tuple[int, int, int]
"""When a file's content and when its entry was changed, in nanoseconds since 1970, and its size. Nobody can set the second one back."""


class Basis(msgspec.Struct, frozen=True, array_like=True):
    """What a text was made of.

    ``files``: names as in the line markers, with hash and `Stamp` of their content; a file whose stamp is the same is not read again. ``tools``: programs with their size and time of change. ``places``: directories
    in which headers were looked for, or next to which. ``names``: relative names that may have been looked for. ``there``: a hash of which of them are in which place.
    Names that are not absolute are meant from the directory in which the preprocessor ran.
    """

    files: tuple[tuple[str, str, Stamp], ...]
    tools: tuple[tuple[str, int, int], ...] = ()
    places: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    there: str = ""


class _Content(NamedTuple):
    """A file's content by its hash, what `_asked` returns for it, and whether it says the date or the time."""

    stamp: Stamp
    hashed: str
    asked: tuple[str, ...] | None
    dated: bool


class Files:
    """What one process has seen of files and directories; safe for several threads, which at worst look twice."""

    def __init__(self) -> None:
        self._contents: dict[str, _Content] = {}
        self._listings: dict[str, tuple[int, frozenset[str]]] = {}

    def basis(
        self, named: Sequence[str], directory: str, began: float, tools: Iterable[str] = (), searched: Iterable[str] = (), *, timeless: bool = False
    ) -> Basis | None:
        """Return what the text that names these files was made of (`named_in`); None when that cannot be known.

        Its preprocessor was started at ``began``, in seconds since 1970, in ``directory``; it consists of ``tools`` and ``searched`` these directories. ``timeless``: the date
        and time that it knows never change.
        """
        latest = (began - SECONDS) * 1e9
        files: list[tuple[str, str, Stamp]] = []
        asked: set[str] = set()
        for path in named:  # of a file that was just edited nothing is read
            stamp = _stamp(os.path.join(directory, path))
            if stamp is None or max(stamp[:2]) > latest:
                return None
        for path in named:
            content = self._content(os.path.join(directory, path))
            if content is None or max(content.stamp[:2]) > latest or content.asked is None or (content.dated and not timeless):
                return None
            asked.update(content.asked)
            files.append((path, content.hashed, content.stamp))
        programs = [(tool, *found) for tool in dict.fromkeys(tools) if (found := _program(tool)) is not None]
        places = tuple(sorted({*searched, *(path.rpartition("/")[0] for path, _, _ in files)}))
        names = tuple(sorted(asked | _looked_for([path for path, _, _ in files], places, directory)))
        return Basis(tuple(files), tuple(programs), places, names, self._there(places, names, directory))

    def same(self, basis: Basis, directory: str) -> bool:
        """Whether a text of this basis would be made the same again."""
        return (
            all(_program(path) == (size, changed) for path, size, changed in basis.tools)
            and all(self._is(os.path.join(directory, path), hashed, stamp) for path, hashed, stamp in basis.files)
            and self._there(basis.places, basis.names, directory) == basis.there
        )

    def _is(self, path: str, hashed: str, stamp: Stamp) -> bool:
        if _stamp(path) == stamp:
            return True
        content = self._content(path)
        return content is not None and content.hashed == hashed

    def _content(self, path: str) -> _Content | None:
        stamp = _stamp(path)
        if stamp is None:
            return None
        known = self._contents.get(path)
        if known is not None and known.stamp == stamp:
            return known
        try:
            with open(path, "rb") as file:  # noqa: PTH123 -- a hundred for each unit
                data = file.read()
        except (OSError, ValueError):
            return None
        found = _Content(stamp, hashlib.sha256(data).hexdigest()[:32], _asked(data), any(word in data for word in _DATED))
        if max(stamp[:2]) < (time.time() - SECONDS) * 1e9:
            self._contents[path] = found
        return found

    def _there(self, places: Sequence[str], names: Sequence[str], directory: str) -> str:
        """Hash which of ``names`` are in which of ``places``."""
        below: dict[str, list[str]] = {}
        for name in names:
            folder, _, last = name.replace(os.sep, "/").rpartition("/")
            below.setdefault(folder, []).append(os.path.normcase(last))
        state = hashlib.sha256()
        for place in places:
            for folder, wanted in below.items():
                found = self._listing(os.path.join(directory, place, folder))
                if not found.isdisjoint(wanted):
                    there = sorted(found.intersection(wanted))
                    state.update("\0".join([place, folder, *there, ""]).encode("utf-8", "surrogateescape"))
        return state.hexdigest()[:32]

    def _listing(self, path: str) -> frozenset[str]:
        try:
            changed = os.stat(path).st_mtime_ns  # noqa: PTH116
            known = self._listings.get(path)
            if known is not None and known[0] == changed:
                return known[1]
            names = os.listdir(path)
            found = frozenset(names if os.name == "posix" else map(os.path.normcase, names))
        except (OSError, ValueError):
            return frozenset()
        if changed < (time.time() - SECONDS) * 1e9:
            self._listings[path] = changed, found
        return found


def named_in(data: bytes) -> list[str]:
    """Return the files that a text's line markers name, in order, without <built-in> and the directory that gcc's -fworking-directory tells."""
    from spincheck.frontend.linemap import unescape  # noqa: PLC0415 -- whoever finds all as it was does not read markers

    # A few hundred of thousands of markers say different things behind their numbers
    found = {hit[1] for tail in set(_MARKER.findall(b"\n" + data)) if (hit := _FILE.match(tail))}
    names = (unescape(raw.decode("utf-8", "surrogateescape")) for raw in sorted(found))
    return [name for name in names if name and not name.startswith("<") and not name.endswith("//")]


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    # Nothing else can be read to its end: what is kept may name anything
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None


def _program(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _asked(data: bytes) -> tuple[str, ...] | None:
    """Return the names that a file asks ``__has_include`` for; None when its text may differ from one day to the next."""
    if any(word in data for word in _VARYING) or (b"embed" in data and re.search(_EMBED, data)):
        return None
    if b"__has_include" not in data:
        return ()
    found = re.findall(_ASKED, data)
    if len(re.findall(_ASKS, data)) > len(found) + len(re.findall(_HARMLESS, data)):
        return None
    return tuple(os.fsdecode(angled or quoted) for angled, quoted in found)


def _looked_for(files: Sequence[str], places: Sequence[str], directory: str) -> set[str]:
    """Return the names below ``places`` under which ``files`` may have been included. gcc tells shorter names than those it looked for."""
    real = {place: os.path.realpath(os.path.join(directory, place)) for place in places}
    starts = sorted({f"{place.rstrip('/')}/" for pair in real.items() for place in pair if place})
    found: set[str] = set()
    for file in files:
        folder, _, last = file.rpartition("/")
        if not os.path.isabs(file):
            found.add(file)
        for form in {file, f"{real.get(folder, folder)}/{last}"}:
            found.update(form[len(start) :] for start in starts if form.startswith(start))
    return found
