"""From counts to one number: how much of what the contract promises is broken.

    share of a rule   c = 0                          when it holds
                      c = 1                          when it is critical, and the schema is broken or it is unmeasured
                      c = min(1, w·s)                otherwise; w is its weight, s = failed/total (1 where it is unmeasured)
    risk              1 − (1 − c₁)(1 − c₂) …

So risk lies within 0 and 1, no failure is averaged away by rules that hold, the order of rules does not matter, and one more
failed row never lowers it. It is computed exactly and floored once, to basis points; thresholds are whole ones, so the
floor reaches one exactly when the risk itself does. What is recorded are integers from which anybody can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from contracts.metric import Metric
from contracts.terms import BASIS, MILLION, Category, Severity


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk in basis points, 0 to 10,000, and what each metric alone would make it, in the order of the metrics."""

    basis_points: int
    shares: tuple[int, ...]

    @property
    def points(self) -> int:
        """The risk on a scale from 0 to 100, rounded up."""
        return -(-self.basis_points * 100 // BASIS)


def score(metrics: Sequence[Metric]) -> Risk:
    """Return the risk of a batch."""
    shares = [_share(metric) for metric in metrics]
    kept = Fraction(1)
    for share in shares:
        kept *= 1 - share
    return Risk(_basis_points(1 - kept), tuple(_basis_points(share) for share in shares))


def _share(metric: Metric) -> Fraction:
    if metric.passed:
        return Fraction(0)
    is_gate = metric.structural or metric.unmeasured or metric.rule.kind.category is Category.SCHEMA
    if metric.rule.severity is Severity.CRITICAL and is_gate:
        return Fraction(1)
    return min(Fraction(1), Fraction(metric.rule.weight, MILLION) * metric.fraction)


def _basis_points(value: Fraction) -> int:
    return value.numerator * BASIS // value.denominator
