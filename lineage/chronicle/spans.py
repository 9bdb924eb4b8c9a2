"""From when until when an edge stood in which state, by both clocks: what the log knew is never overwritten, only ended.

Of the claims of a thousand runs of a daily job one span stands: the first says it all. A claim that goes (a facet was replaced,
an earlier event came late) has the edge reckoned anew from what all its courses claim.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import sqlite_utils

from lineage.chronicle.tables import STANDING

_CURRENT = (
    "SELECT state, since, known, until FROM chronicle_span WHERE layer = ? AND source = ? AND edge = ? AND gone = ?"
)


class Place(NamedTuple):
    """An edge by its numbers."""

    layer: int
    source: int
    target: int
    edge: int


class Span(NamedTuple):
    """What is known now of an edge: its state from when until when, and since which entry that is known."""

    state: int
    since: int
    until: int
    known: int = -1

    def covers(self, other: Span) -> bool:
        """True when `other` adds nothing: this one is at least as good for at least as long."""
        return self.state >= other.state and self.since <= other.since and self.until >= other.until


class Spans:
    """The spans of all edges."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self.db = db
        self._current: dict[int, list[Span]] = {}
        self.epoch = 0  # what covered a claim once covers it as long as this stays

    def add(self, place: Place, claimed: Iterable[Span], seq: int) -> None:
        """Let more be claimed of an edge than before."""
        current = self.current(place)
        # A single claim that another covers, the usual case, costs no statement.
        for claim in claimed:
            if any(span.covers(claim) for span in current):
                continue
            near = [span for span in current if span.state == claim.state and _touch(span, claim)]
            joined = Span(
                claim.state, min([claim.since, *(s.since for s in near)]), max([claim.until, *(s.until for s in near)])
            )
            current = self._replace(place, near, [joined], seq)

    def refresh(self, place: Place, claimed: Iterable[Span], seq: int) -> None:
        """Let an edge stand as these claims say, which are all there are."""
        self.epoch += 1
        wanted = {span[:3]: span for span in _needed(list(_joined(claimed)))}
        current = self.current(place)
        known = {span[:3] for span in current}
        gone = [span for span in current if span[:3] not in wanted]
        self._replace(place, gone, [span for key, span in wanted.items() if key not in known], seq)

    def current(self, place: Place) -> list[Span]:
        """What stands of an edge."""
        found = self._current.get(place.edge)
        if found is None:
            rows = self.db.execute(_CURRENT, (place.layer, place.source, place.edge, STANDING))
            found = [Span(state, since, until, known) for state, since, known, until in rows.fetchall()]
            if len(self._current) >= 200_000:
                self._current.clear()
            self._current[place.edge] = found
        return found

    def _replace(self, place: Place, gone: Iterable[Span], new: Iterable[Span], seq: int) -> list[Span]:
        current = list(self.current(place))
        where = (place.layer, place.source, place.edge)
        of_span = "WHERE layer = ? AND source = ? AND edge = ? AND state = ? AND since = ? AND known = ?"
        for span in gone:
            current.remove(span)
            key = (*where, span.state, span.since, span.known)
            if span.known == seq:  # nobody can ask for what stood within one entry
                self.db.execute(f"DELETE FROM chronicle_span {of_span}", key)  # noqa: S608 - words of ours
            else:
                self.db.execute(f"UPDATE chronicle_span SET gone = ? {of_span}", (seq, *key))  # noqa: S608 - words of ours
        for span in new:
            current.append(span._replace(known=seq))
            row = (*where, span.state, span.since, seq, span.until, STANDING, place.target)
            self.db.execute("INSERT INTO chronicle_span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._current[place.edge] = current
        return current


def _touch(one: Span, other: Span) -> bool:
    return one.since <= other.until and other.since <= one.until


def _needed(joined: list[Span]) -> Iterator[Span]:
    """Those that no span of a better state covers; of one state they are sorted, and lie apart."""
    better: dict[int, list[Span]] = {}
    for span in joined:
        better.setdefault(span.state, []).append(span)
    for span in joined:
        rows = (rows for state, rows in better.items() if state > span.state)
        before = ((rows, bisect_right(rows, span.since, key=lambda each: each.since)) for rows in rows)
        if not any(at and rows[at - 1].covers(span) for rows, at in before):
            yield span


def _joined(claimed: Iterable[Span]) -> Iterator[Span]:
    """The claims with those of one state that overlap or touch made one, sorted."""
    ordered = sorted({span[:3] for span in claimed})
    if not ordered:
        return
    open_ = Span(*ordered[0])
    for _, after in pairwise(ordered):
        span = Span(*after)
        if span.state == open_.state and span.since <= open_.until:
            open_ = open_._replace(until=max(open_.until, span.until))
        else:
            yield open_
            open_ = span
    yield open_
