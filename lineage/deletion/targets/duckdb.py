"""DuckDB: rows deleted by key in one file, and looked for by a second component over a connection of its own.

What is reached is L2: no query on the current version finds the row. DuckDB has no time travel, but a deleted row's bytes
can stand in freed blocks of the file until they are written over, and compression hides them from a search of the file;
so the executor checkpoints, which empties the write-ahead log, and names the rest as a residual.

Personal values are bound parameters, cast to the column's type by a `TRY_CAST` that cannot fail aloud: DuckDB's own errors
quote the value that they could not convert. No error of DuckDB leaves this file, not even as a cause.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from lineage.deletion.facts import Component, Place, Residual
from lineage.deletion.stores import Deleted, Probe
from proofs.errors import BusyError, MissingError, RefusedError, TallyError

FREED_BLOCKS: Final = Residual(where="duckdb:file", reason="freed-blocks-not-overwritten")
LOG_NOT_EMPTIED: Final = Residual(where="duckdb:wal", reason="checkpoint-refused")

OTHERS: Final = 100

_INTEGERS: Final = "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE"
_NUMERIC: Final = re.compile(rf"(?:{_INTEGERS.replace(' ', '|')}|DECIMAL\([0-9]{{1,2}},[0-9]{{1,2}}\))\Z")
_TEXTUAL: Final = frozenset(("VARCHAR", "UUID"))
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
# "12.7" cast to INTEGER is 13, and "1e2" is 100: another person's rows.
# Beyond these two neighbours are one number to the column: another person's rows again.
_EXACT_BELOW: Final = {"FLOAT": 2**24, "DOUBLE": 2**53}
_INTEGER: Final = re.compile(r"(?:0|-?[1-9][0-9]{0,37})\Z")

T = TypeVar("T")


class DuckDBExecutor:
    """Deletes in the database file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.component = Component(name="duckdb-executor", version=version("duckdb"))

    def delete(self, place: Place, values: Sequence[str]) -> Deleted:
        """Delete every row at `place` whose column holds one of `values`; durable when it returns.

        A view holds no rows: nothing is deleted there, and the verifier looks through it.

        Raises:
            MissingError: There is no such file, table or column.
            RefusedError: The values cannot stand in that column, or DuckDB refused; nothing was deleted.
            BusyError: Another process or connection holds the file; nothing was deleted.
        """
        return _quietly(place, lambda: self._delete(place, values))

    def _delete(self, place: Place, values: Sequence[str]) -> Deleted:
        with _connect(self._path, read_only=False) as connection:
            table, type = _column(connection, place)
            if not all(_can_stand(value, type) for value in values):
                raise _bent(place, type)
            if _is_view(connection, place):
                return Deleted(rows=0, method="view-holds-no-rows", residuals=())
            rows = 0
            connection.begin()
            for value in values:
                # Of quoted identifiers and a type from a closed list; the value is bound.
                sql = f"DELETE FROM {table} WHERE {_key(place, type)} = {_bound(type)}"  # noqa: S608
                answer = connection.execute(sql, [value]).fetchone()
                rows += 0 if answer is None else int(answer[0])
            connection.commit()  # the commit point: after it the rows are gone
            try:
                connection.execute("CHECKPOINT")
            except duckdb.Error:
                return Deleted(rows=rows, method="delete", residuals=(LOG_NOT_EMPTIED, FREED_BLOCKS))
        return Deleted(rows=rows, method="delete+checkpoint", residuals=(FREED_BLOCKS,))


