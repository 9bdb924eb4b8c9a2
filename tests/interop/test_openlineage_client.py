"""The stock OpenLineage client writes into the embedded ledger, and what it wrote is lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)
from openlineage.client.generated.column_lineage_dataset import ColumnLineageDatasetFacet, Fields, InputField
from openlineage.client.generated.lineage import (
    LineageDatasetEntry,
    LineageDatasetFacet,
    LineageDatasetInput,
    LineageJobFacet,
)

import ledger
from ledger.append import Receipt
from ledger.client.openlineage import LedgerTransport
from ledger.log import Ledger
from lineage import query
from lineage.graph import LineageProjection
from lineage.graphml import graphml
from proofs import edges, jsonstrict
from proofs.edges import Graph
from proofs.errors import RefusedError
from proofs.statement import Node

TIME = "2026-11-20T09:15:00+00:00"
PRODUCER = "https://example.com/pipeline"
RUN_ID = "01936d6e-0000-7000-8000-000000000001"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    with ledger.create(url, origin="example.org/client", home=tmp_path / "home", passphrase=lambda: b"pass") as opened:
        yield opened


@pytest.fixture
def transport(log: Ledger) -> LedgerTransport[Receipt]:
    return LedgerTransport[Receipt].into(log)


@pytest.fixture
def client(transport: LedgerTransport[Receipt]) -> OpenLineageClient:
    return OpenLineageClient(transport=transport)


def run_event(state: RunState, job: Job, *, inputs: str = "", outputs: list[OutputDataset] | None = None) -> RunEvent:
    return RunEvent(
        eventTime=TIME,
        eventType=state,
        producer=PRODUCER,
        run=Run(runId=RUN_ID),
        job=job,
        inputs=[InputDataset(namespace="db", name=name) for name in inputs],
        outputs=outputs or [],
    )


def recorded(log: Ledger) -> Graph:
    with log.viewing(LineageProjection()) as db:
        return query.load(db)


def arrows(graph: Graph) -> list[tuple[str, str, str, str]]:
    return [(edge.source.name, edge.target.name, edge.origin, edge.state) for edge in graph.edges]


def test_an_emitted_event_is_durable_with_its_receipt_and_its_bytes(
    log: Ledger, transport: LedgerTransport[Receipt], client: OpenLineageClient
) -> None:
    client.emit(run_event(RunState.START, Job(namespace="n", name="j"), inputs="a"))

    assert transport.receipt is not None
    record = log.entry(transport.receipt.seq)
    assert (record.type, record.source) == ("tallystick.lineage.run-observed.v1", PRODUCER)
    assert {"dataset:db|a", "job:n|j", f"run:{RUN_ID}"} <= set(record.streams)
    assert json.loads(record.body or b"")["eventTime"] == TIME


def test_runs_jobs_and_datasets_become_one_graph(log: Ledger, client: OpenLineageClient) -> None:
    job = Job(namespace="n", name="j")
    columns = ColumnLineageDatasetFacet(fields={"x": Fields(inputFields=[InputField("db", "seed", "y")])})
    view = LineageDatasetFacet(inputs=[LineageDatasetInput(namespace="db", name="out", type="DATASET")])

    client.emit(run_event(RunState.START, job, inputs="a"))
    client.emit(
        run_event(RunState.COMPLETE, job, outputs=[OutputDataset("db", "out", facets={"columnLineage": columns})])
    )
    client.emit(JobEvent(eventTime=TIME, producer=PRODUCER, job=job, inputs=[InputDataset("db", "a")], outputs=[]))
    client.emit(
        DatasetEvent(eventTime=TIME, producer=PRODUCER, dataset=StaticDataset("db", "view", facets={"lineage": view}))
    )

    assert arrows(recorded(log)) == [
        ("a", "out", "table", "committed"),
        ("out", "view", "explicit", "declared"),
        ("seed", "out", "column", "committed"),
    ]


def test_the_clients_lineage_facet_replaces_the_product(log: Ledger, client: OpenLineageClient) -> None:
    entry = LineageDatasetEntry("db", "c", "DATASET", inputs=[LineageDatasetInput("db", "a", "DATASET")])
    job = Job(namespace="n", name="j", facets={"lineage": LineageJobFacet(entries=[entry])})

    client.emit(
        run_event(RunState.COMPLETE, job, inputs="ab", outputs=[OutputDataset("db", "c"), OutputDataset("db", "d")])
    )

    graph = recorded(log)
    assert arrows(graph) == [("a", "c", "explicit", "committed")]
    assert graph.findings == ()


def test_an_event_that_says_nothing_reaches_the_caller_as_a_refusal(
    log: Ledger, transport: LedgerTransport[Receipt]
) -> None:
    before = log.size

    with pytest.raises(RefusedError, match="OpenLineage run event does not say which run it speaks of"):
        transport.emit({"run": {"runId": ""}, "job": {"namespace": "n", "name": "j"}})

    assert (log.size, transport.receipt) == (before, None)


def test_the_same_bytes_again_are_one_entry(log: Ledger, client: OpenLineageClient) -> None:
    event = run_event(RunState.COMPLETE, Job(namespace="n", name="j"), inputs="a", outputs=[OutputDataset("db", "b")])
    client.emit(event)
    size = log.size

    client.emit(event)

    assert log.size == size


def test_I19_the_lineage_is_the_same_after_it_was_dropped(log: Ledger, client: OpenLineageClient) -> None:
    for name in ("one", "two"):
        job = Job(namespace="n", name=name)
        client.emit(run_event(RunState.START, job, inputs="ab"))
        client.emit(run_event(RunState.COMPLETE, job, outputs=[OutputDataset("db", "c")]))
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'lineage%' ORDER BY name"

    def dump() -> list[object]:
        with log.viewing(LineageProjection()) as db:
            return [db.execute(f"SELECT * FROM {name}").fetchall() for (name,) in db.execute(tables).fetchall()]

    before = dump()
    log.views.drop("lineage")

    assert dump() == before
    assert any(before)


def test_the_ledgers_own_runs_and_the_verifiers_fold_agree_with_the_projection(log: Ledger) -> None:
    with log.run("churn.features", inputs=["crm|households"], outputs=["crm|features"]):
        pass
    with pytest.raises(ZeroDivisionError), log.run("churn.score", inputs=["crm|features"], outputs=["crm|scores"]):
        raise ZeroDivisionError

    bodies = [
        (record.seq, jsonstrict.loads_foreign(record.body or b""))
        for record in log.stream("type:tallystick.lineage.run-observed.v1")
    ]

    graph = recorded(log)
    assert arrows(graph) == [
        ("features", "scores", "table", "attempted"),
        ("households", "features", "table", "committed"),
    ]
    assert edges.fold(bodies) == graph


def test_closures_are_bounded_and_say_so(log: Ledger) -> None:
    for n in range(4):
        with log.run(f"step{n}", inputs=[f"db|t{n}"], outputs=[f"db|t{n + 1}", f"db|side{n}"]):
            pass
    with log.viewing(LineageProjection()) as db:
        seed = [Node("dataset", "db", "t0")]

        assert query.closure(db, seed).distance[Node("dataset", "db", "t4")] == 4
        assert len(query.closure(db, seed, depth=1).distance) == 3
        assert query.closure(db, seed, depth=0).distance == {seed[0]: 0}
        cut = query.closure(db, seed, node_limit=2)
        assert (len(cut.distance), cut.truncated) == (3, True)
        whole = query.closure(db, seed, node_limit=8)
        assert (len(whole.distance), whole.truncated) == (9, False)
        up = query.closure(db, [Node("dataset", "db", "t4")], upstream=True).distance
        assert sorted(node.name for node in up) == ["t0", "t1", "t2", "t3", "t4"]


def test_networkx_gets_the_bounded_part_with_its_evidence(log: Ledger) -> None:
    import networkx

    for n in range(3):
        with log.run(f"step{n}", inputs=[f"db|t{n}"], outputs=[f"db|t{n + 1}"]):
            pass
    with log.viewing(LineageProjection()) as db:
        nodes = [Node("dataset", "db", f"t{n}") for n in range(3)]

        graph = query.to_networkx(db, nodes)

        assert networkx.shortest_path(graph, nodes[0], nodes[2]) == nodes
        assert [data["state"] for _, _, data in graph.edges(data=True)] == ["committed", "committed"]
        (first,) = graph.get_edge_data(nodes[0], nodes[1]).values()
        assert [log.entry(seq).type for seq in first["seqs"]] == ["tallystick.lineage.run-observed.v1"] * 2


def test_graphml_is_read_back_by_networkx_with_hostile_names_and_the_evidence(log: Ledger) -> None:
    import networkx

    with log.run("step", inputs=['db|<"&\x01>'], outputs=["db|mid"]):
        pass
    with log.run("step2", inputs=["db|mid"], outputs=["db|out"]):
        pass
    with log.viewing(LineageProjection()) as db:
        names = ('<"&\x01>', "mid", "out")

        data = graphml(db, [Node("dataset", "db", name) for name in names])

        graph = networkx.parse_graphml(data.decode())
        assert graphml(db, [Node("dataset", "db", name) for name in reversed(names)]) == data
        assert [said["name"] for _, said in graph.nodes(data=True)] == ['<"&�>', "mid", "out"]
        assert list(networkx.shortest_path(graph, "n0", "n2")) == ["n0", "n1", "n2"]
        said = [(attributes["state"], attributes["origin"]) for _, _, attributes in graph.edges(data=True)]
        assert said == [("committed", "table")] * 2
        seqs = [int(seq) for *_, attributes in graph.edges(data=True) for seq in attributes["seqs"].split()]
        assert {log.entry(seq).type for seq in seqs} == {"tallystick.lineage.run-observed.v1"}


def test_dirt_is_counted_and_datasets_are_listed(log: Ledger, transport: LedgerTransport[Receipt]) -> None:
    transport.emit(
        {
            "run": {"runId": "r"},
            "job": {"namespace": "n", "name": "j"},
            "outputs": [5],
            "inputs": [{"namespace": "db", "name": "a"}],
        }
    )

    with log.viewing(LineageProjection()) as db:
        assert query.findings(db) == {"bad-dataset": 1}
        assert query.datasets(db) == [Node("dataset", "db", "a")]
