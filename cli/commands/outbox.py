"""outbox status, flush, dead-letters, replay, discard, forget, bind: what waits on a producer's machine, and why."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from cli.session import Session, pass_session, read_secret, with_json
from ledger.client import upkeep
from ledger.client.client import Client
from ledger.client.outbox import Outbox
from ledger.client.settings import Settings
from ledger.clock import system_clock
from proofs.errors import BusyError, MissingError, RefusedError
from proofs.report import visible

_PATH: Final = "tally.outbox"
_FIRST_SECONDS: Final = 0.25  # after which an answer is looked at for the first time, then after twice as long
_REFUSED: Final = re.compile(r"(^|: )the server answered 40[13]\b")  # as ledger.client.delivery notes it
_NUMBERS = click.argument("numbers", nargs=-1, type=click.IntRange(0), metavar="[N]...")


@click.group()
@click.option(
    "--outbox",
    "path",
    envvar="TALLY_OUTBOX",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The outbox; or set TALLY_OUTBOX.",
)
@click.pass_context
def outbox(context: click.Context, path: Path | None) -> None:
    """Events that wait on this machine for the ledger's server."""
    context.meta[_PATH] = path


def _path() -> Path:
    path = click.get_current_context().meta[_PATH]
    if path is None:
        raise MissingError("no outbox named", hint="`tally outbox --outbox FILE …`, or set TALLY_OUTBOX")
    return Path(path)


@contextmanager
def _opened() -> Iterator[Outbox]:
    opened = Outbox(_path(), create=False)
    try:
        yield opened
    finally:
        opened.close()


@outbox.command()
@click.option("--verify", is_flag=True, help="Recompute the chain of records and everything that it commits to.")
@with_json
@pass_session
def status(session: Session, *, verify: bool) -> None:
    """Say what waits, since when, and what went wrong last.

    Example: tally outbox --outbox outbox.db status --verify
    """
    with _opened() as opened:
        found = upkeep.status(opened)
        if verify:
            upkeep.verify(opened)
    facts: dict[str, object] = {
        "outbox": found.id,
        "delivers_to": found.destination,
        "waiting": found.waiting,
        "oldest_seconds": _age(found.oldest),
        "bytes": found.waiting_bytes + found.dead_bytes,
        "dead_letters": found.dead,
        "records": found.records,
        "head": found.head.hex(),
        "chain": "whole" if verify else "not verified",
        "last_trouble": None if found.trouble is None else visible(f"{found.trouble[1]} ({found.trouble[0]})"),
    }
    session.output.facts(facts)


def _age(oldest: str | None) -> int | None:
    """Seconds since a time of the producer's; None where it is none that can be read."""
    if oldest is None:
        return None
    try:
        moment = datetime.fromisoformat(oldest)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0, int((system_clock() - moment).total_seconds()))


@outbox.command()
@click.option("--url", envvar="TALLY_URL", metavar="URL", help="The server; the one that the outbox delivers to.")
@click.option(
    "--token-file",
    envvar="TALLY_TOKEN_FILE",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Holds the bearer token.",
)
@click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="Certificates to trust, as PEM.")
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0), help="In seconds.")
@with_json
@pass_session
def flush(session: Session, url: str | None, token_file: Path | None, ca_file: Path | None, timeout: float) -> None:
    """Deliver what waits.

    Ends with status 13 when something is left, and with 9 when the server refuses the credential.

    Example: tally outbox --outbox outbox.db flush --url https://ledger.example.org
    """
    with _opened() as opened:
        before = upkeep.status(opened)
    token = None if token_file is None else read_secret(token_file, "token file").decode("latin-1").strip()
    if url is None and before.destination is None:
        raise MissingError("the outbox knows no server", hint="give --url https://host, or set TALLY_URL")
    client = Client(
        url or before.destination,
        outbox=_path(),
        token=token,
        settings=Settings(ca_file=None if ca_file is None else str(ca_file), poll_seconds=0.1),
    )
    with closing(client):
        left, is_refused = _delivered(client, timeout, before)
        after = client.status()
    died = after.dead - before.dead
    if left:
        why = "" if after.trouble is None else visible(after.trouble[1])
        if is_refused:
            raise RefusedError(
                f"the server refuses this credential; {left} of {before.waiting} events still wait: {why}",
                hint="give --token-file with a token of the role emitter that reaches the sources of these events",
            )
        raise BusyError(f"{left} of {before.waiting} events still wait after {timeout:g} seconds", hint=why)
    session.output.document(
        {"delivered": before.waiting - died, "dead_letters": died, "left": left},
        f"✓ {before.waiting - died} delivered" + (f", {died} became dead letters" if died else ""),
    )


