"""The data once more, for what is not ours to trust: in an engine of its own, with little to spend, in the contract's types.

A table in a connection of the caller's is copied out of it first: there the first error would end whatever transaction
is open, and with it the batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.columns import FLOATS, INTEGERS, TIMESTAMPS, Column
from contracts.compile import typed_value
from contracts.engine import confined, identifier, literal
from contracts.model import FieldSpec
from contracts.scan.query import UnfitError
from contracts.source import Opened
from contracts.structure import Structure

if TYPE_CHECKING:
    import duckdb

# What a Parquet file holds as it is; integers of 128 bits go through it as text.
_WIDE: Final = frozenset(("hugeint", "uhugeint"))
_KEPT: Final = frozenset(
    (*INTEGERS, *FLOATS, *TIMESTAMPS, "decimal", "varchar", "enum", "boolean", "date", "time", "blob")
)


@contextmanager
def apart(
    batch: Opened, structure: Structure, fields: Mapping[str, FieldSpec], *, writes: Sequence[Path] = ()
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Hand over an engine, and the SELECT of the contract's columns that are there, in its types, under their own names.

    Args:
        writes: Files that the engine may write.

    Raises:
        UnfitError: None of them is there, or the caller's connection may write no file.
    """
    if batch.kind != "table":
        with batch.bounded(writes) as own:
            yield own.connection, _view(own.relation, structure.columns, fields)
        return
    columns = {name: column for name, column in structure.columns.items() if column.type in _KEPT}
    [[may_write]] = batch.connection.execute("SELECT current_setting('enable_external_access')").fetchall()
    if not may_write or not columns:
        raise UnfitError("the table cannot be copied out of its connection")
    with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
        path = Path(folder).resolve() / "data.parquet"
        _copy(batch, columns, path)
        with closing(confined([path, *writes], folder, bounded=True)) as connection:
            read = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
            back = ", ".join(
                f"CAST(c{place} AS {column.cast}) AS {identifier(name)}"
                if column.type in _WIDE
                else f"c{place} AS {identifier(name)}"
                for place, (name, column) in enumerate(columns.items())
            )
            yield connection, f"SELECT {back} FROM {read}"  # noqa: S608 quoted


def write_apart(batch: Opened, structure: Structure, fields: Mapping[str, FieldSpec], path: Path) -> None:
    """Write the contract's columns that are there, in its types, to a new Parquet file; raises as `apart`."""
    with apart(batch, structure, fields, writes=(path,)) as (connection, view):
        connection.execute(f"COPY ({view}) TO {literal(str(path))} (FORMAT parquet)").fetchall()


def _copy(batch: Opened, columns: Mapping[str, Column], path: Path) -> None:
    kept = ", ".join(
        f"CAST({column.sql} AS VARCHAR) AS c{place}"
        if column.type in _WIDE or column.type == "enum"
        else f"{column.sql} AS c{place}"
        for place, column in enumerate(columns.values())
    )
    select = f"SELECT {kept} FROM {batch.relation}"  # noqa: S608 quoted
    batch.connection.execute(f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet)").fetchall()


def _view(relation: str, columns: Mapping[str, Column], fields: Mapping[str, FieldSpec]) -> str:
    inner: list[str] = []
    values = [typed_value(column, fields[name], place, inner) for place, (name, column) in enumerate(columns.items())]
    if not values:
        raise UnfitError("none of the contract's columns is there")
    named = ", ".join(f"{value.typed} AS {identifier(value.column.name)}" for value in values)
    return f"SELECT {named} FROM (SELECT {', '.join(inner)} FROM {relation})"  # noqa: S608 quoted
