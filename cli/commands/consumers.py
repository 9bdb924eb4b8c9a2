"""contract subscribe, unsubscribe, consumers: who relies on a contract, and is told before it changes."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, with_json
from contracts.consumers import register, subscribing

_BY = click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")


@click.command()
@click.argument("name")
@click.argument("consumer")
@click.option("--channel", required=True, metavar="NAME", help="Of the channels of `tally notify run`.")
@click.option("--version", metavar="VERSION", help="That is relied on.  [default: the highest]")
@_BY
@with_json
@pass_session
def subscribe(session: Session, name: str, consumer: str, *, channel: str, version: str | None, by: str) -> None:
    """Register CONSUMER, a pseudonym, as relying on contract NAME.

    They are told of what is announced, deprecated and retired, by a channel
    of their own. Again, it changes the channel or the version.

    Example: tally contract subscribe orders team:growth --channel "#growth" --by lead:7
    """
    with session.open() as log:
        receipt, found = subscribing.subscribe(log, name, consumer, channel=channel, by=by, version=version)
    facts = {"contract": name, "version": found.version, "consumer": consumer, "channel": channel, "seq": receipt.seq}
    session.output.facts(facts, "Registered.")


@click.command()
@click.argument("name")
@click.argument("consumer")
@_BY
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")
@with_json
@pass_session
def unsubscribe(session: Session, name: str, consumer: str, by: str, reason: str) -> None:
    """End that CONSUMER relies on contract NAME.

    Example: tally contract unsubscribe orders team:growth --by lead:7 --reason "model retired"
    """
    with session.open() as log:
        receipt = subscribing.unsubscribe(log, name, consumer, by=by, reason=reason)
    session.output.facts({"contract": name, "consumer": consumer, "seq": receipt.seq}, "Ended.")


@click.command()
@click.argument("name", required=False)
@with_json
@pass_session
def consumers(session: Session, name: str | None) -> None:
    """List who relies on contract NAME or any, and what they know.

    Example: tally contract consumers orders
    """
    with session.open(read_only=True) as log:
        rows: list[dict[str, object]] = []
        for found in register.consumers(log, name):
            told = register.told_of(log, found.name)
            rows.append(
                {
                    "consumer": found.name,
                    "contract": found.contract,
                    "version": found.version,
                    "dataset": found.dataset,
                    "channel": found.channel,
                    "told_of": told[0][0] if told else None,
                    "told_at": told[0][1] if told else None,
                }
            )
    columns = ("consumer", "contract", "version", "dataset", "channel", "told_of", "told_at")
    session.output.rows(rows, columns, empty="no consumers")
