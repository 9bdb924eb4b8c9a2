"""The files of a table at one version as one relation: whatever its log says of them holds, and nothing that they do not hold.

Statistics of a log are never believed. A column that a file does not have is null there; one that the log keeps for a whole
file (a partition's) is read from the log; a row that the log calls deleted is none.

The SHA-256 of such a batch is that of a text: for each file, in ascending order of names, "<64 hex>  <name>\n", then the same of
the state, "<64 hex>  state\n", which is canonical JSON: [columns, files], of each column its name and type, of each file its
name, the values of partitions ([text], or [] for null) and the positions of deleted rows.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts.columns import Column
from contracts.engine import confined, identifier, literal
from contracts.source import Fingerprint, Opened, describe, fingerprint, readable_file, reason
from contracts.tables.types import is_widened
from contracts.tables.version import TableVersion
from proofs import jsonstrict
from proofs.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    import duckdb

MAX_FILES: Final = 10_000
MAX_DELETED: Final = 10_000_000
FILE: Final = "tally_file"  # the number of a row's file, beside the columns of the table
_OURS: Final = frozenset(("file_index", "file_row_number"))  # what the engine itself calls the place of a row


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column as the table has it now.

    Attributes:
        type: In the engine's SQL.
        stored: Its name in the files; None where it is found there by `field_id`.
        is_kept: The log keeps its value, one for each file.
    """

    name: str
    type: str
    stored: str | None
    field_id: int | None = None
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class ActiveFile:
    """A Parquet file of the table.

    Attributes:
        name: As the log calls it, which need not be where it lies here.
        kept: The values of the columns that the log keeps, as the engine writes them; None for null.
        deleted: Positions of rows that are gone, from 0, in ascending order.
    """

    name: str
    path: Path
    kept: tuple[str | None, ...] = ()
    deleted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ActiveTable:
    """A table at one version; its files lie here."""

    kind: str
    label: str
    version: TableVersion
    columns: tuple[TableColumn, ...]
    active: tuple[ActiveFile, ...]

    def __post_init__(self) -> None:
        if len(self.active) > MAX_FILES:
            raise RefusedError(f"{self.label} has {len(self.active)} files, at most {MAX_FILES} are read")
        if sum(len(file.deleted) for file in self.active) > MAX_DELETED:
            raise RefusedError(f"{self.label} has more than {MAX_DELETED} deleted rows; compact it first")
        if len({column.name.casefold() for column in self.columns}) != len(self.columns):
            raise RefusedError(f"{self.label} has two columns of one name (upper and lower case count as the same)")
        if FILE in {column.name.casefold() for column in self.columns}:
            raise RefusedError(f"{self.label} has a column {FILE!r}, which is our name for the place of a row")
        if not self.columns:
            raise RefusedError(f"{self.label} has no columns")

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(file.path for file in self.active)

    def hashed(self) -> Fingerprint:
        """Return the fingerprint of the files and of what the log says of them."""
        return self.listed(fingerprint)

    def listed(self, look: Callable[[Path], Fingerprint]) -> Fingerprint:
        """Return that fingerprint, where `look` gives that of one file."""
        listed, size = hashlib.sha256(), 0
        for file in sorted(self.active, key=lambda file: file.name):
            found = look(file.path)
            listed.update(f"{found.sha256}  {file.name}\n".encode("utf-8", "surrogateescape"))
            size += found.size_bytes
        listed.update(f"{hashlib.sha256(self.state()).hexdigest()}  state\n".encode())
        return Fingerprint(listed.hexdigest(), size, len(self.active), self.version)

    def examine(self) -> Fingerprint:
        """Return the fingerprint, as `hashed`: the engine drops nothing of a Parquet file."""
        return self.hashed()

    def state(self) -> bytes:
        """Return what the log says of the files, as it is hashed."""
        columns = [[column.name, column.type] for column in self.columns]
        numbers = sorted(range(len(self.active)), key=lambda number: self.active[number].name)
        return jsonstrict.dumps([columns, [[self.active[number].name, *self.said(number)] for number in numbers]])

    def said(self, number: int) -> list[list[Any]]:
        """Return what the log says of the rows of one file."""
        file = self.active[number]
        return [[[] if kept is None else [kept] for kept in file.kept], list(file.deleted)]

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Open all of its files in one engine."""
        paths = [readable_file(file.path) for file in self.active]
        with (
            tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
            closing(confined([*paths, *writes], spill, bounded=bounded, fill=self._fill)) as connection,
        ):
            relation = self._relation(connection, paths)
            columns = describe(connection, f"(SELECT * EXCLUDE ({FILE}) FROM {relation})", self)  # noqa: S608 quoted
            yield Opened(connection, self.kind, relation, columns, self)

    def _fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put down what the log keeps of each file, before the engine is closed to everything else."""
        import duckdb

        connection.execute("SET TimeZone = 'UTC'")
        kept = [column for column in self.columns if column.is_kept]
        names = "".join(f", k{place} {column.type}" for place, column in enumerate(kept))
        connection.execute(f"CREATE TABLE kept (file UBIGINT{names})")
        connection.execute("CREATE TABLE deleted (file UBIGINT, place UBIGINT)")
        casts = "".join(f", CAST(unnest($v{place}::VARCHAR[]) AS {column.type})" for place, column in enumerate(kept))
        values = {f"v{place}": [file.kept[place] for file in self.active] for place in range(len(kept))}
        numbers = list(range(len(self.active)))
        try:
            connection.execute(f"INSERT INTO kept SELECT unnest($n::UBIGINT[]){casts}", {"n": numbers, **values})
            for number, file in enumerate(self.active):
                if file.deleted:
                    insert = "INSERT INTO deleted SELECT $1, unnest($2::UBIGINT[])"
                    connection.execute(insert, [number, list(file.deleted)])
        except duckdb.Error as error:
            raise MalformedError(
                f"the log of {self.label} holds what is no value of its column: {reason(error)}"
            ) from None

    def _relation(self, connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> str:
        if not paths:
            nothing = ", ".join(f"CAST(NULL AS {column.type}) AS {identifier(column.name)}" for column in self.columns)
            return f"(SELECT {nothing}, 0 AS {FILE} WHERE false)"
        listed = ", ".join(literal(str(path)) for path in paths)
        by_id = {column.field_id: column for column in self.columns if column.stored is None and not column.is_kept}
        if by_id:
            fields = ", ".join(
                f"{id}: {{name: 'f{id}', type: {literal(column.type)}, default_value: NULL}}"
                for id, column in by_id.items()
            )
            read = f"read_parquet([{listed}], hive_partitioning = false, schema = MAP {{{fields}}})"
            there = {f"f{id}" for id in by_id}
        else:
            read = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
            stored = {column.name.casefold(): column for column in describe(connection, read, self)}
            self._check_types(stored)
            there = set(stored)
            if there & _OURS:
                raise RefusedError(f"{self.label} has a column with the engine's own name for the place of a row")
        gone = any(file.deleted for file in self.active)
        anti = " ANTI JOIN deleted x ON x.file = d.file_index AND x.place = d.file_row_number" if gone else ""
        selected = f"{self._selected(there)}, d.file_index AS {FILE}"
        return f"(SELECT {selected} FROM {read} d JOIN kept k ON k.file = d.file_index{anti})"  # noqa: S608 quoted

    def _check_types(self, stored: Mapping[str, Column]) -> None:
        """Refuse files that hold another type than the log says, where a cast would make values that nobody wrote."""
        for column in self.columns:
            found = None if column.is_kept or column.stored is None else stored.get(column.stored.casefold())
            if found is not None and not is_widened(found, column.type):
                raise MalformedError(
                    f"a file of {self.label} holds {found.type} in a column that is {column.type[:40]}"
                )

    def _selected(self, there: set[str]) -> str:
        kept = [column for column in self.columns if column.is_kept]
        parts = []
        for column in self.columns:
            stored = column.stored if column.stored is not None else f"f{column.field_id}"
            if column.is_kept:
                value = f"k.k{kept.index(column)}"
            elif stored.casefold() in there:
                value = f"CAST(d.{identifier(stored)} AS {column.type})"
            else:
                value = f"CAST(NULL AS {column.type})"
            parts.append(f"{value} AS {identifier(column.name)}")
        return ", ".join(parts)
