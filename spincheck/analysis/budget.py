"""How much one function may cost.

Owns the budgets of the fixpoint's runs. They count states and steps, never time, so that a verdict does not depend on the machine. A function gets a glance first; what
that does not settle is looked at in full, and what is too much for that coarsely, which covers every path too.
"""

from __future__ import annotations

from typing import NamedTuple


class Budget(NamedTuple):
    """How much one function may cost.

    ``disjuncts``: states kept apart at one join; ``steps``: instructions interpreted, a call counting once for each case, before the budget of disjuncts shrinks to a few;
    ``turns``: visits of a loop head with one set of locks before the loop is widened, where the loop touches
    locks, and where it does not; ``lock_sets``: sets of locks kept apart at one point, of those over it no lock is certain, and the
    report says so; ``trusted``: whether a way out that could not be confirmed is believed.
    """

    disjuncts: int = 32
    steps: int = 2_000
    turns: int = 4
    idle_turns: int = 2
    lock_sets: int = 64
    trusted: bool = True


GLANCE = Budget(disjuncts=1, turns=1, idle_turns=1, steps=600, lock_sets=12)
"""One state per set of locks: enough where it already shows that nothing is wrong, and soon over where it does not."""

COARSE = Budget(disjuncts=1, turns=1, idle_turns=1, lock_sets=32, trusted=False)
"""The same with more patience, for a function of which more is too much."""
