"""What a build's checks are told as: one line, a table, a page section, a record.

Owns the wording. Flows in: the steps of a build. Flows out: text without colours, for a log file and a terminal alike; sorted, so
that it does not depend on the order in which parallel jobs end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._session import Step


class Summary:
    """A finished build. ``others`` are sources that are no C; ``wall`` is seconds since the build files were read."""

    def __init__(
        self, steps: list[Step], skipped: list[tuple[str, str]], others: list[str], wall: float
    ) -> None:
        self._steps = steps
        self._skipped = skipped
        self._others = others
        self._wall = wall
        self._units = [step for step in steps if step.what == "unit"]
        self._seconds = sum(step.seconds for step in steps)

    def line(self) -> str:
        """Return the summary line, and one more for what was not analysed.

        Functions are counted as often as they were looked at, in their unit and in their driver, as in ``spincheck log``.
        """
        analysed = sum(step.count("functions_analysed") for step in self._steps)
        reused = sum(step.count("functions_reused") for step in self._steps)
        text = (
            f"spincheck: {_count(len(self._units), 'file')} checked, {_count(analysed, 'function')} analysed, "
            f"{reused} reused, {self._verdict()} in {self._seconds:.1f} s\n"
        )
        return text + "".join(f"spincheck: not analysed: {line}\n" for line in self._not_analysed())

    def table(self) -> str:
        """Return one row for every file and driver, then the summary line."""
        head = ("checked", "analysed", "reused", "errors", "warnings", "seconds")
        rows = [head, *(_row(step) for step in self._steps)]
        width = max(len(row[0]) for row in rows)
        lines = [row[0].ljust(width) + "".join(cell.rjust(10) for cell in row[1:]) for row in rows]
        lines.insert(1, "-" * len(lines[0]))
        build = f"spincheck: {self._seconds:.1f} s of checks, all jobs together, in a build of {self._wall:.1f} s\n"
        return "\n".join(["", *lines, "", ""]) + build + self.line()

    def markdown(self) -> str:
        """Return a section for a CI job's page."""
        lines = [
            f"### spincheck: {self._verdict()}",
            "",
            self.line().splitlines()[0].removeprefix("spincheck: "),
            "",
        ]
        lines += [
            "| checked | analysed | reused | errors | warnings | seconds |",
            "|:--|--:|--:|--:|--:|--:|",
        ]
        lines += ["| " + " | ".join((f"`{name}`", *cells)) + " |" for name, *cells in map(_row, self._steps)]
        texts = [text for step in self._steps for text in _texts(step)]
        if texts:
            lines += [
                "",
                "```text",
                *(line for text in texts for line in text.replace("```", "'''").splitlines()),
                "```",
            ]
        lines += ["", *(f"Not analysed: {line}" for line in self._not_analysed()), ""]
        return "\n".join(lines)

    def record(self, began: float) -> dict[str, Any]:
        """Return the build for the history; ``began`` is seconds since the epoch."""
        return {
            "what": "build",
            "target": ", ".join(step.target for step in self._steps if step.what == "link"),
            "started": int(began * 1000),
            "wall_ms": int(self._wall * 1000),
            "status": 1 if self._violations("error") else 0,
            "steps": [
                {
                    "what": step.what,
                    "target": step.target,
                    "elapsed_ms": int(step.seconds * 1000),
                    "stats": step.reply.get("stats", {}),
                    "diagnostics": [*step.reply.get("diagnostics", []), *step.reply.get("repeated", [])],
                }
                for step in self._steps
            ],
            "not_analysed": [*(source for source, _ in self._skipped), *self._others],
        }

    def _violations(self, severity: str) -> int:
        """Count what was told, each diagnostic once however many steps found it."""
        return len({one for step in self._steps for one in step.told(severity)})

    def _verdict(self) -> str:
        errors, warnings = self._violations("error"), self._violations("warning")
        if not errors and not warnings:
            return "no violations"
        parts = [_count(errors, "violation")] if errors else []
        parts += [_count(warnings, "warning")] if warnings else []
        return ", ".join(parts)

    def _not_analysed(self) -> list[str]:
        lines = [f"{source}: {reason}" for source, reason in self._skipped]
        # A driver's step counts again what its units could not read
        counted = [step for step in self._steps if step.what == "link"] or self._steps
        gaps = sum(step.count("gaps") for step in counted)
        if gaps:
            lines.append(
                f"{_count(gaps, 'place')} as written, listed under coverage in the driver's .spincheck.json"
            )
        if self._others:
            lines.append(f"{', '.join(self._others)} (C++ or assembler)")
        return lines


def _row(step: Step) -> tuple[str, ...]:
    counts = (
        step.count("functions_analysed"),
        step.count("functions_reused"),
        len(step.told("error")),
        len(step.told("warning")),
    )
    return (step.target, *map(str, counts), f"{step.seconds:.2f}")


def _texts(step: Step) -> list[str]:
    return [str(one.get("text", "")) for one in step.reply.get("diagnostics", [])]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
