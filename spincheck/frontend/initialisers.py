"""Declarations and initialisers.

Owns what a declaration does: it binds names, and an automatic variable gets a value. An initialiser becomes stores:

- a variable without one is `Unknown` ``uninitialised``;
- a list first stores 0 to the whole variable, which means that every member is zero, and then its own members;
- a member that a list names only by its position is called ``#0``, ``#1`` … in a structure (the structure's layout is not
  known here; whoever knows the type reads the number), and is an `Element` of an array. The rest of a structure with such a member that is not 0 is
  `Unknown` ``initialiser``;
- numbers in long arrays are left out: the whole is then `Unknown` ``initialiser``, and only what refers to functions
  and objects, or has effects, is stored by itself.

A ``static`` variable is initialised before the function runs. What its initialiser refers to is still said, in code
that nothing reaches, because a table of callbacks is often such a variable.
"""

from __future__ import annotations

from typing import Any

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import lower_types as types
from spincheck.frontend import unwinding
from spincheck.frontend.expressions import VALUES, effect, into, literal, shallow_place, value
from spincheck.frontend.lower_context import Binding, Context, variable
from spincheck.frontend.lower_types import ZERO

MANY = 64
"""An array's initialiser with more items than this is not told item by item."""

UNINITIALISED = ir.Unknown("uninitialised")


def declaration(c: Context, node: Any) -> None:
    """A declaration inside a function."""
    ctype = c.type_of(node.type)
    enumerators(c, node.type)
    name = node.name
    if name is None:
        return
    at = node.coord.line
    storage = node.storage
    if ctype == "fn":
        result = node.type
        while result.__class__ is c_ast.PtrDecl:
            result = result.type
        if node.type.__class__ is c_ast.FuncDecl:
            c.bind(name, Binding("function", None, ir.FunctionName(name), c.type_of(result.type)))
            return
    known = c.names.get(name)
    if (
        ctype == ""
        and known is not None
        and known.kind == "function"
        and node.init is None
        and _plain(node.type)
    ):
        return  # a prototype by means of a function type
    structure = struct_name(node.type)
    if "extern" in storage:
        c.bind(name, variable(ir.Global(name), ctype, structure))
        return
    if "static" in storage:
        binding = variable(ir.Global(c.unique(f"{c.name}.{name}")), ctype, structure)
        c.bind(name, binding)
        if node.init is not None:
            static_initialiser(c, binding, node.init, at)
        return
    sizes(c, node.type)
    if ctype == "" and node.type.type.__class__ is c_ast.InferredType and node.init is not None:
        ctype = c.static_type(node.init)
    if node.init is None:
        binding = c.local(name, ctype, structure)
        if binding.place is not None:
            c.assign(binding.place, UNINITIALISED, at)
    else:
        binding = c.local(name, ctype, structure)
        initialise(c, binding, node.init, at)
    if c.unwinds:
        unwinding.clean_later(c, node, binding)


def _plain(node: Any) -> bool:
    return node.__class__ is c_ast.TypeDecl and node.type.__class__ is c_ast.IdentifierType


def struct_name(node: Any) -> str:
    """The name of the structure type that a declared object, or the elements of an array, have, or of what a pointer points to.

    A pointer may be declared by a type's own name: then that name is the answer (``PIRP``).
    """
    if node.__class__ is c_ast.PtrDecl:
        node = node.type
    while node.__class__ in {c_ast.ArrayDecl, c_ast.TypeDecl, c_ast.Typename, c_ast.AttributedType}:
        node = node.type
    if node.__class__ is c_ast.IdentifierType:
        return node.names[-1] if types.basic_type((node.names[-1],)) is None else ""
    if node.__class__ in {c_ast.Struct, c_ast.Union}:
        return node.name or ""
    return ""


def type_definition(c: Context, node: Any) -> None:
    """A ``typedef`` inside a function."""
    enumerators(c, node.type)
    c.bind(node.name, Binding("type", None, ir.Unknown("type"), c.type_of(node.type)))


