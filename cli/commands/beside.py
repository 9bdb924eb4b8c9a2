"""What a batch is measured against beside its contract, as `check` and `decision replay` take it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.session import named, read_input
from contracts.source import Source
from contracts.sources.named import found
from proofs.errors import RefusedError

if TYPE_CHECKING:
    from contracts.engines.measured import Taken
    from contracts.engines.second import Second

_Command = TypeVar("_Command", bound=Callable[..., Any])
_MODULES = {"gx": "great_expectations", "soda": "soda.scan"}

_OPTIONS = (
    click.option("--reference", "others", multiple=True, metavar="NAME=DATA", help="A dataset that is referred to."),
    click.option("--allow", "allowed", multiple=True, metavar="MODULE:FUNCTION", help="A custom check that may run."),
    click.option("--results", multiple=True, metavar="ENGINE=FILE", help="Decide by what this engine found, too."),
    click.option(
        "--engine", "asked", multiple=True, metavar="gx|soda[=PYTHON]", help="Ask it about its own checks, too."
    ),
)


def with_beside(command: _Command) -> _Command:
    """Give a command the options that say so."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def others_of(pairs: Iterable[str], opened: ExitStack) -> dict[str, Source]:
    """Return the datasets that are referred to, by their names."""
    sources: dict[str, Source] = {}
    for pair in pairs:
        name, equals, data = pair.partition("=")
        if not equals:
            raise RefusedError("a dataset that is referred to is written NAME=DATA")
        sources[name] = opened.enter_context(found(data))
    return sources


def taken_of(pairs: Iterable[str]) -> list[Taken]:
    """Return the results of other engines that were named."""
    return [_taken(pair) for pair in pairs]


def engines_of(named_engines: Iterable[str]) -> tuple[Second, ...]:
    """Return the engines that are asked, each by the interpreter that was named, or by our own where that has it."""
    return tuple(_second(each) for each in dict.fromkeys(named_engines))


def _second(named_engine: str) -> Second:
    from contracts.engines.second import Second

    engine, is_named, python = named_engine.partition("=")
    second = Second(engine, Path(python) if is_named else Path(sys.executable))
    if is_named or _has(_MODULES[engine]):
        return second
    raise RefusedError(
        f"{engine} is not installed beside tally",
        hint=f"name the interpreter that has it: --engine {engine}=/path/to/python",
    )


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _taken(pair: str) -> Taken:
    engine, is_pair, file = pair.partition("=")
    if not is_pair:
        raise click.UsageError("--results is written ENGINE=FILE.")
    from contracts.engines.measured import take

    data = read_input(file, f"result of {engine}")
    with named(file):
        return take(engine, data)
