"""From how a batch is written on a command line to its source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from contracts.source import Source, file_source
from contracts.sources.files import folder_source
from contracts.sources.jsonlines import JsonLines
from contracts.sources.objects import fetched, is_stored
from contracts.sources.postgres import PostgresTable
from contracts.sources.sqlite import SqliteTable
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from contracts.tables.delta import DeltaPlace
    from contracts.tables.iceberg import IcebergPlace

_PATTERN: Final = frozenset("*?[")


@contextmanager
def found(name: str, *, hive: bool = False, as_of: str | None = None) -> Iterator[Source]:
    """Hand over the source of anything that `named_source` knows, of objects in a store (`s3://…`), or of a table's files.

    A table is written `delta:FOLDER-OR-URL` or `iceberg:CATALOG.NAMESPACE.TABLE`. What lies elsewhere is copied for now.

    Args:
        as_of: The version of a table; the newest unless stated.

    Raises:
        TallyError: As `named_source`, `contracts.sources.objects.fetched` and `contracts.tables`.
    """
    kind, _, place = name.partition(":")
    if kind in ("delta", "iceberg"):
        with _table_source(kind)(place, as_of) as source:
            yield source
        return
    if as_of is not None:
        raise RefusedError("only a Delta or Iceberg table has earlier versions")
    if is_stored(name):
        with fetched(name, hive=hive) as source:
            yield source
    else:
        yield named_source(name, hive=hive)


def table_place(name: str) -> DeltaPlace | IcebergPlace | None:
    """Return where the table is that is written so; None for everything else."""
    kind, _, place = name.partition(":")
    match kind:
        case "delta":
            from contracts.tables.delta import DeltaPlace

            return DeltaPlace(place)
        case "iceberg":
            from contracts.tables.iceberg import IcebergPlace

            return IcebergPlace(place)
    return None


def _table_source(kind: str) -> Callable[[str, str | None], AbstractContextManager[Source]]:
    if kind == "delta":
        from contracts.tables.delta import delta_source

        return delta_source
    from contracts.tables.iceberg import iceberg_source

    return iceberg_source


def named_source(name: str, *, hive: bool = False) -> Source:
    """Return the source of a file, folder, pattern, `sqlite:///path#table`, `lancedb:///path#table`,
    `chroma:///path#collection` or `postgresql://…#schema.table`.

    Args:
        hive: Take "key=value" folders for columns.

    Raises:
        RefusedError: It is written as none of them. A password in it is not repeated.
        MissingError: A folder or pattern has no file, or it is a pipe or a device.
    """
    if name.startswith(("postgresql://", "postgres://")):
        url, _, table = name.rpartition("#")
        schema, _, table = unquote(table).rpartition(".")
        if not url or not table:
            raise RefusedError("the database's URL does not end in #schema.table")
        return PostgresTable(url, table, schema or "public")
    if name.startswith("sqlite:///"):
        path, _, table = name.removeprefix("sqlite:///").rpartition("#")
        if not path or not table:
            raise RefusedError("the file's URL does not end in #table")
        return SqliteTable(Path(unquote(path)), unquote(table))
    if name.startswith(("lancedb:///", "chroma:///")):
        return _index_source(*name.split(":///", 1))
    if "://" in name:
        raise RefusedError(f"a source of kind {name.partition('://')[0][:32]!r} is not known")
    return _path_source(name, hive=hive)


def _index_source(kind: str, place: str) -> Source:
    path, _, table = place.rpartition("#")
    if not path or not table:
        raise RefusedError("the index's URL does not end in #name")
    if kind == "lancedb":
        from contracts.sources.lance import LanceTable

        return LanceTable(Path(unquote(path)), unquote(table))
    from contracts.sources.chroma import ChromaCollection

    return ChromaCollection(Path(unquote(path)), unquote(table))


def _path_source(name: str, *, hive: bool) -> Source:
    path = Path(name)
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # a pattern, or what is said to be missing by whoever reads it
    except (OSError, ValueError) as error:
        raise MissingError("the data cannot be looked at", where=f"{name[:64]}…") from error
    if path.is_dir():
        return folder_source(path, hive=hive)
    if _PATTERN & set(name) and not path.exists():
        first = next(place for place, part in enumerate(path.parts) if _PATTERN & set(part))
        return folder_source(Path(*path.parts[:first] or (os.curdir,)), str(Path(*path.parts[first:])), hive=hive)
    if path.exists() and not path.is_file():
        raise MissingError("data file is not a file", where=name)  # who would write to a pipe is waited for by nobody
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return JsonLines(path)
    return file_source(path)
