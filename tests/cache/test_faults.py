"""A few of each fault that `faults` can do to a cache; run as a program it does hundreds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import faults
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def harmed() -> Iterator[faults.Harmed]:
    # Not pytest's own directory, which every run of pytest that begins closes to other users
    with TemporaryDirectory() as place:
        yield faults.Harmed(Path(place), seed=5)


@pytest.fixture
def unharmed() -> Iterator[faults.Harmed]:
    # Damage that an earlier test left in an entry that nobody has asked for since would be taken for this one's
    with TemporaryDirectory() as place:
        yield faults.Harmed(Path(place), seed=5)


def test_builds_that_are_killed(harmed: faults.Harmed):
    for _ in range(8):
        harmed.killed()


def test_eight_builds_at_once(harmed: faults.Harmed):
    harmed.crowd()


@pytest.mark.parametrize("harm", faults.HARMS)
def test_files_that_are_changed(harmed: faults.Harmed, harm):
    for _ in range(3):
        harmed.harmed(harm)


@pytest.mark.parametrize("harm", faults.MEANWHILE)
def test_files_that_are_changed_while_building(harmed: faults.Harmed, harm):
    harmed.harmed_while_building(harm)


@pytest.mark.parametrize("surroundings", faults.SURROUNDINGS)
def test_surroundings_that_do_not_let_the_cache_be_used(unharmed: faults.Harmed, surroundings):
    for _ in range(3):
        unharmed.surrounded(surroundings)


def test_a_newer_version_is_left_alone_and_told(tmp_path: Path):
    own = faults.Harmed(tmp_path, seed=1)
    faults.newer(own)
    before = own.cache.read_bytes()
    for version in range(2):
        (said,) = own.check(version)
        assert "newer spincheck" in said
    assert own.cache.read_bytes() == before
