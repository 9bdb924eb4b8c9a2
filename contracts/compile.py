"""All rules of a contract as one query: one aggregate over one reading of the source.

The inner query reads each column once, under a name of ours; the outer one counts, for each rule, the rows that break it.
Whatever the contract says enters as a parameter, whatever the source says as a quoted identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from contracts.columns import Column
from contracts.model import FieldSpec
from contracts.rules import Rule
from contracts.structure import Structure
from contracts.terms import Kind, Scalar, date_bound, timestamp_bound

# How a value of each type is written in a CSV, and what it is then read as. Stricter than the engine's cast, which
# takes 1.5 for the integer 2 and 1e3 for a thousand.
WRITTEN: Final = {
    "integer": (r"[+-]?[0-9]+", "HUGEINT"),
    "number": (r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", "DOUBLE"),
    "boolean": (r"(?i:true|false)", "BOOLEAN"),
    "date": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "DATE"),
    "time": (r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?", "TIME"),
    "timestamp": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
        "TIMESTAMP WITH TIME ZONE",
    ),
}
_WIDE: Final = Context(prec=200)  # the widest integer has 39 digits; the usual 28 would round


@dataclass(frozen=True, slots=True)
class Scan:
    """A query whose one row is the number of rows, then one count for each of `rules`."""

    sql: str
    parameters: list[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A column inside the query.

    Attributes:
        raw: The alias under which it stands as the source has it.
        typed: The alias under which it stands in the type of its field; null where it cannot be read as such.
        type: DuckDB's name of the latter.
    """

    raw: str
    typed: str
    column: Column


@dataclass(slots=True)
class _Query:
    parameters: list[str] = field(default_factory=list)

    def bind(self, text: str) -> str:
        """Return the placeholder of a further parameter."""
        self.parameters.append(text)
        return f"${len(self.parameters)}"


def compile_scan(rules: Sequence[Rule], structure: Structure, relation: str) -> Scan:
    """Return the one query that measures those of `rules` which the structure has not decided.

    Args:
        relation: What stands after FROM, quoted.
    """
    fields = {rule.columns[0]: rule.field for rule in rules if rule.kind is Kind.PRESENT and rule.field}
    counted = tuple(rule for rule in rules if rule.id not in structure.judged and rule.kind is not Kind.ROW_COUNT)
    used = sorted({name for rule in counted for name in rule.columns})
    query = _Query()
    inner: list[str] = []
    values: dict[str, Value] = {}
    for place, name in enumerate(used):
        values[name] = _value(structure.columns[name], fields[name], place, inner)
    counts = ["count(*)", *(_count(rule, values, query) for rule in counted)]
    sql = f"SELECT {', '.join(counts)} FROM (SELECT {', '.join(inner) or '1'} FROM {relation})"  # noqa: S608 quoted
    return Scan(sql, query.parameters, counted)


def _value(column: Column, field: FieldSpec, place: int, inner: list[str]) -> Value:
    if column.as_text and field.type in WRITTEN:
        pattern, type = WRITTEN[field.type]
        inner.append(f"{column.sql} AS r{place}")
        cast = f"TRY_CAST({column.sql} AS {type})"
        inner.append(f"CASE WHEN regexp_full_match({column.sql}, '{pattern}') THEN {cast} END AS v{place}")
        return Value(f"r{place}", f"v{place}", Column(column.name, f"v{place}", type.lower()))
    # An enum type of the engine's compares by position; its text is what the contract speaks of.
    inner.append(f"CAST({column.sql} AS VARCHAR) AS v{place}" if column.type == "enum" else f"{column.sql} AS v{place}")
    return Value(f"v{place}", f"v{place}", column)


def _count(rule: Rule, values: Mapping[str, Value], query: _Query) -> str:
    """The expression that counts the rows which break `rule`."""
    if rule.kind is Kind.KEY:
        typed = [values[name].typed for name in rule.columns]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in typed)
        return _surplus(f"({', '.join(typed)})" if len(typed) > 1 else typed[0], whole)
    value = values[rule.columns[0]]
    match rule.kind:
        case Kind.REQUIRED | Kind.MAX_NULL:
            return f"count(*) FILTER ({value.raw} IS NULL)"
        case Kind.TYPE:
            return f"count(*) FILTER ({value.raw} IS NOT NULL AND {value.typed} IS NULL)"
        case Kind.UNIQUE:
            return _surplus(value.typed, f"{value.typed} IS NOT NULL")
    assert rule.field is not None, "rules on the table are counted above"
    holds = {Kind.RANGE: _in_range, Kind.ENUM: _in_enum, Kind.PATTERN: _matches}[rule.kind](value, rule.field, query)
    # Whatever the comparison does not call true has failed: no engine's null may count as a pass.
    return f"count(*) FILTER ({value.typed} IS NOT NULL AND NOT coalesce({holds}, false))"


