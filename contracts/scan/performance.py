"""How good predictions are, and which part of a column is of a class: exact counts, by the groups of a column where it splits.

Accuracy and AUC are fractions of integers. Of the other measures the error of each row is read to twelve decimal places and
summed exactly, so that no order of rows or threads gives another number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from contracts.bounds import Bounds
from contracts.metric import Metric
from contracts.modelchecks import BINARY, RISING, Performance, Share
from contracts.rules import Rule
from contracts.scan.fields import in_values
from contracts.scan.numbers import FEW, decimal_text, part_metric, unmeasured
from contracts.scan.query import Answer, Part, Query, Values

if TYPE_CHECKING:
    import duckdb

MAX_GROUPS: Final = 1_000
_PLACES: Final = 10**12
_ROOT: Final = Context(prec=12)
_LEAST: Final = 1e-15  # what the logarithm of a loss is taken of at least

# Of one row, with p the prediction and y the label; both are numbers, and p of the first two lies within 0 and 1.
_ERRORS: Final = {
    "brier": "(p - y) * (p - y)",
    "log_loss": f"-ln(greatest({_LEAST!r}, CASE WHEN y = 1 THEN p ELSE 1 - p END))",
    "mae": "abs(p - y)",
    "rmse": "(p - y) * (p - y)",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One number of one group: how many rows it is of, and what it comes to; None where it cannot be computed."""

    rows: int
    number: Fraction | None


def group_of(by: str | None) -> str:
    """Return the expression of the group of a row; rows without a value are one."""
    return "''" if by is None else f"coalesce('=' || CAST({by} AS VARCHAR), '')"


def share_part(rule: Rule, check: Share, values: Values, query: Query) -> Part:
    """Return what a share asks: of each group, how many values there are, and how many are listed.

    Raises:
        UnfitError: The values are of another type than the column.
    """
    value, group = values[check.column], group_of(values[check.by].typed if check.by else None)
    listed = in_values(value, check.values, query)
    asked = (
        f"histogram({group}) FILTER ({value.typed} IS NOT NULL)",
        f"histogram({group}) FILTER ({value.typed} IS NOT NULL AND coalesce({listed}, false))",
    )

    def read(answer: Answer, _: int) -> Metric:
        there, those = answer[0] or {}, answer[1] or {}
        found = [Found(rows, Fraction(those.get(name, 0), rows)) for name, rows in there.items()]
        return worst(rule, check.bounds, found)

    return Part(rule, asked, read)


def worst(rule: Rule, bounds: Bounds, found: Sequence[Found]) -> Metric:
    """Return the metric of the group that lies furthest outside of bounds; unmeasured where one has no number."""
    numbers = _numbers(found)
    if isinstance(numbers, str):
        return unmeasured(rule, numbers)
    rows, number = max(numbers, key=lambda each: (bounds.distance(each[1]), not bounds.holds(each[1]), each))
    holds = all(bounds.holds(each) for _, each in numbers)
    told = decimal_text(number) if rows >= FEW else None
    return part_metric(rule, bounds.distance(number), holds=holds, told=told)


def against(rule: Rule, check: Performance, found: Sequence[Found], before: Fraction | None) -> Metric:
    """Return the metric of the worst group against what the reference came to; its number is told in any case."""
    numbers = _numbers(found)
    if isinstance(numbers, str):
        return unmeasured(rule, numbers)
    sign = 1 if check.measure in RISING else -1
    rows, number = min(numbers, key=lambda each: (sign * each[1], each))
    told = decimal_text(number) if rows >= FEW else None
    if before is None or not isinstance(check.worse_by, int | Decimal):
        return Metric(rule, 0, 0, structural=True, unmeasured=True, value=told, why="no batch is known to compare with")
    most, worse = Fraction(check.worse_by), max(Fraction(0), sign * (before - number))
    beyond = (worse - most) / most if most else Fraction(1)
    return part_metric(rule, min(Fraction(1), max(Fraction(0), beyond)), holds=worse <= most, told=told)


