"""The projection of performances: for every dataset and rule what the first batch came to, and the last that was allowed.

"No worse than before" is measured against what stands here. Replayed from the log alone (I19).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import sqlite_utils

from contracts.decision import Decision
from contracts.facts import VALIDATION_DECIDED, ValidationDecided
from contracts.history import ProjectingLog
from contracts.model import Contract, Dataset
from contracts.modelchecks import Performance
from contracts.terms import Kind
from ledger.projection import BodyFold
from ledger.record import Record

_LET_THROUGH: Final = frozenset((Decision.ALLOW, Decision.ALLOW_WITH_ALERT))
_TABLES: Final = (
    """CREATE TABLE scores_reference (dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL, reference TEXT NOT NULL,
    rule TEXT NOT NULL, seq INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (dataset_namespace, dataset_name, reference, rule)) STRICT""",
)


class ScoreFold(BodyFold):
    """Folds the performances of decided batches into `scores_reference`, as "first" and "last"."""

    name = "scores"
    version = 1
    types: frozenset[str] = frozenset((VALIDATION_DECIDED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the rules of one decision came to."""
        fact = ValidationDecided.parse(body)
        for metric in fact.metrics:
            if metric.kind is not Kind.PERFORMANCE or metric.value is None:
                continue
            names = [fact.dataset.namespace, fact.dataset.name]
            told = [metric.rule, record.seq, metric.value]
            db.execute("INSERT OR IGNORE INTO scores_reference VALUES (?, ?, 'first', ?, ?, ?)", [*names, *told])
            if fact.decision in _LET_THROUGH:
                db.execute("INSERT OR REPLACE INTO scores_reference VALUES (?, ?, 'last', ?, ?, ?)", [*names, *told])
        return None


def scores(log: ProjectingLog, dataset: Dataset) -> dict[tuple[str, str], Fraction]:
    """Return what to compare a batch's performances with, by reference ("last", "first") and rule id.

    Where no batch was allowed yet, the first one stands for the last, as for distributions.
    """
    select = "SELECT reference, rule, value FROM scores_reference WHERE dataset_namespace = ? AND dataset_name = ?"
    with log.viewing(ScoreFold()) as db:
        rows = db.execute(select, [dataset.namespace, dataset.name]).fetchall()
    found = {(reference, rule): Fraction(value) for reference, rule, value in rows}
    return {("last", rule): value for (_, rule), value in found.items()} | found


def is_wanted(contract: Contract) -> bool:
    """True where a check of `contract` is held to what an earlier batch came to."""
    return any(isinstance(check, Performance) and check.worse_by is not None for check in contract.checks)
