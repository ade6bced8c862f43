"""Preprocessed C text as a list of tokens.

Owns the one definition of what a token is. What flows in is the text of an external declaration, what flows out
are its tokens with their offsets; the position of a token in that list is its ordinal, the unit in which every
place of the intermediate representation is counted. White space, comments, line markers and ``#pragma`` lines are
no tokens, so they move nothing.

One regular expression does the work. Every repetition in it is possessive: whatever the text, each character is
looked at a bounded number of times, and an unterminated comment or string simply ends at the end of its text or
line. Nothing is ever rejected here; a character that C does not know is a token of its own and the parser's
business. A second, friendlier lexer would have to agree with this one on every ordinal, so there is none: pycparser
is fed from this list.
"""

from __future__ import annotations

import re

from spincheck.frontend.patterns import IDENTIFIER

Token = tuple[str, int]
"""Spelling and offset of the first character in the text that was tokenised."""

_REST_OF_LINE = r"(?:[^\n\\]++|\\(?:.|\n))*+"

_TOKEN = re.compile(
    # What lies between tokens. A directive is recognised only where a line starts.
    r"(?:[ \t\r\f\v\x00\x1a\ufeff]++"
    rf"|\n(?:[ \t\r\f\v]*+\#{_REST_OF_LINE})?+"
    r"|\\\r?+\n"
    rf"|//{_REST_OF_LINE}"
    r"|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+"
    r")*+("
    # An identifier that is no literal's prefix; Microsoft's one-line assembler is a single token.
    rf"(?!__?asm\b){IDENTIFIER}(?![\"'])"
    r"|__?asm\b(?:[ \t]++(?!volatile\b|goto\b|inline\b|__volatile)[A-Za-z_][^\r\n;{}]*+)?+"
    r"|0[xX](?:[pP][+-]|[\w.]|'(?=\w))*+|\.?+[0-9](?:[eE][+-]|[\w.]|'(?=\w))*+"
    r"|(?:u8|[LuU])?+\"(?:[^\"\\\n]++|\\(?:.|\n))*+\"?+"
    r"|(?:u8|[LuU])?+'(?:[^'\\\n]++|\\(?:.|\n))*+'?+"
    rf"|{IDENTIFIER}"
    r"|\.\.\.|<<=|>>=|->|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^=!<>]=|::|<:|:>|<%|%>"
    r"|."
    # The end of the text always matches, or a search would be tried again from each character before it.
    r"|\Z)"
)

_LEADING_DIRECTIVE = re.compile(rf"[ \t\r\f\v\ufeff]*+\#{_REST_OF_LINE}")


def tokenise(text: str) -> list[Token]:
    """Every token of ``text`` in order; the index in the list is the token's ordinal."""
    leading = _LEADING_DIRECTIVE.match(text)
    found = _TOKEN.finditer(text, leading.end() if leading else 0)
    tokens = [(match[1], match.start(1)) for match in found]
    while tokens and not tokens[-1][0]:
        tokens.pop()
    return tokens
