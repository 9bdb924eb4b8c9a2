"""Follow a stream: lines in, windows out, each decided before anything behind it is let go of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contracts.streams.cut import Cut, Cutter, Ended, Shape
from contracts.streams.decide import Decided, WindowJudge
from contracts.streams.feed import Feed, Stopping
from contracts.streams.line import CaughtUp

Seconds = Callable[[], float]
"""A clock for durations."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When to stop waiting.

    Attributes:
        idle_seconds: After so long without a line what is open is decided as it is; None to wait for ever.
    """

    stopping: Stopping
    seconds: Seconds
    idle_seconds: float | None = None


def follow(feed: Feed, shape: Shape, judge: WindowJudge, pace: Pace) -> Iterator[Decided]:
    """Yield the windows of a stream as they are decided, from where the log says on, until it ends or the reader is stopped.

    When the caller stops it, what is open is decided as it is; so nothing that was read waits for the next start.

    Raises:
        TallyError: As the feed and the judge raise; the windows before are decided, and a restart goes on behind them.
    """
    before = judge.before
    start = {mark.partition: mark.offset for mark in before.resume} if before else {}
    with tempfile.TemporaryDirectory(prefix="tallystick-") as folder:
        cutter = Cutter(feed.name, shape, feed.partitions, Path(folder), judge.log.clock, before, feed.tail)
        with closing(cutter):
            yield from _decided(_cuts(feed, cutter, start, pace), feed, judge)


def _cuts(feed: Feed, cutter: Cutter, start: Mapping[int, int], pace: Pace) -> Iterator[Cut]:
    heard = pace.seconds()
    for found in feed.read(start, pace.stopping):
        if found is not None:
            yield from cutter.take(found)
        if found is not None and not isinstance(found, CaughtUp):
            heard = pace.seconds()
        elif pace.idle_seconds is not None and not cutter.is_empty and pace.seconds() - heard >= pace.idle_seconds:
            yield from cutter.flush("idle")
    ended: Ended = "stopped" if pace.stopping() else "end"
    yield from cutter.flush(ended)


def _decided(cuts: Iterator[Cut], feed: Feed, judge: WindowJudge) -> Iterator[Decided]:
    for cut in cuts:
        decided = judge.decide(cut)
        feed.commit({mark.partition: mark.offset for mark in cut.window.resume})
        for spent in (cut.rows, cut.apart):
            if spent is not None:
                spent.unlink(missing_ok=True)
        yield decided
