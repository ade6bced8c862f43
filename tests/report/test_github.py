"""Annotations: one line each, and no text that could be a command."""

from __future__ import annotations

import msgspec
from report_examples import LEAK, UNUSED, made

from spincheck.report import github


def test_annotations_carry_the_path():
    assert github.render(made(LEAK, UNUSED)).splitlines() == [
        ("::error file=src/dpc.c,line=9,col=9,title=SpinlockRelease%2C Spinlock::spin lock `d->Lock` is still held when callback `MyDpc` returns"
        "%0Asrc/dpc.c:7: `Take` returns with `d->Lock` held%0Asrc/take helper.c:3: acquired here by KeAcquireSpinLock"
        "%0Asrc/dpc.c:8: taking the path where d->Count > 3%0Asrc/dpc.c:9: returns here while `d->Lock` is held"),
        "::warning file=src/dpc.c,line=1,col=1,title=UnusedSuppression::suppression of Spinlock suppresses nothing; remove it",
        "::notice title=spincheck::2 files, 5 functions, 1 error and 1 warning",
    ]
    assert github.render(made(), verbosity=-1) == ""


def test_no_text_starts_another_command():
    hostile = msgspec.structs.replace(
        LEAK, file="a,b:c%\n::set-env name=X::y.c", message="m\r\n::error::x 100%", rules=("A\n::stop-commands::z",), trace=()
    )
    (line,) = github.render(made(hostile), verbosity=-1).splitlines()
    assert line == (
        "::error file=a%2Cb%3Ac%25%0A%3A%3Aset-env name=X%3A%3Ay.c,line=9,col=9,title=A%0A%3A%3Astop-commands%3A%3Az::m\\r%0A::error::x 100%25"
    )
