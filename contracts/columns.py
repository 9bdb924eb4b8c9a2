"""What the engine says of a column, and which of a contract's types it can be."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_BITS: Final = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64, "hugeint": 128}
# Smallest and greatest value, by DuckDB's own names.
INTEGERS: Final = {
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in _BITS.items()},
    **{f"u{name}": (0, 2**bits - 1) for name, bits in _BITS.items()},
}
FLOATS: Final = frozenset(("float", "double"))
TIMESTAMPS: Final = frozenset(("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"))
_FITTING: Final = {
    "string": frozenset(("varchar", "enum")),
    "integer": frozenset(INTEGERS),
    "number": frozenset((*INTEGERS, *FLOATS, "decimal")),
    "boolean": frozenset(("boolean",)),
    "date": frozenset(("date",)),
    "time": frozenset(("time", "time_ns", "time with time zone")),
    "timestamp": TIMESTAMPS,
    "binary": frozenset(("blob",)),
    "object": frozenset(("struct",)),
    "array": frozenset(("list", "array")),
    "map": frozenset(("map",)),
    "vector": frozenset(("list", "array")),
}
# What can be written in a source that knows no types; of the others none of its columns is one.
WRITTEN_TYPES: Final = frozenset(("string", "integer", "number", "boolean", "date", "time", "timestamp"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source.

    Attributes:
        name: As the source spells it.
        sql: The expression that reads it inside the source's relation; identifiers are quoted.
        type: DuckDB's name of its type in lower case, without parameters.
        precision, scale: Of a decimal; 0 otherwise.
        as_text: True when the source knows no types (CSV) and every value is read as text.
        as_json: True when the value is a fragment of JSON, and each has a type of its own.
    """

    name: str
    sql: str
    type: str
    precision: int = 0
    scale: int = 0
    as_text: bool = False
    as_json: bool = False

    def fits(self, type: str) -> bool:
        """True when a field of the contract's `type` can be stored in this column as it is."""
        if self.as_json:
            return type != "binary"
        if self.as_text:
            return type == "any" or type in WRITTEN_TYPES
        return type == "any" or self.type in _FITTING[type]

    def is_written(self, type: str) -> bool:
        """True when it is for each value to say whether it is of `type`."""
        return self.fits(type) and (self.as_text or self.as_json)

    @property
    def cast(self) -> str:
        """The type as SQL spells it."""
        return f"DECIMAL({self.precision},{self.scale})" if self.type == "decimal" else self.type.upper()

    @property
    def exact(self) -> tuple[Decimal, Decimal, Decimal] | None:
        """The smallest and greatest value and the step of an integer or decimal column; None for every other."""
        if self.type in INTEGERS:
            low, high = INTEGERS[self.type]
            return Decimal(low), Decimal(high), Decimal(1)
        if self.type == "decimal":
            # Spelt, not computed: arithmetic would round a number of more than 28 digits.
            most = Decimal(f"{10**self.precision - 1}E-{self.scale}")
            return -most, most, Decimal(f"1E-{self.scale}")
        return None
