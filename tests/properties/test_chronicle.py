"""Lineage through time: no order and no repetition changes it, and every answer equals a replay of the log cut at that point."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.record import Record
from lineage.chronicle.cut import Cut, number_of, picture
from lineage.chronicle.fold import Picture, fold
from lineage.chronicle.rules import ALIAS_DECLARED, EDGE_RETRACTED
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.vertex import Vertex, dataset, moment
from lineage.chronicle.walk import walk
from proofs import edges

RUN = "tallystick.lineage.run-observed.v1"
PUBLISHED = "tallystick.contract.published.v1"
NAMES = ["a", "b", "c", "A", '"a"', "s.t", '"s"."T"']
DATASET: st.SearchStrategy[Any] = st.builds(lambda name: {"namespace": "db", "name": name}, st.sampled_from(NAMES))
SOURCE: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        lambda d, more: {**d, "type": "DATASET", **more}, DATASET, st.sampled_from([{}, {"field": "x"}, {"field": ""}])
    ),
    st.sampled_from([{"type": "JOB"}, {"type": "JOB", "namespace": "j", "name": "two"}, 7]),
)
INPUT: st.SearchStrategy[Any] = st.builds(
    lambda d, kinds: {**d, "field": "x", "transformations": [{"type": kind} for kind in kinds]},
    DATASET,
    st.lists(st.sampled_from(["DIRECT", "INDIRECT", "?"]), max_size=2),
)
COLUMNS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(
            st.sampled_from("xy"), st.builds(lambda i: {"inputFields": i}, st.lists(INPUT, max_size=2))
        )
    },
    optional={"dataset": st.lists(INPUT, max_size=2), "_deleted": st.booleans()},
)
STATED: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(SOURCE, max_size=2),
        "fields": st.dictionaries(
            st.sampled_from("xy"), st.builds(lambda i: {"inputs": i}, st.lists(SOURCE, max_size=2))
        ),
        "_deleted": st.booleans(),
    },
)
FACETS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "columnLineage": COLUMNS,
        "lineage": STATED,
        "symlinks": st.builds(lambda d: {"identifiers": d}, st.lists(DATASET, max_size=2)),
        "lifecycleStateChange": st.builds(
            lambda word, was: {"lifecycleStateChange": word, "previousIdentifier": was},
            st.sampled_from(["RENAME", "DROP", "CREATE"]),
            DATASET,
        ),
    },
)
FULL = st.builds(lambda dataset, facets: {**dataset, "facets": facets}, DATASET, FACETS)
BOXES = st.lists(st.one_of(DATASET, DATASET, FULL, st.just(7)), max_size=3)
JOB: st.SearchStrategy[Any] = st.builds(
    lambda name, mode, entries: {
        "namespace": "j",
        "name": name,
        "facets": ({"jobType": {"emissionPattern": {"eventContentMode": mode}}} if mode else {})
        | ({} if entries is None else {"lineage": {"entries": entries}}),
    },
    st.sampled_from(["one", "two"]),
    st.sampled_from(["", "", "COMPLETE_SNAPSHOT", "ACCUMULATIVE"]),
    st.one_of(
        st.none(),
        st.none(),
        st.lists(st.builds(lambda e, s: {**e, **s} if isinstance(e, dict) else e, SOURCE, STATED), max_size=2),
    ),
)
PARENT = st.sampled_from([None, {"parent": {"run": {"runId": "p"}, "job": {"namespace": "j", "name": "above"}}}])
TIMES = [f"2026-11-2{day}T00:00:00Z" for day in range(4)] + ["2026-11-21T01:00:00+01:00", "yesterday"]
BODY: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"eventTime": st.sampled_from(TIMES), "inputs": BOXES, "outputs": BOXES},
    optional={
        "run": st.one_of(
            st.builds(lambda run, facets: {"runId": run, "facets": facets}, st.sampled_from("rs"), PARENT),
            st.sampled_from([{}, None]),
        ),
        "job": JOB,
        "dataset": FULL,
        "eventType": st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "DONE"]),
    },
)
WHO = {"by": "data:1", "reason": "because"}
RULE: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        lambda ends, state: (ALIAS_DECLARED, {"rule": "name", "state": state, "datasets": ends, **WHO}),
        st.lists(DATASET, min_size=2, max_size=2),
        st.sampled_from(["in-force", "withdrawn"]),
    ),
    st.builds(
        lambda rule, state: (ALIAS_DECLARED, {"rule": rule, "state": state, "namespace": "db", **WHO}),
        st.sampled_from(["unquote", "fold-case"]),
        st.sampled_from(["in-force", "in-force", "withdrawn"]),
    ),
    st.builds(
        lambda ends, state, job: (EDGE_RETRACTED, {"datasets": ends, "state": state, **job, **WHO}),
        st.lists(DATASET, min_size=2, max_size=2),
        st.sampled_from(["retracted", "retracted", "restored"]),
        st.sampled_from([{}, {"job": {"namespace": "j", "name": "one"}}]),
    ),
)
CONTRACT: st.SearchStrategy[Any] = st.builds(
    lambda name, dataset, targets, type: (
        type,
        {"contract": {"name": name}, "dataset": dataset, "privacy": {"deletion_propagation": targets}},
    ),
    st.sampled_from(["k", "l"]),
    DATASET,
    st.lists(DATASET, max_size=2),
    st.sampled_from([PUBLISHED, PUBLISHED, "tallystick.contract.retired.v1"]),
)
OBSERVED: st.SearchStrategy[Any] = st.builds(lambda body: (RUN, body), BODY)
LOG: st.SearchStrategy[Any] = st.lists(st.one_of(OBSERVED, OBSERVED, OBSERVED, RULE, CONTRACT), max_size=8)
FIRST = 1_795_000_000_000_000


def records(events: Sequence[tuple[str, Any]]) -> list[Record]:
    """Each at a later minute of the ledger's clock, which stands among the producers' times."""
    return [
        Record(2 * seq, f"2026-11-21T00:{seq:02}:00.000000Z", "", "s", type, {}, b"{}", json.dumps(body).encode())
        for seq, (type, body) in enumerate(events)
    ]


def project(log: Sequence[Record]) -> sqlite_utils.Database:
    db = sqlite_utils.Database(memory=True)
    projection = ChronicleProjection()
    projection.create(db)
    for record in log:
        projection.apply(db, record)
    return db


def seen(found: Picture) -> tuple[object, ...]:
    return (found.edges, found.named)


@settings(max_examples=80)
@given(st.data(), st.lists(OBSERVED, max_size=8))
def test_I20_any_order_and_any_repetition_gives_the_same_graph_through_time(
    data: st.DataObject, events: list[Any]
) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    shuffled = data.draw(st.permutations(events + again))

    found, other = fold(records(events)), fold(records(shuffled))

    assert (found.edges, found.named, found.conflicts) == (other.edges, other.named, other.conflicts)
    assert seen(picture(project(records(shuffled)))) == seen(found)


@settings(max_examples=150)
@given(LOG, st.integers(-1, 16), st.sampled_from([*TIMES, "2026-11-21T00:02:00Z", "1970-01-01T00:00:00Z"]))
def test_an_answer_of_a_cut_is_the_fold_of_the_log_cut_there(events: list[Any], known_at: int, as_of: str) -> None:
    log = records(events)
    time = moment(as_of) or FIRST

    found = picture(project(log), Cut(as_of=time, known_at=known_at))

    assert seen(found) == seen(fold(log, as_of=time, known_at=known_at))


@settings(max_examples=60)
@given(LOG)
def test_I19_the_graph_through_time_is_the_same_bytes_wherever_the_catching_up_stopped(events: list[Any]) -> None:
    log = records(events)
    db = sqlite_utils.Database(memory=True)
    ChronicleProjection().create(db)
    for record in log:
        ChronicleProjection().apply(db, record)  # a projection of its own each time: nothing is at hand

    assert list(db.iterdump()) == list(project(log).iterdump())


def reach(found: Picture, start: Vertex, *, upstream: bool) -> dict[Vertex, int]:
    """What a walk reaches, told by the edges alone."""
    ways: dict[Vertex, set[Vertex]] = {}
    names: dict[Vertex, set[Vertex]] = {}
    for (layer, source, target, _), _ in found.edges:
        if layer == "same":
            names.setdefault(source, set()).add(target)
            names.setdefault(target, set()).add(source)
        elif layer == "data":
            ways.setdefault(target if upstream else source, set()).add(source if upstream else target)
    distance = {start: 0}
    level = [start]
    while level:
        vertex = level.pop()
        free = {other for other in ways.get(vertex, ()) if other[0] == "job"} | names.get(vertex, set())
        for other in free | ways.get(vertex, set()):
            far = distance[vertex] + (other not in free)
            if distance.get(other, far + 1) > far:
                distance[other] = far
                level.append(other)
    return distance


@settings(max_examples=100)
@given(LOG, st.booleans(), st.sampled_from([0, 8]))
def test_a_walk_reaches_what_the_edges_of_the_fold_lead_to(events: list[Any], upstream: bool, pairs: int) -> None:
    log = records(events)
    start = dataset("db", "a")

    with patch.object(edges, "PAIRS_PER_NAME", pairs):
        db = project(log)
        expected = reach(fold(log), start, upstream=upstream)

    number = number_of(db, start)
    found: dict[int | None, int] = {None: 0}
    if number is not None:
        found = dict(walk(db, (number,), upstream=upstream, node_limit=None).distance.items())
    assert {number_of(db, vertex): far for vertex, far in expected.items()} == found


MEMBERS = [
    "run",
    "runId",
    "job",
    "namespace",
    "name",
    "type",
    "inputs",
    "outputs",
    "dataset",
    "facets",
    "lineage",
    "parent",
]
MEMBERS += [
    "entries",
    "fields",
    "columnLineage",
    "inputFields",
    "eventType",
    "_deleted",
    "symlinks",
    "identifiers",
    "root",
]
MEMBERS += ["eventTime", "jobType", "emissionPattern", "eventContentMode", "lifecycleStateChange", "previousIdentifier"]
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.text(max_size=3), st.integers(), st.floats(), st.sampled_from(["JOB", "RENAME"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6)),
    max_leaves=25,
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from([RUN, ALIAS_DECLARED, EDGE_RETRACTED, PUBLISHED]), JSON), max_size=4))
def test_no_json_stops_the_projection_or_parts_it_from_the_fold(events: list[Any]) -> None:
    log = records(events)

    assert seen(picture(project(log))) == seen(fold(log))


@given(st.lists(st.binary(max_size=20), max_size=3))
def test_what_is_no_json_says_nothing(bodies: list[bytes]) -> None:
    log = [Record(seq, "", "", "s", RUN, {}, b"{}", body) for seq, body in enumerate(bodies)]

    assert seen(picture(project(log))) == seen(Picture())
