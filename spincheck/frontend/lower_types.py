"""C's integer types and what they do to values.

Owns the lowering's own spelling of types, the conversions of C, and constant folding. A type is a string: a
`TypeCode`, ``*T`` for a pointer to T, ``@T`` for an array of T, ``fn`` for a function, ``""`` where nothing is known.
Members of structures are not known, since their declarations are in headers that are read once per driver and not
once per function: then a conversion is left out, rather than invented.

``long`` has 32 bits, as in every Windows compiler, unless the unit says otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache

from spincheck import ir

RANGES: dict[str, tuple[int, int]] = {
    "bool": (0, 1),
    **{f"i{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"u{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}
"""Smallest and largest value of each integer type."""

SIZES = {"bool": 1, "i8": 1, "u8": 1, "i16": 2, "u16": 2, "i32": 4, "u32": 4, "i64": 8, "u64": 8}

COMPARISONS = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
"""The comparison operators with their opposites."""

Typed = tuple[ir.Value, str]
"""A value and its type."""

ZERO = ir.Int(0)
ONE = ir.Int(1)
FLOAT: Typed = (ir.Unknown("float"), "float")
NOTHING: Typed = (ir.Unknown("void"), "void")


def type_code(ctype: str) -> ir.TypeCode:
    """The type as the representation records it."""
    if not ctype:
        return ""
    first = ctype[0]
    return "ptr" if first == "*" or ctype == "fn" else "array" if first == "@" else ctype


@lru_cache(maxsize=512)
def basic_type(names: tuple[str, ...], *, wide: bool = False) -> str | None:
    """The type of a list of type keywords, None when one of them is no keyword; ``wide`` is for a ``long`` of 64 bits."""
    words = sorted(set(names) - {"signed"})
    unsigned = "unsigned" in words
    for word, bits in (
        ("__int8", 8),
        ("_int8", 8),
        ("char", 8),
        ("short", 16),
        ("__int16", 16),
        ("_int16", 16),
    ):
        if word in words:
            return f"{'u' if unsigned else 'i'}{bits}"
    if "float" in words or "double" in words or "_Complex" in words:
        return "float"
    if "__int64" in words or "_int64" in words or names.count("long") > (0 if wide else 1):
        return "u64" if unsigned else "i64"
    if words in (["void"], ["_Bool"]):
        return "void" if words == ["void"] else "bool"
    if set(words) <= {"int", "long", "unsigned", "__int32", "_int32"}:
        return "u32" if unsigned else "i32"
    return None


def wrap(value: int, ctype: str) -> int:
    """``value`` as the integer type holds it; unchanged for other types."""
    bounds = RANGES.get(ctype)
    if bounds is None or bounds[0] <= value <= bounds[1]:
        return value
    if ctype == "bool":
        return 1
    bits = int(ctype[1:])
    value &= (1 << bits) - 1
    return value - (1 << bits) if ctype[0] == "i" and value >> (bits - 1) else value


def preserves(source: str, target: str) -> bool:
    """Whether every value of one integer type is a value of the other."""
    low, high = RANGES[source]
    bottom, top = RANGES[target]
    return bottom <= low and high <= top


def convert(value: ir.Value, source: str, target: str) -> ir.Value:
    """Implicit conversion, as by assignment; between types that are not both known integers it is left out."""
    if source == target or target not in RANGES:
        return value
    if value.__class__ is ir.Int:
        return ir.Int(wrap(value.value, target))
    if target == "bool":
        return value if source in {"float", "struct"} else ir.Cast("bool", value)
    if source not in RANGES or preserves(source, target):
        return value
    return ir.Cast(target, value)  # type: ignore[arg-type]


def cast(value: ir.Value, source: str, target: str) -> ir.Value:
    """Explicit conversion to an integer type; unlike `convert` it trusts no unknown type to be narrow enough.

    A pointer in 32 bits is still that pointer: on 32-bit machines it is the whole address (``ULONG_PTR`` in CONTAINING_RECORD), and
    on others nobody turns it back into one.
    """
    if source == "float":
        return FLOAT[0]
    if source in RANGES or value.__class__ is ir.Int:
        return convert(value, source, target)
    if target in {"i64", "u64"} or value.__class__ is ir.Unknown:
        return value
    if source[:1] in {"*", "@"} and target in {"i32", "u32"}:
        return value
    return ir.Cast(target, value)  # type: ignore[arg-type]


def promote(ctype: str) -> str:
    """Integer promotion."""
    return "i32" if ctype in RANGES and SIZES[ctype] < 4 else ctype


def common_type(left: str, right: str) -> str:
    """The type of an arithmetic operation by the usual arithmetic conversions; unknown if an operand's is."""
    if left not in RANGES or right not in RANGES:
        return ""
    left, right = promote(left), promote(right)
    if left == right:
        return left
    if SIZES[left] != SIZES[right]:
        return left if SIZES[left] > SIZES[right] else right
    return "u" + left[1:]


