"""Every rule on real Parquet, CSV and DuckDB tables: what is counted, what is not, and what cannot be."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.compile import compile_scan
from contracts.engine import identifier
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.rules import rules_of
from contracts.scan.query import Query, Value, surplus
from contracts.source import CsvFile, ParquetFile, Source, Table, file_source, opened
from contracts.structure import judge
from proofs.errors import MalformedError, MissingError, RefusedError

Make = Callable[[str], Source]


def contract(*fields: dict[str, Any], **rest: Any) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": list(fields), **rest}
    )


def found(measurement: Measurement) -> dict[str, tuple[str, int, int]]:
    return {metric.rule.id: (metric.found.value, metric.failed, metric.total) for metric in measurement.metrics}


def failed(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


@pytest.fixture(params=["parquet", "csv", "table"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Put the result of a query where the parameter says, and return it as a source."""
    connection = duckdb.connect()

    def put(query: str) -> Source:
        if request.param == "table":
            connection.execute(f'CREATE TABLE "batch" AS {query}')
            return Table(connection, "batch")
        path = tmp_path / f"batch.{request.param}"
        connection.execute(
            f"COPY ({query}) TO '{path}' (FORMAT {request.param}{', HEADER' * (request.param == 'csv')})"
        )
        return file_source(path)

    return put


def parquet(path: Path, query: str) -> ParquetFile:
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return ParquetFile(path)


FIELDS = (
    {"name": "id", "type": "integer", "required": True, "unique": True, "range": {"min": 1, "max": 8}},
    {"name": "spend", "type": "number", "range": {"min": 0, "max": Decimal("99.5")}, "max_null": Decimal("0.2")},
    {"name": "segment", "type": "string", "enum": ["loyal", "new"], "pattern": "[a-z]+"},
    {"name": "active", "type": "boolean", "required": True},
    {"name": "day", "type": "date", "range": {"min": "2026-01-01", "max": "2026-12-31"}},
    {"name": "seen", "type": "timestamp", "range": {"min": "2026-01-01T00:00:00Z"}},
)
GOOD = """SELECT i AS id, i * 10.5 AS spend, CASE i % 2 WHEN 0 THEN 'loyal' ELSE 'new' END AS segment, i % 2 = 0 AS active,
DATE '2026-01-01' + i::INTEGER AS day, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (i) HOUR AS seen FROM range(1, 9) t(i)"""
BAD = """SELECT * FROM (VALUES
(0, -1.0, 'loyal', true, DATE '2025-12-31', TIMESTAMP '2025-12-31 23:59:59.999999'),
(1, 99.5, 'Loyal', NULL, DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00'),
(1, 99.6, 'old', false, DATE '2026-12-31', NULL),
(1, NULL, 'n3w', NULL, DATE '2027-01-01', TIMESTAMP '2027-01-01 00:00:00'),
(NULL, NULL, NULL, true, NULL, TIMESTAMP '2027-01-01 00:00:00'),
(9, NULL, 'new', true, NULL, TIMESTAMP '2027-01-01 00:00:00')) t(id, spend, segment, active, day, seen)"""


def test_a_good_batch_passes_every_rule(make: Make) -> None:
    measurement = measure(contract(*FIELDS, keys=[["id", "day"]]), make(GOOD))

    assert failed(measurement) == {}
    assert len(measurement.metrics) == 25
    assert measurement.rows == 8


def test_a_bad_batch_fails_every_rule_by_the_rows_that_break_it(make: Make) -> None:
    measurement = measure(contract(*FIELDS, keys=[["id"], ["id", "active"]], row_count={"max": 5}), make(BAD))

    assert failed(measurement) == {
        "required:id": 1,
        "unique:id": 2,
        "range:id": 2,
        "max_null:spend": 3,
        "range:spend": 2,
        "enum:segment": 3,
        "pattern:segment": 2,
        "required:active": 2,
        "range:day": 2,
        "range:seen": 1,
        "key:1": 2,
        "row_count": 1,
    }
    assert {total for metric, (_, _, total) in found(measurement).items() if metric.startswith("range")} == {6}


