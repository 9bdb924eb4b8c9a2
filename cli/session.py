"""What every command shares: which ledger, whose passphrase, which form of output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

import ledger
from cli.output import Output
from ledger.log import Ledger
from ledger.signer import ENVIRONMENT, environment_passphrase
from proofs.errors import MissingError, RefusedError, UnverifiableError

_Command = TypeVar("_Command", bound=Callable[..., Any])
MAX_INPUT_BYTES = 1 << 30


@dataclass(slots=True)
class Session:
    """One run of the command line.

    Attributes:
        url: The ledger, from `--ledger` or `TALLY_LEDGER`.
        home: Where keyrings stand, from `--home` or `TALLY_HOME`.
    """

    url: str | None
    home: Path | None
    passphrase_file: Path | None
    output: Output

    def open(self, *, read_only: bool = False) -> Ledger:
        """Open the ledger."""
        return ledger.open(self.named_url(), read_only=read_only, home=self.home, passphrase=self.passphrase)

    def named_url(self) -> str:
        """Return the ledger's URL.

        Raises:
            MissingError: None was named.
        """
        if not self.url:
            raise MissingError("no ledger named", hint="give --ledger sqlite:///audit.db, or set TALLY_LEDGER")
        return self.url

    def passphrase(self, *, confirm: bool = False) -> bytes:
        """Return the keys' passphrase: from the file that was named, the environment, or a prompt on a terminal."""
        if self.passphrase_file is not None:
            try:
                secret = self.passphrase_file.read_bytes().rstrip(b"\r\n")
            except OSError as error:
                raise UnverifiableError(f"the passphrase file cannot be read: {error.strerror}") from error
            if not secret:
                raise RefusedError("the passphrase file is empty")
            return secret
        try:
            return environment_passphrase()
        except UnverifiableError:
            if not sys.stdin.isatty():
                raise
        return str(
            click.prompt(
                f"Passphrase of the keys ({ENVIRONMENT})", hide_input=True, confirmation_prompt=confirm, err=True
            )
        ).encode()


pass_session = click.make_pass_decorator(Session)


def with_json(command: _Command) -> _Command:
    """Give a command `--json`, also behind its own name."""

    def switch(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:  # noqa: FBT001 - click's shape
        if chosen:
            context.find_root().ensure_object(Session).output.as_json = True

    return click.option(
        "--json", is_flag=True, expose_value=False, callback=switch, help="Print one JSON document instead of text."
    )(command)


def read_input(name: str) -> bytes:
    """Return the bytes of a file, or of standard input for "-".

    Raises:
        MissingError: There is no such file.
        RefusedError: It is larger than 1 GiB or cannot be read.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingError(f"no file {name}") from error
    except OSError as error:
        raise RefusedError(f"{name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_INPUT_BYTES:
        raise RefusedError(f"{name} has more than {MAX_INPUT_BYTES} bytes")
    return data


def write_output(path: Path, data: bytes) -> None:
    """Write a new file.

    Raises:
        RefusedError: It exists already, or cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise RefusedError(f"{path} exists already", hint="choose another name, or remove it") from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}") from error
