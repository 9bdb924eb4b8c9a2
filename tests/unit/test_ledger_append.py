"""What an append leaves behind: bytes that are written once, linked, counted and durable, or nothing."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import threading
from typing import TYPE_CHECKING

import orjson
import pytest

import ledger
from ledger.append import Receipt
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.run import RUN_OBSERVED
from ledger.stores.sqlite import SqliteStore
from proofs.entry import parse_entry
from proofs.errors import ConflictError, ForkError, MissingError, RefusedError
from proofs.merkle import root_of_leaves

if TYPE_CHECKING:
    from tests.conftest import Ledgers

TYPE = "com.example.thing.v1"


def thing(n: int) -> Event:
    return Event.of(TYPE, "urn:things", {"n": n}, id=f"thing-{n}")


def headers(log: Ledger) -> list[bytes]:
    return log.store.headers(0, log.size)


@pytest.mark.parametrize(
    "data",
    [b"", b'  {\n\t"b" : 1.0, "a":[ ] }\n', b'{"k":1e400,"u":"\\u00e9"}', '{"é":"\U0001f600"}'.encode()],
    ids=["empty", "white space", "numbers", "unicode"],
)
def test_I1_a_body_is_stored_and_read_as_it_was_received(ledgers: Ledgers, data: bytes) -> None:
    log = ledgers.create()

    receipt = log.append(Event(type=TYPE, source="urn:things", id="a", data=data))
    log.close()

    assert ledgers.open().entry(receipt.seq).body == data


def test_I1_the_bytes_of_the_receipt_are_those_that_are_stored_and_exported(ledgers: Ledgers) -> None:
    log = ledgers.create()
    receipts = [*log.append([thing(1), thing(2)]), log.append(thing(3))]

    db = sqlite3.connect(ledgers.path())
    raw = db.execute("SELECT header FROM entry WHERE seq > 1 ORDER BY seq").fetchall()
    db.close()

    assert (
        [receipt.entry for receipt in receipts] == [row[0] for row in raw] == [record.header for record in log.read(2)]
    )
    assert [parse_entry(receipt.entry).id for receipt in receipts] == ["thing-1", "thing-2", "thing-3"]


def test_I2_the_chain_and_the_tree_use_one_hash_per_entry(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([thing(n) for n in range(300)])

    leaves = [hashlib.sha256(b"\0" + header).digest() for header in headers(log)]
    prevs = [parse_entry(header).prev for header in headers(log)]

    assert prevs == [bytes(32), *leaves[:-1]]
    assert log.tree.root(302) == root_of_leaves(leaves)
    assert log.entry(301).leaf == leaves[-1]


def test_I3_entry_0_says_format_hash_origin_and_first_key(ledgers: Ledgers) -> None:
    log = ledgers.create()
    first = log.entry(0)
    body = json.loads(first.body or b"")

    assert first.type == "tallystick.ledger.created.v1"
    assert first.source == "ledger.example/test"
    assert {name: body[name] for name in ("format", "hash", "origin")} == {
        "format": 1,
        "hash": "sha256",
        "origin": "ledger.example/test",
    }
    assert body["log_key"].startswith("ledger.example/test+")
    assert "predecessor" not in body


def test_I3_a_successor_names_its_predecessor(ledgers: Ledgers) -> None:
    before = ("ledger.example/old", 7, bytes(range(32)))

    log = ledger.create(
        "memory:", origin="ledger.example/new", home=ledgers.home, passphrase=lambda: b"p", predecessor=before
    )

    assert json.loads(log.entry(0).body or b"")["predecessor"] == {
        "origin": "ledger.example/old",
        "root": bytes(range(32)).hex(),
        "size": 7,
    }
    log.close()


def test_I3_a_ledger_without_its_first_entry_takes_no_other(ledgers: Ledgers) -> None:
    SqliteStore.create(str(ledgers.path()), origin="ledger.example/test").close()  # what a crash in `create` leaves
    log = ledgers.open_without_keyring()

    with pytest.raises(RefusedError, match="its creation was never finished"):
        log.append(thing(1))

    assert log.size == 0


def test_I3_what_stops_the_creation_leaves_no_file(ledgers: Ledgers) -> None:
    with pytest.raises(RefusedError, match="the passphrase of a key is empty"):
        ledger.create(ledgers.url(), origin="ledger.example/test", home=ledgers.home, passphrase=lambda: b"")

    assert list(ledgers.folder.glob("log.db*")) == []
    assert ledgers.create().size == 2


def test_I3_a_file_that_exists_is_never_created_again(ledgers: Ledgers) -> None:
    ledgers.path().write_bytes(b"precious")

    with pytest.raises(ConflictError, match="exists already"):
        ledgers.create()

    assert ledgers.path().read_bytes() == b"precious"


def test_I5_a_batch_is_all_or_nothing(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(thing(1))
    before = (log.size, list(log.store.streams.walk()), headers(log))

    with pytest.raises(RefusedError, match="makes an entry of 69147 bytes"):
        log.append([thing(2), too_large(), thing(3)])

    assert (log.size, list(log.store.streams.walk()), headers(log)) == before
    assert log.append(thing(2)).seq == 3


def test_I5_an_empty_batch_is_nothing(ledgers: Ledgers) -> None:
    log = ledgers.create()

    assert log.append([]) == []
    assert log.append(iter(())) == []
    assert log.size == 2


def test_I5_what_is_returned_can_be_read_by_another_process_at_once(ledgers: Ledgers) -> None:
    log = ledgers.create()
    receipt = log.append(thing(1))

    other = SqliteStore(str(ledgers.path()), read_only=True)
    try:
        assert other.headers(receipt.seq, receipt.seq + 1) == [receipt.entry]
    finally:
        other.close()


def test_I5_the_receipt_lets_the_sender_check_commitment_and_leaf(ledgers: Ledgers) -> None:
    receipt = ledgers.create().append(thing(1))
    assert receipt.salt is not None

    entry = parse_entry(receipt.entry)

    assert entry.body == hashlib.sha256(b"tallystick/body/v1\0" + receipt.salt + b'{"n":1}').digest()
    assert receipt.leaf == hashlib.sha256(b"\0" + receipt.entry).digest()
    assert (entry.seq, receipt.seq, receipt.is_replay) == (2, 2, False)


def test_salts_are_fresh(ledgers: Ledgers) -> None:
    log = ledgers.create()
    receipts: list[Receipt] = log.append([thing(n) for n in range(50)])

    assert len({receipt.salt for receipt in receipts}) == 50
    assert all(receipt.salt and len(receipt.salt) == 32 for receipt in receipts)


def test_I8_positions_and_links_are_those_at_the_moment_of_writing(ledgers: Ledgers) -> None:
    """Two processes prepare against the same log; whoever comes second is linked to the first."""
    one, other = ledgers.create(), ledgers.open()

    first = one.append([thing(1), thing(2)])
    second = other.append(thing(3))
    third = one.append(thing(4))

    assert [receipt.seq for receipt in (*first, second, third)] == [2, 3, 4, 5]
    assert parse_entry(third.entry).prev == second.leaf
    assert parse_entry(third.entry).streams == {f"type:{TYPE}": 3, "source:urn:things": 3}
    assert fsck(one.store, keyring=one.keyring).findings == ()


def test_I8_events_keep_the_order_of_the_batch_whatever_their_times(ledgers: Ledgers) -> None:
    log = ledgers.create()
    times = ["2030-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2026-01-01T00:00:00+14:00"]

    log.append([Event.of(TYPE, "urn:things", {}, id=str(n), time=time) for n, time in enumerate(times)])

    assert [parse_entry(record.header).time for record in log.read(2)] == times


@pytest.mark.parametrize(
    "type",
    ["tallystick.ledger.created.v1", "tallystick.ledger.continued.v1", "tallystick.ledger.", "tallystick.ledger.x"],
)
@pytest.mark.parametrize("source", ["urn:producer", "ledger.example/test"])
def test_I9_nobody_but_the_ledger_writes_its_types(ledgers: Ledgers, type: str, source: str) -> None:
    log = ledgers.create(memory=True)

    with pytest.raises(RefusedError, match="written by the ledger alone"):
        log.append(Event.of(type, source, {}))

    assert log.size == 2


@pytest.mark.parametrize(
    "type", ["tallystick.ledgers.x.v1", "tallystick.ledger", "Tallystick.ledger.created.v1", "tallystick.subjects.v1"]
)
def test_I9_types_that_only_look_alike_are_anybodys(ledgers: Ledgers, type: str) -> None:
    assert ledgers.create(memory=True).append(Event.of(type, "urn:producer", {})).seq == 2


def test_I9_the_ledger_speaks_in_its_own_name_alone(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)

    with pytest.raises(ValueError, match=r"the ledger speaks as 'ledger\.example/test', not as 'urn:other'"):
        log.record([Event.of("tallystick.ledger.closed.v1", "urn:other", {"reason": "x"})])


def test_I9_extensions_of_the_ledger_are_refused_from_producers(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)

    with pytest.raises(RefusedError, match="extension names that begin with 'tally'"):
        log.append(Event.of(TYPE, "urn:producer", {}, ext={"tallyof": "0"}))


def test_I9_a_producer_cannot_take_the_id_of_a_continuation(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)

    with pytest.raises(RefusedError, match=r"source 'ledger\.example/test' is the ledger itself"):
        log.append(Event.of(TYPE, "ledger.example/test", {}, id="2-1"))

    assert log.append(Event.of(TYPE, "urn:other", {}, id="2-1")).seq == 2
    assert [log.size - receipt.seq for receipt in [log.append(wide(130))]] == [2]


def wide(count: int, id: str = "wide") -> Event:
    datasets = [{"namespace": "w", "name": f"table {n:03}"} for n in range(count)]
    return Event.of(
        RUN_OBSERVED,
        "urn:airflow",
        {"inputs": datasets, "outputs": [], "job": {"namespace": "a", "name": "j"}, "run": {"runId": "r"}},
        id=id,
    )


def too_large(parts: int = 64) -> Event:
    """An event of which every attribute is within its bounds, and the entry is not."""
    names = ['"' * 250 + f"{n:02}" for n in range(parts)]
    body: dict[str, object] = dict.fromkeys(names, 1)
    body["datasets"] = [{"namespace": "n" * 100, "name": f"{n:0140}"} for n in range(126)]
    return Event(
        type="tallystick.slo.measured.v1",
        source="urn:things",
        id="large",
        data=orjson.dumps(body),
        parts=tuple(f"/{name}" for name in names),
    )


def test_an_entry_of_nearly_65535_bytes_is_written_and_a_longer_one_refused(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)

    assert 60_000 < len(log.append(too_large(50)).entry) <= 65_535
    with pytest.raises(RefusedError, match=r"makes an entry of \d+ bytes, at most 65535 are allowed"):
        log.append(too_large(64).model_copy(update={"id": "larger"}))
    assert log.size == 3
    assert fsck(log.store).findings == ()


@pytest.mark.parametrize(("others", "entries"), [(124, 1), (125, 2), (126, 2), (250, 2), (251, 3), (398, 4)])
def test_more_streams_than_an_entry_holds_follow_in_continuations(ledgers: Ledgers, others: int, entries: int) -> None:
    """`others` datasets, one job and one run: an entry holds its own two streams and 126 more."""
    log = ledgers.create(memory=True)

    receipt = log.append(wide(others))
    family = [parse_entry(record.header) for record in log.read(receipt.seq)]

    assert len(family) == entries
    assert len({name for entry in family for name in entry.streams if name.startswith("dataset:")}) == others
    assert [entry.id for entry in family] == ["wide", *(f"2-{n}" for n in range(1, entries))]
    assert [entry.type for entry in family[1:]] == ["tallystick.ledger.continued.v1"] * (entries - 1)
    assert all(entry.ext == {"tallyof": "2"} and entry.at == family[0].at for entry in family[1:])
    assert [len(entry.streams) for entry in family[:-1]] == [128] * (entries - 1)
    assert fsck(log.store).findings == ()


def test_400_datasets_in_one_event_beside_others_in_one_batch(ledgers: Ledgers) -> None:
    log = ledgers.create()

    receipts = log.append([thing(1), wide(400, "a"), thing(2), wide(400, "b")])
    again = log.append([wide(400, "a"), thing(3)])

    assert [receipt.seq for receipt in receipts] == [2, 3, 7, 8]
    assert [(receipt.seq, receipt.is_replay) for receipt in again] == [(3, True), (12, False)]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I12_positions_count_up_in_every_stream(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)
    log.append([wide(3, "a"), thing(1), wide(200, "b"), wide(2, "c")])

    seen: dict[str, list[int]] = {}
    for record in log.read():
        for name, position in record.streams.items():
            seen.setdefault(name, []).append(position)

    assert all(positions == list(range(len(positions))) for positions in seen.values())
    assert seen["dataset:w|table 001"] == [0, 1, 2]
    assert {row.name: row.total for row in log.store.streams.walk()} == {name: len(seen[name]) for name in seen}


def test_an_entry_that_is_not_there_is_missing(ledgers: Ledgers) -> None:
    log = ledgers.create(memory=True)

    for seq in (-1, 2, 10**30):
        with pytest.raises(MissingError, match=f"no entry {seq}: the log holds 2"):
            log.entry(seq)


def test_a_process_that_was_open_when_an_older_copy_was_put_back_does_not_go_on(ledgers: Ledgers) -> None:
    """Caught by what the process itself acknowledged, before any checkpoint was signed."""
    log = ledgers.create()
    log.append(thing(1))
    with log.store.projecting() as db:
        for table in ("entry_no_delete", "body_no_delete"):
            db.execute(f"DROP TRIGGER {table}")
        for table in ("entry", "body", "identity"):
            db.execute(f"DELETE FROM {table} WHERE seq = 2")

    with pytest.raises(ForkError, match="does not begin with the 3 that this process knows"):
        log.append(thing(2))

    assert log.size == 2


@pytest.mark.parametrize("memory", [True, False], ids=["memory", "sqlite"])
def test_I8_threads_of_one_process_share_one_ledger(ledgers: Ledgers, memory: bool) -> None:
    log = ledgers.create(memory=memory)
    receipts: dict[str, set[int]] = {}
    errors: list[BaseException] = []

    def append(number: int) -> None:
        drawn = random.Random(number)
        try:
            for _ in range(30):
                events = [
                    Event.of(TYPE, "urn:things", {"who": n}, id=f"{n}", parts=("/who",) if n % 7 == 0 else ())
                    for n in drawn.sample(range(150), drawn.choice([1, 3, 12]))
                ]
                for event, receipt in zip(events, log.append(events), strict=True):
                    receipts.setdefault(str(event.id), set()).add(receipt.seq)
                if drawn.random() < 0.1:
                    log.take_census()
                if drawn.random() < 0.1:
                    log.checkpoint()
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    seqs = {record.id: record.seq for record in log.read() if record.source == "urn:things"}
    assert receipts == {id: {seq} for id, seq in seqs.items()}
    assert fsck(log.store, keyring=log.keyring).findings == ()
