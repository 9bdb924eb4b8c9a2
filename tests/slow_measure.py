"""What a contract's rules count, by loops over Python values: slow, plain, and without a word of any engine.

It answers from docs/formats/contract.md alone, reads CSV by a reader of its own, and is what the fast answers are held to.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any, Final

from contracts.model import Contract, FieldSpec

HUGE: Final = 2**127
FITTING: Final = {
    "string": {"VARCHAR"},
    "integer": {"TINYINT", "BIGINT", "UBIGINT", "HUGEINT"},
    "number": {"TINYINT", "BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "DECIMAL(9,2)"},
    "boolean": {"BOOLEAN"},
    "date": {"DATE"},
    "timestamp": {"TIMESTAMP"},
}
TEXT: Final = "TEXT"  # the type of every column of a CSV

_WRITTEN: Final = {
    "integer": r"[+-]?[0-9]+",
    "number": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "boolean": r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """A table: by name, the type of each column and its values, None for null."""

    types: Mapping[str, str]
    values: Mapping[str, Sequence[Any]]
    rows: int


def read_csv(text: str) -> Columns:
    """Return the table that a CSV with commas spells (RFC 4180); a record without a value is null where there is one column."""
    header, *records = _records(text)
    values = {name: [record[place] or None for record in records] for place, name in enumerate(header)}
    return Columns(dict.fromkeys(header, TEXT), values, len(records))


def _records(text: str) -> Iterator[list[str]]:
    record: list[str] = []
    value, quoted, at = "", False, 0
    while at < len(text):
        character = text[at]
        if quoted:
            if character == '"' and text[at + 1 : at + 2] == '"':
                value, at = value + '"', at + 1
            elif character == '"':
                quoted = False
            else:
                value += character
        elif character == '"':
            quoted = True
        elif character in ",\n":
            record, value = [*record, value], ""
            if character == "\n":
                yield record
                record = []
        elif character != "\r":
            value += character
        at += 1
    if record or value:
        yield [*record, value]


def count(contract: Contract, table: Columns) -> dict[str, tuple[int, bool]]:
    """Return, for each rule by its id, how many rows break it (1 where the table does), and whether it was measured."""
    found: dict[str, tuple[int, bool]] = {}
    for field in contract.fields:
        for kind, result in _of_field(field, table).items():
            found[f"{kind}:{field.name}"] = result
    for number, key in enumerate(contract.keys, 1):
        fields = {field.name: field for field in contract.fields}
        if set(key.columns) <= set(table.values):
            columns = [_typed(fields[name], table) for name in key.columns]
            found[f"key:{number}"] = (_surplus(list(zip(*columns, strict=True))), True)
        else:
            found[f"key:{number}"] = (0, False)
    bounds = contract.row_count
    outside = table.rows < bounds.min or (bounds.max is not None and table.rows > bounds.max)
    found["row_count"] = (int(outside), True)
    found["extra_columns"] = (int(bool(set(table.values) - {field.name for field in contract.fields})), True)
    return found


def _of_field(field: FieldSpec, table: Columns) -> dict[str, tuple[int, bool]]:
    stated = [kind.value for kind in field.kinds]
    if field.name not in table.values:
        return {kind: (1, True) if kind == "present" else (0, False) for kind in stated}
    fits = field.type == "any" or table.types[field.name] in (TEXT, *FITTING[field.type])
    needing = ("range", "enum", "pattern")
    return {
        kind: (0, False) if kind in needing and not fits else (_broken(kind, field, table), True) for kind in stated
    }


def _broken(kind: str, field: FieldSpec, table: Columns) -> int:
    raw, typed = table.values[field.name], _typed(field, table)
    there = [value for value in typed if value is not None]
    match kind:
        case "type" if table.types[field.name] == TEXT:
            return sum(one is not None and other is None for one, other in zip(raw, typed, strict=True))
        case "type":
            return int(table.types[field.name] not in FITTING[field.type])
        case "required" | "max_null":
            return sum(value is None for value in raw)
        case "unique":
            return _surplus([(value,) for value in typed])
        case "range":
            return sum(not _in_range(value, field) for value in there)
        case "enum":
            return sum(not _listed(value, field) for value in there)
        case "pattern":
            return sum(not re.fullmatch(field.pattern or "", value) for value in there)
    return 0


def _typed(field: FieldSpec, table: Columns) -> list[Any]:
    values = table.values[field.name]
    if table.types[field.name] != TEXT or field.type in ("string", "any"):
        return list(values)
    return [None if value is None else read(value, field.type) for value in values]


def read(text: str, type: str) -> Any:
    """Return the value of `type` that `text` spells in a CSV; None where it spells none."""
    if not re.fullmatch(_WRITTEN[type], text):
        return None
    try:
        match type:
            case "integer":
                number = int(text)
                return number if -HUGE <= number < HUGE else None
            case "number":
                return float(text)  # too large a one is an infinity, outside every range
            case "boolean":
                return text.lower() == "true"
            case "date":
                return dt.date.fromisoformat(text)
        # Python wants the offset with its minutes.
        moment = dt.datetime.fromisoformat(re.sub(r"(:[0-9]{2}(?:\.[0-9]+)?[+-][0-9]{2})$", r"\1:00", text))
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


def _surplus(values: Sequence[tuple[Any, ...]]) -> int:
    whole = [tuple(map(_same, row)) for row in values if None not in row]
    return len(whole) - len(set(whole))


def _same(value: Any) -> Any:
    """A stand-in by which equal values are equal: NaN is one value."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def _in_range(value: Any, field: FieldSpec) -> bool:
    assert field.range is not None
    if isinstance(value, float) and not math.isfinite(value):
        return False
    low, high = (None if bound is None else _bound(bound, value) for bound in (field.range.min, field.range.max))
    return (low is None or low <= value) and (high is None or value <= high)


