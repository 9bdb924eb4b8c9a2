"""An erasure leaves nothing in any file (I10): not when it is done, not after a crash at any step, not after a restore."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.clock import ClockError
from ledger.closing import close_log
from ledger.disclosure import open_part
from ledger.docket import StandingHoldError
from ledger.erasure import ERASED, STARTED, erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.holds import HELD, hold
from ledger.intake import Prepared
from ledger.log import Ledger
from ledger.restored import RESTORED
from ledger.stores.sqlite import SqliteStore
from proofs.errors import BusyError, MissingError, RefusedError
from proofs.merkle import leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from tests.conftest import Ledgers

LONG = "Lovelace " * 3_000  # over many pages
WORDS = {"reader": "r", "purpose": "p"}


def household(id: str | None, name: str, person: str | None) -> Event:
    return Event.of("com.example.household.v1", "urn:crm", {"who": name, "n": 1}, id=id, parts=("/who",), person=person)


def filled(ledgers: Ledgers) -> Ledger:
    """Ada in four entries, two of them without an id, between others; signed, projected, counted."""
    log = ledgers.create()
    log.append([household("a", "Ada Lovelace", "ada"), household("b", "Grace Hopper", "grace")])
    log.append(household(None, "Augusta Ada King", "ada"))
    log.append([Event.of("com.example.x.v1", "urn:x", {"n": n}, id=str(n)) for n in range(300)])
    log.append([household("c", LONG, "ada"), household(None, "Katherine Johnson", None)])
    log.take_census()
    log.checkpoint()
    log.append(household("d", "Countess of Lovelace", "ada"))
    log.keys()
    return log


def secrets_of(log: Ledger) -> dict[str, bytes]:
    """Everything that must be gone: values, ciphertexts, the wrapped key, the hashes of what was received."""
    assert log.vault is not None
    names = (b"Ada Lovelace", b"Augusta Ada King", b"Lovelace Lovelace", b"Countess")
    secrets = {f"value {n}": value for n, value in enumerate(names)}
    commitments = {digest for record in log.read() for _, digest in record.entry.parts if is_adas(log, record.seq)}
    for row in log.store.parts.among(range(log.size)):
        if row.commitment in commitments:
            secrets[f"sealed {row.seq}"] = row.sealed
    keys = log.vault._rows(
        "SELECT data_key.wrapped FROM person JOIN data_key ON id = key WHERE lookup = ?", log.vault.lookup("ada")
    )
    secrets["wrapped key"] = keys[0][0]
    secrets["lookup"] = log.vault.lookup("ada")
    with log.store.viewing() as db:
        for seq in (2, 4, 305, 308):
            for table in ("identity", "retry"):
                select = f"SELECT content FROM {table} WHERE seq = ? AND content IS NOT NULL"
                for (content,) in db.execute(select, [seq]).fetchall():
                    secrets[f"{table} {seq}"] = content
    assert sorted(secrets) == sorted(
        [
            *(f"value {n}" for n in range(4)),
            *(f"sealed {seq}" for seq in (2, 4, 305, 308)),
            "identity 2",
            "identity 305",
            "identity 308",
            "retry 4",
            "wrapped key",
            "lookup",
        ]
    )
    return secrets


def is_adas(log: Ledger, seq: int) -> bool:
    return seq in (2, 4, 305, 308)


def traces(folder: Path, secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    """(file, secret) of every piece of 16 bytes that stands somewhere."""
    found = set()
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for name, secret in secrets.items():
            pieces = [secret[at : at + 16] for at in range(0, max(len(secret) - 15, 1), 8)][:400]
            if any(piece in data for piece in pieces):
                found.add((path.name, name))
    return found


def test_before_an_erasure_the_search_finds_what_it_looks_for(ledgers: Ledgers) -> None:
    """The positive control: sealed parts, hashes and keys are there, values never were."""
    log = filled(ledgers)
    secrets = secrets_of(log)

    found = {name for _, name in traces(ledgers.folder, secrets)}

    assert found == {name for name in secrets if not name.startswith("value")}


def test_I10_after_an_erasure_no_file_holds_value_ciphertext_hash_or_key(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    secrets = secrets_of(log)

    assert erase_person(log, "ada", "R7").parts == 4

    assert traces(ledgers.folder, secrets) == set()  # the files as they are while the ledger is open
    log.close()
    assert traces(ledgers.folder, secrets) == set()


def test_I10_no_entry_changes_and_every_earlier_proof_holds(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    signed = log.checkpoint().checkpoint
    headers = log.store.headers(0, signed.size)
    paths = {seq: log.tree.inclusion(seq, signed.size) for seq in (0, 2, 305, 308)}

    erase_person(log, "ada")

    assert log.store.headers(0, signed.size) == headers
    for seq, path in paths.items():
        verify_inclusion(seq, signed.size, leaf_hash(headers[seq]), path, signed.root)
    log.checkpoint()
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_a_part_that_an_erasure_destroyed_is_told_from_one_that_was_deleted(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    before = fsck(log.store, keyring=log.keyring)
    erase_person(log, "ada")

    report = fsck(log.store, keyring=log.keyring)

    assert report.findings == ()
    assert (before.parts - report.parts, report.erased_parts, report.missing_parts) == (4, 4, 0)
    log.close()
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute("INSERT INTO forgetting VALUES (1)")  # as the software itself holds the door to deletion open
    assert db.execute("DELETE FROM part WHERE seq = 3").rowcount == 1
    db.execute("DELETE FROM forgetting")
    db.close()
    log = ledgers.open()
    after = fsck(log.store, keyring=log.keyring)
    assert [(finding.code, finding.where, finding.what) for finding in after.findings] == [
        ("part", "entry 3", "its part at '/who' is missing, and the vault knows of no erasure that destroyed it")
    ]
    assert (after.erased_parts, after.missing_parts) == (4, 1)


def test_I10_the_log_says_that_it_began_and_that_it_is_done(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    size = log.size

    erasure = erase_person(log, "ada", "R7")

    started, erased = log.read(size)
    assert (started.type, erased.type) == (STARTED, ERASED)
    for record in (started, erased):
        assert json.loads(record.body or b"") == {"erasure": erasure.id, "parts": 4, "request": "R7"}
        assert "request:R7" in record.streams


def test_I10_others_keep_what_is_theirs(ledgers: Ledgers) -> None:
    log = filled(ledgers)

    erase_person(log, "ada")

    assert open_part(log, 3, "/who", **WORDS) == b'"Grace Hopper"'
    assert open_part(log, 306, "/who", **WORDS) == b'"Katherine Johnson"'
    with pytest.raises(MissingError, match="part '/who' of entry 2 was destroyed"):
        open_part(log, 2, "/who", **WORDS)
    assert log.append(household("b", "Grace Hopper", "grace")).is_replay


def test_I10_whoever_comes_back_gets_a_key_of_their_own(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    erase_person(log, "ada")

    receipt = log.append(household("e", "Ada Byron", "ada"))

    assert open_part(log, receipt.seq, "/who", **WORDS) == b'"Ada Byron"'
    assert erase_person(log, "ada").parts == 1


def test_I10_nobody_is_erased_as_nothing(ledgers: Ledgers) -> None:
    log = ledgers.create()

    assert erase_person(log, "never seen").parts == 0
    assert [record.type for record in log.read(2)] == [STARTED, ERASED]


def test_I10_an_older_copy_of_the_vault_is_of_no_use_after_the_epoch_is_rotated(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    log = filled(ledgers)
    assert log.vault is not None
    shutil.copytree(log.vault.folder, tmp_path / "older")
    copy = shutil.copy(ledgers.path(), tmp_path / "older.db")
    erase_person(log, "ada")

    assert log.vault.rotate_epoch() == 2

    assert sorted(path.name for path in log.vault.folder.glob("kek-*")) == ["kek-2"]
    assert open_part(log, 3, "/who", **WORDS) == b'"Grace Hopper"'
    # Whoever has the copies lacks the key-encryption key: that one never leaves the folder and is not backed up.
    (tmp_path / "older" / "kek-1").unlink()
    assert b"Ada Lovelace" not in Path(copy).read_bytes()


def test_a_process_that_was_open_while_the_epoch_was_rotated_seals_under_the_new_one(ledgers: Ledgers) -> None:
    one, other = ledgers.create(), ledgers.open()
    one.append(household("a", "Ada", "ada"))
    assert other.vault is not None

    other.vault.rotate_epoch()
    receipts = [one.append(household("b", "Eve", "eve")), one.append(household("c", "Ada", "ada"))]
    ledgers.close()

    log = ledgers.open()
    assert [open_part(log, receipt.seq, "/who", **WORDS) for receipt in receipts] == [b'"Eve"', b'"Ada"']


def test_a_part_is_opened_although_the_epoch_is_rotated_between_its_row_and_its_key(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers.create().append(household("a", "Ada", "ada"))
    ledgers.close()
    log, other = ledgers.open(), ledgers.open()
    assert log.vault is not None
    assert other.vault is not None
    rotate, rows, waiting = other.vault.rotate_epoch, log.vault._rows, [1]

    def slow(select: str, *values: object) -> list[Any]:
        found = rows(select, *values)
        if "FROM data_key" in select and waiting:
            waiting.pop()
            rotate()
        return found

    monkeypatch.setattr(log.vault, "_rows", slow)

    assert open_part(log, 2, "/who", **WORDS) == b'"Ada"'
    assert waiting == []


CRASHING = """
from datetime import UTC, datetime
import ledger.append, ledger.docket, ledger.erasure, ledger.vault, ledger.vaultfile, ledger.stores.sqlite
from pathlib import Path

