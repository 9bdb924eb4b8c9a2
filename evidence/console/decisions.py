"""Decisions for the console: a filtered page of them, and one with everything that led to it and followed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from contracts.document import Document
from contracts.explain import explain
from contracts.facts import ActionTaken, ValidationDecided
from contracts.history import ContractHistory, ReadableLog
from contracts.quarantine.store import QuarantineFold
from contracts.record import TOOK
from contracts.replay import Known, contract_of, read_decision, replay
from evidence.console.page import Page, Row, Sees, filed, newest
from proofs.errors import MalformedError, MissingError, RefusedError

_COLUMNS: Final = """SELECT seq, at, contract, version, dataset_namespace, dataset_name, decision, risk_basis_points, run, action,
result, action_seq, (SELECT max(o.seq) FROM contracts_override o WHERE o.decided = d.seq) AS overridden_by
FROM contracts_decision d WHERE seq < ?"""
_ASKED: Final = {
    "namespace": "dataset_namespace = ?",
    "name": "dataset_name = ?",
    "contract": "contract = ?",
    "decision": "decision = ?",
    "run": "run = ?",
    "since": "at >= ?",
    "until": "at < ?",
}
_OVERRIDES: Final = """SELECT seq, at, "to", by, approved_by, reason, until FROM contracts_override WHERE decided = ?
ORDER BY seq"""
_KEPT_APART: Final = """SELECT id FROM quarantine_batch WHERE contract = ? AND seq > ?
AND json_extract(body, '$.decided.seq') = ? ORDER BY seq LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions; None: whatever it is. Times as an entry prints them, half-open."""

    namespace: str | None = None
    name: str | None = None
    contract: str | None = None
    decision: str | None = None
    run: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """What is asked for, by its name."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}


def decisions(log: ReadableLog, wanted: Wanted, sees: Sees, *, after: int | None, limit: int) -> Page:
    """Return a page of decisions, the newest first."""
    given = wanted.given
    select = " AND ".join((_COLUMNS, *(_ASKED[name] for name in given))) + " ORDER BY seq DESC LIMIT ?"
    with log.viewing(ContractHistory()) as db:

        def read(below: int, count: int) -> list[Row]:
            return [_row(row) for row in db.query(select, [below, *given.values(), count])]

        return newest(read, lambda row: _may(row, sees), after=after, limit=limit)


def _row(row: dict[str, Any]) -> Row:
    dataset = {"namespace": row.pop("dataset_namespace"), "name": row.pop("dataset_name")}
    return {"seq": row.pop("seq"), "at": row.pop("at"), "dataset": dataset, **row}


def _may(row: Row, sees: Sees) -> bool:
    dataset = row["dataset"]
    return sees(filed(dataset=(dataset["namespace"], dataset["name"]), contract=row["contract"]))


def decision(log: ReadableLog, seq: int) -> dict[str, Any]:
    """Return one decision: what was found rule by rule, how that became a decision, and what was done and said after it.

    Raises:
        MissingError: The entry is no decision, or its body is gone.
    """
    known = read_decision(log, seq)
    try:
        document: Document | None = contract_of(log, known.fact)
    except (MissingError, MalformedError):
        document = None  # the counts explain it without the lines of the file
    fact = known.fact
    took = (log.entry(seq).entry.ext or {}).get(TOOK)
    with log.viewing(ContractHistory()) as db:
        overrides = list(db.query(_OVERRIDES, [seq]))
        acted = db.execute("SELECT action_seq FROM contracts_decision WHERE seq = ?", [seq]).fetchone()
    return {
        **explain(known, document).as_json(),
        "leaf": known.leaf,
        "job": None if fact.job is None else fact.job.model_dump(),
        "run": fact.run,
        "engine": fact.engine,
        "took_ms": took if isinstance(took, int) and not isinstance(took, bool) else None,
        "metrics": [metric.model_dump(mode="json") for metric in fact.metrics],
        "overrides": overrides,
        "action": None if acted is None or acted[0] is None else _action(log, acted[0]),
        "quarantine": _quarantine(log, fact, seq),
        "replay": _replayed(log, known, document),
    }


def _action(log: ReadableLog, seq: int) -> dict[str, Any]:
    record = log.entry(seq)
    said: dict[str, Any] = {"seq": seq, "at": record.at}
    if record.body is None:
        return said
    fact = ActionTaken.parse(record.body)
    only = {"action", "result", "error", "restored", "table"}
    return {**said, **fact.model_dump(mode="json", include=only, exclude_none=True)}


def _quarantine(log: ReadableLog, fact: ValidationDecided, seq: int) -> str | None:
    with log.viewing(QuarantineFold()) as db:
        row = db.execute(_KEPT_APART, [fact.contract.name, seq, seq]).fetchone()
    return None if row is None else str(row[0])


def _replayed(log: ReadableLog, known: Known, document: Document | None) -> dict[str, Any]:
    """What deciding again from the recorded counts comes to, and the command that does so with the data."""
    said: dict[str, Any] = {
        "same_bytes": None,
        "differs": [],
        "why_not": None,
        "command": f"tally decision replay {known.seq}",
    }
    if document is None:
        return {**said, "why_not": "the log has no text of the contract"}
    try:
        made = replay(log, known, document=document)
    except (MissingError, MalformedError, RefusedError) as error:
        return {**said, "why_not": error.what}
    return {**said, "same_bytes": not made.differs, "differs": list(made.differs)}
