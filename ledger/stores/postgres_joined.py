"""A log as seen through a caller's own connection, inside the caller's own transaction.

    caller: BEGIN … business rows … ┐
    here:   SAVEPOINT · lock the head row · …rows… · RELEASE     as often as the caller appends
    caller: … COMMIT                 the commit point of both: rows and entries are there together, or neither

Nothing here begins or ends the caller's transaction. The head row stays locked until that does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from ledger.stores.postgres import PostgresStore
from ledger.stores.postgres_errors import is_lost, lost, translated
from ledger.stores.postgres_link import Link, durability, plain_cursor
from ledger.stores.views import Views
from proofs.errors import RefusedError

# Which cluster and which database: a copy of the database elsewhere holds a log of the same name, and must not be mistaken.
_PLACE: Final = "SELECT (SELECT system_identifier FROM pg_control_system()), current_database()"
_LOCK: Final = "SELECT tallystick.lock_log(%s, %s)"
_SAVE, _UNDO, _KEEP = "SAVEPOINT tally", "ROLLBACK TO SAVEPOINT tally", "RELEASE SAVEPOINT tally"


class JoinedLink(Link):
    """A caller's session; never made again, and never committed here."""

    def __init__(self, link: Link, conn: psycopg.Connection[Any]) -> None:
        self.lock = link.lock
        self.log, self.origin = link.log, link.origin
        self._conn = conn
        self.wait_ms = link.wait_ms
        self._depth = 0

    def _idle(self) -> psycopg.Connection[Any]:
        return self._conn

    @contextmanager
    def reading(self) -> Iterator[None]:
        yield  # inside the caller's transaction and its snapshot

    @contextmanager
    def writing(self) -> Iterator[int]:
        conn, what = self._conn, "the write failed and nothing of it was kept"
        if self._depth:
            raise RuntimeError("writing must not nest")
        self._check_open()
        self._depth += 1
        try:
            conn.execute(_SAVE)
            try:
                row = plain_cursor(conn).execute(_LOCK, (self.log, self.wait_ms)).fetchone()
                yield int((row or (0,))[0])
                conn.execute(_KEEP)
            except BaseException:
                if not conn.closed:
                    conn.execute(_UNDO)
                    conn.execute(_KEEP)
                raise
        except psycopg.Error as error:
            raise (lost(what) if is_lost(error, conn) else translated(error, what)) from error
        finally:
            self._depth -= 1

    def _check_open(self) -> None:
        status = self._conn.info.transaction_status
        if self._conn.closed or status in (TransactionStatus.INERROR, TransactionStatus.UNKNOWN):
            raise RefusedError("the caller's transaction has failed or is gone; nothing can be written inside it")
        if status == TransactionStatus.IDLE and self._conn.autocommit:
            raise RefusedError(
                "the caller's connection is in no transaction, so there is nothing to write inside of",
                hint="begin one, as `with connection.transaction():`",
            )

    def close(self) -> None:
        """Nothing to give back: the connection is the caller's."""


class JoinedStore(PostgresStore):
    """A handle on a caller's connection; raises as `Store.joined`."""

    def __init__(self, link: Link, connection: object) -> None:
        if not isinstance(connection, psycopg.Connection):
            kind = type(connection)
            raise RefusedError(f"a ledger joins a psycopg.Connection, not a {kind.__module__}.{kind.__qualname__}")
        joined = JoinedLink(link, connection)
        joined._check_open()
        try:
            ours, theirs = link.one(_PLACE), plain_cursor(connection).execute(_PLACE).fetchone()
            durability(connection)
        except psycopg.Error as error:
            raise translated(error, "the caller's transaction cannot be joined") from error
        if connection.info.encoding != "utf-8":
            raise RefusedError(f"the caller's connection speaks {connection.info.encoding}, expected utf-8")
        if theirs is None or tuple(ours) != tuple(theirs):
            raise RefusedError("the caller's connection is to another database than the ledger's")
        self._attach(joined, read_only=False)

    def _opened_views(self) -> Views:
        raise RefusedError("views are not read inside a caller's transaction: what it wrote may never be committed")

    def close(self) -> None:
        """Nothing to give back: the connection is the caller's."""
