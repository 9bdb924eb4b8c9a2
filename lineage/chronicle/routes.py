"""Questions about the shape of a graph: ways between two points, what two have in common, ends, cycles, and what stands alone.

networkx answers them over a part that is bounded; what is asked of the whole log is asked of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import sqlite_utils

from lineage.chronicle.answer import Part, around, part
from lineage.chronicle.cut import NOW, Cut, number_of
from lineage.chronicle.results import all_results
from lineage.chronicle.vertex import Vertex
from lineage.chronicle.walk import NODE_LIMIT, Reach, walk

if TYPE_CHECKING:
    from networkx import DiGraph

PATHS: Final = 10
_BOUNDS: Final = "{0}.since <= :as_of AND {0}.until > :as_of AND {0}.known <= :known_at AND {0}.gone > :known_at"
_END: Final = """SELECT v.kind, v.namespace, v.name, v.field FROM chronicle_vertex v WHERE v.kind = 'dataset'
    AND EXISTS (SELECT 1 FROM chronicle_since c WHERE c.vertex = v.id AND c.time <= :as_of AND c.seq <= :known_at)
    AND {incoming} EXISTS (SELECT 1 FROM chronicle_span p WHERE p.layer = 0 AND p.target = v.id AND {bounds})
    AND {outgoing} EXISTS (SELECT 1 FROM chronicle_span q WHERE q.layer = 0 AND q.source = v.id AND {others})
    AND (:namespace IS NULL OR v.namespace = :namespace)
    AND v.id NOT IN (SELECT value FROM json_each(:results)) ORDER BY v.namespace, v.name LIMIT :limit"""
_NO_RESULT: Final = " AND q.target NOT IN (SELECT value FROM json_each(:results))"
_KINDS: Final = {"orphans": ("NOT", "NOT"), "roots": ("NOT", ""), "leaves": ("", "NOT")}


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest ways from one point to another, with the jobs that stand between; `truncated`: there are others."""

    ways: tuple[tuple[Vertex, ...], ...]
    truncated: bool


def paths(db: sqlite_utils.Database, start: Vertex, end: Vertex, cut: Cut = NOW, *, most: int = PATHS) -> Paths:
    """Return the shortest ways by which `end` comes from `start`; none where it does not."""
    import networkx

    below, above = number_of(db, start), number_of(db, end)
    if below is None or above is None:
        return Paths((), truncated=False)
    down = walk(db, (below,), cut, node_limit=None)
    up = walk(db, (above,), cut, upstream=True, node_limit=None)
    between = {number: far for number, far in down.distance.items() if number in up.distance}
    if above not in between:
        return Paths((), truncated=False)
    kept = dict(sorted(between.items(), key=lambda each: (each[1] + up.distance[each[0]], each))[:NODE_LIMIT])
    found = part(db, Reach(kept, truncated=len(kept) < len(between)), replace(cut, tests=True))
    simple = _simple(found)
    first, last = _shown(found, start), _shown(found, end)
    try:
        ways = list(islice(networkx.shortest_simple_paths(simple, first, last), most + 1))
    except networkx.NetworkXNoPath:
        return Paths((), truncated=found.truncated)
    return Paths(tuple(map(tuple, ways[:most])), truncated=found.truncated or len(ways) > most)


def common(
    db: sqlite_utils.Database, one: Vertex, other: Vertex, cut: Cut = NOW, *, upstream: bool = True
) -> dict[Vertex, int]:
    """Return what both come from (or, not upstream, what comes from both), with the sum of the distances, the nearest first."""
    first, second = (around(db, each, cut, upstream=upstream).distance for each in (one, other))
    found = {vertex: far + second[vertex] for vertex, far in first.items() if vertex in second}
    return dict(sorted(found.items(), key=lambda each: (each[1], each[0])))


def cycles(found: Part, *, most: int = PATHS) -> Iterator[tuple[Vertex, ...]]:
    """Yield the groups of points of a part that come from each other, the largest first; a point that feeds itself is one."""
    import networkx

    simple = _simple(found)
    groups = (tuple(sorted(group)) for group in networkx.strongly_connected_components(simple))
    circles = [group for group in groups if len(group) > 1 or simple.has_edge(group[0], group[0])]
    yield from sorted(circles, key=lambda group: (-len(group), group))[:most]


def ends(
    db: sqlite_utils.Database, kind: str, cut: Cut = NOW, *, namespace: str | None = None, limit: int = NODE_LIMIT
) -> list[Vertex]:
    """Return the datasets of a kind, sorted: "roots" come from nothing, "leaves" lead to nothing, "orphans" neither."""
    incoming, outgoing = _KINDS[kind]
    hidden = set() if cut.tests else all_results(db, cut)
    sql = _END.format(
        incoming=incoming, outgoing=outgoing, bounds=_BOUNDS.format("p"), others=_BOUNDS.format("q") + _NO_RESULT
    )
    bounds = {"as_of": cut.as_of, "known_at": cut.known_at, "namespace": namespace, "limit": limit}
    bounds["results"] = json.dumps(sorted(hidden))
    return [tuple(row) for row in db.execute(sql, bounds).fetchall()]


def _simple(found: Part) -> DiGraph[Vertex]:
    import networkx

    made: DiGraph[Vertex] = networkx.DiGraph()
    made.add_nodes_from(sorted(found.distance))
    made.add_edges_from((arrow.source, arrow.target) for arrow in found.arrows)
    return made


def _shown(found: Part, vertex: Vertex) -> Vertex:
    return next((shown for shown, others in found.names.items() if vertex in others), vertex)
