"""Today's schema as statements: what the migrations come to, for a database that is new.

Owns a copy, so that a build on a fresh cache need not import sqlite-utils (0.2 s of processor time with the migrations) before it checks its first file. The
migrations stay what counts; a test holds both to the same tables, columns, keys and indexes. With a new migration, write here what the test says.
"""

from __future__ import annotations

MIGRATIONS = ("m001_entries_and_builds",)
"""Names of the migrations that the statements contain."""

STATEMENTS = (
    "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)",
    "CREATE UNIQUE INDEX idx__sqlite_migrations_migration_set_name ON _sqlite_migrations (migration_set, name)",
    """CREATE TABLE entries (shelf TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL,
    used INTEGER NOT NULL, made_by TEXT NOT NULL, PRIMARY KEY (shelf, key)) STRICT""",
    "CREATE INDEX idx_entries_used ON entries (used)",
    """CREATE TABLE builds (id TEXT PRIMARY KEY NOT NULL, started INTEGER NOT NULL, what TEXT NOT NULL, target TEXT NOT NULL, wall_ms INTEGER NOT NULL,
    status INTEGER NOT NULL, version TEXT NOT NULL, skipped TEXT NOT NULL) STRICT""",
    "CREATE INDEX idx_builds_started ON builds (started)",
    """CREATE TABLE steps (id INTEGER PRIMARY KEY, build TEXT NOT NULL REFERENCES builds(id), what TEXT NOT NULL, target TEXT NOT NULL, units INTEGER,
    functions INTEGER, functions_analysed INTEGER, functions_reused INTEGER, regions_scanned INTEGER, regions_reused INTEGER, errors INTEGER, warnings INTEGER,
    gaps INTEGER, elapsed_ms INTEGER, status INTEGER) STRICT""",
    "CREATE INDEX idx_steps_build ON steps (build)",
    """CREATE TABLE diagnostics (step INTEGER NOT NULL REFERENCES steps(id), fingerprint TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
    file TEXT NOT NULL, line INTEGER NOT NULL, function TEXT NOT NULL, message TEXT NOT NULL) STRICT""",
    "CREATE INDEX idx_diagnostics_step ON diagnostics (step)",
)
