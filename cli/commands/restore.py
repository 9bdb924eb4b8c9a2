"""restore accept: going on from a backup, in so many words."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, with_json
from ledger.restored import last_restored


@click.group()
def restore() -> None:
    """A ledger that was put back from a backup."""


@restore.command()
@click.option("--confirm-clock", is_flag=True, help="The clock is right, although it jumped since the backup was made.")
@with_json
@pass_session
def accept(session: Session, *, confirm_clock: bool) -> None:
    """Go on from a backup, and record what is lost.

    That is what was acknowledged after it was made. Where you have a newer copy, put that back instead. Where more was signed
    than the backup holds, nobody can go on: begin a new log that names this one as its predecessor.

    Example: tally restore accept
    """
    with session.accept_restored(confirm_clock=confirm_clock) as log:
        session.output.facts(last_restored(log), "The loss is recorded, and the ledger goes on.")
