"""Checks as Soda and Great Expectations word them inside dialect (d), as JSON Schema: what each of them needs."""

from __future__ import annotations

from typing import Final

from contracts.dialects.engines import AGES, EXPECTATIONS, SODA, STATISTICS
from contracts.schemas.columns import SCALAR, SEVERITY, TEXT
from contracts.schemas.shape import EXPRESSED, Shape, boolean, either, has, listed, optional, or_null, text, told, word

_NAMING: Final = ("type", "expectation_type", "expectation")
_VALUES: Final = listed(SCALAR, minItems=1, maxItems=10_000)
_PATTERN: Final = text(minLength=1, maxLength=1_000)
_COLUMNS: Final[Shape] = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 16}]}
_ANY_COLUMNS: Final[Shape] = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 1_000}]}


def settings() -> dict[str, Shape]:
    """What every check may state beside what it checks."""
    return optional(
        {
            "name": text("Of the check, which is found again by it."),
            "severity": SEVERITY,
            "description": text("What it is for."),
            "enabled": boolean("false keeps it, and measures nothing."),
        }
    )


def soda_check() -> Shape:
    """A check under `quality_checks.soda.checks`."""
    known = word(SODA, "Which check it is.", is_stripped=False)
    needs: dict[str, list[Shape]] = {
        "regex": [_column(), *either(_PATTERN, "pattern", "regex", is_needed=True)],
        "uniqueness": _several(),
        "range": [_column(), *_between("min", "max")],
        "freshness": [_column(), *age()],
        "null": [_column()],
        "row_count": _between("min", "max"),
        "enum": [_column(), *either(_VALUES, "values", "valid_values", is_needed=True)],
    }
    asked = [
        _if({"properties": {"type": _named(kind)}, "required": ["type"]}, {"allOf": need})
        for kind, need in needs.items()
    ]
    shape = {"type": "object", "properties": {"type": known, **settings()}, "required": ["type"], "allOf": asked}
    return told(shape, "A check as Soda words it.")


def age() -> list[Shape]:
    """Of a mapping: it states a greatest age."""
    number: Shape = {"type": "number", "minimum": 0}
    units = [f"max_age_{unit}" for unit in AGES]
    worded = {"if": {"not": {"anyOf": [has(unit) for unit in units]}}, "then": _need("max_age", EXPRESSED)}
    return [*either(number, *units), worded]


def expectation() -> Shape:
    """A check under `quality_checks.great_expectations.checks`, in any of the three ways of writing one."""
    known = expected()
    named = [_by(key, _NAMING[:number]) for number, key in enumerate(_NAMING)]
    asked = {key: or_null(text("Which it is, as expect_column_values_to_not_be_null.")) for key in _NAMING}
    properties = {**settings(), **asked, "kwargs": or_null({"type": "object", "description": "What it is asked."})}
    short = {
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in known},
        "patternProperties": {"^expect_": {"type": "object"}},
        "propertyNames": {"anyOf": [{"enum": sorted(settings())}, {"pattern": "^expect_"}]},
        "not": {"propertyNames": {"not": {"pattern": "^expect_"}}},
    }
    unnamed = {"not": {"anyOf": [has(key) for key in _NAMING]}}
    shape = {"type": "object", "properties": properties, "allOf": [*named, _if(unnamed, short)]}
    return told(shape, "A check as Great Expectations words it.")


def definitions() -> dict[str, Shape]:
    """What `expectation` refers to: what each is asked, and where its arguments stand."""
    known = expected()
    asked = {f"{name}.asked": _arguments({"$ref": f"#/$defs/{name}"}) for name in known}
    other: Shape = {"type": "object", "properties": {"column": or_null(TEXT)}}
    return {"Expectation": expectation(), **known, **asked, "other.asked": _arguments(other)}


def expected() -> dict[str, Shape]:
    """What each expectation that is known asks for, by its name."""
    return {name: _asked(name) for name in sorted({*EXPECTATIONS, *STATISTICS})}


