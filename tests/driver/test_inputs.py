"""Reading inputs: what is accepted, and what is refused with which words."""

from __future__ import annotations

import pytest

from spincheck.driver.inputs import Input, InputError, read_input, read_inputs


def refused(path: object) -> str:
    with pytest.raises(InputError) as caught:
        read_input(str(path))
    return str(caught.value)


def test_missing_directory_and_strange_names(tmp_path):
    assert refused(tmp_path / "no.i").endswith("no such file")
    assert "is a directory" in refused(tmp_path)
    assert "cannot be read" in refused("a\0b")


@pytest.mark.parametrize(
    "data", [b"MZ\x90\0\x03", b"\x7fELF\x02\x01", bytes(range(256)) * 8, b"int x;\0", b"\x80\x81\x82\x83"]
)
def test_binary(tmp_path, data: bytes):
    (tmp_path / "a.o").write_bytes(data)
    assert "is binary" in refused(tmp_path / "a.o")


def test_not_preprocessed(tmp_path):
    file = tmp_path / "a.c"
    file.write_text("#include <ntddk.h>\nint x;\n")
    assert "#include" in refused(file)
    assert "--cc" in refused(file)
    file.write_text("int x;\n  # ifdef A\nint y;\n# endif\n")
    assert "#ifdef" in refused(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n",
        "int x;",
        '# 1 "a.c"\n',
        '# 1 "a.c"\n/* kept comment:\n#include <x.h>\n*/\nint x;\n',
        'char *s = "\\\n#if";\n',
        "#pragma once\nint x;\n",
        '#line 1 "a.c"\nint x;\n',
    ],
)
def test_accepted(tmp_path, text: str):
    file = tmp_path / "a.i"
    file.write_text(text)
    assert read_input(str(file)).text == text


def test_text_that_is_no_c(tmp_path):
    (tmp_path / "a.i").write_text("dear reader\nthis is a letter\n")
    assert "no C declaration" in refused(tmp_path / "a.i")


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffint ä;".encode(),
        "\ufeffint ä;".encode("utf-16-le"),
        "\ufeffint ä;".encode("utf-16-be"),
        b"int \xe4;",
        "int ä;".encode(),
    ],
)
def test_encodings(tmp_path, data: bytes):
    (tmp_path / "a.i").write_bytes(data)
    assert read_input(str(tmp_path / "a.i")).text == "int ä;"


def test_identity_needs_the_name_only_without_line_markers():
    assert Input("a.i", b'# 1 "x.c"\nint x;').identity == Input("b.i", b'# 1 "x.c"\nint x;').identity
    assert Input("a.i", b'#line 1 "x.c"\nint x;').identity == Input("b.i", b'#line 1 "x.c"\nint x;').identity
    assert Input("a.i", b"int x;").identity != Input("b.i", b"int x;").identity
    assert Input("a.i", b"int x;").identity != Input("a.i", b"int y;").identity


def test_each_file_once_in_order(tmp_path, monkeypatch):
    for name in ("b.i", "a.i"):
        (tmp_path / name).write_text("int x;")
    monkeypatch.chdir(tmp_path)
    assert [one.name for one in read_inputs(["b.i", "a.i", str(tmp_path / "b.i"), "a.i"])] == ["a.i", "b.i"]
