"""What is known about terms on one path: a set of integers for each, and order between two.

Owns the conjunction of everything that the branches taken so far have said. Asking (`Facts.range_of`, `Facts.decide`)
computes from the parts of a term; assuming (`Facts.assume`) propagates to the parts, so that a flag computed from a
comparison and the comparison itself tell the same story in both directions. Equality of two terms is not kept here: the
state replaces one by the other, after which everything known of both is known of the one.

The conjunction is not decided completely (three variables over two values, all different, is not seen to be
impossible); `Facts.satisfiable` does that by bounded search, when a path is confirmed.
"""

from __future__ import annotations

from spincheck.domain import intervals as iv
from spincheck.domain.intervals import IntSet
from spincheck.domain.terms import COMPARISONS, Term, Terms

_NONZERO_ADDRESS = iv.make(1, iv.HIGH)
_SEARCH_STEPS = 4096
_SMALL = 16

MAX_NESTING = 24
"""How far one assumption is propagated from term to term."""

MAX_SPREAD = 100
"""How many terms one assumption may narrow; bounds that push each other up along many relations would go on for ever in breadth."""


class Facts:
    """A conjunction over one table of terms. Mutable; `copy` before assuming on one side of a branch."""

    __slots__ = ("_nesting", "_spread", "relations", "sets", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._nesting = self._spread = 0
        self.sets: dict[Term, IntSet] = {}
        self.relations: dict[Term, None] = {}

    def copy(self) -> Facts:
        """Return an independent copy."""
        new = Facts.__new__(Facts)
        new.terms = self.terms
        new._nesting = new._spread = 0  # noqa: SLF001
        new.sets = self.sets.copy()
        new.relations = self.relations.copy()
        return new

    # --- asking ---

    def range_of(self, term: Term) -> IntSet:
        """Return the integers that the term can still be."""
        known = self.sets.get(term)
        computed = self._computed(term)
        return computed if known is None else iv.meet(computed, known)

    def _computed(self, term: Term) -> IntSet:
        op = term.op
        if op == "int":
            return iv.only(term.args[0])
        if term.is_address:
            return _NONZERO_ADDRESS
        if op == "bin":
            return self._computed_binary(term.args[0], term.args[1], term.args[2])
        if op == "cast":
            full = iv.TYPE_RANGES[term.args[0]]
            inner = self.range_of(term.args[1])
            return inner if iv.contains(full, inner) else full
        if op == "un":
            inner = self.range_of(term.args[1])
            return iv.negated(inner) if term.args[0] == "-" else iv.TOP
        return iv.TOP

    def _computed_binary(self, op: str, left: Term, right: Term) -> IntSet:
        if op in COMPARISONS:
            known = self.decide(op, left, right)
            return iv.BOOLEAN if known is None else iv.only(int(known))
        if op not in {"+", "-", "&", "|", "%"}:
            return iv.TOP
        a, b = self.range_of(left), self.range_of(right)
        x, y = a.single, b.single
        if x is not None and y is not None:
            folded = self.terms.binary(op, self.terms.constant(x), self.terms.constant(y))
            if folded.op == "int":
                return iv.only(folded.args[0])
        if op == "+":
            return iv.added(a, b)
        if op == "-":
            return iv.added(a, iv.negated(b))
        if op == "&":
            return self._masked(left, right, a, b)
        if op == "|":
            if a.low >= 0 and b.low >= 0:
                top = iv.HIGH if max(a.high, b.high) >= iv.HIGH else (1 << max(a.high, b.high).bit_length()) - 1
                return iv.make(max(a.low, b.low), max(top, 0))
            return iv.compared("!=", 0) if 0 not in a or 0 not in b else iv.TOP
        if y is not None and y > 0:
            return iv.make(0 if a.low >= 0 else 1 - y, y - 1)
        return iv.TOP

    def _masked(self, left: Term, right: Term, a: IntSet, b: IntSet) -> IntSet:
        """Return what ``left & right`` can be; other masks of the same value have their say."""
        bounds = [side.high for side in (a, b) if side.low >= 0]
        result = iv.make(0, min(bounds)) if bounds else iv.TOP
        mask = b.single
        if mask is None or mask <= 0:
            return result
        if mask <= iv.MAX_HOLES:
            result = iv.meet(result, iv.make(0, mask, frozenset(value for value in range(mask) if value & ~mask)))
        known = value = 0
        for term, allowed in self.sets.items():
            if not _masks(term, left) or term.args[2] is right:
                continue
            other: int = term.args[2].args[0]
            if allowed.single is not None:
                known |= other
                value |= allowed.single
            elif 0 not in allowed and other > 0 and other & ~mask == 0:
                result = iv.meet(result, iv.compared("!=", 0))
        if known and mask & ~known == 0:
            return iv.only(value & mask)
        return iv.meet(result, iv.compared("!=", 0)) if value & mask else result

    def decide(self, op: str, left: Term, right: Term) -> bool | None:
        """Tell whether ``left op right`` always holds, never holds, or None when both can be."""
        if left is right:
            return op in {"==", "<="}
        a, b = self.range_of(left), self.range_of(right)
        if op in {"==", "!="}:
            return self._decide_equal(left, right, a, b, wanted=op == "==")
        strict = op == "<"
        if a.high < b.low or (not strict and a.high == b.low):
            return True
        if a.low > b.high or (strict and a.low == b.high):
            return False
        if self.relations:
            forward = self._ordered(left, right)
            if forward is not None and (forward or not strict):
                return True
            backward = self._ordered(right, left)
            if backward is not None and (backward or strict):
                return False
        return None

    def _decide_equal(self, left: Term, right: Term, a: IntSet, b: IntSet, *, wanted: bool) -> bool | None:
        if a.single is not None and a.single == b.single:
            return wanted
        if iv.meet(a, b).is_empty:
            return not wanted
        if self.relations:
            if left.number > right.number:
                left, right = right, left
            if self.terms.make("bin", "!=", left, right) in self.relations:
                return not wanted
            if self._ordered(left, right) or self._ordered(right, left):
                return not wanted
        return None

    def _ordered(self, low: Term, high: Term) -> bool | None:
        """Whether a chain of kept relations says ``low < high`` (True) or ``low <= high`` (False); None if neither."""
        best: dict[Term, bool] = {low: False}
        work = [low]
        while work:
            current = work.pop()
            for relation in self.relations:
                op, left, right = relation.args
                if left is not current or op == "!=":
                    continue
                strict = best[current] or op == "<"
                if right not in best or (strict and not best[right]):
                    best[right] = strict
                    work.append(right)
        return best.get(high)

    # --- assuming ---

    def assume(self, condition: Term, holds: bool) -> bool:
        """Add that the condition is not zero (or is). Return False when that cannot be; the facts are then void."""
        if condition.op == "bin" and condition.args[0] in COMPARISONS:
            op, left, right = condition.args
            if not holds:
                op, left, right = _opposite(op, left, right)
            return self.compare(op, left, right)
        return self.restrict(condition, iv.compared("!=" if holds else "==", 0))

    def assume_counted(self, condition: Term) -> None:
        """Add, for the condition of a loop, that what is left of a number by division or shift is not zero where the number was not.

        An assumption, no consequence: buffers in use have a page and files a cluster, and what a loop must do at least once is not tested for zero before it.
        """
        for side in condition.args[1:] if condition.op == "bin" and condition.args[0] in COMPARISONS else (condition,):
            count = side
            while count.op == "cast":
                count = count.args[1]
            if count.op == "bin" and count.args[0] in {">>", "/", "<<"} and 0 not in self.range_of(count.args[1]):
                self.restrict(count, iv.compared("!=", 0))

    def compare(self, op: str, left: Term, right: Term) -> bool:
        """Add ``left op right`` for one of ``== != < <=``."""
        if right.op == "int":
            return self.restrict(left, iv.compared(op, right.args[0]))
        if left.op == "int":
            flipped = {"==": "==", "!=": "!=", "<": ">", "<=": ">="}[op]
            return self.restrict(right, iv.compared(flipped, left.args[0]))
        known = self.decide(op, left, right)
        if known is not None:
            return known
        if op != "==":
            if op == "!=" and left.number > right.number:
                left, right = right, left
            self.relations[self.terms.make("bin", op, left, right)] = None
        return self._propagate(op, left, right)

    def _propagate(self, op: str, left: Term, right: Term) -> bool:
        a, b = self.range_of(left), self.range_of(right)
        if op == "==":
            both = iv.meet(a, b)
            return self.restrict(left, both) and self.restrict(right, both)
        if op == "!=":
            if a.single is not None and not self.restrict(right, iv.compared("!=", a.single)):
                return False
            return b.single is None or self.restrict(left, iv.compared("!=", b.single))
        margin = 1 if op == "<" else 0
        if b.high < iv.HIGH and a.high > b.high - margin and not self.restrict(left, iv.make(iv.LOW, b.high - margin)):
            return False
        a = self.range_of(left)
        return not (a.low > iv.LOW and b.low < a.low + margin) or self.restrict(right, iv.make(a.low + margin, iv.HIGH))

    def restrict(self, term: Term, allowed: IntSet) -> bool:
        """Add that the term is one of ``allowed``; False when it cannot be."""
        old = self.range_of(term)
        new = iv.meet(old, allowed)
        if new.is_empty:
            return False
        if new == old:
            return True
        inner = self._invertible(term, new)
        if inner is not None:  # what is known of the part says it all; a second copy would only hinder merging
            return self.restrict(*inner)
        if term.op != "int":
            self.sets[term] = new
        self._spread = self._spread + 1 if self._nesting else 0
        if self._nesting >= MAX_NESTING or self._spread >= MAX_SPREAD:
            return True  # two bounds may push each other up one by one; what is not propagated is only not known
        self._nesting += 1
        possible = self._restrict_parts(term, new) and self._recheck(term)
        self._nesting -= 1
        return possible

    def _invertible(self, term: Term, new: IntSet) -> tuple[Term, IntSet] | None:
        """The part, and what it must be, when ``term in new`` says no less and no more about it."""
        if term.op == "bin" and term.args[0] == "+" and term.args[2].op == "int":
            return term.args[1], iv.shifted(new, -term.args[2].args[0])
        if term.op == "un" and term.args[0] == "-":
            return term.args[1], iv.negated(new)
        if term.op == "cast" and iv.contains(iv.TYPE_RANGES[term.args[0]], self.range_of(term.args[1])):
            return term.args[1], new
        return None

    def _restrict_parts(self, term: Term, new: IntSet) -> bool:
        if term.op == "bin":
            op, left, right = term.args
            if op in COMPARISONS:
                if new.single is None:
                    return True
                if new.single == 0:
                    op, left, right = _opposite(op, left, right)
                return self.compare(op, left, right)
            return self._restrict_operands(op, left, right, new)
        if term.op == "cast":
            return 0 in new or self.restrict(term.args[1], iv.compared("!=", 0))
        return True

    def _restrict_operands(self, op: str, left: Term, right: Term, new: IntSet) -> bool:
        if op == "+":
            by = self.range_of(right).single
            return by is None or self.restrict(left, iv.shifted(new, -by))
        if op == "-":
            if new.single == 0:
                return self.compare("==", left, right)
            return 0 in new or self.compare("!=", left, right)
        if op == "|" and new.single == 0:
            return self.restrict(left, iv.ZERO) and self.restrict(right, iv.ZERO)
        if op == "&":
            if 0 not in new:
                nonzero = iv.compared("!=", 0)
                return self.restrict(left, nonzero) and self.restrict(right, nonzero)
            if new.single == 0:
                return self._and_is_zero(left, right)
        return True

    def _and_is_zero(self, left: Term, right: Term) -> bool:
        """``left & right == 0`` decides the one when the other has all the bits that it can have."""
        for one, other in ((left, right), (right, left)):
            values, mask = self.range_of(one), self.range_of(other).single
            if mask is not None and values.low >= 0 and values.high <= mask and (mask & (mask + 1)) == 0:
                return self.restrict(one, iv.ZERO)
        return True

    def _recheck(self, changed: Term) -> bool:
        for relation in list(self.relations):
            if relation.args[1] is changed or relation.args[2] is changed:
                op, left, right = relation.args
                if not self._propagate(op, left, right):
                    return False
        base = changed.args[1] if changed.op == "bin" and changed.args[0] == "&" else None
        for term, known in list(self.sets.items()):
            if term is changed or term.op not in {"bin", "cast", "un"}:
                continue
            if _mentions(term, changed) or (base is not None and _masks(term, base)):
                now = iv.meet(self._computed(term), known)
                if now.is_empty:
                    return False
                if now.single is not None and known.single is None:
                    self.sets[term] = now
        return True

    # --- deciding completely ---

    def satisfiable(self) -> bool:
        """Search for values of the terms in small relations; True also when the search is too large to finish."""
        if not self.relations:
            return True
        leaves: dict[Term, None] = {}
        for relation in self.relations:
            leaves[relation.args[1]] = None
            leaves[relation.args[2]] = None
        small = [leaf for leaf in leaves if self.range_of(leaf).size() <= _SMALL]
        budget = [_SEARCH_STEPS]
        return self._search(small, budget)

    def _search(self, leaves: list[Term], budget: list[int]) -> bool:
        open_leaves = [leaf for leaf in leaves if self.range_of(leaf).single is None]
        if not open_leaves:
            return True
        leaf = min(open_leaves, key=lambda term: self.range_of(term).size())
        values = self.range_of(leaf)
        for value in range(values.low, values.high + 1):
            if value in values.holes:
                continue
            budget[0] -= 1
            if budget[0] < 0:
                return True
            trial = self.copy()
            if trial.restrict(leaf, iv.only(value)) and trial._search(open_leaves, budget):  # noqa: SLF001
                return True
        return False


def _masks(term: Term, value: Term) -> bool:
    """Whether the term is ``value & constant``."""
    return term.op == "bin" and term.args[0] == "&" and term.args[1] is value and term.args[2].op == "int"


def _mentions(term: Term, part: Term) -> bool:
    return part in term.inside


def _opposite(op: str, left: Term, right: Term) -> tuple[str, Term, Term]:
    if op == "==":
        return "!=", left, right
    if op == "!=":
        return "==", left, right
    return ("<=", right, left) if op == "<" else ("<", right, left)
