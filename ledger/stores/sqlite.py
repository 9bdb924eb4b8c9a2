"""The embedded store: one SQLite file in WAL mode with synchronous=FULL, so that what is acknowledged is on the disk.

Triggers keep honest programs from rewriting history. They are a seat belt, not the control: whoever owns the file can drop
them, and the chain, the tree and `ledger.fsck` are what shows it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlite_utils

from ledger.store import Batch, BodyRow, ReplacedError, Store
from ledger.stores import schema
from ledger.stores.audit import AuditRows
from ledger.stores.rows import CensusRows, CheckpointRows, IdentityRows, PartRows, Rows, StreamRows, TileRows
from ledger.stores.translation import ERRORS, translated
from proofs.census import stream_hash
from proofs.errors import BusyError, ConflictError, MalformedError, MissingError, RefusedError, UnknownOutcomeError

BUSY_SECONDS: Final = 60.0
_PRAGMAS: Final = (
    "synchronous = FULL",
    "recursive_triggers = ON",
    "foreign_keys = ON",
    "cache_size = -65536",
    "trusted_schema = OFF",
)


class SqliteStore:
    """A log in one SQLite file; safe for many processes, and for many threads of one.

    Attributes:
        path: Of the file.
    """

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
            self._meta = self._read_meta(path)
            if not read_only:
                # Kept in the file since it was created, but lost where a copy was made by other means. Only now: whatever
                # else stands at `path` is not ours to change.
                self._db.conn.execute("PRAGMA journal_mode = WAL")
                self._check_in_place()
        except ERRORS as error:
            self.close()
            raise translated(error, f"{path} cannot be read as a ledger") from error
        except (MalformedError, ReplacedError):
            self.close()
            raise

    @classmethod
    def create(cls, path: str, *, origin: str) -> SqliteStore:
        """Create an empty ledger file and open it.

        Raises:
            ConflictError: Something exists at `path`; it is left as it was.
        """
        try:
            # For its owner alone: the bodies stand in it in clear. SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            raise existing(path) from error
        except OSError as error:
            raise RefusedError(f"{path} cannot be created: {error.strerror}") from error
        try:
            store = cls.__new__(cls)
            store._connect(path, read_only=False, busy_seconds=BUSY_SECONDS)
            store._db.conn.execute("PRAGMA journal_mode = WAL")
            with store.writing():
                schema.create(store._db, origin=origin)
            store.close()
            return cls(path)
        except BaseException:
            remove(path)
            raise

    def _connect(self, path: str, *, read_only: bool, busy_seconds: float) -> None:
        self.read_only = read_only
        self.path = path
        self._lock = threading.RLock()
        # The file as it was opened; its log once it is known to exist, which is from the first write on.
        self._named = (Path(path).absolute(), Path(f"{Path(path).resolve()}-wal"))
        self._opened: dict[Path, tuple[int, int]] = {}
        uri = f"{Path(path).resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
        options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "cached_statements": 256}
        try:
            conn = sqlite3.connect(uri, uri=True, timeout=busy_seconds, **options)
        except sqlite3.Error as error:
            raise translated(error, f"{path} cannot be opened") from error
        try:
            for pragma in _PRAGMAS:
                conn.execute(f"PRAGMA {pragma}")
        except ERRORS as error:
            conn.close()
            raise translated(error, f"{path} cannot be opened") from error
        self._db = sqlite_utils.Database(conn)
        self._rows = rows = Rows(conn, self._lock)
        self.streams = StreamRows(rows)
        self.census = CensusRows(rows)
        self.tiles = TileRows(rows)
        self.identities = IdentityRows(rows)
        self.parts = PartRows(rows)
        self.checkpoints = CheckpointRows(rows)
        self.audit = AuditRows(rows)

    def _read_meta(self, path: str) -> Mapping[str, str]:
        conn = self._db.conn
        found = tuple(conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if found != (schema.APPLICATION_ID, schema.SCHEMA_VERSION):
            raise MalformedError(f"{path} is no Tallystick ledger of schema version {schema.SCHEMA_VERSION}")
        meta = dict(conn.execute("SELECT name, value FROM meta"))
        if "origin" not in meta:
            raise MalformedError(f"{path} does not say of which origin it is")
        return meta

    def meta(self) -> Mapping[str, str]:
        return self._meta

    @contextmanager
    def writing(self) -> Iterator[None]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        with self._lock:
            conn = self._db.conn
            if conn.in_transaction:
                raise RuntimeError("writing must not nest, nor stand inside reading")
            try:
                conn.execute("BEGIN IMMEDIATE")  # the writer's lock, before anything is read
            except sqlite3.Error as error:
                raise translated(error, "the writer's lock cannot be had") from error
            try:
                self._check_in_place()
                yield
            except BaseException as error:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise translated(error, "the write failed and nothing of it was kept") from error
                raise
            try:
                conn.execute("COMMIT")  # the commit point: after it the batch is the log's, and on the disk
            except sqlite3.Error as error:
                if conn.in_transaction:  # SQLite kept the transaction open, so nothing of it is in the file
                    conn.execute("ROLLBACK")
                    raise translated(error, "the commit failed and nothing of it was kept") from error
                raise UnknownOutcomeError("the commit did not answer", hint="reopen the ledger and look") from error

    def _check_in_place(self) -> None:
        """Hold the files at their names to those that are open: SQLite goes on in a file that was replaced or removed."""
        for path in self._named:
            try:
                found = os.stat(path)  # noqa: PTH116 - on every write, and the plain call takes a third of the time
            except OSError:
                found = None
            here = found and (found.st_dev, found.st_ino)
            if here is None and path not in self._opened:
                continue
            if here is None or self._opened.setdefault(path, here) != here:
                raise ReplacedError(
                    f"{path.name} is no longer the file that this process opened",
                    hint="open the ledger again: it then says whether this is an older copy",
                )

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
        rows = self._rows.among("SELECT seq, salt, bytes FROM body WHERE seq", seqs)
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
            # reader holds an older snapshot, and say so when one does. `secure_delete` alone would cost the changed pages
            # only, and is not enough: where SQLite rebuilds a page it leaves copies of cells that moved in the gap between
            # them, and a later DELETE overwrites the cell and not its copy, in pages that it may not even touch. Measured,
            # with 3.40: of 6,400 deleted hashes 6 were still in the file (docs/performance.md).
            try:
                self._db.conn.execute("VACUUM")
                busy = self._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise translated(error, "the file cannot be scrubbed") from error
        if busy:
            raise BusyError("a reader holds an old snapshot, so the write-ahead log cannot be emptied yet")

    def reader(self) -> SqliteStore:
        return SqliteStore(self.path, read_only=True)

    def joined(self, connection: object) -> Store:  # noqa: ARG002 - the contract's shape
        raise RefusedError(
            "a ledger in a SQLite file cannot be written inside another transaction",
            hint="that is for PostgreSQL, where business rows and the ledger share a database",
        )

    def projections(self) -> sqlite_utils.Database:
        return self._db

    def projecting(self) -> AbstractContextManager[None]:
        return self.writing()

    def close(self) -> None:
        self._db.conn.close()


def existing(path: str) -> ConflictError:
    """Return the error that says that something stands at `path`."""
    return ConflictError(f"{path} exists already", hint="open it, or choose another name")


def put_in_place(fresh: str, path: str) -> None:
    """Give a closed ledger file the name `path`, durably, and never that of something that stands there.

    Raises:
        ConflictError: Something does; it is left as it was.
        RefusedError: The name cannot be given.
    """
    try:
        os.link(fresh, path)
        sync = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(sync)
        finally:
            os.close(sync)
    except FileExistsError as error:
        raise existing(path) from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be created: {error.strerror}") from error


def remove(path: str) -> None:
    """Remove a ledger's files; what a creation takes back, and nobody else calls."""
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
