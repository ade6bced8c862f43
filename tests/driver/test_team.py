"""Driver steps that several processes summarise: the report of a run alone, byte for byte, whoever did what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

from spincheck.analysis import waves
from spincheck.analysis.waves import Settled, Waves
from spincheck.driver import team as teams
from spincheck.driver.session import Options, Session, link, unit
from spincheck.driver.team import Team, TeamSetup, begin, carry_out
from spincheck.worker import Worker

TYPES = """\
# 1 "ddk.h" 1 3
typedef unsigned char KIRQL;
typedef unsigned long long KSPIN_LOCK;
typedef void *WDFDPC;
typedef void EVT_WDF_DPC(WDFDPC Dpc);
KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *Lock);
void KeReleaseSpinLock(KSPIN_LOCK *Lock, KIRQL Irql);
# 1 "drv.h" 1
struct device { KSPIN_LOCK Lock; int Count; };
static int Shared(struct device *d) { KIRQL irql = KeAcquireSpinLockRaiseToDpc(&d->Lock); KeReleaseSpinLock(&d->Lock, irql); return d->Count; }
"""
FILE = """\
int Even{n}(struct device *d, int depth);
int Take{m}(struct device *d, KIRQL *irql);
int Take{n}(struct device *d, KIRQL *irql)
{{
    if (Shared(d) > 3)
        return 0;
    *irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);
    return 1;
}}
static int Odd{n}(struct device *d, int depth) {{ return depth ? Even{n}(d, depth - 1) : Shared(d); }}
int Even{n}(struct device *d, int depth) {{ return depth ? Odd{n}(d, depth - 1) : Shared(d); }}
EVT_WDF_DPC Dpc{n};
void Dpc{n}(WDFDPC dpc)
{{
    struct device *d = dpc;
    KIRQL irql;
    if (!Take{m}(d, &irql))
        return;
    if (d->Count == {n})
        return;
    KeReleaseSpinLock(&d->Lock, irql);
    Even{n}(d, 2);
}}
"""
FILES = 8


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Unit files of a driver whose files call each other, with a shared function, recursions and a defect each."""
    monkeypatch.chdir(tmp_path)
    for number in range(FILES):
        text = f'# 1 "f{number}.c"\n{TYPES}# 3 "f{number}.c" 2\n' + FILE.format(n=number, m=(number + 1) % FILES)
        Path(f"{number}.i").write_text(text, encoding="utf-8")
        unit(f"{number}.i", f"{number}.spin", Options(jobs=1))
    for name in ("DONE", "REST", "LEAST"):
        monkeypatch.setattr(waves, name, 0)
    monkeypatch.setattr(waves, "HELPER", 1)
    return [f"{number}.spin" for number in range(FILES)]


