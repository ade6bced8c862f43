"""What each tool finds on a small common set: pairs of a right and a wrong function, the same text for all, written for this.

    python benchmarks/detection.py

Every pair is a file of its own for each tool. The lock functions are annotated the way each tool wants (clang's capabilities, sparse's contexts);
helpers that change a lock are annotated too where the tool has no other way to know, since that is what its user would do. ``found`` is a wrong function about
which the tool says something about locks, ``alarm`` a right one. cppcheck and clang's analyser have no check for such locks; they are here because they
are at hand.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import run, table

PRELUDE = """\
#ifdef __clang__
#define ATTRIBUTE(x) __attribute__((x))
#else
#define ATTRIBUTE(x)
#endif
#ifdef __CHECKER__
#define CONTEXT(in, out) __attribute__((context(x, in, out)))
#else
#define CONTEXT(in, out)
#endif
typedef unsigned long long ATTRIBUTE(capability("spin lock")) KSPIN_LOCK; typedef unsigned char KIRQL;
typedef struct DEVICE { KSPIN_LOCK Lock, Other; int Count, Flag; } DEVICE;
typedef void EVT_WDF_TIMER(DEVICE *d);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *l) ATTRIBUTE(acquire_capability(*l)) CONTEXT(0, 1);
void KeReleaseSpinLock(KSPIN_LOCK *l, KIRQL irql) ATTRIBUTE(release_capability(*l)) CONTEXT(1, 0);
unsigned char KeTryToAcquireSpinLockAtDpcLevel(KSPIN_LOCK *l) ATTRIBUTE(try_acquire_capability(1, *l));
void KeReleaseSpinLockFromDpcLevel(KSPIN_LOCK *l) ATTRIBUTE(release_capability(*l)) CONTEXT(1, 0);
int Ask(void);
void Work(void);
EVT_WDF_TIMER Callback;
"""
TAKE = "KIRQL irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);"
GIVE = "KeReleaseSpinLock(&d->Lock, irql);"
HELPER = """\
static void Give(DEVICE *d, KIRQL irql) ATTRIBUTE(release_capability(d->Lock)) CONTEXT(1, 0);
static void Give(DEVICE *d, KIRQL irql) {{ {body} }}
"""
RESULT = "static int Take(DEVICE *d, KIRQL *irql) {\n  *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);\n  if (!d->Count) { KeReleaseSpinLock(&d->Lock, *irql); return -1; }\n  return 0;\n}\n"
PAIRS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "early return": (
        ("", f"{TAKE} if (Ask()) {{ {GIVE} return; }} Work(); {GIVE}"),
        ("", f"{TAKE} if (Ask()) return; Work(); {GIVE}"),
    ),
    "goto past the release": (
        ("", f"{TAKE} if (Ask()) goto out; Work(); out: {GIVE}"),
        ("", f"{TAKE} if (Ask()) goto out; {GIVE} out: Work();"),
    ),
    "acquired twice": (
        ("", f"{TAKE} {GIVE} irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); {GIVE}"),
        ("", f"{TAKE} Work(); irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); {GIVE}"),
    ),
    "released twice": (
        ("", f"{TAKE} if (Ask()) Work(); {GIVE}"),
        ("", f"{TAKE} if (Ask()) {GIVE} {GIVE}"),
    ),
    "wrong lock": (
        ("", f"{TAKE} KIRQL inner = KeAcquireSpinLockRaiseToDpc(&d->Other); KeReleaseSpinLock(&d->Other, inner); {GIVE}"),
        ("", f"{TAKE} Work(); KeReleaseSpinLock(&d->Other, irql);"),
    ),
    "same condition twice": (
        ("", f"KIRQL irql = 0; int f = d->Flag; if (f) irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); d->Count++; if (f) {GIVE}"),
        ("", f"KIRQL irql = 0; int f = d->Flag; if (f) irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); d->Count++; if (!f) {GIVE}"),
    ),
    "break out of a loop": (
        ("", f"for (int i = 0; i < 4; i++) {{ {TAKE} if (Ask()) {{ {GIVE} break; }} {GIVE} }}"),
        ("", f"for (int i = 0; i < 4; i++) {{ {TAKE} if (Ask()) break; {GIVE} }}"),
    ),
    "try": (
        ("", "if (KeTryToAcquireSpinLockAtDpcLevel(&d->Lock)) { Work(); KeReleaseSpinLockFromDpcLevel(&d->Lock); }"),
        ("", "if (!KeTryToAcquireSpinLockAtDpcLevel(&d->Lock)) Work(); KeReleaseSpinLockFromDpcLevel(&d->Lock);"),
    ),
    "through a pointer": (
        ("", f"KSPIN_LOCK *l = &d->Lock; KIRQL irql = KeAcquireSpinLockRaiseToDpc(l); Work(); {GIVE}"),
        ("", f"KSPIN_LOCK *l = &d->Other; KIRQL irql = KeAcquireSpinLockRaiseToDpc(l); Work(); {GIVE}"),
    ),
    "helper releases": (
        (HELPER.format(body=GIVE), f"{TAKE} Work(); Give(d, irql);"),
        (HELPER.format(body=f"if (d->Count) {GIVE}"), f"{TAKE} Work(); Give(d, irql);"),
    ),
    "helper's result": (
        (RESULT, f"KIRQL irql; if (Take(d, &irql) < 0) return; Work(); {GIVE}"),
        (RESULT, f"KIRQL irql; if (Take(d, &irql) < 0) {{ {GIVE} return; }} Work(); {GIVE}"),
    ),
    "saved IRQL of the outer lock": (
        ("", f"KIRQL inner; {TAKE} inner = KeAcquireSpinLockRaiseToDpc(&d->Other); KeReleaseSpinLock(&d->Other, inner); {GIVE}"),
        ("", f"{TAKE} irql = KeAcquireSpinLockRaiseToDpc(&d->Other); KeReleaseSpinLock(&d->Other, irql); {GIVE}"),
    ),
}
TOOLS = {
    "spincheck": [sys.executable, "-m", "spincheck", "check", "--no-cache", "-q", "PREPROCESSED"],
    "clang -Wthread-safety": ["clang", "-fsyntax-only", "-Wthread-safety", "FILE"],
    "clang --analyze": ["clang", "--analyze", "-o", "/dev/null", "FILE"],
    "sparse": ["sparse", "-Wcontext", "-Wno-decl", "FILE"],
    "coccinelle": ["spatch", "--very-quiet", "--sp-file", str(Path(__file__).with_name("double_lock.cocci")), "FILE"],
    "cppcheck": ["cppcheck", "--quiet", "--language=c", "FILE"],
}
SAYS = {
    "spincheck": r": (error|warning): ",
    "clang -Wthread-safety": r"-Wthread-safety",
    "clang --analyze": r"warning:.*(lock|mutex)",
    "sparse": r"context imbalance",
    "coccinelle": r"^-",
    "cppcheck": r"(error|warning):.*(lock|mutex)",
}


def says(tool: str, path: Path) -> bool:
    """Tell whether a tool says anything about locks in a file."""
    text = path.with_suffix(".i")
    if "PREPROCESSED" in TOOLS[tool]:
        text.write_bytes(subprocess.run(["cc", "-E", str(path)], capture_output=True, check=True).stdout)
    words = {"FILE": str(path), "PREPROCESSED": str(text)}
    output = run([words.get(word, word) for word in TOOLS[tool]], timeout=60).output
    return re.search(SAYS[tool], output, re.MULTILINE) is not None


def detected() -> str:
    """Have every tool look at every function; return the table."""
    tools = [name for name, command in TOOLS.items() if shutil.which(command[0])]
    found = dict.fromkeys(tools, 0)
    alarms = dict.fromkeys(tools, 0)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for number, (name, (right, wrong)) in enumerate(PAIRS.items()):
            row = [name]
            for tool in tools:
                told = []
                for kind, (before, body) in (("right", right), ("wrong", wrong)):
                    path = Path(place, f"{kind}{number}.c")
                    path.write_text(f"{PRELUDE}{before}void Callback(DEVICE *d)\n{{\n{body}\n}}\n", encoding="utf-8")
                    told.append(says(tool, path))
                found[tool] += told[1]
                alarms[tool] += told[0]
                row.append(("found" if told[1] else "") + (" alarm" if told[0] else ""))
            rows.append(row)
    rows.append([f"of {len(PAIRS)}", *(f"{found[tool]} found, {alarms[tool]} alarms" for tool in tools)])
    return table(["wrong function", *tools], rows)


if __name__ == "__main__":
    print(detected())
