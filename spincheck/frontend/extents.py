"""Where statements begin and end, told by brackets and semicolons alone.

Owns the reader of text that the parser rejects: which statements are around a token, from the outermost to the innermost. It needs no
grammar of expressions and has no limit of depth, so that every text has an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pycparser.c_lexer import Token as ParserToken

LEVELS = 100
"""Statements are not told apart below so many levels: what fails there costs the statement at this level."""

_OPENING = ("LPAREN", "LBRACKET", "LBRACE")
_CLOSING = {"RPAREN": "LPAREN", "RBRACKET": "LBRACKET", "RBRACE": "LBRACE"}


def partners(tokens: Sequence[ParserToken]) -> dict[int, int]:
    """Map each bracket to its other half.

    A stray parenthesis closes nothing; a brace closes whatever is open inside of it.
    """
    partner: dict[int, int] = {}
    opened: list[int] = []
    inside = dict.fromkeys(_OPENING, 0)  # how many of each shape are open inside of the innermost brace
    outside: list[dict[str, int]] = []
    for index, token in enumerate(tokens):
        kind = token.type
        if kind in _OPENING:
            opened.append(index)
            if kind == "LBRACE":
                outside.append(inside)
                inside = dict.fromkeys(_OPENING, 0)
            else:
                inside[kind] += 1
        elif kind in _CLOSING:
            wanted = _CLOSING[kind]
            if kind == "RBRACE":
                if not outside:
                    continue
                inside = outside.pop()
                while tokens[opened[-1]].type != wanted:
                    opened.pop()
            elif inside[wanted] == 0:
                continue
            else:
                while (open_ := tokens[opened[-1]].type) != wanted:
                    inside[open_] -= 1
                    opened.pop()
                inside[wanted] -= 1
            partner[opened[-1]] = index
            partner[index] = opened.pop()
    return partner


class Span(NamedTuple):
    """Tokens ``start`` up to ``end`` that may be replaced; ``shape`` is ``statement``, ``header`` or ``loop header``."""

    start: int
    end: int
    shape: str


class Extents:
    """The statements in a function's tokens; ``partner`` are their brackets' other halves."""

    def __init__(self, tokens: Sequence[ParserToken], partner: Mapping[int, int]) -> None:
        self._tokens = tokens
        self._partner = partner

    def around(self, body: int, index: int) -> list[Span]:
        """The statements around a token, the outermost first."""
        found: list[Span] = []
        low, high = body + 1, self._partner[body]
        while low < high and len(found) < LEVELS:
            inner = self._statement_at(low, high, index)
            if inner is None:
                break
            start, end = inner
            start = self._after_labels(start, end)
            if start >= end:
                break
            found.append(Span(start, end, "statement"))
            kind = self._tokens[start].type
            if kind == "LBRACE":
                low, high = start + 1, end - 1
            elif kind in {"IF", "WHILE", "FOR", "SWITCH"} and self._partner.get(start + 1, -1) > start:
                close = self._partner[start + 1]
                if index <= close:
                    deeper = self._inside_expression(start + 2, close, index)
                    if deeper is None:
                        found.append(Span(start + 1, close + 1, "loop header" if kind == "FOR" else "header"))
                        break
                    low, high = deeper
                else:
                    low, high = close + 1, end
            elif kind in {"DO", "ELSE"}:
                low, high = start + 1, end
            else:
                deeper = self._inside_expression(start, end, index)
                if deeper is None:
                    break
                low, high = deeper
        return found

    def _inside_expression(self, start: int, end: int, index: int) -> tuple[int, int] | None:
        """The content of the outermost statement expression around a token."""
        at = start
        while at < min(end, index):
            close = self._partner.get(at, -1)
            if (
                self._tokens[at].type == "LBRACE"
                and self._tokens[at - 1].type == "LPAREN"
                and at < index < close
            ):
                return at + 1, close
            at = close + 1 if at < close < index else at + 1
        return None

    def _statement_at(self, low: int, high: int, index: int) -> tuple[int, int] | None:
        """The statement around a token among those from ``low`` to ``high``."""
        at = low
        while at < high:
            end = self._statement_end(at, high)
            if at <= index < end:
                return at, end
            at = end
        return None

    def _after_labels(self, at: int, end: int) -> int:
        """The index after the labels in front of a statement."""
        while at < end:
            kind = self._tokens[at].type
            if kind in {"ID", "TYPEID"} and at + 1 < end and self._tokens[at + 1].type == "COLON":
                at += 2
            elif kind in {"CASE", "DEFAULT"}:
                colon = at
                while colon < end and self._tokens[colon].type != "COLON":
                    colon += 1
                at = colon + 1
            else:
                return at
        return end

    def _follows_parameters(self, brace: int) -> bool:
        """Whether a brace opens the body of a nested function."""
        opening = self._partner.get(brace - 1, -1)
        return (
            self._tokens[brace - 1].type == "RPAREN"
            and opening > 0
            and self._tokens[opening - 1].type in {"ID", "TYPEID"}
        )

    def _statement_end(self, at: int, high: int) -> int:
        """The index after the statement at ``at``."""
        tokens, partner = self._tokens, self._partner
        pending_do = 0
        while at < high:
            at = self._after_labels(at, high)
            if at >= high:
                return high
            kind = tokens[at].type
            if kind in {"IF", "WHILE", "FOR", "SWITCH"}:
                at = partner[at + 1] + 1 if at < partner.get(at + 1, -1) < high else at + 1
                continue
            if kind in {"ELSE", "DO"}:
                pending_do += kind == "DO"
                at += 1
                continue
            if kind == "LBRACE":
                at = partner.get(at, high - 1) + 1
            else:
                while at < high and tokens[at].type != "SEMI":
                    nested = tokens[at].type == "LBRACE" and self._follows_parameters(at)
                    at = partner[at] + 1 if at < partner.get(at, -1) < high else at + 1
                    if nested:
                        return at
                at = min(at + 1, high)
            if at < high and tokens[at].type == "ELSE":
                at += 1
                continue
            if pending_do and at < high and tokens[at].type == "WHILE":
                pending_do -= 1
                while at < high and tokens[at].type != "SEMI":
                    at = partner[at] + 1 if at < partner.get(at, -1) < high else at + 1
                at = min(at + 1, high)
                if at < high and tokens[at].type == "ELSE":
                    at += 1
                    continue
            return at
        return high
