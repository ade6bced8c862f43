"""Text for a terminal: excerpts and carets, a screen at most, nothing that commands the terminal."""

from __future__ import annotations

import re

import msgspec
import pytest
from report_examples import LEAK, SOURCES, UNUSED, context, made

from spincheck.diagnostics import TraceStep
from spincheck.report import terminal
from spincheck.report.excerpt import span

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    return ESCAPES.sub("", text)


def test_excerpts_with_carets():
    shown = terminal.render(made(LEAK), context=context(width=110))
    assert "\x1b[1;31merror" in shown
    assert plain(shown) == (
        "src/dpc.c:9:9: error: spin lock `d->Lock` is still held when callback `MyDpc` returns [SpinlockRelease, Spinlock]\n"
        " --> src/dpc.c:7 in MyDpc\n"
        "7 |     Take(d);\n"
        "  |     ^^^^^^^ `Take` returns with `d->Lock` held\n"
        " --> src/take helper.c:3 in Take\n"
        "3 |     KeAcquireSpinLock(&d->Lock, &d->Irql);\n"
        "  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ acquired here by KeAcquireSpinLock\n"
        " --> src/dpc.c:8 in MyDpc\n"
        "8 |     if (d->Count > 3)\n"
        "  |         ^^^^^^^^^^^^ taking the path where d->Count > 3\n"
        "9 |         return;\n"
        "  |         ^^^^^^ returns here while `d->Lock` is held\n"
        "  = rule: SpinlockRelease in one line; spincheck explain SpinlockRelease\n"
        "\n"
        "spincheck: 2 files, 5 functions, 1 error\n"
    )


def test_a_path_that_goes_back_up_the_page_says_so():
    turns = (TraceStep("branch", "src/dpc.c", line, 9, "MyDpc", 0, "taking the path where x") for line in (5, 8, 5))
    shown = plain(terminal.render(made(msgspec.structs.replace(LEAK, trace=(*turns, LEAK.trace[3]))), context=context()))
    assert [line for line in shown.splitlines() if line.lstrip().startswith("...")] == ["...", "... back, as a loop does", "..."]


def test_without_sources_the_words_remain():
    shown = plain(terminal.render(made(LEAK, UNUSED), context=context(source=lambda _file: None, rules={})))
    assert "9 | returns here while `d->Lock` is held\n" in shown
    assert "src/dpc.c:1:1: warning: suppression of Spinlock" in shown


@pytest.mark.parametrize("width", [10, 40, 72, 200])
def test_a_violation_fits_a_screen(width: int):
    many = tuple(
        TraceStep("branch", f"src/{'dpc.c' if number % 2 else 'take helper.c'}", 3, 1, f"f{number}", 0, f"branch {number}") for number in range(300)
    )
    long = msgspec.structs.replace(LEAK, trace=(*LEAK.trace[:2], *many, LEAK.trace[3]))
    shown = plain(terminal.render(made(long), context=context(width=width), verbosity=-1)).splitlines()
    assert len(shown) <= 40
    text = "\n".join(shown)
    assert "acquired here by KeAcquireSpinLock" in text
    assert "returns here while `d->Lock` is held" in text
    assert re.search(r"= 29\d more steps", text)


def test_source_text_cannot_command_the_terminal():
    hostile = "\x1b]0;owned\x07 Take(d);\x1b[2J \u202e [red]bold[/red]"
    sources = {**SOURCES, "src/dpc.c": "\n" * 6 + hostile}
    one = msgspec.structs.replace(LEAK, message="\x1b[2J [link=x]", file="a\x07.c")
    shown = terminal.render(made(one), context=context(source=sources.get))
    assert set(re.findall(r"\x1b[^m]*m", shown)) == set(ESCAPES.findall(shown))
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[red]bold[/red]" in shown
    assert "\\x1b]0;owned\\x07" in shown


def test_what_fits_is_all_shown_and_another_lock_goes_first():
    other = TraceStep("release", "src/take helper.c", 3, 1, "Take", 1, "`d->Other` is released here by KeReleaseSpinLock")
    one = msgspec.structs.replace(LEAK, trace=(*LEAK.trace[:2], other, *LEAK.trace[2:]))
    shown = plain(terminal.render(made(one), context=context(width=200)))
    assert "`d->Other` is released here" in shown
    assert "more step" not in shown
    branches = tuple(
        TraceStep("branch", "src/dpc.c", 8, 9, f"f{number}", 0, f"taking the path where {number}") for number in range(20)
    )
    long = msgspec.structs.replace(one, trace=(*one.trace[:3], *branches, *one.trace[3:]))
    shown = plain(terminal.render(made(long), context=context(width=200)))
    assert "`d->Other` is released here" not in shown
    assert "taking the path where 19" in shown


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        ("    } else if ((d->Flags", 17, "d->Flags"),
        ("    } else if (d->Flags & DIRTY) {", 16, "d->Flags & DIRTY"),
        ("    i = (0 == Irp->Information) ? 0 :", 10, "0 == Irp->Information"),
        ("\tif(!NT_SUCCESS(status))", 5, "!NT_SUCCESS(status)"),
        ("    if ((a & b) == 4 && c) {", 10, "(a & b) == 4"),
        ("    if ((a & b) == 4 && c) {", 25, "c"),
        ("    while (x && (y || !z)) // (", 18, "y"),
        ("    for (i = 0; i < 10; i++)", 17, "i < 10"),
        ("    LEAVE_IF_BROKEN;", 5, "LEAVE_IF_BROKEN"),
        ("    if (", 90, "if ("),
    ],
)
def test_which_condition_is_marked(line: str, column: int, marked: str):
    start, end = span(line, column, "taking the path where it is so", "branch")
    assert line[start:end] == marked


@pytest.mark.parametrize(
    ("line", "column", "message", "marked"),
    [
        ("    *(&irql) = X; KeAcquireSpinLock(&l, &i);", 400, "acquired here by KeAcquireSpinLock", "KeAcquireSpinLock(&l, &i)"),
        ("    status = f(a, (b));", 5, "`f` releases `l`", "f(a, (b))"),
        ("    return x; /* why */", 5, "returns here", "return"),
        ("    a->b = 1; // why", 60, "something", "a->b = 1;"),
        ("    f(", 5, "calling `f`", "f"),
        ("}", 1, "returns here", "}"),
        ("    /* only this */", 50, "m", "/* only this */"),
    ],
)
def test_what_is_marked(line: str, column: int, message: str, marked: str):
    start, end = span(line, column, message)
    assert line[start:end] == marked
