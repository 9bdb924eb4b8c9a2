"""What the engine says of vectors, classes and predictions is what slow loops over Python values say."""

from __future__ import annotations

import json
import math
import tempfile
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.engine import literal
from contracts.measure import measure
from contracts.metric import Metric
from contracts.model import Contract
from contracts.scan.beside import Given
from contracts.source import CsvFile, Table
from contracts.sources.jsonlines import JsonLines
from tests import slow_measure

# Such that squares and their sums are exact: the order in which an engine adds is its own.
ELEMENTS = [0.0, 0.5, -1.5, 3.0, 4.0, -0.25, 2.0**60]
STRANGE = [None, math.nan, math.inf, -math.inf]
VECTORS = st.lists(st.none() | st.lists(st.sampled_from([*ELEMENTS, *ELEMENTS, *STRANGE]), max_size=4), max_size=8)
BOUNDS = st.sampled_from([{"min": 5}, {"max": 5}, {"min": 0, "max": Decimal("0.5")}, {"min": Decimal("0.5")}])
SCORES = st.none() | st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
PAIRS = st.lists(st.tuples(SCORES, st.sampled_from([0, 1, 0, 1, None])), max_size=25)
NUMBERS = st.none() | st.sampled_from([0.0, -1.25, 3.5, 1e6, 0.1, 7.0])
CLASSES = st.none() | st.sampled_from(["a", "b", "it's", ""])


def contract(fields: dict[str, str], *checks: dict[str, Any]) -> Contract:
    schema = [{"name": name, "type": type} for name, type in fields.items()]
    dataset = {"namespace": "n", "name": "d"}
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": schema, "checks": list(checks)}
    )


def table(connection: duckdb.DuckDBPyConnection, types: str, rows: list[tuple[Any, ...]]) -> Table:
    connection.execute(f"CREATE TABLE batch ({types})")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO batch VALUES ({marks})", rows)
    return Table(connection, "batch")


def told(metric: Metric) -> tuple[bool, int]:
    return not metric.unmeasured, metric.failed


def outside(value: Fraction | None, bounds: dict[str, Any]) -> tuple[bool, int]:
    """What is recorded of a number against one bound: whether it was measured, and how far outside it lies, in millionths."""
    if value is None:
        return False, 0
    low, high = bounds.get("min"), bounds.get("max")
    broken = (
        low
        if low is not None and value < Fraction(low)
        else high
        if high is not None and value > Fraction(high)
        else None
    )
    if broken is None:
        return True, 0
    part = min(Fraction(1), abs(value - Fraction(broken)) / abs(Fraction(broken))) if broken else Fraction(1)
    return True, max(1, math.floor(part * 1_000_000))


@settings(max_examples=60, deadline=None)
@given(VECTORS, BOUNDS, st.integers(1, 4))
def test_vectors_are_counted_as_by_hand(vectors: list[Any], bounds: dict[str, Any], dimensions: int) -> None:
    checks: list[dict[str, Any]] = [
        {"kind": "dimensions", "column": "v", "dimensions": dimensions},
        {"kind": "finite", "column": "v"},
        {"kind": "norm", "column": "v", "bounds": bounds},
    ]
    with duckdb.connect() as connection:
        found = measure(contract({"v": "vector"}, *checks), table(connection, "v DOUBLE[]", [(v,) for v in vectors]))

    assert [told(metric) for metric in found.metrics[-3:]] == [
        (True, slow_measure.vectors_breaking(vectors, check)) for check in checks
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.lists(st.sampled_from([*ELEMENTS, None]), max_size=4), min_size=1, max_size=8), BOUNDS)
def test_vectors_of_json_lines_are_those_of_a_table(vectors: list[Any], bounds: dict[str, Any]) -> None:
    checks: list[dict[str, Any]] = [
        {"kind": "dimensions", "column": "v", "dimensions": 2},
        {"kind": "finite", "column": "v"},
        {"kind": "norm", "column": "v", "bounds": bounds},
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b.jsonl"
        path.write_text("".join(json.dumps({"v": vector}) + "\n" for vector in vectors))
        found = measure(contract({"v": "vector"}, *checks), JsonLines(path))

    assert [told(metric) for metric in found.metrics[-3:]] == [
        (True, slow_measure.vectors_breaking(vectors, check)) for check in checks
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CLASSES, st.sampled_from(["1", "2", None])), max_size=20), st.booleans())
def test_shares_are_counted_as_by_hand(rows: list[tuple[Any, Any]], is_split: bool) -> None:
    bounds = {"min": Decimal("0.4")}
    check = {"kind": "share", "column": "c", "values": ["a", "it's"], "bounds": bounds} | (
        {"by": "g"} if is_split else {}
    )
    groups = sorted({g for c, g in rows if c is not None}, key=str) if is_split else [None]
    parts = [slow_measure.share([c for c, g in rows if not is_split or g == group], ["a", "it's"]) for group in groups]
    there = [part for part in parts if part is not None]

    with duckdb.connect() as connection:
        fields = {"c": "string", "g": "string"}
        found = measure(contract(fields, check), table(connection, "c VARCHAR, g VARCHAR", rows)).metrics[-1]

    assert told(found) == (outside(min(there), bounds) if there else (False, 0))


