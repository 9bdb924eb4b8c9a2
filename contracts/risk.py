"""From counts to one number: how much of what the contract promises is broken.

    share of a rule   c = 0                          when it holds
                      c = 1                          when it is critical, and structural or unmeasured
                      c = min(1, weight × failed/total)    otherwise (an unmeasured rule counts as failed entirely)
    risk              1 − (1 − c₁)(1 − c₂) …

So risk lies within 0 and 1, no failure is averaged away by rules that hold, the order of rules does not matter, and one more
failed row never lowers it. It is computed exactly, and rounded up once, to millionths: what is recorded are integers
from which anybody can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from contracts.metric import Metric
from contracts.terms import MILLION, Severity


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk in millionths, 0 to 1,000,000, and what each metric alone would make it, in the order of the metrics."""

    millionths: int
    shares: tuple[int, ...]

    @property
    def points(self) -> int:
        """The risk on a scale from 0 to 100, rounded up: 0 only where there is none."""
        return -(-self.millionths * 100 // MILLION)


def score(metrics: Sequence[Metric]) -> Risk:
    """Return the risk of a batch."""
    shares = [_share(metric) for metric in metrics]
    kept = Fraction(1)
    for share in shares:
        kept *= 1 - share
    return Risk(_millionths(1 - kept), tuple(_millionths(share) for share in shares))


def _share(metric: Metric) -> Fraction:
    if metric.passed:
        return Fraction(0)
    if metric.rule.severity is Severity.CRITICAL and (metric.structural or metric.unmeasured):
        return Fraction(1)
    return min(Fraction(1), Fraction(metric.rule.weight, MILLION) * metric.fraction)


def _millionths(value: Fraction) -> int:
    return -(-value.numerator * MILLION // value.denominator)
