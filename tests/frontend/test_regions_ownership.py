"""Whose file is whose."""

import pytest

from spincheck.frontend.linemap import LineMap
from spincheck.frontend.ownership import own_files


def own(text: str, *roots: str) -> list[str]:
    lines = LineMap(text, "main.c")
    return [name for name, mine in zip(lines.files, own_files(lines, roots), strict=True) if mine]


def test_flag_3_where_a_file_is_entered():
    text = '# 0 "a.c"\n# 1 "<built-in>"\n# 1 "/x/inc/s.h" 1 3 4\n# 9 "a.c" 2\n# 9 "a.c" 3\n# 9 "a.c"\n# 1 "own.h" 1\n# 3 "own.h" 3\n# 10 "a.c" 2\n'
    assert own(text) == ["a.c", "own.h"]


def test_below_the_directory_of_a_flagged_header():
    text = '# 0 "/p/a.c"\n# 1 "/inc/ddk/n.h" 1\n# 1 "/inc/x.h" 1 3\n# 1 "/p/own.h" 1\n# 1 "/include/b.h" 1\n'
    assert own(text) == ["/p/a.c", "/p/own.h", "/include/b.h"]


def test_a_flagged_header_above_the_main_file_makes_nothing_system():
    text = '# 0 "/p/src/a.c"\n# 1 "/p/x.h" 1 3\n# 1 "/p/src/own.h" 1\n'
    assert own(text) == ["/p/src/a.c", "/p/src/own.h"]


@pytest.mark.parametrize(
    "system",
    [
        r"C:\\Program Files (x86)\\Windows Kits\\10\\Include\\10.0.22621.0\\km\\wdm.h",
        r"c:\\program files\\microsoft visual studio\\2022\\VC\\Tools\\MSVC\\14.38\\include\\sal.h",
        "/usr/share/mingw-w64/include/ddk/ntddk.h",
        "/usr/lib/gcc/x86_64-w64-mingw32/12-win32/include/stddef.h",
        "/usr/include/stdio.h",
        "C:/WinDDK/7600/inc/ddk/ntddk.h",
    ],
)
def test_known_directories_without_flags(system):
    text = r'#line 1 "c:\\drv\\a.c"' + f'\n#line 1 "{system}"\nint x;\n' + r'#line 1 "c:\\drv\\own.h"' + "\n"
    assert own(text) == ["c:\\drv\\a.c", "c:\\drv\\own.h"]


def test_roots():
    text = '# 0 "src/a.c"\n# 1 "/p/own.h" 1\n# 1 "/p/../q/x.h" 1\n# 1 "/p/third/t.h" 1 3\n# 1 "rel.h" 1\n# 1 "/pp/y.h" 1\n'
    assert own(text, "/p") == ["src/a.c", "/p/own.h", "rel.h"]
    assert own(r'# 0 "C:\\P\\a.c"' + "\n" + r'# 1 "c:\\p\\b.h" 1' + "\n" + '# 1 "D:/x.h" 1\n', "C:\\P\\") == [
        "C:\\P\\a.c",
        "c:\\p\\b.h",
    ]


def test_main_file_is_always_own():
    assert own('# 1 "/usr/include/a.c"\n') == ["/usr/include/a.c"]
    assert own("") == ["main.c"]
