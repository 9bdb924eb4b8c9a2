"""Why an edge is there: the events that say so, first and last, and which of their entries to prove.

Source: docs/formats/chronicle.md, "A course".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlite_utils

from lineage.chronicle.answer import text_of
from lineage.chronicle.course import Key, Told, unroll
from lineage.chronicle.cut import NOW, Cut, number_of
from lineage.chronicle.saying import Saying, mentioned
from lineage.chronicle.tables import Numbers
from lineage.chronicle.vertex import LAYERS, STATES, Vertex, owner, printed

MOST: Final = 100
_EDGES: Final = """SELECT e.layer, s.kind, s.namespace, s.name, s.field, t.kind, t.namespace, t.name, t.field,
        j.kind, j.namespace, j.name, e.origin,
        EXISTS (SELECT 1 FROM chronicle_span p WHERE p.layer = 0 AND p.source = e.source AND p.edge = e.id
            AND p.since <= :as_of AND p.until > :as_of AND p.known <= :known_at AND p.gone > :known_at)
    FROM chronicle_edge e JOIN chronicle_vertex s ON s.id = e.source JOIN chronicle_vertex t ON t.id = e.target
    LEFT JOIN chronicle_vertex j ON j.id = e.job WHERE e.layer = 0 AND e.source = :source AND e.target = :target ORDER BY e.id"""
_EVENTS: Final = """SELECT time, stage, digest, word, saying, seq FROM chronicle_event
    WHERE course = ? AND time <= ? AND seq <= ? ORDER BY time, stage, digest"""


@dataclass(frozen=True, slots=True)
class Witness:
    """One event that names an end of the edge, or ends the run: its entry, its time as an entry prints it, and its run."""

    seq: int
    time: str
    event: str
    run: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one edge stands, or is in dispute.

    Attributes:
        first, last: The times of the first and the last event of all that say so, as an entry prints them.
        runs: How many runs, declarations or contracts say so.
        said_by: At most MOST, by seq; `more` where there are others.
    """

    source: str
    target: str
    job: str
    origin: str
    state: str
    disputed: bool
    first: str
    last: str
    runs: int
    said_by: tuple[Witness, ...]
    more: bool


def why(db: sqlite_utils.Database, source: Vertex, target: Vertex, cut: Cut = NOW) -> list[Reason]:
    """Return a reason for every edge of data from one point to another, sorted by job and origin."""
    bounds = {"as_of": cut.as_of, "known_at": cut.known_at}
    ends = {"source": number_of(db, source), "target": number_of(db, target)}
    reasons = []
    for row in db.execute(_EDGES, bounds | ends).fetchall():
        job = (*row[9:12], "") if row[9] is not None else None
        link = (LAYERS[row[0]], row[1:5], row[5:9], row[12])
        found = _Search(db, cut).reason(link, job, is_disputed=not row[13])
        if found is not None:
            reasons.append(found)
    return sorted(reasons, key=lambda reason: (reason.job, reason.origin))


class _Search:
    """Looks through the courses that may claim an edge."""

    def __init__(self, db: sqlite_utils.Database, cut: Cut) -> None:
        self.db = db
        self.cut = cut
        self.numbers = Numbers(db)

    def reason(self, link: Any, job: Vertex | None, *, is_disputed: bool) -> Reason | None:
        witnesses: list[tuple[int, Witness]] = []
        best, runs = -1, 0
        for key, events in self.courses(link, job):
            claims = unroll(key, [told for told, _ in events]).claims_of(link)
            states = [state for _, state, since, until in claims if since <= self.cut.as_of < until]
            if states:
                runs += 1
                best = max(best, *states)
                witnesses += [_witness(key, told, seq) for told, seq in events if _speaks(told, link, job)]
        if best < 0:
            return None
        times = sorted(time for time, _ in witnesses)
        said_by = sorted((witness for _, witness in witnesses), key=lambda each: each.seq)
        return Reason(
            source=text_of(link[1]),
            target=text_of(link[2]),
            job="" if job is None else text_of(job),
            origin=link[3],
            state=STATES[best],
            disputed=is_disputed,
            first=printed(times[0]) if times else "",
            last=printed(times[-1]) if times else "",
            runs=runs,
            said_by=tuple(said_by[:MOST]),
            more=len(said_by) > MOST,
        )

    def courses(self, link: Any, job: Vertex | None) -> Iterator[tuple[Key, list[tuple[Told, int]]]]:
        owners: list[Vertex | None] = [job] if job is not None else [owner(link[1]), owner(link[2]), None]
        for vertex in owners:
            number = 0 if vertex is None else number_of(self.db, vertex)
            sql = "SELECT id, kind, name FROM chronicle_course WHERE vertex = ? ORDER BY id"
            for course, kind, name in self.db.execute(sql, (number,)).fetchall():
                rows = self.db.execute(_EVENTS, (course, self.cut.as_of, self.cut.known_at)).fetchall()
                told = [(Told(row[0], row[1], row[2], row[3], self.numbers.said(row[4])), row[5]) for row in rows]
                if told:
                    yield Key(kind, name, vertex), told


def _speaks(told: Told, link: Any, job: Vertex | None) -> bool:
    """True for an event that ends the run, or names an end of the edge otherwise than as its own job."""
    said: Saying = told.saying
    named = mentioned(said) - ({job} if job is not None else set())
    return told.stage == 2 or link[1] in named or link[2] in named


def _witness(key: Key, told: Told, seq: int) -> tuple[int, Witness]:
    return told.time, Witness(seq, printed(told.time), told.word, key.name if key.kind == "run" else "")
