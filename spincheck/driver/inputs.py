"""What the user names on the command line, as text with a content key.

Owns reading a file and deciding whether it is something that can be checked at all: it
flows in as a path and comes out as an `Input` (name, text, hash) or as an `InputError` whose message
says what to do. The front end below accepts any text and reports what it could not read; it cannot
know that a file was an object file, or C that nobody preprocessed, and its report of a thousand recovered
statements would be a poor way of saying so.

The hash is taken over the bytes, before decoding: an unchanged file costs a hash and no decoding.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spincheck.driver.source import Suppression, find_suppressions, may_suppress

if TYPE_CHECKING:
    from spincheck.driver.basis import Basis

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_PROBE = 65_536
_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(include|if|ifdef|ifndef|elif|else|endif)\b", re.MULTILINE)
_CODE_WORDS = re.compile(rb"[;{}()=]|^[ \t]*#", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LITERALS = re.compile(rb'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


class InputError(Exception):
    """Input that cannot be read or makes no sense; the message is for the user and says what to do. Exit status 2."""


class Input:
    """One translation unit's preprocessed text, under the name that the user gave it; ``basis``: what it was made of, if that is known."""

    def __init__(self, name: str, data: bytes, basis: Basis | None = None) -> None:
        self.name = name
        self.basis = basis
        self._data = data

    @cached_property
    def key(self) -> str:
        """Hash of the bytes, 32 hex digits. SHA-256, because processors have it built in: 1.4 ms for 2.3 MB, BLAKE2 takes 2.8."""
        return hashlib.sha256(self._data).hexdigest()[:32]

    @cached_property
    def identity(self) -> str:
        """What a result about this text depends on: its hash, and its name unless line markers say what the file is."""
        marked = self._data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"# ", b"#line"))
        return self.key if marked else f"{self.key}:{self.name}"

    @cached_property
    def text(self) -> str:
        """The text; a byte that is no UTF-8 becomes the Latin-1 character of its number, so that columns and later encoders are right."""
        for mark, encoding in _BYTE_ORDER_MARKS:
            if self._data.startswith(mark):
                return self._data[len(mark) :].decode(encoding, "replace")
        text = self._data.decode("utf-8", "surrogateescape")
        return text if text.isascii() else _SURROGATE.sub(lambda hit: chr(ord(hit[0]) & 0xFF), text)

    @cached_property
    def comments(self) -> tuple[Suppression, ...]:
        """The suppressions that the text has kept: pragmas, and comments where it is from ``cc -E -C``."""
        return tuple(find_suppressions(self.text, self.name)) if may_suppress(self._data) else ()

    def refuse_what_is_no_text(self) -> None:
        """Raise `InputError` for what cannot be preprocessed C."""
        refuse_binary(self.name, self._data)
        refuse_unpreprocessed(self.name, self._data)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._data)

    @property
    def data(self) -> bytes:
        """The bytes as read."""
        return self._data


def read_input(path: str) -> Input:
    """Read one preprocessed file; raises `InputError` when it is missing, unreadable, binary or not preprocessed."""
    if not path:
        raise InputError("a file without a name was given; is a variable empty?")
    if Path(path).is_dir():
        raise InputError(f"{path}: is a directory; name the preprocessed files in it, for example {Path(path, '*.i')}")
    found = Input(path, read_bytes(path))
    found.refuse_what_is_no_text()
    return found


def read_inputs(paths: Iterable[str]) -> list[Input]:
    """Read every file, in the order of their names, each once however often it is named."""
    return [read_input(path) for path in each_once(paths)]


def each_once(paths: Iterable[str]) -> list[str]:
    """Return names of files in order, each file once however often and by whatever name it is given."""
    seen: dict[str, str] = {}
    for path in paths:
        seen.setdefault(str(Path(path).absolute()), path)
    return sorted(seen.values())


def read_bytes(path: str, told: str = "") -> bytes:
    """Read a file; raises `InputError` with the operating system's reason and the name ``told``, if not as it is opened."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{told or path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{told or path}: is a directory, not a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{told or path}: cannot be read: {reason}") from None
    return data


def refuse_binary(path: str, data: bytes) -> None:
    """Raise `InputError` for object files, archives and other bytes that are no text."""
    probe = data[:_PROBE]
    if probe.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    control = len(probe) - len(probe.translate(None, bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))))
    strange = probe.decode("utf-8", "replace").count("\ufffd")
    if b"\0" in probe or control * 20 > len(probe) or strange * 2 > len(probe):
        raise InputError(
            f"{path}: is binary, not text; give the preprocessed C text (cc -E FILE.c -o FILE.i)"
        )


def refuse_unpreprocessed(path: str, data: bytes) -> None:
    """Raise `InputError` for C source that still has its ``#include`` and ``#if`` lines, or text that is no C at all."""
    probe = data[:_PROBE]
    # A directive inside a comment (cc -E -C) or a string is no directive.
    match = _DIRECTIVE.search(probe) and _DIRECTIVE.search(_LITERALS.sub(b"", probe))
    if match:
        raise InputError(
            f"{path}: is not preprocessed (it has #{match[1].decode()} lines); preprocess it first (cc -E), "
            "or let spincheck do it with --cc 'CC -Iflags' or --compdb compile_commands.json"
        )
    if not _CODE_WORDS.search(data) and data.strip():
        raise InputError(
            f"{path}: holds no C declaration; give the preprocessed C text (cc -E FILE.c -o FILE.i)"
        )


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
