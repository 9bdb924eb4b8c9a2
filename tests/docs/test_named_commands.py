"""Every `tally …` that a page, an example or a hint names is a command that there is, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from cli.main import tally

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file() and path.suffix != ".pyc")
SOURCES = sorted(
    path
    for folder in ("cli", "contracts", "evidence", "ledger", "lineage", "proofs", "server")
    for path in (ROOT / folder).rglob("*.py")
)
FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}[^\n]*\n)+", re.MULTILINE)
SPAN = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
OPERATORS = "|;&()<>"


def snippets(path: Path) -> Iterator[str]:
    """The texts of a file that show what to type: of a page its code, of another file its spans and its lines with a program."""
    text = path.read_text()
    if path.suffix == ".md":
        for block in FENCED.findall(text):
            yield from lines(block)
        text = FENCED.sub("\n", text)
        for block in INDENTED.findall(text):
            yield from lines(block)
        text = INDENTED.sub("\n", text)
    else:
        for line in text.splitlines():
            if found := re.search(r"(?:/bin/|/env )tally .*", line):
                yield found[0].rstrip('")')
        text = re.sub(r"^[ \t]*#[ \t]?", "", text, flags=re.MULTILINE)
    yield from SPAN.findall(text)


def lines(block: str) -> Iterator[str]:
    """The lines of a block, continued ones joined; columns stand two blanks apart."""
    for line in block.replace("\\\n", " ").splitlines():
        yield from re.split(r" {2,}", line.strip())


def calls(snippet: str) -> Iterator[list[str]]:
    """The words behind each `tally` in a snippet, up to the next operator of the shell or a comment."""
    if not re.search(r"(^|[\s/(])tally(\s|$)", snippet):
        return
    lexer = shlex.shlex(snippet, posix=True, punctuation_chars=OPERATORS)
    lexer.whitespace_split = True
    words: list[str] | None = None
    for word in lexer:
        if set(word) <= set(OPERATORS):
            if words is not None:
                yield words
            words = None
        elif word == "tally" or word.endswith("/tally"):
            words = []
        elif words is not None:
            words.append(word)
    if words is not None:
        yield words


def fault(words: Sequence[str]) -> str | None:
    """Why `tally` would not take these words, where … stands for what a reader fills in; None when it would."""
    command: click.Command = tally
    given, left = 0, [word.strip("[]") for word in words]
    while left:
        word = left.pop(0)
        if word.startswith("-") and word != "-":
            name, equals, value = word.partition("=")
            option = next((each for each in options(command) if name in (*each.opts, *each.secondary_opts)), None)
            if option is None:
                return f"{command.name} has no option {name}"
            if not option.is_flag:
                value = value if equals else left.pop(0) if left else "…"
                if isinstance(option.type, click.Choice) and value.islower() and value not in option.type.choices:
                    return f"{name} does not take {value}"
        elif word.strip("….") == "":
            continue
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"{command.name} has no command {word}"
            command = found
        else:
            given += 1
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if given > sum(each.nargs for each in arguments) and all(each.nargs > 0 for each in arguments):
        return f"{command.name} takes {len(arguments)} arguments and is given {given}"
    return None


def options(command: click.Command) -> list[click.Option]:
    found = [each for each in command.params if isinstance(each, click.Option)]
    return [*found, click.Option(command.get_help_option_names(click.Context(command)) or ["--help"], is_flag=True)]


@pytest.mark.parametrize(
    "path", [*PAGES, *EXAMPLES, *SOURCES], ids=[str(path.relative_to(ROOT)) for path in (*PAGES, *EXAMPLES, *SOURCES)]
)
def test_each_command_that_is_named_is_one_that_tally_takes(path: Path) -> None:
    faults = {
        f"tally {' '.join(words)}": why
        for snippet in snippets(path)
        for words in calls(snippet)
        if (why := fault(words))
    }

    assert faults == {}


def test_the_pages_name_many_commands() -> None:
    named = [words for path in PAGES for snippet in snippets(path) for words in calls(snippet)]

    assert len(named) > 80


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tally keys rotate log", "rotate takes 0 arguments and is given 1"),
        ("tally keys rotate --purpose lock", "--purpose does not take lock"),
        ("tally outbox … flush --urls https://…", "flush has no option --urls"),
        ("tally verify --ledger sqlite:///copy.db", "verify has no option --ledger"),
        ("echo x | tally key list", "tally has no command key"),
        ("tally --ledger sqlite:///copy.db verify && tally outbox … flush --url https://…", None),
        ("tally outbox replay [N]…", None),
        ("tally delete …", None),
    ],
)
def test_what_tally_would_not_take_is_seen(text: str, why: str | None) -> None:
    assert next((found for words in calls(text) if (found := fault(words))), None) == why
