"""One number of a whole column, held to bounds: how many rows are so, which part is there, and what the values come to.

Integers and decimals are summed exactly. A column of floating point is summed exactly too, to 2⁻¹²⁴, because adding in
whatever order threads happen to come would not give the same number twice; the sum is rounded to a double once, and read
as the shortest decimal that stands for it. Sums of squares and quantiles are the engine's, to twelve digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Final

from contracts.bounds import Bounds
from contracts.checks import Check, Completeness, CountCheck, Statistic, Valid
from contracts.metric import Metric
from contracts.rules import Rule
from contracts.scan.fields import has_format, has_length, in_bounds, in_values, matches
from contracts.scan.query import Answer, Part, Query, UnfitError, Value, Values, surplus
from contracts.terms import MILLION, Kind, Scalar

FEW: Final = 10  # a mean of fewer values says what they are

_LEVELS: Final = (62, 0, -62, -124)  # powers of two; each level of a sum of doubles fits 64 bits
_HALF: Final = 10**19  # an integer of 39 digits is summed in two halves
_TOLD: Final = Context(prec=12)
_Asked = tuple[tuple[str, ...], Callable[[int, Sequence[Any]], Fraction | None]]  # aggregates, and how they are read
_TEXTUAL: Final = 28  # digits up to which a sum of decimals cannot overflow in fewer than 10¹⁰ rows


def number_part(rule: Rule, check: Check, values: Values, query: Query) -> Part:
    """Return what a check on one number asks.

    Raises:
        UnfitError: It does not fit the columns.
    """
    if isinstance(check, CountCheck):
        return _count_part(rule, check, values, query)
    if isinstance(check, Completeness):
        return _completeness_part(rule, check, values)
    assert isinstance(check, Statistic), "the other numbers are asked for elsewhere"
    return _statistic_part(rule, check, values[check.column])


# How many rows are so.


def _count_part(rule: Rule, check: CountCheck, values: Values, query: Query) -> Part:
    columns = [values[name] for name in check.columns]
    value = columns[0]
    match rule.kind:
        case Kind.NULL_VALUES:
            sql = f"count(*) FILTER ({value.raw} IS NULL)"
        case Kind.MISSING_VALUES:
            sql = f"count(*) FILTER ({_missing(value, check.missing, query)})"
        case Kind.INVALID_VALUES:
            assert check.valid is not None, "the model holds them together"
            there = f"{value.typed} IS NOT NULL AND NOT {_missing(value, check.missing, query)}"
            sql = f"count(*) FILTER ({there} AND NOT coalesce({_valid(value, check.valid, query)}, false))"
        case Kind.DUPLICATE_VALUES:
            sql = surplus(columns, query)
        case _:
            sql = f"count(DISTINCT {value.typed})"
    by_hash = query.by_hash and rule.kind is Kind.DUPLICATE_VALUES
    return Part(rule, (sql,), lambda answer, rows: count_metric(rule, check, answer[0], rows), by_hash)


def _missing(value: Value, listed: Sequence[Scalar], query: Query) -> str:
    """The condition, never null, that a value is null or one of `listed`."""
    parts = [f"{value.raw} IS NULL"]
    text = (value.text or value.raw) if value.as_text else value.typed if value.is_text else None
    if text and (texts := [str(one) for one in listed]):
        parts.append(f"coalesce({text} IN ({', '.join(query.bind(one) for one in texts)}), false)")
    if value.is_number and any(not isinstance(one, str) for one in listed):
        parts.append(f"coalesce({in_values(value, listed, query)}, false)")
    return f"({' OR '.join(parts)})"


def _valid(value: Value, valid: Valid, query: Query) -> str:
    parts: list[str] = []
    if valid.values is not None:
        parts.append(in_values(value, valid.values, query))
    if valid.pattern is not None:
        parts.append(matches(value, valid.pattern, query))
    if valid.format is not None:
        parts.append(has_format(value, valid.format, query))
    if valid.bounds is not None:
        parts.append(in_bounds(value, valid.bounds, query))
    if valid.length is not None:
        parts.append(has_length(value, valid.length, query))
    return f"({' AND '.join(parts) or 'true'})"


def count_metric(rule: Rule, check: CountCheck, count: int, rows: int) -> Metric:
    """Return the metric of a count of rows: failed are the rows beyond the bound, of all rows."""
    percent = check.unit == "percent"
    value = Fraction(100 * count, rows or 1) if percent else Fraction(count)
    told = decimal_text(value)
    total = max(rows, 1)
    if check.bounds.holds(value):
        return Metric(rule, 0, total, value=told)
    bound = broken_bound(check.bounds, value)
    beyond = Fraction(total) if bound is None else abs(value - bound) * (Fraction(rows, 100) if percent else 1)
    return Metric(rule, min(total, max(1, math.ceil(beyond))), total, value=told)


def broken_bound(bounds: Bounds, value: Fraction) -> Fraction | None:
    """Return the bound that a number breaks; None where bounds are negated."""
    if bounds.negated:
        return None
    low = bounds.min if bounds.min is not None else bounds.above
    high = bounds.max if bounds.max is not None else bounds.below
    broken = low if low is not None and value <= Fraction(low) else high
    return None if broken is None else Fraction(broken)


# What a number comes to as a metric.


def bounded_metric(rule: Rule, bounds: Bounds, value: Fraction, *, told: bool) -> Metric:
    """Return the metric of a number: of a million, how far outside its bounds it lies, as a part of the bound."""
    return part_metric(
        rule, bounds.distance(value), holds=bounds.holds(value), told=decimal_text(value) if told else None
    )


def part_metric(rule: Rule, distance: Fraction, *, holds: bool, told: str | None) -> Metric:
    """Return the metric of a number that lies `distance` (0 to 1) outside."""
    failed = 0 if holds else max(1, math.floor(MILLION * min(Fraction(1), distance)))
    return Metric(rule, failed, MILLION, value=told)


def unmeasured(rule: Rule, why: str) -> Metric:
    """Return the metric of a rule that could not be measured, and why."""
    return Metric(rule, 0, 0, structural=True, unmeasured=True, why=why)


def decimal_text(value: Fraction) -> str:
    """Return a number as decimal text, of twelve digits where it has more."""
    return f"{_TOLD.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(_TOLD):f}"


# Which part is there.


def _completeness_part(rule: Rule, check: Completeness, values: Values) -> Part:
    names = check.columns or tuple(values)
    nulls = tuple(f"count(*) FILTER ({values[name].raw} IS NULL)" for name in names)

    def read(answer: Answer, rows: int) -> Metric:
        if not rows:
            return unmeasured(rule, "there is no value")
        there = 1 - Fraction(sum(answer), rows * len(names))
        return bounded_metric(rule, check.bounds, there, told=True)

    return Part(rule, nulls, read)


# What the values come to.


def _statistic_part(rule: Rule, check: Statistic, value: Value) -> Part:
    if not value.is_number:
        raise UnfitError(f"column {value.column.name!r} holds no numbers")
    asked, read_value = _STATISTIC[rule.kind](value, check)

    def read(answer: Answer, _: int) -> Metric:
        if not answer[0]:
            return unmeasured(rule, "there is no value")
        number = read_value(answer[0], answer[1:])
        if number is None:
            return unmeasured(rule, "a value is no number, or too large to be summed exactly")
        told = rule.kind in (Kind.MEAN, Kind.STDEV) and answer[0] >= FEW
        return bounded_metric(rule, check.bounds, number, told=told)

    return Part(rule, (f"count({value.typed})", *asked), read)


def _sums(value: Value) -> tuple[str, ...]:
    """The aggregates of which `_summed` makes the exact sum."""
    typed = value.typed
    if value.is_float:
        levels, rest = (
            [f"count(*) FILTER (NOT isfinite({typed}) OR abs({typed}) >= {2.0**123!r})"],
            f"({typed}::DOUBLE)",
        )
        for power in _LEVELS:
            whole = f"trunc({rest} * {2.0**-power!r}::DOUBLE)"
            levels.append(f"coalesce(sum(TRY_CAST({whole} AS BIGINT)), 0)")
            rest = f"({rest} - {whole} * {2.0**power!r}::DOUBLE)"
        return tuple(levels)
    if value.column.type == "decimal":
        if value.column.precision <= _TEXTUAL:
            return (f"sum({typed})",)
        # Without its point it is an integer; arithmetic would need more than the 38 digits that there are.
        typed = f"CAST(replace(CAST({typed} AS VARCHAR), '.', '') AS HUGEINT)"
    if value.column.type in ("hugeint", "uhugeint", "decimal"):
        return (f"sum({typed} // {_HALF})", f"sum({typed} % {_HALF})")
    return (f"sum({typed})",)


def _summed(value: Value, answer: Sequence[Any]) -> Fraction | None:
    if value.is_float:
        strange, *levels = answer
        return (
            None
            if strange
            else sum((level * Fraction(2) ** power for level, power in zip(levels, _LEVELS, strict=True)), Fraction(0))
        )
    if len(answer) == 1:
        return Fraction(answer[0])
    return Fraction(int(answer[0]) * _HALF + int(answer[1]), 10**value.column.scale)


def _rounded(value: Value, number: Fraction | None) -> Fraction | None:
    """What comes of floating point is a double again, read as the shortest decimal that stands for it."""
    return Fraction(repr(float(number))) if number is not None and value.is_float else number


def _mean(value: Value, _: Statistic) -> _Asked:
    def read(count: int, answer: Sequence[Any]) -> Fraction | None:
        total = _summed(value, answer)
        return None if total is None else _rounded(value, total / count)

    return _sums(value), read


def _sum(value: Value, _: Statistic) -> _Asked:
    return _sums(value), lambda _, answer: _rounded(value, _summed(value, answer))


def _least(value: Value, _: Statistic) -> _Asked:
    return (f"min({value.typed})",), lambda _, answer: _exact(answer[0])


def _greatest(value: Value, _: Statistic) -> _Asked:
    return (f"max({value.typed})",), lambda _, answer: _exact(answer[0])


def _stdev(value: Value, _: Statistic) -> _Asked:
    # Of infinite values, and of those whose squares are, the engine makes an error of the whole query.
    usable = f"isfinite({value.typed}::DOUBLE) AND abs({value.typed}::DOUBLE) < 1e150"
    strange = f"count(*) FILTER (NOT ({usable}))"
    return (f"stddev_samp({value.typed}::DOUBLE) FILTER ({usable})", strange), _engines


def _quantile(value: Value, check: Statistic) -> _Asked:
    part = Decimal("0.5") if check.quantile is None else check.quantile
    usable = f"isfinite({value.typed}::DOUBLE)"
    strange = f"count(*) FILTER (NOT {usable})"
    return (f"quantile_cont({value.typed}::DOUBLE, {part:f}) FILTER ({usable})", strange), _engines


def _engines(_: int, answer: Sequence[Any]) -> Fraction | None:
    """A number that the engine computed in double precision, to twelve digits: its last ones hang on the order of rows."""
    number, strange = answer
    return (
        None
        if number is None or strange or not math.isfinite(number)
        else Fraction(_TOLD.create_decimal_from_float(number))
    )


def _exact(number: Any) -> Fraction | None:
    if isinstance(number, float):
        return Fraction(repr(number)) if math.isfinite(number) else None
    return Fraction(number)


_STATISTIC: Final = {
    Kind.MEAN: _mean,
    Kind.SUM: _sum,
    Kind.MINIMUM: _least,
    Kind.MAXIMUM: _greatest,
    Kind.STDEV: _stdev,
    Kind.QUANTILE: _quantile,
}
