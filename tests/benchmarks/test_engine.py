"""The benchmark of the engine runs: it measures what it says, with today's interfaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "benchmarks" / "engine.py"


def test_a_row_for_each_case():
    done = subprocess.run([sys.executable, str(ENGINE), "--functions", "5", "--only", "nested loops"], capture_output=True, text=True, check=True)
    head, row = done.stdout.splitlines()
    assert head.split()[:2] == ["case", "functions"]
    assert "failed" not in row
    assert row.split()[3:4] == ["1"]
