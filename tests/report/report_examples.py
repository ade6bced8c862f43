"""A report with a path through two files, the sources that it is about, and everything a reporter may be handed."""

from __future__ import annotations

from spincheck.builds import Build, BuildStep, Told
from spincheck.diagnostics import Coverage, Diagnostic, Gap, Report, Severity, Stats, Tool, TraceStep
from spincheck.report.context import Context, RuleHelp, Suppressed

DPC = """\
EVT_WDF_DPC MyDpc;

VOID MyDpc(WDFDPC Dpc)
{
    struct device *d = GetContext(Dpc);

    Take(d);
    if (d->Count > 3)
        return;
    KeReleaseSpinLock(&d->Lock, d->Irql);
}
"""
HELPER = """\
VOID Take(struct device *d)
{
\tKeAcquireSpinLock(&d->Lock, &d->Irql);
}
"""
SOURCES = {"src/dpc.c": DPC, "src/take helper.c": HELPER}

LEAK = Diagnostic(
    "SpinlockRelease",
    ("SpinlockRelease", "Spinlock"),
    "error",
    "spin lock `d->Lock` is still held when callback `MyDpc` returns",
    "MyDpc",
    "src/dpc.c",
    9,
    9,
    "d->Lock",
    "MyDpc",
    "0123456789abcdef",
    (
        TraceStep("call", "src/dpc.c", 7, 5, "MyDpc", 0, "`Take` returns with `d->Lock` held"),
        TraceStep("acquire", "src/take helper.c", 3, 32, "Take", 1, "acquired here by KeAcquireSpinLock"),
        TraceStep("branch", "src/dpc.c", 8, 9, "MyDpc", 0, "taking the path where d->Count > 3"),
        TraceStep("defect", "src/dpc.c", 9, 9, "MyDpc", 0, "returns here while `d->Lock` is held"),
    ),
)
UNUSED = Diagnostic(
    "UnusedSuppression",
    ("UnusedSuppression",),
    "warning",
    "suppression of Spinlock suppresses nothing; remove it",
    "",
    "src/dpc.c",
    1,
    1,
    "",
    "",
    "fedcba",
    (),
)


def rule(name: str, severity: Severity = "error") -> RuleHelp:
    return RuleHelp(
        name,
        f"{name} in one line",
        f"{name}: what it means",
        f"# {name}\n\nwhat it means\n",
        f"https://example.com/{name}" if severity == "error" else "",
        severity,
        ("kmdf",),
    )


RULES = {"SpinlockRelease": rule("SpinlockRelease"), "Spinlock": rule("Spinlock"), "UnusedSuppression": rule("UnusedSuppression", "warning")}
BUILDS = (
    Build("b2", 120, "check", "drv", 10, 1, "1", (BuildStep("b2", "check", "drv", 1, 2, 2, 0, 1, 0, 1, told=(Told("f", "R", "error", "a.c", 1, "f", "m"),)),)),
    Build("b1", 60, "check", "drv", 10, 0, "1", (BuildStep("b1", "check", "drv", 1, 2, 2, 0, 1, 0, 0),)),
)


def made(*diagnostics: Diagnostic, gaps: bool = False) -> Report:
    coverage = Coverage(2, 5, 3, 3)
    if gaps:
        coverage = Coverage(2, 5, 3, 2, (Gap("f", "src/dpc.c", 4, "asm"),), (Gap("g", "src/dpc.c", 9, "K&R <b>"),), ())
    return Report(1, Tool("spincheck", "0.1.0"), diagnostics, coverage, Stats(1, 2, 3, 4, 5))


def context(**changes: object) -> Context:
    values: dict = {
        "rules": RULES,
        "source": SOURCES.get,
        "title": "px4",
        "builds": BUILDS,
        "suppressed": (
            Suppressed(LEAK, in_source=True, reason="the board is gone"),
            Suppressed(LEAK, in_source=False, reason="known in known.json"),
        ),
        **changes,
    }
    return Context(**values)
