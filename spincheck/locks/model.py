"""The types of lock knowledge: what the tables say once they are read.

Owns frozen structs only; `spincheck.locks.tables` makes them from TOML rows and the analysis turns
calls into lock events with them, so that no analysis ever looks at a function's name itself.
Arguments and parameters are numbered from 0 everywhere; -1 means "none".

A row is one (function, action) pair and not a pattern: `KeAcquireSpinLock` and what it expands to
are rows of their own, because the preprocessed text has one or the other and the report must
say the name that the user wrote.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["acquire", "release", "try", "convert"]
"""``acquire`` always succeeds (a result range then says what the result is); ``try`` holds only on success."""

Mode = Literal["exclusive", "shared", "any", "argument"]
"""``any``: a release that ends either mode; ``argument``: exclusive iff argument `Operation.mode_argument` is not zero."""

Model = Literal["kmdf", "wdm", "ndis", "storport", "any", "posix", "linux"]
"""Driver model, or the other world that a table is for."""

Path = tuple[str | int, ...]
"""The way to a value in a TOML file: names of tables, keys, and numbers of elements."""

DEFAULT_FAMILIES = ("windows",)
"""The lock tables of a run that names none."""

IrqlEffect = Literal["raise", "keep", "lower"]


class _Fact(msgspec.Struct, frozen=True):
    """Base of every fact: immutable and compared by content."""


class LockIdentity(_Fact, frozen=True):
    """How a call says which lock it is about.

    ``arguments`` together are the identity (usually one: the pointer or handle); empty for a global, or for
    a release through a queue handle alone. ``handle`` is the argument that is the queue handle. ``name`` is set for a lock
    that exists once. ``names``: a constant first argument that stands for a global lock, as (value, global's name); a name that ends
    in ``()`` is a sort of lock, told apart by the other arguments.
    """

    arguments: tuple[int, ...] = ()
    handle: int = -1
    name: str = ""
    names: tuple[tuple[int, str], ...] = ()


class Saved(_Fact, frozen=True):
    """Where the state that a release needs is kept.

    ``result``: the acquire returns it; ``out``: it stores it through pointer ``argument``; ``value``: the release
    takes it as ``argument``; ``handle``: inside the handle that ``argument`` points to; ``none``: nowhere, or in the lock.
    """

    where: Literal["none", "result", "out", "value", "handle"] = "none"
    argument: int = -1


class Condition(_Fact, frozen=True):
    """A test of one argument of a call; ``value`` counts for ``equals`` and ``bits`` (any of these bits set)."""

    argument: int
    test: Literal["null", "nonzero", "points_to_zero", "equals", "bits"]
    value: int = 0


class Operation(_Fact, frozen=True):
    """One row: what one function does to one kind of lock.

    ``success_ranges`` are the results (both ends included) that mean success; empty when the result says nothing. ``failure_range`` are
    the only others that there are, None for any other.
    ``always_if``: a ``try`` that holds whatever it returns when the condition is true. ``mode`` of a ``convert``
    is the mode afterwards. ``variant``: a release must match the variant of its acquire, see `Tables.compatible`.
    ``as_user_wrote`` are the names that a macro may have had in the source, the likeliest first.
    ``for_thread``: a release on behalf of the thread that acquired, which may have done so in another callback.
    ``tag`` is the argument that names the work that a carried lock is held for.
    ``signature`` is the C type, ``KIRQL (PKSPIN_LOCK)``; ``parameters`` their number, -1 when it was not given.
    """

    function: str
    action: Action
    kind: str
    lock: LockIdentity
    saved: Saved = Saved()
    success: str = ""
    success_ranges: tuple[tuple[int, int], ...] = ()
    failure_range: tuple[int, int] | None = None
    always_if: Condition | None = None
    mode: Mode = "exclusive"
    mode_argument: int = -1
    variant: str = "normal"
    irql: IrqlEffect = "keep"
    models: tuple[Model, ...] = ("any",)
    as_user_wrote: tuple[str, ...] = ()
    for_thread: bool = False
    tag: int = -1
    signature: str = ""
    parameters: int = -1


class Kind(_Fact, frozen=True):
    """A kind of lock.

    ``noun`` is what messages call it. ``counter``: not a lock with an owner but a depth (regions). ``recursive``: a second
    acquire by the holder is allowed and counts. ``spin``: the holder runs at DISPATCH_LEVEL or above, nothing may wait.
    ``shared``: has shared and exclusive modes. ``strict``: a second acquire while held, or a release while not held, is an error.
    ``storage`` names the object that the lock lives in: kinds with one storage are ways to take the same lock
    (an ordinary and a queued acquire of one KSPIN_LOCK). ``carried``: held for some work and not by a thread, so that another callback may
    give it back once the work has been handed on; ``pending`` is the result by which a callback says that it was, ``over`` are the calls that end
    the work, ``forwards`` those that pass it to another driver, which gives nothing back.
    ``releases`` are (variant of the acquire, variant of the release) that go together besides equal ones.
    """

    name: str
    noun: str
    counter: bool = False
    recursive: bool = False
    spin: bool = False
    shared: bool = False
    strict: bool = True
    storage: str = ""
    carried: bool = False
    releases: tuple[tuple[str, str], ...] = ()
    pending: int | None = None
    over: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()


class Hold(_Fact, frozen=True):
    """A lock that a role is entered with.

    ``lock`` names it by the callback's own arguments, or is a global. ``at_exit``: the callback must have ``released`` it, or
    must have ``kept`` it. ``saved_argument``/``saved_field``: the saved IRQL is that field of what that parameter points to.
    """

    kind: str
    lock: LockIdentity
    at_exit: Literal["released", "kept"]
    mode: Literal["exclusive", "shared"] = "exclusive"
    saved_argument: int = -1
    saved_field: str = ""


class Role(_Fact, frozen=True):
    """What a function with this role type promises.

    ``pattern`` matches the role type's name. ``balanced``: must end with what it began with; false for callbacks whose very
    purpose is to take or give back a lock (a cancel-safe queue's lock routines), which are judged like unknown callers'.
    ``irql``: the IRQL it is entered at, ``any`` where it is not documented or varies. ``concurrent``: several threads may run it at
    the same time for one object. ``inside``: the kinds of region that the system has entered for it. ``present``: the parameters that
    are never null. ``new``: those that are work (an IRP) which comes to the driver with this call. ``partner``: the
    role type of the callback, registered beside it, that gives back the lock which this one is there to take.
    """

    pattern: str
    model: Model
    holds: tuple[Hold, ...] = ()
    irql: Literal["passive", "apc", "dispatch", "device", "any"] = "any"
    balanced: bool = True
    concurrent: bool = False
    inside: tuple[str, ...] = ()
    present: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    partner: str = ""


class Immediate(_Fact, frozen=True):
    """A call that runs its argument ``callback`` at once under a lock; -1: one that only takes the lock and gives it back.

    ``passes`` are the call's arguments that the callback receives, in order; -1 for one that is not among them.
    """

    function: str
    callback: int
    kind: str
    lock: LockIdentity
    passes: tuple[int, ...] = ()


class Forbidden(_Fact, frozen=True):
    """A call that must not be made while a lock of one of ``kinds`` is held.

    ``when``: only if true; ``unless``: not if true. A condition whose truth is unknown makes no finding. ``locks``: only while one of
    these global locks is held, by name. ``as_user_wrote`` are the names that a macro may have had in the source, the likeliest first.
    """

    function: str
    kinds: tuple[str, ...]
    when: Condition | None = None
    unless: Condition | None = None
    rule: str = ""
    locks: tuple[str, ...] = ()
    as_user_wrote: tuple[str, ...] = ()

    def covers(self, kind: str, name: str) -> bool:
        """Whether holding a lock of this kind forbids the call; ``name`` is a global lock's, "" for any other."""
        return kind in self.kinds and (not self.locks or name in self.locks)


class Required(_Fact, frozen=True):
    """A call that needs a lock or region of one of ``kinds``; a held spin lock (APCs cannot come) satisfies it too."""

    function: str
    kinds: tuple[str, ...]
    rule: str = ""


class Handover(_Fact, frozen=True):
    """A call that hands work on to another callback, which may give back what is held of ``kinds``."""

    function: str
    kinds: tuple[str, ...]


class Creation(_Fact, frozen=True):
    """A call that creates a lock object; argument ``attributes`` must name the parent that the object belongs to.

    ``lock`` is the pointer that receives the handle; ``kind`` the kind of the new lock. ``parent`` is the field of the attributes that names
    the parent; ``cleared_by`` are the calls that make their first argument attributes without one.
    """

    function: str
    kind: str
    attributes: int
    lock: int
    parent: str
    cleared_by: tuple[str, ...] = ()


class Registration(_Fact, frozen=True):
    """Argument ``argument`` of ``function`` is a callback with role type ``role``.

    ``pattern``: ``function`` is a regular expression. ``through``: only when the call writes a field of this name, as
    ``InterlockedExchangePointer(&Irp->CancelRoutine, f)`` does for a macro that sets a field.
    """

    function: str
    argument: int
    role: str
    through: str = ""
    pattern: bool = False


class Slot(_Fact, frozen=True):
    """A function stored in field ``field`` (of a struct ``object``, or of any) has role type ``role``.

    ``pattern``: ``field`` and ``object`` are regular expressions. A field ``#N`` is the one at position N, from 0, of a structure whose
    definition is not seen.
    """

    field: str
    role: str
    object: str = ""
    pattern: bool = False


class Same(_Fact, frozen=True):
    """The result of ``function`` is its argument ``argument``, whatever its body does with types."""

    function: str
    argument: int


class Pure(_Fact, frozen=True):
    """Functions that give the same object for the same arguments: names, patterns, and exceptions to the patterns.

    ``threads`` are those whose result is the thread that runs.
    """

    names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
