"""The edges as they stand: what the courses claim, brought into spans.

Source: docs/formats/chronicle.md, "A course".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import sqlite_utils

from lineage.chronicle.course import Claim, Key, claims
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
        fewer = {claim[0] for claim in less}
        grown: dict[Edge, list[Span]] = defaultdict(list)
        for link, state, since, until in more:
            grown[link, job].append(Span(state, since, until))
        for edge in sorted(grown.keys() | {(link, job) for link in fewer}):  # all are of one job, or of none
            place = self.place(edge)
            if self.is_disputed(place):
                continue
            if edge[0] in fewer:
                self.spans.refresh(place, self.claimed(edge), seq)
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

    def claimed(self, edge: Edge) -> Iterator[Span]:
        """What all courses together claim of an edge: those of its job, or of none and of its datasets."""
        (_, source, target, _), job = edge
        owners: list[Vertex | None] = [job] if job is not None else [owner(source), owner(target), None]
        for vertex in owners:
            sql = "SELECT id, kind, name FROM chronicle_course WHERE vertex = ?"
            for course, kind, name in self.db.execute(sql, (self.numbers.number(vertex),)).fetchall():
                key = Key(kind, name, vertex)
                live = self._courses.get(course)
                at_hand = None if live is None else live.unrolled
                found = claims(key, self.numbers.told(course)) if at_hand is None else at_hand.claims()
                yield from (Span(*claim[1:]) for claim in found if claim[0] == edge[0])
