"""A project's own configuration: where it is found, what it says, and how its mistakes are told."""

from __future__ import annotations

import pytest

from spincheck.locks import config
from spincheck.rules import registry

OWN = """locks = ["windows"]
ignore = ["LockOrder"]
exclude = ["third_party", "gen/*.c"]
noreturn = ["MyPanic"]
operation = [
  { function = "MyLock", action = "acquire", kind = "spin", lock = "argument 0", saved = "*1" },
  { function = "MyUnlock", action = "release", kind = "spin", lock = "argument 0", saved = "1" },
]
[severity]
LockContract = "off"
Spinlock = "warning"
"""


def parse(text: str) -> config.Config:
    return config.parse(text, "spincheck.toml")


def test_a_projects_locks_join_the_tables():
    known = parse(OWN).tables()
    assert known.operations["MyLock"][0].kind == "spin"
    assert "KeAcquireSpinLock" in known.operations
    assert "MyPanic" in known.noreturn
    assert {"MyLock", "MyPanic"} <= known.all_names
    assert known.digest != config.Config().tables().digest


def test_own_kinds_and_roles():
    text = """
operation = [
  { function = "RingTake", action = "try", kind = "ring", lock = "argument 0", success = "zero" },
  { function = "RingGive", action = "release", kind = "ring", lock = "argument 0" },
]
role = [{ pattern = "RING_CALLBACK", model = "any", holds = [{ kind = "ring", lock = "argument 0", at_exit = "kept" }] }]
[kind.ring]
noun = "ring lock"
"""
    known = parse(text).tables()
    assert known.kinds["ring"].noun == "ring lock"
    assert known.role("RING_CALLBACK").holds[0].kind == "ring"


def test_what_else_it_says():
    read = parse(OWN)
    assert read.ignore == ("LockOrder",)
    assert read.severity == (("LockContract", "off"), ("Spinlock", "warning"))
    read.check_rules(rule.name for rule in registry.all_rules())


@pytest.mark.parametrize(
    ("source", "excluded"),
    [
        ("third_party/x.c", True),
        ("/home/me/driver/third_party/sub/x.c", True),
        ("C:\\driver\\third_party\\x.c", True),
        ("my_third_party/x.c", False),
        ("gen/a.c", True),
        ("gen/a.h", False),
        ("src/a.c", False),
    ],
)
def test_excluded_sources(source, excluded):
    assert parse(OWN).excludes(source) is excluded


def test_the_digest_is_of_the_values():
    assert parse(OWN).digest == parse("# why\n" + OWN).digest
    assert parse(OWN).digest != parse(OWN.replace("LockOrder", "LockIrql")).digest


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("select = 3\n", 1, "`select` must be an array of strings"),
        ('\nselct = ["Spinlock"]\n', 2, "unknown option `selct`; did you mean `select`?"),
        ('ignore = [\n  "A",\n  "A",\n]\n', 3, "`A` is named twice in `ignore`"),
        ('select = ["A"]\nignore = ["B", "A"]\n', 2, "rule `A` is both selected and ignored"),
        ('locks = [\n  "windows",\n  "linus",\n]\n', 3, "there are no lock tables `linus`"),
        (
            '[severity]\nA = "error"\nB = "fatal"\n',
            3,
            "the severity of `B` must be one of error, warning, off",
        ),
        ('model = "kdmf"\n', 1, "did you mean `kmdf`?"),
        ("operation = [\n", 2, "not valid TOML"),
        (
            'operation = [\n  { function = "KeAcquireSpinLock", action = "acquire", kind = "spin", lock = "argument 0" },\n]\n',
            2,
            "`KeAcquireSpinLock` already has a row for kind `spin` at spin.toml:",
        ),
        (
            'operation = [\n  { function = "KeReleaseSpinLock", action = "acquire", kind = "spin", lock = "argument 0" },\n]\n',
            2,
            "`KeReleaseSpinLock` cannot both release (spin.toml:",
        ),
        (
            'operation = [\n\n  { function = "A", action = "acquire", kind = "spn", lock = "argument 0" },\n]\n',
            3,
            "unknown kind `spn`; did you mean `spin`?",
        ),
        (
            'noreturn = ["WdfSpinLockAcquire"]\n',
            1,
            "`WdfSpinLockAcquire` never returns, so it cannot be a lock operation too",
        ),
        ('select = ["A"]\n[severity]\nA = "off"\n', 3, "rule `A` is both selected and switched off"),
        (
            'ignore = ["A"]\n[severity]\nA = "error"\n',
            3,
            "rule `A` is ignored, so its severity counts for nothing",
        ),
        (
            'registration = [\n  { function = "Reg", argument = 1, role = "DRIVER_DISPACH" },\n]\n',
            2,
            "there is no role `DRIVER_DISPACH`; did you mean `DRIVER_DISPATCH`?",
        ),
        (
            'slot = [\n  { field = "OnTick", role = "MY_TICK" },\n]\n',
            2,
            "there is no role `MY_TICK`",
        ),
        (
            'creation = [\n  { function = "Make", kind = "wdfspin", attributes = 0, lock = 1 },\n]\n',
            2,
            "the field `parent` is missing",
        ),
        (
            'operation = [\n  { function = "A", action = "acquire", kind = "spin", lock = 0 },\n]\n',
            2,
            "`lock` must be text in quotes, not a number",
        ),
        (
            'forbidden = [{ function = "A", kinds = "spin" }]\n',
            1,
            "`kinds` must be a list, `[...]`, not text in quotes",
        ),
        (
            'forbidden = [{ function = "A", kinds = ["spin", 3] }]\n',
            1,
            "every item of `kinds` must be text in quotes, not a number",
        ),
        (
            'role = [{ pattern = "A", model = "wdm", inside = ["criticl"] }]\n',
            1,
            "unknown kind `criticl`; did you mean `critical`?",
        ),
        (
            'handover = [{ function = "A", kinds = ["removelok"] }]\n',
            1,
            "unknown kind `removelok`; did you mean `removelock`?",
        ),
        (
            'operation = [\n  { function = "CRing::Lock", action = "acquire", kind = "spin", lock = "argument 0" },\n]\n',
            2,
            "`CRing::Lock` is not the name of a function; C++ is not analysed",
        ),
        (
            'operation = [\n  { function = "RING_LOCK(x)", action = "acquire", kind = "spin", lock = "argument 0" },\n]\n',
            2,
            "of a macro the functions that it expands to",
        ),
    ],
)
def test_a_mistake(text, line, message):
    with pytest.raises(config.ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"spincheck.toml:{line}: "), str(caught.value)
    assert message in str(caught.value)


