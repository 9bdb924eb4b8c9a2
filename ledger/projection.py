"""Views of the log that can be thrown away: position and output move in one transaction, and a replay gives the same bytes (I19).

A projection never runs while an event is appended. Whoever reads it first brings it up to the log's end.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final, Protocol

import sqlite_utils

from ledger.record import Record, read_range
from ledger.store import Store
from ledger.stores.views import Views
from proofs.errors import MalformedError, MissingError, RefusedError, TamperedError

PAGE: Final = 2_000
PAGE_SECONDS: Final = 0.5  # and then whoever waits to write has a turn, however long one record takes
Progress = Callable[[int, int], None]
"""Called with (done, total) while a long catch-up runs."""


class Projection(Protocol):
    """A pure function of the log, written to tables of its own.

    Attributes:
        name: `[a-z_]+`; every table that it creates is named `<name>_…`.
        version: Raised when the output for the same log changes; the old output is then dropped and replayed.
        types: The event types that it wants; empty means all.
        wants_bodies: False when headers are enough.
    """

    name: str
    version: int
    types: frozenset[str]
    wants_bodies: bool

    def create(self, db: sqlite_utils.Database) -> None:
        """Create the tables. MUST NOT begin or end a transaction."""

    def apply(self, db: sqlite_utils.Database, record: Record) -> None:
        """Fold one record in, each exactly once and in order of seq. MUST depend on nothing but what came before."""


class BodyFold(ABC):
    """A projection of what bodies say: it makes `tables`, and hands `fold` one body after another.

    Attributes:
        tables: The SQL that creates them, STRICT.
        keeps_unread: What cannot be folded stands in a table `<name>_unread (seq, type, reason)`: "withheld" (the body is
            gone), "malformed", or the word that `fold` says. Else it is passed over.
    """

    name: str
    version: int
    types: frozenset[str]
    wants_bodies = True
    tables: Sequence[str]
    keeps_unread = False

    def create(self, db: sqlite_utils.Database) -> None:
        """Create the tables, empty."""
        for statement in self.tables:
            db.execute(statement)
        if self.keeps_unread:
            columns = "seq INTEGER PRIMARY KEY, type TEXT NOT NULL, reason TEXT NOT NULL"
            db.execute(f"CREATE TABLE {self.name}_unread ({columns}) STRICT")

    def apply(self, db: sqlite_utils.Database, record: Record) -> None:
        """Fold one record in, or write down why not."""
        reason = self._folded(db, record)
        if reason and self.keeps_unread:
            row = [record.seq, record.type, reason]
            db.execute(f"INSERT INTO {self.name}_unread VALUES (?, ?, ?)", row)  # noqa: S608 - a name of ours

    def _folded(self, db: sqlite_utils.Database, record: Record) -> str | None:
        if record.body is None:
            return "withheld"
        try:
            return self.fold(db, record, record.body)
        except (
            MalformedError,
            MissingError,
            RefusedError,
        ):  # a record is of strangers: none may stop the log being read
            return "malformed"

    @abstractmethod
    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what a record says; return why not, in a word, where it cannot be folded.

        Raises:
            MalformedError: The body is not what its type says. MUST come before anything is written.
        """


def fold(projection: Projection, db: sqlite_utils.Database, record: Record) -> None:
    """Fold one record into the tables of a projection that wants it.

    Raises:
        TamperedError: It contradicts what came before it.
    """
    if projection.types and record.type not in projection.types:
        return
    try:
        projection.apply(db, record)
    except sqlite3.IntegrityError as error:
        raise TamperedError(
            f"entry {record.seq} contradicts what came before it: {error}",
            where=f"projection {projection.name}",
            hint="run `tally verify`",
        ) from error


