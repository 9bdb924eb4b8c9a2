"""What is asked beside the scan: SQL that reads the data alone, references into another dataset, functions of Python."""

from __future__ import annotations

import sys
import time
import types
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.scan.beside import Given
from contracts.source import CsvFile, ParquetFile, Source, Table

FIELDS = [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}, {"name": "day", "type": "date"}]
ROWS = "SELECT i AS id, 'n' || i AS name, DATE '2026-01-01' + i::INTEGER AS day FROM range(5) t(i)"


def contract(check: dict[str, Any]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": FIELDS, "checks": [check]}
    )


def table(query: str = ROWS, name: str = "batch") -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE {name} AS {query}")
    connection.execute("CREATE TABLE secret AS SELECT 42 AS x")
    connection.execute("CREATE VIEW open_secret AS SELECT * FROM secret")
    return Table(connection, name)


def found(measurement: Measurement) -> tuple[str, int]:
    metric = measurement.metrics[-1]
    return metric.found.value, metric.failed


def why(measurement: Measurement) -> str:
    return measurement.why_unmeasured(measurement.metrics[-1]) or ""


def query(sql: str) -> Contract:
    return contract({"kind": "sql", "query": sql, "bounds": {"min": 0}})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM {table}",
        "SELECT max(id) FROM {table} WHERE name LIKE 'n%' AND day > DATE '2026-01-01'",
        "SELECT sum(CASE WHEN id > 2 THEN 1 ELSE 0 END) FROM {table}",
        "WITH a AS (SELECT id FROM {table}), b AS (SELECT id FROM a WHERE id > 1) SELECT count(*) FROM b",
        "SELECT count(*) FROM (SELECT id, row_number() OVER (PARTITION BY name ORDER BY day) n FROM {table}) WHERE n = 1",
        "SELECT count(*) FROM {table} x LEFT JOIN {table} y ON x.id = y.id + 1",
        "SELECT avg(id)::DECIMAL(10, 2) FROM {table} HAVING count(*) > 1",
        "SELECT count(*) FROM {table} WHERE id IN (SELECT id FROM {table}) UNION SELECT 5;",
        "SELECT count(*) -- of all\nFROM {table} /* , secret */",
        "SELECT 1 + (SELECT count(*) FROM {table} LIMIT 1)",
    ],
)
def test_a_select_of_the_data_is_run(sql: str) -> None:
    assert found(measure(query(sql), table())) == ("passed", 0), why(measure(query(sql), table()))


HOSTILE = [
    "SELECT x FROM secret",
    "SELECT x FROM main.secret",
    "SELECT x FROM memory.main.secret",
    'SELECT x FROM "secret"',
    "SELECT x FROM open_secret",
    "SELECT count(*) FROM {table}, secret",
    "SELECT count(*) FROM {table} WHERE id IN (SELECT x FROM secret)",
    "SELECT (WITH secret AS (SELECT 1 x) SELECT x FROM secret) + (SELECT x FROM secret)",
    "WITH a AS (SELECT x FROM secret), secret AS (SELECT 1 AS x) SELECT x FROM a",
    "WITH data AS (SELECT x FROM secret) SELECT x FROM data",
    "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT count(*) FROM '/etc/passwd'",
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM glob('/*')",
    "SELECT count(*) FROM duckdb_settings()",
    "SELECT count(*) FROM duckdb_tables",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM sqlite_master",
    "SELECT length(getenv('HOME'))",
    "SELECT length(current_setting('threads'))",
    "SELECT nextval('s')",
    "SELECT random()",
    "SELECT length(repeat('a', 1000000000000))",
    "SELECT count(*) FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('secret')",
    "SELECT count(*) FROM {table} TABLESAMPLE 10%",
    "SELECT count(*) FROM {table}; DROP TABLE secret",
    "SELECT count(*) FROM {table}) UNION (SELECT x FROM secret",
    "DROP TABLE secret",
    "INSERT INTO secret VALUES (1)",
    "COPY secret TO '/tmp/x'",
    "ATTACH '/tmp/x.db'",
    "PRAGMA version",
    "SET threads = 1",
    "CALL pragma_version()",
    "EXPLAIN SELECT 1",
    "DESCRIBE secret",
    "SUMMARIZE secret",
    "SHOW TABLES",
    "SELECT $1",
    "SELECT list_sum(list_transform([1], lambda y: y))",
    "PIVOT secret ON x",
    "FROM secret SELECT x",
    "SELECT x FROM {table} POSITIONAL JOIN secret",
    "SELECT t.x FROM {table}, LATERAL (SELECT x FROM secret) t",
    "SELECT CASE WHEN EXISTS (FROM secret) THEN 1 END",
    "SELECT main.sum(id) FROM {table}",
    "SELECT",
    "",
    " ",
    "{table}",
    "\x00",
    "WITH a0 AS (SELECT * FROM {table})"
    + "".join(f", a{n + 1} AS (SELECT *, * FROM a{n})" for n in range(40))
    + "SELECT 1 FROM a40",
    "SELECT count(*) FROM " + ", ".join(f"{{table}} t{n}" for n in range(200)),
    "SELECT length(a) FROM (SELECT name || name || name AS a FROM {table})",
    "SELECT length(replace('a', 'a', 'aaaaaaaaaa'))",
    "SELECT length(string_agg(name, '')) FROM {table}",
    "SELECT len(list(id)) FROM {table}",
    "SELECT " + "abs(" * 300 + "1" + ")" * 300,
    "SELECT " + "abs(" * 900 + "1" + ")" * 900,
    "SELECT " + "(SELECT " * 900 + "1" + ")" * 900,
]