def _surplus(values: str, whole: str) -> str:
    """Rows beyond the first of their kind; rows with a null are no duplicates, as in a UNIQUE constraint of SQL."""
    return f"count(*) FILTER ({whole}) - count(DISTINCT {values}) FILTER ({whole})"


def _matches(value: Value, field: FieldSpec, query: _Query) -> str:
    return f"regexp_full_match({value.typed}, {query.bind(field.pattern or '')})"


def _in_range(value: Value, field: FieldSpec, query: _Query) -> str:
    assert field.range is not None
    low, high = field.range.min, field.range.max
    if field.type == "date":
        days = [None if bound is None else query.bind(date_bound(bound).isoformat()) for bound in (low, high)]
        return _between(value.typed, [day and f"CAST({day} AS DATE)" for day in days], finite=True)
    if field.type == "timestamp":
        # As integers: comparing the values would depend on the session's time zone.
        unit, factor = ("epoch_ns", 1000) if value.column.type == "timestamp_ns" else ("epoch_us", 1)
        moments = [None if bound is None else str(timestamp_bound(bound) * factor) for bound in (low, high)]
        bounds = [moment and f"CAST({query.bind(moment)} AS HUGEINT)" for moment in moments]
        return f"isfinite({value.typed}) AND {_between(f'{unit}({value.typed})', bounds)}"
    numbers = [None if bound is None else Decimal(bound) for bound in (low, high)]
    cast = value.column.cast
    if value.column.exact is None:
        texts = [None if number is None else query.bind(f"{number:f}") for number in numbers]
        return _between(value.typed, [text and f"CAST({text} AS {cast})" for text in texts], finite=True)
    return _between_exact(value, numbers, query)


def _between_exact(value: Value, numbers: Sequence[Decimal | None], query: _Query) -> str:
    """Bounds moved to the nearest value that the column can hold: same rows, and no cast that rounds or overflows."""
    assert value.column.exact is not None
    least, most, step = value.column.exact
    low, high = numbers
    if (low is not None and low > most) or (high is not None and high < least):
        return "false"
    cast = value.column.cast
    bounds: list[str | None] = [None, None]
    if low is not None and low > least:
        bounds[0] = f"CAST({query.bind(_moved(low, step, ROUND_CEILING))} AS {cast})"
    if high is not None and high < most:
        bounds[1] = f"CAST({query.bind(_moved(high, step, ROUND_FLOOR))} AS {cast})"
    return _between(value.typed, bounds)


def _moved(number: Decimal, step: Decimal, rounding: str) -> str:
    return f"{number.quantize(step, rounding=rounding, context=_WIDE):f}"


def _between(value: str, bounds: Sequence[str | None], *, finite: bool = False) -> str:
    """`value` within inclusive bounds; with `finite`, NaN and the infinities are outside whatever the bounds are."""
    parts = [f"{value} {sign} {bound}" for sign, bound in zip((">=", "<="), bounds, strict=True) if bound]
    return " AND ".join([*([f"isfinite({value})"] if finite else []), *parts]) or "true"


def _in_enum(value: Value, field: FieldSpec, query: _Query) -> str:
    assert field.enum is not None
    listed: Sequence[Scalar] = field.enum
    if field.type == "string":
        return f"{value.typed} IN ({', '.join(query.bind(str(text)) for text in listed)})"
    numbers = [Decimal(number) for number in listed]
    if value.column.exact is not None:
        least, most, step = value.column.exact
        # A value that the column cannot hold never matches, and casting it would fail.
        numbers = [
            number for number in numbers if least <= number <= most and number == number.quantize(step, context=_WIDE)
        ]
    casts = [f"CAST({query.bind(f'{number:f}')} AS {value.column.cast})" for number in numbers]
    return f"{value.typed} IN ({', '.join(casts)})" if casts else "false"
