"""Writing results: whole or not at all.

Owns one function, because every result file (unit file, report, baseline) has the same needs: a killed process must not leave half of it for
a build system to believe, and what is no regular file (a terminal, a pipe, ``/dev/null``) must be written to and never replaced.
"""

from __future__ import annotations

import os
from pathlib import Path

from spincheck.driver.inputs import InputError


def write_whole(path: str, data: bytes) -> None:
    """Write ``data`` to ``path``; raises `InputError` with the operating system's reason."""
    target = Path(path)
    beside = None
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        # A link keeps pointing where it points: the file that it names is replaced, not the link.
        target = target.resolve()
        beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        beside.write_bytes(data)
        beside.replace(target)
    except (OSError, ValueError) as error:
        if beside is not None:
            beside.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{path}: cannot be written: {reason}") from None
