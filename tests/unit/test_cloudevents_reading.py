"""CloudEvents as bytes: what is read, what is kept as it stands, and what is refused in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cloudevents import read_batch, read_binary, read_cloudevent, split_array
from ledger.event import Event
from proofs.errors import RefusedError

START = b'{"specversion":"1.0","id":"1","source":"urn:a","type":"org.example.v1"'


def cut(document: bytes) -> list[bytes]:
    return [element for element, _ in split_array(document)]


@pytest.mark.parametrize(
    "data", [b"1.00", b'"a\\u0041\\/"', b"[ ]", b'{"b":1 , "a":2}', b"null", b"1e400", b"-0", b'{"":{"x":[{}]}}']
)
def test_data_keep_the_bytes_that_they_have_in_the_document(data: bytes) -> None:
    assert read_cloudevent(START + b',"data" :\n' + data + b"\r\n}").data == data
    (one,) = cut(b"[ " + data + b"\t]")
    assert one == data


def test_characters_beyond_ascii_do_not_shift_what_is_cut_out() -> None:
    events = read_batch("[%s,%s]".replace("%s", START.decode() + ',"subject":"żółć😀","data":{"ü":"😀"}}').encode())

    assert [event.data for event in events if isinstance(event, Event)] == ['{"ü":"😀"}'.encode()] * 2


def test_attributes_and_extensions_are_read_and_null_is_absent() -> None:
    event = read_cloudevent(START + b',"time":"2026-11-20T09:15:00Z","subject":null,"n":7,"flag":true,"text":"x"}')

    assert (event.time, event.subject, event.data) == ("2026-11-20T09:15:00Z", None, b"")
    assert event.ext == {"n": 7, "flag": True, "text": "x"}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        ("\ufeff{}".encode(), "not JSON"),
        (b"[]", "specversion"),
        (b'{"specversion":"0.3"}', "specversion"),
        (START, "not JSON"),
        (START + b"}x", "something follows"),
        (START + b',"data":}', "not JSON"),
        (START + b",}", "not JSON"),
        (START + b',"x":NaN}', "NaN is no number"),
        (START + b',"x":1.5}', "no text, boolean or integer"),
        (START + b',"x":' + b"9" * 30 + b"}", "no text, boolean or integer"),
        (START + b',"x":{}}', "no text, boolean or integer"),
        (START + b',"id":"2"}', "stands twice"),
        (START + b',"x":1' * 70 + b"}", "stands twice"),
        (START + b',"data":1,"data_base64":"AA=="}', "not both"),
        (START + b',"data_base64":"A"}', "not base64"),
        (START + b',"data_base64":7}', "not base64"),
        (START + b',"datacontenttype":"text/plain","data":{"a":1,"a":2}}', "not acceptable JSON"),
        (START + b',"datacontenttype":"text/plain","data":"\\ud800"}', "not acceptable JSON"),
        (START.replace(b"urn:a", b"\\ud800") + b"}", "U+D800"),
        (START.replace(b'"1"', b"1") + b"}", "id:"),
        (START + b',"data":' + b"[" * 100_000, "not JSON"),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_what_is_no_cloudevent_is_refused(document: bytes, says: str) -> None:
    with pytest.raises(RefusedError, match=says.replace("+", r"\+")):
        read_cloudevent(document)


def test_an_event_that_is_wrong_leaves_its_neighbours_alone() -> None:
    good = START + b"}"

    read = read_batch(b"[%b, 1, {}, %b , %b]" % (good, START + b',"id":"2"}', good))

    assert [isinstance(each, Event) for each in read] == [True, False, False, False, True]


@pytest.mark.parametrize(
    "document",
    [b"", b"[", b"[1", b"[1,]", b"[,]", b"[1 2]", b"]", b"{}", b"[1]x", b"[" * 100_000, b'["\x01"]', b"[\xff]"],
)
def test_what_is_no_array_is_refused_whole(document: bytes) -> None:
    for read in (read_batch, cut):
        with pytest.raises(RefusedError):
            read(document)


def test_more_than_a_thousand_events_are_refused_whole() -> None:
    for read in (read_batch, cut):
        assert len(read(b"[" + b"1," * 999 + b"1]")) == 1000
        with pytest.raises(RefusedError, match="more than 1000"):
            read(b"[" + b"1," * 1000 + b"1]")


def test_binary_mode_reads_attributes_from_headers() -> None:
    headers = [("ce-specversion", "1.0"), ("ce-source", "urn:a%20b"), ("ce-type", "t.v1"), ("ce-x", "1"), ("host", "h")]

    event = read_binary([*headers, ("content-type", "text/csv")], b"\x00\xff")

    assert (event.source, event.datacontenttype, event.ext, event.data) == (
        "urn:a b",
        "text/csv",
        {"x": "1"},
        b"\x00\xff",
    )


@pytest.mark.parametrize(
    "more",
    [
        [("ce-id", "1"), ("ce-id", "1")],
        [("ce-data", "1")],
        [("ce-datacontenttype", "text/csv")],
        [("ce-source", "urn:b")],
        [("ce-subject", "%ff")],
        [("ce-subject", "é")],
        [("ce-subject", "")],
        [("ce-Bad", "x")],
        [("ce-tallyx", "%0a")],
    ],
)
def test_headers_that_are_no_attributes_are_refused(more: list[tuple[str, str]]) -> None:
    headers = [("ce-specversion", "1.0"), ("ce-source", "urn:a"), ("ce-type", "t.v1")]
    with pytest.raises(RefusedError):
        read_binary([*headers, *more], b"")


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\ \n1ean"d', max_size=60).map(str.encode))
def test_whatever_is_sent_is_read_or_refused(document: bytes) -> None:
    for read in (read_cloudevent, read_batch, cut):
        try:
            read(document)
        except RefusedError:
            continue


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists, max_leaves=8))
def test_splitting_an_array_gives_back_each_element(value: object) -> None:
    import json

    elements = [json.dumps(value, ensure_ascii=False).encode(), b'{"a": 1}']

    assert cut(b"[" + b" , ".join(elements) + b"]") == elements
