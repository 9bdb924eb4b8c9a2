"""The rules of a contract, one by one: what is counted, how bad a failure is, and how much of it is tolerated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from contracts.checks import Check, Rated
from contracts.model import Contract, FieldSpec
from contracts.terms import BASIS, MILLION, Kind, Severity

DEFAULT_SEVERITY: Final = {
    Kind.PRESENT: Severity.CRITICAL,
    Kind.TYPE: Severity.CRITICAL,
    Kind.REQUIRED: Severity.CRITICAL,
    Kind.MAX_NULL: Severity.WARNING,
    Kind.UNIQUE: Severity.CRITICAL,
    Kind.RANGE: Severity.WARNING,
    Kind.ENUM: Severity.WARNING,
    Kind.PATTERN: Severity.WARNING,
    Kind.LENGTH: Severity.WARNING,
    Kind.FORMAT: Severity.WARNING,
}
_KEYS: Final = {Kind.PRESENT: "name"}  # under which a field states it, where that is not the kind's own name
DEFAULT_WEIGHT: Final = {Severity.INFO: Decimal(0), Severity.WARNING: Decimal("0.3"), Severity.CRITICAL: Decimal(1)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise.

    Attributes:
        id: Unique in its contract: "<kind>:<column>", "key:<n>" counted from 1, "row_count" or "extra_columns"; what a check
            is called, or "<kind>:<columns>" with "#2", "#3" … where that is taken.
        columns: The columns it speaks of, by their names in the contract.
        weight: What a complete failure adds to the risk, in millionths; 1,000,000 alone makes the risk complete.
        tolerance: The fraction of rows that may fail, in millionths.
        field: The field whose bounds, values or pattern are meant; None for rules on the table and checks.
        check: The check that states it; None for every other rule.
        has_weight: True when the contract states its weight.
        place: Where it stands in the contract in our own form, a path of keys and indices; `Document.line` knows the line.
    """

    id: str
    kind: Kind
    columns: tuple[str, ...]
    severity: Severity
    weight: int
    tolerance: int = 0
    field: FieldSpec | None = None
    check: Check | None = None
    has_weight: bool = False
    place: tuple[str | int, ...] = ()


def rules_of(contract: Contract, weights: Mapping[str, Decimal] | None = None) -> tuple[Rule, ...]:
    """Return every rule of `contract`: field by field as it lists them, then keys, row count, extra columns and checks.

    Args:
        weights: By severity or kind, of rules of which the contract does not state one.
    """
    return tuple(weighed(rule, weights or {}) for rule in _stated(contract))


def weighed(rule: Rule, weights: Mapping[str, Decimal]) -> Rule:
    """Return the rule with the weight that a policy gives its kind or else its severity, where its contract states none."""
    said = weights.get(rule.kind.value, weights.get(rule.severity.value))
    return rule if said is None or rule.has_weight else replace(rule, weight=millionths(said))


def _stated(contract: Contract) -> tuple[Rule, ...]:
    fields = (_field_rule(field, kind, place) for place, field in enumerate(contract.fields) for kind in field.kinds)
    keys = (
        _table_rule(f"key:{number}", Kind.KEY, key, ("keys", number - 1), key.columns, key.tolerance)
        for number, key in enumerate(contract.keys, 1)
    )
    rows = _table_rule("row_count", Kind.ROW_COUNT, contract.row_count, ("row_count",))
    extra = _table_rule("extra_columns", Kind.EXTRA_COLUMNS, contract.extra_columns, ("extra_columns",))
    stated = [*fields, *keys, rows, extra]
    taken = {rule.id for rule in stated} | {check.id for check in contract.checks if check.id}
    for number, check in enumerate(contract.checks):
        stated.append(_check_rule(check, taken, ("checks", number)))
    return tuple(stated)


def _check_rule(check: Check, taken: set[str], place: tuple[str | int, ...]) -> Rule:
    kind, columns = Kind(check.kind), check.names
    id, number = check.id or ":".join(filter(None, (check.kind, ",".join(columns)))), 1
    name = id
    while not check.id and id in taken:
        number += 1
        id = f"{name}#{number}"
    taken.add(id)
    rule = _table_rule(id, kind, check, place, columns, getattr(check, "tolerance", Decimal(0)))
    return replace(rule, check=check)


def basis_points(value: Decimal) -> int:
    """Return `value`, which has at most four decimal places, in basis points."""
    return int(value * BASIS)


def millionths(value: Decimal) -> int:
    """Return `value`, which has at most six decimal places, in millionths."""
    return int(value * MILLION)


def _field_rule(field: FieldSpec, kind: Kind, place: int) -> Rule:
    severity = field.severity.get(kind.value, field.severity.get("*", DEFAULT_SEVERITY[kind]))
    weight = field.weight.get(kind.value, field.weight.get("*", DEFAULT_WEIGHT[severity]))
    if kind is Kind.PRESENT:
        tolerance = Decimal(0)
    elif field.max_null is not None and kind is Kind.MAX_NULL:
        tolerance = field.max_null
    else:
        tolerance = field.tolerance.get(kind.value, field.tolerance.get("*", Decimal(0)))
    id, path = f"{kind}:{field.name}", ("schema", place, _KEYS.get(kind, kind.value))
    stated = bool({kind.value, "*"} & field.weight.keys())
    return Rule(
        id,
        kind,
        (field.name,),
        severity,
        millionths(weight),
        millionths(tolerance),
        field,
        has_weight=stated,
        place=path,
    )


def _table_rule(
    id: str,
    kind: Kind,
    rated: Rated,
    place: tuple[str | int, ...],
    columns: tuple[str, ...] = (),
    tolerance: Decimal = Decimal(0),
) -> Rule:
    weight = DEFAULT_WEIGHT[rated.severity] if rated.weight is None else rated.weight
    stated = rated.weight is not None
    return Rule(
        id, kind, columns, rated.severity, millionths(weight), millionths(tolerance), has_weight=stated, place=place
    )
