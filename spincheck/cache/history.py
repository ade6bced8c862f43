"""The history of builds, as ``spincheck log`` reads it.

Owns reading the ``builds``, ``steps`` and ``diagnostics`` tables into `Build` values, newest first, and nothing of how they
are shown (`spincheck.report.buildlog`). Writing is part of the store's transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlite_utils import Database

from spincheck.builds import Build, BuildStep, Told


def builds(connection: sqlite3.Connection, last: int) -> list[Build]:
    """Return the ``last`` builds, newest first."""
    database = Database(connection, execute_plugins=False)
    rows = database.query("SELECT * FROM builds ORDER BY started DESC, rowid DESC LIMIT ?", [last])
    return [_build(database, row) for row in list(rows)]


def _build(database: Database, row: dict[str, Any]) -> Build:
    told: dict[int, list[Told]] = {}
    for one in database.query(
        "SELECT diagnostics.* FROM diagnostics JOIN steps ON steps.id = diagnostics.step WHERE steps.build = ? ORDER BY diagnostics.rowid",
        [row["id"]],
    ):
        told.setdefault(one.pop("step"), []).append(Told(**one))
    steps = []
    for step in database.table("steps").rows_where("build = ?", [row["id"]], order_by="id"):
        number = step.pop("id")
        steps.append(BuildStep(**step, told=tuple(told.get(number, ()))))
    skipped = tuple(one for one in row.pop("skipped").split("\n") if one)
    return Build(**row, steps=tuple(steps), skipped=skipped)
