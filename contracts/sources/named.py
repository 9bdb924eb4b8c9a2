"""From how a batch is written on a command line to its source."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from contracts.source import Source, file_source
from contracts.sources.files import folder_source
from contracts.sources.jsonlines import JsonLines
from contracts.sources.objects import fetched, is_stored
from contracts.sources.postgres import PostgresTable
from contracts.sources.sqlite import SqliteTable
from proofs.errors import MissingError, RefusedError

_PATTERN: Final = frozenset("*?[")


@contextmanager
def found(name: str, *, hive: bool = False) -> Iterator[Source]:
    """Hand over the source of anything that `named_source` knows, or of objects in a store (`s3://…`), as copied now.

    Raises:
        TallyError: As `named_source` and `contracts.sources.objects.fetched`.
    """
    if is_stored(name):
        with fetched(name, hive=hive) as source:
            yield source
    else:
        yield named_source(name, hive=hive)


def named_source(name: str, *, hive: bool = False) -> Source:
    """Return the source of a file, folder, pattern, `sqlite:///path#table` or `postgresql://…#schema.table`.

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
    if "://" in name:
        raise RefusedError(f"a source of kind {name.partition('://')[0][:32]!r} is not known")
    return _path_source(name, hive=hive)


def _path_source(name: str, *, hive: bool) -> Source:
    path = Path(name)
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
