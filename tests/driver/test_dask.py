"""Checks on a Dask cluster: the bytes of a local run, whatever happens to the workers, and a cache that is filled as usual."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spincheck.analysis import waves
from spincheck.analysis.waves import Settled
from spincheck.diagnostics import Report, Stats
from spincheck.driver import cluster as clusters
from spincheck.driver import session as sessions
from spincheck.driver.inputs import InputError
from spincheck.driver.preprocess import recipes_by_database
from spincheck.driver.recipe import Recipe
from spincheck.driver.session import Options, Session
from spincheck.driver.tasks import RESULT, ReadTask, Setup, carry_out
from spincheck.report import json_report

distributed = pytest.importorskip("distributed")

HEADER = """\
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef void EVT_WDF_DPC(void *Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
void KeReleaseSpinLock(KSPIN_LOCK *Lock, KIRQL Irql);
void Take(KIRQL *irql);
void Give(KIRQL irql);
"""
SOURCES = {
    "lock.c": "KSPIN_LOCK Lock;\nvoid Take(KIRQL *irql) { *irql = KeAcquireSpinLockRaiseToDpc(&Lock); }\n"
    "void Give(KIRQL irql) { KeReleaseSpinLock(&Lock, irql); }\n",
    **{
        f"dpc{n}.c": f"extern int Count{n};\nEVT_WDF_DPC Dpc{n};\nvoid Dpc{n}(void *dpc)\n{{\n    KIRQL irql;\n    Take(&irql);\n"
        f"    if (Count{n} == {n}){' return;' if n == 3 else ''}\n        Count{n} = 0;\n    Give(irql);\n}}\n"
        for n in range(6)
    },
}
COMPILER = """
import os, signal, sys
here = os.path.dirname(os.path.abspath(__file__))
source = os.path.abspath(sys.argv[-2])
killed = os.path.join(here, "killed")
if os.path.basename(source) in os.environ.get("KILLERS", "").split() and not (os.environ["ONCE"] == "1" and os.path.exists(killed)):
    open(killed, "w").close()
    os.kill(os.getppid(), signal.SIGKILL)
print('# 1 "%s"' % source)
print('# 1 "%s" 1 3' % os.path.join(here, "ddk.h"))
print(open(os.path.join(here, "ddk.h")).read(), end="")
print('# 1 "%s" 2' % source)
print(open(source).read(), end="")
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    source = tmp_path / "src"
    source.mkdir()
    (tmp_path / "cc.py").write_text(COMPILER)
    (tmp_path / "ddk.h").write_text(HEADER)
    entries = []
    for name, text in SOURCES.items():
        (source / name).write_text(text)
        entries.append({"directory": "src", "file": name, "arguments": [sys.executable, "../cc.py", name]})
    path = tmp_path / "compile_commands.json"
    path.write_text(json.dumps(entries))
    return str(path)


def check(recipes: list[Recipe], **options: object) -> Report:
    with Session(Options(**options)) as session:
        report = session.check_recipes(recipes, target="driver")
        assert session.warnings == []
        return report


def shown(report: Report) -> str:
    return json_report.render(msgspec.structs.replace(report, stats=Stats()))


def entries(path: Path) -> dict[tuple[str, str], bytes]:
    connection = sqlite3.connect(path)
    # The lock tables are parsed, and kept, once in a process.
    sql = "SELECT shelf, key, value FROM entries WHERE shelf <> 'tables'"
    rows = {(shelf, key): value for shelf, key, value in connection.execute(sql)}
    connection.close()
    return rows


@contextmanager
def scheduler(threads: int) -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=bool(threads), threads_per_worker=threads or None, processes=False, protocol="tcp://", dashboard_address=":0"
    ) as cluster:
        yield cluster.scheduler_address


@contextmanager
def worker(address: str, place: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    place.mkdir()
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--local-directory", str(place)], cwd=place, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_cluster_gives_the_bytes_of_a_local_run_and_fills_the_cache(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "MANY_FILES", 1)
    monkeypatch.setattr(sessions, "MANY_BYTES", 0)
    recipes = recipes_by_database(database, [])
    local = check(recipes, jobs=1, cache=str(tmp_path / "local.sqlite"))
    assert [(one.function, one.line) for one in local.diagnostics] == [("Dpc3", 7)]
    with scheduler(2) as address:
        options = {"cache": str(tmp_path / "cluster.sqlite"), "dask": address}
        spread = check(recipes, **options)
        assert shown(spread) == shown(local)
        assert entries(tmp_path / "cluster.sqlite") == entries(tmp_path / "local.sqlite")
        again = check(recipes, **options)
        assert (again.stats.functions_analysed, again.stats.regions_scanned) == (0, 0)
        Path(recipes[1].name).write_text(SOURCES["dpc1.c"].replace("irql;", "irql, other;"))
        changed = check(recipes, **options)
    assert changed.stats.functions_analysed == 1
    assert shown(again) == shown(local)
    # What the cluster left in the cache is as good here.
    here = check(recipes, jobs=1, cache=options["cache"])
    assert shown(here) == shown(changed) == shown(check(recipes, jobs=1))
    assert here.stats.functions_analysed == 0


def test_preprocessed_text_is_sent(tmp_path):
    recipes = [Recipe(f"{name}.i", data=f'# 1 "{name}"\n{HEADER}{text}'.encode()) for name, text in SOURCES.items()]
    paths = []
    for recipe in recipes:
        (tmp_path / recipe.name).write_bytes(recipe.data or b"")
        paths.append(Recipe(str(tmp_path / recipe.name)))
    with scheduler(1) as address:
        spread = check(paths, dask=address, cache=str(tmp_path / "cache"))
        again = check(paths, dask=address, cache=str(tmp_path / "cache"))
    assert shown(spread) == shown(again) == shown(check(paths, jobs=1)) == shown(check(recipes, jobs=1))
    assert again.stats.functions_analysed == 0


def test_a_worker_dies(database, tmp_path):
    recipes = recipes_by_database(database, [])
    local = shown(check(recipes, jobs=1))
    killer = {"KILLERS": "dpc4.c", "ONCE": "1"}
    with (
        scheduler(0) as address,
        worker(address, tmp_path / "a", **killer) as first,
        worker(address, tmp_path / "b", **killer) as second,
    ):
        assert shown(check(recipes, dask=address, cache=str(tmp_path / "cache"))) == local
        assert sorted([first.poll(), second.poll()], key=str) == [-9, None]
    assert (tmp_path / "killed").exists()


def test_a_file_that_ends_every_worker(database, tmp_path):
    import dask  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 0}))
        address = stack.enter_context(scheduler(0))
        for name in ("a", "b"):
            stack.enter_context(worker(address, tmp_path / name, KILLERS="dpc4.c", ONCE="0"))
        with pytest.raises(InputError, match="ended several workers"):
            check(recipes_by_database(database, []), dask=address)


