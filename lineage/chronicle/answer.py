"""Answers with names: the part of a graph that a walk reached, names that are one thing shown as one.

Everything is bounded by the caller and says when it was cut; networkx gets the bounded part alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlite_utils

from lineage.chronicle.cut import NOW, Cut, number_of
from lineage.chronicle.results import results
from lineage.chronicle.vertex import DATA, LAYERS, SAME, STATES, Vertex, column, owner
from lineage.chronicle.walk import NODE_LIMIT, Reach, alike, walk, walk_columns
from proofs.errors import MissingError
from proofs.streams import qualified

if TYPE_CHECKING:
    from networkx import MultiDiGraph

_WITHIN: Final = """SELECT p.source, p.target, e.job, e.origin, max(p.state), min(p.since)
    FROM json_each(:nodes) f CROSS JOIN chronicle_span p
    ON p.layer = :layer AND p.source = f.value AND p.since <= :as_of AND p.until > :as_of
    AND p.known <= :known_at AND p.gone > :known_at AND p.state >= :least JOIN chronicle_edge e ON e.id = p.edge
    WHERE p.target IN (SELECT value FROM json_each(:nodes)) GROUP BY p.edge"""
_NAMES: Final = (
    "SELECT id, kind, namespace, name, field FROM chronicle_vertex WHERE id IN (SELECT value FROM json_each(?))"
)


class Arrow(NamedTuple):
    """An edge of an answer.

    Attributes:
        since: The first moment from which it stands, in microseconds.
    """

    source: Vertex
    target: Vertex
    job: Vertex | None
    origin: str
    state: str
    since: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the graph of a cut.

    Attributes:
        distance: Datasets passed from what was asked for, which is at 0; by the name that is shown.
        names: Of each name that is shown, the others that are one thing with it, as far as there are any.
        unresolved: The datasets (or columns of such) that events of the cut name only as the source of a column: often the
            alias of a query.
        results: The datasets that are nothing but results of tests, where the cut wants them shown.
        truncated: There is more.
    """

    distance: Mapping[Vertex, int]
    arrows: tuple[Arrow, ...]
    names: Mapping[Vertex, tuple[Vertex, ...]]
    truncated: bool
    unresolved: frozenset[Vertex] = frozenset()
    results: frozenset[Vertex] = frozenset()


def text_of(vertex: Vertex) -> str:
    """Return `namespace|name` of a dataset or job, and of a column with `#` and its name, or `#*` for all of them."""
    kind, namespace, name, field = vertex
    return qualified(namespace, name) + (f"#{field or '*'}" if kind == "column" else "")


def check_known(db: sqlite_utils.Database, vertex: Vertex) -> None:
    """Accept a point that some event, alias or contract names.

    Raises:
        MissingError: None does.
    """
    if number_of(db, vertex) is None:
        raise MissingError(f"no lineage is recorded of {text_of(vertex)}")


def around(
    db: sqlite_utils.Database,
    start: Vertex,
    cut: Cut = NOW,
    *,
    upstream: bool = False,
    depth: int | None = None,
    node_limit: int = NODE_LIMIT,
) -> Part:
    """Return what comes from a dataset or a job (or, upstream, what it comes from); empty where nobody names it."""
    number = number_of(db, start)
    if number is None:
        return Part({}, (), {}, truncated=False)
    return part(db, walk(db, (number,), cut, upstream=upstream, depth=depth, node_limit=node_limit), cut)


def columns_around(
    db: sqlite_utils.Database,
    start: Vertex,
    cut: Cut = NOW,
    *,
    upstream: bool = False,
    depth: int | None = None,
    node_limit: int = NODE_LIMIT,
) -> Part:
    """Return likewise the columns that come from one; origin tells direct from indirect. One without a name stands for all."""
    name = start[3]
    number = number_of(db, owner(start))
    if number is None:
        return Part({}, (), {}, truncated=False)
    owners = sorted(alike(db, (number,), cut))
    sql = "SELECT id FROM chronicle_vertex WHERE owner IN (SELECT value FROM json_each(?)) AND (field = ? OR ? = '')"
    seeds = [row[0] for row in db.execute(sql, (json.dumps(owners), name, name)).fetchall()]
    reach = walk_columns(db, seeds, cut, upstream=upstream, depth=depth, node_limit=node_limit)
    return part(db, reach, cut, layer="column")


def part(db: sqlite_utils.Database, reach: Reach, cut: Cut = NOW, *, layer: str = DATA) -> Part:
    """Return what was reached, with the edges between."""
    vertices = _vertices(db, reach.distance)
    shown = _shown(db, vertices, cut)
    tested = _results(db, reach, shown, cut)
    if not cut.tests:
        vertices = {number: vertex for number, vertex in vertices.items() if shown[number] not in tested}
    distance: dict[Vertex, int] = {}
    for number in vertices:
        name, far = shown[number], reach.distance[number]
        distance[name] = min(far, distance.get(name, far))
    rows = db.execute(
        _WITHIN, {**cut.parameters, "nodes": json.dumps(list(vertices)), "layer": LAYERS.index(layer)}
    ).fetchall()
    jobs = _vertices(db, {row[2] for row in rows})
    arrows: dict[tuple[object, ...], Arrow] = {}
    for source, target, job, origin, state, since in rows:
        key = (shown[source], shown[target], jobs.get(job), origin)
        known = arrows.get(key)
        best = state if known is None else max(state, STATES.index(known.state))
        arrows[key] = Arrow(*key[:2], key[2], origin, STATES[best], since if known is None else min(since, known.since))
    names: dict[Vertex, tuple[Vertex, ...]] = {}
    for number, vertex in vertices.items():
        if vertex != shown[number]:
            names[shown[number]] = tuple(sorted({*names.get(shown[number], ()), vertex}))
    ordered = tuple(sorted(arrows.values(), key=lambda arrow: (*arrow[:2], arrow.job or (), arrow.origin)))
    unresolved = _unresolved(db, vertices, shown, cut)
    return Part(distance, ordered, names, reach.truncated, unresolved, tested & distance.keys())


