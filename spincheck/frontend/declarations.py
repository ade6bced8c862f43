"""What one external declaration declares: names, shapes and the type they are built on.

Takes the text of a declaration (as `chunks` cut it) and gives a `Declaration`. Bodies of functions and aggregates are
skipped, initialisers only noted; nothing is looked up, so the result depends on the text alone and ``base`` may be
the name of a typedef that `meanings` resolves.

This is a reader and not a parser. It needs no list of typedef names, passes over attributes and macros that it has never
heard of, and always gives its best guess, because what it reads first of all are headers written for other compilers. It
runs only on declarations whose names somebody asks for: a few hundred of the nine thousand in a translation unit.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from spincheck.frontend.patterns import ATTRIBUTE_WORD, LETTER
from spincheck.frontend.tokens import Token, tokenise

Derivation = Literal["ptr", "array", "function"]


class Base(NamedTuple):
    """The type that the declarators of a declaration start from.

    ``kind`` is ``words`` (``text`` has the built-in type's words), ``name`` (a typedef's name), ``struct``, ``enum``,
    or ``unknown`` (``typeof``, or no type at all).
    """

    kind: Literal["words", "name", "struct", "enum", "unknown"]
    text: str


class Declarator(NamedTuple):
    """One declared name, at ``offset`` in the text.

    ``shape`` leads from the name to the base: ``char *f(int)`` is (function, ptr). ``initialised`` says that ``=`` follows.
    """

    name: str
    offset: int
    shape: tuple[Derivation, ...]
    initialised: bool


class Declaration(NamedTuple):
    """One declaration. ``enums`` are the token ranges of enumerator lists in it, brackets excluded."""

    storage: frozenset[str]
    base: Base
    declarators: tuple[Declarator, ...]
    enums: tuple[tuple[int, int], ...]
    attributes: str
    tokens: list[Token]


_STORAGE = frozenset(
    {"typedef", "static", "extern", "inline", "__inline", "__inline__", "__forceinline", "_inline"}
)
_BUILTIN = frozenset(
    [
        "void",
        "char",
        "short",
        "int",
        "long",
        "float",
        "double",
        "signed",
        "unsigned",
        "__signed",
        "__signed__",
        "_Bool",
        "bool",
        "__int8",
        "__int16",
        "__int32",
        "__int64",
        "_int8",
        "_int16",
        "_int32",
        "_int64",
        "__int128",
        "__int128_t",
        "__uint128_t",
        "_Float16",
        "__float128",
        "_Float128",
        "__float80",
        "_Complex",
        "__complex__",
        "__fp16",
        "__bf16",
        "_Float32",
        "_Float64",
        "_Float32x",
        "_Float64x",
    ]
)
_PASSED_OVER = frozenset(
    [
        "const",
        "volatile",
        "restrict",
        "__const",
        "__const__",
        "__volatile",
        "__volatile__",
        "__restrict",
        "__restrict__",
        "__unaligned",
        "__ptr32",
        "__ptr64",
        "__sptr",
        "__uptr",
        "__w64",
        "__extension__",
        "register",
        "auto",
        "_Thread_local",
        "__thread",
        "thread_local",
        "_Noreturn",
        "noreturn",
        "constexpr",
        "__cdecl",
        "_cdecl",
        "__stdcall",
        "_stdcall",
        "__fastcall",
        "_fastcall",
        "__vectorcall",
        "__thiscall",
        "__clrcall",
        "__regcall",
        "__pascal",
        "__noreturn__",
        "_Nullable",
        "_Nonnull",
        "NTAPI",
        "WINAPI",
        "FASTCALL",
        "DDKAPI",
    ]
)
_ATTRIBUTE = re.compile(ATTRIBUTE_WORD + r"\Z")
_ANNOTATION = re.compile(r"_[A-Z]\w*_\Z|__drv_\w+\Z|__checkReturn\Z|__callback\Z")
_ATTRIBUTES = frozenset({"asm", "alignas", "static_assert", "declspec", "["})
"""What may begin an attribute although it does not begin with an underscore."""
_WORD = re.compile(LETTER)
_BRACKETED = frozenset(
    {"repeatable", "source_annotation_attribute", "SA_Pre", "SA_Post", "SA_FormatString", "returnvalue"}
)
"""What may begin an attribute in single brackets, which cl makes of SAL."""
_TYPEOF = frozenset({"typeof", "__typeof", "__typeof__", "typeof_unqual"})
_CLOSING = {")": "(", "]": "[", "}": "{"}
_DEEPEST = 40
"""Parentheses around one declarator; a declaration with more is nobody's."""