def fold(op: str, left: int, right: int, ctype: str) -> int | None:
    """The value of a constant operation in the type, or None where C gives it none."""
    if op in COMPARISONS:
        return int(
            {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}[op]
            if op in {"==", "!=", "<", "<="}
            else (left > right if op == ">" else left >= right)
        )
    if op in {"/", "%"}:
        if right == 0:
            return None
        quotient = abs(left) // abs(right)
        quotient = quotient if (left < 0) == (right < 0) else -quotient
        result = quotient if op == "/" else left - quotient * right
    elif op in {"<<", ">>"}:
        if not 0 <= right < 64:
            return None
        result = left << right if op == "<<" else left >> right
    elif op == "+":
        result = left + right
    elif op == "-":
        result = left - right
    elif op == "*":
        result = left * right
    elif op == "&":
        result = left & right
    elif op == "|":
        result = left | right
    else:
        result = left ^ right
    return wrap(result, ctype or "i64")


_INTEGER = re.compile(
    r"(?:0[xX](?P<hex>[0-9a-fA-F']+?)|0[bB](?P<bin>[01']++)|(?P<dec>[0-9'][0-9']*+))"
    r"(?P<suffix>(?:[uU]?[iI](?:8|16|32|64|128)|[uUlLzZ]++|[wW][bB][uU]?|[uU][wW][bB])?[ij]?)\Z"
)


@lru_cache(maxsize=8192)
def integer(text: str, *, wide: bool = False) -> Typed:
    """An integer literal's value and type; Unknown when it is none that a compiler reads. ``wide`` as of `basic_type`."""
    match = _INTEGER.match(text)
    if match is None:
        return ir.Unknown("literal"), ""
    if match["hex"]:
        value = int(match["hex"].replace("'", "") or "0", 16)
    elif match["bin"]:
        value = int(match["bin"].replace("'", "") or "0", 2)
    else:
        digits = match["dec"].replace("'", "")
        octal = len(digits) > 1 and digits[0] == "0" and not set(digits) & {"8", "9"}
        value = int(digits or "0", 8 if octal else 10)
    suffix = match["suffix"].lower()
    unsigned = "u" in suffix
    if "i" in suffix and suffix[-1].isdigit():
        ctype = ("u" if unsigned else "i") + suffix[suffix.index("i") + 1 :]
        ctype = ctype if ctype in RANGES else ""
    else:
        ladder = ["i32", "u32", "i64", "u64"]
        if unsigned:
            ladder = ["u32", "u64"]
        elif match["dec"] and not (match["dec"][0] == "0" and len(match["dec"]) > 1):
            ladder = ["i32", "i64", "u64"]
        if "ll" in suffix or (wide and "l" in suffix):
            ladder = [code for code in ladder if code.endswith("64")]
        ctype = next((code for code in ladder if value <= RANGES[code][1]), "")
    return ir.Int(wrap(value, ctype)), ctype


_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]+)|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|(.)", re.DOTALL
)
_SIMPLE = {"n": 10, "t": 9, "r": 13, "0": 0, "a": 7, "b": 8, "f": 12, "v": 11, "e": 27}


@lru_cache(maxsize=1024)
def character(text: str) -> Typed:
    """A character constant; several characters make one number, the first in the highest place."""
    prefix, _, rest = text.partition("'")
    values = []
    for match in _ESCAPE.finditer(rest.removesuffix("'")):
        hexadecimal, octal, short, long, simple, plain = match.groups()
        if plain is not None:
            values.append(ord(plain))
        elif simple is not None:
            values.append(_SIMPLE.get(simple, ord(simple)))
        elif octal is not None:
            values.append(int(octal, 8))
        else:
            values.append(int(hexadecimal or short or long, 16))
    if prefix:
        ctype = {"L": "u16", "u": "u16", "U": "u32", "u8": "u8"}.get(prefix, "i32")
        return ir.Int(wrap(values[0] if values else 0, ctype)), ctype
    if len(values) == 1:
        return ir.Int(wrap(values[0], "i8" if values[0] < 256 else "i32")), "i32"
    number = 0
    for value in values:
        number = number << 8 | value & 0xFF
    return ir.Int(wrap(number, "i32")), "i32"


def string(text: str) -> ir.Text:
    """A string literal as it is spelled, without prefix and quotes."""
    return ir.Text(text[text.index('"') + 1 : -1])
