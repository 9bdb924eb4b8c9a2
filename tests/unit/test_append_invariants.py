"""What an append promises: bytes once, the same event once, a batch whole or not at all, persons in no entry."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from ledger.event import Event
from proofs.digest import commitment, leaf_hash
from proofs.entry import parse_entry, print_entry
from proofs.errors import ConflictError, RefusedError


def order(number: int, *, id: str | None = "1", **attributes: Any) -> Event:
    return Event.of("com.acme.order.v1", "urn:acme:shop", {"order": number}, id=id, **attributes)


def test_I1_what_is_stored_is_what_was_acknowledged_byte_for_byte(ledgers: Any) -> None:
    log = ledgers.create()
    data = b'{ "z":1.50,\n "a":"\\u0041" }'  # nobody would print it like this

    receipt = log.append(Event(type="com.acme.order.v1", source="s", id="1", data=data))

    with sqlite3.connect(ledgers.path()) as raw:
        (header,) = raw.execute("SELECT header FROM entry WHERE seq = ?", [receipt.seq]).fetchone()
        (body,) = raw.execute("SELECT bytes FROM body WHERE seq = ?", [receipt.seq]).fetchone()
    assert header == receipt.entry == log.entry(receipt.seq).header
    assert body == data
    assert parse_entry(header).body == commitment("body", receipt.salt, data)


def test_I3_entry_0_names_format_hash_origin_and_the_first_key_and_nothing_else_is_of_its_type(ledgers: Any) -> None:
    log = ledgers.create(origin="ledger.example/one")

    first = log.entry(0)

    body = first.json()
    assert first.type == "tallystick.ledger.created.v1"
    assert first.source == "ledger.example/one"
    assert (body["format"], body["hash"], body["origin"]) == (1, "sha256", "ledger.example/one")
    assert body["log_key"].startswith("ledger.example/one+")
    with pytest.raises(RefusedError, match="written by the ledger alone"):
        log.append(Event(type="tallystick.ledger.created.v1", source="ledger.example/one", id="x"))


def test_I4_the_same_event_again_gets_its_first_receipt(ledgers: Any) -> None:
    log = ledgers.create()

    first = log.append(order(1))
    again = log.append(order(1))

    assert (again.seq, again.leaf, again.entry, again.salt) == (first.seq, first.leaf, first.entry, first.salt)
    assert again.is_replay
    assert log.size == 3


def test_I4_another_traceparent_makes_no_other_event(ledgers: Any) -> None:
    log = ledgers.create()

    first = log.append(order(1, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))

    assert log.append(order(1)).seq == first.seq


@pytest.mark.parametrize(
    "changed", [order(2), order(1, subject="x"), order(1, time="2026-11-20T09:00:00Z"), order(1, ext={"a": 1})]
)
def test_I4_other_content_under_the_same_name_leaves_a_conflict_that_the_loser_can_open(
    ledgers: Any, changed: Event
) -> None:
    log = ledgers.create()
    first = log.append(order(1))

    with pytest.raises(ConflictError) as caught:
        log.append(changed)

    recorded = log.entry(log.size - 1)
    assert recorded.type == "tallystick.intake.conflicted.v1"
    assert recorded.json()["seq"] == first.seq
    assert recorded.json()["commitment"] == commitment("body", caught.value.salt, changed.data).hex()  # type: ignore[attr-defined]
    assert log.size == 4


def test_I4_the_same_id_of_another_source_is_another_event(ledgers: Any) -> None:
    log = ledgers.create()

    log.append(order(1))
    other = log.append(Event.of("com.acme.order.v1", "urn:acme:web", {"order": 1}, id="1"))

    assert not other.is_replay


def test_I4_a_retry_without_an_id_is_known_by_its_content(ledgers: Any) -> None:
    log = ledgers.create()

    first = log.append(order(1, id=None))
    again = log.append(order(1, id=None))
    other = log.append(order(2, id=None))

    assert again.seq == first.seq
    assert other.seq == first.seq + 1
    assert len(parse_entry(first.entry).id) == 36


def test_I4_duplicates_inside_one_batch_are_one_event(ledgers: Any) -> None:
    log = ledgers.create()

    receipts = log.append([order(1), order(2, id="2"), order(1), order(3, id=None), order(3, id=None)])

    assert [receipt.seq for receipt in receipts] == [2, 3, 2, 4, 4]
    assert [receipt.is_replay for receipt in receipts] == [False, False, True, False, True]


def test_I4_a_conflict_inside_one_batch_writes_nothing(ledgers: Any) -> None:
    log = ledgers.create()

    with pytest.raises(ConflictError):
        log.append([order(1), order(2)])

    assert log.size == 2


def test_I5_a_batch_with_one_bad_event_leaves_no_trace(ledgers: Any) -> None:
    log = ledgers.create()
    bad = Event(type="com.acme.order.v1", source="s", id="bad", data=b'{"a":1,"a":2}')

    with pytest.raises(RefusedError):
        log.append([*(order(n, id=str(n)) for n in range(50)), bad])

    assert log.size == 2
    assert log.append(order(0, id="0")).is_replay is False


def test_I5_an_entry_that_grows_too_large_refuses_its_whole_batch(ledgers: Any) -> None:
    log = ledgers.create()
    pointers = tuple(f"/{n:03}{chr(34) * 250}" for n in range(64))
    datasets = [{"namespace": "n" * 200, "name": f"{n:030}"} for n in range(126)]
    body = {"inputs": datasets, **{pointer[1:]: "p" for pointer in pointers}}
    large = Event.of("tallystick.lineage.run-observed.v1", '"' * 512, body, id='"' * 256, parts=pointers)

    with pytest.raises(RefusedError, match="at most 65535 are allowed"):
        log.append([order(1), large])

    assert log.size == 2


def test_I6_a_person_stands_in_no_entry_and_no_body(ledgers: Any) -> None:
    log = ledgers.create()
    event = Event.of(
        "com.acme.signup.v1", "s", {"who": {"name": "Ada Lovelace", "mail": "ada@example.org"}, "plan": "basic"},
        id="1", parts=("/who",), person="customer:17",
    )  # fmt: skip

    receipt = log.append(event)

    record = log.entry(receipt.seq)
    assert json.loads(record.body) == {"who": None, "plan": "basic"}
    assert [pointer for pointer, _ in record.entry.parts] == ["/who"]
    log.close()
    for path in ledgers.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"Lovelace" not in data, path
            assert b"customer:17" not in data, path


def test_I8_the_order_is_the_logs_own_and_never_a_producers_clock(ledgers: Any) -> None:
    log = ledgers.create()

    late = log.append(order(1, id="late", time="2031-01-01T00:00:00Z"))
    early = log.append(order(2, id="early", time="1999-01-01T00:00:00Z"))

    first, second = parse_entry(late.entry), parse_entry(early.entry)
    assert (first.seq, second.seq) == (2, 3)
    assert second.prev == leaf_hash(late.entry)
    assert first.at <= second.at
    assert (first.time, second.time) == ("2031-01-01T00:00:00Z", "1999-01-01T00:00:00Z")
    assert print_entry(second) == early.entry


def test_I12_400_datasets_of_one_event_are_filed_in_continuations_that_follow_at_once(ledgers: Any) -> None:
    log = ledgers.create()
    names = [f"{n:03}" for n in range(400)]
    body = {"inputs": [{"namespace": "w", "name": name} for name in names], "job": {"namespace": "j", "name": "k"}}

    receipt = log.append(Event.of("tallystick.lineage.run-observed.v1", "urn:etl", body, id="1"))
    log.append(order(1))

    parent, *rest = (log.entry(seq).entry for seq in range(receipt.seq, receipt.seq + 4))
    assert [len(entry.streams) for entry in (parent, *rest)] == [128, 128, 128, 25]
    assert [entry.type for entry in rest] == ["tallystick.ledger.continued.v1"] * 3
    assert [entry.id for entry in rest] == [f"{receipt.seq}-{n}" for n in (1, 2, 3)]
    assert {entry.at for entry in rest} == {parent.at}
    filed = [name for entry in (parent, *rest) for name in entry.streams if name.startswith("dataset:")]
    assert sorted(filed) == [f"dataset:w|{name}" for name in names]
    assert log.entry(log.size - 1).type == "com.acme.order.v1"
