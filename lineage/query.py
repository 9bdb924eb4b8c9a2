"""Questions to the lineage projection: what comes before, what follows, and why.

Reach is walked level by level on integer ids, one statement a level, never by loading the graph (measured: 1,000,000
edges, 4,710 nodes reached in 3 ms). Answers are bounded by the caller and say when they were cut; networkx gets the
bounded part alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlite_utils

from lineage.claims import TAKEN_BACK
from proofs import edges
from proofs.edges import Edge, Graph
from proofs.seqs import KEPT, Seqs, first, listed
from proofs.statement import Node

if TYPE_CHECKING:
    from networkx import MultiDiGraph

NODE_LIMIT: Final = 10_000

_DOWNSTREAM: Final = """SELECT DISTINCT e.target, n.kind = 'job'
    FROM json_each(?) f CROSS JOIN lineage_edge e ON e.source = f.value JOIN lineage_node n ON n.id = e.target
    WHERE e.origin != ?"""
_UPSTREAM: Final = """SELECT DISTINCT e.source, n.kind = 'job'
    FROM json_each(?) f CROSS JOIN lineage_edge e ON e.target = f.value JOIN lineage_node n ON n.id = e.source
    WHERE e.origin != ?"""
_WITHIN: Final = """SELECT e.id FROM json_each(:nodes) f CROSS JOIN lineage_edge e ON e.source = f.value
    WHERE e.target IN (SELECT value FROM json_each(:nodes)) AND e.origin != :undrawn"""
_NODES: Final = "SELECT id, kind, namespace, name, named FROM lineage_node WHERE id IN (SELECT value FROM json_each(?))"
_EDGES: Final = """SELECT e.id, e.source, e.target, e.job, e.origin, s.state
    FROM json_each(?) f CROSS JOIN lineage_edge e ON e.id = f.value JOIN lineage_standing s ON s.edge = e.id"""
# Who says an edge: the entries that name its ends in a run that gives it, or state it in a facet, and those that
# decide the state of that run; of each of these the first alone are in the tables.
_SEQS: Final = """WITH
    wanted AS (SELECT value AS id FROM json_each(?)),
    given AS (SELECT e.id AS edge, e.source, e.target, e.origin, c.run
        FROM wanted w CROSS JOIN lineage_edge e ON e.id = w.id JOIN lineage_claim c ON c.edge = e.id)
    SELECT g.edge, i.seq FROM given g JOIN lineage_io i ON i.run = g.run AND i.side = 'in' AND i.node = g.source
        WHERE g.origin IN ('table', 'hub')
    UNION ALL SELECT g.edge, i.seq FROM given g JOIN lineage_io i ON i.run = g.run AND i.side = 'out' AND i.node = g.target
        WHERE g.origin IN ('table', 'hub')
    UNION ALL SELECT g.edge, p.seq FROM given g JOIN lineage_pair p
        ON p.run = g.run AND p.origin = g.origin AND p.source = g.source AND p.target = g.target
    UNION ALL SELECT g.edge, d.seq FROM given g JOIN lineage_run r ON r.id = g.run JOIN lineage_end d ON d.run = g.run
        AND d.ended = CASE r.state WHEN 'committed' THEN 'complete' WHEN 'attempted' THEN 'failed' END"""


@dataclass(frozen=True, slots=True)
class Closure:
    """What was reached.

    Attributes:
        distance: Node → datasets passed on the shortest way from a seed; seeds are at 0, whether recorded or not.
        truncated: The node limit was met; there is more.
    """

    distance: dict[Node, int]
    truncated: bool


def closure(
    db: sqlite_utils.Database,
    seeds: Iterable[Node],
    *,
    upstream: bool = False,
    depth: int | None = None,
    node_limit: int | None = NODE_LIMIT,
    taken_back: bool = False,
) -> Closure:
    """Return what derives from `seeds` (or, upstream, what they derive from), of every state and origin.

    Args:
        depth: The farthest distance, counted in datasets; passing through a job is not a step. None: no bound.
        node_limit: The most nodes that are answered, seeds aside. None, as a deletion needs it: no bound.
        taken_back: Also along the edges that an event took back, as a deletion must: anybody can send such an event.
    """
    distance = dict.fromkeys(seeds, 0)
    ids = {id: 0 for seed in distance if (id := _id(db, seed)) is not None}
    known, level, now, truncated = len(ids), list(ids), 0, False
    sql, undrawn = _UPSTREAM if upstream else _DOWNSTREAM, "" if taken_back else TAKEN_BACK
    while level and not truncated and (depth is None or now < depth):
        later: list[int] = []
        while level and not truncated:
            rows = db.execute(sql, (json.dumps(level), undrawn)).fetchall()
            level = []
            for id, is_job in sorted(rows):
                if id in ids:
                    continue
                if node_limit is not None and len(ids) - known >= node_limit:
                    truncated = True
                    break
                ids[id] = now if is_job else now + 1
                (level if is_job else later).append(id)
        level, now = later, now + 1
    named = _nodes(db, ids)
    return Closure(distance | {node: ids[id] for id, (node, _) in named.items()}, truncated)


def declared(db: sqlite_utils.Database, reached: Iterable[Node], names: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """Return what is declared to derive from a closure: what its datasets name, what derives from these, and so on.

    Args:
        names: The datasets that somebody declares to derive from one: its contract does.
    """
    found: set[Node] = set()
    waiting = {node for node in reached if node.kind == "dataset"}
    known = set(waiting)
    while waiting:
        named = {target for node in waiting for target in names(node)}
        found |= named
        beyond = closure(db, named - known, node_limit=None, taken_back=True).distance
        waiting = {node for node in beyond if node.kind == "dataset"} - known
        found |= waiting
        known |= waiting
    return found


def load(db: sqlite_utils.Database) -> Graph:
    """Return the whole graph, equal to `proofs.edges.fold` of the same events; its cost grows with the log."""
    nodes = [row[0] for row in db.execute("SELECT id FROM lineage_node")]
    wanted = [row[0] for row in db.execute("SELECT id FROM lineage_edge WHERE origin != ?", (TAKEN_BACK,))]
    codes = [row[0] for row in db.execute("SELECT DISTINCT code FROM lineage_finding")]
    return _graph(db, nodes, wanted, {code: _found(db, code) for code in codes})


def subgraph(db: sqlite_utils.Database, nodes: Iterable[Node]) -> Graph:
    """Return `nodes` as far as they are recorded, and every edge between two of them, with its evidence."""
    ids = [id for node in nodes if (id := _id(db, node)) is not None]
    wanted = [row[0] for row in db.execute(_WITHIN, {"nodes": json.dumps(ids), "undrawn": TAKEN_BACK})]
    return _graph(db, ids, wanted, {})


def to_networkx(db: sqlite_utils.Database, nodes: Iterable[Node]) -> MultiDiGraph[Node]:
    """Return the sub-graph of `nodes` for networkx's algorithms and exports; jobs stand on the edges."""
    import networkx

    graph: MultiDiGraph[Node] = networkx.MultiDiGraph()
    part = subgraph(db, nodes)
    for node in part.nodes:
        graph.add_node(node, kind=node.kind, label=node.name, unresolved=node in part.unresolved)
    for edge in part.edges:
        job = edge.job.id if edge.job else ""
        graph.add_edge(
            edge.source,
            edge.target,
            key=(job, edge.origin),
            job=job,
            state=edge.state,
            origin=edge.origin,
            seqs=edge.seqs,
            more=edge.more,
        )
    return graph


