"""How each service level stands at a moment: what was good in its window, how fast the budget burns, which alerts fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlite_utils

from contracts.history import ProjectingLog
from contracts.slo import burn
from contracts.slo.burn import PAIRS, Budget, Counts, Pair
from contracts.slo.catalogue import Level
from contracts.slo.facts import Alert
from contracts.slo.store import Episode, SloFold, counted, episodes, last_value, latest, measured_until, measurements
from contracts.slo.stretches import printed


@dataclass(frozen=True, slots=True)
class Standing:
    """One level at one moment.

    Attributes:
        clock: The second at which it stands so; never before what was measured last.
        measured_until: The second up to which it was measured; None where it never was.
        value: The number that was held to the target last, where there was one.
        counts: Over the level's window.
        burns: Alert → how fast the budget burned in its long and its short window, in hundredths.
        firing: The alerts whose condition holds, the gravest first.
        episodes: The breaches that lasted within the window.
    """

    level: Level
    clock: int
    measured_until: int | None
    value: str | None
    counts: Counts
    budget: Budget
    burns: Mapping[Alert, tuple[int, int]]
    firing: tuple[Alert, ...]
    episodes: tuple[Episode, ...]

    @property
    def open(self) -> tuple[Episode, ...]:
        """The breaches that last."""
        return tuple(each for each in self.episodes if each.recovered is None)

    @property
    def state(self) -> Literal["unmeasured", "spent", "burning", "met"]:
        """In a word: nothing was measured, more was bad than may be, it will be soon, or neither."""
        if not self.counts.total:
            return "unmeasured"
        if self.budget.is_spent:
            return "spent"
        return "burning" if self.firing else "met"


def standings(log: ProjectingLog, levels: tuple[Level, ...], clock: int) -> tuple[Standing, ...]:
    """Return how levels stand at second `clock`."""
    with log.viewing(SloFold()) as db:
        return tuple(standing(db, level, clock) for level in levels)


def standing(db: sqlite_utils.Database, level: Level, clock: int) -> Standing:
    """Return how a level stands, from a caught-up `SloFold`."""
    until = measured_until(db, level.key)
    clock = max(clock, until)
    start = clock - level.window_seconds
    counts = counted(db, level.key, start, clock)
    windows = {pair.alert: _windows(db, level, clock, pair) for pair in PAIRS}
    budget = burn.budget(counts, level.objective, whole=level.window_seconds if level.is_by_time else None)
    firing: list[Alert] = ["budget"] if budget.is_spent else []
    firing += [pair.alert for pair in PAIRS if burn.fires(pair, *windows[pair.alert], level.objective)]
    return Standing(
        level=level,
        clock=clock,
        measured_until=until or None,
        value=last_value(db, level.key),
        counts=counts,
        budget=budget,
        burns={
            alert: (burn.burn_rate(long, level.objective), burn.burn_rate(short, level.objective))
            for alert, (long, short) in windows.items()
        },
        firing=tuple(firing),
        episodes=episodes(db, level.key, printed(max(0, start))),
    )


def _windows(db: sqlite_utils.Database, level: Level, clock: int, pair: Pair) -> tuple[Counts, Counts]:
    """What was measured in the long and in the short window of an alert, neither longer than the level's own."""
    long, short = (min(seconds, level.window_seconds) for seconds in (pair.long_seconds, pair.short_seconds))
    return _window(db, level, clock, long, burn.ENOUGH), _window(db, level, clock, short, 1)


def _window(db: sqlite_utils.Database, level: Level, clock: int, seconds: int, enough: int) -> Counts:
    """What was measured in a window; of batches and probes at least the last few, where it holds fewer."""
    if not level.is_by_time and measurements(db, level.key, clock - seconds, clock) < enough:
        return latest(db, level.key, clock - level.window_seconds, clock, enough)
    return counted(db, level.key, clock - seconds, clock)
