"""Diagnostics as far as the preprocessed text can tell them: what the cache keeps of a whole run.

Owns the types `Draft` and `Drafts`. What depends on today's directory, configuration or comments is added afterwards
(`spincheck.driver.select`), so that drafts are a function of the texts and the tables, and an unchanged run is one look-up. They stand apart
from the code that makes them because that look-up must not load the analysis.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from spincheck.diagnostics import Coverage, Diagnostic

Macros = Mapping[str, tuple[str, ...]]
"""Operation as the preprocessed text has it → macros of the kernel's headers that expand to it, the likeliest first."""


UNDECODABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec raises for bytes that are not the expected type; a string that is no UTF-8 is a plain `ValueError`."""


class Draft(msgspec.Struct, frozen=True, array_like=True):
    """A diagnostic before the user's configuration, comments and directory are applied to it.

    ``macros``: the operations named in its messages that the source may have written as a macro, with the names of
    these macros, the likeliest first.
    """

    diagnostic: Diagnostic
    macros: tuple[tuple[str, tuple[str, ...]], ...]


class Drafts(msgspec.Struct, frozen=True, array_like=True):
    """All drafts of one run in report order, with what it covered.

    ``files`` are the project's own files that were read; ``summaries`` is how many functions were summarised, whether anew or from
    the cache: nothing in here may depend on what the cache held.
    """

    drafts: tuple[Draft, ...]
    coverage: Coverage
    files: tuple[str, ...]
    summaries: int


def order(diagnostic: Diagnostic) -> tuple[object, ...]:
    """Sort key of a report: place, then rule, then everything else that can differ."""
    return (
        diagnostic.file,
        diagnostic.line,
        diagnostic.column,
        diagnostic.rule,
        diagnostic.lock,
        diagnostic.entry,
        diagnostic.message,
        diagnostic.fingerprint,
    )
