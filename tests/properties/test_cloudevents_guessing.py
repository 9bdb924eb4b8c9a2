"""Guessing where the data of an event stop, against walking them: the same events, the same refusals, the same filing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import jsoncut
from ledger.cloudevents import read_batch, read_cloudevent, split_array
from ledger.document import UNREAD, read_document
from ledger.event import Event
from ledger.filing import streams_of
from ledger.openlineage import event_and_findings, event_from_openlineage
from proofs.errors import RefusedError
from proofs.jsonstrict import loads_foreign
from proofs.streams import filed

RUN = "tallystick.lineage.run-observed.v1"
NESTED = '{"job":{"namespace":"n","name":"m"},"run":{"runId":"r"},"inputs":[{"namespace":"w","name":"t"}]}'
VALUES = [
    NESTED,
    NESTED.replace(":", " : ").replace(",", ", "),
    '{"specversion":"1.0","data":{}}',
    '[{"specversion":"1.0"},{"specversion":"1.0","data":1}]',
    '{"a":1,"a":2}',
    '{"job":{"namespace":"n","name":"m","name":"x"}}',
    '{"a":"\\\\","b":"\\""}',
    '"}"',
    '"{\\"specversion\\""',
    '"},{"',
    '"\\ud800"',
    '"żółć😀"',
    '"a\\u0041"',
    "[" * 130 + "]" * 130,
    "[" * 3_000,
    '{"x":[' + "{}," * 200 + "{}]}",
    "NaN",
    "[Infinity]",
    "1.00",
    "-0",
    "1e999",
    "9" * 5_000,
    "null",
    "true",
    "",
    "{}",
    "[]",
    "[1,]",
    "\ufeff{}",
    '"\x01"',
    "{}}",
]
NAMES = ['"data"', '"data"', '"d\\u0061ta"', '"subject"', '"x"', '"data_base64"', '"datacontenttype"', '"traceparent"']
PLAIN = ['"text/plain"', '"application/json"', '"AA=="', '"s"', "1", "null"]
BLANKS = st.sampled_from(["", "", "", " ", "\n\t", "\r\n", "\x0c", "\xa0"])
REQUIRED = ['"specversion":"1.0"', '"id":"1"', '"source":"urn:a"', f'"type":"{RUN}"']


@st.composite
def members(draw: st.DrawFn) -> str:
    name, value = draw(st.sampled_from(NAMES)), draw(st.sampled_from(VALUES) | st.sampled_from(PLAIN))
    return draw(BLANKS) + name + draw(BLANKS) + ":" + draw(BLANKS) + value + draw(BLANKS)


@st.composite
def elements(draw: st.DrawFn) -> str:
    required = REQUIRED if draw(st.booleans()) else draw(st.permutations(REQUIRED))
    rest = draw(st.lists(members(), max_size=3))
    whole = [*required, *rest] if draw(st.integers(0, 3)) else draw(st.permutations([*required, *rest]))
    return draw(BLANKS) + "{" + ",".join(whole) + draw(BLANKS) + "}" + draw(BLANKS)


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[str]) -> bytes:
    document = draw(documents).encode()
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        at = draw(st.integers(0, len(document)))
        put = draw(st.sampled_from([b"", b"}", b"{", b'"', b",", b"]", b"\\", b"\xff", b" ", b"\xed\xa0\x80", b"0"]))
        document = document[:at] + put + document[at + draw(st.integers(0, 2)) :]
    return document


ARRAYS = st.lists(elements() | st.sampled_from(["1", "[{}]", '"}"', "{}", NESTED]), max_size=5).map(
    lambda found: "[" + ",".join(found) + "]"
)


@contextmanager
def walking() -> Iterator[None]:
    """Let the scanner say where everything stops, as it did before anything was guessed."""
    with patch.object(jsoncut, "_guessed", lambda *_: None):
        yield


def told(read: Callable[[bytes], Any], document: bytes) -> list[Any]:
    """What `read` makes of a document, and how what it makes is filed."""
    try:
        read_now = read(document)
    except RefusedError as error:
        return [(str(error), error.hint)]
    return [
        (each, *filing(each)) if isinstance(each, Event) else (type(each), str(each), each.hint)
        for each in (read_now if isinstance(read_now, list) else [read_now])
    ]


def filing(event: Event) -> list[Any]:
    try:
        return streams_of(event)
    except RefusedError as error:
        return [str(error)]


def assert_alike(read: Callable[[bytes], Any], document: bytes) -> None:
    guessed = told(read, document)
    with walking():
        walked = told(read, document)
    assert guessed == walked
    for event, *names in (found for found in guessed if isinstance(found[0], Event)):
        if names[0].startswith("source:"):
            assert names == filed(event.type, event.source, event.datacontenttype, event.data)
            assert not (event.is_json and event.data) or loads_foreign(event.data) is not UNREAD


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value[:30]))
def test_events_are_the_same_whatever_their_data_are(value: str) -> None:
    for tail in ("", ',"subject":"s"', ',"datacontenttype":"text/plain"', ',"data":1', ',"data_base64":""'):
        one = "{" + ",".join(REQUIRED) + ',"data":' + value + tail + "}"
        assert_alike(read_cloudevent, one.encode())
        assert_alike(read_batch, f"[{one},{one} , {one}]".encode())


@settings(max_examples=500, deadline=None)
@given(mutated(elements()))
def test_one_event_is_the_same(document: bytes) -> None:
    assert_alike(read_cloudevent, document)


@settings(max_examples=500, deadline=None)
@given(mutated(ARRAYS))
def test_a_batch_is_the_same(document: bytes) -> None:
    assert_alike(read_batch, document)


def values(document: bytes) -> Any:
    try:
        return [(data, read_document(data) if value is UNREAD else value) for data, value in split_array(document)]
    except RefusedError as error:
        return str(error)


def observed(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RefusedError as error:
        return str(error)


@settings(max_examples=500, deadline=None)
@given(mutated(ARRAYS))
def test_the_elements_of_an_array_are_the_same(document: bytes) -> None:
    guessed = values(document)
    with walking():
        assert guessed == values(document)


@pytest.mark.parametrize(
    "value", [NESTED, NESTED.replace("inputs", "outputs"), '{"run":{}}', "[]", "1", '{"a":1,"a":1}']
)
def test_an_openlineage_event_is_the_same_when_its_value_is_known(value: str) -> None:
    data = value.encode()
    plain = observed(lambda: event_from_openlineage(data))
    known = observed(lambda: event_and_findings(data, value=read_document(data))[0])

    assert type(plain) is type(known)
    if isinstance(plain, Event):
        assert plain == known
        assert streams_of(plain) == streams_of(known)


def test_a_copy_that_says_something_else_is_filed_anew() -> None:
    event = read_cloudevent(("{" + ",".join(REQUIRED) + f',"data":{NESTED}}}').encode())

    assert "dataset:w|t" in streams_of(event)
    for change in ({"data": b"{}"}, {"type": "org.example.v1"}, {"datacontenttype": "text/plain"}):
        assert "dataset:w|t" not in streams_of(event.model_copy(update=change))
    assert streams_of(event.model_copy(update={"source": "urn:b"}))[-2] == "source:urn:b"


def test_what_is_remembered_is_no_part_of_an_event() -> None:
    event = read_cloudevent(("{" + ",".join(REQUIRED) + f',"data":{NESTED}}}').encode())
    plain = Event(type=event.type, source=event.source, id=event.id, data=event.data)

    assert event == plain
    assert (event.model_dump(), repr(event), hash(event.data)) == (plain.model_dump(), repr(plain), hash(plain.data))
