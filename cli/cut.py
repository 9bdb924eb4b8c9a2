"""The options by which a command of lineage is asked of a moment, of an entry, and of edges of a least state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lineage.chronicle.vertex import STATES

_Command = TypeVar("_Command", bound=Callable[..., Any])

AS_OF = click.option(
    "--as-of", metavar="TIME", help="As it was, by the producers' clocks: a day or YYYY-MM-DDThh:mm:ssZ."
)
KNOWN_AT = click.option("--known-at", type=click.IntRange(0), metavar="SEQ", help="As the log knew it at this entry.")
STATE = click.option("--state", type=click.Choice(STATES), default="declared", help="The least that an edge must be.")
TESTS = click.option("--tests", is_flag=True, help="Also the tables that only hold results of tests.")


def at_a_cut(command: _Command) -> _Command:
    """Give a command `--as-of`, `--known-at`, `--state` and `--tests`."""
    for option in (TESTS, STATE, KNOWN_AT, AS_OF):
        command = option(command)
    return command
