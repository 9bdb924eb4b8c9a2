"""Every write fails in every way: refused, lost, or kept while its answer is lost. Whoever sends again gets one whole log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ledger.append import Receipt
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.rotation import rotate
from ledger.stores.sqlite import SqliteStore
from proofs.errors import BusyError, ConflictError, StorageError, UnknownOutcomeError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

TYPE = "com.example.thing.v1"


class FaultyStore(SqliteStore):
    """A store whose `fails_at`-th transaction fails.

    Attributes:
        fails_at: Counted from 0; -1 never.
        how: "busy": it never begins. "lost": its commit does not answer, and nothing of it is kept. "kept": likewise, and all is.
        count: Transactions so far.
    """

    fails_at = -1
    how = ""
    count = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        is_due = self.count == self.fails_at
        self.count += 1
        if is_due and self.how == "busy":
            raise BusyError("the writer's lock cannot be had")
        with super().writing():
            yield
            if is_due and self.how == "lost":
                raise UnknownOutcomeError("the commit did not answer")
        if is_due and self.how == "kept":
            raise UnknownOutcomeError("the commit did not answer")


def faulty(ledgers: Ledgers, fails_at: int, how: str) -> Ledger:
    healthy = ledgers.open()
    keyring = healthy.keyring
    ledgers.close()
    store = FaultyStore(str(ledgers.path()))
    store.fails_at, store.how = fails_at, how
    log = Ledger(store, keyring=keyring, clock=ledgers.clock)
    ledgers.opened.append(log)
    return log


def things(start: int, stop: int) -> list[Event]:
    return [Event.of(TYPE, "urn:things", {"n": n}, id=f"t{n}") for n in range(start, stop)]


WIDE = Event.of(
    "tallystick.slo.measured.v1",
    "urn:slo",
    {"datasets": [{"namespace": "w", "name": f"t{n}"} for n in range(200)]},
    id="wide",
)
ADA = Event.of("com.example.household.v1", "urn:crm", {"who": "Ada Lovelace"}, id="ada", parts=("/who",), person="ada")
STEPS: dict[str, Callable[[Ledger], Any]] = {
    "append": lambda log: log.append(things(0, 5)),
    "batch": lambda log: log.append([*things(5, 300), WIDE, ADA]),
    "nameless": lambda log: log.append([Event.of(TYPE, "urn:things", {"nameless": n}) for n in range(3)]),
    "again": lambda log: log.append([*things(2, 7), *things(300, 303)]),
    "census": lambda log: log.take_census(),
    "checkpoint": lambda log: log.checkpoint(),
    "view": lambda log: log.views.catch_up(StreamIndex()),
    "rotate": lambda log: rotate(log, "log"),
    "erase": lambda log: erase_person(log, "ada"),
    "last": lambda log: (log.append(things(303, 310)), log.checkpoint()),
}
WRITES = 20
TAKEN_BACK = 3  # the first look at events that are there already, which never comes to its commit


def run(log: Ledger) -> None:
    for step in STEPS.values():
        step(log)


def sound(log: Ledger) -> None:
    """Each event is there exactly once, whatever happened in between, and everything fits."""
    ids = [record.id for record in log.read() if record.source != log.origin]
    named = [id for id in ids if id.startswith("t") or id in ("wide", "ada")]
    assert sorted(named) == sorted([*(f"t{n}" for n in range(310)), "wide", "ada"])
    assert len(ids) == 310 + 2 + 3
    assert fsck(log.store, keyring=log.keyring, projections=[StreamIndex()]).findings == ()
    assert log.store.parts.among(range(log.size)) == []


def test_without_a_fault_there_are_so_many_writes(ledgers: Ledgers) -> None:
    ledgers.create()
    log = faulty(ledgers, -1, "")

    run(log)

    sound(log)
    assert isinstance(log.store, FaultyStore)
    assert log.store.count == WRITES


@pytest.mark.parametrize(
    ("fails_at", "how"),
    [(n, how) for n in range(WRITES) for how in ("busy", "lost", "kept") if n != TAKEN_BACK or how == "busy"],
)
def test_I5_whoever_sends_again_after_a_failed_write_gets_one_whole_log(
    ledgers: Ledgers, fails_at: int, how: str
) -> None:
    ledgers.create()
    with pytest.raises(BusyError if how == "busy" else UnknownOutcomeError):
        run(faulty(ledgers, fails_at, how))

    ledgers.close()
    log = ledgers.open()  # as the error says: reopen, then send the same events again
    run(log)

    sound(log)


@pytest.mark.parametrize("how", ["busy", "lost", "kept"])
def test_I5_a_process_may_go_on_with_the_handle_it_has(ledgers: Ledgers, how: str) -> None:
    """The edge of the log that the process remembers is that of what was committed for certain."""
    ledgers.create()
    log = faulty(ledgers, 1, how)
    log.append(things(0, 3))

    with pytest.raises((BusyError, UnknownOutcomeError)):
        log.append(things(3, 6))
    receipts = log.append(things(0, 9))

    assert [receipt.seq for receipt in receipts] == list(range(2, 11))
    assert [receipt.is_replay for receipt in receipts] == [True] * (6 if how == "kept" else 3) + [False] * (
        3 if how == "kept" else 6
    )
    assert fsck(log.store, keyring=log.keyring).findings == ()


class Answer:
    """A connection that loses the answer to COMMIT."""

    def __init__(self, conn: sqlite3.Connection, *, is_kept: bool, error: sqlite3.Error) -> None:
        self._conn = conn
        self._is_kept = is_kept
        self._error: sqlite3.Error | None = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if statement == "COMMIT" and self._error is not None:
            error, self._error = self._error, None
            if self._is_kept:
                self._conn.execute(statement)
            raise error
        return self._conn.execute(statement, *values)


def full(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


def test_I5_a_commit_that_sqlite_took_back_is_refused_and_one_that_it_did_not_is_unknown(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert isinstance(log.store, SqliteStore)
    conn = log.store._file.conn

    log.store._file.conn = Answer(conn, is_kept=False, error=full(sqlite3.SQLITE_FULL))  # type: ignore[assignment]
    with pytest.raises(StorageError, match="the ledger cannot be written, and nothing was: database or disk is full"):
        log.append(things(0, 3))
    assert log.size == 2

    log.store._file.conn = Answer(conn, is_kept=True, error=full(sqlite3.SQLITE_IOERR))  # type: ignore[assignment]
    with pytest.raises(UnknownOutcomeError, match="the commit did not answer"):
        log.append(things(0, 3))
    assert log.size == 5

    log.store._file.conn = conn
    assert [receipt.seq for receipt in log.append(things(0, 4))] == [2, 3, 4, 5]


def test_I5_a_full_disk_refuses_whole_batches_and_takes_them_when_there_is_room_again(ledgers: Ledgers) -> None:
    log = ledgers.create()
    with log.store.viewing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 12}")
    acknowledged: list[Receipt] = []

    def fill() -> None:
        for n in range(1_000):
            acknowledged.extend(log.append(things(n * 20, n * 20 + 20)))

    with pytest.raises(StorageError, match="and nothing was: database or disk is full"):
        fill()
    assert acknowledged

    assert log.size == 2 + len(acknowledged)
    assert fsck(log.store, keyring=log.keyring).findings == ()
    with log.store.viewing() as db:
        db.execute("PRAGMA max_page_count = 1073741823")
    again = log.append(things(0, len(acknowledged) + 20))

    assert [receipt.is_replay for receipt in again] == [True] * len(acknowledged) + [False] * 20
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_full_vault_takes_nothing_that_it_cannot_seal(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert log.vault is not None
    with log.vault._file.writing() as conn:
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
    log.vault._file.rows(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for n in range(1_000):
            log.append(Event.of(TYPE, "urn:s", {"who": n}, id=f"p{n}", parts=("/who",)))

    with pytest.raises(StorageError, match="the vault cannot be written, and nothing was: database or disk is full"):
        fill()

    assert fsck(log.store, keyring=log.keyring).findings == ()
    assert log.append(things(0, 1))[0].seq == log.size - 1


def test_a_lock_that_is_held_too_long_is_busy_and_nothing_is_written(ledgers: Ledgers) -> None:
    log = ledgers.create()
    with log.store.viewing() as db:
        db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(ledgers.path(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BusyError, match="somebody else held the lock for too long"):
        log.append(things(0, 3))

    other.execute("ROLLBACK")
    other.close()
    assert [receipt.seq for receipt in log.append(things(0, 3))] == [2, 3, 4]


def test_a_signature_whose_storing_failed_is_stored_by_the_next_call(ledgers: Ledgers) -> None:
    ledgers.create()
    log = faulty(ledgers, 1, "lost")  # the first reads the keys
    with pytest.raises(UnknownOutcomeError):
        log.checkpoint()
    assert log.keyring is not None
    head = log.keyring.head()

    assert log.checkpoint().note == head
    assert log.store.checkpoints.all() == [(2, head)]


def test_a_conflict_that_cannot_be_recorded_is_no_conflict_yet(ledgers: Ledgers) -> None:
    """The sender sends again, and is told then."""
    ledgers.create().append(things(0, 1))
    log = faulty(ledgers, 2, "busy")
    other = Event.of(TYPE, "urn:things", {"n": "other"}, id="t0")

    with pytest.raises(BusyError):
        log.append(other)
    with pytest.raises(ConflictError):
        log.append(other)

    assert log.size == 4
