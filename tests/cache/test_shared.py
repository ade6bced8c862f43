"""The cache that a team shares: what one machine has made another does not, and nobody is told a verdict by a stranger."""

from __future__ import annotations

from pathlib import Path

import edited_driver as driver
import pytest
from edited_driver import build

from spincheck.cache.opening import LARGEST_VALUE, UnusableError
from spincheck.cache.shared import Directory, Shared, name_of, open_shared, pull, push
from spincheck.cache.store import Store
from spincheck.cli.main import main

KEY = "0123456789abcdef" * 2


@pytest.fixture(params=["directory", "memory"])
def place(request, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "team cache")
    pytest.importorskip("fsspec")
    return f"memory://{tmp_path.name}/cache"


def filled(path: Path, **values: bytes) -> Store:
    store = Store(path, shared="")
    for last, value in values.items():
        store.put("summary", KEY + last, value)
    store.flush()
    return store


def test_pushed_entries_are_pulled(tmp_path: Path, place: str):
    with filled(tmp_path / "a.sqlite", a1=b"one", b2=b"two") as store:
        assert push(store.connection(), open_shared(place)) == (2, 0)
        assert push(store.connection(), open_shared(place)) == (0, 2)
    with Store(tmp_path / "b.sqlite", shared="") as store:
        assert pull(store.connection(), open_shared(place), store) == (2, 0)
        store.flush()
        assert pull(store.connection(), open_shared(place), store) == (0, 0)
    with Store(tmp_path / "b.sqlite", shared="") as store:
        assert store.get_many("summary", [KEY + "a1", KEY + "b2"]) == {KEY + "a1": b"one", KEY + "b2": b"two"}


def test_what_is_missing_is_read_through_and_kept(tmp_path: Path, place: str):
    with filled(tmp_path / "a.sqlite", a1=b"one") as store:
        push(store.connection(), open_shared(place))
    with Store(tmp_path / "b.sqlite", shared=place) as store:
        assert store.get_many("summary", [KEY + "a1", KEY + "c3"]) == {KEY + "a1": b"one"}
        assert store.get("function", KEY + "a1") is None
        assert store.warnings == []
    with Store(tmp_path / "b.sqlite", shared="") as store:
        assert store.get("summary", KEY + "a1") == b"one"


def test_a_fresh_checkout_analyses_nothing(tmp_path: Path, monkeypatch):
    files = dict(list(driver.sources().items())[:4])
    here, there = tmp_path / "here", tmp_path / "there"
    first = build(files, here, tmp_path / "a.sqlite")
    assert first.counted > 0
    with Store(tmp_path / "a.sqlite", shared="") as store:
        push(store.connection(), open_shared(str(tmp_path / "team")))
    monkeypatch.setenv("SPINCHECK_SHARED_CACHE", str(tmp_path / "team"))
    second = build(files, there, tmp_path / "b.sqlite")
    assert second.counted == 0
    assert (second.files, second.report) == (first.files, first.report)


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "longer", "other entry"])
def test_damage_is_refused_once_and_counted(tmp_path: Path, harm: str):
    team = tmp_path / "team"
    with filled(tmp_path / "a.sqlite", a1=b"one" * 9, b2=b"two" * 9) as store:
        push(store.connection(), open_shared(str(team)))
    file = team / name_of("summary", KEY + "a1")
    data = bytearray(file.read_bytes())
    if harm == "flip":
        data[-1] ^= 1
    elif harm == "truncate":
        del data[-5:]
    elif harm == "empty":
        data.clear()
    elif harm == "longer":
        data += b"x"
    else:
        data = bytearray((team / name_of("summary", KEY + "b2")).read_bytes())
    file.write_bytes(data)
    with Store(tmp_path / "b.sqlite", shared=str(team)) as store:
        assert store.get("summary", KEY + "a1") is None
        assert store.get("summary", KEY + "b2") == b"two" * 9
        assert len(store.warnings) == 1
        assert "damaged or not signed" in store.warnings[0]
    with Store(tmp_path / "c.sqlite", shared="") as store:
        assert pull(store.connection(), open_shared(str(team)), store) == (1, 1)


def test_with_a_secret_only_signed_entries_are_believed(tmp_path: Path):
    """A poisoned entry has a good checksum: anybody can make that."""
    team = Directory(str(tmp_path / "team"))
    ours, strangers = Shared(team, b"ours"), Shared(team, b"theirs")
    for number, writer in enumerate((ours, Shared(team), strangers)):
        writer.put("outcome", f"{KEY}{number}", b"no violations")
    keys = [f"{KEY}{number}" for number in range(3)]
    assert list(ours.get_many("outcome", keys)) == keys[:1]
    assert ours.refused == 2
    # Without a secret everybody who can write there is believed, as the documentation says
    assert list(Shared(team).get_many("outcome", keys)) == keys


