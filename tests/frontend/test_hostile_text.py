"""Whatever the text is, a unit comes of it, its cost grows as its size does, and nothing of it is dropped in silence."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from literate import sections

from spincheck import ir
from spincheck.frontend.unit import Settings, Unit, read_unit
from spincheck.memory import NoMemory

SETTINGS = Settings(frozenset({"lock", "unlock", "h"}))
ROOT = Path(__file__).parents[2]
_SOURCES = [
    *(source for page in sorted(Path(__file__).parent.glob("lower_*.md")) for _, source, _ in sections(page)),
    *(path.read_text("utf-8") for path in sorted((ROOT / "example_driver").rglob("*.[ch]"))),
]


def read(text: str) -> Unit:
    return read_unit(text, name="a.c", settings=SETTINGS, memory=NoMemory())


def examine(text: str) -> Unit:
    """Read a text and everything that can be asked of the result."""
    unit = read(text)
    for header in unit.record.functions:
        code = unit.code(header.name)
        assert isinstance(code, ir.Function)
        assert code.code
        place = unit.locate(header.name, 10**9)
        assert place.line >= 1
        assert place.column >= 1
    for gap in unit.record.unanalysed:
        assert gap.reason
        assert gap.line >= 1
    return unit


# --- mutated real text ---------------------------------------------------------------

_NOISE = ["\0", "\r\n", "\r", "\t", "\\\n", "\ufeff", "\x1a", "\udce9", "é", '"', "'", "/*", "*/", "//", "#", "\n#", '\n# 3 "b.h" 1 3\n',
          "\n#line 7\n", "(", ")", "[", "]", "{", "}", ";", "= ", ", ", "({", "__try", "__asm", "typedef ", "static ", 'extern "C" {', "@", "0x", "1e",
          "L", "?", ":", "...", "&&", "do", "else", "case 1:", "sizeof", "__attribute__((", "__declspec(", "[SA_Pre(", "int f(void) {"]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Real text cut, doubled, joined with other text, or with noise in it."""
    text = draw(st.sampled_from(_SOURCES))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        size = draw(st.integers(1, 200))
        match draw(st.sampled_from(["drop", "double", "noise", "truncate", "splice", "lines"])):
            case "drop":
                text = text[:at] + text[at + size :]
            case "double":
                text = text[: at + size] + text[at:]
            case "noise":
                text = text[:at] + draw(st.sampled_from(_NOISE)) * draw(st.integers(1, 4)) + text[at:]
            case "truncate":
                text = text[:at]
            case "splice":
                text = text[:at] + draw(st.sampled_from(_SOURCES))[size:]
            case _:
                text = text.replace("\n", draw(st.sampled_from(["\r\n", " ", "\n\n", "\\\n", "\r"])))
    return text


@settings(max_examples=300)
@given(mutated())
def test_mutated_text(text: str) -> None:
    first = examine(text)
    assert read(text).record == first.record


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(_SOURCES))
def test_any_bytes(noise: bytes, source: str) -> None:
    examine(noise.decode("utf-8", "surrogateescape"))
    half = len(source) // 2
    examine(source[:half] + noise.decode("utf-8", "surrogateescape") + source[half:])


@pytest.mark.parametrize("source", _SOURCES, ids=range(len(_SOURCES)))
def test_line_ends_change_nothing(source: str) -> None:
    """CRLF, and no line break at the end."""
    first, second = examine(source.rstrip("\n")), examine(source.rstrip("\n").replace("\n", "\r\n"))
    assert [(f.name, f.key, f.line) for f in first.record.functions] == [
        (f.name, f.key, f.line) for f in second.record.functions
    ]


# --- size ----------------------------------------------------------------------------

_PIECES = ["(", ")", "[", "]", "{", "}", '"', "'", "/*", "*/", "\\\n", '# 1 "a.h" 1 3\n', "\n#", ";", ",", "=", "*", "int ", "x ", "f(", "typedef ",
           "enum {A,", "__attribute__((", 'extern "C" {', "_In_(", "[SA_Pre(", "_When_(", "struct s {", "\0", "é", "({", "?", ":", "f(int a) int a;",
           "int f(void) {", "= {", "__asm mov ", "\n__asm {", "case ", "sizeof(", "(*", "if (x) "]  # fmt: skip
_KNOWN = [
    ("({", "}"),
    ("}", "({"),
    ("(", "]"),
    (")", "["),
    ("f(", "]"),
    ("_When_(", "]"),
    ("int f(struct { int x; }", "a) { }"),
    ("int (f(", "{}"),
]
"""Pairs that once cost the square of their number."""

