"""Mistakes put into a driver one by one, and which of them are told.

    python benchmarks/mutation.py UNIT.i ...          all mutants of one driver's preprocessed files, checked together
    python benchmarks/mutation.py --list UNIT.i ...   the mutants only

Every release and every acquire is removed, and doubled, and every goto to a label with a release behind it, or a call of a function that only releases, becomes a return. A mutant is told when its
report has a diagnostic that the unchanged driver's has not. What is printed as not told needs a reader: some changes change nothing, such as a
goto from where no lock is held.

The text is changed where it stands, so that no line moves: what was told before is told at the same place again.
"""

from __future__ import annotations

import argparse
import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from measuring import table

from spincheck.diagnostics import Report
from spincheck.driver.inputs import Input
from spincheck.driver.session import Options, Session
from spincheck.locks import tables

KINDS = ("drop-release", "drop-acquire", "double-release", "double-acquire", "goto-to-return")

_MARKER = re.compile(r'#\s*(?:line\s+)?(\d+)\s+"([^"]*)"')
_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
_LEAD = re.compile(r"\s*(?:(?:if|while|for|switch)\s*(?=\()|else\b|do\b|case\b[^:;{}]*:|default\s*:|(?!default\b)[A-Za-z_]\w*\s*:(?!:))")
_CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*(?=\()")
_GOTO = re.compile(r"\bgoto\s+(\w+)\s*;")
_RETURN = re.compile(r"\breturn\b\s*([^;]*);")


class Mutant(NamedTuple):
    """One change: ``text`` instead of ``start`` to ``end`` of unit number ``unit``; ``what`` is the call or goto that is changed."""

    kind: str
    unit: int
    line: int
    function: str
    what: str
    start: int
    end: int
    text: str


class Body(NamedTuple):
    """A function of the unit's own file: where it begins and ends, braces included."""

    name: str
    start: int
    end: int


class Unit:
    """A preprocessed text; ``own`` is as long, and blank where the text is a header's, a marker or a literal."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: list[int] = []
        self._lines: list[int] = []
        blanked = []
        position, line = 0, 1
        main = current = ""
        for raw in text.splitlines(keepends=True):
            marker = _MARKER.match(raw)
            if marker:
                line, current = int(marker[1]) - 1, marker[2]
                main = main or current
            mine = current == main and not raw.startswith("#")
            blanked.append(_TEXT.sub(lambda one: " " * len(one[0]), raw) if mine else " " * (len(raw.rstrip("\n"))) + raw[len(raw.rstrip("\n")) :])
            self._starts.append(position)
            self._lines.append(line)
            position += len(raw)
            line += 1
        self.own = "".join(blanked)

    def line(self, at: int) -> int:
        """Return the line of the source file that an offset is in."""
        return self._lines[bisect_right(self._starts, at) - 1]

    def bodies(self) -> Iterator[Body]:
        """Yield the functions that are defined in the unit's own file."""
        depth = start = head = 0
        for brace in re.finditer(r"[{};]", self.own):
            if brace[0] == "{":
                start = start if depth else brace.start()
                depth += 1
            elif brace[0] == "}":
                depth = max(0, depth - 1)
                if not depth:
                    name = _declared(self.own[head:start])
                    if name:
                        yield Body(name, start, brace.end())
                    head = brace.end()
            elif not depth:
                head = brace.end()

    def with_change(self, mutant: Mutant) -> str:
        """Return the text with a mutant's change; lines and markers inside stay where they are."""
        lines = self.text[mutant.start : mutant.end].split("\n")
        kept = [line if line.startswith("#") else "" for line in lines[1:]]
        return self.text[: mutant.start] + "\n".join([mutant.text, *kept]) + self.text[mutant.end :]

    def flat(self, start: int, end: int) -> str:
        """Return a stretch of the unit's own text on one line."""
        lines = self.text[start:end].split("\n")
        return " ".join(line.strip() for line in lines if not line.startswith("#")).strip()


def mutants(units: Sequence[Unit]) -> list[Mutant]:
    """Return every mutant of a driver, in the order of its files."""
    actions = {name: {"try": "acquire"}.get(rows[0].action, rows[0].action) for name, rows in tables.load().operations.items()}
    bodies = [(number, body) for number, unit in enumerate(units) for body in unit.bodies()]
    givers = {body.name for number, body in bodies if {action for _, action in _calls(units[number], body, actions)} == {"release"}}
    return [mutant for number, body in bodies for mutant in _in_body(units[number], number, body, actions, givers)]


def _calls(unit: Unit, body: Body, actions: dict[str, str]) -> list[tuple[re.Match[str], str]]:
    own = unit.own[body.start : body.end]
    return [(hit, actions[hit[1]]) for hit in _CALL.finditer(own) if actions.get(hit[1]) in {"acquire", "release"}]


def _in_body(unit: Unit, number: int, body: Body, actions: dict[str, str], givers: set[str]) -> Iterator[Mutant]:
    own = unit.own[body.start : body.end]
    calls = _calls(unit, body, actions)
    for hit, action in calls:
        at = body.start + hit.start()
        found = _statement(unit.own, at, body.start)
        if found is None:
            continue
        start, end = found
        before = unit.own[start:at].strip()
        if before and not re.fullmatch(r"\(\s*void\s*\)|[^=;{}]*[^=!<>;{}]=\s*(\([\w\s*]+\)\s*)?", before, re.IGNORECASE | re.DOTALL):
            continue
        place = (number, unit.line(at), body.name, hit[1])
        is_tested = bool(before) and re.search(r"irql|\*\s*\(|\(\s*void", before, re.IGNORECASE) is None
        if not is_tested:
            yield Mutant(f"drop-{action}", *place, start, end, ";")
        one = unit.flat(start, end)
        yield Mutant(f"double-{action}", *place, start, end, f"{{ {one} {one} }}")
    releases = [hit.start() for hit, action in calls if action == "release"] + [hit.start() for hit in _CALL.finditer(own) if hit[1] in givers]
    returned = _RETURN.findall(own)
    value = next((text.strip() for text in reversed(returned) if re.fullmatch(r"\s*[A-Za-z_]\w*\s*", text)), "0" if any(returned) else "")
    for hit in _GOTO.finditer(own):
        label = re.search(rf"(?:^|[;{{}}\s:]){hit[1]}\s*:(?!:)", own)
        if label and any(at > label.end() for at in releases):
            start = body.start + hit.start()
            yield Mutant("goto-to-return", number, unit.line(start), body.name, f"goto {hit[1]}", start, body.start + hit.end(), f"return {value};")


def _declared(head: str) -> str:
    """Return the name that the text before a body declares as a function, "" if none."""
    if re.search(r"=\s*$", head):
        return ""
    depth, name = 0, ""
    for part in re.finditer(r"[()]|[A-Za-z_]\w*(?=\s*\()", head):
        if part[0] in "()":
            depth += 1 if part[0] == "(" else -1
        elif not depth and not part[0].startswith("__"):
            name = part[0]
    return name


def _closing(text: str, opening: int) -> int:
    """Return the offset behind the bracket that closes the one at ``opening``, -1 if none does."""
    depth = 0
    for bracket in re.finditer(r"[()]", text[opening:]):
        depth += 1 if bracket[0] == "(" else -1
        if not depth:
            return opening + bracket.end()
    return -1


def _statement(own: str, call: int, body: int) -> tuple[int, int] | None:
    """Return where the statement that a call is, or is assigned in, begins and ends; None for a call within another expression."""
    start = max(own.rfind(mark, body, call) for mark in ";{}") + 1
    if own.count("(", start, call) < own.count(")", start, call):
        return None  # the last part of a for
    while (lead := _LEAD.match(own, start)) is not None and lead.end() <= call:
        start = lead.end()
        if re.search(r"(?:if|while|for|switch)\s*$", lead[0]):
            start = _closing(own, own.index("(", start))
            if start < 0 or start > call:
                return None
    start += len(own[start:call]) - len(own[start:call].lstrip())
    behind = _closing(own, own.index("(", call))
    end = re.compile(r"\s*;").match(own, behind) if behind >= 0 else None
    return (start, end.end()) if end else None


def told_of(session: Session, texts: Sequence[str]) -> Counter[tuple[str, str, int, str]]:
    """Return what is told of a driver with these texts: rules, files, lines and functions, with how often."""
    inputs = [Input(f"unit{number}.i", text.encode("utf-8", "surrogateescape")) for number, text in enumerate(texts)]
    report: Report = session.check(inputs, target="driver", world="closed", record=False)
    return Counter((one.rule, one.file, one.line, one.function) for one in report.diagnostics)


def untold(units: Sequence[Unit], changes: Sequence[Mutant]) -> list[Mutant]:
    """Return the mutants of which nothing is told that is not told of the driver as it is."""
    session = Session(Options())
    texts = [unit.text for unit in units]
    before = told_of(session, texts)
    missed = []
    for mutant in changes:
        changed = [units[mutant.unit].with_change(mutant) if number == mutant.unit else text for number, text in enumerate(texts)]
        if not told_of(session, changed) - before:
            missed.append(mutant)
    return missed


def main() -> int:
    """Run; the exit status is 1 when some mutant is not told."""
    parser = argparse.ArgumentParser(prog="python benchmarks/mutation.py")
    parser.add_argument("units", nargs="+", type=Path)
    parser.add_argument("--list", action="store_true", help="print the mutants and check none")
    options = parser.parse_args()
    units = [Unit(path.read_text(encoding="utf-8", errors="surrogateescape")) for path in options.units]
    changes = mutants(units)
    missed = changes if options.list else untold(units, changes)
    for one in missed:
        print(f"{options.units[one.unit]}: {one.function}, line {one.line}: {one.kind} {one.what}")
    made, lost = Counter(one.kind for one in changes), Counter(one.kind for one in missed)
    if not options.list:
        rows = [(kind, str(made[kind] - lost[kind]), str(made[kind])) for kind in KINDS]
        print("\n" + table(("mutants", "told", "of"), [*rows, ("all", str(len(changes) - len(missed)), str(len(changes)))]), end="")
    return int(bool(missed) and not options.list)


if __name__ == "__main__":
    sys.exit(main())
