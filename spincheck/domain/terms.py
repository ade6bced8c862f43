"""Symbolic values by number: two equal terms are the same object.

Owns the language of values: what a parameter was on entry, what a memory cell held on entry, the
address of a field, the result of a call. Facts and lock states attach to these terms, not to variables, so a
copy, a helper's parameter or a second read of the same field needs no alias analysis: it is
the same term. Terms are hash-consed per `Terms` table, which makes equality an identity test and a
term usable as dictionary key at the cost of a pointer.

A lock's identity is the term of its address (``&dev->L`` is ``field(param 0, L)``) or of its handle. Simplification
at construction undoes CONTAINING_RECORD, folds constants and brings comparisons to one form; anything
cleverer belongs to the facts, which know more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

COMPARISONS = frozenset(("==", "!=", "<", "<="))
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ADDRESSES = frozenset(("local", "global", "field", "elem", "container"))

_WIDTHS = {"i8": 8, "u8": 8, "i16": 16, "u16": 16, "i32": 32, "u32": 32, "i64": 64, "u64": 64}


_NOTHING: frozenset[Any] = frozenset()
_KNOWN = frozenset(
    ("param", "init", "global", "int", "text", "fn", "pure", "field", "elem", "container", "bin", "un", "cast", "sel", "lock", "owned")
)
"""Forms whose value a caller knows when it knows the parts."""


class Term:
    """One interned value. ``op`` names its form, ``args`` are terms or plain constants, ``number`` its age.

    Forms: ``int n``; ``text s``; ``fn name``; ``param i`` (entry value); ``local name`` and ``global name`` (addresses);
    ``field base name``, ``elem base index`` (addresses); ``container p path`` (the record around an address); ``init address`` (the
    cell's value on entry); ``cell address epoch`` (its value after something may have written it); ``sel value name`` (member of a struct
    value); ``owned x`` (the locks of an object whose owner is compared with the current thread); ``fresh site generation`` (a value nobody knows); ``pure name args…``; ``un op x``; ``bin op x y``; ``cast type x``.
    """

    __slots__ = ("args", "depth", "inside", "is_input", "number", "op")

    depth: int
    inside: frozenset[Term]
    is_input: bool

    def __init__(self, op: str, args: tuple[Any, ...], number: int) -> None:
        self.op = op
        self.args = args
        self.number = number
        depth = 0
        inside: frozenset[Term] = _NOTHING
        known = op in _KNOWN
        for arg in args:
            if isinstance(arg, Term):
                depth = max(depth, arg.depth)
                inside = inside | arg.inside | {arg} if inside else arg.inside | {arg}
                known = known and arg.is_input
        self.depth = depth + 1
        self.inside = inside
        self.is_input = known

    def mentions(self, part: Term) -> bool:
        """Tell whether ``part`` is this term or inside it."""
        return part is self or part in self.inside

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(repr, self.args))})"

    @property
    def is_address(self) -> bool:
        """The term is the address of something that exists: never null."""
        return self.op in _ADDRESSES or self.op in {"text", "fn"}


def wrap(kind: str, value: int) -> int:
    """Convert an integer to a C integer type."""
    if kind == "bool":
        return int(value != 0)
    width = _WIDTHS[kind]
    value &= (1 << width) - 1
    if kind[0] == "i" and value >> (width - 1):
        value -= 1 << width
    return value


AGAIN = "~"
"""Follows the tag of a new value of an instruction that had made one before, in a loop."""

IRQL_TAG = "irql"
"""Tag of an unknown value that is an IRQL which an acquire saved: which one it is counts when it is given back."""

_STATIC = frozenset(("local", "global", "text", "fn"))


class Terms:
    """A table of terms. Numbers follow creation order, so they are the same in every run over the same code."""

    _FOLD: ClassVar[dict[str, Callable[[int, int], int]]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "&": lambda a, b: a & b,
        "|": lambda a, b: a | b,
        "^": lambda a, b: a ^ b,
        "==": lambda a, b: int(a == b),
        "!=": lambda a, b: int(a != b),
        "<": lambda a, b: int(a < b),
        "<=": lambda a, b: int(a <= b),
    }

    def __init__(self) -> None:
        self._table: dict[tuple[Any, ...], Term] = {}
        self.zero = self.constant(0)
        self.one = self.constant(1)

    def make(self, op: str, *args: Any) -> Term:
        """Return the one term of this form, unsimplified."""
        key = (op, *args)
        term = self._table.get(key)
        if term is None:
            term = self._table[key] = Term(op, args, len(self._table))
        return term

    def constant(self, value: int) -> Term:
        """Return a constant."""
        return self.make("int", value)

    def field(self, base: Term, name: str) -> Term:
        """Return the address of a member."""
        if base.op == "container" and base.args[1] == (name,):
            inner: Term = base.args[0]
            return inner
        if base.op == "container" and base.args[1][0] == name:
            return self.make("container", base.args[0], base.args[1][1:])
        return self.make("field", self.location(base), name)

    def elem(self, base: Term, index: Term) -> Term:
        """Return the address of an array element; element 0 is the array's own address."""
        base = self.location(base)
        if index.op == "int" and index.args[0] == 0:
            return base
        if base.op == "elem":
            return self.elem(base.args[0], self.binary("+", base.args[1], index))
        return self.make("elem", base, index)

    def location(self, pointer: Term) -> Term:
        """Return a pointer value as the address it is used as: ``p + i`` is element ``i`` at ``p``."""
        if pointer.op == "bin" and pointer.args[0] == "+":
            return self.elem(pointer.args[1], pointer.args[2])
        return pointer

    def unary(self, op: str, operand: Term) -> Term:
        """Return ``op operand``."""
        if operand.op == "int":
            value = operand.args[0]
            return self.constant(-value if op == "-" else ~value if op == "~" else int(not value))
        if op == "!":
            if operand.is_address:
                return self.zero
            if operand.op == "bin" and operand.args[0] in COMPARISONS:
                return self.compare(_NEGATED[operand.args[0]], operand.args[1], operand.args[2])
            return self.compare("==", operand, self.zero)
        if operand.op == "un" and operand.args[0] == op:
            inner: Term = operand.args[1]
            return inner
        return self.make("un", op, operand)

    def compare(self, op: str, left: Term, right: Term) -> Term:
        """Return a comparison in one of the forms ``==``, ``!=``, ``<``, ``<=``, a constant on the right of an equality."""
        if op in {">", ">="}:
            op, left, right = ("<" if op == ">" else "<="), right, left
        if left is right:
            return self.one if op in {"==", "<="} else self.zero
        if left.op == "int" and right.op == "int":
            return self.constant(self._FOLD[op](left.args[0], right.args[0]))
        if op in {"==", "!="}:
            if left.op == "int" or (right.op != "int" and left.number > right.number):
                left, right = right, left
            if right.op == "int":
                return self._compare_constant(op, left, right)
            if left.is_address and right.is_address and self.distinct(left, right):
                return self.constant(int(op == "!="))
        return self.make("bin", op, left, right)

    def _compare_constant(self, op: str, left: Term, right: Term) -> Term:
        value: int = right.args[0]
        if left.is_address and value == 0:
            return self.constant(int(op == "!="))
        if left.op == "bin" and left.args[0] in COMPARISONS:
            if value not in (0, 1):
                return self.constant(int(op == "!="))
            holds = (value == 1) == (op == "==")
            return left if holds else self.unary("!", left)
        if value != 0 and left.op == "bin" and left.args[0] == "&" and left.args[2].op == "int":
            mask: int = left.args[2].args[0]
            if mask > 0 and mask & (mask - 1) == 0:  # one bit is 0 or the mask
                if value != mask:
                    return self.constant(int(op == "!="))
                return self.make("bin", "!=" if op == "==" else "==", left, self.zero)
        if left.op == "bin" and left.args[0] in {"+", "-"} and left.args[2].op == "int":
            by = left.args[2].args[0]
            return self.compare(op, left.args[1], self.constant(value - by if left.args[0] == "+" else value + by))
        return self.make("bin", op, left, right)

    def binary(self, op: str, left: Term, right: Term) -> Term:
        """Return ``left op right``."""
        if op in {"==", "!=", "<", "<=", ">", ">="}:
            return self.compare(op, left, right)
        if left.op == "int" and right.op == "int":
            folded = self._fold(op, left.args[0], right.args[0])
            if folded is not None:
                return self.constant(folded)
        if op == "+":
            return self._sum(left, right)
        if op == "-":
            return self._difference(left, right)
        if op in {"&", "|", "^"}:
            return self._bitwise(op, left, right)
        if right is self.one and op in {"*", "/"}:
            return left
        if right is self.zero and op in {"<<", ">>"}:
            return left
        return self.make("bin", op, left, right)

    def _fold(self, op: str, left: int, right: int) -> int | None:
        if op in self._FOLD:
            return self._FOLD[op](left, right)
        if op in {"<<", ">>"}:
            if not 0 <= right < 64:
                return None
            return left << right if op == "<<" else left >> right
        if right == 0:
            return None
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if op == "/" else left - quotient * right

    def _sum(self, left: Term, right: Term) -> Term:
        if left.op == "int":
            left, right = right, left
        if right is self.zero:
            return left
        if left.op in {"local", "global", "field", "elem"}:
            return self.elem(left, right)
        if right.op == "int" and left.op == "bin" and left.args[0] == "+" and left.args[2].op == "int":
            return self._sum(left.args[1], self.constant(left.args[2].args[0] + right.args[0]))
        return self.make("bin", "+", left, right)

    def _difference(self, left: Term, right: Term) -> Term:
        if right.op == "int":
            return self._sum(left, self.constant(-right.args[0]))
        if left is right:
            return self.zero
        path = self._offset_path(right)
        if path is not None:
            return self.container(left, path)
        return self.make("bin", "-", left, right)

    def _offset_path(self, term: Term) -> tuple[str, ...] | None:
        """The member names in ``&((T *)0)->a.b``, which is the offset of ``a.b``."""
        names: list[str] = []
        while term.op == "field":
            names.append(term.args[1])
            term = term.args[0]
        return tuple(reversed(names)) if names and term is self.zero else None

    def container(self, pointer: Term, path: tuple[str, ...]) -> Term:
        """Return the record whose member ``path`` is at ``pointer`` (CONTAINING_RECORD)."""
        rest = path
        inner = pointer
        while rest and inner.op == "field" and inner.args[1] == rest[-1]:
            inner = inner.args[0]
            rest = rest[:-1]
        return inner if not rest else self.make("container", inner, rest)

    def _bitwise(self, op: str, left: Term, right: Term) -> Term:
        if left.op == "int":
            left, right = right, left
        if left is right:
            return self.zero if op == "^" else left
        if right.op != "int":
            if left.number > right.number:
                left, right = right, left
            return self.make("bin", op, left, right)
        mask: int = right.args[0]
        if mask == 0:
            return self.zero if op == "&" else left
        if op == "&" and mask == -1:
            return left
        if left.op == "bin" and left.args[0] in {"&", "|"} and left.args[2].op == "int":
            inner, other = left.args[1], left.args[2].args[0]
            if left.args[0] == op:
                return self._bitwise(op, inner, self.constant(other & mask if op == "&" else other | mask))
            if op == "&":  # (x | other) & mask
                kept = self._bitwise("&", inner, self.constant(mask & ~other))
                return self._bitwise("|", kept, self.constant(mask & other))
        return self.make("bin", op, left, right)

    def cast(self, kind: str, operand: Term) -> Term:
        """Return ``operand`` converted to an integer type."""
        if operand.op == "int":
            return self.constant(wrap(kind, operand.args[0]))
        if kind in {"u64", "i64"} or (operand.op == "bin" and operand.args[0] in COMPARISONS):
            return operand
        if operand.op == "cast" and operand.args[0] == kind:
            return operand
        if kind == "bool":
            return self.compare("!=", operand, self.zero)
        return self.make("cast", kind, operand)

    def distinct(self, left: Term, right: Term) -> bool:
        """Tell whether two addresses can be told apart by their form alone.

        Storage of different variables, different members of one record and elements with different constant
        indices never coincide; two unknown pointers may.
        """
        if left is right:
            return False
        a, b = self.root(left), self.root(right)
        if a is not b:
            if a.op in _STATIC and b.op in _STATIC:
                return True
            # A variable of its own is no member of an object that something else points to.
            return (left.op == "global" and right.op == "field") or (right.op == "global" and left.op == "field")
        return self._distinct_paths(self.path(left), self.path(right))

    @staticmethod
    def _distinct_paths(left: list[Any], right: list[Any]) -> bool:
        i = j = 0
        while i < len(left) or j < len(right):
            a = left[i] if i < len(left) else None
            b = right[j] if j < len(right) else None
            if a is b or a == b:
                i, j = i + 1, j + 1
                continue
            if isinstance(a, Term) and isinstance(b, Term):
                return bool(a.op == "int" and b.op == "int")
            index = a if isinstance(a, Term) else b if isinstance(b, Term) else None
            if index is None:
                return a is not None and b is not None
            if index.op != "int":
                return False
            return bool(index.args[0] != 0)  # the other path stays in element 0, which has no step of its own
        return False

    @staticmethod
    def root(address: Term) -> Term:
        """Return the variable or pointer that an address is computed from."""
        while address.op in {"field", "elem"}:
            address = address.args[0]
        return address

    def is_in_null(self, address: Term) -> bool:
        """Tell whether an address is that of a member of an object at address 0: no path goes on behind that."""
        return address.op in {"field", "elem"} and self.root(address) is self.zero

    @staticmethod
    def path(address: Term) -> list[Any]:
        """Return member names and index terms from the root outwards."""
        steps: list[Any] = []
        while address.op in {"field", "elem"}:
            steps.append(address.args[1])
            address = address.args[0]
        steps.reverse()
        return steps

    def rebuild(self, term: Term, leaf: Callable[[Term], Term | None], memo: dict[Term, Term]) -> Term:
        """Return ``term`` with every subterm for which ``leaf`` answers replaced, simplified again."""
        done = memo.get(term)
        if done is not None:
            return done
        answer = leaf(term)
        if answer is None:
            answer = self._rebuild_args(term, leaf, memo)
        memo[term] = answer
        return answer

    def _rebuild_args(self, term: Term, leaf: Callable[[Term], Term | None], memo: dict[Term, Term]) -> Term:
        args = term.args
        changed = False
        new: list[Any] = []
        for arg in args:
            if isinstance(arg, Term):
                other = self.rebuild(arg, leaf, memo)
                changed = changed or other is not arg
                new.append(other)
            else:
                new.append(arg)
        if not changed:
            return term
        return self.form(term.op, new)

    def form(self, op: str, args: list[Any]) -> Term:
        """Return a term of any form through its simplifying constructor."""
        if op == "field":
            return self.field(args[0], args[1])
        if op == "elem":
            return self.elem(args[0], args[1])
        if op == "container":
            return self.container(args[0], args[1])
        if op == "bin":
            return self.binary(args[0], args[1], args[2])
        if op == "un":
            return self.unary(args[0], args[1])
        if op == "cast":
            return self.cast(args[0], args[1])
        return self.make(op, *args)
