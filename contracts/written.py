"""How a value of each type is written in a source that knows no types, and what it is then read as.

Stricter than the engine's cast, which takes 1.5 for the integer 2 and 1e3 for a thousand.
"""

from __future__ import annotations

from typing import Final

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
