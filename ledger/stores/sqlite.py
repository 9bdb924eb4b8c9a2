"""The embedded store: one SQLite file in WAL mode with synchronous=FULL, so that what is acknowledged is on the disk.

Triggers keep honest programs from rewriting history. They are a seat belt, not the control: whoever owns the file can drop
them, and the chain, the tree and `ledger.fsck` are what shows it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlite_utils

from ledger.store import Batch, BodyRow
from ledger.stores import schema
from ledger.stores.rows import CensusRows, CheckpointRows, IdentityRows, PartRows, Rows, StreamRows, TileRows
from proofs.census import stream_hash
from proofs.errors import BusyError, ConflictError, MalformedError, MissingError, RefusedError, UnknownOutcomeError

BUSY_SECONDS: Final = 60.0


class SqliteStore:
    """A log in one SQLite file; safe for many processes, and for many threads of one."""

    def __init__(self, path: str, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the ledger at `path`.

        Raises:
            MissingError: There is no such file.
            MalformedError: The file is not a SQLite ledger of a version that this program knows.
            BusyError: Another process held the file for longer than `busy_seconds`.
        """
        if not Path(path).is_file():
            raise MissingError(f"no ledger at {path}", hint="create one with `tally init`")
        self._connect(path, read_only=read_only, busy_seconds=busy_seconds)
        try:
            found = self._version()
            if found != (schema.APPLICATION_ID, schema.SCHEMA_VERSION):
                raise MalformedError(f"{path} is no Tallystick ledger of schema version {schema.SCHEMA_VERSION}")
            self._meta = dict(self._db.conn.execute("SELECT name, value FROM meta"))
        except sqlite3.DatabaseError as error:
            self.close()
            raise _translated(error, f"{path} cannot be read as a ledger") from error
        except MalformedError:
            self.close()
            raise

    @classmethod
    def create(cls, path: str, *, origin: str) -> SqliteStore:
        """Create an empty ledger file and open it.

        Raises:
            ConflictError: Something exists at `path`; it is left as it was.
        """
        try:
            Path(path).open("xb").close()
        except FileExistsError as error:
            raise ConflictError(f"{path} exists already", hint="open it, or choose another name") from error
        except OSError as error:
            raise RefusedError(f"{path} cannot be created: {error.strerror}") from error
        store = cls.__new__(cls)
        store._connect(path, read_only=False, busy_seconds=BUSY_SECONDS)
        with store.writing():
            schema.create(store._db, origin=origin)
        store.close()
        return cls(path)

    def _connect(self, path: str, *, read_only: bool, busy_seconds: float) -> None:
        self.read_only = read_only
        self._path = path
        self._lock = threading.RLock()
        uri = f"{Path(path).resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
        try:
            conn = sqlite3.connect(
                uri,
                uri=True,
                isolation_level=None,
                timeout=busy_seconds,
                check_same_thread=False,
                cached_statements=256,
            )
            if not read_only:
                conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA recursive_triggers = ON")
            conn.execute("PRAGMA foreign_keys = ON")
            conn.execute("PRAGMA cache_size = -65536")
            conn.execute("PRAGMA trusted_schema = OFF")
        except sqlite3.Error as error:
            raise _translated(error, f"{path} cannot be opened") from error
        self._db = sqlite_utils.Database(conn)
        self._rows = rows = Rows(conn, self._lock)
        self.streams = StreamRows(rows)
        self.census = CensusRows(rows)
        self.tiles = TileRows(rows)
        self.identities = IdentityRows(rows)
        self.parts = PartRows(rows)
        self.checkpoints = CheckpointRows(rows)

    def _version(self) -> tuple[int, int]:
        conn = self._db.conn
        return conn.execute("PRAGMA application_id").fetchone()[0], conn.execute("PRAGMA user_version").fetchone()[0]

    def meta(self) -> Mapping[str, str]:
        return self._meta

    @contextmanager
    def writing(self) -> Iterator[None]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        with self._lock:
            conn = self._db.conn
            try:
                conn.execute("BEGIN IMMEDIATE")  # the writer's lock, before anything is read
            except sqlite3.Error as error:
                raise _translated(error, "the writer's lock cannot be had") from error
            try:
                yield
            except BaseException as error:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _translated(error, "the write failed and nothing of it was kept") from error
                raise
            try:
                conn.execute("COMMIT")  # the commit point: after it the batch is the log's, and on the disk
            except sqlite3.Error as error:
                if conn.in_transaction:  # SQLite kept the transaction open, so nothing of it is in the file
                    conn.execute("ROLLBACK")
                    raise _translated(error, "the commit failed and nothing of it was kept") from error
                raise UnknownOutcomeError("the commit did not answer", hint="reopen the ledger and look") from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._lock:
            conn = self._db.conn
            if conn.in_transaction:
                yield
                return
            conn.execute("BEGIN")
            try:
                yield
            finally:
                conn.execute("COMMIT")

    def size(self) -> int:
        return int(self._rows.one("SELECT ifnull(max(seq), -1) + 1 FROM entry")[0])

    def headers(self, start: int, stop: int) -> list[bytes]:
        rows = self._rows.all("SELECT header FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", start, stop)
        return [row[0] for row in rows]

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        rows = self._rows.many("SELECT seq, salt, bytes FROM body WHERE seq IN", sorted(seqs))
        return {seq: BodyRow(salt, data) for seq, salt, data in rows}

    def write(self, batch: Batch) -> None:
        many = self._db.conn.executemany
        try:
            many("INSERT INTO entry VALUES (?, ?)", batch.entries)
            many("INSERT INTO body VALUES (?, ?, ?)", batch.bodies)
            many("INSERT INTO identity VALUES (?, ?, ?, ?)", batch.identities)
            if batch.parts:
                many("INSERT INTO part VALUES (?, ?, ?, ?)", batch.parts)
            if batch.retries:
                many("INSERT INTO retry VALUES (?, ?)", batch.retries)
            if batch.tiles:
                many("INSERT INTO tile VALUES (?, ?, ?, ?)", batch.tiles)
            many(
                "INSERT INTO stream (name, hash, count) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET count = excluded.count",
                [(name, stream_hash(name), count) for name, count in batch.counters.items()],
            )
        except sqlite3.IntegrityError as error:
            raise ConflictError("a row of the batch is in the log already; nothing of the batch was written") from error

    def forget(self, *, parts: Iterable[bytes], seqs: Iterable[int]) -> None:
        conn = self._db.conn
        conn.execute("INSERT INTO forgetting VALUES (1)")  # opens the door in the delete triggers
        conn.executemany("DELETE FROM part WHERE commitment = ?", ((commitment,) for commitment in parts))
        keys = [(seq,) for seq in seqs]
        conn.executemany("UPDATE identity SET content = NULL WHERE seq = ?", keys)
        conn.executemany("DELETE FROM retry WHERE seq = ?", keys)
        conn.execute("DELETE FROM forgetting")

    def scrub(self) -> None:
        with self._lock:
            # VACUUM rewrites every page; the truncating checkpoint then empties the write-ahead log. Both need that no
            # reader holds an older snapshot, and say so when one does.
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise _translated(error, "the file cannot be scrubbed") from error
        if busy:
            raise BusyError("a reader holds an old snapshot, so the write-ahead log cannot be emptied yet")

    def reader(self) -> SqliteStore:
        return SqliteStore(self._path, read_only=True)

    def projections(self) -> sqlite_utils.Database:
        return self._db

    def close(self) -> None:
        self._db.conn.close()


def _translated(error: sqlite3.Error, what: str) -> Exception:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(f"{what}: somebody else held the lock for too long", hint="try again")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return MalformedError(f"{what}: the file is damaged or no database")
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return RefusedError(f"{what}: {error}")
    return RefusedError(f"{what}: {error}") if schema.is_append_only_refusal(error) else error
