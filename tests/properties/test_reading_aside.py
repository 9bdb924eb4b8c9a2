"""A batch that another process read is the batch that is read beside the log: the same rows, or none at all."""

from __future__ import annotations

import json
import marshal
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.event import Event
from ledger.intake import Intake
from server.auth import LOOPBACK, Principal
from server.reading import BATCHES, KeyAlone, prepared_of, rows_of

KEY = b"k" * 32
RUN = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-20T09:15:00Z",
    "producer": "urn:p",
    "schemaURL": "urn:s",
    "run": {"runId": "0193e2a4-7c11-7000-8000-000000000001"},
    "job": {"namespace": "n", "name": "j"},
    "inputs": [{"namespace": "w", "name": "żółć"}],
}
EVENT = {"specversion": "1.0", "type": "org.example.v1", "source": "urn:a", "id": "1"}
OF_TEAM = Principal("token:1", frozenset(("emitter",)), ("urn:team",), ("n",))


def intake() -> Intake:
    return Intake(origin="ledger.example/o", clock=lambda: datetime(2026, 11, 28, tzinfo=UTC), vault=KeyAlone(KEY))


def crossed(kind: str, body: bytes, principal: Principal = LOOPBACK) -> Any:
    """What arrives from another process; None where it leaves the batch to us."""
    rows = marshal.loads(marshal.dumps(rows_of(kind, body, principal, intake())))
    return None if rows is None else prepared_of(rows, body)


def written(body: Any, *, spaced: bool, ascii_only: bool) -> bytes:
    separators = (" , ", " : ") if spaced else (",", ":")
    return json.dumps(body, separators=separators, ensure_ascii=ascii_only).encode()


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
CLOUDEVENTS = st.builds(
    lambda extra, data: {**EVENT, **extra, **data},
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["1", "2", "", "x" * 300]),
            "type": st.sampled_from(["tallystick.lineage.run-observed.v1", "tallystick.deletion.requested.v1", "a.v1"]),
            "source": st.sampled_from(["urn:b", "urn:team:1", "ledger.example/o"]),
            "traceparent": st.just("00-1"),
            "tallyparts": st.just('["/a"]'),
            "datacontenttype": st.sampled_from(["text/plain", "application/json"]),
            "ext1": st.integers(0, 3),
        },
    ),
    st.fixed_dictionaries({"data": DATA | st.just(RUN)}) | st.just({}) | st.just({"data_base64": "e30="}),
)
LINEAGE = st.builds(
    lambda extra: {**RUN, **extra},
    st.fixed_dictionaries({}, optional={"producer": st.text(max_size=5), "outputs": DATA, "job": DATA, "extra": DATA}),
)
BATCH = st.one_of(
    st.tuples(st.just("cloudevents"), st.lists(CLOUDEVENTS, max_size=4)),
    st.tuples(st.just("lineage"), st.lists(LINEAGE, max_size=4)),
)


@settings(max_examples=300, deadline=None)
@given(BATCH, st.booleans(), st.booleans(), st.sampled_from([LOOPBACK, OF_TEAM]))
def test_rows_say_of_every_event_what_is_prepared_beside_the_log(
    batch: tuple[str, list[Any]], spaced: bool, ascii_only: bool, principal: Principal
) -> None:
    kind, said = batch
    body = written(said, spaced=spaced, ascii_only=ascii_only)
    found = crossed(kind, body, principal)
    here = BATCHES[kind](body, principal, intake().origin)
    if found is None:
        return
    assert len(found) == len(here)
    for one, event in zip(found, here, strict=True):
        assert isinstance(event, Event)
        expected = intake().prepare(event)
        drawn = {"salt", "commitment"} | ({"id", "attributes"} if event.id is None else set())
        names = [name for name in type(one).__slots__ if name not in drawn]
        assert [getattr(one, name) for name in names] == [getattr(expected, name) for name in names]
        assert one.body == event.data


@pytest.mark.parametrize("count", [1, 3])
def test_an_ordinary_batch_is_read_aside(count: int) -> None:
    events = [{**EVENT, "id": str(number), "data": RUN} for number in range(count)]
    assert len(crossed("cloudevents", written(events, spaced=False, ascii_only=True))) == count
    assert len(crossed("lineage", written([RUN] * count, spaced=True, ascii_only=False))) == count


@pytest.mark.parametrize(
    "other",
    [
        {"type": "tallystick.ledger.created.v1"},
        {"source": "ledger.example/o"},
        {"specversion": "0.3"},
        {"tallyparts": '["/run"]'},
        {"type": "tallystick.deletion.requested.v1"},
        {"data": None, "data_base64": "AAECAw=="},
        {"data": 'a"b', "datacontenttype": "text/plain"},
        {
            "data": {"datasets": [{"namespace": "n", "name": str(at)} for at in range(200)]},
            "type": "tallystick.slo.measured.v1",
        },
    ],
)
def test_a_batch_with_an_event_that_needs_the_log_is_left_to_it_whole(other: dict[str, Any]) -> None:
    events = [{**EVENT, "data": RUN}, {**EVENT, "id": "2", "data": RUN, **other}]
    assert crossed("cloudevents", written(events, spaced=False, ascii_only=True)) is None


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[1]", b"\xff", b"[" * 5_000, b'[{"specversion":"1.0"}]'])
@pytest.mark.parametrize("kind", ["cloudevents", "lineage"])
def test_what_is_no_batch_is_left_to_the_log(kind: str, body: bytes) -> None:
    assert crossed(kind, body) is None


def test_an_event_outside_the_senders_scope_is_left_to_the_log() -> None:
    body = written([{**EVENT, "data": RUN}], spaced=False, ascii_only=True)
    assert crossed("cloudevents", body, OF_TEAM) is None
