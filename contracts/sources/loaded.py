"""A table of another database, copied row by row into an engine of its own that can touch no file.

Every value comes as the text that its database writes, and is read in the column's type by the engine, so that nothing is
rounded on the way. What is copied is one state of the table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.engine import confined, identifier
from contracts.source import MAX_COLUMNS, Opened, Readable, describe, reason
from proofs.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    import duckdb

ROWS: Final = 20_000  # copied at once


@dataclass(frozen=True, slots=True)
class Copied:
    """A column that is copied.

    Attributes:
        type: DuckDB's type.
        read: The expression that makes it of the text `x`.
        as_text: True when the database does not say of what type each value is.
    """

    name: str
    type: str
    as_text: bool = False
    read: str = ""


Rows = Iterable[Sequence[tuple[str | None, ...]]]


@contextmanager
def loaded(
    source: Readable, kind: str, columns: Sequence[Copied], rows: Rows, *, bounded: bool, writes: Sequence[Path]
) -> Iterator[Opened]:
    """Copy `rows`, in lists of them, into a table and hand it over.

    Raises:
        RefusedError: There are more than 10,000 columns, or two of one name but for upper and lower case.
    """
    if len(columns) > MAX_COLUMNS:
        raise RefusedError(f"{source.label} has {len(columns)} columns, at most {MAX_COLUMNS} are read")
    if len({column.name.casefold() for column in columns}) != len(columns):
        raise RefusedError(f"{source.label} has two columns of one name (upper and lower case count as the same)")

    import duckdb

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        defined = ", ".join(f"{identifier(column.name)} {column.type}" for column in columns)
        connection.execute(f"CREATE TABLE loaded ({defined})")
        texts = ", ".join(f"unnest(${place + 1}::VARCHAR[]) AS x{place}" for place in range(len(columns)))
        reads = (
            column.read.format(x=f"x{place}") if column.read else f"CAST(x{place} AS {column.type})"
            for place, column in enumerate(columns)
        )
        insert = f"INSERT INTO loaded SELECT {', '.join(reads)} FROM (SELECT {texts})"  # noqa: S608 quoted
        try:
            for batch in rows:
                connection.execute(insert, [list(column) for column in zip(*batch, strict=True)])
        except duckdb.Error as error:
            raise MalformedError(
                f"{source.label} cannot be read: {reason(error)}"
            ) from None  # the engine's message quotes rows

    with (
        tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
        closing(confined(writes, spill, bounded=bounded, fill=fill)) as connection,
    ):
        described = describe(connection, "loaded", source)
        found = tuple(replace(one, as_text=two.as_text) for one, two in zip(described, columns, strict=True))
        yield Opened(connection, kind, "loaded", found)
