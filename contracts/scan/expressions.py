"""What an expression of a contract is in SQL, over the typed columns.

Whatever has fixed steps is an integer of 128 bits with a scale of its own, so that a comparison neither rounds nor is
refused for its width; what would not fit is null, and a row that is null though all of its columns are there leaves the
whole rule unmeasured. Dates and timestamps are compared as microseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

from contracts import expression as tree
from contracts.metric import Metric
from contracts.rules import Rule
from contracts.scan.numbers import unmeasured
from contracts.scan.query import Answer, Part, Query, UnfitError, Value, Values
from contracts.terms import date_bound, timestamp_bound

MAX_SCALE: Final = 38
ENDLESS: Final = 10**30  # what an infinite moment is compared as

Literal_ = Decimal | str | bool
Class = Literal["exact", "float", "text", "truth", "moment", "time"]


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison in SQL.

    Attributes:
        sql: Of class "exact" an integer, the value times ten to the power `scale`.
        value: What a literal is.
        is_narrow: A column of 32 bits of floating point; a literal beside it is rounded to that.
    """

    sql: str
    of: Class
    scale: int = 0
    value: Literal_ | None = None
    is_narrow: bool = False
    is_integer: bool = False


def expression_part(rule: Rule, text: str, values: Values, query: Query) -> Part:
    """Return what an expression asks: the rows that make it false, and those that are neither true nor false for want of room.

    Raises:
        UnfitError: It compares what cannot be compared.
    """
    test = tree.parse(text)
    compiler = _Compiler(values, query)
    sql = f"TRY({compiler.test(test)})"
    known = [f"{values[name].typed} IS NOT NULL" for name in tree.columns_of(test)]
    known += [f"coalesce(TRY({divisor} <> 0), true)" for divisor in compiler.divisors]
    lost = f"count(*) FILTER ({' AND '.join([f'{sql} IS NULL', *known])})"

    def read(answer: Answer, rows: int) -> Metric:
        failed, unknown = answer
        if unknown:
            return unmeasured(rule, "a value is too large to be compared exactly")
        return Metric(rule, failed, rows)

    return Part(rule, (f"count(*) FILTER (NOT {sql})", lost), read)


class _Compiler:
    """The parts of one expression."""

    def __init__(self, values: Values, query: Query) -> None:
        self._values, self._query = values, query
        self.divisors: list[str] = []

    def test(self, test: tree.Test) -> str:
        match test:
            case tree.Not(inner):
                return f"(NOT {self.test(inner)})"
            case tree.Joined(word, tests):
                return f"({f' {word.upper()} '.join(self.test(one) for one in tests)})"
            case tree.IsNull(tree.Column(name)):
                return f"({self._value(name).raw} IS NULL)"
            case tree.IsNull(operand):
                return f"({self._sql(self._operand(operand))} IS NULL)"
            case tree.Listed(operand, listed):
                return self._listed(self._operand(operand), listed)
            case tree.Comparison(sign, left, right):
                return self._compared(sign, self._operand(left), self._operand(right))

    def _value(self, name: str) -> Value:
        return self._values[name]

    def _operand(self, part: tree.Operand) -> Operand:
        match part:
            case tree.Column(name):
                return _column(self._value(name))
            case tree.Value(value):
                return self._literal(value)
            case tree.Length(tree.Column(name)):
                column = self._value(name)
                if not column.is_text:
                    raise UnfitError(f"column {name!r} holds no text, and has no length")
                return Operand(f"CAST(length({column.typed}) AS HUGEINT)", "exact", is_integer=True)
            case tree.Arithmetic(sign, left, right):
                return self._computed(sign, self._operand(left), self._operand(right))

    def _literal(self, value: Literal_) -> Operand:
        if isinstance(value, bool):
            return Operand("true" if value else "false", "truth", value=value)
        if isinstance(value, str):
            return Operand("", "text", value=value)  # bound where it is compared: beside a date it is one
        scale = max(0, -int(value.as_tuple().exponent))
        unscaled = f"{value:f}".replace(".", "")  # arithmetic would round to 28 digits
        return Operand(f"CAST('{int(unscaled)}' AS HUGEINT)", "exact", scale, value, is_integer=not scale)

    def _computed(self, sign: str, left: Operand, right: Operand) -> Operand:
        if {left.of, right.of} - {"exact", "float"}:
            raise UnfitError("only numbers can be computed with")
        if sign == "/":
            divisor = _double(right)
            self.divisors.append(divisor)
            return Operand(f"({_double(left)} / nullif({divisor}, 0))", "float")
        if "float" in (left.of, right.of):
            return Operand(f"({_double(left)} {sign} {_double(right)})", "float")
        is_integer = left.is_integer and right.is_integer
        if sign == "*":
            _check_scale(left.scale + right.scale)
            return Operand(f"({left.sql} * {right.sql})", "exact", left.scale + right.scale, is_integer=is_integer)
        one, other, scale = _aligned(left, right)
        return Operand(f"({one} {sign} {other})", "exact", scale, is_integer=is_integer)

    def _compared(self, sign: str, left: Operand, right: Operand) -> str:
        left, right = self._meeting(left, right), self._meeting(right, left)
        if left.of == right.of == "exact":
            one, other, _ = _aligned(left, right)
            return f"({one} {sign} {other})"
        if {left.of, right.of} <= {"exact", "float"}:
            one, other = _double(left), _double(right)
            if left.is_narrow != right.is_narrow and (left.value is not None or right.value is not None):
                one, other = f"CAST({one} AS FLOAT)", f"CAST({other} AS FLOAT)"
            # The engine calls NaN equal to itself and greater than all: of a comparison it is true that they differ.
            strange = "" if sign == "<>" else f"NOT isnan({one}) AND NOT isnan({other}) AND "
            return f"({strange}{one} {sign} {other})"
        if left.of != right.of:
            raise UnfitError("it compares values of different types")
        if left.of == "truth" and sign not in ("=", "<>"):
            raise UnfitError("of true and false none is greater")
        return f"({self._sql(left)} {sign} {self._sql(right)})"

    def _sql(self, operand: Operand) -> str:
        is_text = operand.of == "text" and isinstance(operand.value, str)
        return self._query.bind(str(operand.value)) if is_text else operand.sql

    def _meeting(self, one: Operand, other: Operand) -> Operand:
        """A text beside a date or a moment is one itself."""
        if one.of != "text" or not isinstance(one.value, str) or other.of not in ("moment", "time"):
            return one
        try:
            if other.of == "time":
                return replace(one, sql=f"TRY_CAST({self._query.bind(one.value)} AS TIME)", of="time")
            return replace(one, sql=f"CAST({self._query.bind(str(_micros(one.value)))} AS HUGEINT)", of="moment")
        except ValueError as error:
            raise UnfitError("it compares a date with text that is none") from error

    def _listed(self, operand: Operand, listed: tuple[tree.Value, ...]) -> str:
        tests = []
        for value in listed:
            literal = value.value
            if operand.of == "text" and isinstance(literal, Decimal):
                literal = f"{literal:f}"
            if operand.of in ("exact", "float") and isinstance(literal, str):
                continue  # never equal to a number
            tests.append(self._compared("=", operand, self._literal(literal)))
        if not tests:
            raise UnfitError("no value of the type of what is compared is listed")
        return f"({' OR '.join(tests)})"


