"""Whose file is whose: the project's own, or a system header.

The difference decides what is analysed (own functions all, others only where they reach a lock operation) and what a
called but undefined function is (a part of the driver in another unit, or a DDI).

The main file is own. A file is system if its first marker enters it with GNU's flag 3; a later flag 3 says nothing, as GNU also
sets it inside a project's file around the expansion of a system header's macro. Then:

- with project roots given, a file below none of them is system (a relative name counts as below);
- without, a file in a known SDK directory is system (MSVC has no flags, and ``-I …/ddk`` has none either), and so is one
  below a directory from which flag-3 headers come, unless the main file is below that directory too.

Names between angle brackets (``<built-in>``) are nobody's and count as system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from spincheck.frontend.linemap import LineMap

_KNOWN = re.compile(
    r"/(?:windows kits|winddk|microsoft visual studio[^/]*|microsoft sdks|vc/tools/msvc|usr/(?:local/)?include|usr/lib(?:64|32)?/gcc[^/]*"
    r"|lib/clang|mingw-?w?(?:32|64)[^/]*|[^/]*-w64-mingw32|ziglang|zig/lib|xwin|ddk)/"
)
_DRIVE = re.compile(r"[a-z]:/")


def own_files(lines: LineMap, roots: Iterable[str]) -> list[bool]:
    """Return for each of ``lines.files`` whether it is the project's own."""
    names = [_folded(name) for name in lines.files]
    flagged = ["3" in flags.split() for flags in lines.flags]
    own = [not (flag or name.startswith("<")) for name, flag in zip(names, flagged, strict=True)]
    own[0] = True
    wanted = [_folded(root).rstrip("/") + "/" for root in roots]
    if wanted:
        for number, name in enumerate(names[1:], 1):
            own[number] = own[number] and (not _absolute(name) or name.startswith(tuple(wanted)))
        return own
    directories = {_directory(name) for name, flag in zip(names, flagged, strict=True) if flag}
    system = tuple(
        sorted(directory for directory in directories if directory and not names[0].startswith(directory))
    )
    for number, name in enumerate(names[1:], 1):
        if own[number] and (name.startswith(system) or _KNOWN.search("/" + name.lower())):
            own[number] = False
    return own


def _folded(name: str) -> str:
    """Return the name with forward slashes, without ``.`` and ``..``, and in lower case where it has a Windows drive."""
    name = name.replace("\\", "/")
    if _DRIVE.match(name.lower()):
        name = name.lower()
    if "/." not in name and not name.startswith("./") and "//" not in name:
        return name
    parts: list[str] = []
    for part in name.split("/"):
        if part == ".." and parts and parts[-1] not in {"", ".."}:
            parts.pop()
        elif part not in {".", ""} or not parts:
            parts.append(part)
    return "/".join(part for part in parts if part != ".")


def _absolute(name: str) -> bool:
    return name.startswith("/") or _DRIVE.match(name) is not None


def _directory(name: str) -> str:
    return name[: name.rfind("/") + 1]
