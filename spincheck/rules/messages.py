"""How each defect is said, whatever the rule: one sentence in the manner of rustc, with the names that the source has.

All messages stand in one table because the defect makes the sentence and the rule only its name: a lock that is held at the
end of a callback is told in the same words whether Microsoft calls that SpinlockRelease or WdfSpinlock.
"""

from __future__ import annotations

import functools

from spincheck.analysis.findings import Defect, Finding
from spincheck.locks import tables
from spincheck.locks.model import Kind

_LOCK: dict[Defect, str] = {
    "held-at-exit": "{lock} is still held when {entry} returns",
    "not-held-at-exit": "{lock} is no longer held when {entry} returns, which must keep it",
    "acquired-twice": "{lock} is acquired while already held",
    "released-unheld": "{lock} is released while not held",
    "wrong-variant": "{lock} is {acquired} but released by {release}",
    "wrong-irql": "{lock} is released with an IRQL that its acquire did not save",
    "irql-overwritten": "the IRQL saved for {lock} is overwritten{by} before it is used",
    "irql-uninitialised": "{lock} is released with an IRQL that was never saved",
    "handle-reused": "the queue handle{of_other} is used again for {lock} while in use",
    "inconsistent-exit": "{lock} is held on one way out of `{function}` but not on another with the same result",
    "failure-holds": "{lock} is held when `{function}` fails but not when it succeeds",
    "never-taken": "{lock} is not acquired by {entry}, and released by `{partner}` afterwards",
    "never-given-back": "{lock} is not released by {entry}, and acquired by `{partner}` before",
    "needs-and-leaves": "`{function}` needs {lock} held and leaves {other} held",
    "call-while-holding": "{call} is called while {lock} is held",
    "call-without-holding": "{call} is called without {lock} held",
    "order-cycle": "{lock} is acquired while {other} is held, elsewhere in the opposite order",
    "parent-object": "{lock} is created without the parent object that its attributes should name",
}

# A region is entered and left, not acquired and released.
_COUNTER: dict[Defect, str] = {
    "held-at-exit": "{lock} is still entered when {entry} returns",
    "not-held-at-exit": "{lock} is no longer entered when {entry} returns, which must stay in it",
    "acquired-twice": "{lock} is entered while already entered",
    "released-unheld": "{lock} is left without having been entered",
    "call-without-holding": "{call} is called outside {a_lock}",
    "call-while-holding": "{call} is called inside {a_lock}",
}

# An IRQL is raised and lowered.
_IRQL: dict[Defect, str] = {
    "held-at-exit": "the IRQL is still raised when {entry} returns",
    "not-held-at-exit": "the IRQL is no longer raised when {entry} returns, which must keep it",
    "acquired-twice": "the IRQL is raised while already raised",
    "released-unheld": "the IRQL is lowered without having been raised",
    "call-without-holding": "{call} is called without a raised IRQL",
    "call-while-holding": "{call} is called at a raised IRQL",
}


@functools.cache
def _known_kinds() -> dict[str, Kind]:
    return dict(tables.load(tables.families()).kinds)


@functools.cache
def _globals() -> frozenset[str]:
    """Return the names of the locks that exist once; they need no quotes."""
    names: set[str] = set()
    for fragment in tables.built_in():
        locks = [row.value.lock for row in fragment.operations] + [
            row.value.lock for row in fragment.immediate
        ]
        locks += [hold.lock for row in fragment.roles for hold in row.value.holds]
        for lock in locks:
            names.update([lock.name, *(name for _, name in lock.names)])
    return frozenset(names - {""})


def kind_of(name: str, known: tables.Tables | None = None) -> Kind:
    """Return the kind called ``name``; one that no table has is a plain lock."""
    if known is not None and name in known.kinds:
        return known.kinds[name]
    return _known_kinds().get(name, Kind(name=name, noun="lock"))


def _named(kind: Kind, lock: str) -> str:
    if lock in _globals() or lock in {"", kind.noun}:
        return f"the {lock or kind.noun}"
    return f"{kind.noun} `{lock}`"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiouAEIOU' or noun.startswith('NDIS') else 'a'} {noun}"


def message(finding: Finding, known: tables.Tables | None = None) -> str:
    """Return the message of a finding: lower case, no full stop."""
    kind = kind_of(finding.kind, known)
    acquire = finding.operations[0] if finding.operations else ""
    release = finding.operations[-1] if finding.operations else ""
    lock = _named(kind, finding.lock)
    call = finding.other or release
    entry = finding.entry or finding.function.name
    by_role = len(finding.operations) > 1 and acquire != release
    counted = _IRQL if kind.name == "irql" else _COUNTER if kind.counter and not kind.carried else {}
    form = counted.get(finding.defect, _LOCK[finding.defect])
    if finding.defect == "call-without-holding" and not finding.lock:
        lock = _article(kind.noun)
    return form.format(
        lock=lock,
        a_lock=_article(kind.noun),
        entry=f"callback `{entry}`" if finding.role else f"`{entry}`",
        acquired=f"acquired by `{acquire}`" if by_role else "acquired in another way",
        release=f"`{release}`" if release else "a call of another variant",
        by=f" by the acquire of `{finding.other}`" if finding.other else "",
        partner=finding.other,
        of_other=f" of `{finding.other}`" if finding.other else "",
        other=f"`{finding.other}`" if finding.other else "another lock",
        call=f"`{call}`" if call else "a call",
        function=finding.function.name,
    )
