"""Sound ledgers that are edited by hand: one for each driver, whole copies of it, and the hand.

An edit is written once, against `Editor`. A driver has a `Copy` of its own, which says how a superuser, or whoever owns the file,
gets past its guards; the fixtures `sqlite_copy` and `postgres_copy` hand them out.
"""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import Report, fsck
from ledger.keyring import Keyring
from ledger.projection import StreamIndex
from ledger.rotation import rotate
from ledger.store import Store
from ledger.stores.postgres import PostgresStore
from ledger.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

ORIGIN = "ledger.example/test"
NEIGHBOUR = "ledger.example/neighbour"
MEASURED = "tallystick.slo.measured.v1"
SIZE = 618


def measured(n: int) -> Event:
    body = {"dataset": {"namespace": "warehouse", "name": f"table {n % 5}"}, "n": n}
    return Event.of(MEASURED, "urn:slo", body, id=f"m{n}")


def fill(ledgers: Ledgers) -> Ledgers:
    """Make a ledger with something in every table: full tiles, parts, an erasure, a retry hash, censuses, a handover, a view."""
    log = ledgers.create(origin=ORIGIN)  # entries 0, 1
    log.append([measured(n) for n in range(2, 300)])
    log.take_census()  # 300
    log.checkpoint()
    log.append(Event.of("com.example.household.v1", "urn:crm", {"who": "Ada"}, id="p", parts=("/who",)))  # 301
    log.append(Event.of("com.example.nameless.v1", "urn:crm", {"n": 1}))  # 302: without an id
    datasets = [{"namespace": "w", "name": f"table {n}"} for n in range(200)]
    log.append(Event.of(MEASURED, "urn:slo", {"datasets": datasets}, id="wide"))  # 303, continued by 304
    rotate(log, "log")  # 305, 306
    log.append([measured(n) for n in range(307, 608)])
    for id in ("z", None):  # 608, 609: their parts were erased
        log.append(
            Event.of("com.example.household.v1", "urn:crm", {"who": "Zoe"}, id=id, parts=("/who",), person="zoe")
        )
    erase_person(log, "zoe")  # 610, 611
    log.append(Event.of("com.example.household.v1", "urn:crm", {"who": "Eve"}, id="q", parts=("/who",)))  # 612
    log.take_census()  # 613
    log.append([measured(n) for n in range(614, SIZE)])
    log.checkpoint()
    log.keys()  # fills the stream index
    assert log.size == SIZE
    ledgers.close()
    return ledgers


def fill_beside(ledgers: Ledgers) -> Ledgers:
    """Make the same behind a neighbour in one database, which no edit may touch: the log is number 2."""
    ledgers.create(origin=NEIGHBOUR).append([measured(n) for n in range(2, 5)])
    return fill(ledgers)


class Editor:
    """Reads and changes rows of the log under test, and of no other one; every change must change something.

    A `where` is SQL that every driver reads alike. What a column becomes is a value, or a function of what it was.

    Attributes:
        driver: Whose tables they are.
    """

    def __init__(
        self, driver: str, run: Callable[[str, tuple[object, ...]], Any], *, mark: str, log: Mapping[str, int]
    ) -> None:
        """Edit through `run`, which executes a statement with values.

        Args:
            mark: Stands for a value in a statement.
            log: The column, with its value, that every row of this log has; empty where a database holds one log.
        """
        self.driver = driver
        self._run = run
        self._mark = mark
        self._log = log
        self._scope = "".join(f"{column} = {value} AND " for column, value in log.items())

    def execute(self, statement: str, *values: object) -> None:
        """Execute a statement of the driver's own."""
        assert self._run(statement, values).rowcount != 0

    def row(self, table: str, where: str) -> dict[str, Any]:
        """The one row that is meant."""
        cursor = self._run(f"SELECT * FROM {table} WHERE {self._scope}({where})", ())
        (row,) = cursor.fetchall()
        named = {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
        return {column: value for column, value in named.items() if column not in self._log}

    def insert(self, table: str, **row: object) -> None:
        row = {**self._log, **row}
        marks = ", ".join([self._mark] * len(row))
        self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def update(self, table: str, where: str, **changes: object) -> None:
        """Change the one row that is meant."""
        before = self.row(table, where)
        after = {column: new(before[column]) if callable(new) else new for column, new in changes.items()}
        assert all(before[column] != value for column, value in after.items())
        columns = ", ".join(f"{column} = {self._mark}" for column in after)
        self.execute(f"UPDATE {table} SET {columns} WHERE {self._scope}({where})", *after.values())

    def delete(self, table: str, where: str = "true") -> None:
        self.execute(f"DELETE FROM {table} WHERE {self._scope}({where})")


class Copy(ABC):
    """A whole copy of a driver's sound ledger.

    Attributes:
        driver: Whose it is.
        views: The SQLite file in which the tables of its projections are.
        keyring: The genuine one, with the head.
    """

    driver: str
    views: Path
    keyring: Keyring

    @abstractmethod
    def lifted(self) -> AbstractContextManager[Editor]:
        """A hand that no guard holds back; the guards are there again behind the block."""

    @abstractmethod
    def store(self) -> Store:
        """The copy as fsck reads it."""

    def check(self) -> Report:
        """What fsck says with everything that it can be given."""
        with closing(self.store()) as store:
            return fsck(store, keyring=self.keyring, projections=[StreamIndex()])

    def places(self) -> set[tuple[str, str]]:
        """What `check` finds, and where."""
        return {(finding.code, finding.where) for finding in self.check().findings}


def keyring_of(sound: Ledgers) -> Keyring:
    return Keyring(ORIGIN, sound.home, lambda: b"correct horse")


class SqliteCopy(Copy):
    """A file of its own, in which whoever owns it can drop the triggers."""

    driver = "sqlite"

    def __init__(self, sound: Ledgers, folder: Path) -> None:
        self.path = Path(shutil.copy(sound.path(), folder / "log.db"))
        self.views = self.path
        self.keyring = keyring_of(sound)

    @contextmanager
    def lifted(self) -> Iterator[Editor]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                db.execute(f"DROP TRIGGER {name}")
            yield Editor(self.driver, db.execute, mark="?", log={})
            for _, sql in triggers:
                db.execute(sql)

    def store(self) -> Store:
        return SqliteStore(str(self.path), read_only=True)


class PostgresCopy(Copy):
    """A database of its own, in which the log is number 2 beside a neighbour, and a file of views."""

    driver = "postgres"

    def __init__(self, sound: Ledgers, server: Server, name: str, folder: Path) -> None:
        self.server = server
        self.name = name
        self.views = Path(shutil.copy(next(sound.home.glob("*test*/views.db")), folder / "views.db"))
        self.keyring = keyring_of(sound)

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's session, in which every guard stands."""
        with self.server.connect(self.name) as conn:
            conn.execute("SET search_path = tallystick")
            yield conn

    @contextmanager
    def lifted(self) -> Iterator[Editor]:
        with self.session() as conn:
            conn.execute("SET session_replication_role = replica")
            yield Editor(self.driver, lambda sql, values: conn.execute(sql.encode(), values), mark="%s", log={"log": 2})

    def store(self) -> Store:
        return PostgresStore(self.url, origin=ORIGIN, read_only=True, views=lambda _: self.views)
