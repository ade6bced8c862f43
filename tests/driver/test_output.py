"""Writing results whole or not at all, and never over something that is no file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from spincheck.driver.inputs import InputError
from spincheck.driver.output import write_whole


def test_replaces_a_file_and_leaves_nothing_beside(tmp_path):
    target = tmp_path / "out"
    write_whole(str(target), b"one")
    write_whole(str(target), b"two")
    assert target.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(str(tmp_path / "link"), b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(str(pipe), b"data")
    reader.join()
    assert got == [b"data"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["", "no/such/directory/out", "a\0b"])
def test_what_cannot_be_written(tmp_path, monkeypatch, name: str):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(name, b"x")
    assert list(Path().iterdir()) == []
