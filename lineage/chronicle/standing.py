"""The edges as they stand: what the courses claim, brought into spans.

Source: docs/formats/chronicle.md, "A course".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import sqlite_utils

from lineage.chronicle.course import Claim, Key, Unrolled, unroll
from lineage.chronicle.fold import Edge
from lineage.chronicle.live import Live
from lineage.chronicle.spans import Place, Span, Spans
from lineage.chronicle.tables import Disputes, Numbers
from lineage.chronicle.vertex import LAYERS, Vertex, owner


class Standing:
    """Edges by number, whether they are in dispute, and their spans."""

    def __init__(self, db: sqlite_utils.Database, courses: Mapping[int, Live]) -> None:
        """Stand on the tables; `courses` are those at hand, by number."""
        self.db = db
        self.numbers = Numbers(db)
        self.disputes = Disputes(db)
        self.spans = Spans(db)
        self._courses = courses

    def change(self, job: Vertex | None, less: Iterable[Claim], more: Iterable[Claim], seq: int) -> None:
        """Bring the spans of the edges in line with what one course claims less and more."""
        fewer: set[Edge] = {(claim[0], job) for claim in less}
        grown: dict[Edge, list[Span]] = defaultdict(list)
        for link, state, since, until in more:
            grown[link, job].append(Span(state, since, until))
        claimed = self.claimed(fewer) if fewer else {}
        for edge in sorted(grown.keys() | fewer):  # all are of one job, or of none
            place = self.place(edge)
            if self.is_disputed(place):
                continue
            if edge in fewer:
                self.spans.refresh(place, claimed[edge], seq)
            else:
                self.spans.add(place, sorted(grown[edge]), seq)

    def place(self, edge: Edge) -> Place:
        """The numbers of an edge, which are given where there are none."""
        number = self.numbers.edge(edge, self.disputes)
        (layer, source, target, _), _ = edge
        return Place(LAYERS.index(layer), self.numbers.vertex(source), self.numbers.vertex(target), number)

    def is_disputed(self, place: Place) -> bool:
        """True when an edge is retracted."""
        if not self.disputes.all():
            return False
        return bool(self.db.execute("SELECT disputed FROM chronicle_edge WHERE id = ?", (place.edge,)).fetchone()[0])

    def claimed(self, edges: Collection[Edge]) -> dict[Edge, list[Span]]:
        """What all courses together claim of these edges: those of their jobs, or of none and of their datasets.

        Every course that may claim one is looked at once, however many edges are asked for.
        """
        found: dict[Edge, list[Span]] = {edge: [] for edge in edges}
        wanted: dict[Vertex | None, set[Edge]] = defaultdict(set)
        for edge in edges:
            (_, source, target, _), job = edge
            for vertex in (job,) if job is not None else (owner(source), owner(target), None):
                wanted[vertex].add(edge)
        for vertex, asked in wanted.items():
            sql = "SELECT id, kind, name FROM chronicle_course WHERE vertex = ?"
            for course, kind, name in self.db.execute(sql, (self.numbers.number(vertex),)).fetchall():
                job = vertex if vertex is not None and vertex[0] == "job" else None
                unrolled = self._unrolled(course, Key(kind, name, vertex))
                for edge in asked:
                    if edge[1] == job:
                        found[edge] += (Span(*claim[1:]) for claim in unrolled.claims_of(edge[0]))
        return found

    def _unrolled(self, course: int, key: Key) -> Unrolled:
        live = self._courses.get(course)
        return live.unrolled if live and live.unrolled else unroll(key, self.numbers.told(course))