def graph(found: Part) -> MultiDiGraph[Vertex]:
    """Return a part for networkx's algorithms and exports.

    Nodes are points with `kind`, `namespace`, `name`, `column`, `distance`; edges have the key (job, origin) and `job`, `origin`,
    `state` (text) and `since` (microseconds).
    """
    import networkx

    made: MultiDiGraph[Vertex] = networkx.MultiDiGraph()
    for vertex, distance in found.distance.items():
        kind, namespace, name, field = vertex
        made.add_node(vertex, kind=kind, namespace=namespace, name=name, column=field, distance=distance)
    for arrow in found.arrows:
        job = "" if arrow.job is None else text_of(arrow.job)
        said = {"job": job, "origin": arrow.origin, "state": arrow.state, "since": arrow.since}
        made.add_edge(arrow.source, arrow.target, key=(job, arrow.origin), **said)
    return made


def _results(db: sqlite_utils.Database, reach: Reach, shown: Mapping[int, Vertex], cut: Cut) -> frozenset[Vertex]:
    """Those of what was reached that are results of tests under all of their names; never what was asked for."""
    # A job at no distance was passed through, where it is not what was asked for.
    is_dataset = any(number > 0 and not far for number, far in reach.distance.items())
    asked = (number for number, far in reach.distance.items() if far or (number < 0 and is_dataset))
    found = results(db, asked, cut)
    return frozenset(shown[number] for number in found).difference(
        vertex for number, vertex in shown.items() if number not in found
    )


def _unresolved(
    db: sqlite_utils.Database, vertices: Mapping[int, Vertex], shown: Mapping[int, Vertex], cut: Cut
) -> frozenset[Vertex]:
    """Those, as they are shown, of datasets that no event of the cut names as a dataset under any of their names."""
    sql = """SELECT f.value FROM json_each(:nodes) f WHERE EXISTS (SELECT 1 FROM chronicle_since c
        WHERE c.vertex = f.value AND c.time <= :as_of AND c.seq <= :known_at)"""
    owners = {
        number: number if vertex[0] == "dataset" else number_of(db, owner(vertex))
        for number, vertex in vertices.items()
        if vertex[0] != "job"
    }
    bounds = {"nodes": json.dumps(list(owners.values())), "as_of": cut.as_of, "known_at": cut.known_at}
    named = {row[0] for row in db.execute(sql, bounds).fetchall()}
    known = {owner(shown[number]) for number, above in owners.items() if above in named}
    return frozenset(shown[number] for number in owners if owner(shown[number]) not in known)


def _vertices(db: sqlite_utils.Database, numbers: Iterable[int]) -> dict[int, Vertex]:
    rows = db.execute(_NAMES, (json.dumps(list(numbers)),)).fetchall()
    return {number: (kind, namespace, name, field) for number, kind, namespace, name, field in rows}


def _shown(db: sqlite_utils.Database, vertices: Mapping[int, Vertex], cut: Cut) -> dict[int, Vertex]:
    """The name under which each point is shown: of those that are one thing, the one that no name leads away from."""
    owners = {number: owner(vertex) for number, vertex in vertices.items()}
    tables = {vertex: number_of(db, vertex) for vertex in set(owners.values())}
    numbers = [number for number in tables.values() if number is not None]
    bounds = {**cut.parameters, "least": 0, "nodes": json.dumps(numbers), "layer": LAYERS.index(SAME)}
    links = [(row[0], row[1]) for row in db.execute(_WITHIN, bounds).fetchall()]
    named = _vertices(db, numbers)
    above = _leaders(links, named)
    result: dict[int, Vertex] = {}
    for number, vertex in vertices.items():
        table = tables[owners[number]]
        lead = above.get(table, owners[number]) if table is not None else owners[number]
        result[number] = (
            vertex if lead == owners[number] else (column(lead, vertex[3]) if vertex[0] == "column" else lead)
        )
    return result


def _leaders(links: Iterable[tuple[int, int]], named: Mapping[int, Vertex]) -> dict[int, Vertex]:
    group: dict[int, set[int]] = {}
    led = set()
    for source, target in links:
        led.add(source)
        one = group.setdefault(source, {source})
        other = group.setdefault(target, {target})
        if one is not other:
            one |= other
            group.update(dict.fromkeys(other, one))
    return {number: min(named[each] for each in (members - led or members)) for number, members in group.items()}
