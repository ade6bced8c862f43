"""The values of integer constant expressions in declarations: enumerators and what they are made of.

Takes the tokens of an expression and a look-up for the names in it, gives an integer or None. None is an honest
answer: a value that depends on the layout of a structure or on a name nobody declared is left out rather than guessed,
for the analysis believes a constant but not an unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Lookup = Callable[[str], int | None]
"""The value of an enumerator, or None."""

Width = Callable[[Sequence[str]], str | None]
"""The integer type code of a type's tokens (``ULONG``, ``unsigned long``), or None when they are no integer type."""

_NUMBER = re.compile(
    r"(?i)(?:0x([0-9a-f']+)|0b([01']+)|([0-9][0-9']*))(u?)(?:i?l{0,2}|i8|i16|i32|i64|z)(u?)\Z"
)
_LEVELS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            ("||",),
            ("&&",),
            ("|",),
            ("^",),
            ("&",),
            ("==", "!="),
            ("<", ">", "<=", ">="),
            ("<<", ">>"),
            ("+", "-"),
            ("*", "/", "%"),
        ),
    )
)
_LEVEL = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_DEEPEST = 60
_LONGEST = 4096
"""Tokens in one expression; a longer one is a table, not a constant."""
_BITS = 128
_ESCAPES = {
    "n": 10,
    "t": 9,
    "r": 13,
    "0": 0,
    "a": 7,
    "b": 8,
    "f": 12,
    "v": 11,
    "\\": 92,
    "'": 39,
    '"': 34,
    "?": 63,
}


class _NotConstantError(Exception):
    """The expression has no value that is known here."""


def evaluate(tokens: Sequence[str], lookup: Lookup, width: Width) -> int | None:
    """Return the value of a constant expression, or None if it has none that is known."""
    if len(tokens) > _LONGEST:
        return None
    reader = _Expression(tokens, lookup, width)
    try:
        value = reader.ternary(0)
    except (_NotConstantError, ZeroDivisionError):
        return None
    return value if reader.done else None


def truncate(value: int, code: str) -> int:
    """Convert ``value`` to the integer type ``code`` as C does on a two's complement machine."""
    if code == "bool":
        return int(value != 0)
    bits = int(code[1:])
    value &= (1 << bits) - 1
    return value - (1 << bits) if code[0] == "i" and value >> (bits - 1) else value


class _Expression:
    def __init__(self, tokens: Sequence[str], lookup: Lookup, width: Width) -> None:
        self._tokens = [*tokens, ""]
        self._at = 0
        self._lookup = lookup
        self._width = width

    @property
    def done(self) -> bool:
        return self._at == len(self._tokens) - 1

    def _take(self, text: str) -> bool:
        if self._tokens[self._at] != text:
            return False
        self._at += 1
        return True

    def ternary(self, depth: int) -> int:
        condition = self._binary(0, depth)
        if not self._take("?"):
            return condition
        if depth > _DEEPEST:
            raise _NotConstantError
        then = self.ternary(depth + 1)
        if not self._take(":"):
            raise _NotConstantError
        otherwise = self.ternary(depth + 1)
        return then if condition else otherwise

    def _binary(self, lowest: int, depth: int) -> int:
        value = self._unary(depth)
        while (level := _LEVEL.get(self._tokens[self._at], -1)) >= lowest:
            operator = self._tokens[self._at]
            self._at += 1
            value = _apply(operator, value, self._binary(level + 1, depth))
        return value

    def _unary(self, depth: int) -> int:
        if depth > _DEEPEST:
            raise _NotConstantError
        word = self._tokens[self._at]
        self._at += 1
        if word == "(":
            return self._parenthesis(depth)
        if word in {"-", "+", "~", "!"}:
            operand = self._unary(depth + 1)
            return {"-": -operand, "+": operand, "~": ~operand, "!": int(not operand)}[word]
        if word == "sizeof":
            return self._sizeof()
        if word[:1].isdigit():
            return _number(word)
        if word.startswith("'") or word[:2] in {"L'", "u'", "U'"}:
            return _character(word)
        value = self._lookup(word) if word else None
        if value is None:
            raise _NotConstantError
        return value

    def _parenthesis(self, depth: int) -> int:
        close = self._at
        while self._tokens[close] not in {"", "(", ")"}:
            close += 1
        if self._tokens[close] == ")" and (code := self._width(self._tokens[self._at : close])) is not None:
            self._at = close + 1
            return truncate(self._unary(depth + 1), code)
        value = self.ternary(depth + 1)
        if not self._take(")"):
            raise _NotConstantError
        return value

    def _sizeof(self) -> int:
        close = self._at
        while self._tokens[close] not in {"", ")"}:
            close += 1
        code = self._width(self._tokens[self._at + 1 : close]) if self._tokens[self._at] == "(" else None
        if code is None:
            raise _NotConstantError
        self._at = close + 1
        return 1 if code == "bool" else int(code[1:]) // 8


def _apply(operator: str, left: int, right: int) -> int:
    match operator:
        case "||":
            return int(bool(left or right))
        case "&&":
            return int(bool(left and right))
        case "|":
            return left | right
        case "^":
            return left ^ right
        case "&":
            return left & right
        case "==":
            return int(left == right)
        case "!=":
            return int(left != right)
        case "<":
            return int(left < right)
        case ">":
            return int(left > right)
        case "<=":
            return int(left <= right)
        case ">=":
            return int(left >= right)
        case "<<" | ">>" if not 0 <= right < _BITS or abs(left) >> _BITS:
            raise _NotConstantError
        case "<<":
            return left << right
        case ">>":
            return left >> right
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            if abs(left) >> _BITS or abs(right) >> _BITS:
                raise _NotConstantError
            return left * right
        case _:
            quotient = abs(left) // abs(right)
            quotient = quotient if (left < 0) == (right < 0) else -quotient
            return quotient if operator == "/" else left - quotient * right


def _number(token: str) -> int:
    hit = _NUMBER.match(token)
    if hit is None or len(token) > 80:
        raise _NotConstantError
    hexadecimal, binary, decimal = (
        digits.replace("'", "") if digits else "" for digits in hit.group(1, 2, 3)
    )
    if hexadecimal:
        return int(hexadecimal, 16)
    if binary:
        return int(binary, 2)
    octal = decimal[0] == "0" and len(decimal) > 1
    if octal and decimal.strip("01234567"):
        raise _NotConstantError
    return int(decimal, 8 if octal else 10)


def _character(token: str) -> int:
    """Return a character constant's value; several characters are read as big-endian bytes, as all compilers here do."""
    body = token[token.index("'") + 1 :].removesuffix("'")
    codes: list[int] = []
    at = 0
    while at < len(body) and len(codes) < 5:
        if body[at] != "\\":
            codes.append(ord(body[at]))
            at += 1
            continue
        hit = re.compile(r"\\(?:x([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL).match(body, at)
        if hit is None:
            raise _NotConstantError
        if hit[1]:
            codes.append(int(hit[1], 16))
        elif hit[2]:
            codes.append(int(hit[2], 8))
        else:
            codes.append(_ESCAPES.get(hit[3], ord(hit[3])))
        at = hit.end()
    if not codes or len(codes) > 4:
        raise _NotConstantError
    if len(codes) == 1:
        return truncate(codes[0], "i8") if token[0] == "'" and codes[0] < 256 else codes[0]
    value = 0
    for code in codes:
        value = value << 8 | (code & 255)
    return truncate(value, "i32")
