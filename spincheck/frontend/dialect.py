"""The compilers' dialects, rewritten into the C that pycparser reads.

Owns the step from our tokens to pycparser's: a token that survives keeps its ordinal, so a place in the syntax tree
is a place in the text. Words without meaning go; what pycparser has no grammar for becomes a form that it has, and
that lowering knows again by an identifier no program can spell, because it starts with ``%``:

    __try { A } __except (e) { B }      if (%try) { A } else while (e) { B }
    __try { A } __finally { B }         if (%try) { A } else { B }
    __leave;                            goto %leave;
    goto *p;                            return %goto, *p;
    &&label                             one identifier, ``&&label``
    x ?: y                              x ? %same : y
    case 1 ... 5:                       a binary operator ``...``
    asm ("…" : "=r"(o) : "r"(i))        %0(&(o), (i)) with the text kept aside
    __asm { … }                         %0;

Rewriting tokens rather than text, and rather than teaching a grammar, keeps every ordinal and needs nothing of the
parser's insides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from pycparser.c_lexer import Token as ParserToken

from spincheck.frontend import keywords
from spincheck.frontend.names import Names
from spincheck.frontend.patterns import IDENTIFIER
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


class Rewritten(NamedTuple):
    """A declaration as the parser gets it.

    ``typedefs`` are the names of types among the tokens in order of appearance, ``asides`` the texts set aside, ``guarded`` says
    whether structured exception handling occurs.
    """

    tokens: list[ParserToken]
    typedefs: list[str]
    asides: list[Aside]
    guarded: bool


def rewrite(
    tokens: Sequence[Token], names: Names, extra_types: Sequence[str] = (), ignored: Sequence[str] = ()
) -> Rewritten:
    """Translate ``tokens``.

    ``extra_types`` are names to be taken for types although ``names`` does not say so, ``ignored`` are words that go as
    annotations do.
    """
    rewriter = _Rewriter(tokens, names, extra_types)
    rewriter.kinds.update(dict.fromkeys(ignored, _Rewriter.annotation))
    rewriter.run(0, len(tokens))
    return Rewritten(rewriter.out, list(rewriter.typedefs), rewriter.asides, rewriter.guarded)


_WORD = re.compile(rf"{IDENTIFIER}\Z")
_ATTRIBUTE_NAME = re.compile(r"SA_\w+|source_annotation_\w+|returnvalue|repeatable|uuid|dllimport|event_\w+")
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())
_TYPE_STARTS = frozenset({"STRUCT", "UNION", "ENUM"})
_NAME_FOLLOWS = _TYPE_STARTS | {"PERIOD", "ARROW", "GOTO"}
_CONTROL = frozenset({"IF", "WHILE", "FOR", "SWITCH"})
_ASM_QUALIFIERS = frozenset(
    ["volatile", "__volatile__", "__volatile", "goto", "inline", "__inline__", "__inline"]
)

_NEAR = 64
"""Tokens in which a closing bracket is looked for before all brackets are paired at once."""

_FAR = 400
"""Tokens in which the beginning of an initialiser is looked for."""

_NESTED = 20
"""So many assembler statements may stand in each other's operands before the innermost is only read for names."""

_Handler = Callable[["_Rewriter", int], int]


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


