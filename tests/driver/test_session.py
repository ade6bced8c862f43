"""Incremental runs: what is analysed again after which edit, and that the result is that of a cold run, byte for byte."""

from __future__ import annotations

import random
import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from spincheck.analysis import program
from spincheck.diagnostics import Report
from spincheck.driver import session as sessions
from spincheck.driver import workers
from spincheck.driver.session import (
    Input,
    InputError,
    Options,
    Session,
    check_paths,
    check_texts,
    link,
    unit,
)
from spincheck.report import json_report, text

HEADER = """\
# 1 "ddk.h" 1 3
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef void *WDFDPC;
typedef void EVT_WDF_DPC(WDFDPC Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
void KeReleaseSpinLock(KSPIN_LOCK *Lock, KIRQL Irql);
"""
DRIVER_H = """\
# 1 "drv.h" 1
enum { LIMIT = 3, SPARE = 9 };
struct device { KSPIN_LOCK Lock; int Count; };
struct device *GetDevice(WDFDPC Dpc);
void Take(struct device *d, KIRQL *irql);
void Give(struct device *d, KIRQL irql);
"""
DPC = """\
EVT_WDF_DPC Dpc;
void Dpc(WDFDPC dpc)
{
    struct device *d = GetDevice(dpc);
    KIRQL irql;
    Take(d, &irql);
    if (d->Count > LIMIT)
        d->Count = 0;
    Give(d, irql);
}
EVT_WDF_DPC Other;
void Other(WDFDPC dpc)
{
    struct device *d = GetDevice(dpc);
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    KeReleaseSpinLock(&d->Lock, irql);
}
"""
LOCKLIB = """\
void Take(struct device *d, KIRQL *irql)
{
    *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
}
void Give(struct device *d, KIRQL irql)
{
    KeReleaseSpinLock(&d->Lock, irql);
}
"""


def full(source: str, name: str, header: str = DRIVER_H) -> str:
    return f'# 1 "{name}"\n{HEADER}{header}# 3 "{name}" 2\n{source}'


def texts(**changes: str) -> dict[str, str]:
    sources = {"dpc": DPC, "locklib": LOCKLIB, **changes}
    header = sources.pop("header", DRIVER_H)
    return {f"{name}.i": full(source, f"{name}.c", header) for name, source in sources.items()}


def shown(report: Report) -> str:
    """Everything that must not depend on the cache."""
    document = msgspec.to_builtins(report)
    del document["stats"]
    return msgspec.json.encode(document).decode() + text.render(report, verbosity=1)


class Kept:
    """Runs checks with one cache, and compares each with a cold one."""

    def __init__(self, path: Path) -> None:
        self.options = Options(cache=str(path), root="/nowhere")
        self.cold = Options(root="/nowhere")

    def check(self, given: dict[str, str]) -> Report:
        report = check_texts(given, self.options)
        assert shown(report) == shown(check_texts(given, self.cold))
        return report

    def analysed(self, given: dict[str, str]) -> int:
        return self.check(given).stats.functions_analysed


@pytest.fixture(params=[0, 100], ids=["with an index", "without an index"])
def kept(request, tmp_path, monkeypatch) -> Kept:
    monkeypatch.setattr(program, "INDEX_COMPONENTS", request.param)
    kept = Kept(tmp_path / "c.sqlite")
    report = kept.check(texts())
    assert report.diagnostics == ()
    assert report.stats.functions_analysed == 4
    return kept


LEAKY = LOCKLIB.replace("{\n    KeRelease", "{\n    if (d->Count == 2) return;\n    KeRelease")

