"""Calls, conditions, switches and returns in the representation are those that libclang sees in the same text.

Compared is lowering's code before it is put in order, where what no path reaches and constant conditions are still there. A termination
block is written once for each way out, so a function that has one is compared by the names it calls. Calls of cleanup functions are not compared:
libclang does not show the attribute's argument. Where types decide that are not told apart (``_Generic``), the representation has each
alternative, so what libclang sees must be a part of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from literate import NAMES, sections

from spincheck import ir
from spincheck.frontend import expressions, lower
from spincheck.frontend.lower_code import Guarded, Select, finish
from spincheck.frontend.lower_code import Test as Tested
from spincheck.frontend.lower_context import Context
from spincheck.frontend.tokens import tokenise
from spincheck.frontend.unit import Settings, read_unit
from spincheck.memory import NoMemory

pytest.importorskip("clang.cindex", reason="libclang is in the extra 'test'")

from clang_reader import NO_CALL, Count, functions

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "example_driver"
WINDOWS = ("-target", "x86_64-w64-windows-gnu", "-fms-extensions", "-std=gnu11")
PRELUDE = """
typedef int NTSTATUS; typedef unsigned ULONG; typedef unsigned char UCHAR, KIRQL, BOOLEAN; typedef unsigned long long ULONG_PTR, size_t;
typedef struct _LOCK { int x; } LOCK;
typedef struct _DEVICE { LOCK Lock, Other; int Count, Flag, Word; KIRQL Irql; struct _DEVICE *Next; } DEVICE, *PDEVICE, *PDRIVER, *PENTRY;
typedef char *PCHAR; typedef unsigned char *PUCHAR; typedef ULONG *PULONG; typedef __builtin_va_list va_list;
int g(), h(), k(), a(), b(), c(), lock(), unlock(), log_(); float scale(); extern ULONG Flags; extern int Table[];
unsigned char KeAcquireSpinLockRaiseToDpc(); void KeReleaseSpinLock(); enum { STATUS_WAIT = 258, RED = 7 };
"""


@pytest.fixture(autouse=True)
def raw(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Keep constant conditions, and each function's code as lowering wrote it, by name."""
    found: dict[str, list[Any]] = {}
    last: list[Any] = []
    finish_function = lower._finish

    def test(self: Context, condition: ir.Value, then: Any, otherwise: Any, at: int) -> None:
        self.code.append(Tested(condition, then, otherwise, at))

    def keep(items: list[Any], unreached: Any = ()) -> Any:
        last[:] = items
        return finish(items, unreached)

    def named(c: Context, *rest: Any) -> Any:
        lowered = finish_function(c, *rest)
        found[c.name] = list(last)
        return lowered

    monkeypatch.setattr(Context, "test", test)
    monkeypatch.setattr(expressions, "literal", lambda *_: None)
    monkeypatch.setattr(lower, "finish", keep)
    monkeypatch.setattr(lower, "_finish", named)
    return found


def ours(items: list[Any]) -> Count:
    """What the code does, counted as `clang_reader` counts; the return at the closing brace is not one of the text."""
    calls: Counter[str] = Counter()
    indirect = tests = switches = returns = 0
    for item in items:
        call = item.call if isinstance(item, Guarded) else item
        if isinstance(call, ir.Call):
            if isinstance(call.callee, ir.FunctionName):
                calls[call.callee.name] += not NO_CALL.match(call.callee.name)
            else:
                indirect += 1
        tests += isinstance(item, Tested) and item.condition not in _NO_CONDITIONS
        switches += isinstance(item, Select)
        returns += isinstance(item, ir.Return)
    return Count(+calls, indirect, tests, switches, returns - 1)


_NO_CONDITIONS = [ir.Unknown("case"), ir.Unknown("asm"), ir.Unknown("exception"), ir.Unknown("choice")]
"""What the representation decides where the syntax has no condition: a case whose constant is not told (here no constant condition is), labels of ``asm
goto``, a store that may raise, an alternative that types decide."""

_CLEANUP = re.compile(r"\b(?:__)?cleanup(?:__)?\s*\(\s*(\w+)")


