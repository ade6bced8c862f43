"""A text that need not be made again: known only while every file that it is made of is what it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spincheck.driver.basis import named_in
from spincheck.driver.inputs import Input
from spincheck.driver.recall import Known, Recall
from spincheck.driver.session import Options, Session
from spincheck.memory import NoMemory

LEAK = """# 1 "a.c"
# 1 "<built-in>"
# 1 "sub/b.h" 1
typedef unsigned long long KSPIN_LOCK; typedef unsigned char KIRQL;
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);
# 2 "a.c" 2
typedef void KDEFERRED_ROUTINE(void *);
KDEFERRED_ROUTINE Dpc;
extern KSPIN_LOCK L;
void Dpc(void *p) {
    KeAcquireSpinLockRaiseToDpc(&L); // spincheck: ignore[LockOrder] nothing
}
"""


def written(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.c", '#include "sub/b.h"\n')
    written(tmp_path / "sub" / "b.h", "int b;\n")
    return tmp_path


def kept(memory: NoMemory, seconds: float = 10) -> Recall:
    """Keep the text as that of a preprocessor that was started so long from now."""
    recall = Recall(memory)
    text = Input("a.i", LEAK.encode())
    basis = recall.files.basis(named_in(text.data), str(Path.cwd()), time.time() + seconds)
    if basis is not None:
        recall.keep("name", Known(text.identity, text.comments, str(Path.cwd()), basis))
    return recall


@pytest.mark.usefixtures("here")
def test_what_is_kept():
    known = kept(NoMemory()).find("name")
    assert known is not None
    assert known.identity == Input("a.i", LEAK.encode()).identity
    assert [name for name, _, _ in known.basis.files] == ["a.c", "sub/b.h"]
    assert [one.rules for one in known.comments] == [("LockOrder",)]


def test_known_while_all_files_are_as_they_were(here: Path):
    memory = NoMemory()
    first = kept(memory)
    for recall in (first, Recall(memory)):
        assert recall.find("name") is not None
        assert recall.find("another name") is None
    (here / "sub" / "b.h").write_text("int b;\n")  # written anew, the same
    for recall in (first, Recall(memory)):
        assert recall.find("name") is not None
    (here / "sub" / "b.h").write_text("int c;\n")
    for recall in (first, Recall(memory)):
        assert recall.find("name") is None
    (here / "sub" / "b.h").unlink()
    for recall in (first, Recall(memory)):
        assert recall.find("name") is None


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("seconds", [-10, 0, 2])
def test_file_that_may_have_changed_under_the_preprocessor_is_no_basis(seconds: float):
    assert kept(NoMemory(), seconds).find("name") is None
    assert kept(NoMemory(), 4).find("name") is not None


def test_text_of_files_that_are_not_there_is_not_kept(here: Path):
    (here / "a.c").unlink()
    assert kept(NoMemory()).find("name") is None


def test_damage_is_no_knowledge():
    memory = NoMemory()
    memory.put("text", "name", b"\x93 something else")
    assert Recall(memory).find("name") is None


def test_recalled_unit_is_the_unit(here: Path):
    cache = str(here / "c.sqlite")
    written(here / "a.i", LEAK)
    with Session(Options(cache=cache, root=str(here))) as session:
        first = session.unit("a.i", "first.spin", known_as="n", began=time.time() + 10)
    (here / "a.i").unlink()
    with Session(Options(cache=cache, root=str(here))) as session:
        again = session.recall("n", "again.spin")
        assert again is not None
        assert session.recall("m", "other.spin") is None
    assert [one.rule for one in first.diagnostics] == [one.rule for one in again.diagnostics] != []
    assert again.diagnostics == first.diagnostics
    assert (again.stats.functions_analysed, again.stats.functions_reused) == (0, 1)
    assert (here / "again.spin").read_bytes() == (here / "first.spin").read_bytes()
    assert not (here / "other.spin").exists()


def test_without_a_result_in_the_cache_there_is_nothing_to_recall(here: Path):
    written(here / "a.i", LEAK)
    cache = here / "c.sqlite"
    with Session(Options(cache=str(cache), root=str(here))) as session:
        session.unit("a.i", "first.spin", known_as="n", began=time.time() + 10)
        connection = session.store.connection()
        connection.execute("DELETE FROM entries WHERE shelf = 'outcome'")
        connection.commit()
    with Session(Options(cache=str(cache), root=str(here))) as session:
        assert session.recall("n", "again.spin") is None
