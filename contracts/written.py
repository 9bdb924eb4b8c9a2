"""How a value of each type is written in a source that knows no types, and how the engine is asked to read it.

Stricter than the engine's own casts, which take 1.5 for the integer 2 and 1e3 for a thousand. A regular expression and a
cast cost as much as the parsing of the file, so what nearly every value looks like is asked for first, where that is cheaper
and comes to the same.
"""

from __future__ import annotations

from typing import Final

PATTERNS: Final = {
    "integer": r"[+-]?[0-9]+",
    "number": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "boolean": r"(?i:true|false)",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
}
_PLAIN_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
# What a field of each type that is written is read as.
TYPES: Final = {
    "integer": "HUGEINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}


def read_as(type: str, text: str) -> str:
    """Return the SQL that reads the text column `text` as a field of `type`; null where it is not written as one."""
    written = f"regexp_full_match({text}, '{PATTERNS[type]}')"
    cast = f"TRY_CAST({text} AS {TYPES[type]})"
    if type == "boolean":
        return f"CASE WHEN {text} IN ('true', 'false') THEN {text} = 'true' WHEN {written} THEN {cast} END"
    if type == "timestamp":
        # The engine's cast of a moment without offset goes through a calendar of time zones, to the same moment in UTC.
        plain = f"strlen({text}) = 19 AND regexp_full_match({text}, '{_PLAIN_MOMENT}')"
        moment = f"make_timestamptz(epoch_us(TRY_CAST({text} AS TIMESTAMP)))"
        return f"CASE WHEN {plain} THEN {moment} WHEN {written} THEN {cast} END"
    return f"CASE WHEN {written} THEN {cast} END"
