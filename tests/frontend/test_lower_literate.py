"""Each section of the pages ``lower_*.md`` is a function and the code that it must become."""

from __future__ import annotations

from pathlib import Path

import pytest
from literate import NAMES, sections

from spincheck.frontend.lower import lower_function
from spincheck.frontend.tokens import tokenise
from spincheck.ir_text import listing

_PAGES = sorted(Path(__file__).parent.glob("lower_*.md"))
_CASES = [
    pytest.param(source, expected, id=f"{page.stem}: {title}")
    for page in _PAGES
    for title, source, expected in sections(page)
]


@pytest.mark.parametrize(("source", "expected"), _CASES)
def test_page(source: str, expected: str) -> None:
    assert listing(lower_function(tokenise(source), NAMES).function) == expected.rstrip("\n")


def test_every_block_of_the_pages_is_read() -> None:
    blocks = sum(page.read_text("utf-8").count("```c\n") for page in _PAGES)
    assert len(_PAGES) == 7
    assert len(_CASES) == blocks
