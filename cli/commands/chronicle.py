"""lineage upstream, downstream, path, columns, diff, why, orphans, alias, retract: the graph through time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from cli.cut import AS_OF, KNOWN_AT, TESTS, at_a_cut
from cli.session import Session, pass_session, with_json
from ledger.finding import Finding
from lineage import names
from lineage.chronicle import record, routes
from lineage.chronicle.answer import Arrow, Part, around, check_known, columns_around, text_of
from lineage.chronicle.asked import asked, moment_of
from lineage.chronicle.cut import Cut
from lineage.chronicle.difference import difference
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.vertex import Vertex, of_node, printed
from lineage.chronicle.vertex import column as column_of
from lineage.chronicle.walk import NODE_LIMIT
from lineage.chronicle.why import why as reasons_of
from proofs.errors import MissingError, RefusedError

_DEPTH = click.option("--depth", type=click.IntRange(1), metavar="N", help="How many datasets away, at most.")
_NODES = click.option(
    "--nodes", type=click.IntRange(1), default=NODE_LIMIT, show_default=True, metavar="N", help="At most."
)
_BY = click.option("--by", required=True, metavar="PSEUDONYM", help="Who answers for it.")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why. It stands for ever: name no person.")


@click.command()
@click.argument("name", metavar="DATASET")
@_DEPTH
@_NODES
@at_a_cut
@with_json
@pass_session
def upstream(session: Session, /, name: str, *, depth: int | None, nodes: int, **cut: Any) -> None:
    """What DATASET ("namespace|name") was made from.

    Example: tally lineage upstream 'warehouse|features' --as-of 2026-11-20
    """
    _reach(session, name, asked(**cut), depth=depth, nodes=nodes, is_upstream=True)


@click.command()
@click.argument("name", metavar="DATASET")
@_DEPTH
@_NODES
@at_a_cut
@with_json
@pass_session
def downstream(session: Session, /, name: str, *, depth: int | None, nodes: int, **cut: Any) -> None:
    """What was made from DATASET ("namespace|name").

    Example: tally lineage downstream 'warehouse|orders' --depth 2
    """
    _reach(session, name, asked(**cut), depth=depth, nodes=nodes, is_upstream=False)


def _reach(session: Session, name: str, cut: Cut, *, depth: int | None, nodes: int, is_upstream: bool) -> None:
    start = of_node(names.parse_dataset(name))
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        check_known(db, start)
        found = around(db, start, cut, upstream=is_upstream, depth=depth, node_limit=nodes)
    direction = "upstream" if is_upstream else "downstream"
    _show(session, found, start, empty=f"nothing {direction} of {name}")


@click.command()
@click.argument("name", metavar="DATASET")
@click.argument("column")
@click.option("--upstream", "is_upstream", is_flag=True, help="Where it comes from, not what comes from it.")
@_DEPTH
@_NODES
@at_a_cut
@with_json
@pass_session
def columns(
    session: Session, /, name: str, column: str, *, is_upstream: bool, depth: int | None, nodes: int, **cut: Any
) -> None:
    """The columns that come from COLUMN of DATASET, across tables.

    `direct` is its value; `indirect` what it decides, as a filter or a join does.

    Example: tally lineage columns 'warehouse|orders' amount
    """
    start = of_node(names.parse_dataset(name))
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        check_known(db, start)
        found = columns_around(
            db, column_of(start, column), asked(**cut), upstream=is_upstream, depth=depth, node_limit=nodes
        )
    if not found.distance:
        raise MissingError(f"no lineage is recorded of the column {column[:120]!r}")
    _tell_cut(session, is_cut=found.truncated)
    rows = [
        {"from": text_of(arrow.source), "to": text_of(arrow.target), "kind": arrow.origin, "state": arrow.state}
        for arrow in found.arrows
    ]
    session.output.rows(rows, ("from", "to", "kind", "state"), empty=f"no column comes from {column}")


@click.command()
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO")
@click.option(
    "--most", type=click.IntRange(1, 1_000), default=routes.PATHS, show_default=True, metavar="N", help="At most."
)
@at_a_cut
@with_json
@pass_session
def path(session: Session, /, start: str, end: str, *, most: int, **cut: Any) -> None:
    """The shortest ways by which the dataset TO comes from FROM.

    Example: tally lineage path 'warehouse|orders' 'warehouse|features'
    """
    ends = [of_node(names.parse_dataset(name)) for name in (start, end)]
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        for vertex in ends:
            check_known(db, vertex)
        found = routes.paths(db, ends[0], ends[1], asked(**cut), most=most)
    _tell_cut(session, is_cut=found.truncated)
    rows = [{"steps": len(way) - 1, "way": " → ".join(map(text_of, way))} for way in found.ways]
    session.output.rows(rows, ("steps", "way"), empty=f"{end} does not come from {start}")


@click.command()
@click.option(
    "--from", "before", required=True, metavar="TIME|SEQ", help="A moment of the producers' clocks, or an entry."
)
@click.option("--to", "after", metavar="TIME|SEQ", help="Likewise.  [default: now]")
@click.option(
    "--most", type=click.IntRange(1), default=NODE_LIMIT, show_default=True, metavar="N", help="Edges at most."
)
@with_json
@pass_session
def diff(session: Session, before: str, after: str | None, *, most: int) -> None:
    """Which edges came, went or changed between two points.

    Example: tally lineage diff --from 2026-11-01 --to 2026-11-20
    """
    first, second = _point(before), Cut() if after is None else _point(after)
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        found = difference(db, first, second, most=most)
    _tell_cut(session, is_cut=found.truncated)
    rows = [{"change": "added", **_edge(arrow)} for arrow in found.added]
    rows += [{"change": "removed", **_edge(arrow)} for arrow in found.removed]
    rows += [{"change": f"was {was}", **_edge(arrow)} for arrow, was in found.changed]
    session.output.rows(rows, ("change", "from", "to", "job", "origin", "state"), empty="no edge differs")


@click.command()
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO")
@AS_OF
@KNOWN_AT
@with_json
@pass_session
def why(session: Session, start: str, end: str, *, as_of: str | None, known_at: int | None) -> None:
    """Who says that the dataset TO comes from FROM, and since when.

    `tally prove SEQ` proves an entry that says so.

    Example: tally lineage why 'warehouse|orders' 'warehouse|features'
    """
    ends = [of_node(names.parse_dataset(name)) for name in (start, end)]
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        found = reasons_of(db, ends[0], ends[1], asked(as_of=as_of, known_at=known_at))
    if not found:
        raise MissingError(f"nobody says that {end[:120]} comes from {start[:120]}")
    if session.output.as_json:
        session.output.document([asdict(reason) for reason in found])
        return
    for reason in found:
        said_by = " ".join(str(each.seq) for each in reason.said_by) + (" …" if reason.more else "")
        facts = {name: value for name, value in asdict(reason).items() if name not in ("said_by", "more") and value}
        session.output.facts({**facts, "entries": said_by})


@click.command()
@click.option(
    "--kind", type=click.Choice(["orphans", "roots", "leaves"]), default="orphans", show_default=True, help="Which."
)
@click.option("--namespace", metavar="NAME", help="Only its datasets.")
@TESTS
@AS_OF
@KNOWN_AT
@with_json
@pass_session
def orphans(session: Session, /, kind: str, namespace: str | None, **cut: Any) -> None:
    """The datasets that come from nothing and lead to nothing.

    Roots come from nothing, leaves lead to nothing.

    Example: tally lineage orphans --kind roots
    """
    with session.open(read_only=True) as log, log.viewing(ChronicleProjection()) as db:
        found = routes.ends(db, kind, asked(**cut), namespace=namespace, limit=NODE_LIMIT + 1)
    _tell_cut(session, is_cut=len(found) > NODE_LIMIT)
    rows = [{"dataset": text_of(vertex)} for vertex in found[:NODE_LIMIT]]
    session.output.rows(rows, ("dataset",), empty=f"no {kind}")


@click.command()
@click.argument("other", metavar="[ALIAS]", required=False)
@click.argument("meant", metavar="[NAME]", required=False)
@click.option("--rule", type=click.Choice(["unquote", "fold-case"]), help="Of spelling, in place of two names.")
@click.option("--namespace", metavar="NAME", help="Where the rule holds.")
@click.option("--withdraw", is_flag=True, help="It is so no more.")
@_BY
@_REASON
@with_json
@pass_session
def alias(session: Session, /, other: str | None, meant: str | None, *, by: str, reason: str, **how: Any) -> None:
    """Say that ALIAS means what NAME does, from this entry on.

    Names are `namespace|name`, with `job:` before them for jobs.

    Example: tally lineage alias 's3://lake|orders' 'warehouse|orders' --by data:1 --reason "same table"
    """
    is_rule = how["rule"] is not None
    if is_rule != (other is None) or is_rule != (meant is None) or is_rule != (how["namespace"] is not None):
        raise RefusedError("an alias is of two names, or of a rule and a namespace", hint="give ALIAS and NAME")
    withdraw = bool(how["withdraw"])
    with session.open() as log:
        if other is not None and meant is not None:
            ends = names.parse(other), names.parse(meant)
            receipt = record.alias(log, *ends, by=by, reason=reason, withdraw=withdraw)
        else:
            receipt = record.spell(log, how["rule"], how["namespace"], by=by, reason=reason, withdraw=withdraw)
    session.output.facts({"seq": receipt.seq}, "Withdrawn." if withdraw else "In force.")


@click.command()
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="TO")
@click.option("--job", metavar="NAME", help='Only what this job ("namespace|name") says.')
@click.option("--restore", is_flag=True, help="It is disputed no more.")
@_BY
@_REASON
@with_json
@pass_session
def retract(session: Session, start: str, end: str, *, job: str | None, restore: bool, by: str, reason: str) -> None:
    """Dispute that TO comes from FROM; nothing recorded is changed.

    No answer walks the edge any more. A deletion still does.

    Example: tally lineage retract 'db|a' 'db|b' --by data:1 --reason "re-emitted by mistake"
    """
    ends = names.parse_dataset(start), names.parse_dataset(end)
    by_job = None if job is None else names.parse(job, kind="job")
    with session.open() as log:
        receipt = record.retract(log, (*ends, by_job), by=by, reason=reason, restore=restore)
    session.output.facts({"seq": receipt.seq}, "Restored." if restore else "Retracted.")


def _show(session: Session, found: Part, start: Vertex, *, empty: str) -> None:
    beginning = {vertex for vertex, far in found.distance.items() if far == 0 and vertex[0] == "dataset"} | {start}
    rows = [
        {"distance": far, "kind": vertex[0], "name": text_of(vertex)}
        | ({"unresolved": True} if vertex in found.unresolved else {})
        for vertex, far in sorted(found.distance.items(), key=lambda each: (each[1], each[0][0], text_of(each[0])))
        if vertex not in beginning
    ]
    _tell_cut(session, is_cut=found.truncated)
    columns = ("distance", "kind", "name", *(["unresolved"] if any("unresolved" in row for row in rows) else []))
    session.output.rows(rows, columns, empty=empty)


def _tell_cut(session: Session, *, is_cut: bool) -> None:
    if is_cut:
        session.output.warn([Finding("truncated", "", "there is more: the answer was cut at its limit")])


def _edge(arrow: Arrow) -> dict[str, str]:
    return {
        "from": text_of(arrow.source),
        "to": text_of(arrow.target),
        "job": "" if arrow.job is None else text_of(arrow.job),
        "origin": arrow.origin,
        "state": arrow.state,
        "since": printed(arrow.since),
    }


def _point(text: str) -> Cut:
    is_entry = text.isascii() and text.isdecimal() and len(text) < 17
    return Cut(known_at=int(text)) if is_entry else Cut(as_of=moment_of(text))


COMMANDS = (upstream, downstream, path, columns, diff, why, orphans, alias, retract)
