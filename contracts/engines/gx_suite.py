"""A contract as a suite of Great Expectations 1.x: what that engine answers as we do, and a list of what it does not.

    {"name", "expectations": [{"type", "kwargs", "severity", "meta": {"rule": "<rule id>"}}],
     "meta": {"tallystick": {"contract", "left_out": ["<rule id>", …]}}}

Loaded by `gx.ExpectationSuite(**json.load(file))`. Its counts are ours, but for two things: of n equal values all are unexpected
there and n−1 are here; and `mostly` is a part of the values that are not null, where a tolerance is one of all rows, so that it
is never the milder. Left out are types, whose names differ by where the data lies, moments, and whatever has no such expectation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import orjson

from contracts.bounds import Bounds
from contracts.checks import CountCheck, HasLength, InEnum, InRange, Matches, Statistic
from contracts.document import Document
from contracts.model import Contract
from contracts.rules import Rule, rules_of
from contracts.terms import MILLION, Kind, Scalar

Expectation = tuple[str, dict[str, Any]]

_STATISTICS: Final = MappingProxyType(
    {"mean": "mean", "stdev": "stdev", "sum": "sum", "minimum": "min", "maximum": "max"}
)
_TABLE: Final = (Kind.PRESENT, Kind.ROW_COUNT)


def gx_suite(document: Document) -> bytes:
    """Return the suite as indented JSON."""
    contract = document.contract
    said = [(rule, _expectation(rule, contract)) for rule in rules_of(contract)]
    expectations = [
        {"type": found[0], "kwargs": found[1], "severity": rule.severity.value, "meta": {"rule": rule.id}}
        for rule, found in said
        if found is not None
    ]
    source = {"name": contract.name, "version": contract.version, "sha256": document.sha256}
    meta = {"tallystick": {"contract": source, "left_out": [rule.id for rule, found in said if found is None]}}
    suite = {"name": f"{contract.name}-{contract.version}", "expectations": expectations, "meta": meta}
    return orjson.dumps(suite, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _expectation(rule: Rule, contract: Contract) -> Expectation | None:
    """What says the same as a rule; None where nothing does."""
    if rule.kind is Kind.ROW_COUNT:
        bounds = {"min_value": contract.row_count.min, "max_value": contract.row_count.max}
        return "expect_table_row_count_to_be_between", _stated(bounds)
    found = _of_check(rule) if rule.check is not None else _of_field(rule)
    if found is None or not rule.tolerance or rule.kind in _TABLE:
        return found
    if rule.kind in (Kind.UNIQUE, Kind.KEY):
        return None  # a part of the rows means another thing where each of a pair counts
    return found[0], {**found[1], "mostly": (MILLION - rule.tolerance) / MILLION}


def _of_field(rule: Rule) -> Expectation | None:
    column = {"column": rule.columns[0]} if rule.columns else {}
    if rule.kind is Kind.KEY:
        return _unique(rule.columns)
    field = rule.field
    if field is None:
        return None
    readings: Mapping[Kind, Callable[[], Expectation | None]] = {
        Kind.PRESENT: lambda: ("expect_column_to_exist", column),
        Kind.REQUIRED: lambda: ("expect_column_values_to_not_be_null", column),
        Kind.MAX_NULL: lambda: ("expect_column_values_to_not_be_null", column),
        Kind.UNIQUE: lambda: _unique(rule.columns),
        Kind.RANGE: lambda: _between("expect_column_values_to_be_between", column, field.range),
        Kind.LENGTH: lambda: _between("expect_column_value_lengths_to_be_between", column, field.length),
        Kind.ENUM: lambda: _in_set(column, field.enum or ()),
        Kind.PATTERN: lambda: _matches(column, field.pattern or ""),
    }
    return readings[rule.kind]() if rule.kind in readings else None


def _of_check(rule: Rule) -> Expectation | None:
    check, column = rule.check, {"column": rule.columns[0]} if rule.columns else {}
    match check:
        case InRange():
            return _between("expect_column_values_to_be_between", column, check.bounds)
        case HasLength():
            return _between("expect_column_value_lengths_to_be_between", column, check.bounds)
        case InEnum():
            return _in_set(column, check.values, negated=check.negated)
        case Matches():
            return _matches(column, check.pattern, match=check.match, negated=check.negated)
        case Statistic(kind=kind) if kind in _STATISTICS:
            return _between(f"expect_column_{_STATISTICS[kind]}_to_be_between", column, check.bounds)
        case CountCheck(kind="distinct_values", unit="rows"):
            return _between("expect_column_unique_value_count_to_be_between", column, check.bounds)
        case _ if rule.kind is Kind.REQUIRED:
            return "expect_column_values_to_not_be_null", column
        case _:
            return _unique(rule.columns) if rule.kind is Kind.UNIQUE else None


def _unique(columns: tuple[str, ...]) -> Expectation:
    if len(columns) == 1:
        return "expect_column_values_to_be_unique", {"column": columns[0]}
    kwargs = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
    return "expect_compound_columns_to_be_unique", kwargs


def _between(type: str, column: dict[str, Any], bounds: Bounds | None) -> Expectation | None:
    if bounds is None or bounds.negated:
        return None
    given = {
        "min_value": bounds.min if bounds.above is None else bounds.above,
        "max_value": bounds.max if bounds.below is None else bounds.below,
    }
    if any(isinstance(bound, str) for bound in given.values()) or not all(map(_fits, given.values())):
        return None  # a moment: JSON has none, and text is not compared with one everywhere
    strict = {"strict_min": bounds.above is not None or None, "strict_max": bounds.below is not None or None}
    return type, {**column, **_stated({name: _plain(bound) for name, bound in given.items()}), **_stated(strict)}


def _in_set(column: dict[str, Any], values: tuple[Scalar, ...], *, negated: bool = False) -> Expectation | None:
    if not all(map(_fits, values)):
        return None
    type = "expect_column_values_to_not_be_in_set" if negated else "expect_column_values_to_be_in_set"
    return type, {**column, "value_set": [_plain(value) for value in values]}


def _matches(column: dict[str, Any], pattern: str, *, match: str = "whole", negated: bool = False) -> Expectation:
    written = {"whole": f"^(?:{pattern})$", "prefix": f"^(?:{pattern})", "search": pattern}[match]
    type = "expect_column_values_to_not_match_regex" if negated else "expect_column_values_to_match_regex"
    return type, {**column, "regex": written}


def _stated(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if value is not None}


def _plain(value: Scalar | None) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _fits(value: Scalar | None) -> bool:
    """True for what JSON's readers take for the very same value."""
    if not isinstance(value, int | Decimal):
        return True
    number = Decimal(value)
    if number == number.to_integral_value():
        return abs(number) < 2**53
    return Decimal(repr(float(number))) == number
