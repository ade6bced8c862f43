"""The analyser's identity follows the content of its sources, whether it is read or remembered."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "site_scons" / "site_tools" / "spincheck" / "_version.py"


@pytest.fixture
def analyser() -> Callable[[Path, Path | str], str]:
    specification = importlib.util.spec_from_file_location("version_of_the_tool", TOOL)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def of(package: Path, directory: Path | str) -> str:
        module.analyser.cache_clear()  # as in the next build
        return str(module.analyser(str(package), str(directory)))

    return of


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "package"
    (package / "locks").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    (package / "a.py").write_text("A = 1\n")
    (package / "locks" / "b.toml").write_text("b = 1\n")
    (package / "__pycache__" / "a.py").write_text("no source")
    (package / "page.html").write_text("no source")
    (tmp_path / "kept").mkdir()
    return package


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files be old enough to be trusted."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)


def test_what_is_remembered_is_what_would_be_read(
    analyser: Callable[..., str], package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    read = analyser(package, "")
    assert analyser(package, tmp_path / "kept") == read
    assert (tmp_path / "kept" / "analyser").is_file()
    (package / "locks" / "b.toml").open("a").close()
    monkeypatch.setattr("builtins.open", lambda *_given, **_named: pytest.fail("a source was read"))
    assert analyser(package, tmp_path / "kept") == read


def test_another_content_of_the_same_size_and_time_is_another_analyser(
    analyser: Callable[..., str], package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    first = analyser(package, tmp_path / "kept")
    file = package / "a.py"
    before = file.stat()
    time.sleep(0.02)
    file.write_text("A = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = analyser(package, tmp_path / "kept")
    assert second == analyser(package, "") != first


def test_a_file_that_was_just_written_is_no_basis(analyser: Callable[..., str], package: Path, tmp_path: Path) -> None:
    analyser(package, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("text", ["", "x", "\x00\xff", "0" * 64 + " short", "0" * 64 + " " + "1" * 64])
def test_a_damaged_memory_is_not_believed(
    analyser: Callable[..., str], package: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "kept" / "analyser").write_text(text, encoding="latin-1")
    assert analyser(package, tmp_path / "kept") == analyser(package, "")


def test_without_a_place_or_a_package(analyser: Callable[..., str], package: Path, tmp_path: Path) -> None:
    assert analyser(package, tmp_path / "nowhere") == analyser(package, "")
    assert analyser(tmp_path / "nowhere", "") == ""
