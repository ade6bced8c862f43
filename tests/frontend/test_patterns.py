"""No pattern of the front end can try a second way: proved on the patterns themselves, and held against texts made of pieces of C.

A regular expression is slow where a repetition may give back what it took. Possessive repetitions and atomic groups cannot; so a pattern
in which nothing else repeats without bound looks at each character a bounded number of times from each place where a match starts.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import spincheck.frontend
from spincheck.frontend.patterns import Late

_MANY = 16
"""A repetition of at most so many is no loop."""


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled pattern in a module of the front end, by its name."""
    for module in pkgutil.iter_modules(spincheck.frontend.__path__, "spincheck.frontend."):
        for name, value in sorted(vars(importlib.import_module(module.name)).items()):
            pattern = value.compiled if isinstance(value, Late) else value
            if isinstance(pattern, re.Pattern):
                yield f"{module.name.rpartition('.')[2]}.{name}", pattern


_PATTERNS = dict(patterns())


def loops(tree: Any, *, atomic: bool = False, inside: bool = False) -> Iterator[bool]:
    """Each repetition without bound that may give back: whether it is inside another repetition."""
    for code, argument in tree:
        if code in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
            _, most, body = argument
            many = most > _MANY
            if many and code is not codes.POSSESSIVE_REPEAT and not atomic:
                yield inside
            yield from loops(body, atomic=atomic or code is codes.POSSESSIVE_REPEAT, inside=inside or many)
        elif code is codes.ATOMIC_GROUP:
            yield from loops(argument, atomic=True, inside=inside)
        elif code is codes.SUBPATTERN:
            yield from loops(argument[-1], atomic=atomic, inside=inside)
        elif code is codes.BRANCH:  # one of them is taken
            branches = [list(loops(branch, atomic=atomic, inside=inside)) for branch in argument[1]]
            yield from max(branches, key=lambda found: (any(found), len(found)))
        elif code in {codes.ASSERT, codes.ASSERT_NOT}:
            yield from loops(argument[1], atomic=True, inside=inside)


def test_there_are_patterns() -> None:
    assert len(_PATTERNS) > 25


@pytest.mark.parametrize("name", _PATTERNS)
def test_at_most_one_repetition_gives_back(name: str) -> None:
    """One at the end or at the start costs a second look at each character; two, or one in another, would cost the square."""
    found = list(
        loops(
            parser.parse(
                _PATTERNS[name].pattern,
                _PATTERNS[name].flags & ~re.UNICODE
                if isinstance(_PATTERNS[name].pattern, bytes)
                else _PATTERNS[name].flags,
            )
        )
    )
    assert len(found) <= 1
    assert not any(found)


@pytest.mark.parametrize(
    ("pattern", "bad"),
    [(r"(a*)*b", [False, True]), (r"(?:a+)++b", []), (r"(?>a+)b", []), (r"a*a*", [False, False]), (r"(?:a*+b)*", [False]), (r"a{0,3}b?", []), (r"(?=a*)b", [])],
)  # fmt: skip
def test_loops_are_told(pattern: str, bad: list[bool]) -> None:
    assert list(loops(parser.parse(pattern))) == bad


_PIECES = ["(", ")", "[", "]", "{", "}", '"', "'", "/*", "*/", "//", "/", "\\", "\n", "#", "\n#", "# 1 ", '"x"', "a", "A ", "_A_", "1", "0x", ",", ";", "=", "*",
           "__attribute__", "_asm", "typedef ", "enum ", "__asm a", "L", "\t", " ", "\0", "é", ".", "_When_(", "lock"]  # fmt: skip


def _cost(pattern: re.Pattern[Any], text: Any) -> float:
    started = time.process_time()
    pattern.match(text)
    pattern.fullmatch(text)
    return time.process_time() - started


@pytest.mark.parametrize(
    "repeated", [*_PIECES, "a ", "a,", "(a", "a)", "_A_(", "[a", "/*a*/", "a\n", "* a"], ids=repr
)
def test_a_match_costs_as_the_text_grows(repeated: str) -> None:
    """Sixteen times the text, at most eighty times the work; the square would be two hundred and fifty-six."""
    for pattern in _PATTERNS.values():
        small, large = (repeated * n for n in (1_000, 16_000))
        given_ = (small.encode(), large.encode()) if isinstance(pattern.pattern, bytes) else (small, large)
        for _ in range(3):
            long = _cost(pattern, given_[1])
            if long < 0.02 or long < 80 * max(_cost(pattern, given_[0]), 0.0002):
                break
        else:
            raise AssertionError((pattern.pattern, repeated, long))
