"""Which datasets are nothing but the results of tests: an answer leaves them out, unless it is asked for them.

A producer that runs tests may report each as a job with a table of its own, which holds the rows that failed. It is known by what
the producer says of the job (`jobType`, TEST) and by what others do with the table, and never by its name: it stays in sight
as soon as somebody reads it, or writes it otherwise.

Source: docs/formats/chronicle.md, "Results of tests".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

import sqlite_utils

from lineage.chronicle.cut import Cut

_HOLDS: Final = "p.since <= :as_of AND p.until > :as_of AND p.known <= :known_at AND p.gone > :known_at"
# Those of :nodes that a test writes, and nobody writes otherwise; jobs count downwards.
_TESTED: Final = f"""SELECT f.value FROM json_each(:nodes) f WHERE
    EXISTS (SELECT 1 FROM chronicle_span p JOIN chronicle_edge e ON e.id = p.edge
        WHERE p.layer = 0 AND p.target = f.value AND {_HOLDS} AND e.origin = 'test')
    AND NOT EXISTS (SELECT 1 FROM chronicle_span p JOIN chronicle_edge e ON e.id = p.edge
        WHERE p.layer = 0 AND p.target = f.value AND {_HOLDS} AND e.origin != 'test')"""  # noqa: S608
_READ: Final = f"""SELECT f.value, p.target FROM json_each(:nodes) f CROSS JOIN chronicle_span p
    ON p.layer = 0 AND p.source = f.value AND {_HOLDS}"""  # noqa: S608


def results(db: sqlite_utils.Database, numbers: Iterable[int], cut: Cut) -> set[int]:
    """Return those of these points that are results of tests, and the jobs that lead to nothing else."""
    (is_any,) = db.execute("SELECT EXISTS (SELECT 1 FROM chronicle_edge WHERE origin = 'test')").fetchone()
    tested = _tested(db, numbers, cut) if is_any else set()
    if not tested:
        return tested
    onward: dict[int, set[int]] = {}
    for source, target in db.execute(_READ, _bounds(tested, cut)).fetchall():
        onward.setdefault(source, set()).add(target)
    below = {target for source in tested if source < 0 for target in onward.get(source, ())}
    written = _tested(db, below, cut)
    read = {source for source, _ in db.execute(_READ, _bounds(written, cut)).fetchall()}
    ends = {number for number in tested if number > 0 and number not in onward}
    return ends | {number for number in tested if number < 0 and onward.get(number, set()) <= written - read}


def all_results(db: sqlite_utils.Database, cut: Cut) -> set[int]:
    """Return every result of a test, and the jobs that lead to nothing else."""
    rows = db.execute("SELECT DISTINCT target FROM chronicle_edge WHERE origin = 'test'").fetchall()
    return results(db, (row[0] for row in rows), cut)


def _tested(db: sqlite_utils.Database, numbers: Iterable[int], cut: Cut) -> set[int]:
    return {row[0] for row in db.execute(_TESTED, _bounds(numbers, cut)).fetchall()}


def _bounds(numbers: Iterable[int], cut: Cut) -> dict[str, object]:
    return {"as_of": cut.as_of, "known_at": cut.known_at, "nodes": json.dumps(sorted(numbers))}
