"""Bounds on a number, a length or a moment, inclusive or not, and how far outside of them a number lies."""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from contracts.terms import Scalar


class Model(BaseModel):
    """Strict, frozen, and without room for a misspelt key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


class Bounds(Model):
    """At least one bound; with `negated` whatever lies within them is outside.

    Attributes:
        min, max: Inclusive.
        above, below: Exclusive.
    """

    min: Scalar | None = None
    max: Scalar | None = None
    above: Scalar | None = None
    below: Scalar | None = None
    negated: bool = False

    @model_validator(mode="after")
    def _some(self) -> Self:
        lows = [bound for bound in (self.min, self.above) if bound is not None]
        highs = [bound for bound in (self.max, self.below) if bound is not None]
        if not lows and not highs:
            raise ValueError("states no bound")
        if len(lows) > 1 or len(highs) > 1:
            raise ValueError("states a bound inclusive and exclusive at once")
        if lows and highs and isinstance(lows[0], str) != isinstance(highs[0], str):
            raise ValueError("compares a number with text")
        if lows and highs and not isinstance(lows[0], str) and not isinstance(highs[0], str) and lows[0] > highs[0]:
            raise ValueError("has its lower bound above its upper")
        return self

    def holds(self, value: Fraction) -> bool:
        """True when a number lies within numeric bounds."""
        return self._within(value) is not self.negated

    def distance(self, value: Fraction) -> Fraction:
        """How far outside a number lies, as a part of the bound it breaks, 0 to 1: 1 where that is 0 or they are negated."""
        if self.holds(value):
            return Fraction(0)
        if self.negated:
            return Fraction(1)
        low, high = (_number(self.min, self.above), _number(self.max, self.below))
        broken = low if low is not None and (value < low or value == low) else high
        assert broken is not None, "some bound is broken"
        return min(Fraction(1), abs(value - broken) / abs(broken)) if broken else Fraction(1)

    def _within(self, value: Fraction) -> bool:
        return all(
            (
                self.min is None or value >= Fraction(self.min),
                self.above is None or value > Fraction(self.above),
                self.max is None or value <= Fraction(self.max),
                self.below is None or value < Fraction(self.below),
            )
        )


def _number(*bounds: Scalar | None) -> Fraction | None:
    return next((Fraction(bound) for bound in bounds if bound is not None), None)
