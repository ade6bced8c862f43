"""The schema: migrations and the version number agree, every table and column is explained."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import spincheck.cache_schema as schema
from spincheck.cache_schema.migrations import STEPS
from sqlite_utils import Database

PAGE = Path(schema.__file__).with_name("README.md")


def made() -> Database:
    connection = sqlite3.connect(":memory:")
    schema.create(connection)
    return Database(connection)


def test_version_is_the_number_of_migrations():
    database = made()
    assert database.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert database.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
    assert len(STEPS.applied(database)) == schema.VERSION
    assert STEPS.pending(database) == []


def described(database: Database) -> dict[str, list]:
    """What SQLite says of every table and index."""
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    tables = {row[1]: row[2:] for row in database.execute("PRAGMA table_list") if row[1] in names}
    questions = ("table_xinfo", "foreign_key_list", "index_list")
    found = {name: [tables[name], *(database.execute(f"PRAGMA {question}({name})").fetchall() for question in questions)] for name in names}
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name").fetchall():
        found[name] = database.execute(f"PRAGMA index_xinfo({name})").fetchall()
    return found


def test_todays_statements_are_what_the_migrations_come_to():
    migrated = Database(sqlite3.connect(":memory:"))
    schema.upgrade(migrated.conn)
    assert described(made()) == described(migrated)
    assert [one.name for one in STEPS.applied(made())] == [one.name for one in STEPS.applied(migrated)]


def test_upgrading_twice_changes_nothing():
    database = made()
    before = database.schema
    schema.upgrade(database.conn)
    assert database.schema == before


def test_every_table_and_column_is_explained():
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    database = made()
    for table in database.tables:
        assert table.name in sections
        if not table.name.startswith("_"):
            explained = set(re.findall(r"`(\w+)`", sections[table.name]))
            assert {column.name for column in table.columns} <= explained
    assert sections.keys() == set(database.table_names())
