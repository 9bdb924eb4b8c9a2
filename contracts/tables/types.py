"""The types of a table's log as the engine's SQL; what has no counterpart there is refused, and not read as something near."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.columns import Column
from contracts.engine import identifier
from proofs.errors import RefusedError

MAX_DEPTH: Final = 32
_DELTA: Final = {
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
}
_ICEBERG: Final = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "uuid": "UUID",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
}
_DECIMAL: Final = re.compile(r"decimal\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)")
_SQL_DECIMAL: Final = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")
_WIDER: Final = (("tinyint", "smallint", "integer", "bigint"), ("float", "double"))
_FIXED: Final = re.compile(r"fixed\[[0-9]{1,9}\]")


def delta_type(type: Any, depth: int = 0) -> str:
    """Return the SQL of a type as Delta's log writes it.

    Raises:
        RefusedError: It is not known, or nested more than 32 deep.
    """
    if isinstance(type, str):
        return _named(type, _DELTA)
    if not isinstance(type, Mapping) or depth > MAX_DEPTH:
        raise RefusedError("a column of the table has a type that is not known, or is nested too deep")
    match type.get("type"):
        case "struct":
            members = [(str(one["name"]), delta_type(one["type"], depth + 1)) for one in type["fields"]]
            return _struct(members)
        case "array":
            return f"{delta_type(type['elementType'], depth + 1)}[]"
        case "map":
            return f"MAP({delta_type(type['keyType'], depth + 1)}, {delta_type(type['valueType'], depth + 1)})"
    raise RefusedError("a column of the table has a type that is not known")


def iceberg_type(type: Any, depth: int = 0) -> str:
    """Return the SQL of a type as Iceberg's metadata writes it (its JSON); raises as `delta_type`."""
    if isinstance(type, str):
        return "BLOB" if _FIXED.fullmatch(type) else _named(type, _ICEBERG)
    if not isinstance(type, Mapping) or depth > MAX_DEPTH:
        raise RefusedError("a column of the table has a type that is not known, or is nested too deep")
    match type.get("type"):
        case "struct":
            members = [(str(one["name"]), iceberg_type(one["type"], depth + 1)) for one in type["fields"]]
            return _struct(members)
        case "list":
            return f"{iceberg_type(type['element'], depth + 1)}[]"
        case "map":
            return f"MAP({iceberg_type(type['key'], depth + 1)}, {iceberg_type(type['value'], depth + 1)})"
    raise RefusedError("a column of the table has a type that is not known")


def is_widened(stored: Column, type: str) -> bool:
    """True where every value of a stored column is one of `type`, as it is; of nested types the kind alone is compared."""
    if found := _SQL_DECIMAL.fullmatch(type):
        precision, scale = int(found[1]), int(found[2])
        whole = stored.precision - stored.scale <= precision - scale
        return stored.type == "decimal" and stored.scale <= scale and whole
    wanted = type.lower()
    for order in _WIDER:
        if wanted in order:
            return stored.type in order[: order.index(wanted) + 1]
    if wanted.startswith("timestamp"):
        return stored.type.startswith("timestamp")
    if wanted.endswith("[]"):
        return stored.type == "list"
    return stored.type == wanted.partition("(")[0]


def nested_names(type: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the field id and the path of every member of a struct inside an Iceberg type."""
    if not isinstance(type, Mapping):
        return
    for one in type.get("fields", ()):
        yield int(one["id"]), (*path, str(one["name"]))
        yield from nested_names(one["type"], (*path, str(one["name"])))
    for word in ("element", "key", "value"):
        yield from nested_names(type.get(word), (*path, f"<{word}>"))


def _struct(members: list[tuple[str, str]]) -> str:
    if not members:
        raise RefusedError("a column of the table is a struct without members")
    return f"STRUCT({', '.join(f'{identifier(name)} {type}' for name, type in members)})"


def _named(type: str, known: Mapping[str, str]) -> str:
    if found := _DECIMAL.fullmatch(type):
        precision, scale = int(found[1]), int(found[2])
        if 1 <= precision <= 38 and scale <= precision:
            return f"DECIMAL({precision},{scale})"
    if type not in known:
        raise RefusedError(f"a column of the table has the type {type[:40]!r}, which the engine does not have")
    return known[type]
