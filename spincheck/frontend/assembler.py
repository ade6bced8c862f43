"""Inline assembler in every form, set aside or written as a call.

Owns the reading of assembler text: what GNU's operands read and write and where ``asm goto`` may go, and which names Microsoft's
instructions mention and call. ``asm("name")`` behind a declarator is no statement, and goes.
"""

from __future__ import annotations

import re
from itertools import pairwise

from spincheck.frontend import keywords
from spincheck.frontend.attributes import WORD
from spincheck.frontend.rewriter import Aside, Rewriter

_CONTROL = frozenset({"IF", "WHILE", "FOR", "SWITCH"})
_ASM_QUALIFIERS = frozenset(
    ["volatile", "__volatile__", "__volatile", "goto", "inline", "__inline__", "__inline"]
)
_NESTED = 20
"""So many assembler statements may stand in each other's operands before the innermost is only read for names."""


def assembler(r: Rewriter, at: int) -> int:
    """Every form of inline assembler, and a declaration's ``asm("name")``, which goes."""
    if r.text(at) == "asm" and not (r.text(at + 1) in {"(", "{"} or r.text(at + 1) in _ASM_QUALIFIERS):
        r.emit("ID", "asm", at)
        return at + 1
    if " " in r.text(at) or "\t" in r.text(at):
        return _microsoft_assembler(r, at, at + 1)
    start = at + 1
    while r.text(start) in _ASM_QUALIFIERS:
        start += 1
    if r.text(start) == "{":
        return _microsoft_assembler(r, at, r.match(start) + 1)
    if r.text(start) == "(":
        end = r.match(start)
        if _ends_declarator(r):
            return end + 1
        if r.nested < _NESTED:
            r.nested += 1
            _gnu_assembler(r, at, start, end)
            r.nested -= 1
            return end + 1
        return _microsoft_assembler(r, at, end + 1)
    while start < len(r.tokens) and r.text(start) not in {";", "}", "{"}:
        start += 1
    return _microsoft_assembler(r, at, start)


def _ends_declarator(r: Rewriter) -> bool:
    previous = r.previous()
    if previous != "RPAREN":
        return previous in {"ID", "RBRACKET"}
    depth = 0
    for index in range(len(r.out) - 1, -1, -1):
        kind = r.out[index].type
        if kind == "RPAREN":
            depth += 1
        elif kind == "LPAREN":
            depth -= 1
            if depth == 0:
                return index == 0 or r.out[index - 1].type not in _CONTROL
    return False


def _microsoft_assembler(r: Rewriter, at: int, end: int) -> int:
    words = re.findall(r"[A-Za-z_$][\w$]*", " ".join(token[0] for token in r.tokens[at:end]))[1:]
    operands = (word for word in words if word.lower() not in keywords.OPERAND_SIZES)
    called = (word for opcode, word in pairwise(operands) if opcode.lower() == "call")
    aside = Aside("asm", tuple(dict.fromkeys(words)), tuple(dict.fromkeys(called)))
    r.emit("ID", r.set_aside(aside), at)
    r.emit("SEMI", ";", at)
    return end + 1 if r.text(end) == ";" else end


def _gnu_assembler(r: Rewriter, at: int, start: int, end: int) -> None:
    sections: list[list[tuple[int, int]]] = [[]]
    labels: list[str] = []
    index = start + 1
    while index < end:
        text = r.text(index)
        if text in {":", "::"}:
            sections.extend([] for _ in text)
        elif text in {"[", "{"}:
            index = r.match(index)
        elif text == "(":
            close = r.match(index)
            sections[-1].append((index, close + 1))
            index = close
        elif len(sections) == 5 and WORD.match(text):
            labels.append(text)
        index += 1
    outputs = sections[1] if len(sections) > 1 else []
    inputs = sections[2] if len(sections) > 2 else []
    r.emit("ID", r.set_aside(Aside("asm", (), (), len(outputs), tuple(labels))), at)
    r.emit("LPAREN", "(", at)
    for position, (first, last) in enumerate([*outputs, *inputs]):
        if position:
            r.emit("COMMA", ",", first)
        if position < len(outputs):
            r.emit("AND", "&", first)
        r.run(first, last)
    r.emit("RPAREN", ")", end)
