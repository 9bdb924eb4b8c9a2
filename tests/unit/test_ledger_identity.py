"""By what an event is known again (I4): the same is recorded once, another under its name is a conflict that leaves a trace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ledger.append import LoserError
from ledger.event import Event
from ledger.fsck import fsck
from ledger.group import CONFLICTED
from ledger.log import Ledger
from proofs.digest import commitment
from proofs.errors import ConflictError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

TYPE = "com.example.thing.v1"


def event(**changes: object) -> Event:
    given: dict[str, object] = {"type": TYPE, "source": "urn:things", "id": "a", "data": b'{"n":1}', **changes}
    return Event.model_validate(given)


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, ledgers: Ledgers) -> Ledger:
    return ledgers.create(memory=request.param == "memory")


def test_I4_the_same_event_again_returns_the_first_receipt(log: Ledger) -> None:
    first = log.append(event())
    log.append(event(id="b"))
    again = log.append(event())

    assert (again.seq, again.leaf, again.entry, again.salt) == (first.seq, first.leaf, first.entry, first.salt)
    assert (first.is_replay, again.is_replay) == (False, True)
    assert log.size == 4


def test_I4_traceparent_is_left_aside(log: Ledger) -> None:
    first = log.append(event(traceparent="00-aaaa-bbbb-01"))

    assert log.append(event(traceparent="00-cccc-dddd-01")).seq == first.seq
    assert log.append(event()).seq == first.seq
    assert b'"traceparent":"00-aaaa-bbbb-01"' in log.entry(first.seq).header


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b'{"n":2}'},
        {"data": b'{"n": 1}'},
        {"data": b""},
        {"type": "com.example.other.v1"},
        {"subject": "s"},
        {"time": "2026-01-01T00:00:00Z"},
        {"datacontenttype": "application/json"},
        {"dataschema": "urn:s"},
        {"sequence": "1"},
        {"ext": {"k": "v"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_I4_other_content_is_a_conflict(log: Ledger, changes: dict[str, object]) -> None:
    log.append(event())
    size = log.size

    with pytest.raises(ConflictError, match="has the source and id of entry 2, and other content"):
        log.append(event(**changes))

    assert [record.type for record in log.read(size)] == [CONFLICTED]


def test_I4_what_is_to_be_sealed_is_no_part_of_what_was_received(log: Ledger) -> None:
    log.append(event())

    assert log.append(event(parts=("/n",))).is_replay


def test_I4_the_same_id_of_another_source_is_another_event(log: Ledger) -> None:
    log.append(event())

    assert log.append(event(source="urn:others")).seq == 3


def test_I4_the_conflict_commits_to_the_loser_and_the_salt_opens_it(log: Ledger) -> None:
    log.append(event())

    with pytest.raises(LoserError) as raised:
        log.append([event(id="x"), event(data=b'{"n":"lost"}'), event(id="y")])

    conflict = log.entry(3)
    assert (raised.value.loser, raised.value.seq, len(raised.value.salt)) == (1, 2, 32)
    assert json.loads(conflict.body or b"") == {
        "commitment": commitment("body", raised.value.salt, b'{"n":"lost"}').hex(),
        "seq": 2,
    }
    assert (conflict.type, conflict.source) == ("tallystick.intake.conflicted.v1", "ledger.example/test")
    assert log.size == 4  # nothing of the batch
    assert b"lost" not in b"".join(record.header + (record.body or b"") for record in log.read())


def test_I4_the_salt_of_a_conflict_stands_nowhere_in_the_file(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(event())
    with pytest.raises(LoserError) as raised:
        log.append(event(data=b'{"n":2}'))
    log.close()

    for path in [*ledgers.folder.rglob("*")]:
        assert not path.is_file() or raised.value.salt not in path.read_bytes()


def test_I4_two_of_one_batch_that_contradict_each_other_leave_nothing(log: Ledger) -> None:
    with pytest.raises(
        ConflictError, match="event 1 of the batch: the event has the source and id of an event of the same batch"
    ):
        log.append([event(), event(data=b'{"n":2}')])

    assert log.size == 2


def test_I4_duplicates_within_one_batch_are_recorded_once(log: Ledger) -> None:
    receipts = log.append([event(id="a"), event(id="b"), event(id="a"), event(id="c"), event(id="b"), event(id="a")])

    assert [(receipt.seq, receipt.is_replay) for receipt in receipts] == [
        (2, False),
        (3, False),
        (2, True),
        (4, False),
        (3, True),
        (2, True),
    ]
    assert log.size == 5
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I4_new_and_known_events_in_one_batch_come_back_in_the_batchs_order(log: Ledger) -> None:
    log.append([event(id="b"), event(id="d")])

    receipts = log.append([event(id=name) for name in "abcdebe"])

    assert [receipt.seq for receipt in receipts] == [4, 2, 5, 3, 6, 2, 6]


def test_I4_an_event_without_an_id_gets_one_and_its_retry_is_recognised(log: Ledger) -> None:
    nameless = event(id=None)

    first = log.append(nameless)
    again = log.append([nameless, event(id=None, data=b'{"n":2}'), nameless])

    id = log.entry(first.seq).id
    assert [receipt.seq for receipt in again] == [2, 3, 2]
    assert (len(id), id[14], id[19] in "89ab") == (36, "7", True)  # a UUIDv7
    assert log.size == 4


def test_I4_retries_are_recognised_by_another_process(ledgers: Ledgers) -> None:
    first = ledgers.create().append([event(), event(id=None)])
    ledgers.close()

    again = ledgers.open().append([event(), event(id=None)])

    assert [receipt.seq for receipt in again] == [receipt.seq for receipt in first]


def test_I4_after_an_erasure_content_is_not_compared(ledgers: Ledgers) -> None:
    from ledger.erasure import erase_person

    log = ledgers.create()
    who = event(data=b'{"who":"Ada"}', parts=("/who",), person="ada")
    log.append(who)
    with pytest.raises(ConflictError):
        log.append(event(data=b'{"who":"Eve"}'))

    erase_person(log, "ada")

    assert (log.append(who).seq, log.append(event(data=b'{"who":"Eve"}')).seq) == (2, 2)


def test_I4_after_an_erasure_a_retry_without_an_id_is_a_new_event(ledgers: Ledgers) -> None:
    """Its hash is gone, and with it the only thing by which it could be known again."""
    from ledger.erasure import erase_person

    log = ledgers.create()
    who = event(id=None, data=b'{"who":"Ada"}', parts=("/who",), person="ada")
    first = log.append(who)
    assert log.append(who).seq == first.seq

    erase_person(log, "ada")

    assert log.append(who).seq == 5


def test_I4_without_a_vault_ids_are_known_and_contents_are_not_compared(ledgers: Ledgers) -> None:
    ledgers.create().append(event())
    ledgers.close()

    log = ledgers.open_without_keyring()

    assert log.keyring is None
    assert log.append(event(data=b'{"n":2}')).seq == 2


def test_the_hashes_of_content_say_nothing_without_the_vaults_secret(ledgers: Ledgers) -> None:
    """The same event in two ledgers: two hashes."""
    hashes = []
    for name in ("one", "two"):
        log = ledgers.create(name, origin=f"ledger.example/{name}")
        log.append([event(), event(id=None)])
        found = log.store.identities.find("a", "urn:things")
        assert found is not None
        hashes.append(found[1])

    assert hashes[0] is not None
    assert hashes[0] != hashes[1]
