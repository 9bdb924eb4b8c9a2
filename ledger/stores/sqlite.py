"""The embedded store: one SQLite file in WAL mode with synchronous=FULL, so that what is acknowledged is on the disk.

Triggers keep honest programs from rewriting history. They are a seat belt, not the control: whoever owns the file can drop
them, and the chain, the tree and `ledger.fsck` are what shows it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlite_utils

from ledger.sqlitefile import BUSY_SECONDS, ERRORS, Place, SqliteFile, connect, make, sync, translating
from ledger.store import Batch, BodyRow, ReplacedError, Store
from ledger.stores import schema
from ledger.stores.audit import AuditRows
from ledger.stores.rows import CensusRows, CheckpointRows, IdentityRows, PartRows, Rows, StreamRows, TileRows
from proofs.census import stream_hash
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError

_PRAGMAS: Final = (
    "synchronous = FULL",
    "recursive_triggers = ON",
    "foreign_keys = ON",
    "cache_size = -65536",
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
            with translating(f"{path} cannot be read as a ledger", ERRORS):
                self._meta = self._read_meta(path)
                if not read_only:
                    # Kept in the file since it was created, but lost where a copy was made by other means. Only now:
                    # whatever else stands at `path` is not ours to change.
                    self._file.conn.execute("PRAGMA journal_mode = WAL")
                    self._check_in_place()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: str, *, origin: str) -> SqliteStore:
        """Create an empty ledger file and open it.

        Raises:
            ConflictError: Something exists at `path`; it is left as it was.
        """
        try:
            make(Path(path), path, fresh=True)  # for its owner alone: the bodies stand in it in clear
        except FileExistsError as error:
            raise existing(path) from error
        try:
            store = cls.__new__(cls)
            store._connect(path, read_only=False, busy_seconds=BUSY_SECONDS)
            store._file.conn.execute("PRAGMA journal_mode = WAL")
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
        self._place = Place(Path(path), log=True)
        conn = connect(Path(path), path, _PRAGMAS, read_only=read_only, busy_seconds=busy_seconds)
        self._file = SqliteFile(conn, "the ledger", check=self._check_in_place)
        self.lock = self._file.lock
        self._db = sqlite_utils.Database(conn)
        self._rows = rows = Rows(self._file)
        self.streams = StreamRows(rows)
        self.census = CensusRows(rows)
        self.tiles = TileRows(rows)
        self.identities = IdentityRows(rows)
        self.parts = PartRows(rows)
        self.checkpoints = CheckpointRows(rows)
        self.audit = AuditRows(rows)

    def _read_meta(self, path: str) -> Mapping[str, str]:
        conn = self._file.conn
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
        with self._file.writing():
            yield

    def _check_in_place(self) -> None:
        """Hold the files at their names to those that are open."""
        if (moved := self._place.moved()) is not None:
            raise ReplacedError(
                f"{moved.name} is no longer the file that this process opened",
                hint="open the ledger again: it then says whether this is an older copy",
            )

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._file.reading():
            yield

    def size(self) -> int:
        return int(self._rows.one("SELECT ifnull(max(seq), -1) + 1 FROM entry")[0])

    def headers(self, start: int, stop: int) -> list[bytes]:
        rows = self._rows.all("SELECT header FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", start, stop)
        return [row[0] for row in rows]

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        rows = self._rows.among("SELECT seq, salt, bytes FROM body WHERE seq", seqs)
        return {seq: BodyRow(salt, data) for seq, salt, data in rows}

    def write(self, batch: Batch) -> None:
        many = self._file.conn.executemany
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
        conn = self._file.conn
        conn.execute("INSERT INTO forgetting VALUES (1)")  # opens the door in the delete triggers
        conn.executemany("DELETE FROM part WHERE commitment = ?", ((commitment,) for commitment in parts))
        keys = [(seq,) for seq in seqs]
        conn.executemany("UPDATE identity SET content = NULL WHERE seq = ?", keys)
        conn.executemany("DELETE FROM retry WHERE seq = ?", keys)
        conn.execute("DELETE FROM forgetting")

    def scrub(self) -> None:
        self._file.scrub()

    def reader(self) -> SqliteStore:
        return SqliteStore(self.path, read_only=True)

    def joined(self, connection: object) -> Store:  # noqa: ARG002 - the contract's shape
        raise RefusedError(
            "a ledger in a SQLite file cannot be written inside another transaction",
            hint="that is for PostgreSQL, where business rows and the ledger share a database",
        )

    @contextmanager
    def viewing(self) -> Iterator[sqlite_utils.Database]:
        if self._file.is_written_here:
            raise RuntimeError("views must not be read inside writing")
        with self._file.reading():
            yield self._db

    @contextmanager
    def projecting(self) -> Iterator[sqlite_utils.Database]:
        with self.writing():
            yield self._db

    def close(self) -> None:
        self._file.close()


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
        sync(Path(path).parent)
    except FileExistsError as error:
        raise existing(path) from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be created: {error.strerror}") from error


def remove(path: str) -> None:
    """Remove a ledger's files; what a creation takes back, and nobody else calls."""
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
