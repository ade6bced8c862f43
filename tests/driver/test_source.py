"""Suppression comments and the names that the user wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from spincheck.driver import suppressions
from spincheck.driver.source import Sources, Suppression, find_suppressions, may_suppress


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#pragma warning(suppress: SpinlockRelease)\nf();\n", [Suppression("a.c", 1, 1, ("SpinlockRelease",), "", 2)]),
        (
            '  # pragma prefast ( suppress : 28167 A B, "the \\"ISR\\" does") // yes\n\n  /* now */ f();\n',
            [Suppression("a.c", 1, 3, ("A", "B"), 'the "ISR" does', 3)],
        ),
        (
            '#pragma warning(suppress: A, justification: "why"; suppress: 4996; disable: C; suppress: B)\nf();',
            [Suppression("a.c", 1, 1, ("A",), "why", 2), Suppression("a.c", 1, 1, ("B",), "", 2)],
        ),
        ('x(); __pragma(prefast(suppress: A, "r")) f();\n', [Suppression("a.c", 1, 6, ("A",), "r", 1)]),
        (
            '#pragma prefast(suppress: A, "r")\n#pragma warning(suppress: B)\n__pragma(warning(suppress: C))\nf();\n',
            [
                Suppression("a.c", 1, 1, ("A",), "r", 4),
                Suppression("a.c", 2, 1, ("B",), "", 4),
                Suppression("a.c", 3, 1, ("C",), "", 4),
            ],
        ),
        ("#pragma warning(suppress: 4996 28167)\n#pragma prefast(suppress: cpp/drivers/x)\nf();\n", []),
        ("#pragma warning(disable: A)\n#pragma warning(push)\n#pragma warning(suppress:)\n", []),
        ("// #pragma warning(suppress: A)\n/*\n#pragma warning(suppress: A)\n*/\n", []),
        ("#pragma warning(suppress: A\nf();\n", []),
    ],
)
def test_pragmas(text: str, found: list[Suppression]):
    assert find_suppressions(text, "a.c") == found
    assert may_suppress(text.encode()) or not found


def test_pragmas_of_preprocessed_text_are_about_the_next_code():
    text = '# 1 "a.c"\nint x;\n#pragma prefast(suppress: A, "r")\n# 10 "a.c"\n   f();\n# 20 "b.h" 1 3\n__pragma(warning(suppress: B))\n\ng();\n'
    assert find_suppressions(text, "a.i") == [
        Suppression("a.c", 2, 1, ("A",), "r", 10),
        Suppression("b.h", 20, 1, ("B",), "", 22),
    ]


@pytest.mark.parametrize(
    ("text", "may"),
    [
        (b"#pragma warning(suppress: 28167 6011)", False),
        (b"#pragma prefast(suppress: C6308, __WARNING_X)", False),
        (b'#pragma prefast(suppress: 28167, "by the board")', False),
        (b"#pragma warning(suppress: 4996 Spinlock)", True),
        (b"#pragma warning(suppress: 4305; suppress: 4213; disable : 1)", False),
        (b"#pragma warning(suppress: 4305; suppress: Spinlock)", True),
        (b"int suppress; /* suppressed: */", False),
        (b"// spincheck: ignore[A]", True),
    ],
)
def test_a_text_is_searched_closely_only_when_it_names_something(text: bytes, may: bool):
    assert may_suppress(text) is may


def test_places_are_worked_out_for_a_suppression_only(monkeypatch):
    """Reading the markers of two megabytes takes longer than all else that an unchanged file needs."""
    monkeypatch.setattr(suppressions, "_MARKER", None)
    text = '# 1 "a.c"\n#pragma warning(suppress: 4305)\n#pragma prefast(suppress: 26015, "Spinlock")\nint x;\n'
    assert find_suppressions(text, "a.c") == []
    with pytest.raises(AttributeError):
        find_suppressions(text.replace("26015", "Spinlock"), "a.c")


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
