"""Content keys: different content has different keys, and entries of other code are absent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spincheck.cache import keys
from spincheck.cache.recent import ENTRY_BYTES, Recent

PARTS = st.lists(st.one_of(st.text(max_size=5), st.binary(max_size=5)), max_size=4)


def encoded(parts: list[str | bytes]) -> list[bytes]:
    return [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts]


@given(PARTS, PARTS)
def test_digest_is_injective_on_lists_of_parts(left, right):
    assert (keys.digest(*left) == keys.digest(*right)) == (encoded(left) == encoded(right))


def test_entries_of_other_code_are_absent(monkeypatch):
    memory = Recent(1000)
    keys.Stamped(memory).put("summary", "k", b"v")
    assert keys.Stamped(memory).get("summary", "k") == b"v"
    assert keys.Stamped(memory).get_many("summary", ["k", "l"]) == {"k": b"v"}
    monkeypatch.setattr(keys, "stamp", lambda _shelf: "0" * 16)
    assert keys.Stamped(memory).get("summary", "k") is None
    assert keys.Stamped(memory).get_many("summary", ["k"]) == {}


def test_stamp_follows_the_source_files(tmp_path, monkeypatch):
    package = tmp_path / "spincheck"
    (package / "cache").mkdir(parents=True)
    (package / "locks").mkdir()
    (package / "analysis").mkdir()
    (package / "locks" / "spin.toml").write_text("a = 1")
    (package / "analysis" / "x.py").write_text("pass")
    monkeypatch.setattr(keys, "__file__", str(package / "cache" / "keys.py"))

    def stamps() -> dict[str, str]:
        keys.stamp.cache_clear()
        keys._room.cache_clear()
        return {shelf: keys.stamp(shelf) for shelf in ("region", "summary", "outcome")}

    first = stamps()
    assert stamps() == first
    (package / "locks" / "spin.toml").write_text("a = 2")
    second = stamps()
    assert second["region"] == first["region"]
    assert second["summary"] != first["summary"]
    assert second["outcome"] != first["outcome"]
    (package / "analysis" / "x.py").rename(package / "analysis" / "y.py")
    assert stamps()["summary"] != second["summary"]
    keys.stamp.cache_clear()
    keys._room.cache_clear()


def test_recent_is_bounded_by_bytes_and_keeps_what_was_used():
    memory = Recent(10 * (100 + ENTRY_BYTES))
    for number in range(10):
        memory.put("unit", f"k{number}", bytes(100))
    assert memory.get("unit", "k0") is not None
    memory.put("unit", "k0", bytes(150))
    memory.put("unit", "more", bytes(100))
    assert memory.get("unit", "k0") == bytes(150)
    assert memory.get("unit", "k1") is None
    assert memory.get("unit", "k2") is None
    assert memory.get("unit", "k3") is not None
    memory.put("unit", "huge", bytes(5000))
    assert memory.get("unit", "huge") == bytes(5000)
    assert memory.get("unit", "k3") is None