def linked(units: Sequence[str], jobs: int, cache: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of the report, but for the time; and what was analysed anew."""
    with Session(Options(jobs=jobs, cache=cache, explain=cache is not None)) as session:
        report = session.link(units, "driver.json")
        document = msgspec.structs.replace(report, stats=msgspec.structs.replace(report.stats, elapsed_ms=0))
        return msgspec.json.encode(document), session.explained


def test_the_report_is_that_of_one_process(units: list[str], monkeypatch: pytest.MonkeyPatch):
    made: list[Settled] = []
    collect = Team.collect

    def watched(self: Team, *, wait: bool) -> list[Settled]:
        found = collect(self, wait=wait)
        made.extend(found)
        return found

    monkeypatch.setattr(Team, "collect", watched)
    alone = linked(units, 1)
    assert not made
    assert alone[0].count(b"SpinlockRelease") >= FILES
    assert linked(units, 3) == alone
    assert any(settled.known for settled in made)
    assert linked(units, 1, "one.sqlite") == linked(units, 3, "many.sqlite")


def test_what_was_made_elsewhere_is_in_the_cache(units: list[str]):
    linked(units, 3, "c.sqlite")
    Path("0.i").write_text(Path("0.i").read_text(encoding="utf-8").replace("depth - 1", "depth - 2"), encoding="utf-8")
    unit("0.i", "0.spin", Options(jobs=1))
    with Session(Options(jobs=3, cache="c.sqlite")) as session:
        stats = session.link(units, "driver.json").stats
    assert 0 < stats.functions_analysed < 6
    assert stats.functions_reused > 4 * (FILES - 1)


def test_a_small_driver_starts_no_process(units: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teams.Team, "_start", lambda _self: pytest.fail("started"))
    link(units, "driver.json", Options(jobs=8))


@pytest.mark.parametrize("wrong", [{"program": "another"}, {"files": ("missing.spin",)}, {"families": ("no such family",)}])
def test_processes_that_are_of_no_use_change_nothing(units: list[str], monkeypatch: pytest.MonkeyPatch, wrong: dict):
    """They are of another program, cannot read the units, or die."""
    alone = linked(units, 1)
    setup = teams.setup
    monkeypatch.setattr(teams, "setup", lambda *given: msgspec.structs.replace(setup(*given), **wrong))
    assert linked(units, 3) == alone


class Broken(Team):
    """Processes of which each ends, or fails, with a batch."""

    error: BaseException = MemoryError("no memory")

    def _result(self, given: Future[bytes]) -> bytes | None:
        assert given.done()
        failed: Future[bytes] = Future()
        failed.set_exception(self.error)
        return super()._result(failed)


@pytest.mark.parametrize("error", [MemoryError("no memory"), ImportError("half a module"), BrokenProcessPool("killed"), KeyboardInterrupt()])
def test_whatever_ends_a_process_the_work_is_done(units: list[str], monkeypatch: pytest.MonkeyPatch, error: BaseException):
    alone = linked(units, 1)
    given: list[int] = []
    give = Broken.give
    monkeypatch.setattr(Broken, "error", error)
    monkeypatch.setattr(Broken, "give", lambda self, process, *rest: (given.append(process), give(self, process, *rest)))
    monkeypatch.setattr(teams, "Team", Broken)
    assert linked(units, 3) == alone
    assert set(given) == {0, 1, 2}
    assert len(given) <= 3 * teams.BATCHES  # then they get no more


def test_a_process_that_was_not_told_what_others_were_makes_nothing(units: list[str]):
    with Session(Options(jobs=1)) as session:
        setup = msgspec.msgpack.encode(teams.setup(session.knowledge, [], units))
    member = teams._Member(setup)
    assert member.carry_out(teams.Batch((0,), (), since=1)) == (Settled(0),)
    (first,) = member.carry_out(teams.Batch((0,), ()))
    assert first.known
    assert member.carry_out(teams.Batch((1,), (first,), since=1)) == (Settled(1),)
    assert member.carry_out(teams.Batch((1,), (first,)))[0].known
    # What it was told already may come again, as when another process takes over
    assert member.carry_out(teams.Batch((2,), (first,)))[0].known


def test_in_a_build_helpers_take_what_nobody_else_wants(units: list[str], monkeypatch: pytest.MonkeyPatch):
    setups: list[TeamSetup] = []
    setup = teams.setup
    monkeypatch.setattr(teams, "setup", lambda *given: setups.append(setup(*given)) or setups[-1])
    before = linked(units, 1)[0]
    request = {"command": "link", "inputs": units, "output": "worker.json", "cwd": str(Path.cwd()), "options": {"jobs": 3}}
    worker = Worker()
    answers = [worker.answer(msgspec.json.encode({"id": 1, **request})) for _ in range(2)]
    request["options"] = {"jobs": 1}
    alone = worker.answer(msgspec.json.encode({"id": 1, **request}))
    worker.close()
    assert [one.nice for one in setups] == [teams.SPARE]  # the second time nothing is new
    told = [msgspec.json.decode(answer) for answer in (*answers, alone)]
    assert [one["diagnostics"] for one in told] == [told[0]["diagnostics"]] * 3
    assert told[0]["stats"]["errors"] == len(msgspec.json.decode(before)["diagnostics"])


class Chance:
    """A team in this process that gives back late, in any order, and now and then nothing."""

    def __init__(self, setup: TeamSetup, seed: int) -> None:
        self.size = 2
        self.room = 2 + seed % 2
        self.start = 1.0
        self._chance = random.Random(seed)
        self._given: list[Settled] = []
        self._told = 0
        begin(msgspec.msgpack.encode(setup))

    @property
    def busy(self) -> bool:
        return bool(self._given)

    def free(self) -> int | None:
        return self._chance.choice([0, 1, None])

    def give(self, process: int, numbers: Sequence[int], news: Sequence[Settled]) -> None:
        assert process < self.size
        # Both members are the same process, so each is told also what the other one was
        batch = teams.Batch(tuple(numbers), tuple(news), self._told)
        self._told += len(news)
        done = msgspec.msgpack.decode(carry_out(msgspec.msgpack.encode(batch)), type=list[Settled])
        self._given += [Settled(one.number) if self._chance.random() < 0.2 else one for one in done]

    def collect(self, *, wait: bool) -> list[Settled]:
        self._chance.shuffle(self._given)
        taken = self._chance.randint(int(wait), len(self._given)) if self._given else 0
        found, self._given = self._given[:taken], self._given[taken:]
        return found


@pytest.mark.parametrize("seed", range(8))
def test_nothing_depends_on_who_is_done_first(units: list[str], monkeypatch: pytest.MonkeyPatch, seed: int):
    alone = linked(units, 1)
    monkeypatch.setattr(teams, "_members", {})
    monkeypatch.setattr(Session, "_team", lambda self, given, _jobs, files: nullcontext(Chance(teams.setup(self.knowledge, given, files), seed)))
    assert linked(units, 2) == alone


@pytest.mark.parametrize("seed", range(20))
def test_a_component_is_ready_when_all_that_it_calls_are_known(seed: int):
    chance = random.Random(seed)
    below = [sorted(chance.sample(range(number), chance.randint(0, min(number, 4)))) for number in range(60)]
    ordered = Waves(below)
    open_, known = [], set()
    while len(known) < len(below):
        open_ += list(ordered.ready())
        number = open_.pop(chance.randrange(len(open_)))
        assert known >= set(below[number])
        known.add(number)
        ordered.done(number)
        assert ordered.any_ready or open_ or len(known) == len(below)
    assert not list(ordered.ready())
