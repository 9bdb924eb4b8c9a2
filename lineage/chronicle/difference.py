"""What two cuts of the graph differ in: which edges came, which went, and which stand in another state.

Source: docs/formats/chronicle.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlite_utils

from lineage.chronicle.answer import Arrow
from lineage.chronicle.cut import Cut
from lineage.chronicle.results import results
from lineage.chronicle.vertex import STATES, Vertex

MOST: Final = 10_000
# Only what began, ended, became known or was known better between the two can differ.
_TOUCHED: Final = """SELECT DISTINCT p.edge FROM chronicle_span p WHERE p.layer = 0
    AND (p.since <= :as_of AND p.until > :as_of AND p.known <= :known_at AND p.gone > :known_at)
        != (p.since <= :as_of2 AND p.until > :as_of2 AND p.known <= :known_at2 AND p.gone > :known_at2)
    ORDER BY p.edge LIMIT :most"""
_STATE: Final = """SELECT max(p.state), min(p.since) FROM chronicle_edge e JOIN chronicle_span p
    ON p.layer = e.layer AND p.source = e.source AND p.edge = e.id WHERE e.id = :edge
    AND p.since <= :as_of AND p.until > :as_of AND p.known <= :known_at AND p.gone > :known_at"""
_EDGE: Final = """SELECT s.kind, s.namespace, s.name, s.field, t.kind, t.namespace, t.name, t.field,
        j.kind, j.namespace, j.name, e.origin
    FROM chronicle_edge e JOIN chronicle_vertex s ON s.id = e.source JOIN chronicle_vertex t ON t.id = e.target
    LEFT JOIN chronicle_vertex j ON j.id = e.job WHERE e.id = ?"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, sorted by the edges' ends.

    Attributes:
        changed: Each with the state that it had before.
        truncated: There is more.
    """

    added: tuple[Arrow, ...]
    removed: tuple[Arrow, ...]
    changed: tuple[tuple[Arrow, str], ...]
    truncated: bool


def difference(db: sqlite_utils.Database, before: Cut, after: Cut, *, most: int = MOST) -> Difference:
    """Return what the edges of data of two cuts differ in, by the names that the events gave."""
    bounds = {**_bounds(before), **{f"{name}2": value for name, value in _bounds(after).items()}, "most": most + 1}
    touched = [row[0] for row in db.execute(_TOUCHED, bounds).fetchall()]
    added, removed, changed = [], [], []
    hidden = _to_results(db, touched[:most], before) & _to_results(db, touched[:most], after)
    for edge in touched[:most]:
        if edge in hidden:
            continue
        was, now = (_arrow(db, edge, cut) for cut in (before, after))
        if was is None and now is not None:
            added.append(now)
        elif was is not None and now is None:
            removed.append(was)
        elif was is not None and now is not None and was.state != now.state:
            changed.append((now, was.state))
    return Difference(
        tuple(sorted(added, key=_place)),
        tuple(sorted(removed, key=_place)),
        tuple(sorted(changed, key=lambda each: _place(each[0]))),
        truncated=len(touched) > most,
    )


def _to_results(db: sqlite_utils.Database, edges: Collection[int], cut: Cut) -> set[int]:
    """Those of these edges that lead to the result of a test, unless the cut wants them, or do not stand in it."""
    sql = """SELECT id, target FROM chronicle_edge WHERE origin = 'test' AND id IN (SELECT value FROM json_each(?))"""
    if cut.tests:
        return set()
    targets = dict(db.execute(sql, (json.dumps(list(edges)),)).fetchall())
    absent = {edge for edge in targets if _arrow(db, edge, cut) is None}
    found = results(db, targets.values(), cut)
    return {edge for edge, target in targets.items() if target in found} | absent


def _bounds(cut: Cut) -> Mapping[str, int]:
    return {"as_of": cut.as_of, "known_at": cut.known_at}


def _arrow(db: sqlite_utils.Database, edge: int, cut: Cut) -> Arrow | None:
    state, since = db.execute(_STATE, {**_bounds(cut), "edge": edge}).fetchone()
    if state is None:
        return None
    row = db.execute(_EDGE, (edge,)).fetchone()
    job: Vertex | None = (*row[8:11], "") if row[8] is not None else None
    return Arrow(row[:4], row[4:8], job, row[11], STATES[state], since)


def _place(arrow: Arrow) -> tuple[Any, ...]:
    return (arrow.source, arrow.target, arrow.job or (), arrow.origin)
