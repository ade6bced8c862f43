"""Nothing gets slower in silence: work is counted on a fixed generated input, never timed.

The expected numbers are checked in. A change that lowers one should lower it here; a change that must raise one says why in its commit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spincheck.analysis import program
from spincheck.cache.keys import Stamped
from spincheck.cache.store import Store
from spincheck.driver.inputs import Input
from spincheck.driver.session import Options, Session
from spincheck.frontend.unit import Settings, read_unit
from spincheck.locks import tables

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import generated

FILES = 10
SHARED = generated.header(50)
TEXTS = {f"f{n}.i": generated.preprocessed(n, FILES, SHARED) for n in range(FILES)}
EDITED = {**TEXTS, "f3.i": TEXTS["f3.i"].replace("count_3 ^= value", "count_3 ^= value + 1")}
MOVED = {**TEXTS, "f3.i": TEXTS["f3.i"].replace("static LONG plain_3", "\n/* moved */\nstatic LONG plain_3")}

# Header regions scanned and functions parsed.
COLD = (1, 60)
EDIT = (0, 1)
MOVE = (0, 0)
# Functions analysed, and SQL statements at most: one for each row written, and for the trail that --explain-cache follows.
ANALYSED = {"cold": 60, "unchanged": 0, "edit": 1, "moved": 0}
STATEMENTS = {"cold": 222, "unchanged": 2, "edit": 85, "moved": 83}

# Functions analysed, summaries read and SQL statements at most of a driver step: new, after an edit, after a move.
DRIVER_STEP = ((34, 26, 80), (0, 1, 12), (0, 1, 12))


class Reads:
    """What the front end did for some texts on one store."""

    def __init__(self, store: Store, texts: dict[str, str]) -> None:
        settings = Settings(operations=tables.load().all_names)
        units = [
            read_unit(text, name=name, settings=settings, memory=Stamped(store))
            for name, text in texts.items()
        ]
        self.bytes_scanned = sum(unit.stats.bytes_scanned for unit in units)
        self.regions_scanned = sum(unit.stats.regions_scanned for unit in units)
        self.functions_parsed = sum(unit.stats.functions_parsed for unit in units)

    def counts(self) -> tuple[int, int, int]:
        return self.bytes_scanned, self.regions_scanned, self.functions_parsed


def own_bytes(*names: str) -> int:
    return sum(len(TEXTS[name]) - len(SHARED) for name in names)


def test_front_end_scans_headers_once_and_parses_only_new_functions(tmp_path):
    with Store(tmp_path / "cache.sqlite") as store:
        size, regions, parsed = Reads(store, TEXTS).counts()
        # The shared header once, and each file's own text: nothing twice.
        assert size <= len(SHARED) + own_bytes(*TEXTS)
        assert (regions, parsed) == COLD
        assert Reads(store, TEXTS).counts() == (0, 0, 0)
        size, regions, parsed = Reads(store, EDITED).counts()
        assert size <= own_bytes("f3.i") + 10
        assert (regions, parsed) == EDIT
        size, regions, parsed = Reads(store, MOVED).counts()
        assert (regions, parsed) == MOVE


def statements(path: Path, texts: dict[str, str]) -> tuple[int, int]:
    """Check texts as one driver on the cache at ``path``; return functions analysed and SQL statements."""
    said: list[str] = []
    with Session(Options(cache=str(path), jobs=1)) as session:
        assert session.store is not None
        connection = session.store.connection()
        assert connection is not None
        connection.set_trace_callback(said.append)
        inputs = [Input(name, text.encode()) for name, text in texts.items()]
        report = session.check(inputs, target="all", record=False)
        session.flush()
        connection.set_trace_callback(None)
    assert not report.diagnostics
    return report.stats.functions_analysed, len(said)


@pytest.mark.parametrize("what", ["cold", "unchanged", "edit", "moved"])
def test_analysis_and_database_do_what_changed_and_no_more(tmp_path, what):
    path = tmp_path / "cache.sqlite"
    done = statements(path, TEXTS)
    if what != "cold":
        done = statements(path, {"unchanged": TEXTS, "edit": EDITED, "moved": MOVED}[what])
    analysed, sql = done
    assert analysed == ANALYSED[what]
    assert sql <= STATEMENTS[what]


def test_driver_step_with_an_index_reads_only_what_an_edit_reaches(tmp_path, monkeypatch):
    decoded = []
    decode = program.decode
    monkeypatch.setattr(program, "decode", lambda data: decoded.append(data) or decode(data))
    monkeypatch.setattr(program, "INDEX_COMPONENTS", 0)
    monkeypatch.chdir(tmp_path)

    def link(texts: dict[str, str]) -> tuple[int, int, int]:
        units = []
        with Session(Options(cache="cache.sqlite", jobs=1)) as session:
            for name, text in texts.items():
                Path(name).write_text(text)
                units.append(name.replace(".i", ".spin"))
                session.unit(name, units[-1], record=False)
            decoded.clear()
            said: list[str] = []
            assert session.store is not None
            connection = session.store.connection()
            assert connection is not None
            connection.set_trace_callback(said.append)
            report, _ = session.link_units(units, "driver.json", record=False)
            session.flush()
            connection.set_trace_callback(None)
        return report.stats.functions_analysed, len(decoded), len(said)

    for texts, (analysed, read, sql) in zip((TEXTS, EDITED, MOVED), DRIVER_STEP, strict=True):
        done = link(texts)
        assert done[0] == analysed
        assert done[1] <= read
        assert done[2] <= sql