class _Rewriter:
    """One pass over one declaration's tokens."""

    def __init__(self, tokens: Sequence[Token], names: Names, extra_types: Sequence[str]) -> None:
        self.tokens = tokens
        self.names = names
        self.extra_types = frozenset(extra_types)
        self.out: list[ParserToken] = []
        self.typedefs: dict[str, None] = {}
        self.asides: list[Aside] = []
        self.guarded = False
        self.kinds: dict[str, str | _Handler] = {}
        self.partner: dict[int, int] | None = None
        self.inside = False
        self.searched = 0
        self.nested = 0

    def run(self, start: int, end: int) -> None:
        """Translate the tokens from ``start`` up to ``end``."""
        tokens, kinds, common, emit, at = self.tokens, self.kinds, _COMMON, self.out.append, start
        while at < end:
            text = tokens[at][0]
            kind = common.get(text) or kinds.get(text)
            if kind is None:
                kind = kinds[text] = self.classify(text)
            if kind.__class__ is str:
                emit(ParserToken(kind, text, at, 0, ""))
                at += 1
            else:
                at = kind(self, at)  # type: ignore[operator]

    def emit(self, kind: str, text: str, at: int) -> None:
        self.out.append(ParserToken(kind, text, at, 0, ""))

    def classify(self, text: str) -> str | _Handler:
        """The parser's token type of a spelling that is no common keyword, or who handles it."""
        first = text[0]
        if first in "\"'" or text[-1] in "\"'":
            return "CHAR_CONST" if text.lstrip("Lu8U").startswith("'") else _Rewriter.string
        if "0" <= first <= "9" or (first == "." and len(text) > 1):
            return _Rewriter.number
        if " " in text or "\t" in text:
            return _Rewriter.assembler
        known = self.names.get(text)
        if known is None or text not in keywords.WEAK_KEYWORDS:
            handler = _HANDLERS.get(text)
            if handler is not None and (known is None or handler is not _Rewriter.offset_of):
                return handler
        if text in self.extra_types or (known is not None and known.kind == "typedef"):
            self.typedefs[text] = None
            return "ID"
        if known is None:
            if text in keywords.FALLBACK_TYPES:
                self.typedefs[text] = None
            elif text in keywords.HEADER_WORDS or keywords.ANNOTATION.fullmatch(text):
                return _Rewriter.annotation
        return "ID" if _WORD.match(text) else "PPHASH"

    # --- helpers ---------------------------------------------------------------

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
        self.asides.append(aside)
        return f"%{len(self.asides) - 1}"

    def in_body(self) -> bool:
        if not self.inside:
            fresh = range(self.searched, len(self.out))
            self.inside = any(self.out[index].type == "LBRACE" for index in fresh)
            self.searched = len(self.out)
        return self.inside

    # --- words that go ---------------------------------------------------------

    def ignore(self, at: int) -> int:
        return at + 1

    def ignore_with_arguments(self, at: int) -> int:
        return self.after_arguments(at)

    def annotation(self, at: int) -> int:
        """An identifier that looks like an annotation; inside a body only where C allows no such word."""
        if self.previous() in _NAME_FOLLOWS:
            self.emit("ID", self.text(at), at)
            return at + 1
        end = self.after_arguments(at)
        if not self.in_body():
            if end > at + 1 and self.text(end) == "{" and self.previous() != "RPAREN":
                self.emit("ID", self.text(at), at)  # the function's own name
                return at + 1
            return end
        follows = self.text(end)
        adjacent = bool(_WORD.match(follows)) and self.previous() not in keywords.OPERAND_ENDS
        trailing = self.previous() == "ID" and follows in {",", ")", ";", "="} and end == at + 1
        if adjacent or trailing:
            return end
        self.emit("ID", self.text(at), at)
        return at + 1

    def attribute_bracket(self, at: int) -> int:
        """``[``; as ``[[…]]`` or Microsoft's ``[SA_…]`` an attribute."""
        following = self.text(at + 1)
        if following == "[" or (
            _ATTRIBUTE_NAME.fullmatch(following) and self.previous() not in keywords.OPERAND_ENDS
        ):
            return self.match(at) + 1
        self.emit("LBRACKET", "[", at)
        return at + 1

    def linkage(self, at: int) -> int:
        """``extern``, dropped together with the language of ``extern "C"``."""
        if self.text(at + 1).startswith('"'):
            return at + 2
        self.emit("EXTERN", "extern", at)
        return at + 1

    def comma(self, at: int) -> int:
        """``,``; a variadic macro without arguments leaves one in front of the parenthesis."""
        if self.text(at + 1) != ")":
            self.emit("COMMA", ",", at)
        return at + 1

    def wide(self, at: int) -> int:
        """``L`` that a macro has left apart from its literal."""
        if not self.text(at + 1).startswith('"'):
            self.emit("ID", "L", at)
        return at + 1

    def inferred_type(self, at: int) -> int:
        self.emit("AUTO", "auto", at)
        return at + 1

    def local_labels(self, at: int) -> int:
        """Drop ``__label__ a, b;``."""
        while self.text(at) not in {";", ""}:
            at += 1
        return at + 1

    # --- literals --------------------------------------------------------------

    def number(self, at: int) -> int:
        text = self.text(at)
        lower = text.lower()
        hexadecimal = lower.startswith("0x")
        if hexadecimal:
            floating = "." in lower or "p" in lower
        else:
            floating = "." in lower or ("e" in lower and not lower.startswith("0b")) or lower.endswith("f")
        self.emit("FLOAT_CONST" if floating else "INT_CONST_DEC", text, at)
        return at + 1

    def string(self, at: int) -> int:
        """A string literal; an unknown word between two of them was a format macro."""
        text = self.text(at)
        self.emit("STRING_LITERAL", text, at)
        if text == '"' or not text.endswith('"'):
            self.out[-1].value = text + '"'
        word = self.text(at + 1)
        if (
            word
            and self.text(at + 2).startswith('"')
            and _WORD.match(word)
            and word not in keywords.FUNCTION_NAMES
        ):
            return at + 2
        return at + 1

    def function_name(self, at: int) -> int:
        self.emit("STRING_LITERAL", f'"{self.text(at)}"', at)
        return at + 1

    # --- expressions -----------------------------------------------------------

    def label_address(self, at: int) -> int:
        """``&&``: the address of a label where no operand precedes it."""
        before = self.out[-2].type if len(self.out) > 1 else ""
        operand = self.previous() in keywords.OPERAND_ENDS and not (
            self.previous() == "RPAREN" and before == "TIMES"
        )
        if operand or not _WORD.match(self.text(at + 1)):
            self.emit("LAND", "&&", at)
            return at + 1
        self.emit("ID", "&&" + self.text(at + 1), at)
        return at + 2

    def conditional(self, at: int) -> int:
        """``?``; GNU C may leave out the middle operand."""
        self.emit("CONDOP", "?", at)
        if self.text(at + 1) == ":":
            self.emit("ID", "%same", at)
        return at + 1

    def ellipsis(self, at: int) -> int:
        """``...``: a range unless it ends a parameter list."""
        self.emit("ELLIPSIS" if self.text(at + 1) == ")" else "LOR", "...", at)
        return at + 1

    def type_query(self, at: int) -> int:
        """A builtin whose arguments are types and which executes nothing."""
        self.emit("ID", "%type query", at)
        return self.after_arguments(at)

    def offset_of(self, at: int) -> int:
        """``offsetof`` where no header has made a macro of it."""
        self.emit("OFFSETOF" if self.text(at + 1) == "(" else "ID", self.text(at), at)
        return at + 1

    def variable_argument(self, at: int) -> int:
        self.emit("__BUILTIN_VA_ARG", "__builtin_va_arg", at)
        return at + 1

    # --- statements ------------------------------------------------------------

    def case(self, at: int) -> int:
        """``case`` and ``default``: an empty statement between two labels keeps the tree from growing deep."""
        text = self.text(at)
        if self.previous() == "COLON":
            self.emit("SEMI", ";", at)
        self.emit("CASE" if text == "case" else "DEFAULT", text, at)
        return at + 1

    def colon(self, at: int) -> int:
        """``:``; the label before it may share its name with a type; ``{ x: 1 }`` is GNU's old way to write ``{ .x = 1 }``."""
        if self.previous() == "ID" and len(self.out) > 1 and self.in_initialiser():
            name = self.out.pop()
            self.emit("PERIOD", ".", name.lineno)
            self.out.append(name)
            self.emit("EQUALS", ":", at)
            return at + 1
        if self.out and self.out[-1].value in self.typedefs and len(self.out) > 1:
            leader = self.out[-2].type
            if leader in keywords.STATEMENT_LEADERS and not self.text(at + 1)[:1].isdigit():
                self.out[-1].value = "label " + self.out[-1].value
        self.emit("COLON", ":", at)
        return at + 1

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

    def jump(self, at: int) -> int:
        """``goto``, to a label or, in GNU C, to an address."""
        if self.text(at + 1) == "*":
            self.emit("RETURN", "goto", at)
            self.emit("ID", "%goto", at)
            self.emit("COMMA", ",", at)
            return at + 1
        self.emit("GOTO", "goto", at)
        name = self.text(at + 1)
        known = self.names.get(name)
        if name in self.extra_types or name in keywords.FALLBACK_TYPES or (known and known.kind == "typedef"):
            self.emit("ID", "label " + name, at + 1)
            return at + 2
        return at + 1

    def begin_guarded(self, at: int) -> int:
        """``__try``, or the word ``try`` before a block."""
        if not self.text(at).startswith("_") and (
            self.text(at + 1) != "{" or self.previous() in _TYPE_STARTS or self.text(at) in self.names
        ):
            self.emit("ID", self.text(at), at)
            return at + 1
        self.guarded = True
        for kind, text in (("IF", "__try"), ("LPAREN", "("), ("ID", "%try"), ("RPAREN", ")")):
            self.emit(kind, text, at)
        return at + 1

    def begin_handler(self, at: int) -> int:
        """``__except`` and ``__finally``, or these words where they continue a guarded block."""
        text = self.text(at)
        finally_ = text.endswith("finally")
        if not text.startswith("_") and not (
            self.guarded and self.previous() == "RBRACE" and self.text(at + 1) == ("{" if finally_ else "(")
        ):
            self.emit("ID", text, at)
            return at + 1
        self.emit("ELSE", text, at)
        if not finally_:
            self.emit("WHILE", text, at)
        return at + 1

    def leave(self, at: int) -> int:
        """``__leave``, or the word ``leave`` as a statement of a guarded block."""
        text = self.text(at)
        if not text.startswith("_") and not (
            self.guarded
            and self.text(at + 1) == ";"
            and (self.previous() in keywords.STATEMENT_LEADERS or self.previous() == "RPAREN")
        ):
            self.emit("ID", text, at)
            return at + 1
        self.emit("GOTO", text, at)
        self.emit("ID", "%leave", at)
        return at + 1

    # --- assembler -------------------------------------------------------------

    def assembler(self, at: int) -> int:
        """Every form of inline assembler, and a declaration's ``asm("name")``, which goes."""
        if self.text(at) == "asm" and not (
            self.text(at + 1) in {"(", "{"} or self.text(at + 1) in _ASM_QUALIFIERS
        ):
            self.emit("ID", "asm", at)
            return at + 1
        if " " in self.text(at) or "\t" in self.text(at):
            return self.microsoft_assembler(at, at + 1)
        start = at + 1
        while self.text(start) in _ASM_QUALIFIERS:
            start += 1
        if self.text(start) == "{":
            return self.microsoft_assembler(at, self.match(start) + 1)
        if self.text(start) == "(":
            end = self.match(start)
            if self.ends_declarator():
                return end + 1
            if self.nested < _NESTED:
                self.nested += 1
                self.gnu_assembler(at, start, end)
                self.nested -= 1
                return end + 1
            return self.microsoft_assembler(at, end + 1)
        while start < len(self.tokens) and self.text(start) not in {";", "}", "{"}:
            start += 1
        return self.microsoft_assembler(at, start)

    def ends_declarator(self) -> bool:
        previous = self.previous()
        if previous != "RPAREN":
            return previous in {"ID", "RBRACKET"}
        depth = 0
        for index in range(len(self.out) - 1, -1, -1):
            kind = self.out[index].type
            if kind == "RPAREN":
                depth += 1
            elif kind == "LPAREN":
                depth -= 1
                if depth == 0:
                    return index == 0 or self.out[index - 1].type not in _CONTROL
        return False

    def microsoft_assembler(self, at: int, end: int) -> int:
        words = re.findall(r"[A-Za-z_$][\w$]*", " ".join(token[0] for token in self.tokens[at:end]))[1:]
        operands = (word for word in words if word.lower() not in keywords.OPERAND_SIZES)
        called = (word for opcode, word in pairwise(operands) if opcode.lower() == "call")
        aside = Aside("asm", tuple(dict.fromkeys(words)), tuple(dict.fromkeys(called)))
        self.emit("ID", self.set_aside(aside), at)
        self.emit("SEMI", ";", at)
        return end + 1 if self.text(end) == ";" else end

    def gnu_assembler(self, at: int, start: int, end: int) -> None:
        sections: list[list[tuple[int, int]]] = [[]]
        labels: list[str] = []
        index = start + 1
        while index < end:
            text = self.text(index)
            if text in {":", "::"}:
                sections.extend([] for _ in text)
            elif text in {"[", "{"}:
                index = self.match(index)
            elif text == "(":
                close = self.match(index)
                sections[-1].append((index, close + 1))
                index = close
            elif len(sections) == 5 and _WORD.match(text):
                labels.append(text)
            index += 1
        outputs = sections[1] if len(sections) > 1 else []
        inputs = sections[2] if len(sections) > 2 else []
        self.emit("ID", self.set_aside(Aside("asm", (), (), len(outputs), tuple(labels))), at)
        self.emit("LPAREN", "(", at)
        for position, (first, last) in enumerate([*outputs, *inputs]):
            if position:
                self.emit("COMMA", ",", first)
            if position < len(outputs):
                self.emit("AND", "&", first)
            self.run(first, last)
        self.emit("RPAREN", ")", end)


