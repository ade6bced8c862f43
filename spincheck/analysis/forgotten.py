"""Locks that a function leaves held although nobody in the whole program ever gives such a lock back, and the other way round.

Owns the last resort against a forgotten release. A function with callers may leave a lock held: they answer for it. Of one whose callers
nobody knows, and of callers that had to be given up, that says nothing. But whoever takes a lock for somebody else does so because somewhere
it is given back by code that did not take it. Where the program has no such release, of this lock or of one that might be it, and other
functions take the lock and give it back themselves, the one that leaves it held has forgotten it.

The mirror of it: whoever gives back a lock that he did not take does so because somewhere it is left held. Where nobody leaves such a lock held, and
others balance it, it was never taken: that tells on a helper that came by the object itself, so that no caller can be asked.

Of a function whose callers nobody knows, what all others come to in the end says more: its own are calls through pointers, which touch no lock, so that a lock
that it leaves held stays so unless some other callback, or function without known callers, comes to give one back that nobody has taken. Helpers that take
for their callers, and that give back for them, are none of it.

Doubt is silence: a release of a lock without a name may be of any lock of its kind, and so may one whose name nobody leaves held, since
the names of one lock may differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from spincheck.analysis.keeping import Ledger, LockClass


class Forgotten:
    """Knows of a whole program's ledgers which locks nobody gives back, and which nobody leaves held."""

    def __init__(self, ledgers: Iterable[Ledger]) -> None:
        left: dict[LockClass, None] = {}
        returned: dict[LockClass, None] = {}
        balanced: dict[LockClass, None] = {}
        unseen: dict[str, None] = {}
        dangling: dict[LockClass, None] = {}
        claimed: dict[LockClass, None] = {}
        for ledger in ledgers:
            left.update(dict.fromkeys(ledger.left))
            returned.update(dict.fromkeys(ledger.returned))
            balanced.update(dict.fromkeys(ledger.balanced))
            unseen.update(dict.fromkeys(ledger.open))
            dangling.update(dict.fromkeys(ledger.dangling))
            claimed.update(dict.fromkeys(ledger.claimed))
        self._unseen = unseen
        self._dangling = tuple(dangling)
        self._claimed = tuple(claimed)
        self._never_claimed = _unmatched(dangling, claimed)
        self._never_dangling = _unmatched(claimed, dangling)
        self._left = tuple(left)
        self._open = {*unseen, *_unmatched(left, returned)}
        self._returned = tuple(returned)
        self._balanced = tuple(balanced)
        self._strays = _unmatched(returned, left)

    def is_forgotten(self, lock: LockClass) -> bool:
        """Tell whether others take this lock and give it back themselves, and nobody gives it back for somebody else."""
        if lock.storage in self._strays or _is_among(lock, self._returned):
            return False
        return _is_among(lock, self._balanced)

    def is_never_left(self, lock: LockClass) -> bool:
        """Tell whether others take this lock and give it back themselves, and nobody leaves it held for somebody else."""
        if lock.storage in self._open or _is_among(lock, self._left):
            return False
        return _is_among(lock, self._balanced)

    def is_claimed(self, lock: LockClass) -> bool:
        """Tell whether somebody may give back a lock that was left held with no caller to answer for it."""
        return lock.storage in self._unseen or lock.storage in self._never_dangling or _is_among(lock, self._claimed)

    def is_dangling(self, lock: LockClass) -> bool:
        """Tell whether somebody may leave a lock held with no caller to answer for it."""
        return lock.storage in self._unseen or lock.storage in self._never_claimed or _is_among(lock, self._dangling)


def _is_among(lock: LockClass, others: Iterable[LockClass]) -> bool:
    return any(lock.may_be(other) for other in others)


def _unmatched(ones: Iterable[LockClass], others: Collection[LockClass]) -> set[str]:
    """Return the storages of those locks that are none of the others."""
    return {one.storage for one in ones if not _is_among(one, others)}
