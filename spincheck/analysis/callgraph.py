"""Who calls whom in a program, who is called by nobody we know, and in which order to analyse.

Owns names: which definition a call in a unit means, which functions can reach a lock operation, which role a function has by its
declaration or by where its address was put. Works on headers only; no function's code is loaded for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spincheck.analysis.findings import FunctionRef
from spincheck.analysis.judge import Standing
from spincheck.ir import FILE_SCOPE, FunctionHeader, Reference, UnitRecord
from spincheck.locks.model import Role
from spincheck.locks.tables import Tables

DRIVER_ENTRY = ("DriverEntry", "DRIVER_INITIALIZE")
"""The one callback that needs no declaration: the loader finds it by its name."""


class Node:
    """One function of the program. ``callees`` are the definitions that its calls mean, by their name; ``through`` that of calls through a member, by the member's."""

    __slots__ = ("callees", "callers", "header", "ref", "roles", "through", "unit")

    def __init__(self, ref: FunctionRef, header: FunctionHeader, unit: int) -> None:
        self.ref = ref
        self.header = header
        self.unit = unit
        self.callees: dict[str, Node] = {}
        self.through: dict[str, Node] = {}
        self.callers: list[Node] = []
        self.roles: list[tuple[str, Role]] = []


def _owes_release(node: Node) -> bool:
    """Whether the function's role is entered with a lock that it must give back."""
    return any(hold.at_exit == "released" for _, role in node.roles for hold in role.holds)


