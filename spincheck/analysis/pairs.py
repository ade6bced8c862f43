"""Callbacks that are registered in pairs, one to take a lock and the other to give it back.

Owns their one defect that neither shows by itself: what the one does not take, the other gives back. Each alone may do what it likes, because whoever
calls them is the system; both together must do nothing. They are compared by the names that their ledgers have for locks, and only
where one of the two leaves locks alone: that they name one lock differently proves nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from spincheck.analysis.keeping import Ledger, LockClass


class Unpaired(NamedTuple):
    """What is missing: ``taker`` tells which of the two does not do its part for the lock."""

    defect: Literal["never-taken", "never-given-back"]
    lock: LockClass


def unpaired(taker: Ledger, giver: Ledger) -> Unpaired | None:
    """Compare the ledgers of two callbacks of a pair; None where they go together, or one of them is not known."""
    if taker.open or giver.open:
        return None
    if giver.returned and not (taker.left or taker.balanced or taker.returned):
        return Unpaired("never-taken", giver.returned[0])
    if taker.left and not (giver.returned or giver.balanced or giver.left):
        return Unpaired("never-given-back", taker.left[0])
    return None