EDITS = {
    "nothing": (texts(), 0),
    "comment on the line": (texts(dpc=DPC.replace("KIRQL irql;", "KIRQL irql; /* saved */")), 0),
    "comment that shifts lines": (texts(dpc="/* one\n two */\n\n" + DPC), 0),
    "white space": (texts(dpc=DPC.replace("    ", "\t")), 0),
    "an unrelated declaration in the header": (texts(header=DRIVER_H + "int Unrelated(int);\n"), 0),
    "an unused enumerator": (texts(header=DRIVER_H.replace("SPARE = 9", "SPARE = 10")), 0),
    "one function": (texts(dpc=DPC.replace("d->Count = 0", "d->Count = 1")), 1),
    "an enumerator that a function uses": (texts(header=DRIVER_H.replace("LIMIT = 3", "LIMIT = 4")), 1),
    "a helper, its summary unchanged": (
        texts(locklib=LOCKLIB.replace("{\n    KeRelease", "{\n    ;\n    KeRelease")),
        1,
    ),
    "a helper, its summary changed": (texts(locklib=LEAKY), 2),
    "a new file": (texts(more="int More(void) { return 1; }\n"), 0),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit_matrix(kept: Kept, name: str):
    given, analysed = EDITS[name]
    assert kept.analysed(given) == analysed
    assert kept.analysed(given) == 0
    assert kept.analysed(texts()) == 0


def test_lines_follow_the_text(kept: Kept):
    (before,) = kept.check(texts(locklib=LEAKY)).diagnostics
    (after,) = kept.check(texts(locklib="\n\n" + LEAKY, dpc="\n\n\n" + DPC)).diagnostics
    moved = 2 if before.file == "locklib.c" else 3
    assert after.line == before.line + moved
    assert after.fingerprint == before.fingerprint
    renamed = {"dpc.i": full(DPC, "renamed.c"), "locklib.i": full(LEAKY, "lib2.c")}
    (elsewhere,) = kept.check(renamed).diagnostics
    assert elsewhere.fingerprint == before.fingerprint


def test_equal_violations_are_told_apart(kept: Kept):
    twice = "EVT_WDF_DPC F;\nvoid F(WDFDPC dpc)\n{\n    struct device *d = GetDevice(dpc);\n    KIRQL irql;\n    Take(d, &irql);\n"
    twice += "    if (d->Count == 1) { d->Count++; return; }\n    if (d->Count == 2) { d->Count++; return; }\n    Give(d, irql);\n}\n"
    found = kept.check(texts(dpc=twice)).diagnostics
    assert len({one.fingerprint for one in found}) == len(found) >= 1


def test_summaries_that_an_index_knows_and_the_cache_has_lost(kept: Kept, tmp_path):
    leaky = texts(locklib=LEAKY)
    assert kept.analysed(leaky) == 2
    with sqlite3.connect(tmp_path / "c.sqlite") as database:
        rows = database.execute("SELECT key, value FROM entries WHERE shelf = 'summary'").fetchall()
        summaries = [(key,) for key, value in rows if isinstance(msgspec.msgpack.decode(value), list)]
        assert (len(summaries) < len(rows)) == (program.INDEX_COMPONENTS == 0)
        database.executemany("DELETE FROM entries WHERE key = ?", summaries)
    database.close()
    changed = kept.check(texts(locklib=LEAKY, dpc=DPC.replace("d->Count = 0", "d->Count = 1")))
    assert len(changed.diagnostics) == 1
    assert changed.stats.functions_analysed == 4


def test_random_edits_equal_cold_runs(kept: Kept):
    chance = random.Random(11)
    lines = {"dpc": DPC.splitlines(), "locklib": LOCKLIB.splitlines()}
    for _ in range(25):
        name = chance.choice(sorted(lines))
        place = chance.randrange(len(lines[name]))
        match chance.randrange(4):
            case 0:
                lines[name].insert(place, chance.choice(["", "/* note */"]))
            case 1:
                lines[name][place] = lines[name][place].replace("KeReleaseSpinLock(&d->Lock, irql);", ";")
            case 2:
                lines[name][place] = lines[name][place].replace("Count", chance.choice(["Count", "Lock"]))
            case _:
                lines = {"dpc": DPC.splitlines(), "locklib": LOCKLIB.splitlines()}
        kept.check(texts(**{key: "\n".join(value) + "\n" for key, value in lines.items()}))


def test_order_and_jobs_change_nothing(tmp_path, monkeypatch):
    given = texts(
        locklib=LEAKY,
        **{f"extra{n}": DPC.replace("Dpc(", f"Dpc{n}(").replace("Other", f"Other{n}") for n in range(4)},
    )
    for name, content in given.items():
        (tmp_path / name).write_text(content)
    paths = [str(tmp_path / name) for name in given]
    alone = check_paths(paths, Options(jobs=1, root="/nowhere"))
    assert shown(check_paths(paths[::-1], Options(jobs=1, root="/nowhere"))) == shown(alone)
    monkeypatch.setattr(sessions, "MANY_FILES", 1)
    monkeypatch.setattr(sessions, "MANY_BYTES", 0)
    few = check_paths(paths, Options(jobs=2, root="/nowhere"))
    monkeypatch.setattr(workers, "POOL_TASKS", 100)
    assert shown(few) == shown(check_paths(paths, Options(jobs=2, root="/nowhere"))) == shown(alone)
    monkeypatch.setattr(workers, "POOL_TASKS", 1)
    pooled = check_paths(paths, Options(jobs=2, root="/nowhere"))
    assert shown(pooled) == shown(alone)
    assert pooled.stats.functions_analysed == alone.stats.functions_analysed
    both = Options(jobs=2, cache=str(tmp_path / "pool.sqlite"), root="/nowhere")
    assert shown(check_paths(paths, both)) == shown(alone)
    assert check_paths(paths, both).stats.functions_analysed == 0


def test_units_and_link_equal_check(kept: Kept, tmp_path):
    outs = []
    for name, content in texts(locklib=LEAKY).items():
        (tmp_path / name).write_text(content)
        outs.append(str(tmp_path / name.replace(".i", ".spin")))
        report = unit(str(tmp_path / name), outs[-1], kept.options)
        assert report.coverage.units == 1
    together = kept.check(texts(locklib=LEAKY))
    for options in (kept.options, kept.cold):
        linked = link(outs, str(tmp_path / "out.json"), options)
        assert shown(linked) == shown(together)
        assert shown(json_report.parse((tmp_path / "out.json").read_bytes())) == shown(together)


def test_unit_files_are_the_same_bytes_from_the_cache(kept: Kept, tmp_path):
    (tmp_path / "dpc.i").write_text(texts()["dpc.i"])
    made = []
    for number, options in enumerate((kept.cold, kept.options, kept.options)):
        report = unit(str(tmp_path / "dpc.i"), str(tmp_path / f"{number}.spin"), options)
        made.append((tmp_path / f"{number}.spin").read_bytes())
    assert report.stats.functions_analysed == 0
    assert made[0] == made[1] == made[2]


def test_damaged_unit_files_are_refused(kept: Kept, tmp_path):
    (tmp_path / "dpc.i").write_text(texts()["dpc.i"])
    unit(str(tmp_path / "dpc.i"), str(tmp_path / "dpc.spin"), kept.cold)
    good = (tmp_path / "dpc.spin").read_bytes()
    chance = random.Random(3)
    refused = 0
    for _ in range(150):
        broken = bytearray(good)
        if chance.random() < 0.3:
            del broken[chance.randrange(len(broken)) :]
        else:
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        (tmp_path / "broken.spin").write_bytes(bytes(broken))
        with suppress(InputError):
            link([str(tmp_path / "broken.spin")], str(tmp_path / "o.json"), kept.cold)
            continue
        refused += 1
    assert refused == 150


def test_suppression_in_kept_comments_and_in_unit_files(kept: Kept, tmp_path):
    (found,) = kept.check(texts(locklib=LEAKY)).diagnostics
    changed = {"dpc": DPC, "locklib": LEAKY}
    key = Path(found.file).stem
    lines = changed[key].splitlines()
    lines[found.line - 3] += f" // spincheck: ignore[{found.rule}] known"
    changed[key] = "\n".join(lines) + "\n"
    given = texts(**changed)
    assert kept.check(given).diagnostics == ()
    outs = []
    for name, content in given.items():
        (tmp_path / name).write_text(content)
        outs.append(str(tmp_path / f"{name}.spin"))
        unit(str(tmp_path / name), outs[-1], kept.cold)
    assert link(outs, str(tmp_path / "o.json"), kept.cold).diagnostics == ()


def test_other_code_analyses_anew(kept: Kept, monkeypatch):
    from spincheck.cache import keys  # noqa: PLC0415

    monkeypatch.setattr(keys, "stamp", lambda _shelf: "f" * 16)
    assert kept.analysed(texts()) == 4


def test_two_static_functions_of_one_name(kept: Kept):
    static = (
        "static void Help(struct device *d, KIRQL *irql) { *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); }\n"
    )
    other = "static void Help(struct device *d, KIRQL *irql) { *irql = 0; }\n"
    body = "EVT_WDF_DPC {0};\nvoid {0}(WDFDPC dpc)\n{{\n    struct device *d = GetDevice(dpc);\n    KIRQL irql;\n    Help(d, &irql);\n}}\n"
    report = kept.check(
        {"a.i": full(static + body.format("A"), "a.c"), "b.i": full(other + body.format("B"), "b.c")}
    )
    assert [one.entry for one in report.diagnostics] == ["A"]


def test_a_session_serves_many_runs_and_closes(tmp_path):
    with Session(Options(cache=str(tmp_path / "c.sqlite"))) as session:
        for source in (DPC, LEAKY, LOCKLIB):
            session.check([Input("a.i", full(source, "a.c").encode())], target="a")
        assert session.warnings == []
