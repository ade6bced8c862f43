"""The documentation: what is made from the code is up to date, links lead somewhere, and each marked command does what its page says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from conftest import CLEAN, Runner

from spincheck.cli import docs, main
from spincheck.locks import config
from spincheck.locks.reader import SECTIONS

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"<!-- (\w+)(?:: (.*?))? -->\n```\w*\n(.*?)```", re.DOTALL)
OURS = ("tutorial.md", "ci.md", "cache.md", "verdicts.md", "comparison.md", "cli.md", "configuration.md")


@pytest.mark.parametrize("name", sorted(docs.pages()))
def test_what_is_made_from_the_code_is_up_to_date(name: str):
    made = docs.pages()[name]
    assert (DOCS / name).read_text(encoding="utf-8") == made, "run python -m spincheck.cli.docs docs"


def test_every_option_of_the_configuration_is_there():
    assert tuple(docs.OPTIONS) == config.OPTIONS
    assert {*docs.TABLES, *docs.WORDS} == set(SECTIONS)


def test_every_command_has_a_section_and_every_option_a_help():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name, command in docs._every(main.spincheck, "spincheck"):
        assert f"\n## {name}\n" in page
        assert command.help
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help


@pytest.mark.parametrize("name", OURS)
def test_links_lead_somewhere(name: str):
    text = (DOCS / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (DOCS / target).is_file(), target


@pytest.mark.parametrize("name", ["tutorial.md", "ci.md", "cache.md"])
def test_marked_commands_do_what_the_page_says(run: Runner, name: str):
    text = (DOCS / name).read_text(encoding="utf-8")
    if "--cc cc" in text and shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    run.write("clean.i", CLEAN)
    run_blocks = 0
    out = replaced = ""
    for kind, argument, body in BLOCK.findall(text):
        if kind == "file":
            (run.directory / argument).write_text(body, encoding="utf-8")
        elif kind == "run":
            program, *arguments = shlex.split(body)
            assert program == "spincheck"
            ran = run(*arguments)
            assert f"status {ran.status}" == argument, (body, ran)
            out = ran.out
            run_blocks += 1
        elif kind == "output":
            assert out == body
        elif kind == "replace":
            replaced, place = body, run.directory / argument
        else:
            assert kind == "with"
            source = place.read_text(encoding="utf-8")
            assert replaced in source
            place.write_text(source.replace(replaced, body, 1), encoding="utf-8")
    assert run_blocks >= 4


def command_lines() -> list[tuple[str, list[str]]]:
    """Every spincheck command line in a code block of a page, with the page that shows it."""
    found = []
    for page in (*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md", DOCS.parent / "example_driver" / "README.md"):
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^(?: *- run: |\$ |  )? *spincheck ((?:check|show|unit|link|baseline|log|rules|explain|cache|worker)\b(?!\.).*)$", block, re.MULTILINE):
                # The README explains a command beside it, behind at least two spaces.
                words = shlex.split(line.partition("   ")[0].split("  ")[0], comments=True)
                end = next((at for at, word in enumerate(words) if word in {"|", "||", "&&", ">>", ">"}), len(words))
                found.append((page.name, words[:end]))
    return found


def test_every_command_line_in_the_pages_is_one():
    lines = command_lines()
    assert {name for name, _ in lines} >= {"README.md", "tutorial.md", "ci.md", "cli.md"}
    for page, line in lines:
        words = line
        command: click.Command = main.spincheck
        while isinstance(command, click.Group):
            name, found, words = command.resolve_command(click.Context(command), words)
            assert found is not None, (page, name)
            command = found
        if words and words[0] in {"[OPTIONS]", "COMMAND"}:
            continue  # a line of usage
        command.make_context(page, list(words))