def test_the_first_error_is_told(database, tmp_path):
    for name in ("dpc2.c", "dpc4.c"):
        (tmp_path / "src" / name).unlink()
    with scheduler(2) as address, pytest.raises(InputError, match=r"dpc2\.c: no such file"):
        check(recipes_by_database(database, []), dask=address)


def test_nobody_there(database, monkeypatch):
    recipes = recipes_by_database(database, [])
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(InputError, match=r"--dask .*no scheduler"):
            list(clusters.Cluster(address).map(b"", [(0, b"")]))
    with pytest.raises(InputError, match="no scheduler can be reached"):
        check(recipes, dask="tcp://127.0.0.1:9")
    monkeypatch.setattr(clusters, "WORKERLESS_SECONDS", 0.2)
    with scheduler(0) as address, pytest.raises(InputError, match="has had no worker"):
        check(recipes, dask=address)


def test_a_worker_with_other_code_declines():
    setup = msgspec.msgpack.encode(Setup("other", (), (), None, None))
    result = RESULT.decode(carry_out(setup, msgspec.msgpack.encode(ReadTask(Recipe("a.i", data=b"int a;")))))
    assert "install the same version" in result.error
    assert result.body == b""


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[Settled]:
    """Have a program of any size summarised by the cluster; what it made."""
    for name in ("DONE", "REST", "LEAST"):
        monkeypatch.setattr(waves, name, 0)
    monkeypatch.setattr(waves, "HELPER", 1)
    made: list[Settled] = []
    collect = clusters.Mates.collect

    def watched(self: clusters.Mates, *, wait: bool) -> list[Settled]:
        found = collect(self, wait=wait)
        made.extend(one for one in found if one.known)
        return found

    monkeypatch.setattr(clusters.Mates, "collect", watched)
    return made


def test_workers_summarise(database, tmp_path, eager):
    recipes = recipes_by_database(database, [])
    local = check(recipes, jobs=1, cache=str(tmp_path / "local.sqlite"))
    assert not eager
    with scheduler(0) as address, worker(address, tmp_path / "a"), worker(address, tmp_path / "b"):
        report = check(recipes, dask=address, cache=str(tmp_path / "cluster.sqlite"))
    assert eager
    assert shown(report) == shown(local)
    assert (report.stats.functions_analysed, report.stats.functions_reused) == (local.stats.functions_analysed, local.stats.functions_reused)
    here = check(recipes, jobs=1, cache=str(tmp_path / "cluster.sqlite"))
    assert here.stats.functions_analysed == 0


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dead", [1, 2])
def test_workers_die_while_they_summarise(database, tmp_path, monkeypatch, dead):
    recipes = recipes_by_database(database, [])
    local = shown(check(recipes, jobs=1))
    monkeypatch.setattr(clusters, "ALONE_SECONDS", 1.0)
    monkeypatch.setattr(clusters, "_COUNT_SECONDS", 0.2)
    with scheduler(0) as address, worker(address, tmp_path / "a") as first, worker(address, tmp_path / "b") as second:
        give = clusters.Mates.give

        def killing(self: clusters.Mates, *given: Any) -> None:
            give(self, *given)
            for process in [first, second][:dead]:
                process.kill()
                process.wait()

        monkeypatch.setattr(clusters.Mates, "give", killing)
        assert shown(check(recipes, dask=address)) == local


@pytest.mark.usefixtures("eager")
def test_the_scheduler_goes_while_workers_summarise(database, monkeypatch):
    recipes = recipes_by_database(database, [])
    local = shown(check(recipes, jobs=1))
    monkeypatch.setattr(clusters, "ALONE_SECONDS", 1.0)
    monkeypatch.setattr(clusters, "_COUNT_SECONDS", 0.2)
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(1))
        cluster = next(iter(distributed.LocalCluster._instances))
        give = clusters.Mates.give
        monkeypatch.setattr(clusters.Mates, "give", lambda self, *given: (give(self, *given), cluster.close()))
        assert shown(check(recipes, dask=address)) == local


def test_help_comes_from_all_machines():
    counts = {f"tcp://{host}:{port}": 1 for host in ("a", "b") for port in (1, 2)}
    assert clusters.spread(counts) == ["tcp://a:1", "tcp://b:1", "tcp://a:2", "tcp://b:2"]
