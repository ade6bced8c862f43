"""The small language of the lock tables: how a row says which lock, where its state is, what means success.

A handful of fixed forms and not nested tables: a row must fit on one line, or nobody reads the table. Every function
takes text and returns a fact, or raises `ValueError` with what to write instead; the reader adds the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from spincheck.locks.model import Condition, LockIdentity, Saved

MAX_ARGUMENT = 31
I32 = (-(2**31), 2**31 - 1)


def did_you_mean(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ``; did you mean `x`?`` for the nearest of ``words``, or nothing; ``cutoff`` from 0 (any) to 1 (the same)."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only a mistyped word needs it

    near = get_close_matches(word, sorted(words), n=1, cutoff=cutoff)
    return f"; did you mean `{near[0]}`?" if near else ""


def choice(text: str, words: Iterable[str], what: str) -> str:
    """Return ``text`` if it is one of ``words``, else raise with the nearest one."""
    known = tuple(words)
    if text not in known:
        raise ValueError(
            f"unknown {what} `{text}`, expected one of {', '.join(known)}{did_you_mean(text, known)}"
        )
    return text


def number_of(text: str) -> int:
    """Return the number of an argument, counted from 0."""
    number = int(text, 0)
    if not 0 <= number <= MAX_ARGUMENT:
        raise ValueError(
            f"argument {number} is out of range, arguments are numbered from 0 to {MAX_ARGUMENT}"
        )
    return number


def parse_lock(text: str, names: Mapping[str, str] | None = None) -> LockIdentity:
    """Read ``argument 0``, ``arguments 1, 2``, ``argument 0, handle 1``, ``handle 0`` or ``global NAME``."""
    if match := re.fullmatch(r"global (\S.*)", text):
        return LockIdentity(name=match[1])
    if match := re.fullmatch(r"(?:arguments? (\d+(?:, ?\d+)*))?(?:, )?(?:handle (\d+))?", text):
        arguments = tuple(number_of(part) for part in re.findall(r"\d+", match[1] or ""))
        handle = number_of(match[2]) if match[2] else -1
        if (arguments or match[2]) and not text.startswith(", "):
            try:
                values = tuple(sorted((int(key, 0), name) for key, name in (names or {}).items()))
            except ValueError:
                raise ValueError(
                    "the keys of `names` must be the integers that the argument is compared with"
                ) from None
            return LockIdentity(arguments, handle, names=values)
    raise ValueError(
        f"`{text}` does not say which lock; write `argument N`, `arguments N, M`, `argument N, handle M`, `handle N` or `global NAME`"
    )


def parse_saved(text: str) -> Saved:
    """Read ```` (nothing), ``result``, ``*N``, ``N`` or ``handle N``."""
    if text == "":
        return Saved()
    if text == "result":
        return Saved("result")
    if match := re.fullmatch(r"(\*|handle )?(\d+)", text):
        where = {"*": "out", "handle ": "handle", None: "value"}[match[1]]
        return Saved(where, number_of(match[2]))  # type: ignore[arg-type]
    raise ValueError(
        f"`{text}` does not say where the state is saved; write `result`, `*N`, `N` or `handle N`"
    )


def parse_condition(text: str) -> Condition:
    """Read ``argument N null|nonzero|points to zero|equals V|has bits V``."""
    if match := re.fullmatch(
        r"argument (\d+) (null|nonzero|points to zero|equals (\w+)|has bits (\w+))", text
    ):
        test = match[2].split()[0] if " " in match[2] else match[2]
        word = {"points": "points_to_zero", "has": "bits"}.get(test, test)
        value = int(match[3] or match[4] or "0", 0)
        return Condition(number_of(match[1]), word, value)  # type: ignore[arg-type]
    raise ValueError(
        f"`{text}` is no condition; write `argument N` and `null`, `nonzero`, `points to zero`, `equals V` or `has bits V`"
    )


def parse_success(text: str) -> tuple[tuple[int, int], ...]:
    """Read the results that mean success as ranges with both ends included."""
    fixed: dict[str, tuple[tuple[int, int], ...]] = {
        "": (),
        "nonzero": ((I32[0], -1), (1, 2**32 - 1)),
        "zero": ((0, 0),),
        "status_success": ((0, 0),),
        "nt_success": ((0, I32[1]),),
    }
    if text in fixed:
        return fixed[text]
    if match := re.fullmatch(r"(-?\w+)\.\.(-?\w+)", text):
        low, high = int(match[1], 0), int(match[2], 0)
        if low > high:
            raise ValueError(f"the range `{text}` is empty")
        return ((low, high),)
    raise ValueError(
        f"`{text}` is no result; write `nonzero`, `zero`, `nt_success`, `status_success` or a range `LOW..HIGH`"
    )


def count_parameters(signature: str) -> int:
    """Return the number of parameters in ``RESULT (TYPE, TYPE)``, -1 for an empty signature.

    The types are simple names on purpose: they are what the examples declare.
    """
    if not signature:
        return -1
    match = re.fullmatch(r"[\w ]+\*? ?\(([\w *,]*)\)", signature)
    if match is None:
        raise ValueError(f"the signature `{signature}` is not of the form `RESULT (TYPE, TYPE)`")
    inner = match[1].strip()
    return 0 if inner in {"", "VOID", "void"} else inner.count(",") + 1


def member(name: str, owner: str) -> str:
    """Return ``name`` if it can be the name of a member, or ``#N``, the member that a struct ``owner`` has at position N, from 0."""
    return name if owner and re.fullmatch(r"#\d+", name) else identifier(name)


def identifier(name: str) -> str:
    """Return ``name`` if it can be the name of a function, field or type."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        why = ""
        if "::" in name or name.startswith("?"):
            why = "; C++ is not analysed, rows are for C functions"
        elif "(" in name:
            why = "; write the name alone, and of a macro the functions that it expands to"
        raise ValueError(f"`{name}` is not the name of a function{why}")
    return name


def expression(pattern: str) -> str:
    """Return ``pattern`` if it is a regular expression."""
    if pattern.isidentifier():  # most are names; compiling them is what reading the tables would cost most
        return pattern
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"`{pattern}` is not a regular expression: {problem}") from None
    return pattern
