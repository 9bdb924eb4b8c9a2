"""The store of teams: several logs in one PostgreSQL database, each with its own chain, and one locked head row per log.

    writing    BEGIN · lock the head row · …rows… · COMMIT       one writer a log, many logs at once
    reading    one REPEATABLE READ snapshot

Threads of one handle take its locks in one order: `lock`, with which they read snapshots and views; the file of views; the link.

Privileges and guards keep honest programs from rewriting history. They are a seat belt, not the control: whoever owns the
database can lift them, and the chain, the tree and `ledger.fsck` are what shows it. Views stand in a SQLite file of this
machine (docs/adr/0007-projections-beside-postgresql.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlite_utils

from ledger.store import Batch, BodyRow, Store
from ledger.stores import postgres_schema
from ledger.stores.postgres_address import Address, parse_address
from ledger.stores.postgres_audit import AuditRows
from ledger.stores.postgres_commit import commit
from ledger.stores.postgres_errors import translated
from ledger.stores.postgres_link import Link, claim, connect
from ledger.stores.postgres_rows import CensusRows, CheckpointRows, IdentityRows, PartRows, StreamRows, TileRows
from ledger.stores.views import Views
from proofs.errors import ConflictError, RefusedError, UnknownOutcomeError

BUSY_SECONDS: Final = 60.0
ViewsPath = Callable[[str], Path | None]
# Up to so many entries, one statement is quicker than one COPY after the other.
_COPIED: Final = 24
_COUNT: Final = "SELECT tallystick.count_streams(%s::int4, %s::text[], %s::int8[])"


class PostgresStore:
    """A log in a PostgreSQL database; safe for many processes, and for many threads of one.

    Attributes:
        address: Where it stands; shown without its password.
    """

    def __init__(
        self,
        url: str | Address,
        *,
        origin: str | None = None,
        read_only: bool = False,
        busy_seconds: float = BUSY_SECONDS,
        views: ViewsPath | None = None,
    ) -> None:
        """Open the log that `url` or `origin` names, or the only one that is there.

        Args:
            busy_seconds: How long a writer waits for the log's lock; a statement and the commit may take twice that.
            views: Returns the file of this machine for what is projected from the log of an origin; None, memory.

        Raises:
            MissingError: There is no such database, no ledger in it, or no such log.
            MalformedError: The tables are of another version than this program's.
            RefusedError: Several logs are there and none was named; the server does not let us in; or it would acknowledge
                what it can lose (`synchronous_commit`).
            BusyError: The server cannot be reached.
        """
        self.address = parse_address(url) if isinstance(url, str) else url
        link = Link(self.address, origin=self.address.origin or origin, busy_seconds=busy_seconds)
        self._attach(link, read_only=read_only)
        self._busy_seconds = busy_seconds
        self._views_path = views
        self._views: Views | None = None
        self._settled: object = None

    def _attach(self, link: Link, *, read_only: bool) -> None:
        self.read_only = read_only
        self.lock = threading.RLock()
        self._link = link
        self._held: int | None = None  # the size, while this handle holds the head row
        self.streams = StreamRows(link)
        self.census = CensusRows(link)
        self.tiles = TileRows(link)
        self.identities = IdentityRows(link)
        self.parts = PartRows(link)
        self.checkpoints = CheckpointRows(link)
        self.audit = AuditRows(link)

    @classmethod
    def create(
        cls, url: str | Address, *, origin: str, busy_seconds: float = BUSY_SECONDS, views: ViewsPath | None = None
    ) -> PostgresStore:
        """Create an empty log, and the tables where there are none, and open it.

        Where an earlier creation died before its first entry, this one takes its place.

        Raises:
            ConflictError: A log of this origin is there, or is being created.
            RefusedError: The URL names another origin, or the role may not create.
        """
        address = parse_address(url) if isinstance(url, str) else url
        if address.origin not in (None, origin):
            raise RefusedError(
                f"the URL names the origin {str(address.origin)[:200]!r}, and {origin!r} is to be created"
            )
        conn = connect(address)
        try:
            if postgres_schema.version_of(conn) == 0:
                postgres_schema.migrate(conn)
            postgres_schema.check_version(conn, address.shown)
            _refuse_existing(conn, origin)
            if not claim(conn, origin):
                raise ConflictError(f"the log {origin} is being created by somebody else")
            if not _refuse_existing(conn, origin):
                conn.execute("BEGIN")
                conn.execute("SELECT tallystick.create_log(%s)", (origin,))
                if commit(conn, seconds=2 * busy_seconds) != "COMMIT":
                    raise UnknownOutcomeError("the commit did not answer in time", hint="create the log again")
            store = cls(address, origin=origin, busy_seconds=busy_seconds, views=views)
        except psycopg.Error as error:
            conn.close()
            raise translated(error, f"the log {origin} cannot be created") from error
        except BaseException:
            conn.close()
            raise
        store._claim = conn  # until the first entry is in, the session keeps others from taking the empty log
        return store

    _claim: psycopg.Connection[Any] | None = None

    def meta(self) -> Mapping[str, str]:
        return {"format": "1", "origin": self._link.origin}

    @contextmanager
    def writing(self) -> Iterator[None]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        with self._link.lock:
            with self._link.writing() as size:
                self._held = size
                try:
                    yield
                    has_entries = self._held > 0
                finally:
                    self._held = None
            if has_entries:
                self._release_claim()

    def _release_claim(self) -> None:
        """The log has its first entry: nobody takes it for one whose creation died."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        with ExitStack() as held:
            if not self._link.is_mine:  # else inside `writing` or `reading`, which have what it takes
                held.enter_context(self.lock)
                if self.read_only:
                    # First the views, then the log: what stands in the views is then in the log's snapshot too.
                    held.enter_context(self._opened_views().reading())
            held.enter_context(self._link.reading())
            yield

    def size(self) -> int:
        with self._link.lock:
            if self._held is not None:
                return self._held
            select = "SELECT coalesce(max(seq) + 1, 0) FROM tallystick.entry WHERE log = %s"
            return int(self._link.one(select, self._link.log)[0])

    def headers(self, start: int, stop: int) -> list[bytes]:
        rows = self._link.rows(
            "SELECT header FROM tallystick.entry WHERE log = %s AND seq >= %s AND seq < %s ORDER BY seq",
            self._link.log,
            start,
            stop,
        )
        return [row[0] for row in rows]

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        select = "SELECT seq, salt, bytes FROM tallystick.body WHERE log = %s AND "
        if isinstance(seqs, range) and seqs.step == 1:
            order = f"{select} seq >= %s AND seq < %s ORDER BY seq"
            rows = self._link.rows(order, self._link.log, seqs.start, seqs.stop)
        else:
            rows = self._link.rows(f"{select} seq = ANY(%s::int8[]) ORDER BY seq", self._link.log, list(seqs))
        return {seq: BodyRow(salt, data) for seq, salt, data in rows}

    def write(self, batch: Batch) -> None:
        try:
            if len(batch.entries) > _COPIED or len(batch.bodies) > _COPIED or len(batch.identities) > _COPIED:
                self._copy(batch)
            else:
                self._insert(batch)
        except psycopg.Error as error:
            found = translated(error, "the batch cannot be written")
            if isinstance(found, ConflictError):
                raise found from error
            raise  # `writing` finds the words: only it knows whether the connection is still there
        if batch.entries and self._held is not None:
            self._held += len(batch.entries)

    def _copy(self, batch: Batch) -> None:
        for table, columns, types, rows in _tables(batch):
            if rows:
                statement: Any = f"COPY tallystick.{table} (log, {', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
                self._link.copy(statement, ("int4", *types), ((self._link.log, *row) for row in rows))
        self._count(batch.counters)

    def _insert(self, batch: Batch) -> None:
        """Write everything by one statement: one round trip, where COPY takes two for each table."""
        inserts, values = [], []
        for table, columns, types, rows in _tables(batch):
            if rows:
                arrays = ", ".join(f"%s::{type}[]" for type in types)
                into = f"tallystick.{table} (log, {', '.join(columns)})"
                inserts.append(f"{table} AS (INSERT INTO {into} SELECT %s::int4, * FROM unnest({arrays}))")  # noqa: S608 - names of ours
                values += [self._link.log, *(list(column) for column in zip(*rows, strict=True))]
        if not inserts:
            self._count(batch.counters)
            return
        statement: Any = f"WITH {', '.join(inserts)} {_COUNT}"
        self._link.execute(statement, *values, self._link.log, list(batch.counters), list(batch.counters.values()))

    def _count(self, counters: Mapping[str, int]) -> None:
        if counters:
            self._link.execute(_COUNT, self._link.log, list(counters), list(counters.values()))

    def forget(self, *, parts: Iterable[bytes], seqs: Iterable[int]) -> None:
        self._link.execute(
            "SELECT tallystick.forget(%s, %s::bytea[], %s::int8[])", self._link.log, list(parts), list(seqs)
        )

    def scrub(self) -> None:
        """Scrub the views of this machine. What the server keeps (dead rows until VACUUM, its log, its backups) is beyond us."""
        with self._holding_views() as views:
            views.scrub()

    def reader(self) -> PostgresStore:
        return PostgresStore(
            self.address,
            origin=self._link.origin,
            read_only=True,
            busy_seconds=self._busy_seconds,
            views=self._views_path,
        )

    def joined(self, connection: object) -> Store:
        from ledger.stores.postgres_joined import JoinedStore

        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        return JoinedStore(self._link, connection)

    @contextmanager
    def viewing(self) -> Iterator[sqlite_utils.Database]:
        with self._holding_views() as views, views.reading() as db:
            yield db

    @contextmanager
    def projecting(self) -> Iterator[sqlite_utils.Database]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        with self._holding_views() as views, views.writing() as db:
            yield db

    @contextmanager
    def _holding_views(self) -> Iterator[Views]:
        if self._held is not None and self._link.is_mine:
            raise RuntimeError("views must not be read inside writing")
        with self.lock:
            yield self._opened_views()

    def _opened_views(self) -> Views:
        if self._views is None:
            path = None if self._views_path is None else self._views_path(self._link.origin)
            self._views = Views(path, self._entry, read_only=self.read_only)
        if self._settled is not self._link.session:  # a new session may be to a database that was put back
            self._settled = self._link.session
            self._views.settle()
        return self._views

    def _entry(self, seq: int) -> bytes | None:
        return next(iter(self.headers(seq, seq + 1)), None)

    def close(self) -> None:
        self._release_claim()
        if self._views is not None:
            self._views.close()
        self._link.close()