def differences(
    name: str, items: list[Any], theirs: Count, *, final: bool, cleanups: Iterable[str] = ()
) -> Iterator[str]:
    mine = ours(items)
    for function in cleanups:
        del mine.calls[function]
        del theirs.calls[function]
    if any(isinstance(item, Tested) and item.condition == ir.Unknown("choice") for item in items):
        if not set(theirs.calls) <= set(mine.calls):
            yield f"{name} calls {sorted(mine.calls)}, not all of {sorted(theirs.calls)}"
        return
    if final:
        if set(mine.calls) != set(theirs.calls):
            yield f"{name} calls {sorted(mine.calls)}, not {sorted(theirs.calls)}"
        return
    for what, one, other in zip(Count._fields, mine, theirs, strict=True):
        if one != other:
            yield f"{name}: {what} {one}, not {other}"


_OTHERWISE = {
    "Control never gets past some builtins": "__assume(0) tests its argument",
    "What is assumed holds": "__assume tests its argument",
}
"""Where the representation has a decision that the syntax has not, with the reason."""

_PAGES = [
    "lower_expressions",
    "lower_statements",
    "lower_seh",
    "lower_dialect",
    "lower_places",
    "lower_cleanup",
]


def test_pages(raw: dict[str, list[Any]]) -> None:
    wrong: list[str] = []
    compared = 0
    for page in _PAGES:
        for title, source, _ in sections(Path(__file__).parent / f"{page}.md"):
            seen = dict(functions(PRELUDE + source, *WINDOWS))
            lowered = lower.lower_function(tokenise(source), NAMES)
            name = lowered.function.name
            if name in seen and title not in _OTHERWISE:
                compared += 1
                wrong += [
                    f"{page}, {title}: {text}"
                    for text in differences(
                        name,
                        raw[name],
                        seen[name],
                        final="finally" in source,
                        cleanups=_CLEANUP.findall(source),
                    )
                ]
    assert not wrong, "\n".join(wrong)
    assert compared >= 57


def preprocessed(path: Path) -> str:
    """A file of the example driver through the first compiler that has the kernel's headers."""
    gcc = shutil.which("x86_64-w64-mingw32-gcc")
    if gcc:
        command = [gcc]
        listed = subprocess.run(
            [gcc, "-E", "-Wp,-v", "-xc", "/dev/null"], capture_output=True, text=True, check=True
        ).stderr
        folders = [Path(line.strip()) / "ddk" for line in listed.splitlines() if line.startswith(" ")]
    else:
        command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-windows-gnu"]
        ziglang = pytest.importorskip("ziglang")
        folders = [Path(ziglang.__file__).parent / "lib/libc/include/any-windows-any/ddk"]
    includes = [f"-I{folder}" for folder in (EXAMPLE, EXAMPLE / "wdf", *(f for f in folders if f.is_dir()))]
    return subprocess.run(
        [*command, "-E", *includes, str(path)], capture_output=True, text=True, check=True
    ).stdout


def test_gnu_text(raw: dict[str, list[Any]]) -> None:
    """Every function of a file in the style of GNU kernels."""
    path = Path(__file__).parent / "gnu_style.c"
    gcc = shutil.which("gcc") or shutil.which("cc") or pytest.skip("no compiler of GNU C")
    text = subprocess.run([gcc, "-E", str(path)], capture_output=True, text=True, check=True).stdout
    unit = read_unit(text, name=path.name, settings=Settings(frozenset({"take"})), memory=NoMemory())
    assert unit.record.unanalysed == ()
    own = [header.name for header in unit.record.functions if header.name != ir.FILE_SCOPE]
    assert [header.recovered for header in unit.record.functions] == [()] * len(unit.record.functions)
    seen = dict(functions(text, "-std=gnu11", "-fno-builtin", only=own))
    assert sorted(seen) == sorted(own)
    assert len(own) == 10
    wrong = [
        text
        for name in own
        for text in differences(name, raw[name], seen[name], final=False, cleanups=["give_late"])
    ]
    assert wrong == []


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*.c")), ids=lambda path: path.name)
def test_example_driver(path: Path, raw: dict[str, list[Any]]) -> None:
    """Every function of the example driver, and of the headers all that it could lock through."""
    text = preprocessed(path)
    unit = read_unit(
        text, name=path.name, settings=Settings(frozenset({"KeAcquireSpinLockRaiseToDpc"})), memory=NoMemory()
    )
    own = [
        header.name
        for header in unit.record.functions
        if header.own and header.name in raw and header.name != ir.FILE_SCOPE
    ]
    seen = dict(functions(text, *WINDOWS, only=own))
    assert [name for name in own if name not in seen] == []
    assert len(own) >= 3
    assert [text for name in own for text in differences(name, raw[name], seen[name], final=False)] == []
