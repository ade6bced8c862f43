"""The migrations, oldest first. Append; never edit a step that was released."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

STEPS = Migrations("spincheck")


@STEPS()
def m001_entries_and_builds(db: Database) -> None:
    """Make what is remembered by content, and the history of builds."""
    db.table("entries").create(
        {
            "shelf": str,
            "key": str,
            "value": bytes,
            "size": int,
            "checksum": bytes,
            "used": int,
            "made_by": str,
        },
        pk=("shelf", "key"),
        not_null={"shelf", "key", "value", "size", "checksum", "used", "made_by"},
        strict=True,
    )
    db.table("entries").create_index(["used"])
    db.table("builds").create(
        {
            "id": str,
            "started": int,
            "what": str,
            "target": str,
            "wall_ms": int,
            "status": int,
            "version": str,
            "skipped": str,
        },
        pk="id",
        not_null={"id", "started", "what", "target", "wall_ms", "status", "version", "skipped"},
        strict=True,
    )
    db.table("builds").create_index(["started"])
    db.table("steps").create(
        {
            "id": int,
            "build": str,
            "what": str,
            "target": str,
            "units": int,
            "functions": int,
            "functions_analysed": int,
            "functions_reused": int,
            "regions_scanned": int,
            "regions_reused": int,
            "errors": int,
            "warnings": int,
            "gaps": int,
            "elapsed_ms": int,
            "status": int,
        },
        pk="id",
        foreign_keys=[("build", "builds", "id")],
        not_null={"build", "what", "target"},
        strict=True,
    )
    db.table("steps").create_index(["build"])
    db.table("diagnostics").create(
        {
            "step": int,
            "fingerprint": str,
            "rule": str,
            "severity": str,
            "file": str,
            "line": int,
            "function": str,
            "message": str,
        },
        foreign_keys=[("step", "steps", "id")],
        not_null={"step", "fingerprint", "rule", "severity", "file", "line", "function", "message"},
        strict=True,
    )
    db.table("diagnostics").create_index(["step"])
