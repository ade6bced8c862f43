"""A whole program, or one unit of it: summaries bottom-up, then findings.

Owns `analyse`, the one way from units to findings. A unit check is the list of one unit in an open world, where functions that are not here are
holes; a driver check is the list of all its units in a closed world, where the holes are filled. Summaries are remembered under
keys of what they depend on: the function's own key, its standing, the tables, and the digests of its callees'
summaries. When a callee changes and its summary does not, its callers are not looked at. Other processes may help (`spincheck.analysis.waves`): they
have a program of the same units, and what they summarise comes back under the same keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from spincheck.analysis.callgraph import CallGraph, Node
from spincheck.analysis.calls import Callee
from spincheck.analysis.causes import Told
from spincheck.analysis.findings import Account, Imprecision, Outcome
from spincheck.analysis.flat import flat_summary
from spincheck.analysis.function import analyse_function
from spincheck.analysis.keeping import Ledger
from spincheck.analysis.orders import Order
from spincheck.analysis.recursion import unbounded, widened
from spincheck.analysis.summaries import (
    Kept,
    Summary,
    decode,
    encode,
)
from spincheck.analysis.surroundings import Surroundings
from spincheck.analysis.telling import Knowledge, Telling
from spincheck.analysis.waves import FUNCTION, Known, Settled, Team, settle
from spincheck.ir import FILE_SCOPE, Function, UnitRecord
from spincheck.locks.tables import Tables
from spincheck.memory import Memory
from spincheck.progress import Progress, unwatched

ANALYSER_VERSION = "9"
"""Part of every summary's key; changed whenever the same code could get another summary."""

World = Literal["open", "closed"]

NEUTRAL_LINES = 60
"""A function that reaches no lock operation is followed path by path up to this size; of larger and recursive ones only the writes are kept."""

EXACT_ROUNDS = 3
"""Rounds for a recursive component before its cases are widened."""

MAX_ROUNDS = 9
"""Rounds for a recursive component before its summaries are given up as "may do anything"."""

INDEX_COMPONENTS = 100
"""From this many strongly connected components on, a program keeps an index of its summaries: below, reading them costs less than writing it."""

FEW_MEMBERS = 3
"""Functions of a recursion that are followed like any other; those of a larger one cost each other's cases many times."""


class Module(Protocol):
    """What the analysis needs of a unit."""

    @property
    def record(self) -> UnitRecord:
        """What the unit says about itself."""
        ...

    def code(self, name: str) -> Function:
        """Return a function's code; it is asked for only when its summary is not remembered."""
        ...


def analyse(
    units: Sequence[Module], world: World, tables: Tables, memory: Memory, team: Team | None = None, progress: Progress = unwatched
) -> Outcome:
    """Return all findings of a program. The order of ``units`` does not matter, nor whether a ``team`` helps."""
    try:
        return _Program(units, world, tables, memory, progress=progress).outcome(team)
    except _LostError:
        return _Program(units, world, tables, memory, progress=progress, index=False).outcome()


def prepare(unit: Module, tables: Tables, memory: Memory) -> None:
    """Put those summaries of a unit into the memory that will be the same in any program: whoever reads units in parallel summarises in parallel."""
    _Program([unit], "open", tables, memory, index=False).settle()


class Helper:
    """A program in another process, which summarises some components of it; both number components alike."""

    def __init__(self, units: Sequence[Module], world: World, tables: Tables, memory: Memory) -> None:
        self._program = _Program(units, world, tables, memory, index=False)
        self._program.arrange()

    def learn(self, news: Sequence[Settled]) -> None:
        """Take over what others have summarised."""
        for settled in news:
            self._program.accept(settled)

    def settle(self, number: int) -> Settled:
        """Summarise a component whose callees have been learnt; nothing is known of it afterwards when one of them is lost."""
        try:
            self._program.compute(number)
        except _LostError:
            return Settled(number)
        return next(iter(self._program.settled([number])), Settled(number))


