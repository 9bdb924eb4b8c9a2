"""Answers rolled up: what a statement of a job links is shown as linked by that job.

Producers report the SQL of a task, or of a model, as jobs of their own within it. Which they are is told by `jobType` and
`parent`, and never by a job's name. Source: docs/formats/chronicle.md, "Steps".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import sqlite_utils

from lineage.chronicle.answer import Arrow, Part
from lineage.chronicle.cut import NOW, Cut, number_of
from lineage.chronicle.vertex import LAYERS, STATES, WITHIN, Vertex

_ABOVE: Final = """SELECT v.kind, v.namespace, v.name, v.field, t.kind, t.namespace, t.name, t.field
    FROM json_each(:nodes) f CROSS JOIN chronicle_span p
    ON p.layer = :layer AND p.source = f.value AND p.since <= :as_of AND p.until > :as_of
    AND p.known <= :known_at AND p.gone > :known_at JOIN chronicle_edge e ON e.id = p.edge
    JOIN chronicle_vertex v ON v.id = p.source JOIN chronicle_vertex t ON t.id = p.target WHERE e.origin = 'step'"""


def rolled_up(db: sqlite_utils.Database, found: Part, cut: Cut = NOW) -> Part:
    """Return an answer in which steps are the jobs that they are steps of, in the best of their states and since the first."""
    jobs = {arrow.job for arrow in found.arrows if arrow.job is not None} | {
        vertex for vertex in found.distance if vertex[0] == "job"
    }
    above = jobs_above(db, jobs, cut)
    distance: dict[Vertex, int] = {}
    for vertex, far in found.distance.items():
        shown = above.get(vertex, vertex)
        distance[shown] = min(far, distance.get(shown, far))
    arrows: dict[tuple[object, ...], Arrow] = {}
    for arrow in found.arrows:
        job = None if arrow.job is None else above.get(arrow.job, arrow.job)
        ends = (above.get(arrow.source, arrow.source), above.get(arrow.target, arrow.target))
        known = arrows.get((*ends, job, arrow.origin), arrow)
        arrows[(*ends, job, arrow.origin)] = Arrow(
            *ends, job, arrow.origin, max(known.state, arrow.state, key=STATES.index), min(known.since, arrow.since)
        )
    ordered = sorted(arrows.values(), key=lambda arrow: (*arrow[:2], arrow.job or (), arrow.origin))
    return replace(found, distance=distance, arrows=tuple(ordered))


def jobs_above(db: sqlite_utils.Database, jobs: Collection[Vertex], cut: Cut = NOW) -> dict[Vertex, Vertex]:
    """Return, of each of these jobs that is a step, the job as which it is shown."""
    parents: dict[Vertex, Vertex] = {}
    level = set(jobs)
    seen: set[Vertex] = set()
    while level:
        seen |= level
        numbers = [number_of(db, vertex) for vertex in sorted(level)]
        bounds = {**cut.parameters, "nodes": json.dumps(numbers), "layer": LAYERS.index(WITHIN)}
        level = set()
        for row in db.execute(_ABOVE, bounds).fetchall():
            step, parent = row[:4], row[4:]
            parents[step] = min(parent, parents.get(step, parent))
            level.add(parent)
        level -= seen
    return {job: top for job in jobs if (top := _top(job, parents)) != job}


def _top(job: Vertex, parents: Mapping[Vertex, Vertex]) -> Vertex:
    passed = {job}
    at = job
    while at in parents:
        at = parents[at]
        if at in passed:
            return job
        passed.add(at)
    return at
