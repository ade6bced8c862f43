"""The path that a state has come by, as a graph that shares its beginnings.

Owns the nodes that a state's ``trace`` points to. A node is a decision (which way a branch went, which case of a callee was
taken), a lock operation, or a merge with several parents, so a merged state still knows every path that it stands for.
Paths take no part in equality or convergence: they only explain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from spincheck.domain.terms import Term

NodeKind = Literal["start", "branch", "acquire", "release", "call", "merge", "raise"]


class Node:
    """One step. ``parents`` has one element but for a merge. ``choice`` tells the outcomes of one decision at ``pc`` apart.

    ``lock`` is the lock of an operation; for a call, ``case`` is the case of the callee's summary that was taken and ``locks`` what it did:
    (lock, status after), with the first one's name there as ``text``.
    """

    __slots__ = ("at", "case", "choice", "function", "kind", "lock", "locks", "parents", "pc", "text")

    def __init__(
        self,
        kind: NodeKind,
        parents: tuple[Node, ...],
        pc: int,
        at: int,
        *,
        choice: int = 0,
        text: str = "",
        lock: Term | None = None,
        locks: tuple[tuple[Term, str], ...] = (),
        function: str = "",
        case: int = -1,
    ) -> None:
        self.kind: NodeKind = kind
        self.parents = parents
        self.pc = pc
        self.at = at
        self.choice = choice
        self.text = text
        self.lock = lock
        self.locks = locks
        self.function = function
        self.case = case


def start() -> Node:
    """Return the root of a function's paths."""
    return Node("start", (), -1, 0)


def merge(nodes: list[Node], pc: int) -> Node:
    """Return the node of a state that stands for all of ``nodes``."""
    parents = tuple(dict.fromkeys(nodes))
    return parents[0] if len(parents) == 1 else Node("merge", parents, pc, 0)


def ancestors(node: Node) -> Iterator[Node]:
    """Yield the node and everything before it on any path, each once."""
    seen = {id(node)}
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        for parent in current.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                stack.append(parent)


def back(node: Node) -> Iterator[Node]:
    """Yield the steps of one path to ``node`` from its end to its start, taking the first parent at each merge."""
    current: Node | None = node
    while current is not None:
        if current.kind not in {"merge", "start"}:
            yield current
        current = current.parents[0] if current.parents else None


def acquired_at(node: Node, lock: Term) -> int:
    """Return the point at which one path to ``node`` came to hold a lock last, below 0 where it has another name by now."""
    for step in back(node):
        if (step.kind == "acquire" and step.lock is lock) or (step.kind == "call" and any(one is lock and status == "held" for one, status in step.locks)):
            return step.pc
    return -1


def first_path(node: Node) -> list[Node]:
    """Return the steps of `back` from the start to ``node``."""
    path = list(back(node))
    path.reverse()
    return path


def is_single(node: Node) -> bool:
    """Tell whether exactly one path leads to ``node``."""
    return all(len(step.parents) <= 1 for step in ancestors(node))
