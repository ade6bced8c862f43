"""The beginning of a C source: the run of comments and ``#include`` lines that many files of a driver have in common.

Owns what can be said of it from texts alone, with no compiler run and nothing kept: which includes a source begins with, which compile commands may share what
a preprocessor makes of them, which macros they leave behind, and how a text is put together from what is shared and the rest. `spincheck.driver.prefix` decides when.

A preprocessor that has read the headers of a source has a state and has written a text. In C the state is the macros: their last definitions, which gcc prints
with ``-dD``. So the rest of a source can be preprocessed behind these definitions alone, in a fifth of the time, and its text belongs behind that of the headers. What else a preprocessor
may remember (``__COUNTER__``, ``#pragma once``, pushed macros, poisoned names) is looked for, and then nothing is shared.

A precompiled header does the same in the same time, and was the other way: 33 MB for each beginning, 0.4 s to make, of one compiler's build only, and it can neither be looked into nor
kept in the cache's database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

NAME = re.compile(r"[\w./ +@=,%-]+", re.ASCII)
"""Names that line markers and shells write as they are."""

_BLANK = rb"[ \t\f\v\r\n]*+"
_SKIPPED = re.compile(rb"(?:[ \t\f\v\r\n]++|//[^\n]*+\n|/\*(?>[^*]++|\*(?!/))*+\*/)++")
_INCLUDE = re.compile(rb'#[ \t]*+include[ \t]*+(<[^>\n]++>|"[^"\n]++")[ \t]*+(?:/\*(?>[^*\n]++|\*(?!/))*+\*/[ \t]*+)*+(?://[^\n]*+|\r)?+\n')
_INCLUDING = re.compile(rb"(?m)^[ \t]*+#[ \t]*+include[^\n]*+")
_SPLICED = re.compile(rb"\\[ \t\f\v]*+\r?+\n")
_HARD = re.compile(rb"\\[ \t]*+\r?+\n|\?\?|\0")
"""In the run itself: continued lines and trigraphs, which would have to be read as a compiler does."""

_ALONE = frozenset(["-E", "-w", "-nostdinc", "-nostdlib", "-pipe", "-pedantic", "-pthread"])
_BEGINNINGS = (
    "-D", "-U", "-I", "-O", "-g", "-m", "-W", "-f", "-isystem", "-iquote", "-idirafter", "-isysroot", "--sysroot=",
    "-std=gnu", "-std=c11", "-std=c17", "-std=c18", "-std=c1x", "-std=c2", "-std=c99", "-std=c9x", "-std=iso9899:1999", "-std=iso9899:20",
)  # fmt: skip
_NOT_BEGINNINGS = (
    "-I-", "-Wp,", "-Wa,", "-Wl,", "-fpch", "-fdirectives-only", "-fpreprocessed", "-fplugin", "-finput-charset", "-fmodules", "-fdump", "-fdebug-", "-fcallgraph", "-fprofile",
    "-fmacro-prefix-map", "-ffile-prefix-map", "-fdebug-prefix-map", "-ftrack-macro", "-fsave", "-fstack-usage", "-fauto-profile", "-frandom-seed",
)  # fmt: skip
"""What a preprocessor reads or writes besides headers and text, or would do otherwise from a pipe. With another C than those named, ``//`` begins no comment."""

_WITH_VALUE = frozenset(["-D", "-U", "-I", "-isystem", "-iquote", "-idirafter", "-isysroot", "--sysroot"])
_LAUNCHED = 2
"""Words before the first option: the compiler, or a launcher and the compiler."""

_OF_THE_RUN = (
    rb"__COUNTER__|__BASE_FILE__|#[ \t]*+(?:un)?assert\b|#[ \t]*+pragma[ \t]++(?:GCC|clang)[ \t]++poison\b|_Pragma[^\n]*(?:poison|_macro)"
)
"""In a header: what leaves more behind than macros, or depends on who includes it, or hides behind a macro's name that it does so."""

_RARE = (b"__COUNTER__", b"__BASE_FILE__", b"assert", b"poison", b"_Pragma")
"""One of these is in all of that."""

