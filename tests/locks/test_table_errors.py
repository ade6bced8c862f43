"""Tables that are wrong are refused, with the file and the line."""

from __future__ import annotations

import pytest

from spincheck.locks import tables
from spincheck.locks.reader import TableError, read_text
from spincheck.locks.toml_lines import line_index, line_of

GOOD = """family = "test"
operation = [
  { function = "Take", action = "acquire", kind = "k", lock = "argument 0", signature = "void (lock *)" },
  { function = "Give", action = "release", kind = "k", lock = "argument 0", signature = "void (lock *)" },
]
[kind.k]
noun = "lock"
"""


def load(text: str) -> tables.Tables:
    return tables.merge((read_text("t.toml", text),), ("test",))


def test_the_good_table_is_accepted():
    assert set(load(GOOD).operations) == {"Take", "Give"}


def replaced(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


TAKE = '  { function = "Take", action = "acquire", kind = "k", lock = "argument 0", signature = "void (lock *)" },\n'
GIVE = TAKE.replace("Take", "Give").replace("acquire", "release")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            replaced('"Give", action = "release"', '"Take", action = "release"'),
            4,
            "`Take` cannot both acquire (t.toml:3) and release",
        ),
        (GOOD.replace(TAKE, TAKE + TAKE), 4, "`Take` already has a row for kind `k` at t.toml:3"),
        (GOOD.replace(GIVE, ""), 3, "nothing releases what `Take` acquires"),
        (GOOD.replace(TAKE, ""), 3, "nothing acquires what `Give` releases"),
        (GOOD.replace("argument 0", "argument 1", 1), 3, "`Take` has 1 parameters, there is no argument 1"),
        (GOOD.replace("argument 0", "argument 99", 1), 3, "argument 99 is out of range"),
        (GOOD.replace("argument 0", "the first", 1), 3, "`the first` does not say which lock"),
        (GOOD.replace('kind = "k"', 'kind = "kk"', 1), 3, "unknown kind `kk`; did you mean `k`?"),
        (
            GOOD.replace('"acquire"', '"acquires"'),
            3,
            "unknown action `acquires`, expected one of acquire, release, try, convert; did you mean `acquire`?",
        ),
        (GOOD.replace('"acquire"', '"try"'), 3, "a `try` must say with `success`"),
        (GOOD.replace("lock = ", "lokc = ", 1), 3, "unknown field `lokc`; did you mean `lock`?"),
        (GOOD.replace('lock = "argument 0", ', "", 1), 3, "the field `lock` is missing"),
        (GOOD.replace("noun", "nuon"), 7, "unknown field `nuon`; did you mean `noun`?"),
        (GOOD.replace("operation", "operations"), 2, "unknown table `operations`; did you mean `operation`?"),
        (GOOD.replace('family = "test"\n', ""), 1, "the file must name its `family`"),
        (
            GOOD.replace('"release", ', '"release", variant = "dpc", '),
            3,
            "nothing releases what `Take` acquires (kind `k`, variant `normal`",
        ),
        (
            GOOD.replace('"release", ', '"release", saved = "result", '),
            4,
            "a release is handed the saved state",
        ),
        (
            GOOD.replace('"acquire", ', '"acquire", saved = "result", '),
            3,
            "`Take` has no result in which it could save anything",
        ),
        (GOOD.replace('"acquire", ', '"acquire", saved = "0", '), 3, "an acquire stores the saved state"),
        (
            GOOD.replace('"release", ', '"release", saved = "0", '),
            4,
            "`Give` is handed a saved state, but no acquire saves one",
        ),
        (GOOD.replace('"acquire", ', '"acquire", mode = "shared", '), 3, "kind `k` has no shared mode"),
        (GOOD.replace('"acquire", ', '"acquire", irql = "up", '), 3, "unknown IRQL effect `up`"),
        (GOOD.replace('"acquire", ', '"acquire", models = ["kdmf"], '), 3, "unknown driver model `kdmf`"),
        (GOOD.replace('"acquire", ', '"acquire", success = "5..1", '), 3, "the range `5..1` is empty"),
        (
            GOOD.replace('"acquire", ', '"acquire", always_if = "argument 0 null", '),
            3,
            "`always_if` is for a `try`",
        ),
        (GOOD.replace('"Take"', '"Ta ke"'), 3, "`Ta ke` is not the name of a function"),
        (GOOD.replace('"Take"', "7"), 3, "must be text in quotes, not a number"),
        (GOOD + "noise = [", 8, "not valid TOML"),
        (
            GOOD.replace("[kind.k]", 'noreturn = ["Stop", "Take"]\n[kind.k]'),
            6,
            "`Take` never returns, so it cannot be a lock operation too",
        ),
        (
            GOOD.replace("[kind.k]", 'role = [\n  { pattern = "A(", model = "any" },\n]\n[kind.k]'),
            7,
            "`A(` is not a regular expression",
        ),
        (
            GOOD.replace(
                "[kind.k]",
                'role = [{ pattern = "A", model = "any", holds = [{ kind = "k", lock = "argument 0" }] }]\n[kind.k]',
            ),
            6,
            "`holds` needs the field `at_exit`",
        ),
        (
            GOOD.replace("[kind.k]", 'forbidden = [{ function = "F", kinds = ["q"] }]\n[kind.k]'),
            6,
            "unknown kind `q`",
        ),
        (
            GOOD.replace(
                "[kind.k]",
                'forbidden = [{ function = "F", kinds = ["k"], when = "argument 0 odd" }]\n[kind.k]',
            ),
            6,
            "`argument 0 odd` is no condition",
        ),
        (
            GOOD.replace(
                "[kind.k]",
                'slot = [\n  { field = "A", role = "R" },\n  { field = "A", role = "Q" },\n]\n[kind.k]',
            ),
            8,
            "this slot is already given at t.toml:7",
        ),
    ],
)
def test_a_wrong_table(text, line, message):
    with pytest.raises(TableError) as caught:
        load(text)
    assert str(caught.value).startswith(f"t.toml:{line}: "), str(caught.value)
    assert message in str(caught.value)


def test_a_kind_is_defined_once():
    other = read_text("u.toml", 'family = "test"\n[kind.k]\nnoun = "other"\n')
    with pytest.raises(TableError, match=r"u.toml:2: kind `k` is already defined at t.toml:6"):
        tables.merge((read_text("t.toml", GOOD), other), ("test",))


def test_comments_and_layout_are_not_part_of_the_digest():
    assert read_text("t.toml", GOOD).digest == read_text("t.toml", "# a comment\n\n" + GOOD).digest
    assert read_text("t.toml", GOOD).digest != read_text("t.toml", GOOD.replace('"lock"', '"latch"')).digest


def test_lines_of_every_form_of_toml():
    text = '''a = 1
b = [ # one [
  "x = [", # two
  { c = 1, d = "]" },
]
[t.u] # header
k."quoted key" = """
[not.a.header]
"""
after = true
[[rows]]
v = 1
[[rows]]
v = 2
[rows.inner]
w = 3
'''
    index = line_index(text)
    assert [line_of(index, path) for path in (("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "d"))] == [
        1,
        2,
        3,
        4,
        4,
    ]
    assert [
        line_of(index, path)
        for path in (("t", "u", "k", "quoted key"), ("t", "u", "after"), ("rows", 0, "v"))
    ] == [7, 10, 12]
    assert [
        line_of(index, path)
        for path in (("rows", 1, "v"), ("rows", 1, "inner", "w"), ("t", "u", "gone"), ("gone",))
    ] == [14, 16, 6, 1]
