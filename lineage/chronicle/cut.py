"""At which moment and as known at which entry a question is asked, and the whole picture of that cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlite_utils

from lineage.chronicle.fold import Edge, Picture
from lineage.chronicle.tables import STANDING
from lineage.chronicle.vertex import FOREVER, LAYERS, STATES, Vertex
from proofs.statement import Node

_POINT = "{0}.kind, {0}.namespace, {0}.name, {0}.field"
_ALL = f"""SELECT e.layer, e.origin, p.state, {_POINT.format("s")}, {_POINT.format("t")}, {_POINT.format("j")}
    FROM chronicle_span p JOIN chronicle_edge e ON e.id = p.edge JOIN chronicle_vertex s ON s.id = e.source
    JOIN chronicle_vertex t ON t.id = e.target LEFT JOIN chronicle_vertex j ON j.id = e.job
    WHERE p.since <= :as_of AND p.until > :as_of AND p.known <= :known_at AND p.gone > :known_at ORDER BY p.state"""  # noqa: S608
_NAMED = f"""SELECT DISTINCT {_POINT.format("v")} FROM chronicle_since c JOIN chronicle_vertex v ON v.id = c.vertex
    WHERE c.time <= :as_of AND c.seq <= :known_at"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Cut:
    """As of a moment by the producers' clocks (microseconds), and as known at an entry; both included, each open by default.

    Attributes:
        least: The rank in STATES that an edge has at least, to be walked.
        tests: Results of tests are shown as well (lineage/chronicle/results.py).
    """

    as_of: int = FOREVER - 1
    known_at: int = STANDING - 1
    least: int = 0
    tests: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What a statement binds."""
        return {"as_of": self.as_of, "known_at": self.known_at, "least": self.least}


NOW = Cut()


def picture(db: sqlite_utils.Database, cut: Cut = NOW) -> Picture:
    """Return the whole graph of a cut, equal to the fold of that cut; its cost grows with the log."""
    found = Picture()
    bounds = {"as_of": cut.as_of, "known_at": cut.known_at}
    for row in db.execute(_ALL, bounds):  # the better state comes later
        layer, origin, state = row[:3]
        edge: Edge = ((LAYERS[layer], row[3:7], row[7:11], origin), row[11:15] if row[11] is not None else None)
        found.edges[edge] = STATES[state]
    found.named = {tuple(row) for row in db.execute(_NAMED, bounds)}
    return found


def number_of(db: sqlite_utils.Database, vertex: Vertex) -> int | None:
    """Return the number of a point; None for one that nobody named."""
    sql = "SELECT id FROM chronicle_vertex WHERE kind = ? AND namespace = ? AND name = ? AND field = ?"
    row = db.execute(sql, vertex).fetchone()
    return None if row is None else int(row[0])


def number_of_node(db: sqlite_utils.Database, node: Node) -> int | None:
    """Return the number of a dataset or a job; None for one that nobody named."""
    return number_of(db, (*node, ""))