_OF_WHAT_FOLLOWS = re.compile(rb"__BASE_FILE__|(?:#|%:|\?\?=|\*/)[ \t]*+(?:un)?assert\b|(?:push|pop)_macro|(?:push|pop|reset)_options")
"""In a source behind its run, or in a header included there: what refers to what was before, or to the file that the preprocessor does not see."""

_OF_THE_SOURCE = re.compile(rb"__TIMESTAMP__|include_next|__has_include|__has_embed|(?:#|%:|\?\?=|\*/)[ \t]*+(?:embed|import)\b")
"""In the source itself: more that refers to that file."""

_QUOTED = re.compile(rb"(?:#|%:|\?\?=|\*/)[ \t]*+include\b(?![ \t]*+<)")
_STATEFUL = re.compile(rb"(?m)^#pragma (?:\w*_macro|GCC (?:pop_options|push_options|reset_options|target|optimize|poison))\b")
"""In a text: pragmas that refer to what was before, or that change which macros there are. gcc 12 leaves pragmas for macros out of its texts."""

_ENTERED = re.compile(rb'(?m)^# \d++ "([^"\n]++)" 1\b')
_DIRECTIVE = rb'\n#(?:define ([^\s(]++)[^\n]*+| \d++ "[^"\n]*+"([ 1-4]*+)(?=\n))'
_MARKER = rb'# \d++ "[^"\n]*+"([ 1-4]*+)'
"""These and `_OF_THE_RUN` are compiled where they are used: few workers make what is shared."""
_WORD = re.compile(rb"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*+")
_PLAIN_WORD = re.compile(rb"[A-Za-z_]\w*+")
"""Words as they are where a compiler takes other letters for none."""
_MAKES_NAMES = re.compile(rb"##|%:%:|\?\?|\\[uU]|include")
"""What may ask for a macro whose name is written nowhere."""

_GAP = 8
"""From so many lines on, gcc writes a line marker in place of line breaks."""


class Leading(NamedTuple):
    r"""The run of a source: its includes as they are written between ``<>`` or quotes, with these; their lines; and the offset behind the last one's line."""

    includes: tuple[bytes, ...]
    lines: tuple[int, ...]
    ends: tuple[int, ...]

    def first(self, count: int) -> Leading:
        """Return the run of the first ``count`` includes."""
        return Leading(self.includes[:count], self.lines[:count], self.ends[:count])

    @property
    def end(self) -> int:
        """Offset of the rest."""
        return self.ends[-1] if self.ends else 0

    @property
    def next_line(self) -> int:
        """Line of the rest."""
        return self.lines[-1] + 1


Macros = Mapping[bytes, bytes]
"""What a run leaves behind: name → one of `_WHOSE` for the header that it is of, and its last directive."""

_WHOSE = {b"0": b"", b"3": b"3", b"4": b"3 4"}
"""The project's, the system's, the system's that is not C++: flags of line markers."""


def leading(source: bytes) -> Leading:
    """Return the run that a source begins with; one without includes if it cannot be read by so simple a reader."""
    includes: list[bytes] = []
    lines: list[int] = []
    ends: list[int] = []
    at = 3 if source.startswith(b"\xef\xbb\xbf") else 0
    while True:
        skipped = _SKIPPED.match(source, at)
        start = skipped.end() if skipped is not None else at
        found = _INCLUDE.match(source, start)
        # a comment before it on its line: not worth a rule
        if found is None or source[source.rfind(b"\n", 0, start) + 1 : start].strip(b" \t\xef\xbb\xbf"):
            break
        includes.append(found[1])
        lines.append(source.count(b"\n", 0, start) + 1)
        ends.append(found.end())
        at = found.end()
    if not ends or _HARD.search(source, 0, ends[-1]):
        return Leading((), (), ())
    return Leading(tuple(includes), tuple(lines), tuple(ends))


def includes(source: bytes) -> list[bytes]:
    """Return the lines of a source that include."""
    return _INCLUDING.findall(source)


