"""A Delta table, local or in a store that fsspec reaches, at its newest version or at an earlier one.

The log is read by delta-rs, and the files by the engine. Names may be mapped, rows deleted by vectors. What is refused: a
reader's feature that is not known here, nested columns of mapped names, a file outside of the table's folder.

Source: Delta Lake's transaction log protocol, "Column Mapping", "Deletion Vectors" and "Partition Value Serialization".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from contracts.engine import identifier
from contracts.sources.objects import is_stored
from contracts.tables.active import ActiveFile, ActiveTable, TableColumn
from contracts.tables.asked import asked
from contracts.tables.types import delta_type
from contracts.tables.version import TableVersion
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    from deltalake import DeltaTable

MAX_VERSION: Final = 2**53
_READ: Final = frozenset(("columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"))
_TABLE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")  # as most write it, and as a decision may name it
_MODE: Final = "delta.columnMapping.mode"
_NAME: Final = "delta.columnMapping.physicalName"
_ID: Final = "delta.columnMapping.id"


@dataclass(frozen=True, slots=True)
class DeltaPlace:
    """Where a Delta table is: a folder, or the URL of a prefix in a store, which holds no credentials."""

    place: str

    def __post_init__(self) -> None:
        if not self.place:
            raise RefusedError("a Delta table is written delta:FOLDER-OR-URL")
        if "@" in urlsplit(self.place).netloc and is_stored(self.place):
            raise RefusedError("the URL of a table holds credentials", hint="give them in the environment")
        if "://" in self.place and not is_stored(self.place):
            raise RefusedError("a Delta table is a folder, or the URL of a store that is known")

    @property
    def label(self) -> str:
        """What the table is called in a message."""
        return f"the Delta table {self.place}"

    def at(self, version: int | None = None) -> DeltaTable:
        """Return the table of delta-rs at a version; the newest where none is named.

        Raises:
            MissingError: There is no such table or version.
            RefusedError: delta-rs is not installed, or does not read it.
        """
        if not is_stored(self.place) and not Path(self.place).is_dir():
            raise MissingError("there is no such folder", where=self.place)
        known = {"TableNotFoundError": MissingError(f"there is no {self.label[4:]}")}
        newest = asked(lambda: _table(self.place), self.label, known, extra="delta")
        if version is None or version == newest.version():
            return newest
        none = MissingError(f"{self.label} has no version {version}")
        if version > newest.version():  # delta-rs looks for one that is far ahead without end
            raise none
        return asked(lambda: _table(self.place, version), self.label, {"DeltaError": none}, extra="delta")


def _table(place: str, version: int | None = None) -> DeltaTable:
    import deltalake

    return deltalake.DeltaTable(place if is_stored(place) else str(Path(place).resolve()), version=version)


@contextmanager
def delta_source(place: str, as_of: str | None = None) -> Iterator[ActiveTable]:
    """Hand over a Delta table as it is now, or as it was at a version; files of a store are copied here meanwhile.

    Raises:
        MissingError: There is no such table, version or file.
        MalformedError: The log contradicts itself or its files.
        RefusedError: The table has something that cannot be read exactly.
    """
    at = DeltaPlace(place)
    version = None if as_of is None else _version(as_of)
    table = at.at(version)
    with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
        copies = Path(folder).resolve() if is_stored(place) else None
        yield asked(lambda: _active(at, table, copies), at.label, {}, extra="objects")


def _version(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and int(text) < MAX_VERSION):
        raise RefusedError(f"{text[:40]!r} is no version of a Delta table, which is a number")
    return int(text)


def _active(at: DeltaPlace, table: DeltaTable, copies: Path | None) -> ActiveTable:
    protocol, metadata = table.protocol(), table.metadata()
    if strange := sorted(set(protocol.reader_features or ()) - _READ):
        raise RefusedError(f"{at.label} has the feature {strange[0]!r}, which is not read here")
    mode = metadata.configuration.get(_MODE, "none")
    if protocol.min_reader_version > 3 or mode not in ("none", "name", "id"):
        raise RefusedError(f"{at.label} is of a later version of the protocol than is read here")
    if not _TABLE_ID.fullmatch(str(metadata.id)):
        raise RefusedError(f"{at.label} has an id that no decision can name")
    fields = json.loads(table.schema().to_json())["fields"]
    columns = tuple(_column(at, field, mode, metadata.partition_columns) for field in fields)
    store = _Store(at, copies)
    kept = [column.name for column in columns if column.is_kept]
    deleted = _deleted(at, table)
    files = tuple(
        ActiveFile(name, store.file(name, size), values, deleted.pop(unquote(name), ()))
        for name, size, values in sorted(_added(table, kept))
    )
    if deleted:
        raise MalformedError(f"the log of {at.label} deletes rows of a file that it does not have")
    version = TableVersion(str(metadata.id), str(table.version()), _commit_hash(at.place, table.version()))
    return ActiveTable("delta", at.label, version, columns, files)


def _column(at: DeltaPlace, field: dict[str, Any], mode: str, partitions: list[str]) -> TableColumn:
    name, said = field["name"], field.get("metadata") or {}
    type, is_kept = delta_type(field["type"]), field["name"] in partitions
    if mode == "none" or is_kept:
        return TableColumn(name, type, name, is_kept=is_kept)
    if "STRUCT(" in type:
        raise RefusedError(f"{at.label} maps the names of a nested column, which is not read here")
    if mode == "id":
        return TableColumn(name, type, None, int(said[_ID]))
    return TableColumn(name, type, str(said[_NAME]))


def _added(table: DeltaTable, kept: list[str]) -> list[tuple[str, int, tuple[str | None, ...]]]:
    """The files of the table: name, size, and the values of partitions as the engine writes them."""
    import duckdb

    values = ", ".join(f"CAST(partition.{identifier(name)} AS VARCHAR)" for name in kept)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("added", table.get_add_actions())
        rows = connection.execute(f"SELECT path, size_bytes{f', {values}' if kept else ''} FROM added").fetchall()  # noqa: S608 quoted
    return [(str(name), int(size), tuple(rest)) for name, size, *rest in rows]


def _deleted(at: DeltaPlace, table: DeltaTable) -> dict[str, tuple[int, ...]]:
    """The positions that deletion vectors call deleted, by the file's path below the table."""
    import duckdb

    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return {}
    root = table.table_uri.rstrip("/").removeprefix("file://")
    with duckdb.connect() as connection:
        connection.register("vectors", table.deletion_vectors())
        rows = connection.execute(
            "SELECT filepath, list_filter(range(len(selection_vector)), lambda row: NOT selection_vector[row + 1]) FROM vectors"
        ).fetchall()
    found = {}
    for uri, positions in rows:
        path = uri.removeprefix("file://")
        if not path.startswith(f"{root}/"):
            raise RefusedError(f"{at.label} has a file outside of its folder")
        found[unquote(path.removeprefix(f"{root}/"))] = tuple(positions)
    return found


