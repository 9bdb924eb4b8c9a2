"""Every command's `--help` has one example, and it is a call that the command would take."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from cli.main import tally


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, *path, name)


EVERY = dict(commands(tally))


def examples(command: click.Command) -> list[str]:
    paragraphs = (command.help or "").split("\n\n")
    found = [" ".join(text.split()) for text in paragraphs if text.lstrip().startswith("Example: ")]
    return [text.removeprefix("Example: ") for text in found]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_command_shows_one_example_of_itself_that_can_be_called(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TALLY_LEDGER", "TALLY_HOME"):
        monkeypatch.delenv(name, raising=False)

    (example,) = examples(EVERY[words])

    program, *arguments = shlex.split(example)
    called: list[dict[str, object]] = []
    monkeypatch.setattr(EVERY[words], "callback", lambda **options: called.append(options))
    tally.main(arguments, prog_name=program, standalone_mode=False)
    assert (program, len(called)) == ("tally", 1)


def groups(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """`tally` and every group of it, with its words."""
    if not isinstance(command, click.Group):
        return
    yield path, command
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from groups(found, *path, name)


GROUPS = dict(groups(tally))


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_list_of_commands_cuts_no_sentence_at_80_columns(words: tuple[str, ...]) -> None:
    group = GROUPS[words]
    context = click.Context(group, info_name=" ".join(("tally", *words)), terminal_width=78, max_content_width=78)

    _, _, listed = group.get_help(context).partition("Commands:")

    assert [line for line in listed.splitlines() if line.endswith("...")] == []
