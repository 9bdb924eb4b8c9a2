"""ledger copy, ledger migrate: where the rows of a log stand."""

from __future__ import annotations

import click

from cli.output import say
from cli.session import Session, pass_session, with_json
from ledger.connect import migrate as migrate_tables
from ledger.copying import copy_ledger
from ledger.stores.postgres_address import shown


@click.group()
def ledger() -> None:
    """Where the rows of a log stand."""


@ledger.command()
@click.argument("from_url", metavar="FROM_URL")
@click.argument("to_url", metavar="TO_URL")
@with_json
@pass_session
def copy(session: Session, from_url: str, to_url: str) -> None:
    """Copy a log to another store, byte for byte.

    From SQLite to PostgreSQL, or back. All of it or nothing. The target must hold no such log; the keyring stays where it is.

    Example: tally ledger copy sqlite:///audit.db postgresql://ledger_app@db/ledger
    """
    with session.output.progress("copying") as advance:
        copied = copy_ledger(from_url, to_url, home=session.home, progress=advance)
    session.output.facts(
        {
            "origin": copied.origin,
            "from": shown(from_url),
            "to": shown(to_url),
            "entries": copied.entries,
            "bodies": copied.bodies,
            "parts": copied.parts,
            "streams": copied.streams,
            "checkpoints": copied.checkpoints,
            "root": copied.root.hex(),
        },
        "Log copied. From now on write to one of the two alone: both would be a fork.",
    )


@ledger.command()
@click.option(
    "--grant", "writers", multiple=True, metavar="ROLE", help="Let this role read and add; may be given often."
)
@click.option("--grant-read", "readers", multiple=True, metavar="ROLE", help="Let this role read; may be given often.")
@with_json
@pass_session
def migrate(session: Session, writers: tuple[str, ...], readers: tuple[str, ...]) -> None:
    """Make the tables in PostgreSQL, or bring them forward.

    Run it as their owner.

    Example: tally --ledger postgresql://ledger_owner@db/ledger ledger migrate --grant ledger_app
    """
    before, now = migrate_tables(session.named_url(), writers=writers, readers=readers)
    facts = {"ledger": shown(session.named_url()), "version_before": before, "version": now}
    session.output.facts({**facts, "granted": list(writers), "granted_to_read": list(readers)})
    if before == now and not session.output.as_json:
        say("The tables are of this version already.")
