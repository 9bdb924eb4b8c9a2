"""An Iceberg table of a catalog that pyiceberg is configured for, at its newest snapshot or at an earlier one.

The metadata is read by pyiceberg, and the files by the engine, columns by their field ids, so that what was renamed is found.
Position deletes in Parquet are honoured. What is refused: equality deletes, deletion vectors, files that are not Parquet or
have no field ids, default values, and members of a struct that were renamed.

Source: Iceberg's table specification, "Column Projection", "Scan Planning" and "Position Delete Files".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from contracts.engine import literal
from contracts.tables.active import MAX_DELETED, MAX_FILES, ActiveFile, ActiveTable, TableColumn
from contracts.tables.asked import asked
from contracts.tables.types import iceberg_type, nested_names
from contracts.tables.version import TableVersion
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError

if TYPE_CHECKING:
    from pyiceberg.table import FileScanTask, Table
    from pyiceberg.table.snapshots import Snapshot

MAX_FORMAT: Final = 3
NONE: Final = "0"  # the version of a table without a snapshot
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,127}")


@dataclass(frozen=True, slots=True)
class IcebergPlace:
    """Where an Iceberg table is: CATALOG.NAMESPACE.TABLE, of a catalog in pyiceberg's own configuration."""

    name: str

    def __post_init__(self) -> None:
        if len(self.name.split(".")) < 3 or not all(self.name.split(".")):
            raise RefusedError("an Iceberg table is written CATALOG.NAMESPACE.TABLE")

    @property
    def label(self) -> str:
        """What the table is called in a message."""
        return f"the Iceberg table {self.name}"

    def table(self) -> Table:
        """Return pyiceberg's table as it is now.

        Raises:
            MissingError: There is no such table.
            RefusedError: pyiceberg is not installed, or its catalog does not answer.
        """
        none = MissingError(f"there is no {self.label[4:]}")
        known: dict[str, TallyError] = {
            "NoSuchTableError": none,
            "NoSuchNamespaceError": none,
            "ValueError": RefusedError(
                f"pyiceberg has no catalog {self.name.partition('.')[0]!r}", hint="configure it in ~/.pyiceberg.yaml"
            ),
            "ServiceUnavailableError": BusyError(f"the catalog of {self.label} does not answer"),
        }
        return asked(lambda: _table(self.name), self.label, known, extra="iceberg")


def _table(name: str) -> Table:
    from pyiceberg.catalog import load_catalog

    catalog, *identifier = name.split(".")
    return load_catalog(catalog).load_table(tuple(identifier))


@contextmanager
def iceberg_source(name: str, as_of: str | None = None) -> Iterator[ActiveTable]:
    """Hand over an Iceberg table as it is now, or as it was at a snapshot, a branch or a tag; what lies elsewhere is copied.

    Raises:
        MissingError: There is no such table, snapshot or file.
        MalformedError: The metadata contradicts the files.
        RefusedError: The table has something that cannot be read exactly.
    """
    at = IcebergPlace(name)
    table = at.table()
    with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
        yield asked(lambda: _active(at, table, as_of, Path(folder).resolve()), at.label, {}, extra="iceberg")


def snapshot_of(table: Table, as_of: str | None) -> Snapshot | None:
    """Return the snapshot that a number, a branch or a tag names; the current one where none is named, and none for "0".

    Raises:
        MissingError: There is none.
    """
    if as_of is None or as_of == NONE:
        return table.current_snapshot() if as_of is None else None
    if not _REF.fullmatch(as_of):
        raise RefusedError(f"{as_of[:40]!r} is no snapshot, branch or tag")
    found = table.snapshot_by_name(as_of)
    if found is None and _NUMBER.fullmatch(as_of):
        found = table.snapshot_by_id(int(as_of))
    if found is None:
        raise MissingError(f"the table has no snapshot, branch or tag {as_of[:40]!r}")
    return found


def version_of(table: Table, snapshot: Snapshot | None) -> TableVersion:
    """Return a snapshot as decisions name it."""
    if snapshot is None:
        return TableVersion(str(table.metadata.table_uuid), NONE)
    with table.io.new_input(snapshot.manifest_list).open() as file:
        log = hashlib.sha256(file.read()).hexdigest()
    return TableVersion(str(table.metadata.table_uuid), str(snapshot.snapshot_id), log)


def _active(at: IcebergPlace, table: Table, as_of: str | None, copies: Path) -> ActiveTable:
    if table.metadata.format_version > MAX_FORMAT:
        raise RefusedError(f"{at.label} is of a later version of the format than is read here")
    snapshot = snapshot_of(table, as_of)
    schema = table.schema()
    if as_of is not None and snapshot is not None and snapshot.schema_id is not None:
        schema = table.schemas()[snapshot.schema_id]
    fields = json.loads(schema.model_dump_json())["fields"]
    _check_members(at, [json.loads(each.model_dump_json())["fields"] for each in table.schemas().values()])
    columns = tuple(_column(at, field) for field in fields)
    version = version_of(table, snapshot)
    if snapshot is None:
        return ActiveTable("iceberg", at.label, version, columns, ())
    try:
        tasks = list(table.scan(snapshot_id=snapshot.snapshot_id).plan_files())
    except ValueError as error:  # of pyiceberg's own: equality deletes
        raise RefusedError(f"{at.label} has deletes that are not read here; compact it first") from error
    if len(tasks) > MAX_FILES:
        raise RefusedError(f"{at.label} has {len(tasks)} files, at most {MAX_FILES} are read")
    reader = _Reader(at, table, copies, snapshot.timestamp_ms / 1000)
    files = tuple(reader.file(task) for task in sorted(tasks, key=lambda task: task.file.file_path))
    _check_stored(at, [file.path for file in files], _identities(table))
    return ActiveTable("iceberg", at.label, version, columns, files)


