"""What every SQLite file of this project does alike: the ledger, its views, the vault and the outbox."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ledger.client.outboxfile import OutboxFile
from ledger.sqlitefile import Place, SqliteFile, connect, make
from ledger.stores.sqlite import SqliteStore
from ledger.stores.views import Views
from ledger.vaultfile import VaultFile
from proofs.errors import BusyError, MalformedError, RefusedError, StorageError, TallyError, UnknownOutcomeError


def failed(code: int, what: str = "disk I/O error") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(what)
    error.sqlite_errorcode = code
    return error


def of_ledger(folder: Path) -> tuple[SqliteFile, AbstractContextManager[object], AbstractContextManager[object]]:
    store = SqliteStore.create(str(folder / "log.db"), origin="a")
    return store._file, store.reading(), store.writing()


def of_views(folder: Path) -> tuple[SqliteFile, AbstractContextManager[object], AbstractContextManager[object]]:
    views = Views(folder / "views.db", lambda _: None)
    return views._file, views.reading(), views.writing()


def of_vault(folder: Path) -> tuple[SqliteFile, AbstractContextManager[object], AbstractContextManager[object]]:
    vault = VaultFile(folder)
    return vault, vault.reading(), vault.writing()


def of_outbox(folder: Path) -> tuple[SqliteFile, AbstractContextManager[object], AbstractContextManager[object]]:
    outbox = OutboxFile(folder / "outbox.db", create=True)
    return outbox._opened("keeper"), outbox.reading(), outbox.writing("keeper")


FILES = pytest.mark.parametrize("opened", [of_ledger, of_views, of_vault, of_outbox])
Opened = Callable[[Path], tuple[SqliteFile, AbstractContextManager[object], AbstractContextManager[object]]]


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    path = tmp_path / "some.db"
    make(path, "the file")
    made = SqliteFile(connect(path, "the file", ("journal_mode = WAL",), busy_seconds=0.01), "the file")
    with made.writing() as conn:
        conn.execute("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT")
    return made


def another(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "some.db", isolation_level=None, timeout=0)


@FILES
def test_an_error_after_which_sqlite_rolled_back_by_itself_is_told_as_what_it_is(
    tmp_path: Path, opened: Opened
) -> None:
    file, reading, writing = opened(tmp_path)

    def lose() -> None:
        file.conn.execute("ROLLBACK")
        raise failed(sqlite3.SQLITE_IOERR)

    for transaction in (reading, writing):
        with pytest.raises(StorageError, match="disk I/O error"), transaction:
            lose()
        assert not file.conn.in_transaction
    file.close()


class Answer:
    """A connection whose COMMIT fails, and keeps its transaction open."""

    def __init__(self, conn: sqlite3.Connection, error: sqlite3.Error) -> None:
        self._conn = conn
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if statement == "COMMIT":
            raise self._error
        return self._conn.execute(statement, *values)


@FILES
@pytest.mark.parametrize(
    ("code", "expected"), [(sqlite3.SQLITE_FULL, StorageError), (sqlite3.SQLITE_IOERR, UnknownOutcomeError)]
)
def test_a_commit_for_which_there_was_no_room_is_refused_and_one_at_which_the_disk_failed_is_unknown(
    tmp_path: Path, opened: Opened, code: int, expected: type[TallyError]
) -> None:
    """Pages that the disk took before it failed may be found by whoever opens the file after a crash."""
    file, _, writing = opened(tmp_path)
    conn = file.conn
    file.conn = Answer(conn, failed(code))  # type: ignore[assignment]

    with pytest.raises(expected), writing:
        pass

    assert not conn.in_transaction
    conn.close()


def test_writing_nests_in_nothing_and_reading_in_both(file: SqliteFile) -> None:
    with file.writing(), file.reading(), file.reading():
        pass
    for outer in (file.writing, file.reading):
        with pytest.raises(RuntimeError, match="must not nest"), outer(), file.writing():
            pass
        with pytest.raises(RuntimeError, match="neither inside writing nor inside reading"), outer():
            file.scrub()
    assert not file.is_written_here


def test_it_is_written_in_the_thread_that_writes_alone(file: SqliteFile) -> None:
    found: list[bool] = []
    with file.writing():
        assert file.is_written_here
        other = threading.Thread(target=lambda: found.append(file.is_written_here))
        other.start()
        other.join()

    assert found == [False]


def test_what_another_process_holds_is_busy_and_nothing_is_written(file: SqliteFile, tmp_path: Path) -> None:
    other = another(tmp_path)
    other.execute("BEGIN IMMEDIATE")

    with (
        pytest.raises(BusyError, match="the file cannot be written, and nothing was: somebody else held"),
        file.writing(),
    ):
        pytest.fail("it was entered")
    other.execute("ROLLBACK")
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    with file.writing() as conn:
        conn.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(BusyError, match="a reader holds an old snapshot"):
        file.scrub()
    other.close()

    file.scrub()
    assert file.rows("SELECT n FROM t") == [(1,)]
    assert (tmp_path / "some.db-wal").stat().st_size == 0


def test_a_mistake_of_this_program_passes_as_it_is(file: SqliteFile) -> None:
    with pytest.raises(sqlite3.IntegrityError), file.writing() as conn:
        conn.executemany("INSERT INTO t VALUES (?)", [(1,), (1,)])

    assert file.rows("SELECT n FROM t") == []
    with pytest.raises(MalformedError, match="the file cannot be read: no such table"):
        file.rows("SELECT n FROM u")


def test_what_stands_there_is_taken_or_left_and_never_emptied(tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_bytes(b"no database, and longer than any header of one would have to be" * 20)

    make(path, "the file")
    with pytest.raises(FileExistsError):
        make(path, "the file", fresh=True)
    with pytest.raises(MalformedError, match="the file cannot be opened: file is not a database"):
        connect(path, "the file", ("journal_mode = WAL",))
    with pytest.raises(RefusedError, match="the file cannot be made: No such file"):
        make(tmp_path / "no" / "folder", "the file")
    with pytest.raises(RefusedError, match="the file cannot be opened"):
        connect(tmp_path / "absent", "the file")

    assert path.read_bytes().startswith(b"no database")
    assert [each.name for each in tmp_path.iterdir()] == ["there"]


def test_a_file_that_was_replaced_or_removed_is_not_in_its_place(tmp_path: Path) -> None:
    path, log = tmp_path / "some.db", tmp_path / "some.db-wal"
    path.touch()
    place = Place(path, log=True)
    assert place.moved() is None

    log.touch()
    assert place.moved() is None  # its log is known from now on
    log.unlink()
    assert place.moved() == log
    log.touch()
    path.rename(tmp_path / "aside")
    assert place.moved() == path
    path.touch()
    assert place.moved() == path