@pytest.mark.parametrize("sql", [sql for sql in HOSTILE if sql], ids=range(len([sql for sql in HOSTILE if sql])))
@pytest.mark.parametrize("kind", ["table", "parquet"])
def test_sql_that_reads_anything_else_is_not_run(tmp_path: Path, sql: str, kind: str) -> None:
    source: Source = table()
    if kind == "parquet":
        duckdb.connect().execute(f"COPY ({ROWS}) TO '{tmp_path / 'batch.parquet'}' (FORMAT parquet)")
        source = ParquetFile(tmp_path / "batch.parquet")

    measurement = measure(query(sql), source)

    assert found(measurement) == ("unmeasured", 0)
    assert measurement.rows == 5
    if isinstance(source, Table):
        assert source.connection.execute("SELECT count(*), max(x) FROM secret").fetchall() == [(1, 42)]


@pytest.mark.parametrize(
    "condition",
    [
        "id IN (SELECT x FROM secret)",
        "true) FROM secret WHERE (true",
        "true) UNION SELECT (true",
        "true), (true",
        "true; DROP TABLE secret",
        "EXISTS (SELECT 1 FROM read_csv('/etc/passwd'))",
        "getenv('HOME') = ''",
        "count(*) > 1",
        "nothing = 1",
        "id = 'a'",
        "row_number() OVER () > 1",
    ],
)
def test_a_condition_is_one_condition_on_the_data(condition: str) -> None:
    source = table()

    assert found(measure(contract({"kind": "sql", "rows_that_break": condition}), source)) == ("unmeasured", 0)
    assert source.connection.execute("SELECT count(*) FROM secret").fetchone() == (1,)


def test_a_query_that_fails_does_not_end_the_callers_transaction() -> None:
    source = table()
    source.connection.execute("BEGIN")
    source.connection.execute("INSERT INTO batch VALUES (5, 'n5', NULL)")

    failing = query("SELECT sum(CAST(name AS INTEGER)) FROM {table}")
    assert found(measure(failing, source)) == ("unmeasured", 0)
    counting = contract({"kind": "sql", "query": "SELECT count(*) FROM {table}", "bounds": {"min": 6}})
    assert found(measure(counting, source)) == ("passed", 0)
    assert source.connection.execute("SELECT count(*) FROM batch").fetchall() == [(6,)]


def test_a_table_is_copied_without_loss() -> None:
    source = table("SELECT (2::HUGEINT ** 100)::HUGEINT + 1 AS id, 'n'::ENUM('n') AS name, DATE '2026-01-01' AS day")
    sql = f"SELECT count(*) FROM {{table}} WHERE id = {2**100}::HUGEINT + 1 AND name = 'n'"

    measurement = measure(contract({"kind": "sql", "query": sql, "bounds": {"min": 1}}), source)
    assert found(measurement) == ("passed", 0), why(measurement)


def test_a_query_ends_in_time() -> None:
    joined = ", ".join(f"{{table}} t{n}" for n in range(16))
    started = time.monotonic()

    measurement = measure(query(f"SELECT sum(t1.id * t2.id) FROM {joined}"), table(), given=Given(seconds=0.2))

    assert found(measurement) == ("unmeasured", 0)
    assert "longer than 0.2 seconds" in why(measurement)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("sql", ["SELECT id FROM {table}", "SELECT 1, 2", "SELECT NULL", "SELECT 'a'", "SELECT 1 WHERE false",
                                 "SELECT true", "SELECT 'NaN'::DOUBLE", "SELECT 'inf'::DOUBLE", "SELECT [1]"])  # fmt: skip