def shareable(words: Sequence[str]) -> bool:
    """Whether what a preprocess command makes of a run of includes depends on nothing but the headers, as far as its options tell."""
    programs = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    if not 1 <= programs <= _LAUNCHED:
        return False
    value = False
    for word in words[programs:]:
        if value:
            value = False
        elif word in _WITH_VALUE:
            value = True
        elif word not in _ALONE and (word.startswith(_NOT_BEGINNINGS) or not word.startswith(_BEGINNINGS)):
            return False
    return not value


def simple_header(content: bytes) -> bool:
    """Whether a header leaves nothing but macros behind."""
    return not any(word in content for word in _RARE) or re.search(_OF_THE_RUN, content) is None


def simple_rest(rest: bytes, *, beside: bool) -> bool:
    """Whether the rest of a source means the same when it is read from a pipe, behind nothing but macros.

    ``beside``: whether the source is where the preprocessor runs, so that files beside it are found from a pipe, too.
    """
    joined = _SPLICED.sub(b"", rest)
    return _OF_THE_SOURCE.search(joined) is None and simple_to_follow(joined) and (beside or _QUOTED.search(joined) is None)


def simple_to_follow(content: bytes) -> bool:
    """Whether a header that the rest includes means the same behind nothing but macros."""
    return _OF_WHAT_FOLLOWS.search(content) is None


def simple_text(text: bytes) -> bool:
    """Whether a text has no pragma that refers to what was before."""
    return _STATEFUL.search(text) is None


def entered(text: bytes) -> list[str]:
    """Return the files that a text enters."""
    return sorted({name.decode("utf-8", "surrogateescape") for name in _ENTERED.findall(text)})


def asking(texts: Sequence[bytes], run: Leading) -> bytes:
    """Return a source of its own that includes what ``run`` does, for the macros that are there behind it."""
    lines = []
    for name, text in zip(run.includes, texts, strict=True):
        entered = _ENTERED.match(text)
        # what was found beside the source, or beside nothing
        lines.append(b'#include "%s"\n' % entered[1] if entered is not None and name.startswith(b'"') else b"#include %s\n" % name)
    return b"".join(lines)


def macros(listed: bytes, detailed: bytes, name: str, line: int) -> Macros | None:
    """Return what the run of the file ``name`` before ``line`` leaves behind; None if that cannot be told.

    ``listed`` are the macros that there are behind it (``-dM``). Whose they are is told by its text with directives, ``detailed`` (``-dD``), which does not have those that a
    ``#pragma pop_macro`` brings back.
    """
    start = detailed.find(b'\n# 1 "%s"\n' % name.encode())
    end = detailed.find(_returned(name, line), start)
    if start < 0 or end < 0:
        return None
    directives = re.compile(_DIRECTIVE)
    own = {hit[1]: hit[0] for hit in directives.finditer(detailed, 0, start) if hit[1]}
    whose: dict[bytes, bytes] = {}
    now = b"0"
    for hit in directives.finditer(detailed, start, end):
        if hit[1] is None:
            now = hit[2][-1:] if b"3" in hit[2] else b"0"
        else:
            whose[hit[0]] = now
    found: dict[bytes, bytes] = {}
    left = set(own)
    for hit in directives.finditer(b"\n" + listed):
        macro, directive = hit[1], hit[0]
        left.discard(macro)
        if own.get(macro) != directive:
            if directive not in whose:
                return None
            found[macro] = whose[directive] + directive[1:]
    found.update((macro, b"0#undef %s" % macro) for macro in sorted(left))
    return found


def needed(known: Macros, rest: bytes) -> Iterable[bytes]:
    """Return the names of macros that can take part in preprocessing ``rest``: all, where names may be put together."""
    joined = _SPLICED.sub(b"", rest)
    if _MAKES_NAMES.search(joined):
        return known
    found: dict[bytes, None] = {}
    pending = [joined]
    while pending:
        text = pending.pop()
        words = _WORD.findall(text)
        if b"$" in text or not text.isascii():
            words += _PLAIN_WORD.findall(text)
        for word in words:
            if word in known and word not in found:
                found[word] = None
                body = known[word]
                if b"##" in body or b"%:%:" in body:
                    return known
                pending.append(body)
    return found


