"""Every count of the engine is that of slow loops over Python values, on whatever tables and contracts."""

from __future__ import annotations

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import identifier
from contracts.measure import measure
from contracts.model import Contract
from contracts.source import CsvFile, ParquetFile, Table
from contracts.terms import timestamp_bound
from contracts.written import TYPES, read_as
from tests import slow_measure
from tests.slow_measure import Columns

WORDS = ["", "a", "ab", "b", "é", "A", "12", "a\nb", 'say "a"', "a,b", " a", "NULL", "\t"]
PATTERNS = ["[a-z]+", "a.*", "[^0-9]*", "(ab|b)?", "[0-9]{2}", ".", '[a-z ]+"a"', r"\S+"]
DAYS = [dt.date(1, 1, 1), dt.date(1582, 10, 15), dt.date(1970, 1, 1), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]
HOURS = [dt.time(0), dt.time(12, 30), dt.time(23, 59, 59), dt.time(12, 30, 0, 1)]
MOMENTS = [dt.datetime.combine(day, hour) for day in DAYS for hour in HOURS]
FLOATS = [0.0, -0.0, 0.1, 0.30000000000000004, 1.0, -1.5, 1e300, float("nan"), float("inf"), float("-inf")]
CENTS = [Decimal("0.00"), Decimal("0.10"), Decimal("-1.50"), Decimal("9999999.99"), Decimal("1.00")]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": st.sampled_from(WORDS),
    "TINYINT": st.integers(-3, 3) | st.sampled_from([-128, 127]),
    "BIGINT": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "UBIGINT": st.integers(0, 3) | st.just(2**64 - 1),
    "HUGEINT": st.integers(-3, 3) | st.sampled_from([2**127 - 1, -(2**126), 10**37]),
    "DOUBLE": st.sampled_from(FLOATS),
    "DECIMAL(9,2)": st.sampled_from(CENTS),
    "BOOLEAN": st.booleans(),
    "DATE": st.sampled_from(DAYS),
    "TIMESTAMP": st.sampled_from(MOMENTS),
}
INTEGERS = st.integers(-4, 4) | st.sampled_from([-200, 127, 2**63, 2**64 - 1, 10**37])
DECIMALS = st.sampled_from([Decimal(text) for text in ("0.1", "-1.5", "0.001", "1.005", "10000000", "-3", "0.3")])
BOUNDS: dict[str, st.SearchStrategy[Any]] = {
    "integer": INTEGERS,
    "number": INTEGERS | DECIMALS,
    "date": st.sampled_from([day.isoformat() for day in DAYS]),
    "timestamp": st.sampled_from([moment.isoformat() + end for moment in MOMENTS[4:16] for end in ("", "Z", "+05:30")]),
}
LISTED: dict[str, st.SearchStrategy[Any]] = {"string": st.sampled_from(WORDS), "integer": INTEGERS, "number": DECIMALS}
# What stands in a CSV: values of each type, nearly such values, and whatever else.
NUMBERS = [
    "1",
    "+1",
    "-1",
    "01",
    "1.",
    ".5",
    "1.5",
    "1e3",
    "-1.5E-2",
    "1e400",
    "1_0",
    " 1",
    "1 ",
    "0x1",
    "nan",
    "inf",
    "-",
]
TRUTHS = ["true", "FALSE", "True", "t", "1", "yes", "falſe", "true "]
DATES = ["2024-02-29", "2023-02-29", "1970-1-1", "1582-10-10", "9999-12-31", "2024-13-01", "infinity", "20240229"]
TIMES = [
    "2024-02-29T12:30:00",
    "2024-02-29 12:30:00",
    "2024-02-29T12:30",
    "1582-10-15T00:00:00.000001",
    "2024-02-29T12:30:00Z",
    "2024-02-29T12:30+02",
    "2024-02-29T12:30:00.5-0330",
    "2024-02-29T12:30:00+05:30",
    "2024-02-29T25:30:00",
    "2023-02-29T12:30:00",
    "2024-02-29T1:30:000",
    "2024-02-29T12:30:0Z",
    "2024-02-29\t12:30:00",
    "2024-02-29T12:30:00 UTC",
]
DIGITS = st.from_regex(r"[+-]?[0-9]{1,40}", fullmatch=True) | st.from_regex(r"-?[0-9]{0,9}\.[0-9]{0,9}", fullmatch=True)
CELLS = st.sampled_from([*WORDS, *NUMBERS, *TRUTHS, *DATES, *TIMES]) | DIGITS
NAMES = ["a", "b", "c"]


