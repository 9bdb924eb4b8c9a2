"""A table of LanceDB, read through its own library: its latest version, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.source import Opened, describe
from contracts.sources.index import ROWS, Copy, copied
from contracts.sources.unhashed import Unhashed
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class LanceTable(Unhashed):
    """One table of a database in a folder."""

    folder: Path
    name: str

    @property
    def label(self) -> str:
        """The table."""
        return f"the table {self.name!r} of {self.folder}"

    @property
    def kind(self) -> str:
        """A vector index."""
        return "lancedb"

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Copy the table.

        Raises:
            RefusedError: The library is not installed.
            MissingError: There is no such table.
        """
        table = self._table()

        def fill(connection: duckdb.DuckDBPyConnection) -> None:
            _fill(connection, table)

        copy = Copy(fill, lambda connection: describe(connection, "index", self))
        with copied(self, copy, bounded=bounded, writes=writes) as batch:
            yield batch

    def _table(self) -> Any:
        try:
            import lancedb
        except ImportError as error:
            hint = "pip install 'tallystick[lance]'"
            raise RefusedError("LanceDB needs a library that is not installed", hint=hint) from error
        if not self.folder.is_dir():  # the library would make it
            raise MissingError("there is no such database", where=str(self.folder))
        try:
            return lancedb.connect(str(self.folder)).open_table(self.name)
        except (ValueError, OSError, RuntimeError) as error:
            raise MissingError(f"there is no table {self.name[:128]!r}", where=str(self.folder)) from error


def _fill(connection: duckdb.DuckDBPyConnection, table: Any) -> None:
    made = False
    try:
        for batch in table.search().to_batches(ROWS):
            connection.register("batch", _readable(batch))
            connection.execute("INSERT INTO index FROM batch" if made else "CREATE TABLE index AS FROM batch")
            connection.unregister("batch")
            made = True
    except (ValueError, OSError, RuntimeError) as error:
        import duckdb

        if isinstance(error, duckdb.Error):
            raise
        raise MalformedError(f"the table cannot be read: {type(error).__name__}") from None  # its words quote paths
    if not made:
        connection.register("batch", _readable(table.schema.empty_table()))
        connection.execute("CREATE TABLE index AS FROM batch")
        connection.unregister("batch")


def _readable(batch: Any) -> Any:
    """The batch as a table, vectors of half precision, which the engine has no type for, in single precision."""
    import pyarrow as arrow

    table = arrow.Table.from_batches([batch]) if isinstance(batch, arrow.RecordBatch) else batch
    for place, field in enumerate(table.schema):
        is_list = arrow.types.is_list(field.type) or arrow.types.is_fixed_size_list(field.type)
        if is_list and arrow.types.is_float16(field.type.value_type):
            wider = arrow.list_(arrow.float32())
            table = table.set_column(place, field.name, table.column(place).cast(wider))
    return table
