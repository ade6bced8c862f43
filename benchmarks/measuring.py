"""What a command costs: processor time, wall time and peak memory of one child process, from the kernel's own account.

`os.wait4` and not `time.perf_counter` around a call: on a machine that does other work too, processor time is the figure that can be
compared, and peak memory must be the child's and not ours.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Processor and wall time in seconds, peak resident memory in megabytes, exit status and all output."""

    cpu: float
    wall: float
    megabytes: float
    status: int
    output: str


def run(command: Sequence[str], *, stdin: bytes = b"", timeout: float = 300) -> Cost:
    """Run ``command`` to its end, or for ``timeout`` seconds of wall time (status 124, as timeout(1)).

    Python may keep compiled modules: an installed package has them, and compiling ours anew is 0.1 to 0.3 s.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        started = time.perf_counter()
        with subprocess.Popen(
            ["timeout", str(timeout), *command], stdin=given, stdout=said, stderr=subprocess.STDOUT, env=environment
        ) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        said.seek(0)
        output = said.read().decode("utf-8", "replace")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, child.returncode, output)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """Return an SVG of horizontal bars on a logarithmic scale from 0.001 to 100."""
    import math  # noqa: PLC0415 -- of no use to the children that import this

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{40 + 24 * len(values)}" font-family="sans-serif" font-size="13">',
        f'<text x="8" y="18" font-weight="bold">{title}</text>',
    ]
    for number, (name, value) in enumerate(values):
        width = max(math.log10(max(value, 0.001)) + 3, 0) * 80
        y = 32 + 24 * number
        colour = "#2a6fb0" if name.startswith("spincheck") else "#999999"
        parts.append(f'<text x="8" y="{y + 14}">{name}</text>')
        parts.append(f'<rect x="270" y="{y}" width="{width:.1f}" height="18" fill="{colour}"/>')
        parts.append(f'<text x="{276 + width:.1f}" y="{y + 14}">{value:.3g}</text>')
    return "\n".join([*parts, "</svg>\n"])


def lines(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return an SVG of curves on two logarithmic scales; a cost that grows as the size does is a level line when given per unit."""
    import math  # noqa: PLC0415 -- of no use to the children that import this

    points = [point for curve in curves.values() for point in curve]
    low_x, high_x = (edge(math.log10(x) for x, _ in points) for edge in (min, max))
    low, high = math.floor(min(math.log10(y) for _, y in points)), math.ceil(max(math.log10(y) for _, y in points))
    colours = ("#2a6fb0", "#c0504d", "#4f8f3f", "#8064a2", "#d08020", "#555555")

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / max(high_x - low_x, 0.1)
        up = (math.log10(y) - low) / max(high - low, 1)
        return 60 + 400 * across, 320 - 280 * up

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="360" font-family="sans-serif" font-size="13">',
        f'<text x="8" y="18" font-weight="bold">{title}</text>',
    ]
    for power in range(low, high + 1):
        _, y = place(10**low_x, 10.0**power)
        parts.append(f'<path d="M60 {y:.0f}H460" stroke="#dddddd"/><text x="52" y="{y + 4:.0f}" text-anchor="end">{10.0**power:g}</text>')
    parts.extend(
        f'<text x="{place(x, 1)[0]:.0f}" y="342" text-anchor="middle">{x:g}</text>' for x in sorted({x for x, _ in points})
    )
    for number, (name, curve) in enumerate(curves.items()):
        colour = colours[number % len(colours)]
        placed = [place(x, y) for x, y in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed)
        parts.append(f'<rect x="490" y="{44 + 24 * number}" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="512" y="{56 + 24 * number}">{name}: {curve[-1][1]:.3g}</text>')
    return "\n".join([*parts, "</svg>\n"])
