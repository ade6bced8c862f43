"""One disjunct: what memory, facts and locks are on the paths that it stands for.

Owns the abstract store. Memory maps the address term of a cell to the term of its value; a cell that was never
written reads as ``init``, its unknown value on entry, and reads so every time, which is all that "a second read with no
write between is the same value" takes. A callee's writes are epochs by class of cell (field name, global, or everything
below an address): a cell read after an epoch of its class is a new unknown, all other cells keep
their facts. Distinct pointers are taken to point to distinct objects, as drivers' objects do; only elements of one array with symbolic
indices are not.

States are mutable and copied where a path splits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from spincheck.domain.facts import Facts
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.terms import Term, Terms

CellClass = tuple[str, Any]
"""``("field", name)``, ``("global", name)``, ``("local", name)``, ``("under", address)`` or ``("*", "")``."""

ANYTHING: CellClass = ("any", "")


def cell_class(address: Term) -> CellClass:
    """Return the class of cells that an address belongs to: its last member's name, or its variable."""
    while address.op == "elem":
        address = address.args[0]
    if address.op in {"field", "global", "local"}:
        return address.op, address.args[-1]
    return "*", ""


def _is_in_one_of(address: Term, bases: AbstractSet[Term]) -> bool:
    while address not in bases:
        if address.op not in {"field", "elem"}:
            return False
        address = address.args[0]
    return True


def is_under(address: Term, base: Term) -> bool:
    """Tell whether the cell lies strictly inside the object at ``base``."""
    while address.op in {"field", "elem"}:
        address = address.args[0]
        if address is base:
            return True
    return False