@dataclass(frozen=True, slots=True)
class _Store:
    """Where the files lie: here, or in a store from which they are copied into `copies`."""

    at: DeltaPlace
    copies: Path | None

    def file(self, name: str, size_bytes: int) -> Path:
        """Return where a file of the log lies here."""
        below = PurePosixPath(unquote(name))
        if urlsplit(name).scheme or below.is_absolute() or ".." in below.parts or not below.name:
            raise RefusedError(f"{self.at.label} has a file outside of its folder")
        path = self._fetched(below) if self.copies else Path(self.at.place).resolve() / below
        if not path.is_file():
            raise MissingError(f"a file of {self.at.label} is gone", where=str(below))
        if path.stat().st_size != size_bytes:
            raise MalformedError(
                f"a file has {path.stat().st_size} bytes, and the log says {size_bytes}", where=str(below)
            )
        return path

    def _fetched(self, below: PurePosixPath) -> Path:
        import fsspec

        assert self.copies is not None, "only what is stored elsewhere is copied"
        store, root = fsspec.core.url_to_fs(self.at.place)
        path = self.copies.joinpath(*below.parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            name = f"{root.rstrip('/')}/{below}"
            store.get_file(name, str(path))
            changed = store.modified(name).timestamp()
            os.utime(path, (changed, changed))  # the age of a batch without a column is that of its files
        except FileNotFoundError as error:
            raise MissingError(f"a file of {self.at.label} is gone", where=str(below)) from error
        return path


def commit_hash(at: DeltaPlace, version: int) -> str | None:
    """Return the SHA-256 of a version's commit; None where the log was cleaned of it.

    Raises:
        RefusedError: The store does not hand it over.
    """
    return asked(lambda: _commit_hash(at.place, version), at.label, {}, extra="objects")


def _commit_hash(place: str, version: int) -> str | None:
    name = f"_delta_log/{version:020d}.json"
    try:
        if is_stored(place):
            import fsspec

            store, root = fsspec.core.url_to_fs(place)
            data = store.cat_file(f"{root.rstrip('/')}/{name}")
        else:
            data = (Path(place) / name).read_bytes()
    except FileNotFoundError:
        return None
    return hashlib.sha256(data).hexdigest()
