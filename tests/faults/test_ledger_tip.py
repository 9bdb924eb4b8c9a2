"""A backup that is newer than the last checkpoint, put back: new processes do not go on from it without saying so (ADR 0010)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from ledger.clock import ClockError, system_clock
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.restored import RESTORED
from ledger.store import ReplacedError
from ledger.tip import RestoredError, Tip, TipFile
from proofs.errors import ForkError, MalformedError, RefusedError, UnknownOutcomeError, UnverifiableError
from proofs.merkle import leaf_hash

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]
LEAF = bytes(range(32))


def things(start: int, stop: int, source: str = "urn:things") -> list[Event]:
    return [Event.of("com.example.thing.v1", source, {"n": n}, id=str(n)) for n in range(start, stop)]


def put_back(ledgers: Ledgers, copy: Path) -> None:
    """As an operator does it: the copy at the name of the ledger, and nothing left of its write-ahead log."""
    for end in ("-wal", "-shm"):
        Path(f"{ledgers.path()}{end}").unlink(missing_ok=True)
    shutil.copy(copy, ledgers.path())


def copied(ledgers: Ledgers, log: Ledger) -> Path:
    log.store.scrub()
    return Path(shutil.copy(ledgers.path(), ledgers.folder / "copy"))


def tip_of(ledgers: Ledgers) -> TipFile:
    (path,) = ledgers.home.glob("*/tip")
    return TipFile(path.parent)


@pytest.fixture
def lost(ledgers: Ledgers) -> Tip:
    """100 entries signed, a backup at 300, 500 acknowledged; then the backup is put back. The tip that is lost."""
    log = ledgers.create()
    log.append(things(2, 100))
    log.checkpoint()
    log.append(things(100, 300))
    copy = copied(ledgers, log)
    receipt = log.append(things(300, 500))[-1]
    ledgers.close()
    put_back(ledgers, copy)
    return Tip(500, receipt.leaf)


def call(ledgers: Ledgers, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "correct horse"}
    command = [sys.executable, "-m", "cli", "--ledger", ledgers.url(), "--home", str(ledgers.home), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_I14_a_backup_newer_than_the_last_checkpoint_is_not_written(ledgers: Ledgers, lost: Tip) -> None:
    with pytest.raises(RestoredError, match="the ledger holds 300 entries, but 500 were acknowledged") as caught:
        ledgers.open()

    assert (caught.value.code, caught.value.tip, caught.value.size) == ("restored", lost, 300)
    assert "the newest copy" in caught.value.hint
    assert "`tally restore accept`" in caught.value.hint
    assert tip_of(ledgers).read() == lost


@pytest.mark.parametrize("size", [499, 500, 501, 700])
def test_I14_nor_when_somebody_wrote_it_on_past_its_guard(ledgers: Ledgers, lost: Tip, size: int) -> None:
    """Below, at and above its old size: without the keyring nobody is stopped, and with it everybody is."""
    ledgers.open_without_keyring().append(things(300, size))
    ledgers.close()
    said = "500 were acknowledged" if size < lost.size else f"entry 499 was acknowledged with .* {lost.leaf.hex()}, but"

    with pytest.raises(RestoredError, match=said):
        ledgers.open()


def test_I14_a_new_process_is_refused_with_one_sentence_and_both_ways_on(ledgers: Ledgers, lost: Tip) -> None:
    refused = call(ledgers, "--json", "census")

    assert refused.returncode == 3
    error = json.loads(refused.stderr)["error"]
    assert (error["code"], error["message"]) == (
        "restored",
        f"the ledger holds 300 entries, but {lost.size} were acknowledged",
    )
    assert error["hint"].startswith("put the newest copy back, or go on from this one with `tally restore accept`")


def test_readers_of_a_restored_backup_are_warned(ledgers: Ledgers, lost: Tip) -> None:
    log = ledgers.open(read_only=True)

    assert [(each.code, each.where, each.what) for each in log.warnings] == [
        ("restored", "tip", f"the ledger holds 300 entries, but {lost.size} were acknowledged")
    ]
    assert len(list(log.read())) == 300
    assert [(each.code, each.where) for each in fsck(log.store, keyring=log.keyring).findings] == [("older", "tip")]


def test_commands_that_only_read_a_restored_backup_say_so_on_the_error_stream(ledgers: Ledgers, lost: Tip) -> None:
    warned = call(ledgers, "show", "17")
    status = call(ledgers, "--json", "status")

    assert warned.returncode == status.returncode == 0
    sentence = f"the ledger holds 300 entries, but {lost.size} were acknowledged"
    assert warned.stderr == f"tally: warning: {sentence}\n"
    said = json.loads(status.stdout)
    assert (said["entries"], said["acknowledged_up_to"]) == (300, 500)
    assert said["warnings"] == [{"code": "restored", "message": sentence, "where": "tip"}]


def test_a_whole_ledger_warns_of_nothing(ledgers: Ledgers) -> None:
    ledgers.create().append(things(2, 10))
    ledgers.close()

    said = call(ledgers, "--json", "status")

    assert said.stderr == ""
    assert "warnings" not in json.loads(said.stdout)
    assert ledgers.open().warnings == ledgers.open(read_only=True).warnings == ()


def test_the_newest_copy_brought_back_goes_on(ledgers: Ledgers, lost: Tip) -> None:
    older = ledgers.path().read_bytes()
    with pytest.raises(RestoredError):
        ledgers.open()

    assert ledgers.path().read_bytes() == older  # whoever has the newer file just puts it there


def test_accepting_the_loss_records_it_and_the_log_goes_on(ledgers: Ledgers, lost: Tip) -> None:
    accepted = call(ledgers, "--json", "restore", "accept")

    assert accepted.returncode == 0, accepted.stderr
    assert json.loads(accepted.stdout) == {
        "acknowledged_size": 500,
        "acknowledged_leaf": lost.leaf.hex(),
        "continued_from": 300,
        "entry": 300,
        "entries": 301,
    }
    log = ledgers.open(clock=system_clock)
    said = log.entry(300)
    assert (said.type, said.source) == (RESTORED, log.origin)
    assert json.loads(said.body or b"") == {
        "acknowledged": {"leaf": lost.leaf.hex(), "size": 500},
        "continued_from": 300,
    }
    assert tip_of(ledgers).read() == Tip(301, leaf_hash(said.header))
    again = log.append(things(300, 500))  # whoever has the receipts sends again what was lost
    assert [receipt.seq for receipt in again] == list(range(301, 501))
    assert log.checkpoint().checkpoint.size == 501
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_log_that_was_written_past_its_guard_can_be_accepted_as_it_is(ledgers: Ledgers, lost: Tip) -> None:
    ledgers.open_without_keyring().append(things(300, 700))
    ledgers.close()

    log = ledgers.accept_restored()

    assert log.entry(700).json() == {"acknowledged": {"leaf": lost.leaf.hex(), "size": 500}, "continued_from": 700}
    # What is left to say is that nobody compares the events that were written without the vault when they are sent again.
    report = fsck(log.store, keyring=log.keyring)
    assert {finding.code for finding in report.findings} == {"identity"}
    assert len(report.findings) + report.unlisted == 400


def test_a_loss_is_accepted_once_and_the_next_is_another(ledgers: Ledgers, lost: Tip) -> None:
    ledgers.accept_restored().append(things(300, 310))
    ledgers.close()

    with pytest.raises(
        RefusedError, match="nothing is lost: the ledger of 311 entries holds all that was acknowledged"
    ):
        ledgers.accept_restored()
    put_back(ledgers, ledgers.folder / "copy")
    ledgers.accept_restored()

    said = [record.json()["acknowledged"]["size"] for record in ledgers.open().stream(f"type:{RESTORED}")]
    assert said == [311]


@pytest.mark.parametrize("crash", ["before the tip is moved", "before the event is recorded"])
def test_accepting_that_crashed_is_ended_by_accepting_again(
    ledgers: Ledgers, lost: Tip, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    dying: Any = lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
    if crash == "before the tip is moved":
        monkeypatch.setattr(TipFile, "put", dying)
    else:
        monkeypatch.setattr(Ledger, "record", dying)
    with pytest.raises(KeyboardInterrupt):
        ledgers.accept_restored()
    monkeypatch.undo()
    assert tip_of(ledgers).read() == lost
    with pytest.raises(RestoredError):
        ledgers.open()

    log = ledgers.accept_restored()

    assert [record.seq for record in log.stream(f"type:{RESTORED}")] == [300]
    assert log.size == 301
    assert ledgers.open().append(things(300, 301))[0].seq == 301


@pytest.mark.parametrize("jump", [timedelta(days=400), -timedelta(hours=1)])
def test_a_loss_is_accepted_with_a_clock_that_jumped_when_both_are_said_at_once(
    ledgers: Ledgers, lost: Tip, jump: timedelta
) -> None:
    ledgers.now += jump
    with pytest.raises(ClockError) as told:
        ledgers.accept_restored()
    assert "tally restore accept --confirm-clock" in told.value.hint
    assert tip_of(ledgers).read() == lost

    log = ledgers.accept_restored(confirm_clock=True)

    said = [(record.seq, record.type) for record in log.read(300)]
    assert said == [(300, RESTORED), (301, "tallystick.ledger.clock-adjusted.v1")]
    assert log.entry(301).json()["from"] == log.entry(299).at
    assert log.append(things(300, 301))[0].seq == 302
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_clock_that_did_not_jump_is_not_adjusted(ledgers: Ledgers, lost: Tip) -> None:
    log = ledgers.accept_restored(confirm_clock=True)

    assert [record.type for record in log.read(300)] == [RESTORED]


def test_the_command_accepts_a_loss_with_the_clock(ledgers: Ledgers) -> None:
    ledgers.now = datetime(2020, 1, 1, tzinfo=UTC)
    log = ledgers.create()
    copy = copied(ledgers, log)
    log.append(things(0, 1))
    ledgers.close()
    put_back(ledgers, copy)

    refused = call(ledgers, "--json", "restore", "accept")
    accepted = call(ledgers, "--json", "restore", "accept", "--confirm-clock")

    assert (refused.returncode, json.loads(refused.stderr)["error"]["code"]) == (9, "clock")
    assert accepted.returncode == 0, accepted.stderr
    assert json.loads(accepted.stdout)["entries"] == 4
    assert call(ledgers, "verify").returncode == 0


def test_I14_what_was_signed_cannot_be_accepted_as_lost(ledgers: Ledgers) -> None:
    log = ledgers.create()
    copy = copied(ledgers, log)
    log.append(things(2, 100))
    log.checkpoint()
    log.append(things(100, 110))
    ledgers.close()
    put_back(ledgers, copy)

    with pytest.raises(ForkError, match="the ledger holds 2 entries, but a checkpoint of 100 was signed") as caught:
        ledgers.accept_restored()

    assert caught.value.code == "fork"
    assert "begin a new log that names this one as its predecessor" in caught.value.hint
    assert tip_of(ledgers).read().size == 110


def test_an_emptied_ledger_cannot_be_accepted(ledgers: Ledgers) -> None:
    from ledger.stores.sqlite import SqliteStore

    ledgers.create()
    ledgers.close()
    ledgers.path().unlink()
    SqliteStore.create(str(ledgers.path()), origin="ledger.example/test").close()

    with pytest.raises(RestoredError, match="the ledger holds 0 entries, but 2 were acknowledged"):
        ledgers.accept_restored()


def test_I14_a_process_that_was_open_does_not_sign_a_backup_of_after_the_last_checkpoint(ledgers: Ledgers) -> None:
    """A signer that never wrote knows of no end; the tip does."""
    log = ledgers.create()
    log.checkpoint()
    log.append(things(2, 100))
    copy = copied(ledgers, log)
    log.append(things(100, 200))
    ledgers.close()
    signer = ledgers.open()
    put_back(ledgers, copy)

    with pytest.raises(RestoredError, match="the ledger holds 100 entries, but 200 were acknowledged"):
        signer.checkpoint()

    assert signer.keyring is not None
    assert b"\n2\n" in (signer.keyring.head() or b"")


REPLACING = """
import shutil, sys
from pathlib import Path
path, copy, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if how != "removed":
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
if how == "moved over it":
    fresh = path.with_name("fresh")
    shutil.copy(copy, fresh)
    fresh.replace(path)
