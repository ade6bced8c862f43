"""Which analyser this build uses, as a hash: another one checks again.

Owns the reading of the package beside this tool. It is read, not imported, and not asked of a worker, because a build with nothing to do starts
none. Reading 1.3 MB would be a fifth of what such a build pays for its checks. So the hash is kept beside the cache, with the name, size and times of every file
that it is of, and what has the same names, sizes and times is not read. The time of the last change of a file's entry is among them, which nobody can set back.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

NAME = "analyser"
_SECONDS = 3.0
"""A file younger than this may change again without another time: file systems count up to two seconds."""


class _File(NamedTuple):
    path: str
    size: int
    written: int
    changed: int


@cache
def analyser(package: str, directory: str) -> str:
    """Return the hash of the analyser's sources, "" where there are none; ``directory`` is where it is kept, "" for nowhere."""
    files = sorted(_files(package))
    if not files:
        return ""
    look = hashlib.sha256(repr(files).encode(errors="surrogateescape")).hexdigest()
    with suppress(OSError, ValueError):
        known, _, digest = Path(directory, NAME).read_text(encoding="ascii").strip().partition(" ")
        if known == look and len(digest) == len(look):
            return digest
    content = hashlib.sha256()
    for file in files:
        with open(file.path, "rb", buffering=0) as opened:  # noqa: PTH123
            content.update(opened.read())
    newest = max(max(file.written, file.changed) for file in files)
    if directory and newest < (time.time() - _SECONDS) * 1e9:
        _keep(Path(directory, NAME), f"{look} {content.hexdigest()}\n")
    return content.hexdigest()


def _keep(path: Path, text: str) -> None:
    # Where it cannot be kept, as in a directory that does not exist yet, it is worked out again
    with suppress(OSError):
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(text, encoding="ascii")
        new.replace(path)


def _files(package: str) -> list[_File]:
    found = []
    directories = [package]
    while directories:
        try:
            entries = os.scandir(directories.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                if entry.name.endswith((".py", ".toml")):
                    status = entry.stat()
                    found.append(_File(entry.path, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
                elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                    directories.append(entry.path)
    return found
