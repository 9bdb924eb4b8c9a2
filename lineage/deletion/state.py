"""Where every deletion request stands: a projection of the deletion events, and what is overdue now.

    requested → planned → executing → executed → verifying → verified → certified
                                                                        refused      (a certificate may come at any point)

The state is derived from what was done, never written: a request is `executed` when every target of the standing plan
that is to be deleted was, and `verified` when every one of them was then seen empty. Being overdue needs a clock, which
is the reader's; a replay must not depend on one (I19).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlite_utils

from ledger.clock import Clock, print_at
from ledger.projection import BodyFold
from ledger.record import Record
from lineage.deletion.certificate import Certificate
from lineage.deletion.deadline import certificate_due
from lineage.deletion.facts import SOURCE, Executed, Fact, Planned, Verified
from lineage.deletion.history import CERTIFIED
from lineage.deletion.request import REQUESTED, read_request

SCHEMA: Final = (
    """CREATE TABLE deletion_request (request TEXT PRIMARY KEY, regulation TEXT NOT NULL, received TEXT NOT NULL,
    due TEXT NOT NULL, seq INTEGER NOT NULL, plan INTEGER, certificate INTEGER, issued TEXT, outcome TEXT,
    level TEXT) STRICT""",
    """CREATE TABLE deletion_target (request TEXT NOT NULL, plan INTEGER NOT NULL, id TEXT NOT NULL,
    namespace TEXT NOT NULL, name TEXT NOT NULL, action TEXT NOT NULL, executed INTEGER, outcome TEXT, rows INTEGER,
    verified INTEGER, result TEXT, PRIMARY KEY (request, plan, id)) STRICT, WITHOUT ROWID""",
)
_STANDING: Final = """SELECT r.request, r.regulation, r.received, r.due, r.plan, r.outcome, r.level, r.issued,
    count(t.id), coalesce(sum(t.executed IS NOT NULL), 0), coalesce(sum(t.outcome = 'done'), 0),
    coalesce(sum(t.verified IS NOT NULL), 0), coalesce(sum(t.result = 'absent'), 0)
    FROM deletion_request r
    LEFT JOIN deletion_target t ON t.request = r.request AND t.plan = r.plan AND t.action = 'delete'
    GROUP BY r.request ORDER BY r.seq"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one request stands.

    Attributes:
        due: When its certificate must have been issued, as an entry prints times.
        state: As in the picture above.
        targets: How many of the standing plan's are to be deleted.
        done, absent: How many of these were deleted, and how many seen empty afterwards.
        outcome, level: Of the last certificate; None before the first.
    """

    request: str
    regulation: str
    received: str
    due: str
    state: str
    targets: int
    done: int
    absent: int
    outcome: str | None
    level: str | None
    issued: str | None


class DeletionProjection(BodyFold):
    """Tables `deletion_*`: a pure function of the deletion events."""

    name = "deletion"
    version = 1
    types = frozenset((REQUESTED, CERTIFIED, Planned.type, Executed.type, Verified.type))
    tables = SCHEMA

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Fold one record in; what is no step of a deletion is passed over."""
        if record.type == REQUESTED:
            _requested(db, record.seq, body)
        elif (fact := _fact(record, body)) is not None:
            _apply(db, record.seq, fact)
        return None


def standings(db: sqlite_utils.Database) -> list[Standing]:
    """Return every request, in the order in which they were made."""
    found = []
    for row in db.execute(_STANDING).fetchall():
        request, regulation, received, due, plan, outcome, level, issued, targets, tried, done, seen, absent = row
        state = _state(plan, outcome, targets=targets, progress=(tried, done, seen, absent))
        found.append(Standing(request, regulation, received, due, state, targets, done, absent, outcome, level, issued))
    return found


def overdue(db: sqlite_utils.Database, *, clock: Clock) -> list[Standing]:
    """Return the requests without a certificate whose time for one is over."""
    now = print_at(clock())
    return [standing for standing in standings(db) if standing.issued is None and standing.due < now]


def _state(plan: int | None, outcome: str | None, *, targets: int, progress: tuple[int, int, int, int]) -> str:
    tried, done, seen, absent = progress
    if outcome is not None:
        return "refused" if outcome == "refused" else "certified"
    if plan is None:
        return "requested"
    if not tried:
        return "planned"
    if done < targets:
        return "executing"
    if not seen:
        return "executed"
    return "verified" if absent == targets else "verifying"


def _requested(db: sqlite_utils.Database, seq: int, body: bytes) -> None:
    request = read_request(body)
    sql = """INSERT INTO deletion_request (request, regulation, received, due, seq) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING"""
    due = certificate_due(request.received)
    db.execute(sql, (request.request, request.regulation, request.received, due, seq))


def _fact(record: Record, body: bytes) -> Fact | None:
    kinds: tuple[type[Fact], ...] = (Planned, Executed, Verified, Certificate)
    for kind in kinds:
        if record.type == kind.type and record.source == SOURCE + kind.role:
            return kind.read(body)
    return None


def _apply(db: sqlite_utils.Database, seq: int, fact: Fact) -> None:
    match fact:
        case Planned():
            db.execute("UPDATE deletion_request SET plan = ? WHERE request = ?", (seq, fact.request))
            sql = """INSERT INTO deletion_target (request, plan, id, namespace, name, action) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING"""
            for target in fact.targets:
                dataset = target.dataset
                db.execute(sql, (fact.request, seq, target.id, dataset.namespace, dataset.name, target.action))
        case Executed():
            sql = """UPDATE deletion_target SET executed = ?, outcome = ?, rows = coalesce(rows, 0) + ?,
                verified = NULL, result = NULL WHERE request = ? AND plan = ? AND id = ?"""
            db.execute(sql, (seq, fact.outcome, fact.rows, fact.request, fact.plan, fact.target))
        case Verified():
            sql = """UPDATE deletion_target SET verified = ?, result = ?
                WHERE request = ? AND plan = ? AND id = ? AND executed = ?"""
            db.execute(sql, (seq, fact.result, fact.request, fact.plan, fact.target, fact.executed))
        case Certificate():
            sql = """UPDATE deletion_request SET certificate = ?, issued = coalesce(issued, ?), outcome = ?, level = ?
                WHERE request = ?"""
            db.execute(sql, (seq, fact.issued, fact.outcome, fact.level, fact.request))
