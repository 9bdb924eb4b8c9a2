"""init, status, verify, clock, close: the ledger as a whole, from its first entry to its last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

import ledger
from cli.output import say
from cli.session import Session, named, pass_session, read_input, with_json, write_output
from evidence.views import known_views
from ledger.checkpoint import read_checkpoint
from ledger.closing import REASONS, close_log, predecessor_of, read_predecessor
from ledger.fsck import Report, fsck
from ledger.keys import log_vkey
from ledger.store import Store
from ledger.stores.postgres_address import shown
from proofs.errors import ConflictError, MalformedError, MissingError, StaleError, TamperedError
from proofs.report import counted


@click.command()
@click.option("--origin", required=True, metavar="NAME", help="The log's name, for example ledger.example.org/churn.")
@click.option(
    "--predecessor", metavar="FILE", help="The last checkpoint of the log that this one continues, as a file."
)
@with_json
@pass_session
def init(session: Session, origin: str, predecessor: str | None) -> None:
    """Create a ledger, its log key and its evidence key.

    Example: tally --ledger sqlite:///audit.db init --origin ledger.example.org/churn
    """
    before = None if predecessor is None else _predecessor(predecessor)
    secret = session.passphrase(confirm=True)
    with ledger.create(
        session.named_url(), origin=origin, home=session.home, passphrase=lambda: secret, predecessor=before
    ) as log:
        folder = log.keyring.folder if log.keyring else None
        session.output.facts(
            {
                "ledger": shown(session.named_url()),
                "origin": origin,
                "keyring": str(folder),
                "log_key": log_vkey(origin, log.keys()[0].public_key).to_text(),
                "entries": log.size,
            },
            "Ledger created. Back up the keyring, and not together with the ledger.",
        )


def _predecessor(file: str) -> tuple[str, int, bytes]:
    try:
        with named(file):
            return read_predecessor(read_input(file, "checkpoint"))
    except (MalformedError, MissingError) as error:
        error.hint = "it is the file of `tally close --out`, or the file `head` in the folder of the log's keys"
        raise


@click.command()
@click.option("--watch", is_flag=True, help="Draw decisions, failures, budgets and what is open, until q is pressed.")
@click.option("--once", is_flag=True, help="Draw that once.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.2, 3_600), help="In seconds.")
@with_json
@pass_session
def status(session: Session, *, watch: bool, once: bool, every: float) -> None:
    """Show the log's size, head and stored views.

    `tally keys list` shows its keys.

    Example: tally status --watch
    """
    if watch or once:
        from cli.commands.watch import show

        show(session, every=every, once=once)
        return
    with session.open(read_only=True) as log:
        stored = log.store.checkpoints.all()
        # The head beside the key is the truth; without a keyring the ledger's own copy is what there is.
        kept = log.keyring.head() if log.keyring else stored[-1][1] if stored else None
        head = None if kept is None else read_checkpoint(kept, origin=log.origin).checkpoint
        tip = log.keyring.acknowledged() if log.keyring else None
        last = log.entry(log.size - 1) if log.size else None
        known = max(head.size if head else 0, tip.size if tip else 0)
        session.output.facts(
            {
                "origin": log.origin,
                "predecessor": predecessor_of(log),
                "entries": log.size,
                "closed_by_entry": log.closed_by,
                "root": log.tree.root(log.size).hex(),
                "last_entry_at": last and last.at,
                "streams": log.store.streams.total(),
                "checkpoints": len(stored),
                "signed_up_to": head and head.size,
                "unsigned_entries": max(0, log.size - (head.size if head else 0)),
                "acknowledged_up_to": tip and tip.size,
                "keyring": str(log.keyring.folder) if log.keyring else None,
                "views": [f"{name} {position}" for name, position in _stored_views(log.store)],
            },
            None
            if log.size >= known
            else f"This is an older copy, or its end was cut off: it ends after {counted(log.size, 'entry', 'entries')}, "
            f"and {known:,} were signed or acknowledged.",
        )


def _stored_views(store: Store) -> list[tuple[str, int]]:
    """Each stored view, and how many entries are in it."""
    with store.viewing() as db:
        found = db.execute("SELECT name, position FROM projection ORDER BY name").fetchall()
    return [(str(name), int(position)) for name, position in found]


@click.command()
@with_json
@pass_session
def verify(session: Session) -> None:
    """Recompute the whole ledger, and name what was changed.

    From its stored bytes: entries, bodies, checkpoints, counters and identities; sealed parts, where the vault beside the
    keys tells which were erased; and every stored view, replayed from the log. `tally views rebuild` makes again a view that
    differs. Exit status 3 where something was changed; 7 where nothing was, and the log ends before what was signed or
    acknowledged.

    Example: tally verify
    """
    with session.open(read_only=True) as log, session.output.progress("verifying") as advance:
        report = fsck(log.store, keyring=log.keyring, projections=known_views(), progress=advance)
        stored = log.store.checkpoints.all()
    if session.output.as_json:
        session.output.document(report.to_json())
    else:
        for finding in () if report.is_older else report.findings:
            say(f"✗ {finding.where}: {finding.what}")
        for line in _absent(report):
            say(line)
    if report.is_older:
        raise _older(report.entries, max((size for size, _ in stored), default=0))
    if not report.ok:
        raise TamperedError(
            f"{counted(len(report.findings), 'finding', 'findings')} in {counted(report.entries, 'entry', 'entries')}"
        )
    if not session.output.as_json:
        signed = counted(len(stored), "checkpoint", "checkpoints") if stored else "nothing is signed yet"
        say(f"✓ {report.entries} entries: chain, tree, streams and commitments are whole; {signed}")


def _older(entries: int, signed: int) -> StaleError:
    """What is said of a log that is whole as far as it goes."""
    bare = entries - signed
    beyond = f"; no checkpoint in it covers the last {counted(bare, 'entry', 'entries')}" if bare else ""
    return StaleError(
        f"{counted(entries, 'entry is', 'entries are')} sound, but not all of the log: "
        f"this is an older copy, or its end was cut off{beyond}",
        hint="a backup ends so; where this is the ledger itself, look for the newest copy before anything else",
    )


def _absent(report: Report) -> Iterator[str]:
    """What is not there, in numbers."""
    if report.missing_bodies:
        yield f"  {counted(report.missing_bodies, 'body is', 'bodies are')} missing"
    if report.erased_parts:
        yield f"  {counted(report.erased_parts, 'sealed part was', 'sealed parts were')} destroyed by erasures"
    if report.missing_parts:
        yield (
            f"  {counted(report.missing_parts, 'sealed part is', 'sealed parts are')} not there otherwise; "
            "only the vault can tell what was erased"
        )


@click.command()
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why nothing is recorded any more.")
@click.option("--successor", metavar="NAME", help="The origin of the log that goes on.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Keep the last checkpoint in a new file.")
@with_json
@pass_session
def close(session: Session, reason: str, successor: str | None, out: Path | None) -> None:
    """Close the log for good, with its last census and checkpoint. It is read, verified and exported as before.

    Example: tally close --reason superseded --out last-checkpoint
    """
    if out is not None and out.exists():
        raise ConflictError(f"{out} exists already", hint="choose another name, or remove it")
    with session.open() as log:
        signed = close_log(log, reason=reason, successor=successor)
        closed_by = log.closed_by
    if out is not None:
        write_output(out, signed.note)
    value = {
        "origin": signed.checkpoint.origin,
        "closed_by_entry": closed_by,
        "size": signed.checkpoint.size,
        "root": signed.checkpoint.root.hex(),
    }
    if session.output.as_json:
        session.output.document({**value, "note": signed.note.decode()})
        return
    session.output.facts(value, "The log is closed.")
    say(f"\n{signed.note.decode()}".rstrip("\n") if out is None else f"✓ {out}")


@click.group()
def clock() -> None:
    """The ledger's clock."""


@clock.command()
@with_json
@pass_session
def confirm(session: Session) -> None:
    """Confirm that the clock is right although it jumped.

    The log records it.

    Example: tally clock confirm
    """
    with session.open() as log:
        receipt = log.confirm_clock()
        session.output.facts({"seq": receipt.seq, "leaf": receipt.leaf.hex()}, "The clock is confirmed.")
