"""Fewer states at a join, without losing what tells them apart.

Owns how disjuncts are pruned, compared and joined. Three steps, from free to lossy: forget what nothing reads any more; unite
states that differ in one fact when the union is exact (the two sides of a branch that did nothing); and, only when a budget is exceeded or a
loop must end, join states with the same locks and give up the facts in which they differ. Only the
last sets ``lossy``.

Rejected: merging whenever the lock states agree, as ESP does by default. It is cheaper, but loses flags that are set
in one branch and tested at the clean-up label, which is how drivers remember what they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spincheck.domain import intervals as iv
from spincheck.domain.lockstate import LockState, Need
from spincheck.domain.lockstate import join as join_locks
from spincheck.domain.state import CellClass, State
from spincheck.domain.terms import IRQL_TAG, Term

Live = Callable[[Term], bool]
"""Whether a cell can still be read in this function."""

MergeTrace = Callable[[list[State]], Any]
"""Makes the trace of a merged state of the states that it stands for."""


def prune(state: State, local_is_live: Callable[[str], bool]) -> None:
    """Forget dead locals, and facts about values that nothing refers to any more."""
    terms = state.terms
    dead = [
        cell
        for cell in state.memory
        if (root := terms.root(cell.args[0] if cell.op == "all" else cell)).op == "local" and not local_is_live(root.args[0])
    ]
    for cell in dead:
        del state.memory[cell]
    if not state.facts.sets and not state.facts.relations:
        return
    reachable: set[Term] = set()
    for root in state.roots():
        if root not in reachable:
            reachable.add(root)
            reachable.update(root.inside)
    facts = state.facts
    for relation in list(facts.relations):
        if not any(side.is_input or side in reachable for side in relation.args[1:]):
            del facts.relations[relation]
    for relation in facts.relations:
        _mark(relation, reachable)
    for term in list(facts.sets):
        if term not in reachable and not term.is_input and not _touches(term, reachable):
            del facts.sets[term]


def forget_passed(state: State) -> None:
    """Forget what was learned of objects that a walk has gone past: pointers that no variable holds any more, and that only lead to where it is now.

    Who walks again may find another thing there. Locks that are held there keep what is known of their objects.
    """
    values = [value for cell, value in state.memory.items() if cell.op == "local"]
    here = set(values)
    passed: set[Term] = set()
    for value in values:
        link = value.args[0] if value.op in {"init", "cell"} else None
        while isinstance(link, Term):
            base = link
            while base.op in {"field", "elem", "container"}:
                base = base.args[0]
            if base.op not in {"init", "cell", "phi"} or base in passed:
                break
            if base not in here:
                passed.add(base)
            link = base.args[0] if base.op != "phi" else None
    if not passed:
        return
    held = [lock for lock, known in state.locks.items() if known.status == "held"]
    passed = {base for base in passed if not any(lock.mentions(base) for lock in held)}
    facts = state.facts
    gone = [term for term in facts.sets if term not in here and not passed.isdisjoint(term.inside)]
    for term in gone:
        del facts.sets[term]
    apart = [one for one in facts.relations if any(side not in here and not passed.isdisjoint(side.inside) for side in one.args[1:])]
    for relation in apart:
        del facts.relations[relation]
    state.lossy = state.lossy or bool(gone or apart)


def _mark(term: Term, reachable: set[Term]) -> None:
    if term not in reachable:
        reachable.add(term)
        reachable.update(term.inside)


def _touches(term: Term, reachable: set[Term]) -> bool:
    return any(sub in reachable and sub.op in {"fresh", "cell", "sel", "phi"} for sub in (term, *term.inside))


def lock_key(state: State) -> Any:
    """Return what must agree for two states to be joined at all: locks and needs."""
    needs = frozenset(
        (lock, need.status, need.doubtful, need.tried, need.variant, need.irql, need.kind)
        for lock, need in state.needs.items()
        if state.exact or need.status == "held"
    )
    locks = frozenset(
        (lock, known if known.status != "free" or known.depth else (known.kind, known.reason))
        for lock, known in state.locks.items()
        if known.status != "free" or known.depth or not _is_as_on_entry(state, lock)
    )
    return locks, needs


def _is_as_on_entry(state: State, lock: Term) -> bool:
    """A lock that had to be free on entry, or that may be held more than once, and is as it was: as good as untouched."""
    need = state.needs.get(lock)
    return need is None or (need.status == "free" and not state.exact)


def merge_needs(new: State, left: State, right: State) -> None:
    """Keep what either side needed to be free on entry; what only one side needed is needed on some paths (``doubtful``)."""
    if left.needs == right.needs and left.locks == right.locks:
        new.needs, new.locks = left.needs.copy(), left.locks.copy()
        return
    needs = {}
    for lock in dict.fromkeys([*left.needs, *right.needs]):
        one, other = left.needs.get(lock), right.needs.get(lock)
        need = one or other
        assert need is not None
        if one is None or other is None or one.doubtful or other.doubtful:
            need = need._replace(doubtful=True) if need.status == "free" else need
        needs[lock] = need
    new.needs = needs
    new.locks = {
        lock: known
        for lock, known in left.locks.items()
        if lock in right.locks or known.status != "free" or known.depth
    }


def full_key(state: State, live: Live, class_is_live: Callable[[CellClass], bool]) -> Any:
    """Return what must agree for two states to be united without loss: locks, live memory, live epochs, equalities."""
    memory = frozenset((cell, value) for cell, value in state.memory.items() if live(cell))
    epochs = frozenset((cells, epoch) for cells, epoch in state.epochs.items() if class_is_live(cells))
    return lock_key(state), memory, epochs, frozenset(state.same.items()), state.calls, state.stale


def _difference(left: State, right: State) -> tuple[list[Term], bool]:
    """The terms whose sets differ, and whether the relations agree."""
    a, b = left.facts.sets, right.facts.sets
    terms = [term for term, allowed in a.items() if b.get(term) != allowed]
    terms += [term for term in b if term not in a]
    return terms, left.facts.relations.keys() == right.facts.relations.keys()


def covers(general: State, special: State) -> bool:
    """Whether every assignment of values that ``special`` allows is allowed by ``general``."""
    if not general.facts.relations.keys() <= special.facts.relations.keys():
        return False
    known = special.facts.sets
    return all(
        known.get(term) == allowed or iv.contains(allowed, special.facts.range_of(term))
        for term, allowed in general.facts.sets.items()
    )


def unite(left: State, right: State) -> State | None:
    """Return one state for exactly the paths of both, or None. Both have the same `full_key`."""
    for general, special in ((left, right), (right, left)):
        if covers(general, special):
            if general.needs == special.needs:
                return general
            new = general.copy()
            merge_needs(new, general, special)
            return new
    differing, same_relations = _difference(left, right)
    if same_relations and len(differing) == 1:
        term = differing[0]
        union, exact = iv.join(left.facts.range_of(term), right.facts.range_of(term))
        if not exact:
            return None
        new = left.copy()
        merge_needs(new, left, right)
        if union == new.facts._computed(term):  # noqa: SLF001  (what the parts say already)
            new.facts.sets.pop(term, None)
        else:
            new.facts.sets[term] = union
        return new
    if not differing and not same_relations:
        extra = left.facts.relations.keys() ^ right.facts.relations.keys()
        if len(extra) == 2 and _are_opposite(*sorted(extra, key=lambda term: term.number)):
            new = left.copy()
            merge_needs(new, left, right)
            for relation in extra:
                new.facts.relations.pop(relation, None)
            return new
    return None


def _are_opposite(first: Term, second: Term) -> bool:
    op, left, right = first.args
    other, x, y = second.args
    return {op, other} == {"<", "<="} and left is y and right is x


def unite_one_cell(left: State, right: State, live: Live, pc: int) -> State | None:
    """Unite two states that differ in the value of one live cell only, when nothing else depends on which value it is.

    The cell then holds a value that is one or the other: exact, because the two values occur nowhere else and the union of what
    they can be is a set that can be told.
    """
    cell = None
    for candidate in dict.fromkeys([*left.memory, *right.memory]):
        if live(candidate) and _value(left, candidate) is not _value(right, candidate):
            if cell is not None:
                return None
            cell = candidate
    if cell is None or cell.op == "all":
        return None
    a, b = _value(left, cell), _value(right, cell)
    if not (_is_private(left, cell, a) and _is_private(right, cell, b)):
        return None
    union, exact = iv.join(left.facts.range_of(a), right.facts.range_of(b))
    if not exact:
        return None
    rest = {term: allowed for term, allowed in left.facts.sets.items() if term is not a}
    other = {term: allowed for term, allowed in right.facts.sets.items() if term is not b}
    if rest != other or left.facts.relations.keys() != right.facts.relations.keys():
        return None
    new = left.copy()
    phi = new.terms.make("phi", pc, cell)
    if new.mentions(phi) and a is not phi:
        return None
    new.facts.sets = rest
    if union != iv.TOP:
        new.facts.sets[phi] = union
    new.memory[cell] = phi
    merge_needs(new, left, right)
    _join_epochs(new, left, right, pc)
    for candidate in dict.fromkeys([*left.memory, *right.memory]):
        if candidate is not cell and not live(candidate):
            _join_cell(new, candidate, left, right, pc, iv.join)
    return new


def _is_private(state: State, cell: Term, value: Term) -> bool:
    """The value is a constant, or an unknown that nothing but this cell refers to."""
    if value.op == "int":
        return True
    if value.op not in {"fresh", "phi", "uninit", "sel"} or (value.op in {"fresh", "sel"} and str(value.args[1]).startswith(IRQL_TAG)):
        return False
    for other, held in state.memory.items():
        if other is cell:
            if other.mentions(value):
                return False
        elif _occurs(value, other) or _occurs(value, held):
            return False
    for lock, info in state.locks.items():
        if _occurs(value, lock) or info.saved is value or (info.handle is not None and _occurs(value, info.handle)):
            return False
    if any(_occurs(value, lock) or need.irql is value for lock, need in state.needs.items()):
        return False
    if any(epoch is value for epoch in state.epochs.values()):
        return False
    if any(_occurs(value, one) or _occurs(value, other) for one, other in state.same.items()):
        return False
    return not any(term is not value and _occurs(value, term) for term in (*state.facts.sets, *state.facts.relations))


def _occurs(part: Term, term: Term) -> bool:
    return term.mentions(part)


def unite_all(states: list[State], live: Live, class_is_live: Callable[[CellClass], bool], merged: MergeTrace, pc: int) -> list[State]:
    """Return fewer states for exactly the same paths, in the order of first arrival.

    Cells that this function does not read again may be joined on the way: their values are then only bounded.
    """
    groups: dict[Any, list[State]] = {}
    for state in states:
        groups.setdefault(full_key(state, live, class_is_live), []).append(state)
    result: list[State] = []
    for group in groups.values():
        result.extend(_unite_group(group, live, merged, pc) if len(group) > 1 else group)
    if len(result) > 1:
        result = _unite_neighbours(result, live, class_is_live, merged, pc)
    return result


def _unite_neighbours(
    states: list[State], live: Live, class_is_live: Callable[[CellClass], bool], merged: MergeTrace, pc: int
) -> list[State]:
    groups: dict[Any, list[State]] = {}
    for state in states:
        epochs = frozenset((cells, epoch) for cells, epoch in state.epochs.items() if class_is_live(cells))
        groups.setdefault((lock_key(state), epochs, frozenset(state.same.items()), state.calls, state.stale), []).append(state)
    result: list[State] = []
    for group in groups.values():
        kept: list[State] = []
        for state in group:
            current = state
            again = True
            while again:
                again = False
                for index, other in enumerate(kept):
                    union = unite_one_cell(other, current, live, pc)
                    if union is not None:
                        union.trace = merged([other, current])
                        union.lossy = other.lossy or current.lossy
                        del kept[index]
                        current, again = union, True
                        break
            kept.append(current)
        result.extend(kept)
    return result


def _unite_group(group: list[State], live: Live, merged: MergeTrace, pc: int) -> list[State]:
    kept: list[tuple[State, list[State]]] = []
    for state in group:
        current, parts = state, [state]
        again = True
        while again:
            again = False
            for index, (other, other_parts) in enumerate(kept):
                union = unite(other, current)
                if union is None:
                    continue
                if other.memory != current.memory or other.epochs != current.epochs:
                    union = _with_dead_cells_joined(union, other, current, live, pc)
                del kept[index]
                current, parts = union, other_parts + parts
                again = True
                break
        kept.append((current, parts))
    result = []
    for state, parts in kept:
        if len(parts) > 1:
            state = state.copy()  # noqa: PLW2901  (the parts stay as they were, their traces are still told)
            state.trace = merged(parts)
            state.lossy = any(part.lossy for part in parts)
        result.append(state)
    return result


def _with_dead_cells_joined(union: State, left: State, right: State, live: Live, pc: int) -> State:
    new = union.copy()
    _join_epochs(new, left, right, pc)
    for cell in dict.fromkeys([*left.memory, *right.memory]):
        if not live(cell):
            _join_cell(new, cell, left, right, pc, iv.join)
    return new


def _join_epochs(new: State, left: State, right: State, pc: int) -> None:
    for cells in dict.fromkeys([*left.epochs, *right.epochs]):
        epoch = left.epochs.get(cells)
        if epoch is not right.epochs.get(cells):
            epoch = new.terms.make("fresh", pc, "join")
        assert epoch is not None
        new.epochs.pop(cells, None)
        new.epochs[cells] = epoch


def _join_cell(
    new: State, cell: Term, left: State, right: State, pc: int, combine: Callable[[iv.IntSet, iv.IntSet], Any]
) -> bool:
    """Join one cell; returns whether the two sides differed."""
    a, b = _value(left, cell), _value(right, cell)
    if a is b:
        new.memory[cell] = a
        return False
    phi = new.terms.make("phi", pc, cell)
    united = combine(left.facts.range_of(a), right.facts.range_of(b))
    allowed: iv.IntSet = united[0] if len(united) == 2 else united
    new.memory[cell] = phi
    new.facts.sets.pop(phi, None)
    if allowed != iv.TOP:
        new.facts.sets[phi] = allowed
    return True


def _value(state: State, cell: Term) -> Term:
    if cell.op == "all":
        return state.memory.get(cell, cell)
    return state.read(cell)


def join(left: State, right: State, pc: int, *, widen: bool) -> State:
    """Return one state that covers both, which have the same locks up to saved values; the result is ``lossy``.

    With ``widen``, ``left`` is the older state of a loop head: bounds that move go to where they stay.
    """
    right = right.copy()
    left = left.copy()
    for state in (left, right):
        _retire(state, pc)
    new = left.copy()
    new.lossy = True
    new.memory = {}
    new.facts.sets = {}
    new.facts.relations = {}
    for term, allowed in left.facts.sets.items():
        other = right.facts.range_of(term)
        united = iv.widen(allowed, other) if widen else iv.join(allowed, other)[0]
        if united != iv.TOP:
            new.facts.sets[term] = united
    for relation in left.facts.relations:
        if relation in right.facts.relations:
            new.facts.relations[relation] = None
    _join_epochs(new, left, right, pc)
    new.calls = left.calls & right.calls
    new.stale = left.stale | right.stale
    new.same = {term: other for term, other in left.same.items() if right.same.get(term) is other}
    for cell in dict.fromkeys([*left.memory, *right.memory]):
        _join_cell(new, cell, left, right, pc, iv.widen if widen else iv.join)
    merge_needs(new, left, right)
    for lock in [*left.locks, *right.locks]:
        if lock not in new.locks:
            continue
        state_of_lock = join_locks(left.locks.get(lock), right.locks.get(lock))
        if state_of_lock is not None:
            new.locks[lock] = state_of_lock
    return new


def blur(states: list[State], pc: int, *, widen: bool = False) -> State:
    """Return one state for states with different locks: nothing is certain of those in which they differ."""
    named = {lock: known.kind for state in states for lock, known in state.locks.items()}
    named.update({lock: need.kind for state in states for lock, need in state.needs.items() if need.status == "held"})
    locks: dict[Term, LockState] = {}
    needs: dict[Term, Need] = {}
    for lock, kind in named.items():
        if len({(state.locks.get(lock), state.needs.get(lock)) for state in states}) == 1:
            if lock in states[0].locks:
                locks[lock] = states[0].locks[lock]
            if lock in states[0].needs:
                needs[lock] = states[0].needs[lock]
        elif not all(_is_untouched(state, lock) for state in states):
            locks[lock] = LockState("maybe", kind)
    result: State | None = None
    for state in states:
        alike = state.copy()
        alike.locks, alike.needs = locks.copy(), needs.copy()
        result = alike if result is None else join(result, alike, pc, widen=widen)
    assert result is not None
    result.lossy = True
    return result


def _is_untouched(state: State, lock: Term) -> bool:
    known = state.locks.get(lock)
    return known is None or (known.status == "free" and not known.depth and _is_as_on_entry(state, lock))


def _retire(state: State, pc: int) -> None:
    """Give values of an earlier visit of this join another name, so that today's are not taken for them."""
    met: set[Term] = set()
    for root in [*state.roots(), *state.facts.sets, *state.facts.relations]:
        _mark(root, met)
    merged = sorted((sub for sub in met if sub.op == "phi" and sub.args[0] == pc), key=lambda term: term.number)
    old = {sub: state.terms.make("phi", -1 - pc, sub.args[1]) for sub in merged}
    direct = {value for value in state.memory.values() if value in old}
    if not old:
        return
    # The cell's own current value keeps its range; every other mention becomes "some earlier value".
    kept = {term: state.facts.range_of(term) for term in sorted(direct, key=lambda term: term.number)}
    for term in list(state.facts.sets):
        if term not in kept and (term in old or not old.keys().isdisjoint(term.inside)):
            del state.facts.sets[term]
    for relation in list(state.facts.relations):
        if not old.keys().isdisjoint(relation.inside):
            del state.facts.relations[relation]
    memory = {}
    for cell, value in state.memory.items():
        if value in old and value.args[1] is cell:
            memory[cell] = value
        else:
            memory[state.terms.rebuild(cell, old.get, {})] = state.terms.rebuild(value, old.get, {})
    state.memory = memory
    state.locks = {state.terms.rebuild(lock, old.get, {}): info for lock, info in state.locks.items()}
    for term, allowed in kept.items():
        state.facts.sets[old[term]] = allowed


def agreement(left: State, right: State, live: Live) -> int:
    """Return how many live cells hold the same value in both."""
    return sum(1 for cell, value in left.memory.items() if right.memory.get(cell) is value and live(cell))