class Projector:
    """Runs projections over one store; safe for as many threads as that is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # A reader that may not write keeps its views in memory, and replays the log into them.
        self._own = Views(None, self._entry) if store.read_only else None

    def _entry(self, seq: int) -> bytes | None:
        return next(iter(self._store.headers(seq, seq + 1)), None)

    def catch_up(self, projection: Projection, *, progress: Progress | None = None) -> None:
        """Bring `projection` to the end of the log."""
        size = self._store.size()
        while (position := self._advance(projection, size)) < size:
            if progress is not None:
                progress(position, size)

    @contextmanager
    def viewing(self, projection: Projection) -> Iterator[sqlite_utils.Database]:
        """Bring `projection` to the end of the log, and hold one state of the database with its output, to be read inside.

        Nobody else's change is seen while it is held, and what other threads do through this handle waits: be short. MUST NOT
        stand inside `Store.writing`.
        """
        size = self._store.size()
        while True:
            with self._viewing() as db:
                position = _position(db, projection)
                if position is not None and position >= size:
                    yield db
                    return
            self.catch_up(projection)  # it was behind, or another process has dropped it just now

    def drop(self, name: str) -> None:
        """Forget a projection's output; the next `catch_up` replays the log."""
        with self._projecting() as db:
            _drop(db, name)

    def positions(self) -> list[tuple[str, int]]:
        """Return (name, position) of every projection that has output."""
        with self._viewing() as db:
            return db.execute("SELECT name, position FROM projection ORDER BY name").fetchall()

    @contextmanager
    def _viewing(self) -> Iterator[sqlite_utils.Database]:
        if self._own is None:
            with self._store.viewing() as db:
                yield db
        else:
            with self._store.lock, self._own.reading() as db:
                yield db

    @contextmanager
    def _projecting(self) -> Iterator[sqlite_utils.Database]:
        if self._own is None:
            with self._store.projecting() as db:
                yield db
        else:
            with self._store.lock, self._own.writing() as db:
                yield db

    def _advance(self, projection: Projection, size: int) -> int:
        with self._viewing() as db:
            position = _position(db, projection)
        if position is not None and position >= size:
            return position
        with self._projecting() as db:
            position = _position(db, projection)  # another process may have been faster
            if position is None:
                _drop(db, projection.name)
                projection.create(db)
                db.execute("INSERT INTO projection VALUES (?, ?, 0)", [projection.name, projection.version])
                position = 0
            stop, until = max(position, min(position + PAGE, size)), monotonic() + PAGE_SECONDS
            for record in read_range(self._store, position, stop, bodies=projection.wants_bodies):
                fold(projection, db, record)
                if monotonic() > until:
                    stop = record.seq + 1
                    break
            db.execute("UPDATE projection SET position = ? WHERE name = ?", [stop, projection.name])
        return stop


def _position(db: sqlite_utils.Database, projection: Projection) -> int | None:
    row = db.execute(
        "SELECT position FROM projection WHERE name = ? AND version = ?", [projection.name, projection.version]
    ).fetchone()
    return None if row is None else int(row[0])


def _drop(db: sqlite_utils.Database, name: str) -> None:
    tables = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ?",
        [len(name) + 1, f"{name}_"],
    ).fetchall()
    for (table,) in tables:
        db.execute(f'DROP TABLE "{table}"')
    db.execute("DELETE FROM projection WHERE name = ?", [name])


class StreamIndex:
    """The projection behind every question about a stream: which entry stands at which position."""

    name = "stream_index"
    version = 1
    types: frozenset[str] = frozenset()
    wants_bodies = False

    def create(self, db: sqlite_utils.Database) -> None:
        db.execute("CREATE TABLE stream_index_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT")
        db.execute(
            "CREATE TABLE stream_index_entry (stream INTEGER NOT NULL, position INTEGER NOT NULL, seq INTEGER NOT NULL, "
            "at TEXT NOT NULL, PRIMARY KEY (stream, position)) STRICT, WITHOUT ROWID"
        )

    def apply(self, db: sqlite_utils.Database, record: Record) -> None:
        for name, position in record.streams.items():
            row = db.execute("SELECT id FROM stream_index_name WHERE name = ?", [name]).fetchone()
            known = row or [db.execute("INSERT INTO stream_index_name (name) VALUES (?)", [name]).lastrowid]
            db.execute(
                "INSERT INTO stream_index_entry VALUES (?, ?, ?, ?)", [known[0], position, record.seq, record.at]
            )


def positions(
    db: sqlite_utils.Database, name: str, start: int = 0, stop: int | None = None
) -> list[tuple[int, int, str]]:
    """Return (position, seq, at) of a stream's entries start ≤ position < stop, from a caught-up `StreamIndex`."""
    rows: list[tuple[int, int, str]] = db.execute(
        "SELECT position, seq, at FROM stream_index_entry "
        "WHERE stream = (SELECT id FROM stream_index_name WHERE name = ?) AND position >= ? AND position < ? ORDER BY position",
        [name, start, 2**62 if stop is None else stop],
    ).fetchall()
    return rows
