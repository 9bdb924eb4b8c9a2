"""hold place, release, list: what must not be erased, and until when."""

from __future__ import annotations

import click

from cli.commands.deletion import read_identity
from cli.session import Session, ask, pass_session, with_json
from evidence import holding
from ledger import holds
from ledger.holds import REASONS, vault_beside


@click.group()
def hold() -> None:
    """Legal holds: whom one is about is not deleted or erased."""


@hold.command()
@click.argument("case")
@click.option(
    "--identity",
    metavar="TYPE=VALUE",
    help="Hold every request, past or coming, that names this identity, written alike; TYPE=- to be asked.",
)
@click.option(
    "--person",
    metavar="PERSON",
    help="Hold the parts of events emitted with this `person` in this log: a pseudonym, no identity of a request; - to be asked.",
)
@with_json
@pass_session
def place(session: Session, case: str, identity: str | None, person: str | None) -> None:
    """Refuse deletion and erasure from now on.

    The same again changes nothing. CASE is the id of a deletion request in this log; or, with --identity or --person, any
    name for what it is for.

    Example: tally hold place case-17 --identity customer=-
    """
    if person == "-":
        person = ask("person")
    borne = None if identity is None else read_identity(identity)
    with session.open() as log:
        known = {each.id for each in vault_beside(log).docket.holds()}
        id = holding.place(log, case, person=person, identity=borne)
    session.output.facts(
        {"hold": id, "request": case}, "The hold stood already." if id in known else "The hold stands."
    )


@hold.command()
@click.argument("hold")
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why it ends.")
@click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
@with_json
@pass_session
def release(session: Session, hold: str, reason: str, by: str) -> None:
    """End a hold for good.

    Example: tally hold release HOLD --reason matter-closed --by operator:7
    """
    with session.open() as log:
        holds.release(log, hold, by=by, reason=reason)
    session.output.facts({"hold": hold, "reason": reason, "by": by}, "The hold is released.")


@hold.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every hold, and how it ended.

    Example: tally hold list
    """
    with session.open() as log:
        rows: list[dict[str, object]] = [
            {
                "hold": each.id,
                "request": each.request,
                "on_a_person": each.is_on_person,
                "stands": each.stands,
                "reason": each.reason,
                "by": each.actor,
            }
            for each in vault_beside(log).docket.holds()
        ]
    session.output.rows(rows, ("hold", "request", "on_a_person", "stands", "reason", "by"), empty="no holds")
