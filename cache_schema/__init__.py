"""The cache's SQLite schema as an append-only list of migrations; README.md beside this file explains every table.

Owns the schema and its version. A step that was released is never changed, only followed by another one, so that a
database of any older version becomes today's by applying what is missing. The number of steps is also written to
``PRAGMA user_version``: opening a database of today's schema then needs one integer, and none of sqlite-utils, whose import
(0.09 s) would be most of the cost of a run that finds everything remembered. A new database is made by the statements of ``today.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spincheck.cache_schema.today import MIGRATIONS, STATEMENTS

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID = 0x73706E63
"""``spnc`` in ``PRAGMA application_id``: tells our databases from anybody else's."""

VERSION = 1
"""Number of migrations; a test holds it equal to the list."""


def create(connection: sqlite3.Connection) -> None:
    """Make the whole schema in an empty database."""
    # Pages of entries that gc deleted go back to the file system; this must be set before the first table.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("BEGIN")
    for statement in STATEMENTS:
        connection.execute(statement)
    now = str(datetime.now(UTC))
    connection.executemany(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('spincheck', ?, ?)", [(name, now) for name in MIGRATIONS]
    )
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.commit()


def upgrade(connection: sqlite3.Connection) -> None:
    """Apply the migrations that this database lacks; raises `sqlite3.Error`."""
    from spincheck.cache_schema.migrations import STEPS  # noqa: PLC0415
    from sqlite_utils import Database  # noqa: PLC0415 -- see the module's docstring

    STEPS.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.commit()