def _column(at: IcebergPlace, field: dict[str, Any]) -> TableColumn:
    if field.get("initial-default") is not None:
        raise RefusedError(f"{at.label} has a column with a default value, which is not read here")
    return TableColumn(field["name"], iceberg_type(field["type"]), None, int(field["id"]))


def _check_members(at: IcebergPlace, schemas: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Members of a struct are found by name: one name, one field, in all schemas that a file may have been written with."""
    ids: dict[int, set[tuple[str, ...]]] = {}
    for fields in schemas:
        for field in fields:
            for id, path in nested_names(field["type"]):
                ids.setdefault(id, set()).add((str(field["id"]), *path))
    paths = [path for found in ids.values() for path in found]
    if any(len(found) > 1 for found in ids.values()) or len(set(paths)) != len(paths):
        raise RefusedError(f"{at.label} renamed a member of a nested column, which is not read here")


def _identities(table: Table) -> frozenset[int]:
    """The columns of which the value of a whole file may stand in the metadata alone."""
    specs = table.metadata.partition_specs
    return frozenset(field.source_id for spec in specs for field in spec.fields if str(field.transform) == "identity")


def _check_stored(at: IcebergPlace, paths: Sequence[Path], identities: frozenset[int]) -> None:
    """Refuse files of which a column would be null only because it cannot be found."""
    import duckdb

    if not paths:
        return
    listed = ", ".join(literal(str(path)) for path in paths)
    with duckdb.connect() as connection:
        try:
            rows = connection.execute(
                f"SELECT file_name, list(field_id), count(*) FILTER (field_id IS NULL AND name <> 'schema') FROM ("  # noqa: S608
                f"SELECT *, row_number() OVER (PARTITION BY file_name) AS place FROM parquet_schema([{listed}])"  # quoted
                ") WHERE place > 1 OR field_id IS NOT NULL GROUP BY file_name"
            ).fetchall()
        except duckdb.Error as error:
            raise MalformedError(f"a file of {at.label} is damaged, or not Parquet") from error
    if len(rows) != len(set(paths)) or any(not any(id is not None for id in ids) for _, ids, _ in rows):
        raise RefusedError(f"{at.label} has a file without field ids, whose columns cannot be told")
    for _, ids, _ in rows:
        if missing := identities - set(ids):
            raise RefusedError(
                f"{at.label} keeps partition column {min(missing)} outside of its files, which is not read here"
            )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what the metadata names; what does not lie here is copied into `copies`, as old as the snapshot (`changed`)."""

    at: IcebergPlace
    table: Table
    copies: Path
    changed: float

    def file(self, task: FileScanTask) -> ActiveFile:
        """Return a data file, with the positions that its delete files name."""
        data = task.file
        if str(data.file_format).rpartition(".")[2] != "PARQUET":
            raise RefusedError(f"{self.at.label} has a file that is not Parquet")
        path = self._here(data.file_path)
        if path.stat().st_size != data.file_size_in_bytes:
            raise MalformedError(
                f"a file has {path.stat().st_size} bytes, and the metadata says {data.file_size_in_bytes}",
                where=path.name,
            )
        location = self.table.location().rstrip("/") + "/"
        return ActiveFile(data.file_path.removeprefix(location), path, (), self._deleted(task))

    def _deleted(self, task: FileScanTask) -> tuple[int, ...]:
        import duckdb

        found: set[int] = set()
        for delete in task.delete_files:
            content, form = str(delete.content), str(delete.file_format).rpartition(".")[2]
            if not content.endswith("POSITION_DELETES") or form != "PARQUET":
                raise RefusedError(f"{self.at.label} has deletes that are not read here; compact it first")
            with duckdb.connect() as connection:
                path = literal(str(self._here(delete.file_path)))
                select = f"SELECT pos FROM read_parquet({path}) WHERE file_path = $1 LIMIT {MAX_DELETED + 1}"  # noqa: S608 quoted
                found.update(pos for (pos,) in connection.execute(select, [task.file.file_path]).fetchall())
        return tuple(sorted(found))

    def _here(self, location: str) -> Path:
        parts = urlsplit(location)
        if parts.scheme in ("", "file") and not parts.netloc:
            path = Path(location.removeprefix("file://"))
        else:
            path = self.copies / hashlib.sha256(location.encode()).hexdigest()
            if not path.exists():
                with self.table.io.new_input(location).open() as source, path.open("xb") as copy:
                    while block := source.read(1 << 22):
                        copy.write(block)
                os.utime(path, (self.changed, self.changed))  # the age of a batch without a column is that of its files
        if not path.is_file():
            raise MissingError(f"a file of {self.at.label} is gone", where=Path(unquote(parts.path)).name)
        return path
