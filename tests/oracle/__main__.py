"""``python -m tests.oracle --seed N --count M``: run programs and print each mismatch with its shrunk program."""

from __future__ import annotations

import argparse
import sys
import time

from .comparison import Comparer, Mismatch
from .generator import generate
from .printer import Written
from .program import Program
from .shrinker import shrink


def _kind(mismatch: Mismatch) -> str:
    parts = [f"missed {one.what}" for one in mismatch.missed] + [f"wrong {one.what}" for one in mismatch.wrong]
    parts += list(mismatch.gaps)
    return ", ".join(sorted(set(parts)))


def _shrunk(comparer: Comparer, program: Program, mismatch: Mismatch) -> Program:
    missed, wrong, gaps = bool(mismatch.missed), bool(mismatch.wrong), bool(mismatch.gaps)

    def keeps(candidate: Program) -> bool:
        found = comparer.compare(candidate)
        return bool(found) and found is not None and (
            (wrong and bool(found.wrong)) or (not wrong and missed and bool(found.missed)) or (gaps and bool(found.gaps))
        )

    return shrink(program, keeps)


def main() -> int:
    """Run; the exit status is 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--stop", type=int, default=10, help="stop after so many mismatches")
    parser.add_argument("--keep", action="store_true", help="print programs as generated, not shrunk")
    options = parser.parse_args()
    comparer = Comparer()
    compared = differing = 0
    started = time.monotonic()
    for seed in range(options.seed, options.seed + options.count):
        program = generate(seed)
        mismatch = comparer.compare(program)
        if mismatch is None:
            continue
        compared += 1
        if not mismatch:
            continue
        differing += 1
        small = program if options.keep else _shrunk(comparer, program, mismatch)
        final = comparer.compare(small)
        assert final is not None
        print(f"=== seed {seed}: {_kind(final)}\n{final}")
        for number, line in enumerate(Written(small).source.splitlines(), 1):
            if number > 3:
                print(f"{number:3} {line}")
        for one in comparer.report(small).diagnostics:
            print(f"--- {one.line}: {one.severity}: {one.message} [{one.rule}]")
            for step in one.trace:
                print(f"      {step.line} {step.kind} {step.message}")
        sys.stdout.flush()
        if differing >= options.stop:
            break
    print(f"{compared} programs compared, {differing} differ, {time.monotonic() - started:.0f} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
