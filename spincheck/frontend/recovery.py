"""Reading a function that the parser rejects.

Owns the way from a syntax fault to the best that can still be read. In this order:

1. names that can only be types, by where they stand, are taken for types;
2. a header that cannot be parsed is replaced by one made of the function's name and its parameters' names;
3. the smallest statement around the fault becomes opaque, and the rest is parsed again; if that does not carry the parser
   past it, the next larger one does, in the end the whole body.

Whatever comes in is answered with a function or with `LoweringError`: `extents` tells statements, `headers` what is left of a header, and neither
has a limit of depth.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend.dialect import rewrite
from spincheck.frontend.extents import Extents, Span, partners
from spincheck.frontend.guesses import parse_with_guessed_types, with_guesses
from spincheck.frontend.headers import UNKNOWN_TYPE, plain_header, word
from spincheck.frontend.names import CLEANUP, Names
from spincheck.frontend.parse import SyntaxFault, parse
from spincheck.frontend.rewriter import Aside
from spincheck.frontend.tokens import Token

ATTEMPTS = 40
"""After so many repairs of one function the rest of its body becomes opaque at once."""

WORK = 400_000
"""So many tokens may be parsed again for one function; what is so long that this is less than `ATTEMPTS` was not written by hand."""


class LoweringError(Exception):
    """A function of which nothing can be read; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Source:
    """A parsed function and what was done to get it."""

    definition: Any
    asides: list[Aside]
    guarded: bool
    reasons: dict[int, str] = field(default_factory=dict)
    recovered: list[ir.Recovery] = field(default_factory=list)


def read_function(tokens: Sequence[Token], names: Names) -> Source:
    """The syntax tree of a function definition.

    Raises:
        LoweringError: no name and body can be told.

    """
    try:
        nodes, rewritten = parse_with_guessed_types(tokens, names)
    except SyntaxFault as fault:
        return _Repair(tokens, names).run(fault)
    definition = next((node for node in reversed(nodes) if node.__class__ is c_ast.FuncDef), None)
    if definition is None:
        return _Repair(tokens, names).run(SyntaxFault("not a function definition", 0))
    return Source(definition, rewritten.asides, rewritten.guarded)


