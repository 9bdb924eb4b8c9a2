"""Quarantines for the console: what the log has of them. Their rows are people's data and stand elsewhere, so none is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from contracts.facts import Decided
from contracts.quarantine.facts import (
    DELETED,
    EXPIRED,
    REPLAYED,
    REVIEWED,
    Deleted,
    Expired,
    OfQuarantine,
    Opened,
    Replayed,
    Reviewed,
)
from contracts.quarantine.store import QuarantineFold
from evidence.console.page import LOOKED_THROUGH, Page, Row, Sees, filed, newest
from ledger.clock import print_at
from ledger.log import Ledger
from ledger.record import Record, read_seqs
from proofs.errors import MalformedError, MissingError

STATES: Final = ("open", "reviewed", "replayed", "deleted", "expired")
GONE: Final = ("deleted", "expired")
_COLUMNS: Final = (
    "SELECT id, seq, leaf, at, contract, dataset, until, state, verdict, replays, body FROM quarantine_batch"
)
_LATER: Final[dict[str, type[OfQuarantine]]] = {
    REVIEWED: Reviewed,
    REPLAYED: Replayed,
    DELETED: Deleted,
    EXPIRED: Expired,
}
_SAID: Final = {"by", "verdict", "reason", "rows", "released"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which quarantines; None: whatever it is.

    Attributes:
        state: One of STATES; "kept": those that still have their rows.
    """

    state: str | None = None
    contract: str | None = None
    namespace: str | None = None
    name: str | None = None


def quarantines(log: Ledger, wanted: Wanted, sees: Sees, *, after: int | None, limit: int) -> Page:
    """Return a page of quarantines, the newest first."""
    now = print_at(log.clock())
    select = f"{_COLUMNS} WHERE seq < ? AND (? IS NULL OR contract = ?) ORDER BY seq DESC LIMIT ?"
    with log.viewing(QuarantineFold()) as db:

        def read(below: int, count: int) -> list[Row]:
            return [_row(row, now) for row in db.query(select, [below, wanted.contract, wanted.contract, count])]

        return newest(read, lambda row: _matches(row, wanted) and _may(row, sees), after=after, limit=limit)


def _row(row: dict[str, Any], now: str) -> dict[str, Any]:
    opened = Opened.parse(row["body"].encode())
    state, until = row["state"], row["until"]
    return {
        "id": row["id"],
        "seq": row["seq"],
        "at": row["at"],
        "dataset": opened.dataset.model_dump(),
        "contract": {"name": opened.contract.name, "version": opened.contract.version},
        "decision": opened.decided.seq,
        "rows": opened.rows,
        "good_rows": opened.good_rows,
        "state": state,
        "verdict": row["verdict"],
        "replays": row["replays"],
        "until": until,
        "overdue": state not in GONE and until <= now,
        "rules": [{"rule": each.rule, "rows": each.rows} for each in opened.rules],
        "whole": opened.whole,
        "file": opened.bad.model_dump(),
    }


def _matches(row: Row, wanted: Wanted) -> bool:
    is_state = wanted.state in (None, row["state"]) or (wanted.state == "kept" and row["state"] not in GONE)
    dataset = row["dataset"]
    return is_state and wanted.namespace in (None, dataset["namespace"]) and wanted.name in (None, dataset["name"])


def _may(row: Row, sees: Sees) -> bool:
    return sees(streams_of(row))


def streams_of(row: Row) -> tuple[str, ...]:
    """Return the streams by which is told who may see a quarantine."""
    dataset = row["dataset"]
    return filed(dataset=(dataset["namespace"], dataset["name"]), contract=row["contract"]["name"])


def quarantine(log: Ledger, id: str) -> dict[str, Any]:
    """Return one quarantine and what became of it, step by step.

    Raises:
        MissingError: There is none of this id.
    """
    with log.viewing(QuarantineFold()) as db:
        rows = list(db.query(f"{_COLUMNS} WHERE id = ?", [id]))
    if not rows:
        raise MissingError(f"there is no quarantine {id[:64]!r}", hint="`tally quarantine list`")
    found = _row(rows[0], print_at(log.clock()))
    steps, is_cut = _steps(log, id, Decided(seq=found["seq"], leaf=rows[0]["leaf"]))
    return {**found, "steps": steps, "truncated": is_cut}


def _steps(log: Ledger, id: str, opened: Decided) -> tuple[list[dict[str, Any]], bool]:
    """What later entries say of this one; and whether there were more of their types than are looked through."""
    seqs: list[int] = []
    for type in _LATER:
        seqs += [seq for _, seq, _ in log.positions(f"type:{type}") if seq > opened.seq]
    seqs.sort()
    steps = []
    for record in read_seqs(log.store, seqs[:LOOKED_THROUGH]):
        fact = _later(record)
        if fact is not None and (fact.id, fact.opened) == (id, opened):
            said = fact.model_dump(mode="json", include=_SAID)
            steps.append({"seq": record.seq, "at": record.at, "step": record.type.split(".")[2], **said})
    return steps, len(seqs) > LOOKED_THROUGH


def _later(record: Record) -> OfQuarantine | None:
    try:
        return None if record.body is None else _LATER[record.type].parse(record.body)
    except MalformedError:
        return None  # somebody's remark, and no step
