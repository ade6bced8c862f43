"""From the tokens of a function to its intermediate representation.

Owns the two ways in: `lower_function` for a function definition and `lower_initialisers` for the file-scope
declarations of a unit that carry initialisers. Both go the same way: `dialect` rewrites tokens, `parse` makes a syntax tree
of them, `recovery` takes out what cannot be parsed, `statements` and `expressions` write code, `lower_code` orders it.

Nothing is dropped in silence. A statement that the parser rejects becomes opaque and is listed; only a function of
which not even name and body can be told is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pycparser import c_ast

from spincheck import ir
from spincheck.frontend import intrinsics, recovery, roles, unwinding
from spincheck.frontend.dialect import Rewritten
from spincheck.frontend.guesses import parse_with_guessed_types
from spincheck.frontend.initialisers import initialise, members, struct_name
from spincheck.frontend.lower_code import Indirect, Label, finish
from spincheck.frontend.lower_context import Context, variable
from spincheck.frontend.lower_types import type_code
from spincheck.frontend.names import Names
from spincheck.frontend.parse import SyntaxFault, depth_allowed
from spincheck.frontend.statements import compound, statement
from spincheck.frontend.tokens import Token

LoweringError = recovery.LoweringError


class Lowered(NamedTuple):
    """What reading a function yields.

    ``calls`` are the names it calls directly, ``through`` the members by which it calls, both sorted; ``references`` the functions whose address it puts somewhere.
    """

    function: ir.Function
    calls: tuple[str, ...]
    through: tuple[str, ...]
    references: tuple[ir.Reference, ...]


intrinsics.install()


def lower_function(tokens: Sequence[Token], names: Names) -> Lowered:
    """The intermediate representation of one function definition.

    ``tokens`` are those of its external declaration, from the first specifier to the closing brace; an ordinal
    in the result is an index into them.

    Raises:
        LoweringError: the function cannot be read at all.

    """
    with depth_allowed():
        source = recovery.read_function(tokens, names)
        try:
            return _function(source, names, len(tokens) - 1)
        except RecursionError:
            return _function(source, names, len(tokens) - 1, careful=True)


def _function(source: recovery.Source, names: Names, end: int, *, careful: bool = False) -> Lowered:
    """Lower a parsed function; ``careful`` makes opaque what nests too deeply for the interpreter."""
    definition = source.definition
    declared = definition.decl
    c = Context(declared.name, names, source.asides)
    c.reasons = source.reasons
    c.recovered.extend(source.recovered)
    header = declared.type
    result = c.type_of(header.type) if header.__class__ is c_ast.FuncDecl else ""
    c.result = result
    scope_parameters = tuple(_parameters(c, header, definition.param_decls))
    if source.guarded:
        c.unwinds = True
        c.places = unwinding.find_labels(definition.body)
    if careful:
        _carefully(c, definition.body)
    else:
        compound(c, definition.body)
    c.code.append(ir.Return(None if result == "void" else ir.Unknown("uninitialised"), end))
    return _finish(c, scope_parameters, type_code(result), end)


def _carefully(c: Context, body: Any) -> None:
    """Lower a body statement by statement, one that is too deep as opaque text."""
    scope = c.enter()
    for item in body.block_items or ():
        mark, env, undo = len(c.code), dict(c.env), list(c.undo)
        state = c.handler, list(c.frames), c.breaks, c.continues, c.switch
        try:
            statement(c, item)
        except RecursionError:
            del c.code[mark:]
            c.env, c.undo = env, undo
            c.handler, c.frames, c.breaks, c.continues, c.switch = state
            c.nesting = 0
            at = item.coord.line
            c.code.append(ir.Opaque("nested too deeply", (), _called_in(item), at))
            c.recovered.append(ir.Recovery(at, "nested too deeply"))
            c.placed.intersection_update(_placed(c))
    c.leave(scope)


def _placed(c: Context) -> set[str]:
    there = {id(item) for item in c.code if isinstance(item, Label)}
    return {name for name, label in c.labels.items() if id(label) in there}


def _called_in(root: Any) -> tuple[str, ...]:
    """The names that are called in a syntax tree of any depth, in order."""
    found: dict[str, None] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if node.__class__ is c_ast.FuncCall and node.name.__class__ is c_ast.ID and node.name.name[0] != "%":
            found[node.name.name] = None
        pending.extend(child for _, child in reversed(node.children()))
    return tuple(found)


def _parameters(c: Context, header: Any, old_style: Sequence[Any] | None) -> list[ir.Variable]:
    parameters: list[ir.Variable] = []
    declared = {item.name: item for item in old_style or () if isinstance(item, c_ast.Decl)}
    listed = header.args.params if header.__class__ is c_ast.FuncDecl and header.args is not None else ()
    for position, item in enumerate(listed):
        if item.__class__ is c_ast.EllipsisParam:
            continue
        name, node = item.name, item
        if item.__class__ is c_ast.ID:
            node = declared.get(name)
        ctype = c.type_of(node.type) if node is not None else "i32"
        if name is None and ctype == "void":
            continue
        if ctype[:1] == "@":
            ctype = "*" + ctype[1:]
        structure = struct_name(node.type) if node is not None else ""
        binding = c.local(name or f"#{position}", ctype, structure, parameter=True)
        assert isinstance(binding.place, ir.Local)
        parameters.append(ir.Variable(binding.place.name, type_code(ctype)))
    return parameters


def _finish(c: Context, parameters: tuple[ir.Variable, ...], result: ir.TypeCode, end: int) -> Lowered:
    for name, label in list(c.labels.items()):
        if name not in c.placed:
            c.recovered.append(
                ir.Recovery(c.jumps.get(name, end), "the label is not in the part that was read")
            )
            c.place(label)
            c.code.append(ir.Halt(c.jumps.get(name, end)))
    for item in c.code:
        if item.__class__ is Indirect:
            item.targets.extend(c.addressed.values())
    code = finish(c.code, c.unreached)
    if c.unreached:
        code = (*code, ir.Halt(end))
    function = ir.Function(
        c.name,
        parameters,
        tuple(c.locals),
        result,
        code,
        tuple(sorted(dict.fromkeys(c.recovered), key=lambda r: r.at)),
    )
    return Lowered(function, called(function), called_through(function), _references(function, c.objects))


def called(function: ir.Function) -> tuple[str, ...]:
    """The names of the functions that are called directly, sorted, those in opaque text included."""
    found: set[str] = set()
    for item in function.code:
        if item.__class__ is ir.Call:
            if isinstance(item.callee, ir.FunctionName):
                found.add(item.callee.name)
        elif item.__class__ is ir.Opaque:
            found.update(item.calls)
    return tuple(sorted(found))


def called_through(function: ir.Function) -> tuple[str, ...]:
    """The members whose value is called, directly or by way of a variable, sorted."""
    found: set[str] = set()
    variables: set[str] = set()
    for item in function.code:
        if item.__class__ is ir.Call and isinstance(item.callee, ir.Load):
            if isinstance(item.callee.place, ir.Member):
                found.add(item.callee.place.field)
            elif isinstance(item.callee.place, ir.Local):
                variables.add(item.callee.place.name)
    for item in function.code if variables else ():
        if item.__class__ is ir.Assign and isinstance(item.place, ir.Local) and item.place.name in variables:
            value = item.value
            if isinstance(value, ir.Load) and isinstance(value.place, ir.Member):
                found.add(value.place.field)
    return tuple(sorted(found))


def _references(function: ir.Function, objects: dict[int, str]) -> tuple[ir.Reference, ...]:
    return tuple(
        ir.Reference(r.function, r.slot, r.where, r.index, objects[r.at], r.at)
        if r.slot == "field" and not r.object and r.at in objects
        else r
        for r in roles.references(function)
    )


def lower_initialisers(chunks: Sequence[Sequence[Token]], names: Names) -> Lowered:
    """The stores of file-scope initialisers as the pseudo-function `ir.FILE_SCOPE`.

    Each chunk is one declaration; ordinals count through all chunks in order. Numbers in arrays are left out, as are
    declarations in which no identifier could be a function's or an object's name. A declaration that cannot be parsed is
    listed as recovered.
    """
    c = Context(ir.FILE_SCOPE, names, [])
    base = 0
    with depth_allowed():
        for chunk in chunks:
            _initialiser(c, chunk, base)
            base += len(chunk)
    c.code.append(ir.Return(None, max(base - 1, 0)))
    return _finish(c, (), "void", max(base - 1, 0))


def _initialiser(c: Context, chunk: Sequence[Token], base: int) -> None:
    def prepare(rewritten: Rewritten) -> None:
        offset = len(c.asides)
        for token in rewritten.tokens:
            token.lineno += base
            if offset and token.value[0] == "%" and token.value[1:].isdigit():
                token.value = f"%{int(token.value[1:]) + offset}"
        c.asides.extend(rewritten.asides)

    mark = len(c.code)
    try:
        nodes, _ = parse_with_guessed_types(chunk, c.names, prepare)
        for node in nodes:
            if node.__class__ is c_ast.Decl and node.init is not None and node.name is not None:
                _file_scope_variable(c, node)
    except (SyntaxFault, RecursionError) as fault:
        del c.code[mark:]
        reason = fault.reason if isinstance(fault, SyntaxFault) else "nested too deeply"
        c.code.append(ir.Opaque("unparsed", (), (), base))
        c.recovered.append(ir.Recovery(base, reason))


def _file_scope_variable(c: Context, node: Any) -> None:
    binding = variable(ir.Global(node.name), c.type_of(node.type), struct_name(node.type))
    assert binding.place is not None
    if node.init.__class__ is c_ast.InitList:
        members(c, binding.place, binding.type, node.init, binding.object, brief=binding.type[:1] == "@")
    else:
        initialise(c, binding, node.init, node.coord.line)
