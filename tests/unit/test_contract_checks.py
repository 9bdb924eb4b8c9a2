"""Every kind of check beyond those of fields, on real Parquet, CSV and DuckDB tables: good ones hold, bad ones are counted."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.compile import compile_scan
from contracts.measure import measure
from contracts.metric import Measurement, Metric
from contracts.model import Contract
from contracts.rules import rules_of
from contracts.source import Source, Table, file_source, opened
from contracts.structure import judge
from proofs.errors import MalformedError

Make = Callable[[str], Source]
CLOCK = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "spend", "type": "number"},
    {"name": "name", "type": "string"},
    {"name": "ok", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "seen", "type": "timestamp"},
]
ROWS = """SELECT * FROM (VALUES
(1, 0.5::DOUBLE, 'ann', true, DATE '2026-11-26', TIMESTAMP '2026-11-26 12:00:00'),
(2, 1.5, 'bob', false, DATE '2026-11-27', TIMESTAMP '2026-11-28 11:00:00'),
(2, 2.5, 'eve''s', true, DATE '2026-11-01', NULL),
(4, NULL, NULL, NULL, NULL, TIMESTAMP '2026-11-20 00:00:00')) t(id, spend, name, ok, day, seen)"""


def contract(*checks: dict[str, Any], fields: list[dict[str, Any]] | None = None) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": fields or FIELDS, "checks": list(checks)}
    )


def one(measurement: Measurement) -> Metric:
    """The metric of the last rule, which is the check."""
    return measurement.metrics[-1]


def result(measurement: Measurement) -> tuple[str, int, int]:
    metric = one(measurement)
    return metric.found.value, metric.failed, metric.total


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


def table(query: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS {query}")
    return Table(connection, "batch")


# One check, and the rows that break it; of those with bounds, how many of a million.
CHECKS: list[tuple[dict[str, Any], int]] = [
    ({"kind": "required", "column": "id"}, 0),
    ({"kind": "required", "column": "spend"}, 1),
    ({"kind": "unique", "columns": ["id"]}, 1),
    ({"kind": "unique", "columns": ["id", "spend"]}, 0),
    ({"kind": "range", "column": "id", "bounds": {"above": 0, "below": 5}}, 0),
    ({"kind": "range", "column": "id", "bounds": {"above": 1}}, 1),
    ({"kind": "range", "column": "id", "bounds": {"below": 2}}, 3),
    ({"kind": "range", "column": "id", "bounds": {"min": 2, "max": 3, "negated": True}}, 2),
    ({"kind": "range", "column": "spend", "bounds": {"above": Decimal("0.5"), "max": Decimal("2.5")}}, 1),
    ({"kind": "range", "column": "spend", "bounds": {"below": Decimal("2.5")}}, 1),
    ({"kind": "range", "column": "day", "bounds": {"above": "2026-11-26"}}, 2),
    ({"kind": "range", "column": "seen", "bounds": {"below": "2026-11-28T11:00:00Z"}}, 1),
    ({"kind": "range", "column": "seen", "bounds": {"max": "2026-11-28T12:00:00+01:00", "negated": True}}, 3),
    ({"kind": "enum", "column": "name", "values": ["ann", "bob", "eve's"]}, 0),
    ({"kind": "enum", "column": "name", "values": ["ann"]}, 2),
    ({"kind": "enum", "column": "name", "values": ["ann"], "negated": True}, 1),
    ({"kind": "enum", "column": "id", "values": [2], "negated": True}, 2),
    ({"kind": "pattern", "column": "name", "pattern": "[a-z]+"}, 1),
    ({"kind": "pattern", "column": "name", "pattern": "[a-z]+", "match": "prefix"}, 0),
    ({"kind": "pattern", "column": "name", "pattern": "b|v", "match": "prefix"}, 2),
    ({"kind": "pattern", "column": "name", "pattern": "b|v", "match": "search"}, 1),
    ({"kind": "pattern", "column": "name", "pattern": "'", "match": "search", "negated": True}, 1),
    ({"kind": "length", "column": "name", "bounds": {"min": 3, "max": 5}}, 0),
    ({"kind": "length", "column": "name", "bounds": {"above": 3}}, 2),
    ({"kind": "length", "column": "name", "bounds": {"max": Decimal("4.5")}}, 1),
    ({"kind": "length", "column": "name", "bounds": {"min": 3, "max": 3, "negated": True}}, 2),
    ({"kind": "format", "column": "name", "format": "hostname"}, 1),
    ({"kind": "expression", "expression": "id >= 1 and spend < 3"}, 0),
    ({"kind": "expression", "expression": "spend > 1"}, 1),
    ({"kind": "expression", "expression": "spend + id <= 3.5"}, 1),
    ({"kind": "expression", "expression": "spend / id > 0.6"}, 1),
    ({"kind": "expression", "expression": "length(name) = 3 or ok = true"}, 0),
    ({"kind": "expression", "expression": "name in [ann, bob]"}, 1),
    ({"kind": "expression", "expression": "name <> 'eve''s'"}, 1),
    ({"kind": "expression", "expression": "spend is not null"}, 1),
    ({"kind": "expression", "expression": "day >= '2026-11-26'"}, 1),
    ({"kind": "expression", "expression": "seen >= '2026-11-26T12:00:00Z'"}, 1),
    ({"kind": "expression", "expression": "seen >= day"}, 0),
    ({"kind": "expression", "expression": "not ok = false"}, 1),
    ({"kind": "expression", "expression": "id between 2 and 4"}, 1),
    ({"kind": "null_values", "columns": ["spend"], "bounds": {"max": 1}}, 0),
    ({"kind": "null_values", "columns": ["spend"], "bounds": {"below": 1}}, 1),
    ({"kind": "null_values", "columns": ["spend"], "unit": "percent", "bounds": {"max": 25}}, 0),
    ({"kind": "null_values", "columns": ["spend"], "unit": "percent", "bounds": {"max": 10}}, 1),
    ({"kind": "null_values", "columns": ["spend"], "bounds": {"min": 4}}, 3),
    ({"kind": "missing_values", "columns": ["name"], "missing": ["ann", "bob"], "bounds": {"max": 2}}, 1),
    ({"kind": "missing_values", "columns": ["id"], "missing": [2, "none"], "bounds": {"max": 0}}, 2),
    ({"kind": "invalid_values", "columns": ["name"], "valid": {"values": ["ann"]}, "bounds": {"max": 0}}, 2),
    ({"kind": "invalid_values", "columns": ["name"], "valid": {"values": ["ann"]}, "missing": ["bob"],
      "bounds": {"max": 0}}, 1),
    ({"kind": "invalid_values", "columns": ["name"], "valid": {"pattern": "[a-z]+", "length": {"max": 3}},
      "bounds": {"max": 0}}, 1),
    ({"kind": "invalid_values", "columns": ["id"], "valid": {"bounds": {"max": 2}}, "bounds": {"max": 1}}, 0),
    ({"kind": "duplicate_values", "columns": ["id"], "bounds": {"max": 0}}, 1),
    ({"kind": "duplicate_values", "columns": ["id", "spend"], "bounds": {"max": 0}}, 0),
    ({"kind": "distinct_values", "columns": ["id"], "bounds": {"min": 3, "max": 3}}, 0),
    ({"kind": "distinct_values", "columns": ["id"], "bounds": {"min": 5}}, 2),
    ({"kind": "distinct_values", "columns": ["id"], "bounds": {"min": 3, "max": 3, "negated": True}}, 4),
    ({"kind": "completeness", "columns": ["id", "spend"], "bounds": {"min": Decimal("0.875")}}, 0),
    ({"kind": "completeness", "columns": ["spend"], "bounds": {"min": 1}}, 250_000),
    ({"kind": "completeness", "bounds": {"min": 1}}, 208_333),
    ({"kind": "mean", "column": "id", "bounds": {"min": Decimal("2.25"), "max": Decimal("2.25")}}, 0),
    ({"kind": "mean", "column": "spend", "bounds": {"max": Decimal("1.2")}}, 250_000),
    ({"kind": "sum", "column": "id", "bounds": {"min": 9, "max": 9}}, 0),
    ({"kind": "sum", "column": "spend", "bounds": {"below": Decimal("4.5")}}, 1),
    ({"kind": "minimum", "column": "spend", "bounds": {"min": Decimal("0.5")}}, 0),
    ({"kind": "maximum", "column": "spend", "bounds": {"max": 2}}, 250_000),
    ({"kind": "maximum", "column": "id", "bounds": {"max": 0}}, 1_000_000),
    ({"kind": "stdev", "column": "spend", "bounds": {"min": 1, "max": 1}}, 0),
    ({"kind": "stdev", "column": "spend", "bounds": {"max": Decimal("0.8")}}, 250_000),
    ({"kind": "quantile", "column": "id", "bounds": {"max": 2}}, 0),
    ({"kind": "quantile", "column": "id", "quantile": Decimal("0.75"), "bounds": {"max": 2}}, 250_000),
    ({"kind": "freshness", "column": "seen", "max_age_seconds": 3600}, 0),
    ({"kind": "freshness", "column": "seen", "max_age_seconds": 2400}, 500_000),
    ({"kind": "freshness", "column": "seen", "max_age_seconds": 0}, 1_000_000),
    ({"kind": "freshness", "column": "day", "max_age_seconds": 36 * 3600}, 0),
    ({"kind": "freshness", "column": "day", "max_age_seconds": 24 * 3600}, 500_000),
    ({"kind": "sql", "query": "SELECT count(*) FROM {table} WHERE id = 2", "bounds": {"max": 2}}, 0),
    ({"kind": "sql", "query": "WITH a AS (SELECT max(spend) m FROM {table}) SELECT m FROM a;", "bounds": {"max": 2}}, 250_000),
    ({"kind": "sql", "rows_that_break": "id > 1 AND ok IS NOT TRUE"}, 2),
    ({"kind": "sql", "rows_that_break": "id > 100 -- none"}, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "failed"), CHECKS, ids=[f"{n}-{check['kind']}" for n, (check, _) in enumerate(CHECKS)]
)
def test_a_check_counts_what_breaks_it(make: Make, check: dict[str, Any], failed: int) -> None:
    measurement = measure(contract(check), make(ROWS), clock=lambda: CLOCK)

    total = 4 if failed < 5 and one(measurement).total == 4 else 1_000_000
    assert result(measurement) == ("failed" if failed else "passed", failed, total)


def test_all_checks_of_columns_are_one_scan(tmp_path: Path) -> None:
    path = tmp_path / "batch.parquet"
    duckdb.connect().execute(f"COPY ({ROWS}) TO '{path}' (FORMAT parquet)")
    checks = [check for check, _ in CHECKS if check["kind"] != "sql"]
    rules = rules_of(contract(*checks, {"kind": "drift", "column": "spend", "max": 1}))

    with opened(file_source(path)) as batch:
        scan = compile_scan(rules, judge(rules, batch.columns), batch.relation, CLOCK)
        row = batch.connection.execute(scan.sql, scan.parameters).fetchone()

    assert scan.sql.count("read_parquet") == 1
    assert not scan.unfit
    assert row is not None
    assert len(scan.read(row)) == len(checks) + 1


UNMEASURED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "range", "column": "id", "bounds": {"min": "2026-01-01"}}, "another type"),
    ({"kind": "range", "column": "name", "bounds": {"min": 1}}, "another type"),
    ({"kind": "range", "column": "day", "bounds": {"min": 1}}, "another type"),
    ({"kind": "enum", "column": "id", "values": ["a"]}, "no number"),
    ({"kind": "enum", "column": "name", "values": [1]}, "no value of the type"),
    ({"kind": "enum", "column": "ok", "values": [1]}, "neither text nor numbers"),
    ({"kind": "pattern", "column": "id", "pattern": "1"}, "of text"),
    ({"kind": "length", "column": "id", "bounds": {"min": 1}}, "of text"),
    ({"kind": "length", "column": "name", "bounds": {"min": "a"}}, "numbers"),
    ({"kind": "format", "column": "id", "format": "uuid"}, "of text"),
    ({"kind": "expression", "expression": "id = 'a'"}, "different types"),
    ({"kind": "expression", "expression": "name > 1"}, "different types"),
    ({"kind": "expression", "expression": "name + 1 > 1"}, "computed"),
    ({"kind": "expression", "expression": "ok > true"}, "none is greater"),
    ({"kind": "expression", "expression": "day > 'yesterday'"}, "text that is none"),
    ({"kind": "expression", "expression": "length(id) > 1"}, "no length"),
    ({"kind": "expression", "expression": "id in [a, b]"}, "no value of the type"),
    ({"kind": "expression", "expression": "nothing > 1"}, "'nothing' is missing"),
    ({"kind": "mean", "column": "name", "bounds": {"min": 1}}, "no numbers"),
    ({"kind": "maximum", "column": "day", "bounds": {"min": 1}}, "no numbers"),
    ({"kind": "invalid_values", "columns": ["id"], "valid": {"pattern": "a"}, "bounds": {"max": 0}}, "of text"),
    ({"kind": "freshness", "column": "id", "max_age_seconds": 1}, "neither dates nor timestamps"),
    ({"kind": "drift", "column": "spend", "max": 1}, "no batch is known"),
    ({"kind": "drift", "column": "day", "max": 1}, "neither numbers nor text"),
    ({"kind": "referential", "columns": ["id"], "dataset": "x", "to": ["id"]}, "not at hand"),
    ({"kind": "custom", "function": "os:getpid"}, "not allowed"),
    ({"kind": "foreign", "engine": "soda", "definition": {}}, "another engine"),
]


@pytest.mark.parametrize(("check", "why"), UNMEASURED, ids=[f"{n}-{c['kind']}" for n, (c, _) in enumerate(UNMEASURED)])
def test_what_does_not_fit_is_not_measured_and_no_pass(make: Make, check: dict[str, Any], why: str) -> None:
    measurement = measure(contract(check), make(ROWS), clock=lambda: CLOCK)

    assert one(measurement).found.value == "unmeasured"
    assert why in (measurement.why_unmeasured(one(measurement)) or "")
    assert measurement.rows == 4


STATISTICS = ["mean", "stdev", "sum", "minimum", "maximum", "quantile"]


@pytest.mark.parametrize("kind", STATISTICS)
@pytest.mark.parametrize(
    "query", ["SELECT 1 AS a WHERE false", "SELECT NULL::INTEGER AS a", "SELECT 'NaN'::DOUBLE AS a"]
)
def test_a_statistic_of_no_number_is_not_measured(kind: str, query: str) -> None:
    measured = measure(
        contract({"kind": kind, "column": "a", "bounds": {"min": -5}}, fields=[{"name": "a", "type": "number"}]),
        table(query),
    )

    assert one(measured).found.value == "unmeasured"


@pytest.mark.parametrize(
    ("type", "values", "kind", "exactly"),
    [
        ("BIGINT", [2**62, 2**62, 1], "sum", 2**63 + 1),
        ("HUGEINT", [10**37, 10**37 * 3, -1], "sum", 4 * 10**37 - 1),
        ("UHUGEINT", [2**127, 2**127], "sum", None),
        ("DECIMAL(38,2)", [Decimal("999999999999999999999999999999999999.99"), Decimal("0.01")], "sum", 10**36),
        ("DECIMAL(10,2)", [Decimal("0.10"), Decimal("0.20")], "sum", Decimal("0.3")),
        ("DECIMAL(10,2)", [Decimal("0.10"), Decimal("0.20")], "mean", Decimal("0.15")),
        ("DOUBLE", [0.1] * 10, "sum", 1),
        ("DOUBLE", [0.1] * 3, "mean", Decimal("0.1")),
        ("DOUBLE", [1e17, 1.0, -1e17], "sum", 1),
        ("DOUBLE", [1e-20, 1e-20], "mean", Decimal("0.00000000000000000001")),
        ("FLOAT", [0.5, 0.25], "sum", Decimal("0.75")),
        ("BIGINT", [2**53, 2**53 + 1], "maximum", 2**53 + 1),
        ("DOUBLE", [0.1, 0.3], "maximum", Decimal("0.3")),
        ("UTINYINT", [255, 255], "mean", 255),
    ],
)
def test_sums_are_exact(type: str, values: list[Any], kind: str, exactly: Any) -> None:
    listed = ", ".join(f"'{value}'::{type}" for value in values)
    bounds = {"min": exactly, "max": exactly} if exactly is not None else {"max": 10**37}
    checked = contract({"kind": kind, "column": "a", "bounds": bounds}, fields=[{"name": "a", "type": "number"}])

    measured = measure(checked, table(f"SELECT unnest([{listed}]) AS a"))

    assert one(measured).found.value == ("passed" if exactly is not None else "failed")


@pytest.mark.parametrize(
    ("type", "value", "expression", "found"),
    [
        ("BIGINT", str(2**63 - 1), "a + 1 > a", "passed"),
        ("HUGEINT", str(2**127 - 1), "a + 1 > a", "unmeasured"),
        ("HUGEINT", str(2**127 - 1), "a > 1.5", "unmeasured"),
        ("BIGINT", str(2**53 + 1), "a = 9007199254740993", "passed"),
        ("BIGINT", str(2**53 + 1), "a = 9007199254740992", "failed"),
        ("DECIMAL(38,2)", "1.10", "a = 1.1", "passed"),
        ("DECIMAL(38,2)", "1.10", "a * 3 = 3.3", "passed"),
        ("DECIMAL(18,2)", "1.10", "a * a = 1.21", "passed"),
        ("DECIMAL(18,2)", "1.10", "a - 0.1 = 1", "passed"),
        ("INTEGER", "7", "a / 2 = 3.5", "passed"),
        ("INTEGER", "7", "a / 0 > 3", "passed"),
        ("DOUBLE", "0.1", "a = 0.1", "passed"),
        ("FLOAT", "0.1", "a = 0.1", "passed"),
        ("DOUBLE", "NaN", "a >= 0", "failed"),
        ("DOUBLE", "NaN", "a <> 0", "passed"),
        ("TIMESTAMPTZ", "2026-01-01 00:00:00+00", "a <= '2026-01-01T01:00:00+01:00'", "passed"),
        ("TIMESTAMP", "infinity", "a <= '2026-01-01'", "failed"),
        ("DATE", "-infinity", "a >= '2026-01-01'", "failed"),
        ("TIMESTAMP_NS", "1969-12-31 23:59:59.999999999", "a < '1970-01-01'", "passed"),
        ("TIME", "12:00:00", "a >= '11:59:59'", "passed"),
        ("VARCHAR", "😀", "length(a) = 1", "passed"),
        ("VARCHAR", "3", "a in [b, 3]", "passed"),
    ],
)
def test_an_expression_is_exact(type: str, value: str, expression: str, found: str) -> None:
    measured = measure(
        contract({"kind": "expression", "expression": expression}, fields=[{"name": "a", "type": "any"}]),
        table(f"SELECT '{value}'::{type} AS a"),
    )

    assert one(measured).found.value == found


FORMS = {
    "uuid": (["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
             ["123e4567e89b12d3a456426614174000", "{123e4567-e89b-12d3-a456-426614174000}", "123e4567-e89b-12d3-a456-42661417g"]),
    "email": (["a@b", "a.b+c@d-e.fg"], ["a", "a@", "a@-b.c", "a b@c.d", "a@b..c"]),
    "uri": (["http://a/b?c#d", "urn:a:b", "mailto:a@b"], ["a/b", "http://a b", "://a", "http://a/%zz"]),
    "hostname": (["a", "a-b.c", "1.2"], ["-a", "a-", "a..b", "a_b", "a" * 64]),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5"]),
    "ipv6": (["::", "::1", "1:2:3:4:5:6:7:8", "fe80::1:2", "::ffff:1.2.3.4", "1::8", "1:2:3:4:5:6:7::"],
             ["1", ":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3"]),
    "date": (["2024-02-29", "2026-12-31", "2000-02-29"], ["2026-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "26-01-01"]),
    "time": (["00:00:00Z", "23:59:60.5+02:00"], ["24:00:00Z", "00:00Z", "12:00:00", "12:00:00+2:00"]),
    "date-time": (["2026-01-01T00:00:00Z", "2024-02-29t23:59:59.1-01:30"],
                  ["2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-02-29T00:00:00Z", "2026-01-01"]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_what_the_page_says(form: str) -> None:
    good, bad = FORMS[form]
    listed = ", ".join(f"'{value}'" for value in [*good, *bad])
    source = table(f"SELECT unnest([{listed}]) AS a")

    measured = measure(contract(fields=[{"name": "a", "type": "string", "format": form}]), source)

    assert {m.rule.id: m.failed for m in measured.metrics}["format:a"] == len(bad)


@pytest.mark.parametrize("minutes", [-5, 0])
def test_what_is_yet_to_come_has_no_age(minutes: int) -> None:
    source = table(f"SELECT TIMESTAMPTZ '2026-11-28 12:00:00+00' - INTERVAL ({minutes}) MINUTE AS a")
    checked = contract(
        {"kind": "freshness", "column": "a", "max_age_seconds": 0}, fields=[{"name": "a", "type": "any"}]
    )

    measured = measure(checked, source, clock=lambda: CLOCK)

    assert (one(measured).found.value, one(measured).value) == ("passed", "0")


def test_without_a_column_the_file_itself_is_as_old_as_its_change(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text("id\n1\n")
    os.utime(path, (CLOCK.timestamp() - 100, CLOCK.timestamp() - 100))
    checked = contract({"kind": "freshness", "max_age_seconds": 99}, fields=[{"name": "id", "type": "integer"}])

    measured = measure(checked, file_source(path), clock=lambda: CLOCK)

    assert (one(measured).found.value, one(measured).value, one(measured).failed) == ("failed", "100", 10_101)
    assert one(measure(checked, table("SELECT 1 AS id"), clock=lambda: CLOCK)).found.value == "unmeasured"


def test_a_value_is_told_where_no_row_can_be_seen_in_it(make: Make) -> None:
    bounds = {"min": 0}
    checks = [
        {"kind": "null_values", "columns": ["spend"], "bounds": bounds},
        {"kind": "completeness", "columns": ["spend"], "bounds": bounds},
        {"kind": "mean", "column": "id", "bounds": bounds},
        {"kind": "maximum", "column": "id", "bounds": bounds},
        {"kind": "sum", "column": "id", "bounds": bounds},
        {"kind": "quantile", "column": "id", "bounds": bounds},
    ]

    few = measure(contract(*checks), make(ROWS))

    assert [metric.value for metric in few.metrics[-6:]] == ["1", "0.75", None, None, None, None]
    many = measure(contract(checks[2], fields=[FIELDS[0]]), table("SELECT i AS id FROM range(10) t(i)"))
    assert one(many).value == "4.5"


def test_in_an_empty_table_no_row_breaks_anything_and_too_few_values_are_too_few() -> None:
    source = table(f"SELECT * FROM ({ROWS}) WHERE false")

    assert (
        result(measure(contract({"kind": "null_values", "columns": ["id"], "bounds": {"max": 0}}), source))[0]
        == "passed"
    )
    few = contract({"kind": "distinct_values", "columns": ["id"], "bounds": {"min": 1}})
    assert result(measure(few, source)) == ("failed", 1, 1)
    whole = contract({"kind": "completeness", "columns": ["id"], "bounds": {"min": 1}})
    assert result(measure(whole, source))[0] == "unmeasured"


def test_a_pattern_that_is_none_is_told_as_the_contracts_fault() -> None:
    for check in (
        {"kind": "pattern", "column": "name", "pattern": "a)|(b", "match": "prefix"},
        {"kind": "invalid_values", "columns": ["name"], "valid": {"pattern": "("}, "bounds": {"max": 0}},
    ):
        with pytest.raises(MalformedError, match="not an RE2 expression"):
            measure(contract(check), table(ROWS))
