"""A receipt is believed only as far as it holds: each way in which one can lie is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from ledger.client.receipt import Receipt, check_receipt
from ledger.event import Event
from proofs.digest import leaf_hash
from proofs.errors import MalformedError, TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

EVENT = Event(
    type="com.acme.person.v1",
    source="urn:s",
    id="one",
    sequence="1",
    data=b'{"n":1,"who":"Ada"}',
    parts=("/who",),
    person="p",
    ext={"region": "eu"},
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


@pytest.fixture
def receipt(ledgers: Ledgers) -> Receipt:
    found = ledgers.create().append(EVENT)
    return Receipt(found.seq, found.leaf, found.entry, found.salt)


def forged(receipt: Receipt, old: str, new: str) -> Receipt:
    entry = receipt.entry.replace(old.encode(), new.encode())
    assert entry != receipt.entry
    return dataclasses.replace(receipt, entry=entry, leaf=leaf_hash(entry))


def test_a_true_receipt_holds_and_is_kept_as_it_was(receipt: Receipt) -> None:
    check_receipt(receipt, EVENT)

    assert Receipt.read(json.loads(receipt.print())) == receipt


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"id":"one"', '"id":"two"', "is another event"),
        ('"source":"urn:s"', '"source":"urn:t"', "is another event"),
        ('"sequence":"1"', '"sequence":"2"', "is another event"),
        ('"ext":{"region":"eu"},', "", "is another event"),
        ('"seq":2,', '"seq":3,', "its entry or leaf is another"),
    ],
)
def test_an_entry_of_another_event_is_refused(receipt: Receipt, old: str, new: str, message: str) -> None:
    with pytest.raises(TamperedError, match=message):
        check_receipt(forged(receipt, old, new), EVENT)


def test_another_trace_is_the_same_event(receipt: Receipt) -> None:
    check_receipt(receipt, EVENT.model_copy(update={"traceparent": None}))


def test_data_that_were_not_sent_are_refused(receipt: Receipt) -> None:
    with pytest.raises(TamperedError, match="commits to other data"):
        check_receipt(receipt, EVENT.model_copy(update={"data": b'{"n":2,"who":"Ada"}'}))


def test_a_part_that_was_sent_must_be_sealed(ledgers: Ledgers) -> None:
    found = ledgers.create().append(EVENT.model_copy(update={"parts": (), "person": None}))

    with pytest.raises(TamperedError, match="the part '/who' was sent, and the receipt's entry does not seal it"):
        check_receipt(Receipt(found.seq, found.leaf, found.entry, found.salt), EVENT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leaf": bytes(32)}, "its entry or leaf is another"),
        ({"seq": 9}, "its entry or leaf is another"),
        ({"salt": None}, "has no salt, and the event is new"),
        ({"salt": b"short"}, "has 5 bytes, expected 32"),
        ({"salt": bytes(32)}, "commits to other data"),
    ],
)
def test_a_receipt_that_contradicts_itself_is_refused(receipt: Receipt, change: dict[str, Any], message: str) -> None:
    with pytest.raises(TamperedError, match=message):
        check_receipt(dataclasses.replace(receipt, **change), EVENT)


def test_the_receipt_of_an_event_whose_body_was_destroyed_since_has_no_salt(receipt: Receipt) -> None:
    check_receipt(dataclasses.replace(receipt, salt=None, is_replay=True), EVENT)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": "2"},
        {"seq": True},
        {"seq": -1},
        {"seq": 2**53},
        {"leaf": "zz"},
        {"leaf": None},
        {"entry": 5},
        {"entry": "x" * 65_536},
        {"salt": "?"},
        {"salt": 5},
        {"replay": 1},
        {"findings": {}},
    ],
)
def test_what_is_no_receipt_is_malformed(receipt: Receipt, change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        Receipt.read({**json.loads(receipt.print()), **change})


def test_an_entry_that_is_none_is_malformed(receipt: Receipt) -> None:
    with pytest.raises(MalformedError):
        check_receipt(dataclasses.replace(receipt, entry=b"{}"), EVENT)


def test_findings_are_cut_to_what_somebody_reads(receipt: Receipt) -> None:
    read = Receipt.read({**json.loads(receipt.print()), "findings": ["x" * 999] * 999})

    assert (len(read.findings), len(read.findings[0])) == (64, 128)
