"""Words that say nothing about control flow or values, and go: attributes, annotations, linkage. One attribute says something: ``cleanup``.

Owns the judgement whether an unknown word is such a one. In the header of a function it is by its looks; inside a body only where C
allows no other word.
"""

from __future__ import annotations

import re

from spincheck.frontend import keywords
from spincheck.frontend.names import CLEANUP
from spincheck.frontend.patterns import IDENTIFIER
from spincheck.frontend.rewriter import Rewriter

WORD = re.compile(rf"{IDENTIFIER}\Z")
_ATTRIBUTE_NAME = re.compile(r"SA_\w+|source_annotation_\w+|returnvalue|repeatable|uuid|dllimport|event_\w+")
TYPE_STARTS = frozenset({"STRUCT", "UNION", "ENUM"})
_CLEANUP = frozenset({"cleanup", "__cleanup__"})
_ATTRIBUTE = frozenset({"__attribute__", "__attribute"})
_IN_A_ROW = 16
"""Attributes behind an attribute that are passed over to see what it stands in front of."""
_DECLARATOR_ENDS = frozenset({"=", ";", ",", ""})
_NAME_FOLLOWS = TYPE_STARTS | {"PERIOD", "ARROW", "GOTO"}


def ignore(_: Rewriter, at: int) -> int:
    """A word that goes."""
    return at + 1


def gnu_attribute(r: Rewriter, at: int) -> int:
    """``__attribute__``: of all only ``cleanup`` has an effect on control flow."""
    end = r.after_arguments(at)
    return _cleanup(r, at, end) if r.in_body() else end


def _cleanup(r: Rewriter, at: int, end: int) -> int:
    """Write the ``cleanup`` among the attributes in ``at`` up to ``end``, if there is one, as C23's attribute or as ``_Alignas``."""
    word = next((i for i in range(at, end) if r.text(i) in _CLEANUP), -1)
    if word < 0 or r.text(word + 1) != "(" or not WORD.match(r.text(word + 2)):
        return end
    r.guarded = True
    said = f"{CLEANUP} {word + 2} {r.text(word + 2)}"
    following = end
    for _ in range(_IN_A_ROW):
        if r.text(following) not in _ATTRIBUTE:
            break
        following = r.after_arguments(following)
    if r.previous() in {"TIMES", "COMMA"}:  # in front of a declarator: to be written behind its name
        name = following
        while r.text(name) in {"*", "const", "volatile"}:
            name += 1
        end = r.run(following, min(name + 1, len(r.tokens)))
        at = end - 1
    elif r.text(following) not in _DECLARATOR_ENDS:
        for kind, text in (("_ALIGNAS", "_Alignas"), ("LPAREN", "("), ("ID", said), ("RPAREN", ")")):
            r.emit(kind, text, at)
        return end
    for kind, text in (("ATTRIBUTE_BEGIN", "[["), ("ID", said), ("ATTRIBUTE_END", "]]")):
        r.emit(kind, text, at)
    return end


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
        end = r.match(at) + 1
        return _cleanup(r, at, end) if r.in_body() else end
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


def type_definition(r: Rewriter, at: int) -> int:
    """``typedef``; one that names no type (``typedef __declspec(align(16)) BUFFER;``) means ``int``."""
    r.emit("TYPEDEF", "typedef", at)
    name = at + 1
    while r.text(name) in keywords.IGNORED_WITH_ARGUMENTS:
        name = r.after_arguments(name)
    if r.text(name + 1) == ";" and WORD.match(r.text(name)):
        r.emit("INT", "int", at)
    return at + 1


def local_labels(r: Rewriter, at: int) -> int:
    """Drop ``__label__ a, b;``."""
    while r.text(at) not in {";", ""}:
        at += 1
    return at + 1
