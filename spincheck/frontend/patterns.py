"""The pieces of regular expression from which `chunks`, `declarations` and `regions` build theirs.

Every piece is a possessive or atomic choice whose branches start with different characters, so a match never
tries a second way: the time is linear in the text, whatever the text. Literals and comments that are never
closed end at the end of their line and of the text, as a compiler reads them, and not with a failure, which
would make the next quote look for its end over the same text again.
"""

from __future__ import annotations

import re
from functools import cached_property


class Late:
    """A pattern that is compiled when it is first used: few files need these, and compiling them is a tenth of a worker's start."""

    def __init__(self, source: str) -> None:
        self._source = source

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern."""
        return re.compile(self._source)


STRING = r'"(?>[^"\\\n]++|\\[\s\S])*+"?+'
CHARACTER = r"'(?>[^'\\\n]++|\\[\s\S])*+'?+"
COMMENT = r"/\*(?>[^*]++|\*(?!/))*+(?:\*/|\Z)|//[^\n]*+"
DIRECTIVE = r"(?<![^\n])#[^\n]*+|(?<=[ \t])#[ \t]*+(?:pragma|line|ident)\b[^\n]*+"
"""A line marker or ``#pragma``. A ``#`` elsewhere (assembler operands) is an ordinary character."""

OPAQUE = rf"{STRING}|{CHARACTER}|{COMMENT}|{DIRECTIVE}"
"""Text in which brackets and semicolons mean nothing."""

BLANK = rf"\s*+(?:(?:{COMMENT}|{DIRECTIVE})\s*+)*+"
"""What may stand between two tokens. As in the patterns below, a run of ordinary characters comes first and after each special one:
a loop over "run or special" enters and leaves a group for each run, and nearly all texts are one run."""

LETTER = r"[^\x00-#%-@\[-^`{-\x7f]"
WORD_CHARACTER = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""What may begin and continue an identifier: letters, ``_``, ``$``, digits and all that is not ASCII.

Written as what they are not: the engine tests that with one bit map, and ``\\w`` with a call for each character.
"""

IDENTIFIER = rf"{LETTER}{WORD_CHARACTER}*+"


def bracketed(opening: str, closing: str, depth: int) -> str:
    """Return a pattern for a balanced bracket pair with at most ``depth`` pairs inside one another."""
    run = rf"[^{opening}{closing}\"'/#]*+"
    pattern = rf"\{opening}{run}(?:(?:{OPAQUE}|[/#]){run})*+\{closing}"
    for _ in range(depth - 1):
        pattern = rf"\{opening}{run}(?:(?:{OPAQUE}|[/#]|{pattern}){run})*+\{closing}"
    return pattern


ATTRIBUTE_WORD = (
    r"(?:_(?:_attribute(?:__)?|_?declspec|_asm(?:__)?|asm|_pragma|Pragma|_?[aA]lignas|_typeof(?:__)?|Atomic|_?[sS]tatic_assert"
    rf"|[A-Z]{WORD_CHARACTER}*_|_drv_{WORD_CHARACTER}++)|asm|typeof|alignas|static_assert|declspec)(?!{WORD_CHARACTER})"
)
"""Words whose parenthesis belongs to an attribute, also SAL's ``_Xxx_(…)`` and ``__drv_xxx(…)``, and is no parameter list."""
