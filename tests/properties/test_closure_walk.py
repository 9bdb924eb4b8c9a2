"""A walk over some streams reaches nothing that the whole log does not, and all of it once nothing is lacking."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from proofs import edges
from proofs.closure import Event, Lineage
from proofs.statement import Node
from proofs.streams import filed

NAMES = "abcde"
DATASET: st.SearchStrategy[Any] = st.builds(lambda name: {"namespace": "db", "name": name}, st.sampled_from(NAMES))
OWN_JOB: dict[str, Any] = {"type": "JOB"}
ENTITY: st.SearchStrategy[Any] = st.one_of(
    DATASET, st.just(OWN_JOB), st.sampled_from("jk").map(lambda name: {"type": "JOB", "namespace": "db", "name": name})
)
STATED: st.SearchStrategy[Any] = st.fixed_dictionaries({"inputs": st.lists(ENTITY, max_size=2)})
COLUMNS: st.SearchStrategy[Any] = st.fixed_dictionaries({"dataset": st.lists(DATASET, max_size=2)})
FACETS: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={"lineage": STATED, "columnLineage": COLUMNS})
DATASETS = st.lists(
    st.one_of(DATASET, st.builds(lambda one, facets: {**one, "facets": facets}, DATASET, FACETS)), max_size=2
)
ENTRIES: st.SearchStrategy[Any] = st.builds(lambda entity, stated: {**entity, **stated}, ENTITY, STATED)
JOB: st.SearchStrategy[Any] = st.builds(
    lambda name, entries: {
        "namespace": "db",
        "name": name,
        "facets": {} if entries is None else {"lineage": {"entries": entries}},
    },
    st.sampled_from("jk"),
    st.one_of(st.none(), st.none(), st.lists(ENTRIES, max_size=2)),
)
EVENT: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"inputs": DATASETS, "outputs": DATASETS},
    optional={"run": st.sampled_from([{"runId": "1"}, {}]), "job": JOB, "dataset": DATASET},
)
# Most of all, one run told in pieces: an input here, an output there, and now and then what takes an edge back.
PIECE: st.SearchStrategy[Any] = st.builds(
    lambda run, inputs, outputs: {
        "run": {"runId": run},
        "job": {"namespace": "db", "name": "j"},
        "inputs": inputs,
        "outputs": outputs,
    },
    st.sampled_from("12"),
    DATASETS,
    DATASETS,
)
LOGS: st.SearchStrategy[list[Any]] = st.lists(st.one_of(PIECE, PIECE, EVENT, st.just("junk")), max_size=8)
SEEDS = st.sets(st.sampled_from(NAMES).map(lambda name: Node("dataset", "db", name)), min_size=1, max_size=2)
SIZES = st.integers(min_value=0, max_value=9)


def recorded(bodies: list[Any]) -> list[Event]:
    """The events of a log as they are filed."""
    type, source = "tallystick.lineage.run-observed.v1", "s"
    streams = [frozenset(filed(type, source, None, json.dumps(body).encode())) for body in bodies]
    return [Event(seq, streams[seq], True, body) for seq, body in enumerate(bodies)]


def derived(bodies: list[Any], seeds: Collection[Node], size: int) -> set[Node]:
    """What really derives: from the whole log, by the fold alone, of events that take nothing back."""
    derive = edges.derive
    with patch.object(edges, "derive", lambda *said, pairs, **_: derive(*said, pairs=pairs, settled=(), closed=False)):
        return set(edges.reach(edges.fold(list(enumerate(bodies))[:size]), seeds))


def at_hand(events: list[Event], asked: Collection[str], hidden: Collection[int]) -> list[Event]:
    """The events that a bundle about these streams lists, some without their bodies."""
    listed = [event for event in events if not event.streams.isdisjoint(asked)]
    return [Event(event.seq, event.streams, False) if event.seq in hidden else event for event in listed]


@settings(max_examples=400)
@given(st.data(), LOGS, SEEDS, SIZES, st.sampled_from([0, 8]))
def test_whatever_is_at_hand_the_walk_reaches_nothing_too_much_and_all_when_nothing_is_lacking(
    data: st.DataObject, bodies: list[Any], seeds: set[Node], size: int, pairs: int
) -> None:
    events = recorded(bodies)
    names = sorted({name for event in events for name in event.streams} | {node.id for node in seeds})
    asked = set(data.draw(st.lists(st.sampled_from(names))))
    hidden = data.draw(st.sets(st.integers(0, 8), max_size=2))

    with patch.object(edges, "PAIRS_PER_NAME", pairs):
        walk = Lineage(at_hand(events, asked, hidden), asked.__contains__).walk(seeds, size)
        really = derived(bodies, seeds, size)

    assert seeds <= walk.nodes <= really
    assert not walk.is_whole or walk.nodes == really


@settings(max_examples=200)
@given(LOGS, SEEDS, SIZES, st.sampled_from([0, 8]))
def test_asking_for_what_was_lacking_ends_in_the_whole_closure(
    bodies: list[Any], seeds: set[Node], size: int, pairs: int
) -> None:
    events = recorded(bodies)
    asked: set[str] = set()

    with patch.object(edges, "PAIRS_PER_NAME", pairs):
        while lacking := Lineage(at_hand(events, asked, ()), asked.__contains__).walk(seeds, size).streams:
            assert lacking.isdisjoint(asked)
            asked |= lacking
        walk = Lineage(at_hand(events, asked, ()), asked.__contains__).walk(seeds, size)
        really = derived(bodies, seeds, size)

    assert walk.is_whole
    assert walk.nodes == really
