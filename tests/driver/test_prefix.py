"""Texts with the headers that files begin with preprocessed once: the same bytes as the compiler's own, or the compiler's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from spincheck.cache.store import Store
from spincheck.driver import prefix as module
from spincheck.driver.basis import Files, named_in
from spincheck.driver.leading import leading, macros, needed, shareable
from spincheck.driver.prefix import Command, Prefix, Texts, named_as_written
from spincheck.memory import Memory, NoMemory
from spincheck.worker import Worker

pytestmark = pytest.mark.usefixtures("here")
GCC = [name for name in ("gcc", "x86_64-w64-mingw32-gcc") if shutil.which(name)]
DDK = Path("/usr/share/mingw-w64/include/ddk")
FILES = {
    "once.h": "#pragma once\n#include <stddef.h>\nstruct once { int a; };\n#define ONCE(x) (x + 1)\n",
    "driver.h": '#ifndef DRIVER_H\n#define DRIVER_H\n#include "once.h"\n#include <limits.h>\n#define JOIN(a, b) a##b\n#define NOTHING NULL\n'
    "#define INNER (ONCE(2))\nint helper(void *);\n#undef CHAR_BIT\n#undef __linux__\n#define SHOW(x) #x\n#endif\n",
    "more.h": '#pragma once\n#include "once.h"\nint more(int);\n#define MORE ONCE(3)\n',
    "plain.h": "int again(void);\n",
    "empty.h": "",
    "sys/hidden.h": "int hidden;\n",
    "counts.h": "int counted = __COUNTER__;\n",
    "base.h": "const char *base = __BASE_FILE__;\n",
    "poison.h": "#pragma GCC poison evil\n",
    "dated.h": "const char *date = __DATE__;\n",
    "pushed.h": '#define PUSHED 1\n#pragma push_macro("PUSHED")\n#undef PUSHED\n#define PUSHED 2\n',
}
REST = """
int f(void *p) { return p == NULL ? ONCE(1) : INT_MAX; }
const char *where(void) { return __FILE__ SHOW(a  b); }
#ifdef CHAR_BIT
int bits = CHAR_BIT;
#endif
int line = __LINE__;
"""


@pytest.fixture(scope="session")
def headers(tmp_path_factory) -> Path:
    """Return a directory of headers that are old enough to be known by their time stamps: nobody can set back when an entry was changed."""
    place = tmp_path_factory.mktemp("a place")
    for name, text in FILES.items():
        write(place / name, text)
    time.sleep(3.1)
    return place


@pytest.fixture
def here(headers: Path, monkeypatch) -> None:
    monkeypatch.chdir(headers)


@pytest.fixture(params=GCC)
def compiler(request) -> str:
    return request.param


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Builds:
    """One process's texts."""

    def __init__(self, monkeypatch, compiler: str, *options: str, memory: Memory | None = None) -> None:
        self.words = (compiler, "-E", "-w", *options)
        self.memory = memory or NoMemory()
        self.texts = Texts(self.memory, Files())
        self.environment = {"PATH": os.environ["PATH"]}
        self.runs: list[str] = []
        real = subprocess.run

        def run(words: Sequence[str], **given):
            self.runs.append("details" if {"-dD", "-dM"} & set(words) else "rest" if words[-1] == "-" else "whole")
            return real(words, **given)

        monkeypatch.setattr(module.subprocess, "run", run)

    def make(self, source: str, text: str | None = None) -> list[str]:
        """Make the text of a source, which must be the compiler's own; return what was run for it."""
        if text is not None:
            write(Path(source), text)
        self.runs.clear()
        made = self.texts.make(Command(source, self.words, self.environment))
        self.texts.prepare()
        runs = list(self.runs)
        assert made is not None
        assert made.text == subprocess.run([*self.words, source], capture_output=True, check=True).stdout
        assert list(made.named or named_in(made.text)) == named_in(made.text)
        return runs


WHOLE, SHARED, MADE = ["whole"], ["rest"], ["whole", "details", "details", "rest"]

