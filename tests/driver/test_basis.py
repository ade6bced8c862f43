"""A text is not preprocessed again while it would be the same, and is whenever it might not be. The preprocessor is the real one."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spincheck.driver import basis, preprocess
from spincheck.driver.preprocess import recipes_by_database
from spincheck.driver.session import Options, Session

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

HEADER = "typedef unsigned long long KSPIN_LOCK; typedef unsigned char KIRQL; KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);\n"
LEAK = """#include "ddk.h"
typedef void KDEFERRED_ROUTINE(void *);
KDEFERRED_ROUTINE Dpc{n};
extern KSPIN_LOCK L;
void Dpc{n}(void *p) {{ KeAcquireSpinLockRaiseToDpc(&L); }}
"""


class Project:
    """Some files with a compilation database; counts how often a preprocessor is run."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.flags = "-Iearly -Ilate -Inowhere"
        self.cache = place / "cache.sqlite"
        self.runs = 0
        real = preprocess._run

        def counted(*given: Any) -> Any:
            self.runs += 1
            return real(*given)

        patch.setattr(preprocess, "_run", counted)
        (place / "early").mkdir()
        self.write("late/ddk.h", HEADER)
        self.sources(1)

    def write(self, name: str, text: str) -> None:
        time.sleep(0.02)  # so that times differ
        (self.place / name).parent.mkdir(exist_ok=True)
        (self.place / name).write_text(text)

    def sources(self, count: int) -> None:
        for n in range(count):
            self.write(f"a{n}.c", LEAK.format(n=n))
        self.database(count)

    def database(self, count: int = 1) -> None:
        entries = [
            {"directory": str(self.place), "file": f"a{n}.c", "command": f"gcc {self.flags} -c a{n}.c -o a{n}.o"} for n in range(count)
        ]
        (self.place / "compile_commands.json").write_text(json.dumps(entries))

    def check(self, **options: Any) -> tuple[int, list[str]]:
        """Return how often a preprocessor ran, and what was told."""
        before = self.runs
        recipes = recipes_by_database(str(self.place / "compile_commands.json"), [])
        options = {"cache": str(self.cache), "jobs": 1, "root": str(self.place), **options}
        with Session(Options(**options)) as session:
            report = session.check_recipes(recipes, target="t")
        return self.runs - before, [f"{one.file}:{one.line}: {one.rule}" for one in report.diagnostics]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(basis, "SECONDS", -1000.0)  # files of this test are old enough
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, monkeypatch)


LEAKS = ["a0.c:5: SpinlockRelease"]


def told(project: Project) -> list[str]:
    first, found = project.check()
    assert first == 1
    assert len(found) == 1
    return found


def test_unchanged_text_is_not_made_again(project: Project):
    found = told(project)
    assert project.check() == (0, found)
    assert project.check() == (0, found)


@pytest.mark.parametrize("count", [3, 14])
def test_of_many_only_what_changed_is_made_again(project: Project, monkeypatch: pytest.MonkeyPatch, count: int):
    monkeypatch.setattr("spincheck.driver.session.MANY_BYTES", 1)
    project.sources(count)
    runs, found = project.check()
    assert runs == count
    assert project.check() == (0, found)
    project.write("a2.c", "\n" + LEAK.format(n=2))
    runs, moved = project.check()
    assert runs == 1
    assert [one.replace("a2.c:6", "a2.c:5") for one in moved] == found
    assert project.check() == (0, moved)
    assert moved == project.check(cache=None)[1]


def test_same_content_again_is_the_same_text(project: Project):
    found = told(project)
    project.write("late/ddk.h", HEADER)
    os.utime("a0.c")
    assert project.check() == (0, found)


