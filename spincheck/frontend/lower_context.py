"""What lowering knows while it walks one function.

Owns the code so far, the names in scope, temporaries, the targets of ``break``, ``continue`` and ``goto``, and the
stack of guarded blocks. It holds state and the few operations on it; what each construct of C means is in
`expressions`, `statements` and `seh`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import keywords
from spincheck.frontend.lower_code import Goto, Guarded, Item, Label, Test
from spincheck.frontend.lower_types import basic_type, integer, type_code
from spincheck.frontend.names import Names
from spincheck.frontend.rewriter import Aside

_CONSTANTS = {"true": 1, "false": 0, "nullptr": 0, "TRUE": 1, "FALSE": 0, "NULL": 0}
"""What these words mean where no header was seen that says so."""


class Binding:
    """What an identifier means at this point: a variable, function, constant or type.

    ``place`` is None for what is not stored. ``object`` is the name of a variable's structure type, if it has one.
    """

    __slots__ = ("kind", "object", "place", "type", "value")

    def __init__(
        self, kind: str, place: ir.Place | None, value: ir.Value, ctype: str, object_: str = ""
    ) -> None:
        self.kind = kind
        self.place = place
        self.value = value
        self.type = ctype
        self.object = object_


class Frame:
    """A guarded block that is being lowered.

    ``final`` is the termination block's syntax tree, or None for an exception handler's; ``outer`` the exception
    edge outside of it; the rest is the state in which the termination block must be lowered wherever it is copied.
    """

    __slots__ = ("breaks", "continues", "env", "final", "leave", "node", "outer")

    def __init__(self, context: Context, node: c_ast.Node, final: c_ast.Node | None, leave: Label) -> None:
        self.node = node
        self.final = final
        self.leave = leave
        self.outer = context.handler
        self.env = dict(context.env)
        self.breaks = context.breaks
        self.continues = context.continues


class Cleanup(NamedTuple):
    """A variable in scope whose declaration ``node`` says what is called with its address when the scope is left."""

    node: c_ast.Node
    callee: ir.Value
    variable: ir.Value
    at: int


class LabelPlaces(NamedTuple):
    """Which labels stand where something is to be run.

    ``names`` are the labels in the order of the text and ``places`` their indices. ``extents`` maps ``id`` of a guarded block's node, or of a
    variable's declaration, to the labels from which leaving runs something, as a range of indices; ``~id`` of a guarded block to
    those in what follows its body.
    """

    names: list[str]
    places: dict[str, int]
    extents: dict[int, tuple[int, int]]


Scope = tuple[int, int]
"""What was declared, and what was to be run, when a scope was opened."""


Target = tuple[Label, int]
"""Where a ``break`` or ``continue`` goes, and how many guarded blocks enclose that place."""


class Context:
    """One function's state."""

    def __init__(self, name: str, names: Names, asides: list[Aside]) -> None:
        self.name = name
        self.names = names
        self.wide_long = "long" in names
        self.asides = asides
        self.code: list[Item] = []
        self.unreached: list[ir.Instruction] = []
        self.env: dict[str, Binding] = {}
        self.undo: list[tuple[str, Binding | None]] = []
        self.used: dict[str, int] = {}
        self.locals: list[ir.Variable] = []
        self.temporaries = 0
        self.nesting = 0
        self.result = ""
        self.breaks: Target | None = None
        self.continues: Target | None = None
        self.switch: list[tuple[int, int, Label]] | None = None
        self.default: Label | None = None
        self.unknown_cases: list[Label] = []
        self.switch_type = ""
        self.labels: dict[str, Label] = {}
        self.placed: set[str] = set()
        self.jumps: dict[str, int] = {}
        self.addressed: dict[str, Label] = {}
        self.handler: Label | None = None
        self.frames: list[Frame | Cleanup] = []
        self.unwinds = False
        self.places = LabelPlaces([], {}, {})
        self.copies = 0
        self.shared: dict[tuple[int, int, int], Label] = {}
        self.abnormal: int | None = None
        self.objects: dict[int, str] = {}
        self.recovered: list[ir.Recovery] = []
        self.reasons: dict[int, str] = {}

    # --- code ------------------------------------------------------------------

    def place(self, label: Label) -> None:
        """Let ``label`` mean the next instruction."""
        self.code.append(label)

    def goto(self, label: Label) -> None:
        """Jump."""
        self.code.append(Goto(label))

    def test(self, condition: ir.Value, then: Label, otherwise: Label, at: int) -> None:
        """Branch on a value, at once where it is constant."""
        kind = condition.__class__
        while kind is ir.Unary and condition.op == "!":  # type: ignore[union-attr]
            condition = condition.operand  # type: ignore[union-attr]
            kind = condition.__class__
            then, otherwise = otherwise, then
        if kind is ir.Int:
            self.code.append(Goto(then if condition.value else otherwise))  # type: ignore[union-attr]
        elif kind is ir.FunctionName or kind is ir.Text:
            self.code.append(Goto(then))
        else:
            self.code.append(Test(condition, then, otherwise, at))

    def call(self, result: str | None, callee: ir.Value, arguments: tuple[ir.Value, ...], at: int) -> None:
        """Call; inside a guarded block the call may end at its handler."""
        call = ir.Call(result, callee, arguments, at)
        self.code.append(call if self.handler is None else Guarded(call, self.handler))

    def assign(self, place: ir.Place, value: ir.Value, at: int) -> None:
        """Store."""
        self.code.append(ir.Assign(place, value, at))

    def temporary(self) -> ir.Local:
        """Return a new temporary."""
        self.temporaries += 1
        return ir.Local(f"%{self.temporaries}")

    def spill(self, value: ir.Value, at: int) -> ir.Local:
        """Keep what ``value`` is now in a temporary."""
        local = self.temporary()
        self.code.append(ir.Assign(local, value, at))
        return local

    def spill_before(self, mark: int, value: ir.Value, at: int) -> ir.Value:
        """Evaluate ``value`` before the code that was written since ``mark``."""
        local = self.temporary()
        self.code.insert(mark, ir.Assign(local, value, at))
        return ir.Load(local)

    def label(self, name: str) -> Label:
        """The label of that name, whether it was met already or not."""
        found = self.labels.get(name)
        if found is None:
            found = self.labels[name] = Label()
        return found

    # --- scopes ----------------------------------------------------------------

    def enter(self) -> Scope:
        """Open a scope; the result closes it."""
        return len(self.undo), len(self.frames)

    def leave(self, scope: Scope) -> None:
        """Fall out of a scope: clean up what was declared since ``enter``, the last first, and forget it."""
        declared, running = scope
        while len(self.frames) > running:
            self.clean(self.frames.pop())
        env, undo = self.env, self.undo
        while len(undo) > declared:
            name, binding = undo.pop()
            if binding is None:
                del env[name]
            else:
                env[name] = binding

    def clean(self, frame: Frame | Cleanup) -> None:
        """Call a variable's cleanup function."""
        assert isinstance(frame, Cleanup)
        self.call(None, frame.callee, (frame.variable,), frame.at)

    def bind(self, name: str, binding: Binding) -> None:
        """Let ``name`` mean this until the scope is left."""
        self.undo.append((name, self.env.get(name)))
        self.env[name] = binding

    def local(self, name: str, ctype: str, object_: str = "", *, parameter: bool = False) -> Binding:
        """A new automatic variable, named apart from every other of the function."""
        unique = self.unique(name)
        place = ir.Local(unique)
        if not parameter:
            self.locals.append(ir.Variable(unique, type_code(ctype)))
        binding = variable(place, ctype, object_)
        self.bind(name, binding)
        return binding

    def unique(self, name: str) -> str:
        """``name``, told apart from earlier variables of that name."""
        count = self.used[name] = self.used.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def lookup(self, name: str) -> Binding:
        """What ``name`` means here; an unknown name is a variable of another unit."""
        binding = self.env.get(name)
        if binding is None:
            binding = self.env[name] = self.file_scope(name)
        return binding

    def file_scope(self, name: str) -> Binding:
        """What ``name`` means outside of the function."""
        known = self.names.get(name)
        if known is None:
            if name in _CONSTANTS:
                return Binding("constant", None, ir.Int(_CONSTANTS[name]), "i32")
            if name in keywords.FALLBACK_TYPES:
                return Binding("type", None, ir.Unknown("type"), keywords.FALLBACK_TYPES[name])
            return variable(ir.Global(name), "", kind="unknown")
        if known.kind == "function":
            return Binding("function", None, ir.FunctionName(name), known.type)
        if known.kind == "enumerator":
            return Binding(
                "constant", None, ir.Int(known.value), "i32" if -(1 << 31) <= known.value < 1 << 31 else "i64"
            )
        if known.kind == "variable":
            return variable(ir.Global(name), element_unknown(known.type))
        return Binding("type", None, ir.Unknown("type"), element_unknown(known.type))

    # --- types -----------------------------------------------------------------

    def type_of(self, node: Any) -> str:
        """The type that a declarator or type name stands for."""
        kind = node.__class__
        if kind is c_ast.TypeDecl or kind is c_ast.Typename or kind is c_ast.AttributedType:
            return self.type_of(node.type)
        if kind is c_ast.IdentifierType:
            return self.named_type(node.names)
        if kind is c_ast.PtrDecl:
            target = self.type_of(node.type)
            return "fn" if target == "fn" else "*" + target
        if kind is c_ast.ArrayDecl:
            return "@" + self.type_of(node.type)
        if kind is c_ast.FuncDecl:
            return "fn"
        if kind is c_ast.Struct or kind is c_ast.Union:
            return "struct"
        if kind is c_ast.Enum:
            return "i32"
        if kind is c_ast.TypeOf:
            return self.static_type(node.expr)
        return ""

    def static_type(self, node: Any) -> str:
        """The type of an expression as far as it is plain to see, without executing anything."""
        kind = node.__class__
        if kind is c_ast.ID:
            return self.lookup(node.name).type if node.name[0] not in "%&" else ""
        if kind is c_ast.Cast or kind is c_ast.CompoundLiteral:
            return self.type_of(node.to_type if kind is c_ast.Cast else node.type)
        if kind is c_ast.Typename:
            return self.type_of(node)
        if kind is c_ast.UnaryOp and node.op == "&":
            return "*" + self.static_type(node.expr)
        if kind is c_ast.ArrayRef or (kind is c_ast.UnaryOp and node.op == "*"):
            base = self.static_type(node.name if kind is c_ast.ArrayRef else node.expr)
            return base[1:] if base[:1] in {"*", "@"} else ""
        if kind is c_ast.Constant and node.type.endswith("int"):
            return integer(node.value, wide=self.wide_long)[1]
        if kind is c_ast.FuncCall and node.name.__class__ is c_ast.ID and node.name.name[0] != "%":
            binding = self.lookup(node.name.name)
            return binding.type if binding.kind == "function" else ""
        return ""

    def named_type(self, names: list[str]) -> str:
        """The type of a list of specifiers."""
        if len(names) == 1:
            known = self.env.get(names[0])
            if known is None:
                basic = basic_type((names[0],), wide=self.wide_long)
                if basic is not None:
                    return basic
                if names[0] in keywords.BUILTIN_TYPES:
                    return keywords.BUILTIN_TYPES[names[0]]
                known = self.env[names[0]] = self.file_scope(names[0])
            return known.type if known.kind == "type" else ""
        basic = basic_type(tuple(names), wide=self.wide_long)
        if basic is None:
            return next(
                (keywords.BUILTIN_TYPES[name] for name in names if name in keywords.BUILTIN_TYPES), ""
            )
        return basic


def element_unknown(code: str) -> str:
    """A recorded `TypeCode` as a type: the target of a pointer and the element of an array are not recorded."""
    return "*" if code == "ptr" else "@" if code == "array" else code


def variable(place: ir.Place, ctype: str, object_: str = "", kind: str = "variable") -> Binding:
    """The binding of a stored object; an array stands for its address."""
    value = ir.AddressOf(place) if ctype[:1] == "@" else ir.Load(place)
    return Binding(kind, place, value, ctype, object_)
