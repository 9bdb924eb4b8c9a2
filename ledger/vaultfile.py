"""The vault's one SQLite file: durable transactions, and nothing of what was deleted left in it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlite_utils

from ledger.stores.translation import ERRORS, translated
from proofs.errors import BusyError, RefusedError

BUSY_SECONDS: Final = 60.0
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS data_key (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS person (lookup BLOB PRIMARY KEY, key INTEGER NOT NULL UNIQUE) STRICT",
    "CREATE TABLE IF NOT EXISTS part (commitment BLOB PRIMARY KEY, key INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS part_key ON part (key)",
    "CREATE TABLE IF NOT EXISTS hold (id TEXT PRIMARY KEY, request TEXT NOT NULL, lookup BLOB) STRICT",
    "CREATE TABLE IF NOT EXISTS held (hold TEXT, request TEXT, PRIMARY KEY (hold, request)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS adopted (id INTEGER PRIMARY KEY, entries INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS identity (person BLOB, hash BLOB, PRIMARY KEY (person, hash)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS release (hold TEXT PRIMARY KEY, actor TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS erasure (id TEXT PRIMARY KEY, request TEXT, parts INTEGER NOT NULL, finished INTEGER) STRICT",
    (
        "CREATE TABLE IF NOT EXISTS erasing (erasure TEXT NOT NULL, commitment BLOB NOT NULL, "
        "PRIMARY KEY (erasure, commitment)) STRICT, WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS erasing_commitment ON erasing (commitment)",
)


class VaultFile:
    """An open `vault.db`; safe for many processes, and for many threads of one."""

    def __init__(self, folder: Path) -> None:
        """Open the file in `folder`, making it, for its owner alone, when there is none.

        Raises:
            RefusedError: It cannot be made or opened.
            MalformedError: It is something else.
            BusyError: Another process holds it.
        """
        self._lock = threading.RLock()
        path = folder / "vault.db"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            conn = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise RefusedError(f"the vault in {folder} cannot be opened") from error
        self._db = sqlite_utils.Database(conn)
        try:
            for pragma in _PRAGMAS:
                conn.execute(f"PRAGMA {pragma}")
            with self.writing():
                for statement in _TABLES:
                    conn.execute(statement)
        except ERRORS as error:
            conn.close()
            raise translated(error, f"the vault in {folder} cannot be opened") from error
        except BaseException:
            conn.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's lock and one transaction: committed at the end, rolled back on any exception."""
        with self._lock:
            conn = self._db.conn
            try:
                conn.execute("BEGIN IMMEDIATE")
                yield conn
                conn.execute("COMMIT")
            except sqlite3.Error as error:
                raise translated(error, "the vault cannot be written") from error
            finally:
                # What was not committed is left by an exception. SQLite may have rolled back by itself.
                if conn.in_transaction:
                    conn.execute("ROLLBACK")

    def rows(self, select: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with self._lock:
            try:
                return self._db.conn.execute(select, values).fetchall()
            except ERRORS as error:
                raise translated(error, "the vault cannot be read") from error

    def scrub(self) -> None:
        """Rewrite the file and empty its write-ahead log, so that what was deleted stands in neither.

        Raises:
            BusyError: Another process reads an older state; nothing is lost, and a later call may succeed.
        """
        with self._lock:
            # Not cheaper, for the reason that stands in ledger/stores/sqlite.py.
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise translated(error, "the vault cannot be scrubbed yet") from error
        if busy:
            raise BusyError("the vault is held by another process and cannot be scrubbed yet")

    def close(self) -> None:
        """Give back the file."""
        self._db.conn.close()