class Note(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a program's index says of a summary: its digest, whether it has nothing that is told, and its ledger."""

    digest: str
    quiet: bool
    ledger: Ledger = Ledger()


_INDEX = msgspec.msgpack.Decoder(dict[str, Note])


class _LostError(Exception):
    """A summary that the index knows is gone."""


class _Program:
    """``index``: whether to take digests from the program's index, so that a summary nobody asks for is not even read."""

    def __init__(
        self, units: Sequence[Module], world: World, tables: Tables, memory: Memory, *, progress: Progress = unwatched, index: bool = True
    ) -> None:
        self._progress = progress
        self._units = units
        self._world = world
        self._tables = tables
        self._memory = memory
        self._graph = CallGraph([unit.record for unit in units], tables, whole=world == "closed")
        self._summaries: dict[int, Summary] = {}
        self._digests: dict[int, str] = {}
        self._imprecise: list[Imprecision] = []
        self._analysed = 0
        self._anew: set[int] = set()
        self._reused = 0
        self._codes: dict[int, Function] = {}
        self._exacts: dict[int, Summary] = {}
        self._use_index = index
        self._index: dict[str, Note] = {}
        self._notes: dict[str, Note] = {}
        self._later: dict[int, str] = {}
        self._recursive: set[int] = set()
        self._mutual: set[int] = set()
        self._components: list[list[Node]] = []
        self._numbers: dict[int, int] = {}
        self._keys: dict[int, str] = {}

    def outcome(self, team: Team | None = None) -> Outcome:
        components = self.arrange()
        self._load_index(len(components))
        if team is None:
            for number, component in enumerate(components):
                self._component(component)
                self.watch(number + 1)
        else:
            settle([(self._weight(component), self._below(component)) for component in components], self, team)
            self._attribute()
        self._keep_index(len(components))
        telling = Telling(self._graph, self._tables, self._known(), closed=self._world == "closed")
        told: list[Told] = []
        kept: list[tuple[Node, Kept]] = []
        for node in self._graph.nodes:
            if id(node) not in self._digests or (id(node) in self._later and self._notes[self._later[id(node)]].quiet):
                continue
            summary = self._summary(node)
            assert summary is not None
            for at, reason in summary.imprecise:
                self._imprecise.append(Imprecision(node.ref, at, reason))
            for local in summary.findings:
                one = telling.told(node, local)
                if local.unnamed and one.finding.function == node.ref:
                    self._imprecise.append(Imprecision(node.ref, local.at, f"`{local.lock}` is held in an object that has no name here"))
                else:
                    told.append(one)
            kept += [(node, one) for one in summary.kept]
        relevant = [node for node in self._graph.nodes if self._graph.is_relevant(node) and node.header.name != FILE_SCOPE]
        return Outcome(
            findings=tuple(telling.findings(told, kept)),
            imprecise=tuple(self._imprecise),
            lock_relevant=len(relevant),
            analysed=sum(1 for node in relevant if id(node) in self._digests),
            functions_analysed=self._analysed,
            functions_reused=self._reused,
            accounts=tuple(self._account(node) for node in self._graph.nodes if id(node) in self._digests),
        )

    def _known(self) -> Knowledge:
        """Return what is known of the functions now; of summaries that were not read yet nothing is told, and their orders are none."""

        def ledger(node: Node) -> Ledger | None:
            note = self._notes.get(self._keys.get(id(node), ""))
            return None if note is None else note.ledger

        def orders() -> list[tuple[int, Order]]:
            summaries = (self._summaries.get(id(node)) for node in self._graph.nodes)
            return [(number, order) for number, summary in enumerate(summaries) if summary for order in summary.orders]

        return Knowledge(
            self._summary, self._exact, self._code, ledger,
            lambda: (self._notes[key].ledger for key in dict.fromkeys(self._keys.values()) if key in self._notes), orders,
        )

    def _account(self, node: Node) -> Account:
        anew = id(node) in self._anew
        callees = ((name, node.callees.get(name)) for name in node.header.calls) if anew else ()
        return Account(
            node.ref, node.header.key, self._graph.standing(node).kind, self._digests[id(node)], anew,
            tuple((name, None if callee is None else callee.ref) for name, callee in callees),
        )

    def settle(self) -> None:
        """Summarise what other units cannot change: functions that nobody else can call, and that call nothing that is not here."""
        settled: set[int] = set()
        for component in self._graph.components():
            members = {id(node) for node in component}
            if all(self._is_settled(node, settled | members if len(members) > 1 else settled) for node in component):
                self._component(component)
                settled |= members

    def _is_settled(self, node: Node, settled: set[int]) -> bool:
        if not node.header.static and self._graph.standing(node).kind != "entry":
            return False
        for name in node.header.calls:
            callee = node.callees.get(name)
            if id(callee) not in settled and (callee is not None or self._status(node, name) == "hole") and callee is not node:
                return False
        return True

    # --- the index ---

    def _index_key(self) -> str:
        parts = [ANALYSER_VERSION, self._world, self._tables.digest, *sorted(record.source for record in self._graph.records)]
        return hashlib.blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=20).hexdigest()

    def _load_index(self, components: int) -> None:
        if self._use_index and components >= INDEX_COMPONENTS:
            data = self._memory.get("summary", self._index_key())
            try:
                self._index = _INDEX.decode(data) if data is not None else {}
            except (msgspec.DecodeError, ValueError):
                self._index = {}

    def _keep_index(self, components: int) -> None:
        if components >= INDEX_COMPONENTS and self._notes != self._index:
            self._memory.put("summary", self._index_key(), msgspec.msgpack.encode(self._notes))

    def _summary(self, node: Node) -> Summary | None:
        """Return a function's summary, if it has one by now; reads what only the index spoke of."""
        summary = self._summaries.get(id(node))
        key = self._later.get(id(node)) if summary is None else None
        if key is not None:
            data = self._memory.get("summary", key)
            summary = decode(data) if data is not None else None
            if summary is None:
                raise _LostError
            self._summaries[id(node)] = summary
        return summary

    # --- summaries ---

    def _component(self, members: list[Node]) -> None:
        if not self._recall(members):
            self._compute(members)

    def _recall(self, members: list[Node]) -> bool:
        """Take the summaries of a component from memory; False when they are not there."""
        recursive = len(members) > 1 or any(callee is members[0] for callee in members[0].callees.values())
        if recursive:
            self._recursive.update(id(node) for node in members)
        if len(members) > FEW_MEMBERS:
            self._mutual.update(id(node) for node in members)
        keys = {id(node): self._key(node, members if recursive else []) for node in members}
        self._keys.update(keys)
        if all(key in self._index for key in keys.values()):
            for node in members:
                key = self._later[id(node)] = keys[id(node)]
                note = self._notes[key] = self._index[key]
                self._digests[id(node)] = note.digest
            self._reused += len(members)
            return True
        known = self._memory.get_many("summary", list(keys.values()))
        found = {}
        for node in members:
            data = known.get(keys[id(node)])
            summary = decode(data) if data is not None else None
            if summary is not None:
                found[id(node)] = summary
        if len(found) < len(members):
            return False
        for node in members:
            self._keep(node, found[id(node)])
            self._note(node, keys[id(node)])
        self._reused += len(members)
        return True

    def _compute(self, members: list[Node]) -> None:
        """Summarise a component that `_recall` did not find."""
        self._analysed += len(members)
        self._anew.update(id(node) for node in members)
        if id(members[0]) in self._recursive:
            self._fixpoint(members)
        else:
            self._keep(members[0], self._analyse(members[0]))
        for node in members:
            key = self._keys[id(node)]
            summary = self._summaries[id(node)]
            if not summary.is_exact():
                self._keep(node, msgspec.structs.replace(summary, basis=key))
            self._memory.put("summary", key, encode(self._summaries[id(node)]))
            self._note(node, key)

    # --- work that is shared: components by number ---

    def arrange(self) -> list[list[Node]]:
        """Number the components, callees first."""
        self._components = self._graph.components()
        return self._components

    def _weight(self, members: list[Node]) -> int:
        """Return the work that a component is; see `spincheck.analysis.waves.FUNCTION`."""
        followed = (node.header.lines for node in members if self._graph.is_relevant(node) or node.header.lines <= NEUTRAL_LINES)
        return sum(followed) + FUNCTION * len(members)

    def _attribute(self) -> None:
        """Tell of functions with one key that the first was analysed, as without help; which was taken first is chance."""
        first: dict[str, int] = {}
        for component in self._components:
            for node in component:
                first.setdefault(self._keys[id(node)], id(node))
        self._anew = {first[self._keys[node]] for node in self._anew}

    def _below(self, members: list[Node]) -> list[int]:
        """Return the numbers of the components that a component calls."""
        if not self._numbers:
            self._numbers.update((id(node), number) for number, component in enumerate(self._components) for node in component)
        own = self._numbers[id(members[0])]
        return sorted({self._numbers[id(callee)] for node in members for callee in node.callees.values()} - {own})

    def recall(self, number: int) -> bool:
        """See `spincheck.analysis.waves.Program`."""
        return self._recall(self._components[number])

    def watch(self, done: int) -> None:
        """See `spincheck.analysis.waves.Program`."""
        self._progress("functions summarised", done, len(self._components))

    def identity(self, number: int) -> str:
        """See `spincheck.analysis.waves.Program`."""
        return self._keys[id(self._components[number][0])]

    def compute(self, number: int) -> None:
        """See `spincheck.analysis.waves.Program`."""
        members = self._components[number]
        if id(members[0]) in self._keys or not self._recall(members):
            self._compute(members)

    def settled(self, numbers: Sequence[int]) -> list[Settled]:
        """See `spincheck.analysis.waves.Program`."""
        keys = [self._keys[id(node)] for number in numbers for node in self._components[number]]
        found = self._memory.get_many("summary", keys)
        news = []
        for number in numbers:
            members = [(self._keys[id(node)], self._digests[id(node)]) for node in self._components[number]]
            if all(key in found for key, _ in members):
                news.append(Settled(number, tuple(Known(key, digest, self._notes[key].quiet, self._notes[key].ledger, found[key]) for key, digest in members)))
        return news

    def accept(self, settled: Settled) -> bool:
        """See `spincheck.analysis.waves.Program`."""
        members = self._components[settled.number]
        if id(members[0]) in self._digests:
            return True
        asked = id(members[0]) in self._keys
        if not asked and self._recall(members):
            return True
        if [self._keys[id(node)] for node in members] != [one.key for one in settled.known]:
            return False
        for node, one in zip(members, settled.known, strict=True):
            self._memory.put("summary", one.key, one.summary)
            self._later[id(node)] = one.key
            self._notes[one.key] = Note(one.digest, one.quiet, one.ledger)
            self._digests[id(node)] = one.digest
        if asked:
            self._analysed += len(members)
            self._anew.update(id(node) for node in members)
        return True

    def _note(self, node: Node, key: str) -> None:
        summary = self._summaries[id(node)]
        quiet = not (summary.findings or summary.imprecise or summary.orders or summary.kept)
        self._notes[key] = Note(self._digests[id(node)], quiet, summary.ledger)

    def _keep(self, node: Node, summary: Summary) -> None:
        self._summaries[id(node)] = summary
        self._exacts.pop(id(node), None)
        self._digests[id(node)] = summary.digest()

    def _key(self, node: Node, component: list[Node]) -> str:
        standing = self._graph.standing(node)
        # Not the world: what it changes about a function is the status of what it calls, which is below.
        parts = [ANALYSER_VERSION, self._tables.digest, node.header.key, repr(standing), str(bool(node.callers)), str(self._is_flat(node))]
        members = {id(member) for member in component}
        for member in component:
            parts += [member.ref.name, member.header.key, repr(self._graph.standing(member)), str(bool(member.callers))]
        for owner in component or [node]:
            for name in owner.header.calls:
                callee = owner.callees.get(name)
                if callee is None:
                    parts += [name, self._status(owner, name)]
                elif id(callee) not in members:
                    parts += [name, self._digests.get(id(callee), "")]
            for field, stored in owner.through.items():
                parts += [field, "" if id(stored) in members else self._digests.get(id(stored), "")]
        parts += self._carried_parts(component or [node]) if self._graph.carried else []
        return hashlib.blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=20).hexdigest()

    def _carried_parts(self, members: list[Node]) -> list[str]:
        """What a summary's key says of carried locks: those of the program, and who may give one back of those that a function hands work to."""
        graph = self._graph
        parts = [*sorted(graph.carried), "", *sorted(graph.handed)]
        for node in members:
            parts += ["", *sorted(graph.hands_on.get(id(node), ()))]
            named = {name: graph.resolve(node.unit, name) for name in sorted({reference.function for reference in node.header.references})}
            for name, target in named.items():
                parts += [name, "" if target is None else " ".join(sorted(graph.gives(target)))]
        return parts

    def _status(self, node: Node, name: str) -> Literal["external", "hole"]:
        if self._world == "closed" or self._graph.is_system(node.unit, name):
            return "external"
        return "hole"

    def _is_flat(self, node: Node) -> bool:
        long = node.header.lines > NEUTRAL_LINES and id(node) not in self._graph.hands_on
        return not self._graph.is_relevant(node) and (long or id(node) in self._recursive)

    def _code(self, node: Node) -> Function:
        code = self._codes.get(id(node))
        if code is None:
            code = self._codes[id(node)] = self._units[node.unit].code(node.header.name)
        return code

    def _analyse(self, node: Node, *, exact: bool = False) -> Summary:
        code = self._code(node)

        def callee(name: str) -> Callee:
            target = node.callees.get(name) or self._graph.resolve(node.unit, name)
            if target is None:
                return Callee(self._status(node, name))
            return Callee("defined", self._summary(target), self._graph.gives(target))

        if self._is_flat(node):
            return flat_summary(code, callee, self._tables, self._graph.hands_on.get(id(node), frozenset()))

        def exact_callee(name: str) -> Summary:
            target = node.callees.get(name) or self._graph.resolve(node.unit, name)
            assert target is not None
            return self._exact(target)

        around = Surroundings(self._tables, callee, exact_callee, self._members(node), self._graph.carried, self._graph.handed)
        standing = self._graph.standing(node)
        return analyse_function(code, around, standing, has_callers=bool(node.callers), exact=exact, recursive=id(node) in self._mutual)

    def _members(self, node: Node) -> dict[str, str]:
        """The functions that a function calls through members, where that makes a difference to locks."""
        members = {}
        for member, target in node.through.items():
            summary = self._summary(target)
            if summary is not None and summary.touches_locks():
                members[member] = target.header.name
        return members

    def _exact(self, node: Node) -> Summary:
        """Return the summary with every case kept; asked for only where a lock is held that the function takes on some paths.

        Of a recursion of many there is none: its cases would be as many as the ways through all its functions.
        """
        known = self._exacts.get(id(node))
        if known is None:
            known = self._summary(node)
            assert known is not None
            self._exacts[id(node)] = known  # what a recursive request gets
            if not known.is_exact() and id(node) not in self._mutual:
                known = self._exacts[id(node)] = self._analyse(node, exact=True)
        return known

    def _fixpoint(self, members: list[Node]) -> None:
        """Iterate a recursive component from "never returns" upwards; a function is looked at again when what it calls has changed."""
        never = Summary((), (), (), (), (), (), ())
        for node in members:
            self._keep(node, never)
        inside = {id(node) for node in members}
        order = _callees_first(members, inside)
        seen: dict[int, tuple[str, ...]] = {}
        for number in range(MAX_ROUNDS):
            settled = True
            for node in order:
                asked = tuple(self._digests[id(callee)] for callee in node.callees.values() if id(callee) in inside)
                if seen.get(id(node)) == asked:
                    continue
                seen[id(node)] = asked
                before = self._digests[id(node)]
                summary = self._analyse(node)
                self._keep(node, summary if number < EXACT_ROUNDS else widened(self._summaries[id(node)], summary))
                settled = settled and before == self._digests[id(node)]
            if settled:
                return
        for node in members:
            self._keep(node, unbounded(never))
        summaries = [self._analyse(node) for node in members]
        note = (0, f"recursion not settled after {MAX_ROUNDS} rounds")
        for node, summary in zip(members, summaries, strict=True):
            self._keep(node, msgspec.structs.replace(unbounded(summary), imprecise=(*summary.imprecise, note)))


def _callees_first(members: list[Node], inside: set[int]) -> list[Node]:
    """Return a component's functions so that most of what one calls comes before it."""
    order: list[Node] = []
    opened: set[int] = set()
    for root in members:
        if id(root) in opened:
            continue
        opened.add(id(root))
        work = [(root, [callee for callee in root.callees.values() if id(callee) in inside])]
        while work:
            node, rest = work[-1]
            if not rest:
                work.pop()
                order.append(node)
                continue
            callee = rest.pop(0)
            if id(callee) not in opened:
                opened.add(id(callee))
                work.append((callee, [one for one in callee.callees.values() if id(one) in inside]))
    return order
