"""The rules of a contract, one by one: what is counted, how bad a failure is, and how much of it is tolerated."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.model import Contract, FieldSpec, Rated
from contracts.terms import MILLION, Kind, Severity

DEFAULT_SEVERITY: Final = {
    Kind.PRESENT: Severity.CRITICAL,
    Kind.TYPE: Severity.CRITICAL,
    Kind.REQUIRED: Severity.CRITICAL,
    Kind.MAX_NULL: Severity.WARNING,
    Kind.UNIQUE: Severity.CRITICAL,
    Kind.RANGE: Severity.WARNING,
    Kind.ENUM: Severity.WARNING,
    Kind.PATTERN: Severity.WARNING,
}
DEFAULT_WEIGHT: Final = {Severity.INFO: Decimal(0), Severity.WARNING: Decimal("0.3"), Severity.CRITICAL: Decimal(1)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise.

    Attributes:
        id: Unique in its contract: "<kind>:<column>", "key:<n>" counted from 1, "row_count" or "extra_columns".
        columns: The columns it speaks of, by their names in the contract.
        weight: What a complete failure adds to the risk, in millionths; 1,000,000 alone makes the risk complete.
        tolerance: The fraction of rows that may fail, in millionths.
        field: The field whose bounds, values or pattern are meant; None for rules on the table.
    """

    id: str
    kind: Kind
    columns: tuple[str, ...]
    severity: Severity
    weight: int
    tolerance: int = 0
    field: FieldSpec | None = None


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """Return every rule of `contract`: field by field as it lists them, then keys, row count and extra columns."""
    fields = (_field_rule(field, kind) for field in contract.fields for kind in field.kinds)
    keys = (
        _table_rule(f"key:{number}", Kind.KEY, key, columns=key.columns, tolerance=key.tolerance)
        for number, key in enumerate(contract.keys, 1)
    )
    rows = _table_rule("row_count", Kind.ROW_COUNT, contract.row_count)
    extra = _table_rule("extra_columns", Kind.EXTRA_COLUMNS, contract.extra_columns)
    return (*fields, *keys, rows, extra)


def millionths(value: Decimal) -> int:
    """Return `value`, which has at most six decimal places, in millionths."""
    return int(value * MILLION)


def _field_rule(field: FieldSpec, kind: Kind) -> Rule:
    severity = field.severity.get(kind.value, field.severity.get("*", DEFAULT_SEVERITY[kind]))
    weight = field.weight.get(kind.value, field.weight.get("*", DEFAULT_WEIGHT[severity]))
    if kind is Kind.PRESENT:
        tolerance = Decimal(0)
    elif field.max_null is not None and kind is Kind.MAX_NULL:
        tolerance = field.max_null
    else:
        tolerance = field.tolerance.get(kind.value, field.tolerance.get("*", Decimal(0)))
    return Rule(f"{kind}:{field.name}", kind, (field.name,), severity, millionths(weight), millionths(tolerance), field)


def _table_rule(
    id: str, kind: Kind, rated: Rated, *, columns: tuple[str, ...] = (), tolerance: Decimal = Decimal(0)
) -> Rule:
    weight = DEFAULT_WEIGHT[rated.severity] if rated.weight is None else rated.weight
    return Rule(id, kind, columns, rated.severity, millionths(weight), millionths(tolerance))
