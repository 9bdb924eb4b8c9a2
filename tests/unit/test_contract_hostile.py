"""What a contract or a file may say to do harm: it is a name, a value or a refusal, and never a statement."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.engine import identifier
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.scan import numbers
from contracts.scan.beside import Given
from contracts.source import CsvFile, Table
from contracts.terms import Kind
from proofs.errors import MalformedError, TallyError

ATTACKS = [
    "'; DROP TABLE batch; --",
    '"; DROP TABLE batch; --',
    "' OR '1'='1",
    "x') FROM batch; DROP TABLE batch; SELECT ('",
    "$1",
    "{table}",
    "{x}",
    "%s",
    "\\",
    "''",
    '""',
    "a\nb",
    "*/ DROP TABLE batch; /*",
    "v0",
    "data",
]


def contract(fields: list[dict[str, Any]], checks: list[dict[str, Any]]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": fields, "checks": checks}
    )


def table(name: str, value: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch ({identifier(name)} VARCHAR, n INTEGER, d DATE)")
    connection.execute("INSERT INTO batch VALUES ($1, 1, DATE '2026-01-01'), ('other', 2, NULL)", [value])
    return Table(connection, "batch")


def failed(measurement: Measurement) -> dict[str, str]:
    return {metric.rule.id: metric.found.value for metric in measurement.metrics if metric.rule.check is not None}


@pytest.mark.parametrize("text", ATTACKS)
def test_a_value_in_a_contract_is_a_value(text: str) -> None:
    source = table("a", text)
    quoted = text.replace("'", "''")
    checks: list[dict[str, Any]] = [
        {"id": "enum", "kind": "enum", "column": "a", "values": [text, "other"]},
        {"id": "not", "kind": "enum", "column": "a", "values": [text], "negated": True},
        {"id": "missing", "kind": "missing_values", "columns": ["a"], "missing": [text], "bounds": {"max": 0}},
        {"id": "valid", "kind": "invalid_values", "columns": ["a"], "valid": {"values": [text]}, "bounds": {"max": 0}},
        {"id": "expression", "kind": "expression", "expression": f"a = '{quoted}' or a = 'other'"},
        {"id": "listed", "kind": "expression", "expression": f"not a in ['{quoted}']"},
        {"id": "date", "kind": "expression", "expression": f"d > '{quoted}'"},
        {"id": "range", "kind": "range", "column": "d", "bounds": {"min": text}},
        {"id": "condition", "kind": "sql", "rows_that_break": f"a = '{quoted}'"},
    ]

    measurement = measure(contract([{"name": "a", "type": "string"}, {"name": "d", "type": "date"}], checks), source)

    found = failed(measurement)
    # In SQL of the contract's own, "{table}" is the data wherever it stands.
    expected = "passed" if text == "{table}" else "failed"
    assert found.pop("condition") == expected
    assert found == {
        "enum": "passed", "not": "failed", "missing": "failed", "valid": "failed", "expression": "passed", "listed": "failed",
        "date": "unmeasured", "range": "unmeasured",
    }  # fmt: skip
    assert source.connection.execute("SELECT count(*) FROM batch").fetchone() == (2,)


@pytest.mark.parametrize("name", [name for name in ATTACKS if "\n" not in name])
def test_a_name_in_a_contract_is_a_name(name: str) -> None:
    source = table(name, "x")
    quoted = name.replace('"', '""')
    checks: list[dict[str, Any]] = [
        {"id": "required", "kind": "required", "column": name},
        {"id": "unique", "kind": "unique", "columns": [name, "n"]},
        {"id": "pattern", "kind": "pattern", "column": name, "pattern": "x", "match": "search"},
        {"id": "length", "kind": "length", "column": name, "bounds": {"max": 5}},
        {"id": "format", "kind": "format", "column": name, "format": "hostname"},
        {"id": "distinct", "kind": "distinct_values", "columns": [name], "bounds": {"min": 2}},
        {"id": "expression", "kind": "expression", "expression": f'length("{quoted}") = 1'},
        {"id": "references", "kind": "referential", "columns": [name], "dataset": name, "to": [name]},
        {"id": "drift", "kind": "drift", "column": name, "max": 1},
        {"id": "sql", "kind": "sql", "query": "SELECT count(*) FROM {table}", "bounds": {"min": 2}},
    ]
    fields = [{"name": name, "type": "string"}, {"name": "n", "type": "integer"}]
    given = Given(others={name: table(name, "x")})

    found = failed(measure(contract(fields, checks), source, given=given))

    assert {rule for rule, result in found.items() if result != "passed"} == {"pattern", "expression", "drift"}
    assert found["drift"] == "unmeasured"
    assert source.connection.execute("SELECT count(*) FROM batch").fetchone() == (2,)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*$", "(x+x+)+y", "((a{1,30}){1,30})", "a{1,1000}b{1,1000}"])
def test_a_pattern_takes_no_more_than_linear_time(pattern: str) -> None:
    source = Table(duckdb.connect(), "batch")
    source.connection.execute("CREATE TABLE batch AS SELECT repeat('a', 2000) AS a FROM range(50)")
    check = {"kind": "pattern", "column": "a", "pattern": pattern, "match": "search"}

    with contextlib.suppress(MalformedError):  # RE2 refuses what would be too large
        assert measure(contract([{"name": "a", "type": "string"}], [check]), source).rows == 50


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,\x002\n", b"\x00a,b\n1,2\n", b"a,b\n1,2\n" + b"\x00" * 100, b"a,b\n\xff,2\n", b"a,b\n1,2\n\n3,4\n",
        b'a,b\n"1,2\n', b"a,b\n1,2,3\n", b"a,b\n1\n", b"\xff\xfea\x00,\x00b\x00", b"", b"\n", b'a,b\n1,"2" \n',
    ],
    ids=range(12),
)  # fmt: skip
def test_a_csv_that_is_none_is_measured_as_it_is_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "batch.csv"
    path.write_bytes(content)
    fields = [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]

    with contextlib.suppress(TallyError):
        measurement = measure(contract(fields, [{"kind": "sum", "column": "a", "bounds": {"min": 0}}]), CsvFile(path))
        assert any(not metric.passed for metric in measurement.metrics)


def test_one_check_that_the_engine_refuses_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        numbers._STATISTIC,
        Kind.MINIMUM,
        lambda value, check: (("nothing_of_the_kind()",), lambda count, answer: None),
    )
    checks = [
        {"id": kind, "kind": kind, "column": "n", "bounds": {"max": 1}} for kind in ("maximum", "minimum", "mean")
    ]

    found = failed(measure(contract([{"name": "n", "type": "integer"}], checks), table("a", "x")))

    assert found == {"maximum": "failed", "minimum": "unmeasured", "mean": "failed"}
