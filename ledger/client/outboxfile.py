"""The outbox's one SQLite file: durable transactions, shared by threads, processes, and both sides of a fork.

    writer   emits: synchronous=FULL, so that COMMIT is the fsync
    keeper   everything else: synchronous=NORMAL. What it writes (this was delivered) may be lost with the machine's power,
             for then the event is sent again and known again by its id. A kill loses nothing of either.

SQLite's own waiting for a lock sleeps for 1, 2, 5, 10 … ms, longer than a whole emit; so a lock is asked for again after
fractions of a millisecond. An open connection must not cross a fork (sqlite.org/howtocorrupt.html, section 2.6): both are closed
before, and opened again at the next use on either side.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, Literal

from ledger.client.forks import watch
from ledger.sqlitefile import Place, SqliteFile, connect, is_busy, make, translating
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError

FORMAT: Final = "1"
BUSY_SECONDS: Final = 10.0
_SHORTEST_WAIT: Final = 0.000_1
_LONGEST_WAIT: Final = 0.002
# A fallback: the shipper tidies up long before, so that no emit pays for moving pages. Small, for the log's blocks are then
# written again; growing it doubles what an fsync costs.
_WAL_PAGES: Final = 4_000
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "secure_delete = ON",
    f"wal_autocheckpoint = {_WAL_PAGES}",
)
_TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    (
        "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, head BLOB NOT NULL, "
        "start INTEGER NOT NULL, anchor BLOB NOT NULL, waiting INTEGER NOT NULL, waiting_bytes INTEGER NOT NULL, "
        "dead INTEGER NOT NULL, dead_bytes INTEGER NOT NULL) STRICT"
    ),
    # The last sequence of each source, and the record of its last heartbeat with the second at which it was made.
    "CREATE TABLE source (name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, beat INTEGER, beat_at INTEGER) STRICT, WITHOUT ROWID",
    (
        "CREATE TABLE record (n INTEGER PRIMARY KEY, id TEXT NOT NULL, source TEXT NOT NULL, size INTEGER NOT NULL, "
        "line BLOB NOT NULL) STRICT"
    ),
    "CREATE INDEX record_id ON record (id)",
    # A row here is what makes a record one that waits; the rest of its content stands beside.
    "CREATE TABLE waiting (n INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    (
        "CREATE TABLE dead (n INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL, id TEXT NOT NULL, "
        "line BLOB NOT NULL, hash BLOB NOT NULL, at TEXT NOT NULL, code TEXT NOT NULL, why TEXT NOT NULL) STRICT"
    ),
    (
        "CREATE TABLE part (n INTEGER NOT NULL, pointer TEXT NOT NULL, salt BLOB NOT NULL, value BLOB NOT NULL, "
        "PRIMARY KEY (n, pointer)) STRICT, WITHOUT ROWID"
    ),
    "CREATE TABLE person (n INTEGER PRIMARY KEY, salt BLOB NOT NULL, name BLOB NOT NULL) STRICT",
    "CREATE INDEX person_name ON person (name)",
    # An empty one is of a dead letter that was replayed or thrown away.
    "CREATE TABLE receipt (n INTEGER PRIMARY KEY, id TEXT NOT NULL, receipt BLOB NOT NULL) STRICT",
    "CREATE INDEX receipt_id ON receipt (id)",
    # Ids that a producer chose, so that emitting the same again is known; by a hash, for such an id may be long.
    "CREATE TABLE chosen (key BLOB PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX chosen_n ON chosen (n)",
)

Role = Literal["writer", "keeper"]


class OutboxFile:
    """An open outbox file.

    Attributes:
        path: Of the file; beside it stand `-wal`, `-shm` and `.lock`.
    """

    def __init__(self, path: Path, *, create: bool, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the file at `path`, making it, for its owner alone, when there is none and `create` allows it.

        Raises:
            MissingError: There is no such file.
            MalformedError: The file is something else.
            RefusedError: It cannot be made or opened.
        """
        self.path = path
        self._name = f"outbox {path}"
        self._busy_seconds = busy_seconds
        self._open: dict[Role, SqliteFile] = {}
        self._place = Place(path)
        self._renew()
        if not path.is_file():
            if not create:
                raise MissingError(f"no outbox at {path}")
            make(path, self._name)
        self._create_tables()
        watch(self)

    def _renew(self) -> None:
        # Two locks, always taken in this order: writes of one process wait for each other here, not in SQLite.
        self._write_lock = threading.RLock()
        self._keeper_lock = threading.RLock()

    @contextmanager
    def writing(self, role: Role) -> Iterator[sqlite3.Connection]:
        """Hold the file's lock and one transaction: committed at the end, rolled back on any exception.

        Raises:
            BusyError: Somebody else held the lock for too long; nothing was written.
            StorageError: The disk is full or fails; nothing was written.
            RefusedError: The file cannot be written; nothing was.
            MissingError: The file was removed or replaced under this process; nothing was written.
            UnknownOutcomeError: The disk failed; it may or may not have been written.
        """
        with self._write_lock, self._keeper_lock if role == "keeper" else nullcontext():
            try:
                with self._opened(role).writing() as conn:
                    yield conn
            except sqlite3.IntegrityError as error:  # what is in the file contradicts itself
                raise RefusedError(f"{self._name} cannot be written, and nothing was: {error}") from error

    def rows(self, select: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with self._keeper_lock:
            return self._opened("keeper").rows(select, *values)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Let several queries see one state."""
        with self._keeper_lock, self._opened("keeper").reading() as conn:
            yield conn

    def tidy(self) -> None:
        """Move what is in the write-ahead log into the file, as far as nobody reads it, so that an emit need not."""
        with self._keeper_lock, translating(f"{self._name} cannot be tidied up"):
            self._opened("keeper").conn.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def scrub(self) -> None:
        """Rewrite the file and empty its write-ahead log, so that what was deleted stands nowhere; emits wait meanwhile.

        Raises:
            BusyError: Another process reads an older state; a later call may succeed.
        """
        with self._write_lock, self._keeper_lock:
            self._opened("writer").scrub()

    def close(self) -> None:
        """Give back the file; a later use opens it again."""
        with self._write_lock, self._keeper_lock:
            while self._open:
                self._open.popitem()[1].close()

    def before_fork(self) -> None:
        """Close the file, and let neither side find a lock that nobody holds."""
        self._write_lock.acquire()
        self._keeper_lock.acquire()
        self.close()

    def after_fork(self, *, in_child: bool) -> None:
        """Give back the locks; the child begins with new ones."""
        if in_child:
            self._renew()
        else:
            self._keeper_lock.release()
            self._write_lock.release()

    def _opened(self, role: Role) -> SqliteFile:
        found = self._open.get(role)
        if found is None:
            self._patiently(lambda: self._connect(role))
            found = self._open[role]
        return found

    def _connect(self, role: Role) -> None:
        if not self._open:
            self._place = Place(self.path)
            self._check_still_there()
        pragmas = (*_PRAGMAS, f"synchronous = {'FULL' if role == 'writer' else 'NORMAL'}")
        self._open[role] = SqliteFile(
            connect(self.path, self._name, pragmas, busy_seconds=0),
            self._name,
            check=self._check_still_there,
            wait=self._patiently,
            in_doubt="an event with an id of its own may be emitted again",
        )

    def _check_still_there(self) -> None:
        """Refuse to write into a file that nobody will find again."""
        if self._place.moved() is not None:
            raise MissingError(f"{self._name} was removed or replaced under this process", hint="start it again")

    def _create_tables(self) -> None:
        found: list[Any] = []
        try:
            with self.writing("writer") as conn:
                if not conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for statement in _TABLES:
                        conn.execute(statement)
                    conn.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
                    conn.execute("INSERT INTO state VALUES (1, 0, zeroblob(32), 0, zeroblob(32), 0, 0, 0, 0)")
                found = conn.execute("SELECT value FROM meta WHERE name = 'format'").fetchall()
            if found != [(FORMAT,)]:
                raise MalformedError(f"{self.path} is an outbox of a format that this version does not know")
        except BaseException:
            self.close()
            raise

    def _patiently(self, work: Callable[[], object]) -> object:
        """Do `work` again and again while another process holds a lock, for as long as somebody may wait."""
        deadline = None
        wait = _SHORTEST_WAIT
        while True:
            try:
                return work()
            except (sqlite3.Error, BusyError) as error:
                now = time.monotonic()
                deadline = deadline or now + self._busy_seconds
                if not is_busy(error) or now > deadline:
                    raise
            time.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - no secret
            wait = min(wait * 1.5, _LONGEST_WAIT)
