"""A Delta table is measured as its log says, by what its files hold, and what cannot be read exactly is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.sources.named import found
from contracts.tables.active import ActiveTable
from proofs.errors import MalformedError, MissingError, RefusedError, TallyError
from tests import deltalog

ID = {"name": "id", "type": "integer", "unique": True}


def contract(*fields: dict[str, Any]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate({"name": "c", "version": "1.0.0", "dataset": dataset, "schema": list(fields)})


def measured(place: Path | str, *fields: dict[str, Any], as_of: str | None = None) -> Measurement:
    with found(f"delta:{place}", as_of=as_of) as source:
        return measure(contract(*fields), source)


def broken(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


def parquet(path: Path, query: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.stat().st_size


def by_hand(folder: Path, *actions: dict[str, Any], features: tuple[str, ...] = ()) -> Path:
    deltalog.commit(folder, 0, [deltalog.protocol(*features), *actions])
    return folder


def test_every_version_is_measured_and_named(tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, pa.table({"id": [1, 2, 3]}))
    write_deltalake(place, pa.table({"id": [3, 4]}), mode="append")

    newest, before = measured(place, ID), measured(place, ID, as_of="0")

    assert (newest.kind, newest.rows, broken(newest)) == ("delta", 5, {"unique:id": 1})
    assert (before.rows, broken(before)) == (3, {})
    assert newest.file is not None
    assert newest.file.table is not None
    commit = (place / "_delta_log" / f"{1:020d}.json").read_bytes()
    assert (newest.file.table.version, newest.file.table.log) == ("1", hashlib.sha256(commit).hexdigest())
    assert newest.file.table.id == str(DeltaTable(place).metadata().id)
    assert newest.file.files == 2


def test_the_fingerprint_is_that_of_the_files_and_the_state_by_hand(tmp_path: Path) -> None:
    size = parquet(tmp_path / "a.parquet", "SELECT 1::BIGINT AS id")
    by_hand(tmp_path, deltalog.metadata([deltalog.column("id", "long")]), deltalog.add("a.parquet", size))

    with found(f"delta:{tmp_path}") as source:
        measurement = measure(contract(ID), source)

    state = hashlib.sha256(b'[[["id","BIGINT"]],[["a.parquet",[],[]]]]').hexdigest()
    data = hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()
    assert measurement.file is not None
    text = f"{data}  a.parquet\n{state}  state\n"
    assert measurement.file.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_partitions_are_columns_of_their_types_whatever_their_values(tmp_path: Path) -> None:
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None]
    rows = pa.table({"id": [1, 2, 3], "day": pa.array(days, pa.date32()), "where": ["a b", "ü/ä=%", None]})
    write_deltalake(tmp_path, rows, partition_by=["day", "where"])
    day = {"name": "day", "type": "date", "required": True, "range": {"max": "2026-01-01"}}
    where = {"name": "where", "type": "string", "required": True, "enum": ["a b"]}

    found = broken(measured(tmp_path, ID, day, where))

    assert found == {"required:day": 1, "range:day": 1, "required:where": 1, "enum:where": 1}


def test_a_column_that_older_files_do_not_have_is_null_there(tmp_path: Path) -> None:
    write_deltalake(tmp_path, pa.table({"id": [1, 2]}))
    write_deltalake(tmp_path, pa.table({"id": [3], "note": ["n"]}), mode="append", schema_mode="merge")

    assert broken(measured(tmp_path, ID, {"name": "note", "type": "string", "required": True})) == {"required:note": 2}


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_names_and_deletion_vectors_are_followed(tmp_path: Path, mode: str) -> None:
    select = "SELECT range AS x, 'v' || range AS y FROM range(10)"
    if mode == "id":
        options = "FORMAT parquet, FIELD_IDS {x: 1, y: 2}"
        duckdb.connect().execute(f"COPY ({select}) TO '{tmp_path / 'a.parquet'}' ({options})")
        size = (tmp_path / "a.parquet").stat().st_size
    else:
        size = parquet(tmp_path / "a.parquet", select)
    columns = [
        deltalog.column("id", "long", stored="x", id=1),
        deltalog.column("what for", "string", stored="y", id=2),
        deltalog.column("day", "date", stored="z", id=3),
    ]
    settings = {"columnMapping_mode": mode, "columnMapping_maxColumnId": "3", "enableDeletionVectors": "true"}
    file = deltalog.add("a.parquet", size, deleted=[1, 3], z="2026-01-02")
    features = ("columnMapping", "deletionVectors")
    by_hand(tmp_path, deltalog.metadata(columns, ["day"], **settings), file, features=features)

    measurement = measured(
        tmp_path,
        ID | {"range": {"min": 2}},
        {"name": "what for", "type": "string", "enum": ["v0", "v1", "v3", "v9"]},
        {"name": "day", "type": "date", "range": {"max": "2026-01-01"}},
    )

    assert measurement.rows == 8
    # Of 0 to 9 without 1 and 3, one is below 2, six are not listed, and all are of a later day.
    assert broken(measurement) == {"range:id": 1, "enum:what for": 6, "range:day": 8}


def test_a_table_without_files_has_no_rows_and_a_fingerprint(tmp_path: Path) -> None:
    by_hand(tmp_path, deltalog.metadata([deltalog.column("id", "long")]))

    measurement = measured(tmp_path, ID)

    assert (measurement.rows, measurement.file is not None) == (0, True)


HOSTILE = {
    "outside": deltalog.add("../a.parquet", 1),
    "outside in disguise": deltalog.add("x/%2E%2E/../a.parquet", 1),
    "elsewhere": deltalog.add("file:///etc/passwd", 1),
    "absolute": deltalog.add("/etc/passwd", 1),
    "gone": deltalog.add("gone.parquet", 1),
    "another size": deltalog.add("a.parquet", 7),
    "a folder": deltalog.add("sub", 1),
    "no value of its column": deltalog.add("a.parquet", 7, day="2026-02-30"),
}


@pytest.mark.parametrize("action", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_log_that_leads_elsewhere_or_lies_is_refused(tmp_path: Path, action: dict[str, Any]) -> None:
    place = tmp_path / "t"
    (place / "sub").mkdir(parents=True)
    size = parquet(place / "a.parquet", "SELECT 1::BIGINT AS id")
    parquet(tmp_path / "a.parquet", "SELECT 1::BIGINT AS id")
    columns, partitions = [deltalog.column("id", "long")], []
    if "day" in action["add"]["partitionValues"]:
        columns, partitions = [*columns, deltalog.column("day", "date")], ["day"]
        action = deltalog.add("a.parquet", size, day="2026-02-30")
    by_hand(place, deltalog.metadata(columns, partitions), action)

    with pytest.raises((RefusedError, MissingError, MalformedError)):
        measured(place, ID)


@pytest.mark.parametrize(
    ("columns", "features", "settings"),
    [
        ([deltalog.column("id", "variant")], (), {}),
        ([deltalog.column("id", "long")], ("typeWidening",), {}),
        ([deltalog.column("id", "long"), deltalog.column("ID", "long")], (), {}),
        ([deltalog.column("file_index", "long")], (), {}),
        (
            [
                deltalog.column(
                    "s",
                    {"type": "struct", "fields": [deltalog.column("a", "long", stored="m", id=2)]},
                    stored="l",
                    id=1,
                )
            ],
            ("columnMapping",),
            {"columnMapping_mode": "name", "columnMapping_maxColumnId": "2"},
        ),
    ],
    ids=["a type", "a feature", "names that differ in case", "a name of the engine's", "members of mapped names"],
)
def test_what_cannot_be_read_exactly_is_refused(
    tmp_path: Path, columns: list[dict[str, Any]], features: tuple[str, ...], settings: dict[str, str]
) -> None:
    size = parquet(tmp_path / "a.parquet", "SELECT 1::BIGINT AS id, 2::BIGINT AS file_index")
    by_hand(tmp_path, deltalog.metadata(columns, **settings), deltalog.add("a.parquet", size), features=features)

    with pytest.raises(TallyError):
        measured(tmp_path, ID)


@pytest.mark.parametrize(
    ("stored", "type"),
    [
        ("1.5::DOUBLE", "long"),
        ("1::BIGINT", "integer"),
        ("'1'", "long"),
        ("'a'::BLOB", "string"),
        ("1.25", "decimal(5,1)"),
    ],
)
def test_a_file_of_another_type_than_the_log_says_is_refused_and_not_rounded(
    tmp_path: Path, stored: str, type: str
) -> None:
    size = parquet(tmp_path / "a.parquet", f"SELECT {stored} AS id")
    by_hand(tmp_path, deltalog.metadata([deltalog.column("id", type)]), deltalog.add("a.parquet", size))

    with pytest.raises(MalformedError, match="in a column that is"):
        measured(tmp_path, ID)


def test_an_id_that_no_decision_can_name_is_refused(tmp_path: Path) -> None:
    metadata = deltalog.metadata([deltalog.column("id", "long")])
    metadata["metaData"]["id"] = "x y" * 99
    by_hand(tmp_path, metadata)

    with pytest.raises(RefusedError, match="no decision can name"):
        measured(tmp_path, ID)


def test_what_is_no_table_or_version_is_said(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1]}))
    (tmp_path / "bad" / "_delta_log").mkdir(parents=True)
    (tmp_path / "bad" / "_delta_log" / f"{0:020d}.json").write_bytes(b'{"metaData": {"schemaString": "\xff')

    for place, as_of in (
        ("none", None),
        (".", None),
        ("t", "1"),
        ("t", "-1"),
        ("t", "9" * 15),
        ("t", "1e3"),
        ("bad", None),
    ):
        with pytest.raises((MissingError, RefusedError, MalformedError)):
            measured(tmp_path / place, ID, as_of=as_of)
    with pytest.raises(RefusedError, match="credentials"), found("delta:s3://u:secret@lake/t"):
        pass
    with pytest.raises(RefusedError, match="earlier versions"), found(str(tmp_path), as_of="1"):
        pass


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    write_deltalake(tmp_path, pa.table({"id": [1, 2]}))

    with found(f"delta:{tmp_path}") as source:
        assert isinstance(source, ActiveTable)
        [path] = source.files
        path.write_bytes(b"")
        with pytest.raises(TallyError):
            measure(contract(ID), source)
