"""The tables of the graph through time, and what stands in them for points, links and courses: integers.

Every point, edge and course is a row with a number; a span says from when until when, by the producers' clocks (`since`,
`until`) and by the ledger's seqs (`known`, `gone`: the first entry that knew it, and the first that knew better), an edge stood
in a state.
"""

from __future__ import annotations

import json
from typing import Any, Final

import sqlite_utils

from lineage.chronicle.course import Key, Told
from lineage.chronicle.fold import Disputed, Edge, is_disputed
from lineage.chronicle.saying import Saying
from lineage.chronicle.vertex import LAYERS, Vertex, owner
from proofs.digest import sha256

NONE: Final = 0  # no row has this id
STANDING: Final = 2**62  # in `gone`: nothing has known better
MAX_CACHED: Final = 200_000

_LAST: Final = {False: "SELECT max(id) FROM chronicle_vertex", True: "SELECT min(id) FROM chronicle_vertex"}

SCHEMA: Final = (
    """CREATE TABLE chronicle_vertex (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, field TEXT NOT NULL, owner INTEGER NOT NULL, mentioned INTEGER NOT NULL,
    UNIQUE (kind, namespace, name, field)) STRICT""",
    "CREATE INDEX chronicle_vertex_owner ON chronicle_vertex (owner) WHERE owner > 0",
    # From which moment on a point was named, as it was known from an entry on; a row for each earlier moment.
    """CREATE TABLE chronicle_since (vertex INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (vertex, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chronicle_course (id INTEGER PRIMARY KEY, vertex INTEGER NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, UNIQUE (vertex, kind, name)) STRICT""",
    "CREATE TABLE chronicle_saying (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, said TEXT NOT NULL) STRICT",
    """CREATE TABLE chronicle_event (course INTEGER NOT NULL, time INTEGER NOT NULL, stage INTEGER NOT NULL,
    digest BLOB NOT NULL, seq INTEGER NOT NULL, word TEXT NOT NULL, saying INTEGER NOT NULL,
    PRIMARY KEY (course, time, stage, digest)) STRICT, WITHOUT ROWID""",
    # The runs above a run, as its events name them.
    """CREATE TABLE chronicle_above (course INTEGER NOT NULL, word TEXT NOT NULL, job INTEGER NOT NULL, run TEXT NOT NULL,
    time INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (course, word, job, run)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chronicle_edge (id INTEGER PRIMARY KEY, layer INTEGER NOT NULL, source INTEGER NOT NULL,
    target INTEGER NOT NULL, job INTEGER NOT NULL, origin TEXT NOT NULL, disputed INTEGER NOT NULL,
    UNIQUE (layer, source, target, job, origin)) STRICT""",
    "CREATE INDEX chronicle_edge_tests ON chronicle_edge (target) WHERE origin = 'test'",
    """CREATE TABLE chronicle_span (layer INTEGER NOT NULL, source INTEGER NOT NULL, edge INTEGER NOT NULL,
    state INTEGER NOT NULL, since INTEGER NOT NULL, known INTEGER NOT NULL, until INTEGER NOT NULL,
    gone INTEGER NOT NULL, target INTEGER NOT NULL,
    PRIMARY KEY (layer, source, edge, state, since, known)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX chronicle_span_upstream ON chronicle_span (layer, target, since, until, gone)",
    "CREATE TABLE chronicle_spelling (rule TEXT NOT NULL, namespace TEXT NOT NULL, PRIMARY KEY (rule, namespace)) STRICT",
    """CREATE TABLE chronicle_dispute (source INTEGER NOT NULL, target INTEGER NOT NULL, job INTEGER NOT NULL,
    PRIMARY KEY (source, target, job)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chronicle_finding (code TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (code, seq))
    STRICT, WITHOUT ROWID""",
    "CREATE TABLE chronicle_head (seq INTEGER NOT NULL) STRICT",
    "INSERT INTO chronicle_head VALUES (-1)",
)


class Numbers:
    """The numbers of what the tables hold, kept at hand while nobody else writes."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self.db = db
        self._vertices: dict[Vertex, int] = {}
        self._edges: dict[Edge, int] = {}
        self._mentioned: dict[Vertex, Vertex] = {}
        self._sayings: dict[int, Saying] = {}
        self._known_sayings: dict[Saying, int] = {}

    def vertex(self, vertex: Vertex) -> int:
        """The number of a point; it is given one when it has none."""
        found = self._vertices.get(vertex)
        if found is None:
            found = self._look_up(vertex)
            _keep(self._vertices, vertex, found)
        return found

    def _look_up(self, vertex: Vertex) -> int:
        sql = "SELECT id FROM chronicle_vertex WHERE kind = ? AND namespace = ? AND name = ? AND field = ?"
        row = self.db.execute(sql, vertex).fetchone()
        if row is None:
            above = NONE if vertex[0] != "column" else self.vertex(owner(vertex))
            # Jobs count downwards: a walk sees by the number whether it passes through one.
            (last,) = self.db.execute(_LAST[vertex[0] == "job"]).fetchone()
            sql = """INSERT INTO chronicle_vertex (id, kind, namespace, name, field, owner, mentioned)
                VALUES (?, ?, ?, ?, ?, ?, 0) RETURNING id"""
            number = min(last or 0, 0) - 1 if vertex[0] == "job" else max(last or 0, 0) + 1
            row = self.db.execute(sql, (number, *vertex, above)).fetchone()
        return int(row[0])

    def mention(self, vertex: Vertex) -> bool:
        """Note that an event names a point in some way; True for the first time."""
        if vertex in self._mentioned:
            return False
        _keep(self._mentioned, vertex, vertex)
        sql = "UPDATE chronicle_vertex SET mentioned = 1 WHERE id = ? AND mentioned = 0"
        return bool(self.db.execute(sql, (self.vertex(vertex),)).rowcount)

    def edge(self, edge: Edge, disputes: Disputes) -> int:
        """The number of an edge; it is given one when it has none."""
        found = self._edges.get(edge)
        if found is None:
            (layer, source, target, origin), job = edge
            key = (LAYERS.index(layer), self.vertex(source), self.vertex(target), self.number(job), origin)
            sql = """SELECT id FROM chronicle_edge
                WHERE layer = ? AND source = ? AND target = ? AND job = ? AND origin = ?"""
            row = self.db.execute(sql, key).fetchone()
            if row is None:
                sql = """INSERT INTO chronicle_edge (layer, source, target, job, origin, disputed)
                    VALUES (?, ?, ?, ?, ?, ?) RETURNING id"""
                row = self.db.execute(sql, (*key, int(disputes.holds(edge)))).fetchone()
            found = int(row[0])
            _keep(self._edges, edge, found)
        return found

    def number(self, vertex: Vertex | None) -> int:
        """The number of a point; 0 where there is none."""
        return NONE if vertex is None else self.vertex(vertex)

    def course(self, key: Key) -> tuple[int, bool]:
        """The number of a course, and whether it was given one just now, since it had none."""
        row = (self.number(key.vertex), key.kind, key.name)
        sql = "SELECT id FROM chronicle_course WHERE vertex = ? AND kind = ? AND name = ?"
        found = self.db.execute(sql, row).fetchone()
        if found is not None:
            return int(found[0]), False
        sql = "INSERT INTO chronicle_course (vertex, kind, name) VALUES (?, ?, ?) RETURNING id"
        return int(self.db.execute(sql, row).fetchone()[0]), True

    def saying(self, said: Saying) -> int:
        """The number of what was said; it is given one when nobody said it before."""
        found = self._known_sayings.get(said)
        if found is None:
            text = json.dumps(said, separators=(",", ":"))
            digest = sha256(text.encode())
            row = self.db.execute("SELECT id FROM chronicle_saying WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                sql = "INSERT INTO chronicle_saying (digest, said) VALUES (?, ?) RETURNING id"
                row = self.db.execute(sql, (digest, text)).fetchone()
            found = int(row[0])
            _keep(self._known_sayings, said, found, MAX_CACHED // 20)
        return found

    def said(self, number: int) -> Saying:
        """What was said under a number."""
        found = self._sayings.get(number)
        if found is None:
            (text,) = self.db.execute("SELECT said FROM chronicle_saying WHERE id = ?", (number,)).fetchone()
            found = read_said(text)
            _keep(self._sayings, number, found, MAX_CACHED // 20)
        return found

    def told(self, course: int) -> list[Told]:
        """The events of a course, in their order."""
        sql = "SELECT time, stage, digest, word, saying FROM chronicle_event WHERE course = ? ORDER BY time, stage, digest"
        rows = self.db.execute(sql, (course,)).fetchall()
        return [Told(time, stage, digest, word, self.said(saying)) for time, stage, digest, word, saying in rows]


class Disputes:
    """Which edges are retracted, as things stand."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self.db = db
        self._all: set[Disputed] | None = None

    def put(self, row: tuple[int, int, int], *, holds: bool) -> None:
        """Let an edge be retracted, or no more; by number, job 0 for every job."""
        sql = "INSERT INTO chronicle_dispute VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        gone = "DELETE FROM chronicle_dispute WHERE source = ? AND target = ? AND job = ?"
        self.db.execute(sql if holds else gone, row)
        self._all = None

    def holds(self, edge: Edge) -> bool:
        """True when this edge is retracted."""
        return bool(disputes := self.all()) and is_disputed(edge, disputes)

    def all(self) -> set[Disputed]:
        """What is retracted; few enough to be kept at hand."""
        if self._all is not None:
            return self._all
        sql = """SELECT s.kind, s.namespace, s.name, t.kind, t.namespace, t.name, j.kind, j.namespace, j.name
            FROM chronicle_dispute d JOIN chronicle_vertex s ON s.id = d.source JOIN chronicle_vertex t ON t.id = d.target
            LEFT JOIN chronicle_vertex j ON j.id = d.job"""
        rows = self.db.execute(sql).fetchall()
        self._all = {((*row[:3], ""), (*row[3:6], ""), (*row[6:9], "") if row[6] else None) for row in rows}
        return self._all


def _keep(cache: dict[Any, Any], key: object, value: object, most: int = MAX_CACHED) -> None:
    if len(cache) >= most:
        cache.clear()
    cache[key] = value


def read_said(text: str) -> Saying:
    """Return what was said, as the tables hold it."""
    return Saying(*_tuples(json.loads(text)))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
