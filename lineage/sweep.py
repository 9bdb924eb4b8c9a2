"""In which order the items of each layer stand, so that few lines cross: sweeps by barycentre, to and fro.

Places are integers, fractions of a layer's height in parts of 2^40, so that a long layer does not pull more than a short one.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import Final

SWEEPS: Final = 4
MAX_SWEEPS: Final = 12  # where crossings are counted: as long as there are fewer of them
MAX_COUNTED: Final = 20_000  # steps; with more of them nobody sees which of two pictures has fewer crossings
_SCALE: Final = 40


def ordered(layers: Sequence[Sequence[int]], steps: Sequence[tuple[int, int]], ranks: Sequence[int]) -> list[list[int]]:
    """Return the layers with their items near their neighbours.

    Args:
        layers: Items by number, each in one layer.
        steps: Lines from one item to another.
        ranks: Of each item, which breaks a tie.
    """
    sweeping = _Sweeping(layers, steps, ranks)
    for number in range(SWEEPS):
        sweeping.sweep(onward=number % 2 == 0)
    if len(steps) > MAX_COUNTED:
        return sweeping.layers
    best, fewest = sweeping.layers, sweeping.crossings()
    for _ in range(SWEEPS, MAX_SWEEPS, 2):
        before = fewest
        for onward in (True, False):
            sweeping.sweep(onward=onward)
            if (found := sweeping.crossings()) < fewest:
                best, fewest = sweeping.layers, found
        if fewest == before:
            break
    return best


class _Sweeping:
    """The layers on their way to a better order."""

    def __init__(self, layers: Sequence[Sequence[int]], steps: Sequence[tuple[int, int]], ranks: Sequence[int]) -> None:
        count = sum(map(len, layers))
        self.layers = [list(layer) for layer in layers]
        self.ranked = [sorted(layer, key=ranks.__getitem__) for layer in layers]
        self.before: list[list[int]] = [[] for _ in range(count)]
        self.after: list[list[int]] = [[] for _ in range(count)]
        for source, target in steps:
            self.before[target].append(source)
            self.after[source].append(target)
        self.place = [0] * count
        self.column = [0] * count
        for column, layer in enumerate(layers):
            self.stand(layer)
            for item in layer:
                self.column[item] = column
        self.near = [(a, b) for a, b in steps if self.column[b] == self.column[a] + 1]

    def stand(self, layer: Sequence[int]) -> None:
        """Let the items stand in this order."""
        parts = 2 * len(layer)
        for row, item in enumerate(layer):
            self.place[item] = ((2 * row + 1) << _SCALE) // parts

    def sweep(self, *, onward: bool) -> None:
        """Bring every item of a layer near those before it, one layer after another; or near those after it."""
        place = self.place
        neighbours = self.before if onward else self.after
        columns: Iterable[int] = range(len(self.layers))
        made = list(self.layers)
        for column in columns if onward else reversed(range(len(made))):
            for item in self.ranked[column]:
                if near := neighbours[item]:
                    place[item] = sum([place[other] for other in near]) // len(near)
            made[column] = sorted(self.ranked[column], key=place.__getitem__)
            self.stand(made[column])
        self.layers = made

    def crossings(self) -> int:
        """How many pairs of lines between neighbouring layers cross."""
        place, column = self.place, self.column
        found, now = 0, -1
        passed: list[int] = []
        for at, _, target in sorted((column[a], place[a], place[b]) for a, b in self.near):
            if at != now:
                now, passed = at, []
            found += len(passed) - bisect_right(passed, target)
            insort(passed, target)
        return found
