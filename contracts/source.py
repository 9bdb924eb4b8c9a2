"""Where a batch is: a Parquet or CSV file, a table in a DuckDB connection that the caller holds, or of `contracts.sources`.

A file is read by an engine of its own that may touch this one file and nothing else: no other path, no network, no
extension. A CSV's columns are read as text and its header by us, because an engine that guesses types and skips lines
that it does not understand cannot measure. The engine's own messages quote rows, so none of them is passed on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from contracts.columns import Column
from contracts.engine import confined, identifier, literal
from contracts.tables.version import TableVersion
from proofs.errors import MalformedError, MissingError, RefusedError, TallyError

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

MAX_COLUMNS: Final = 10_000
HEADER_BYTES: Final = 1_000_000

_PATTERN_CHARACTERS: Final = frozenset("*?[")
_REASONS: Final = {  # the engine's kinds of error, in words of ours
    "BinderException": "it names a column or a table that is not there",
    "CatalogException": "it names a column or a table that is not there",
    "ConstraintException": "a constraint of the table does not hold",
    "ConversionException": "a value is not of its column's type",
    "IOException": "it is damaged, or not what it is called",
    "InvalidInputException": "it is damaged, or not what it is called",
    "OutOfMemoryException": "the engine has not enough memory",
    "OutOfRangeException": "a number is too large for its column's type",
    "SerializationException": "it is damaged, or not what it is called",
    "TypeMismatchException": "a value is not of its column's type",
}
_CSV_LINE: Final = re.compile(r"CSV Error on Line: ([0-9]+)")


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """One Parquet file."""

    path: Path


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One CSV file as RFC 4180 has it: UTF-8, a header, `"` around values where needed; an empty value is null.

    Raises:
        RefusedError: `delimiter` is not one of comma, semicolon, tab and bar.
    """

    path: Path
    delimiter: str = ","

    def __post_init__(self) -> None:
        if self.delimiter not in (",", ";", "\t", "|"):
            raise RefusedError(f"delimiter {self.delimiter!r} is not a comma, semicolon, tab or bar")


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view in a connection, which is read and never written here."""

    connection: duckdb.DuckDBPyConnection
    name: str
    schema: str = "main"


class Readable(Protocol):
    """Any other source: what `contracts.sources` has, or what a caller brings."""

    @property
    def label(self) -> str:
        """What it is called in a message: no password, no value of the data."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is made of; none where nobody but its owner can tell."""
        ...

    @property
    def kind(self) -> str:
        """As `Opened` has it."""
        ...

    def hashed(self) -> Fingerprint | None:
        """Read the files as bytes, whatever they hold; None where nobody else could find the same bytes."""
        ...

    def examine(self) -> Fingerprint | None:
        """Read the files as bytes: what they are, and whether the engine sees all of them. MUST refuse what it would drop."""
        ...

    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> AbstractContextManager[Opened]:
        """Make it a relation of an engine, for a `with` block; `bounded` has little to spend, and may write `writes` alone."""
        ...


