"""A copy of the database from an earlier day, put back: it cannot be continued in silence, below or above its old size."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.stores.sqlite import SqliteStore
from ledger.tip import Tip
from proofs.errors import ForkError
from proofs.merkle import leaf_hash

if TYPE_CHECKING:
    from tests.conftest import Ledgers


def things(start: int, stop: int, source: str = "urn:things") -> list[Event]:
    return [Event.of("com.example.thing.v1", source, {"n": n}, id=str(n)) for n in range(start, stop)]


@pytest.fixture
def restored(ledgers: Ledgers) -> Ledgers:
    """A ledger of 500 signed entries, and in its place its copy of 300."""
    log = ledgers.create()
    log.append(things(2, 300))
    log.checkpoint()
    ledgers.close()
    copy = shutil.copy(ledgers.path(), ledgers.folder / "copy")
    log = ledgers.open()
    log.append(things(300, 500))
    log.checkpoint()
    ledgers.close()
    put_back(ledgers, Path(copy))
    return ledgers


def put_back(ledgers: Ledgers, copy: Path) -> None:
    for end in ("-wal", "-shm"):
        Path(f"{ledgers.path()}{end}").unlink(missing_ok=True)
    shutil.copy(copy, ledgers.path())


def test_I14_below_its_old_size_it_is_not_opened_for_writing(restored: Ledgers) -> None:
    with pytest.raises(ForkError, match="the ledger holds 300 entries, but a checkpoint of 500 was signed"):
        restored.open()


@pytest.mark.parametrize("size", [499, 500, 501, 700])
def test_I14_above_its_old_size_it_is_not_opened_for_writing(restored: Ledgers, size: int) -> None:
    """Somebody goes on without the keyring, which is where the guard stands, and then brings the keyring back."""
    blind = restored.open_without_keyring()
    blind.append(things(300, size, "urn:other"))
    assert blind.size == size
    restored.close()

    with pytest.raises(ForkError):
        restored.open()


def test_I14_the_same_events_again_do_not_make_the_same_log(restored: Ledgers) -> None:
    """Even whoever sends everything again gets other salts, and with them another history."""
    blind = restored.open_without_keyring()
    blind.append(things(300, 500))
    restored.close()

    with pytest.raises(ForkError, match="the first 500 entries are not those that were signed"):
        restored.open()


def test_I14_a_process_that_was_open_does_not_sign_what_was_put_back(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(things(2, 300))
    log.checkpoint()
    with log.store.projecting() as db:
        for name in ("entry_no_delete", "checkpoint_no_delete"):
            db.execute(f"DROP TRIGGER {name}")
        for table, column in (("entry", "seq"), ("checkpoint", "size")):
            db.execute(f"DELETE FROM {table} WHERE {column} > 200")

    with pytest.raises(ForkError, match="the ledger holds 201 entries, but a checkpoint of 300 was signed"):
        log.checkpoint()


def test_I14_an_emptied_ledger_is_a_fork_and_not_a_beginning(ledgers: Ledgers) -> None:
    ledgers.create().checkpoint()
    ledgers.close()
    ledgers.path().unlink()
    SqliteStore.create(str(ledgers.path()), origin="ledger.example/test").close()

    with pytest.raises(ForkError, match="the ledger holds 0 entries, but a checkpoint of 2 was signed"):
        ledgers.open()


def test_I14_fsck_names_it_where_it_is_only_read(restored: Ledgers) -> None:
    log = restored.open(read_only=True)

    findings = fsck(log.store, keyring=log.keyring).findings

    assert [(finding.code, finding.where, finding.what) for finding in findings] == [
        ("older", "head", "500 entries were signed, and 300 are stored: this is an older copy"),
        ("older", "tip", "the ledger holds 300 entries, but 500 were acknowledged"),
    ]
    assert fsck(log.store).findings == ()  # nothing in the copy itself says so


def test_I14_the_newer_copy_brought_back_goes_on(restored: Ledgers, tmp_path: Path) -> None:
    """The guard refuses, and changes nothing: whoever has the newer file just puts it there."""
    older = restored.path().read_bytes()
    with pytest.raises(ForkError):
        restored.open()

    assert restored.path().read_bytes() == older


def test_I14_a_head_that_went_back_with_the_database_is_seen_by_whoever_kept_a_newer_one(restored: Ledgers) -> None:
    """Why the keyring is not backed up together with the ledger: then the guard is deceived, and fsck too."""
    log = restored.open(read_only=True)
    assert log.keyring is not None
    newer = log.keyring.head()
    (_, older) = log.store.checkpoints.all()[-1]
    (log.keyring.folder / "head").write_bytes(older)
    log.keyring.tip.put(Tip(300, leaf_hash(log.entry(299).header)))
    restored.close()

    log: Ledger = restored.open()  # type: ignore[no-redef]

    assert fsck(log.store, keyring=log.keyring).findings == ()
    assert newer is not None
    assert b"\n500\n" in newer  # what a witness or an auditor holds still convicts


@pytest.mark.parametrize(
    ("table", "insert"),
    [
        ("entry", "INSERT OR REPLACE INTO entry VALUES (5, x'00')"),
        ("entry", "INSERT OR REPLACE INTO entry VALUES (999, x'00')"),
        ("entry", "INSERT INTO entry VALUES (-1, x'00')"),
        ("entry", "REPLACE INTO entry (rowid, header) VALUES (5, x'00')"),
        ("body", "INSERT OR REPLACE INTO body VALUES (5, x'00', x'00')"),
        ("part", "INSERT OR REPLACE INTO part VALUES (10, '/who', x'00', x'00')"),
        ("part", "INSERT OR REPLACE INTO part SELECT 9, '/x', commitment, x'00' FROM part"),
        ("tile", "INSERT OR REPLACE INTO tile VALUES (0, 0, x'00', x'00')"),
        ("tile", "INSERT OR REPLACE INTO tile (rowid, level, idx, root, hashes) VALUES (1, 9, 9, x'00', x'00')"),
        ("checkpoint", "INSERT OR REPLACE INTO checkpoint VALUES (302, x'00')"),
        ("meta", "INSERT OR REPLACE INTO meta VALUES ('origin', 'other')"),
        *(
            (table, f"UPDATE {table} SET {column} = {column}")
            for table, column in [
                ("entry", "header"),
                ("body", "bytes"),
                ("part", "sealed"),
                ("tile", "root"),
                ("checkpoint", "note"),
                ("meta", "value"),
            ]
        ),
        *(
            (table, f"UPDATE OR REPLACE {table} SET {column} = {column} + 1")
            for table, column in [
                ("entry", "seq"),
                ("body", "seq"),
                ("part", "seq"),
                ("tile", "idx"),
                ("checkpoint", "size"),
            ]
        ),
        *((table, f"DELETE FROM {table}") for table in ("entry", "body", "part", "tile", "checkpoint", "meta")),
    ],
)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_a_plain_connection_cannot_rewrite_the_ledger_by_mistake(
    ledgers: Ledgers, table: str, insert: str, recursive: str
) -> None:
    """Triggers are a seat belt: a program that goes past this one is stopped, whatever it asks of SQLite."""
    log = ledgers.create()
    log.append(things(2, 10))
    log.append(Event.of("com.example.household.v1", "urn:crm", {"who": "Ada"}, id="p", parts=("/who",)))
    log.append(things(11, 302))
    log.checkpoint()
    ledgers.close()
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    db.execute(f"PRAGMA recursive_triggers = {recursive}")
    before = db.execute(f"SELECT * FROM {table}").fetchall()
    assert before

    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        db.execute(insert)

    assert db.execute(f"SELECT * FROM {table}").fetchall() == before
    db.close()
