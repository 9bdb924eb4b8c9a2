"""The projection of what was decided over versions of tables: which of them was allowed last, and is worth going back to.

A version is allowed where the last decision of every contract that judged it let it through. Replayed from the log alone (I19).
"""

from __future__ import annotations

from typing import Final

import sqlite_utils

from contracts.decision import Decision
from contracts.facts import VALIDATION_DECIDED, ValidationDecided
from contracts.history import ProjectingLog
from contracts.model import Dataset
from contracts.tables.version import TableVersion
from ledger.projection import BodyFold
from ledger.record import Record

_LET_THROUGH: Final = frozenset((Decision.ALLOW, Decision.ALLOW_WITH_ALERT))
_TABLES: Final = (
    """CREATE TABLE tables_version (dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL, kind TEXT NOT NULL,
    id TEXT NOT NULL, version TEXT NOT NULL, contract TEXT NOT NULL, log TEXT, allowed INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (dataset_namespace, dataset_name, kind, id, version, contract)) STRICT""",
)


class TableVersions(BodyFold):
    """Folds the decisions over Delta and Iceberg tables into `tables_version`: of each contract the last over a version."""

    name = "tables"
    version = 1
    types: frozenset[str] = frozenset((VALIDATION_DECIDED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write one decision, if it is over a table's version."""
        fact = ValidationDecided.parse(body)
        table = fact.batch.table
        if table is not None:
            key = [fact.dataset.namespace, fact.dataset.name, fact.batch.kind, table.id, table.version]
            row = [*key, fact.contract.name, table.log, int(fact.decision in _LET_THROUGH), record.seq]
            db.execute("INSERT OR REPLACE INTO tables_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return None


def allowed_versions(log: ProjectingLog, dataset: Dataset, kind: str, id: str) -> tuple[TableVersion, ...]:
    """Return the versions of one table that were allowed for a dataset, the one decided last first.

    A version whose log entry was not the same for all that judged it is none of them.
    """
    select = """SELECT version, max(log) FROM tables_version WHERE dataset_namespace = ? AND dataset_name = ?
    AND kind = ? AND id = ? GROUP BY version HAVING min(allowed) = 1 AND count(DISTINCT coalesce(log, '')) = 1
    ORDER BY max(seq) DESC"""
    with log.viewing(TableVersions()) as db:
        rows = db.execute(select, [dataset.namespace, dataset.name, kind, id]).fetchall()
    return tuple(TableVersion(id, version, said) for version, said in rows)
