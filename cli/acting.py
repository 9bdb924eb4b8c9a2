"""The options by which a command acts upon what was decided."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from contracts.gate import Acts

if TYPE_CHECKING:
    from contracts.callback import Call, Function

_Command = TypeVar("_Command", bound=Callable[..., Any])


def with_acts(command: _Command) -> _Command:
    """Give a command the options that say what is done with a batch, which it is handed as `acts`."""
    folder = click.Path(path_type=Path)

    @click.option("--move-blocked", type=folder, metavar="DIR", help="Where a blocked file is moved to.")
    @click.option("--quarantine", type=folder, metavar="DIR", help="Where bad rows are kept when that is decided.")
    @click.option(
        "--current", type=folder, metavar="LINK", help="What consumers read: leads to allowed DATA, away from other."
    )
    @click.option("--call", metavar="MODULE:FUNCTION", help="A function that is to carry the decision out.")
    @click.option("--roll-back", is_flag=True, help="Take a blocked table back to the last version that was allowed.")
    @wraps(command)
    def handed(*given: Any, call: str | None, **others: Any) -> Any:
        function = None if call is None else _called(call)
        move_blocked, quarantine, current = (others.pop(name) for name in ("move_blocked", "quarantine", "current"))
        return command(
            *given, acts=Acts(move_blocked, quarantine, current, function, others.pop("roll_back")), **others
        )

    return handed  # type: ignore[return-value]


def _called(name: str) -> Function:
    """The function of a name; what it prints goes where messages go, so that our output stays one document."""
    from contracts.callback import named_function

    function = named_function(name)

    def called(call: Call) -> bool | None:
        with redirect_stdout(sys.stderr):
            return function(call)

    return called
