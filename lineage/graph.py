"""The lineage projection: the fold of proofs/edges.py kept in integer-id tables, one record at a time.

What the entries say stands in `lineage_io`, `lineage_pair`, `lineage_settled` and `lineage_end`, per run and with the
first seqs that say it. What follows stands in `lineage_claim` (which run gives which edge), `lineage_edge`, and
`lineage_standing` (how many runs give an edge in which state). A later event can take an edge back (a `lineage` facet
settles an output), so a run's edges are derived again whenever it says something new, by the same function that the
verifier calls; a repetition costs look-ups alone. What was taken back stays, undrawn, for a deletion to walk. Replay
gives the same rows (I19), any order the same graph (I20).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import sqlite_utils

from ledger.openlineage import TYPES
from ledger.projection import BodyFold
from ledger.record import Record
from proofs import edges
from proofs.derived import read_structure
from proofs.seqs import KEPT
from proofs.statement import Node, Statement, read

SCHEMA: Final = (
    """CREATE TABLE lineage_node (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, named INTEGER NOT NULL, UNIQUE (kind, namespace, name)) STRICT""",
    # What is folded alone has no run: NULLs are distinct in a UNIQUE constraint.
    """CREATE TABLE lineage_run (id INTEGER PRIMARY KEY, run TEXT, job INTEGER, observed INTEGER NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT '', UNIQUE (run, job)) STRICT""",
    """CREATE TABLE lineage_io (run INTEGER NOT NULL, side TEXT NOT NULL, node INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, side, node, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_pair (run INTEGER NOT NULL, origin TEXT NOT NULL, source INTEGER NOT NULL,
    target INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, origin, source, target, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_settled (run INTEGER NOT NULL, node INTEGER NOT NULL,
    PRIMARY KEY (run, node)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_end (run INTEGER NOT NULL, ended TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (run, ended, seq)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_edge (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,
    job INTEGER NOT NULL, origin TEXT NOT NULL, UNIQUE (source, target, job, origin)) STRICT""",
    "CREATE INDEX lineage_edge_upstream ON lineage_edge (target, source)",
    """CREATE TABLE lineage_standing (edge INTEGER NOT NULL, state TEXT NOT NULL, runs INTEGER NOT NULL,
    PRIMARY KEY (edge, state)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_claim (run INTEGER NOT NULL, edge INTEGER NOT NULL,
    PRIMARY KEY (run, edge)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX lineage_claim_edge ON lineage_claim (edge, run)",
    """CREATE TABLE lineage_finding (code TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (code, seq)) STRICT, WITHOUT ROWID""",
)
NO_JOB: Final = 0  # row ids begin at 1
TAKEN_BACK: Final = "taken-back"  # stands where an edge has its origin; such an edge is walked and not drawn

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

_Key = tuple[str, int, int]  # origin, source, target


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
        if self.note(run, said) or is_new:
            self.settle(run, job)

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

    def note(self, run: int, said: Statement) -> bool:
        """Write down what the statement says; True when the run had not said all of it before."""
        news = False
        for side, nodes in (("in", said.inputs), ("out", said.outputs)):
            for node in sorted(nodes):
                news |= self.add("io", run, side, self.node(node))
        for origin, source, target in sorted(said.pairs):
            news |= self.add("pair", run, origin, self.node(source), self.node(target))
        if said.ended:
            news |= self.add("end", run, said.ended)
        for node in sorted(said.settled):
            sql = "INSERT INTO lineage_settled VALUES (?, ?) ON CONFLICT DO NOTHING"
            news |= self.db.execute(sql, (run, self.node(node))).rowcount > 0
        if said.closed:
            sql = "UPDATE lineage_run SET closed = 1 WHERE id = ? AND closed = 0"
            news |= self.db.execute(sql, (run,)).rowcount > 0
        return news

    def add(self, table: str, *values: int | str) -> bool:
        """Keep this entry, if it is among the first that say the same; True when it is the first."""
        kept, insert = _NOTES[table]
        count = self.db.execute(kept, values).fetchone()[0]
        if count < KEPT:  # entries come in order: those that are kept are the first
            self.db.execute(insert, (*values, self.seq))
        return bool(count == 0)

    def settle(self, run: int, job: int | None) -> None:
        """Derive the run's edges again and bring claims and standings in line."""
        sql = "SELECT observed, closed, state FROM lineage_run WHERE id = ?"
        observed, closed, before = self.db.execute(sql, (run,)).fetchone()
        ends = {row[0] for row in self.db.execute("SELECT DISTINCT ended FROM lineage_end WHERE run = ?", (run,))}
        state = edges.state_of(observed=bool(observed), completed="complete" in ends, failed="failed" in ends)
        pairs = self.db.execute("SELECT DISTINCT origin, source, target FROM lineage_pair WHERE run = ?", (run,))
        derive = partial(
            edges.derive,
            job,
            self.nodes("SELECT DISTINCT node FROM lineage_io WHERE run = ? AND side = 'in'", run),
            self.nodes("SELECT DISTINCT node FROM lineage_io WHERE run = ? AND side = 'out'", run),
            pairs=pairs.fetchall(),
        )
        settled = self.nodes("SELECT node FROM lineage_settled WHERE run = ?", run)
        wanted = derive(settled=settled, closed=bool(closed))
        if settled or closed:
            everything = derive(settled=(), closed=False)
            wanted |= {(TAKEN_BACK, source, target) for _, source, target in everything - wanted}
        claimed = self.claimed(run)
        if before != state:
            self.db.execute("UPDATE lineage_run SET state = ? WHERE id = ?", (state, run))
            for edge in claimed.values():
                self.stand(edge, before, -1)
                self.stand(edge, state, +1)
        for key in sorted(wanted - claimed.keys()):
            self.claim(run, key, job or NO_JOB, state)
        for key in sorted(claimed.keys() - wanted):
            self.release(run, claimed[key], state)

    def nodes(self, sql: str, run: int) -> frozenset[int]:
        return frozenset(row[0] for row in self.db.execute(sql, (run,)))

    def claimed(self, run: int) -> dict[_Key, int]:
        sql = """SELECT e.origin, e.source, e.target, e.id
            FROM lineage_claim c JOIN lineage_edge e ON e.id = c.edge WHERE c.run = ?"""
        return {(origin, source, target): id for origin, source, target, id in self.db.execute(sql, (run,))}

    def claim(self, run: int, key: _Key, job: int, state: str) -> None:
        origin, source, target = key
        sql = """INSERT INTO lineage_edge (source, target, job, origin) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET origin = excluded.origin RETURNING id"""
        edge = self.db.execute(sql, (source, target, job, origin)).fetchone()[0]
        self.db.execute("INSERT INTO lineage_claim VALUES (?, ?)", (run, edge))
        self.stand(edge, state, +1)

    def release(self, run: int, edge: int, state: str) -> None:
        self.db.execute("DELETE FROM lineage_claim WHERE run = ? AND edge = ?", (run, edge))
        self.stand(edge, state, -1)
        sql = "DELETE FROM lineage_edge WHERE id = ? AND NOT EXISTS (SELECT 1 FROM lineage_standing WHERE edge = ?)"
        self.db.execute(sql, (edge, edge))

    def stand(self, edge: int, state: str, runs: int) -> None:
        sql = """INSERT INTO lineage_standing VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET runs = runs + excluded.runs"""
        self.db.execute(sql, (edge, state, runs))
        self.db.execute("DELETE FROM lineage_standing WHERE edge = ? AND state = ? AND runs = 0", (edge, state))
