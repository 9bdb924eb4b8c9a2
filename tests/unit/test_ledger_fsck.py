"""What a report of fsck says, and that making one changes nothing and raises for nothing."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from ledger.event import Event
from ledger.finding import LIMIT, Finding, Findings
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.stores.sqlite import SqliteStore
from ledger.walk import PAGE
from proofs.errors import MalformedError, TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers


def things(start: int, stop: int) -> list[Event]:
    return [Event.of("com.example.thing.v1", "urn:things", {"n": n}, id=str(n)) for n in range(start, stop)]


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def test_a_report_says_how_much_was_checked(log: Ledger) -> None:
    log.append(things(2, 300))
    log.take_census()
    log.checkpoint()

    report = fsck(log.store, keyring=log.keyring, projections=[StreamIndex()])

    assert report.to_json() == {
        "ok": True,
        "entries": 301,
        "bodies": 301,
        "missing_bodies": 0,
        "parts": 0,
        "erased_parts": 0,
        "missing_parts": 0,
        "streams": 6,
        "tiles": 1,
        "censuses": 1,
        "checkpoints": 1,
        "projections": 1,
        "findings": [],
        "unlisted": 0,
    }
    json.dumps(report.to_json())


def test_progress_is_told_page_by_page_to_the_end(log: Ledger) -> None:
    log.append(things(2, PAGE + 100))
    seen: list[tuple[int, int]] = []

    fsck(log.store, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(PAGE, PAGE + 100), (PAGE + 100, PAGE + 100)]


def test_a_ledger_without_its_first_entry_is_not_sound(ledgers: Ledgers) -> None:
    store = SqliteStore.create(str(ledgers.path()), origin="ledger.example/test")

    assert [finding.code for finding in fsck(store).findings] == ["created"]

    store.close()


def test_checking_changes_no_byte_of_the_file(ledgers: Ledgers, log: Ledger) -> None:
    log.append(things(2, 30))
    log.checkpoint()
    ledgers.close()
    before = ledgers.path().read_bytes()
    log = ledgers.open(read_only=True)

    fsck(log.store, keyring=log.keyring, projections=[StreamIndex()])

    ledgers.close()
    assert ledgers.path().read_bytes() == before


def closing() -> Event:
    return Event.of("tallystick.ledger.closed.v1", "ledger.example/test", {"reason": "moved"})


def test_I3_a_closed_log_ends_with_its_census(log: Ledger) -> None:
    log.record([closing()])
    assert fsck(log.store).findings == ()
    log.take_census()
    assert fsck(log.store).findings == ()


def test_I3_a_closed_log_that_goes_on_is_a_finding(ledgers: Ledgers) -> None:
    """As a program would leave it that knows of no closing."""
    log = ledgers.create("on", origin="ledger.example/test")
    log.record([closing()])
    log.take_census()
    after = log._intake.prepare(things(9, 10)[0])
    with log.store.writing():
        log._appender.edge().closed = None
        edge, _ = log._appender.write([after])
    log._appender.acknowledge(edge)

    assert [(finding.code, finding.where) for finding in fsck(log.store).findings] == [("closed", "entry 4")]


def test_findings_beyond_a_hundred_of_a_code_are_counted(ledgers: Ledgers, log: Ledger) -> None:
    log.append(things(2, 502))
    ledgers.close()
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute("DROP TRIGGER body_no_update")
    db.execute("UPDATE body SET salt = zeroblob(32) WHERE seq > 1")
    db.close()

    report = fsck(ledgers.open(read_only=True).store)

    codes = [finding.code for finding in report.findings]
    assert codes == ["file", *["body"] * LIMIT]
    assert report.unlisted == 400
    assert not report.ok


def test_an_error_of_ours_becomes_a_finding_and_others_do_not() -> None:
    findings = Findings()
    with findings.at("tile", "somewhere"):
        raise MalformedError("it is broken")
    with findings.at("tile", "somewhere"):
        raise TamperedError("it was changed", where="exactly here")
    with findings.at("tile", "somewhere"):
        raise sqlite3.DatabaseError("disk image is malformed")
    with pytest.raises(ZeroDivisionError), findings.at("tile", "somewhere"):
        raise ZeroDivisionError

    assert findings.found == [
        Finding("tile", "somewhere", "it is broken"),
        Finding("tile", "exactly here", "it was changed"),
        Finding("tile", "somewhere", "it cannot be read: disk image is malformed"),
    ]


def test_while_others_write_a_check_sees_one_moment(ledgers: Ledgers, log: Ledger) -> None:
    """What is appended and signed in the middle of it is neither missed nor too much."""
    log.append(things(2, PAGE + 10))
    other = ledgers.open()

    def write(done: int, total: int) -> None:
        if done == PAGE:
            other.append(things(PAGE + 10, PAGE + 500))
            other.take_census()
            other.checkpoint()

    report = fsck(log.store, keyring=log.keyring, progress=write)

    assert (report.entries, report.findings) == (PAGE + 10, ())
    assert fsck(log.store, keyring=log.keyring).entries == PAGE + 501


def test_a_keyring_that_signed_nothing_says_nothing(ledgers: Ledgers, log: Ledger) -> None:
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_head_that_is_no_note_is_a_finding(log: Ledger) -> None:
    log.checkpoint()
    assert log.keyring is not None
    (log.keyring.folder / "head").write_bytes(b"\xff")

    assert {(finding.code, finding.where) for finding in fsck(log.store, keyring=log.keyring).findings} == {
        ("head", "head")
    }


def test_a_checkpoint_that_was_signed_and_not_stored_is_a_finding_until_the_next_one_stores_it(
    ledgers: Ledgers, log: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ledger.checkpoint._keep", lambda _store, _signed: None)  # as a crash leaves it
        log.checkpoint()

    (finding,) = fsck(log.store, keyring=log.keyring).findings
    assert finding.what == (
        "the checkpoint of 2 entries that was signed is not stored: it was taken out, or a crash came between, "
        "and then the next opening for writing stores it"
    )
    log.checkpoint()
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_checkpoint_that_is_stored_a_moment_after_it_was_signed_is_no_finding(
    log: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ledger.checkpoint._keep", lambda _store, _signed: None)
        log.checkpoint()

    def store_it(_done: int, _total: int) -> None:
        log.checkpoint()

    assert fsck(log.store, keyring=log.keyring, progress=store_it).findings == ()
    assert len(log.store.checkpoints.all()) == 1


def test_a_head_that_is_gone_is_a_finding(log: Ledger) -> None:
    log.checkpoint()
    assert log.keyring is not None
    (log.keyring.folder / "head").unlink()

    assert [finding.what for finding in fsck(log.store, keyring=log.keyring).findings] == [
        "a checkpoint of 2 entries is stored, and no head is beside the key"
    ]


def test_the_head_of_an_older_day_is_a_finding(log: Ledger) -> None:
    first = log.checkpoint()
    log.append(things(2, 5))
    log.checkpoint()
    assert log.keyring is not None
    log.keyring.keep_head(first.note)

    assert [finding.what for finding in fsck(log.store, keyring=log.keyring).findings] == [
        "a checkpoint of 5 entries is stored, and the head beside the key is of 2"
    ]


@pytest.mark.parametrize("memory", [True, False])
def test_I13_an_event_whose_body_names_nothing_is_filed_by_type_and_source(ledgers: Ledgers, memory: bool) -> None:
    log = ledgers.create("other", origin="ledger.example/other", memory=memory)
    for n, data in enumerate(
        [b"", b"null", b"[]", b'"dataset"', b'{"dataset":null}', b'{"dataset":{"namespace":"","name":"x"}}']
    ):
        receipt = log.append(Event(type="tallystick.slo.measured.v1", source="urn:s", id=str(n), data=data))
        assert len(log.entry(receipt.seq).streams) == 2

    assert fsck(log.store).findings == ()
