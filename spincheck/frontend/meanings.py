"""What the file-scope names of one unit mean: typedefs resolved, enumerators evaluated.

Takes a way to find the declaration of a name and gives `names.Name`. Everything is done on demand and once: a unit's own
text uses a few hundred of the fifteen thousand names that its headers declare, and a chain like ``PNTSTATUS`` →
``NTSTATUS`` → ``long`` is followed over the borders of headers, which are read apart from each other.

The width of ``long`` is the one fact about the target that declarations need. It is read from the text: from what
``size_t`` stands for, and where nobody declares it from names that only Windows headers have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spincheck.frontend.constants import evaluate
from spincheck.frontend.declarations import Base, Declaration, Derivation, read_declaration
from spincheck.frontend.names import Name
from spincheck.frontend.tokens import tokenise

Find = Callable[[str], str | None]
"""The text of the external declaration that declares a name, or None."""

FUNCTION = "function"
"""What a typedef of a function type resolves to here; `Name` has no code for it and says ``""``."""

LONG = "long"
"""``Name`` under this key says how wide ``long`` is when it is not 32 bits, as on 64-bit Unix."""

_WINDOWS_NAMES = ("ULONG_PTR", "NTSTATUS", "KSPIN_LOCK", "PDRIVER_OBJECT", "WDFDEVICE", "HANDLE")
_LONGEST_CHAIN = 40
"""Typedefs of typedefs, or enumerations whose values come from one another; real headers have three."""
_INTEGERS = frozenset({"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"})
_EXACT = {
    "__int8": "8",
    "_int8": "8",
    "__int16": "16",
    "_int16": "16",
    "__int32": "32",
    "_int32": "32",
    "__int64": "64",
    "_int64": "64",
}
_FLOATS = frozenset(
    {
        "float",
        "double",
        "_Float16",
        "__float128",
        "_Float128",
        "__float80",
        "__fp16",
        "__bf16",
        "_Float32",
        "_Float64",
        "_Float32x",
        "_Float64x",
    }
)
_WIDE = frozenset({"__int128", "__int128_t", "__uint128_t"})


class Meanings:
    """The meanings of one unit's names."""

    def __init__(self, find: Find, whole: Find) -> None:
        """Look declarations up with ``find``, which leaves bodies and fields out, and with ``whole``."""
        self._find = find
        self._whole = whole
        self._names: dict[str, Name | None] = {}
        self._read: dict[str, Declaration] = {}
        self._typedefs: dict[str, str | None] = {}
        self._enumerators: dict[str, int | None] = {}
        self._long: str | None = None
        self._depth = 0

    def name(self, name: str) -> Name | None:
        """Return what ``name`` means at file scope, or None if nothing is known of it."""
        if name == LONG:
            return None if self.long == "32" else Name("typedef", "i64")
        if name not in self._names:
            self._names[name] = None  # an enumerator whose value refers to itself ends here
            self._names[name] = self._meaning(name)
        return self._names[name]

    @property
    def long(self) -> str:
        """The bits of ``long``: "32" for Windows and 32-bit targets, "64" for 64-bit Unix."""
        if self._long is None:
            self._long = "32"
            self._long = self._width_of_long()
        return self._long

    def role_types(self, name: str) -> tuple[str, ...]:
        """Return the function types that a declaration with the bare type ``name`` gives: it, and what it is another name for.

        Empty when ``name`` is known not to be a function type; a name that nobody declares counts as one.
        """
        chain: list[str] = []
        while name not in chain and len(chain) < _LONGEST_CHAIN:
            chain.append(name)
            declaration = self._declaration(name)
            if declaration is None or "typedef" not in declaration.storage:
                return tuple(chain) if declaration is None else ()
            shape = _shape_of(declaration, name)
            if shape is None:
                return tuple(chain)
            if shape:
                return tuple(chain) if shape[0] == "function" else ()
            if declaration.base.kind != "name":
                return ()
            name = declaration.base.text
        return ()

    def members(self, name: str) -> tuple[str, ...]:
        """Return the members of the structure that a typedef stands for, in order, up to the first that has no name."""
        for _ in range(_LONGEST_CHAIN):
            declaration = self._declaration(name)
            if declaration is None or declaration.base.kind != "name":
                break
            name = declaration.base.text
        text = self._whole(name) if declaration is not None and declaration.base.kind == "struct" else None
        words = [token[0] for token in tokenise(text)] if text is not None else []
        if "{" not in words:
            return ()
        found: list[str] = []
        for member in _pieces(words[words.index("{") + 1 :]):
            declarators = read_declaration(" ".join([*member, ";"])).declarators
            if not declarators and "{" in member:
                break  # its members are this structure's own
            found += [declarator.name for declarator in declarators]
        return tuple(found)

    def _width_of_long(self) -> str:
        declaration = self._declaration("size_t") or self._declaration("__kernel_size_t")
        depth = 0
        while declaration is not None and declaration.base.kind == "name" and depth < _LONGEST_CHAIN:
            declaration = self._declaration(declaration.base.text)
            depth += 1
        if declaration is not None and declaration.base.kind == "words":
            return "64" if declaration.base.text.split().count("long") == 1 else "32"
        if any(self._find(name) is not None for name in _WINDOWS_NAMES):
            return "32"
        return "64" if self._find("__kernel_ulong_t") is not None else "32"

    def _declaration(self, name: str) -> Declaration | None:
        text = self._find(name)
        if text is None:
            return None
        declaration = self._read.get(text)
        if declaration is None:
            declaration = self._read[text] = read_declaration(text)
        return declaration

    def _meaning(self, name: str) -> Name | None:
        declaration = self._declaration(name)
        if declaration is None:
            return None
        shape = _shape_of(declaration, name)
        if shape is None:
            if declaration.enums:
                self._evaluate(declaration)
            if name not in self._enumerators:
                return None
            value = self._enumerators[name]
            # a value that is not known must not be taken for one: a variable that nobody writes
            return Name("variable", "i32") if value is None else Name("enumerator", "i32", value)
        if "typedef" in declaration.storage:
            code = self._typedef(name)
            return Name("typedef", "" if code is None or code == FUNCTION else code)
        if shape[:1] == ("function",):
            return Name("function", self._code(shape[1:], declaration))
        code = self._code(shape, declaration)
        if code == FUNCTION:  # EVT_WDF_DPC MyDpc;
            return Name("function", self._result_of(declaration.base.text))
        return Name("variable", code)

    def _result_of(self, typedef: str) -> str:
        """Return the result type of a function type's typedef."""
        for _ in range(_LONGEST_CHAIN):
            declaration = self._declaration(typedef)
            if declaration is None:
                return ""
            shape = _shape_of(declaration, typedef) or ()
            if shape[:1] == ("function",):
                return self._code(shape[1:], declaration)
            if shape or declaration.base.kind != "name":
                return ""
            typedef = declaration.base.text
        return ""

    def _code(self, shape: tuple[Derivation, ...], declaration: Declaration) -> str:
        if shape:
            return shape[0] if shape[0] != "function" else FUNCTION
        if "vector_size" in declaration.attributes or "__vector_size__" in declaration.attributes:
            return "struct"
        return self._base(declaration.base)

    def _base(self, base: Base) -> str:
        match base.kind:
            case "words":
                return self._words(base.text.split())
            case "name":
                return self._typedef(base.text) or ""
            case "struct":
                return "struct"
            case "enum":
                return "i32"
            case _:
                return ""

    def _typedef(self, name: str) -> str | None:
        """Return the code that the typedef ``name`` stands for, or None if it is none."""
        if name in self._typedefs:
            return self._typedefs[name]
        self._typedefs[name] = None  # typedef A B; typedef B A; ends here
        chain = [name]
        result: str | None = None
        while len(chain) <= _LONGEST_CHAIN * 10:
            declaration = self._declaration(chain[-1])
            if declaration is None or "typedef" not in declaration.storage:
                break
            shape = _shape_of(declaration, chain[-1])
            if shape is None:
                break
            if shape or declaration.base.kind != "name" or "vector_size" in declaration.attributes:
                result = self._code(shape, declaration)
                break
            chain.append(declaration.base.text)
        for link in chain:
            self._typedefs[link] = result
        return result

    def _words(self, words: list[str]) -> str:
        for word in words:
            if word in _FLOATS:
                return "float"
            if word in _EXACT:
                return ("u" if "unsigned" in words else "i") + _EXACT[word]
            if word in _WIDE:
                return ""
        sign = "u" if "unsigned" in words else "i"
        if "void" in words:
            return "void"
        if "_Bool" in words or "bool" in words:
            return "bool"
        if "char" in words:
            return sign + "8"
        if "short" in words:
            return sign + "16"
        longs = words.count("long")
        if longs:
            return sign + ("64" if longs > 1 else self.long)
        return sign + "32"

    def _evaluate(self, declaration: Declaration) -> None:
        """Compute the enumerators of the enumerations in ``declaration``."""
        for start, end in declaration.enums:
            previous: int | None = -1
            for name, expression in _enumerators([token[0] for token in declaration.tokens[start:end]]):
                if name in self._enumerators:
                    previous = self._enumerators[name]
                    continue
                if expression:
                    previous = evaluate(expression, self._enumerator, self._width)
                elif previous is not None:
                    previous += 1
                if previous is not None and not -(1 << 63) <= previous < 1 << 63:
                    previous = None
                self._enumerators[name] = previous

    def _enumerator(self, name: str) -> int | None:
        if name in self._enumerators:
            return self._enumerators[name]
        if self._depth > _LONGEST_CHAIN:
            return None
        self._depth += 1
        meaning = self.name(name)
        self._depth -= 1
        return meaning.value if meaning is not None and meaning.kind == "enumerator" else None

    def _width(self, tokens: Sequence[str]) -> str | None:
        if not tokens or not all(word[0].isalpha() or word[0] in "_*" for word in tokens):
            return None
        declaration = read_declaration(f"typedef {' '.join(tokens)} x;")
        if len(declaration.declarators) != 1:
            return None
        code = self._code(declaration.declarators[0].shape, declaration)
        return code if code in _INTEGERS else None


def _shape_of(declaration: Declaration, name: str) -> tuple[Derivation, ...] | None:
    for declarator in declaration.declarators:
        if declarator.name == name:
            return declarator.shape
    return None


def _pieces(words: list[str]) -> list[list[str]]:
    """Split a structure's fields, whose opening brace was before, into declarations."""
    pieces: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word in {"(", "[", "{"}) - (word in {")", "]", "}"})
        if depth < 0:
            break
        if word == ";" and not depth:
            pieces.append([])
        else:
            pieces[-1].append(word)
    return [piece for piece in pieces if piece]


def _enumerators(tokens: list[str]) -> list[tuple[str, list[str]]]:
    """Split an enumerator list into names and their expressions (empty: one more than the previous)."""
    found: list[tuple[str, list[str]]] = []
    at = 0
    while at < len(tokens):
        name = tokens[at]
        expression: list[str] = []
        depth = 0
        valued = False
        at += 1
        while at < len(tokens) and (depth or tokens[at] != ","):
            depth += (tokens[at] in {"(", "["}) - (tokens[at] in {")", "]"})
            if valued:
                expression.append(tokens[at])
            elif tokens[at] == "=" and not depth:
                valued = True
            at += 1
        at += 1
        found.append((name, expression))
    return found