def _numbers(found: Sequence[Found]) -> list[tuple[int, Fraction]] | str:
    """The numbers of all groups; or why there are none, in words."""
    if not found:
        return "there is no value"
    if len(found) > MAX_GROUPS:
        return f"there are more than {MAX_GROUPS} groups"
    numbers = [(each.rows, each.number) for each in found if each.number is not None]
    return numbers if len(numbers) == len(found) else "a prediction or a label is not what the measure needs"


def measured(
    connection: duckdb.DuckDBPyConnection, check: Performance, pairs: str, parameters: Sequence[Any]
) -> list[Found]:
    """Return what a measure comes to, by group.

    Args:
        pairs: A SELECT of p, y and g, without nulls in p and y; of accuracy, of texts that are equal where right.
    """
    if check.measure == "accuracy":
        sql = f"SELECT count(*), count(*) FILTER (p = y) FROM ({pairs}) GROUP BY g"  # noqa: S608 of ours
        rows = connection.execute(sql, parameters).fetchmany(MAX_GROUPS + 1)
        return [Found(count, Fraction(right, count)) for count, right in rows]
    if check.measure == "auc":
        return _areas(connection.execute(_area(pairs), parameters).fetchmany(MAX_GROUPS + 1))
    bounded = "p BETWEEN 0 AND 1 AND y IN (0, 1)" if check.measure in BINARY else "isfinite(p) AND isfinite(y)"
    error = f"TRY_CAST(round(CASE WHEN {bounded} THEN {_ERRORS[check.measure]} END * 1e12) AS HUGEINT)"
    asked = f"SELECT count(*), count({error}), sum({error}) FROM ({pairs}) GROUP BY g"  # noqa: S608 of ours
    rows = connection.execute(asked, parameters).fetchmany(MAX_GROUPS + 1)
    return [_mean(check.measure, *row) for row in rows]


def _mean(measure: str, rows: int, usable: int, total: Any) -> Found:
    if usable != rows or total is None:
        return Found(rows, None)
    mean = Fraction(int(total), rows * _PLACES)
    if measure == "rmse":
        mean = Fraction(_ROOT.sqrt(_ROOT.divide(Decimal(mean.numerator), Decimal(mean.denominator))))
    return Found(rows, mean)


def _area(pairs: str) -> str:
    """Of each group: rows, those that cannot be used, positives, negatives, and twice the pairs that are in order."""
    usable = "isfinite(p) AND y IN (0, 1)"
    scores = (
        f"SELECT g, CASE WHEN {usable} THEN p + 0 END AS s, count(*) FILTER (NOT ({usable})) AS bad, "  # noqa: S608 of ours
        f"count(*) FILTER ({usable} AND y = 1) AS pos, count(*) FILTER ({usable} AND y = 0) AS neg FROM ({pairs}) GROUP BY ALL"
    )
    below = "coalesce(sum(neg) OVER (PARTITION BY g ORDER BY s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)"
    ordered = f"SELECT g, bad, pos, neg, {below} AS below FROM ({scores})"  # noqa: S608 of ours
    return (
        "SELECT sum(bad + pos + neg), sum(bad), sum(pos), sum(neg), "  # noqa: S608 of ours
        f"sum(pos::HUGEINT * (2 * below + neg)::HUGEINT) FROM ({ordered}) GROUP BY g"
    )


def _areas(rows: Iterable[Sequence[Any]]) -> list[Found]:
    found = []
    for count, bad, positive, negative, ordered in rows:
        pairs = int(positive) * int(negative)
        found.append(Found(int(count), Fraction(int(ordered), 2 * pairs) if pairs and not bad else None))
    return found


def reference(scores: Mapping[tuple[str, str], Fraction], check: Performance, rule: Rule) -> Fraction | None:
    """Return what the reference of a rule came to; None where none is known."""
    return scores.get((check.reference, rule.id))
