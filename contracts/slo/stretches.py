"""Time cut where it turns from good to bad: data is fresh, or delivered in time, until an age after it last came. Pure.

All moments are whole seconds since 1970 UTC, and ranges half-open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.clock import parse_at, print_at

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """From `at` on the newest data is of `newest`."""

    at: int
    newest: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to `stop` all was good, or nothing was."""

    start: int
    stop: int
    is_good: bool

    @property
    def seconds(self) -> int:
        """How long."""
        return self.stop - self.start


def stretches(arrivals: Iterable[Arrival], start: int, stop: int, limit: int) -> list[Stretch]:
    """Return the time from `start` to `stop`, cut where it turns.

    Args:
        arrivals: In order; the first is that which holds at `start`.
        limit: The greatest age, in seconds.
    """
    found: list[Stretch] = []
    for begun, ended, is_good in _cut(list(arrivals), start, stop, limit):
        if begun >= ended:
            continue
        joined = found and found[-1].is_good is is_good
        found.append(Stretch(found.pop().start if joined else begun, ended, is_good))
    return found


def _cut(arrivals: list[Arrival], start: int, stop: int, limit: int) -> Iterator[tuple[int, int, bool]]:
    for place, arrival in enumerate(arrivals):
        following = arrivals[place + 1].at if place + 1 < len(arrivals) else stop
        begun, ended = max(arrival.at, start), min(following, stop)
        turn = min(max(arrival.newest + limit, begun), max(ended, begun))
        yield begun, turn, True
        yield turn, ended, False


def seconds_of(at: str) -> int:
    """Return the second in which the moment lies that an entry prints."""
    return (parse_at(at) - _EPOCH) // timedelta(seconds=1)


def printed(seconds: int) -> str:
    """Return a second as an entry prints it."""
    return print_at(_EPOCH + timedelta(seconds=seconds))
