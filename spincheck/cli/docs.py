"""The parts of the documentation that are made from the code: commands, configuration, the schema of the report.

``python -m spincheck.cli.docs [DIRECTORY]`` writes them; a test holds that they are up to date, so an option cannot exist without its
line or the other way round.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import msgspec

from spincheck.cli.main import spincheck
from spincheck.diagnostics import REPORT_VERSION, Report
from spincheck.driver.baseline import BASELINE_VERSION, Baseline
from spincheck.locks import config, rows
from spincheck.locks.reader import SECTIONS
from spincheck.report.history import LOG_VERSION, Log

OPTIONS = {
    "locks": ("list of families", '`["windows"]`', "which built-in lock tables count: `windows`, `posix`, `linux`"),
    "select": ("list of rules", "those that are on", "only these rules are told"),
    "ignore": ("list of rules", "none", "these rules are not told"),
    "exclude": ("list of patterns", "none", "files whose functions are not reported; they are still analysed, for their callers' sake. A pattern without a wildcard stands for a directory too"),
    "severity": ("table of rule = severity", "each rule's own", "`error`, `warning` or `off`; only errors fail a build"),
    "model": ("word", "seen in the code", f"the driver model, one of {', '.join(f'`{model}`' for model in config.MODELS)}"),
}
TABLES: dict[str, tuple[type[msgspec.Struct], str]] = {
    "kind": (rows.KindRow, "A kind of lock, `[kind.NAME]`: what it is called and how strictly it alternates."),
    "operation": (rows.OperationRow, "A function that acquires, releases, tries or converts a lock."),
    "role": (rows.RoleRow, "A function type that makes a function an entry point, and what it holds on entry."),
    "registration": (rows.RegistrationRow, "A call that registers a callback: its argument becomes an entry point."),
    "slot": (rows.SlotRow, "A structure field that registers what is stored in it."),
    "immediate": (rows.ImmediateRow, "A function that runs a callback at once, perhaps under a lock."),
    "forbidden": (rows.ForbiddenRow, "A call that is not allowed under a kind of lock."),
    "required": (rows.RequiredRow, "A call that needs a kind of lock."),
    "handover": (rows.HandoverRow, "A call that hands work on: from it on, another callback may give back the carried locks."),
    "creation": (rows.CreationRow, "A call that creates a lock object."),
    "same": (rows.SameRow, "Two spellings of one thing."),
    "pure": (rows.PureRow, "Functions whose result depends on their arguments only."),
}
WORDS = {
    "family": "The family of the rows; not needed in a configuration.",
    "defaults": "Fields that every row of `operation` has unless it says otherwise.",
    "noreturn": "Names of functions that never return.",
    "ending": "Names of functions that end the thread: the callback is over where it calls one.",
    "raising": "Names of functions that may raise an exception.",
}


def commands() -> str:
    """Return the reference of the command line, as Markdown."""
    parts = [
        "# Commands",
        "",
        "Made from the program by `python -m spincheck.cli.docs docs`. Exit status: 0 nothing to report, or warnings only; 1 violations; 2 wrong usage or",
        "input that cannot be read; 130 interrupted. Reports go to standard output or `-o`, everything else to standard error.",
    ]
    for name, command in _every(spincheck, "spincheck"):
        context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
        parts += ["", f"## {name}", "", "```text", command.get_help(context).rstrip(), "```"]
    parts += ["", *_COMPLETION.splitlines()]
    return "\n".join(parts).rstrip() + "\n"


_COMPLETION = """\
## Completion in the shell

```sh
eval "$(_SPINCHECK_COMPLETE=bash_source spincheck)"     # bash, in ~/.bashrc
eval "$(_SPINCHECK_COMPLETE=zsh_source spincheck)"      # zsh, in ~/.zshrc
_SPINCHECK_COMPLETE=fish_source spincheck | source      # fish, in ~/.config/fish/completions/spincheck.fish
```

## Environment

| variable | meaning |
|---|---|
| `SPINCHECK_CACHE` | path of the cache |
| `SPINCHECK_CACHE_LIMIT` | megabytes that the cache stays below, 1024 unless set |
| `SPINCHECK_SHARED_CACHE` | directory or URL that is asked for what the cache does not have |
| `SPINCHECK_CACHE_SECRET` | signs what is exported to a shared cache; with it, only what is signed with it is believed |
| `SPINCHECK_DEBUG` | show where an internal error happened |
| `NO_COLOR` | no colour in text unless `--color always` |
| `COLUMNS` | width of text with colour, else the terminal's |

## Files

