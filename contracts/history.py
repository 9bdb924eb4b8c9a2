"""The projection of contracts and what was decided by them: tables of its own, replayed from the log alone (I19)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import sqlite_utils

from contracts.facts import (
    ACTION_TAKEN,
    CONTRACT_PUBLISHED,
    VALIDATION_DECIDED,
    ActionTaken,
    ContractPublished,
    ValidationDecided,
)
from contracts.record import Log
from contracts.registry.semver import Version
from ledger.projection import BodyFold, Projection
from ledger.record import Record

_TABLES: Final = (
    """CREATE TABLE contracts_version (name TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
    dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL, previous TEXT, seq INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (name, version)) STRICT""",
    """CREATE TABLE contracts_decision (seq INTEGER PRIMARY KEY, leaf TEXT NOT NULL, at TEXT NOT NULL,
    contract TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL, dataset_namespace TEXT NOT NULL,
    dataset_name TEXT NOT NULL, decision TEXT NOT NULL, risk_basis_points INTEGER NOT NULL, run TEXT,
    action TEXT, result TEXT, action_seq INTEGER) STRICT""",
    "CREATE INDEX contracts_decision_by_contract ON contracts_decision (contract, seq)",
    "CREATE INDEX contracts_decision_by_dataset ON contracts_decision (dataset_namespace, dataset_name, seq)",
)


class ContractHistory(BodyFold):
    """Folds contracts, decisions and actions into three tables.

    `contracts_version` has every version that came into force: the first publish of a name and version is the one that
    counts. `contracts_decision` has every decision with the action that followed it, if one did. `contracts_unread` names
    what could not be folded, with a reason: "withheld" (the body is gone), "malformed", "repeated" (another publish of a
    version that is in force) or "unmatched" (an action after no decision that is known).
    """

    name = "contracts"
    version = 2
    types: frozenset[str] = frozenset((CONTRACT_PUBLISHED, VALIDATION_DECIDED, ACTION_TAKEN))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        match record.type:
            case "tallystick.contract.published.v1":
                return _published(db, record, ContractPublished.parse(body))
            case "tallystick.validation.decided.v1":
                return _decided(db, record, ValidationDecided.parse(body))
            case _:
                return _acted(db, record, ActionTaken.parse(body))


def _published(db: sqlite_utils.Database, record: Record, fact: ContractPublished) -> str | None:
    contract, dataset = fact.contract, fact.dataset
    Version.parse(contract.version)
    row = [contract.name, contract.version, contract.sha256, dataset.namespace, dataset.name, fact.previous]
    written = db.execute(
        "INSERT INTO contracts_version VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [*row, record.seq, record.at],
    )
    return None if written.rowcount else "repeated"


def _decided(db: sqlite_utils.Database, record: Record, fact: ValidationDecided) -> str | None:
    contract, dataset = fact.contract, fact.dataset
    place = [record.seq, record.leaf.hex(), record.at]
    names = [contract.name, contract.version, contract.sha256, dataset.namespace, dataset.name]
    db.execute(
        "INSERT INTO contracts_decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
        [*place, *names, fact.decision.value, fact.risk, fact.run],
    )
    return None


def _acted(db: sqlite_utils.Database, record: Record, fact: ActionTaken) -> str | None:
    written = db.execute(
        "UPDATE contracts_decision SET action = ?, result = ?, action_seq = ? WHERE seq = ? AND leaf = ?",
        [fact.action, fact.result, record.seq, fact.decided.seq, fact.decided.leaf],
    )
    return None if written.rowcount else "unmatched"


class ProjectingLog(Log, Protocol):
    """A log that also keeps projections."""

    def viewing(self, projection: Projection, /) -> AbstractContextManager[sqlite_utils.Database]:
        """Bring a projection up to the end of the log, and hold the database that holds its tables."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """One version of a contract, and the entry that put it in force."""

    name: str
    version: str
    sha256: str
    seq: int


def versions(log: ProjectingLog, name: str) -> tuple[InForce, ...]:
    """Return the versions of a contract in the order in which they came into force."""
    select = "SELECT name, version, sha256, seq FROM contracts_version WHERE name = ? ORDER BY seq"
    with log.viewing(ContractHistory()) as db:
        return tuple(InForce(*row) for row in db.execute(select, [name]).fetchall())
