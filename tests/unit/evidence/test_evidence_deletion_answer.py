"""Whether a stranger can see, from the bundle alone, that a deletion forgot nothing downstream."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evidence import deletion
from evidence.question import Question, about_dataset, about_deletion
from proofs import jsonstrict
from proofs.edges import Graph, closure_hash, fold, reach
from proofs.errors import RefusedError
from proofs.scope import Window
from proofs.statement import Node

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]
Lines = Callable[[bytes], list[Any]]
REQUEST = "5f0c5f6e-8a53-4a6e-9b0e-2f1d0a6f9c11"
RUN = "tallystick.lineage.run-observed.v1"


def node(name: str) -> Node:
    return Node("dataset", "crm", name)


def run(house: House, name: str, inputs: list[str], outputs: list[str], **changes: Any) -> int:
    """Append one run event; `changes` replace its members."""
    body = {
        "eventType": "COMPLETE",
        "inputs": [{"namespace": "crm", "name": each} for each in inputs],
        "outputs": [{"namespace": "crm", "name": each} for each in outputs],
        "job": {"namespace": "crm", "name": f"job-{name}"},
        "run": {"runId": f"run-{name}"},
    }
    return int(house.append(name, RUN, {**body, **changes}))


def graph_of(found: Mapping[str, bytes], lines: Lines) -> Graph:
    """What a stranger folds from the disclosed bodies."""
    from base64 import b64decode

    entries = {entry["seq"]: entry for entry in lines(found["data/entries.jsonl"])}
    bodies = [line for line in lines(found["data/bodies.jsonl"]) if "bytes" in line]
    return fold(
        (body["seq"], jsonstrict.loads_foreign(b64decode(body["bytes"])))
        for body in bodies
        if entries[body["seq"]]["type"].startswith("tallystick.lineage.")
    )


def test_the_question_reaches_every_dataset_and_run_downstream_of_the_plan(house: House) -> None:
    question = about_deletion(house.log, REQUEST)

    names = [window.name for window in question.streams]
    assert (question.kind, question.subject) == ("deletion", REQUEST)
    assert [name for name in names if not name.startswith("run:")] == [
        "dataset:crm|features",
        "dataset:crm|scores",
        "dataset:crm|visits",
        f"request:{REQUEST}",
    ]
    runs = {
        name
        for seq in (house.seqs["features-start"], house.seqs["score-start"])
        for name in house.log.entry(seq).streams
    }
    assert {name for name in names if name.startswith("run:")} == {name for name in runs if name.startswith("run:")}


def test_a_stranger_folds_the_same_closure_from_the_bundle_alone(house: House, files: Files, lines: Lines) -> None:
    # Inputs and outputs in different events of one run, a failed run, a loop, and a run that has nothing to do with it.
    run(house, "split", ["scores"], [], eventType="START")
    run(house, "split-end", [], ["audience"], job={"namespace": "crm", "name": "job-split"}, run={"runId": "run-split"})
    run(house, "failed", ["audience"], ["mailing"], eventType="FAIL")
    run(house, "loop", ["mailing"], ["features"])
    run(house, "elsewhere", ["products"], ["prices"])

    sealed = house.export(about_deletion(house.log, REQUEST))

    derived = reach(graph_of(files(sealed.path), lines), [node("visits")])
    expected = {node(name) for name in ("visits", "features", "scores", "audience", "mailing")}
    assert set(derived) == expected
    assert closure_hash(derived) == closure_hash(expected)
    assert not any("products" in window.name for window in about_deletion(house.log, REQUEST).streams)


def test_a_run_too_wide_for_pairs_is_reached_through_its_job(house: House, files: Files, lines: Lines) -> None:
    many = [f"in-{n:02}" for n in range(65)]
    run(house, "hub", ["scores", *many], [f"out-{n:02}" for n in range(64)])

    sealed = house.export(about_deletion(house.log, REQUEST))

    derived = reach(graph_of(files(sealed.path), lines), [node("visits")])
    assert {f"out-{n:02}" for n in range(64)} <= {each.name for each in derived}
    assert "job:crm|job-hub" in {window.name for window in about_deletion(house.log, REQUEST).streams}


def test_a_column_that_derives_from_a_target_leads_on(house: House, files: Files, lines: Lines) -> None:
    source = {"namespace": "crm", "name": "scores", "field": "score"}
    facets = {"columnLineage": {"fields": {"band": {"inputFields": [source]}}}}
    body = {"dataset": {"namespace": "crm", "name": "bands", "facets": facets}}
    house.append("columns", "tallystick.lineage.dataset-observed.v1", body)

    sealed = house.export(about_deletion(house.log, REQUEST))

    assert node("bands") in reach(graph_of(files(sealed.path), lines), [node("visits")])


def test_the_certificate_stands_in_the_bundle_as_the_log_has_it(house: House, files: Files) -> None:
    sealed = house.export(about_deletion(house.log, REQUEST))

    found = files(sealed.path)
    seq = house.seqs["certified"]
    assert found[f"data/certificates/{seq}.json"] == house.log.entry(seq).body
    assert json.loads(found["data/scope.json"])["question"]["subject"] == REQUEST
    assert b", certificate in entry 15: " in found["data/report.html"]


def test_a_request_that_names_no_dataset_asks_for_its_own_stream_alone(empty_house: House) -> None:
    empty_house.append("remark", "tallystick.deletion.requested.v1", {"request": "r-1", "subject": {"email": "x"}})

    assert about_deletion(empty_house.log, "r-1") == Question("deletion", (Window("request:r-1"),), "r-1")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"request": "r-1", "targets": {"dataset": {"namespace": "crm", "name": "x"}}},
        {"request": "r-1", "targets": [1, None, {"dataset": 7}], "datasets": 1, "seeds": [[]], "dataset": "crm|x"},
        {"request": "r-1", "seeds": [{"namespace": "", "name": "x"}]},
    ],
)
def test_a_body_in_the_stream_that_names_nothing_reaches_nothing(empty_house: House, body: Any) -> None:
    empty_house.append("opening", "tallystick.deletion.requested.v1", {"request": "r-1"})
    empty_house.append("odd", "tallystick.deletion.planned.v1", body)

    assert [window.name for window in about_deletion(empty_house.log, "r-1").streams] == ["request:r-1"]


def test_of_a_request_that_was_never_made_its_stream_alone_is_asked_for(house: House) -> None:
    assert [window.name for window in about_deletion(house.log, "r-2").streams] == ["request:r-2"]


@pytest.mark.parametrize("request_id", ["", "a\nb", "\ud800", None, 7])
def test_what_is_no_id_of_a_request_is_refused(house: House, request_id: Any) -> None:
    with pytest.raises(RefusedError):
        about_deletion(house.log, request_id)


# --- what a verifier makes of it


@pytest.fixture
def plain_house(empty_house: House) -> House:
    """A house where scores derive from features and these from visits, with no contract."""
    run(empty_house, "features", ["visits"], ["features"])
    run(empty_house, "score", ["features"], ["scores"])
    return empty_house


def forget(house: House, *names: str, then: Callable[[], object] = lambda: None) -> tuple[str, dict[str, object]]:
    """Plan and certify a deletion that begins at these datasets; the request, and what an export of it is worth."""
    request = deletion.request(
        house.log, [("household_id", "2317")], regulation="gdpr", datasets=[node(name) for name in names]
    ).request
    plan = deletion.make(house.log, request, [], reader="operator:1").fact
    deletion.certify(house.log, request, even_if_partial=True)
    then()
    certificates = house.judge(house.export(about_deletion(house.log, request)).path.read_bytes()).certificates
    assert [graded.lineage for graded in certificates] == [plan.lineage.size]
    return request, certificates[0].json()


def test_an_export_of_a_deletion_holds_all_that_its_closure_is_computed_from(plain_house: House) -> None:
    run(plain_house, "split", ["scores"], [], eventType="START")
    run(
        plain_house,
        "split-end",
        [],
        ["audience"],
        job={"namespace": "crm", "name": "job-split"},
        run={"runId": "run-split"},
    )

    _, told = forget(plain_house, "visits")

    size = told["lineage"]
    assert told["grade"] == f"closure recomputed, relative to the lineage in the first {size} entries"
    assert (told["derived"], told["targets"], told["forgotten"], told["streams"]) == (4, 4, [], [])


def test_an_edge_that_was_taken_back_since_leaves_the_export_whole(plain_house: House) -> None:
    # At the plan, a hub: its job is passed through. Afterwards the run says that nothing derived from anything.
    run(plain_house, "hub", ["scores", *(f"in-{n:02}" for n in range(65))], [f"out-{n:02}" for n in range(64)])
    closed = {"namespace": "crm", "name": "job-hub", "facets": {"lineage": {"entries": []}}}

    _, told = forget(
        plain_house, "visits", then=lambda: run(plain_house, "hub-end", [], [], job=closed, run={"runId": "run-hub"})
    )

    assert (told["derived"], told["targets"]) == (67, 67)
    assert str(told["grade"]).startswith("closure recomputed, ")


def test_an_edge_that_was_taken_back_before_the_plan_is_planned_all_the_same(plain_house: House) -> None:
    closed = {"namespace": "crm", "name": "job-score", "facets": {"lineage": {"entries": []}}}
    run(plain_house, "stranger", [], [], job=closed, run={"runId": "run-score"})

    _, told = forget(plain_house, "visits")

    assert (told["derived"], told["targets"], told["forgotten"]) == (3, 3, [])
    assert str(told["grade"]).startswith("closure recomputed, ")


def test_a_run_whose_stream_stands_in_a_continued_entry_is_asked_for(plain_house: House) -> None:
    run(plain_house, "wide", ["scores"], [f"wide-{n:03}" for n in range(150)], eventType="START")
    run(plain_house, "wide-end", [], ["last"], job={"namespace": "crm", "name": "job-wide"}, run={"runId": "run-wide"})

    _, told = forget(plain_house, "visits")

    assert (told["derived"], told["targets"]) == (154, 154)
    assert str(told["grade"]).startswith("closure recomputed, ")


def test_an_event_that_does_not_claim_json_parts_neither_plan_nor_verifier(plain_house: House) -> None:
    body = {"inputs": [{"namespace": "crm", "name": "scores"}], "job": {"namespace": "crm", "name": "j"}}
    outputs = [{"namespace": "crm", "name": "stray"}]
    plain_house.append("stray", RUN, {**body, "outputs": outputs}, datacontenttype="text/plain")

    _, told = forget(plain_house, "visits")

    assert (told["derived"], told["targets"]) == (3, 3)
    assert str(told["grade"]).startswith("closure recomputed, ")


def test_evidence_of_one_dataset_shows_the_certificate_and_proves_no_closure(plain_house: House) -> None:
    request, _ = forget(plain_house, "visits")

    verdict = plain_house.judge(plain_house.export(about_dataset("crm", "scores")).path.read_bytes())

    graded = verdict.certificates[-1]
    assert (graded.grade, graded.request) == ("closure not proven", request)
    assert graded.streams == ("dataset:crm|visits", f"request:{request}")
    assert verdict.word == "verified"
    assert f"data/certificates/{graded.seq}.json" in verdict.not_proven
