"""The state of one lock on one path.

Owns the small lattice under every verdict: free, held (how, how often, since which call), or not certain.
``maybe`` is the top; it is reached only where one state stands for several (an element of an array after a loop was
widened, a call into code that nobody has seen), never by joining two branches, and nothing is ever
reported about a lock that is in it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from spincheck.domain.intervals import IntSet
from spincheck.domain.terms import Term

Status = Literal["free", "held", "maybe"]

Reason = frozenset[tuple[Term, IntSet]]

MAX_COUNT = 4
"""Recursive acquires and region depths are counted exactly up to here; beyond, the state is not certain."""


class LockState(NamedTuple):
    """What is known of one lock.

    ``depth`` is how often it is held (recursive kinds and counters, relative to the entry), else 1 when held, and 2 once it was
    acquired again in error. ``operation`` is the function that acquired (or released) it,
    ``variant`` its variant. ``saved`` is the IRQL that the acquire saved, ``handle`` the address of the queue handle in use. ``reason``:
    the facts for which a helper that chooses among locks chose this one; paths with different reasons stay apart.
    """

    status: Status
    kind: str
    depth: int = 0
    mode: str = "exclusive"
    operation: str = ""
    variant: str = "normal"
    saved: Term | None = None
    handle: Term | None = None
    reason: Reason = frozenset()


class Need(NamedTuple):
    """What a lock must be when the function is entered, so that this path is in order.

    ``doubtful``: the operation may have meant another lock that aliases; a need that is not met is then no defect.
    ``tried``: a try succeeded, which cannot be where the lock is held; such a path is then not taken.
    ``at`` and ``operation`` say which operation first asked for it; for a release, ``variant`` and ``irql`` are what it will be released
    with.
    """

    status: Literal["free", "held"]
    kind: str
    at: int
    operation: str
    doubtful: bool = False
    variant: str = ""
    irql: Term | None = None
    tried: bool = False


def join(left: LockState | None, right: LockState | None) -> LockState | None:
    """Return the least state above both; None is a lock that was not touched."""
    if left == right:
        return left
    one = left or right
    if one is None:
        return None
    if left is not None and right is not None and left.status == right.status and left.depth == right.depth:
        same_handle = left.handle if left.handle is right.handle else None
        same_saved = left.saved if left.saved is right.saved else None
        return left._replace(handle=same_handle, saved=same_saved)
    return LockState("maybe", one.kind)


def leq(left: LockState | None, right: LockState | None) -> bool:
    """Tell whether ``right`` covers everything that ``left`` says can be."""
    return join(left, right) == right