Source = ParquetFile | CsvFile | Table | Readable


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that can be queried.

    Attributes:
        kind: As `facts.Batch` has it.
        relation: The SQL after FROM; every name and path in it is quoted.
        source, content: What was opened, and what it is, where its rows alone tell.
    """

    connection: duckdb.DuckDBPyConnection
    kind: str
    relation: str
    columns: tuple[Column, ...]
    source: Source | None = None
    content: Fingerprint | None = None

    @contextmanager
    def bounded(self, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Open the same file again, with little memory and disk to spend; a table is read where it is."""
        if self.source is None or isinstance(self.source, Table):
            yield self
            return
        with opened(self.source, bounded=True, writes=writes) as own:
            yield own


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The content of a file: its SHA-256 in hex and its length.

    `files` says of how many, where it is that of a list (contracts.sources.files); `table`, which version of one they make up.
    """

    sha256: str
    size_bytes: int
    files: int | None = None
    table: TableVersion | None = None


class Hashed:
    """The fingerprint of bytes as they come."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def take(self, data: bytes) -> None:
        """Add what comes next."""
        self._digest.update(data)
        self._size_bytes += len(data)

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of everything so far."""
        return Fingerprint(self._digest.hexdigest(), self._size_bytes)


def file_source(path: Path) -> ParquetFile | CsvFile:
    """Return the source that a file's name says it is: `.parquet`, `.csv` or `.tsv`.

    Raises:
        RefusedError: The name ends otherwise.
    """
    match path.suffix.lower():
        case ".parquet":
            return ParquetFile(path)
        case ".csv":
            return CsvFile(path)
        case ".tsv":
            return CsvFile(path, "\t")
    raise RefusedError("the name does not end in .parquet, .csv or .tsv", where=str(path))


def fingerprint(path: Path) -> Fingerprint:
    """Return the fingerprint of a file.

    Raises:
        MissingError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return Fingerprint(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
    except OSError as error:
        raise MissingError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


@contextmanager
def opened(source: Source, *, bounded: bool = False, writes: Sequence[Path] = ()) -> Iterator[Opened]:
    """Open `source` for reading for the length of a `with` block.

    Args:
        bounded: Open a file with little memory and disk to spend, for SQL that is somebody else's.
        writes: Files that the engine may write, beside what it reads; a table's own connection may what it may.

    Raises:
        MissingError: There is no such file or table.
        MalformedError: It is not what its kind says.
        RefusedError: The engine would take its path for a pattern, or it has more than 10,000 columns.
    """
    if isinstance(source, Table):
        yield _open_table(source)
        return
    if not isinstance(source, ParquetFile | CsvFile):
        with source.opened(bounded=bounded, writes=writes) as batch:
            yield batch
        return
    path = readable_file(source.path)
    # Spilled rows are as confidential as the file: the folder is for this user alone, and goes with the engine.
    with (
        tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
        closing(confined([path, *writes], spill, bounded=bounded)) as connection,
    ):
        yield (_open_csv if isinstance(source, CsvFile) else _open_parquet)(connection, source)


def unreadable(error: duckdb.Error, source: Source) -> TallyError:
    """Return what to raise where the engine could not read `source`, without its own words, which quote rows."""
    if isinstance(source, Table):
        return MalformedError(f"the table {source.name!r} cannot be read: {reason(error)}")
    if not isinstance(source, ParquetFile | CsvFile):
        return MalformedError(f"{source.label} cannot be read: {reason(error)}")
    line = _CSV_LINE.search(str(error))
    where = f"{source.path} line {line[1]}" if line else str(source.path)
    name = "CSV" if isinstance(source, CsvFile) else "Parquet"
    return MalformedError(f"the file cannot be read as {name}: {reason(error)}", where=where)


def reason(error: duckdb.Error) -> str:
    """Return what an error of the engine comes to, in words of ours: its own quote rows."""
    return _REASONS.get(type(error).__name__, "the engine refused it")


def readable_file(given: Path) -> Path:
    """Return the path at which the engine finds a file.

    Raises:
        MissingError: There is none.
        RefusedError: The engine would take the path for a pattern.
    """
    try:
        path = given.resolve()
        there = path.is_file()
    except (OSError, ValueError) as error:  # a path with a zero byte, or in a folder that may not be read
        raise MissingError("the path leads to no file", where=str(given)) from error
    if not there:
        raise MissingError("there is no such file", where=str(given))
    if _PATTERN_CHARACTERS & set(str(path)):
        raise RefusedError("a path with *, ? or [ is a pattern to the engine", where=str(given))
    return path


def _open_parquet(connection: duckdb.DuckDBPyConnection, source: ParquetFile | CsvFile) -> Opened:
    relation = f"read_parquet({literal(str(source.path.resolve()))}, hive_partitioning = false)"
    return Opened(connection, "parquet", relation, describe(connection, relation, source), source)


def _open_csv(connection: duckdb.DuckDBPyConnection, source: ParquetFile | CsvFile) -> Opened:
    assert isinstance(source, CsvFile)
    relation, columns = csv_relation([source.path.resolve()], header(source), source)
    return Opened(connection, "csv", relation, columns, source)


def csv_relation(paths: Sequence[Path], names: Sequence[str], source: CsvFile) -> tuple[str, tuple[Column, ...]]:
    """Return what reads files of one header as text, and its columns.

    Raises:
        RefusedError: There are more than 10,000.
    """
    if len(names) > MAX_COLUMNS:
        raise RefusedError(f"the file has {len(names)} columns, at most {MAX_COLUMNS} are read", where=str(source.path))
    columns = tuple(Column(name, f"c{place}", "varchar", as_text=True) for place, name in enumerate(names))
    types = ", ".join(f"{column.sql}: 'VARCHAR'" for column in columns)
    relation = (
        f"read_csv([{', '.join(literal(str(path)) for path in paths)}], auto_detect = false, header = true, "
        f"columns = {{{types}}}, delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', comment = '', "
        "encoding = 'utf-8', strict_mode = true, null_padding = false, ignore_errors = false, hive_partitioning = false)"
    )
    return relation, columns


def _open_table(source: Table) -> Opened:
    # Asked for by name first: of a name that it does not know, DuckDB makes a file or a Python variable.
    found = source.connection.execute(
        "SELECT table_catalog FROM information_schema.tables"
        " WHERE table_catalog = current_database() AND table_schema = $1 AND table_name = $2",
        [source.schema, source.name],
    ).fetchone()
    if found is None:
        raise MissingError(f"there is no table {source.name!r} in schema {source.schema!r}")
    relation = ".".join(identifier(part) for part in (found[0], source.schema, source.name))
    return Opened(source.connection, "table", relation, describe(source.connection, relation, source))


def describe(connection: duckdb.DuckDBPyConnection, relation: str, source: Source) -> tuple[Column, ...]:
    """Return the columns of a relation; raises as `opened`."""
    import duckdb

    try:
        described = connection.execute(f"SELECT * FROM {relation} LIMIT 0").description or []  # noqa: S608 quoted
    except duckdb.Error as error:
        raise unreadable(error, source) from None  # the engine's message quotes what it read
    if len(described) > MAX_COLUMNS:
        raise RefusedError(f"the source has {len(described)} columns, at most {MAX_COLUMNS} are read")
    return tuple(_column(name, type) for name, type, *_ in described)


def _column(name: str, type: DuckDBPyType) -> Column:
    # A decimal's children are its precision and scale; those of other types are types.
    precision, scale = (int(str(size)) for _, size in type.children) if type.id == "decimal" else (0, 0)
    return Column(name, identifier(name), type.id, precision, scale)


def header(source: CsvFile) -> list[str]:
    """Return the names in a file's first record.

    Raises:
        MalformedError: It has none, or does not begin with text in UTF-8.
    """
    with source.path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    try:
        # What the bound cut through is far behind the header, or else the header is too long.
        text = start.decode("utf-8-sig", errors="strict" if len(start) < HEADER_BYTES else "ignore")
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True), [])
    except UnicodeDecodeError as error:
        line = start.count(b"\n", 0, error.start) + 1
        raise MalformedError("the file is not UTF-8", where=f"{source.path} line {line}") from None
    except csv.Error:
        raise MalformedError("the header is not CSV", where=f"{source.path} line 1") from None
    if not names:
        raise MalformedError("the file has no header", where=f"{source.path} line 1")
    return names