def _asked(name: str) -> Shape:
    if name in STATISTICS:
        return {"type": "object", "allOf": [_column(), *_between("min_value", "max_value", is_moment=True)]}
    needs = [*_needed(name), {"properties": {"mostly": or_null({"type": "number", "minimum": 0, "maximum": 1})}}]
    return {"type": "object", "allOf": needs}


def _needed(name: str) -> list[Shape]:
    one: dict[str, list[Shape]] = {
        "expect_column_values_to_be_between": [_column(), *_between("min_value", "max_value")],
        "expect_column_unique_value_count_to_be_between": [_column(), *_between("min_value", "max_value")],
        "expect_column_value_lengths_to_be_between": [_column(), *_exactly()],
        "expect_column_value_lengths_to_equal": [_column(), *_exactly()],
        "expect_table_row_count_to_be_between": _exactly(),
        "expect_table_row_count_to_equal": _exactly(),
        "expect_compound_columns_to_be_unique": _several(),
        "expect_select_column_values_to_be_unique_within_record": _several(_ANY_COLUMNS),
    }
    if name in one:
        return one[name]
    if name.endswith("_in_set"):
        return [_column(), _need("value_set", _VALUES)]
    return [_column(), _need("regex", _PATTERN)] if name.endswith("_regex") else [_column()]


def _column() -> Shape:
    return _need("column", told(TEXT, "The column."))


def _need(key: str, shape: Shape) -> Shape:
    return {"properties": {key: shape}, "required": [key]}


def _several(columns: Shape = _COLUMNS) -> list[Shape]:
    alone = {"if": {"not": {"anyOf": [has("columns"), has("column_list")]}}, "then": _column()}
    return [*either(columns, "columns", "column_list"), alone]


def _exactly() -> list[Shape]:
    """`value`, or two bounds."""
    exact = {"properties": {"value": {"type": "integer", "minimum": 0}}}
    return [{"if": has("value"), "then": exact, "else": {"allOf": _between("min_value", "max_value")}}]


def _between(low: str, high: str, *, is_moment: bool = False) -> list[Shape]:
    """At least one of two bounds, under its key or under that with `_value` behind it.

    Args:
        is_moment: A bound may be relative to now; nobody asks then whether it is a strict one.
    """
    bound: Shape = {"anyOf": [{"type": "number"}, {"pattern": "^[0-9]{4}-"}]} if is_moment else {}
    sides = [(key, f"{key}_value") for key in (low, high)]
    strict = {f"strict_{key.removesuffix('_value')}": or_null(boolean()) for key in (low, high)}
    stated = {"anyOf": [has(key) for side in sides for key in side]}
    asked = [
        {
            "if": {"anyOf": [{"allOf": [has(key), {"properties": {key: bound}}]} for key in side]},
            "then": {"properties": {key: strict[key]}},
        }
        for side, key in zip(sides, strict, strict=True)
    ]
    return [*(each for side in sides for each in either(SCALAR, *side)), stated, *asked]


def _named(kind: str) -> Shape:
    return word([name for name, meant in SODA.items() if meant == kind], is_stripped=False)


def _by(key: str, earlier: tuple[str, ...]) -> Shape:
    """Of a mapping: where no earlier key names an expectation, this one does, and what that asks for is there."""
    names = list(expected())
    each = [_if({"properties": {key: {"const": name}}}, {"$ref": f"#/$defs/{name}.asked"}) for name in names]
    other = _if({"properties": {key: {"not": {"enum": names}}}}, {"$ref": "#/$defs/other.asked"})
    says = has(key) if not earlier else {"allOf": [*({"not": has(name)} for name in earlier), has(key)]}
    return _if(says, {"properties": {key: text()}, "allOf": [*each, other]})


def _arguments(shape: Shape) -> Shape:
    return {"if": has("kwargs"), "then": {"properties": {"kwargs": shape}}, "else": shape}


def _if(condition: Shape, then: Shape) -> Shape:
    return {"if": condition, "then": then}