def findings(db: sqlite_utils.Database) -> dict[str, int]:
    """Return, for each code, how many entries had a piece that was passed over."""
    return dict(db.execute("SELECT code, count(*) FROM lineage_finding GROUP BY code ORDER BY code").fetchall())


def datasets(db: sqlite_utils.Database, *, limit: int = NODE_LIMIT) -> list[Node]:
    """Return the first `limit` recorded datasets, sorted by namespace and name."""
    sql = "SELECT kind, namespace, name FROM lineage_node WHERE kind = 'dataset' ORDER BY namespace, name LIMIT ?"
    return [Node(*row) for row in db.execute(sql, (limit,))]


def _found(db: sqlite_utils.Database, code: str) -> Seqs:
    sql = "SELECT seq FROM lineage_finding WHERE code = ? ORDER BY seq LIMIT ?"
    return tuple(row[0] for row in db.execute(sql, (code, KEPT)))


def _id(db: sqlite_utils.Database, node: Node) -> int | None:
    sql = "SELECT id FROM lineage_node WHERE kind = ? AND namespace = ? AND name = ?"
    row: Any = db.execute(sql, tuple(node)).fetchone()
    return None if row is None else int(row[0])


def _nodes(db: sqlite_utils.Database, ids: Iterable[int]) -> dict[int, tuple[Node, bool]]:
    rows = db.execute(_NODES, (json.dumps(list(ids)),))
    return {id: (Node(kind, namespace, name), bool(named)) for id, kind, namespace, name, named in rows}


def _graph(db: sqlite_utils.Database, ids: Iterable[int], wanted: list[int], findings: dict[str, Seqs]) -> Graph:
    edge_ids = json.dumps(wanted)
    rows = db.execute(_EDGES, (edge_ids,)).fetchall()
    within = set(ids)
    nodes = _nodes(db, within | {job for _, _, _, job, _, _ in rows})
    seqs: dict[int, list[int]] = {}
    for edge, seq in db.execute(_SEQS, (edge_ids,)):
        kept = seqs.setdefault(edge, [])
        kept.append(seq)
        if len(kept) > 2 * KEPT:  # cut now and then: a daily job says the same edge thousands of times
            kept[:] = first(kept)
    best: dict[int, Edge] = {}
    for id, source, target, job, origin, state in rows:
        if id in best and edges.STATES.index(best[id].state) >= edges.STATES.index(state):
            continue
        owner = nodes[job][0] if job in nodes else None
        best[id] = Edge(nodes[source][0], nodes[target][0], owner, origin, state, *listed(first(seqs[id])))
    return edges.assemble(
        (node for node, _ in nodes.values()),
        best.values(),
        unresolved=(node for node, named in nodes.values() if not named),
        findings=findings,
    )
