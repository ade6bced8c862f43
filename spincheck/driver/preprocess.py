"""From a C file to its preprocessed text, by the user's own compiler.

Owns ``--cc`` and ``--compdb``: a compile command becomes the command that only preprocesses. The compiler is run, never guessed at: its flags
decide what the text is. gcc, clang and zig write to standard output with ``-E``, cl and clang-cl with ``/E``.

gcc and clang also say which directories they search and which programs they are (``-v``), so that the next run can tell whether the text would be
the same (`spincheck.driver.basis`). Where they do not say it, or read files that no line marker names, that run preprocesses again. For ``__DATE__`` and ``__TIME__`` it is always the
same moment, where compilers know SOURCE_DATE_EPOCH: no lock depends on it, and a text that differs each second would have to be read each time.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import msgspec

from spincheck.driver.basis import Basis, Files, named_in
from spincheck.driver.inputs import Input, InputError, read_bytes
from spincheck.driver.recipe import Recipe

_WITH_VALUE = {"-o", "-MF", "-MT", "-MQ", "-MJ", "--serialize-diagnostics"}
_ALONE = {"-c", "-S", "-E", "-MD", "-MMD", "-MP", "-M", "-MM", "-MG", "/c", "-save-temps"}
_MSVC_PREFIXES = ("/Fo", "/Fd", "/Fe", "/Fi", "/FS", "-Fo", "-Fd", "-Fe", "-Fi", "-FS")
_UNNAMED = ("-imacros", "--imacros", "-specs", "--specs", "-fplugin", "-Xclang", "-Xpreprocessor", "@", "/FU", "/Yu", "-Yu", "-include-pch", "-fmodules", "-ivfsoverlay")
"""Beginnings of options that have a compiler read files that no line marker names."""

_PROGRAM = re.compile(r'^ "?(/[^"\n]+?)"? ', re.MULTILINE)
_PLACE = re.compile(r"^ (/?[^ \n][^\n]*)$", re.MULTILINE)
_MISSING = re.compile(r'"([^"\n]+)"$', re.MULTILINE)
"""Of what ``-v`` writes, in any language: the program that preprocesses, directories that are searched, and directories that would be."""

_files = Files()

SOURCE_SUFFIXES = frozenset({".c", ".C", ".h"})


class Entry(msgspec.Struct, frozen=True):
    """One entry of a compilation database (the JSON Compilation Database Format of clang's documentation)."""

    file: str
    directory: str = "."
    command: str = ""
    arguments: tuple[str, ...] = ()
    output: str = ""


def recipes_by_compiler(paths: Sequence[str], cc: str) -> list[Recipe]:
    """Return how to get the texts of files, C source by the command ``cc``. Raises `InputError`."""
    command = _split(cc)
    if not command:
        raise InputError(
            "--cc is empty; give the compiler and its flags, for example --cc 'x86_64-w64-mingw32-gcc -Iinclude'"
        )
    here = str(Path.cwd())
    return [
        Recipe(path, (*command, path), here) if Path(path).suffix in SOURCE_SUFFIXES else Recipe(path)
        for path in sorted(dict.fromkeys(paths))
    ]


def recipes_by_database(database: str, paths: Sequence[str]) -> list[Recipe]:
    """Return how to get the texts of the C files of a compilation database, or of ``paths`` among them. Raises `InputError`."""
    entries = read_database(database)
    base = Path(database).absolute().parent
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(os.path.normpath(base / entry.directory / entry.file), entry)
    if paths:
        missing = [path for path in paths if os.path.normpath(Path(path).absolute()) not in found]
        if missing:
            raise InputError(f"{missing[0]}: not in {database}; it names {len(found)} files")
        chosen = sorted({os.path.normpath(Path(path).absolute()) for path in paths})
    else:
        chosen = sorted(path for path in found if Path(path).suffix in SOURCE_SUFFIXES)
        if not chosen:
            raise InputError(f"{database}: names no C file")
    return [_recipe(path, found[path], base) for path in chosen]


def _recipe(path: str, entry: Entry, base: Path) -> Recipe:
    command = entry.arguments or tuple(_split(entry.command))
    if not command:
        raise InputError(f"{path}: the compilation database has an entry without a command")
    return Recipe(path, command, str(base / entry.directory))


def read_database(path: str) -> list[Entry]:
    """Read ``compile_commands.json``; raises `InputError`."""
    try:
        return msgspec.json.decode(read_bytes(path), type=list[Entry])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no compilation database: {error}") from None


def preprocess(path: str, command: Sequence[str], directory: str | None) -> Input:
    """Run the preprocessing form of a compile command in ``directory``; raises `InputError` with the compiler's message."""
    arguments = preprocess_command(command)
    began = time.time()
    run = _run(path, [*arguments, "-v"], directory) if "/E" not in arguments and "--" not in arguments else None
    if run is None or run.returncode != 0 or not run.stdout:  # whoever takes -v for a question has said no more than its version
        run = _run(path, arguments, directory)
    elif not any(word.startswith(_UNNAMED) for word in command[1:]):
        return Input(path, run.stdout, _basis(run, directory or "", began))
    if run.returncode != 0:
        message = run.stderr.decode("utf-8", "replace").strip()
        raise InputError(
            f"{path}: does not preprocess; {arguments[0]} says:\n{message or f'exit status {run.returncode}'}"
        )
    return Input(path, run.stdout)


def _run(path: str, arguments: Sequence[str], directory: str | None) -> subprocess.CompletedProcess[bytes]:
    try:
        environment = {"SOURCE_DATE_EPOCH": "0", **os.environ}
        return subprocess.run(arguments, cwd=directory, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=environment)
    except OSError as error:
        raise InputError(f"{path}: cannot run {arguments[0]}: {error.strerror or error}") from None


class Said(NamedTuple):
    """What a compiler told with ``-v``: programs that it consists of, directories that it searches or would search, and whether it is gcc."""

    tools: list[str]
    searched: list[str]
    gnu: bool


def said(stderr: bytes, directory: str) -> Said | None:
    """Read what a compiler that ran in ``directory`` wrote with ``-v``; None if that does not tell where it looks for headers."""
    text = os.fsdecode(stderr).replace("\r", "")
    tools = [match[1] for match in _PROGRAM.finditer(text)]
    searched = [match[1] for match in _PLACE.finditer(text) if Path(directory, match[1]).is_dir()]
    if not searched or not any(map(os.path.isfile, tools)):
        return None
    missing = [match[1] for match in _MISSING.finditer(text)]
    return Said(tools, [*searched, *missing], any(Path(tool).stem == "cc1" for tool in tools))


def _basis(run: subprocess.CompletedProcess[bytes], directory: str, began: float) -> Basis | None:
    """Return what a text was made of, by what the compiler wrote about it with ``-v``."""
    compiler = said(run.stderr, directory)
    if compiler is None:
        return None
    # clang has known SOURCE_DATE_EPOCH since version 16 only
    return _files.basis(named_in(run.stdout), directory, began, compiler.tools, compiler.searched, timeless=compiler.gnu)


def preprocess_command(command: Sequence[str]) -> list[str]:
    """Turn a compile command into one that preprocesses to standard output."""
    if not command:
        raise InputError("the compilation database has an entry without a command")
    msvc = PureWindowsPath(command[0]).stem.lower() in {"cl", "clang-cl"}
    kept = [command[0]]
    skip = False
    for argument in command[1:]:
        if skip:
            skip = False
        elif argument in _WITH_VALUE:
            skip = True
        elif (
            argument in _ALONE
            or (msvc and argument.startswith(_MSVC_PREFIXES))
            or (argument.startswith("-o") and not msvc)
        ):
            continue
        else:
            kept.append(argument)
    # At the end, because what stands before the flags may be a launcher or an interpreter with its own.
    kept.insert(kept.index("--") if "--" in kept else len(kept), "/E" if msvc else "-E")
    return kept


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise InputError(f"cannot read the command {command!r}: {error}") from None
