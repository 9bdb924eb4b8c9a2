"""The projection of the graph through time: one entry after another, in tables of integers (lineage/chronicle/tables.py).

An event brings its own course up to date, and what the course claims more or less, the spans of its edges; nothing else is
touched, so it costs the same in a log of a million edges. Replay gives the same rows (I19), any order the same graph (I20), and
every answer is that of lineage/chronicle/fold.py over the entries and events of that cut.
"""

from __future__ import annotations

from typing import TypeVar

import sqlite_utils

from ledger.record import Record
from lineage.chronicle.course import Told, unroll
from lineage.chronicle.entry import TYPES, Reader, Words
from lineage.chronicle.live import Live, Step
from lineage.chronicle.rules import AliasDeclared, EdgeRetracted
from lineage.chronicle.ruling import Ruling
from lineage.chronicle.saying import mentioned
from lineage.chronicle.standing import Standing
from lineage.chronicle.tables import SCHEMA
from lineage.chronicle.vertex import FOREVER, Vertex

K = TypeVar("K")
V = TypeVar("V")
_MAX_COURSES = 500
_MAX_STEPS = 8
_MAX_AT_HAND = 200_000


def _bound(cache: dict[K, V], most: int = _MAX_AT_HAND) -> dict[K, V]:
    """`cache`, emptied when it is full."""
    if len(cache) >= most:
        cache.clear()
    return cache


class ChronicleProjection:
    """Tables `chronicle_*`: a pure function of the records of the OpenLineage types, of rules and of contracts."""

    name = "chronicle"
    version = 2
    types = frozenset(TYPES)
    wants_bodies = True

    def __init__(self) -> None:
        self._reader = Reader()
        self._folding: _Folding | None = None

    def create(self, db: sqlite_utils.Database) -> None:
        """Create the tables, empty."""
        for statement in SCHEMA:
            db.execute(statement)
        self._folding = None

    def apply(self, db: sqlite_utils.Database, record: Record) -> None:
        """Fold one record in."""
        # What is kept at hand holds only for tables that stand as we left them: a page may have been rolled back since,
        # or another process been faster.
        (head,) = db.execute("SELECT seq FROM chronicle_head").fetchone()
        if self._folding is None or self._folding.db is not db or self._folding.seq != head:
            self._folding = _Folding(db, self._reader)
        self._folding.seq = record.seq
        self._folding.take(record)
        db.execute("UPDATE chronicle_head SET seq = ?", (record.seq,))


class _Folding:
    """The tables with what is at hand of them."""

    def __init__(self, db: sqlite_utils.Database, reader: Reader) -> None:
        self.db = db
        self.reader = reader
        self.seq = -1
        self.courses: dict[int, Live] = {}
        self.standing = Standing(db, self.courses)
        self.ruling = Ruling(self.standing)
        self.numbers = self.standing.numbers
        self.steps: dict[tuple[object, ...], Step] = {}
        self.named: dict[Vertex, int] = {}

    def take(self, record: Record) -> None:
        match self.reader.take(record):
            case Words() as words:
                self.words(words)
            case AliasDeclared() as rule if rule.ends:
                self.ruling.alias(rule, self.seq)
            case AliasDeclared() as rule:
                self.ruling.spelling(rule, self.seq)
            case EdgeRetracted() as dispute:
                self.ruling.dispute(dispute, self.seq)
            case None:
                self.find("nothing-said")

    def find(self, code: str) -> None:
        self.db.execute("INSERT INTO chronicle_finding VALUES (?, ?) ON CONFLICT DO NOTHING", (code, self.seq))

    def words(self, words: Words) -> None:
        """Let an event take its place in its course, and the edges follow."""
        key, told = words.key, words.told
        course, is_new = self.numbers.course(key)
        saying = self.numbers.saying(told.saying)
        live = Live() if is_new else self.courses.get(course) or self.found(course)
        sql = "INSERT INTO chronicle_event VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        if not self.db.execute(sql, (course, *told[:3], self.seq, told.word, saying)).rowcount:
            return  # the same event again
        for code in words.findings:
            self.find(code)
        self.above(course, words)
        self.mention(told)
        _bound(self.courses, _MAX_COURSES)[course] = live
        step = live.step(key, told, saying)
        known = None if step is None else self.steps.get(step)
        if known is not None and known.holds(told.time, self.standing.spans.epoch):
            live.skip(told, saying)
        else:
            known = self.follow(live, course, words, is_next=live.is_before(told))
            if step is not None and known is not None:
                _bound(self.steps)[step] = known
        if known is not None and known.is_conflict:
            self.find("conflicting-ends")

    def found(self, course: int) -> Live:
        """A course as the tables hold it; not unrolled yet."""
        sql = "SELECT time, word, saying FROM chronicle_event WHERE course = ? ORDER BY time, stage, digest"
        live = Live()
        for time, word, saying in self.db.execute(sql, (course,)).fetchall():
            live.note(time, word, saying)
        return live

    def follow(self, live: Live, course: int, words: Words, *, is_next: bool) -> Step | None:
        """Bring a course and its edges up to date; the step is returned where another course may take it alike."""
        told = words.told
        before = live.unrolled or unroll(words.key, (each for each in self.numbers.told(course) if each != told))
        claimed = before.claims()
        after = before
        if is_next:
            before.extend(told.time, [told])
        else:
            after = unroll(words.key, self.numbers.told(course))
        now = after.claims()
        live.unrolled = after
        live.note(told.time, told.word, self.numbers.saying(told.saying), is_next=is_next)
        less = claimed - now
        self.standing.change(after.course.job, less, now - claimed, self.seq)
        return Step(told.time, self.standing.spans.epoch, is_final=not less, is_conflict=len(after.course.ends) > 1)

    def above(self, course: int, words: Words) -> None:
        """Note the runs above a run."""
        for word, job, run in words.parents:
            row = (course, word, self.numbers.vertex(job), run, words.told.time, self.seq)
            self.db.execute("INSERT INTO chronicle_above VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)

    def mention(self, told: Told) -> None:
        """Note what is named since when, and how rules spell what is new."""
        for vertex in told.saying.named:
            if self.since(vertex) > told.time:
                self.named[vertex] = told.time
                self.db.execute(
                    "INSERT INTO chronicle_since VALUES (?, ?, ?)", (self.numbers.vertex(vertex), self.seq, told.time)
                )
        self.ruling.named(mentioned(told.saying), self.seq)

    def since(self, vertex: Vertex) -> int:
        """The first moment at which a point is named, as far as is known."""
        found = self.named.get(vertex)
        if found is None:
            sql = "SELECT time FROM chronicle_since WHERE vertex = ? ORDER BY seq DESC LIMIT 1"
            row = self.db.execute(sql, (self.numbers.vertex(vertex),)).fetchone()
            found = FOREVER if row is None else int(row[0])
            _bound(self.named)[vertex] = found
        return found