def enumerators(c: Context, node: Any) -> None:
    """Bind the constants of every ``enum`` that a type defines."""
    kind = node.__class__
    if kind in {c_ast.TypeDecl, c_ast.PtrDecl, c_ast.ArrayDecl, c_ast.FuncDecl, c_ast.AttributedType}:
        enumerators(c, node.type)
    elif kind is c_ast.Enum and node.values is not None:
        following = 0
        for item in node.values.enumerators:
            if item.__class__ is not c_ast.Enumerator:
                continue
            if item.value is not None:
                known = value(c, item.value)[0]
                following = known.value if isinstance(known, ir.Int) else following
            c.bind(item.name, Binding("constant", None, ir.Int(following), "i32"))
            following += 1
    elif kind in {c_ast.Struct, c_ast.Union}:
        for member in node.decls or ():
            if hasattr(member, "type"):
                enumerators(c, member.type)


def sizes(c: Context, node: Any) -> None:
    """Execute what the sizes of variable-length arrays compute."""
    while node.__class__ in {c_ast.ArrayDecl, c_ast.PtrDecl}:
        if node.__class__ is c_ast.ArrayDecl and node.dim is not None and literal(c, node.dim) is None:
            mark = len(c.code)
            effect(c, node.dim)
            if c.code[mark:] == []:
                del c.code[mark:]
        node = node.type


def initialise(c: Context, binding: Binding, init: Any, at: int) -> None:
    """Give a new variable its first value."""
    assert binding.place is not None
    target, ctype = binding.place, binding.type
    if init.__class__ is not c_ast.InitList:
        if ctype[:1] == "@":
            c.assign(target, ir.Unknown("string"), at)
            return
        into(c, target, ctype, init, at)
        return
    if ctype in types.RANGES or ctype[:1] == "*" or ctype in {"float", "fn"}:
        if init.exprs:
            _scalar(c, target, ctype, init)
        else:
            c.assign(target, ZERO, at)
        return
    brief = _items(init) > MANY
    # What is stored to the member called #0 is not found under that member's own name, so it must not be zero there.
    told = not brief and not _places_members(c, ctype, init)
    c.assign(target, ZERO if told else ir.Unknown("initialiser"), at)
    members(c, target, ctype, init, binding.object, brief=brief)


def _scalar(c: Context, target: ir.Place, ctype: str, init: Any) -> None:
    while init.__class__ is c_ast.NamedInitializer or (init.__class__ is c_ast.InitList and init.exprs):
        init = init.expr if init.__class__ is c_ast.NamedInitializer else init.exprs[0]
    if init.__class__ is c_ast.InitList:
        c.assign(target, ZERO, _begin(init))
    else:
        into(c, target, ctype, init, init.coord.line)


def _begin(init: Any) -> int:
    """The ordinal at which an initialiser's first value stands; the parser gives designators, and lists that begin with one, no place."""
    while init.coord is None and (init.__class__ is c_ast.NamedInitializer or init.exprs):
        init = init.expr if init.__class__ is c_ast.NamedInitializer else init.exprs[0]
    return 0 if init.coord is None else int(init.coord.line)


def _places_members(c: Context, ctype: str, init: Any) -> bool:
    """Whether a list gives a structure's member a value other than zero by its position, not counting lists inside of it."""
    return (ctype[:1] != "@" or ctype == "@struct") and any(
        item.__class__ not in {c_ast.NamedInitializer, c_ast.InitList} and literal(c, item) != 0
        for item in init.exprs
    )


def _items(init: Any) -> int:
    count = 0
    pending = [init]
    while pending:
        node = pending.pop()
        if node.__class__ is c_ast.NamedInitializer:
            node = node.expr
        if node.__class__ is c_ast.InitList:
            pending.extend(node.exprs)
        else:
            count += 1
    return count