def _bound(bound: Any, value: Any) -> Any:
    """The bound as the value's own kind: exactly, but for floating-point numbers, where it is the nearest."""
    if isinstance(value, dt.datetime):
        moment = dt.datetime.fromisoformat(bound)
        return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if isinstance(value, dt.date):
        return dt.date.fromisoformat(bound)
    return float(bound) if isinstance(value, float) else Decimal(bound)


def _listed(value: Any, field: FieldSpec) -> bool:
    assert field.enum is not None
    if isinstance(value, float):
        return value in [float(one) for one in field.enum if not isinstance(one, str)]
    return value in field.enum


# Vectors, and what a model says.


def vectors_breaking(values: Sequence[Sequence[float | None] | None], check: Mapping[str, Any]) -> int:
    """Return how many vectors break a check of kind dimensions, finite or norm."""
    there = [value for value in values if value is not None]
    if check["kind"] == "dimensions":
        return sum(len(value) != check["dimensions"] for value in there)
    if check["kind"] == "finite":
        return sum(not _finite(value) for value in there)
    return sum(not _finite(value) or not _within(math.sqrt(_squares(value)), check["bounds"]) for value in there)


def _finite(vector: Sequence[float | None]) -> bool:
    return all(one is not None and math.isfinite(one) for one in vector)


def _squares(vector: Sequence[float | None]) -> float:
    total = 0.0
    for one in vector:
        assert one is not None
        total += one * one
    return total


def _within(number: float, bounds: Mapping[str, Any]) -> bool:
    return float(bounds.get("min", -math.inf)) <= number <= float(bounds.get("max", math.inf))


def share(values: Sequence[Any], listed: Sequence[Any]) -> Fraction | None:
    """Return which part of the values that are there is listed; None where there is none."""
    there = [value for value in values if value is not None]
    return Fraction(sum(value in listed for value in there), len(there)) if there else None


def performance(measure: str, pairs: Sequence[tuple[Any, Any]]) -> Fraction | None:
    """Return what predictions come to against labels (0 and 1 for auc, brier and log_loss); None for nothing."""
    both = [(p, y) for p, y in pairs if p is not None and y is not None]
    if not both:
        return None
    match measure:
        case "accuracy":
            return Fraction(sum(p == y for p, y in both), len(both))
        case "auc":
            return _auc(both)
        case "brier" | "log_loss" if any(not 0 <= p <= 1 for p, _ in both):
            return None
        case "log_loss":
            errors = [-math.log(max(1e-15, p if y == 1 else 1 - p)) for p, y in both]
        case "mae":
            errors = [abs(p - y) for p, y in both]
        case _:
            errors = [(p - y) * (p - y) for p, y in both]
    mean = sum((_twelve(error) for error in errors), Fraction(0)) / len(both)
    return _root(mean) if measure == "rmse" else mean


def _auc(both: Sequence[tuple[float, int]]) -> Fraction | None:
    positive, negative = [p for p, y in both if y == 1], [p for p, y in both if y == 0]
    if not positive or not negative:
        return None
    half = sum(2 * (one > other) + (one == other) for one in positive for other in negative)
    return Fraction(half, 2 * len(positive) * len(negative))


def _twelve(error: float) -> Fraction:
    """An error at its twelfth decimal place; what lies half-way goes away from zero."""
    return Fraction(int(Decimal(error * 1e12).quantize(Decimal(1), rounding=ROUND_HALF_UP)), 10**12)


def _root(mean: Fraction) -> Fraction:
    context = Context(prec=12)
    return Fraction(context.sqrt(context.divide(Decimal(mean.numerator), Decimal(mean.denominator))))