@st.composite
def fields(draw: st.DrawFn, name: str) -> dict[str, Any]:
    type = draw(st.sampled_from(["string", "integer", "number", "boolean", "date", "timestamp", "any"]))
    field: dict[str, Any] = {"name": name, "type": type, "unique": draw(st.booleans())}
    field |= draw(st.sampled_from([{}, {"required": True}, {"max_null": Decimal("0.5")}]))
    if type in BOUNDS and draw(st.booleans()):
        low, high = draw(BOUNDS[type]), draw(st.none() | BOUNDS[type])
        field["range"] = {"min": low} if high is None else {"max": low} if low == high else {"min": low, "max": high}
    if type in LISTED and draw(st.booleans()):
        field["enum"] = draw(st.lists(LISTED[type], min_size=1, max_size=4, unique=True))
    if type == "string" and draw(st.booleans()):
        field["pattern"] = draw(st.sampled_from(PATTERNS))
    return field


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = draw(st.lists(st.sampled_from([*NAMES, "d"]), min_size=1, max_size=4, unique=True))
    schema = [draw(fields(name)) for name in names]
    for field in schema:
        if {"min", "max"} <= set(field.get("range", {})):
            _order(field)
    key = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    bounds = {"min": draw(st.integers(0, 3)), "max": draw(st.sampled_from([3, 100]))}
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": schema, "keys": [key], "row_count": bounds}
    )


def _order(field: dict[str, Any]) -> None:
    """Put the bounds in order, as a contract must have them; moments by when they are."""
    low, high = sorted(field["range"].values(), key=timestamp_bound if field["type"] == "timestamp" else None)
    field["range"] = {"min": low, "max": high}


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(0, 12))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    types = {name: draw(st.sampled_from(sorted(VALUES))) for name in names}
    lists = {name: draw(st.lists(st.none() | VALUES[types[name]], min_size=rows, max_size=rows)) for name in names}
    return Columns(types, lists, rows)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A CSV with quotes where they must be and elsewhere, and either end of line."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quotes = draw(st.booleans())
    lines = [",".join(names)]
    for _ in range(draw(st.integers(0, 12))):
        cells = [draw(CELLS) for _ in names]
        line = ",".join(_written(cell, quoted=quotes and draw(st.booleans())) for cell in cells)
        lines.append(line)
    return end.join(lines) + end


def _written(cell: str, *, quoted: bool) -> str:
    if quoted or any(character in cell for character in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def counted(contract: Contract, source: Any) -> dict[str, tuple[int, bool]]:
    return {one.rule.id: (one.failed, not one.unmeasured) for one in measure(contract, source).metrics}


def stored(connection: duckdb.DuckDBPyConnection, table: Columns) -> None:
    columns = ", ".join(f"{identifier(name)} {type}" for name, type in table.types.items())
    connection.execute(f"CREATE TABLE batch ({columns})")
    rows = list(zip(*table.values.values(), strict=True))
    if rows:
        connection.executemany(f"INSERT INTO batch VALUES ({', '.join('?' * len(table.types))})", rows)


@pytest.mark.parametrize("type", sorted(TYPES.keys() - {"time"}))
def test_a_text_is_read_as_by_hand(type: str) -> None:
    cells = [cell for cell in (*WORDS, *NUMBERS, *TRUTHS, *DATES, *TIMES) if cell]
    value = read_as(type, "cell")
    plain = f"CAST({value} AS TIMESTAMP)" if type == "timestamp" else value

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT cell, {plain} FROM (SELECT unnest($1) AS cell)", [cells]).fetchall()

    assert found == [(cell, slow_measure.read(cell, type)) for cell in cells]


@settings(max_examples=100, deadline=None)
@given(contracts(), tables())
def test_a_table_and_the_parquet_file_of_it_are_counted_as_by_hand(contract: Contract, table: Columns) -> None:
    expected = slow_measure.count(contract, table)

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        stored(connection, table)
        path = Path(folder) / "batch.parquet"
        connection.execute(f"COPY batch TO '{path}' (FORMAT parquet)")
        of_table = counted(contract, Table(connection, "batch"))
        of_file = counted(contract, ParquetFile(path))

    assert of_table == expected
    # HUGEINT is written as DOUBLE, which is another type with other values.
    assert "HUGEINT" in table.types.values() or of_file == expected


@settings(max_examples=200, deadline=None)
@given(contracts(), texts())
def test_a_csv_file_is_counted_as_by_hand(contract: Contract, text: str) -> None:
    expected = slow_measure.count(contract, slow_measure.read_csv(text))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "batch.csv"
        path.write_bytes(text.encode())
        found = counted(contract, CsvFile(path))

    assert found == expected
