"""Texts of a build's sources, with the headers that many of them begin with preprocessed once.

Owns making the text of a source by the command that the build has for it, in a worker. Flows in: a `Command`; flows out: the same bytes that the compiler's ``-E`` would write,
or None, and then the build's own way is taken. Two thirds of what a check added to a compile was ``-E``, and nine tenths of that the headers, the same ones for each file.

What a run of includes (`spincheck.driver.leading`) becomes is kept in the cache under the command, its environment and the includes as they are written, with what it was made of
(`spincheck.driver.basis`), which is looked at each time: a header that changed, or that another one now hides, another compiler. It is made when a second source, or the same one again,
begins so, and kept only if that source's text comes out of it byte for byte as the compiler wrote it. Where anything is in doubt the whole source is preprocessed, as if there were nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from spincheck.cache.keys import digest
from spincheck.driver import leading
from spincheck.driver.basis import Basis, Files, named_in
from spincheck.driver.drafts import UNDECODABLE
from spincheck.driver.leading import Leading
from spincheck.memory import Memory

LARGEST = 16 * 1024 * 1024
"""Bytes of a run's text that are kept at most; a driver's is 0.7 to 2.3 MB."""

_SEEN = b"seen"


class Command(msgspec.Struct, frozen=True):
    """How a build preprocesses a source: ``words`` and the source's name write the text to standard output, in the current directory.

    ``copies``: files that the build system copied beforehand, and what they are copies of, which is what the text shall name.
    """

    source: str
    words: tuple[str, ...]
    environment: dict[str, str]
    copies: dict[str, str] = {}


class Prefix(msgspec.Struct, frozen=True, array_like=True):
    """What a run of includes becomes. Without texts: nothing that can be shared.

    ``top``: the text's beginning, up to the first line of the file ``name``; ``texts``: what each include became; ``system``: see `leading.ends_in_system_text`.
    """

    basis: Basis
    name: str
    top: bytes = b""
    texts: tuple[bytes, ...] = ()
    macros: dict[bytes, bytes] = {}
    system: bool = False


_PREFIX = msgspec.msgpack.Decoder(Prefix)


class Made(NamedTuple):
    """A text, and the files that its line markers name, in order; none where they have to be looked for."""

    text: bytes
    named: Sequence[str]


class _Run(NamedTuple):
    """What a compiler wrote; ``began`` is when it was started, in seconds since 1970."""

    text: bytes
    said: bytes
    began: float


class Texts:
    """Makes texts; keeps in ``memory`` what the next ones need, which is made when nobody waits (`prepare`)."""

    def __init__(self, memory: Memory, files: Files) -> None:
        self._memory = memory
        self._files = files
        self._last: tuple[bytes, Prefix | None] = (b"", None)
        self._to_share: Callable[[], None] | None = None

    def make(self, command: Command) -> Made | None:
        """Return the text of a source; None when its command fails."""
        self.prepare()
        try:
            source = Path(command.source).read_bytes()
        except (OSError, ValueError):
            return None
        run = _run_of(command, source)
        keys = [_key(command, run.first(count)) for count in range(1, len(run.includes) + 1)]
        in_vain = digest("in vain", command.source, *keys, *leading.includes(source[run.end :])) if keys else ""
        kept = self._memory.get_many("prefix", [*keys, in_vain]) if keys else {}
        if in_vain in kept:
            run, keys = run.first(0), []
        seen = 0
        for count in range(len(keys), 0, -1):
            value = kept.get(keys[count - 1])
            if value is None:
                continue
            prefix = self._decoded(value)
            if prefix is None or not self._files.same(prefix.basis, ""):
                seen = seen or count
            elif prefix.texts:
                made = self._shared(prefix, command, source, run.first(count))
                if made is not None:
                    return made
                seen, keys = 0, [in_vain]
                break
        done = _run([*command.words, *(["-v"] if seen else []), command.source], command.environment)
        if done is None:
            return None
        if seen:
            self._to_share = partial(self._share, keys[:seen], command, source, run, done)
        for key in keys:
            if key not in kept:
                self._memory.put("prefix", key, _SEEN)
        return Made(done.text, ())

    def prepare(self) -> None:
        """Make what the last text's beginning lets other sources share. It takes as long as three whole sources, so the text itself does not wait for it."""
        share, self._to_share = self._to_share, None
        if share is not None:
            share()

    def _decoded(self, value: bytes) -> Prefix | None:
        if self._last[0] != value:
            try:
                prefix = _PREFIX.decode(value) if value != _SEEN else None
            except UNDECODABLE:
                prefix = None
            self._last = value, prefix
        return self._last[1]

    def _shared(self, prefix: Prefix, command: Command, source: bytes, run: Leading) -> Made | None:
        """Return the text of a source out of its prefix and a run of the compiler over the rest; None in any doubt."""
        rest = source[run.end :]
        if len(prefix.texts) != len(run.includes) or not any(prefix.texts):
            return None
        if not leading.simple_rest(rest, beside=not os.path.dirname(command.source)):  # noqa: PTH120
            return None
        name = command.source
        line = leading.line_of_rest(prefix.texts, run)
        rest = b"\n" * (run.next_line - line) + rest
        given = leading.to_pipe(prefix.macros, rest, name, line, system=prefix.system)
        done = _run([*command.words, "-x", "c", "-"], command.environment, given) if given is not None else None
        text = leading.from_pipe(done.text, name, line) if done is not None and not done.said else None
        if text is None or not leading.simple_text(text):
            return None
        news = leading.entered(text)
        if news:
            known = {os.path.basename(file) for file, _, _ in prefix.basis.files}  # noqa: PTH119
            if any(os.path.basename(new) in known for new in news):  # noqa: PTH119 -- a guard or a pragma may have kept it out
                return None
            contents = [_content(new) for new in news]
            if not all(content is not None and leading.simple_to_follow(content) for content in contents):
                return None
        named = sorted({name, *(file for file, _, _ in prefix.basis.files), *named_in(text)})
        return Made(leading.put_together(leading.rename(prefix.top, prefix.name, name), prefix.texts, name, run, text), named)

    def _share(self, keys: Sequence[str], command: Command, source: bytes, run: Leading, done: _Run) -> None:
        """Make what the next sources that begin with ``run``, or with as much of it as is old enough to be known, need; keep it if it gives this text."""
        from spincheck.driver.preprocess import said  # noqa: PLC0415 -- rarely made

        compiler = said(done.said, "")
        if compiler is None or not compiler.gnu or len(done.text) > LARGEST:
            return
        programs = [*compiler.tools, *_programs(command)]
        for count in range(len(keys), 0, -1):
            first = run.first(count)
            split = leading.parts(done.text, command.source, first)
            if split is None:
                continue
            top, texts = split
            headers = [file for file in named_in(b"".join((top, *texts))) if file != command.source]
            basis = self._files.basis(headers, "", done.began, programs, compiler.searched)
            if basis is not None:
                prefix = self._proved(Prefix(basis, command.source, top, texts), command, source, first, done.text)
                self._memory.put("prefix", keys[count - 1], msgspec.msgpack.encode(prefix))
                return

    def _proved(self, prefix: Prefix, command: Command, source: bytes, run: Leading, text: bytes) -> Prefix:
        """Return a prefix with its macros if it gives the source's text, else one without texts."""
        contents = (_content(file) for file, _, _ in prefix.basis.files)
        if all(content is not None and leading.simple_header(content) for content in contents):
            known = _macros(command, prefix.texts, run)
            if known is not None:
                whole = msgspec.structs.replace(prefix, macros=dict(known), system=leading.ends_in_system_text(prefix.texts))
                made = self._shared(whole, command, source, run)
                if made is not None and made.text == text:
                    return whole
        return Prefix(prefix.basis, prefix.name)