@pytest.mark.parametrize("name", ["auc", "brier", "log_loss"])
@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_scores_are_held_to_labels_as_by_hand(name: str, pairs: list[tuple[Any, Any]]) -> None:
    bounds = {"min": Decimal("0.3")}
    check = {"kind": "performance", "measure": name, "prediction": "p", "label": "y", "bounds": bounds}

    with duckdb.connect() as connection:
        source = table(connection, "p DOUBLE, y INTEGER", pairs)
        found = measure(contract({"p": "number", "y": "integer"}, check), source).metrics[-1]

    assert told(found) == outside(slow_measure.performance(name, pairs), bounds)


@pytest.mark.parametrize("name", ["mae", "rmse"])
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20))
def test_errors_are_summed_as_by_hand(name: str, pairs: list[tuple[Any, Any]]) -> None:
    check = {"kind": "performance", "measure": name, "prediction": "p", "label": "y", "bounds": {"max": 2}}
    expected = slow_measure.performance(name, pairs)

    with duckdb.connect() as connection:
        found = measure(
            contract({"p": "number", "y": "number"}, check), table(connection, "p DOUBLE, y DOUBLE", pairs)
        ).metrics[-1]

    assert told(found) == outside(expected, {"max": 2})
    if expected is not None and sum(None not in pair for pair in pairs) >= 10:
        twelve = Context(prec=12).divide(Decimal(expected.numerator), Decimal(expected.denominator))
        assert Decimal(found.value or "") == twelve


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.integers(0, 20), CLASSES, max_size=15), st.dictionaries(st.integers(0, 20), CLASSES, max_size=15)
)
def test_labels_that_come_later_are_joined_by_their_key(said: dict[int, Any], true: dict[int, Any]) -> None:
    bounds = {"min": Decimal("0.9")}
    check = {
        "kind": "performance", "measure": "accuracy", "prediction": "p", "label": "truth", "dataset": "labels",
        "key": ["id"], "to": ["key"], "bounds": bounds,
    }  # fmt: skip
    pairs = [(said[id], true[id]) for id in said if id in true]

    with duckdb.connect() as connection, duckdb.connect() as other:
        other.execute("CREATE TABLE batch (key VARCHAR, truth VARCHAR)")
        for id, label in true.items():
            other.execute(f"INSERT INTO batch VALUES ('{id}', {'NULL' if label is None else literal(label)})")
        found = measure(
            contract({"id": "string", "p": "string"}, check),
            table(connection, "id VARCHAR, p VARCHAR", [(str(id), p) for id, p in said.items()]),
            given=Given(others={"labels": Table(other, "batch")}),
        ).metrics[-1]

    assert told(found) == outside(slow_measure.performance("accuracy", pairs), bounds)


def test_labels_of_a_csv_are_read_as_what_the_measure_needs(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,p\n1,0.9\n2,0.2\n3,0.6\n4,\n5,0.1\n")
    (tmp_path / "y.csv").write_text("id,churned,amount\n1,True,3\n2,0,4\n3,false,x\n9,1,1\n")
    asked = {"dataset": "y", "key": ["id"], "to": ["id"], "prediction": "p"}
    checks: list[dict[str, Any]] = [
        {"kind": "performance", "measure": "auc", "label": "churned", "bounds": {"min": 1}, **asked},
        {"kind": "performance", "measure": "mae", "label": "amount", "bounds": {"max": 1}, **asked},
        {"kind": "performance", "measure": "auc", "label": "churned", "bounds": {"min": 1}, "min_labels": 4, **asked},
    ]
    given_ = Given(others={"y": CsvFile(tmp_path / "y.csv")})

    found = measure(contract({"id": "integer", "p": "number"}, *checks), CsvFile(tmp_path / "p.csv"), given=given_)

    assert [metric.found.value for metric in found.metrics[-3:]] == ["passed", "unmeasured", "unmeasured"]
    assert [metric.why for metric in found.metrics[-2:]] == [
        "a prediction or a label is not what the measure needs",
        "fewer than 4 predictions have a label",
    ]
