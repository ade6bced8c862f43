"""What the analysis finds, before anybody gives it a rule's name or a line number.

Owns the types of a finding and its path. Everything is symbolic: a place is a function and a
token ordinal, so a finding can be kept under a content key and told again after the file has moved.
Rules turn the defect into names and a message, the driver turns places into lines.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from spincheck.diagnostics import Severity, StepKind

Defect = Literal[
    "held-at-exit",  # a callback returns holding a lock that it did not enter with
    "not-held-at-exit",  # a callback gave back a lock that its role must keep
    "acquired-twice",  # acquired while already held
    "released-unheld",  # released while not held
    "wrong-variant",  # released by the call of another variant than it was acquired by
    "wrong-irql",  # released with an IRQL that this acquire did not save
    "irql-overwritten",  # the saved IRQL was overwritten by a nested acquire before use
    "irql-uninitialised",  # released with an IRQL that nothing ever saved
    "handle-reused",  # a queue handle used for a second acquire while in use
    "inconsistent-exit",  # ways out that agree in result and arguments but not in what they hold
    "failure-holds",  # a failure result holds what success does not (warning)
    "never-taken",  # a callback that is there to take a lock for another one takes none (warning)
    "never-given-back",  # a callback that is there to give back another one's lock gives back none (warning)
    "needs-and-leaves",  # needs one lock while leaving another held, with no caller known (warning)
    "call-while-holding",  # a call that must not be made while this kind of lock is held
    "call-without-holding",  # a call that needs a lock or region that is not held
    "order-cycle",  # two locks taken in both orders
    "parent-object",  # a lock created without the parent object that its attributes should name
]


class FunctionRef(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A function of the program: the source of its unit as the line markers name it, and its name."""

    unit: str
    name: str


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One step of a path; see `spincheck.diagnostics.TraceStep` for the words."""

    kind: StepKind
    function: FunctionRef
    at: int
    depth: int
    message: str


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """One defect at one place.

    ``kind`` is the lock kind of the lock tables (``spin``, ``queued``, ``wdfspin`` …); ``operations`` the names of the acquire and release
    (or forbidden) functions involved as the preprocessed text has them, acquire first; ``lock`` the access path as
    the source would write it; ``other`` a second lock (order, nested IRQL) or called function, or "". ``entry`` is the callback through which
    it is reached and ``role`` its role type ("" where there is none). ``context`` is a hash of the
    tokens around, for the fingerprint. ``doubt`` says why it is not certain ("" for errors).
    """

    defect: Defect
    severity: Severity
    kind: str
    operations: tuple[str, ...]
    lock: str
    other: str
    function: FunctionRef
    at: int
    entry: str
    role: str
    model: str
    doubt: str
    trace: tuple[Step, ...]


class Imprecision(msgspec.Struct, frozen=True, array_like=True):
    """A budget that ran out, or a call that could not be followed: what the verdict does not cover."""

    function: FunctionRef
    at: int
    reason: str


class Account(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a function came to its summary, for whoever explains what was analysed again.

    ``key`` is that of its header, ``summary`` the digest of its summary, ``standing`` how strictly it is judged. ``anew`` says that it was
    analysed and not remembered; then ``callees`` are the names that it calls, with the definitions that they mean.
    """

    function: FunctionRef
    key: str
    standing: str
    summary: str
    anew: bool
    callees: tuple[tuple[str, FunctionRef | None], ...] = ()


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """All that `analyse` says of one program, in a fixed order."""

    findings: tuple[Finding, ...]
    imprecise: tuple[Imprecision, ...]
    lock_relevant: int
    analysed: int
    functions_analysed: int
    functions_reused: int
    accounts: tuple[Account, ...] = ()