class CallGraph:
    """The call graph of some units. ``nodes`` is in a fixed order, whatever the order of the units.

    ``whole``: these are all units of the program, so that what is stored in a member is known.
    """

    def __init__(self, records: Sequence[UnitRecord], tables: Tables, *, whole: bool = True) -> None:
        self._tables = tables
        self._whole = whole
        self.records = records
        self.nodes: list[Node] = []
        self._by_unit: list[dict[str, Node]] = [{} for _ in records]
        self._external: dict[str, Node] = {}
        order = sorted(range(len(records)), key=lambda number: records[number].source)
        for number in order:
            for header in records[number].functions:
                node = Node(FunctionRef(records[number].source, header.name), header, number)
                self.nodes.append(node)
                self._by_unit[number][header.name] = node
                if not header.static and header.name != FILE_SCOPE:
                    self._external.setdefault(header.name, node)
        self._system = [frozenset(record.system) for record in records]
        for node in self.nodes:
            for name in node.header.calls:
                callee = self.resolve(node.unit, name)
                if callee is not None and not self._is_known(name):
                    node.callees[name] = callee
        if whole:
            self._follow_members()
        for node in self.nodes:
            for callee in node.callees.values():
                callee.callers.append(node)
        self._model = ""
        self._assign_roles()
        self.relevant = self._reaching_operations()
        self.carried = frozenset(kind for node in self.nodes for kind in self._operated(node, "acquire", "try"))
        self.giving = self._giving() if whole else {}
        self.handed = frozenset(kind for kinds in self.giving.values() for kind in kinds) & self.carried if whole else self.carried
        self.hands_on = self._handing_on()
        self._referred_to = {id(one) for node in self.nodes for one in self._referred(node)}

    def _follow_members(self) -> None:
        """Call through a member the one function that the whole program stores there.

        Of several, which one it is depends on the object, and so does which of them takes back what another one did. A member that the system
        calls is none of it.
        """
        stored: dict[str, dict[FunctionRef, Node]] = {}
        objects: dict[str, set[str]] = {}
        for node in self.nodes:
            for reference in node.header.references:
                if reference.slot == "field" and self._slot_role(reference) is None:
                    target = self.resolve(node.unit, reference.function)
                    if target is not None:
                        member = reference.member or reference.where
                        stored.setdefault(member, {})[target.ref] = target
                        objects.setdefault(member, set()).add(reference.object)
        for node in self.nodes:
            for member in node.header.through:
                targets = list(stored.get(member, {}).values())
                if len(targets) == 1 and len(objects[member]) == 1 and node.callees.get(targets[0].header.name) in (None, targets[0]):
                    node.through[member] = node.callees[targets[0].header.name] = targets[0]

    def _is_known(self, name: str) -> bool:
        """A name in the tables is never followed into its body."""
        tables = self._tables
        return name in tables.operations or tables.never_returns(name) or tables.pure(name)

    def resolve(self, unit: int, name: str) -> Node | None:
        """Return the definition that a name means in a unit."""
        return self._by_unit[unit].get(name) or self._external.get(name)

    def is_system(self, unit: int, name: str) -> bool:
        """Tell whether a name that is not defined in the program is declared by a system header of the unit."""
        return name in self._system[unit]

    # --- roles ---

    def _assign_roles(self) -> None:
        for number, record in enumerate(self.records):
            for declaration in record.roles:
                self._give_role(number, declaration.function, declaration.role)
        for node in self.nodes:
            for reference in node.header.references:
                role = self._slot_role(reference)
                if role is not None:
                    self._give_role(node.unit, reference.function, role)
        name, role_type = DRIVER_ENTRY
        for node in self.nodes:
            if node.header.name == name and not node.roles:
                self._give_role(node.unit, name, role_type)
            node.roles.sort(key=lambda pair: pair[0])

    def _slot_role(self, reference: Reference) -> str | None:
        if reference.slot == "field":
            return self._tables.slot(reference.where, reference.object)
        if reference.slot == "argument":
            return self._tables.registered(reference.where, reference.index, reference.object)
        return None

    def _give_role(self, unit: int, function: str, type_name: str) -> None:
        role = self._tables.role(type_name)
        node = self.resolve(unit, function)
        if role is not None and node is not None and all(known != type_name for known, _ in node.roles):
            node.roles.append((type_name, role))

    def standing(self, node: Node) -> Standing:
        """Return how strictly a function is judged."""
        roles = [role for _, role in node.roles if role.balanced]
        if roles:
            holds = tuple(dict.fromkeys(hold for role in roles for hold in role.holds))
            inside = tuple(kind for kind in roles[0].inside if all(kind in role.inside for role in roles))
            called = any(caller is not node for caller in node.callers)  # by the driver itself, with what it likes
            present = tuple(number for number in roles[0].present if all(number in role.present for role in roles) and not called)
            new = tuple(number for number in roles[0].new if all(number in role.new for role in roles) and not called)
            return Standing("entry", holds, inside, present, new)
        if node.roles or any(caller is not node for caller in node.callers):
            return Standing("helper")  # of a role that is there to take or give back, the system copes with what it leaves
        return Standing("unknown")

    def is_called_by_address(self, node: Node) -> bool:
        """Tell whether a function can be called through pointers only, by callers that nobody knows."""
        return id(node) in self._referred_to and self.standing(node).kind == "unknown"

    def role_name(self, node: Node) -> str:
        """Return the name of the role type that decides a function's standing, or ""."""
        for type_name, role in node.roles:
            if role.balanced:
                return type_name
        return ""

    def pairs(self) -> list[tuple[Node, Node]]:
        """Return the callbacks that are registered together, the one to take a lock and the other to give it back; none that call through pointers."""
        found: dict[tuple[FunctionRef, FunctionRef], tuple[Node, Node]] = {}
        for node in self.nodes:
            named: dict[tuple[str, str], list[Node]] = {}
            for reference in node.header.references:
                type_name = self._slot_role(reference)
                target = self.resolve(node.unit, reference.function)
                if type_name is not None and target is not None:
                    named.setdefault((reference.where, type_name), []).append(target)
            for (where, type_name), takers in named.items():
                role = self._tables.role(type_name)
                givers = named.get((where, role.partner), []) if role is not None and role.partner else []
                found.update(((one.ref, other.ref), (one, other)) for one, other in zip(takers, givers, strict=False) if len(takers) == len(givers))
        return [found[key] for key in sorted(found) if not any(one.header.through for one in found[key])]

    def model(self) -> str:
        """Return the driver model that the program is written for, by the framework that it calls."""
        if not self._model:
            called = {name for node in self.nodes for name in node.header.calls}
            known = (("kmdf", "Wdf"), ("ndis", "Ndis"), ("storport", "StorPort"))
            self._model = next((model for model, prefix in known if any(name.startswith(prefix) for name in called)), "wdm")
        return self._model

    def entry_of(self, node: Node) -> Node:
        """Return the callback through which a function is reached: itself, or the nearest entry point above it."""
        seen = {id(node)}
        level = [node]
        while level:
            for candidate in level:
                if self.role_name(candidate):
                    return candidate
            above: list[Node] = []
            for current in level:
                for caller in current.callers:
                    if id(caller) not in seen:
                        seen.add(id(caller))
                        above.append(caller)
            level = sorted(above, key=lambda one: one.ref)
        return node

    def entries_of(self, node: Node) -> list[Node]:
        """Return every function that is called from outside and through which a function is reached, in a fixed order."""
        return sorted((one for one in self.above(node) if one.roles or not one.callers), key=lambda one: one.ref)

    @staticmethod
    def above(node: Node) -> list[Node]:
        """Return a function, and all through which it is called."""
        seen = {id(node): node}
        work = [node]
        while work:
            for caller in work.pop().callers:
                if id(caller) not in seen:
                    seen[id(caller)] = caller
                    work.append(caller)
        return list(seen.values())

    # --- reach and order ---

    def _reaching_operations(self) -> set[int]:
        tables = self._tables
        work = [
            node
            for node in self.nodes
            if any(name in known for name in node.header.calls for known in (tables.operations, tables.immediate, tables.required, tables.creations)) or _owes_release(node)
        ]
        reached = {id(node) for node in work}
        while work:
            for caller in work.pop().callers:
                if id(caller) not in reached:
                    reached.add(id(caller))
                    work.append(caller)
        return reached

    # --- carried locks ---

    def _operated(self, node: Node, *actions: str) -> frozenset[str]:
        """Return the kinds of carried lock that a function's own text does one of these things to."""
        tables = self._tables
        rows = (row for name in node.header.calls for row in tables.operations.get(name, ()))
        return frozenset(row.kind for row in rows if row.action in actions and tables.kinds[row.kind].carried)

    def _referred(self, node: Node) -> list[Node]:
        """Return the functions whose address a function puts somewhere."""
        named = (self.resolve(node.unit, reference.function) for reference in node.header.references)
        return [one for one in named if one is not None]

    def _giving(self) -> dict[int, frozenset[str]]:
        """Return, by function, the kinds of carried lock that it, or what it calls or refers to, may give back for work that came from elsewhere.

        A function that takes such locks, too, gives back its own, unless it is a callback that is called for work that is under way.
        """
        giving = {}
        for node in self.nodes:
            kinds = self._operated(node, "release")
            if all(role.new for _, role in node.roles):
                kinds -= self._operated(node, "acquire", "try")
            giving[id(node)] = kinds
        above: dict[int, list[Node]] = {}
        for node in self.nodes if any(giving.values()) else ():
            for below in (*node.callees.values(), *self._referred(node)):
                above.setdefault(id(below), []).append(node)
        return self._spread(giving, lambda node: above.get(id(node), []))

    def _spread(self, found: dict[int, frozenset[str]], above: Callable[[Node], Iterable[Node]]) -> dict[int, frozenset[str]]:
        """Give what is said of functions to all those above them."""
        work = [node for node in self.nodes if found.get(id(node))]
        while work:
            node = work.pop()
            for one in above(node):
                before = found.get(id(one), frozenset())
                after = before | found[id(node)]
                if after != before:
                    found[id(one)] = after
                    work.append(one)
        return {number: kinds for number, kinds in found.items() if kinds}

    def _handing_on(self) -> dict[int, frozenset[str]]:
        """Return, by function, the kinds of carried lock that it may leave to another callback; nothing where no such lock is taken."""
        if not self.handed:
            return {}
        found: dict[int, frozenset[str]] = {}
        for node in self.nodes:
            by_name = [self._tables.handovers.get(name, frozenset()) for name in node.header.calls]
            found[id(node)] = self.handed & frozenset().union(*by_name, *(self.gives(one) for one in self._referred(node)))
        return self._spread(found, lambda node: node.callers)

    def gives(self, node: Node) -> frozenset[str]:
        """Return the kinds of carried lock that a function which is handed on may give back, now or later."""
        return self.giving.get(id(node), frozenset()) if self._whole else self.handed

    def is_relevant(self, node: Node) -> bool:
        """Tell whether a function can reach a lock operation."""
        return id(node) in self.relevant

    def needed(self) -> list[Node]:
        """Return the functions whose summaries count: those that reach a lock operation, and all that they call."""
        work = [node for node in self.nodes if self.is_relevant(node)]
        seen = {id(node) for node in work}
        while work:
            for callee in work.pop().callees.values():
                if id(callee) not in seen:
                    seen.add(id(callee))
                    work.append(callee)
        return [node for node in self.nodes if id(node) in seen]

    def components(self) -> list[list[Node]]:
        """Return the strongly connected components of what is needed, callees first (Tarjan's algorithm)."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        on_stack: set[int] = set()
        stack: list[Node] = []
        result: list[list[Node]] = []
        for root in self.needed():
            if id(root) in index:
                continue
            work: list[tuple[Node, list[Node]]] = []
            self._open(root, index, low, stack, on_stack, work)
            while work:
                node, rest = work[-1]
                if rest:
                    callee = rest.pop(0)
                    if id(callee) not in index:
                        self._open(callee, index, low, stack, on_stack, work)
                    elif id(callee) in on_stack:
                        low[id(node)] = min(low[id(node)], index[id(callee)])
                    continue
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[id(parent)] = min(low[id(parent)], low[id(node)])
                if low[id(node)] == index[id(node)]:
                    members = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(id(member))
                        members.append(member)
                        if member is node:
                            break
                    result.append(sorted(members, key=lambda one: one.ref))
        return result

    @staticmethod
    def _open(
        node: Node,
        index: dict[int, int],
        low: dict[int, int],
        stack: list[Node],
        on_stack: set[int],
        work: list[tuple[Node, list[Node]]],
    ) -> None:
        index[id(node)] = low[id(node)] = len(index)
        stack.append(node)
        on_stack.add(id(node))
        work.append((node, [node.callees[name] for name in sorted(node.callees)]))
