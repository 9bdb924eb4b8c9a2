"""Sums, means, extremes and expressions come to what exact arithmetic in Python comes to, on whatever numbers there are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bounds import Bounds
from contracts.checks import Statistic
from contracts.columns import Column
from contracts.rules import Rule
from contracts.scan.expressions import expression_part
from contracts.scan.numbers import _STATISTIC
from contracts.scan.query import Query, Value
from contracts.terms import Kind, Severity

CONNECTION = duckdb.connect()
TYPES: dict[str, tuple[Column, st.SearchStrategy[Any]]] = {
    "SMALLINT": (Column("a", "a", "smallint"), st.integers(-(2**15), 2**15 - 1)),
    "BIGINT": (Column("a", "a", "bigint"), st.integers(-(2**63), 2**63 - 1)),
    "HUGEINT": (Column("a", "a", "hugeint"), st.integers(-(2**127) + 1, 2**127 - 1)),
    "DECIMAL(9,2)": (
        Column("a", "a", "decimal", 9, 2),
        st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: Decimal(n) / 100),
    ),
    "DECIMAL(38,5)": (
        Column("a", "a", "decimal", 38, 5),
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}E-5")),
    ),
    "DOUBLE": (
        Column("a", "a", "double"),
        st.floats(-(2.0**120), 2.0**120).map(lambda x: x if abs(x) > 2.0**-70 else 0.0),
    ),
}


def _written(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def asked(type: str, values: Sequence[Any], sql: Sequence[str], parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
    texts = [_written(value) for value in values]
    bound = f"${len(parameters) + 1}"
    query = f"SELECT {', '.join(sql)} FROM (SELECT CAST(unnest({bound}::VARCHAR[]) AS {type}) AS a)"
    [row] = CONNECTION.execute(query, [*parameters, texts]).fetchall()
    return row


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("kind", ["sum", "mean", "minimum", "maximum"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_statistic_is_what_exact_arithmetic_says(type: str, kind: str, data: st.DataObject) -> None:
    column, numbers = TYPES[type]
    values = data.draw(st.lists(numbers, min_size=1, max_size=30))
    check = Statistic(kind=kind, column="a", bounds=Bounds(min=0))  # type: ignore[arg-type]
    sql, read = _STATISTIC[Kind(kind)](Value("a", "a", column), check)

    found = read(len(values), asked(type, values, sql))

    exact = [Fraction(value) for value in values]
    total = sum(exact, Fraction(0))
    expected = {"sum": total, "mean": total / len(exact), "minimum": min(exact), "maximum": max(exact)}[kind]
    if type == "DOUBLE":
        assert found == Fraction(repr(float(expected)))
    else:
        assert found == expected


@pytest.mark.parametrize("type", ["SMALLINT", "BIGINT", "DECIMAL(9,2)"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_comparison_neither_rounds_nor_overflows_unseen(type: str, data: st.DataObject) -> None:
    column, numbers = TYPES[type]
    values = data.draw(st.lists(numbers, min_size=1, max_size=10))
    sign = data.draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
    factor = data.draw(st.integers(-1000, 1000))
    bound = data.draw(numbers.map(Decimal) | st.decimals(-1000, 1000, places=4))
    rule = Rule("e", Kind.EXPRESSION, (), Severity.WARNING, 0)
    query = Query()

    def written(number: Any) -> str:
        return f"{number:f}" if number >= 0 else f"-{-number:f}"

    text = f"a * {factor} - 0.01 {sign} {written(bound)}"
    part = expression_part(rule, text, {"a": Value("a", "a", column)}, query)
    metric = part.read(asked(type, values, part.sql, query.parameters), len(values))

    compare = {"=": "__eq__", "<>": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[sign]
    broken = [v for v in values if not getattr(Fraction(v) * factor - Fraction("0.01"), compare)(Fraction(bound))]
    assert (metric.found.value, metric.failed) == ("failed" if broken else "passed", len(broken))
