"""The lineage projection: the fold of proofs/edges.py kept in integer-id tables, one record at a time.

What the entries say stands in `lineage_io`, `lineage_pair`, `lineage_settled` and `lineage_end`, per run and with the
first seqs that say it; what follows, in the tables of lineage/claims.py. A later event can take an edge back (a `lineage`
facet settles an output), so a run's edges are brought in line whenever it says something new; a repetition costs look-ups
alone. What was taken back stays, undrawn, for a deletion to walk. Replay gives the same rows (I19), any order the same
graph (I20).
"""

from __future__ import annotations

from typing import Final

import sqlite_utils

from ledger.openlineage import TYPES
from ledger.projection import BodyFold
from ledger.record import Record
from lineage import claims
from lineage.claims import Claims, News
from proofs.derived import read_structure
from proofs.seqs import KEPT
from proofs.statement import Node, Statement, read

SCHEMA: Final = (
    """CREATE TABLE lineage_node (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, named INTEGER NOT NULL, UNIQUE (kind, namespace, name)) STRICT""",
    # What is folded alone has no run: NULLs are distinct in a UNIQUE constraint.
    """CREATE TABLE lineage_run (id INTEGER PRIMARY KEY, run TEXT, job INTEGER, observed INTEGER NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '', inputs INTEGER NOT NULL DEFAULT 0,
    outputs INTEGER NOT NULL DEFAULT 0, UNIQUE (run, job)) STRICT""",
    """CREATE TABLE lineage_io (run INTEGER NOT NULL, side TEXT NOT NULL, node INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, side, node, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_pair (run INTEGER NOT NULL, origin TEXT NOT NULL, source INTEGER NOT NULL,
    target INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, origin, source, target, seq)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX lineage_pair_target ON lineage_pair (run, origin, target)",
    """CREATE TABLE lineage_settled (run INTEGER NOT NULL, node INTEGER NOT NULL,
    PRIMARY KEY (run, node)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_end (run INTEGER NOT NULL, ended TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, ended, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_finding (code TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (code, seq)) STRICT, WITHOUT ROWID""",
    *claims.TABLES,
)

# For each table: how many entries are kept that say the same, and: this entry says it.
_NOTES: Final = {
    "io": (
        "SELECT count(*) FROM lineage_io WHERE run = ? AND side = ? AND node = ?",
        "INSERT INTO lineage_io VALUES (?, ?, ?, ?)",
    ),
    "pair": (
        "SELECT count(*) FROM lineage_pair WHERE run = ? AND origin = ? AND source = ? AND target = ?",
        "INSERT INTO lineage_pair VALUES (?, ?, ?, ?, ?)",
    ),
    "end": (
        "SELECT count(*) FROM lineage_end WHERE run = ? AND ended = ?",
        "INSERT INTO lineage_end VALUES (?, ?, ?)",
    ),
}


class LineageProjection(BodyFold):
    """Tables `lineage_*`: a pure function of the records of the three OpenLineage types."""

    name = "lineage"
    version = 4
    types = frozenset(TYPES.values())
    tables = SCHEMA

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Fold one record in; what is no JSON is a finding, and no reason to stop."""
        # As the verifier reads it, datacontenttype and all: else a stranger's event would part the two graphs.
        _Folding(db, record.seq).take(read(read_structure(record.datacontenttype, body)))
        return None


class _Folding:
    """One statement on its way into the tables."""

    def __init__(self, db: sqlite_utils.Database, seq: int) -> None:
        self.db = db
        self.seq = seq
        self.ids: dict[Node, int] = {}

    def take(self, said: Statement) -> None:
        for code in sorted(said.findings):
            self.db.execute("INSERT INTO lineage_finding VALUES (?, ?)", (code, self.seq))
        for node in sorted(said.named):
            self.node(node, named=True)
        job = None if said.job is None else self.node(said.job)
        run, is_new = self.run(said, job)
        news = self.note(run, said)
        if is_new or news != News():
            Claims(self.db, run, job).settle(news)

    def node(self, node: Node, *, named: bool = False) -> int:
        if node not in self.ids:
            # An update, for else RETURNING says nothing of a row that was there.
            sql = """INSERT INTO lineage_node (kind, namespace, name, named) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET named = max(named, excluded.named) RETURNING id"""
            self.ids[node] = self.db.execute(sql, (*node, int(named))).fetchone()[0]
        return self.ids[node]

    def run(self, said: Statement, job: int | None) -> tuple[int, bool]:
        """The row of the statement's run, and whether it is new; what is folded alone gets a row of its own."""
        name = said.run if said.run and job is not None else None
        if name is not None:
            sql = "SELECT id FROM lineage_run WHERE run = ? AND job = ?"
            found = self.db.execute(sql, (name, job)).fetchone()
            if found is not None:
                return found[0], False
        sql = "INSERT INTO lineage_run (run, job, observed) VALUES (?, ?, ?) RETURNING id"
        return self.db.execute(sql, (name, job, int(said.observed))).fetchone()[0], True

    def note(self, run: int, said: Statement) -> News:
        """Write down what the statement says, and return what of it the run had not said before."""
        news = News()
        for side, nodes, new in (("in", said.inputs, news.inputs), ("out", said.outputs, news.outputs)):
            new.update(id for id in map(self.node, sorted(nodes)) if self.add("io", run, side, id))
        for origin, *ends in sorted(said.pairs):
            source, target = map(self.node, ends)
            if self.add("pair", run, origin, source, target):
                news.pairs.add((origin, source, target))
        for node in sorted(said.settled):
            sql = "INSERT INTO lineage_settled VALUES (?, ?) ON CONFLICT DO NOTHING"
            if self.db.execute(sql, (run, self.node(node))).rowcount:
                news.settled.add(self.node(node))
        news.ended = bool(said.ended) and self.add("end", run, said.ended)
        news.closed = said.closed and not self.is_closed(run)
        return news

    def is_closed(self, run: int) -> bool:
        return bool(self.db.execute("SELECT closed FROM lineage_run WHERE id = ?", (run,)).fetchone()[0])

    def add(self, table: str, *values: int | str) -> bool:
        """Keep this entry, if it is among the first that say the same; True when it is the first."""
        kept, insert = _NOTES[table]
        count = self.db.execute(kept, values).fetchone()[0]
        if count < KEPT:  # entries come in order: those that are kept are the first
            self.db.execute(insert, (*values, self.seq))
        return bool(count == 0)