def read_declaration(text: str) -> Declaration:
    """Return what ``text``, one external declaration, declares; never fails."""
    return _Reader(tokenise(text)).read()


def function_head(text: str, start: int, brace: int) -> int:
    """Return the offset of the name if ``text[start:brace]`` is a function definition up to its body, else -1."""
    declaration = read_declaration(text[start:brace])
    if "typedef" in declaration.storage or not declaration.declarators:
        return -1
    last = declaration.declarators[-1]
    if last.initialised or last.shape[:1] != ("function",):
        return -1
    return start + last.offset


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._texts = [token[0] for token in tokens]
        self._texts.append("")
        self._match = _matching(self._texts)
        self._storage: set[str] = set()
        self._attributes: list[str] = []
        self._enums: list[tuple[int, int]] = []

    def read(self) -> Declaration:
        at, base = self._specifiers()
        declarators: list[Declarator] = []
        texts = self._texts
        while texts[at] not in {"", ";", "{", "}"}:
            start = at
            at, name, shape = self._declarator(at, 0)
            initialised = False
            while texts[at] not in {
                "",
                ";",
                ",",
                "}",
            }:  # an initialiser, a bit width, K&R parameters, or what is not understood
                if texts[at] == "=":
                    initialised = True
                elif texts[at] == "{" and not initialised:
                    break
                at = self._match.get(at, at) + 1
            if name >= 0:
                declarators.append(Declarator(texts[name], self._tokens[name][1], tuple(shape), initialised))
            if texts[at] == ",":
                at += 1
            elif at == start:
                break
        return Declaration(
            frozenset(self._storage),
            base,
            tuple(declarators),
            tuple(self._enums),
            " ".join(self._attributes),
            self._tokens,
        )

    def _skip(self, at: int) -> int:
        """Return the place after the attributes and passed-over words at ``at``."""
        texts = self._texts
        while True:
            word = texts[at]
            if word in _PASSED_OVER:
                at += 1
            elif word[:1] != "_" and word not in _ATTRIBUTES:
                return at
            elif _ANNOTATION.match(word) and texts[at + 1] != "(":
                at += 1
            elif word not in _TYPEOF and _ATTRIBUTE.match(word):
                if texts[at + 1] == "(":
                    end = self._match.get(at + 1, at + 1)
                    self._attributes.extend(texts[at : end + 1])
                    at = end + 1
                else:
                    at += 1
            elif word == "[" and (texts[at + 1] == "[" or texts[at + 1] in _BRACKETED):
                at = self._match.get(at, at) + 1
            else:
                return at

    def _specifiers(self) -> tuple[int, Base]:
        texts = self._texts
        words: list[str] = []
        base: Base | None = None
        at = self._skip(0)
        while _is_word(texts[at]):
            word = texts[at]
            if word in _STORAGE:
                self._storage.add(word)
                at += 1
                if texts[at].startswith('"'):
                    at += 1
            elif word in _BUILTIN:
                words.append(word)
                at += 1
            elif word in {"struct", "union", "class", "enum"} and base is None and not words:
                at, base = self._tagged(at)
            elif word in _TYPEOF:
                at = self._match.get(at + 1, at) + 1
                base = Base("unknown", "")
            elif base is None and not words:
                step = self._first_name(at)
                if step < 0:
                    break
                if step == 0:
                    base = Base("name", word)
                    at += 1
                else:
                    at = step
            else:
                break
            at = self._skip(at)
        if base is None:
            base = Base("words", " ".join(words)) if words else Base("unknown", "")
        return at, base

    def _first_name(self, at: int) -> int:
        """Judge the first identifier that may be a type: 0 it is one, -1 it is declared itself, else where a macro ends."""
        texts = self._texts
        if texts[at + 1] in {";", ",", "=", "[", ":", ")", ""}:
            return 0 if "typedef" not in self._storage and texts[at + 1] in {"", ";"} else -1
        if texts[at + 1] != "(":
            return 0
        end = self._match.get(at + 1, at + 1)
        after = self._skip(end + 1)
        if texts[end + 1] == "(":
            return 0
        if _is_word(texts[after]) and self._later_function(after):
            return end + 1
        return -1

    def _later_function(self, at: int) -> bool:
        """Whether two words or more and then a parenthesis follow: a type and a function behind a macro."""
        words = 0
        texts = self._texts
        while _is_word(texts[at]) or texts[at] == "*":
            words += texts[at] != "*"
            at = self._skip(at + 1)
        return words >= 2 and texts[at] == "("

    def _tagged(self, at: int) -> tuple[int, Base]:
        texts = self._texts
        kind: Literal["struct", "enum"] = "enum" if texts[at] == "enum" else "struct"
        at = self._skip(at + 1)
        tag = ""
        if _is_word(texts[at]):
            tag = texts[at]
            at = self._skip(at + 1)
        if kind == "enum" and texts[at] == ":":
            while texts[at] not in {"{", ";", ""}:
                at += 1
        if texts[at] == "{":
            end = self._match.get(at, at)
            if kind == "enum":
                self._enums.append((at + 1, end))
            else:
                self._nested_enums(at + 1, end)
            at = end + 1
        return at, Base(kind, tag)

    def _nested_enums(self, at: int, end: int) -> None:
        """Note enumerations declared inside an aggregate: C puts their names at file scope."""
        texts = self._texts
        while at < end:
            if texts[at] == "enum":
                while texts[at] not in {"{", ";", ",", ")", ""}:
                    at += 1
                if texts[at] == "{":
                    close = self._match.get(at, at)
                    self._enums.append((at + 1, close))
                    at = close
            at += 1

    def _declarator(self, at: int, depth: int) -> tuple[int, int, list[Derivation]]:
        """Read a declarator; return the place after it, the index of its name (-1: none) and its shape."""
        texts = self._texts
        pointers = 0
        at = self._skip(at)
        while texts[at] in {"*", "&", "^"}:
            pointers += 1
            at = self._skip(at + 1)
        name = -1
        shape: list[Derivation] = []
        if texts[at] == "(" and depth < _DEEPEST:
            end = self._match.get(at, at)
            _, name, shape = self._declarator(at + 1, depth + 1)
            at = end + 1
        else:
            while _is_word(texts[at]):  # the last of several words: those before it are macros
                name = at
                at = self._skip(at + 1)
        at = self._skip(at)
        while texts[at] in {"(", "["}:
            shape.append("function" if texts[at] == "(" else "array")
            at = self._skip(self._match.get(at, at) + 1)
        shape.extend(["ptr"] * pointers)
        return at, name, shape


def _is_word(text: str) -> bool:
    return _WORD.match(text) is not None and text[-1] not in "\"'"


def _matching(texts: list[str]) -> dict[int, int]:
    """Map each opening bracket to its closing one; one that is not closed to the end."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for at, text in enumerate(texts):
        if text in {"(", "[", "{"}:
            stack.append(at)
        elif text in _CLOSING:
            while stack:
                opened = stack.pop()
                found[opened] = at
                if texts[opened] == _CLOSING[text]:
                    break
    last = len(texts) - 2
    for opened in stack:
        found[opened] = last
    return found
