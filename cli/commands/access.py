"""sources access request, agree, grant, revoke, list, expire: who may use a source, on which terms, until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from cli.session import Session, pass_session, with_json
from contracts.catalog import granting, store
from contracts.catalog.access import Access
from ledger.clock import print_at
from proofs.errors import RefusedError

_BY = click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")


@click.group()
def access() -> None:
    """Who may use a source: asked, agreed, granted, taken back."""


@access.command()
@click.argument("source")
@click.argument("who")
@_BY
@click.option("--purpose", required=True, metavar="TEXT", help="What for. It stands for ever: name no person.")
@with_json
@pass_session
def request(session: Session, source: str, who: str, by: str, purpose: str) -> None:
    """Ask that WHO, a pseudonym, may use SOURCE.

    Example: tally sources access request orders-db team:growth --by lead:7 --purpose churn
    """
    with session.open() as log:
        _print(session, granting.request(log, source, who, by=by, purpose=purpose), "Requested.")


@access.command()
@click.argument("source")
@click.argument("who")
@_BY
@click.option(
    "--terms", metavar="SHA256", help="Of the terms that were read, or its beginning.  [default: those of now]"
)
@with_json
@pass_session
def agree(session: Session, source: str, who: str, by: str, terms: str | None) -> None:
    """Agree to the terms of SOURCE for WHO: their hash is signed.

    Exit status 7 when the terms are others by now.

    Example: tally sources access agree orders-db team:growth --by lead:7
    """
    with session.open() as log:
        _print(session, granting.agree(log, source, who, by=by, terms_sha256=terms), "Agreed.")


@access.command()
@click.argument("source")
@click.argument("who")
@_BY
@click.option("--until", metavar="TIME", help="YYYY-MM-DD[Thh:mm:ssZ].")
@click.option("--days", type=click.IntRange(1, 3_660), help="Or for so many days.")
@with_json
@pass_session
def grant(session: Session, source: str, who: str, *, by: str, until: str | None, days: int | None) -> None:
    """Grant WHO the use of SOURCE, on terms that were agreed to.

    Exit status 9 where they were not, or another pair of eyes is wanted.

    Example: tally sources access grant orders-db team:growth --by owner:2 --days 90
    """
    if (until is None) == (days is None):
        raise RefusedError("a grant ends: --until a time, or after --days")
    with session.open() as log:
        ends = _moment(until) if until is not None else log.clock() + timedelta(days=days or 0)
        _print(session, granting.grant(log, source, who, by=by, until=ends), "Granted.")


@access.command()
@click.argument("source")
@click.argument("who")
@_BY
@click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")
@with_json
@pass_session
def revoke(session: Session, source: str, who: str, by: str, reason: str) -> None:
    """Turn a request down, or take back what was granted.

    Example: tally sources access revoke orders-db team:growth --by owner:2 --reason "project over"
    """
    with session.open() as log:
        _print(session, granting.revoke(log, source, who, by=by, reason=reason), "Revoked.")


@access.command("list")
@click.argument("source", required=False)
@click.option("--as-of", metavar="TIME", help="Who might use it then.  [default: now]")
@click.option("--all", "every", is_flag=True, help="Also those that ended, or were never granted.")
@with_json
@pass_session
def list_(session: Session, source: str | None, *, as_of: str | None, every: bool) -> None:
    """Say who may use which source.

    Example: tally sources access list orders-db --as-of 2026-11-01
    """
    with session.open(read_only=True) as log:
        moment = log.clock() if as_of is None else _moment(as_of)
        found = store.accesses(log, source=source, as_of=print_at(moment))
    rows: list[dict[str, object]] = [
        {**_row(each), "may_use": each.holds(moment) and not ended}
        for each, ended in found
        if every or (each.holds(moment) and not ended)
    ]
    columns = ("source", "who", "may_use", "state", "since", "until", "requested_by", "terms_sha256")
    session.output.rows(rows, columns, empty="nobody may use it" if source else "nobody may use any")


@access.command()
@with_json
@pass_session
def expire(session: Session) -> None:
    """Record the end of every grant whose time is over, once.

    For a cron job: an access ends at its time whether or not this runs.

    Example: tally sources access expire
    """
    with session.open() as log:
        rows = [_row(each) for each in granting.expire(log, log.clock())]
    session.output.rows(rows, ("source", "who", "until"), empty="none is over")


def _row(found: Access) -> dict[str, object]:
    return {
        "source": found.source,
        "who": found.who,
        "state": found.state.value,
        "since": found.since,
        "until": found.until,
        "requested_by": found.requested_by,
        "terms_sha256": found.terms_sha256,
    }


def _print(session: Session, found: Access, title: str) -> None:
    session.output.facts(_row(found), title)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"{text[:40]!r} is no time written YYYY-MM-DD[Thh:mm:ssZ]") from error