elif how == "removed":
    path.unlink()
else:
    shutil.copyfile(copy, path)
"""


@pytest.mark.parametrize("how", ["moved over it", "written into it", "removed"])
@pytest.mark.parametrize("size", [50, 100, 150], ids=["below", "equal", "above"])
def test_a_process_whose_file_was_replaced_acknowledges_nothing_more(ledgers: Ledgers, how: str, size: int) -> None:
    """SQLite would go on in a file that has no name any more."""
    ledgers.create().append(things(2, 40))
    copy = copied(ledgers, ledgers.opened[0])
    ledgers.close()
    other = ledgers.path("other")
    shutil.copy(copy, other)
    blind = ledgers.open_without_keyring("other")
    blind.append(things(40, size, "urn:other"))
    blind.store.scrub()
    ledgers.close()
    log = ledgers.open()
    log.append(things(40, 100))
    before = tip_of(ledgers).read()

    subprocess.run([sys.executable, "-c", REPLACING, str(ledgers.path()), str(other), how], check=True)

    with pytest.raises(ReplacedError, match="is no longer the file that this process opened") as caught:
        log.append(things(100, 101))
    assert caught.value.code == "replaced"
    assert tip_of(ledgers).read() == before
    again = call(ledgers, "--json", "census")  # while the first one is still open
    assert json.loads(again.stderr)["error"]["code"] == ("missing" if how == "removed" else "restored")


def test_what_was_sealed_for_an_event_that_is_refused_is_forgotten(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(things(2, 40))
    shutil.copy(ledgers.path(), ledgers.folder / "fresh")
    (ledgers.folder / "fresh").replace(ledgers.path())
    assert log.vault is not None

    with pytest.raises(ReplacedError):
        log.append(Event.of("com.example.p.v1", "urn:crm", {"who": "Ada"}, id="p", parts=("/who",), person="ada"))

    assert log.vault._file.rows("SELECT count(*) FROM part") == [(0,)]


def test_the_tip_is_the_end_of_what_was_acknowledged(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert tip_of(ledgers).read() == Tip(2, leaf_hash(log.entry(1).header))

    receipt = log.append(things(2, 100))[-1]
    assert tip_of(ledgers).read() == Tip(100, receipt.leaf)

    census = log.take_census()
    assert tip_of(ledgers).read() == Tip(101, census.leaf)
    log.append(things(2, 100))  # all of them again: nothing is written, and nothing moves
    assert tip_of(ledgers).read() == Tip(101, census.leaf)


KILLED = """
import os, sys
from pathlib import Path
import ledger, ledger.tip
from ledger.event import Event