| file | meaning |
|---|---|
| `spincheck.toml`, `pyproject.toml` | [configuration](configuration.md), the nearest upwards |
| `.spincheck/cache.sqlite` | [the cache](cache.md) and the history of builds, in the project's directory |
| `compile_commands.json` | compilation database for `--compdb`, as CMake, Meson, SCons and Bear write it |
| `*.spincheck.json` | JSON report of a driver, written by the build: [report.schema.json](report.schema.json) |
"""


def _every(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for below, one in command.commands.items():
            yield from _every(one, f"{name} {below}")


def configuration() -> str:
    """Return the reference of the configuration, as Markdown."""
    parts = [
        "# Configuration",
        "",
        "Made from the program by `python -m spincheck.cli.docs docs`. The configuration is `[tool.spincheck]` in `pyproject.toml`, or the top level of",
        "`spincheck.toml`: the nearest one upwards from the directory of the run, or the one that `--config` names. A mistake is told with its line.",
        "",
        "```toml",
        "[tool.spincheck]",
        'ignore = ["LockOrder"]',
        'exclude = ["third_party"]',
        "operation = [",
        '  { function = "MyLock", action = "acquire", kind = "spin", lock = "argument 0" },',
        '  { function = "MyUnlock", action = "release", kind = "spin", lock = "argument 0" },',
        "]",
        "[tool.spincheck.severity]",
        'LockContract = "off"',
        "```",
        "",
        "| option | value | unless given | meaning |",
        "|---|---|---|---|",
    ]
    parts += [f"| `{name}` | {value} | {default} | {meaning} |" for name, (value, default, meaning) in OPTIONS.items()]
    parts += ["", "## Lock tables", "", "Your own rows have the form of the built-in ones, in `spincheck/locks/*.toml`."]
    for section in SECTIONS:
        if section in WORDS:
            parts += ["", f"### {section}", "", WORDS[section]]
            continue
        form, meaning = TABLES[section]
        parts += ["", f"### {section}", "", meaning, "", "| field | form | unless given |", "|---|---|---|"]
        parts += [_field(field) for field in msgspec.structs.fields(form)]
    parts += [
        "",
        "## Suppressions",
        "",
        *_SUPPRESSIONS.splitlines(),
    ]
    return "\n".join(parts) + "\n"


_SUPPRESSIONS = """\
A suppression stands on the line of the diagnostic, or on the line of the acquire that it tells of:

```c
KeAcquireSpinLock(&d->Lock, &irql);  // spincheck: ignore[SpinlockRelease] the DPC gives it back
```

Several rules stand with commas between them; a comment may be `/* ... */` too. Comments are read from the source files, so that they cost no
analysis. Where a comment will not do, in a macro for example, a pragma is about the next line of code, as it is for the compiler (`__pragma` with
code behind it: about that code):

```c
#pragma prefast(suppress: SpinlockRelease, "the DPC gives it back")
#pragma warning(suppress: 28167 SpinlockRelease)
#define GIVEN_BACK_LATER __pragma(prefast(suppress: SpinlockRelease, "the DPC gives it back"))
```

Names of rules count, several with spaces between them. Numbers and names of other tools are theirs and never told. For `warning` compilers
know only numbers: clang drops a name from it, and then only the source file tells; `prefast` goes through unharmed.

`--reason-required` tells suppressions without a reason: what follows the bracket, or the string. One that suppresses nothing, or names
what is no rule in a comment, is told as `UnusedSuppression`. SARIF and HTML have what is suppressed, with the reason."""


def _field(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        default = "must be given"
    elif field.default is not msgspec.NODEFAULT:
        default = f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`" if field.default != "" else "none"
    else:
        default = "none"
    return f"| `{field.encode_name}` | {_form(field.type)} | {default} |"


def _form(kind: object) -> str:
    simple = {str: "text", bool: "`true` or `false`", int: "number"}
    for known, word in simple.items():
        if kind is known:
            return word
    origin = getattr(kind, "__origin__", None)
    inside = get_args(kind)
    if origin is list:
        return f"list of {_form(inside[0])}"
    if origin is tuple:
        return f"[{', '.join(_form(one) for one in inside)}]"
    if origin is dict:
        return "table"
    return " or ".join(dict.fromkeys(_form(one) for one in inside)) if inside else "table"


SCHEMAS: dict[str, tuple[type[msgspec.Struct], str, str]] = {
    "report.schema.json": (
        Report,
        f"spincheck report, version {REPORT_VERSION}",
        "What spincheck check --format json prints and spincheck link writes. Fields may be added within a version.",
    ),
    "log.schema.json": (
        Log,
        f"spincheck history of builds, version {LOG_VERSION}",
        "What spincheck log --format json prints. Fields may be added within a version.",
    ),
    "baseline.schema.json": (
        Baseline,
        f"spincheck baseline, version {BASELINE_VERSION}",
        "What spincheck baseline writes. Fields may be added within a version.",
    ),
}


def schema(form: type[msgspec.Struct], title: str, description: str) -> str:
    """Return the JSON Schema of a document."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **msgspec.json.schema(form),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def pages() -> dict[str, str]:
    """Return every generated file, by name."""
    schemas = {name: schema(*parts) for name, parts in SCHEMAS.items()}
    return {"cli.md": commands(), "configuration.md": configuration(), **schemas}


def write(directory: Path) -> None:
    """Write every generated file."""
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