def test_a_signed_entry_is_good_for_its_own_key_only(tmp_path: Path):
    team = tmp_path / "team"
    ours = Shared(Directory(str(team)), b"ours")
    ours.put("outcome", KEY + "a1", b"no violations")
    forged = team / name_of("outcome", KEY + "b2")
    forged.parent.mkdir(parents=True, exist_ok=True)
    forged.write_bytes((team / name_of("outcome", KEY + "a1")).read_bytes())
    assert ours.get_many("outcome", [KEY + "b2"]) == {}


def test_the_secret_of_the_environment(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SPINCHECK_CACHE_SECRET", "ours")
    open_shared(str(tmp_path)).put("outcome", KEY, b"signed")
    assert Shared(Directory(str(tmp_path)), b"ours").get_many("outcome", [KEY]) == {KEY: b"signed"}
    monkeypatch.setenv("SPINCHECK_CACHE_SECRET", "others")
    assert open_shared(str(tmp_path)).get_many("outcome", [KEY]) == {}


def test_a_huge_entry_is_not_read_to_its_end(tmp_path: Path):
    file = tmp_path / name_of("outcome", KEY)
    file.parent.mkdir(parents=True)
    with file.open("wb") as output:
        output.truncate(40 * LARGEST_VALUE)
    shared = open_shared(str(tmp_path))
    assert shared.get_many("outcome", [KEY]) == {}
    assert shared.refused == 1


def test_names_that_lead_elsewhere_are_not_followed(tmp_path: Path):
    team = tmp_path / "team"
    for name in (
        "summary/aa/..%2f..%2fetc",
        "last/aa/" + KEY + "aa",
        f"summary/bb/{KEY}aa",
        "summary/aa/.half.tmp",
    ):
        (team / name).parent.mkdir(parents=True, exist_ok=True)
        (team / name).write_bytes(b"anything")
    with Store(tmp_path / "b.sqlite", shared="") as store:
        assert pull(store.connection(), open_shared(str(team)), store) == (0, 0)


def test_a_half_written_entry_is_never_seen(tmp_path: Path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    shared = open_shared(str(tmp_path))
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UnusableError, match="No space left"):
        shared.put("outcome", KEY, b"value")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("where", ["file", "nosuch://place", "http://[broken"])
def test_a_place_that_cannot_be_used_is_told_once(tmp_path: Path, where: str):
    pytest.importorskip("fsspec")
    if where == "file":
        where = str(tmp_path / "a file")
        Path(where).write_text("x")
    with Store(tmp_path / "b.sqlite", shared=where) as store:
        for _ in range(3):
            assert store.get("summary", KEY + "a1") is None
        if "://" in where:
            assert len(store.warnings) == 1
            assert "going on without the shared cache" in store.warnings[0]
        store.put("summary", KEY + "a1", b"own")
    with Store(tmp_path / "b.sqlite", shared="") as store:
        assert store.get("summary", KEY + "a1") == b"own"
        with pytest.raises(UnusableError):
            push(store.connection(), open_shared(where))


def test_push_and_pull_as_commands(tmp_path: Path, capsys):
    team = str(tmp_path / "team")
    filled(tmp_path / "a.sqlite", a1=b"one").close()
    assert main(["cache", "push", team, "--cache", str(tmp_path / "a.sqlite")]) == 0
    assert main(["cache", "pull", team, "--cache", str(tmp_path / "b.sqlite")]) == 0
    (file,) = (Path(team) / "summary").glob("*/*")
    file.write_bytes(file.read_bytes() + b"!")
    assert main(["cache", "pull", team, "--cache", str(tmp_path / "c.sqlite")]) == 1
    assert main(["cache", "push", "nosuch://place", "--cache", str(tmp_path / "a.sqlite")]) == 2
    assert main(["cache", "push", team, "--cache", str(tmp_path / "none.sqlite")]) == 0
    said = capsys.readouterr()
    assert [line.rpartition(": ")[2] for line in said.out.splitlines()] == [
        "1 entries written, 0 were there",
        "1 entries read",
        "0 entries read, 1 refused",
        "there is no cache yet",
    ]
    assert "not signed with this secret" in said.err
