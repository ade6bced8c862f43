"""A driver of many files that tests edit: its texts, and a build of it with unit steps and a driver step as a build system runs them.

Every file has a static helper of the same name, a helper that uses it, two helpers that the file before calls, and two callbacks, of which one
uses the next file's helpers. One callback leaks: what is told of it must stay right, line included, whatever was reused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from spincheck.driver.session import Options, Session

SYSTEM = """\
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef void *WDFDPC;
typedef void EVT_WDF_DPC(WDFDPC Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
void KeReleaseSpinLock(KSPIN_LOCK *Lock, KIRQL Irql);
"""
HEADER = """\
#define SCALE 2
typedef int amount;
enum { LIMIT = 3, SPARE = 9 };
struct device { KSPIN_LOCK Lock; int Count; };
struct device *GetDevice(WDFDPC Dpc);
"""
BODY = """\
void take_{m}(struct device *d, KIRQL *irql);
void give_{m}(struct device *d, KIRQL irql);
static int leaf(int value)
{{
    if (value > 5)
        return 1;
    return 0;
}}
static void step_{n}(struct device *d, int value)
{{
    int twice = value + value;
    if (leaf(value))
        d->Count = twice;
}}
void take_{n}(struct device *d, KIRQL *irql)
{{
    *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
}}
void give_{n}(struct device *d, KIRQL irql)
{{
    KeReleaseSpinLock(&d->Lock, irql);
}}
EVT_WDF_DPC Dpc_{n};
void Dpc_{n}(WDFDPC dpc)
{{
    struct device *d = GetDevice(dpc);
    KIRQL irql;
    irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    step_{n}(d, d->Count);{extra}
    KeReleaseSpinLock(&d->Lock, irql);
}}
EVT_WDF_DPC Far_{n};
void Far_{n}(WDFDPC dpc)
{{
    KIRQL irql;
    take_{m}(GetDevice(dpc), &irql);
    give_{m}(GetDevice(dpc), irql);
}}
"""
EXTRAS = {
    2: "\n    if (d->Count > LIMIT)\n        d->Count = 0;",
    3: "\n    d->Count = (amount)d->Count;",
    4: "\n    d->Count = SCALE * 3;",
    7: "\n    if (d->Count == 77)\n        return;",
}
"""What some callbacks do besides: use an enumerator, a type, a macro; leak."""

FILES = 22
LEAK = 7


def sources() -> dict[str, str]:
    """Return the files of the driver, the header included."""
    found = {f"f{n}.c": BODY.format(n=n, m=(n + 1) % FILES, extra=EXTRAS.get(n, "")) for n in range(FILES)}
    return {"drv.h": HEADER, **found}


def preprocessed(files: dict[str, str], name: str) -> str:
    """Return what a preprocessor that keeps comments makes of one file."""
    header, text = files["drv.h"], files[name]
    for macro, value in re.findall(r"^#define (\w+) (\w+)$", header, re.MULTILINE):
        text = re.sub(rf"\b{macro}\b", value, text)
    header = re.sub(r"^#define.*$", "", header, flags=re.MULTILINE)
    return f'# 1 "{name}"\n# 1 "ddk.h" 1 3\n{SYSTEM}# 1 "drv.h" 1\n{header}# 1 "{name}" 2\n{text}'


@dataclass
class Built:
    """What a build did: functions analysed by unit steps and by the driver step, each ``file: function``, with the reasons; what was told."""

    units: dict[str, str] = field(default_factory=dict)
    driver: dict[str, str] = field(default_factory=dict)
    counted: int = 0
    told: list[tuple[str, int, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    report: bytes = b""
    warnings: list[str] = field(default_factory=list)


def build(files: dict[str, str], place: Path, cache: Path | None) -> Built:
    """Run the unit step of each file, then the driver step."""
    place.mkdir(exist_ok=True)
    built = Built()
    outs = []
    options = Options(cache=None if cache is None else str(cache), root=str(place), explain=cache is not None)
    with Session(options) as session:
        for name in sorted(name for name in files if name.endswith(".c")):
            stem = name.replace("/", "_")
            text, out = place / f"{stem}.i", place / f"{stem}.spin"
            text.write_text(preprocessed(files, name))
            report = session.unit(str(text), str(out), record=False)
            built.units |= _explained(session)
            built.counted += report.stats.functions_analysed
            built.files[name] = out.read_bytes()
            outs.append(str(out))
        report = session.link(outs, str(place / "driver.json"))
        built.driver |= _explained(session)
        built.counted += report.stats.functions_analysed
    # What is written last is written on leaving
    built.warnings = session.warnings
    built.told = [(one.file, one.line, one.rule) for one in report.diagnostics]
    built.report = msgspec.json.encode(msgspec.structs.replace(report, stats=None))
    return built


def _explained(session: Session) -> dict[str, str]:
    parts = (line.split(": ", 2) for line in session.explained)
    return {f"{unit}: {function}": why for unit, function, why in parts}
