"""Reading a function that the parser rejects.

Owns the way from a syntax fault to the best that can still be read. In this order:

1. names that can only be types, by where they stand, are taken for types;
2. a header that cannot be parsed is replaced by one made of the function's name and its parameters' names;
3. the smallest statement around the fault becomes opaque, and the rest is parsed again; if that does not carry the parser
   past it, the next larger one does, in the end the whole body.

Statements are told by brackets and semicolons alone, by a reader that has no limit of depth, so that whatever comes
in is answered with a function or with `LoweringError`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pycparser import c_ast
from pycparser.c_lexer import Token as ParserToken

from spincheck import ir
from spincheck.frontend.dialect import Aside, rewrite
from spincheck.frontend.guesses import parse_with_guessed_types, with_guesses
from spincheck.frontend.names import Names
from spincheck.frontend.parse import SyntaxFault, parse
from spincheck.frontend.tokens import Token

ATTEMPTS = 40
"""After so many repairs of one function the rest of its body becomes opaque at once."""

LEVELS = 100
"""Statements are not told apart below so many levels: what fails there costs the statement at this level."""

WORK = 400_000
"""So many tokens may be parsed again for one function; what is so long that this is less than `ATTEMPTS` was not written by hand."""

_UNKNOWN_TYPE = "%unknown"
_OPENING = ("LPAREN", "LBRACKET", "LBRACE")
_CLOSING = {"RPAREN": "LPAREN", "RBRACKET": "LBRACKET", "RBRACE": "LBRACE"}


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


def _partners(tokens: Sequence[ParserToken]) -> dict[int, int]:
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


@dataclass
class _Span:
    """Tokens ``start`` up to ``end`` that may be replaced; ``shape`` is ``statement``, ``header`` or ``loop header``."""

    start: int
    end: int
    shape: str


class _Repair:
    """The repair of one function, on the parser's tokens."""

    def __init__(self, tokens: Sequence[Token], names: Names) -> None:
        rewritten = rewrite(tokens, names)
        rewritten = with_guesses(tokens, names, rewritten) or rewritten
        self.tokens = list(rewritten.tokens)
        self.typedefs = [*rewritten.typedefs, _UNKNOWN_TYPE]
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
                self.make_header(body)
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
        self.partner = partner = _partners(self.tokens)
        last = len(self.tokens) - 1
        while last >= 0 and self.tokens[last].type != "RBRACE":
            last -= 1
        if last not in partner:
            raise LoweringError("the function has no body, or its brackets do not match")
        return partner[last]

    def index_of(self, at: int) -> int:
        """The token at an ordinal, or the next one."""
        return min(bisect_left(self.tokens, at, key=lambda token: token.lineno), len(self.tokens) - 1)

    # --- headers ---------------------------------------------------------------

    def make_header(self, body: int) -> None:
        """Put ``%unknown name(%unknown a, %unknown b)`` in front of the body."""
        at = -1
        for index in range(body):
            kind = self.tokens[index].type
            if kind == "LPAREN" and index and self.tokens[index - 1].type in {"ID", "TYPEID"}:
                at = index
                break
        close = self.partner.get(at, -1)
        if at < 1 or close < 0 or close >= body:
            raise LoweringError("the function's name cannot be told")
        name = self.tokens[at - 1]
        header = [self.word("ID", _UNKNOWN_TYPE, name), self.word("ID", name.value, name), self.tokens[at]]
        parameters: list[ParserToken] = []
        start = at + 1
        for index in range(at + 1, close + 1):
            if index == close or (self.tokens[index].type == "COMMA" and self.depth(at, index) == 0):
                found = self.parameter(start, index)
                if found is not None:
                    parameters.append(found)
                start = index + 1
        for position, parameter in enumerate(parameters):
            if position:
                header.append(self.word("COMMA", ",", parameter))
            header += [self.word("ID", _UNKNOWN_TYPE, parameter), self.word("ID", parameter.value, parameter)]
        header.append(self.tokens[close])
        self.tokens[:body] = header

    def depth(self, start: int, index: int) -> int:
        depth = 0
        for token in self.tokens[start + 1 : index]:
            if token.type in {"LPAREN", "LBRACKET"}:
                depth += 1
            elif token.type in {"RPAREN", "RBRACKET"}:
                depth -= 1
        return depth

    def parameter(self, start: int, end: int) -> ParserToken | None:
        """The name in a parameter's declaration: the last word outside of brackets, or the one after ``(*``."""
        found = None
        words = 0
        depth = 0
        for index in range(start, end):
            token = self.tokens[index]
            if token.type in {"LPAREN", "LBRACKET"}:
                depth += 1
            elif token.type in {"RPAREN", "RBRACKET"}:
                depth -= 1
            elif token.type in {"ID", "TYPEID"} and (depth == 0 or self.tokens[index - 1].type == "TIMES"):
                found = token
                words += 1
                if depth:
                    break
        keyword_type = any(
            token.type in {"INT", "CHAR", "LONG", "SHORT", "VOID", "UNSIGNED", "STRUCT"}
            for token in self.tokens[start:end]
        )
        return (
            found
            if words > 1 or keyword_type or (found is not None and found.value not in self.typedefs)
            else None
        )

    @staticmethod
    def word(kind: str, text: str, where: ParserToken) -> ParserToken:
        return ParserToken(kind, text, where.lineno, 0, "")

    # --- statements ------------------------------------------------------------

    def replace_around(self, body: int, index: int, fault: SyntaxFault) -> tuple[SyntaxFault | None, Any]:
        """Replace the smallest statement around a fault with which the parser gets beyond it."""
        spans = self.spans(body, index)
        if not spans:
            return self.replace_rest(body, index, fault)
        if fault.reason == "nested too deeply":
            chosen = [spans[-1], *(spans[level] for level in (50, 10, 2, 0) if level < len(spans) - 1)]
        else:
            before = self.spans(body, max(spans[-1].start - 1, body + 1))
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
        spans = self.spans(body, index)
        tokens = self.tokens
        starts = [spans[0].start] if spans and spans[0].start > body + 1 else []
        for start in [*starts, body + 1]:
            self.tokens = tokens
            self.replace(_Span(start, self.partner[body], "statement"), fault.reason)
            best = self.attempt()
            if best[0] is None:
                return best
            if self.index_of(best[0].at) < body:
                return best
        raise LoweringError(fault.reason)

    def replace(self, span: _Span, reason: str) -> None:
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
            elif token.value[0] == "%" and token.value[1:].isdigit():
                words.update(dict.fromkeys(self.asides[int(token.value[1:])].names))
                calls.update(dict.fromkeys(self.asides[int(token.value[1:])].calls))
        where = inside[0] if inside else self.tokens[span.start]
        name = f"%{len(self.asides)}"
        self.reasons[len(self.asides)] = reason
        self.asides.append(Aside("unparsed", tuple(words), tuple(calls)))
        holder = [self.word("ID", name, where)]
        if span.shape == "statement":
            holder.append(self.word("SEMI", ";", where))
        elif span.shape == "header":
            holder = [self.word("LPAREN", "(", where), *holder, self.word("RPAREN", ")", where)]
        else:
            semi = self.word("SEMI", ";", where)
            holder = [self.word("LPAREN", "(", where), semi, *holder, semi, self.word("RPAREN", ")", where)]
        self.tokens = [*self.tokens[: span.start], *holder, *self.tokens[span.end :]]

    def spans(self, body: int, index: int) -> list[_Span]:
        """The statements around a token, the outermost first."""
        found: list[_Span] = []
        low, high = body + 1, self.partner[body]
        while low < high and len(found) < LEVELS:
            inner = self.statement_at(low, high, index)
            if inner is None:
                break
            start, end = inner
            start = self.after_labels(start, end)
            if start >= end:
                break
            found.append(_Span(start, end, "statement"))
            kind = self.tokens[start].type
            if kind == "LBRACE":
                low, high = start + 1, end - 1
            elif kind in {"IF", "WHILE", "FOR", "SWITCH"} and self.partner.get(start + 1, -1) > start:
                close = self.partner[start + 1]
                if index <= close:
                    deeper = self.inside_expression(start + 2, close, index)
                    if deeper is None:
                        found.append(
                            _Span(start + 1, close + 1, "loop header" if kind == "FOR" else "header")
                        )
                        break
                    low, high = deeper
                else:
                    low, high = close + 1, end
            elif kind in {"DO", "ELSE"}:
                low, high = start + 1, end
            else:
                deeper = self.inside_expression(start, end, index)
                if deeper is None:
                    break
                low, high = deeper
        return found

    def inside_expression(self, start: int, end: int, index: int) -> tuple[int, int] | None:
        """The content of the outermost statement expression around a token."""
        at = start
        while at < min(end, index):
            close = self.partner.get(at, -1)
            if (
                self.tokens[at].type == "LBRACE"
                and self.tokens[at - 1].type == "LPAREN"
                and at < index < close
            ):
                return at + 1, close
            at = close + 1 if at < close < index else at + 1
        return None

    def statement_at(self, low: int, high: int, index: int) -> tuple[int, int] | None:
        at = low
        while at < high:
            end = self.statement_end(at, high)
            if at <= index < end:
                return at, end
            at = end
        return None

    def after_labels(self, at: int, end: int) -> int:
        """The index after the labels in front of a statement."""
        while at < end:
            kind = self.tokens[at].type
            if kind in {"ID", "TYPEID"} and at + 1 < end and self.tokens[at + 1].type == "COLON":
                at += 2
            elif kind in {"CASE", "DEFAULT"}:
                colon = at
                while colon < end and self.tokens[colon].type != "COLON":
                    colon += 1
                at = colon + 1
            else:
                return at
        return end

    def follows_parameters(self, brace: int) -> bool:
        """Whether a brace opens the body of a nested function."""
        opening = self.partner.get(brace - 1, -1)
        return (
            self.tokens[brace - 1].type == "RPAREN"
            and opening > 0
            and self.tokens[opening - 1].type in {"ID", "TYPEID"}
        )

    def statement_end(self, at: int, high: int) -> int:
        """The index after the statement at ``at``."""
        tokens, partner = self.tokens, self.partner
        pending_do = 0
        while at < high:
            at = self.after_labels(at, high)
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
                    nested = tokens[at].type == "LBRACE" and self.follows_parameters(at)
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
