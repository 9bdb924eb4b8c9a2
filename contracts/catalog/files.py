"""Look at files of one kind in a folder: by the sources that measure them, which touch no other path."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from contracts.catalog.declaration import Declaration, File
from contracts.catalog.seen import Bounds, Seen, moment
from contracts.source import CsvFile, Opened, ParquetFile, Source, opened, unreadable
from contracts.sources.named import named_source
from proofs.errors import MissingError, RefusedError

_COUNTED_BY_FOOTER: Final = "parquet"


def look(declaration: Declaration, connection: File, bounds: Bounds) -> Seen:
    """Return what the files hold.

    Raises:
        MissingError: There is none.
        RefusedError: One lies outside of the folder.
        TallyError: They cannot be read as what they are called.
    """
    folder = Path(connection.folder)
    try:
        root = folder.resolve(strict=True)
    except (OSError, ValueError) as error:
        raise MissingError("there is no such folder", where=str(folder)) from error
    source = named_source(str(root / declaration.object))
    seen = look_at(source, declaration, bounds, root=root)
    changed = max(path.stat().st_mtime for path in _paths(source))
    return replace(seen, updated=seen.updated or datetime.fromtimestamp(changed, UTC))


def look_at(source: Source, declaration: Declaration, bounds: Bounds, *, root: Path) -> Seen:
    """Return what a source of files holds, all of which MUST lie below `root`; `updated` by the declared column alone."""
    paths = _paths(source)
    if any(not path.resolve().is_relative_to(root) for path in paths):
        raise RefusedError("a file lies outside of the folder that is declared", where=str(root))
    try:
        size_bytes = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise MissingError(f"a file cannot be read: {error.strerror}", where=str(root)) from error
    column = declaration.refresh.column if declaration.refresh else None
    with opened(source, bounded=True) as batch:
        is_counted = batch.kind == _COUNTED_BY_FOOTER or size_bytes <= bounds.size_bytes
        rows, newest = _measured(batch, column, source) if is_counted else (None, None)
        columns = tuple((each.name, "text" if each.as_text else each.type) for each in batch.columns)
    return Seen(
        system=f"{len(paths)} {batch.kind} file{'s' * (len(paths) != 1)}",
        columns=columns,
        rows=rows,
        rows_are=None if rows is None else "exact",
        updated=newest,
    )


def _paths(source: Source) -> tuple[Path, ...]:
    if isinstance(source, ParquetFile | CsvFile):
        return (source.path,)
    return getattr(source, "files", ())


def _measured(batch: Opened, column: str | None, source: Source) -> tuple[int, datetime | None]:
    import duckdb

    names = {each.name: each.sql for each in batch.columns}
    newest = "NULL"
    if column in names:
        newest = f"CAST(max(TRY_CAST({names[column]} AS TIMESTAMP)) AS VARCHAR)"
    try:
        found = batch.connection.execute(f"SELECT count(*), {newest} FROM {batch.relation}").fetchone()  # noqa: S608 quoted
    except duckdb.Error as error:
        raise unreadable(error, source) from None  # the engine's message quotes rows
    assert found is not None, "a count is one row"
    return int(found[0]), moment(found[1])
