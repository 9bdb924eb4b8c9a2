"""The checks of a contract that another engine can be asked about, in that engine's own words.

How a check was worded stands in the contract under `annotations.worded`, by its id (docs/formats/dialects.md); a check that is
none of ours has its definition itself. What cannot be put into the engine's words without a guess is not asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from contracts.checks import Foreign
from contracts.dialects.engines import AGES, SODA, STATISTICS
from contracts.dialects.quantity import read_moment
from contracts.dialects.words import ExpressionError
from contracts.model import Contract
from contracts.rules import Rule

Asked = dict[str, Any]

_NAMING: Final = ("type", "expectation_type", "expectation")
_SETTINGS: Final = frozenset((*_NAMING, "kwargs", "severity", "description", "name", "enabled"))
_TEMPLATE: Final = re.compile(r"\$\{|\{[{%#]")  # which Soda would carry out before it reads the check
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def expectations(contract: Contract, rules: Mapping[str, Rule], clock: datetime) -> Iterator[tuple[Rule, Asked]]:
    """Yield the rules that Great Expectations can be asked about, each as `{"type", "kwargs"}`.

    Args:
        clock: Against which "2 hours ago" is read.
    """
    for rule, item in _worded(contract, rules, "gx:", "great_expectations"):
        kind = next((item[key] for key in _NAMING if isinstance(item.get(key), str)), None)
        kwargs = item.get("kwargs")
        if kind is None:
            kind = next((key for key in item if key.startswith("expect_")), None)
            kwargs = item.get(kind or "")
        elif not isinstance(kwargs, dict):
            kwargs = {key: value for key, value in item.items() if key not in _SETTINGS}
        if kind is not None and isinstance(kwargs, dict):
            yield rule, {"type": kind, "kwargs": {key: _plain(value, kind, clock) for key, value in kwargs.items()}}


def sodacl(contract: Contract, rules: Mapping[str, Rule]) -> Iterator[tuple[Rule, Asked]]:
    """Yield the rules that Soda 3 can be asked about, each as one check of SodaCL, named by its rule."""
    for rule, item in _worded(contract, rules, "soda:", "soda"):
        kind = SODA.get(str(item.get("type")).lower())
        if kind is None or not all(map(_COLUMN.fullmatch, rule.columns)):
            continue
        if (said := _soda(kind, rule, item)) is not None and not _TEMPLATE.search(json.dumps(said)):
            check, settings = said
            yield rule, {check: {"name": rule.id, **settings}}


def _worded(
    contract: Contract, rules: Mapping[str, Rule], prefix: str, engine: str
) -> Iterator[tuple[Rule, dict[str, Any]]]:
    worded = contract.annotations.get("worded")
    for rule in rules.values():
        if isinstance(rule.check, Foreign):
            if rule.check.engine == engine:
                yield rule, rule.check.definition
        elif rule.id.startswith(prefix) and isinstance(worded, dict) and isinstance(worded.get(rule.id), dict):
            yield rule, worded[rule.id]


def _plain(value: Any, kind: str, clock: datetime) -> Any:
    """A value as JSON has it; a moment, which JSON has not, as `{"moment": …}`."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(item, "", clock) for item in value]
    if isinstance(value, str) and kind in STATISTICS:
        try:
            return {"moment": read_moment(value).at(clock).isoformat()}
        except (ExpressionError, OverflowError):
            return value
    return value


def _soda(kind: str, rule: Rule, item: Mapping[str, Any]) -> tuple[str, Asked] | None:
    columns = ", ".join(rule.columns)
    match kind:
        case "regex":
            return f"invalid_count({columns}) = 0", {"valid regex": item.get("pattern") or item.get("regex")}
        case "uniqueness":
            return f"duplicate_count({columns}) = 0", {}
        case "null":
            return f"missing_count({columns}) = 0", {}
        case "enum":
            values = item.get("values") or item.get("valid_values") or ()
            return f"invalid_count({columns}) = 0", {"valid values": [_number(value) for value in values]}
        case "freshness":
            age = _age(item)
            return None if age is None else (f"freshness({columns}) <= {age}", {})
    low, high = _bound(item, "min"), _bound(item, "max")
    if kind == "row_count":
        return _counted(low, high)
    if any(isinstance(bound, str) for bound in (low, high)) or item.get("strict_min") or item.get("strict_max"):
        return None  # SodaCL has neither moments nor bounds that are not part of what they bound
    sides = {"valid min": low, "valid max": high}
    return f"invalid_count({columns}) = 0", {side: bound for side, bound in sides.items() if bound is not None}


def _counted(low: Any, high: Any) -> tuple[str, Asked] | None:
    if not all(isinstance(bound, int | None) for bound in (low, high)):
        return None
    if low is not None and high is not None:
        return f"row_count between {low} and {high}", {}
    return (f"row_count <= {high}", {}) if low is None else (f"row_count >= {low}", {})


def _bound(item: Mapping[str, Any], key: str) -> Any:
    found = item.get(key)
    return _number(item.get(f"{key}_value") if found is None else found)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _age(item: Mapping[str, Any]) -> str | None:
    """An age in one unit, as SodaCL writes it: 2h, 15m, 1d."""
    for unit in AGES:
        found = item.get(f"max_age_{unit}")
        if isinstance(found, int) and unit != "seconds":
            return f"{found}{unit[0]}"
    return None