def _delivered(client: Client, timeout: float, before: upkeep.Status) -> tuple[int, bool]:
    """Deliver; how many are left, and whether the server refuses whoever sends them, which no patience changes."""
    deadline = time.monotonic() + timeout
    seconds, left = _FIRST_SECONDS, before.waiting
    while (remaining := deadline - time.monotonic()) > 0:
        was, left = left, client.flush(min(seconds, remaining))
        trouble = client.status().trouble
        if not left or (left == was and trouble != before.trouble and trouble and _REFUSED.search(trouble[1])):
            return left, bool(left)
        seconds *= 2
    return left, False


@outbox.command("dead-letters")
@with_json
@pass_session
def dead_letters(session: Session) -> None:
    """List the events that the ledger would not take, and why.

    Example: tally outbox --outbox outbox.db dead-letters
    """
    with _opened() as opened:
        found = upkeep.dead_letters(opened)
    rows: list[dict[str, object]] = [
        {
            "n": each.n,
            "at": each.at,
            "id": visible(each.id),
            "source": visible(each.source),
            "type": visible(each.type),
            "code": visible(each.code),
            "why": visible(each.why),
        }
        for each in found
    ]
    session.output.rows(rows, ("n", "at", "type", "source", "code", "why"), empty="no dead letters")


@outbox.command()
@_NUMBERS
@with_json
@pass_session
def replay(session: Session, numbers: tuple[int, ...]) -> None:
    """Put dead letters back among what waits.

    Those with the numbers N, or all of them.

    Example: tally outbox --outbox outbox.db replay 3 4
    """
    with _opened() as opened:
        count = upkeep.replay(opened, numbers or None)
    session.output.document({"replayed": count}, f"✓ {count} wait again; `tally outbox flush` delivers them")


@outbox.command()
@_NUMBERS
@with_json
@pass_session
def discard(session: Session, numbers: tuple[int, ...]) -> None:
    """Throw dead letters away for good.

    Their place in the source's sequence stays a gap.

    Example: tally outbox --outbox outbox.db discard 3
    """
    if not numbers:
        raise click.UsageError("name the dead letters to throw away")
    with _opened() as opened:
        count = upkeep.discard(opened, numbers)
    session.output.document({"discarded": count}, f"✓ {count} thrown away")


@outbox.command()
@click.option("--person", required=True, metavar="PSEUDONYM", help="As the events name the person.")
@with_json
@pass_session
def forget(session: Session, person: str) -> None:
    """Destroy the personal values of a person.

    Those of events that wait here or lie dead; the events stay, with null in their place.

    Example: tally outbox --outbox outbox.db forget --person PSEUDONYM
    """
    with _opened() as opened:
        count = upkeep.forget(opened, person)
    session.output.document({"events": count}, f"✓ personal values of {count} events destroyed")


@outbox.command()
@click.argument("url")
@with_json
@pass_session
def bind(session: Session, url: str) -> None:
    """Let the outbox deliver to another server from now on.

    Example: tally outbox --outbox outbox.db bind https://ledger.example.org
    """
    from ledger.client.courier import Courier

    Courier(url, token=None, settings=Settings())  # refuses what is no URL
    with _opened() as opened:
        upkeep.rebind(opened, url.rstrip("/"))
    session.output.document({"delivers_to": url.rstrip("/")}, f"✓ delivers to {url.rstrip('/')}")