def test_lines_count_in_a_pyproject():
    text = '[project]\nname = "x"\n\n[tool.spincheck]\nselect = ["A"]\noperation = [\n  { function = "A", acton = "acquire" },\n]\n'
    with pytest.raises(
        config.ConfigError, match=r"^pyproject.toml:7: unknown field `acton`; did you mean `action`"
    ):
        config.parse(text, "pyproject.toml")
    assert config.parse(
        '[tool.other]\nx = 1\n[tool.spincheck]\nignore = ["LockOrder"]\n', "pyproject.toml"
    ).ignore == ("LockOrder",)


def test_an_unknown_rule_is_told_with_its_line():
    read = parse('ignore = [\n  "LockOrder",\n  "SpinlockReleese",\n]\n')
    with pytest.raises(
        config.ConfigError,
        match=r"^spincheck.toml:3: there is no rule `SpinlockReleese`; did you mean `SpinlockRelease`",
    ):
        read.check_rules(rule.name for rule in registry.all_rules())


def test_a_rows_unknown_rule_is_told_with_its_line():
    read = parse(
        'forbidden = [\n  { function = "Sleep", kinds = ["@spin"], rule = "WaitWhileSpinlok" },\n]\n'
    )
    with pytest.raises(
        config.ConfigError,
        match=r"^spincheck.toml:2: there is no rule `WaitWhileSpinlok`; did you mean `WaitWhileSpinlock`",
    ):
        read.check_rules(rule.name for rule in registry.all_rules())


def test_the_nearest_file_is_found(tmp_path):
    inner = tmp_path / "driver" / "sub"
    inner.mkdir(parents=True)
    (tmp_path / "spincheck.toml").write_text('ignore = ["LockOrder"]\n')
    assert config.find(inner) == tmp_path / "spincheck.toml"
    (tmp_path / "driver" / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert config.find(inner) == tmp_path / "spincheck.toml"
    (tmp_path / "driver" / "pyproject.toml").write_text("[tool.spincheck]\nignore = []\n")
    assert config.find(inner) == tmp_path / "driver" / "pyproject.toml"
    (tmp_path / "driver" / "spincheck.toml").write_text("")
    assert config.find(inner) == tmp_path / "driver" / "spincheck.toml"
    assert config.load(tmp_path / "spincheck.toml").ignore == ("LockOrder",)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "spincheck.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(config.ConfigError, match=r"spincheck.toml"):
        config.load(path)


def test_a_row_about_a_mistyped_function_is_told():
    read = parse(OWN)
    assert read.uncalled({"MyLock", "MyUnlock"}) == []
    assert read.uncalled({"Other"}) == []  # not used here, which is no mistake
    (told,) = read.uncalled({"MyLocks", "MyUnlock"})
    assert told == "spincheck.toml:6: `MyLock` is called nowhere in these files; did you mean `MyLocks`?"
