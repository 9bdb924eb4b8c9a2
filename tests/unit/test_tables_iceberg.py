"""An Iceberg table of a SQL catalog is measured by field ids and position deletes; what cannot be read exactly is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.types import IntegerType, LongType
from pyiceberg.utils.config import Config

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.sources.named import found
from proofs.errors import MalformedError, MissingError, RefusedError, TallyError

ID = {"name": "id", "type": "integer", "unique": True}
ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int32()), "state": ["open", None, "paid"], "n": [{"a": 1}] * 3})


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A catalog called "lake", which pyiceberg is configured for in the environment."""
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{tmp_path}/lake")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # read once, when it is imported
    (tmp_path / "lake").mkdir()
    made: Any = load_catalog("lake")
    made.create_namespace("shop")
    yield made
    made.engine.dispose()


def contract(*fields: dict[str, Any]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate({"name": "c", "version": "1.0.0", "dataset": dataset, "schema": list(fields)})


def measured(*fields: dict[str, Any], as_of: str | None = None, name: str = "lake.shop.orders") -> Measurement:
    with found(f"iceberg:{name}", as_of=as_of) as source:
        return measure(contract(*fields), source)


def broken(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


def test_renamed_widened_and_added_columns_are_found_by_their_ids(catalog: Catalog) -> None:
    table = catalog.create_table("shop.orders", schema=ROWS.select(["id", "state"]).schema)
    table.append(ROWS.select(["id", "state"]))
    with table.update_schema() as change:
        change.rename_column("state", "was state")
        change.update_column("id", LongType())
    with table.update_schema() as change:
        change.add_column("state", IntegerType())  # a name that older files have, for another column
    now = {"id": pa.array([3, 2**40], pa.int64()), "was state": ["paid", "x"], "state": pa.array([7, None], pa.int32())}
    table.append(pa.table(now))
    first = str(table.snapshots()[0].snapshot_id)
    was = {"name": "was state", "type": "string", "required": True, "enum": ["open", "paid"]}

    newest = measured(ID, was, {"name": "state", "type": "integer", "required": True})
    before = measured(ID, {"name": "state", "type": "string", "required": True}, as_of=first)

    assert (newest.kind, newest.rows) == ("iceberg", 5)
    assert broken(newest) == {"unique:id": 1, "required:was state": 1, "enum:was state": 1, "required:state": 4}
    assert (before.rows, broken(before)) == (3, {"required:state": 1})
    assert newest.file is not None
    assert newest.file.table is not None
    assert newest.file.table.version == str(table.refresh().metadata.current_snapshot_id)
    assert newest.file.table.id == str(table.metadata.table_uuid)


def test_a_tag_and_a_table_without_a_snapshot_are_versions(catalog: Catalog) -> None:
    table = catalog.create_table("shop.orders", schema=ROWS.schema)
    empty = measured(ID)
    table.append(ROWS)
    table.manage_snapshots().create_tag(table.metadata.current_snapshot_id or 0, "month-end").commit()
    table.append(ROWS)

    assert (empty.rows, empty.file is not None) == (0, True)
    assert measured(ID, as_of="month-end").rows == 3
    assert measured(ID, as_of="0").file == empty.file


def test_position_deletes_are_honoured_and_others_refused(catalog: Catalog, tmp_path: Path) -> None:
    from contracts.tables import iceberg

    table = catalog.create_table("shop.orders", schema=ROWS.schema)
    table.append(ROWS)
    [task] = table.scan().plan_files()
    path = tmp_path / "deletes.parquet"
    rows = f"SELECT '{task.file.file_path}' AS file_path, unnest([0, 2, 2])::BIGINT AS pos UNION ALL SELECT 'other', 1"
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")

    def delete(content: DataFileContent, form: FileFormat) -> DataFile:
        return DataFile.from_args(
            _table_format_version=2, content=content, file_path=f"file://{path}", file_format=form
        )

    reader = iceberg._Reader(iceberg.IcebergPlace("lake.shop.orders"), table, tmp_path, 0.0)
    task.delete_files.add(delete(DataFileContent.POSITION_DELETES, FileFormat.PARQUET))
    assert reader.file(task).deleted == (0, 2)
    for content, form in (
        (DataFileContent.EQUALITY_DELETES, FileFormat.PARQUET),
        (DataFileContent.POSITION_DELETES, FileFormat.PUFFIN),
    ):
        task.delete_files.clear()
        task.delete_files.add(delete(content, form))
        with pytest.raises(RefusedError, match="deletes that are not read"):
            reader.file(task)


def test_files_whose_columns_cannot_be_told_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    table = catalog.create_table("shop.orders", schema=ROWS.select(["id"]).schema)
    duckdb.connect().execute(f"COPY (SELECT 1::INTEGER AS id) TO '{tmp_path / 'strange.parquet'}' (FORMAT parquet)")
    table.add_files([f"file://{tmp_path / 'strange.parquet'}"])

    with pytest.raises(RefusedError, match="without field ids"):
        measured(ID)


def test_renamed_members_of_a_column_are_refused(catalog: Catalog) -> None:
    table = catalog.create_table("shop.orders", schema=ROWS.schema)
    table.append(ROWS)
    with table.update_schema() as change:
        change.rename_column("n.a", "b")

    with pytest.raises(RefusedError, match="member of a nested column"):
        measured(ID)


def test_a_file_that_is_not_what_the_metadata_says_is_refused(catalog: Catalog) -> None:
    table = catalog.create_table("shop.orders", schema=ROWS.schema)
    table.append(ROWS)
    [task] = table.scan().plan_files()
    path = Path(task.file.file_path.removeprefix("file://"))

    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(MalformedError, match="the metadata says"):
        measured(ID)
    path.write_bytes(b"x" * task.file.file_size_in_bytes)
    with pytest.raises(MalformedError, match="damaged"):
        measured(ID)
    path.unlink()
    with pytest.raises(MissingError, match="gone"):
        measured(ID)


def test_what_is_no_table_or_snapshot_is_said(catalog: Catalog) -> None:
    catalog.create_table("shop.orders", schema=ROWS.schema)

    for name in ("lake.shop.none", "lake.none.orders", "nowhere.shop.orders", "lake", "lake..orders", "lake.orders"):
        with pytest.raises((MissingError, RefusedError)):
            measured(ID, name=name)
    for as_of in ("17", "none", "-1", "x;y", "a" * 200):
        with pytest.raises(TallyError):
            measured(ID, as_of=as_of)