def _refuse_existing(conn: psycopg.Connection[Any], origin: str) -> bool:
    """True when there is a log of this origin without any entry, which may be taken over."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM tallystick.entry WHERE entry.log = log.log) FROM tallystick.log WHERE origin = %s",
        (origin,),
    ).fetchone()
    if row is not None and row[0]:
        raise ConflictError(f"the log {origin} exists already", hint="open it, or choose another origin")
    return row is not None


def _tables(batch: Batch) -> list[tuple[str, Sequence[str], Sequence[str], Sequence[Sequence[object]]]]:
    """(table, columns, types, rows) of all that a batch adds; entries come last, so that the head moves behind the rest."""
    return [
        ("body", ("seq", "salt", "bytes"), ("int8", "bytea", "bytea"), batch.bodies),
        ("identity", ("id", "source", "seq", "content"), ("text", "text", "int8", "bytea"), batch.identities),
        ("part", ("seq", "pointer", "commitment", "sealed"), ("int8", "text", "bytea", "bytea"), batch.parts),
        ("retry", ("content", "seq"), ("bytea", "int8"), batch.retries),
        ("tile", ("level", "idx", "root", "hashes"), ("int4", "int8", "bytea", "bytea"), batch.tiles),
        ("entry", ("seq", "header"), ("int8", "bytea"), batch.entries),
    ]
