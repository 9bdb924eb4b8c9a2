"""What the parts of a scan share: columns under names of ours, parameters, and what is asked and read for one rule.

Whatever the contract says enters as a parameter, whatever the source says as a quoted identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.columns import FLOATS, INTEGERS, TIMESTAMPS, Column
from contracts.metric import Metric
from contracts.rules import Rule

# Types of which equal values have equal hashes; a VARIANT's 1 is a TINYINT's and a BIGINT's, with two hashes.
HASHED: Final = frozenset(
    (*INTEGERS, *FLOATS, *TIMESTAMPS, "decimal", "varchar", "enum", "boolean", "date", "time", "uuid", "blob")
)


class UnfitError(Exception):
    """A rule that does not fit the columns that are there: it is not measured, and this says why."""


@dataclass(frozen=True, slots=True)
class Value:
    """A column inside the query.

    Attributes:
        raw: The alias under which it stands as the source has it.
        typed: The alias under which it stands in the type of its field; null where it cannot be read as such.
        column: What it is there: DuckDB's type of `typed`.
        as_text: True when the source knows no types; then `raw` is text, or a fragment of JSON.
        text: The expression that is its text, where `raw` is not.
    """

    raw: str
    typed: str
    column: Column
    as_text: bool = False
    text: str | None = None

    @property
    def is_text(self) -> bool:
        """True for VARCHAR and enumerations."""
        return self.column.type in ("varchar", "enum")

    @property
    def is_number(self) -> bool:
        """True for integers, decimals and floating point."""
        return self.column.exact is not None or self.is_float

    @property
    def is_float(self) -> bool:
        """True for floating point."""
        return self.column.type in ("float", "double")

    @property
    def is_integer(self) -> bool:
        """True for integers of any width."""
        return self.column.type in INTEGERS


@dataclass(slots=True)
class Query:
    """The parameters of a query, in the order of their placeholders.

    Attributes:
        by_hash: Whether rows beyond the first of their kind are told by their hash.
    """

    by_hash: bool = False
    parameters: list[Any] = field(default_factory=list)

    def bind(self, value: str) -> str:
        """Return the placeholder of a further parameter."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"


Values = Mapping[str, Value]
Answer = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule asks: aggregates, and how the answer of the engine and the number of rows are read.

    Attributes:
        by_hash: The answer is a count by hash: no rows are none, and any number is an upper bound.
    """

    rule: Rule
    sql: tuple[str, ...]
    read: Callable[[Answer, int], Metric]
    by_hash: bool = False


def rows_part(rule: Rule, sql: str, *, by_hash: bool = False) -> Part:
    """Return the part of a rule whose one aggregate counts the rows that break it."""
    return Part(rule, (sql,), lambda answer, rows: Metric(rule, answer[0], rows), by_hash)


def breaking(value: Value, holds: str) -> str:
    """Return the count of the values for which `holds` is not true; nulls are none of them.

    Whatever the comparison does not call true has failed: no engine's null may count as a pass.
    """
    return f"count(*) FILTER ({value.typed} IS NOT NULL AND NOT coalesce({holds}, false))"


def surplus(values: Sequence[Value], query: Query) -> str:
    """Return the count of rows beyond the first of their kind; one with a null is none, as in a UNIQUE constraint of SQL."""
    names = [value.typed for value in values]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    by_hash = query.by_hash and all(value.column.type in HASHED for value in values)
    one = f"{'hash' * by_hash}({', '.join(names)})"
    return f"count(*) FILTER ({whole}) - count(DISTINCT {one}) FILTER ({whole})"
