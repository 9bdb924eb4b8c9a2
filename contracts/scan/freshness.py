"""How old the newest value is: of a column, or of the file itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from contracts.checks import Check, Freshness
from contracts.metric import Metric
from contracts.rules import Rule
from contracts.scan.expressions import ENDLESS, moment
from contracts.scan.numbers import part_metric, unmeasured
from contracts.scan.query import Answer, Part, UnfitError, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000


def freshness_part(rule: Rule, check: Check, value: Value, clock: datetime) -> Part:
    """Return what the freshness of a column asks: its greatest moment.

    Raises:
        UnfitError: The column holds no dates and no moments.
    """
    assert isinstance(check, Freshness)
    if value.column.type != "date" and not value.column.type.startswith("timestamp"):
        raise UnfitError(f"column {value.column.name!r} holds neither dates nor timestamps")

    def read(answer: Answer, _: int) -> Metric:
        if answer[0] is None:
            return unmeasured(rule, "there is no value")
        if abs(answer[0]) >= ENDLESS:
            return unmeasured(rule, "the greatest value is infinite")
        return age_metric(rule, check.max_age_seconds, int(answer[0]), clock)

    return Part(rule, (f"max({moment(value)})",), read)


def age_metric(rule: Rule, most: int, micros: int, clock: datetime) -> Metric:
    """Return the metric of something of a moment, in microseconds since 1970 UTC; what is yet to come has the age 0."""
    age = Fraction(max(0, (clock - _EPOCH) // _MICROSECOND - micros), _SECOND)
    distance = (age - most) / most if most else Fraction(1)
    return part_metric(rule, distance, holds=age <= most, told=str(int(age)))
