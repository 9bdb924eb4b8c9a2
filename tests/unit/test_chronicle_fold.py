"""The graph of a cut, event by event: what accumulates, what is replaced, what ends, and which names are one thing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ledger.record import Record
from lineage.chronicle.fold import Picture, fold
from lineage.chronicle.rules import spelled
from lineage.chronicle.vertex import dataset, moment, printed

OBSERVED = "tallystick.lineage.run-observed.v1"
RETRACTED = "tallystick.lineage.edge-retracted.v1"
ALIAS = "tallystick.lineage.alias-declared.v1"
WHO = {"by": "data:1", "reason": "seen in the logs"}


def named(name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": "db", "name": name} | ({"facets": facets} if facets else {})


def event(
    word: str, hour: int, inputs: Sequence[Any] = "", outputs: Sequence[Any] = "", **more: Any
) -> tuple[str, Any]:
    """A run event of job j; a letter is a dataset."""
    boxes = {
        side: [each if isinstance(each, dict) else named(each) for each in given]
        for side, given in (("inputs", inputs), ("outputs", outputs))
    }
    body = {
        "eventType": word,
        "eventTime": at(hour),
        "run": {"runId": "r"},
        "job": {"namespace": "n", "name": "j"},
    } | boxes
    return OBSERVED, {name: value for name, value in (body | more).items() if value is not None}


def at(hour: int) -> str:
    return f"2026-11-20T{hour:02}:00:00Z"


def folded(events: Sequence[tuple[str, Any]], hour: int = 23, known_at: int | None = None) -> Picture:
    records = [
        Record(seq, "2026-11-20T05:00:00.000000Z", "", "s", type, {}, b"{}", json.dumps(body).encode())
        for seq, (type, body) in enumerate(events)
    ]
    return fold(records, as_of=moment(at(hour)) or 0, known_at=known_at)


def lines(found: Picture, *layers: str) -> list[str]:
    return sorted(
        f"{source[2]}{source[3] and '.' + source[3]}>{target[2]}{target[3] and '.' + target[3]} {origin} {state}"
        for ((layer, source, target, origin), _), state in found.edges.items()
        if layer in (layers or ("data",))
    )


def of_type(word: str) -> dict[str, Any]:
    return {"namespace": "n", "name": "j", "facets": {"jobType": {"jobType": word}}}


COLUMNS_XY = {"fields": {"y": {"inputFields": [{**named("c"), "field": "x"}]}}}
INDIRECT = {
    "fields": {},
    "dataset": [{**named("c"), "field": "k", "transformations": [{"type": "INDIRECT", "subtype": "JOIN"}]}],
}
SNAPSHOT = {
    "namespace": "n",
    "name": "j",
    "facets": {"jobType": {"emissionPattern": {"eventContentMode": "COMPLETE_SNAPSHOT"}}},
}
SCENARIOS: dict[str, tuple[list[tuple[str, Any]], int, list[str]]] = {
    "the terminal event is not the only one that counts": (
        [event("START", 1, "a"), event("COMPLETE", 2, "", "b")],
        23,
        ["a>b table committed"],
    ),
    "a run that arrives backwards is the same run": (
        [event("COMPLETE", 2, "", "b"), event("START", 1, "a")],
        23,
        ["a>b table committed"],
    ),
    "the first end stays the end": (
        [event("FAIL", 2, "a", "b"), event("COMPLETE", 3, "a", "b")],
        23,
        ["a>b table attempted"],
    ),
    "what is told after the end belongs to the run": (
        [event("COMPLETE", 2, "a", "b"), event("RUNNING", 3, "c", "")],
        23,
        ["a>b table committed", "c>b table committed"],
    ),
    "as of a moment before the end the edge is open": (
        [event("START", 1, "a", "b"), event("COMPLETE", 3)],
        2,
        ["a>b table open"],
    ),
    "as of a moment before the start there is nothing": ([event("START", 5, "a", "b")], 4, []),
    "of START and COMPLETE in one moment the COMPLETE is later": (
        [event("COMPLETE", 2, "a", "b"), event("START", 2, "a", "b")],
        2,
        ["a>b table committed"],
    ),
    "a facet is replaced as a whole": (
        [
            event("START", 1, "", [named("b", columnLineage=COLUMNS_XY)]),
            event("COMPLETE", 2, "", [named("b", columnLineage={"fields": {"y": {"inputFields": [named("d")]}}})]),
        ],
        23,
        ["d>b column committed"],
    ),
    "until then the first one counts": (
        [
            event("START", 1, "", [named("b", columnLineage=COLUMNS_XY)]),
            event("COMPLETE", 2, "", [named("b", columnLineage={"fields": {}})]),
        ],
        1,
        ["c>b column open"],
    ),
    "a facet that deletes itself takes the earlier one with it": (
        [
            event("START", 1, "", [named("b", columnLineage=COLUMNS_XY)]),
            event("COMPLETE", 2, "", [named("b", columnLineage={"_deleted": True})]),
        ],
        23,
        [],
    ),
    "a lineage facet settles its dataset": (
        [event("COMPLETE", 1, "ab", [named("t", lineage={"inputs": [{**named("a"), "type": "DATASET"}]}), "u"])],
        23,
        ["a>t explicit committed", "a>u table committed", "b>u table committed"],
    ),
    "explicit empty inputs are no upstream at all": (
        [event("COMPLETE", 1, "a", [named("t", lineage={"inputs": []}, columnLineage=COLUMNS_XY)])],
        23,
        [],
    ),
    "a lineage facet that cannot be read settles nothing": (
        [event("COMPLETE", 1, "a", [named("t", lineage={"inputs": "none"})])],
        23,
        ["a>t table committed"],
    ),
    "a snapshot replaces what was said before": (
        [event("RUNNING", 1, "ab", "t", job=SNAPSHOT), event("RUNNING", 2, "b", "t", job=SNAPSHOT)],
        23,
        ["b>t table open"],
    ),
    "a snapshot was what it was": (
        [event("RUNNING", 1, "ab", "t", job=SNAPSHOT), event("RUNNING", 2, "b", "t", job=SNAPSHOT)],
        1,
        ["a>t table open", "b>t table open"],
    ),
    "a snapshot that names nothing takes nothing back": (
        [event("RUNNING", 1, "a", "t", job=SNAPSHOT), event("COMPLETE", 2, job=SNAPSHOT)],
        23,
        ["a>t table committed"],
    ),
    "a new declaration of a job takes the place of the old one": (
        [event("", 1, "a", "t", run=None, eventType=None), event("", 2, "b", "t", run=None, eventType=None)],
        23,
        ["b>t table declared"],
    ),
    "two jobs of one run id are two runs": (
        [event("COMPLETE", 1, "a", "b"), event("FAIL", 1, "c", "d", job={"namespace": "n", "name": "k"})],
        23,
        ["a>b table committed", "c>d table attempted"],
    ),
    "a dataset's own event links without a job": (
        [(OBSERVED, {"eventTime": at(1), "dataset": named("b", columnLineage=COLUMNS_XY)})],
        23,
        ["c>b column declared"],
    ),
    "a rename hands the history on": (
        [
            event("COMPLETE", 1, "a", ["old"]),
            event(
                "COMPLETE",
                2,
                "",
                [
                    named(
                        "new",
                        lifecycleStateChange={"lifecycleStateChange": "RENAME", "previousIdentifier": named("old")},
                    )
                ],
                run={"runId": "s"},
            ),
        ],
        23,
        ["a>old table committed", "old>new renamed committed"],
    ),
    "what a test writes is told apart": (
        [event("COMPLETE", 1, "a", "t", job=of_type("TEST")), event("COMPLETE", 1, "a", "b", run={"runId": "s"})],
        23,
        ["a>b table committed", "a>t test committed"],
    ),
    "a run that is a test no more was one": (
        [event("START", 1, "a", "t", job=of_type("TEST")), event("COMPLETE", 3, job=of_type("MODEL"))],
        2,
        ["a>t test open"],
    ),
    "a drop takes no edge away": (
        [event("COMPLETE", 1, "a", [named("t", lifecycleStateChange={"lifecycleStateChange": "DROP"})])],
        23,
        ["a>t table committed"],
    ),
    "an event without a time is as old as can be": (
        [event("COMPLETE", 1, "a", "b", eventTime="soon")],
        0,
        ["a>b table committed"],
    ),
    "a retraction hides an edge, whoever says it": (
        [
            event("COMPLETE", 1, "ab", "t"),
            (RETRACTED, {"datasets": [named("a"), named("t")], "state": "retracted", **WHO}),
            event("COMPLETE", 2, "a", "t", run={"runId": "s"}),
        ],
        23,
        ["b>t table committed"],
    ),
    "a retraction of another job hides nothing": (
        [
            event("COMPLETE", 1, "a", "t"),
            (RETRACTED, {"datasets": [named("a"), named("t")], "job": named("other"), "state": "retracted", **WHO}),
        ],
        23,
        ["a>t table committed"],
    ),
    "a retracted edge is restored": (
        [
            event("COMPLETE", 1, "a", "t"),
            *(
                (RETRACTED, {"datasets": [named("a"), named("t")], "state": state, **WHO})
                for state in ("retracted", "restored")
            ),
        ],
        23,
        ["a>t table committed"],
    ),
    "a contract declares until it is retired": (
        [
            (
                f"tallystick.contract.{fact}.v1",
                {"contract": {"name": "k"}, "dataset": named("a"), "privacy": {"deletion_propagation": names}},
            )
            for fact, names in (("published", [named("b")]), ("published", [named("c"), 7]))
        ],
        5,
        ["a>c contract declared"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_graph_of_a_few_events_is_what_they_say(scenario: str) -> None:
    events, hour, expected = SCENARIOS[scenario]

    assert lines(folded(events, hour)) == expected


def test_direct_and_indirect_columns_are_kept_apart() -> None:
    found = folded(
        [event("COMPLETE", 1, "", [named("b", columnLineage=COLUMNS_XY), named("d", columnLineage=INDIRECT)])]
    )

    assert lines(found, "column") == ["c.k>d indirect committed", "c.x>b.y direct committed"]


def test_a_symlink_that_is_declared_late_joins_what_was_said_before() -> None:
    late = (
        OBSERVED,
        {"eventTime": at(3), "dataset": named("b", symlinks={"identifiers": [{**named("s3"), "type": "LOCATION"}]})},
    )
    events = [event("COMPLETE", 1, "a", "b"), late]

    assert lines(folded(events), "same") == ["s3>b symlink declared"]
    assert lines(folded(events, known_at=0), "same") == []


def test_the_rules_of_spelling_are_those_that_were_known() -> None:
    rule = {"rule": "unquote", "state": "in-force", "namespace": "db", **WHO}
    events = [event("COMPLETE", 1, [named('"s"."t"')], "b"), (ALIAS, rule), (ALIAS, rule | {"state": "withdrawn"})]

    assert [lines(folded(events, known_at=seq), "same") for seq in range(3)] == [
        [],
        ['"s"."t">s.t unquote declared'],
        [],
    ]


def test_a_nested_run_stands_within_its_parent_and_its_root() -> None:
    above = {"run": {"runId": "p"}, "job": named("dag"), "root": {"run": {"runId": "q"}, "job": named("top")}}

    found = folded([event("COMPLETE", 1, "a", "b", run={"runId": "r", "facets": {"parent": above}})])

    assert lines(found, "within") == ["j>dag parent committed", "j>top root committed"]


@pytest.mark.parametrize(
    ("word", "origin"), [("SQL", "step"), ("QUERY", "step"), ("TASK", "parent"), ("sql", "parent")]
)
def test_a_statement_is_a_step_of_its_parent(word: str, origin: str) -> None:
    run = {"runId": "r", "facets": {"parent": {"run": {"runId": "p"}, "job": named("task")}}}

    found = folded([event("COMPLETE", 1, run=run, job=of_type(word))])

    assert lines(found, "within") == [f"j>task {origin} committed"]


def test_two_ends_are_a_conflict_and_the_same_end_twice_is_none() -> None:
    twice = [event("COMPLETE", 1, "a", "b"), event("COMPLETE", 2, "a", "b")]

    assert [len(folded(events).conflicts) for events in (twice, [*twice, event("ABORT", 3)])] == [0, 1]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ('"db"."s"."t"', "db.s.t"),
        ("[db].[a.b]", "db.a.b"),
        ("`a``b`.c", "a`b.c"),
        ('"open', '"open'),
        ('"a"b.c', '"a"b.c'),
        ('""', '""'),
        ("a..b", "a..b"),
        ("a.", "a."),
    ],
)
def test_quotes_are_taken_off_whole_parts_alone(name: str, plain: str) -> None:
    assert spelled("unquote", dataset("db", name)) == dataset("db", plain)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.0000019+01:00", 1),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-20T09:15:60Z", None),
        ("2026-11-20 09:15:00Z", None),
        ("2026-11-20T09:15:00", None),
        ("٢٠٢٦-11-20T09:15:00Z", None),
        (7, None),
    ],
)
def test_a_moment_is_read_to_the_microsecond_or_not_at_all(text: Any, time: int | None) -> None:
    assert moment(text) == time


def test_a_moment_is_printed_as_an_entry_prints_it() -> None:
    assert printed(1_795_166_100_000_001) == "2026-11-20T09:15:00.000001Z"
