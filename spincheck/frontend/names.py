"""What an identifier means at file scope, as far as reading a function body depends on it.

Owns the few facts that cross from the scanner (which reads declarations) to the parser and lowering
(which read bodies). A body's key includes the meaning of each of its free names, so this vocabulary is
kept small on purpose: whatever is not here cannot change a function's IR.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from spincheck.ir import TypeCode


class Name(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The meaning of one file-scope identifier.

    ``type`` is the type a typedef stands for or a variable has (`TypeCode`); for a function, its result. ``value`` is an
    enumerator's value and 0 otherwise.
    """

    kind: Literal["typedef", "enumerator", "function", "variable"]
    type: TypeCode = ""
    value: int = 0


CLEANUP = "%cleanup"
"""How the dialect writes the attribute ``cleanup (f)``: ``%cleanup``, the ordinal of ``f`` and ``f``, with spaces between."""

Names = Mapping[str, Name]
"""File-scope identifiers of one unit that are visible to a function; what is missing is an implicitly declared function or an extern."""