class _Repair:
    """The repair of one function, on the parser's tokens."""

    def __init__(self, tokens: Sequence[Token], names: Names) -> None:
        rewritten = rewrite(tokens, names)
        rewritten = with_guesses(tokens, names, rewritten) or rewritten
        self.tokens = list(rewritten.tokens)
        self.typedefs = [*rewritten.typedefs, UNKNOWN_TYPE]
        self.asides = list(rewritten.asides)
        self.guarded = rewritten.guarded
        self.reasons: dict[int, str] = {}
        self.recovered: list[ir.Recovery] = []
        self.partner: dict[int, int] = {}

    def run(self, fault: SyntaxFault) -> Source:
        body = self.find_body()
        attempts = 0
        patience = min(ATTEMPTS, max(WORK // len(self.tokens), 2))
        current: SyntaxFault | None = fault
        definition: Any = None
        header_done = False
        while current is not None:
            attempts += 1
            body = self.find_body()
            index = self.index_of(current.at)
            if index < body or current.reason == "not a function definition":
                if header_done:
                    raise LoweringError(current.reason)
                header_done = True
                self.recovered.append(
                    ir.Recovery(self.tokens[0].lineno, f"function header: {current.reason}")
                )
                header = plain_header(self.tokens, self.partner, body, self.typedefs)
                if header is None:
                    raise LoweringError("the function's name cannot be told")
                self.tokens[:body] = header
                current, definition = self.attempt()
            elif attempts > patience:
                current, definition = self.replace_rest(body, index, current)
            else:
                current, definition = self.replace_around(body, index, current)
        return Source(definition, self.asides, self.guarded, self.reasons, self.recovered)

    def attempt(self) -> tuple[SyntaxFault | None, Any]:
        try:
            nodes = parse(self.tokens, self.typedefs)
        except SyntaxFault as fault:
            return fault, None
        definition = next((node for node in reversed(nodes) if node.__class__ is c_ast.FuncDef), None)
        return (
            (None, definition)
            if definition is not None
            else (SyntaxFault("not a function definition", 0), None)
        )

    # --- brackets --------------------------------------------------------------

    def find_body(self) -> int:
        """The index of the body's opening brace; all brackets get partners."""
        self.partner = partner = partners(self.tokens)
        last = len(self.tokens) - 1
        while last >= 0 and self.tokens[last].type != "RBRACE":
            last -= 1
        if last not in partner:
            raise LoweringError("the function has no body, or its brackets do not match")
        return partner[last]

    def extents(self) -> Extents:
        return Extents(self.tokens, self.partner)

    def index_of(self, at: int) -> int:
        """The token at an ordinal, or the next one."""
        return min(bisect_left(self.tokens, at, key=lambda token: token.lineno), len(self.tokens) - 1)

    # --- statements ------------------------------------------------------------

    def replace_around(self, body: int, index: int, fault: SyntaxFault) -> tuple[SyntaxFault | None, Any]:
        """Replace the smallest statement around a fault with which the parser gets beyond it."""
        spans = self.extents().around(body, index)
        if not spans:
            return self.replace_rest(body, index, fault)
        if fault.reason == "nested too deeply":
            chosen = [spans[-1], *(spans[level] for level in (50, 10, 2, 0) if level < len(spans) - 1)]
        else:
            before = self.extents().around(body, max(spans[-1].start - 1, body + 1))
            chosen = [
                *reversed(spans),
                *([before[-1]] if before and before[-1].end <= spans[-1].start else []),
            ]
            if len(chosen) > 1:
                chosen.insert(1, chosen.pop())
        tokens = self.tokens
        best: tuple[SyntaxFault | None, Any] = (fault, None)
        for span in chosen:
            end = tokens[span.end - 1].lineno
            start = tokens[span.start].lineno
            self.tokens = tokens
            kept = len(self.asides), dict(self.reasons)
            self.replace(span, fault.reason)
            best = self.attempt()
            if best[0] is None or best[0].at > end or (best[0].at < start and best[0].reason != fault.reason):
                return best
            del self.asides[kept[0] :]
            self.reasons = kept[1]
        self.tokens = tokens
        return self.replace_rest(body, index, fault)

    def replace_rest(self, body: int, index: int, fault: SyntaxFault) -> tuple[SyntaxFault | None, Any]:
        """Replace all of the body from the outermost statement around the fault, or all of it if that is not enough."""
        spans = self.extents().around(body, index)
        tokens = self.tokens
        starts = [spans[0].start] if spans and spans[0].start > body + 1 else []
        for start in [*starts, body + 1]:
            self.tokens = tokens
            self.replace(Span(start, self.partner[body], "statement"), fault.reason)
            best = self.attempt()
            if best[0] is None:
                return best
            if self.index_of(best[0].at) < body:
                return best
        raise LoweringError(fault.reason)

    def replace(self, span: Span, reason: str) -> None:
        """Put a placeholder where ``span`` is."""
        inside = self.tokens[span.start : span.end]
        words: dict[str, None] = {}
        calls: dict[str, None] = {}
        for position, token in enumerate(inside):
            if token.type in {"ID", "TYPEID"} and token.value[0] not in "%&":
                words[token.value] = None
                if (
                    position + 1 < len(inside)
                    and inside[position + 1].type == "LPAREN"
                    and token.value not in self.typedefs
                ):
                    calls[token.value] = None
            elif token.value.startswith(CLEANUP):
                calls[token.value.rpartition(" ")[2]] = None
            elif token.value[0] == "%" and token.value[1:].isdigit():
                words.update(dict.fromkeys(self.asides[int(token.value[1:])].names))
                calls.update(dict.fromkeys(self.asides[int(token.value[1:])].calls))
        where = inside[0] if inside else self.tokens[span.start]
        name = f"%{len(self.asides)}"
        self.reasons[len(self.asides)] = reason
        self.asides.append(Aside("unparsed", tuple(words), tuple(calls)))
        holder = [word("ID", name, where)]
        if span.shape == "statement":
            holder.append(word("SEMI", ";", where))
        elif span.shape == "header":
            holder = [word("LPAREN", "(", where), *holder, word("RPAREN", ")", where)]
        else:
            semi = word("SEMI", ";", where)
            holder = [word("LPAREN", "(", where), semi, *holder, semi, word("RPAREN", ")", where)]
        self.tokens = [*self.tokens[: span.start], *holder, *self.tokens[span.end :]]