def test_duplicates_are_the_rows_beyond_the_first_and_a_null_in_a_key_is_none(make: Make) -> None:
    query = (
        "SELECT * FROM (VALUES (1, 'x'), (1, 'x'), (1, 'y'), (NULL, 'x'), (NULL, 'x'), (2, NULL), (2, NULL)) t(a, b)"
    )
    fields = ({"name": "a", "type": "integer", "unique": True}, {"name": "b", "type": "string"})

    assert failed(measure(contract(*fields, keys=[["a", "b"]]), make(query))) == {"unique:a": 3, "key:1": 1}


def test_uniqueness_is_exact_beyond_what_a_double_holds(make: Make) -> None:
    query = f"SELECT * FROM (VALUES ({2**53}), ({2**53 + 1}), ({2**53 + 1})) t(a)"

    assert failed(measure(contract({"name": "a", "type": "integer", "unique": True}), make(query))) == {"unique:a": 1}


def test_a_hash_that_two_rows_have_in_common_makes_them_no_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def colliding(values: Sequence[Value], query: Query) -> str:
        asked.append(surplus(values, query))
        return asked[-1].replace("hash(", "0 * hash(")

    monkeypatch.setattr("contracts.compile.surplus", colliding)
    fields = ({"name": "a", "type": "integer", "unique": True}, {"name": "b", "type": "integer", "unique": True})
    source = parquet(tmp_path / "batch.parquet", "SELECT a, a // 2 AS b FROM range(4) t(a)")

    result = failed(measure(contract(*fields, keys=[["a", "b"]]), source))

    assert result == {"unique:b": 2}
    assert sum("hash(" in sql for sql in asked) == 3
    assert len(asked) == 6


def test_values_that_are_equal_under_different_hashes_are_duplicates(tmp_path: Path) -> None:
    query = "SELECT unnest([1::TINYINT::VARIANT, 1::BIGINT::VARIANT, 2::VARIANT]) AS a"
    source = parquet(tmp_path / "batch.parquet", query)

    assert failed(measure(contract({"name": "a", "type": "any", "unique": True}), source)) == {"unique:a": 1}


def test_an_empty_table_passes_every_rule_but_that_it_may_not_be_empty(make: Make) -> None:
    source = make(f"SELECT * FROM ({GOOD}) WHERE false")

    assert failed(measure(contract(*FIELDS), source)) == {"row_count": 1}
    assert failed(measure(contract(*FIELDS, row_count={"min": 0}), source)) == {}


def test_a_tolerance_is_the_fraction_that_may_fail(make: Make) -> None:
    source = make("SELECT CASE WHEN i < 2 THEN 'bad' ELSE 'ok' END AS a FROM range(10) t(i)")
    field = {"name": "a", "type": "string", "enum": ["ok"]}

    assert found(measure(contract({**field, "tolerance": Decimal("0.2")}), source))["enum:a"] == ("passed", 2, 10)
    assert found(measure(contract({**field, "tolerance": Decimal("0.199999")}), source))["enum:a"] == ("failed", 2, 10)


HOSTILE = [
    'a"b', "a'b", "a]b", "a`b", 'x"; DROP TABLE batch; --', "select", "c0", "v0", "r0", "$1", "%s", "{0}", "a\\b", "a b", "ä€😀",
    "*", "count(*)", "a,b", "a.b", "-- x", "/* x */", "#", "?", "a;b",
]  # fmt: skip


def test_a_hostile_name_is_a_name(make: Make) -> None:
    query = "SELECT " + ", ".join(f"i + {place} AS {identifier(name)}" for place, name in enumerate(HOSTILE))
    fields = [
        {"name": name, "type": "integer", "required": True, "range": {"min": place + 1}}
        for place, name in enumerate(HOSTILE)
    ]
    source = make(f"{query} FROM range(3) t(i)")

    measurement = measure(contract(*fields, keys=[HOSTILE[:16]]), source)

    assert failed(measurement) == {f"range:{name}": 1 for name in HOSTILE}
    assert failed(measure(contract(*fields), source)) == failed(measurement)


@pytest.mark.parametrize(
    "value", ["'", "''", "x' OR '1'='1", "$1", "\\", "\n", '"', "); DROP TABLE batch; --", "%", "😀"]
)
def test_a_hostile_value_is_a_value(make: Make, value: str) -> None:
    source = make(f"SELECT * FROM (VALUES ('{value.replace(chr(39), chr(39) * 2)}'), ('other')) t(a)")

    assert failed(measure(contract({"name": "a", "type": "string", "enum": [value]}), source)) == {"enum:a": 1}


