"""Lineage is a set of statements: no order and no repetition of the events changes the graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.record import Record
from lineage import graph as projection
from lineage import query
from lineage.claims import Claims
from lineage.graph import LineageProjection
from proofs import edges, jsonstrict, seqs
from proofs.closure import Event, Lineage
from proofs.edges import Edge, Graph
from proofs.statement import Node

NAMES = st.sampled_from(["a", "b", "c", "d", "e|%", 'q"\\'])
DATASET: st.SearchStrategy[Any] = st.builds(lambda name: {"namespace": "db", "name": name}, NAMES)
JOB_INPUT: st.SearchStrategy[Any] = st.sampled_from(
    [{"type": "JOB"}, {"type": "JOB", "namespace": "j", "name": "other"}]
)
ENTITY: st.SearchStrategy[Any] = st.one_of(DATASET.map(lambda d: d | {"type": "DATASET"}), JOB_INPUT, st.just(7))
STATED: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(ENTITY, max_size=3),
        "fields": st.dictionaries(
            st.sampled_from("xy"), st.builds(lambda e: {"inputs": e}, st.lists(ENTITY, max_size=2))
        ),
        "_deleted": st.booleans(),
    },
)
COLUMNS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(
            st.sampled_from("xy"), st.builds(lambda f: {"inputFields": f}, st.lists(DATASET, max_size=2)), max_size=2
        )
    },
    optional={"dataset": st.lists(DATASET, max_size=2)},
)
FACETS: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={"lineage": STATED, "columnLineage": COLUMNS})
WITH_FACETS = st.builds(lambda dataset, facets: dataset | {"facets": facets}, DATASET, FACETS)
BOXES = st.lists(st.one_of(WITH_FACETS, DATASET, st.just({"namespace": 1, "name": "a"})), max_size=3)
ENTRIES: st.SearchStrategy[Any] = st.lists(
    st.builds(lambda e, s: e | s if isinstance(e, dict) else e, ENTITY, STATED), max_size=2
)
JOB: st.SearchStrategy[Any] = st.builds(
    lambda name, entries: (
        {"namespace": "j", "name": name} | ({} if entries is None else {"facets": {"lineage": {"entries": entries}}})
    ),
    st.sampled_from(["one", "two"]),
    st.one_of(st.none(), st.none(), ENTRIES),
)
RUN = st.sampled_from([{"runId": "r1"}, {"runId": "r2"}, {"runId": 3}, None])
EVENT: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"inputs": BOXES, "outputs": BOXES},
    optional={
        "run": RUN,
        "job": JOB,
        "dataset": WITH_FACETS,
        "eventType": st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER", "DONE"]),
    },
)
EVENTS: st.SearchStrategy[Any] = st.lists(st.one_of(EVENT, EVENT, EVENT, st.just([])), max_size=6)
# One run that grows, is settled and closed, and goes from pairs to its job and back.
NEWS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"inputs": BOXES, "outputs": BOXES, "run": st.just({"runId": "r"})},
    optional={"dataset": WITH_FACETS, "eventType": st.sampled_from(["START", "COMPLETE", "FAIL"])},
)
CLOSING: st.SearchStrategy[Any] = st.sampled_from([{"facets": {"lineage": {"entries": []}}}, {}, {}, {}, {}, {}])
GROWING: st.SearchStrategy[Any] = st.lists(
    st.builds(lambda event, job: event | {"job": {"namespace": "j", "name": "one"} | job}, NEWS, CLOSING), max_size=12
)


@contextmanager
def listing(count: int) -> Iterator[None]:
    """Edges and findings that list so many seqs, on every side."""
    with ExitStack() as stack:
        for module in (seqs, projection, query):
            stack.enter_context(patch.object(module, "KEPT", count + 1))
        stack.enter_context(patch.object(seqs, "LISTED", count))
        yield


def without_seqs(graph: Graph) -> tuple[object, ...]:
    edges_alone = [(edge.source, edge.target, edge.job, edge.origin, edge.state) for edge in graph.edges]
    return (graph.nodes, edges_alone, graph.unresolved, [finding.code for finding in graph.findings])


def said_by(graph: Graph) -> list[tuple[tuple[int, ...], bool]]:
    """The seqs of every edge and every finding, and whether there are more."""
    found: list[Edge | edges.Finding] = [*graph.edges, *graph.findings]
    return [(what.seqs, what.more) for what in found]


def record(seq: int, body: bytes | None) -> Record:
    return Record(
        seq=seq, at="", id="", source="s", type="tallystick.lineage.run-observed.v1", streams={}, header=b"", body=body
    )


def project(bodies: list[tuple[int, Any]]) -> sqlite_utils.Database:
    db = sqlite_utils.Database(memory=True)
    lineage = LineageProjection()
    lineage.create(db)
    for seq, body in bodies:
        lineage.apply(db, record(seq, json.dumps(body).encode()))
    return db


@given(st.data(), EVENTS)
def test_I20_any_permutation_and_any_duplication_gives_the_same_graph(data: st.DataObject, events: list[Any]) -> None:
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events or [[]]), max_size=4))))

    shuffled = shuffled if events else []

    assert without_seqs(edges.fold(enumerate(shuffled))) == without_seqs(edges.fold(enumerate(events)))


@given(EVENTS, st.permutations(range(6)))
def test_I20_the_order_of_reading_does_not_move_a_seq(events: list[Any], order: list[int]) -> None:
    numbered = list(enumerate(events))

    shuffled = [numbered[at] for at in order if at < len(numbered)]

    assert edges.fold([*shuffled, *numbered]) == edges.fold(numbered)


@settings(max_examples=150)
@given(EVENTS)
def test_I20_the_projection_is_the_fold_of_the_same_events(events: list[Any]) -> None:
    numbered = [(3 * seq, body) for seq, body in enumerate(events)]
    foreign = [(seq, jsonstrict.loads_foreign(json.dumps(body).encode())) for seq, body in numbered]

    assert query.load(project(numbered)) == edges.fold(foreign)


@settings(max_examples=150)
@given(GROWING, st.sampled_from([0, 1, 8]))
def test_I20_the_projection_is_the_fold_after_every_event(events: list[Any], pairs: int) -> None:
    with patch.object(edges, "PAIRS_PER_NAME", pairs):
        db = project([])
        for seq, body in enumerate(events):
            LineageProjection().apply(db, record(seq, json.dumps(body).encode()))

            (run, job), *others = db.execute("SELECT id, job FROM lineage_run").fetchall()
            assert others == []
            assert Claims(db, run, job).derived() == (set(), set())  # also what was taken back
            assert query.load(db) == edges.fold(enumerate(events[: seq + 1]))


@settings(max_examples=100)
@given(st.lists(EVENT, max_size=5), st.lists(st.integers(0, 4), max_size=12), st.randoms(use_true_random=False))
def test_the_first_seqs_are_the_smallest_of_all_on_every_side(events: list[Any], told: list[int], order: Any) -> None:
    numbered = [(seq, events[which % len(events)]) for seq, which in enumerate(told)] if events else []
    shuffled = order.sample(numbered, len(numbered))
    with listing(1_000):
        whole = edges.fold(numbered)

    with listing(2):
        found, projected = edges.fold(shuffled), query.load(project(numbered))

    assert found == projected
    assert without_seqs(found) == without_seqs(whole)
    for cut, full in zip(said_by(found), said_by(whole), strict=True):
        assert cut == (full[0][:2], len(full[0]) > 2)


@settings(max_examples=40)
@given(EVENTS)
def test_I19_a_replay_of_the_lineage_gives_the_same_bytes(events: list[Any]) -> None:
    numbered = list(enumerate(events))

    assert list(project(numbered).iterdump()) == list(project(numbered).iterdump())


@settings(max_examples=60)
@given(events=EVENTS, upstream=st.booleans())
def test_the_database_reaches_what_the_graph_reaches(events: list[Any], upstream: bool) -> None:
    graph = edges.fold(enumerate(events))
    seeds = [Node("dataset", "db", "a"), Node("dataset", "db", "never seen")]

    found = query.closure(project(list(enumerate(events))), seeds, upstream=upstream, node_limit=None)

    assert (found.distance, found.truncated) == (edges.reach(graph, seeds, upstream=upstream), False)


@settings(max_examples=60)
@given(EVENTS, st.sampled_from([0, 8]))
def test_planner_and_verifier_walk_the_same_closure(events: list[Any], pairs: int) -> None:
    seeds = [Node("dataset", "db", "a"), Node("dataset", "db", "never seen")]

    with patch.object(edges, "PAIRS_PER_NAME", pairs):
        db = project(list(enumerate(events)))
        walk = Lineage((Event(seq, frozenset(), True, body) for seq, body in enumerate(events)), lambda name: True)
        walked = [walk.walk(seeds, size).nodes for size in (len(events), 2, len(events))]
        fewer = project(list(enumerate(events[:2])))

    for graph, nodes in zip((db, fewer, db), walked, strict=True):
        assert query.closure(graph, seeds, node_limit=None, taken_back=True).distance.keys() == nodes
    assert query.closure(db, seeds, node_limit=None).distance.keys() <= walked[0]
    assert walked[1] <= walked[0]


@given(EVENTS, EVENT)
def test_a_closure_never_shrinks_when_an_event_is_added(events: list[Any], more: Any) -> None:
    seeds = [Node("dataset", "db", "a")]

    def closure(bodies: list[Any]) -> set[Node]:
        return set(query.closure(project(list(enumerate(bodies))), seeds, node_limit=None, taken_back=True).distance)

    assert closure(events) <= closure([*events, more])


MEMBERS = ["run", "runId", "job", "namespace", "name", "type", "inputs", "outputs", "dataset", "facets", "lineage"]
MEMBERS += ["entries", "fields", "columnLineage", "inputFields", "eventType", "_deleted"]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.just("JOB")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@given(st.lists(JSON, max_size=4))
def test_no_json_makes_the_fold_raise_or_print_what_is_not_canonical(bodies: list[Any]) -> None:
    printed = edges.to_json(edges.fold(enumerate(bodies)))

    assert printed.endswith(b"\n")
    jsonstrict.parse_canonical(printed[:-1], limit_bytes=10_000_000)


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=12))
def test_a_hub_reaches_at_least_what_the_product_reached(names: list[str]) -> None:
    a, job = Node("dataset", "n", "a"), Node("job", "n", "j")
    outputs = [Node("dataset", "n", name) for name in names]
    product = Graph(nodes=(a, *outputs), edges=tuple(Edge(a, out, job, "table", "open", ()) for out in outputs))
    hub = Graph(
        nodes=(a, job, *outputs),
        edges=(Edge(a, job, job, "hub", "open", ()), *(Edge(job, out, job, "hub", "open", ()) for out in outputs)),
    )

    assert {node: far for node, far in edges.reach(hub, [a]).items() if node != job} == edges.reach(product, [a])
