"""Line markers of both dialects."""

from hypothesis import given
from hypothesis import strategies as st

from spincheck.frontend.linemap import LineMap, unescape


def place(text: str, needle: str) -> tuple[str, int, int]:
    return tuple(LineMap(text, "main.c").locate(text.index(needle)))


def test_gnu_markers():
    text = '# 0 "a.c"\n# 1 "h.h" 1 3\nint h;\n\n  int h2;\n# 7 "a.c" 2\nint here;\n'
    assert place(text, "int h;") == ("h.h", 1, 1)
    assert place(text, "int h2") == ("h.h", 3, 3)
    assert place(text, "here") == ("a.c", 7, 5)


def test_marker_inside_a_declaration():
    text = '# 1 "a.c"\nint f(\n# 5 "a.c" 3\n   NULL\n# 5 "a.c"\n   );\n'
    assert place(text, "NULL") == ("a.c", 5, 4)
    assert place(text, ");") == ("a.c", 5, 4)


def test_msvc_markers_and_crlf():
    text = '#line 1 "c:\\\\src\\\\a b.c"\r\nint x;\r\n#line 40\r\nint y;\r\n'
    assert place(text, "int x") == ("c:\\src\\a b.c", 1, 1)
    assert place(text, "int y") == ("c:\\src\\a b.c", 40, 1)


def test_no_markers_and_text_before_the_first():
    assert place("\nint x;", "x") == ("main.c", 2, 5)
    assert place('int x;\n#line 9 "b.c"\nint y;', "x;") == ("b.c", 1, 5)
    assert LineMap("", "main.c").locate(0) == ("main.c", 1, 1)


def test_other_directives_are_not_markers():
    text = '# 1 "a.c"\n#pragma once\n#ident "x"\n# 99999999999 "b.c"\n# 3 "b.c\nint x;'
    assert place(text, "int x") == ("a.c", 5, 1)


def test_working_directory_marker_is_not_a_file():
    text = '# 1 "a.c"\n# 1 "/src/dir//"\n# 1 "a.c"\nint x;'
    assert LineMap(text, "?").files == ["a.c"]


def test_unescape():
    assert unescape(r"dir\\a\"b.c") == 'dir\\a"b.c'
    assert unescape(r"\303\251.c") == "é.c"
    assert unescape(r"C:\windows\path.h") == r"C:\windows\path.h"
    assert unescape("é€.c") == "é€.c"
    assert unescape(r"\377.c") == "\ufffd.c"


LINES = st.lists(
    st.one_of(
        st.builds('# {} "{}" 1'.format, st.integers(0, 99), st.sampled_from(["a.c", "b.h"])),
        st.builds('#line {} "{}"'.format, st.integers(0, 99), st.sampled_from(["a.c", "c.h"])),
        st.sampled_from(["#pragma once", "x # 4 'x'", '#define X "4"']),
        st.text(alphabet='ab \t;é{"', max_size=8),
    ),
    max_size=12,
)


@given(LINES)
def test_agrees_with_a_line_counter(lines):
    """A reader that goes line by line gives the same place for every character of every line."""
    text = "\n".join(lines)
    found = LineMap(text, "main.c")
    file, line, offset = found.files[0], 1, 0
    for content in lines:
        words = content.split()
        if words[:1] in (["#"], ["#line"]) and words[1].isdigit():
            file, line = words[2].strip('"'), int(words[1]) - 1
        else:
            for column in range(len(content)):
                assert found.locate(offset + column) == (file, line, column + 1)
        line += 1
        offset += len(content) + 1
