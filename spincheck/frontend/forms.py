"""Expressions and statements for which the parser has no grammar, in forms that it has.

Owns the forms in the table of `dialect`, but for assembler's: lowering knows each again by an identifier that no program can spell.
"""

from __future__ import annotations

from spincheck.frontend import keywords
from spincheck.frontend.attributes import TYPE_STARTS, WORD
from spincheck.frontend.rewriter import Rewriter


def label_address(r: Rewriter, at: int) -> int:
    """``&&``: the address of a label where no operand precedes it."""
    before = r.out[-2].type if len(r.out) > 1 else ""
    operand = r.previous() in keywords.OPERAND_ENDS and not (r.previous() == "RPAREN" and before == "TIMES")
    if operand or not WORD.match(r.text(at + 1)):
        r.emit("LAND", "&&", at)
        return at + 1
    r.emit("ID", "&&" + r.text(at + 1), at)
    return at + 2


def conditional(r: Rewriter, at: int) -> int:
    """``?``; GNU C may leave out the middle operand."""
    r.emit("CONDOP", "?", at)
    if r.text(at + 1) == ":":
        r.emit("ID", "%same", at)
    return at + 1


def ellipsis(r: Rewriter, at: int) -> int:
    """``...``: a range unless it ends a parameter list."""
    r.emit("ELLIPSIS" if r.text(at + 1) == ")" else "LOR", "...", at)
    return at + 1


def type_query(r: Rewriter, at: int) -> int:
    """A builtin whose arguments are types and which executes nothing."""
    r.emit("ID", "%type query", at)
    return r.after_arguments(at)


def offset_of(r: Rewriter, at: int) -> int:
    """``offsetof`` where no header has made a macro of it."""
    r.emit("OFFSETOF" if r.text(at + 1) == "(" else "ID", r.text(at), at)
    return at + 1


def variable_argument(r: Rewriter, at: int) -> int:
    """``va_arg``, which takes a type."""
    r.emit("__BUILTIN_VA_ARG", "__builtin_va_arg", at)
    return at + 1


def inferred_type(r: Rewriter, at: int) -> int:
    """GNU's ``__auto_type``."""
    r.emit("AUTO", "auto", at)
    return at + 1


def case(r: Rewriter, at: int) -> int:
    """``case`` and ``default``: an empty statement between two labels keeps the tree from growing deep."""
    text = r.text(at)
    if r.previous() == "COLON":
        r.emit("SEMI", ";", at)
    r.emit("CASE" if text == "case" else "DEFAULT", text, at)
    return at + 1


def colon(r: Rewriter, at: int) -> int:
    """``:``; the label before it may share its name with a type; ``{ x: 1 }`` is GNU's old way to write ``{ .x = 1 }``."""
    if r.previous() == "ID" and len(r.out) > 1 and r.in_initialiser():
        name = r.out.pop()
        r.emit("PERIOD", ".", name.lineno)
        r.out.append(name)
        r.emit("EQUALS", ":", at)
        return at + 1
    if r.out and r.out[-1].value in r.typedefs and len(r.out) > 1:
        leader = r.out[-2].type
        if leader in keywords.STATEMENT_LEADERS and not r.text(at + 1)[:1].isdigit():
            r.out[-1].value = "label " + r.out[-1].value
    r.emit("COLON", ":", at)
    return at + 1


def jump(r: Rewriter, at: int) -> int:
    """``goto``, to a label or, in GNU C, to an address."""
    if r.text(at + 1) == "*":
        r.emit("RETURN", "goto", at)
        r.emit("ID", "%goto", at)
        r.emit("COMMA", ",", at)
        return at + 1
    r.emit("GOTO", "goto", at)
    name = r.text(at + 1)
    known = r.names.get(name)
    if name in r.extra_types or name in keywords.FALLBACK_TYPES or (known and known.kind == "typedef"):
        r.emit("ID", "label " + name, at + 1)
        return at + 2
    return at + 1


def begin_guarded(r: Rewriter, at: int) -> int:
    """``__try``, or the word ``try`` before a block."""
    if not r.text(at).startswith("_") and (
        r.text(at + 1) != "{" or r.previous() in TYPE_STARTS or r.text(at) in r.names
    ):
        r.emit("ID", r.text(at), at)
        return at + 1
    r.guarded = True
    for kind, text in (("IF", "__try"), ("LPAREN", "("), ("ID", "%try"), ("RPAREN", ")")):
        r.emit(kind, text, at)
    return at + 1


def begin_handler(r: Rewriter, at: int) -> int:
    """``__except`` and ``__finally``, or these words where they continue a guarded block."""
    text = r.text(at)
    finally_ = text.endswith("finally")
    if not text.startswith("_") and not (
        r.guarded and r.previous() == "RBRACE" and r.text(at + 1) == ("{" if finally_ else "(")
    ):
        r.emit("ID", text, at)
        return at + 1
    r.emit("ELSE", text, at)
    if not finally_:
        r.emit("WHILE", text, at)
    return at + 1


def leave(r: Rewriter, at: int) -> int:
    """``__leave``, or the word ``leave`` as a statement of a guarded block."""
    text = r.text(at)
    if not text.startswith("_") and not (
        r.guarded
        and r.text(at + 1) == ";"
        and (r.previous() in keywords.STATEMENT_LEADERS or r.previous() == "RPAREN")
    ):
        r.emit("ID", text, at)
        return at + 1
    r.emit("GOTO", text, at)
    r.emit("ID", "%leave", at)
    return at + 1
