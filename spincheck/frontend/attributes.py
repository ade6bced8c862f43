"""Words that say nothing about control flow or values, and go: attributes, annotations, linkage.

Owns the judgement whether an unknown word is such a one. In the header of a function it is by its looks; inside a body only where C
allows no other word.
"""

from __future__ import annotations

import re

from spincheck.frontend import keywords
from spincheck.frontend.patterns import IDENTIFIER
from spincheck.frontend.rewriter import Rewriter

WORD = re.compile(rf"{IDENTIFIER}\Z")
_ATTRIBUTE_NAME = re.compile(r"SA_\w+|source_annotation_\w+|returnvalue|repeatable|uuid|dllimport|event_\w+")
TYPE_STARTS = frozenset({"STRUCT", "UNION", "ENUM"})
_NAME_FOLLOWS = TYPE_STARTS | {"PERIOD", "ARROW", "GOTO"}


def ignore(_: Rewriter, at: int) -> int:
    """A word that goes."""
    return at + 1


def ignore_with_arguments(r: Rewriter, at: int) -> int:
    """A word that goes with its arguments."""
    return r.after_arguments(at)


def annotation(r: Rewriter, at: int) -> int:
    """An identifier that looks like an annotation; inside a body only where C allows no such word."""
    if r.previous() in _NAME_FOLLOWS:
        r.emit("ID", r.text(at), at)
        return at + 1
    end = r.after_arguments(at)
    if not r.in_body():
        if end > at + 1 and r.text(end) == "{" and r.previous() != "RPAREN":
            r.emit("ID", r.text(at), at)  # the function's own name
            return at + 1
        return end
    follows = r.text(end)
    adjacent = bool(WORD.match(follows)) and r.previous() not in keywords.OPERAND_ENDS
    trailing = r.previous() == "ID" and follows in {",", ")", ";", "="} and end == at + 1
    if adjacent or trailing:
        return end
    r.emit("ID", r.text(at), at)
    return at + 1


def attribute_bracket(r: Rewriter, at: int) -> int:
    """``[``; as ``[[…]]`` or Microsoft's ``[SA_…]`` an attribute."""
    following = r.text(at + 1)
    if following == "[" or (
        _ATTRIBUTE_NAME.fullmatch(following) and r.previous() not in keywords.OPERAND_ENDS
    ):
        return r.match(at) + 1
    r.emit("LBRACKET", "[", at)
    return at + 1


def linkage(r: Rewriter, at: int) -> int:
    """``extern``, dropped together with the language of ``extern "C"``."""
    if r.text(at + 1).startswith('"'):
        return at + 2
    r.emit("EXTERN", "extern", at)
    return at + 1


def comma(r: Rewriter, at: int) -> int:
    """``,``; a variadic macro without arguments leaves one in front of the parenthesis."""
    if r.text(at + 1) != ")":
        r.emit("COMMA", ",", at)
    return at + 1


def local_labels(r: Rewriter, at: int) -> int:
    """Drop ``__label__ a, b;``."""
    while r.text(at) not in {";", ""}:
        at += 1
    return at + 1
