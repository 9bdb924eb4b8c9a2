"""quarantine list, show, review, replay, delete, expire: rows that were kept apart, and what becomes of them."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from cli.commands.contracts import read_contract
from cli.session import Session, pass_session, with_json
from contracts.history import ReadableLog
from contracts.quarantine import store
from contracts.quarantine.orphans import Orphan, orphans, remove_orphans
from ledger.clock import print_at
from proofs.errors import RefusedError

_IN = click.option(
    "--in", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where quarantines stand."
)
_OLDER = click.option(
    "--older-than",
    "hours",
    type=click.IntRange(1, 87_600),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="An orphan is untouched for so long.",
)
_BY = click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")


@click.group()
def quarantine() -> None:
    """Rows that were kept apart by `tally check --quarantine`."""


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Also those whose rows are gone.")
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Look here for rows that no entry names, too.",
)
@_OLDER
@with_json
@pass_session
def list_(session: Session, *, every: bool, folder: Path | None, hours: int) -> None:
    """List quarantines, the newest first.

    With --in also what a check left there that died before it could tell of it: an orphan, which `tally quarantine expire`
    deletes.

    Example: tally quarantine list
    """
    with session.open(read_only=True) as log:
        found = [kept for kept in store.quarantines(log) if every or not kept.is_gone]
        left = () if folder is None else _orphans(log, folder, hours)
    rows: list[dict[str, object]] = [
        {
            "quarantine": kept.id,
            "at": kept.at,
            "dataset": f"{kept.opened.dataset.namespace}|{kept.opened.dataset.name}",
            "rows": kept.opened.rows,
            "state": kept.state,
            "verdict": kept.verdict,
            "until": kept.opened.until[:10],
            "decision": kept.opened.decided.seq,
        }
        for kept in found
    ]
    rows += [
        {
            **dict.fromkeys(("dataset", "rows", "verdict", "until", "decision")),
            "quarantine": each.id,
            "at": print_at(each.touched),
            "state": "orphan",
        }
        for each in left
    ]
    columns = ("quarantine", "at", "dataset", "rows", "state", "verdict", "until", "decision")
    session.output.rows(rows, columns, empty="no quarantines")


@quarantine.command()
@click.argument("id")
@_IN
@with_json
@pass_session
def show(session: Session, id: str, folder: Path) -> None:
    """Say which rules the rows broke, and that they are there.

    Exit status 3 when the file is another.

    Example: tally quarantine show ID --in quarantine
    """
    with session.open(read_only=True) as log:
        kept = store.find(log, id)
    path = None if kept.is_gone else store.bad_rows(kept, folder)
    opened = kept.opened
    facts = {
        "quarantine": kept.id,
        "state": kept.state,
        "verdict": kept.verdict,
        "dataset": f"{opened.dataset.namespace}|{opened.dataset.name}",
        "contract": f"{opened.contract.name} {opened.contract.version}",
        "decision": opened.decided.seq,
        "rows": opened.rows,
        "good_rows": opened.good_rows,
        "all_rows": opened.whole,
        "until": opened.until,
        "file": None if path is None else str(path),
    }
    rules: list[dict[str, object]] = [{"rule": each.rule, "rows": each.rows} for each in opened.rules]
    if session.output.as_json:
        session.output.document({**facts, "rules": rules})
        return
    session.output.facts(facts)
    session.output.rows(rules, ("rule", "rows"), empty="a rule of the table is broken, which parts no rows")


@quarantine.command()
@click.argument("id")
@click.option("--verdict", type=click.Choice(["release", "reject", "keep"]), required=True, help="What it comes to.")
@_BY
@_REASON
@with_json
@pass_session
def review(session: Session, id: str, verdict: str, by: str, reason: str) -> None:
    """Record what you make of the rows.

    Example: tally quarantine review ID --verdict reject --by data:1 --reason "wrong unit"
    """
    with session.open() as log:
        receipt = store.review(log, store.find(log, id), by=by, verdict=verdict, reason=reason)
    session.output.facts({"quarantine": id, "verdict": verdict, "seq": receipt.seq}, "Reviewed.")


@quarantine.command()
@click.argument("id")
@click.argument("contract")
@_IN
@with_json
@pass_session
def replay(session: Session, id: str, contract: str, folder: Path) -> None:
    """Hold the rows to CONTRACT again.

    Those that keep it now are written to a file of their own.

    Example: tally quarantine replay ID orders-2.yaml --in quarantine
    """
    document = read_contract(contract)
    with session.open() as log:
        kept = store.find(log, id)
        receipt, released, path = store.replay(log, kept, folder, document)
    facts = {
        "quarantine": id,
        "rows": kept.opened.rows,
        "released": released,
        "file": None if path is None else str(path),
        "seq": receipt.seq,
    }
    session.output.facts(facts, "Replayed.")


@quarantine.command()
@click.argument("id")
@_IN
@_BY
@_REASON
@with_json
@pass_session
def delete(session: Session, id: str, folder: Path, by: str, reason: str) -> None:
    """Delete the rows for good.

    Example: tally quarantine delete ID --in quarantine --by data:1 --reason "sent again"
    """
    with session.open() as log:
        receipt = store.delete(log, store.find(log, id), folder, by=by, reason=reason)
    session.output.facts({"quarantine": id, "seq": receipt.seq}, "The rows are deleted.")


@quarantine.command()
@_IN
@click.option("--orphans", "with_orphans", is_flag=True, help="Also rows that no entry names.")
@_OLDER
@click.option("--yes", is_flag=True, help="Delete orphans without asking.")
@with_json
@pass_session
def expire(session: Session, folder: Path, *, with_orphans: bool, hours: int, yes: bool) -> None:
    """Delete the rows of every quarantine whose time is over.

    An orphan is what a check left that died before it could tell of it, or what was left of rows that an entry calls deleted.
    Those of another ledger are none.

    Example: tally quarantine expire --in quarantine
    """
    with session.open() as log:
        rows: list[dict[str, object]] = [
            {"quarantine": kept.id, "until": kept.opened.until} for kept in store.expire(log, folder, log.clock())
        ]
        if with_orphans and (left := _orphans(log, folder, hours)):
            _ask(left, yes=yes)
            gone = remove_orphans(log, folder, origin=log.origin, now=log.clock(), older_than=timedelta(hours=hours))
            rows += [{"quarantine": each.id, "until": None} for each in gone]
    session.output.rows(rows, ("quarantine", "until"), empty="none is over")


def _orphans(log: ReadableLog, folder: Path, hours: int) -> tuple[Orphan, ...]:
    return orphans(log, folder, origin=log.origin, now=log.clock(), older_than=timedelta(hours=hours))


def _ask(left: tuple[Orphan, ...], *, yes: bool) -> None:
    """Have somebody say that what no entry names may go; a script says so by --yes."""
    if yes:
        return
    told = f"{len(left)} folder{'s' if len(left) > 1 else ''} that no entry names, {left[0].id} first"
    if not sys.stdin.isatty():
        raise RefusedError(f"nobody can be asked whether to delete {told}", hint="say --yes")
    if not click.confirm(f"Delete the rows in {told}?", err=True):
        raise RefusedError("nothing that no entry names was deleted")