class State:
    """Memory, facts and locks of one disjunct.

    ``needs`` are the locks whose state on entry this path depends on. ``trace`` is the path itself and takes no part in
    equality. ``calls`` are the calls made on it that some lock may forbid its holder. ``exact`` keeps states apart that differ only
    in which locks had to be free on entry. ``lossy`` says that facts were given up to save disjuncts, so that a finding must be confirmed.
    """

    __slots__ = ("calls", "epochs", "exact", "facts", "locks", "lossy", "memory", "needs", "same", "set_under", "stale", "terms", "trace")

    def __init__(self, terms: Terms, trace: Any) -> None:
        self.terms = terms
        self.memory: dict[Term, Term] = {}
        self.epochs: dict[CellClass, Term] = {}
        self.facts = Facts(terms)
        self.locks: dict[Term, LockState] = {}
        self.needs: dict[Term, Need] = {}
        self.same: dict[Term, Term] = {}
        self.calls: frozenset[str] = frozenset()
        self.set_under: dict[Term, frozenset[Term]] = {}
        self.stale: frozenset[Term] = frozenset()
        self.trace = trace
        self.lossy = False
        self.exact = False

    def copy(self) -> State:
        """Return an independent copy that shares the trace so far."""
        new = State.__new__(State)
        new.terms = self.terms
        new.memory = self.memory.copy()
        new.epochs = self.epochs.copy()
        new.facts = self.facts.copy()
        new.locks = self.locks.copy()
        new.needs = self.needs.copy()
        new.same = self.same.copy() if self.same else self.same
        new.calls = self.calls
        new.set_under = self.set_under
        new.stale = self.stale
        new.trace = self.trace
        new.lossy = self.lossy
        new.exact = self.exact
        return new

    # --- memory ---

    def read(self, address: Term) -> Term:
        """Return the value of the cell at ``address``."""
        value = self.memory.get(address)
        if value is not None:
            return value
        value = self._inherited(address)
        if value is None:
            epoch = self._epoch(address)
            value = self.terms.make("init", address) if epoch is None else self.terms.make("cell", address, epoch)
        return self.normal(value)

    def _inherited(self, address: Term) -> Term | None:
        """The value when a whole object around the cell was stored."""
        names: list[str] = []
        base = address
        while base.op == "field":
            names.append(base.args[1])
            base = base.args[0]
            whole = self.memory.get(base)
            if whole is not None:
                return self._select(whole, names)
        if base.op == "elem":
            filled = self.memory.get(self.terms.make("all", base.args[0]))
            if filled is not None:
                return self._select(filled, names)
        return None

    def _select(self, value: Term, names: list[str]) -> Term:
        for name in reversed(names):
            if value.op == "int":
                continue
            if value.op == "init":
                value = self.terms.make("init", self.terms.field(value.args[0], name))
            elif value.op == "cell":
                value = self.terms.make("cell", self.terms.field(value.args[0], name), value.args[1])
            else:
                value = self.terms.make("sel", value, name)
        return value

    def _epoch(self, address: Term) -> Term | None:
        """What tells this cell's value from those it had before the writes that may have hit it: all of them, in no order."""
        epochs = self.epochs
        if not epochs:
            return None
        own = cell_class(address)
        found = [epochs[own]] if own in epochs else []
        if own[0] != "local" and ANYTHING in epochs:
            found.append(epochs[ANYTHING])
        base = address
        while True:
            under = epochs.get(("under", base))
            if under is not None:
                found.append(under)
            if base.op not in {"field", "elem"}:
                break
            base = base.args[0]
        if len(found) > 1:
            return self.terms.make("epochs", *found)
        return found[0] if found else None

    def write(self, address: Term, value: Term, at: int) -> None:
        """Store ``value``; what was known of the cells inside the object is forgotten with it."""
        if len(self.memory) > 0:
            inside = [cell for cell in self.memory if cell.op in {"field", "elem", "all"} and _covered(cell, address)]
            for cell in inside:
                del self.memory[cell]
        if address.op == "elem" and address.args[1].op != "int":
            self._forget_siblings(address, at)
        elif address.op in {"field", "elem"}:
            self._forget_symbolic(address, at)
        self.memory[address] = value
        if address in self.stale:
            self.stale -= {address}

    def _forget_siblings(self, address: Term, at: int) -> None:
        """A store to ``a[i]`` may have hit any other element."""
        self.forget(("under", address.args[0]), self.terms.make("fresh", at, "store"))

    def _forget_symbolic(self, address: Term, at: int) -> None:
        for cell in list(self.memory):
            if cell is address or cell.op != address.op or cell_class(cell) != cell_class(address):
                continue
            if self.terms.root(cell) is self.terms.root(address) and not self.terms.distinct(cell, address):
                self.memory[cell] = self.terms.make("cell", cell, self.terms.make("fresh", at, "store"))

    def note_set(self, address: Term) -> None:
        """Remember under which locks a cell was given its value."""
        held = frozenset(lock for lock, known in self.locks.items() if known.status == "held")
        if held:
            self.set_under = {**self.set_under, address: held}

    def note_retaken(self, lock: Term) -> None:
        """A lock that was given back is taken again: what was set under it may have been changed meanwhile by whoever held it, and what locals keep copies of."""
        if self.set_under:
            self.stale |= {cell for cell, locks in self.set_under.items() if lock in locks}
        root = self.terms.root
        copies = ((cell, value) for cell, value in self.memory.items() if value.op in {"init", "cell"} and value.args[0].op == "field")
        kept = {value.args[0] for cell, value in copies if root(cell).op == "local" and root(value.args[0]).op != "local"}
        if not kept <= self.stale:
            self.stale |= kept

    def fill(self, base: Term, value: Term, at: int) -> None:
        """Store ``value`` in every element of the array at ``base`` (``= {0}``)."""
        self.write(base, value, at)
        self.memory[self.terms.make("all", base)] = value

    def copy_object(self, source: Term, target: Term, at: int) -> None:
        """Store the whole object at ``source`` at ``target``."""
        inside = {cell: value for cell, value in self.memory.items() if is_under(cell, source)}
        value = self.read(source)
        self.write(target, value, at)
        for cell, member in inside.items():
            self.memory[self._rebased(cell, source, target)] = member

    def _rebased(self, cell: Term, source: Term, target: Term) -> Term:
        return self.terms.rebuild(cell, lambda term: target if term is source else None, {})

    def forget(self, cells: CellClass, epoch: Term) -> None:
        """Make every cell of a class a new unknown."""
        self.forget_all({cells: epoch})

    def forget_all(self, epochs: Mapping[CellClass, Term]) -> None:
        """Make every cell of several classes a new unknown."""
        for cells, epoch in epochs.items():
            self.epochs.pop(cells, None)
            self.epochs[cells] = epoch
        anything = ANYTHING in epochs
        bases = {what for kind, what in epochs if kind == "under"}
        hit = []
        for cell in self.memory:
            address = cell.args[0] if cell.op == "all" else cell
            if (
                cell_class(address) in epochs
                or (anything and self.terms.root(address).op != "local")
                or (bases and _is_in_one_of(address, bases))
            ):
                hit.append(cell)
        for cell in hit:
            del self.memory[cell]

    # --- equality and substitution ---

    def normal(self, term: Term) -> Term:
        """Return the term with everything replaced that is known to be equal to something simpler."""
        if not self.same:
            return term
        same = self.same
        if not any(term.mentions(old) for old in same):
            return term
        for _ in range(4):
            new = self.terms.rebuild(term, same.get, {})
            if new is term:
                return term
            term = new
        return term

    def equate(self, left: Term, right: Term) -> bool:
        """Make two terms one. Returns False when what is known of them cannot both be."""
        if left.number < right.number or right.depth > left.depth:
            left, right = right, left
        if right.mentions(left):
            return True
        self.same = self.same.copy()
        self.same[left] = right
        return self.substitute(lambda term: right if term is left else None)

    def substitute(self, leaf: Callable[[Term], Term | None]) -> bool:
        """Rebuild every term of the state. Returns False when the facts then contradict each other."""
        terms = self.terms
        memo: dict[Term, Term] = {}

        def new(term: Term) -> Term:
            return terms.rebuild(term, leaf, memo)

        self.memory = {new(cell): new(value) for cell, value in self.memory.items()}
        self.epochs = {
            (kind, new(what) if isinstance(what, Term) else what): new(epoch)
            for (kind, what), epoch in self.epochs.items()
        }
        self.locks = self._substituted_locks(new)
        self.needs = {new(lock): need for lock, need in self.needs.items()}
        old = self.facts
        self.facts = Facts(terms)
        for term, allowed in old.sets.items():
            if not self.facts.restrict(new(term), allowed):
                return False
        return all(self.facts.assume(new(relation), holds=True) for relation in old.relations)

    def _substituted_locks(self, new: Callable[[Term], Term]) -> dict[Term, LockState]:
        locks: dict[Term, LockState] = {}
        for lock, state in self.locks.items():
            saved = new(state.saved) if state.saved is not None else None
            handle = new(state.handle) if state.handle is not None else None
            name = new(lock)
            before = locks.get(name)
            after = state._replace(saved=saved, handle=handle)
            if before is not None and before.status != after.status:
                after = after if after.status == "held" else before
            locks[name] = after
        return locks

    def assume(self, condition: Term, *, holds: bool) -> bool:
        """Add a condition; returns False when it cannot be."""
        condition = self.normal(condition)
        if condition.op == "int":
            return bool(condition.args[0]) == holds
        if not self.facts.assume(condition, holds):
            return False
        if condition.op == "bin" and condition.args[0] == ("==" if holds else "!="):
            left, right = condition.args[1], condition.args[2]
            if right.op != "int" and left.op != "int":
                return self.equate(left, right)
        return True

    def roots(self) -> list[Term]:
        """Return the terms that memory, locks and needs refer to."""
        found: list[Term] = []
        for cell, value in self.memory.items():
            found.append(cell)
            found.append(value)
        for lock, state in self.locks.items():
            found.append(lock)
            if state.saved is not None:
                found.append(state.saved)
            if state.handle is not None:
                found.append(state.handle)
        found.extend(self.needs)
        found.extend(self.epochs.values())
        return found

    def mentions(self, part: Term) -> bool:
        """Tell whether the term occurs anywhere in the state."""
        return (
            any(cell.mentions(part) or value.mentions(part) for cell, value in self.memory.items())
            or any(term.mentions(part) for term in self.facts.sets)
            or any(term.mentions(part) for term in self.facts.relations)
            or any(epoch.mentions(part) for epoch in self.epochs.values())
            or any(need.mentions(part) for need in self.needs)
            or any(
                lock.mentions(part)
                or (known.saved is not None and known.saved.mentions(part))
                or (known.handle is not None and known.handle.mentions(part))
                for lock, known in self.locks.items()
            )
        )


def _covered(cell: Term, address: Term) -> bool:
    return (cell.args[0] is address) if cell.op == "all" else is_under(cell, address)
