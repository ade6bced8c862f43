"""From tokens to a syntax tree, by pycparser.

Owns the parser's lexer hook: the parser is handed tokens that are made already, with the token's ordinal for a line
number, so that ``node.coord.line`` is the place of a node and no text is read twice. Names of types are declared to
it by a prelude of typedef tokens.

pycparser reports an error with a message only, often without a place. The feed therefore remembers how far the
parser has read; what it was reading then is where recovery starts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from pycparser import c_ast
from pycparser.c_lexer import CLexer, Dialect
from pycparser.c_lexer import Token as ParserToken
from pycparser.c_parser import CParser, ParseError

DEPTH = 6000
"""Interpreter frames that reading one function may use: some four hundred levels of parentheses."""


TYPEOFS = 12
"""So many ``typeof`` may be nested in each other's operands."""

SUFFIXES = 500
"""So many parentheses or subscripts may follow each other."""

LONG = 2000
"""Declarations of fewer tokens cannot have enough suffixes to matter."""


class SyntaxFault(Exception):  # noqa: N818 - a fault of the text, not of the program
    """The parser rejects a text at the token with ordinal ``at`` (or a little before it); ``reason`` says why."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class _Feed(CLexer):  # type: ignore[misc]
    """A lexer in name only: it hands out tokens that exist."""

    def __init__(self, error_func: Callable[[str, int, int], None], *, dialect: Dialect) -> None:
        super().__init__(error_func, dialect=dialect)
        self.feed: Iterator[ParserToken] = iter(())
        self.read: ParserToken | None = None

    def input(self, text: str, filename: str = "") -> None:
        """Start; the tokens are given by ``feed``."""

    def token(self) -> ParserToken | None:
        """The next token, or None at the end."""
        token = next(self.feed, None)
        if token is not None:
            self.read = token
        return token


@contextmanager
def depth_allowed() -> Iterator[None]:
    """Let the interpreter nest `DEPTH` frames; pure Python calls take no machine stack for it."""
    limit = sys.getrecursionlimit()
    if limit >= DEPTH:
        yield
        return
    sys.setrecursionlimit(DEPTH)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def prelude(typedefs: Sequence[str]) -> list[ParserToken]:
    """``typedef int A, B;`` as tokens."""
    if not typedefs:
        return []
    tokens = [ParserToken("TYPEDEF", "typedef", 0, 0, ""), ParserToken("INT", "int", 0, 0, "")]
    for name in typedefs:
        tokens.append(ParserToken("ID", name, 0, 0, ""))
        tokens.append(ParserToken("COMMA", ",", 0, 0, ""))
    tokens[-1] = ParserToken("SEMI", ";", 0, 0, "")
    return tokens


def parse(tokens: Sequence[ParserToken], typedefs: Sequence[str]) -> list[c_ast.Node]:
    """The external declarations in ``tokens``.

    Raises:
        SyntaxFault: the parser rejects them.

    """
    _check_hazards(tokens)
    parser = CParser(lexer=_Feed, dialect="c23")
    feed = parser.clex
    assert isinstance(feed, _Feed)
    feed.feed = chain(prelude(typedefs), tokens)
    try:
        tree = parser.parse("")
    except ParseError as error:
        message = str(error)
        place = re.match(r":(\d+)(?::\d+)?: ", message)
        if place is not None:
            raise SyntaxFault(_reason(message[place.end() :]), int(place[1])) from None
        raise SyntaxFault(_reason(message.lstrip(": ")), feed.read.lineno if feed.read else 0) from None
    except RecursionError:
        raise SyntaxFault("nested too deeply", feed.read.lineno if feed.read else 0) from None
    except (AssertionError, AttributeError, IndexError, TypeError, ValueError, KeyError) as error:
        # The parser lets some malformed text through to where its own assumptions fail.
        reason = f"the parser failed ({type(error).__name__})"
        raise SyntaxFault(reason, feed.read.lineno if feed.read else 0) from None
    skip = len(typedefs)
    return list(tree.ext[skip:])


def _check_hazards(tokens: Sequence[ParserToken]) -> None:
    """Reject what would cost the parser more than its length.

    It reads the operand of ``typeof`` twice in front of a brace, and walks all suffixes of a declarator for each one.
    """
    if len(tokens) < LONG and sum(token.type == "TYPEOF" for token in tokens) <= TYPEOFS:
        return
    opened: list[bool] = []
    suffixes = [0]
    typeofs = 0
    before = ""
    for token in tokens:
        kind = token.type
        if kind in {"LPAREN", "LBRACKET"}:
            suffixes[-1] = suffixes[-1] + 1 if before in {"RPAREN", "RBRACKET"} else 0
            opened.append(before == "TYPEOF")
            typeofs += opened[-1]
            suffixes.append(0)
        elif kind in {"RPAREN", "RBRACKET"} and opened:
            typeofs -= opened.pop()
            suffixes.pop()
        if typeofs > TYPEOFS or suffixes[-1] > SUFFIXES:
            raise SyntaxFault("nested too deeply", token.lineno)
        before = kind


def _reason(message: str) -> str:
    """The parser's message in our words."""
    if message.startswith("before: "):
        return f"unexpected {message[8:]!r}"
    return message[:1].lower() + message[1:] if message else "invalid syntax"
