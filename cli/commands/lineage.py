"""lineage graph, findings, and the graph through time (cli/commands/chronicle.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from cli.commands.chronicle import COMMANDS
from cli.commands.coverage import coverage
from cli.output import say
from cli.session import Session, pass_session, with_json, write_output
from ledger.record import Record
from lineage import names, query
from lineage.graph import LineageProjection
from lineage.graphml import graphml
from lineage.prov import prov_json
from lineage.render import svg
from proofs import edges
from proofs.errors import MissingError, RefusedError
from proofs.statement import Node
from proofs.streams import OPENLINEAGE_TYPES


@click.group()
def lineage() -> None:
    """Who made what from what."""


@lineage.command()
@click.option("--entry", type=click.IntRange(0), metavar="SEQ", help="Only this event, each finding with its place.")
@click.option("--after", type=click.IntRange(-1), default=-1, metavar="SEQ", help="Only what stands behind this entry.")
@with_json
@pass_session
def findings(session: Session, entry: int | None, after: int) -> None:
    """Whose OpenLineage events are not as their schemas say.

    Example: tally lineage findings
    """
    from lineage.findings import findings_of, habits, irregular

    with session.open(read_only=True) as log:
        if entry is not None:
            record = log.entry(entry)
            if record.body is None:
                raise MissingError(f"the body of entry {entry} was destroyed")
            found = findings_of(record.body) if record.type in OPENLINEAGE_TYPES else []
            session.output.rows([asdict(one) for one in found], ("code", "place", "says"), empty="as its schemas say")
            return
        size = log.size
        with session.output.progress("reading") as advance:
            records = told(log.read(after + 1, size), lambda record: advance(record.seq + 1, size))
            rows = [asdict(habit) for habit in habits(irregular(records))]
    session.output.rows(rows, ("events", "code", "source", "first", "last"), empty="every event is as its schemas say")


def told(records: Iterable[Record], tell: Callable[[Record], None]) -> Iterator[Record]:
    """Yield `records`, and tell of each."""
    for record in records:
        tell(record)
        yield record


@lineage.command()
@click.argument("dataset", required=False)
@click.option(
    "--format", "form", type=click.Choice(["text", "svg", "prov", "graphml", "json"]), default="text", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A new file instead of standard output.")
@with_json
@pass_session
def graph(session: Session, dataset: str | None, form: str, out: Path | None) -> None:
    """The graph around DATASET, or all of it.

    As text, picture, W3C PROV, GraphML or lineage.json.

    Example: tally lineage graph 'warehouse|features' --format svg --out features.svg
    """
    if form == "graphml" and dataset is None:
        raise RefusedError("GraphML holds the graph around one dataset, and none was named", hint="name a DATASET")
    xml = b""
    with session.open(read_only=True) as log, log.viewing(LineageProjection()) as db:
        if dataset is None:
            found = query.load(db)
        else:
            below, above = (
                query.closure(db, [read_dataset(dataset)], upstream=upstream).distance for upstream in (False, True)
            )
            found = query.subgraph(db, {*below, *above})
            xml = graphml(db, {*below, *above}) if form == "graphml" else b""
    if form == "text" and not session.output.as_json and out is None:
        rows = [
            {
                "from": edge.source.text,
                "to": edge.target.text,
                "job": edge.job.text if edge.job else "",
                "state": edge.state,
            }
            for edge in found.edges
        ]
        session.output.rows(rows, ("from", "to", "job", "state"), empty="no lineage is recorded")
        return
    data = xml or {"svg": svg, "prov": prov_json}.get(form, edges.to_json)(found)
    if out is not None:
        write_output(out, data)
        session.output.document({"file": str(out)}, f"✓ {out}")
    else:
        say(data.decode().rstrip("\n"))


def read_dataset(text: str) -> Node:
    """Return the dataset that "namespace|name" names.

    Raises:
        RefusedError: It is not written so (`lineage.names`), or names a job.
    """
    return names.parse_dataset(text)


for command in (*COMMANDS, coverage):
    lineage.add_command(command)
