"""What one value must be: within bounds, listed, of a pattern, a length or a form.

A bound is compared in the column's own type without rounding: in a type of fixed steps it is moved to the nearest value
that the column can hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

from contracts.bounds import Bounds
from contracts.formats import FORMATS
from contracts.scan.query import Query, UnfitError, Value
from contracts.terms import Scalar, date_bound, timestamp_bound

WIDE: Final = Context(prec=200)  # the widest integer has 39 digits; the usual 28 would round

_SIGNS: Final = (("min", ">="), ("above", ">"), ("max", "<="), ("below", "<"))
_LENGTHS: Final = (Decimal(0), Decimal(2**63 - 1), Decimal(1))


def in_bounds(value: Value, bounds: Bounds, query: Query) -> str:
    """Return the condition that a value lies within `bounds`; NaN and the infinities do not.

    Raises:
        UnfitError: The bounds are of another type than the column.
    """
    stated = [(sign, bound) for name, sign in _SIGNS if (bound := getattr(bounds, name)) is not None]
    try:
        within = _within(value, stated, query)
    except ValueError as error:
        raise UnfitError(f"the bounds of column {value.column.name!r} are of another type") from error
    finite = value.is_float or value.column.type == "date" or value.column.type.startswith("timestamp")
    parts = [f"({within})" if not bounds.negated else f"NOT ({within})"]
    return " AND ".join([f"isfinite({value.typed})", *parts] if finite else parts)


def _within(value: Value, stated: Sequence[tuple[str, Scalar]], query: Query) -> str:
    if value.column.type == "date":
        dates = ((sign, date_bound(bound).isoformat()) for sign, bound in stated)
        return _compared(value.typed, ((sign, f"CAST({query.bind(date)} AS DATE)") for sign, date in dates))
    if value.column.type.startswith("timestamp"):
        # As integers: comparing the values would depend on the session's time zone.
        unit, factor = ("epoch_ns", 1000) if value.column.type == "timestamp_ns" else ("epoch_us", 1)
        moments = ((sign, query.bind(str(timestamp_bound(bound) * factor))) for sign, bound in stated)
        return _compared(f"{unit}({value.typed})", ((sign, f"CAST({text} AS HUGEINT)") for sign, text in moments))
    if not value.is_number or any(isinstance(bound, str) for _, bound in stated):
        raise ValueError("bounds of numbers, and a column of others, or the other way round")
    numbers = [(sign, Decimal(bound)) for sign, bound in stated]
    if value.column.exact is not None:
        return _exactly(value.typed, value.column.cast, value.column.exact, numbers, query)
    cast = value.column.cast
    texts = ((sign, f"CAST({query.bind(f'{number:f}')} AS {cast})") for sign, number in numbers)
    return _compared(value.typed, texts)


def _exactly(
    value: str, cast: str, span: tuple[Decimal, Decimal, Decimal], numbers: Sequence[tuple[str, Decimal]], query: Query
) -> str:
    """Bounds moved to the nearest value that the column can hold: same rows, and no cast that rounds or overflows."""
    least, most, step = span
    parts: list[tuple[str, str]] = []
    for sign, number in numbers:
        is_low = sign[0] == ">"
        moved = number.quantize(step, rounding=ROUND_CEILING if is_low else ROUND_FLOOR, context=WIDE)
        if len(sign) == 1 and moved == number:
            moved = WIDE.add(moved, step if is_low else -step)  # the next value is the first that is not excluded
        if (moved > most) if is_low else (moved < least):
            return "false"
        if (moved > least) if is_low else (moved < most):
            parts.append((f"{sign[0]}=", f"CAST({query.bind(f'{moved:f}')} AS {cast})"))
    return _compared(value, parts)


def _compared(value: str, parts: Iterable[tuple[str, str]]) -> str:
    return " AND ".join(f"{value} {sign} {bound}" for sign, bound in parts) or "true"


def in_values(value: Value, values: Sequence[Scalar], query: Query) -> str:
    """Return the condition that a value is listed; what its column cannot hold never matches.

    Raises:
        UnfitError: The column holds neither text nor numbers, or no value of its type is listed.
    """
    if value.is_text:
        texts = [query.bind(text) for text in values if isinstance(text, str)]
        return _listed(value, texts)
    if not value.is_number:
        raise UnfitError(f"column {value.column.name!r} holds neither text nor numbers")
    numbers = [Decimal(number) for number in values if not isinstance(number, str)]
    if not numbers:
        raise UnfitError(f"no number is listed, and column {value.column.name!r} holds numbers")
    if value.column.exact is not None:
        least, most, step = value.column.exact
        # A value that the column cannot hold never matches, and casting it would fail.
        numbers = [
            number for number in numbers if least <= number <= most and number == number.quantize(step, context=WIDE)
        ]
        if not numbers:
            return "false"
    return _listed(value, [f"CAST({query.bind(f'{number:f}')} AS {value.column.cast})" for number in numbers])


def _listed(value: Value, items: Sequence[str]) -> str:
    if not items:
        raise UnfitError(f"no value of the type of column {value.column.name!r} is listed")
    return f"{value.typed} IN ({', '.join(items)})"


def matches(value: Value, pattern: str, query: Query, match: str = "whole") -> str:
    """Return the condition that a value matches an RE2 expression: "whole", its "prefix", or a part of it ("search")."""
    if match == "whole":
        return f"regexp_full_match({_text(value, 'pattern')}, {query.bind(pattern)})"
    anchored = rf"\A(?:{pattern})" if match == "prefix" else pattern
    return f"regexp_matches({_text(value, 'pattern')}, {query.bind(anchored)})"


def has_length(value: Value, bounds: Bounds, query: Query) -> str:
    """Return the condition that a value has so many characters (code points)."""
    numbers = [(sign, bound) for name, sign in _SIGNS if (bound := getattr(bounds, name)) is not None]
    if any(isinstance(bound, str) for _, bound in numbers):
        raise UnfitError("the bounds of a length are numbers")
    text = f"length({_text(value, 'length')})"
    exact = [(sign, Decimal(bound)) for sign, bound in numbers]
    within = _exactly(text, "BIGINT", _LENGTHS, exact, query)
    return f"NOT ({within})" if bounds.negated else f"({within})"


def has_format(value: Value, form: str, query: Query) -> str:
    """Return the condition that a value is written in a known form."""
    return f"regexp_full_match({_text(value, 'format')}, {query.bind(FORMATS[form])})"


def negation(condition: str, *, negated: bool) -> str:
    """Return `condition`, or that it is not so."""
    return f"NOT ({condition})" if negated else condition


def _text(value: Value, what: str) -> str:
    if not value.is_text:
        raise UnfitError(f"a {what} is of text, and column {value.column.name!r} is not")
    return value.typed
