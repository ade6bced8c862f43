"""The intermediate representation that the front end makes and the analysis reads.

Owns the frozen types for values, places, instructions, functions and what one
translation unit says about itself. Nothing here knows C syntax, pycparser, lock
tables or the cache; everything here encodes to MessagePack without a hook.

A function is a flat list of instructions with jump targets, not a tree: clean-up
by ``goto``, ``switch``, structured exception handling and short-circuit evaluation
have all become the same few jumps by the time the analysis sees them, and every
expression that is left is free of side effects. A tree would keep the C shape and
make each analysis repeat the language's rules for control flow.

A place in the text is one integer, ``at``: the ordinal of a token in the text of
its external declaration, white space and comments not counted. A function's key is
the hash of exactly these tokens, so whatever moves the text (an edit above, a
comment, a reformatting) leaves the key, the representation and every result that
refers to it unchanged; only when a diagnostic is printed is an ordinal looked up in
today's text and becomes file, line and column.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class _Node(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True, tag_field="node"):
    """Base of every node: immutable, compared by content, a tagged array on disk."""


# --- values ----------------------------------------------------------------------

IntegerType = Literal["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"]
"""Width and signedness of a C integer type; ``bool`` is C's ``_Bool``, not BOOLEAN (``u8``)."""

TypeCode = str
"""An `IntegerType`, or ``ptr``, ``float``, ``void``, ``struct`` (any aggregate), ``array``, or ``""`` (not known)."""


class Int(_Node, frozen=True, tag="int"):
    """An integer constant: literals, enumerators, character constants, ``sizeof`` when known, NULL (0)."""

    value: int


class Text(_Node, frozen=True, tag="text"):
    """The address of a string literal: never null."""

    value: str


class FunctionName(_Node, frozen=True, tag="fn"):
    """A function's address, ``f`` or ``&f``; as a callee, a direct call."""

    name: str


class Unknown(_Node, frozen=True, tag="unknown"):
    """A value that the representation does not follow: a fresh one at every evaluation.

    ``why`` is ``uninitialised`` (a local before its first assignment), ``float``,
    ``asm``, ``sizeof``, ``unparsed``, ``va_arg`` or another short reason.
    """

    why: str


class Load(_Node, frozen=True, tag="load"):
    """The value stored at a place."""

    place: Place


class AddressOf(_Node, frozen=True, tag="addr"):
    """The address of a place; an array that decays is the address of the array itself."""

    place: Place


class Unary(_Node, frozen=True, tag="un"):
    """``-``, ``~`` or ``!`` of a value; ``!`` yields 0 or 1."""

    op: Literal["-", "~", "!"]
    operand: Value


