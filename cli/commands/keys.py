"""keys list, add, rotate, rotate-epoch."""

from __future__ import annotations

import click

from cli.session import Session, pass_session, with_json
from ledger.holds import vault_beside
from ledger.rotation import add, rotate

_PURPOSE = click.Choice(["log", "evidence"])


@click.group()
def keys() -> None:
    """The log's signing keys, as the log itself tells them."""


@keys.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every key that was ever in use.

    Example: tally keys list
    """
    with session.open(read_only=True) as log:
        rows: list[dict[str, object]] = [
            {"purpose": key.purpose, "id": key.id, "added_at_entry": key.added, "retired_at_entry": key.retired}
            for key in log.keys()  # noqa: SIM118 - not a mapping
        ]
    session.output.rows(rows, ("purpose", "id", "added_at_entry", "retired_at_entry"), empty="no keys")


@keys.command("add")
@click.option("--purpose", type=click.Choice(["evidence"]), default="evidence", show_default=True)
@with_json
@pass_session
def add_(session: Session, purpose: str) -> None:
    """Bring a further key into use beside the one that is.

    Example: tally keys add
    """
    with session.open() as log:
        key = add(log, "evidence")
        session.output.facts({"purpose": purpose, "id": key.id, "added_at_entry": key.added}, "Key added.")


@keys.command("rotate")
@click.option("--purpose", type=_PURPOSE, required=True)
@click.option("--reason", type=click.Choice(["rotated", "compromised"]), default="rotated", show_default=True)
@with_json
@pass_session
def rotate_(session: Session, purpose: str, reason: str) -> None:
    """Replace a key; a log key hands over with a checkpoint signed by both.

    Example: tally keys rotate --purpose log
    """
    with session.open() as log:
        key = rotate(log, "log" if purpose == "log" else "evidence", reason=reason)
        session.output.facts({"purpose": purpose, "id": key.id, "added_at_entry": key.added}, "Key rotated.")


@keys.command("rotate-epoch")
@with_json
@pass_session
def rotate_epoch(session: Session) -> None:
    """Wrap the keys of all personal parts anew: every older copy of the vault can no longer be opened.

    Example: tally keys rotate-epoch
    """
    with session.open() as log:
        session.output.facts({"epoch": vault_beside(log).rotate_epoch()}, "Key-encryption key rotated.")
