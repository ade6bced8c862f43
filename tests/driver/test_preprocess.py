"""Preprocessing by the user's own compiler: from the command in a compilation database to text."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from spincheck.driver.inputs import Input, InputError
from spincheck.driver.preprocess import preprocess_command, recipes_by_compiler, recipes_by_database
from spincheck.driver.recipe import load

FAKE = """
import sys
assert "-E" in sys.argv, sys.argv
assert "-c" not in sys.argv and "-o" not in sys.argv, sys.argv
source = next(name for name in sys.argv[1:] if not name.startswith("-"))
text = open(source).read()
if "BROKEN" in text:
    print(source + ":1: error: broken", file=sys.stderr)
    sys.exit(1)
print('# 1 "%s"' % source)
print(text, end="")
"""


def inputs_by_compiler(paths: list[str], cc: str, jobs: int) -> list[Input]:
    return load(recipes_by_compiler(paths, cc), jobs)


def inputs_by_database(database: str, paths: list[str], jobs: int) -> list[Input]:
    return load(recipes_by_database(database, paths), jobs)


@pytest.fixture
def compiler(tmp_path: Path) -> str:
    (tmp_path / "cc.py").write_text(FAKE)
    return f"{sys.executable} {tmp_path / 'cc.py'}"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gcc -O2 -c a.c -o a.o", "gcc -O2 a.c -E"),
        ("gcc -MD -MF a.d -MT a.o -Iinc -DX=1 -oa.o -c a.c", "gcc -Iinc -DX=1 a.c -E"),
        ("x86_64-w64-mingw32-gcc -std=c11 a.c", "x86_64-w64-mingw32-gcc -std=c11 a.c -E"),
        (
            "python -m ziglang cc -target x86_64-windows-gnu -c a.c",
            "python -m ziglang cc -target x86_64-windows-gnu a.c -E",
        ),
        ("zig cc -c a.c", "zig cc a.c -E"),
        ("ccache gcc -c a.c", "ccache gcc a.c -E"),
        ("cl /nologo /c /Foa.obj /Fdx.pdb /DX /Iinc a.c", "cl /nologo /DX /Iinc a.c /E"),
        ("C:/llvm/clang-cl.exe /c -- a.c", "C:/llvm/clang-cl.exe /E -- a.c"),
    ],
)
def test_command(command: str, expected: str):
    assert preprocess_command(command.split()) == expected.split()


def test_compiler_for_c_files_and_text_as_it_is(tmp_path, compiler, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.c").write_text("int a;\n")
    Path("b.i").write_text("int b;\n")
    texts = [(one.name, one.text) for one in inputs_by_compiler(["b.i", "a.c", "a.c"], compiler, 1)]
    assert texts == [("a.c", '# 1 "a.c"\nint a;\n'), ("b.i", "int b;\n")]


def test_database(tmp_path, compiler, monkeypatch):
    source = tmp_path / "src"
    source.mkdir()
    for name in ("a.c", "b.c", "c.cpp"):
        (source / name).write_text(f"int {name[0]};\n")
    entries = [
        {"directory": str(source), "file": "a.c", "command": f"{compiler} -c a.c -o a.o"},
        {"directory": "src", "file": "b.c", "arguments": [*compiler.split(), "-c", "b.c"]},
        {"directory": "src", "file": "c.cpp", "command": "g++ c.cpp"},
    ]
    database = tmp_path / "compile_commands.json"
    database.write_text(json.dumps(entries))
    monkeypatch.chdir(source)
    assert [one.text for one in inputs_by_database(str(database), [], 1)] == [
        '# 1 "a.c"\nint a;\n',
        '# 1 "b.c"\nint b;\n',
    ]
    assert [one.text for one in inputs_by_database(str(database), ["b.c"], 1)] == ['# 1 "b.c"\nint b;\n']
    with pytest.raises(InputError, match=r"x\.c: not in"):
        inputs_by_database(str(database), ["x.c"], 1)


def test_what_cannot_be_done(tmp_path, compiler, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.c").write_text("BROKEN\n")
    with pytest.raises(InputError, match="error: broken"):
        inputs_by_compiler(["a.c"], compiler, 1)
    with pytest.raises(InputError, match="cannot run no-such-compiler"):
        inputs_by_compiler(["a.c"], "no-such-compiler -I.", 1)
    with pytest.raises(InputError, match="--cc is empty"):
        inputs_by_compiler(["a.c"], " ", 1)
    with pytest.raises(InputError, match="cannot read the command"):
        inputs_by_compiler(["a.c"], "gcc 'x", 1)
    with pytest.raises(InputError, match="no such file"):
        inputs_by_compiler(["missing.c"], compiler, 1)
    for text in ("", "{}", "[1]", '[{"directory": "."}]'):
        Path("db.json").write_text(text)
        with pytest.raises(InputError, match="no compilation database"):
            inputs_by_database("db.json", [], 1)
    Path("db.json").write_text("[]")
    with pytest.raises(InputError, match="names no C file"):
        inputs_by_database("db.json", [], 1)
    Path("db.json").write_text('[{"directory": ".", "file": "a.c"}]')
    with pytest.raises(InputError, match="without a command"):
        inputs_by_database("db.json", [], 1)


def test_a_compiler_that_answers_only_what_it_is(tmp_path: Path):
    """``-v`` asks gcc and clang where they search; to others it may be a question by itself, or an error."""
    for name, answer in (("asked", "sys.exit(0)"), ("refuses", "sys.exit(1)")):
        (tmp_path / f"{name}.py").write_text(FAKE.replace("assert", f'if "-v" in sys.argv: {answer}\nassert', 1))
        (tmp_path / "a.c").write_text("int a;\n")
        (text,) = inputs_by_compiler([str(tmp_path / "a.c")], f"{sys.executable} {tmp_path / name}.py", 1)
        assert text.text.endswith("int a;\n")
        assert text.basis is None