def test_an_answer_that_is_not_one_number_is_none(sql: str) -> None:
    assert found(measure(query(sql), table())) == ("unmeasured", 0)


def test_the_data_of_a_csv_has_the_types_of_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text("id,name,day\n9,a,2026-01-01\n10,b,2026-02-01\n")
    sql = "SELECT max(id) - date_diff('day', min(day), max(day)) FROM {table}"

    assert found(measure(contract({"kind": "sql", "query": sql, "bounds": {"max": -21}}), CsvFile(path)))[0] == "passed"


# References.


def references(to: str = "key", column: str = "id") -> Contract:
    return contract({"kind": "referential", "columns": [column], "dataset": "other", "to": [to]})


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("SELECT i::TINYINT AS key FROM range(5) t(i)", 0),
        ("SELECT i::HUGEINT AS key FROM range(3) t(i)", 2),
        ("SELECT i::DECIMAL(38,2) AS key FROM range(100) t(i)", 0),
        ("SELECT i::DOUBLE AS key FROM range(4) t(i)", 1),
        ("SELECT i AS key FROM range(5) t(i) WHERE false", 5),
        ("SELECT NULL::INTEGER AS key", 5),
    ],
)
def test_a_reference_is_looked_up_by_its_value(query: str, missing: int) -> None:
    given = Given(others={"other": table(query, "there")})

    assert found(measure(references(), table(), given=given)) == ("failed" if missing else "passed", missing)


def test_references_are_looked_up_in_files_and_nulls_refer_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("key,name\n0,n0\n1,n1\n2,x\nbad,n3\n")
    check = {"kind": "referential", "columns": ["id", "name"], "dataset": "other", "to": ["key", "name"]}
    given = Given(others={"other": CsvFile(tmp_path / "other.csv")})

    measurement = measure(contract(check), table(f"{ROWS} UNION ALL SELECT NULL, 'x', NULL"), given=given)

    assert found(measurement) == ("failed", 3)


@pytest.mark.parametrize("column", ["name", "day"])
def test_what_cannot_be_compared_is_not_measured(column: str) -> None:
    given = Given(others={"other": table("SELECT 1 AS key", "there")})

    assert found(measure(references(column=column), table(), given=given)) == ("unmeasured", 0)
    assert found(measure(references(to="none"), table(), given=given)) == ("unmeasured", 0)
    gone = Given(others={"other": ParquetFile(Path("/nowhere.parquet"))})
    assert found(measure(references(), table(), given=gone)) == ("unmeasured", 0)


# Functions.


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("tally_test_functions")

    def odd(rows: duckdb.DuckDBPyRelation, column: str = "id") -> int:
        return sum(value % 2 for (value,) in rows.select(column).fetchall())

    def fails(rows: object) -> int:
        raise RuntimeError("n3")

    module.odd, module.fails = odd, fails  # type: ignore[attr-defined]
    module.holds, module.breaks = lambda rows: True, lambda rows: False  # type: ignore[attr-defined]
    module.none, module.many, module.below = lambda rows: None, lambda rows: 6, lambda rows: -1  # type: ignore[attr-defined]
    module.text, module.half = lambda rows: "0", lambda rows: 0.5  # type: ignore[attr-defined]
    module.leaves = lambda rows: sys.exit(0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.parametrize(
    ("name", "expected"),
    [("odd", ("failed", 2)), ("holds", ("passed", 0)), ("breaks", ("failed", 1))]
    + [(name, ("unmeasured", 0)) for name in ("fails", "none", "many", "below", "text", "half", "leaves", "gone")],
)
def test_a_function_answers_with_rows_or_with_yes_and_no(
    functions: types.ModuleType, name: str, expected: tuple[str, int]
) -> None:
    function = f"{functions.__name__}:{name}"

    measurement = measure(
        contract({"kind": "custom", "function": function}), table(), given=Given(allowed=frozenset((function,)))
    )

    assert found(measurement) == expected, why(measurement)
    assert "n3" not in why(measurement)


def test_a_function_that_nobody_allowed_is_not_even_imported() -> None:
    check = {"kind": "custom", "function": "antigravity:geohash", "arguments": {"column": "id"}}

    measurement = measure(contract(check), table(), given=Given(allowed=frozenset(("antigravity:fly",))))

    assert found(measurement) == ("unmeasured", 0)
    assert "antigravity" not in sys.modules
