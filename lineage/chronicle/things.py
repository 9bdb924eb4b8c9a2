"""The datasets of a cut, each once: names that are one thing are one dataset, shown by the name that no other leads away from.

Source: docs/formats/chronicle.md, "Walks".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlite_utils

from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.vertex import LAYERS, SAME, Vertex

if TYPE_CHECKING:
    from networkx.utils import UnionFind

_NAMED: Final = """SELECT v.namespace, v.name FROM chronicle_vertex v WHERE v.kind = 'dataset' AND EXISTS (SELECT 1
    FROM chronicle_since c WHERE c.vertex = v.id AND c.time <= :as_of AND c.seq <= :known_at) ORDER BY v.namespace, v.name"""
_SAME: Final = """SELECT DISTINCT s.namespace, s.name, t.namespace, t.name FROM chronicle_span p
    JOIN chronicle_vertex s ON s.id = p.source JOIN chronicle_vertex t ON t.id = p.target
    WHERE p.layer = :layer AND s.kind = 'dataset' AND p.since <= :as_of AND p.until > :as_of
    AND p.known <= :known_at AND p.gone > :known_at"""


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """One dataset.

    Attributes:
        shown: The name under which answers show it.
        names: All that it has, the shown one too, sorted.
    """

    shown: Vertex
    names: tuple[Vertex, ...]


def things(db: sqlite_utils.Database, cut: Cut = NOW) -> list[Thing]:
    """Return the datasets that the events of a cut name, by the name that is shown; its cost grows with their number."""
    import networkx

    bounds = {"as_of": cut.as_of, "known_at": cut.known_at, "layer": LAYERS.index(SAME)}
    groups: UnionFind[Vertex] = networkx.utils.UnionFind()
    led = set()
    for namespace, name, other_namespace, other in db.execute(_SAME, bounds).fetchall():
        source = _dataset(namespace, name)
        led.add(source)
        groups.union(source, _dataset(other_namespace, other))
    members = defaultdict[Vertex, set[Vertex]](set)
    for vertex in list(groups):
        members[groups[vertex]].add(vertex)
    found: dict[Vertex, Thing] = {}
    for row in db.execute(_NAMED, bounds).fetchall():
        vertex = _dataset(*row)
        names = members[groups[vertex]] if vertex in groups.parents else {vertex}
        shown = min(names - led or names)
        found[shown] = Thing(shown, tuple(sorted(names)))
    return sorted(found.values())


def _dataset(namespace: str, name: str) -> Vertex:
    return ("dataset", namespace, name, "")
