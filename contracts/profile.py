"""The distribution of a column in one batch: counts in fixed bins (contracts.scan.histogram), and nothing of a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

MAX_BINS: Final = 512
MAX_PROFILES: Final = 64  # of one event


@dataclass(frozen=True, slots=True)
class Profile:
    """The distribution of one column in one batch.

    Attributes:
        kind: "numbers", in order, or "buckets", in none.
        halved: How often bins of numbers were joined two by two.
        bins: Bin and count, in ascending order of bins.
        strange: NaN and infinite values.
    """

    column: str
    kind: Literal["numbers", "buckets"]
    halved: int
    bins: tuple[tuple[int, int], ...]
    strange: int = 0

    @property
    def total(self) -> int:
        """How many values are in the bins."""
        return sum(count for _, count in self.bins)


def profile_of(column: str, kind: Literal["numbers", "buckets"], counts: Mapping[Any, int], strange: int) -> Profile:
    """Return the profile of these counts, joined until no more than 512 bins are filled."""
    bins = {int(place): int(count) for place, count in counts.items() if place is not None}
    halved = 0
    while len(bins) > MAX_BINS:
        bins, halved = joined(bins.items()), halved + 1
    return Profile(column, kind, halved, tuple(sorted(bins.items())), strange)


def joined(bins: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return bins of numbers joined two by two; zero stays alone, and the order stays the same."""
    wider: Counter[int] = Counter()
    for place, count in bins:
        wider[(abs(place) + 1) // 2 * (1 if place > 0 else -1) if place else 0] += count
    return dict(wider)
