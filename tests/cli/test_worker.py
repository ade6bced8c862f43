"""The worker: the protocol of the SCons tool, and that nothing a request can say ends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CALLER, CLEAN, HELPER, LEAK, Runner


class Client:
    """Talks to a worker process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.number = 0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "spincheck", "worker"],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def raw(self, line: bytes) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(
        self, command: str, *, cache: str | None = None, options: dict | None = None, **fields: object
    ) -> dict:
        self.number += 1
        request = {
            "id": self.number,
            "command": command,
            "cwd": str(self.directory),
            "options": {"cache": cache, "rules": None, **(options or {})},
        }
        answer = self.raw(json.dumps({**request, **fields}).encode())
        assert answer["id"] == self.number
        return answer

    def end(self) -> str:
        _, err = self.process.communicate()
        assert self.process.returncode == 0
        return err.decode()


@pytest.fixture
def client(tmp_path):
    client = Client(tmp_path)
    yield client
    if client.process.poll() is None:
        assert client.end() == ""


def test_unit_and_link(client, run: Runner):
    for name, source in (("a", CLEAN), ("b", LEAK), ("c", CALLER), ("d", HELPER)):
        run.write(f"{name}.i", source)
    answers = {
        name: client.ask("unit", input=f"{name}.i", output=f"{name}.spin", cache="c.sqlite")
        for name in "abcd"
    }
    assert [answers[name]["status"] for name in "abcd"] == [0, 1, 0, 0]
    (leak,) = answers["b"]["diagnostics"]
    assert leak["text"].startswith("b.c:9:9: error: ")
    assert leak["severity"] == "error"
    assert leak["rule"] == "SpinlockRelease"
    assert answers["b"]["text"] == ""
    assert answers["a"]["stats"]["functions_analysed"] == 1
    for file in run.directory.glob("*.i"):
        file.unlink()
    linked = client.ask("link", inputs=[f"{name}.spin" for name in "abcd"], output="d.json", cache="c.sqlite")
    assert linked["status"] == 1
    report = json.loads((run.directory / "d.json").read_text())
    assert sorted(one["file"] for one in report["diagnostics"]) == ["b.c", "c.c"]
    # What the unit's own step told is not told again, but stands in the report.
    assert [one["file"] for one in linked["diagnostics"]] == ["c.c"]
    again = client.ask("link", inputs=[f"{name}.spin" for name in "dcba"], output="d2.json", cache="c.sqlite")
    assert again["diagnostics"] == linked["diagnostics"]
    assert again["stats"]["functions_analysed"] == 0


def test_builds_are_recorded_once(client, run: Runner):
    run.write("b.i", LEAK)
    unit = client.ask("unit", input="b.i", output="b.spin", cache="c.sqlite")
    build = {
        "what": "build",
        "target": "drv.sys",
        "started": 1_700_000_000_500,
        "wall_ms": 900,
        "status": 1,
        "steps": [
            {
                "what": "unit",
                "target": "b.c",
                "elapsed_ms": 50,
                "stats": unit["stats"],
                "diagnostics": unit["diagnostics"],
            }
        ],
        "not_analysed": ["x.cpp"],
    }
    assert client.ask("record", build=build, cache="c.sqlite") == {
        "id": 2,
        "status": 0,
        "text": "",
        "stats": {},
        "diagnostics": [],
        "repeated": [],
        "explained": [],
    }
    client.end()
    log = json.loads(run("log", "--format", "json", "--cache", "c.sqlite").out)
    (one,) = log["builds"]
    assert (one["target"], one["started"], one["wall_ms"], one["errors"], one["functions"]) == (
        "drv.sys",
        1_700_000_000,
        900,
        1,
        1,
    )
    assert one["skipped"] == ["x.cpp"]
    assert one["diagnostics"][0]["file"] == "b.c"


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"[]",
        b"{}",
        b'{"id": 7}',
        b'{"id": 7, "command": "fly"}',
        b'{"id": 7, "command": 3}',
        b"[" * 100_000,
        b'{"id": 7, "options": {"cache": 1}}',
        b"\xff\xfe",
    ],
)
def test_bad_requests_are_survived(client, run: Runner, line: bytes):
    answer = client.raw(line)
    assert answer["status"] == 2
    assert answer["text"].startswith("spincheck: error: ")
    assert answer["id"] == (7 if b'"id": 7' in line else None)
    run.write("a.i", CLEAN)
    assert client.ask("unit", input="a.i", output="a.spin")["status"] == 0


def test_unreadable_input(client, run: Runner):
    (run.directory / "dir").mkdir()
    (run.directory / "junk.i").write_bytes(bytes(range(256)) * 20)
    (run.directory / "old.spin").write_text("junk")
    run.write("a.i", CLEAN)
    for fields, said in (
        ({"command": "unit", "input": "missing.i", "output": "o"}, "no such file"),
        ({"command": "unit", "input": "dir", "output": "o"}, "is a directory"),
        ({"command": "unit", "input": "junk.i", "output": "o"}, "is binary"),
        ({"command": "unit", "input": "junk.i"}, "needs an output"),
        ({"command": "link", "inputs": ["missing.spin"], "output": "o"}, "no such file"),
        ({"command": "link", "inputs": ["old.spin"], "output": "o"}, "is no unit file"),
        ({"command": "unit", "input": "x", "output": "o", "cwd": "/no/such/directory"}, "current directory"),
        (
            {"command": "unit", "input": "a.i", "output": "o", "options": {"cache": None, "rules": ["Nope"]}},
            "Nope",
        ),
        (
            {"command": "unit", "input": "x", "output": "o", "options": {"cache": None, "config": "no.toml"}},
            "no.toml",
        ),
    ):
        answer = client.ask(**{"options": {}, **fields})
        assert answer["status"] == 2
        assert said in answer["text"]
    run.write("a.i", CLEAN)
    answer = client.ask("unit", input="a.i", output="no/such/directory/a.spin")
    assert (answer["status"], "cannot be written" in answer["text"]) == (2, True)
    assert client.ask("unit", input="a.i", output="a.spin")["status"] == 0


def test_a_broken_cache_is_said_once(client, run: Runner):
    (run.directory / "c.sqlite").mkdir()
    run.write("a.i", CLEAN)
    first = client.ask("unit", input="a.i", output="a.spin", cache="c.sqlite")
    assert first["status"] == 0
    assert first["text"].startswith("spincheck: warning: c.sqlite: is not a file")
    assert client.ask("unit", input="a.i", output="a.spin", cache="c.sqlite")["text"] == ""


def test_a_changed_configuration_counts_at_once(client, run: Runner):
    run.write("b.i", LEAK)
    assert client.ask("unit", input="b.i", output="b.spin")["status"] == 1
    (run.directory / "spincheck.toml").write_text('ignore = ["SpinlockRelease", "Spinlock", "SpinlockDpc"]\n')
    assert client.ask("unit", input="b.i", output="b.spin")["status"] == 0
    (run.directory / "spincheck.toml").write_text("ignore = 3\n")
    answer = client.ask("unit", input="b.i", output="b.spin")
    assert (answer["status"], "spincheck.toml:1" in answer["text"]) == (2, True)


def test_recall_of_what_is_not_known(client):
    answer = client.ask("recall", known_as="nothing", output="x.spin")
    assert (answer["status"], answer["known"]) == (0, False)
    assert not (client.directory / "x.spin").exists()