clock = lambda: datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)
log = ledger.open(sys.argv[1], home=Path(sys.argv[2]), passphrase=lambda: b"correct horse", clock=clock)
for owner, name in [
    (ledger.docket.Docket, "begin"),
    (ledger.append.Appender, "append"),
    (ledger.vaultfile.VaultFile, "scrub"),
    (ledger.stores.sqlite.SqliteStore, "forget"),
    (ledger.stores.sqlite.SqliteStore, "scrub"),
    (ledger.docket.Docket, "finish"),
]:
    dying(owner, name)
print(ledger.erasure.erase_person(log, "ada", "R7").parts, calls)
"""


@pytest.fixture(scope="module")
def before(ledgers_in: type[Ledgers], tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledgers, dict[str, bytes]]:
    ledgers = ledgers_in(tmp_path_factory.mktemp("before"))
    secrets = secrets_of(filled(ledgers))
    ledgers.close()
    return ledgers, secrets


def test_an_erasure_without_a_crash_takes_seven_steps(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers, dying: str
) -> None:
    """Begin, start, scrub the vault, forget, scrub the ledger, end, finish: the crashes below are after each of them."""
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)

    result = ledgers.run(dying + CRASHING, 0)

    assert (result.stdout, result.returncode) == ("4 7\n", 0), result.stderr


@pytest.mark.parametrize("step", range(1, 8))
def test_I10_a_crash_after_any_step_is_resumed_when_the_ledger_is_next_opened(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers, dying: str, step: int
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    assert ledgers.run(dying + CRASHING, step).returncode == 9

    log = ledgers.open()

    assert [record.type for record in log.read(309)] == [STARTED, ERASED]
    assert traces(ledgers.folder, before[1]) == set()
    assert fsck(log.store, keyring=log.keyring).findings == ()
    log.close()
    assert ledgers.open().size == 311  # and once is enough


@pytest.mark.parametrize("step", range(1, 8))
def test_I10_before_it_is_resumed_a_crash_after_any_step_is_no_finding(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers, dying: str, step: int
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    assert ledgers.run(dying + CRASHING, step).returncode == 9

    assert found(ledgers) == []


def test_I10_a_crash_while_the_clock_jumped_is_resumed_when_the_clock_is_confirmed(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers, dying: str
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    assert ledgers.run(dying + CRASHING, 1).returncode == 9
    ledgers.now -= timedelta(hours=1)
    log = ledgers.open()
    with pytest.raises(ClockError):
        log.append(household("z", "Zoe", "zoe"))

    log.confirm_clock()

    assert [record.type for record in log.read(310)] == [STARTED, ERASED]
    assert traces(ledgers.folder, before[1]) == set()


def test_I10_a_restored_ledger_gets_the_erasure_again_before_anything_is_served(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    erase_person(ledgers.open(), "ada", "R7")
    ledgers.close()
    shutil.copy(before[0].path(), ledgers.path())
    assert traces(ledgers.folder, before[1]) != set()

    log = ledgers.accept_restored()

    assert traces(ledgers.folder, before[1]) == set()
    assert [record.type for record in log.read(309)] == [RESTORED, STARTED, ERASED]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_a_restored_ledger_that_is_only_read_is_an_older_copy_and_no_part_of_it_was_put_back(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    erase_person(ledgers.open(), "ada", "R7")
    ledgers.close()
    shutil.copy(before[0].path(), ledgers.path())

    log = ledgers.open(read_only=True)
    report = fsck(log.store, keyring=log.keyring)

    assert report.is_older
    assert {finding.code for finding in report.findings} == {"older"}
    assert (report.parts, report.erased_parts, report.missing_parts) == (6, 0, 0)


def test_I10_in_a_restored_ledger_what_was_erased_before_it_was_copied_is_named(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([household("a", "Ada", "ada"), household("g", "Grace", "grace")])
    kept = keep(ledgers, 2)
    erase_person(log, "ada")
    log.close()
    copy = shutil.copy(ledgers.path(), ledgers.folder / "copy.db")
    erase_person(ledgers.open(), "grace")
    ledgers.close()
    shutil.copy(copy, ledgers.path())
    put_back(ledgers, kept)

    assert found(ledgers) == [("part", "entry 2"), ("identity", "entry 2"), ("older", "tip")]


def test_I10_a_part_that_was_put_back_with_all_that_belongs_to_it_is_named(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers
) -> None:
    """Part and hashes as they were, and the vault's key, too: nothing but the erasure that is finished tells of it."""
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    kept = keep(ledgers, 2), keep(ledgers, 4)
    keys = rows_of_vault(ledgers)
    erase_person(ledgers.open(), "ada", "R7")
    ledgers.close()
    for each in kept:
        put_back(ledgers, each)

    assert found(ledgers) == (expected := [(code, f"entry {n}") for n in (2, 4) for code in ("part", "identity")])
    with sqlite3.connect(next(ledgers.home.glob("*/vault.db")), isolation_level=None) as db:
        for table, values in keys:
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    db.close()
    assert found(ledgers) == expected

    log = ledgers.open()  # whoever writes next destroys it again

    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_a_part_that_was_put_back_is_told_in_one_sentence(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(household("a", "Ada", "ada"))
    kept = keep(ledgers, 2)
    erase_person(log, "ada")
    put_back(ledgers, kept)

    (part, identity) = fsck(log.store, keyring=log.keyring).findings

    assert part.what == "its part at '/who' is there, and an erasure that is finished destroyed it: it was put back"
    assert identity.what.startswith(
        "one of its parts was erased, and the hash by which its event is known again was not"
    )


def test_I10_a_part_that_was_put_back_into_a_closed_log_is_named(ledgers: Ledgers) -> None:
    """The log cannot say that it was erased. A copy from between looks the same: what was destroyed is there again."""
    log = ledgers.create()
    log.append(household("a", "Ada", "ada"))
    close_log(log, reason="ended")
    kept = keep(ledgers, 2)
    assert not erase_person(log, "ada").is_recorded
    assert found(ledgers) == []

    put_back(ledgers, kept)

    assert found(ledgers) == [("part", "entry 2"), ("identity", "entry 2")]


def test_I10_before_it_is_resumed_an_erasure_that_no_closed_log_tells_of_is_no_finding(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    log.append(household("a", "Ada", "ada"))
    close_log(log, reason="ended")
    monkeypatch.setattr(SqliteStore, "forget", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        erase_person(log, "ada")

    assert found(ledgers) == []


def test_I10_a_crash_while_what_was_put_back_is_destroyed_again_is_no_finding(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    log.append(household("a", "Ada", "ada"))
    kept = keep(ledgers, 2)
    erase_person(log, "ada")
    log.close()
    put_back(ledgers, kept)
    monkeypatch.setattr(SqliteStore, "forget", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ledgers.open()

    assert found(ledgers) == []


Kept = list[tuple[str, tuple[Any, ...]]]


def keep(ledgers: Ledgers, seq: int) -> Kept:
    """What an erasure would take of an entry, as somebody copies it beforehand."""
    db = sqlite3.connect(ledgers.path())
    kept = [
        (table, row)
        for table in ("part", "retry", "identity")
        for row in db.execute(f"SELECT * FROM {table} WHERE seq = ?", (seq,))
    ]
    db.close()
    return kept


def put_back(ledgers: Ledgers, kept: Kept) -> None:
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute("INSERT INTO forgetting VALUES (1)")  # as the software itself holds the door to changes open
    for table, row in kept:
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    db.execute("DELETE FROM forgetting")
    db.close()


def rows_of_vault(ledgers: Ledgers) -> Kept:
    db = sqlite3.connect(next(ledgers.home.glob("*/vault.db")))
    kept = [(table, row) for table in ("part", "data_key") for row in db.execute(f"SELECT * FROM {table}")]
    db.close()
    return kept


def found(ledgers: Ledgers) -> list[tuple[str, str]]:
    """What fsck names, and where, to whoever only reads."""
    log = ledgers.open(read_only=True)
    return [(finding.code, finding.where) for finding in fsck(log.store, keyring=log.keyring).findings]


def test_I10_a_crash_while_it_is_done_again_is_resumed_too(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    erase_person(ledgers.open(), "ada", "R7")
    ledgers.close()
    shutil.copy(before[0].path(), ledgers.path())
    monkeypatch.setattr(SqliteStore, "scrub", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ledgers.accept_restored()
    monkeypatch.undo()
    assert found(ledgers) == []

    log = ledgers.open()  # the loss was accepted before the crash, and once is enough

    assert traces(ledgers.folder, before[1]) == set()
    assert [record.type for record in log.read(309)] == [RESTORED, STARTED, ERASED]


def test_I10_a_part_that_was_on_its_way_during_the_erasure_is_destroyed_at_the_next_opening(ledgers: Ledgers) -> None:
    """Sealed before the erasure began, appended after it: its key is gone, and its ciphertext goes, too."""
    log = ledgers.create()
    log.append(household("a", "Ada", "ada"))
    prepared = log._intake.prepare(household("b", "Ada again", "ada"))
    erase_person(log, "ada")
    log._appender.append([prepared])
    with pytest.raises(MissingError):
        open_part(log, 5, "/who", **WORDS)
    ledgers.close()

    log = ledgers.open()

    assert log.store.parts.among(range(log.size)) == []
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_an_event_that_an_erasure_overtakes_is_sealed_again_for_whoever_came_back(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed before the erasure began, appended after it was done: nothing of the erased key comes behind it."""
    log, other = ledgers.create(), ledgers.open()
    log.append(household("a", "Ada", "ada"))
    prepare = log._intake.prepare
    overtaken: list[bytes] = []

    def overtaking(event: Event, **options: bool) -> Prepared:
        prepared = prepare(event, **options)
        if not overtaken:
            overtaken.append(prepared.parts[0][1])
            assert erase_person(other, "ada").parts == 1
        return prepared

    monkeypatch.setattr(log._intake, "prepare", overtaking)
    receipt = log.append(household("b", "Ada Byron", "ada"))

    assert (receipt.seq, receipt.is_replay) == (5, False)
    assert open_part(log, 5, "/who", **WORDS) == b'"Ada Byron"'
    assert log.store.parts.find(overtaken) == []
    assert rows(ledgers, log) == (1, 1, 1)
    assert log.append(household("b", "Ada Byron", "ada")).is_replay
    assert erase_person(log, "ada").parts == 1


def test_I10_an_event_that_an_erasure_overtakes_half_way_is_not_destroyed_with_it(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, other = ledgers.create(), ledgers.open()
    log.append(household("a", "Ada", "ada"))
    assert other.vault is not None
    monkeypatch.setattr(other.vault, "destroy_keys", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    prepare = log._intake.prepare
    overtaken: list[Prepared] = []

    def overtaking(event: Event, **options: bool) -> Prepared:
        prepared = prepare(event, **options)
        if not overtaken:
            overtaken.append(prepared)
            with pytest.raises(KeyboardInterrupt):
                erase_person(other, "ada")  # begun, and nothing is destroyed yet
        return prepared

    monkeypatch.setattr(log._intake, "prepare", overtaking)
    receipt = log.append(household("b", "Ada Byron", "ada"))
    monkeypatch.undo()
    ledgers.close()

    log = ledgers.open()

    assert open_part(log, receipt.seq, "/who", **WORDS) == b'"Ada Byron"'
    assert [row.seq for row in log.store.parts.among(range(log.size))] == [receipt.seq]


def test_I10_an_old_event_that_is_sent_again_brings_no_key_and_no_person_back(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([household("a", "Ada", "ada"), household("g", "Grace", "grace")])
    erase_person(log, "ada")
    assert rows(ledgers, log) == (1, 1, 1)

    assert log.append(household("a", "Ada", "ada")).is_replay

    assert rows(ledgers, log) == (1, 1, 1)


def test_I10_an_erasure_that_is_done_again_leaves_the_vault_as_it_was(
    before: tuple[Ledgers, dict[str, bytes]], ledgers: Ledgers
) -> None:
    shutil.copytree(before[0].folder, ledgers.folder, dirs_exist_ok=True)
    log = ledgers.open()
    erase_person(log, "ada", "R7")
    left = rows(ledgers, log)
    ledgers.close()
    shutil.copy(before[0].path(), ledgers.path())

    log = ledgers.accept_restored()

    assert rows(ledgers, log) == left == (2, 2, 1)
    assert log.append(household("a", "Ada Lovelace", "ada")).is_replay
    assert rows(ledgers, log) == left


def test_I10_many_erasures_are_done_again_at_the_price_of_one(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    people = ("ada", "grace", "hedy", "joan")
    log.append([household(person, person, person) for person in people])
    log.store.scrub()
    copy = shutil.copy(ledgers.path(), ledgers.folder / "copy.db")
    for person in people:
        erase_person(log, person)
    ledgers.close()
    shutil.copy(copy, ledgers.path())
    scrubbed: list[SqliteStore] = []
    scrub = SqliteStore.scrub

    def counted(store: SqliteStore) -> None:
        scrubbed.append(store)
        scrub(store)

    monkeypatch.setattr(SqliteStore, "scrub", counted)

    log = ledgers.accept_restored()

    assert log.store.parts.among(range(log.size)) == []
    assert [record.type for record in log.read(6)] == [RESTORED] + [STARTED] * 4 + [ERASED] * 4
    assert len(scrubbed) == 1


def test_a_reader_of_an_old_snapshot_delays_the_scrubbing_and_not_the_destruction(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = filled(ledgers)
    secrets = secrets_of(log)
    with log.store.viewing() as db:
        db.execute("PRAGMA busy_timeout = 50")
    reader = SqliteStore(str(ledgers.path()), read_only=True)
    with reader.reading():
        reader.size()
        with pytest.raises(BusyError, match="a reader holds an old snapshot"):
            erase_person(log, "ada")
        with pytest.raises(MissingError):
            open_part(log, 2, "/who", **WORDS)
    reader.close()
    ledgers.close()

    log = ledgers.open()

    assert traces(ledgers.folder, secrets) == set()
    assert [record.type for record in log.read(309)][-1] == ERASED


def test_without_the_vault_nobody_is_erased_or_held(ledgers: Ledgers) -> None:
    ledgers.create().close()
    log = ledgers.open_without_keyring()

    for act in (lambda: erase_person(log, "ada"), lambda: hold(log, "R1")):
        with pytest.raises(MissingError, match="nothing personal can be reached without the vault"):
            act()


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "x" * 5_000])
def test_people_are_texts_and_requests_are_tokens(ledgers: Ledgers, text: str) -> None:
    log = ledgers.create(memory=True)

    for act in (
        lambda: erase_person(log, text),
        lambda: erase_person(log, "ada", text),
        lambda: hold(log, text),
        lambda: hold(log, "R1", person=text),
    ):
        with pytest.raises(RefusedError):
            act()

    assert log.size == 2


def test_a_hold_on_a_request_refuses_its_erasure_and_the_log_says_so(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    size = log.size
    id = hold(log, "R7")

    with pytest.raises(StandingHoldError, match=f"erasure is refused by the legal hold {id} on request 'R7'"):
        erase_person(log, "ada", "R7")

    assert open_part(log, 2, "/who", **WORDS) == b'"Ada Lovelace"'
    held = log.entry(size)
    assert (held.type, json.loads(held.body or b"")) == (HELD, {"hold": id, "request": "R7"})
    assert [record.type for record in log.read(size)].count(HELD) == 1  # the same fact once
    assert STARTED not in [record.type for record in log.read()]


def test_a_hold_on_a_request_does_not_stand_in_the_way_of_others(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    hold(log, "R7")

    assert erase_person(log, "ada", "R8").parts == 4


def test_a_hold_on_a_person_refuses_every_erasure_of_them(ledgers: Ledgers) -> None:
    log = filled(ledgers)
    id = hold(log, "court-order-5", person="ada")
    assert hold(log, "court-order-5", person="ada") == id
    ledgers.close()
    log = ledgers.open()

    for request in (None, "R7", "R8"):
        with pytest.raises(StandingHoldError):
            erase_person(log, "ada", request)

    assert erase_person(log, "grace").parts == 1
    bodies = [json.loads(record.body or b"") for record in log.read() if record.type == HELD]
    assert [body["request"] for body in bodies] == ["court-order-5", "R7", "R8"]
    assert b'"ada"' not in b"".join(
        record.header + (record.body or b"") for record in log.read() if record.type == HELD
    )


def test_retries_and_refusals_leave_no_key_behind(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert log.vault is not None
    single = household("s", "Nobody in particular", None)
    log.append([household("a", "Ada", "ada"), single])
    before = rows(ledgers, log)

    log.append([household("a", "Ada", "ada"), single, single])
    with pytest.raises(RefusedError):
        log.append([single, household("a", "Eve", "ada")])
    with pytest.raises(RefusedError):
        log.append([household("t", "Somebody", None), Event.of("tallystick.ledger.x", "urn:x", {})])

    assert rows(ledgers, log) == before == (2, 2, 1)


def rows(ledgers: Ledgers, log: Ledger) -> tuple[int, int, int]:
    assert log.vault is not None
    db = sqlite3.connect(log.vault.folder / "vault.db")
    counts = tuple(
        db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("part", "data_key", "person")
    )
    db.close()
    return counts[0], counts[1], counts[2]