def to_pipe(known: Macros, rest: bytes, name: str, line: int, *, system: bool) -> bytes | None:
    """Return what a preprocessor reads in place of the file ``name``: the macros that ``rest`` may need, and ``rest``, which begins at ``line``.

    ``system``: the last word before it is a system header's, see `ends_in_system_text`. None if what is ``known`` is damaged: nothing but definitions may reach the preprocessor.
    """
    pieces: list[bytes] = []
    last: bytes | None = None
    for macro in needed(known, rest):
        directive = known[macro]
        if not directive.startswith((b"#define " + macro, b"#undef " + macro), 1) or b"\n" in directive:
            return None
        if directive[:1] != last:
            last = directive[:1]
            pieces.append(b'# 1 "<macros>" %s\n' % _WHOSE.get(last, b""))
        if directive.startswith(b"#d", 1):
            pieces.append(b"#undef %s\n" % macro)
        pieces += directive[1:], b"\n"
    if system:
        pieces.append(b'# 1 "<macros>" 3\n;\n')
    return b'%s# %d "%s"\n%s' % (b"".join(pieces), line, name.encode(), rest)


def from_pipe(text: bytes, name: str, line: int) -> bytes | None:
    """Return the text of the rest out of that of `to_pipe`."""
    mark = b'\n# %d "%s"\n' % (line, name.encode())
    at = text.find(mark)
    return text[at + len(mark) :] if at >= 0 else None


def parts(text: bytes, name: str, run: Leading) -> tuple[bytes, tuple[bytes, ...]] | None:
    """Return what a text of the file ``name`` begins with, and what each include of its run became: nothing, where a header was there already. None where that cannot be told apart."""
    begin = b'\n# 1 "%s"\n' % name.encode()
    at = text.find(begin) + len(begin)
    if at < len(begin):
        return None
    top = text[:at]
    found: list[bytes] = []
    before = 1
    for line in run.lines:
        gap = _gap(before, line, name)
        if not text.startswith(gap, at) or _ENTERED.match(text, at + len(gap)) is None:
            found.append(b"")
            continue
        returned = _returned(name, line + 1)
        end = text.find(returned, at)
        if end < 0:
            return None
        found.append(text[at + len(gap) : end + 1])
        before = line + 1
        at = end + len(returned)
    return (top, tuple(found)) if found[0] else None


def put_together(top: bytes, texts: Sequence[bytes], name: str, run: Leading, rest: bytes) -> bytes:
    """Return the text of the file ``name``: the reverse of `parts`, with the text of the rest."""
    pieces = [top]
    before = 1
    for line, text in zip(run.lines, texts, strict=True):
        if text:
            pieces += [_gap(before, line, name), text, _returned(name, line + 1)[1:]]
            before = line + 1
    pieces.append(rest)
    return b"".join(pieces)


def line_of_rest(texts: Sequence[bytes], run: Leading) -> int:
    """Return the line behind the last include that became anything: that is what the compiler says last."""
    return 1 + max(line for line, text in zip(run.lines, texts, strict=True) if text)


def ends_in_system_text(texts: Sequence[bytes]) -> bool:
    """Whether the last word that a run became is a system header's: gcc says the place again where that changes."""
    markers = re.compile(_MARKER)
    last = False
    for line in reversed(b"".join(texts).split(b"\n")):
        marker = markers.match(line)
        if marker is None:
            last = last or bool(line.strip())
        elif last:
            return b"3" in marker[1]
    return False


def rename(top: bytes, old: str, new: str) -> bytes:
    """Return the beginning of a text with another main file's name in its markers."""
    return top.replace(b'"%s"' % old.encode(), b'"%s"' % new.encode())


def _returned(name: str, line: int) -> bytes:
    return b'\n# %d "%s" 2\n' % (line, name.encode())


def _gap(before: int, line: int, name: str) -> bytes:
    """Return how gcc passes over lines without text."""
    return b"\n" * (line - before) if line - before < _GAP else b'# %d "%s"\n' % (line, name.encode())
