"""fsck's quick look at an entry accepts nothing that the grammar and the close look refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.append import Appender
from ledger.clock import Deviation, parse_at
from ledger.event import Event
from ledger.finding import Findings
from ledger.intake import Intake
from ledger.keys import created_event
from ledger.parts import Parts
from ledger.recount import Recount
from ledger.scrutiny import Scrutiny, State
from ledger.store import BodyRow, Store
from ledger.stores.memory import MemoryStore
from ledger.vaultreader import VaultReader
from ledger.walk import Walk
from proofs.entry import parse_entry
from proofs.errors import MalformedError

ORIGIN = "ledger.example/quick"
BEFORE = "2026-11-20T09:15:00.123456Z"
TYPES = st.sampled_from(["tallystick.slo.measured.v1", "tallystick.lineage.run-observed.v1", "com.example.x.v1"])
PLAIN = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=12
)
ANY = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=12)
BODIES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "dataset": st.fixed_dictionaries({"namespace": ANY, "name": ANY}),
        "run": st.one_of(ANY, st.fixed_dictionaries({"runId": ANY})),
        "inputs": st.lists(st.fixed_dictionaries({"namespace": PLAIN, "name": ANY}), max_size=3),
        "x": st.integers(-5, 2**53),
    },
)
PIECES = st.sampled_from(
    [
        b"",
        b" ",
        b'"',
        b"\\",
        b"\\u0061",
        b"\xc3\xa9",
        b"\xff",
        b"\x00",
        b"\x7f",
        b"0",
        b"9",
        b",",
        b":",
        b"{",
        b"}",
        b'"parts":[]',
        b'"ext":{},',
    ]
)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = MemoryStore(origin=ORIGIN)
    yield made
    made.close()


def written(event: Event) -> tuple[bytes, bytes, BodyRow]:
    """Leaf of entry 0, bytes of entry 1 and its body, as append writes them."""
    made = MemoryStore(origin=ORIGIN)
    clock = iter([parse_at(BEFORE), parse_at(BEFORE).replace(minute=16)])
    intake = Intake(origin=ORIGIN, clock=lambda: parse_at(BEFORE), vault=None)
    appender = Appender(made, origin=ORIGIN, clock=lambda: next(clock), deviation=Deviation())
    first = appender.append([intake.prepare(created_event(ORIGIN, bytes(32)), by_ledger=True)])[0]
    receipt = appender.append([intake.prepare(event)])[0]
    body = made.bodies([1])[1]
    made.close()
    return first.leaf, receipt.entry, body


def walk_at(store: Store, leaf: bytes) -> Walk:
    walk = Walk(store, Findings(), Recount(), origin=ORIGIN, vault=VaultReader(None))
    walk._state.prev, walk._state.at = leaf.hex(), BEFORE
    return walk


def is_sound(leaf: bytes, entry: bytes, body: BodyRow) -> bool:
    """The close look alone."""
    findings, recount = Findings(), Recount()
    parts = Parts(findings, VaultReader(None), lambda _: False)
    Scrutiny(findings, recount, State(leaf.hex(), BEFORE), origin=ORIGIN, parts=parts).look(1, entry, body, [])
    recount.close()
    return not findings.found


EVENTS = st.builds(
    lambda type, source, id, body, extra: Event.of(type, source, body, id=id, **extra),
    TYPES,
    PLAIN,
    PLAIN,
    BODIES,
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("subject", "time", "dataschema", "sequence", "traceparent", "datacontenttype"), PLAIN),
    ),
)


@settings(max_examples=150)
@given(EVENTS)
def test_what_append_writes_is_plain_and_sound(store: Store, event: Event) -> None:
    leaf, entry, body = written(event)
    walk = walk_at(store, leaf)

    assert walk._is_plain(1, entry, body)
    assert is_sound(leaf, entry, body)
    assert walk._recount.counts == dict.fromkeys(parse_entry(entry).streams, 1)
    assert walk._state.at == parse_entry(entry).at
    walk._recount.close()


@settings(max_examples=700)
@given(EVENTS, st.data())
def test_what_was_changed_is_plain_only_if_it_is_sound(store: Store, event: Event, data: st.DataObject) -> None:
    leaf, entry, body = written(event)
    at = data.draw(st.integers(0, len(entry)))
    changed = entry[:at] + data.draw(PIECES) + entry[at + data.draw(st.integers(0, 3)) :]
    walk = walk_at(store, leaf)

    if walk._is_plain(1, changed, body):
        assert changed == entry or is_sound(leaf, changed, body)
    else:
        assert walk._recount.counts == {}  # whoever looks closely starts from where it stood
        assert walk._state.at == BEFORE
    walk._recount.close()


@settings(max_examples=200)
@given(EVENTS, st.data())
def test_a_body_or_salt_that_was_changed_is_never_plain(store: Store, event: Event, data: st.DataObject) -> None:
    leaf, entry, body = written(event)
    changed = data.draw(
        st.sampled_from(
            [
                BodyRow(body.salt, body.data + b" "),
                BodyRow(body.salt[:-1], body.data),
                BodyRow(body.salt + body.data[:1], body.data[1:]),
                BodyRow(b"", body.salt + body.data),
                BodyRow(hashlib.sha256(body.salt).digest(), body.data),
            ]
        )
    )
    walk = walk_at(store, leaf)

    assert not walk._is_plain(1, entry, changed)
    walk._recount.close()


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-20T09:15:00.123455Z",
        "2026-11-31T09:15:00.123456Z",
        "2027-02-29T09:15:00.123456Z",
        "2026-11-20T24:00:00.000000Z",
        "2026-11-20T09:60:00.000000Z",
        "2026-11-20T09:15:60.000000Z",
        "2026-11-20t09:16:00.000000Z",
        "2026-11-20T09:16:00.000000z",
        "2026-11-20T09:16:00,000000Z",
        "0000-11-20T09:16:00.000000Z",
        "２026-11-20T09:16:00.000000Z",
        "9999-12-31T23:59:59.99999 Z",
    ],
)
def test_a_time_that_is_none_is_never_plain(store: Store, at: str) -> None:
    leaf, entry, body = written(Event.of("com.example.x.v1", "urn:x", {}, id="a"))
    changed = entry.replace(b'"at":"2026-11-20T09:16:00.123456Z"', f'"at":"{at}"'.encode())
    assert changed != entry
    walk = walk_at(store, leaf)

    assert not walk._is_plain(1, changed, body)
    assert not is_sound(leaf, changed, body)
    walk._recount.close()


@pytest.mark.parametrize(
    "at", ["2026-11-20T09:15:00.123456Z", "2028-02-29T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]
)
def test_a_real_time_not_before_the_last_is_plain(store: Store, at: str) -> None:
    leaf, entry, body = written(Event.of("com.example.x.v1", "urn:x", {}, id="a"))
    walk = walk_at(store, leaf)

    assert walk._is_plain(1, entry.replace(b"2026-11-20T09:16:00.123456Z", at.encode()), body)
    walk._recount.close()


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("id", 256),
        ("source", 512),
        ("type", 128),
        ("subject", 256),
        ("time", 35),
        ("datacontenttype", 128),
        ("dataschema", 512),
        ("sequence", 64),
        ("traceparent", 55),
    ],
)
def test_the_limits_of_attributes_are_those_of_the_grammar(store: Store, name: str, limit: int) -> None:
    given = {"type": "com.example.x.v1", "source": "urn:x", "id": "a", name: "x" * limit}
    leaf, entry, body = written(
        Event.model_validate({**given, "data": b"\xff", "datacontenttype": given.get("datacontenttype", "x")})
    )
    walk = walk_at(store, leaf)
    longer = entry.replace(f'"{name}":"{"x" * limit}"'.encode(), f'"{name}":"{"x" * (limit + 1)}"'.encode())
    assert longer != entry

    assert walk._is_plain(1, entry, body)
    assert not walk_at(store, leaf)._is_plain(1, longer, body)
    with pytest.raises(MalformedError):
        parse_entry(longer)
    walk._recount.close()
