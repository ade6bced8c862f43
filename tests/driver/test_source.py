"""Suppression comments and the names that the user wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from spincheck.driver.source import Sources, Suppression, find_suppressions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "f(); // spincheck: ignore[SpinlockRelease] kept for the ISR\n",
            [Suppression("a.c", 1, 9, ("SpinlockRelease",), "kept for the ISR")],
        ),
        ("\nf(); /* spincheck: ignore[A, B] why */ g();\n", [Suppression("a.c", 2, 9, ("A", "B"), "why")]),
        ("/* one\n   spincheck:ignore[A]\n*/", [Suppression("a.c", 2, 4, ("A",), "")]),
        ('s = "// spincheck: ignore[A]";\n', []),
        ("c = '\"'; // spincheck: ignore[A] x", [Suppression("a.c", 1, 13, ("A",), "x")]),
        ("// spincheck: ignore\n", [Suppression("a.c", 1, 4, (), "")]),
        ("// spincheck: ignore[] none", [Suppression("a.c", 1, 4, (), "none")]),
        ("// spincheck is ignored here\n// spincheck: ignored[A]\n", []),
        ("x = a / b; // spincheck: ignore[A]\n", [Suppression("a.c", 1, 15, ("A",), "")]),
    ],
)
def test_comments(text: str, found: list[Suppression]):
    assert find_suppressions(text, "a.c") == found


def test_places_follow_line_markers():
    text = '# 1 "a.c"\nint x;\n# 40 "dir\\\\h.h" 1\n\n// spincheck: ignore[A]\n#line 7 "a.c"\n// spincheck: ignore[B]\n'
    assert [(one.file, one.line) for one in find_suppressions(text, "other.c")] == [
        ("dir\\h.h", 41),
        ("a.c", 7),
    ]


def test_sources_are_found_below_the_given_directories(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.c").write_bytes(b"one\r\ntwo \xff\r\n")
    monkeypatch.chdir(tmp_path)
    assert Sources().line("src/a.c", 1) == "one"
    monkeypatch.chdir("/")
    assert Sources().text("src/a.c") is None
    sources = Sources((tmp_path,))
    assert sources.line("src/a.c", 1) == "one"
    assert sources.line("src/a.c", 2).startswith("two")
    assert sources.line("src/a.c", 0) == sources.line("src/a.c", 9) == ""


@pytest.mark.parametrize("file", ["", "<built-in>", "/", "/dev/null", "\0", "missing.c"])
def test_what_is_no_source_file_tells_nothing(file: str):
    assert Sources().line(file, 1) == ""
    assert Sources().suppressions(file) == ()


def test_the_macro_that_the_user_wrote(tmp_path):
    file = tmp_path / "a.c"
    file.write_text(
        "KeAcquireSpinLock(&l, &i);\nKeAcquireSpinLockRaiseToDpc(&l);\nLOCK(l);\nMyKeAcquireSpinLock(l);\n"
    )
    sources = Sources()

    def spelled(line: int) -> str:
        return sources.spelled(str(file), line, "KeAcquireSpinLockRaiseToDpc", ("KeAcquireSpinLock",))

    assert [spelled(line) for line in range(1, 6)] == [
        "KeAcquireSpinLock",
        *["KeAcquireSpinLockRaiseToDpc"] * 4,
    ]


def test_comments_of_a_real_file(tmp_path):
    file = tmp_path / "a.c"
    file.write_text("int x;\nint y; // spincheck: ignore[A] because\n")
    assert Sources().suppressions(str(file)) == (Suppression(str(file), 2, 11, ("A",), "because"),)
    assert Path(file).is_file()
