"""From OpenLineage events to edges: the rules of docs/formats/lineage.md, and the dirt of real producers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proofs import edges
from proofs.edges import Graph
from proofs.statement import Node, read


def run(
    event_type: str | None = "COMPLETE",
    inputs: Any = (),
    outputs: Any = (),
    *,
    run_id: Any = "r",
    job: Any = "j",
) -> dict[str, Any]:
    """A run event; datasets are given by name, or as they are."""
    return {
        "eventType": event_type,
        "run": {"runId": run_id},
        "job": {"namespace": "n", "name": job} if isinstance(job, str) else job,
        "inputs": [ds(item) for item in inputs],
        "outputs": [ds(item) for item in outputs],
    }


def ds(item: Any, **facets: Any) -> Any:
    if not isinstance(item, str):
        return item
    return {"namespace": "db", "name": item} | ({"facets": facets} if facets else {})


def source(name: str, type: str = "DATASET") -> dict[str, str]:
    return {"namespace": "db", "name": name, "type": type}


def column_lineage(*names: str) -> dict[str, Any]:
    return {"fields": {"x": {"inputFields": [{"namespace": "db", "name": name, "field": "y"} for name in names]}}}


def arrows(graph: Graph) -> list[str]:
    return [
        f"{edge.source.name}>{edge.target.name} {edge.origin} {edge.state} {','.join(map(str, edge.seqs))}"
        for edge in graph.edges
    ]


def fold(*bodies: Any) -> Graph:
    return edges.fold(enumerate(bodies))


def codes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {finding.code: finding.seqs for finding in graph.findings}


def test_a_run_leads_from_each_input_to_each_output() -> None:
    assert arrows(fold(run("COMPLETE", "ab", "cd"))) == [
        "a>c table committed 0",
        "a>d table committed 0",
        "b>c table committed 0",
        "b>d table committed 0",
    ]


def test_inputs_that_only_the_start_names_are_united_with_what_the_end_names() -> None:
    # SQLMesh (defect 6): inputs stand only on START.
    assert arrows(fold(run("START", "a"), run("COMPLETE", (), "b"))) == ["a>b table committed 0,1"]


def test_jobs_that_share_a_run_id_are_not_mixed() -> None:
    # Dagster (defect 7): three jobs, one runId.
    graph = fold(run("COMPLETE", "a", "b", job="one"), run("COMPLETE", "c", "d", job="two"))

    assert arrows(graph) == ["a>b table committed 0", "c>d table committed 1"]


def test_runs_of_one_job_are_not_mixed() -> None:
    graph = fold(run("COMPLETE", "a", "b", run_id="1"), run("COMPLETE", "c", "d", run_id="2"))

    assert arrows(graph) == ["a>b table committed 0", "c>d table committed 1"]


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        (["START"], "open 0"),
        ([None], "open 0"),
        (["OTHER"], "open 0"),
        (["START", "FAIL"], "attempted 0,1"),
        (["START", "ABORT"], "attempted 0,1"),
        (["FAIL", "START"], "attempted 0,1"),
        # Airflow (defect 8) gives START and the end one time; and whoever fails and completes wrote something.
        (["COMPLETE", "START"], "committed 0,1"),
        (["FAIL", "COMPLETE"], "committed 0,1"),
    ],
)
def test_the_state_of_a_run_hangs_on_which_ends_were_seen_and_on_no_order(ends: list[str | None], state: str) -> None:
    assert arrows(fold(*(run(end, "a", "b") for end in ends))) == [f"a>b table {state}"]


def test_a_failed_run_attempts_its_outputs() -> None:
    # Defect 4: a failed run still lists its output.
    graph = fold(run("START", "a", "b"), run("FAIL", "a", "b"))

    assert arrows(graph) == ["a>b table attempted 0,1"]


def test_the_best_state_of_all_runs_wins_and_every_witness_is_kept() -> None:
    graph = fold(
        run("FAIL", "a", "b", run_id="1"),
        run("START", "a", "b", run_id="2"),
        run("COMPLETE", "a", "b", run_id="3"),
        {"job": {"namespace": "n", "name": "j"}, "inputs": [ds("a")], "outputs": [ds("b")]},
    )

    assert arrows(graph) == ["a>b table committed 0,1,2,3"]


def test_an_end_without_datasets_stands_among_the_witnesses_of_the_state() -> None:
    assert arrows(fold(run("START", "a", "b"), run("COMPLETE"))) == ["a>b table committed 0,1"]


def test_a_job_event_declares_and_is_not_mixed_with_another() -> None:
    job = {"namespace": "n", "name": "j"}
    graph = fold(
        {"job": job, "inputs": [ds("a")], "outputs": [ds("b")]},
        {"job": job, "inputs": [ds("c")], "outputs": [ds("d")]},
    )

    assert arrows(graph) == ["a>b table declared 0", "c>d table declared 1"]


def test_a_dataset_event_declares_what_its_facet_states_without_a_job() -> None:
    graph = fold({"dataset": ds("view", lineage={"inputs": [source("a")]})})

    assert arrows(graph) == ["a>view explicit declared 0"]
    assert graph.edges[0].job is None


def test_columns_give_edges_of_their_own_origin() -> None:
    # dbt-ol (defect 1): true edges that stand in columnLineage alone.
    graph = fold(run("COMPLETE", "a", [ds("out", columnLineage=column_lineage("seed", "a"))]))

    assert arrows(graph) == [
        "a>out column committed 0",
        "a>out table committed 0",
        "seed>out column committed 0",
    ]


def test_a_dataset_that_only_a_column_names_is_unresolved_until_somebody_names_it() -> None:
    # dbt-ol (defect 2): CTE aliases reported as datasets.
    start = run("START", "a", [ds("out", columnLineage=column_lineage("cte", "a"))])

    assert fold(start).unresolved == {Node("dataset", "db", "cte")}
    assert fold(start, run("COMPLETE", (), ["cte"], run_id="2")).unresolved == frozenset()


def test_whole_dataset_columns_count_too() -> None:
    facet = {"fields": {}, "dataset": [{"namespace": "db", "name": "filter", "field": "x"}]}

    assert arrows(fold(run("COMPLETE", (), [ds("out", columnLineage=facet)]))) == ["filter>out column committed 0"]


def test_a_test_that_claims_to_be_an_output_is_kept_with_its_job() -> None:
    # dbt-ol structured mode (defect 3), and Airflow's false children (defect 9): kept, with who said so.
    graph = fold(run("COMPLETE", "a", ["not_null_a_id"], job={"namespace": "n", "name": "a.test"}))

    assert arrows(graph) == ["a>not_null_a_id table committed 0"]
    assert graph.edges[0].job == Node("job", "n", "a.test")


def test_names_that_differ_in_quotes_are_different_names() -> None:
    # SQLMesh (defect 5): as received; joining them is a later, versioned rule.
    graph = fold(run("COMPLETE", (), ["db.seed"]), run("COMPLETE", ['"db"."seed"'], ["out"], run_id="2"))

    assert arrows(graph) == ['"db"."seed">out table committed 1']


def test_stated_inputs_of_an_output_replace_the_product_and_its_columns() -> None:
    out = ds("c", lineage={"inputs": [source("a")]}, columnLineage=column_lineage("x"))

    assert arrows(fold(run("COMPLETE", "ab", [out, "d"]))) == [
        "a>c explicit committed 0",
        "a>d table committed 0",
        "b>d table committed 0",
    ]


def test_a_later_statement_takes_back_what_an_earlier_event_let_infer() -> None:
    graph = fold(run("START", "ab", "c"), run("COMPLETE", (), [ds("c", lineage={"inputs": []})]))

    assert arrows(graph) == []
    assert [node.name for node in graph.nodes] == ["a", "b", "c", "j"]


def test_stated_fields_settle_an_output_too() -> None:
    out = ds("c", lineage={"fields": {"x": {"inputs": [source("a") | {"field": "y"}]}}})

    assert arrows(fold(run("COMPLETE", "ab", [out]))) == ["a>c explicit committed 0"]


@pytest.mark.parametrize("facet", [{}, {"inputs": None}, {"_deleted": True, "inputs": []}, None])
def test_a_facet_that_states_nothing_settles_nothing(facet: Any) -> None:
    graph = fold(run("COMPLETE", "a", [ds("c", lineage=facet)]))

    assert (arrows(graph), codes(graph)) == (["a>c table committed 0"], {})


@pytest.mark.parametrize(
    "facet",
    [
        {"inputs": [source("x"), 7]},
        {"inputs": [source("x"), {"namespace": "db", "name": "", "type": "DATASET"}]},
        {"inputs": [source("x"), source("y", "TABLE")]},
        {"inputs": [source("x")], "fields": []},
        {"inputs": [source("x")], "fields": {"f": 1}},
        {"inputs": [source("x")], "fields": {"f": {"inputs": {}}}},
    ],
)
def test_a_facet_that_cannot_be_read_in_full_hides_no_edge(facet: Any) -> None:
    graph = fold(run("COMPLETE", "a", [ds("c", lineage=facet)]))

    assert {"a>c table committed 0", "x>c explicit committed 0"} <= set(arrows(graph))
    assert codes(graph) == {"bad-facet": (0,)}


def test_a_job_that_states_its_edges_has_no_product() -> None:
    job = {
        "namespace": "n",
        "name": "j",
        "facets": {"lineage": {"entries": [source("c") | {"inputs": [source("a")]}]}},
    }

    # d is an output that the facet passes over: the specification says not to infer.
    assert arrows(fold(run("COMPLETE", "ab", "cd", job=job))) == ["a>c explicit committed 0"]


def test_a_job_whose_statement_cannot_be_read_in_full_keeps_its_product() -> None:
    job = {"namespace": "n", "name": "j", "facets": {"lineage": {"entries": [source("c") | {"inputs": [1]}]}}}

    assert arrows(fold(run("COMPLETE", "a", "c", job=job))) == ["a>c table committed 0"]


def test_jobs_can_stand_between_datasets() -> None:
    own = {"type": "JOB"}
    entries = [own | {"inputs": [source("a")]}, source("b") | {"inputs": [own, source("up", "JOB")]}]
    job = {"namespace": "n", "name": "j", "facets": {"lineage": {"entries": entries}}}

    graph = fold(run("COMPLETE", (), (), job=job))

    assert [(edge.source.id, edge.target.id) for edge in graph.edges] == [
        ("dataset:db|a", "job:n|j"),
        ("job:db|up", "dataset:db|b"),
        ("job:n|j", "dataset:db|b"),
    ]
    assert edges.reach(graph, [Node("dataset", "db", "a")]) == {
        Node("dataset", "db", "a"): 0,
        Node("job", "n", "j"): 0,
        Node("dataset", "db", "b"): 1,
    }


def test_a_run_with_too_many_pairs_is_drawn_through_its_job() -> None:
    inputs, outputs = [f"i{n}" for n in range(65)], [f"o{n}" for n in range(64)]

    graph = fold(run("COMPLETE", inputs, outputs))

    assert len(graph.edges) == 65 + 64
    assert {(edge.origin, edge.job) for edge in graph.edges} == {("hub", Node("job", "n", "j"))}
    assert len(edges.reach(graph, [Node("dataset", "db", "i0")])) == 1 + 1 + 64


def test_as_many_pairs_as_the_bound_are_still_pairs() -> None:
    names = [f"{n}" for n in range(16)]

    assert len(fold(run("COMPLETE", names, [f"o{n}" for n in names])).edges) == 8 * (16 + 16)
    assert len(fold(run("COMPLETE", names, [f"o{n}" for n in range(17)])).edges) == 16 + 17


def test_a_settled_output_counts_when_a_run_is_drawn_through_its_job() -> None:
    outputs = [ds("o0", lineage={"inputs": []}), *(f"o{n}" for n in range(1, 17))]

    assert len(fold(run("COMPLETE", [f"{n}" for n in range(16)], outputs)).edges) == 16 + 16


def test_what_is_drawn_through_its_job_stays_so_whatever_is_settled() -> None:
    outputs = [f"o{n}" for n in range(17)]
    settling = run("COMPLETE", (), [ds(name, lineage={"inputs": []}) for name in outputs])

    graph = fold(run("START", [f"{n}" for n in range(16)], outputs), settling)

    assert [(edge.origin, edge.target.kind) for edge in graph.edges] == [("hub", "job")] * 16


def test_a_few_inputs_and_many_outputs_are_pairs_whatever_their_number() -> None:
    assert len(fold(run("COMPLETE", "12345678", [f"o{n}" for n in range(1_000)])).edges) == 8_000


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (None, "bad-document"),
        ([], "bad-document"),
        ("text", "bad-document"),
        (run(run_id=7), "bad-run"),
        (run(run_id=""), "bad-run"),
        (run() | {"run": 5}, "bad-run"),
        (run(job=5), "bad-job"),
        (run(job={"namespace": "n"}), "bad-job"),
        (run(job={"namespace": "n", "name": "half \ud800"}), "bad-job"),
        (run("Complete"), "bad-event-type"),
        (run() | {"eventType": ["x"]}, "bad-event-type"),
        (run() | {"inputs": {}}, "bad-dataset"),
        (run() | {"outputs": [[]]}, "bad-dataset"),
        (run() | {"outputs": [{"namespace": "db", "name": 5}]}, "bad-dataset"),
        ({"dataset": 5}, "bad-dataset"),
        (run(outputs=[{"namespace": "db", "name": "x", "facets": []}]), "bad-facet"),
        (run(outputs=[ds("x", columnLineage=5)]), "bad-facet"),
        (run(outputs=[ds("x", columnLineage={"fields": {"y": {"inputFields": [5]}}})]), "bad-facet"),
    ],
)
def test_what_is_malformed_is_passed_over_and_counted(body: Any, found: str) -> None:
    graph = fold(run("COMPLETE", "a", "b", run_id="sound"), body)

    assert codes(graph) == {found: (1,)}
    assert arrows(graph) == ["a>b table committed 0"]


def test_a_run_without_an_id_is_folded_alone() -> None:
    graph = fold(run("COMPLETE", "a", "b", run_id=5), run("COMPLETE", "c", "d", run_id=5))

    assert arrows(graph) == ["a>b table committed 0", "c>d table committed 1"]


def test_datasets_without_a_usable_job_are_not_joined() -> None:
    assert arrows(fold(run("COMPLETE", "a", "b", job=5))) == []


def test_nulls_are_as_good_as_absent() -> None:
    assert codes(fold(run() | {"inputs": None, "outputs": None, "dataset": None})) == {}


def test_a_name_of_a_megabyte_and_names_with_tricks_keep_ids_short_and_apart() -> None:
    names = ["x" * 1_000_000, 'a"; DROP TABLE lineage_edge; --', "a|b", "sha256:0", "line\nbreak", "ünïcode"]
    graph = fold(run("COMPLETE", names, ["out"]), run("COMPLETE", [{"namespace": "d|b%", "name": "a|b"}], ["out"]))

    ids = [node.id for node in graph.nodes]

    assert max(len(id.encode()) for id in ids) <= 256
    assert len(set(ids)) == len(names) + 3
    assert "dataset:d%7Cb%25|a|b" in ids


def test_an_edge_lists_the_first_sixteen_entries_that_say_so() -> None:
    sixteen, seventeen = (fold(*[run("START", "a", "b")] * times).edges[0] for times in (16, 17))

    assert (sixteen.seqs, sixteen.more) == (tuple(range(16)), False)
    assert (seventeen.seqs, seventeen.more) == (tuple(range(16)), True)


def test_a_finding_lists_the_first_sixteen_entries_that_have_it() -> None:
    (finding,) = fold(*[None] * 17).findings

    assert finding == ("bad-document", tuple(range(16)), True)


def test_a_graph_grows_with_the_content_of_the_events_and_not_with_edges_times_events() -> None:
    told, outputs = run("RUNNING", "abcdefgh"), [f"o{n}" for n in range(500)]

    few, many = (edges.to_json(fold(run("RUNNING", "abcdefgh", outputs), *[told] * times)) for times in (20, 2_000))

    assert len(many) == len(few)


def test_the_printed_graph_is_pinned() -> None:
    graph = fold(
        run("START", "a"),
        run("COMPLETE", (), [ds("b|c", columnLineage=column_lineage("cte"))]),
        {"dataset": ds("v", lineage={"inputs": [source("a")]})},
        [],
    )

    assert edges.to_json(graph) == (
        b'{"datasets":[{"id":"dataset:db|a","name":"a","namespace":"db"},{"id":"dataset:db|b|c","name":"b|c","namespace":"db"},'
        b'{"id":"dataset:db|cte","name":"cte","namespace":"db","unresolved":true},'
        b'{"id":"dataset:db|v","name":"v","namespace":"db"}],'
        b'"edges":[{"from":"dataset:db|a","job":"job:n|j","origin":"table","seqs":[0,1],"state":"committed","to":"dataset:db|b|c"},'
        b'{"from":"dataset:db|a","origin":"explicit","seqs":[2],"state":"declared","to":"dataset:db|v"},'
        b'{"from":"dataset:db|cte","job":"job:n|j","origin":"column","seqs":[1],"state":"committed","to":"dataset:db|b|c"}],'
        b'"findings":[{"code":"bad-document","seqs":[3]}],"jobs":[{"id":"job:n|j","name":"j","namespace":"n"}],"v":1}\n'
    )


def test_an_empty_graph_is_printed_too() -> None:
    assert edges.to_json(fold()) == b'{"datasets":[],"edges":[],"findings":[],"jobs":[],"v":1}\n'


def test_the_closure_hash_is_of_sorted_ids_of_datasets_alone() -> None:
    # sha256 of "tallystick/closure/v1\ndataset:db|a\ndataset:db|b\n"
    nodes = [Node("dataset", "db", "b"), Node("job", "n", "j"), Node("dataset", "db", "a"), Node("dataset", "db", "b")]

    assert edges.closure_hash(nodes) == "e2e365946deafb25f2b63655a9565511cf01fbc1cab4fdca79553fd84a72eb02"


def test_reach_survives_cycles_and_long_chains() -> None:
    chain = [run("COMPLETE", [f"t{n}"], [f"t{n + 1}"], run_id=str(n)) for n in range(3_000)]
    graph = fold(*chain, run("COMPLETE", ["t3000"], ["t0"], run_id="back"))

    assert edges.reach(graph, [Node("dataset", "db", "t0")])[Node("dataset", "db", "t3000")] == 3_000
    assert edges.reach(graph, [Node("dataset", "db", "t0")], upstream=True)[Node("dataset", "db", "t1")] == 3_000


def test_a_dataset_may_derive_from_itself() -> None:
    assert arrows(fold(run("COMPLETE", "a", "a"))) == ["a>a table committed 0"]


def test_reading_does_not_change_the_body() -> None:
    body = run("COMPLETE", "a", [ds("b", lineage={"inputs": [source("a")]})])
    before = json.dumps(body)

    read(body)

    assert json.dumps(body) == before
