"""Checks as Great Expectations and Soda word them, each as the check of ours that has the same answer.

    expect_column_values_to_match_regex     pattern, anywhere in the value, as both engines search
    expect_column_max_to_be_between         maximum; from "2 hours ago" on: freshness
    regex | uniqueness | range | freshness  pattern | unique | range | freshness

An expectation that none of ours is stays a check of its engine. How each was worded is kept beside it, by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from contracts.dialects.place import Place
from contracts.dialects.quantity import Moment, read_moment
from contracts.dialects.sentence import meant, shown
from contracts.dialects.words import ExpressionError

STATISTICS: Final = {
    "expect_column_mean_to_be_between": "mean",
    "expect_column_stdev_to_be_between": "stdev",
    "expect_column_sum_to_be_between": "sum",
    "expect_column_min_to_be_between": "minimum",
    "expect_column_max_to_be_between": "maximum",
    "expect_column_median_to_be_between": "quantile",
}
SODA: Final = {
    "regex": "regex",
    "pattern": "regex",
    "uniqueness": "uniqueness",
    "unique": "uniqueness",
    "range": "range",
    "freshness": "freshness",
    "null": "null",
    "not_null": "null",
    "completeness": "null",
    "row_count": "row_count",
    "enum": "enum",
    "valid_values": "enum",
}
AGES: Final = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}

Said = dict[str, Any]


def expectation(kind: str, kwargs: Place) -> Said:
    """Return the check that an expectation is.

    Args:
        kind: Its type, `expect_…`.
        kwargs: Where its arguments stand.

    Raises:
        MalformedError: An argument is missing or of another type; with its line.
    """
    if kind in STATISTICS:
        return _statistic(STATISTICS[kind], kwargs)
    if kind not in EXPECTATIONS:
        named = kwargs.get("column")
        columns = {} if named is None else {"columns": [named.text()]}
        return {
            "kind": "foreign",
            "engine": "great_expectations",
            "definition": {"type": kind, "kwargs": kwargs.value},
            **columns,
        }
    return {**EXPECTATIONS[kind](kwargs), **_mostly(kwargs)}


def soda(check: Place) -> Said:
    """Return the check that one of Soda's is.

    Raises:
        MalformedError: Its type is not known, or something that it needs is missing; with its line.
    """
    type = check.need("type")
    if (kind := SODA.get(type.text().lower())) is None:
        raise type.error(f"{shown(type.value)} is not a check of Soda that is known", hint=meant(type.value, SODA))
    if kind == "uniqueness":
        return {"kind": "unique", "columns": _columns(check)}
    if kind == "row_count":
        return {"kind": "sql", "query": "SELECT count(*) FROM {table}", "bounds": _between(check, "min", "max")}
    column = {"column": check.need("column").text()}
    if kind == "regex":
        pattern = check.get("pattern") or check.get("regex") or check.need("pattern")
        return {"kind": "pattern", **column, "pattern": pattern.text(), "match": "search"}
    if kind == "range":
        return {"kind": "range", **column, "bounds": _between(check, "min", "max")}
    if kind == "enum":
        values = check.get("values") or check.get("valid_values") or check.need("values")
        return {"kind": "enum", **column, "values": [item.value for item in values.items()]}
    return {"kind": "required", **column} if kind == "null" else {"kind": "freshness", **column, **age(check)}


def age(place: Place) -> Said:
    """Return the greatest age that `max_age`, `max_age_hours` and the like state at a place."""
    for unit, seconds in AGES.items():
        if (found := place.get(f"max_age_{unit}")) is not None:
            amount = found.number() * seconds
            if amount != int(amount) or amount < 0:
                raise found.error(f"{shown(found.value)} {unit} are no whole seconds from 0 on")
            return {"max_age_seconds": int(amount)}
    found = place.need("max_age") if "max_age" in place.mapping() else place.need("max_age_hours")
    return {"max_age_seconds": found.read(lambda text: _seconds_ago(f"{text} ago"))}


def _seconds_ago(text: str) -> int:
    moment = read_moment(text)
    if moment.offset is None or not moment.is_past:
        raise ExpressionError("is no length of time")
    return int(moment.offset.seconds)


def _columns(place: Place) -> list[str]:
    listed = place.get("columns") or place.get("column_list")
    return [place.need("column").text()] if listed is None else listed.texts()


def _between(place: Place, low: str, high: str) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for key, inclusive, exclusive in ((low, "min", "above"), (high, "max", "below")):
        found = place.get(key) or place.get(f"{key}_value")
        if found is not None:
            strict = place.get(f"strict_{key.removesuffix('_value')}")
            bounds[exclusive if strict is not None and strict.boolean() else inclusive] = found.value
    if not bounds:
        raise place.error(f"states neither {low} nor {high}")
    return bounds


def _bounds(kwargs: Place) -> dict[str, Any]:
    return _between(kwargs, "min_value", "max_value")


def _statistic(kind: str, kwargs: Place) -> Said:
    column = {"column": kwargs.need("column").text()}
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    moments = [found.read(read_moment) for found in (low, high) if found is not None and isinstance(found.value, str)]
    if not any(moment.fixed is None for moment in moments):
        return {"kind": kind, **column, "bounds": _bounds(kwargs)}
    if kind != "maximum" or low is None:
        raise kwargs.error("a moment relative to now is read as the least of a column's maximum alone")
    oldest: Moment = low.read(read_moment)
    if oldest.offset is None or not oldest.is_past:
        raise low.error(f"{shown(low.value)} is not in the past")
    if high is not None and high.read(read_moment) != Moment():
        raise high.error(f"{shown(high.value)} is not now", hint="from a moment ago to now is how fresh a column is")
    return {"kind": "freshness", **column, "max_age_seconds": int(oldest.offset.seconds)}


def _mostly(kwargs: Place) -> Said:
    """`mostly` is the part of the rows that must hold; the rest is what is tolerated."""
    if (found := kwargs.get("mostly")) is None:
        return {}
    if not 0 <= found.number() <= 1:
        raise found.error(f"{shown(found.value)} does not lie within 0 and 1")
    return {"tolerance": 1 - Decimal(found.number())} if found.number() != 1 else {}


def _on_column(kind: str, key: str, name: str, **more: Any) -> Callable[[Place], Said]:
    """A check of one column with one argument, under the name that it has here."""

    def say(kwargs: Place) -> Said:
        argument = kwargs.need(key)
        return {"kind": kind, "column": kwargs.need("column").text(), name: argument.value, **more}

    return say


def _row_count(kwargs: Place) -> Said:
    exact = kwargs.get("value")
    bounds = _bounds(kwargs) if exact is None else {"min": exact.whole(), "max": exact.whole()}
    return {"kind": "sql", "query": "SELECT count(*) FROM {table}", "bounds": bounds}


def _lengths(kwargs: Place) -> Said:
    exact = kwargs.get("value")
    bounds = _bounds(kwargs) if exact is None else {"min": exact.whole(), "max": exact.whole()}
    return {"kind": "length", "column": kwargs.need("column").text(), "bounds": bounds}


EXPECTATIONS: Final[dict[str, Callable[[Place], Said]]] = {
    "expect_column_values_to_not_be_null": lambda at: {"kind": "required", "column": at.need("column").text()},
    "expect_column_values_to_be_unique": lambda at: {"kind": "unique", "columns": [at.need("column").text()]},
    "expect_compound_columns_to_be_unique": lambda at: {"kind": "unique", "columns": _columns(at)},
    "expect_select_column_values_to_be_unique_within_record": lambda at: {
        "kind": "foreign",
        "engine": "great_expectations",
        "definition": {"type": "expect_select_column_values_to_be_unique_within_record", "kwargs": at.value},
        "columns": _columns(at),
    },
    "expect_column_values_to_be_between": lambda at: {
        "kind": "range",
        "column": at.need("column").text(),
        "bounds": _bounds(at),
    },
    "expect_column_values_to_be_in_set": _on_column("enum", "value_set", "values"),
    "expect_column_values_to_not_be_in_set": _on_column("enum", "value_set", "values", negated=True),
    "expect_column_values_to_match_regex": _on_column("pattern", "regex", "pattern", match="search"),
    "expect_column_values_to_not_match_regex": _on_column("pattern", "regex", "pattern", match="search", negated=True),
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _lengths,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_table_row_count_to_equal": _row_count,
    "expect_column_unique_value_count_to_be_between": lambda at: {
        "kind": "distinct_values",
        "columns": [at.need("column").text()],
        "bounds": _bounds(at),
    },
}