def _macros(command: Command, texts: Sequence[bytes], run: Leading) -> leading.Macros | None:
    listed = _run([*command.words, "-dM", "-x", "c", "-"], command.environment, leading.asking(texts, run))
    detailed = _run([*command.words, "-dD", command.source], command.environment)
    if listed is None or detailed is None:
        return None
    return leading.macros(listed.text, detailed.text, command.source, leading.line_of_rest(texts, run))


def named_as_written(text: bytes, copies: Mapping[str, str]) -> bytes:
    """Return a text whose line markers name originals in place of their copies."""
    names = {name: original for name in named_in(text) if (original := copies.get(os.path.normpath(name))) is not None}
    if not names:
        return text
    spelled = {_spelled(name): _spelled(original) for name, original in names.items()}
    pattern = rb'(?m)^(#(?:line)?[ \t]+\d+[ \t]+")(%s)(?=")' % b"|".join(map(re.escape, spelled))
    return re.sub(pattern, lambda hit: hit[1] + spelled[hit[2]], text)


def _spelled(name: str) -> bytes:
    return os.fsencode(name).replace(b"\\", rb"\\").replace(b'"', rb"\"")


def _run_of(command: Command, source: bytes) -> Leading:
    run = leading.leading(source)
    shareable = leading.NAME.fullmatch(command.source) and leading.shareable(command.words)
    return run if shareable else run.first(0)


def _key(command: Command, run: Leading) -> str:
    """Return a name for what a run of includes becomes, as far as it is not looked at each time."""
    quoted = any(name.startswith(b'"') for name in run.includes)
    beside = os.path.dirname(command.source) if quoted else ""  # noqa: PTH120
    variables = (part for name in sorted(command.environment) for part in (name, command.environment[name]))
    return digest(str(Path.cwd()), *command.words, "", *variables, "", beside, *run.includes)


def _programs(command: Command) -> list[str]:
    """Return the files of the compiler's command, which may be a launcher's, too: another compiler may get the same name."""
    words = command.words[: next((at for at, word in enumerate(command.words) if word.startswith("-")), None)]
    places = command.environment.get("PATH", os.defpath).split(os.pathsep)
    tried = (os.path.join(place, word) for word in words for place in ([""] if os.sep in word else places))
    return [path for path in tried if os.path.isfile(path)]  # noqa: PTH113


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError):
        return None


def _run(words: Sequence[str], environment: Mapping[str, str], given: bytes = b"") -> _Run | None:
    began = time.time()
    try:
        done = subprocess.run(words, capture_output=True, check=False, input=given, env=environment)
    except (OSError, ValueError):
        return None
    return _Run(done.stdout, done.stderr, began) if done.returncode == 0 and done.stdout else None