ledger.tip.TipFile.advance = lambda *_: os._exit(9)
log = ledger.open(sys.argv[1], home=Path(sys.argv[2]), passphrase=lambda: b"correct horse")
log.append(Event.of("com.example.thing.v1", "urn:killed", {"n": 1}, id="1"))
"""


def test_a_kill_between_the_commit_and_the_tip_leaves_a_lower_bound(ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()
    before = tip_of(ledgers).read()
    assert ledgers.run(KILLED).returncode == 9
    assert tip_of(ledgers).read() == before

    log = ledgers.open(clock=system_clock)

    assert (log.size, log.warnings) == (3, ())
    assert fsck(log.store, keyring=log.keyring).findings == ()
    assert log.append(Event.of("com.example.thing.v1", "urn:killed", {"n": 1}, id="1")).is_replay
    receipt = log.append(things(2, 3))[0]
    assert tip_of(ledgers).read() == Tip(4, receipt.leaf)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


RECORD = Tip(17, LEAF).to_bytes()


def damaged() -> Iterator[bytes]:
    yield from (b"", b"\0" * 165, RECORD[:-1], RECORD + b"\n", RECORD[:80] + b"\0" * 85)
    yield from (flipped(RECORD, at) for at in range(0, len(RECORD), 7))
    yield Tip(0, LEAF).to_bytes()
    yield RECORD.upper()


def test_the_record_of_the_tip_is_exactly_this() -> None:
    assert RECORD == (
        b"tallystick/tip/v1 0000000000000017 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
        b"749ef9a13c767de4964859cf3198f91a656df7bb3790ac82b06716d09b0ddf24\n"
    )
    assert Tip.parse(RECORD) == Tip(17, LEAF)


@pytest.mark.parametrize("data", tuple(damaged()), ids=lambda data: data[:24].hex())
def test_a_record_that_is_torn_is_no_tip(data: bytes) -> None:
    with pytest.raises(MalformedError, match=f"the {len(data)} bytes of the tip beside the key are not its record"):
        Tip.parse(data)


@pytest.mark.parametrize(
    ("data", "code", "what"),
    [
        (RECORD[:80], "malformed", "the 80 bytes of the tip beside the key are not its record"),
        (b"", "malformed", "the 0 bytes of the tip beside the key are not its record"),
        (b"x" * 1_000, "malformed", "the 166 bytes of the tip beside the key are not its record"),
        (None, "missing", "the tip is missing beside the key"),
    ],
    ids=["torn", "empty", "long", "missing"],
)
def test_a_torn_or_missing_tip_is_said_and_repaired_by_the_next_append(
    ledgers: Ledgers, data: bytes | None, code: str, what: str
) -> None:
    ledgers.create().checkpoint()
    ledgers.close()
    tip = tip_of(ledgers)
    if data is None:
        tip.path.unlink()
    else:
        tip.path.write_bytes(data)

    reader = ledgers.open(read_only=True)
    assert [(each.code, each.where, each.what) for each in reader.warnings] == [(code, "tip", what)]
    found = fsck(reader.store, keyring=reader.keyring).findings
    assert [(each.code, each.where, each.what) for each in found] == [("tip", "tip", what)]
    log = ledgers.open()
    assert log.warnings == reader.warnings
    receipt = log.append(things(2, 3))[0]

    assert tip.read() == Tip(3, receipt.leaf)
    assert ledgers.open(read_only=True).warnings == ()


def test_where_the_tip_is_torn_the_signed_head_still_guards(ledgers: Ledgers) -> None:
    log = ledgers.create()
    copy = copied(ledgers, log)
    log.append(things(2, 50))
    log.checkpoint()
    ledgers.close()
    put_back(ledgers, copy)
    tip_of(ledgers).path.write_bytes(b"torn")

    with pytest.raises(ForkError, match="the ledger holds 2 entries, but a checkpoint of 50 was signed"):
        ledgers.open()
    assert [each.code for each in ledgers.open(read_only=True).warnings] == ["malformed", "fork"]


def test_a_tip_that_cannot_be_read_is_said_and_nothing_is_written(ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()
    path = tip_of(ledgers).path
    path.unlink()
    path.mkdir()

    assert [each.code for each in ledgers.open(read_only=True).warnings] == ["unverifiable"]
    with pytest.raises(UnverifiableError, match="the tip beside the key cannot be read"):
        ledgers.open()


def test_a_tip_that_cannot_be_written_leaves_an_unknown_outcome_and_the_same_events_are_written_once(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(UnknownOutcomeError, match="the tip beside the key cannot be written: No space left on device"):
        log.append(things(2, 10))
    monkeypatch.undo()

    again = log.append(things(2, 10))

    assert [receipt.seq for receipt in again] == list(range(2, 10))
    assert all(receipt.is_replay for receipt in again)
    assert log.size == 10


def test_the_tip_only_moves_forward_whoever_is_late(tmp_path: Path) -> None:
    tip = TipFile(tmp_path)
    for size in (5, 9, 7, 9, 1):
        tip.advance(Tip(size, bytes([size]) * 32))

    assert tip.read() == Tip(9, b"\x09" * 32)


def test_the_tip_is_whole_at_every_moment_while_many_write_it(tmp_path: Path) -> None:
    seen: list[int] = []
    TipFile(tmp_path).put(Tip(1, bytes(32)))

    def write(start: int) -> None:
        for size in range(start, 4_000, 8):
            TipFile(tmp_path).advance(Tip(size, size.to_bytes(32)))

    threads = [Thread(target=write, args=(start,)) for start in range(1, 9)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(TipFile(tmp_path).read().size)
    for thread in threads:
        thread.join()

    assert seen == sorted(seen)
    assert TipFile(tmp_path).read() == Tip(3_999, (3_999).to_bytes(32))
