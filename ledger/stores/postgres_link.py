"""One connection to one log in PostgreSQL, made again after the server was away.

    between transactions   a lost connection is made again, and what only read is asked again
    before the commit      it is BusyError: the server undid everything
    at the commit          it is UnknownOutcomeError: nobody knows, and sending the same events again is harmless (I4)

Durability is said in every transaction, for a pooler, a role or a database may have another default.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from ledger.stores.postgres_address import Address
from ledger.stores.postgres_commit import commit
from ledger.stores.postgres_errors import is_lost, lost, translated, unreachable
from ledger.stores.postgres_schema import check_version, objects
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, UnknownOutcomeError

_Found = TypeVar("_Found")
_PAGE: Final = 2_000
# `on` waits for the local disk and, where synchronous_standby_names names some, for their disks; the other two are the
# administrator's choice of what a standby must have done. `off` and `local` acknowledge what a crash or a failover takes back.
DURABLE: Final = ("on", "remote_apply", "remote_write")
# Bodies of some kilobytes are compressed by the server; its own default takes ten times as long for it.
_LZ4: Final = "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
_READ_FAILED: Final = "the ledger cannot be read"
# The savepoint keeps the snapshot when one question of many fails, as those of `fsck` to a damaged database do.
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SAVEPOINT asked"
_KEEP_SNAPSHOT: Final = "ROLLBACK TO SAVEPOINT asked"


class Link:
    """A session that knows its log.

    Attributes:
        log: The log's number in the database.
        origin: The log's name.
        lock: Threads of one handle take turns.
        wait_ms: How long a writer waits for the head row.
    """

    _is_reading = False
    _holder: int | None = None

    def __init__(self, address: Address, *, origin: str | None, busy_seconds: float) -> None:
        """Connect, and find the log; raises as `PostgresStore`."""
        self.lock = threading.RLock()
        self._address = address
        self.wait_ms = max(int(busy_seconds * 1000), 1)
        self._warnings: list[str] = []
        self._cursors = itertools.count()
        self._conn = connect(address)
        try:
            self.log, self.origin = self._prepare(origin)
        except BaseException:
            self._conn.close()
            raise

    def _prepare(self, origin: str | None) -> tuple[int, str]:
        """Look at a fresh session: version, durability, and which log."""
        conn = self._conn
        try:
            check_version(conn, self._address.shown)
            self._durability = durability(conn)
            self._compression = (
                "SET LOCAL default_toast_compression = lz4;" if plain_cursor(conn).execute(_LZ4).fetchone() else ""
            )
            conn.add_notice_handler(self._note)
            return _find_log(conn, origin, self._address.shown)
        except psycopg.Error as error:
            raise translated(error, f"the ledger at {self._address.shown} cannot be opened") from error

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    @property
    def session(self) -> object:
        """What is another object after every new connection."""
        return self._conn

    @property
    def in_transaction(self) -> bool:
        """True inside `writing` and `reading`."""
        return self._conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    @property
    def is_mine(self) -> bool:
        """True inside this thread's own `writing` and `reading`."""
        return self._holder == threading.get_ident()

    def _again(self) -> None:
        """Make a new session to the same log.

        What goes wrong now may be told to strangers, by a server: the place is named where a ledger is opened, and not here.
        """
        self._conn.close()
        try:
            self._conn = connect(self._address)
            self.log, self.origin = self._prepare(self.origin)
        except BusyError as error:
            self._conn.close()  # a session that was not looked at is not used
            raise BusyError(
                "PostgreSQL cannot be reached", hint="try again: the next call makes a new connection"
            ) from error
        except (MissingError, MalformedError, RefusedError) as error:
            self._conn.close()
            what = "the ledger's database is not what it was when it was opened"
            raise type(error)(what, hint="reopen the ledger") from error

    def _idle(self) -> psycopg.Connection[Any]:
        """The connection, outside of any transaction."""
        if self._conn.closed or self._conn.info.transaction_status != TransactionStatus.IDLE:
            self._again()  # the server went away, or somebody pressed Ctrl-C in the middle of something
        return self._conn

    def rows(self, query: LiteralString, *values: object) -> list[Any]:
        """Return all rows of a query."""
        return self._asked(lambda conn: plain_cursor(conn).execute(query, values, binary=True).fetchall())

    def one(self, query: LiteralString, *values: object) -> Any:
        """Return the first row of a query, or None."""
        return self._asked(lambda conn: plain_cursor(conn).execute(query, values, binary=True).fetchone())

    def each(self, query: LiteralString, *values: object) -> Iterator[Any]:
        """Yield the rows of a query, by pages inside `reading`, so that other queries may stand between them."""
        if not self.in_transaction:
            yield from self.rows(query, *values)
            return
        name = f"tally_{next(self._cursors)}"
        paged = psycopg.ServerCursor(self._conn, name, row_factory=tuple_row)
        with self._translating(_READ_FAILED), paged as cursor:
            cursor.execute(query, values, binary=True)
            while page := cursor.fetchmany(_PAGE):
                yield from page

    def _asked(self, ask: Callable[[psycopg.Connection[Any]], _Found]) -> _Found:
        with self.lock:
            if self.in_transaction:
                with self._translating(_READ_FAILED):
                    return ask(self._conn)
            for is_last in (False, True):
                conn = self._idle()
                try:
                    return ask(conn)
                except psycopg.Error as error:
                    if is_last or not is_lost(error, conn):
                        raise translated(error, _READ_FAILED) from error
                    conn.close()
        raise AssertionError  # the second turn returns or raises

    @contextmanager
    def _translating(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if is_lost(error, self._conn):
                raise lost(what) from error
            if self._is_reading:
                self._conn.execute(_KEEP_SNAPSHOT)
            raise translated(error, what) from error

    def execute(self, statement: LiteralString, *values: object) -> None:
        """Run one statement of the open transaction."""
        plain_cursor(self._conn).execute(statement, values)

    def copy(self, statement: LiteralString, types: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
        """Run one binary COPY of the open transaction."""
        with plain_cursor(self._conn) as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot; MAY nest."""
        with self.lock:
            if self.in_transaction:
                yield
                return
            self._begin(_SNAPSHOT)
            self._is_reading = True
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._is_reading, self._holder = False, None
                self._end_reading()

    def _begin(self, statement: LiteralString) -> psycopg.Cursor[Any]:
        """Begin a transaction, on a new connection where the old one turns out to be gone."""
        for is_last in (False, True):
            conn = self._idle()
            try:
                return conn.execute(statement)
            except psycopg.Error as error:
                if not is_lost(error, conn):
                    self._undo()
                    raise translated(error, "the writer's lock cannot be had") from error
                conn.close()
                if is_last:
                    raise lost("the transaction cannot begin") from error
        raise AssertionError  # the second turn returns or raises

    def _end_reading(self) -> None:
        with suppress(psycopg.Error):  # what was read was read; the next call makes a new connection
            self._conn.execute("COMMIT")

    def _undo(self) -> None:
        with suppress(psycopg.Error):  # a connection that cannot roll back is gone, and its transaction with it
            if not self._conn.closed:
                self._conn.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Hold the head row and one transaction; yields the log's size."""
        with self.lock:
            if self.in_transaction:
                raise RuntimeError("writing must not nest, nor stand inside reading")
            size = self._lock_head()
            self._holder = threading.get_ident()
            try:
                yield size
            except psycopg.Error as error:
                is_gone = is_lost(error, self._conn)
                self._undo()
                what = "the write failed and nothing of it was kept"
                raise (lost(what) if is_gone else translated(error, what)) from error
            except BaseException:
                self._undo()
                raise
            finally:
                self._holder = None
            self._commit()

    def _lock_head(self) -> int:
        # One message: what a commit waits for, the time-out of every statement, and the lock.
        begin: Any = (
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
            f"SET LOCAL synchronous_commit = {self._durability}; SET LOCAL statement_timeout = {2 * self.wait_ms};"
            f"{self._compression}"
            f"SELECT tallystick.lock_log({self.log}, {self.wait_ms})"
        )
        cursor = self._begin(begin)
        while cursor.nextset():
            pass
        (size,) = cursor.fetchone() or (0,)
        return int(size)

    def _commit(self) -> None:
        self._warnings.clear()
        try:
            # The commit point: after it the batch is the log's.
            said = commit(self._conn, seconds=2 * self.wait_ms / 1000)
        except psycopg.Error as error:
            if is_lost(error, self._conn) or self.in_transaction:
                self._conn.close()
                raise UnknownOutcomeError("the commit did not answer", hint="reopen the ledger and look") from error
            raise translated(error, "the commit failed and nothing of it was kept") from error
        except BaseException:
            self._conn.close()  # somebody pressed Ctrl-C: whether it was committed, only a new session can tell
            raise
        if said is None:
            self._conn.close()
            raise UnknownOutcomeError("the commit did not answer in time", hint="reopen the ledger and look")
        if said != "COMMIT":  # a statement failed inside, and whoever caught the error went on
            raise RefusedError("the transaction had failed before its commit; nothing of it was kept")
        if self._warnings:  # the wait for a standby was cut short: durable here, and perhaps nowhere else
            raise UnknownOutcomeError(
                f"the commit is on this server, and no standby confirmed it: {self._warnings[0]}",
                hint="append the same events again when the standby is back: what is there is not written twice",
            )

    def objects(self) -> list[tuple[str, str, str]]:
        """Return (kind, name, definition) of everything in the ledger's schema."""
        return self._asked(objects)

    def close(self) -> None:
        """Give back the connection; a second call does nothing."""
        self._conn.close()


def connect(address: Address) -> psycopg.Connection[Any]:
    """Return a new connection that begins no transaction by itself.

    Raises:
        BusyError: The server cannot be reached.
        MissingError, RefusedError: There is no such database or role, or it does not let us in.
    """
    try:
        return psycopg.connect(address.conninfo, autocommit=True)
    except (psycopg.Error, UnicodeError) as error:
        if isinstance(error, UnicodeError):
            raise RefusedError(f"PostgreSQL at {address.shown} cannot be looked up by that name") from error
        raise unreachable(error, address.shown) from error


def plain_cursor(conn: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return a cursor that takes %s and gives tuples, whatever a caller made of its own connection."""
    return psycopg.Cursor(conn, row_factory=tuple_row)


def durability(conn: psycopg.Connection[Any]) -> str:
    """Return the session's `synchronous_commit`.

    Raises:
        RefusedError: It acknowledges what a crash or a failover would take back.
    """
    found = plain_cursor(conn).execute("SHOW synchronous_commit").fetchone() or ("off",)
    if found[0] not in DURABLE:
        raise RefusedError(
            f"synchronous_commit is {found[0]!r} here, so what is acknowledged could be lost",
            hint="set it to on, remote_apply or remote_write for this role and database",
        )
    return str(found[0])


def _find_log(conn: psycopg.Connection[Any], origin: str | None, place: str) -> tuple[int, str]:
    """(number, origin) of the log that is meant."""
    if origin is not None:
        row = None
        if "\0" not in origin:
            row = conn.execute("SELECT log, origin FROM tallystick.log WHERE origin = %s", (origin,)).fetchone()
        if row is None:
            raise MissingError(f"no log {origin[:200]!r} at {place}", hint="create it with `tally init`")
        return int(row[0]), str(row[1])
    rows = conn.execute("SELECT log, origin FROM tallystick.log ORDER BY origin LIMIT 11").fetchall()
    if not rows:
        raise MissingError(f"no log at {place}", hint="create one with `tally init`")
    if len(rows) > 1:
        names = ", ".join(row[1] for row in rows[:10]) + (", …" if len(rows) > 10 else "")
        raise RefusedError(
            f"the database holds several logs: {names}", hint="name one of them in the URL, as ?origin=NAME"
        )
    return int(rows[0][0]), str(rows[0][1])


def claim(conn: psycopg.Connection[Any], origin: str) -> bool:
    """True when this session alone is making the log `origin`; it holds until the session ends."""
    row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 21569))", (f"tallystick/{origin}",)).fetchone()
    return bool(row and row[0])
