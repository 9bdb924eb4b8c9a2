"""init, status, verify, clock: the ledger as a whole."""

from __future__ import annotations

import click

import ledger
from cli.output import say
from cli.session import Session, pass_session, with_json
from ledger.checkpoint import read_checkpoint
from ledger.fsck import fsck
from ledger.keys import log_vkey
from proofs.errors import TamperedError
from proofs.report import counted


@click.command()
@click.option("--origin", required=True, metavar="NAME", help="The log's name, for example ledger.example.org/churn.")
@with_json
@pass_session
def init(session: Session, origin: str) -> None:
    """Create a ledger, its log key and its evidence key."""
    secret = session.passphrase(confirm=True)
    with ledger.create(session.named_url(), origin=origin, home=session.home, passphrase=lambda: secret) as log:
        folder = log.keyring.folder if log.keyring else None
        session.output.facts(
            {
                "ledger": session.url,
                "origin": origin,
                "keyring": str(folder),
                "log_key": log_vkey(origin, log.keys()[0].public_key).to_text(),
                "entries": log.size,
            },
            "Ledger created. Back up the keyring, and not together with the ledger.",
        )


@click.command()
@with_json
@pass_session
def status(session: Session) -> None:
    """Show the log's size, head, keys and views."""
    with session.open(read_only=True) as log:
        stored = log.store.checkpoints.all()
        # The head beside the key is the truth; without a keyring the ledger's own copy is what there is.
        kept = log.keyring.head() if log.keyring else stored[-1][1] if stored else None
        head = None if kept is None else read_checkpoint(kept, origin=log.origin).checkpoint
        last = log.entry(log.size - 1) if log.size else None
        session.output.facts(
            {
                "origin": log.origin,
                "entries": log.size,
                "root": log.tree.root(log.size).hex(),
                "last_entry_at": last and last.at,
                "streams": log.store.streams.total(),
                "checkpoints": len(stored),
                "signed_up_to": head and head.size,
                "unsigned_entries": log.size - (head.size if head else 0),
                "keyring": str(log.keyring.folder) if log.keyring else None,
            }
        )


@click.command()
@with_json
@pass_session
def verify(session: Session) -> None:
    """Recompute everything in the ledger from its stored bytes."""
    with session.open(read_only=True) as log, session.output.progress("verifying") as advance:
        report = fsck(log.store, keyring=log.keyring, progress=advance)
        checkpoints = len(log.store.checkpoints.all())
    if session.output.as_json:
        session.output.document(report.to_json())
    else:
        for finding in report.findings:
            say(f"✗ {finding.where}: {finding.what}")
    if not report.ok:
        raise TamperedError(
            f"{counted(len(report.findings), 'finding', 'findings')} in {counted(report.entries, 'entry', 'entries')}"
        )
    if not session.output.as_json:
        signed = counted(checkpoints, "checkpoint", "checkpoints") if checkpoints else "nothing is signed yet"
        say(f"✓ {report.entries} entries: chain, tree, streams and commitments are whole; {signed}")


@click.group()
def clock() -> None:
    """The ledger's clock."""


@clock.command()
@with_json
@pass_session
def confirm(session: Session) -> None:
    """Confirm that the clock is right although it jumped; recorded in the log."""
    with session.open() as log:
        receipt = log.confirm_clock()
        session.output.facts({"seq": receipt.seq, "leaf": receipt.leaf.hex()}, "The clock is confirmed.")
