"""import: what other systems recorded before, marked as imported and with the times that it had there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import click

from cli.output import say
from cli.session import Session, named_file, pass_session, read_input, read_secret, readable, with_json
from ledger.append import Receipt
from ledger.closing import ClosedError
from ledger.log import Ledger
from lineage.imports.arrival import Arrival
from proofs.errors import BusyError, MissingError, RefusedError, TallyError
from proofs.report import counted

_BATCH = 1000
_NAMED = 20


@dataclass(slots=True)
class _Tally:
    """What became of what was read."""

    recorded: int = 0
    known: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.recorded + self.known + len(self.refused)


@click.group("import")
def import_() -> None:
    """Take in what another system recorded before.

    The same again changes nothing.

    Example: tally import openlineage events.jsonl
    """


@import_.command()
@click.argument("file")
@click.option("--source", metavar="URI", help="Recorded as the source of every event; its own producer unless named.")
@with_json
@pass_session
def openlineage(session: Session, file: str, source: str | None) -> None:
    """Import OpenLineage events, one JSON document a line.

    From FILE or standard input (-).

    Example: tally import openlineage events.jsonl
    """
    opened = nullcontext(sys.stdin.buffer) if file == "-" else named_file(Path(file), "events").open("rb")
    with opened as lines:
        _import(session, _observed(lines, file, source), file)


def _observed(lines: BinaryIO, file: str, source: str | None) -> Iterator[Arrival]:
    from lineage.imports import jsonl

    what, where = ("standard input", "") if file == "-" else ("events", file)
    with readable(what, where=where):
        yield from jsonl.read(lines, source=source)


@import_.command()
@click.argument("url")
@click.option("--after", metavar="TIME", help="Only events behind this time, as Marquez takes it (RFC 3339).")
@click.option("--before", metavar="TIME", help="Only events before this time.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Bearer token of a proxy before it."
)
@with_json
@pass_session
def marquez(session: Session, url: str, after: str | None, before: str | None, token_file: Path | None) -> None:
    """Import the events that the Marquez server at URL kept.

    Example: tally import marquez http://localhost:5000
    """
    from lineage.imports import marquez as server

    token = read_secret(token_file, "token file").decode("ascii", "replace").strip() if token_file else None
    get = server.connect(url, token=token)
    _import(session, server.read(url, get=get, after=after, before=before), url)


@import_.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--namespace",
    metavar="URI",
    help='Of the datasets, as OpenLineage names the warehouse, for example "postgres://db:5432"; artifacts do not say.',
)
@click.option("--job-namespace", default="dbt", show_default=True, metavar="NAME", help="Of the jobs.")
@with_json
@pass_session
def dbt(session: Session, target: Path, namespace: str | None, job_namespace: str) -> None:
    """Import the dbt artifacts in the folder TARGET.

    They are manifest.json, and run_results.json and catalog.json where they are.

    Example: tally import dbt target --namespace postgres://db:5432
    """
    from lineage.imports import dbt as artifacts

    arrivals = artifacts.read(
        read_input(str(target / "manifest.json"), "manifest"),
        _artifact(target / "run_results.json"),
        _artifact(target / "catalog.json"),
        namespace=namespace,
        job_namespace=job_namespace,
    )
    _import(session, arrivals, str(target))


def _artifact(path: Path) -> bytes | None:
    try:
        return read_input(str(path), "artifact")
    except MissingError:
        if path.exists():  # it is there and cannot be read: that is no answer to "was there a run?"
            raise
        return None


def _import(session: Session, arrivals: Iterator[Arrival], name: str) -> None:
    tally = _Tally()
    with session.open() as log, session.output.progress("importing") as advance:
        try:
            while batch := list(islice(arrivals, _BATCH)):
                _append(log, batch, tally)
                advance(tally.read, tally.read + _BATCH)
        except TallyError as error:
            error.hint = f"{tally.recorded} were recorded before; run it again, nothing is recorded twice"
            raise
    _report(session, tally, name)


def _append(log: Ledger, batch: list[Arrival], tally: _Tally) -> None:
    """Append what may be; one that the ledger refuses is named and stops no other."""
    answers = iter(log.group.append_each([arrival.event for arrival in batch if arrival.event is not None]))
    stopped: ClosedError | BusyError | None = None
    for each in batch:
        answer = next(answers) if each.event is not None else None
        if isinstance(answer, Receipt):
            tally.known += answer.is_replay
            tally.recorded += not answer.is_replay
        elif isinstance(answer, ClosedError | BusyError):
            stopped = stopped or answer  # speaks of the log, not of the event
        else:
            tally.refused.append({"where": each.where, "why": answer.what if answer else each.refusal})
    if stopped is not None:
        raise stopped


def _report(session: Session, tally: _Tally, name: str) -> None:
    refused = len(tally.refused)
    if session.output.as_json:
        session.output.document({"known": tally.known, "recorded": tally.recorded, "refused": tally.refused})
    else:
        for each in tally.refused[:_NAMED]:
            say(f"✗ {each['where']}: {each['why']}", err=True)
        if refused > _NAMED:
            say(f"✗ … and {refused - _NAMED} more; --json names all", err=True)
        say(
            f"✓ {counted(tally.recorded, 'event', 'events')} imported, {counted(tally.known, 'was', 'were')} there already"
        )
    if not tally.read:
        raise RefusedError("there is no event to import", where=name)
    if refused:
        raise RefusedError(f"{counted(refused, 'record is', 'records are')} refused and stayed outside", where=name)