def _micros(text: str) -> int:
    try:
        day = date_bound(text)
    except ValueError:
        return timestamp_bound(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _column(value: Value) -> Operand:
    column, typed = value.column, value.typed
    if column.type == "uhugeint":
        raise UnfitError(f"column {column.name!r} holds integers of 128 bits without a sign")
    if value.is_integer:
        return Operand(f"CAST({typed} AS HUGEINT)", "exact", is_integer=True)
    if column.type == "decimal":
        return Operand(_unscaled(value), "exact", column.scale)
    if value.is_float:
        return Operand(f"CAST({typed} AS DOUBLE)", "float", is_narrow=column.type == "float")
    if value.is_text:
        return Operand(typed, "text")
    if column.type == "boolean":
        return Operand(typed, "truth")
    if column.type == "date" or column.type.startswith("timestamp"):
        return Operand(moment(value), "moment")
    if column.type == "time":
        return Operand(typed, "time")
    raise UnfitError(f"column {column.name!r} is of a type that is not compared")


def _unscaled(value: Value) -> str:
    column = value.column
    if column.precision + column.scale < MAX_SCALE:
        return f"CAST({value.typed} * CAST({10**column.scale} AS DECIMAL({column.scale + 1},0)) AS HUGEINT)"
    return f"CAST(replace(CAST({value.typed} AS VARCHAR), '.', '') AS HUGEINT)"


def moment(value: Value) -> str:
    """Return a date or timestamp as microseconds since 1970 UTC; an infinite one lies beyond all others."""
    stamp = f"CAST({value.typed} AS TIMESTAMP)" if value.column.type == "date" else value.typed
    zero = "0" if value.column.type == "timestamp_ns" else f"TRY_CAST('1970-01-01' AS {value.column.cast})"
    if value.column.type == "timestamp_ns":  # floored, as the source's own precision is finer
        return f"CAST(epoch_ns({stamp}) // 1000 - CAST(epoch_ns({stamp}) % 1000 < {zero} AS INTEGER) AS HUGEINT)"
    return (
        f"CASE WHEN isfinite({value.typed}) THEN CAST(epoch_us({stamp}) AS HUGEINT) "
        f"WHEN {value.typed} > {zero} THEN {ENDLESS}::HUGEINT WHEN {value.typed} IS NOT NULL THEN -{ENDLESS}::HUGEINT END"
    )


def _aligned(left: Operand, right: Operand) -> tuple[str, str, int]:
    scale = max(left.scale, right.scale)
    _check_scale(scale - min(left.scale, right.scale))
    return _scaled(left, scale), _scaled(right, scale), scale


def _scaled(operand: Operand, scale: int) -> str:
    return operand.sql if operand.scale == scale else f"({operand.sql} * {10 ** (scale - operand.scale)}::HUGEINT)"


def _check_scale(scale: int) -> None:
    if scale > MAX_SCALE - 1:
        raise UnfitError("it needs more decimal places than can be computed with")


def _double(operand: Operand) -> str:
    if operand.of == "float":
        return operand.sql
    if isinstance(operand.value, Decimal):
        return f"CAST('{operand.value:f}' AS DOUBLE)"
    return (
        f"(CAST({operand.sql} AS DOUBLE) / {10**operand.scale}::DOUBLE)"
        if operand.scale
        else f"CAST({operand.sql} AS DOUBLE)"
    )
