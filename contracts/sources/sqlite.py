"""A table or view of a SQLite file.

In SQLite the values have types and the columns do not. A column whose values are all integers, numbers or blobs is one of
them; one with text in it is text of which every value says whether it is written as the contract wants, for SQLite has no
dates. A column declared BOOLEAN with no other values than 0 and 1 is one of truth values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from contracts.engine import identifier, literal
from contracts.source import Opened
from contracts.sources.loaded import ROWS, Copied, loaded
from contracts.sources.unhashed import Unhashed
from proofs.errors import MalformedError, MissingError


@dataclass(frozen=True, slots=True)
class SqliteTable(Unhashed):
    """One table or view, read in one transaction; the file is opened for reading alone."""

    path: Path
    table: str

    @property
    def label(self) -> str:
        """The table and its file."""
        return f"the table {self.table!r} of {self.path}"

    @property
    def kind(self) -> str:
        """SQLite."""
        return "sqlite"

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Copy the table as it is now."""
        if not self.path.is_file():
            raise MissingError("there is no such file", where=str(self.path))
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self.path.resolve()))}?mode=ro", uri=True)) as database:
                database.isolation_level = None
                database.execute("PRAGMA trusted_schema = OFF")
                database.execute("BEGIN")
                columns = self._columns(database)
                with loaded(
                    self, "sqlite", columns, self._rows(database, columns), bounded=bounded, writes=writes
                ) as batch:
                    yield batch
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise MalformedError(
                f"{self.label} cannot be read: {type(error).__name__}"
            ) from None  # messages quote values

    def _columns(self, database: sqlite3.Connection) -> list[Copied]:
        known = database.execute(
            "SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden IN (0, 2, 3) ORDER BY cid", [self.table]
        ).fetchall()
        if not known:
            raise MissingError(f"there is no {self.label[4:]}")
        return [self._column(database, name, str(declared).upper()) for name, declared in known]

    def _column(self, database: sqlite3.Connection, name: str, declared: str) -> Copied:
        quoted = identifier(name)
        select = f"SELECT typeof({quoted}), min({quoted}), max({quoted}) FROM {identifier(self.table)} GROUP BY 1"  # noqa: S608 quoted
        found = {kind: (least, most) for kind, least, most in database.execute(select) if kind != "null"}
        if set(found) == {"integer"}:
            if declared.startswith("BOOL") and found["integer"][0] >= 0 and found["integer"][1] <= 1:
                return Copied(name, "BOOLEAN", read="CAST(CAST({x} AS TINYINT) AS BOOLEAN)")
            return Copied(name, "BIGINT")
        if found and set(found) <= {"integer", "real"}:
            return Copied(name, "DOUBLE")
        if set(found) == {"blob"}:
            return Copied(name, "BLOB", read="from_hex({x})")
        return Copied(name, "VARCHAR", as_text=True)

    def _rows(self, database: sqlite3.Connection, columns: list[Copied]) -> Iterator[list[tuple[str | None, ...]]]:
        texts = ", ".join(_text(column) for column in columns)
        cursor = database.execute(f"SELECT {texts} FROM {identifier(self.table)}")  # noqa: S608 quoted
        while batch := cursor.fetchmany(ROWS):
            yield batch


def _text(column: Copied) -> str:
    name = identifier(column.name)
    if column.type == "BLOB":
        return f"hex({name})"
    if column.type == "DOUBLE":
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE format({literal('%!.17g')}, {name}) END"
    return f"CAST({name} AS TEXT)"
