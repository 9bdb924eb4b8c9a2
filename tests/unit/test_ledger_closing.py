"""How a log ends (I3): once, with its census and a checkpoint; what is refused behind it, and what goes on."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

import ledger
from evidence import question
from evidence.seal import export
from evidence.terms import Disclosure, Terms
from evidence.trust import trust_text
from ledger.closing import ClosedError, close_log, closed_by, last_checkpoint, predecessor_of, read_predecessor
from ledger.disclosure import open_part
from ledger.docket import StandingHoldError
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.holds import hold, release
from ledger.log import Ledger
from ledger.rotation import add, rotate
from proofs.census import CENSUS_TAKEN
from proofs.chain import CLOSED
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError
from proofs.view import verify_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ledgers

EVERYTHING = question.everything()
ASKED = Terms("auditor:7", "2026-11-20T12:00:00.000000Z")


def thing(n: int, **attributes: Any) -> Event:
    return Event.of("com.example.thing.v1", "urn:x", {"n": n}, id=str(n), **attributes)


def household(name: str) -> Event:
    return Event.of("com.example.household.v1", "urn:crm", {"who": name}, id=name, parts=("/who",), person=name)


@pytest.fixture(params=["sqlite", "memory"])
def log(request: pytest.FixtureRequest, ledgers: Ledgers) -> Ledger:
    made = ledgers.create(memory=request.param == "memory")
    made.append([thing(1), thing(2), household("ada")])
    return made


def test_I3_a_log_ends_with_closed_its_census_and_a_checkpoint(log: Ledger) -> None:
    signed = close_log(log, reason="superseded", successor="ledger.example/next")

    assert [record.type for record in log.read(5)] == [CLOSED, CENSUS_TAKEN]
    assert json.loads(log.entry(5).body or b"") == {"reason": "superseded", "successor": "ledger.example/next"}
    assert signed.checkpoint.size == log.size == 7
    assert log.closed_by == 5
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I3_nothing_is_recorded_behind_the_end(log: Ledger) -> None:
    close_log(log, reason="ended")

    for act in (
        lambda: log.append(thing(3)),
        lambda: log.append([thing(1), thing(3)]),
        lambda: log.append(household("eve")),
        log.take_census,
        log.confirm_clock,
        lambda: rotate(log, "log"),
        lambda: add(log, "evidence"),
        lambda: open_part(log, 4, "/who", reader="r", purpose="p"),
    ):
        with pytest.raises(ClosedError, match="the log was closed by entry 5, and nothing is recorded in it any more"):
            act()

    assert log.size == 7
    assert ClosedError.code == "closed"


def test_what_is_refused_behind_the_end_leaves_no_key_behind(log: Ledger) -> None:
    close_log(log, reason="ended")
    assert log.vault is not None
    assert log.keyring is not None
    before = sorted(log.keyring.folder.glob("*.pem"))

    for act in (lambda: log.append(household("eve")), lambda: rotate(log, "evidence")):
        with pytest.raises(ClosedError):
            act()

    assert log.vault._file.rows("SELECT count(*) FROM data_key") == [(1,)]
    assert sorted(log.keyring.folder.glob("*.pem")) == before


def test_I4_what_was_recorded_before_the_end_still_answers_its_first_receipt(log: Ledger) -> None:
    close_log(log, reason="ended")

    again = log.append([thing(2), household("ada"), thing(2)])

    assert [(receipt.seq, receipt.is_replay) for receipt in again] == [(3, True), (4, True), (3, True)]


def test_I4_a_conflict_is_a_conflict_also_behind_the_end_and_leaves_nothing(log: Ledger) -> None:
    close_log(log, reason="ended")

    with pytest.raises(ConflictError) as caught:
        log.append(Event.of("com.example.thing.v1", "urn:x", {"n": 9}, id="1"))

    assert getattr(caught.value, "salt", None) == b""
    assert log.size == 7


def test_another_process_knows_that_the_log_is_closed(ledgers: Ledgers) -> None:
    ours, theirs = ledgers.create(), ledgers.open()
    theirs.append(thing(1))

    close_log(ours, reason="ended")

    with pytest.raises(ClosedError):
        theirs.append(thing(2))
    assert theirs.append(thing(1)).is_replay
    ledgers.close()
    with pytest.raises(ClosedError):
        ledgers.open().append(thing(2))


def test_a_jumped_clock_does_not_hide_that_the_log_is_closed(ledgers: Ledgers) -> None:
    log = ledgers.create()
    close_log(log, reason="ended")
    ledgers.now = ledgers.now.replace(year=2031)

    with pytest.raises(ClosedError):
        log.append(thing(1))


def test_closing_again_in_the_same_words_ends_what_a_crash_left(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    monkeypatch.setattr(Ledger, "checkpoint", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        close_log(log, reason="ended")
    monkeypatch.undo()
    ledgers.close()
    log = ledgers.open()

    signed = close_log(log, reason="ended")

    assert (signed.checkpoint.size, log.size) == (4, 4)
    assert close_log(log, reason="ended").note == signed.note
    for other in ({"reason": "compromised"}, {"reason": "ended", "successor": "ledger.example/next"}):
        with pytest.raises(ClosedError):
            close_log(log, **other)


def test_a_log_that_an_older_program_closed_without_a_census_gets_it(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.record([Event.of(CLOSED, log.origin, {"reason": "ended"})])
    assert closed_by(log.store) == 2
    with pytest.raises(ClosedError):
        log.append(thing(1))

    signed = last_checkpoint(log)

    assert (signed.checkpoint.size, log.entry(3).type) == (4, CENSUS_TAKEN)
    assert last_checkpoint(log).note == signed.note


def test_a_census_alone_closes_nothing(log: Ledger) -> None:
    log.take_census()

    assert log.closed_by is None
    assert log.append(thing(3)).seq == 6


def test_the_end_comes_alone(log: Ledger) -> None:
    end = Event.of(CLOSED, log.origin, {"reason": "ended"})

    with pytest.raises(ValueError, match="comes alone"):
        log.record([end, Event.of("tallystick.ledger.x", log.origin, {})])
    with pytest.raises(RefusedError, match="written by the ledger alone"):
        log.append(end)

    assert log.closed_by is None


@pytest.mark.parametrize(
    "words",
    [
        {"reason": "because"},
        {"reason": ""},
        {"reason": "ended", "successor": ""},
        {"reason": "ended", "successor": "ledger.example/test"},
        {"reason": "ended", "successor": "two words"},
        {"reason": "ended", "successor": "x" * 201},
    ],
)
def test_what_is_no_reason_or_no_other_log_closes_nothing(log: Ledger, words: dict[str, str]) -> None:
    with pytest.raises(RefusedError):
        close_log(log, **words)

    assert log.closed_by is None


def test_without_the_key_that_signs_the_end_the_log_stays_open(ledgers: Ledgers) -> None:
    ledgers.create().close()
    log = ledgers.open_without_keyring()

    with pytest.raises(MissingError):
        close_log(log, reason="ended")

    assert log.closed_by is None


def test_writers_and_a_closer_leave_one_end(ledgers: Ledgers) -> None:
    log = ledgers.create()
    refused: list[int] = []

    def write(first: int) -> None:
        for n in range(first, first + 200):
            try:
                log.append(thing(n))
            except ClosedError as error:
                refused.append(error.seq)
                return

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1_000, 2_000)]
    for writer in writers:
        writer.start()
    signed = close_log(log, reason="ended")
    for writer in writers:
        writer.join()

    assert signed.checkpoint.size == log.size
    assert set(refused) <= {log.size - 2}
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_closed_log_is_exported_at_its_last_census_and_cannot_write_it_down(ledgers: Ledgers, tmp_path: Path) -> None:
    log = ledgers.create()
    log.append([thing(1), household("ada")])
    note = close_log(log, reason="ended").note

    first = export(log, EVERYTHING, ASKED, out_dir=tmp_path)
    again = export(log, EVERYTHING, ASKED, out_dir=tmp_path / "again")

    assert first.seq is None
    assert first.path.read_bytes() == again.path.read_bytes()
    verdict = verify_bundle(first.path.read_bytes(), trust=trust_text(log).encode(), expected_head=note)
    assert verdict.word == "verified"
    assert verdict.facts["size"] == log.size == 6
    chosen = Disclosure(parts=((3, "/who"),), reader="auditor:7", purpose="audit")
    with pytest.raises(ClosedError):
        export(log, EVERYTHING, Terms("auditor:7", ASKED.asked_at, chosen), out_dir=tmp_path)


def test_I10_a_closed_log_still_forgets_and_the_vault_remembers_it(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([household("ada"), household("eve")])
    close_log(log, reason="ended")

    erased = erase_person(log, "ada")

    assert (erased.parts, erased.is_recorded) == (1, False)
    assert [row.seq for row in log.store.parts.among(range(log.size))] == [3]
    ledgers.close()
    log = ledgers.open()
    assert log.vault is not None
    assert (log.size, log.vault.docket.unfinished()) == (6, [])
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_a_restored_closed_log_gets_the_erasure_again(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(household("ada"))
    close_log(log, reason="ended")
    ledgers.close()
    copy = ledgers.path().read_bytes()
    erase_person(ledgers.open(), "ada")
    ledgers.close()
    ledgers.path().write_bytes(copy)

    assert ledgers.open().store.parts.among(range(5)) == []


def test_a_hold_stands_also_on_a_closed_log(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(household("ada"))
    close_log(log, reason="ended")

    id = hold(log, "case-1", person="ada")

    with pytest.raises(StandingHoldError):
        erase_person(log, "ada")
    ledgers.close()
    log = ledgers.open()
    release(log, id, by="counsel", reason="matter-closed")
    assert erase_person(log, "ada").parts == 1
    assert log.size == 5


def test_I3_a_successor_names_what_it_continues(ledgers: Ledgers) -> None:
    note = close_log(ledgers.create(), reason="superseded").note
    before = read_predecessor(note)

    log = ledger.create(
        ledgers.url("next"),
        origin="ledger.example/next",
        home=ledgers.home,
        passphrase=lambda: b"x",
        predecessor=before,
    )

    ledgers.opened.append(log)
    body = json.loads(log.entry(0).body or b"")
    assert body["predecessor"] == {"origin": "ledger.example/test", "root": before[2].hex(), "size": 4}
    assert predecessor_of(log) == "ledger.example/test"
    assert fsck(log.store, keyring=log.keyring).findings == ()


@pytest.mark.parametrize(
    "before",
    [
        ("ledger.example/next", 3, bytes(32)),
        ("", 3, bytes(32)),
        ("two words", 3, bytes(32)),
        ("ledger.example/test", 0, bytes(32)),
        ("ledger.example/test", -1, bytes(32)),
        ("ledger.example/test", 1 << 53, bytes(32)),
        ("ledger.example/test", 3, bytes(31)),
    ],
)
def test_I3_what_is_no_other_log_is_no_predecessor_and_nothing_is_made(
    ledgers: Ledgers, before: tuple[str, int, bytes]
) -> None:
    with pytest.raises(RefusedError):
        ledger.create(ledgers.url(), origin="ledger.example/next", home=ledgers.home, predecessor=before)

    assert list(ledgers.folder.iterdir()) == []


@pytest.mark.parametrize("note", [b"", b"nonsense", b"\xff", b"a\n1\n", b"a\n\n\xe2\x80\x94 a AAAA\n"])
def test_what_is_no_checkpoint_names_no_predecessor(note: bytes) -> None:
    with pytest.raises(MalformedError):
        read_predecessor(note)
