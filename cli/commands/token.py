"""token create, list, revoke: who may speak to the service, as facts of the log."""

from __future__ import annotations

import re
from datetime import timedelta

import click

from cli.session import Session, pass_session, with_json
from ledger import access
from ledger.clock import print_at, system_clock

_UNITS = {"h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([hd])\Z")


class Duration(click.ParamType[timedelta | None]):
    """`90d`, `12h` or `never`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | None:
        """Return the duration; None for never."""
        if value == "never" or isinstance(value, timedelta):
            return value if isinstance(value, timedelta) else None
        match = _DURATION.match(str(value))
        if match is None:
            self.fail(f"{value!r} is not a duration like 90d, 12h or never", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.group()
def token() -> None:
    """Credentials of the HTTP service."""


@token.command("create")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(access.ROLES), help="May be repeated.")
@click.option(
    "--source", "sources", multiple=True, metavar="URI", help="May write as this source, or one below it, alone."
)
@click.option(
    "--namespace", "namespaces", multiple=True, metavar="NAME", help="Bound to this namespace, or one below it."
)
@click.option("--expires", type=Duration(), default="90d", show_default=True, metavar="90d|12h|never")
@with_json
@pass_session
def create(
    session: Session,
    roles: tuple[str, ...],
    sources: tuple[str, ...],
    namespaces: tuple[str, ...],
    expires: timedelta | None,
) -> None:
    """Grant a credential and print its token, this once.

    Example: tally token create --role emitter --source urn:airflow --expires 30d
    """
    with session.open() as log:
        end = None if expires is None else log.clock() + expires
        secret, receipt = access.grant(log, roles, sources=sources, namespaces=namespaces, expires=end)
        session.output.facts(
            {"token": secret, "id": secret.split("_")[1], "expires": end and print_at(end), "seq": receipt.seq},
            "Keep it now: only its hash is in the log.",
        )


@token.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every credential that was ever granted.

    Example: tally token list
    """
    now = print_at(system_clock())
    with session.open(read_only=True) as log:
        rows: list[dict[str, object]] = [
            {
                "id": grant.id,
                "roles": list(grant.roles),
                "sources": list(grant.sources),
                "namespaces": list(grant.namespaces),
                "granted": grant.granted_at,
                "expires": grant.expires,
                "state": "revoked" if grant.revoked_at else "holds" if grant.holds(now) else "expired",
            }
            for grant in access.read_grants(log).values()
        ]
    columns = ("id", "roles", "sources", "namespaces", "granted", "expires", "state")
    session.output.rows(rows, columns, empty="no credentials")


@token.command("revoke")
@click.argument("id_", metavar="ID")
@with_json
@pass_session
def revoke(session: Session, id_: str) -> None:
    """Revoke a credential; a running service follows within a second.

    Example: tally token revoke 0f3a9c5e7b1d2468
    """
    with session.open() as log:
        receipt = access.revoke(log, id_)
        session.output.facts({"id": id_, "seq": receipt.seq}, "Revoked.")