class Binary(_Node, frozen=True, tag="bin"):
    """A side-effect-free binary operation; comparisons yield 0 or 1.

    ``&&``, ``||`` and ``?:`` never appear: they are branches. Pointer arithmetic keeps the
    index unscaled (``p + 1`` is ``Binary("+", p, Int(1))`` whatever ``p`` points to).
    """

    op: Literal["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">="]
    left: Value
    right: Value


class Cast(_Node, frozen=True, tag="cast"):
    """Conversion to an integer type; casts between pointers, or that keep the value, are left out."""

    to: IntegerType
    operand: Value


Value = Int | Text | FunctionName | Unknown | Load | AddressOf | Unary | Binary | Cast


# --- places ----------------------------------------------------------------------


class Local(_Node, frozen=True, tag="local"):
    """A parameter, automatic variable or temporary; names are unique in the function (``x``, ``x#2``; ``%1``)."""

    name: str


class Global(_Node, frozen=True, tag="global"):
    """A variable with static storage; a function's own static is named ``function.x``."""

    name: str


class Member(_Node, frozen=True, tag="member"):
    """``base.field``; ``p->field`` is ``Member(Deref(p), field)``."""

    base: Place
    field: str


class Element(_Node, frozen=True, tag="element"):
    """``base[index]`` where ``base`` is an array, or a field that may be an array or a pointer."""

    base: Place
    index: Value


class Deref(_Node, frozen=True, tag="deref"):
    """``*pointer``; ``p[i]`` of a pointer variable is ``Deref(Binary("+", p, i))``."""

    pointer: Value


Place = Local | Global | Member | Element | Deref


# --- instructions ----------------------------------------------------------------


class Assign(_Node, frozen=True, tag="assign"):
    """Store a value (also a whole struct) at a place."""

    place: Place
    value: Value
    at: int


class Call(_Node, frozen=True, tag="call"):
    """Call ``callee``; ``result`` is the temporary or local that receives the value, or None.

    ``handler`` is the index of the instruction where control may arrive instead of the next one when
    the callee raises inside ``__try``; -1 outside of any.
    """

    result: str | None
    callee: Value
    arguments: tuple[Value, ...]
    at: int
    handler: int = -1


class Branch(_Node, frozen=True, tag="branch"):
    """Go to ``then`` when the condition is not zero, else to ``otherwise``."""

    condition: Value
    then: int
    otherwise: int
    at: int


class Jump(_Node, frozen=True, tag="jump"):
    """Go to ``target``."""

    target: int


class Case(_Node, frozen=True, tag="case"):
    """One ``case low ... high`` (both included) of a `Switch`."""

    low: int
    high: int
    target: int


class Switch(_Node, frozen=True, tag="switch"):
    """Go to the case that contains the value, else to ``default``."""

    value: Value
    cases: tuple[Case, ...]
    default: int
    at: int


class ComputedJump(_Node, frozen=True, tag="computed"):
    """GNU ``goto *p``: any of the labels whose address is taken."""

    targets: tuple[int, ...]
    at: int


class Return(_Node, frozen=True, tag="return"):
    """Leave the function; the implicit return at the end of a void function is at its closing brace."""

    value: Value | None
    at: int


class Opaque(_Node, frozen=True, tag="opaque"):
    """Text that is not followed (assembler, or a statement that could not be parsed).

    ``writes`` are the places it may change; ``calls`` the names that are called in it as far as a
    token reader can tell.
    """

    why: str
    writes: tuple[Place, ...]
    calls: tuple[str, ...]
    at: int


class Halt(_Node, frozen=True, tag="halt"):
    """Control never gets past this point (``__builtin_unreachable()``, ``__assume(0)``, ``__fastfail``)."""

    at: int


Instruction = Assign | Call | Branch | Jump | Switch | ComputedJump | Return | Opaque | Halt


# --- functions and units ---------------------------------------------------------


class Variable(_Node, frozen=True, tag="var"):
    """A parameter or local with what is known of its type."""

    name: str
    type: TypeCode


class Recovery(_Node, frozen=True, tag="recovery"):
    """A statement that could not be parsed and became `Opaque`; ``reason`` is for the report."""

    at: int
    reason: str


class Function(_Node, frozen=True, tag="function"):
    """One function's code. Control enters at ``code[0]``; every path ends in `Return` or `Halt` or never ends.

    The file-scope initialisers of a unit are a function too, named `FILE_SCOPE`: stores to globals, then a return.
    """

    name: str
    parameters: tuple[Variable, ...]
    locals: tuple[Variable, ...]
    result: TypeCode
    code: tuple[Instruction, ...]
    recovered: tuple[Recovery, ...] = ()


FILE_SCOPE = "<file scope>"
"""Name of the pseudo-function that holds a unit's file-scope initialisers."""


class Reference(_Node, frozen=True, tag="reference"):
    """A function's address put somewhere, from which the roles of callbacks are read.

    ``slot`` is ``field`` (``where`` = name of the field, ``MajorFunction`` for its elements), ``argument`` (``where``
    = the called function, ``index`` = which argument, from 0), ``variable`` (``where`` = name), ``return`` or ``other``.
    ``object`` is the type name of the struct when the initialiser or declaration shows it, else ""; for an argument, the field whose
    address the call's first argument is. ``member`` is the name of a field that ``where`` gives as ``#N`` only, where the struct's declaration says it.
    """

    function: str
    slot: Literal["field", "argument", "variable", "return", "other"]
    where: str
    index: int
    object: str
    at: int
    member: str = ""


class FunctionHeader(_Node, frozen=True, tag="header"):
    """What the call graph needs of a function, without its code.

    ``key`` identifies the code by content: equal keys mean equal `Function` values up to the name of the file. Its first 32 digits are a
    hash of the tokens, the other 32 of what the names among them mean.
    ``start`` is the offset of its text in the unit's preprocessed text; ``file``/``line`` the place of its name.
    ``calls`` are the names called directly, sorted, ``through`` the members that hold a pointer which is called; ``own`` is false for a header's function from outside the project.
    ``lines`` is how many lines it spans in its source.
    """

    name: str
    static: bool
    key: str
    start: int
    file: str
    line: int
    lines: int
    own: bool
    calls: tuple[str, ...]
    through: tuple[str, ...]
    references: tuple[Reference, ...]
    recovered: tuple[Recovery, ...]


class RoleDeclaration(_Node, frozen=True, tag="role"):
    """``EVT_WDF_DPC MyDpc;`` or ``_Function_class_(EVT_WDF_DPC)``: ``function`` has the role type ``role``."""

    function: str
    role: str


class Unanalysed(_Node, frozen=True, tag="unanalysed"):
    """A function that could not be read at all, and why."""

    function: str
    file: str
    line: int
    reason: str


class UnitRecord(_Node, frozen=True, tag="unit"):
    """All that one translation unit says, as it is kept by the cache under the hash of its text.

    ``source`` is the main file as the line markers name it. ``functions`` holds every function defined in the project's own files
    and the header functions that can reach a lock operation; `FILE_SCOPE` is among them when there are initialisers.
    ``system`` are the names called here and declared in system headers but not defined: they are DDIs.
    ``declared_locks``: lock attributes seen on declarations (``_Acquires_lock_`` …), as (function, attribute, argument text).
    """

    source: str
    functions: tuple[FunctionHeader, ...]
    roles: tuple[RoleDeclaration, ...]
    system: tuple[str, ...]
    declared_locks: tuple[tuple[str, str, str], ...]
    unanalysed: tuple[Unanalysed, ...]
