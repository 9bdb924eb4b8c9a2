"""Answers of the graph through time: what comes from what, by which way, since when, and who says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlite_utils

from ledger.record import Record
from lineage.chronicle import answer, routes
from lineage.chronicle.answer import Part, around, columns_around, text_of
from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.difference import difference
from lineage.chronicle.steps import rolled_up
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.vertex import column, dataset, moment
from lineage.chronicle.why import why

RUN = "tallystick.lineage.run-observed.v1"
ALIAS = "tallystick.lineage.alias-declared.v1"
RETRACTED = "tallystick.lineage.edge-retracted.v1"
WHO = {"by": "data:1", "reason": "seen in the logs"}


def named(name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": "db", "name": name} | ({"facets": facets} if facets else {})


def run(edge: str, hour: int, word: str = "COMPLETE", **facets: Any) -> tuple[str, Any]:
    """A run of a job of its own for `a,b>c`, at an hour of 20 November."""
    sources, _, targets = edge.partition(">")
    return RUN, {
        "eventType": word,
        "eventTime": f"2026-11-20T{hour:02}:00:00Z",
        "run": {"runId": f"{edge} {hour}"},
        "job": {"namespace": "n", "name": f"job {edge}"},
        "inputs": [named(name) for name in sources.split(",") if name],
        "outputs": [named(name, **facets) for name in targets.split(",") if name],
    }


def columns(**fields: str) -> dict[str, Any]:
    """A facet in which each column comes from the columns "table.column" named; `ALL` is the whole dataset."""
    stated = {
        name: [{**named(each.partition(".")[0]), "field": each.partition(".")[2]} for each in given.split()]
        for name, given in fields.items()
    }
    whole = stated.pop("ALL", [])
    return {
        "columnLineage": {
            "fields": {name: {"inputFields": inputs} for name, inputs in stated.items()},
            "dataset": whole,
        }
    }


def project(events: Sequence[tuple[str, Any]]) -> sqlite_utils.Database:
    db = sqlite_utils.Database(memory=True)
    projection = ChronicleProjection()
    projection.create(db)
    for seq, (type, body) in enumerate(events):
        record = Record(seq, "2026-11-20T05:00:00.000000Z", "", "s", type, {}, b"{}", json.dumps(body).encode())
        projection.apply(db, record)
    return db


def reached(found: Part) -> dict[str, int]:
    return {text_of(vertex).removeprefix("db|"): far for vertex, far in sorted(found.distance.items())}


def at(hour: int, known_at: int = NOW.known_at) -> Cut:
    return Cut(as_of=moment(f"2026-11-20T{hour:02}:00:00Z") or 0, known_at=known_at)


CHAIN = [run("a>b", 1), run("b>c", 2), run("x>c", 3, "START"), run("c>d,e", 4)]
A, B, C, D = (dataset("db", name) for name in "abcd")


def test_downstream_and_upstream_count_datasets() -> None:
    db = project(CHAIN)

    assert reached(around(db, A)) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 3}
    assert reached(around(db, D, upstream=True)) == {"a": 3, "b": 2, "c": 1, "d": 0, "x": 2}
    assert reached(around(db, A, depth=1)) == {"a": 0, "b": 1}
    assert reached(around(db, dataset("db", "never seen"))) == {}


def test_an_answer_is_that_of_the_moment_and_of_what_was_known() -> None:
    db = project(CHAIN)

    assert reached(around(db, A, at(2))) == {"a": 0, "b": 1, "c": 2}
    assert reached(around(db, A, Cut(known_at=0))) == {"a": 0, "b": 1}
    assert reached(around(db, A, at(0))) == {"a": 0}


def test_a_walk_keeps_to_the_states_that_are_asked_for() -> None:
    db = project(CHAIN)

    assert reached(around(db, D, Cut(least=3), upstream=True)) == {"a": 3, "b": 2, "c": 1, "d": 0}


def test_a_walk_that_meets_its_limit_says_so() -> None:
    db = project(CHAIN)

    cut, whole = around(db, A, node_limit=2), around(db, A, node_limit=4)

    assert (reached(cut), cut.truncated) == ({"a": 0, "b": 1, "c": 2}, True)
    assert (len(whole.distance), whole.truncated) == (5, False)


def test_what_is_only_the_source_of_a_column_is_unresolved() -> None:
    found = around(project([run("a>b", 1, **columns(x="cte.x"))]), B, upstream=True)

    assert reached(found) == {"a": 1, "b": 0, "cte": 1}
    assert found.unresolved == {dataset("db", "cte")}


def check(edge: str, hour: int) -> tuple[str, Any]:
    """A run of a job that its producer calls a test."""
    type, body = run(edge, hour)
    return type, body | {"job": body["job"] | {"facets": {"jobType": {"jobType": "TEST"}}}}


def test_what_tests_alone_write_is_left_out_unless_it_is_asked_for() -> None:
    db = project([run("a>b", 1), check("b>t", 2)])

    found, all_of_it = around(db, A), around(db, A, Cut(tests=True))

    assert (reached(found), len(found.arrows)) == ({"a": 0, "b": 1}, 1)
    assert reached(all_of_it) == {"a": 0, "b": 1, "t": 2}
    assert all_of_it.results == {dataset("db", "t")}
    assert reached(around(db, dataset("db", "t"), upstream=True)) == {"a": 2, "b": 1, "t": 0}


@pytest.mark.parametrize("other", ["t>c", "c>t"])
def test_a_result_that_somebody_reads_or_writes_otherwise_is_a_dataset_like_any_other(other: str) -> None:
    db = project([check("a>t", 1), run(other, 3)])

    assert "t" in reached(around(db, A))
    assert "t" not in reached(around(db, A, at(2)))


def test_a_test_of_many_datasets_is_left_out_with_its_job() -> None:
    many = [f"x{number}" for number in range(20)]
    db = project([check(f"a,{','.join(many)}>{','.join(f't{name}' for name in many)}", 1)])

    found, all_of_it = around(db, A), around(db, A, Cut(tests=True))

    assert (reached(found), found.arrows) == ({"a": 0}, ())
    assert (len(all_of_it.distance), len(all_of_it.arrows)) == (22, 21)


def test_results_of_tests_make_no_ends_and_no_difference() -> None:
    db = project([run("a>b", 1), check("b>t", 2)])
    result = dataset("db", "t")

    assert [routes.ends(db, "leaves", cut) for cut in (NOW, Cut(tests=True), at(1))] == [[B], [result], [B]]
    assert routes.ends(db, "orphans") == []
    assert [len(difference(db, at(1), cut).added) for cut in (NOW, Cut(tests=True))] == [0, 1]
    assert routes.paths(db, A, result).ways == ((A, B, result),)


def step(edge: str, hour: int, parent: str, kind: str) -> tuple[str, Any]:
    type, body = run(edge, hour)
    above = {"run": {"runId": "p"}, "job": {"namespace": "n", "name": parent}}
    job = body["job"] | {"facets": {"jobType": {"jobType": kind}}}
    return type, body | {"job": job, "run": body["run"] | {"facets": {"parent": above}}}


def test_statements_are_rolled_up_into_their_job_and_no_further() -> None:
    db = project([step("a>b", 1, "job b>c", "QUERY"), step("b>c", 2, "task", "SQL"), step("c>d", 3, "dag", "TASK")])

    found = rolled_up(db, around(db, A))

    assert [text_of(arrow.job) for arrow in found.arrows if arrow.job] == ["n|task", "n|task", "n|job c>d"]
    assert [text_of(arrow.job) for arrow in rolled_up(db, around(db, A, at(1)), at(1)).arrows if arrow.job] == [
        "n|job b>c"
    ]


def test_steps_in_a_circle_stay_as_they_are() -> None:
    db = project([step("a>b", 1, "job b>c", "SQL"), step("b>c", 2, "job a>b", "SQL")])

    assert rolled_up(db, around(db, A)).arrows == around(db, A).arrows


def test_names_that_are_one_thing_are_walked_and_shown_as_one() -> None:
    alias = (ALIAS, {"rule": "name", "state": "in-force", "datasets": [named("s3"), named("b")], **WHO})
    db = project([run("a>s3", 1), run("b>c", 2), alias])

    found = around(db, A)

    assert reached(found) == {"a": 0, "b": 1, "c": 2}
    assert found.names == {B: (dataset("db", "s3"),)}
    assert reached(around(db, A, Cut(known_at=1))) == {"a": 0, "s3": 1}
    assert [arrow[:2] for arrow in found.arrows] == [(A, B), (B, C)]


def test_a_rule_of_spelling_joins_what_one_producer_quotes() -> None:
    rule = (ALIAS, {"rule": "unquote", "state": "in-force", "namespace": "db", **WHO})
    db = project([rule, run("a>s.t", 1), run('"s"."t">c', 2)])

    assert reached(around(db, A)) == {"a": 0, "s.t": 1, "c": 2}


def test_columns_go_on_across_tables_direct_and_indirect() -> None:
    db = project(
        [
            run("a>b", 1, **columns(x="a.x", y="a.y")),
            run("b>c", 2, **columns(u="b.x", v="b.y", ALL="b.y")),
            run("c>d", 3, **columns(z="c.u")),
        ]
    )

    down, up = columns_around(db, column(A, "x")), columns_around(db, column(D, "z"), upstream=True)

    assert reached(down) == {"a#x": 0, "b#x": 1, "c#u": 2, "d#z": 3}
    assert reached(columns_around(db, column(A, "y"))) == {"a#y": 0, "b#y": 1, "c#*": 2, "c#u": 2, "c#v": 2, "d#z": 3}
    assert reached(up) == {"d#z": 0, "c#u": 1, "b#x": 2, "b#y": 2, "a#x": 3, "a#y": 3}
    assert [arrow.origin for arrow in columns_around(db, column(B, "y")).arrows if arrow.target[3] == ""] == [
        "indirect"
    ]
    assert reached(columns_around(db, column(A, "unheard of"))) == {}


def test_columns_of_two_names_of_one_dataset_are_the_same_columns() -> None:
    alias = (ALIAS, {"rule": "name", "state": "in-force", "datasets": [named("s3"), named("b")], **WHO})
    db = project([run("a>s3", 1, **columns(x="a.x")), run("b>c", 2, **columns(u="b.x")), alias])

    assert reached(columns_around(db, column(A, "x"))) == {"a#x": 0, "b#x": 1, "c#u": 2}


def test_the_ways_between_two_datasets_come_shortest_first() -> None:
    db = project([*CHAIN, run("a>c", 5)])

    found = routes.paths(db, A, D)

    assert found.ways == ((A, C, D), (A, B, C, D))
    assert routes.paths(db, A, D, most=1).truncated
    assert routes.paths(db, D, A).ways == ()


def test_what_two_datasets_have_in_common_and_what_stands_alone() -> None:
    db = project([*CHAIN, run("only>", 5), run("k>l", 6), run("l>k", 7), run("m>m", 8)])

    assert {text_of(v): far for v, far in routes.common(db, D, dataset("db", "e")).items()} == {
        "db|c": 2,
        "db|b": 4,
        "db|x": 4,
        "db|a": 6,
    }
    assert [v[2] for v in routes.ends(db, "orphans")] == ["only"]
    assert [v[2] for v in routes.ends(db, "roots")] == ["a", "x"]
    assert [v[2] for v in routes.ends(db, "leaves")] == ["d", "e"]
    assert [v[2] for v in routes.ends(db, "orphans", namespace="other")] == []
    assert [[v[2] for v in group] for group in routes.cycles(around(db, dataset("db", "k")))] == [["k", "l"]]
    assert [[v[2] for v in group] for group in routes.cycles(around(db, dataset("db", "m")))] == [["m"]]


def test_the_difference_of_two_moments_tells_what_came_went_and_changed() -> None:
    snapshot = {"jobType": {"emissionPattern": {"eventContentMode": "COMPLETE_SNAPSHOT"}}}
    stream = [run(edge, hour, "RUNNING") for edge, hour in (("a>t", 1), ("b>t", 3))]
    for _, body in stream:
        body["job"] = {"namespace": "n", "name": "stream", "facets": snapshot}
        body["run"] = {"runId": "r"}
    ended = [run("p>q", 2, "START")[1] | {"run": {"runId": "z"}}, run("p>q", 4)[1] | {"run": {"runId": "z"}}]
    db = project([*stream, *((RUN, body) for body in ended)])

    found = difference(db, at(2), at(4))

    assert [(arrow.source[2], arrow.target[2]) for arrow in found.added] == [("b", "t")]
    assert [(arrow.source[2], arrow.target[2]) for arrow in found.removed] == [("a", "t")]
    assert [(arrow.source[2], before, arrow.state) for arrow, before in found.changed] == [("p", "open", "committed")]
    assert not found.truncated


def test_why_an_edge_is_there_is_told_with_the_entries_that_say_so() -> None:
    again = run("a>b", 3)
    db = project([run("a>b", 1), run("z>b", 2), again])

    (reason,) = why(db, A, B)
    (earlier,) = why(db, A, B, Cut(known_at=0))

    assert (reason.job, reason.origin, reason.state, reason.runs) == ("n|job a>b", "table", "committed", 2)
    assert [each.seq for each in reason.said_by] == [0, 2]
    assert (reason.first, reason.last) == ("2026-11-20T01:00:00.000000Z", "2026-11-20T03:00:00.000000Z")
    assert (earlier.runs, earlier.last, earlier.disputed) == (1, "2026-11-20T01:00:00.000000Z", False)
    assert why(db, B, A) == []


def test_an_edge_in_dispute_is_no_way_and_still_has_its_reasons() -> None:
    dispute = (RETRACTED, {"datasets": [named("a"), named("b")], "state": "retracted", **WHO})
    db = project([run("a>b", 1), dispute])

    (reason,) = why(db, A, B)

    assert reached(around(db, A)) == {"a": 0}
    assert (reason.disputed, [each.seq for each in reason.said_by]) == (True, [0])
    assert not why(db, A, B, Cut(known_at=0))[0].disputed


def test_networkx_gets_typed_attributes() -> None:
    found = answer.graph(around(project(CHAIN), A))

    assert found.nodes[B] == {"kind": "dataset", "namespace": "db", "name": "b", "column": "", "distance": 1}
    assert found.edges[A, B, ("n|job a>b", "table")] == {
        "job": "n|job a>b",
        "origin": "table",
        "state": "committed",
        "since": 1_763_600_400_000_000 + 365 * 86_400_000_000,
    }


@pytest.mark.parametrize("known_at", [NOW.known_at, 3])
def test_a_page_that_was_rolled_back_leaves_nothing_at_hand(known_at: int) -> None:
    projection, db = ChronicleProjection(), sqlite_utils.Database(memory=True)
    projection.create(db)
    whole = [
        Record(seq, "2026-11-20T05:00:00.000000Z", "", "s", type, {}, b"{}", json.dumps(body).encode())
        for seq, (type, body) in enumerate(CHAIN)
    ]
    projection.apply(db, whole[0])
    db.conn.commit()
    db.execute("BEGIN")
    for record in whole[1:]:
        projection.apply(db, record)
    db.execute("ROLLBACK")

    for record in whole[1:]:
        projection.apply(db, record)

    assert reached(around(db, A, Cut(known_at=known_at))) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 3}
    assert list(db.iterdump()) == list(project(CHAIN).iterdump())
