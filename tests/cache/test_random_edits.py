"""Random sequences of edits on a driver: after each of them the incremental build is the cold build, byte for byte."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from edited_driver import build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HEADER = """\
#define SCALE 2
typedef int amount;
enum { LIMIT = 3 };
struct device { KSPIN_LOCK Lock; KSPIN_LOCK Other; int Count; };
struct device *GetDevice(WDFDPC Dpc);
int wild(int value);
"""
STATEMENTS = (
    "d->Count = value;",
    "if (d->Count > LIMIT) return {result};",
    "if (value == SCALE) d->Count++;",
    "for (; value > 0; value--) d->Count ^= value;",
    "KeReleaseSpinLock(&d->Lock, irql);",
    "irql = KeAcquireSpinLockRaiseToDpc(&d->Lock);",
    "irql = KeAcquireSpinLockRaiseToDpc(&d->Other); KeReleaseSpinLock(&d->Other, irql);",
    "value = (amount)helper_{other}(d, value);",
    "value = leaf(d, value);",
    "if (wild(value)) helper_{other}(d, 1);",
    "// a remark",
    "",
)
FILES = 4


def source(bodies: dict[str, list[str]], number: int) -> str:
    """Return the text of a file with a static helper, a helper and a callback."""
    lines = [f"int helper_{n}(struct device *d, int value);" for n in range(FILES)]
    for name, head in (
        ("leaf", "static int leaf(struct device *d, int value)"),
        ("helper", f"int helper_{number}(struct device *d, int value)"),
        ("dpc", f"EVT_WDF_DPC Dpc_{number};\nvoid Dpc_{number}(WDFDPC dpc)"),
    ):
        result = "" if name == "dpc" else "value"
        lines += [head, "{", "    KIRQL irql = 0;"]
        if name == "dpc":
            lines += ["    struct device *d = GetDevice(dpc);", "    int value = d->Count;"]
        for row in bodies[name]:
            text = row.replace("leaf(", "wild(") if name == "leaf" else row
            text = text.replace("wild(d, ", "wild(")
            lines.append("    " + text.format(result=result, other=(number + 1) % FILES))
        lines += [f"    return {result};", "}"]
    return "\n".join(lines) + "\n"


Edit = tuple[str, int, str, int, int]
edits = st.lists(
    st.tuples(
        st.sampled_from(
            ("insert", "insert", "delete", "replace", "shift", "header", "move", "remove", "back")
        ),
        st.integers(0, FILES - 1),
        st.sampled_from(("leaf", "helper", "dpc")),
        st.integers(0, 3),
        st.integers(0, len(STATEMENTS) - 1),
    ),
    min_size=3,
    max_size=6,
)


class Project:
    """Function bodies by file, which edits change."""

    def __init__(self) -> None:
        take, give = STATEMENTS[5], STATEMENTS[4]
        self.bodies = {
            n: {
                "leaf": [STATEMENTS[0]],
                "helper": [take, STATEMENTS[1], give],
                "dpc": [STATEMENTS[7], STATEMENTS[8]],
            }
            for n in range(FILES)
        }
        self.header = HEADER
        self.shifted = dict.fromkeys(range(FILES), 0)
        self.gone: set[int] = set()
        self.names = {n: f"f{n}.c" for n in range(FILES)}

    def apply(self, edit: Edit) -> None:
        """Carry out one edit."""
        kind, file, function, place, statement = edit
        body = self.bodies[file][function]
        at = min(place, len(body))
        if kind == "insert":
            body.insert(at, STATEMENTS[statement])
        elif kind == "delete":
            del body[at : at + 1]
        elif kind == "replace":
            body[at : at + 1] = [STATEMENTS[statement]]
        elif kind == "shift":
            self.shifted[file] += 1
        elif kind == "header":
            name = ("LIMIT = ", "SCALE ")[place % 2]
            self.header = re.sub(rf"{name}\d+", f"{name}{statement}", self.header)
        elif kind == "move":
            self.names[file] = f"m{place}_{file}.c"
        elif kind == "remove" and len(self.gone) < FILES - 1:
            self.gone ^= {file}
        elif kind == "back":
            self.__init__()  # type: ignore[misc]

    def files(self) -> dict[str, str]:
        """Return the texts as they are now."""
        found = {"drv.h": self.header}
        for number, bodies in self.bodies.items():
            if number not in self.gone:
                found[self.names[number]] = "\n" * self.shifted[number] + source(bodies, number)
        return found


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(edits)
def test_incremental_is_cold(sequence: list[Edit]):
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        project = Project()
        build(project.files(), place / "build", place / "c.sqlite")
        for edit in sequence:
            project.apply(edit)
            files = project.files()
            warm = build(files, place / "build", place / "c.sqlite")
            cold = build(files, place / "build", None)
            assert warm.files == cold.files
            assert warm.report == cold.report
            assert build(files, place / "build", place / "c.sqlite").counted == 0
