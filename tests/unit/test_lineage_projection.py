"""The projection says what the fold says, also where an event takes back what an earlier one let infer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import sqlite_utils

from ledger.event import Event
from ledger.record import Record
from lineage import query
from lineage.graph import LineageProjection
from lineage.graphml import graphml
from proofs import edges, jsonstrict
from proofs.edges import Finding
from proofs.statement import Node

if TYPE_CHECKING:
    from tests.conftest import Ledgers


def run(event_type: str, run_id: str, inputs: str = "", outputs: str = "", *, facets: Any = None) -> dict[str, Any]:
    return {
        "eventType": event_type,
        "run": {"runId": run_id},
        "job": {"namespace": "n", "name": "j"},
        "inputs": [{"namespace": "db", "name": name} for name in inputs],
        "outputs": [{"namespace": "db", "name": name, "facets": facets or {}} for name in outputs],
    }


def project(bodies: Sequence[bytes | None]) -> sqlite_utils.Database:
    db = sqlite_utils.Database(memory=True)
    projection = LineageProjection()
    projection.create(db)
    for seq, body in enumerate(bodies):
        projection.apply(db, Record(seq, "", "", "", "", {}, b"", body))
    return db


SETTLED: dict[str, Any] = {"lineage": {"inputs": []}}
CLOSED = {"namespace": "n", "name": "j", "facets": {"lineage": {"entries": []}}}
SCENARIOS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "one of two runs takes its edge back": (
        [run("START", "1", "a", "b"), run("START", "2", "a", "b"), run("COMPLETE", "1", "", "b", facets=SETTLED)],
        ["a>b open 1"],
    ),
    "both runs take it back": (
        [
            run("START", "1", "a", "b"),
            run("START", "2", "a", "b"),
            run("COMPLETE", "1", "", "b", facets=SETTLED),
            run("COMPLETE", "2", "", "b", facets=SETTLED),
        ],
        [],
    ),
    "a failure without datasets is a witness": (
        [run("START", "1", "a", "b"), run("FAIL", "1")],
        ["a>b attempted 0,1"],
    ),
    "a completion without datasets is a witness": (
        [run("START", "1", "a", "b"), run("FAIL", "1"), run("COMPLETE", "1")],
        ["a>b committed 0,2"],
    ),
    "the worse run comes last": (
        [run("COMPLETE", "1", "a", "b"), run("START", "2", "a", "b"), run("FAIL", "3", "a", "b")],
        ["a>b committed 0,1,2"],
    ),
    "the better run comes last": (
        [run("FAIL", "1", "a", "b"), run("START", "2", "a", "b"), run("COMPLETE", "3", "a", "b")],
        ["a>b committed 0,1,2"],
    ),
    "a run is closed by any of its events": (
        [run("START", "1", "a", "b") | {"job": CLOSED}, run("COMPLETE", "1", "a", "b")],
        [],
    ),
    "a run is closed by a later event": (
        [run("START", "1", "a", "b"), run("COMPLETE", "1") | {"job": CLOSED}],
        [],
    ),
    "a repetition adds a witness and nothing else": (
        [run("COMPLETE", "1", "a", "b"), run("COMPLETE", "1", "a", "b")],
        ["a>b committed 0,1"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_I20_the_projection_and_the_fold_say_the_same(scenario: str) -> None:
    events, expected = SCENARIOS[scenario]
    bodies = [json.dumps(event).encode() for event in events]

    projected = query.load(project(bodies))

    assert [
        f"{edge.source.name}>{edge.target.name} {edge.state} {','.join(map(str, edge.seqs))}"
        for edge in projected.edges
    ] == expected
    assert projected == edges.fold((seq, jsonstrict.loads_foreign(body)) for seq, body in enumerate(bodies))


def test_a_hub_that_grows_out_of_pairs_replaces_them() -> None:
    small = run("START", "1") | {
        "inputs": [{"namespace": "db", "name": f"i{n}"} for n in range(16)],
        "outputs": [{"namespace": "db", "name": f"o{n}"} for n in range(16)],
    }
    bodies = [json.dumps(event).encode() for event in (small, run("COMPLETE", "1", "x"))]

    before, after = query.load(project(bodies[:1])), query.load(project(bodies))

    assert (len(before.edges), len(after.edges)) == (16 * 16, 17 + 16)
    assert after == edges.fold((seq, jsonstrict.loads_foreign(body)) for seq, body in enumerate(bodies))


def work(db: sqlite_utils.Database, bodies: Sequence[bytes], *, before: bytes = b"[]") -> int:
    """Fold bodies into a new projection, behind one `before`, and return how many thousand steps SQLite took for them."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    projection = LineageProjection()
    projection.create(db)
    projection.apply(db, Record(0, "", "", "", "", {}, b"", before))
    db.conn.set_progress_handler(count, 1_000)
    for seq, body in enumerate(bodies, 1):
        projection.apply(db, Record(seq, "", "", "", "", {}, b"", body))
    return steps


def many(prefix: str, count: int) -> list[dict[str, str]]:
    return [{"namespace": "db", "name": f"{prefix}{n}"} for n in range(count)]


