"""What a decision says of a service level: whether the batch was good, by the metrics that are in the log already. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from contracts.bounds import Bounds
from contracts.decision import Cause
from contracts.facts import MetricFact, ValidationDecided
from contracts.metric import Found
from contracts.slo.catalogue import Level, is_measurable
from contracts.terms import Kind, Severity

# Rules that count rows, of which accuracy is the part that keeps them.
_ROWS: Final = frozenset(
    (
        Kind.REQUIRED,
        Kind.UNIQUE,
        Kind.RANGE,
        Kind.ENUM,
        Kind.PATTERN,
        Kind.LENGTH,
        Kind.FORMAT,
        Kind.KEY,
        Kind.EXPRESSION,
        Kind.REFERENTIAL,
    )
)
_DIGITS: Final = 12
_LONGEST: Final = 100  # digits of a number that an engine said; of a longer one nothing is computed


@dataclass(frozen=True, slots=True)
class Reading:
    """One batch by one service level; `total` is 0 where no rule of the batch speaks of it."""

    good: int
    total: int
    value: str | None = None


NOTHING: Final = Reading(0, 0)


def reading(level: Level, fact: ValidationDecided) -> Reading:
    """Return what a decision says of a level that is measured by batches.

    What could not be measured is not good; where nothing was to be measured, nothing is said.
    """
    if not is_measurable(level.slo) or any(reason.cause is Cause.DISABLED for reason in fact.reasons):
        return NOTHING
    metrics = _metrics(level, fact)
    if not metrics:
        return NOTHING
    if any(metric.found is Found.UNMEASURED for metric in metrics):
        return Reading(0, 1)
    if level.indicator == "accuracy":
        return _accuracy(metrics, level.slo.target)
    return _each(metrics, level.slo.target)


def _metrics(level: Level, fact: ValidationDecided) -> list[MetricFact]:
    if level.slo.rules:
        named = {metric.rule: metric for metric in fact.metrics}
        found = [named.get(rule) for rule in level.slo.rules]
        # A rule that the batch was not held to is as good as one that gave no answer, once another of them did.
        return (
            []
            if not any(found)
            else [metric or _absent(rule) for rule, metric in zip(level.slo.rules, found, strict=True)]
        )
    kinds = {"completeness": {Kind.COMPLETENESS}, "accuracy": _ROWS}.get(level.indicator, {Kind.DRIFT})
    return [metric for metric in fact.metrics if metric.kind in kinds and metric.severity is not Severity.INFO]


def _absent(rule: str) -> MetricFact:
    return MetricFact(
        rule=rule,
        kind=Kind.FOREIGN,
        columns=(),
        severity=Severity.WARNING,
        weight=0,
        tolerance=0,
        found=Found.UNMEASURED,
        structural=False,
        failed=0,
        total=0,
        share=0,
    )


def _accuracy(metrics: list[MetricFact], target: Bounds) -> Reading:
    """The part of all values that keep their rules, of all rules together."""
    total = sum(metric.total for metric in metrics)
    if not total:
        return NOTHING  # an empty batch breaks no value
    part = Fraction(total - sum(metric.failed for metric in metrics), total)
    return Reading(int(target.holds(part)), 1, _decimal(part))


def _each(metrics: list[MetricFact], target: Bounds) -> Reading:
    """Every number within the target; a rule without one must hold. Said is the first that is outside, else the first."""
    outside = [metric for metric in metrics if not _holds(metric, target)]
    return Reading(int(not outside), 1, (outside or metrics)[0].value)


def _holds(metric: MetricFact, target: Bounds) -> bool:
    if metric.value is None:
        return metric.found is Found.PASSED
    return len(metric.value) <= _LONGEST and target.holds(Fraction(metric.value))


def _decimal(part: Fraction) -> str:
    """A part of 0 to 1 as decimal text, floored to twelve places."""
    whole, rest = divmod(part.numerator * 10**_DIGITS // part.denominator, 10**_DIGITS)
    return f"{whole}.{rest:0{_DIGITS}d}".rstrip("0").rstrip(".")