_HANDLERS: dict[str, str | _Handler] = {
    **keywords.KEYWORDS,
    **dict.fromkeys(keywords.BUILTIN_TYPES, "__INT128"),
    **dict.fromkeys(keywords.IGNORED, _Rewriter.ignore),
    **dict.fromkeys(keywords.IGNORED_WITH_ARGUMENTS, _Rewriter.ignore_with_arguments),
    **dict.fromkeys(keywords.FUNCTION_NAMES, _Rewriter.function_name),
    **dict.fromkeys(("asm", "__asm__", "__asm", "_asm"), _Rewriter.assembler),
    **dict.fromkeys(("__try", "_try", "try"), _Rewriter.begin_guarded),
    **dict.fromkeys(
        ("__except", "_except", "except", "__finally", "_finally", "finally"), _Rewriter.begin_handler
    ),
    **dict.fromkeys(("__leave", "_leave", "leave"), _Rewriter.leave),
    "__builtin_types_compatible_p": _Rewriter.type_query,
    "__uuidof": _Rewriter.type_query,
    **dict.fromkeys(("offsetof", "FIELD_OFFSET", "UFIELD_OFFSET"), _Rewriter.offset_of),
    "__label__": _Rewriter.local_labels,
    "L": _Rewriter.wide,
    "__auto_type": _Rewriter.inferred_type,
}

_COMMON: dict[str, str | _Handler] = {
    **keywords.PUNCTUATION,
    **{word: kind for word, kind in keywords.KEYWORDS.items() if word not in keywords.WEAK_KEYWORDS},
    "&&": _Rewriter.label_address,
    "?": _Rewriter.conditional,
    "...": _Rewriter.ellipsis,
    "[": _Rewriter.attribute_bracket,
    ":": _Rewriter.colon,
    ",": _Rewriter.comma,
    "case": _Rewriter.case,
    "default": _Rewriter.case,
    "goto": _Rewriter.jump,
    "extern": _Rewriter.linkage,
}
"""Spellings that mean the same in every unit."""
