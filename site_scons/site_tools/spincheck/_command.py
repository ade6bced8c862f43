"""The command that preprocesses a source for the check, made from the environment's own compile flags.

Owns the difference between compilers of the gcc and of the cl family, the options that must not reach a preprocess-only
run, and the lean form. Flows in: an environment, a unit node, its source. Flows out: the preprocessed text beside the unit, or
what the preprocessor said.

The command runs through SCons's own command action with only its spawn function replaced, so shell quoting, ``ENV`` and
response files (``TEMPFILE``) are those of the compile. Its output is kept back: the compiler says the same in a moment.

Lean: two thirds of a kernel translation unit of the mingw-w64 headers are vector intrinsics that no driver uses. Their include
guards are defined in advance for this run only. A text that names a vector type afterwards needs them and is preprocessed
again without the guards, and so is one that does not preprocess.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import SCons.Action  # type: ignore[import-untyped]
import SCons.Errors  # type: ignore[import-untyped]
import SCons.Node.FS  # type: ignore[import-untyped]
import SCons.Platform.posix  # type: ignore[import-untyped]
import SCons.Subst  # type: ignore[import-untyped]

TEXT_SUFFIX = ".i"

_CL = r"(?i:(clang-)?cl(-\d+)?(\.exe)?)"
_CL_MODE = "--driver-mode=cl"
_WINDOWS_GNU = ("mingw", "-windows-gnu", "-w64-")

# Headers that both gcc and clang ship, by gcc's guard and by clang's.
_INTRINSICS = ("X86INTRIN", "X86GPRINTRIN", "IMMINTRIN", "MMINTRIN", "XMMINTRIN", "EMMINTRIN", "PMMINTRIN")
_GUARDS = (
    [f"-D_{name}_H_INCLUDED" for name in _INTRINSICS]
    + [f"-D__{name}_H" for name in _INTRINSICS]
    + ["-D_MM3DNOW_H_INCLUDED"]
)
_SAFE = r"[\w./ +@=:,%-]+"
"""Words that a shell hands on as they are, spaces being between quotes by then."""
_VECTOR_TYPE = rb"__m(?:64|128|256|512|mask)"

_DROPPED = {"-c", "-S", "-M", "-MM", "-MD", "-MMD", "-MG", "-MP", "-save-temps"}
"""gcc options that ask for other output. With ``-E``, ``-MD -o FILE`` would write the dependencies over the text."""
_DROPPED_WITH_ARGUMENT = {"-MF", "-MT", "-MQ", "-MJ"}
_DROPPED_CL = r"[-/](c|E|EP|P|Zs|Yc.*|Yu.*|Fp.*|Fo.*|Fd.*|Fi.*|showIncludes|sourceDependencies.*)"

_signatures: dict[int, tuple[Any, str]] = {}

_MARKER = rb'(?m)^(#(?:line)?[ \t]+\d+[ \t]+")((?:[^"\\\n]|\\.)*)(")'
# Patterns are compiled where they are used: a build with nothing to do uses none


def define(env: Any) -> None:
    """Give ``env`` the construction variables that `template` refers to."""
    env.SetDefault(
        _SPINCHECK_FLAGS=_flags,
        _SPINCHECK_TEXT="${TARGET}" + TEXT_SUFFIX,
        _SPINCHECK_GUARDS=_GUARDS,
        _SPINCHECK_SHARED="",
        _SPINCHECK_SIGNATURE="$SPINCHECK_RULES $SPINCHECK_FAIL $_SPINCHECK_VERSION",
        _SPINCHECK_UNIT_SIGNATURE=_signature,
    )


def template(target: Any, source: Any, env: Any, for_signature: bool) -> str:
    """Return the command line, for SCons to expand: the default of ``SPINCHECKPPCOM``."""
    del target, source, for_signature
    return _template(env, lean=_lean(env))


def _signature(target: Any, source: Any, env: Any, for_signature: bool) -> str:
    """Return what a unit depends on besides files, for SCons to expand."""
    del target, source, for_signature
    return signature(env)


def signature(env: Any) -> str:
    """Return what a unit of ``env`` depends on besides files, as a hash.

    Expanding the whole command for each of hundreds of units would be most of the cost of a build with nothing to do; it differs
    by the names of target and source only, so it is expanded once for an environment. Not before SCons has read all
    SConscripts: until then the environment may change.
    """
    known = _signatures.get(id(env))
    if known is not None:
        return known[1]
    text = env.subst("$_SPINCHECK_SIGNATURE $SPINCHECKPPCOM", SCons.Subst.SUBST_SIG)
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
    if SCons.Node.FS.Save_Strings:
        _signatures[id(env)] = (env, digest)
    return digest


def preprocess(target: Any, source: Any, env: Any) -> tuple[bool, str]:
    """Write the preprocessed text of ``source`` to `text_path`; returns success, and what the preprocessor said if it failed."""
    text = text_path(target[0])
    ours = env["SPINCHECKPPCOM"] is template
    if ours and _lean(env):
        done, _ = _run(_template(env, lean=True), target, source, env)
        if done and not _needs_intrinsics(text):
            return True, ""
    done, told = _run(_template(env, lean=False) if ours else "$SPINCHECKPPCOM", target, source, env)
    if done and not text.is_file():
        return False, f"the preprocess command wrote no {text}"
    return done, told


def without_shell(target: Any, source: Any, env: Any) -> dict[str, Any] | None:
    """Return the preprocess command as a worker can run it, where that is the same as what SCons would have a shell do; None elsewhere.

    ``words`` and the source's name write the text to standard output; a text that has what ``unlike`` describes is not the one to check.
    """
    if env["SPINCHECKPPCOM"] is not template or _is_cl(env) or env.get("PSPAWN") is not SCons.Platform.posix.piped_env_spawn:
        return None
    lean = _lean(env)
    lines = env.subst_list(_words(env, lean=lean), SCons.Subst.SUBST_CMD, target, source)
    words = [str(word) for line in lines for word in line]
    environment = dict(env["ENV"])
    named = str(source[0])
    if len(lines) != 1 or not all(re.fullmatch(_SAFE, word) for word in (*words, named)) or "=" in words[0]:
        return None
    if not all(isinstance(value, str) for value in environment.values()):
        return None
    return {"source": named, "words": words, "environment": environment, "unlike": _VECTOR_TYPE.decode() if lean else ""}


def text_path(unit: Any) -> Path:
    """Return where the preprocessed text of a unit node is, relative to the top-level directory."""
    return Path(str(unit) + TEXT_SUFFIX)


def name_sources(text: Path, copies: dict[str, str]) -> None:
    """Make the line markers of ``text`` name sources instead of their copies in a variant directory."""
    if not copies:
        return

    def renamed(match: re.Match[bytes]) -> bytes:
        name = os.fsdecode(match[2].replace(rb"\\", b"\\").replace(rb"\"", b'"'))
        original = copies.get(os.path.normpath(name))
        if original is None:
            return match[0]
        return match[1] + os.fsencode(original).replace(b"\\", rb"\\").replace(b'"', rb"\"") + match[3]

    text.write_bytes(re.sub(_MARKER, renamed, text.read_bytes()))


def _compiler_words(env: Any) -> list[str]:
    words = env.subst_list(_compiler(env))
    return [str(word) for word in words[0]] if words else []


def _template(env: Any, *, lean: bool) -> str:
    if _is_cl(env):
        command = f"{_compiler(env)} /nologo /P /w /Fi$_SPINCHECK_TEXT $_SPINCHECK_FLAGS $_CPPDEFFLAGS $_CPPINCFLAGS $SOURCE"
    else:
        command = f"{_words(env, lean=lean)} -o $_SPINCHECK_TEXT $SOURCE"
    return '${TEMPFILE("' + command + '","$SPINCHECKCOMSTR")}'


def _compiler(env: Any) -> str:
    return "$SHCC" if env.get("_SPINCHECK_SHARED") else "$CC"


def _words(env: Any, *, lean: bool) -> str:
    guards = "$_SPINCHECK_GUARDS " if lean else ""
    return f"{_compiler(env)} -E -w {guards}$_SPINCHECK_FLAGS $_CPPDEFFLAGS $_CPPINCFLAGS"


def _flags(target: Any, source: Any, env: Any, for_signature: bool) -> list[str]:
    """Return the compile flags that matter to the preprocessor."""
    variables = (
        "$SHCFLAGS $SHCCFLAGS $CPPFLAGS" if env.get("_SPINCHECK_SHARED") else "$CFLAGS $CCFLAGS $CPPFLAGS"
    )
    mode = SCons.Subst.SUBST_SIG if for_signature else SCons.Subst.SUBST_CMD
    words = [str(word) for line in env.subst_list(variables, mode, target, source) for word in line]
    kept = _without_cl_outputs(words) if _is_cl(env) else _without_outputs(words)
    # The result is expanded once more
    return [word.replace("$", "$$") for word in kept]


def _without_outputs(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _DROPPED_WITH_ARGUMENT:
            skip = True
        elif word not in _DROPPED and not word.startswith(("-MF", "-MT", "-MQ", "-MJ", "-save-temps=")):
            yield word


def _without_cl_outputs(words: list[str]) -> Iterator[str]:
    return (word for word in words if not re.fullmatch(_DROPPED_CL, word))


def _is_cl(env: Any) -> bool:
    words = _compiler_words(env)
    # A Windows path may have reached us on any system
    return any(
        word == _CL_MODE or ("cl" in word.lower() and re.fullmatch(_CL, word.replace("\\", "/").rpartition("/")[2])) for word in words
    )


def _lean(env: Any) -> bool:
    wanted = str(env["SPINCHECK_LEAN"])
    if _is_cl(env) or wanted == "0":
        return False
    return wanted == "1" or any(mark in word for word in _compiler_words(env) for mark in _WINDOWS_GNU)


def _needs_intrinsics(text: Path) -> bool:
    try:
        content = text.read_bytes()
    except OSError:
        return True
    return re.search(_VECTOR_TYPE, content) is not None


def _run(command: str, target: Any, source: Any, env: Any) -> tuple[bool, str]:
    # Every preprocessor writes something there on success; what is left of an earlier build must not pass for it.
    text_path(target[0]).unlink(missing_ok=True)
    action = SCons.Action.Action(command, cmdstr=None)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        quiet = env.Override({"SPAWN": _spawner(env["PSPAWN"], output)})
        try:
            failed = action.execute(target, source, quiet)
        except OSError as error:
            return False, f"{command}: {error.strerror}"
        output.seek(0)
        return not failed, output.read() if failed else ""


def _spawner(pspawn: Callable[..., int], output: Any) -> Callable[..., int]:
    def spawn(
        shell: str, escape: Callable[[str], str], command: str, words: list[str], environ: dict[str, str]
    ) -> int:
        return pspawn(shell, escape, command, words, environ, output, output)

    return spawn
