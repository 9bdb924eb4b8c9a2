"""What is merged from the files of a batch is what a full reading counts, and what slow loops do; whatever was kept before."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.measure import measure
from contracts.model import Contract
from contracts.scan.beside import Given
from contracts.sources.files import folder_source
from contracts.states.store import States
from tests import slow_measure
from tests.slow_measure import Columns

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TYPES = {"a": "BIGINT", "b": "VARCHAR", "c": "DOUBLE", "d": "DECIMAL(9,2)", "e": "TIMESTAMP"}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "a": st.integers(-2, 6) | st.sampled_from([2**63 - 1, -(2**63)]),
    "b": st.sampled_from(["", "x", "y", "é", "NULL", "a,b"]),
    "c": st.sampled_from([0.0, -0.0, 0.1, 0.2, 1e300, float("nan"), float("inf"), -1.5]),
    "d": st.sampled_from([Decimal("0.10"), Decimal("-9999999.99"), Decimal("9999999.99")]),
    "e": st.datetimes(),
}
FIELDS = [
    {"name": "a", "type": "integer", "required": True, "unique": True, "range": {"min": 0}},
    {"name": "b", "type": "string", "max_null": Decimal("0.2"), "enum": ["x", "y"], "unique": True},
    {"name": "c", "type": "number", "unique": True, "range": {"max": Decimal("0.15")}},
    {"name": "d", "type": "number"},
    {"name": "e", "type": "timestamp", "range": {"min": "2000-01-01T00:00:00"}},
]
WIDE = {"min": 0, "max": 10}
CHECKS: list[dict[str, Any]] = [
    *(
        {"kind": kind, "column": column, "bounds": WIDE}
        for kind in ("mean", "sum", "minimum", "maximum")
        for column in "acd"
    ),
    {"kind": "stdev", "column": "a", "bounds": WIDE},
    {"kind": "quantile", "column": "d", "bounds": WIDE},
    {"kind": "freshness", "column": "e", "max_age_seconds": 60},
    {"kind": "freshness", "max_age_seconds": 60},
    {"kind": "completeness", "bounds": {"min": 1}},
    {"kind": "distinct_values", "columns": ["b"], "bounds": {"max": 1}},
    {"kind": "duplicate_values", "columns": ["a", "b"], "bounds": {"max": 0}},
    {"kind": "missing_values", "columns": ["b"], "missing": ["NULL"], "bounds": {"max": 0}},
    {"kind": "expression", "expression": "a > 0 or b = 'x'"},
    {"kind": "drift", "column": "c", "max": 1},
    {"kind": "drift", "column": "b", "max": 1},
    {"kind": "sql", "query": "SELECT count(*) FROM {table}", "bounds": {"max": 3}},
]


def contract(checks: list[dict[str, Any]]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    said = {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": FIELDS, "keys": [["a", "b"], ["e"]]}
    return Contract.model_validate({**said, "checks": checks})


@st.composite
def parts(draw: st.DrawFn) -> list[Columns]:
    made = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.integers(0, 5))
        values = {name: draw(st.lists(st.none() | VALUES[name], min_size=rows, max_size=rows)) for name in TYPES}
        made.append(Columns(TYPES, values, rows))
    return made


def write(folder: Path, number: int, part: Columns, form: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE part ({', '.join(f'{name} {type}' for name, type in TYPES.items())})")
        rows = list(zip(*part.values.values(), strict=True))
        if rows:
            connection.executemany(f"INSERT INTO part VALUES ({', '.join('?' * len(TYPES))})", rows)
        options = "FORMAT parquet" if form == "parquet" else "FORMAT csv, HEADER, FORCE_QUOTE *"
        connection.execute(f"COPY part TO '{folder / f'{number}.{form}'}' ({options})")


def spoil(folder: Path, how: int) -> None:
    """Damage one of the files in which states are kept."""
    kept = sorted(path for path in folder.rglob("*") if path.is_file())
    if kept and how % 4:
        path = kept[how % len(kept)]
        data = path.read_bytes()
        match how % 4:
            case 1:
                path.write_bytes(data[: len(data) // 2])
            case 2:
                path.write_bytes(data[:70] + bytes([data[70] ^ 1]) + data[71:] if len(data) > 71 else b"")
            case 3:
                path.unlink()


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["parquet", "csv"]), parts(), st.integers(0, 1000))
def test_a_batch_that_grows_by_files_is_counted_as_if_read_whole(form: str, made: list[Columns], how: int) -> None:
    asked = contract(CHECKS)
    with tempfile.TemporaryDirectory() as name:
        folder, states = Path(name) / "in", Path(name) / "states"
        folder.mkdir()
        for number, part in enumerate(made):
            write(folder, number, part, form)
            spoil(states, how)
            source = folder_source(folder)
            given = Given(clock=lambda: NOON)
            full = measure(asked, source, given=given)
            assert measure(asked, source, given=replace(given, states=States(states))) == full


@settings(max_examples=8, deadline=None)
@given(parts())
def test_what_is_merged_is_what_slow_loops_count(made: list[Columns]) -> None:
    asked = contract([])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        given = Given(states=States(Path(name) / "states"))
        for number, part in enumerate(made):
            write(folder, number, part, "parquet")
        measure(asked, folder_source(folder), given=given)
        found = measure(asked, folder_source(folder), given=given)

    whole = {name: [value for part in made for value in part.values[name]] for name in TYPES}
    expected = slow_measure.count(asked, Columns(TYPES, whole, sum(part.rows for part in made)))
    assert {one.rule.id: (one.failed, not one.unmeasured) for one in found.metrics} == expected