def table_of(type: str, values: str) -> Table:
    """A table whose column `a` has `values`, as SQL spells them, without a step through another type."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch (a {type})")
    for value in values.split(", "):
        connection.execute(f"INSERT INTO batch VALUES ({value})")
    return Table(connection, "batch")


WIDE = "123456789012345678901234567890123456.78"


@pytest.mark.parametrize(
    ("type", "values", "bounds", "outside"),
    [
        ("UTINYINT", "0, 255", {"min": -5, "max": 300}, 0),
        ("UTINYINT", "0, 255", {"min": 256}, 2),
        ("UTINYINT", "0, 255", {"max": -1}, 2),
        ("UTINYINT", "0, 255", {"min": 255}, 1),
        ("UTINYINT", "0, 255", {"max": 0}, 1),
        ("TINYINT", "-128, 127", {"min": -128, "max": 127}, 0),
        ("TINYINT", "-128, 127", {"min": -129, "max": 128}, 0),
        ("DECIMAL(4,1)", "-999.9, 999.9", {"min": -1000, "max": 1000}, 0),
        ("INTEGER", "0, 1, 2", {"min": Decimal("0.5"), "max": Decimal("1.5")}, 2),
        ("BIGINT", f"{2**53}, {2**53 + 1}", {"max": 2**53}, 1),
        ("HUGEINT", f"'{10**37}', '{10**37 + 1}'", {"min": 10**37 + 1}, 1),
        ("UHUGEINT", f"0, '{10**37}'", {"min": -1, "max": 10**37 - 1}, 1),
        ("DECIMAL(10,2)", "0.00, 0.01", {"max": Decimal("0.005")}, 1),
        ("DECIMAL(10,2)", "-0.01, 0.00", {"min": Decimal("-0.005")}, 1),
        ("DECIMAL(38,2)", f"0.01, '{WIDE}'", {"min": Decimal(WIDE)}, 1),
        ("DECIMAL(4,1)", "999.9", {"max": 10**30}, 0),
        ("FLOAT", "0.1, 0.2", {"max": Decimal("0.1")}, 1),
        ("DOUBLE", "0.1, 0.10000000000000002", {"max": Decimal("0.1")}, 1),
        ("DOUBLE", "1, 'NaN', 'Infinity', '-Infinity'", {"min": 0}, 3),
        ("DOUBLE", "1, 'NaN', 'Infinity', '-Infinity'", {"max": 5}, 3),
    ],
)  # fmt: skip
def test_a_number_is_held_to_its_bounds_in_its_own_type(
    type: str, values: str, bounds: dict[str, Any], outside: int
) -> None:
    field = {"name": "a", "type": "number", "range": bounds}

    assert found(measure(contract(field), table_of(type, values)))["range:a"][1] == outside


@pytest.mark.parametrize(
    ("type", "values", "listed", "strange"),
    [
        ("UTINYINT", "1, 2", [1, -1, 300], 1),
        ("UTINYINT", "0, 255", [0, 255], 0),
        ("INTEGER", "1, 2", [Decimal("1.0"), Decimal("1.5")], 1),
        ("INTEGER", "1, 2", [Decimal("1.5")], 2),
        ("DECIMAL(5,2)", "1.50, 1.51", [Decimal("1.5"), Decimal("1.511"), 10**20], 1),
        ("FLOAT", "0.1, 0.2", [Decimal("0.1")], 1),
        ("DOUBLE", "0.1, 'NaN'", [Decimal("0.1")], 1),
    ],
)
def test_a_number_is_looked_up_in_its_own_type(type: str, values: str, listed: list[Any], strange: int) -> None:
    field = {"name": "a", "type": "number", "enum": listed}

    assert found(measure(contract(field), table_of(type, values)))["enum:a"][1] == strange


@pytest.mark.parametrize(
    ("type", "values", "bounds", "outside"),
    [
        ("TIMESTAMP", "'2026-01-01 00:00:00', '2026-01-01 00:00:00.000001'", {"max": "2026-01-01"}, 1),
        ("TIMESTAMP_S", "'2026-01-01 00:00:00', '2026-01-01 00:00:01'", {"max": "2026-01-01T00:00:00"}, 1),
        ("TIMESTAMP_MS", "'2026-01-01 00:00:00', '2026-01-01 00:00:00.001'", {"max": "2026-01-01T00:00:00"}, 1),
        ("TIMESTAMP_NS", "'2026-01-01 00:00:00', '2026-01-01 00:00:00.000000001'", {"max": "2026-01-01T00:00:00"}, 1),
        ("TIMESTAMPTZ", "'2026-01-01 02:00:00+02', '2026-01-01 00:00:00-01'", {"max": "2026-01-01T00:00:00Z"}, 1),
        ("TIMESTAMPTZ", "'2026-01-01 00:00:00+00'", {"max": "2026-01-01T00:00:00+02:00"}, 1),
        ("TIMESTAMP", "'infinity', '-infinity', '2026-01-01'", {"min": "2000-01-01"}, 2),
        ("DATE", "'infinity', '-infinity', '2026-01-01'", {"max": "2030-01-01"}, 2),
    ],
)
def test_a_moment_is_held_to_its_bounds_whatever_the_sessions_time_zone(
    type: str, values: str, bounds: dict[str, Any], outside: int
) -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Pacific/Kiritimati'")
    connection.execute(f"CREATE TABLE batch AS SELECT unnest([{values}]::{type}[]) AS a")
    field = {"name": "a", "type": "date" if type == "DATE" else "timestamp", "range": bounds}

    assert found(measure(contract(field), Table(connection, "batch")))["range:a"] == (
        "failed",
        outside,
        values.count(",") + 1,
    )


def write_csv(path: Path, *columns: Sequence[str]) -> CsvFile:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(zip(*columns, strict=True))
    return CsvFile(path)


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("integer", ["0", "-7", "+7", "007", "9" * 38], ["1.0", "1e3", "1_000", " 1", "1 ", "0x1", "9" * 40, "one"]),
        ("number", ["0", "-1.5", ".5", "5.", "1e3", "-1E-3"], ["1,5", "1_000.0", "nan", "inf", "Infinity", "1.5.2", " 1.5"]),
        ("boolean", ["true", "false", "True", "FALSE"], ["1", "0", "t", "yes", "wahr"]),
        ("date", ["2026-02-28", "2024-02-29"], ["2026-02-29", "2026-2-1", "28.02.2026", "2026-01-01 00:00:00", "infinity"]),
        ("time", ["00:00:00", "23:59:59.999"], ["25:00:00", "12:30", "noon"]),
        ("timestamp", ["2026-01-01 00:00:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456+02:00", "2026-01-01 00:00"],
         ["2026-01-01", "2026-13-01 00:00:00", "2026-01-01 25:00:00", "now", "infinity"]),
        ("string", ["anything", "1"], []),
    ],
)  # fmt: skip
def test_a_csv_value_is_of_its_type_as_it_is_written(
    tmp_path: Path, type: str, good: list[str], bad: list[str]
) -> None:
    source = write_csv(tmp_path / "batch.csv", ["a", *good, *bad, ""], ["b", *good, *bad, "x"])

    measurement = measure(contract({"name": "a", "type": type}), source)

    expected = "failed" if bad else "passed"
    assert found(measurement)["type:a"] == (expected, len(bad), len(good) + len(bad) + 1)


def test_a_csv_value_of_another_type_is_counted_once_and_by_no_other_rule(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "batch.csv", ["a", "1", "x", "x", "99"])
    field = {"name": "a", "type": "integer", "range": {"max": 50}, "unique": True, "required": True}

    assert failed(measure(contract(field), source)) == {"type:a": 2, "range:a": 1}


def test_an_empty_csv_value_is_null_quoted_or_not(tmp_path: Path) -> None:
    (tmp_path / "batch.csv").write_bytes(b'a,b\n,1\n"",2\nx,3\n')

    measurement = measure(contract({"name": "a", "type": "string", "required": True}), CsvFile(tmp_path / "batch.csv"))

    assert found(measurement)["required:a"] == ("failed", 2, 3)


def test_values_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    values = ["a,b", 'say "hi"', "two\nlines", "two\r\nlines", "tab\there"]
    source = write_csv(tmp_path / "batch.csv", ["a", *values], ["b", *values])

    assert (
        failed(
            measure(contract({"name": "a", "type": "string", "enum": values}, {"name": "b", "type": "string"}), source)
        )
        == {}
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_may_have_another_delimiter(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "batch.csv").write_text(f"\ufeffa{delimiter}b\n1{delimiter}2\n", encoding="utf-8")

    measurement = measure(
        contract({"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}),
        CsvFile(tmp_path / "batch.csv", delimiter),
    )

    assert failed(measurement) == {}


def test_a_missing_column_fails_and_what_was_promised_of_it_is_not_measured(make: Make) -> None:
    fields = [{"name": name, "type": "integer", "required": True, "unique": True} for name in ("id", "gone")]

    measurement = measure(contract(*fields, keys=[["id", "gone"]]), make("SELECT 1 AS id"))

    assert {rule: result for rule, result in found(measurement).items() if result[0] != "passed"} == {
        "present:gone": ("failed", 1, 1),
        "type:gone": ("unmeasured", 0, 0),
        "required:gone": ("unmeasured", 0, 0),
        "unique:gone": ("unmeasured", 0, 0),
        "key:1": ("unmeasured", 0, 0),
    }
    counted = {metric.rule.id for metric in measurement.metrics if not metric.structural}
    assert counted - {"type:id"} == {"required:id", "unique:id"}  # a CSV knows no types, so they are counted too


@pytest.mark.parametrize(
    ("promised", "there", "hint"),
    [
        ("household_key", "household_id", "household_id"),
        ("household_key", "HouseholdKey", "HouseholdKey"),
        ("household_key", "HOUSEHOLD_KEY", "HOUSEHOLD_KEY"),
        ("household_key", "basket", None),
        ("household_key", "household_keyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", None),
        ("email", "maria@example.org", None),
    ],
)
def test_a_renamed_column_is_recognised_by_a_similar_name(
    make: Make, promised: str, there: str, hint: str | None
) -> None:
    fields = [{"name": name, "type": "integer"} for name in (promised, "week")]

    measurement = measure(contract(*fields), make(f'SELECT 1 AS "{there}", 2 AS week'))

    assert measurement.metrics[0].hint == hint
    assert measurement.extra_columns == (there,)
    assert found(measurement)["extra_columns"] == ("failed", 1, 1)


def test_a_similar_name_of_another_type_or_among_fifty_others_is_no_new_name() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE batch AS SELECT 'x' AS household_id, 1 AS week")
    connection.execute(
        f"CREATE TABLE wide AS SELECT 1 AS household_id, 1 AS week, {', '.join(f'{n} AS f{n}' for n in range(50))}"
    )
    wanted = contract({"name": "household_key", "type": "integer"}, {"name": "week", "type": "integer"})

    assert measure(wanted, Table(connection, "batch")).metrics[0].hint is None
    assert measure(wanted, Table(connection, "wide")).metrics[0].hint is None


@pytest.mark.parametrize(
    ("type", "expression", "seen"),
    [
        ("integer", "'x'", "varchar"),
        ("integer", "1.5::DOUBLE", "double"),
        ("number", "'1.5'", "varchar"),
        ("string", "1", "integer"),
        ("boolean", "1", "integer"),
        ("date", "TIMESTAMP '2026-01-01'", "timestamp"),
        ("timestamp", "DATE '2026-01-01'", "date"),
        ("string", "['a']", "list"),
        ("string", "{'secret': 1}", "struct"),
        ("integer", "'maria'::ENUM('maria')", "enum"),
    ],
)
def test_a_column_of_another_type_fails_and_only_nulls_and_duplicates_are_counted(
    type: str, expression: str, seen: str
) -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS SELECT {expression} AS a FROM range(3)")
    rules: dict[str, Any] = {"required": True, "unique": True}
    if type in ("integer", "number"):
        rules["range"] = {"min": 0}

    measurement = measure(contract({"name": "a", "type": type, **rules}), Table(connection, "batch"))

    results = found(measurement)
    assert [metric.structural for metric in measurement.metrics[:2]] == [True, True]
    assert (results["type:a"], measurement.metrics[1].hint) == (("failed", 1, 1), seen)
    assert (results["required:a"], results["unique:a"]) == (("passed", 0, 3), ("failed", 2, 3))
    assert results.get("range:a", ("unmeasured", 0, 0)) == ("unmeasured", 0, 0)


def test_an_enum_of_the_engine_is_text() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE batch AS SELECT unnest(['a', 'b'])::ENUM('b', 'a') AS a")

    measurement = measure(
        contract({"name": "a", "type": "string", "enum": ["a"], "pattern": "a|b"}), Table(connection, "batch")
    )

    assert failed(measurement) == {"enum:a": 1}


def test_anything_may_be_counted_for_nulls_and_duplicates() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE batch AS SELECT unnest([[1], [1], NULL]) AS a")

    measurement = measure(
        contract({"name": "a", "type": "any", "required": True, "unique": True}), Table(connection, "batch")
    )

    assert failed(measurement) == {"required:a": 1, "unique:a": 1}


def test_a_csv_that_lost_its_header_shows_no_row_in_its_metrics(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "batch.csv", ["Maria", "Peter"], ["maria@example.org", "peter@example.org"])

    measurement = measure(contract({"name": "name", "type": "string"}, {"name": "email", "type": "string"}), source)

    assert failed(measurement)["present:name"] == 1
    assert [metric.hint for metric in measurement.metrics] == [None] * 6


def test_a_file_is_fingerprinted(tmp_path: Path) -> None:
    source = parquet(tmp_path / "batch.parquet", "SELECT 1 AS a")
    content = source.path.read_bytes()

    file = measure(contract({"name": "a", "type": "integer"}), source).file

    assert file is not None
    assert (file.sha256, file.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))


def test_all_rules_are_one_scan(tmp_path: Path) -> None:
    rules = rules_of(contract(*FIELDS, keys=[["id", "day"]]))

    with opened(parquet(tmp_path / "batch.parquet", GOOD)) as batch:
        scan = compile_scan(rules, judge(rules, batch.columns), batch.relation)
        plan = batch.connection.execute(f"EXPLAIN {scan.sql}", scan.parameters).fetchall()

    assert plan[0][1].count("READ_PARQUET") == 1


def test_the_engine_can_touch_the_one_file_and_nothing_else(tmp_path: Path) -> None:
    source = parquet(tmp_path / "batch.parquet", "SELECT 1 AS a")
    other = parquet(tmp_path / "other.parquet", "SELECT 2 AS a")

    with opened(source) as batch:
        for statement in (
            f"FROM read_parquet('{other.path}')",
            "FROM read_text('/etc/hostname')",
            f"COPY (SELECT 1) TO '{tmp_path / 'new.csv'}'",
            "SET enable_external_access = true",
            "LOAD httpfs",
            "FROM 'https://example.com/x.parquet'",
        ):
            with pytest.raises(duckdb.Error, match=r"Permission|configuration"):
                batch.connection.execute(statement)


@pytest.mark.parametrize("name", ["batch.parquet", "batch.csv"])
def test_a_file_that_is_not_there_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingError, match="there is no such file"):
        measure(contract({"name": "a", "type": "integer"}), file_source(tmp_path / name))


def test_a_folder_a_zero_byte_and_a_file_without_known_ending_are_no_batch(tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()

    for path in (tmp_path / "folder.parquet", tmp_path / "a\0.parquet"):
        with pytest.raises(MissingError):
            measure(contract({"name": "a", "type": "integer"}), file_source(path))
    with pytest.raises(RefusedError, match=r"x\.xlsx: the name does not end in \.parquet, \.csv or \.tsv"):
        file_source(tmp_path / "x.xlsx")
    with pytest.raises(RefusedError, match="delimiter 'x' is not a comma, semicolon, tab or bar"):
        CsvFile(tmp_path / "x.csv", "x")


@pytest.mark.parametrize("name", ["a*.parquet", "a?.parquet", "a[1].parquet"])
def test_a_path_that_is_a_pattern_to_the_engine_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")

    with pytest.raises(RefusedError, match="is a pattern to the engine"):
        measure(contract({"name": "a", "type": "integer"}), file_source(tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"maria@example.org" * 100])
def test_what_is_no_parquet_is_malformed_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "batch.parquet").write_bytes(content)

    with pytest.raises(MalformedError, match="the file cannot be read as Parquet") as caught:
        measure(contract({"name": "a", "type": "integer"}), ParquetFile(tmp_path / "batch.parquet"))

    assert "maria" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", " line 1: the file has no header"),
        (b"\na,b\n", " line 1: the file has no header"),
        (b"a,b\n1,2\nmaria\n", " line 3: the file cannot be read as CSV"),
        (b"a,b\n1,2\nmaria,2,3\n", " line 3: the file cannot be read as CSV"),
        (b'a,b\n1,"maria\n', " line 2: the file cannot be read as CSV"),
        (b'a,b\n"maria"x,1\n', " line 2: the file cannot be read as CSV"),
        (b"a,b\nmaria,\xe9\n", " line 2: the file is not UTF-8"),
        (b"a,b\n" + b"1,2\n" * 400_000 + b"\xe9maria,2\n", " line 400002: the file cannot be read as CSV"),
        (b"title of the file\na,b\nmaria,2\n", " line 2: the file cannot be read as CSV"),
        (b'"a', " line 1: the header is not CSV"),
        (b"a" * 200_000 + b",b\n", " line 1: the header is not CSV"),
        ("a,b\n1,2\n".encode("utf-16"), " line 1: the file is not UTF-8"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_is_no_csv_is_malformed_with_its_line_and_not_quoted(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "batch.csv").write_bytes(content)

    with pytest.raises(MalformedError) as caught:
        measure(contract({"name": "a", "type": "string"}), CsvFile(tmp_path / "batch.csv"))

    assert str(caught.value).removeprefix(str(tmp_path / "batch.csv")).startswith(message)
    assert "maria" not in str(caught.value)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = parquet(tmp_path / "batch.parquet", "SELECT 1 AS a")
    real = measure.__globals__["fingerprint"]

    def slow(path: Path) -> Any:
        result = real(path)
        path.write_bytes(path.read_bytes() + b"x")
        return result

    monkeypatch.setitem(measure.__globals__, "fingerprint", slow)

    with pytest.raises((RefusedError, MalformedError)):
        measure(contract({"name": "a", "type": "integer"}), source)


def test_a_file_that_changes_meanwhile_and_is_given_its_old_times_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody wrote as many other bytes into the very file, and put back when it was changed."""
    (tmp_path / "batch.csv").write_text("a\n1\n2\n")
    real = measure.__globals__["count_lines"]

    def racing(path: Path, *arguments: Any) -> Any:
        result = real(path, *arguments)
        before = path.stat()
        with path.open("r+") as file:
            file.write("a\n7\n8\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return result

    monkeypatch.setitem(measure.__globals__, "count_lines", racing)

    with pytest.raises(RefusedError, match="changed while it was measured"):
        measure(contract({"name": "a", "type": "integer"}), CsvFile(tmp_path / "batch.csv"))


@pytest.mark.parametrize("name", ["none", "batch.parquet", "sqlite_master", "frame", 'x" UNION SELECT 1; --'])
def test_a_table_that_is_not_there_is_missing_and_never_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    parquet(tmp_path / "batch.parquet", "SELECT 1 AS a")
    monkeypatch.chdir(tmp_path)
    connection = duckdb.connect()
    frame = connection.sql("SELECT 1 AS a")

    with pytest.raises(MissingError, match="there is no table"):
        measure(contract({"name": "a", "type": "integer"}), Table(connection, name))

    assert frame.fetchall() == [(1,)]


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "(?<a", "a{1001}", "\\8"])
def test_a_pattern_that_is_not_re2_is_malformed(make: Make, pattern: str) -> None:
    with pytest.raises(MalformedError, match="the pattern of 'a' is not an RE2 expression"):
        measure(contract({"name": "a", "type": "string", "pattern": pattern}), make("SELECT 'x' AS a"))


def test_a_pattern_is_matched_in_linear_time(tmp_path: Path) -> None:
    source = parquet(tmp_path / "batch.parquet", "SELECT repeat('a', 5000) || '!' AS a FROM range(100)")

    measurement = measure(contract({"name": "a", "type": "string", "pattern": "(a+)+(a|aa)*b?"}), source)

    assert failed(measurement) == {"pattern:a": 100}


def test_a_transactions_own_rows_are_measured() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE batch AS SELECT 1 AS a")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO batch VALUES (1)")

    measurement = measure(contract({"name": "a", "type": "integer", "unique": True}), Table(connection, "batch"))

    assert failed(measurement) == {"unique:a": 1}


def test_a_thousand_fields_are_one_scan_too(tmp_path: Path) -> None:
    names = [f"f{place}" for place in range(1_000)]
    source = parquet(
        tmp_path / "batch.parquet", "SELECT " + ", ".join(f"i AS {name}" for name in names) + " FROM range(9) t(i)"
    )

    measurement = measure(contract(*({"name": name, "type": "integer", "required": True} for name in names)), source)

    assert failed(measurement) == {}
    assert len(measurement.metrics) == 3_002
