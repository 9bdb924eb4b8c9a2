"""How far the distributions of two batches are apart: pure, over histograms that need no old data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from contracts.checks import Drift
from contracts.metric import Metric
from contracts.profile import Profile, joined
from contracts.rules import Rule
from contracts.scan.numbers import decimal_text, part_metric, unmeasured

COARSE: Final = 32  # bins, beyond which the noise of small samples would be taken for a drift
EMPTY: Final = 1e-6  # what an empty bin counts as: the logarithm of nothing is none

_DIGITS: Final = Context(prec=12)


def drift_metric(rule: Rule, check: Drift, now: Profile, before: Profile | None) -> Metric:
    """Return the metric of a column against its reference; unmeasured where there is none or nothing to compare."""
    if before is None:
        return unmeasured(rule, "no batch is known to compare with")
    if before.kind != now.kind:
        return unmeasured(rule, "the column held values of another kind before")
    if not now.total or not before.total:
        return unmeasured(rule, "there is no value")
    if check.measure == "ks" and now.kind != "numbers":
        return unmeasured(rule, "ks compares numbers alone")
    distance = distance_of(check.measure, now, before)
    if not isinstance(check.most, int | Decimal):
        return unmeasured(rule, "its greatest distance is no number")
    most = Fraction(check.most)
    beyond = (distance - most) / most if most > 0 else Fraction(1)
    return part_metric(rule, beyond, holds=distance <= most, told=decimal_text(distance))


def distance_of(measure: str, now: Profile, before: Profile) -> Fraction:
    """Return a distance of two profiles of one kind, neither empty, to twelve digits."""
    these, those = _aligned(now, before, None if measure == "ks" else COARSE)
    match measure:
        case "ks":
            number = _ks(these, those)
        case "linf":
            number = max(abs(p - q) for p, q in zip(these, those, strict=True))
        case "js":
            number = _js(these, those)
        case _:
            number = _psi(these, those)
    return Fraction(_DIGITS.create_decimal_from_float(number))


def _aligned(now: Profile, before: Profile, most: int | None) -> tuple[list[float], list[float]]:
    """The parts of both in the same bins; of numbers, joined until no more than `most` are filled."""
    these, those = dict(now.bins), dict(before.bins)
    if now.kind == "numbers":
        for _ in range(before.halved - now.halved):
            these = joined(these.items())
        for _ in range(now.halved - before.halved):
            those = joined(those.items())
        while most is not None and len(these.keys() | those.keys()) > most:
            these, those = joined(these.items()), joined(those.items())
    places = sorted(these.keys() | those.keys())
    return (
        [these.get(place, 0) / now.total for place in places],
        [those.get(place, 0) / before.total for place in places],
    )


def _ks(these: Sequence[float], those: Sequence[float]) -> float:
    greatest = above = below = 0.0
    for p, q in zip(these, those, strict=True):
        above, below = above + p, below + q
        greatest = max(greatest, abs(above - below))
    return greatest


def _psi(these: Sequence[float], those: Sequence[float]) -> float:
    pairs = [(max(p, EMPTY), max(q, EMPTY)) for p, q in zip(these, those, strict=True)]
    return math.fsum((p - q) * math.log(p / q) for p, q in pairs)


def _js(these: Sequence[float], those: Sequence[float]) -> float:
    terms = [one * math.log2(2 * one / (p + q)) for p, q in zip(these, those, strict=True) for one in (p, q) if one]
    return min(1.0, max(0.0, math.fsum(terms) / 2))
