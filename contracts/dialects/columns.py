"""Columns: the words that name types and forms, and conditions turned into what a field or a check of ours states."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from contracts.dialects.expression import Between, Comparison, Condition, Listed, Present, TypeExpression
from contracts.dialects.place import Place
from contracts.dialects.sentence import meant, shown
from contracts.dialects.words import Value

TYPES: Final = {
    **dict.fromkeys(("string", "str", "text", "varchar", "char", "nvarchar", "category", "enum"), "string"),
    **dict.fromkeys(
        ("integer", "int", "int8", "int16", "int32", "int64", "bigint", "smallint", "long", "tinyint"), "integer"
    ),
    **dict.fromkeys(("number", "float", "double", "decimal", "numeric", "real", "float32", "float64"), "number"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("timestamp", "datetime", "timestamptz", "timestamp_tz", "timestamp_ntz"), "timestamp"),
    **dict.fromkeys(("binary", "bytes", "blob"), "binary"),
    **dict.fromkeys(("object", "struct", "record", "json"), "object"),
    **dict.fromkeys(("array", "list"), "array"),
    **dict.fromkeys(("vector", "embedding"), "vector"),
    **{word: word for word in ("date", "time", "map", "any")},
}
FORMATS: Final = {
    **{form: form for form in ("uuid", "email", "uri", "hostname", "ipv4", "ipv6", "date", "time", "date-time")},
    "url": "uri",
    "e-mail": "email",
    "guid": "uuid",
}
# How a date or a timestamp is written anyway, in the words that people put behind it.
_WRITTEN: Final = {
    "date": {"yyyy-mm-dd", "iso 8601", "iso8601", "iso"},
    "timestamp": {
        "iso 8601",
        "iso8601",
        "iso",
        "utc",
        "yyyy-mm-ddthh:mm:ssz",
        "yyyy-mm-ddthh:mm:ss",
        "yyyy-mm-dd hh:mm:ss",
    },
}
_SIDES: Final = {">=": "min", "<=": "max", ">": "above", "<": "below"}
SEVERITIES: Final = {
    **dict.fromkeys(("critical", "error", "blocker", "high", "major", "fatal", "fail", "block"), "critical"),
    **dict.fromkeys(("warning", "warn", "medium", "minor", "moderate"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "low", "note"), "info"),
}


def field_of(expression: TypeExpression, place: Place) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a type expression says of a field, without its name, and the checks that a field cannot say.

    Raises:
        MalformedError: A word of it is not known, or its conditions do not go together.
    """
    listed = next((each for each in expression.conditions if isinstance(each, Listed) and not each.is_excluded), None)
    if expression.name.lower() == "enum" and listed is not None:
        field: dict[str, Any] = {"type": type_of_values(listed.values, place)}
    elif expression.name.lower() in TYPES and expression.name.lower() != "enum":
        field = {"type": TYPES[expression.name.lower()]}
    else:
        raise place.error(f"{shown(expression.name)} is not a type that is known", hint=meant(expression.name, TYPES))
    checks: list[dict[str, Any]] = []
    if field["type"] == "vector" and re.fullmatch(r"[1-9][0-9]{0,4}", expression.form or ""):
        checks.append({"kind": "dimensions", "dimensions": int(expression.form or "")})
    elif expression.form is not None:
        field.update(_form(field["type"], expression.form, place))
    for condition in expression.conditions:
        said = state(condition)
        if said["kind"] in ("enum", "range", "required") and not said.get("negated") and _fits(field, said, place):
            continue
        checks.append(said)
    return field, checks


def state(condition: Condition) -> dict[str, Any]:
    """Return the check, without its column, that a condition is."""
    if isinstance(condition, Present):
        return {"kind": "required"}
    if isinstance(condition, Listed):
        negated = {"negated": True} if condition.is_excluded else {}
        return {"kind": "enum", "values": list(condition.values), **negated}
    if isinstance(condition, Between):
        return {"kind": "range", "bounds": {"min": condition.least, "max": condition.most}}
    return _comparison(condition)


def type_of_values(values: Iterable[Value], place: Place) -> str:
    """Return the type of listed values: all text, all integers, or all numbers."""
    kinds = {
        "text" if isinstance(value, str) else "integer" if isinstance(value, int) else "number" for value in values
    }
    if kinds == {"text"}:
        return "string"
    if "text" in kinds:
        raise place.error("lists numbers and texts, a column has values of one type")
    return "integer" if kinds == {"integer"} else "number"


def severity(place: Place | None) -> dict[str, str]:
    """Return the severity that stands at a place, as a setting; none when nothing stands there."""
    return {} if place is None else {"severity": place.word(SEVERITIES)}


def check_id(text: str) -> bool:
    """Whether a name can be a check's id as it stands."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:#/-]{0,127}", text))


def _comparison(condition: Comparison) -> dict[str, Any]:
    value = condition.value
    if condition.operator in _SIDES:
        return {"kind": "range", "bounds": {_SIDES[condition.operator]: value}}
    negated = {"negated": True} if condition.operator == "!=" else {}
    return {"kind": "enum", "values": [value], **negated}


def _fits(field: dict[str, Any], said: dict[str, Any], place: Place) -> bool:
    """Let the field itself state a condition, when it does not yet state another of its kind."""
    if said["kind"] == "required":
        field["required"] = True
    elif said["kind"] == "enum":
        if "enum" in field or field["type"] not in ("string", "integer", "number"):
            return False
        field["enum"] = said["values"]
    else:
        bounds = field.setdefault("range", {})
        lower, upper = {"min", "above"}, {"max", "below"}
        for side, value in said["bounds"].items():
            if set(bounds) & (lower if side in lower else upper):
                raise place.error("states two bounds on one side")
            bounds[side] = value
    return True


def _form(type: str, form: str, place: Place) -> dict[str, Any]:
    word = form.lower()
    if type == "string" and word in FORMATS:
        return {"format": FORMATS[word]}
    if type == "string" and re.fullmatch(r"[1-9][0-9]{0,8}", word):
        return {"length": {"max": int(word)}}
    if word in _WRITTEN.get(type, ()):
        return {}
    if type == "number" and re.fullmatch(r"[0-9]{1,2}( ?, ?[0-9]{1,2})?", word):
        return {"annotations": {"precision": form}}
    known = [*(FORMATS if type == "string" else ()), *_WRITTEN.get(type, ())]
    raise place.error(f"{shown(form)} is not a form of {type} that is known", hint=meant(form, known))
