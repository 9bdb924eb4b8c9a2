"""The projection of streams: for every contract, dataset and stream the last window that was decided.

A reader goes on behind it, so the log alone says where, and no window is decided twice. Replayed from the log alone (I19).
"""

from __future__ import annotations

from typing import Final

import sqlite_utils

from contracts.facts import VALIDATION_DECIDED, ValidationDecided
from contracts.history import ProjectingLog
from contracts.model import Contract
from contracts.window import Window
from ledger.projection import BodyFold
from ledger.record import Record

_TABLES: Final = (
    """CREATE TABLE streams_window (contract TEXT NOT NULL, dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL,
    stream TEXT NOT NULL, seq INTEGER NOT NULL, windows INTEGER NOT NULL, "window" TEXT NOT NULL,
    PRIMARY KEY (contract, dataset_namespace, dataset_name, stream)) STRICT""",
)
_PUT: Final = """INSERT INTO streams_window VALUES (?, ?, ?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET seq = excluded.seq, windows = windows + 1, "window" = excluded."window" """


class StreamFold(BodyFold):
    """Folds decided windows into `streams_window`, the last of each stream."""

    name = "streams"
    version = 1
    types: frozenset[str] = frozenset((VALIDATION_DECIDED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write where the reader of a stream goes on; a batch that is no window is passed over."""
        fact = ValidationDecided.parse(body)
        if (window := fact.batch.window) is not None:
            names = [fact.contract.name, fact.dataset.namespace, fact.dataset.name, window.stream]
            db.execute(_PUT, [*names, record.seq, window.model_dump_json(exclude_none=True)])
        return None


def last_window(log: ProjectingLog, contract: Contract, stream: str) -> Window | None:
    """Return the last window of a stream that was decided by a contract, in any version; None where none was."""
    names = [contract.name, contract.dataset.namespace, contract.dataset.name, stream]
    with log.viewing(StreamFold()) as db:
        row = db.execute(
            'SELECT "window" FROM streams_window WHERE contract = ? AND dataset_namespace = ? AND dataset_name = ?'
            " AND stream = ?",
            names,
        ).fetchone()
    return None if row is None else Window.model_validate_json(row[0])
