"""What unknown words mean, told by where they stand.

Owns the second reading of a declaration that the parser rejects: with words taken for types that no header has declared, for
annotations that no header has made go away, or for operands. Nothing here is tried on text that parses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pycparser.c_lexer import Token as ParserToken

from spincheck.frontend import keywords
from spincheck.frontend.dialect import Rewritten, rewrite
from spincheck.frontend.headers import with_int
from spincheck.frontend.names import Names
from spincheck.frontend.parse import SyntaxFault, parse
from spincheck.frontend.tokens import Token


def parse_with_guessed_types(
    tokens: Sequence[Token], names: Names, prepare: Callable[[Rewritten], None] | None = None
) -> tuple[list[Any], Rewritten]:
    """Rewrite and parse; on a fault once more with the unknown names that can only be types.

    ``prepare`` may change what is handed to the parser.

    Raises:
        SyntaxFault: the parser rejects the text all the same.

    """
    rewritten = rewrite(tokens, names)
    if prepare is not None:
        prepare(rewritten)
    try:
        return parse(rewritten.tokens, rewritten.typedefs), rewritten
    except SyntaxFault as fault:
        again = with_guesses(tokens, names, rewritten)
        if again is None or fault.reason == "nested too deeply":
            raise
    if prepare is not None:
        prepare(again)
    return parse(again.tokens, again.typedefs), again


def with_guesses(tokens: Sequence[Token], names: Names, rewritten: Rewritten) -> Rewritten | None:
    """The tokens again, with words read as where they stand tells; None where that changes nothing."""
    ignored = guess_annotations(rewritten.tokens, rewritten.typedefs)
    guessed = guess_types(
        [token for token in rewritten.tokens if token.value not in ignored], names, rewritten.typedefs
    )
    again = rewrite(tokens, names, guessed, ignored)
    queried = types_as_operands(again.tokens, again.typedefs)
    completed = with_int(again.tokens, again.typedefs)
    if completed is not None:
        return again._replace(tokens=completed)
    return again if guessed or ignored or queried else None


def types_as_operands(tokens: Sequence[ParserToken], typedefs: Sequence[str]) -> bool:
    """Read names of types that stand as an argument of a call or as an index for operands of unknown value.

    They are the arguments of macros whose definition was not seen. True if there is one.
    """
    known = set(typedefs)
    opened: list[int] = []
    found = False
    for index, token in enumerate(tokens):
        kind = token.type
        if kind in {"LPAREN", "LBRACKET"}:
            opened.append(index)
        elif kind in {"RPAREN", "RBRACKET"} and opened:
            opened.pop()
        elif token.value in known and opened and kind in {"ID", "TYPEID"}:
            start = opened[-1]
            before, after = tokens[index - 1].type, tokens[index + 1].type if index + 1 < len(tokens) else ""
            alone = before in {"LPAREN", "LBRACKET", "COMMA"} and after in {"RPAREN", "RBRACKET", "COMMA"}
            if alone and start > 1 and (tokens[start].type == "LBRACKET" or _is_call(tokens, start, known)):
                token.value = "%type query"
                found = True
    return found


def _is_call(tokens: Sequence[ParserToken], opening: int, known: set[str]) -> bool:
    callee, before = tokens[opening - 1], tokens[opening - 2].type
    return (
        callee.type in {"ID", "TYPEID"}
        and callee.value not in known
        and before in _BEFORE_CALL
        and callee.value[0] != "%"
    )


def guess_annotations(tokens: Sequence[ParserToken], known: Sequence[str]) -> list[str]:
    """Words of a header that can only be the names of macros, in order of appearance.

    Of adjacent words the last is what is declared, or the type if a ``*`` follows; another is the type; the rest is neither.
    """
    found: dict[str, None] = {}
    run: list[str] = []
    typed = False
    for token in tokens:
        if token.type in {"ID", "TYPEID"}:
            run.append(token.value)
            continue
        if run:
            words = run if token.type == "TIMES" else run[:-1]
            kept = 0 if typed else 1
            types = [word for word in words if word in known and word not in keywords.HEADER_WORDS] or words
            if len(words) > kept:
                found.update(dict.fromkeys(word for word in words if typed or word != types[-1]))
            run = []
        typed = token.type in _TYPE_WORDS or (typed and token.type in {"CONST", "VOLATILE", "TIMES"})
        if token.type in {"LBRACE", "EQUALS"}:
            break
    return list(found)


_TYPE_WORDS = frozenset(
    ["INT", "CHAR", "LONG", "SHORT", "VOID", "UNSIGNED", "SIGNED", "FLOAT", "DOUBLE", "_BOOL", "__INT128"]
)


_BEFORE_CALL = frozenset(
    {"SEMI", "LBRACE", "RBRACE", "RPAREN", "LPAREN", "COMMA", "EQUALS", "RETURN", "ELSE", "DO"}
)
_BEFORE_TYPE = frozenset(
    [
        "LPAREN",
        "COMMA",
        "SEMI",
        "LBRACE",
        "RBRACE",
        "COLON",
        "CONST",
        "VOLATILE",
        "STATIC",
        "EXTERN",
        "REGISTER",
        "INLINE",
        "TYPEDEF",
    ]
)
_AFTER_NAME = frozenset(
    ["SEMI", "EQUALS", "COMMA", "RPAREN", "LBRACKET", "LPAREN", "COLON", "ATTRIBUTE_BEGIN"]
)
_OPERANDS = frozenset(["ID", "INT_CONST_DEC", "FLOAT_CONST", "CHAR_CONST", "STRING_LITERAL", "SIZEOF"])


def guess_types(tokens: Sequence[ParserToken], names: Names, known: Sequence[str]) -> list[str]:
    """Unknown names that stand where only a type can, in order of appearance."""
    kinds = [token.type for token in tokens]
    kinds += ["", "", ""]
    skip = set(known)
    guessed: dict[str, None] = {}
    for index, token in enumerate(tokens):
        if (
            kinds[index] not in {"ID", "TYPEID"}
            or token.value in names
            or token.value in skip
            or token.value[0] in "%&"
        ):
            continue
        before = kinds[index - 1] if index else "SEMI"
        if (
            before == "LPAREN"
            and index > 1
            and kinds[index - 2] == "OFFSETOF"
            and kinds[index + 1] == "COMMA"
        ):
            guessed[token.value] = None
            continue
        if before == "COMMA" and kinds[index + 1] in {"RPAREN", "TIMES"} and _va_argument(kinds, index):
            guessed[token.value] = None
            continue
        if before not in _BEFORE_TYPE:
            continue
        after = index + 1
        while kinds[after] in {"TIMES", "CONST", "VOLATILE", "RESTRICT"}:
            after += 1
        pointer = after > index + 1
        opening = before == "LPAREN" and index > 1
        declares = kinds[after] in {"ID", "TYPEID"} and kinds[after + 1] in _AFTER_NAME
        # ``f(a * b)`` multiplies; in the header, ``a *b`` declares.
        declares = declares and not (
            pointer and before in {"LPAREN", "COMMA", "COLON"} and _inside(kinds, index)
        )
        casts = opening and kinds[after] == "RPAREN" and (pointer or kinds[after + 1] in _OPERANDS)
        casts = casts and kinds[index - 2] not in {"ID", "TYPEID"}
        if declares or casts:
            guessed[token.value] = None
    return list(guessed)


def _va_argument(kinds: Sequence[str], index: int) -> bool:
    """Whether a word after a comma is the type in ``va_arg(list, T)``."""
    return "__BUILTIN_VA_ARG" in kinds[max(index - 8, 0) : index]


def _inside(kinds: Sequence[str], index: int) -> bool:
    return "LBRACE" in kinds[:index]
