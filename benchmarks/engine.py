"""How fast the analysis is, and what the worst shapes of code cost: prints a table.

    python benchmarks/engine.py [--functions N]

Each row is one driver made here, checked in a fresh process so that peak memory is its own. ``analysis`` is the engine alone: the
text was read once before in the same session. A row that ran into a budget says how often; it still has to end.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

HEADER = """\
typedef void VOID; typedef unsigned char BOOLEAN; typedef int LONG; typedef unsigned int ULONG; typedef LONG NTSTATUS;
typedef unsigned long long KSPIN_LOCK, *PKSPIN_LOCK;
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock); VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
BOOLEAN Ask(VOID); LONG Number(VOID); NTSTATUS Query(VOID); VOID Work(VOID);
typedef struct _DEVICE { KSPIN_LOCK Lock, Other; KSPIN_LOCK Locks[64]; LONG Count; ULONG Flags; NTSTATUS Status; BOOLEAN Ready; } DEVICE, *PDEVICE;
typedef VOID EVT_WDF_PROBE(PDEVICE Device);
"""
TAKE = "KeAcquireSpinLockAtDpcLevel(&Device->Lock);"
GIVE = "KeReleaseSpinLockFromDpcLevel(&Device->Lock);"


def entry(name: str, body: str) -> str:
    """Return a callback with a body."""
    return f"EVT_WDF_PROBE {name};\nVOID {name}(PDEVICE Device) {{\n{body}\n}}\n"


def ordinary(count: int) -> str:
    """Functions such as drivers have: a status chain under a lock, a loop, a helper."""
    parts = []
    for number in range(count // 3):
        parts.append(
            f"static NTSTATUS Step{number}(PDEVICE Device, LONG Index) {{\n"
            f"  NTSTATUS Status = Query();\n  if (Status < 0) return Status;\n"
            f"  {TAKE}\n  if (Device->Count > Index) {{ {GIVE} return -1; }}\n  Device->Count++;\n  {GIVE}\n  return 0;\n}}\n"
            f"static VOID Scan{number}(PDEVICE Device) {{\n  LONG Index;\n  BOOLEAN Held = 0;\n"
            f"  for (Index = 0; Index < Device->Count; Index++) {{\n    if (Ask()) {{ {TAKE} Held = 1; }}\n"
            f"    if (Device->Flags & {1 << number % 8}) Work();\n    if (Held) {{ {GIVE} Held = 0; }}\n  }}\n}}\n"
        )
        parts.append(entry(f"Entry{number}", f"  if (Step{number}(Device, 3) >= 0) Scan{number}(Device);\n  Device->Ready = 1;"))
    return "".join(parts)


def diamonds(count: int) -> str:
    """Return tests in a row that decide nothing about the lock."""
    tests = "\n".join(f"  if (Ask()) Device->Count += {number}; else Device->Flags |= {number};" for number in range(count))
    return entry("Entry", f"  {TAKE}\n{tests}\n  {GIVE}")


def flags(count: int) -> str:
    """Diamonds that each set a flag of their own, all of which are tested at the end under the lock."""
    names = [f"F{number}" for number in range(count)]
    declared = "".join(f"  BOOLEAN {name} = 0;\n" for name in names)
    setting = "".join(f"  if (Ask()) {name} = 1;\n" for name in names)
    testing = "".join(f"  if ({name}) Work();\n" for name in names)
    return entry("Entry", f"{declared}{setting}  if (F0) {TAKE}\n{testing}  if (F0) {GIVE}")


def lock_diamonds(count: int) -> str:
    """Each test decides about a lock of its own."""
    taking = "".join(f"  if (Device->Flags & {1 << number}) KeAcquireSpinLockAtDpcLevel(&Device->Locks[{number}]);\n" for number in range(count))
    giving = "".join(f"  if (Device->Flags & {1 << number}) KeReleaseSpinLockFromDpcLevel(&Device->Locks[{number}]);\n" for number in range(count))
    return entry("Entry", taking + giving)


def nested_loops(depth: int) -> str:
    """Return loops in loops, each with the lock taken and given back."""
    open_, close = "", ""
    for level in range(depth):
        open_ += f"  while (Ask()) {{ {TAKE} if (Number() == {level}) {{ {GIVE} break; }} {GIVE}\n"
        close += "  }\n"
    return entry("Entry", open_ + close)


def many_locks(count: int) -> str:
    """Return as many locks held at once."""
    taking = "".join(f"  KeAcquireSpinLockAtDpcLevel(&Device->Locks[{number}]);\n" for number in range(count))
    giving = "".join(f"  KeReleaseSpinLockFromDpcLevel(&Device->Locks[{number}]);\n" for number in reversed(range(count)))
    return entry("Entry", taking + giving)


def recursion(count: int) -> str:
    """Return functions that all call each other."""
    heads = "".join(f"static VOID F{number}(PDEVICE Device, LONG Depth);\n" for number in range(count))
    bodies = "".join(
        f"static VOID F{number}(PDEVICE Device, LONG Depth) {{\n  {TAKE} Device->Count++; {GIVE}\n"
        f"  if (Depth > 0) F{(number + 1) % count}(Device, Depth - 1);\n  if (Ask()) F{(number * 7 + 3) % count}(Device, Depth);\n}}\n"
        for number in range(count)
    )
    return heads + bodies + entry("Entry", "  F0(Device, Number());")


def wide_switch(count: int) -> str:
    """Return a switch that gives the lock back in each case."""
    cases = "".join(f"  case {number}: {GIVE if number % 2 else 'Work(); ' + GIVE} break;\n" for number in range(count))
    return entry("Entry", f"  LONG Code = Number();\n  {TAKE}\n  switch (Code) {{\n{cases}  default: {GIVE}\n  }}")


def long_function(lines: int, branches: int) -> str:
    """Return a status chain with clean-up that drops and retakes the lock."""
    body = [f"  NTSTATUS Status = 0;\n  {TAKE}"]
    for number in range(branches):
        body.append(f"  Status = Query();\n  if (Status < 0) goto Exit;\n  if (Device->Flags & {1 << number % 16}) {{ {GIVE} Work(); {TAKE} }}")
        body.extend(f"  Device->Count += {line};" for line in range((lines - 4 * branches) // branches))
    body.append(f"Exit:\n  {GIVE}\n  Device->Status = Status;")
    return entry("Entry", "\n".join(body))


def table_loop(count: int) -> str:
    """Return a loop that takes every lock of an array and one that gives them back."""
    return entry(
        "Entry",
        f"  LONG I;\n  for (I = 0; I < {count}; I++) KeAcquireSpinLockAtDpcLevel(&Device->Locks[I]);\n"
        f"  for (I = {count - 1}; I >= 0; I--) KeReleaseSpinLockFromDpcLevel(&Device->Locks[I]);",
    )


def cases(functions: int) -> dict[str, Callable[[], str]]:
    """Return the rows by name."""
    return {
        f"{functions} ordinary functions": lambda: ordinary(functions),
        "30 diamonds in a row": lambda: diamonds(30),
        "30 flags set, then tested": lambda: flags(30),
        "12 locks, each behind a bit": lambda: lock_diamonds(12),
        "8 nested loops": lambda: nested_loops(8),
        "64 locks": lambda: many_locks(64),
        "64 locks of an array in loops": lambda: table_loop(64),
        "recursion of 50 functions": lambda: recursion(50),
        "switch of 1,000 cases": lambda: wide_switch(1000),
        "2,000 lines, 200 branches": lambda: long_function(2000, 200),
    }


def measure(name: str, functions: int) -> None:
    """Check one case and print its numbers as JSON; run in a process of its own."""
    from spincheck.analysis.program import analyse  # noqa: PLC0415 -- the parent process stays small
    from spincheck.driver.inputs import Input  # noqa: PLC0415
    from spincheck.driver.read import read  # noqa: PLC0415
    from spincheck.driver.settings import Knowledge, Options  # noqa: PLC0415
    from spincheck.memory import NoMemory  # noqa: PLC0415

    text = f'# 1 "driver.c"\n# 1 "ntddk.h" 1 3\n{HEADER}# 1 "driver.c" 2\n{cases(functions)[name]()}'
    knowledge = Knowledge(Options())
    started = time.perf_counter()
    units = read([Input("driver.c", text.encode())], knowledge.settings, NoMemory()).units
    for unit in units:
        for header in unit.record.functions:
            unit.code(header.name)
    between = time.perf_counter()
    outcome = analyse(units, "closed", knowledge.tables, NoMemory())
    ended = time.perf_counter()
    print(
        json.dumps(
            {
                "functions": sum(len(unit.record.functions) for unit in units),
                "read": between - started,
                "analysis": ended - between,
                "findings": len(outcome.findings),
                "imprecise": len(outcome.imprecise),
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def main() -> int:
    """Measure every row in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--functions", type=int, default=900, help="how many ordinary functions")
    parser.add_argument("--only", help="part of the name of the rows to measure")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.functions)
        return 0
    print(f"{'case':32} {'functions':>9} {'read s':>8} {'analysis s':>10} {'functions/s':>11} {'peak MB':>8} {'findings':>8} {'imprecise':>9}")
    for name in cases(options.functions):
        if options.only and options.only not in name:
            continue
        command = [sys.executable, __file__, "--functions", str(options.functions), "--measure", name]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{name:32} failed: {result.stderr.strip().splitlines()[-1]}")
            continue
        row = json.loads(result.stdout)
        speed = row["functions"] / row["analysis"]
        print(
            f"{name:32} {row['functions']:9} {row['read']:8.2f} {row['analysis']:10.2f} {speed:11.0f} {row['peak']:8.0f}"
            f" {row['findings']:8} {row['imprecise']:9}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
