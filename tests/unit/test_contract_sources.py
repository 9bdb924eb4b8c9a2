"""Sources beside a file and a table: JSON lines, many files, frames, SQLite and PostgreSQL, each with what it must refuse."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pytest

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.source import ParquetFile, Source
from contracts.sources.files import Files, folder_source
from contracts.sources.frames import Frame
from contracts.sources.jsonlines import JsonLines
from contracts.sources.named import named_source
from contracts.sources.postgres import PostgresTable
from contracts.sources.sqlite import SqliteTable
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError
from tests.pgserver import Server

FIELDS = [
    {"name": "id", "type": "integer", "required": True, "unique": True, "range": {"min": 1, "max": 3}},
    {"name": "spend", "type": "number", "range": {"max": 2}},
    {"name": "name", "type": "string", "pattern": "[a-z]+"},
    {"name": "ok", "type": "boolean", "required": True},
    {"name": "day", "type": "date", "range": {"min": "2026-01-02"}},
    {"name": "seen", "type": "timestamp", "range": {"max": "2026-01-01T12:00:00Z"}},
]
CHECKS = [
    {"kind": "sum", "column": "id", "bounds": {"max": 4}},
    {"kind": "sql", "query": "SELECT count(*) FROM {table} WHERE ok AND day = DATE '2026-01-01'", "bounds": {"min": 1}},
    {"kind": "missing_values", "columns": ["name"], "missing": ["ann"], "bounds": {"max": 1}},
]
# Broken in every source that has the rows of ROWS.
BROKEN = {
    "required:id": 1, "unique:id": 1, "range:spend": 1, "pattern:name": 1, "required:ok": 1, "range:day": 1, "range:seen": 1,
    "sum:id": 250_000, "missing_values:name": 1,
}  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"id": 1, "spend": 0.5, "name": "ann", "ok": True, "day": "2026-01-01", "seen": "2026-01-01 12:00:00"},
    {"id": 2, "spend": 2.5, "name": "Bob", "ok": False, "day": "2026-01-02", "seen": "2026-01-01 13:00:00"},
    {"id": 2, "spend": None, "name": None, "ok": True, "day": "2026-01-03", "seen": None},
    {"id": None, "spend": 2.0, "name": "eve", "ok": None, "day": None, "seen": None},
]


def contract(*fields: dict[str, Any], checks: list[dict[str, Any]] | None = None, **rest: Any) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {
            "name": "c",
            "version": "1.0.0",
            "dataset": dataset,
            "schema": list(fields or FIELDS),
            "checks": checks or [],
            **rest,
        }
    )


FULL = contract(checks=CHECKS)


def failed(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


def jsonl(path: Path, *lines: str | bytes) -> JsonLines:
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return JsonLines(path)


def typed(row: dict[str, Any]) -> dict[str, Any]:
    day, seen = row["day"], row["seen"]
    return {
        **row,
        "day": day and dt.date.fromisoformat(day),
        "seen": seen and dt.datetime.fromisoformat(seen),
    }


# JSON lines.


def test_json_lines_are_held_to_every_rule(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "batch.jsonl", *(json.dumps(row) for row in ROWS))

    measurement = measure(FULL, source)

    assert failed(measurement) == BROKEN
    assert (measurement.kind, measurement.rows) == ("jsonl", 4)
    assert measurement.file is not None
    assert measurement.file.sha256 == hashlib.sha256(source.path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("integer", ["1", "-0", "12345678901234567890123"], ["1.0", "1e3", '"1"', "true", "[]", "{}"]),
        ("number", ["1", "1.5", "-1E3"], ['"1"', "true", '"NaN"']),
        ("string", ['"a"', '""', '"null"', '"1"'], ["1", "true", "[]", "{}"]),
        ("boolean", ["true", "false"], ['"true"', "1", "0"]),
        ("date", ['"2026-02-28"'], ['"2026-02-29"', "20260228", '"x"']),
        ("timestamp", ['"2026-01-01T00:00:00Z"'], ['"2026-01-01"', "1767225600"]),
        ("object", ["{}", '{"a":1}'], ["[]", '"{}"', "1"]),
        ("array", ["[]", "[1]"], ["{}", '"[]"', "1"]),
        ("any", ["1", '"a"', "{}"], []),
    ],
)
def test_a_value_of_json_has_the_type_that_json_gives_it(
    tmp_path: Path, type: str, good: list[str], bad: list[str]
) -> None:
    source = jsonl(tmp_path / "batch.jsonl", *(f'{{"a":{value}}}' for value in [*good, *bad, "null"]), "{}")

    measurement = measure(contract({"name": "a", "type": type, "max_null": 1}), source)

    assert failed(measurement) == ({"type:a": len(bad)} if bad else {})
    assert measurement.rows == len(good) + len(bad) + 2
    nulls = {metric.rule.id: metric.failed for metric in measurement.metrics}
    assert nulls["max_null:a"] == 2


@pytest.mark.parametrize(
    "line",
    [
        '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', "[1]", "1", "null", '"a"', "", " ", '{"a":NaN}', '{"a":1,}', '{"a":1} // x',
        '{"a":1}{"a":2}', "{'a':1}", '{"a":', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":"\x00"}', '{"a":"\\ud800"}', "{a:1}",
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
    ids=range(21),
)  # fmt: skip
@pytest.mark.parametrize("before", [1, 3_000])
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: str | bytes, before: int) -> None:
    source = jsonl(tmp_path / "batch.jsonl", *['{"a":1}'] * before, line, '{"a":5}')

    with pytest.raises(MalformedError) as caught:
        measure(contract({"name": "a", "type": "integer"}), source)

    assert "\\ud800" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ['a"b', "a'b", "a/b", "a~1b", "$.a", "", "0", "a\nb", "é", "a.b", "*", "a b", "$1", "--"]
)
def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    source = jsonl(tmp_path / "batch.jsonl", json.dumps({name: 5}))

    measurement = measure(contract({"name": "x", "type": "any"}), source)
    assert measurement.extra_columns == (name,)
    if name and "\n" not in name:
        assert failed(measure(contract({"name": name, "type": "integer", "range": {"max": 4}}), source)) == {
            f"range:{name}": 1
        }


# Many files.


def write(path: Path, query: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix[1:]
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT {kind}{', HEADER' * (kind == 'csv')})")
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_folder_is_one_batch(tmp_path: Path, kind: str) -> None:
    for number in range(3):
        path = tmp_path / "in" / f"k={number}" / f"part-{number}.{kind}"
        path.parent.mkdir(parents=True)
        if kind == "jsonl":
            jsonl(path, f'{{"id":{number}}}', '{"id":7}')
        else:
            write(path, f"SELECT unnest([{number}, 7]) AS id")
    (tmp_path / "in" / "_SUCCESS").touch()
    (tmp_path / "in" / f".hidden.{kind}").write_text("x")
    (tmp_path / "in" / "notes.txt").write_text("x")
    source = folder_source(tmp_path / "in")

    measurement = measure(contract({"name": "id", "type": "integer", "unique": True}), source)

    assert (measurement.rows, failed(measurement)) == (6, {"unique:id": 2})
    assert measurement.kind == kind
    assert measurement.extra_columns == ()
    paths = [f"k={number}/part-{number}.{kind}" for number in range(3)]
    lines = [f"{hashlib.sha256((tmp_path / 'in' / path).read_bytes()).hexdigest()}  {path}\n" for path in paths]
    assert measurement.file is not None
    assert measurement.file.files == 3
    assert measurement.file.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_partitions_are_columns_where_that_is_asked(tmp_path: Path) -> None:
    write(tmp_path / "day=2026-01-01" / "a.parquet", "SELECT 1 AS id")
    write(tmp_path / "day=soon" / "a.parquet", "SELECT 2 AS id")
    fields = {"name": "id", "type": "integer"}, {"name": "day", "type": "date"}

    assert failed(measure(contract(*fields), folder_source(tmp_path, hive=True))) == {"type:day": 1}
    assert set(failed(measure(contract(*fields), folder_source(tmp_path)))) == {"present:day", "type:day"}


def test_files_that_are_no_batch_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no file of a kind"):
        folder_source(tmp_path)
    write(tmp_path / "a.csv", "SELECT 1 AS id")
    write(tmp_path / "b.csv", "SELECT 1 AS other")
    with pytest.raises(MalformedError, match="do not have one header"):
        measure(contract({"name": "id", "type": "any"}), folder_source(tmp_path))
    write(tmp_path / "c.parquet", "SELECT 1 AS id")
    with pytest.raises(RefusedError, match="several kinds"):
        folder_source(tmp_path)
    with pytest.raises(RefusedError, match="Parquet files alone"):
        folder_source(tmp_path, "*.csv", hive=True)
    (tmp_path / "d.csv").write_bytes(b"id,x\n1,2\n\n3,4\n")
    with pytest.raises(MalformedError, match="blank line"):
        measure(contract({"name": "id", "type": "any"}), folder_source(tmp_path, "d.*"))


def test_a_column_that_one_file_lacks_is_null_there(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", "SELECT 1 AS id, 'x' AS name")
    write(tmp_path / "b.parquet", "SELECT 2 AS id")

    measurement = measure(contract({"name": "name", "type": "string", "required": True}), folder_source(tmp_path))

    assert failed(measurement) == {"required:name": 1, "extra_columns": 1}


# Frames.


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy", "arrow"])
def test_a_frame_is_held_to_every_rule(kind: str) -> None:
    table = pyarrow.Table.from_pylist([typed(row) for row in ROWS])
    frames: dict[str, Any] = {
        "arrow": lambda: table,
        "pandas": lambda: table.to_pandas(types_mapper=pandas.ArrowDtype),
        "polars": lambda: polars.from_arrow(table),
        "lazy": lambda: polars.DataFrame(polars.from_arrow(table)).lazy(),
    }

    measurement = measure(FULL, Frame(frames[kind]()))

    assert failed(measurement) == BROKEN
    assert (measurement.kind, measurement.file) == ("frame", None)


def test_what_is_no_frame_is_refused() -> None:
    for strange in ([1], {"a": 1}, "SELECT 1", None):
        with pytest.raises(RefusedError, match="is no frame"):
            Frame(strange)


# SQLite.


def sqlite(path: Path, *statements: str, rows: list[tuple[Any, ...]] | None = None) -> SqliteTable:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    if rows:
        database.executemany(f"INSERT INTO batch VALUES ({', '.join('?' * len(rows[0]))})", rows)
    database.commit()
    database.close()
    return SqliteTable(path, "batch")


def test_a_table_of_sqlite_is_held_to_every_rule(tmp_path: Path) -> None:
    source = sqlite(
        tmp_path / "x.db",
        "CREATE TABLE batch (id INTEGER, spend REAL, name TEXT, ok BOOLEAN, day DATE, seen TEXT)",
        rows=[tuple(row.values()) for row in ROWS],
    )

    measurement = measure(FULL, source)

    assert failed(measurement) == BROKEN
    assert (measurement.kind, measurement.file) == ("sqlite", None)


def test_a_column_of_sqlite_is_what_its_values_are(tmp_path: Path) -> None:
    values = [(2**62, 0.1, "1", b"\x00\xff", 5), (1, 1, "x", b"", "five"), (None, None, None, None, None)]
    source = sqlite(tmp_path / "x.db", 'CREATE TABLE batch (a, b, c, "d""e", f)', rows=values)
    fields: list[dict[str, Any]] = [
        {"name": "a", "type": "integer", "range": {"max": 2**62 - 1}},
        {"name": "b", "type": "number", "range": {"max": Decimal("0.1")}},
        {"name": "c", "type": "integer"},
        {"name": 'd"e', "type": "binary"},
        {"name": "f", "type": "integer"},
    ]

    assert failed(measure(contract(*fields), source)) == {"range:a": 1, "range:b": 1, "type:c": 1, "type:f": 1}


def test_sqlite_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    good = sqlite(tmp_path / "x.db", "CREATE TABLE batch (a TEXT)", "INSERT INTO batch VALUES (CAST(x'ff' AS TEXT))")
    checked = contract({"name": "a", "type": "any"})
    for source, error in (
        (SqliteTable(tmp_path / "none.db", "batch"), MalformedError),
        (SqliteTable(tmp_path / "gone.db", "batch"), MissingError),
        (SqliteTable(tmp_path / "x.db", "gone"), MissingError),
        (SqliteTable(tmp_path / "x.db", 'batch"; DROP TABLE batch; --'), MissingError),
        (good, MalformedError),
    ):
        with pytest.raises(error):
            measure(checked, source)
    assert not (tmp_path / "gone.db").exists()


# PostgreSQL.


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    try:
        yield server.make().start()
    finally:
        server.remove()


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    name = server.database()
    yield name
    server.drop(name)


def test_a_table_of_postgresql_is_held_to_every_rule(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute(
            "CREATE TABLE batch (id int, spend numeric(6,2), name text, ok boolean, day date, seen timestamptz)"
        )
        connection.cursor().executemany(
            "INSERT INTO batch VALUES"
            " (%(id)s, %(spend)s, %(name)s, %(ok)s, %(day)s, %(seen)s::timestamp AT TIME ZONE 'UTC')",
            ROWS,
        )

    measurement = measure(FULL, PostgresTable(server.url(database), "batch"))

    assert failed(measurement) == BROKEN
    assert (measurement.kind, measurement.rows) == ("postgresql", 4)


def test_a_value_of_postgresql_is_the_same_value_here(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute('CREATE SCHEMA "s.1"')
        connection.execute(
            """CREATE TABLE "s.1"."t""x" AS SELECT 9223372036854775807::int8 AS a, 1.10::numeric(30,20) AS b, 0.1::float8 AS c,
            'infinity'::date AS d, 'NaN'::float8 AS e, '\\x00ff'::bytea AS f, 1e30::numeric AS g, ARRAY[1] AS h,
            'x'::text AS "i""j"
            FROM generate_series(1, 50000)"""
        )
    fields: list[dict[str, Any]] = [
        {"name": "a", "type": "integer", "range": {"min": 2**63 - 1}},
        {"name": "b", "type": "number", "enum": [Decimal("1.1")]},
        {"name": "c", "type": "number", "enum": [Decimal("0.1")]},
        {"name": "d", "type": "date", "range": {"min": "2026-01-01"}},
        {"name": "e", "type": "number", "range": {"min": 0}},
        {"name": "f", "type": "binary"},
        {"name": "g", "type": "number", "range": {"min": 10**30}},
        {"name": "h", "type": "any"},
        {"name": 'i"j', "type": "string", "enum": ["x"]},
    ]

    measurement = measure(contract(*fields), PostgresTable(server.url(database), 't"x', "s.1"))

    assert failed(measurement) == {"range:d": 50_000, "range:e": 50_000}


def test_postgresql_that_cannot_be_read_says_no_password(server: Server, database: str) -> None:
    url = f"postgresql://postgres:geheim@/{database}?host={server.folder}"
    with pytest.raises(MissingError) as missing:
        measure(FULL, PostgresTable(url, "gone"))
    with pytest.raises(BusyError) as busy:
        measure(FULL, PostgresTable("postgresql://postgres:geheim@/x?host=/nowhere", "gone"))
    assert "geheim" not in f"{missing.value!r}{busy.value!r}{PostgresTable(url, 'gone')!r}"


# How they are written.


def test_a_source_is_named_on_a_command_line(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.parquet", "SELECT 1 AS id")
    jsonl(tmp_path / "b.jsonl", "{}")
    named: dict[str, type[Source]] = {
        str(tmp_path / "in"): Files,
        str(tmp_path / "in" / "*.parquet"): Files,
        str(tmp_path / "i?" / "*"): Files,
        str(tmp_path / "in" / "a.parquet"): ParquetFile,
        str(tmp_path / "b.jsonl"): JsonLines,
        "sqlite:////tmp/a%23b.db#t": SqliteTable,
        "postgresql://u:p@h/d?sslmode=require#s.t": PostgresTable,
    }

    assert {name: type(named_source(name)) for name in named} == named
    assert named_source("sqlite:////tmp/a%23b.db#t") == SqliteTable(Path("/tmp/a#b.db"), "t")
    assert named_source("postgresql://u:p@h/d#s.t") == PostgresTable("postgresql://u:p@h/d", "t", "s")


@pytest.mark.parametrize(
    "name",
    [
        "postgresql://u:geheim@h/d",
        "postgresql://u:geheim@h/d#",
        "sqlite:///x",
        "s3://u:geheim@b/k",
        "a.txt",
        "*.nothing",
    ],
)
def test_what_is_written_otherwise_is_refused(name: str) -> None:
    with pytest.raises(TallyError) as caught:
        named_source(name)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 5_000, "x" * 5_000 + "*", "loop/x.csv"])
def test_a_path_that_cannot_be_looked_at_is_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(MissingError):
        named_source(str(tmp_path / name))


def test_a_footer_that_claims_the_world_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT 1 AS id")
    data = path.read_bytes()
    for size in (10 * 1024**3 % 2**32, 2**32 - 1, 2**31, len(data)):
        path.write_bytes(data[:-8] + size.to_bytes(4, "little") + b"PAR1")
        with pytest.raises(MalformedError):
            measure(contract({"name": "id", "type": "any"}), ParquetFile(path))
    path.write_bytes(b"PAR1" + b"\xff" * 1000 + (990).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(MalformedError):
        measure(contract({"name": "id", "type": "any"}), ParquetFile(path))