_BODIES: dict[str, Callable[[int], str]] = {
    "arguments": lambda n: "g(" + "a(), x, " * n + "x);",
    "steps": lambda n: "g(" + "x++, " * n + "x);",
    "asm in asm": lambda n: 'asm("" : "=r"(' * n,
    "bad statements": lambda n: "if (a()) { x = = 1; g(); } " * n,
    "bad nest": lambda n: "if (a()) { x = = 1; " * n + "}" * n,
    "bad nests": lambda n: ("__try { g(); " * 30 + "x = = 1; " + "} __finally { h(); }" * 30) * (n // 30),
    "nest": lambda n: "while (a()) { g(); " * n + "}" * n,
    "initialiser": lambda n: "struct s v = {" + ".x = {" * n + "1" + "}" * n + "};",
    "designators": lambda n: "struct s v = {" + ".x" * n + " = 1};",
    "members": lambda n: "v" + ".x" * n + " = 1;",
    "pointers": lambda n: "v = p" + "->x" * n + ";",
    "sum": lambda n: "x = " + "a() + " * n + "1;",
    "copies": lambda n: "".join(f"p{i} = p{i + 1}; " for i in range(n)) + f"p{n} = f;",
    "labels": lambda n: "".join(f"l{i}: goto l{i + 1}; " for i in range(n)) + f"l{n}: ;",
    "cases": lambda n: "switch (x) {" + "".join(f"case {i}: g(); " for i in range(n)) + "}",
    "returns": lambda n: "__try {" + "if (a()) return 1; " * n + "} __finally { h(); }",
    "unknown types": lambda n: "".join(f"T{i} x{i}; " for i in range(n)),
    "cleanups": lambda n: "".join(f"int v{i} __attribute__((cleanup(h))) = a(); if (x) return {i}; " for i in range(n)),
    "cleanups and labels": lambda n: "".join(f"l{i}: ; int v{i} __attribute__((cleanup(h))) = a(); if (x) goto l{n - i - 1}; " for i in range(n)),
    "cleanup in front": lambda n: "int *" + "__attribute__((cleanup(h))) " * n + "v = 0;",
    "cleanup of a type": lambda n: "__attribute__((cleanup(h))) " * n + "int v = 0;",
    "slots": lambda n: "".join(f"p{i} = p{i + 1} + 1; " for i in range(n)) + f"p{n} = x->Slots; *p0 = f;",
    "choices": lambda n: "x = " + "__builtin_choose_expr(x, a(), " * n + "1" + ")" * n + ";",
    "types of choices": lambda n: "x = " + "_Generic(x, struct s: a(), struct t: " * n + "1" + ")" * n + ";",
    "positions": lambda n: "struct s v = {" + "{ x, " * n + "1" + "}" * n + "};",
}  # fmt: skip

_TEXTS: dict[str, Callable[[int], str]] = {
    "headers": lambda n: "".join(f'# {i} "h{i}.h" 1 3\nint x{i};\n# {i} "a.c" 2\nint f{i}(int x) {{ return x{i}; }}\n' for i in range(n)),
    "own files": lambda n: "".join(f'# {i} "h{i}.h"\nint f{i}(int x) {{ return x; }}\n' for i in range(n)),
    "old style": lambda n: f"f({', '.join(f'a{i}' for i in range(n))}) " + "".join(f"register a{i}; " for i in range(n)) + "{ }",
    "broken header": lambda n: f"int f({', '.join(f'BAD x y a{i}' for i in range(n))}) {{ }}",
    "typedefs": lambda n: "void f(void) { " + "typedef __declspec(align(1)) " * n + "T; }",
}  # fmt: skip


def cost(text: str) -> float:
    """Processor time of reading a text."""
    started = time.process_time()
    read(text)
    return time.process_time() - started


def assert_linear(make: Callable[[int], str], small: int) -> None:
    """Eight times the text costs at most three times as much for each character; the square would cost eight times as much."""
    factor, slack = 8, 3
    ratio = 0.0
    for _ in range(3):
        large = cost(make(small * factor))
        if large < 0.05:  # too little to compare
            return
        ratio = large / max(cost(make(small)), 0.002)
        if ratio < factor * slack:
            return
    raise AssertionError(ratio)


@pytest.mark.parametrize("body", _BODIES)
def test_cost_grows_as_a_body_does(body: str) -> None:
    make = _BODIES[body]
    assert_linear(lambda n: "int f(int x) { " + make(n) + " }\nint g(void) { return 1; }\n", 300)


@pytest.mark.parametrize("text", _TEXTS)
def test_cost_grows_as_a_text_does(text: str) -> None:
    assert_linear(_TEXTS[text], 300)


@pytest.mark.parametrize("pieces", [*((piece,) for piece in _PIECES), *_KNOWN], ids=repr)
@pytest.mark.parametrize("around", ["%s", "int f(int x) { %s }\nint g(void) { return 1; }\n"])
def test_cost_grows_as_repeated_text_does(around: str, pieces: tuple[str, ...]) -> None:
    text = " ".join(pieces)
    assert_linear(lambda n: around.replace("%s", text * (n // len(text))), 2500)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(_PIECES), min_size=2, max_size=5))
def test_cost_grows_as_any_repeated_text_does(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert_linear(lambda n: text * (n // len(text)), 3000)


_CHILD = """
import resource, sys
from spincheck.frontend.unit import Settings, read_unit
from spincheck.memory import NoMemory
sys.path.insert(0, {here!r})
from test_hostile_text import LARGE
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
text = LARGE[{name!r}]()
unit = read_unit(text, name="a.c", settings=Settings(frozenset()), memory=NoMemory())
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(text), (after - before) * 1024, len(unit.record.functions), len(unit.record.unanalysed))
"""

_MEGABYTES = 50
LARGE: dict[str, Callable[[], str]] = {
    "functions": lambda: "".join(
        f"int f{n}(int x)\n{{\n  /* {'c' * 9000} */ return g(x, {n});\n}}\n" for n in range(_MEGABYTES * 110)
    ),
    "header": lambda: (
        '# 1 "/usr/include/s.h" 1 3\n'
        + "__attribute__((dllimport)) int __attribute__((stdcall)) g(unsigned long first, void *second);\n" * 100_000
        + '# 1 "a.c" 2\nint f(void) { return 1; }\n'
    ),
    "nuls": lambda: "int f(void) { return 1; }\n" + "\0" * (_MEGABYTES << 20),
    "one line": lambda: 'char *s = "' + "x" * (_MEGABYTES << 20) + '"; int f(void) { return 1; }',
    "open comment": lambda: "int f(void) { return 1; } /*" + "x\n" * (_MEGABYTES << 19),
    "table": lambda: (
        "int t[] = { " + "0x7f, " * (_MEGABYTES * 170_000) + "}; int f(void) { return 1; }"
    ),
    "one function": lambda: "int f(void) {" + " g();" * (_MEGABYTES * 200_000) + "}\nint h(void) { return 1; }",
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_fifty_megabytes_take_memory_in_proportion(name: str) -> None:
    """The text itself is one byte a character; all that is made of it is at most seven more."""
    child = subprocess.run(
        [sys.executable, "-c", _CHILD.format(here=str(Path(__file__).parent), name=name)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    size, taken, functions, unanalysed = map(int, child.stdout.split())
    assert size >= (9_000_000 if name == "header" else _MEGABYTES * 900_000)
    assert taken < 8 * size
    assert functions >= 1
    assert unanalysed == (name == "one function")


def test_a_line_of_a_megabyte() -> None:
    text = (
        "int f(int x) { " + "if (x) { lock(); unlock(); } " * 2_000 + f'g("{"x" * 1_000_000}"); return 0; }}'
    )
    assert "\n" not in text
    unit = examine(text)
    (header,) = unit.record.functions
    assert header.calls == ("g", "lock", "unlock")
    assert not header.recovered
    assert unit.locate("f", 10**9).column == len(text)


@pytest.mark.parametrize("depth", [1, 10, 63, 64, 65, 128, 300, 1000, 10_000])
@pytest.mark.parametrize("body", ["members", "pointers", "initialiser", "designators", "sum", "nest"])
def test_depth_of_the_representation_is_bounded(body: str, depth: int) -> None:
    """Who reads the representation may descend: no value is deeper than what an interpreter allows by far."""
    unit = read("int f(int x) { " + _BODIES[body](depth) + " h(); }")
    (header,) = unit.record.functions
    assert "h" in header.calls
    assert max(map(_depth, unit.code("f").code)) < 300


def _depth(node: object) -> int:
    pending = [(node, 1)]
    deepest = 0
    while pending:
        item, level = pending.pop()
        deepest = max(deepest, level)
        children = (
            item
            if isinstance(item, tuple)
            else [getattr(item, f) for f in getattr(item, "__struct_fields__", ())]
        )
        pending.extend((child, level + 1) for child in children if not isinstance(child, str | int | None))
    return deepest


def test_every_pair_of_pieces_is_read() -> None:
    for first, second in itertools.permutations(_PIECES, 2):
        read(f"int f(int x) {{ {(first + second) * 8} }}\nint g(void) {{ return 1; }}\n")
