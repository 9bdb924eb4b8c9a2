"""How fast an error budget burns and what is left of it: integers, floored once. Pure.

A budget is the part of the window that may be bad: a hundredth of thirty days at an objective of 99 %. It burns at rate 1
when it is spent just at the window's end. Each alert looks at a long window, so that it means something, and at a short one,
so that it ends soon after the trouble does.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts", and "Low-Traffic Services".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from contracts.terms import BASIS, MILLION

ENOUGH: Final = 3  # batches or probes that the long window reaches back for, where it holds fewer
FASTEST: Final = 100_000_000  # what is said of any burn where nothing may be bad
_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """So much of so much was good."""

    good: int
    total: int

    @property
    def bad(self) -> int:
        """How much was not."""
        return self.total - self.good


@dataclass(frozen=True, slots=True)
class Pair:
    """One alert: it fires while both windows burn at `factor` (in hundredths) or faster."""

    alert: Literal["fast", "medium", "slow"]
    long_seconds: int
    short_seconds: int
    factor: int
    severity: Literal["critical", "warning"]


PAIRS: Final = (
    Pair("fast", 3_600, 300, 1_440, "critical"),
    Pair("medium", 6 * 3_600, 1_800, 600, "critical"),
    Pair("slow", 3 * 86_400, 6 * 3_600, 100, "warning"),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left, in basis points of the whole; spent when more was bad than may be."""

    left: int
    is_spent: bool


def burn_rate(counts: Counts, objective: int) -> int:
    """Return how fast the budget burned while these were counted, in hundredths.

    Args:
        objective: The part that must be good, in millionths.
    """
    if not counts.bad:
        return 0
    allowed = MILLION - objective
    if not allowed:
        return FASTEST
    return min(FASTEST, _HUNDRED * counts.bad * MILLION // (counts.total * allowed))


def threshold(pair: Pair, objective: int) -> int:
    """Return the burn rate from which on an alert fires, in hundredths.

    Where all is bad the rate is 1 / (1 - objective), and never more: an alert that asks for more would never fire.
    """
    allowed = MILLION - objective
    return min(pair.factor, _HUNDRED * MILLION // allowed) if allowed else pair.factor


def fires(pair: Pair, long: Counts, short: Counts, objective: int) -> bool:
    """True while both windows burn fast enough; a window in which nothing was measured burns nothing."""
    least = threshold(pair, objective)
    return all(counts.bad and burn_rate(counts, objective) >= least for counts in (long, short))


def budget(counts: Counts, objective: int, *, whole: int | None = None) -> Budget:
    """Return what is left of the budget of a window.

    Args:
        whole: How much the window holds in all, where that is known: of time it is. Else what was counted stands for it.
    """
    allowed = (MILLION - objective) * (counts.total if whole is None else whole)
    used = counts.bad * MILLION
    if not allowed:
        return Budget(0 if used else BASIS, bool(used))
    return Budget(max(0, BASIS * (allowed - used) // allowed), used > allowed)


def decimal(number: int, unit: int) -> str:
    """Return number/unit as exact decimal text; the unit is a power of ten above 1."""
    whole, rest = divmod(number, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}"


def percent(millionths: int) -> str:
    """Return a part in millionths as people write it: 999000 is "99.9 %"."""
    return f"{decimal(millionths * _HUNDRED, MILLION).rstrip('0').rstrip('.')} %"
