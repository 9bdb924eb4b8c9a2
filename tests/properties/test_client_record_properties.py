"""A record of the outbox: print∘parse is the identity, nothing else parses, and an event comes back as it was emitted."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.client.record import Content, Record, chain_hash, check_chain
from ledger.client.wire import print_batch, print_event
from ledger.cloudevents import read_cloudevent
from ledger.event import Event
from proofs.errors import MalformedError, TamperedError

TEXT = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
EXT = st.dictionaries(
    st.from_regex(r"[b-r][a-z0-9]{0,9}", fullmatch=True).filter(
        lambda name: name not in ("id", "data", "source", "subject", "dataschema", "datacontenttype", "sequence")
    ),
    TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1),
    max_size=3,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    body = {"kept": draw(VALUES), "who": draw(VALUES), "more": {"a": draw(VALUES)}}
    blank = draw(st.sampled_from(["", " ", "\n"]))
    data = (blank + json.dumps(body, ensure_ascii=draw(st.booleans())) + blank).encode()
    parts = draw(st.sets(st.sampled_from(["/who", "/more/a", "/none"])))
    return Event(
        type=draw(TEXT),
        source=draw(TEXT),
        id=draw(TEXT),
        sequence=str(draw(st.integers(0, 2**40))),
        time=draw(st.none() | st.just("2026-11-20T09:15:00.000000Z")),
        subject=draw(st.none() | TEXT),
        dataschema=draw(st.none() | TEXT),
        traceparent=draw(st.none() | TEXT.filter(lambda text: len(text.encode()) < 55)),
        ext=draw(EXT),
        data=data,
        parts=tuple(sorted(parts)),
        person=draw(st.none() | TEXT),
    )


def expected(event: Event) -> Event:
    """As emitted, but for parts that select nothing."""
    found = {pointer for pointer in event.parts if pointer != "/none"}
    return event.model_copy(update={"parts": tuple(sorted(found))})


@settings(max_examples=50)
@given(events(), st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_I15_a_record_is_parsed_as_it_was_printed(event: Event, n: int, prev: bytes) -> None:
    content = Content.of(event)
    record = Record.link(n, prev, event, content)

    parsed = Record.parse(record.print())

    assert parsed == record
    assert parsed.restore(content) == expected(event)


@settings(max_examples=50)
@given(events(), st.data())
def test_I15_nothing_else_is_a_record(event: Event, data: st.DataObject) -> None:
    line = Record.link(5, bytes(32), event, Content.of(event)).print()
    at = data.draw(st.integers(0, len(line) - 1))
    changed = data.draw(
        st.sampled_from([line[:at] + line[at + 1 :], line[:at] + b" " + line[at:], line[:at] + b"0" + line[at + 1 :]])
    )

    try:
        parsed = Record.parse(changed)
    except MalformedError:
        return
    assert parsed.print() == changed


@settings(max_examples=50)
@given(events())
def test_the_wire_carries_an_event_byte_for_byte(event: Event) -> None:
    sent = expected(event)
    assert read_cloudevent(print_event(sent)) == sent


@given(st.binary(max_size=40), st.sampled_from([None, "application/json", "text/plain", "application/octet-stream"]))
def test_the_wire_carries_data_that_claim_what_they_are_not(data: bytes, kind: str | None) -> None:
    event = Event(type="t", source="s", id="i", data=data, datacontenttype=kind)
    assert read_cloudevent(print_event(event)).data == data


@settings(max_examples=25)
@given(st.lists(events(), min_size=1, max_size=4))
def test_a_batch_is_the_array_of_its_events(batch: list[Event]) -> None:
    document = gzip.decompress(print_batch(batch))

    assert document == b"[" + b",".join(print_event(event) for event in batch) + b"]"
    assert len(json.loads(document)) == len(batch)


@given(st.lists(st.binary(max_size=9), min_size=2, max_size=5), st.data())
def test_a_chain_holds_and_any_missing_or_moved_record_breaks_it(bodies: list[bytes], data: st.DataObject) -> None:
    lines: dict[int, bytes] = {}
    head = bytes(32)
    for n, body in enumerate(bodies):
        event = Event(type="t", source="s", id=str(n), sequence=str(n), data=body)
        lines[n] = Record.link(n, head, event, Content.of(event)).print()
        head = chain_hash(lines[n])
    check_chain(0, bytes(32), lines, len(lines), head)
    at = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1).filter(lambda number: number != at))

    for broken in ({n: line for n, line in lines.items() if n != at}, {**lines, at: lines[other]}):
        with pytest.raises(TamperedError):
            check_chain(0, bytes(32), broken, len(lines), head)