Change = Callable[[Project], object]
CHANGES: dict[str, Change] = {
    "a header": lambda project: project.write("late/ddk.h", HEADER + "int x;\n"),
    "a header of the same size and time": lambda project: (
        before := Path("late/ddk.h").stat(),
        project.write("late/ddk.h", HEADER.replace("char", "long")),
        os.utime("late/ddk.h", ns=(before.st_atime_ns, before.st_mtime_ns)),
    ),
    "the source": lambda project: project.write("a0.c", LEAK.format(n=0) + "int x;\n"),
    "a new header that is found earlier": lambda project: project.write("early/ddk.h", HEADER + "int x;\n"),
    "a new header in a directory that was not there": lambda project: (
        (project.place / "nowhere").mkdir(),
        shutil.copy("late/ddk.h", "nowhere/ddk.h"),
    ),
    "a new header beside the source": lambda project: project.write("ddk.h", HEADER + "int x;\n"),
    "the command": lambda project: (setattr(project, "flags", project.flags + " -DX"), project.database()),
    "another compiler of that name": lambda project: (
        project.write("bin/gcc", f'#!/bin/sh\nexec {shutil.which("gcc")} "$@"\n'),
        (project.place / "bin/gcc").chmod(0o755),
        os.environ.__setitem__("PATH", f"{project.place}/bin{os.pathsep}{os.environ['PATH']}"),
    ),
    "a variable that compilers read": lambda project: os.environ.__setitem__("CPATH", str(project.place / "early")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_may_change_a_text_has_it_made_again(project: Project, monkeypatch: pytest.MonkeyPatch, change: Change):
    for name in ("PATH", "CPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    found = told(project)
    assert project.check()[0] == 0
    change(project)
    runs, after = project.check()
    assert runs == 1
    assert after == found
    assert project.check()[0] == 0


@pytest.mark.parametrize("word", ["__DATE__", "__TIME__", "__TIMESTAMP__"])
def test_text_that_depends_on_the_time(project: Project, word: str):
    """The time is always the same one to gcc, if it is told to; the time of a file is not."""
    project.write("late/ddk.h", f"{HEADER}static const char *made = {word};\n")
    found = told(project)
    assert project.check() == (int(word == "__TIMESTAMP__"), found)
    recipe = recipes_by_database("compile_commands.json", [])[0]
    assert (b'made = "Jan  1 1970"' in recipe.load().data) == (word == "__DATE__")


def test_a_header_that_was_asked_for_and_appears(project: Project):
    asked = '#if defined(__has_include)\n#if __has_include("extra.h") || __has_include(<sub/more.h>)\nint x;\n#endif\n#endif\n'
    project.write("late/ddk.h", HEADER + asked)
    found = told(project)
    assert project.check() == (0, found)
    project.write("early/extra.h", "")
    assert project.check() == (1, found)
    assert project.check() == (0, found)
    (project.place / "late" / "sub").mkdir()
    project.write("late/sub/more.h", "")
    assert project.check() == (1, found)


def test_a_name_that_is_asked_for_and_not_written_out(project: Project):
    project.write("late/ddk.h", f'{HEADER}#define NAME "x.h"\n#if __has_include(NAME)\nint x;\n#endif\n')
    found = told(project)
    assert project.check() == (1, found)


@pytest.mark.parametrize("flags", ["-imacros late/macros.h", "@flags"])
def test_files_that_no_marker_names(project: Project, flags: str):
    project.write("late/macros.h", "#define X 1\n")
    project.write("flags", "-DX\n")
    project.flags += f" {flags}"
    project.database()
    found = told(project)
    assert project.check() == (1, found)


def test_a_file_just_written_is_no_basis(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(basis, "SECONDS", 3.0)
    found = told(project)
    assert project.check() == (1, found)
    monkeypatch.setattr(basis, "SECONDS", -1000.0)
    assert project.check() == (1, found)
    assert project.check() == (0, found)


def test_text_is_made_where_the_cache_has_lost_its_result(project: Project):
    project.sources(2)
    _, found = project.check()
    with Session(Options(cache=str(project.cache))) as session:
        connection = session.store.connection()
        connection.execute("DELETE FROM entries WHERE shelf = 'outcome'")
        connection.commit()
    assert project.check() == (2, found)
    assert project.check() == (0, found)


def test_a_source_that_is_gone_is_told(project: Project):
    told(project)
    (project.place / "a0.c").unlink()
    with pytest.raises(Exception, match=r"a0\.c: no such file"):
        project.check()


def test_error_message_is_the_compilers_alone(project: Project):
    project.write("a0.c", '#include "missing.h"\n')
    with pytest.raises(Exception, match="does not preprocess") as raised:
        project.check()
    assert "search starts here" not in str(raised.value)
    assert "missing.h" in str(raised.value)


def test_without_a_cache_nothing_is_remembered(project: Project):
    first = project.check(cache=None)
    assert project.check(cache=None) == first == (1, told(project))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_edited_the_verdicts_are_those_without_a_cache(project: Project, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Headers appear, disappear and change in every directory that is searched, and sources come to include others."""
    monkeypatch.setattr("spincheck.driver.session.MANY_BYTES", 1)
    chance = random.Random(seed)
    project.sources(3)
    project.flags += " -I."
    project.database(3)
    headers = [f"{place}/{name}" for place in ("early", "late", "nowhere", ".") for name in ("ddk.h", "more.h")]
    quiet = HEADER.replace("KIRQL KeAcquire", "KIRQL NoAcquire")
    runs = 0
    for _ in range(12):
        file = chance.choice(headers)
        if chance.random() < 0.4:
            number = chance.randrange(3)
            project.write(f"a{number}.c", chance.choice(["", "\n", "#include <ddk.h>\n"]) + LEAK.format(n=number))
        elif file != "late/ddk.h" and Path(file).exists() and chance.random() < 0.5:
            Path(file).unlink()
        else:
            more = chance.choice(["", "#if __has_include(<more.h>)\n#include <more.h>\n#endif\n"]) if file.endswith("ddk.h") else ""
            guard = file.replace("/", "_").replace(".", "_")
            project.write(file, f"#ifndef {guard}\n#define {guard}\n{chance.choice([HEADER, quiet])}{more}#endif\n")
        before = project.runs
        made, found = project.check()
        runs += made
        assert found == project.check(cache=None)[1]
        assert project.runs - before - made == 3
        assert project.check() == (0, found)
    assert runs < 3 * 12


def test_a_compiler_that_knows_no_fixed_time(project: Project):
    project.write("late/ddk.h", f"{HEADER}static const char *made = __TIME__;\n")
    text = recipes_by_database("compile_commands.json", [])[0].load().data
    for timeless in (False, True):
        found = basis.Files().basis(basis.named_in(text), str(project.place), time.time(), timeless=timeless)
        assert (found is not None) == timeless


def test_what_has_no_end_is_not_read(tmp_path: Path):
    """A cache that somebody has changed may name anything."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name in (str(pipe), "/dev/zero"):
        assert not basis.Files().same(basis.Basis(((name, "0" * 32, (1, 2, 3)),)), "")
        assert basis.Files().basis([name], "", time.time() + 10) is None
