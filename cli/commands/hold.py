"""hold place, release, list: what must not be erased, and until when."""

from __future__ import annotations

import click

from cli.session import Session, ask, pass_session, with_json
from ledger import holds
from ledger.holds import REASONS, vault_beside


@click.group()
def hold() -> None:
    """Legal holds: while one stands, nobody whom it is about is erased."""


@hold.command()
@click.argument("request")
@click.option("--person", metavar="PERSON", help="Nor erase them for any other request; - to be asked.")
@with_json
@pass_session
def place(session: Session, request: str, person: str | None) -> None:
    """Refuse every erasure for a request, from now on; the same again changes nothing.

    Example: tally hold place REQUEST
    """
    if person == "-":
        person = ask("person")
    with session.open() as log:
        id = holds.hold(log, request, person=person)
    session.output.facts({"hold": id, "request": request}, "The hold stands.")


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