EIGHT = run("START", "1") | {"inputs": many("i", 8)}
# Each makes the event of this number: a run that says something new in every one.
GROWTHS: dict[str, Callable[[int], dict[str, Any]]] = {
    "an output": lambda n: EIGHT | {"outputs": [{"namespace": "db", "name": f"o{n}"}]},
    "an input": lambda n: run("START", "1", "", "ab") | {"inputs": [{"namespace": "db", "name": f"i{n}"}]},
    "an input of a hub": lambda n: run("START", "1") | {"inputs": many(f"i{n}-", 1), "outputs": many("o", 40)},
    "an output that is settled": lambda n: (
        EIGHT | {"outputs": [{"namespace": "db", "name": f"o{n}", "facets": SETTLED}]}
    ),
    "an output that is settled later": lambda n: (
        EIGHT | {"outputs": [{"namespace": "db", "name": f"o{n // 2}", "facets": SETTLED if n % 2 else {}}]}
    ),
    "a column": lambda n: run(
        "START", "1", "", "x", facets={"columnLineage": {"fields": {"c": {"inputFields": many(f"s{n}-", 1)}}}}
    ),
    "nothing": lambda n: EIGHT | {"outputs": many("o", 30)},
}


@pytest.mark.parametrize("growth", GROWTHS)
def test_a_run_that_grows_event_by_event_costs_as_much_for_each(growth: str) -> None:
    bodies = [json.dumps(GROWTHS[growth](n)).encode() for n in range(400)]

    half, whole = (work(sqlite_utils.Database(memory=True), bodies[:count]) for count in (200, 400))

    assert whole < 2.3 * half


def test_an_output_that_is_settled_again_and_again_moves_no_other_edge_of_a_hub() -> None:
    bodies = [
        json.dumps(
            run("START", "1") | {"outputs": [{"namespace": "db", "name": f"p{n // 2}", "facets": facets}]}
        ).encode()
        for n, facets in enumerate([{}, SETTLED] * 50)
    ]

    small, large = (
        work(
            sqlite_utils.Database(memory=True),
            bodies,
            before=json.dumps(run("START", "1") | {"inputs": many("i", count), "outputs": many("o", 16)}).encode(),
        )
        for count in (100, 400)
    )

    assert large < 1.5 * small


def test_as_many_seqs_are_kept_as_show_that_there_are_more() -> None:
    body = json.dumps(run("FAIL", "1", "a", "b")).encode()

    db = project([body] * 40)

    assert [db[table].count for table in ("lineage_io", "lineage_end")] == [2 * 17, 17]
    assert query.findings(project([b"[]"] * 40)) == {"bad-document": 40}


@pytest.mark.parametrize("page", [1, 2, 5])
def test_I19_where_a_page_ends_moves_no_byte(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    events = [event for scenario, _ in SCENARIOS.values() for event in scenario] + [GROWTHS["an output"](1)]

    def rows(size: int) -> list[str]:
        monkeypatch.setattr("ledger.projection.PAGE", size)
        log = ledgers.create(memory=True)
        for event in events:
            log.append([Event.of("tallystick.lineage.run-observed.v1", "urn:p", event)])
        with log.viewing(LineageProjection()) as db:
            return [line for line in db.iterdump() if "lineage_" in line]

    assert rows(page) == rows(2_000)


def test_a_body_that_nobody_has_any_more_says_nothing() -> None:
    body = json.dumps(run("COMPLETE", "1", "a", "b")).encode()

    assert query.load(project([None, body])).edges[0].seqs == (1,)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"a":1,"a":1}', b"[" * 200 + b"]" * 200])
def test_a_body_without_structure_is_a_finding(body: bytes) -> None:
    graph = query.load(project([body]))

    assert (graph.nodes, graph.findings) == ((), (Finding("bad-document", (0,)),))


@pytest.mark.parametrize(("times", "more"), [(16, "False"), (17, "True")])
def test_graphml_says_where_more_entries_say_an_edge(times: int, more: str) -> None:
    db = project([json.dumps(run("START", "1", "a", "b")).encode()] * times)

    written = ElementTree.fromstring(graphml(db, [Node("dataset", "db", name) for name in "ab"]))

    names = {key.get("id"): key.get("attr.name") for key in written.iter() if key.get("for") == "edge"}
    (edge,) = (element for element in written.iter() if element.tag.endswith("}edge"))
    said = {names[data.get("key")]: data.text for data in edge}
    assert (said["seqs"], said["more"]) == (" ".join(map(str, range(16))), more)


def test_hostile_names_are_values_and_never_sql() -> None:
    names = ["'); DROP TABLE lineage_edge; --", '"; DELETE FROM lineage_node; --', "x" * 1_000_000, "a\x00b", "%s {0}"]
    event = run("COMPLETE", "1", "a") | {"outputs": [{"namespace": "db", "name": name} for name in names]}

    graph = query.load(project([json.dumps(event).encode()]))

    assert sorted(edge.target.name for edge in graph.edges) == sorted(names)


def test_a_subgraph_has_the_edges_between_its_nodes_and_their_witnesses() -> None:
    events = [run("COMPLETE", "1", "a", "b"), run("COMPLETE", "2", "b", "c"), run("COMPLETE", "3", "a", "c")]
    db = project([json.dumps(event).encode() for event in events])
    whole = query.load(db)
    kept = [node for node in whole.nodes if node.name in "bc"]

    part = query.subgraph(db, kept)

    assert [(edge.source.name, edge.target.name, edge.seqs) for edge in part.edges] == [("b", "c", (1,))]
