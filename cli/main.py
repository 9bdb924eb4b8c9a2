"""`tally`: parse, call one function, print. Every refusal becomes one sentence and an exit status."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from keyword import iskeyword
from pathlib import Path
from typing import Final

import click

import ledger.lean  # noqa: F401  first, before anything else imports sqlite-utils
from cli.output import Output
from cli.session import Session
from proofs.errors import TallyError
from proofs.exits import CRASHED, STOPPED, status_of

VERSION: Final = "0.1.0"  # pyproject.toml says the same; a test holds the two together
# Command → the module that holds it: only the module of the command that is called is imported.
COMMANDS: Final = {
    "init": "ledger",
    "status": "ledger",
    "verify": "ledger",
    "clock": "ledger",
    "close": "ledger",
    "restore": "restore",
    "views": "views",
    "ledger": "stores",
    "emit": "events",
    "import": "imports",
    "log": "events",
    "show": "events",
    "check": "contract",
    "ci-check": "ci",
    "contract": "lifecycle",
    "decision": "decision",
    "policy": "policy",
    "notify": "notify",
    "quarantine": "quarantine",
    "slo": "slo",
    "schema": "schema",
    "sources": "sources",
    "lineage": "lineage",
    "delete": "deletion",
    "hold": "hold",
    "checkpoint": "proof",
    "prove": "proof",
    "census": "proof",
    "evidence": "evidence",
    "report": "report",
    "keys": "keys",
    "outbox": "outbox",
    "hammer": "hammer",
    "probe": "probe",
    "token": "token",
    "serve": "serve",
}


class Commands(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's shape
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's shape
        """Import and return a command; None when there is no such one."""
        if cmd_name not in COMMANDS:
            return None
        attribute = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name.replace("-", "_")
        gc.disable()  # it would look at every module over and over, and find that all of them are needed
        try:
            command = getattr(importlib.import_module(f"cli.commands.{COMMANDS[cmd_name]}"), attribute)
        finally:
            gc.enable()
        return command if isinstance(command, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--ledger",
    "url",
    envvar="TALLY_LEDGER",
    metavar="URL",
    help="sqlite:///path or postgresql://…; or set TALLY_LEDGER.",
)
@click.option(
    "--home", envvar="TALLY_HOME", type=click.Path(path_type=Path), metavar="DIR", help="Where keyrings stand."
)
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="Holds the passphrase of the keys."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.version_option(VERSION, message="tally %(version)s")
@click.pass_context
def tally(
    context: click.Context, url: str | None, home: Path | None, passphrase_file: Path | None, *, as_json: bool
) -> None:
    """Record what a data platform did, and prove it offline."""
    context.obj = Session(url, home, passphrase_file, Output(as_json=as_json))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        # Without click's standalone mode, `context.exit(n)` comes back as what the call returns.
        ended = tally.main(args=arguments, prog_name="tally", standalone_mode=False)
    except TallyError as error:
        Output(as_json=as_json).error(error)
        return status_of(error)
    except click.Abort:
        Output(as_json=as_json).stopped(STOPPED)
        return STOPPED
    except click.ClickException as error:
        if not as_json:
            error.show()
        else:
            Output(as_json=True).usage(error)
        return error.exit_code
    except Exception as error:
        if os.environ.get("TALLY_DEBUG"):
            raise
        Output(as_json=as_json).fault(error)
        return CRASHED
    return ended if isinstance(ended, int) else 0


def run() -> None:
    """Run as a program."""
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output went away, as `head` does; what was found out stands
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
