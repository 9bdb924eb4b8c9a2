"""Service levels as dialects word them: one quantity under a key that tells what it is about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from contracts.dialects.draft import Draft
from contracts.dialects.place import Place
from contracts.dialects.quantity import Duration, Percentage, Threshold, read_threshold
from contracts.dialects.words import ExpressionError

_SIDES: Final = {">=": "min", "<=": "max", ">": "above", "<": "below"}
_UNITS: Final = {"seconds": "second", "minutes": "minute", "hours": "hour", "days": "day", "weeks": "week"}
_INDICATORS: Final = {
    "freshness": "freshness",
    "max_age": "freshness",
    "max_delay": "freshness",
    "latency": "freshness",
    "completeness": "completeness",
    "accuracy": "accuracy",
    "availability": "availability",
    "uptime": "availability",
    "delivery": "delivery",
}
_AGES: Final = ("freshness", "delivery")
_INTERVALS: Final = {"hourly": 3_600, "daily": 86_400, "weekly": 7 * 86_400}


def indicator_of(key: str) -> tuple[str, str] | None:
    """Return what a key is about and the unit that it names: `freshness_minutes` is freshness in minutes."""
    stem, _, unit = key.rpartition("_")
    if key in _INDICATORS:
        return _INDICATORS[key], ""
    if stem not in _INDICATORS:
        return None
    if unit in _UNITS and _INDICATORS[stem] in _AGES:
        return _INDICATORS[stem], _UNITS[unit]
    is_share = unit in ("pct", "percent", "percentage") and _INDICATORS[stem] not in _AGES
    return (_INDICATORS[stem], "percent") if is_share else None


def bounds_of(place: Place, indicator: str, unit: str, *, side: str) -> dict[str, Any]:
    """Return the bounds that a place states: seconds for ages, fractions for shares.

    Args:
        unit: The unit of a bare number; empty where it must name its own.
        side: "min" or "max": which bound a quantity without a sign is.
    """
    threshold = place.read(read_threshold)
    amount = place.read(lambda _: _amount(threshold, indicator, unit))
    operator = threshold.operator
    if operator == "==":
        return {"min": amount, "max": amount}
    if operator == "!=":
        raise place.error("a service level is not stated by what it must not be")
    return {side if operator is None else _SIDES[operator]: amount}


def put_level(draft: Draft, place: Place, indicator: str, unit: str, *, columns: list[str]) -> None:
    """Put down a service level, and the check of it on each batch: its age, and how complete it is.

    Args:
        columns: The timestamp columns of the schema; where it is exactly one, the age is that of its greatest moment.
    """
    bounds = bounds_of(place, indicator, unit, side="max" if indicator in _AGES else "min")
    draft.add(("slos",), {"name": _free(draft, indicator), "indicator": indicator, "target": bounds}, place)
    if indicator == "freshness":
        if set(bounds) - {"max"} or bounds["max"] != int(bounds["max"]):
            raise place.error("a greatest age is whole seconds, and stated with <= or without a sign")
        column = {"column": columns[0]} if len(columns) == 1 else {}
        draft.add(("checks",), {"kind": "freshness", **column, "max_age_seconds": int(bounds["max"])}, place)
    elif indicator == "completeness":
        draft.add(("checks",), {"kind": "completeness", "bounds": bounds}, place)


def put_interval(draft: Draft, place: Place) -> bool:
    """Put down that batches come hourly, daily or weekly, and return True; False where something else is said."""
    seconds = _INTERVALS.get(place.value) if isinstance(place.value, str) else None
    if seconds is None:
        return False
    draft.add(("slos",), {"name": _free(draft, "delivery"), "indicator": "delivery", "target": {"max": seconds}}, place)
    return True


def _free(draft: Draft, name: str) -> str:
    while any(level["name"] == name for level in draft.value.get("slos", ())):
        name = f"{name}-2"
    return name


def _amount(threshold: Threshold, indicator: str, unit: str) -> int | Decimal:
    quantity = threshold.quantity
    if indicator in _AGES:
        if isinstance(quantity, Percentage):
            raise ExpressionError("an age is no percentage")
        if not isinstance(quantity, Duration):
            if not unit:
                raise ExpressionError("names no unit of time")
            quantity = Duration(quantity, unit)
        elif unit:
            raise ExpressionError("names a unit of time, and its key another")
        return quantity.seconds
    if isinstance(quantity, Duration):
        raise ExpressionError("a share is no length of time")
    if not isinstance(quantity, Percentage):
        if unit != "percent":
            raise ExpressionError("says neither a percentage nor, by its key, that it is one")
        quantity = Percentage(quantity)
    if not 0 <= quantity.amount <= 100:
        raise ExpressionError("a share lies within 0% and 100%")
    return quantity.fraction.normalize() if quantity.fraction else Decimal(0)


def levels() -> dict[str, tuple[str, str]]:
    """Every key that is a service level, with what `indicator_of` returns for it."""
    units = ("", *(f"_{unit}" for unit in (*_UNITS, "pct", "percent", "percentage")))
    keys = (f"{stem}{unit}" for stem in _INDICATORS for unit in units)
    return {key: found for key in keys if (found := indicator_of(key)) is not None}
