"""What each kind of edit analyses again, in the unit steps and in the driver step, and that all else is as in a cold build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import edited_driver as driver
import pytest
from edited_driver import FILES, Built, build

from spincheck.cache import keys
from spincheck.cache.store import Store
from spincheck.driver import session
from spincheck.memory import Shelf

Files = dict[str, str]

TEXT = "its text changed"
MEANING = "a name in it means something else (type or constant)"


def callee(name: str) -> str:
    return f"its callee `{name}` has another summary"


class Kept:
    """A driver that was built once, and is built again after edits."""

    def __init__(self, place: Path) -> None:
        self.place = place / "build"
        self.cache = place / "c.sqlite"
        self.files = driver.sources()
        first = self.build(self.files)
        # `leaf` is the same function everywhere; that `Far` takes a lock is not known to its unit. What a driver cannot change is
        # `leaf` and `step`, which only their own file calls
        assert (len(first.units), len(first.driver)) == (1 + 4 * FILES, 4 * FILES)
        self.first = first

    def build(self, files: Files) -> Built:
        """Build with the cache; the result must be that of a build without."""
        warm = build(files, self.place, self.cache)
        cold = build(files, self.place, None)
        assert (warm.files, warm.report, warm.warnings) == (cold.files, cold.report, [])
        (told,) = warm.told
        name = next(name for name, text in files.items() if "== 77" in text)
        line = files[name].splitlines().index("        return;") + 1
        assert told == (name, line, "SpinlockRelease")
        assert len(warm.units) + len(warm.driver) == warm.counted
        return warm


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Kept:
    return Kept(tmp_path_factory.mktemp("matrix"))


@pytest.fixture
def kept(built: Kept) -> Kept:
    """Return the driver, unedited and in the cache as such: a branch that was switched back to."""
    assert build(built.files, built.place, built.cache).counted == 0
    return built


def changed(name: str, old: str, new: str) -> Callable[[Files], Files]:
    def edit(files: Files) -> Files:
        assert files[name].count(old) == 1, files[name]
        return {**files, name: files[name].replace(old, new)}

    return edit


def shifted(name: str) -> Callable[[Files], Files]:
    return lambda files: {**files, name: "/* one\n   two */\n\n" + files[name]}


def in_header(extra: str) -> Callable[[Files], Files]:
    return lambda files: {**files, "drv.h": files["drv.h"] + extra}


NOTHING: dict[str, str] = {}
EDITS: dict[str, tuple[Callable[[Files], Files], dict[str, str], dict[str, str]]] = {
    "nothing": (dict, NOTHING, NOTHING),
    "comment on the same line": (
        changed("f7.c", "step_7(d, d->Count);\n", "step_7(d, d->Count); /* under the lock */\n"),
        NOTHING,
        NOTHING,
    ),
    "comment that shifts lines": (shifted("f7.c"), NOTHING, NOTHING),
    "white space": (
        changed("f7.c", "    step_7(d, d->Count);", "\tstep_7( d,\n\t\td->Count );"),
        NOTHING,
        NOTHING,
    ),
    "one function": (
        changed("f2.c", "d->Count = 0;", "d->Count = 1;"),
        {"f2.c: Dpc_2": TEXT},
        {"f2.c: Dpc_2": TEXT},
    ),
    "a local renamed": (
        lambda files: {**files, "f9.c": files["f9.c"].replace("twice", "doubled")},
        {"f9.c: step_9": TEXT},
        NOTHING,
    ),
    "a static helper, its summary as before": (
        changed("f9.c", "    if (leaf(value))", "    ;\n    if (leaf(value))"),
        {"f9.c: step_9": TEXT},
        NOTHING,
    ),
    "a static helper, its summary changed, that of its caller not": (
        changed("f9.c", "return 1;", "return 2;"),
        {"f9.c: leaf": TEXT, "f9.c: step_9": callee("leaf")},
        NOTHING,
    ),
    "a static helper, all summaries above it changed": (
        changed("f9.c", "        d->Count = twice;", "        GetDevice(d)->Lock = 0;"),
        {"f9.c: step_9": TEXT, "f9.c: Dpc_9": callee("step_9")},
        # What `step` calls now is another file's business, so it is no longer the same in every driver
        {"f9.c: step_9": TEXT, "f9.c: Dpc_9": callee("step_9")},
    ),
    "a helper of another file": (
        changed("f9.c", "*irql = Ke", "d->Count++;\n    *irql = Ke"),
        {"f9.c: take_9": TEXT},
        {"f9.c: take_9": TEXT, "f8.c: Far_8": callee("take_9")},
    ),
    "a comment in the header": (in_header("/* a note */\n"), NOTHING, NOTHING),
    "an unrelated declaration in the header": (in_header("int Unrelated(int);\n"), NOTHING, NOTHING),
    "an enumerator that nobody uses": (changed("drv.h", "SPARE = 9", "SPARE = 10"), NOTHING, NOTHING),
    "an enumerator that one function uses": (
        changed("drv.h", "LIMIT = 3", "LIMIT = 4"),
        {"f2.c: Dpc_2": MEANING},
        {"f2.c: Dpc_2": MEANING},
    ),
    "a type that one function uses": (
        changed("drv.h", "typedef int amount", "typedef short amount"),
        {"f3.c: Dpc_3": MEANING},
        {"f3.c: Dpc_3": MEANING},
    ),
    "a macro that one function uses": (
        changed("drv.h", "SCALE 2", "SCALE 5"),
        {"f4.c: Dpc_4": TEXT},
        {"f4.c: Dpc_4": TEXT},
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit(kept: Kept, name: str):
    edit, units, linked = EDITS[name]
    files = edit(kept.files)
    edited = kept.build(files)
    assert (edited.units, edited.driver) == (units, linked)
    assert kept.build(files).counted == 0


@pytest.mark.parametrize("new", ["g9.c", "sub/f9.c"])
def test_a_file_that_is_renamed_or_moved(kept: Kept, new: str):
    files = {new if name == "f9.c" else name: text for name, text in kept.files.items()}
    assert kept.build(files).counted == 0


def test_a_file_that_leaks_and_is_renamed(kept: Kept):
    files = {"other.c" if name == "f7.c" else name: text for name, text in kept.files.items()}
    assert kept.build(files).counted == 0


def test_a_file_that_is_added(kept: Kept):
    extra = "struct device *GetDevice(WDFDPC);\nEVT_WDF_DPC New;\nvoid New(WDFDPC p)\n{\n    KIRQL irql;\n    take_3(GetDevice(p), &irql);\n    give_3(GetDevice(p), irql);\n}\n"
    declared = "void take_3(struct device *d, KIRQL *irql);\nvoid give_3(struct device *d, KIRQL irql);\n"
    edited = kept.build({**kept.files, "new.c": declared + extra})
    assert edited.units == {}
    assert edited.driver == {"new.c: New": "a new function"}


def test_a_file_that_is_deleted(kept: Kept):
    """Its caller reaches no lock any more, and what it called is judged as its unit step judged it."""
    files = {name: text for name, text in kept.files.items() if name != "f9.c"}
    assert kept.build(files).counted == 0
    back = changed("f9.c", "*irql = Ke", "d->Count += 9;\n    *irql = Ke")(kept.files)
    assert set(kept.build(back).driver) == {"f9.c: take_9", "f8.c: Far_8"}


def test_a_function_that_moves_to_another_file(kept: Kept):
    start = kept.files["f9.c"].index("void take_9")
    end = kept.files["f9.c"].index("void give_9")
    moved = kept.files["f9.c"][start:end]
    files = {
        **kept.files,
        "f9.c": kept.files["f9.c"][:start] + kept.files["f9.c"][end:],
        "f12.c": kept.files["f12.c"] + moved,
    }
    assert kept.build(files).counted == 0


def test_static_functions_of_one_name(kept: Kept):
    """Every file has a ``leaf``; only that of the edited file is another function now."""
    files = changed("f5.c", "value > 5", "value > 6")(kept.files)
    edited = kept.build(files)
    assert {one.split(": ")[0] for one in (*edited.units, *edited.driver)} == {"f5.c"}
    assert edited.units["f5.c: leaf"] == TEXT


def test_a_branch_and_back(kept: Kept):
    branch = kept.files
    for number in range(FILES):
        branch = changed(f"f{number}.c", "value > 5", f"value > {number + 40}")(branch)
    edited = kept.build(branch)
    assert len({one for one in edited.units if one.endswith(": leaf")}) == FILES
    assert kept.build(kept.files).counted == 0
    assert kept.build(branch).counted == 0
    # Compared with the branch, which is what was built last
    (why,) = kept.build(changed("f9.c", "twice = value", "twice = 1 + value")(branch)).units.values()
    assert why == TEXT


def test_suppression_is_part_of_the_key_and_other_comments_are_not(kept: Kept, tmp_path: Path):
    def told(comment: str) -> tuple[int, int]:
        files = changed("f7.c", "        return;", f"        return; // {comment}")(kept.files)
        edited = build(files, tmp_path / "s", kept.cache)
        assert (edited.files, edited.report) == (
            (cold := build(files, tmp_path / "s", None)).files,
            cold.report,
        )
        return len(edited.told), edited.counted

    assert told("a remark") == (1, 0)
    assert told("spincheck: ignore[SpinlockRelease] the hardware does it") == (0, 0)
    assert told("spincheck: ignore[Spinlock] another rule")[0] >= 1
    assert told("a remark") == (1, 0)


EVERYTHING = {f"f{n}.c: {name}_{n}" for n in range(FILES) for name in ("take", "give", "Dpc", "Far")}


def test_another_lock_table(kept: Kept):
    configuration = kept.place / "spincheck.toml"
    configuration.write_text(
        'operation = [\n  { function = "MyLock", action = "acquire", kind = "spin", lock = "argument 0" },\n'
        '  { function = "MyUnlock", action = "release", kind = "spin", lock = "argument 0" },\n]\n'
    )
    edited = kept.build(kept.files)
    assert len(edited.units) == 1 + 4 * FILES
    assert set(edited.driver) == EVERYTHING
    reasons = {*edited.units.values(), *edited.driver.values()}
    assert reasons == {"the lock tables or the configuration changed"}
    configuration.unlink()
    assert kept.build(kept.files).counted == 0


def other_code(monkeypatch: pytest.MonkeyPatch, *shelves: Shelf) -> None:
    """Make the values of these shelves those of another version of the program."""
    real = keys.stamp
    for module in (keys, session):
        monkeypatch.setattr(module, "stamp", lambda shelf: "f" * 16 if shelf in shelves else real(shelf))


def test_another_analyser(kept: Kept, monkeypatch):
    other_code(monkeypatch, "summary", "outcome")
    edited = kept.build(kept.files)
    assert len(edited.units) == 1 + 4 * FILES
    assert set(edited.driver) == EVERYTHING
    assert {*edited.units.values(), *edited.driver.values()} == {"another version of the analyser"}


def test_another_rule(kept: Kept, monkeypatch):
    """Rules judge what functions were found to do; the functions are not looked at again."""
    other_code(monkeypatch, "outcome")
    assert kept.build(kept.files).counted == 0


def test_an_entry_that_was_evicted(kept: Kept):
    with Store(kept.cache) as store:
        connection = store.connection()
        assert connection is not None
        connection.execute("DELETE FROM entries WHERE shelf IN ('summary', 'outcome')")
        connection.commit()
    edited = kept.build(kept.files)
    assert set(edited.driver) == EVERYTHING
    assert {*edited.units.values(), *edited.driver.values()} == {"its result is no longer in the cache"}
