"""keys list, add, rotate, rotate-epoch."""

from __future__ import annotations

from typing import Final

import click

from cli.session import Session, pass_session, with_json
from ledger.holds import vault_beside
from ledger.keys import current
from ledger.rotation import REASONS, add, rotate
from ledger.signer import Purpose

_PURPOSES: Final[tuple[Purpose, ...]] = ("log", "evidence")
_NEW_PEM: Final = (
    "evidence is signed with this key from now on: readers need a new evidence.pem, from `tally evidence trust`"
)


@click.group()
def keys() -> None:
    """The log's signing keys, as the log itself tells them."""


@keys.command("list")
@with_json
@pass_session
def list_(session: Session) -> None:
    """List every key, and which of each purpose signs now.

    Example: tally keys list
    """
    with session.open(read_only=True) as log:
        known, size = log.keys(), log.size
    signing = {current(known, key.purpose, size=size).id for key in known if key.is_current(size)}
    rows: list[dict[str, object]] = [
        {
            "purpose": key.purpose,
            "id": key.id,
            "added_at_entry": key.added,
            "retired_at_entry": key.retired,
            "is_current": key.id in signing,
        }
        for key in known
    ]
    columns = ("purpose", "id", "added_at_entry", "retired_at_entry", "is_current")
    session.output.rows(rows, columns, empty="no keys")


@keys.command("add")
@click.option("--purpose", type=click.Choice(["evidence"]), default="evidence", show_default=True)
@with_json
@pass_session
def add_(session: Session, purpose: str) -> None:
    """Bring a further key into use.

    It signs from now on, and the ones before stay valid.

    Example: tally keys add
    """
    with session.open() as log:
        key = add(log, "evidence")
        session.output.remark([_NEW_PEM])
        session.output.facts({"purpose": purpose, "id": key.id, "added_at_entry": key.added}, "Key added.")


@keys.command("rotate")
@click.option("--purpose", type=click.Choice(_PURPOSES), required=True)
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    default="rotated",
    show_default=True,
    help="An evidence key may be compromised; a log whose own key is, is closed and continued in a new one.",
)
@with_json
@pass_session
def rotate_(session: Session, purpose: Purpose, reason: str) -> None:
    """Replace a key.

    A log key hands over with a checkpoint signed by both.

    Example: tally keys rotate --purpose log
    """
    with session.open() as log:
        key = rotate(log, purpose, reason=reason)
        if purpose == "evidence":
            session.output.remark([_NEW_PEM])
        session.output.facts({"purpose": purpose, "id": key.id, "added_at_entry": key.added}, "Key rotated.")


@keys.command("rotate-epoch")
@with_json
@pass_session
def rotate_epoch(session: Session) -> None:
    """Wrap the keys of all personal parts anew.

    Every older copy of the vault can no longer be opened.

    Example: tally keys rotate-epoch
    """
    with session.open() as log:
        session.output.facts({"epoch": vault_beside(log).rotate_epoch()}, "Key-encryption key rotated.")
