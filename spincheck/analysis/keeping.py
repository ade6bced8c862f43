"""Locks across functions: which ones a function gives back that it did not take.

Owns the names by which a lock is known outside a function, and one function's books over locks that others took: what its callees leave it,
and what it releases without having acquired it. `spincheck.analysis.forgotten` compares the books of a whole program.

A lock is known across functions by the members that lead to it, from the end: ``&dev->Queue.Lock`` is ``Queue.Lock`` of something. A lock without
such a name may be any of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from spincheck.domain.lockstate import LockState
from spincheck.domain.terms import Term, Terms

MAX_NAMES = 3
"""Members that name a lock; what is further away from it is where its object happens to be."""


STEADY = frozenset(("param", "global", "local", "lock", "init"))
"""Roots of locks that are the same whatever a loop walks over."""


class LockClass(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of a lock without its function: where it lives (``storage`` of its kind) and the last members of its path, the outermost first.

    ``rooted``: the first name is a global variable's, so that there is nothing further out.
    """

    storage: str
    names: tuple[str, ...]
    rooted: bool = False

    def may_be(self, other: LockClass) -> bool:
        """Tell whether two may be one lock: the same names as far as both have any."""
        if self.storage != other.storage:
            return False
        if self.rooted and other.rooted:
            return self.names == other.names
        shorter, longer = sorted((self.names, other.names), key=len)
        return not shorter or longer[-len(shorter) :] == shorter


class Ledger(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One function's use of locks: ``left`` held when it ends, ``returned`` without having been taken here, ``balanced`` in itself; ``lent`` by callees.

    ``open``: storages of locks of which a function that was given up may have left any held. ``dangling`` and ``claimed`` are the locks that it leaves
    held, and that it gives back without anybody having taken them, as far as no caller answers for it: it has none, or they cannot name the lock.
    """

    left: tuple[LockClass, ...] = ()
    returned: tuple[LockClass, ...] = ()
    balanced: tuple[LockClass, ...] = ()
    lent: tuple[LockClass, ...] = ()
    open: tuple[str, ...] = ()
    dangling: tuple[LockClass, ...] = ()
    claimed: tuple[LockClass, ...] = ()


def class_of(lock: Term, storage: str) -> LockClass:
    """Return a lock's class; without names where it is known by a bare pointer or a queue handle only."""
    names: list[str] = []
    while len(names) < MAX_NAMES:
        if lock.op == "field":
            names.append(lock.args[1])
        elif lock.op in {"global", "lock"}:
            return LockClass(storage, (*reversed([*names, str(lock.args[0])]),), rooted=True)
        if lock.op not in {"field", "elem", "init", "cell"}:
            break
        if lock.op in {"init", "cell"} and names:
            break
        lock = lock.args[0]
    return LockClass(storage, tuple(reversed(names)))


class Books:
    """What one function does with locks of others: those that its callees leave it (``lent``), and those that it gives back without having taken them itself.

    ``unclear`` are locks that may be given back where no path was followed.

    ``loop`` is the loop that the function is in, below 0 outside of any.
    """

    def __init__(self, storage: Callable[[str], str]) -> None:
        self._storage = storage
        self.lent: dict[LockClass, None] = {}
        self.taken: dict[LockClass, None] = {}
        self.loop = -1
        self._taken_in: dict[LockClass, set[int]] = {}
        self._returned_in: dict[LockClass, set[int]] = {}
        self.returned: dict[LockClass, None] = {}
        self.unclear: dict[LockClass, None] = {}

    def lend(self, lock: Term, kind: str) -> None:
        """A callee leaves this lock held."""
        name = class_of(lock, self._storage(kind))
        self.lent[name] = None
        self._taken_in.setdefault(name, set()).add(self.loop)

    def take(self, lock: Term, kind: str) -> None:
        """The function takes this lock itself."""
        name = class_of(lock, self._storage(kind))
        self.taken[name] = None
        self._taken_in.setdefault(name, set()).add(self.loop)

    def is_lent(self, lock: Term, kind: str) -> bool:
        """Tell whether a callee left a lock held that may be this one."""
        mine = class_of(lock, self._storage(kind))
        return any(mine.may_be(other) for other in self.lent)

    def give_back(self, lock: Term, held: LockState | None, kind: str, *, is_callers: bool) -> None:
        """A lock is released in state ``held``; what this function has taken itself is not recorded, nor (``is_callers``) what callers will name."""
        name = class_of(lock, self._storage(kind))
        self._returned_in.setdefault(name, set()).add(self.loop)
        if held is not None and held.status == "held" and held.depth > 0 and not self.is_lent(lock, kind):
            return
        if not (is_callers and lock.op == "param"):
            self.returned[name] = None

    def is_walked(self, lock: Term, kind: str) -> bool:
        """Tell whether one loop takes locks like this one and another loop only gives them back: which of them are held then is for the objects to say."""
        if lock.op == "held_by" or Terms.root(lock).op in STEADY or any(isinstance(step, Term) for step in Terms.path(lock)):
            return False  # elements of an array are known by their indices
        name = class_of(lock, self._storage(kind))
        taken = {loop for one, loops in self._taken_in.items() if one.may_be(name) for loop in loops}
        returned = {loop for one, loops in self._returned_in.items() if one.may_be(name) for loop in loops}
        return any(loop >= 0 for loop in taken) and any(loop >= 0 for loop in returned - taken)

    def unseen(self, kinds: Iterable[str]) -> None:
        """Locks of these kinds may be given back where no path was followed."""
        for kind in kinds:
            unnamed = LockClass(self._storage(kind), ())
            self.returned[unnamed] = self.unclear[unnamed] = None
