"""An independent reader: what libclang sees in C text, counted as the representation must have it.

It shares no code with the front end. Calls are counted by the function's name, decisions by C's rules for conditions: each operand that
is tested is one, ``&&``, ``||``, ``!`` and ``?:`` in a condition are not values but more conditions.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from clang import cindex

K = cindex.CursorKind


class Count(NamedTuple):
    """What a function does: calls by name, calls of what is no name, conditions that are tested, switches and returns."""

    calls: Counter[str]
    indirect: int
    tests: int
    switches: int
    returns: int


_TRANSPARENT = {K.PAREN_EXPR, K.UNEXPOSED_EXPR}
_UNEXECUTED = {K.CXX_UNARY_EXPR, K.STATIC_ASSERT}
_TYPE_QUERIES = {"__builtin_types_compatible_p", "__builtin_offsetof"}
_CONSTANT = {K.INTEGER_LITERAL, K.CHARACTER_LITERAL, K.STRING_LITERAL}
_MARKER = re.compile(r"(?m)^#(?: |line )[^\n]*|/\*.*?\*/|//[^\n]*", re.DOTALL)
_BUILTIN = re.compile(r"__builtin_(?=mem|str)")
NO_CALL = re.compile(
    r"__builtin_(?:expect|unreachable|constant_p|object_size|choose_expr|types_compatible_p|trap|assume_aligned|va_\w+|offsetof"
    r"|prefetch|dynamic_object_size|ms_va_\w+)\Z|__assume\Z|__noop\Z|__fastfail\Z|__debugbreak\Z"
)


def functions(text: str, *flags: str, only: Container[str] | None = None) -> Iterator[tuple[str, Count]]:
    """Yield each function defined in preprocessed ``text`` (``only``: of those names) that libclang reads without an error.

    Line markers are blanked, so that every offset is one in ``text``.
    """
    plain = _MARKER.sub(lambda hit: re.sub(r"[^\n]", " ", hit[0]), text)
    data = plain.encode("utf-8", "replace")
    unit = cindex.Index.create().parse(
        "text.c", args=["-x", "c", "-w", "-ferror-limit=0", *flags], unsaved_files=[("text.c", plain)]
    )
    wrong = sorted(d.location.offset for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error)
    for cursor in unit.cursor.get_children():
        if only is not None and cursor.spelling not in only:
            continue
        if cursor.kind == K.FUNCTION_DECL and cursor.is_definition():
            start, end = cursor.extent.start.offset, cursor.extent.end.offset
            if not any(start <= offset <= end for offset in wrong):
                yield cursor.spelling, _Reader(data).count(cursor)


def _evaluate(node: Any) -> int:
    """The value of a constant expression; the binding for Python has no method for it."""
    library = cindex.conf.lib
    library.clang_Cursor_Evaluate.argtypes = [cindex.Cursor]
    library.clang_Cursor_Evaluate.restype = ctypes.c_void_p
    library.clang_EvalResult_getAsInt.argtypes = [ctypes.c_void_p]
    library.clang_EvalResult_dispose.argtypes = [ctypes.c_void_p]
    found = library.clang_Cursor_Evaluate(node)
    if not found:
        return 0
    value = int(library.clang_EvalResult_getAsInt(found))
    library.clang_EvalResult_dispose(found)
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._calls: Counter[str] = Counter()
        self._indirect = self._tests = self._switches = self._returns = 0

    def count(self, function: Any) -> Count:
        body = next(child for child in function.get_children() if child.kind == K.COMPOUND_STMT)
        self._effect(body)
        return Count(self._calls, self._indirect, self._tests, self._switches, self._returns)

    def _text(self, start: int, end: int) -> str:
        return self._data[start:end].decode("utf-8", "replace")

    def _operator(self, node: Any) -> str:
        """The operator of a binary expression: what stands between its operands."""
        left, right = node.get_children()
        return self._text(left.extent.end.offset, right.extent.start.offset).strip()

    def _is(self, node: Any, *operators: str) -> bool:
        return node.kind == K.BINARY_OPERATOR and self._operator(node) in operators

    def _bare(self, node: Any) -> Any:
        """An expression without parentheses and conversions that are not written."""
        while node.kind in _TRANSPARENT:
            children = list(node.get_children())
            if len(children) != 1:
                break
            node = children[0]
        return node

    def _is_not(self, node: Any) -> bool:
        return (
            node.kind == K.UNARY_OPERATOR
            and self._text(node.extent.start.offset, node.extent.start.offset + 1) == "!"
        )

    def _is_decision(self, node: Any) -> bool:
        return self._is(node, "&&", "||") or self._is_not(node)

    def _condition(self, node: Any) -> None:
        node = self._bare(node)
        children = list(node.get_children())
        if self._is(node, "&&", "||"):
            self._condition(children[0])
            self._condition(children[1])
        elif self._is_not(node):
            self._condition(children[0])
        elif self._is(node, ","):
            self._effect(children[0])
            self._condition(children[1])
        elif node.kind == K.CONDITIONAL_OPERATOR and len(children) == 3:
            for child in children:
                self._condition(child)
        elif node.kind == K.CSTYLE_CAST_EXPR and self._is_decision(self._bare(children[-1])):
            self._condition(children[-1])
        elif node.kind == K.CALL_EXPR and node.spelling == "__builtin_expect":
            self._condition(children[1])
        else:
            self._tests += 1
            self._value(node)

    def _effect(self, node: Any) -> None:
        """A statement, or an expression whose value nobody uses."""
        kind = node.kind
        children = list(node.get_children())
        if kind == K.RETURN_STMT:
            self._returns += 1
            for child in children:
                self._value(child)
        elif kind in {K.IF_STMT, K.WHILE_STMT}:
            self._condition(children[0])
            for child in children[1:]:
                self._effect(child)
        elif kind == K.DO_STMT:
            self._effect(children[0])
            self._condition(children[1])
        elif kind == K.FOR_STMT:
            self._for(node, children)
        elif kind == K.SWITCH_STMT:
            self._switches += 1
            self._value(children[0])
            self._effect(children[1])
        elif kind == K.CASE_STMT:
            for child in children[-1:]:
                self._effect(child)
        elif kind in _TRANSPARENT and len(children) == 1:
            self._effect(children[0])
        elif kind == K.CSTYLE_CAST_EXPR:
            self._effect(children[-1])
        elif kind == K.CONDITIONAL_OPERATOR and len(children) == 3:
            self._condition(children[0])
            self._effect(children[1])
            self._effect(children[2])
        elif self._is(node, "&&", "||"):
            self._condition(children[0])
            self._effect(children[1])
        elif self._is(node, ","):
            self._effect(children[0])
            self._effect(children[1])
        elif kind in {K.COMPOUND_STMT, K.LABEL_STMT, K.DEFAULT_STMT, K.DECL_STMT} or kind.is_statement():
            for child in children:
                self._effect(child)
        else:
            self._value(node)

    def _for(self, node: Any, children: list[Any]) -> None:
        """``for``: which of its three parts are there is told by the semicolons between them."""
        body = children[-1]
        head = self._text(node.extent.start.offset, body.extent.start.offset)
        base = node.extent.start.offset
        parts: list[list[Any]] = [[], [], []]
        limits = []
        depth = 0
        for offset, character in enumerate(head.encode()):
            depth += character in b"({["
            depth -= character in b")}]"
            if character == ord(";") and depth == 1:
                limits.append(base + offset)
        for child in children[:-1]:
            at = sum(child.extent.start.offset > limit for limit in limits)
            parts[min(at, 2)].append(child)
        for child in parts[0]:
            self._effect(child)
        for child in parts[1]:
            self._condition(child)
        for child in parts[2]:
            self._effect(child)
        self._effect(body)

    def _value(self, node: Any) -> None:
        kind = node.kind
        if kind in _CONSTANT or kind in _UNEXECUTED:
            return
        children = list(node.get_children())
        if kind == K.UNEXPOSED_EXPR and len(children) != 1 and self._keyword(node) in _TYPE_QUERIES:
            return
        if self._is_elvis(node, children):
            self._tests += 1
            self._value(children[0])
            self._value(children[-1])
        elif kind == K.CSTYLE_CAST_EXPR:  # what is before the operand belongs to typeof
            self._value(children[-1])
        elif kind == K.GENERIC_SELECTION_EXPR:
            self._value(self._chosen(node, children[1:]))
        elif (
            kind == K.UNEXPOSED_EXPR and self._keyword(node) == "__builtin_choose_expr" and len(children) == 3
        ):
            self._value(children[1 if _evaluate(children[0]) else 2])
        elif kind == K.CALL_EXPR:
            self._call(node, children)
        elif self._is(node, "&&", "||"):
            self._condition(node)
        elif self._is_not(node) and self._is(self._bare(children[0]), "&&", "||"):
            self._condition(children[0])
        elif kind == K.CONDITIONAL_OPERATOR and len(children) == 3:
            self._condition(children[0])
            self._value(children[1])
            self._value(children[2])
        elif self._is(node, ","):
            self._effect(children[0])
            self._value(children[1])
        elif kind == K.StmtExpr:
            for child in children:
                self._block(child)
        elif kind == K.VAR_DECL and node.storage_class == cindex.StorageClass.STATIC:
            return  # initialised before the function runs
        elif kind == K.VAR_DECL:
            for child in children:
                if (
                    child.extent.start.offset > node.location.offset
                ):  # what is before the name belongs to typeof
                    self._value(child)
        elif kind not in {K.FUNCTION_DECL, K.STRUCT_DECL, K.UNION_DECL, K.ENUM_DECL, K.TYPEDEF_DECL}:
            for child in children:
                self._value(child)

    def _is_elvis(self, node: Any, children: list[Any]) -> bool:
        """``x ?: y``, of which libclang shows ``x`` three times."""
        return (
            node.kind == K.UNEXPOSED_EXPR
            and len(children) == 4
            and re.fullmatch(
                r"\s*\?\s*:\s*", self._text(children[0].extent.end.offset, children[-1].extent.start.offset)
            )
            is not None
        )

    def _keyword(self, node: Any) -> str:
        """The word that an expression begins with."""
        start = node.extent.start.offset
        hit = re.match(r"\w+", self._text(start, start + 40))
        return hit[0] if hit else ""

    def _chosen(self, node: Any, alternatives: list[Any]) -> Any:
        """The alternative of ``_Generic`` that was chosen: the whole expression has its type."""
        wanted = node.type.get_canonical().spelling
        fitting = [one for one in alternatives if one.type.get_canonical().spelling == wanted]
        return (fitting or alternatives)[0]

    def _block(self, node: Any) -> None:
        """The block of a statement expression: the value of its last expression is used."""
        children = list(node.get_children())
        for child in children[:-1]:
            self._effect(child)
        if children and children[-1].kind.is_expression():
            self._value(children[-1])
        elif children:
            self._effect(children[-1])

    def _call(self, node: Any, children: list[Any]) -> None:
        callee = node.referenced
        spelled = self._text(children[0].extent.start.offset, children[0].extent.end.offset)
        if callee is None and spelled.isidentifier():  # a builtin, of which libclang says nothing
            name = spelled
        else:
            name = callee.spelling if callee is not None and callee.kind == K.FUNCTION_DECL else ""
        if name:
            name = _BUILTIN.sub("", name)
            if NO_CALL.match(name):
                for child in children[1:2] if name == "__builtin_expect" else ():
                    self._value(child)
                return
            self._calls[name] += 1
        else:
            self._indirect += 1
            self._value(children[0])
        for child in children[1:]:
            self._value(child)
