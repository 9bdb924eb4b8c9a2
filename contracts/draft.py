"""Draft a contract from data: the types that it has, what is never null, what stands once, and what little there is of values.

A draft is a beginning: it says what is true of this batch, and whoever signs it says what is promised of every one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.columns import FLOATS, INTEGERS, TIMESTAMPS, Column
from contracts.source import Opened, Source, opened, unreadable
from contracts.written import PATTERNS

MAX_LISTED: Final = 12
_TYPES: Final = {
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(FLOATS, "number"),
    **dict.fromkeys(TIMESTAMPS, "timestamp"),
    "decimal": "number",
    "varchar": "string",
    "enum": "string",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "time_ns": "time",
    "time with time zone": "time",
}
_GUESSED: Final = (
    "integer",
    "number",
    "boolean",
    "date",
    "timestamp",
    "time",
)  # of a CSV, the first that all values are


@dataclass(frozen=True, slots=True)
class Drafted:
    """One column as it was found; `listed` are its few values, where they repeat."""

    name: str
    type: str
    required: bool
    unique: bool
    listed: tuple[str, ...] = ()


def draft(source: Source, *, name: str, namespace: str, dataset: str) -> str:
    """Return a contract, as YAML, that this batch keeps.

    Raises:
        TallyError: The source cannot be read (contracts.source).
    """
    with opened(source) as batch:
        rows, columns = _look(batch, source)
    lines = [
        f"name: {_quoted(name)}",
        "version: 0.1.0",
        f"dataset: {{namespace: {_quoted(namespace)}, name: {_quoted(dataset)}}}",
        "owner:  # a team, never a person",
        "schema:",
        *(_line(column) for column in columns),
        f"row_count: {{min: {min(rows, 1)}}}",
    ]
    return "\n".join(lines) + "\n"


def _look(batch: Opened, source: Source) -> tuple[int, list[Drafted]]:
    import duckdb

    texts = [column for column in batch.columns if column.as_text]
    parts = ["count(*)"]
    for column in batch.columns:
        parts += [f"count({column.sql})", f"count(DISTINCT {column.sql})"]
    for column in texts:
        parts += [f"count(*) FILTER (regexp_full_match({column.sql}, '{_written(type)}'))" for type in _GUESSED]
    try:
        row = batch.connection.execute(f"SELECT {', '.join(parts)} FROM {batch.relation}").fetchone()  # noqa: S608 quoted
        assert row is not None, "an aggregate without GROUP BY has one row"
        rows, counted = row[0], iter(row[1:])
        pairs = [(next(counted), next(counted)) for _ in batch.columns]
        written = {column.name: [next(counted) for _ in _GUESSED] for column in texts}
        return rows, [
            _drafted(batch, column, rows, pair, written.get(column.name))
            for column, pair in zip(batch.columns, pairs, strict=True)
        ]
    except duckdb.Error as error:
        raise unreadable(error, source) from None  # the engine's message quotes rows


def _written(type: str) -> str:
    # What begins with a zero is a postal code or an account, and no number.
    begun = r"[+-]?(0|[1-9][0-9]*)"
    return {"integer": begun, "number": rf"{begun}(\.[0-9]+)?([eE][+-]?[0-9]+)?"}.get(type, PATTERNS[type])


def _drafted(batch: Opened, column: Column, rows: int, pair: tuple[int, int], written: list[int] | None) -> Drafted:
    there, distinct = pair
    if written is None:
        type = _TYPES.get(column.type, "any")
    else:
        type = next(
            (guess for guess, count in zip(_GUESSED, written, strict=True) if there and count == there), "string"
        )
    listed: tuple[str, ...] = ()
    if type == "string" and 0 < distinct <= MAX_LISTED and distinct * 4 <= there:
        select = (
            f"SELECT DISTINCT CAST({column.sql} AS VARCHAR) AS v FROM {batch.relation} WHERE v IS NOT NULL ORDER BY v"  # noqa: S608
        )
        listed = tuple(value for (value,) in batch.connection.execute(select).fetchall())
    return Drafted(column.name, type, bool(rows) and there == rows, rows > 1 and distinct == there == rows, listed)


def _line(column: Drafted) -> str:
    said: dict[str, Any] = {"name": _quoted(column.name), "type": column.type}
    if column.required:
        said["required"] = "true"
    if column.unique:
        said["unique"] = "true"
    if column.listed:
        said["enum"] = f"[{', '.join(map(_quoted, column.listed))}]"
    return f"  - {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}"


def _quoted(text: str) -> str:
    """The text as a scalar in double quotes that every YAML reader takes for itself."""
    import json

    return json.dumps(text, ensure_ascii=True)


def default_name(path: Path) -> str:
    """Return the name that a file suggests for a contract: its stem, of letters, digits, dots, dashes and underscores."""
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in path.stem
    )
    return kept.strip("._-")[:128] or "contract"
