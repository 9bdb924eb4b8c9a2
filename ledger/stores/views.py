"""The views of a log whose store is elsewhere: a SQLite file of this machine, that can be thrown away and replayed (I19).

Beside the rows of the projections it keeps what they were made from: how many entries, and the leaf hash of the last. A log
that does not begin so (a restored database, another history) has them dropped before anybody reads them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlite_utils

from ledger.stores.translation import ERRORS, translated
from proofs.digest import leaf_hash
from proofs.errors import BusyError, RefusedError

BUSY_SECONDS: Final = 60.0
_PROJECTIONS: Final = (
    "CREATE TABLE IF NOT EXISTS projection "
    "(name TEXT PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL) STRICT"
)
_BASIS: Final = "CREATE TABLE IF NOT EXISTS basis (size INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT"
_EntryAt = Callable[[int], bytes | None]


class Views:
    """One file of views, shared safely by processes and threads; without a path, memory of this process.

    Attributes:
        path: Of the file; None for memory.
    """

    def __init__(self, path: Path | None, entry_at: _EntryAt, *, read_only: bool = False) -> None:
        """Open the file, making it, for its owner alone, when there is none.

        Args:
            entry_at: Returns the log's entry of a seq; None where it has none.
            read_only: Look at a file that is there and change nothing; where there is none, the views are empty.

        Raises:
            RefusedError: It cannot be made or opened.
            MalformedError: It is something else; it may be removed.
        """
        self.path = path
        self._entry_at = entry_at
        self._read_only = read_only
        self._lock = threading.RLock()
        if read_only and (path is None or not path.is_file()):
            self.path = None
        self._db = self._memory() if self.path is None else sqlite_utils.Database(self._connect(self.path))
        if self.path is not None and not read_only:
            self._make_tables(self._db)

    def _memory(self) -> sqlite_utils.Database:
        made = sqlite_utils.Database(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        self._make_tables(made)
        return made

    def _make_tables(self, db: sqlite_utils.Database) -> None:
        try:
            db.execute(_PROJECTIONS)
            db.execute(_BASIS)
        except ERRORS as error:
            raise translated(error, f"the views at {self.path} cannot be opened") from error

    def _connect(self, path: Path) -> sqlite3.Connection:
        try:
            if not self._read_only:
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            uri = f"{path.resolve().as_uri()}?mode={'ro' if self._read_only else 'rw'}"
            conn = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
            if not self._read_only:
                # What is lost can be replayed: the file need only be whole, never new.
                conn.execute("PRAGMA journal_mode = WAL")
                conn.execute("PRAGMA synchronous = NORMAL")
                conn.execute("PRAGMA secure_delete = ON")
        except OSError as error:
            raise RefusedError(f"the views at {path} cannot be opened: {error.strerror}") from error
        except ERRORS as error:
            raise translated(error, f"the views at {path} cannot be opened") from error
        return conn

    @property
    def database(self) -> sqlite_utils.Database:
        """The database; its connection never begins a transaction by itself."""
        return self._db

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's lock and one transaction: committed at the end, rolled back on any exception."""
        with self._lock:
            conn = self._db.conn
            if conn.in_transaction:
                raise RuntimeError("views must not be written inside one another")
            try:
                conn.execute("BEGIN IMMEDIATE")
                if not self._is_of_this_log():
                    self._drop_all()
                yield
                self._keep_basis()
                conn.execute("COMMIT")
            except BaseException as error:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                # What a projection trips over is for the projector to name.
                if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                    raise translated(error, "the views cannot be written") from error
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot of the views."""
        with self._lock:
            self._db.execute("BEGIN")
            try:
                self._db.execute("SELECT count(*) FROM projection").fetchone()  # the snapshot begins with a read
                yield
            finally:
                self._db.execute("COMMIT")

    def settle(self) -> None:
        """Let go of views that were made from another history than the log's."""
        if self._is_of_this_log():
            return
        if self._read_only:
            self._db.close()
            self.path, self._db = None, self._memory()
        else:
            with self.writing():
                pass

    def _is_of_this_log(self) -> bool:
        row = self._db.execute("SELECT size, leaf FROM basis").fetchone()
        if row is None:
            return True
        entry = self._entry_at(row[0] - 1)
        return entry is not None and leaf_hash(entry) == row[1]

    def _keep_basis(self) -> None:
        size = self._db.execute("SELECT ifnull(max(position), 0) FROM projection").fetchone()[0]
        entry = self._entry_at(size - 1) if size else None
        self._db.execute("DELETE FROM basis")
        if entry is not None:
            self._db.execute("INSERT INTO basis VALUES (?, ?)", [size, leaf_hash(entry)])

    def _drop_all(self) -> None:
        names = self._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
            "AND name NOT IN ('projection', 'basis')"
        ).fetchall()
        for (name,) in names:
            self._db.execute(f'DROP TABLE "{name}"')
        self._db.execute("DELETE FROM projection")
        self._db.execute("DELETE FROM basis")

    def scrub(self) -> None:
        """Rewrite the file and empty its write-ahead log (I10).

        Raises:
            BusyError: Another process reads an older state; a later call may succeed.
        """
        if self.path is None:
            return
        with self._lock:
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise translated(error, "the views cannot be scrubbed yet") from error
        if busy:
            raise BusyError("the views are held by another process and cannot be scrubbed yet")

    def close(self) -> None:
        """Give back the file."""
        self._db.conn.close()
