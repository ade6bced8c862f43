"""The header of a function that the parser rejects, completed or made anew.

Owns what is left out of an old-style header (``f(a, b) register a; { … }``: each type is ``int``), and what is kept of one that cannot be read:
the function's name and its parameters' names, each of unknown type.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from pycparser.c_lexer import Token as ParserToken

UNKNOWN_TYPE = "%unknown"
"""The type of what is declared with a type that cannot be read."""

_TYPELESS = frozenset({"STATIC", "EXTERN", "REGISTER", "INLINE", "CONST", "VOLATILE"})
_TYPE_WORDS = frozenset({"INT", "CHAR", "LONG", "SHORT", "VOID", "UNSIGNED", "STRUCT"})


def word(kind: str, text: str, where: ParserToken) -> ParserToken:
    """A token that is not in the text, at the place of one that is."""
    return ParserToken(kind, text, where.lineno, 0, "")


def plain_header(
    tokens: Sequence[ParserToken], partner: Mapping[int, int], body: int, typedefs: Container[str]
) -> list[ParserToken] | None:
    """``%unknown name(%unknown a, %unknown b)`` for what is in front of ``body``; None if no name can be told."""
    at = next(
        (
            index
            for index in range(1, body)
            if tokens[index].type == "LPAREN" and tokens[index - 1].type in {"ID", "TYPEID"}
        ),
        -1,
    )
    close = partner.get(at, -1)
    if at < 1 or close < 0 or close >= body:
        return None
    name = tokens[at - 1]
    header = [word("ID", UNKNOWN_TYPE, name), word("ID", name.value, name), tokens[at]]
    parameters: list[ParserToken] = []
    start = at + 1
    depth = 0
    for index in range(at + 1, close + 1):
        kind = tokens[index].type
        if index == close or (kind == "COMMA" and depth == 0):
            found = _parameter(tokens, start, index, typedefs)
            if found is not None:
                parameters.append(found)
            start = index + 1
        elif kind in {"LPAREN", "LBRACKET"}:
            depth += 1
        elif kind in {"RPAREN", "RBRACKET"}:
            depth -= 1
    for position, parameter in enumerate(parameters):
        if position:
            header.append(word("COMMA", ",", parameter))
        header += [word("ID", UNKNOWN_TYPE, parameter), word("ID", parameter.value, parameter)]
    header.append(tokens[close])
    return header


def with_int(tokens: Sequence[ParserToken], typedefs: Container[str]) -> list[ParserToken] | None:
    """``tokens`` with ``int`` where the header of an old-style definition leaves a type out; None if it leaves out none."""
    inserted: list[int] = []
    depth = 0
    begins = True  # a declaration: the function's, or behind its parameters' names one of these
    for index, token in enumerate(tokens):
        kind = token.type
        if kind == "LBRACE" and depth == 0:
            break
        if kind in {"LPAREN", "LBRACKET", "LBRACE"}:
            depth += 1
        elif kind in {"RPAREN", "RBRACKET", "RBRACE"}:
            depth -= 1
            begins = begins or kind == "RPAREN"
        elif depth == 0 and kind not in _TYPELESS:
            if begins and kind in {"ID", "TIMES"} and token.value not in typedefs:
                inserted.append(index)
            begins = kind == "SEMI"
    if not inserted:
        return None
    result = list(tokens)
    for index in reversed(inserted):
        result.insert(index, word("INT", "int", tokens[index]))
    return result


def _parameter(
    tokens: Sequence[ParserToken], start: int, end: int, typedefs: Container[str]
) -> ParserToken | None:
    """The name in a parameter's declaration: the last word outside of brackets, or the one after ``(*``."""
    found = None
    words = 0
    depth = 0
    for index in range(start, end):
        token = tokens[index]
        if token.type in {"LPAREN", "LBRACKET"}:
            depth += 1
        elif token.type in {"RPAREN", "RBRACKET"}:
            depth -= 1
        elif token.type in {"ID", "TYPEID"} and (depth == 0 or tokens[index - 1].type == "TIMES"):
            found = token
            words += 1
            if depth:
                break
    typed = words > 1 or any(token.type in _TYPE_WORDS for token in tokens[start:end])
    return found if typed or (found is not None and found.value not in typedefs) else None
