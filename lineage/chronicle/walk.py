"""What can be reached from a point of the graph of a cut: level by level on integers, one statement a level.

Source: docs/formats/chronicle.md, "Walks".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import sqlite_utils

from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.vertex import COLUMN, DATA, LAYERS, SAME

NODE_LIMIT: Final = 10_000

# What is asked from comes first (CROSS JOIN), and its rows from a virtual table: each is looked up, and no filter is built over
# the whole table of spans, as SQLite does for literal bounds once somebody ran ANALYZE (measured: 500 times slower).
_FROM: Final = """SELECT p.{end} FROM json_each(:level) f CROSS JOIN chronicle_span p
    ON p.layer = :layer AND p.{start} = f.value AND p.since <= :as_of AND p.until > :as_of
    AND p.known <= :known_at AND p.gone > :known_at AND p.state >= :least"""
_ONWARD: Final = _FROM.format(start="source", end="target")
_BACK: Final = _FROM.format(start="target", end="source")
# Where all of a dataset was reached, every column of it was; and what depends on all of it depends on each.
_COLUMNS: Final = """SELECT DISTINCT o.id FROM json_each(?) f JOIN chronicle_vertex v ON v.id = f.value
    JOIN chronicle_vertex o ON o.owner = v.owner AND o.id != v.id WHERE v.kind = 'column' AND v.field = ''"""
_WHOLES: Final = """SELECT DISTINCT o.id FROM json_each(?) f JOIN chronicle_vertex v ON v.id = f.value
    JOIN chronicle_vertex o ON o.kind = 'column' AND o.namespace = v.namespace AND o.name = v.name AND o.field = ''
    WHERE v.kind = 'column'"""


@dataclass(frozen=True, slots=True)
class Reach:
    """What was reached, by number.

    Attributes:
        distance: Datasets passed on the shortest way; what a walk began from is at 0.
        truncated: The node limit was met; there is more.
    """

    distance: dict[int, int]
    truncated: bool


def walk(
    db: sqlite_utils.Database,
    seeds: Iterable[int],
    cut: Cut = NOW,
    *,
    upstream: bool = False,
    depth: int | None = None,
    node_limit: int | None = NODE_LIMIT,
) -> Reach:
    """Return the datasets and jobs that the edges of data lead to from `seeds` (or, upstream, come from).

    Args:
        depth: The farthest distance, counted in datasets. None: no bound.
        node_limit: The most nodes that are answered, seeds aside. None: no bound.
    """
    return _Walk(db, cut, DATA, upstream=upstream).go(seeds, depth, node_limit)


def walk_columns(
    db: sqlite_utils.Database,
    seeds: Iterable[int],
    cut: Cut = NOW,
    *,
    upstream: bool = False,
    depth: int | None = None,
    node_limit: int | None = NODE_LIMIT,
) -> Reach:
    """Return likewise the columns that edges of columns lead to, direct and indirect ones."""
    return _Walk(db, cut, COLUMN, upstream=upstream).go(seeds, depth, node_limit)


def alike(db: sqlite_utils.Database, numbers: Iterable[int], cut: Cut = NOW) -> set[int]:
    """Return these points and all that are one thing with them."""
    walking = _Walk(db, cut, SAME, upstream=False)
    found, level = set(numbers), set(numbers)
    while level:
        level = walking.same(level) - found
        found |= level
    return found


class _Walk:
    """One walk; whether any two names are one thing at all is asked once."""

    def __init__(self, db: sqlite_utils.Database, cut: Cut, layer: str, *, upstream: bool) -> None:
        self.db = db
        self.cut = cut
        self.layer = LAYERS.index(layer)
        self.sql = _BACK if upstream else _ONWARD
        same = "SELECT EXISTS (SELECT 1 FROM chronicle_span WHERE layer = ?)"
        self.has_names = bool(db.execute(same, (LAYERS.index(SAME),)).fetchone()[0])
        self.is_columns = layer == COLUMN

    def go(self, seeds: Iterable[int], depth: int | None, node_limit: int | None) -> Reach:
        found = dict.fromkeys(seeds, 0)
        level = self.spread(found, found, 0)
        most = None if node_limit is None else len(found) + node_limit
        now = 0
        while level and (depth is None or now < depth):
            later: set[int] = set()
            while level:
                jobs = set()
                for number in sorted(self.step(self.sql, level | self.wholes(level), self.layer)):
                    if number in found or number in later:
                        continue
                    if most is not None and len(found) + len(later) >= most:
                        found.update(dict.fromkeys(later, now + 1))
                        return Reach(found, truncated=True)
                    if number < 0:  # a job: passing through one is no step
                        found[number] = now
                        jobs.add(number)
                    else:
                        later.add(number)
                level = jobs
            now += 1
            found.update(dict.fromkeys(later, now))
            level = self.spread(later, found, now)
        return Reach(found, truncated=False)

    def step(self, sql: str, level: Iterable[int], layer: int) -> set[int]:
        """Where one edge leads from `level`."""
        least = self.cut.least if layer == self.layer else 0
        bounds = {**self.cut.parameters, "level": json.dumps(list(level)), "layer": layer, "least": least}
        return {number for (number,) in self.db.execute(sql, bounds)}

    def same(self, level: Iterable[int]) -> set[int]:
        """What is one thing with a point of `level` by one edge."""
        if not self.has_names:
            return set()
        return {number for sql in (_ONWARD, _BACK) for number in self.step(sql, level, LAYERS.index(SAME))}

    def spread(self, level: Iterable[int], found: dict[int, int], now: int) -> set[int]:
        """`level` and what is one thing with a point of it, at the same distance."""
        spread = set(level)
        fresh = set(level)
        while fresh and (self.has_names or self.is_columns):
            fresh = (self.beside(fresh) if self.is_columns else self.same(fresh)) - found.keys()
            found.update(dict.fromkeys(fresh, now))
            spread |= fresh
        return spread

    def wholes(self, level: Iterable[int]) -> set[int]:
        """The columns without a name of the datasets of `level`: what depends on them depends on these columns."""
        return self.numbers(_WHOLES, level) if self.is_columns else set()

    def beside(self, level: Iterable[int]) -> set[int]:
        """The columns that are reached where those of `level` are: of their dataset, and of its other names."""
        found = self.numbers(_COLUMNS, level)
        return found | self.namesakes(level) if self.has_names else found

    def numbers(self, sql: str, level: Iterable[int]) -> set[int]:
        return {int(row[0]) for row in self.db.execute(sql, (json.dumps(list(level)),)).fetchall()}

    def namesakes(self, level: Iterable[int]) -> set[int]:
        """The columns of one name in datasets that are one thing."""
        sql = """SELECT v.owner, v.field FROM json_each(?) f JOIN chronicle_vertex v ON v.id = f.value
            WHERE v.kind = 'column'"""
        found: set[int] = set()
        for above, field in self.db.execute(sql, (json.dumps(list(level)),)).fetchall():
            others = alike(self.db, (above,), self.cut) - {above}
            sql = "SELECT id FROM chronicle_vertex WHERE owner IN (SELECT value FROM json_each(?)) AND field = ?"
            found.update(row[0] for row in self.db.execute(sql, (json.dumps(sorted(others)), field)).fetchall())
        return found