SHAPES = {
    "one include": "#include <stdlib.h>\n",
    "beside the source": '#include "driver.h"\n',
    "two": '#include "driver.h"\n#include "more.h"\n',
    "one that was there already": '#include "driver.h"\n#include "once.h"\n',
    "one that was there already, then lines": '#include "driver.h"\n#include "once.h"\n\n\n#include "plain.h"\n\n',
    "the same one twice": '#include "plain.h"\n#include "plain.h"\n',
    "a comment before": "/* what\n   this is */\n\n// for\n#include <limits.h> // and why\n",
    "many lines before and between": "/*" + "\n" * 12 + '*/\n#include "driver.h" /* x */\n' + "\n" * 9 + "  #  include   <stdlib.h>\n",
    "few lines before and between": "\n" * 6 + '#include "driver.h"\n' + "\n" * 7 + "#include <stdlib.h>\n",
    "line ends of Windows": '/* a\r\n b */\r\n#include "driver.h"\r\n\r\n#include "more.h"\r\n',
    "a byte order mark": '\ufeff#include "driver.h"\n',
    "an empty header at the end": '#include "driver.h"\n#include "empty.h"\n',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_same_bytes_as_the_compilers_own(monkeypatch, compiler, shape):
    builds = Builds(monkeypatch, compiler, "-O2", "-DSOME=1", "-I.")
    text = SHAPES[shape] + REST
    assert builds.make("first.c", text) == WHOLE
    assert builds.make("second.c", text) == MADE
    assert builds.make("third.c", text) == SHARED
    assert builds.make("third.c", text.replace("INT_MAX", "INT_MIN") + '#line 7 "else where.c"\nint last = __LINE__;\n') == SHARED
    assert builds.make("first.c", "// another line\n" * 3 + text.removeprefix("\ufeff")) == SHARED


RESTS = {
    "nothing": "",
    "names that are put together": "int JOIN(ON, CE)(1);\nint x = JOIN(INT_, MAX);\n",
    "its own macros": "#define INT_MAX 7\n#undef NULL\n#define LONG_ONE \\\n  INT_MAX \\\n  + INNER\nint x = LONG_ONE;\n#ifdef NULL\nint y;\n#endif\n",
    "a macro of a macro": "void *x = NOTHING; int y = INNER;\n",
    "a split name": "int x = INT_\\\nMAX + INT_\\ \nMIN;\n",
    "letters that are none": "/* © */ int x = INT_MAX→INT_MIN;\nint é = INT_MAX$;\n",
    "compiler's macros that a header undefined": "#ifdef __linux__\nint x;\n#endif\nint y = __STDC__ + __INCLUDE_LEVEL__ + __COUNTER__ + __COUNTER__;\n",
    "another header": "#include </dev/null>\n#include <plain.h>\nint x = INT_MAX;\n",
    "pragmas": '#pragma pack(push, 1)\nstruct x { char a; };\n_Pragma("pack(pop)")\n#pragma alloc_text(PAGE, f)\n',
    "strings": 'char *x = "NULL /* no */" SHOW("a\\n" ONCE) L"NULL";\nint y = \'"\';\n',
    "long gaps": "int x;" + "\n" * 30 + "int y = INT_MAX;\n" + "\n" * 5,
    "no line end": "int x = INT_MAX;",
}


@pytest.mark.parametrize("rest", RESTS)
def test_rest_is_read_as_if_behind_its_headers(monkeypatch, compiler, rest):
    builds = Builds(monkeypatch, compiler, "-isystem", ".")
    for number in range(2):
        builds.make(f"{number}.c", '#include "driver.h"\n' + REST)
    assert builds.make("rest.c", '#include "driver.h"\n' + RESTS[rest]) == SHARED


DOUBTFUL = {
    "what was there already": '#include "once.h"\n',
    "what includes that": '#include "more.h"\n',
    "the main file's name": "const char *x = __BASE_FILE__;\n",
    "pushed macros": '#pragma push_macro("INT_MAX")\n#undef INT_MAX\n#pragma pop_macro("INT_MAX")\nint x = INT_MAX;\n',
    "whether there is a header": '#if __has_include("driver.h")\nint x;\n#endif\n',
    "the next header of a name": "#include_next <limits.h>\n",
}


@pytest.mark.parametrize("rest", DOUBTFUL)
def test_in_doubt_the_source_is_read_as_a_whole(monkeypatch, compiler, rest):
    builds = Builds(monkeypatch, compiler)
    for number in range(2):
        builds.make(f"{number}.c", '#include "driver.h"\n' + REST)
    assert builds.make("rest.c", '#include "driver.h"\n' + DOUBTFUL[rest])[-1] == "whole"
    assert builds.make("rest.c", '#include "driver.h"\n' + DOUBTFUL[rest] + "int other;\n") == WHOLE, "not tried in vain again"
    assert builds.make("other.c", '#include "driver.h"\n') == SHARED


@pytest.mark.parametrize("header", ["counts.h", "base.h", "poison.h", "dated.h"])
def test_headers_that_leave_more_than_macros_are_not_shared(monkeypatch, compiler, header):
    builds = Builds(monkeypatch, compiler)
    text = f'#include "{header}"\nint x = __COUNTER__;\n'
    for number in range(3):
        assert builds.make(f"{number}.c", text) == WHOLE


def test_pushed_macros_of_a_header(monkeypatch, compiler):
    builds = Builds(monkeypatch, compiler)
    for number in range(2):
        builds.make(f"{number}.c", '#include "pushed.h"\nint x = PUSHED;\n')
    assert builds.make("x.c", '#include "pushed.h"\nint y = PUSHED;\n') == SHARED
    assert builds.make("x.c", '#include "pushed.h"\n#pragma pop_macro("PUSHED")\nint x = PUSHED;\n')[-1] == "whole"


def test_what_begins_otherwise_shares_nothing(monkeypatch, compiler):
    builds = Builds(monkeypatch, compiler)
    for text in ('#define FIRST\n#include "driver.h"\n', "int x;\n", "#if 1\n#include <limits.h>\n#endif\n", '#include "driver.h" /* \n */\n', ""):
        for number in range(3):
            assert builds.make(f"{number}.c", text + "int y;\n") == WHOLE


def test_what_some_have_in_common_is_enough(monkeypatch, compiler):
    """Each file includes its own header behind the common one."""
    builds = Builds(monkeypatch, compiler)
    for number in range(3):
        write(Path(f"own{number}.h"), f"int own{number};\n")
    text = '#include "driver.h"\n#include "own{}.h"\n' + REST
    assert [builds.make(f"{number}.c", text.replace("{}", str(number))) for number in range(3)] == [WHOLE, MADE, SHARED]


def test_source_in_another_directory(monkeypatch, compiler):
    builds = Builds(monkeypatch, compiler)
    for number in range(2):
        builds.make(f"sys/{number}.c", '#include "hidden.h"\n' + REST)
        builds.make(f"{number}.c", '#include "driver.h"\n' + REST)
    assert builds.make("sys/x.c", '#include "hidden.h"\n' + REST) == SHARED
    assert builds.make("sys/y.c", '#include "hidden.h"\n#include <iso646.h>\n' + REST) == SHARED
    assert builds.make("sys/z.c", '#include "hidden.h"\nint x;\n#include "hidden.h"\n') == WHOLE, "a pipe is not beside it"


def test_another_command_or_environment_shares_nothing(monkeypatch, compiler):
    memory = NoMemory()
    text = '#include "driver.h"\n' + REST
    builds = Builds(monkeypatch, compiler, memory=memory)
    for number in range(2):
        builds.make(f"{number}.c", text)
    assert Builds(monkeypatch, compiler, memory=memory).make("x.c", text) == SHARED
    assert Builds(monkeypatch, compiler, "-DINT_MAX=1", memory=memory).make("x.c", text) == WHOLE
    other = Builds(monkeypatch, compiler, memory=memory)
    other.environment["CPATH"] = "sys"
    assert other.make("x.c", text) == WHOLE


def test_header_that_changed_or_is_hidden_now(monkeypatch, compiler, tmp_path):
    monkeypatch.chdir(tmp_path)
    write(Path("late/limits.h"), "#include_next <limits.h>\n")
    write(Path("driver.h"), "#include <limits.h>\nint one = INT_MAX;\n")
    Path("early").mkdir()
    time.sleep(3.1)
    text = '#include "driver.h"\n' + REST
    builds = Builds(monkeypatch, compiler, "-Iearly", "-Ilate", "-Inone")
    assert [builds.make(f"{number}.c", text) for number in range(3)] == [WHOLE, MADE, SHARED]
    write(Path("driver.h"), "#include <limits.h>\nint one = INT_MIN;\n")
    assert builds.make("2.c") == WHOLE
    write(Path("driver.h"), "#include <limits.h>\nint one = INT_MAX;\n")
    assert builds.make("2.c") == SHARED, "as it was"
    write(Path("early/limits.h"), "#define INT_MAX 3\n")
    assert builds.make("2.c") == WHOLE
    Path("early/limits.h").unlink()
    assert builds.make("2.c") == SHARED
    write(Path("limits.h"), "#define INT_MAX 4\n")
    assert builds.make("2.c") == SHARED, "nobody looks there"
    time.sleep(3.1)
    write(Path("driver.h"), "#include <limits.h>\nint one = INT_MAX + 1;\n")
    time.sleep(3.1)
    assert builds.make("2.c") == MADE
    assert builds.make("1.c") == SHARED


def shared(monkeypatch, compiler):
    """Return builds after three sources that begin alike, their memory, and under which name it has the beginning."""
    memory = NoMemory()
    builds = Builds(monkeypatch, compiler, memory=memory)
    text = '#include "driver.h"\n' + REST
    for number in range(3):
        builds.make(f"{number}.c", text)
    (name,) = (name for name, value in memory._values.items() if len(value) > 100)
    return builds, memory, name


def test_what_was_kept_is_damaged_or_gone(monkeypatch, compiler):
    builds, memory, name = shared(monkeypatch, compiler)
    kept = memory._values[name]
    for damaged in (kept[: len(kept) // 2], b"\x93\x01\x02\x03", b"", b"seen"):
        memory._values[name] = damaged
        assert builds.make("1.c") == MADE
        assert memory._values[name] == kept
        assert builds.make("2.c") == SHARED
    del memory._values[name]
    assert builds.make("2.c") == WHOLE


def test_nothing_but_definitions_reaches_the_compiler(monkeypatch, compiler):
    """Whoever writes the cache's file may change verdicts, but neither has the compiler read what it should not nor stops a build."""
    builds, memory, name = shared(monkeypatch, compiler)
    kept = msgspec.msgpack.decode(memory._values[name], type=Prefix)
    for planted in (b'0#include "/dev/zero"', b"0#define INT_MAX 1\n#include </dev/zero>", b"", b"0#define OTHER 1"):
        memory._values[name] = msgspec.msgpack.encode(msgspec.structs.replace(kept, macros={**kept.macros, b"INT_MAX": planted}))
        assert builds.make("2.c") == WHOLE
        memory._values = {key: value for key, value in memory._values.items() if len(value) > 100}
    for texts in ((), (b"",), (*kept.texts, b"int x;\n")):
        memory._values = {name: msgspec.msgpack.encode(msgspec.structs.replace(kept, texts=texts))}
        assert builds.make("2.c") == WHOLE


def test_a_source_that_does_not_preprocess_is_left_to_the_compiler(monkeypatch, compiler):
    builds = Builds(monkeypatch, compiler)
    for number in range(2):
        builds.make(f"{number}.c", '#include "driver.h"\n')
    for text in ('#include "driver.h"\n#error no\n', '#include "driver.h"\n#include "missing.h"\n', '#include "driver.h"\n#if 1\n', '#include "missing.h"\n'):
        write(Path("x.c"), text)
        assert builds.texts.make(Command("x.c", builds.words, builds.environment)) is None
    assert builds.texts.make(Command("missing.c", builds.words, builds.environment)) is None
    assert builds.texts.make(Command("0.c", ("no-such-compiler", "-E"), builds.environment)) is None
    assert builds.make("x.c", '#include "driver.h"\nint x;\n') == SHARED


def test_two_processes_and_one_cache(monkeypatch, compiler, tmp_path):
    """Each makes what the other makes, too; both have the compiler's texts, and a third one uses what was kept."""
    text = '#include "driver.h"\n' + REST
    for number in range(8):
        write(Path(f"{number}.c"), text.replace("INT_MAX", f"INT_MAX - {number}"))
    words, environment = (compiler, "-E", "-w"), {"PATH": os.environ["PATH"]}
    failed: list[str] = []

    def work() -> None:
        with Store(tmp_path / "cache.sqlite") as store:
            texts = Texts(store, Files())
            for number in range(8):
                made = texts.make(Command(f"{number}.c", words, environment))
                store.flush()
                if made is None or made.text != subprocess.run([*words, f"{number}.c"], capture_output=True, check=True).stdout:
                    failed.append(f"{number}.c")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with Store(tmp_path / "cache.sqlite") as store:
        assert Builds(monkeypatch, compiler, memory=store).make("3.c") == SHARED
        assert not store.warnings


@pytest.mark.skipif(not DDK.is_dir() or len(GCC) < 2, reason="no mingw-w64 with the driver kit's headers")
def test_macros_that_are_printed_are_those_that_there_are(tmp_path, monkeypatch):
    """All 6,000 and more macros of ntddk.h and intrinsics: given back to the compiler, it has the same ones, each the same."""
    monkeypatch.chdir(tmp_path)
    write(Path("x.c"), "#include <ntddk.h>\n")
    words = ["x86_64-w64-mingw32-gcc", "-E", "-w", f"-I{DDK}"]

    def run(*more: str, given: bytes = b"") -> bytes:
        return subprocess.run([*words, *more], input=given, capture_output=True, check=True).stdout

    known = macros(run("-dM", "x.c"), run("-dD", "x.c"), "x.c", 2)
    assert known is not None
    assert len(known) > 6000
    given = b"".join((b"#undef %s\n" % name if directive.startswith(b"#d", 1) else b"") + directive[1:] + b"\n" for name, directive in known.items())
    assert sorted(run("-dM", "-x", "c", "-", given=given).splitlines()) == sorted(run("-dM", "x.c").splitlines())


def test_leading_run():
    def read(text: bytes) -> tuple[tuple[bytes, ...], tuple[int, ...], int]:
        found = leading(text)
        return found.includes, found.lines, found.end

    assert read(b"") == ((), (), 0)
    assert read(b'\n/* a */ // b\n#include "a.h"\n#include<b.h>/* c */// d\nint x;\n') == ((b'"a.h"', b"<b.h>"), (3, 4), 54)
    assert read(b"#include <a.h>\n#include NAME\n") == ((b"<a.h>",), (1,), 15)
    assert read(b"#include <a.h>\n/* x */ #include <b.h>\n") == ((b"<a.h>",), (1,), 15)
    assert read(b"#include <a.h> /* begins\n ends */\n")[0] == ()
    assert read(b"#include <a.h> x\n")[0] == ()
    assert read(b"#include <a.h>")[0] == ()
    assert read(b"// continued \\\n#include <a.h>\n#include <b.h>\n")[0] == ()
    assert read(b"// ??/\n#include <a.h>\n")[0] == ()
    assert read(b"/* open\n#include <a.h>\n")[0] == ()
    assert read(b"/" * 100_000 + b"\n#include <a.h>\n")[0] == (b"<a.h>",)
    assert read(b"/*" * 100_000)[0] == ()


def test_copies_are_named_as_what_they_are_copies_of():
    text = b'# 1 "out/a \\"b\\".c"\n# 1 "/top/out/c.h" 1 3\nchar *x = "out/a.c";\n# 3 "./out/a.c" 2\n#line 4 "out/a.c"\n# 5 "out/a.cc"\n'
    copies = {'out/a "b".c': "src\\a.c", "/top/out/c.h": "/top/src/c.h", "out/a.c": "src/a.c"}
    expected = b'# 1 "src\\\\a.c"\n# 1 "/top/src/c.h" 1 3\nchar *x = "out/a.c";\n# 3 "src/a.c" 2\n#line 4 "src/a.c"\n# 5 "out/a.cc"\n'
    assert named_as_written(text, copies) == expected
    assert named_as_written(text, {"other.c": "x.c"}) == text


@pytest.mark.parametrize(
    "words",
    [
        "gcc -E -include x.h",
        "gcc -E -imacros x.h",
        "gcc -E @args",
        "gcc -E other.c",
        "gcc -E -P",
        "gcc -E -C",
        "gcc -E -dD",
        "gcc -E -ansi",
        "gcc -E -std=c90",
        "gcc -E -traditional-cpp",
        "gcc -E -Wp,-DX",
        "gcc -E -fpch-preprocess",
        "gcc -E -fdirectives-only",
        "gcc -E -fplugin=x",
        "gcc -E -specs=x",
        "gcc -E -I",
        "gcc -E -I-",
        "gcc -E -x c++",
        "a b c -E",
        "-E",
    ],
)
def test_commands_that_may_not_share(words):
    assert not shareable(words.split())


def test_commands_that_may_share():
    words = "ccache gcc -E -w -O2 -g3 -Wall -m64 -mno-sse -march=x86-64 -DA=1 -D B -UC -Ix -I y -isystem z -std=gnu11 -std=c99 -ffreestanding -fno-builtin -pipe"
    assert shareable(words.split())


def test_macros_that_a_text_may_need():
    def line(text: bytes) -> bytes:
        return b"0#define " + text

    known = {b"A": line(b"A B"), b"B": line(b"B(x) x + C"), b"C": line(b"C 1"), b"D": line(b"D(a) a##_t"), b"E": line(b"E 2")}
    assert list(needed(known, b"int x = A;")) == [b"A", b"B", b"C"]
    assert list(needed(known, b"int x = E + aA;")) == [b"E"]
    assert set(needed(known, b"int D(x);")) == set(known)
    assert set(needed(known, b"#define M(a) a ## b\n")) == set(known)
    assert set(needed(known, b"#include <x.h>\n")) == set(known)
    assert list(needed(known, b"int x = \\\nC;")) == [b"C"]
    assert list(needed({b"AB": line(b"AB C"), b"C": line(b"C 1")}, b"int x = A\\ \r\nB;")) == [b"AB", b"C"]
    assert list(needed(known, "int x = C→E$B;".encode())) == [b"C", b"E", b"B"]


DRIVER = """
typedef unsigned long long KSPIN_LOCK; typedef unsigned char KIRQL; KIRQL KeAcquireSpinLockRaiseToDpc(KSPIN_LOCK *);
typedef void KDEFERRED_ROUTINE(void *);
KDEFERRED_ROUTINE Dpc;
extern KSPIN_LOCK L;
void Dpc(void *p) { if (p != NULL) KeAcquireSpinLockRaiseToDpc(&L); }
"""


def test_a_worker_makes_the_same_unit_of_a_source_as_of_its_text(compiler, tmp_path):
    words = [compiler, "-E", "-w"]
    worker = Worker()

    def ask(**request) -> dict:
        answer = msgspec.json.decode(worker.answer(msgspec.json.encode({"id": 1, "cwd": str(Path.cwd()), **request})))
        worker.prepare()
        return answer

    for number in range(3):
        source, text, units = f"unit{number}.c", tmp_path / f"{number}.i", [tmp_path / f"{number}.{way}" for way in ("source", "text")]
        write(Path(source), '#include "driver.h"\n' + DRIVER)
        text.write_bytes(subprocess.run([*words, source], capture_output=True, check=True).stdout)
        command = {"source": source, "words": words, "environment": {"PATH": os.environ["PATH"]}}
        made = ask(command="source", output=str(units[0]), **command)
        told = ask(command="unit", input=str(text), output=str(units[1]))
        assert (made["known"], made["status"], len(made["diagnostics"])) == (True, 1, 1)
        assert made["diagnostics"] == told["diagnostics"]
        assert units[0].read_bytes() == units[1].read_bytes()
        unknown = ask(command="source", output=str(tmp_path / "none"), **command, unlike="KSPIN_(LOCK|OTHER)")
        assert (unknown["known"], unknown["status"], unknown["diagnostics"]) == (False, 0, [])
    write(Path("unit.c"), '#include "driver.h"\n#error no\n')
    assert ask(command="source", output=str(tmp_path / "none"), **{**command, "source": "unit.c"})["known"] is False
    assert not (tmp_path / "none").exists()
    worker.close()
