"""A column of JSON lines: each value has the type that JSON gives it, and dates are text that is written as one."""

from __future__ import annotations

from typing import Final

from contracts.columns import Column
from contracts.model import FieldSpec
from contracts.scan.query import Value
from contracts.written import TYPES, read_as

_NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_INTEGER: Final = r"-?(0|[1-9][0-9]*)"
_NESTED: Final = {"object": "{", "map": "{", "array": "["}
_ELEMENT: Final = rf"\s*({_NUMBER}|null)\s*"
_VECTOR: Final = rf"\[(\s*|{_ELEMENT}(,{_ELEMENT})*)\]"


def json_value(column: Column, field: FieldSpec, place: int, inner: list[str]) -> Value:
    """Return a column of fragments under names of ours, and add what selects it to `inner`; null and absent are one."""
    raw = f"nullif(CAST({column.sql} AS VARCHAR), 'null')"
    text = f"({column.sql} ->> '$')"
    is_text = f"starts_with({raw}, '\"')"
    if field.type in _NESTED:
        typed, type = f"CASE WHEN starts_with({raw}, '{_NESTED[field.type]}') THEN {raw} END", "json"
    elif field.type == "vector":
        cast = f"TRY_CAST(CAST({raw} AS JSON) AS DOUBLE[])"
        typed, type = f"CASE WHEN regexp_full_match({raw}, '{_VECTOR}') THEN {cast} END", "list"
    elif field.type in ("integer", "number"):
        type = "hugeint" if field.type == "integer" else "double"
        pattern = _INTEGER if field.type == "integer" else _NUMBER
        cast = f"TRY_CAST({raw} AS {type.upper()})"
        typed = f"CASE WHEN regexp_full_match({raw}, '{pattern}') THEN {cast} END"
    elif field.type == "boolean":
        typed, type = f"CASE WHEN {raw} IN ('true', 'false') THEN {raw} = 'true' END", "boolean"
    elif field.type in TYPES:
        type = TYPES[field.type].lower()
        typed = f"CASE WHEN {is_text} THEN {read_as(field.type, text)} END"
    elif field.type == "string":
        typed, type = f"CASE WHEN {is_text} THEN {text} END", "varchar"
    else:
        typed, type = raw, "json"
    inner.extend((f"{raw} AS r{place}", f"{typed} AS v{place}", f"{text} AS t{place}"))
    return Value(f"r{place}", f"v{place}", Column(column.name, f"v{place}", type), as_text=True, text=f"t{place}")