class DuckDBVerifier:
    """Looks into the database file at `path`, read-only, with a statement that shares nothing with the executor's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.component = Component(name="duckdb-verifier", version=version("duckdb"))

    def probe(self, place: Place, values: Sequence[str]) -> Probe:
        """Count the rows at `place` whose column holds one of `values`, and find others by the very same query.

        Raises:
            MissingError: There is no such file, table or column.
            RefusedError: The values cannot stand in that column, or DuckDB refused.
            BusyError: Another process or connection holds the file.
        """
        return _quietly(place, lambda: self._probe(place, values))

    def _probe(self, place: Place, values: Sequence[str]) -> Probe:
        with _connect(self._path, read_only=True) as connection:
            table, type = _column(connection, place)
            if not all(_can_stand(value, type) for value in values):
                raise _bent(place, type)
            key = quoted(place.column)
            is_one = _is_one(place, type)
            sql = f"SELECT count(*) FILTER (WHERE {is_one}) FROM {table}"  # noqa: S608 as above
            # A number is written as an integer, however the column stores it: 7.0 and 7 are one identity.
            text = f"CAST({key} AS VARCHAR)" if type in _TEXTUAL else f"CAST(TRY_CAST({key} AS HUGEINT) AS VARCHAR)"
            others = f"SELECT DISTINCT {text} FROM {table} WHERE NOT {is_one} LIMIT {OTHERS}"  # noqa: S608
            matched = _count(connection, sql, _comparable(values, type))
            rows = connection.execute(others, [_comparable(values, type)]).fetchall()
            sample = [row[0] for row in rows if row[0] is not None]
            found = bool(sample) and _count(connection, sql, _comparable(sample, type)) > 0
        query = hashlib.sha256(sql.encode()).hexdigest()
        return Probe(matched=matched, others=tuple(sample) if found else (), query=query, level="L2")

    def knows(self, place: Place, values: Sequence[str]) -> bool:
        """Say whether the column at `place` holds at least one of `values`; one that cannot stand there is passed over.

        Raises:
            MissingError, RefusedError, BusyError: As `probe`.
        """
        return _quietly(place, lambda: self._knows(place, values))

    def _knows(self, place: Place, values: Sequence[str]) -> bool:
        with _connect(self._path, read_only=True) as connection:
            table, type = _column(connection, place)
            fitting = [value for value in values if _can_stand(value, type)]
            sql = f"SELECT count(*) FROM {table} WHERE {_is_one(place, type)}"  # noqa: S608
            return bool(fitting) and _count(connection, sql, _comparable(fitting, type)) > 0


# A VARCHAR is compared by its bytes: under a collation of its column "abc" would be "ABC", another person.
def _key(place: Place, type: str) -> str:
    return f"encode({quoted(place.column)})" if type == "VARCHAR" else quoted(place.column)


def _bound(type: str) -> str:
    return "encode(?)" if type == "VARCHAR" else f"TRY_CAST(? AS {type})"


def _is_one(place: Place, type: str) -> str:
    return f"list_contains(CAST(? AS {'BLOB' if type == 'VARCHAR' else type}[]), {_key(place, type)})"


def _comparable(values: Sequence[str], type: str) -> list[str] | list[bytes]:
    return [value.encode() for value in values] if type == "VARCHAR" else list(values)


def quoted(identifier: str) -> str:
    """Return `identifier` as SQL quotes it, whatever is in it.

    Raises:
        RefusedError: It holds U+0000, at which a parser may stop reading.
    """
    if "\0" in identifier:
        raise RefusedError("an identifier holds U+0000")
    return f'"{identifier.replace(chr(34), chr(34) * 2)}"'


@contextmanager
def _connect(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    if not path.is_file():
        raise MissingError("there is no database file where the store's path points")
    with duckdb.connect(str(path), read_only=read_only) as connection:
        yield connection


def _column(connection: duckdb.DuckDBPyConnection, place: Place) -> tuple[str, str]:
    """The table as SQL names it, and the type of the key column, one of a closed list."""
    sql = """SELECT data_type FROM information_schema.columns WHERE column_name = ? AND table_name = ?
        AND table_schema = ? AND table_catalog = current_database()"""
    if len(place.table) > 2:
        raise RefusedError(f"table has {len(place.table)} names, expected [schema and] table")
    *schema, table = place.table
    rows = connection.execute(sql, [place.column, table, schema[0] if schema else "main"]).fetchall()
    if not rows:
        raise MissingError("there is no such table with such a column in the store")
    type = str(rows[0][0])
    if type not in _TEXTUAL and not _NUMERIC.match(type):
        raise RefusedError(f"key column has the type {type[:40]}, expected a number, VARCHAR or UUID")
    return ".".join(quoted(name) for name in (schema[0] if schema else "main", table)), type


def _is_view(connection: duckdb.DuckDBPyConnection, place: Place) -> bool:
    sql = """SELECT count(*) FROM information_schema.tables WHERE table_type = 'VIEW' AND table_name = ?
        AND table_schema = ? AND table_catalog = current_database()"""
    *schema, table = place.table
    answer = connection.execute(sql, [table, schema[0] if schema else "main"]).fetchone()
    return answer is not None and answer[0] > 0


def _can_stand(value: str, type: str) -> bool:
    if type == "VARCHAR":
        return True
    if type == "UUID":
        return bool(_UUID.match(value))
    return bool(_INTEGER.match(value)) and (type not in _EXACT_BELOW or abs(int(value)) < _EXACT_BELOW[type])


def _bent(place: Place, type: str) -> RefusedError:
    return RefusedError(f"an identity of type {place.identity} cannot stand in its column, which is {type}")


def _count(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[str] | Sequence[bytes]) -> int:
    answer = connection.execute(sql, [list(values)]).fetchone()
    return 0 if answer is None else int(answer[0])


def _quietly(place: Place, work: Callable[[], T]) -> T:
    """Do `work`, and say what DuckDB refused without saying what it said."""
    try:
        return work()
    except (duckdb.IOException, duckdb.ConnectionException, duckdb.TransactionException):
        failure: TallyError = BusyError(f"store {place.store} could not be opened or written just now")
    except duckdb.Error as error:
        failure = RefusedError(f"store {place.store} refused with a {type(error).__name__}")
    # Outside the handlers, so that nothing is chained: the cause may quote a personal value.
    raise failure
