"""What the ledger's rules do to the edges: names that are one thing, and edges that nobody is shown.

Source: docs/formats/chronicle.md, "Rules".
"""

from __future__ import annotations

from collections.abc import Iterable

from lineage.chronicle.fold import Edge, spelling_links
from lineage.chronicle.rules import AliasDeclared, EdgeRetracted
from lineage.chronicle.spans import Span
from lineage.chronicle.standing import Standing
from lineage.chronicle.vertex import ALWAYS, FOREVER, LAYERS, SAME, Link, Vertex


class Ruling:
    """The rules in force, over the edges as they stand."""

    def __init__(self, standing: Standing) -> None:
        """Read which rules of spelling the tables hold."""
        self.db = standing.db
        self.standing = standing
        self.numbers = standing.numbers
        rows = self.db.execute("SELECT rule, namespace FROM chronicle_spelling").fetchall()
        self.spellings: set[tuple[str, str]] = set(rows)

    def named(self, vertices: Iterable[Vertex], seq: int) -> None:
        """Let the rules of spelling speak of what is named for the first time."""
        new = [vertex for vertex in sorted(vertices) if self.numbers.mention(vertex)]
        if new and self.spellings:
            self._link(spelling_links(new, self.spellings), seq)

    def alias(self, rule: AliasDeclared, seq: int) -> None:
        """Let one name mean another, or no more."""
        source, target = rule.ends
        self.named(rule.ends, seq)
        place = self.standing.place(((SAME, source, target, "alias"), None))
        self.standing.spans.refresh(place, [Span(0, ALWAYS, FOREVER)] if rule.state == "in-force" else [], seq)

    def _link(self, links: Iterable[Link], seq: int) -> None:
        for link in sorted(links):
            self.standing.spans.refresh(self.standing.place((link, None)), [Span(0, ALWAYS, FOREVER)], seq)

    def spelling(self, rule: AliasDeclared, seq: int) -> None:
        """Put a rule of spelling in force, or out, and spell every dataset of its namespace anew."""
        row = (rule.rule, rule.namespace or "")
        if rule.state == "in-force":
            self.spellings.add(row)
            self.db.execute("INSERT INTO chronicle_spelling VALUES (?, ?) ON CONFLICT DO NOTHING", row)
        else:
            self.spellings.discard(row)
            self.db.execute("DELETE FROM chronicle_spelling WHERE rule = ? AND namespace = ?", row)
        sql = """SELECT kind, namespace, name, field FROM chronicle_vertex
            WHERE kind = 'dataset' AND namespace = ? AND mentioned = 1"""
        wanted = spelling_links(self.db.execute(sql, (rule.namespace,)).fetchall(), self.spellings)
        sql = """SELECT s.kind, s.namespace, s.name, s.field, t.kind, t.namespace, t.name, t.field, e.origin
            FROM chronicle_vertex s JOIN chronicle_edge e ON e.layer = ? AND e.source = s.id
            JOIN chronicle_vertex t ON t.id = e.target
            WHERE s.kind = 'dataset' AND s.namespace = ? AND e.origin IN ('unquote', 'fold-case')"""
        rows = self.db.execute(sql, (LAYERS.index(SAME), rule.namespace)).fetchall()
        for link in sorted({(SAME, row[:4], row[4:8], row[8]) for row in rows} - wanted):
            self.standing.spans.refresh(self.standing.place((link, None)), [], seq)
        self._link(wanted, seq)

    def dispute(self, dispute: EdgeRetracted, seq: int) -> None:
        """Take the edges that are disputed out of every walk, or bring back those that are no more."""
        source, target, job = dispute.what
        row = (self.numbers.vertex(source), self.numbers.vertex(target), self.numbers.number(job))
        self.standing.disputes.put(row, holds=dispute.state == "retracted")
        edges = self._between(row)
        claimed = self.standing.claimed(edges)
        for edge in edges:
            place = self.standing.place(edge)
            holds = self.standing.disputes.holds(edge)
            self.db.execute("UPDATE chronicle_edge SET disputed = ? WHERE id = ?", (int(holds), place.edge))
            self.standing.spans.refresh(place, [] if holds else claimed[edge], seq)

    def _between(self, row: tuple[int, int, int]) -> list[Edge]:
        """The edges of data and columns that lead from one dataset to another, of one job or of any."""
        sql = """SELECT e.layer, s.kind, s.namespace, s.name, s.field, t.kind, t.namespace, t.name, t.field, e.origin,
                j.kind, j.namespace, j.name
            FROM chronicle_vertex s JOIN chronicle_edge e ON e.source = s.id AND e.layer IN (0, 1)
            JOIN chronicle_vertex t ON t.id = e.target LEFT JOIN chronicle_vertex j ON j.id = e.job
            WHERE (s.id = :s OR s.owner = :s) AND (t.id = :t OR t.owner = :t) AND (:j = 0 OR e.job = :j) ORDER BY e.id"""
        rows = self.db.execute(sql, dict(zip("stj", row, strict=True))).fetchall()
        return [((LAYERS[r[0]], r[1:5], r[5:9], r[9]), (*r[10:13], "") if r[10] is not None else None) for r in rows]
