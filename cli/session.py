"""What every command shares: which ledger, whose passphrase, which form of output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

import ledger
from cli.output import Output
from ledger.log import Ledger
from ledger.signer import ENVIRONMENT, environment_passphrase
from proofs.__main__ import open_file, read_file, read_up_to
from proofs.errors import ConflictError, IncompleteError, MalformedError, MissingError, RefusedError, UnverifiableError

_Command = TypeVar("_Command", bound=Callable[..., Any])
MAX_INPUT_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 16
MAX_SECRET_BYTES = 1 << 16


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
        log = ledger.open(self.named_url(), read_only=read_only, home=self.home, passphrase=self.passphrase)
        self.output.warn(log.warnings)
        return log

    def accept_restored(self, *, confirm_clock: bool) -> Ledger:
        """Open a restored backup, and accept what is lost; `confirm_clock`: the clock is right, also where it jumped since."""
        return ledger.accept_restored(
            self.named_url(), home=self.home, passphrase=self.passphrase, confirm_clock=confirm_clock
        )

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
            secret = read_secret(self.passphrase_file, "passphrase file").rstrip(b"\r\n")
            if not secret:
                raise RefusedError("passphrase file is empty", where=str(self.passphrase_file))
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


def read_input(name: str, what: str, *, or_pipe: bool = False) -> bytes:
    """Return the bytes of a file that the user named, or of standard input for "-".

    Args:
        what: What a message calls it.
        or_pipe: Take also a pipe or a device, and wait for whoever writes to it.

    Raises:
        MissingError: There is none that can be read.
        MalformedError: It is larger than 1 GiB.
    """
    if name != "-":
        return read_file(name, what, MAX_INPUT_BYTES, or_pipe=or_pipe)
    with readable("standard input"):
        data = read_up_to(sys.stdin.buffer, MAX_INPUT_BYTES)
    if len(data) > MAX_INPUT_BYTES:
        raise MalformedError(f"standard input has more than {MAX_INPUT_BYTES} bytes")
    return data


@contextmanager
def readable(what: str, *, where: str = "") -> Iterator[None]:
    """Say of what cannot be read inside that it is missing, in the words of `read_input`.

    Raises:
        MissingError: A read failed, however far the reader had come.
    """
    try:
        yield
    except OSError as error:
        raise MissingError(f"{what} cannot be read: {error.strerror}", where=where) from error


def read_secret(path: Path, what: str) -> bytes:
    """Return the bytes of a file with a passphrase or a token; a pipe or a device is read no further than 64 KiB.

    Args:
        what: What a message calls it.

    Raises:
        MissingError: There is none that can be read.
        MalformedError: It is larger than 64 KiB.
    """
    return read_file(str(path), what, MAX_SECRET_BYTES, or_pipe=True)


def ask(what: str) -> str:
    """Return what the user types on a terminal, unseen; else the next line of standard input.

    Args:
        what: What is asked for.

    Raises:
        RefusedError: There is no such line, or it is no text of at most 64 KiB; it is not quoted.
    """
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True))
    line = sys.stdin.buffer.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        raise RefusedError(f"a line of standard input has more than {MAX_LINE_BYTES} bytes")
    try:
        value = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise RefusedError("a line of standard input is not UTF-8") from None  # the cause would quote it
    if not value:
        raise RefusedError(f"standard input has no line with the value of {what[:64]!r}")
    return value


def named_file(path: Path, what: str) -> Path:
    """Return the path of a file that others will read, once it is known that they can.

    Raises:
        MissingError: There is none that can be read; in the words of `read_input`.
    """
    open_file(str(path), what).close()
    return path


@contextmanager
def named(file: str) -> Iterator[None]:
    """Name the file to which a refusal raised inside speaks; "-" is standard input and has no name to add."""
    try:
        yield
    except (MalformedError, RefusedError, IncompleteError) as error:
        if file != "-":
            between = "" if not error.where else " " if error.where.startswith("line ") else ", "
            error.where = f"{file}{between}{error.where}"
        raise


def write_output(path: Path, data: bytes) -> None:
    """Write a new file.

    Raises:
        ConflictError: It exists already.
        RefusedError: It cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already", hint="choose another name, or remove it") from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there yet.

    Raises:
        RefusedError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"the folder {path} cannot be made: {error.strerror}") from error
