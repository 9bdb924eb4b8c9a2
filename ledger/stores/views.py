"""The views of a log whose store is elsewhere: a SQLite file of this machine, that can be thrown away and replayed (I19).

Beside the rows of the projections it keeps what they were made from: how many entries, and the leaf hash of the last. A log
that does not begin so (a restored database, another history) has them dropped before anybody reads them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlite_utils

from ledger.sqlitefile import ERRORS, SqliteFile, connect, make, memory, translating
from proofs.digest import leaf_hash

# What is lost can be replayed: the file need only be whole, never new.
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON")
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
        if read_only and (path is None or not path.is_file()):
            self.path = None
        self._use(memory() if self.path is None else self._connect(self.path))
        if self.path is None or not read_only:
            self._make_tables()

    def _connect(self, path: Path) -> sqlite3.Connection:
        name = f"the views at {path}"
        if self._read_only:
            return connect(path, name, read_only=True)
        make(path, name)
        return connect(path, name, _PRAGMAS)

    def _use(self, conn: sqlite3.Connection) -> None:
        self._file = SqliteFile(conn, "the file of views")
        self._db = sqlite_utils.Database(conn)

    def _make_tables(self) -> None:
        with translating(f"the views at {self.path} cannot be opened", ERRORS):
            self._db.execute(_PROJECTIONS)
            self._db.execute(_BASIS)

    @contextmanager
    def writing(self) -> Iterator[sqlite_utils.Database]:
        """Hold the file's lock and one transaction; raises as `SqliteFile.writing`."""
        with self._file.writing():
            if not self._is_of_this_log():
                self._drop_all()
            yield self._db
            self._keep_basis()

    @contextmanager
    def reading(self) -> Iterator[sqlite_utils.Database]:
        """Hold the file's lock and one snapshot; MAY nest."""
        with self._file.reading() as conn:
            conn.execute("SELECT count(*) FROM projection").fetchone()  # the snapshot begins with a read
            yield self._db

    def settle(self) -> None:
        """Let go of views that were made from another history than the log's."""
        if self._is_of_this_log():
            return
        if self._read_only:
            self._file.close()
            self.path = None
            self._use(memory())
            self._make_tables()
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
        if self.path is not None:
            self._file.scrub()

    def close(self) -> None:
        """Give back the file."""
        self._file.close()