def static_initialiser(c: Context, binding: Binding, init: Any, at: int) -> None:
    """Say what a static variable's initialiser refers to, in code that nothing reaches."""
    kept, c.code = c.code, []
    handler, c.handler = c.handler, None
    if init.__class__ is c_ast.InitList:
        assert binding.place is not None
        members(c, binding.place, binding.type, init, binding.object, brief=True)
    else:
        initialise(c, binding, init, at)
    c.unreached.extend(item for item in c.code if isinstance(item, ir.Assign) and refers(item.value))
    c.code, c.handler = kept, handler


def refers(item: ir.Value) -> bool:
    """Whether a value tells of a function or an object."""
    while isinstance(item, ir.Cast):
        item = item.operand
    return isinstance(item, ir.FunctionName | ir.AddressOf | ir.Load)


def members(c: Context, target: ir.Place, ctype: str, init: Any, structure: str, *, brief: bool) -> None:
    """The stores of an initialiser list; ``brief`` leaves numbers and strings out."""
    array = ctype[:1] == "@"
    element = ctype[1:] if array else ""
    position = 0
    for item in init.exprs:
        expression = item
        inner, inner_type, owner = target, ctype, structure
        if item.__class__ is c_ast.NamedInitializer:
            expression = item.expr
            for depth, designator in enumerate(item.name, 1):
                if designator.__class__ is c_ast.ArrayDesignator:
                    index = value(c, _range_start(designator.expr))[0]
                    inner = ir.Element(inner, index)
                    position = index.value + 1 if isinstance(index, ir.Int) else position + 1
                    inner_type = inner_type[1:] if inner_type[:1] == "@" else ""
                else:
                    inner, owner = ir.Member(inner, designator.name), owner if inner_type[:1] != "." else ""
                    inner_type = "."
                inner = shallow_place(c, inner, depth, _begin(expression)) if depth > 1 else inner
        elif array:
            inner, inner_type = ir.Element(target, ir.Int(position)), element
            position += 1
        else:
            inner, inner_type = ir.Member(target, f"#{position}"), "."
            position += 1
        _member(c, inner, inner_type, expression, owner, brief=brief)


def _range_start(node: Any) -> Any:
    return node.left if node.__class__ is c_ast.BinaryOp and node.op == "..." else node


def _member(c: Context, target: ir.Place, ctype: str, init: Any, structure: str, *, brief: bool) -> None:
    """One item of a list; ``ctype`` is ``.`` for a member of unknown type."""
    if init.__class__ is c_ast.InitList:
        designators = [i.name[0] for i in init.exprs if i.__class__ is c_ast.NamedInitializer]
        array = ctype[:1] == "@" or any(d.__class__ is c_ast.ArrayDesignator for d in designators)
        inner = ctype if array and ctype[:1] == "@" else "@" if array else "struct"
        if ctype in types.RANGES or ctype[:1] == "*":
            _scalar(c, target, ctype, init)
        else:
            # The structure's name belongs to its own members, not to those of a structure inside it.
            c.nesting += 1
            target = shallow_place(c, target, c.nesting, _begin(init))
            if not brief and c.name != ir.FILE_SCOPE and _places_members(c, inner, init):
                c.assign(target, ir.Unknown("initialiser"), _begin(init))
            members(c, target, inner, init, "" if ctype == "." else structure, brief=brief)
            c.nesting -= 1
        return
    at = init.coord.line
    mark = len(c.code)
    result, source = value(c, init)
    if result == ZERO:
        return
    if not brief or refers(result) or len(c.code) != mark:
        converted = types.convert(result, source, ctype)
        c.assign(target, ir.Unknown("string") if ctype[:1] == "@" else converted, at)
        if structure:
            c.objects[at] = structure


def _compound_literal(c: Context, node: Any) -> types.Typed:
    """``(T){ … }``: an object without a name."""
    ctype = c.type_of(node.type)
    binding = variable(c.temporary(), ctype, struct_name(node.type))
    initialise(c, binding, node.init, node.coord.line)
    return binding.value, ctype


VALUES[c_ast.CompoundLiteral] = _compound_literal
