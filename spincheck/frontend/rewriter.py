"""The machine that rewrites a declaration's tokens for the parser, without any word of a dialect.

Owns the walk over the tokens, what was written so far, and the questions that a handler may ask of either side: which bracket
closes this one, what was written last, is this inside of a body. What a spelling means is given to it: a parser's token type, or a
`Handler`, which writes what it likes and says where to go on. `dialect` has the table; the rooms of handlers import only this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pycparser.c_lexer import Token as ParserToken

from spincheck.frontend.names import Names
from spincheck.frontend.tokens import Token


class Aside(NamedTuple):
    """Text that stands as ``%k`` in the token list, ``k`` being its index.

    ``names`` are the identifiers in it, ``calls`` those that are called, both in order and without repetition. For
    GNU assembler the first ``outputs`` arguments of the placeholder are the addresses of what is written, and ``labels``
    is where control may go instead of on.
    """

    why: str
    names: tuple[str, ...]
    calls: tuple[str, ...]
    outputs: int = 0
    labels: tuple[str, ...] = ()


Handler = Callable[["Rewriter", int], int]
"""Writes what the token at an ordinal means, and returns the ordinal at which to go on."""

Meaning = str | Handler
"""What a spelling means: the parser's token type, or who handles it."""

_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())

_NEAR = 64
"""Tokens in which a closing bracket is looked for before all brackets are paired at once."""

_FAR = 400
"""Tokens in which the beginning of an initialiser is looked for."""


def _partners(tokens: Sequence[Token]) -> dict[int, int]:
    """Map each opening bracket to the closing one of its level, whatever its shape."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for index, (text, _) in enumerate(tokens):
        if text in _OPENING:
            opened.append(index)
        elif text in _CLOSING and opened:
            found[opened.pop()] = index
    return found


class Rewriter:
    """One pass over one declaration's tokens.

    ``common`` are the meanings of spellings in every unit; ``classify`` tells those of others, once for each.
    """

    def __init__(
        self,
        tokens: Sequence[Token],
        names: Names,
        extra_types: Sequence[str],
        common: Mapping[str, Meaning],
        classify: Callable[[Rewriter, str], Meaning],
    ) -> None:
        self.tokens = tokens
        self.names = names
        self.extra_types = frozenset(extra_types)
        self.common = common
        self.classify = classify
        self.out: list[ParserToken] = []
        self.typedefs: dict[str, None] = {}
        self.asides: list[Aside] = []
        self.guarded = False
        self.nested = 0
        self.kinds: dict[str, Meaning] = {}
        self.partner: dict[int, int] | None = None
        self.inside = False
        self.searched = 0

    def run(self, start: int, end: int) -> int:
        """Translate the tokens from ``start`` up to ``end`` or, where a handler takes more, beyond; return where it ended."""
        tokens, kinds, common, emit, at = self.tokens, self.kinds, self.common, self.out.append, start
        while at < end:
            text = tokens[at][0]
            kind = common.get(text) or kinds.get(text)
            if kind is None:
                kind = kinds[text] = self.classify(self, text)
            if kind.__class__ is str:
                emit(ParserToken(kind, text, at, 0, ""))
                at += 1
            else:
                at = kind(self, at)  # type: ignore[operator]
        return at

    def emit(self, kind: str, text: str, at: int) -> None:
        """Write a token."""
        self.out.append(ParserToken(kind, text, at, 0, ""))

    def text(self, at: int) -> str:
        """The spelling at an ordinal, empty beyond the end."""
        return self.tokens[at][0] if at < len(self.tokens) else ""

    def previous(self) -> str:
        """The type of the token written last."""
        return self.out[-1].type if self.out else ""

    def match(self, at: int) -> int:
        """The ordinal of the bracket that closes the one at ``at``; the last ordinal when none does."""
        if self.partner is None:
            depth = 0
            for index in range(at, min(at + _NEAR, len(self.tokens))):
                text = self.tokens[index][0]
                if text in _OPENING:
                    depth += 1
                elif text in _CLOSING:
                    depth -= 1
                    if depth == 0:
                        return index
            self.partner = _partners(self.tokens)
        return self.partner.get(at, len(self.tokens) - 1)

    def after_arguments(self, at: int) -> int:
        """The ordinal after the word at ``at`` and its parenthesised arguments, if it has any."""
        return self.match(at + 1) + 1 if self.text(at + 1) == "(" else at + 1

    def set_aside(self, aside: Aside) -> str:
        """Keep text apart; the result is the identifier that stands for it."""
        self.asides.append(aside)
        return f"%{len(self.asides) - 1}"

    def in_body(self) -> bool:
        """Whether a brace was written already."""
        if not self.inside:
            fresh = range(self.searched, len(self.out))
            self.inside = any(self.out[index].type == "LBRACE" for index in fresh)
            self.searched = len(self.out)
        return self.inside

    def in_initialiser(self) -> bool:
        """Whether the word written last begins an item of an initialiser's braces."""
        out = self.out
        if out[-2].type not in {"LBRACE", "COMMA"}:
            return False
        depth = 0
        for index in range(len(out) - 2, max(len(out) - _FAR, 0), -1):
            kind = out[index].type
            if kind in {"RPAREN", "RBRACKET", "RBRACE"}:
                depth += 1
            elif kind in {"LPAREN", "LBRACKET", "LBRACE"} and depth:
                depth -= 1
            elif kind == "LBRACE" and out[index - 1].type in {"EQUALS", "LBRACE", "COMMA"}:
                if out[index - 1].type == "EQUALS":
                    return True
            elif kind in {"LPAREN", "LBRACKET", "LBRACE", "SEMI", "CONDOP"}:
                return False
        return False
