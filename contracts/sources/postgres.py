"""A table or view of a PostgreSQL database, read through a cursor of the server in one snapshot, read-only.

Columns are asked for as text and read in the engine's type that holds the same values; those of types that it does not have
are text, of which every value says whether it is written as the contract wants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts.source import Opened
from contracts.sources.loaded import ROWS, Copied, loaded
from contracts.sources.unhashed import Unhashed
from proofs.errors import BusyError, MalformedError, MissingError, TallyError

if TYPE_CHECKING:
    import psycopg

_TYPES: Final = {
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "oid": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "bpchar": "VARCHAR",
    "name": "VARCHAR",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "bytea": "BLOB",
    "json": "VARCHAR",
    "jsonb": "VARCHAR",
}
_COLUMNS: Final = """SELECT a.attname, t.typname, t.typtype, a.atttypmod FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE n.nspname = %s AND c.relname = %s AND c.relkind = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_STATE: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
)


@dataclass(frozen=True, slots=True)
class PostgresTable(Unhashed):
    """One table, partitioned table, view or foreign table.

    Attributes:
        url: As psycopg takes it; it may hold a password, and is in no message.
    """

    url: str = field(repr=False)
    table: str
    schema: str = "public"

    @property
    def label(self) -> str:
        """The table."""
        return f"the table {self.schema}.{self.table}"

    @property
    def kind(self) -> str:
        """PostgreSQL."""
        return "postgresql"

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Copy the table as it is now.

        Raises:
            BusyError: The server does not answer, or does not let us in.
        """
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=10) as connection:
                for statement in _STATE:
                    connection.execute(statement.encode())
                columns = self._columns(connection)
                with loaded(
                    self, "postgresql", columns, self._rows(connection, columns), bounded=bounded, writes=writes
                ) as batch:
                    connection.rollback()
                    yield batch
        except psycopg.OperationalError:
            raise BusyError(f"{self.label} cannot be read: the server does not answer as it should") from None
        except (psycopg.Error, UnicodeDecodeError) as error:
            raise self._refused(error) from None  # messages quote values

    def _refused(self, error: Exception) -> TallyError:
        return MalformedError(f"{self.label} cannot be read: {type(error).__name__}")

    def _columns(self, connection: psycopg.Connection[Any]) -> list[Copied]:
        found = connection.execute(_COLUMNS, [self.schema, self.table, list("rpvmf")]).fetchall()
        if not found:
            raise MissingError(f"there is no table {self.table!r} in schema {self.schema!r}")
        return [_column(*row) for row in found]

    def _rows(
        self, connection: psycopg.Connection[Any], columns: list[Copied]
    ) -> Iterator[list[tuple[str | None, ...]]]:
        from psycopg import sql

        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in columns)
        query = sql.SQL("SELECT {} FROM {}").format(texts, sql.Identifier(self.schema, self.table))
        with connection.cursor("tallystick") as cursor:
            cursor.execute(query)
            while batch := cursor.fetchmany(ROWS):
                yield batch


def _column(name: str, type: str, category: str, modifier: int) -> Copied:
    if type == "numeric" and modifier >= 4:
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
        if precision <= 38 and scale <= precision:
            return Copied(name, f"DECIMAL({precision},{scale})")
    if type == "bytea":
        return Copied(name, "BLOB", read="from_hex(substr({x}, 3))")
    if type in _TYPES:
        return Copied(name, _TYPES[type])
    return Copied(name, "VARCHAR") if category == "e" else Copied(name, "VARCHAR", as_text=True)
