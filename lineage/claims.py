"""What follows from what the runs say: which run claims which edge, and in which states the edges stand.

A run can say something new in each of thousands of events. So only what follows from the news is derived: new inputs with all
outputs, all inputs with new outputs, and what a newly settled output loses. Only where a run of pairs becomes a hub, or is
closed, each of which happens once, are all its edges, by the function that the verifier calls.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import sqlite_utils

from proofs import edges

TABLES: Final = (
    # The inputs and outputs of a run, and as `free` the outputs that are not settled.
    """CREATE TABLE lineage_side (run INTEGER NOT NULL, side TEXT NOT NULL, node INTEGER NOT NULL,
    PRIMARY KEY (run, side, node)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_edge (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,
    job INTEGER NOT NULL, origin TEXT NOT NULL, UNIQUE (source, target, job, origin)) STRICT""",
    "CREATE INDEX lineage_edge_upstream ON lineage_edge (target, source)",
    """CREATE TABLE lineage_standing (edge INTEGER NOT NULL, state TEXT NOT NULL, runs INTEGER NOT NULL,
    PRIMARY KEY (edge, state)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lineage_claim (run INTEGER NOT NULL, edge INTEGER NOT NULL,
    PRIMARY KEY (run, edge)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX lineage_claim_edge ON lineage_claim (edge, run)",
)
NO_JOB: Final = 0  # row ids begin at 1
TAKEN_BACK: Final = "taken-back"  # stands where an edge has its origin; such an edge is walked and not drawn

_Key = tuple[str, int, int]  # origin, source, target


@dataclass(slots=True)
class News:
    """What an entry says that its run had not said before, in ids; `ended` and `closed` where the run is so in a new way."""

    inputs: set[int] = field(default_factory=set)
    outputs: set[int] = field(default_factory=set)
    pairs: set[_Key] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    ended: bool = False
    closed: bool = False


class _Way(NamedTuple):
    """How the inputs lead to the outputs: in pairs, through the job, or not at all, since there is no job; `closed`: undrawn."""

    origin: str
    closed: bool


class Claims:
    """The claims of one run."""

    def __init__(self, db: sqlite_utils.Database, run: int, job: int | None) -> None:
        """Take the run as it was before the news, its statements aside."""
        self.db = db
        self.run = run
        self.job = job
        sql = "SELECT observed, closed, state, inputs, outputs FROM lineage_run WHERE id = ?"
        self.observed, closed, self.state, self.inputs, self.outputs = db.execute(sql, (run,)).fetchone()
        self.closed = bool(closed)

    def settle(self, news: News) -> None:
        """Bring claims and standings in line with the news, which the tables of statements hold already."""
        fresh = {node for node in news.outputs if not self._is_settled(node)}
        gone = {node for node in news.settled if self._is_free(node)}
        before = self._way()
        self._count(news, fresh, gone)
        self._stand_anew()
        now = self._way()
        claimed, released = self._changed(news, fresh, gone, now) if now == before else self.derived()
        for key in sorted(claimed):
            self._claim(key)
        for key in sorted(released):
            self._release(key)

    def _way(self) -> _Way:
        origin = "hub" if edges.is_hub(self.inputs, self.outputs) else "table"
        return _Way("" if self.job is None else origin, self.closed)

    def _count(self, news: News, fresh: Collection[int], gone: Collection[int]) -> None:
        for side, nodes in (("in", news.inputs), ("out", news.outputs), ("free", fresh)):
            for node in nodes:
                self.db.execute("INSERT INTO lineage_side VALUES (?, ?, ?)", (self.run, side, node))
        for node in gone:
            self.db.execute("DELETE FROM lineage_side WHERE run = ? AND side = 'free' AND node = ?", (self.run, node))
        self.inputs += len(news.inputs)
        self.outputs += len(news.outputs)
        self.closed = self.closed or news.closed
        sql = "UPDATE lineage_run SET closed = ?, inputs = ?, outputs = ? WHERE id = ?"
        self.db.execute(sql, (int(self.closed), self.inputs, self.outputs, self.run))

    def _stand_anew(self) -> None:
        """Let every edge of the run stand in the state that the ends seen give it, which changes twice at most."""
        ends = {row[0] for row in self.db.execute("SELECT DISTINCT ended FROM lineage_end WHERE run = ?", (self.run,))}
        state = edges.state_of(observed=bool(self.observed), completed="complete" in ends, failed="failed" in ends)
        if state == self.state:
            return
        for edge in self._claimed().values():
            self._stand(edge, self.state, -1)
            self._stand(edge, state, +1)
        self.db.execute("UPDATE lineage_run SET state = ? WHERE id = ?", (state, self.run))
        self.state = state

    def _changed(
        self, news: News, fresh: Collection[int], gone: Collection[int], way: _Way
    ) -> tuple[set[_Key], set[_Key]]:
        """What the run claims more and what less, drawn as before: at most as much as all events together claimed."""
        lost = {pair for pair in news.pairs if pair[0] == "column" and self._is_settled(pair[2])}
        lost |= {("column", source, target) for target in news.settled for source in self._columns(target)}
        inferred = self._grown(way.origin, "out", news.inputs, news.outputs)
        drawn: set[_Key] = set()
        if not way.closed:
            drawn = self._grown(way.origin, "free", news.inputs, fresh)
            lost |= self._grown(way.origin, "free", (), gone)
        taken_back = {(TAKEN_BACK, source, target) for _, source, target in (inferred - drawn) | lost}
        return (news.pairs - lost) | drawn | taken_back, lost

    def _grown(self, origin: str, side: str, inputs: Collection[int], outputs: Collection[int]) -> set[_Key]:
        """What new inputs give with every node on `side`, and every input with new outputs."""
        if origin == "hub" and self.job is not None:
            job = self.job
            return {("hub", source, job) for source in inputs} | {("hub", job, target) for target in outputs}
        found: set[_Key] = set()
        if origin == "table" and inputs:
            found.update(("table", source, target) for source in inputs for target in self._nodes(side))
        if origin == "table" and outputs:
            found.update(("table", source, target) for source in self._nodes("in") for target in outputs)
        return found

    def derived(self) -> tuple[set[_Key], set[_Key]]:
        """What the run claims more and what less, from all that it says."""
        pairs = self.db.execute("SELECT DISTINCT origin, source, target FROM lineage_pair WHERE run = ?", (self.run,))
        derive = partial(edges.derive, self.job, self._nodes("in"), self._nodes("out"), pairs=pairs.fetchall())
        settled = {row[0] for row in self.db.execute("SELECT node FROM lineage_settled WHERE run = ?", (self.run,))}
        wanted = derive(settled=settled, closed=self.closed)
        everything = derive(settled=(), closed=False)
        wanted |= {(TAKEN_BACK, source, target) for _, source, target in everything - wanted}
        claimed = self._claimed().keys()
        return wanted - claimed, claimed - wanted

    def _nodes(self, side: str) -> frozenset[int]:
        sql = "SELECT node FROM lineage_side WHERE run = ? AND side = ?"
        return frozenset(row[0] for row in self.db.execute(sql, (self.run, side)))

    def _columns(self, target: int) -> frozenset[int]:
        sql = "SELECT DISTINCT source FROM lineage_pair WHERE run = ? AND origin = 'column' AND target = ?"
        return frozenset(row[0] for row in self.db.execute(sql, (self.run, target)))

    def _is_settled(self, node: int) -> bool:
        sql = "SELECT 1 FROM lineage_settled WHERE run = ? AND node = ?"
        return self.db.execute(sql, (self.run, node)).fetchone() is not None

    def _is_free(self, output: int) -> bool:
        sql = "SELECT 1 FROM lineage_side WHERE run = ? AND side = 'free' AND node = ?"
        return self.db.execute(sql, (self.run, output)).fetchone() is not None

    def _claimed(self) -> dict[_Key, int]:
        sql = """SELECT e.origin, e.source, e.target, e.id
            FROM lineage_claim c JOIN lineage_edge e ON e.id = c.edge WHERE c.run = ?"""
        return {(origin, source, target): id for origin, source, target, id in self.db.execute(sql, (self.run,))}

    def _claim(self, key: _Key) -> None:
        """Claim an edge, be it claimed before or not."""
        origin, source, target = key
        sql = """INSERT INTO lineage_edge (source, target, job, origin) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET origin = excluded.origin RETURNING id"""
        edge = self.db.execute(sql, (source, target, self.job or NO_JOB, origin)).fetchone()[0]
        if self.db.execute("INSERT INTO lineage_claim VALUES (?, ?) ON CONFLICT DO NOTHING", (self.run, edge)).rowcount:
            self._stand(edge, self.state, +1)

    def _release(self, key: _Key) -> None:
        """Give up an edge, be it claimed or not; nobody's edge goes."""
        origin, source, target = key
        sql = "SELECT id FROM lineage_edge WHERE source = ? AND target = ? AND job = ? AND origin = ?"
        found = self.db.execute(sql, (source, target, self.job or NO_JOB, origin)).fetchone()
        if found is None:
            return
        sql = "DELETE FROM lineage_claim WHERE run = ? AND edge = ?"
        if self.db.execute(sql, (self.run, found[0])).rowcount:
            self._stand(found[0], self.state, -1)
            sql = "DELETE FROM lineage_edge WHERE id = ? AND NOT EXISTS (SELECT 1 FROM lineage_standing WHERE edge = ?)"
            self.db.execute(sql, (found[0], found[0]))

    def _stand(self, edge: int, state: str, runs: int) -> None:
        sql = """INSERT INTO lineage_standing VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET runs = runs + excluded.runs"""
        self.db.execute(sql, (edge, state, runs))
        self.db.execute("DELETE FROM lineage_standing WHERE edge = ? AND state = ? AND runs = 0", (edge, state))
