"""Literate tests: Markdown whose C blocks say on each line which diagnostics belong there.

In: a Markdown file. Out: one case per heading with C blocks: units by name, and the expected diagnostics. A block named by
``title=a.c`` is a unit of its own, all units of one heading are one driver; ``world=open`` checks a single unit as the compile
step does. An expectation is ``// error: [Rule] "part of the message"`` at the end of a line, several after each other for
several diagnostics. Everything that is told must be expected, and everything expected told.

The prelude's macros are expanded here, by a few lines of text replacement that keep every line where it is, because the analyser
reads preprocessed text and a test should run without a compiler.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

HERE = Path(__file__).parent
_EXPECTED = re.compile(r'//\s*(error|warning):\s*\[(\w+)\]\s*"([^"]*)"')
_DEFINE = re.compile(r"#define (\w+)(?:\(([^)]*)\))? (.*)")
_WORD = re.compile(r"[A-Za-z_]\w*")


class Expectation(NamedTuple):
    """One diagnostic that a line must have."""

    file: str
    line: int
    severity: str
    rule: str
    part: str


class Case(NamedTuple):
    """One heading: ``units`` by name, without the prelude; ``line`` is where the first block starts in the Markdown."""

    name: str
    line: int
    units: dict[str, str]
    world: Literal["open", "closed"]
    expected: list[Expectation]


def read(path: Path) -> list[Case]:
    """Return the cases of a file. Raises `ValueError` for a block that is not closed or a name used twice."""
    cases: list[Case] = []
    headings: list[str] = []
    current: Case | None = None
    lines = path.read_text().splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        heading = re.match(r"(#+) (.*)", line)
        if heading:
            headings[len(heading[1]) - 1 :] = [heading[2]]
            current = None
        if not line.startswith("```c"):
            continue
        start = number
        while number < len(lines) and lines[number] != "```":
            number += 1
        if number == len(lines):
            raise ValueError(f"{path}:{start}: the block is not closed")
        block = lines[start:number]
        number += 1
        options = dict(part.split("=", 1) for part in line[4:].split())
        if current is None:
            world: Literal["open", "closed"] = "open" if options.get("world") == "open" else "closed"
            current = Case(" - ".join(headings[1:]) or headings[0], start + 1, {}, world, [])
            cases.append(current)
        name = options.get("title", "driver.c")
        if name in current.units:
            raise ValueError(f"{path}:{start}: {name} is there twice under one heading")
        current.units[name] = "\n".join(block) + "\n"
        for offset, text in enumerate(block, 1):
            for severity, rule, part in _EXPECTED.findall(text):
                current.expected.append(Expectation(name, offset, severity, rule, part))
    return cases


class _Macro(NamedTuple):
    parameters: list[str] | None
    body: str


def _prelude() -> tuple[str, dict[str, _Macro]]:
    macros = {}
    kept = []
    for line in (HERE / "prelude.h").read_text().splitlines():
        found = _DEFINE.match(line)
        if found:
            parameters = None if found[2] is None else [part.strip() for part in found[2].split(",")]
            macros[found[1]] = _Macro(parameters, found[3])
        else:
            kept.append(line)
    return "\n".join(kept) + "\n", macros


_TEXT, _MACROS = _prelude()


def expand(text: str) -> str:
    """Return text with the prelude's macros expanded; comments are left alone."""
    out = []
    position = 0
    while position < len(text):
        if text.startswith("//", position) or text[position] == '"':
            close = "\n" if text[position] == "/" else '"'
            end = text.find(close, position + 1)
            end = len(text) if end < 0 else end + 1
            out.append(text[position:end])
            position = end
            continue
        word = _WORD.match(text, position)
        if word is None:
            out.append(text[position])
            position += 1
            continue
        position = word.end()
        macro = _MACROS.get(word[0])
        if macro is None:
            out.append(word[0])
        elif macro.parameters is None:
            out.append(macro.body)
        else:
            opened = position
            arguments, position = _arguments(text, position)
            broken = "\n" * text.count("\n", opened, position)
            values = dict(zip(macro.parameters, (expand(" ".join(argument.split())) for argument in arguments), strict=True))
            out.append(_WORD.sub(lambda found, values=values: values.get(found[0], found[0]), expand(macro.body)) + broken)  # type: ignore[misc]
    return "".join(out)


def _arguments(text: str, position: int) -> tuple[list[str], int]:
    start = text.index("(", position) + 1
    depth, parts, begin = 1, [], start
    for index in range(start, len(text)):
        if text[index] in "([":
            depth += 1
        elif text[index] in ")]":
            depth -= 1
        if depth == 0:
            parts.append(text[begin:index].strip())
            return parts, index + 1
        if depth == 1 and text[index] == ",":
            parts.append(text[begin:index].strip())
            begin = index + 1
    raise ValueError(f"a macro's argument list does not end: {text[start : start + 40]!r}")


def preprocessed(name: str, text: str) -> str:
    """Return a unit as a preprocessor would hand it over: the prelude as a system header before it."""
    return f'# 1 "{name}"\n# 1 "ntddk.h" 1 3\n{_TEXT}# 1 "{name}" 2\n{expand(text)}'
