"""Imports go one way, as docs/architecture.md says: each module may import only rooms below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "spincheck"
SCHEMA = PACKAGE.parent / "cache_schema"

SHARED = {"", "ir", "diagnostics", "memory", "progress", "builds"}
ALLOWED = {
    "": set(),
    "ir": set(),
    "ir_text": {"ir"},
    "memory": set(),
    "progress": set(),
    "diagnostics": set(),
    "builds": set(),
    "cache_schema": {"cache_schema"},
    "cache": {"cache", "cache_schema", "", "memory", "builds"},
    "locks": {"locks", "", "ir", "memory"},
    "domain": {"domain", *SHARED},
    "frontend": {"frontend", "", "ir", "memory"},
    "analysis": {"analysis", "domain", "locks", *SHARED},
    "rules": {"rules", "analysis", "locks", *SHARED},
    "report": {"report", *SHARED},
    "driver": {"driver", "cache", "report", "rules", "frontend", "analysis", "locks", *SHARED},
    "worker": {"driver", "report", "cli", *SHARED},
    "cli": {"cli", "driver", "worker", "cache", "report", "rules", "locks", *SHARED},
    "__main__": {"cli", "worker"},
}
"""Room → the rooms that it may import. The lock tables belong to the driver's knowledge; rules' pages may name the lock tables' facts."""

OUTSIDE = {
    "pycparser": {"frontend"},
    "sqlite_utils": {"cache", "cache_schema"},
    "sqlite3": {"cache", "cache_schema", "cli"},
    "click": {"cli"},
}
"""Library → the only rooms that import it."""

ONLY_DRIVER = ("cache", "analysis")
"""Rooms that no module but the driver may both know; the commands about the cache itself know only the cache."""


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a dotted name below the package: a folder, or a module."""
    return parts[0] if parts else ""


def modules() -> list[tuple[str, Path]]:
    found = [
        (room_of(path.relative_to(PACKAGE).with_suffix("").parts), path)
        for path in sorted(PACKAGE.rglob("*.py"))
    ]
    found = [("" if room == "__init__" else room, path) for room, path in found]
    return found + [("cache_schema", path) for path in sorted(SCHEMA.glob("*.py"))]


def imports(path: Path) -> list[str]:
    """Every imported module, also inside functions; ``from a import b`` counts as both a and a.b when a is the package itself."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            if module == "spincheck":
                names += [
                    f"spincheck.{alias.name}" if not alias.name.startswith("__") else "spincheck"
                    for alias in node.names
                ]
            else:
                names.append(module)
    return names


@pytest.mark.parametrize(
    ("room", "path"),
    modules(),
    ids=lambda value: value.name if isinstance(value, Path) else value or "package",
)
def test_direction(room: str, path: Path):
    wrong = []
    for name in imports(path):
        parts = tuple(name.split("."))
        if parts[0] == "spincheck":
            if room_of(parts[1:]) not in ALLOWED[room]:
                wrong.append(name)
        elif parts[0] in OUTSIDE and room not in OUTSIDE[parts[0]]:
            wrong.append(name)
    assert wrong == []


def test_only_the_driver_knows_both_cache_and_analysis():
    for room, path in modules():
        known = {
            room_of(tuple(name.split("."))[1:]) for name in imports(path) if name.startswith("spincheck.")
        }
        if room != "driver":
            assert not set(ONLY_DRIVER) <= known, path


def test_every_room_is_packaged():
    import tomllib  # noqa: PLC0415

    packages = set(
        tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    folders = {path.parent for path in PACKAGE.rglob("__init__.py")}
    expected = {".".join(("spincheck", *folder.relative_to(PACKAGE).parts)) for folder in folders} | {
        "spincheck.cache_schema"
    }
    assert expected <= packages
